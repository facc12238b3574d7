#include "base/shell_command.h"

namespace aerie {
namespace {

std::string LastLine(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

}  // namespace

Result<ChildOutcome> RunShellCommand(const Context& context, const std::string& command,
                                     const ChildOptions& options) {
  return RunChild(context, {"/bin/sh", "-c", "exec 1>&2\n" + command}, options);
}

Status ShellStatus(const std::string& operation, const ChildOutcome& outcome) {
  if (outcome.exit_code == 0 && outcome.signal == 0) return Ok();
  const std::string said = LastLine(outcome.error_tail);
  return FailedError(operation + " " + EndingText(outcome) + (said.empty() ? "" : ": " + said));
}

std::string EndingText(const ChildOutcome& outcome) {
  return outcome.signal != 0 ? "was killed by signal " + std::to_string(outcome.signal)
                             : "ended with exit code " + std::to_string(outcome.exit_code);
}

}  // namespace aerie
