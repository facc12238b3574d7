// Flags that say where one secret comes from, the same for passphrases, passwords and tokens.
//
// Free functions; main thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/context.h"
#include "base/secret.h"
#include "base/status.h"

namespace aerie::app {

// At most one of them is given.
struct SecretFlags {
  std::string file;
  std::string command;
  std::optional<int> fd;
};

// Those that are given, such as "--password-file".
std::vector<std::string> GivenFlags(const SecretFlags& flags, const std::string& stem);

// The secret that the flags name; none when none was given. `stem` is what the flags begin with,
// such as "--password" of --password-file. kInvalid, naming both, when two are given. What is given
// and cannot be read is an error: nothing else is tried instead.
Result<std::optional<Secret>> SecretOf(const Context& context, const SecretFlags& flags,
                                       const std::string& stem);

}  // namespace aerie::app
