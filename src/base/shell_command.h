// A command of the user's configuration, run by /bin/sh: hooks, alerts.
//
// Free functions, safe from any thread.
#pragma once

#include <string>

#include "base/child_process.h"
#include "base/context.h"
#include "base/status.h"

namespace aerie {

// `/bin/sh -c COMMAND` as RunChild has it. All that it prints goes to the outcome's `error_tail`,
// of which the end is kept, so that it cannot print too much.
Result<ChildOutcome> RunShellCommand(const Context& context, const std::string& command,
                                     const ChildOptions& options);

// Ok when it ended with exit code 0; else kFailed: "OPERATION ended with exit code 3: the last line
// that it printed".
Status ShellStatus(const std::string& operation, const ChildOutcome& outcome);

// "ended with exit code 3", "was killed by signal 9".
std::string EndingText(const ChildOutcome& outcome);

}  // namespace aerie
