// Runs another program to its end, within bounds.
//
// Free function, safe from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/context.h"
#include "base/status.h"

namespace aerie {

struct ChildOptions {
  std::string operation{};  // leads the messages
  std::size_t output_bytes = 64 * 1024;
  std::size_t error_bytes = 1024;             // of standard error only the end is kept
  std::vector<std::string> environment = {};  // "NAME=value", beside this process's own
  // Called with the child's process number as soon as it is there; an error kills the child.
  std::function<Status(std::int64_t pid)> on_started = nullptr;
};

struct ChildOutcome {
  std::string output;
  std::string error_tail;
  bool output_too_long = false;  // the child was killed then
  int exit_code = 0;
  int signal = 0;  // that ended it; 0: none
};

// Runs arguments[0], a path or a name in PATH, with an empty standard input, in a process group of
// its own, which is killed when the context ends (kCancelled, kTimeout, with what it said) or when
// it prints too much. Over when the child has ended, also when something that it left behind keeps
// its output open. kFailed when it could not be started, kNotFound when there is no such program.
Result<ChildOutcome> RunChild(const Context& context, const std::vector<std::string>& arguments,
                              const ChildOptions& options);

}  // namespace aerie
