// Where a secret comes from: a variable, a file, a command or a file descriptor.
//
// One rule for all of them: a newline at the end (LF or CRLF, one) is not part of the secret, and
// everything else is. None may be empty or longer than 64 KiB. Commands and descriptors may take a
// minute, then they are given up. No message ever quotes a secret or a command. Free functions,
// safe from any thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "base/context.h"
#include "base/secret.h"
#include "base/status.h"

namespace aerie {

struct SecretLimits {
  std::size_t bytes = 64 * 1024;
  Duration time = std::chrono::minutes(1);
};

// kInvalid when it is not set or empty.
Result<Secret> SecretFromVariable(const std::string& name);
// kNotFound, kDenied; kInvalid when it is empty or too long.
Result<Secret> SecretFromFile(const std::string& path, const SecretLimits& limits = {});
// Runs `/bin/sh -c COMMAND`, so quotes, pipes and variables mean what they mean to sh, in a process
// group of its own, with nothing on its standard input. What it prints is the secret. kFailed, with
// the end of its standard error, when it does not exit with 0; kInvalid when it prints nothing or
// too much; kTimeout and kCancelled, after it was killed.
Result<Secret> SecretFromCommand(const Context& context, const std::string& command,
                                 const SecretLimits& limits = {});
// Reads to the end; the descriptor stays open. kInvalid when it cannot be read, is empty or has too
// much; kTimeout and kCancelled when its end does not come.
Result<Secret> SecretFromDescriptor(const Context& context, int fd,
                                    const SecretLimits& limits = {});

// The secret that a configuration value stands for: "${env:X}", "${file:P}", "${command:C}" and
// "${fd:N}" as above; anything else is the secret itself. kInvalid when "${" opens something else.
Result<Secret> ResolveSecret(const Context& context, const std::string& text);

}  // namespace aerie
