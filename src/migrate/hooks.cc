#include "migrate/hooks.h"

#include <signal.h>

#include "base/shell_command.h"

namespace aerie::migrate {
namespace {

// Of what a hook prints, the end is kept.
constexpr std::size_t kKeptOutput = 16 * 1024;
constexpr Duration kLook = std::chrono::milliseconds(100);

}  // namespace

Result<std::int64_t> CommandHooks::Apply(const Context& context, Side side) {
  AERIE_TRY(Call(context, fence_, "fence", side));
  return 0;
}
Status CommandHooks::Lift(const Context& context, Side side) {
  return Call(context, fence_, "unfence", side);
}
Status CommandHooks::To(const Context& context, Side side) {
  return Call(context, switch_, std::string("switch-to-") + NameOf(side), side);
}

Status CommandHooks::Call(const Context& context, const std::string& command,
                          const std::string& action, Side side) {
  AERIE_TRY(AwaitEarlier(context));
  std::string names;
  for (const std::string& name : about_.collections) names += (names.empty() ? "" : "\n") + name;
  const std::string operation = action + " command (" + NameOf(side) + ")";
  const auto now_ms = [&] { return ToUnixMillis(context.clock().Now()); };
  const auto outcome = RunShellCommand(
      context.WithTimeout(about_.timeout), command,
      {.operation = operation,
       .error_bytes = kKeptOutput,
       .environment = {"AERIE_MIGRATION=" + about_.migration, "AERIE_ACTION=" + action,
                       std::string("AERIE_CLUSTER=") + NameOf(side),
                       "AERIE_SOURCE=" + about_.source, "AERIE_TARGET=" + about_.target,
                       "AERIE_COLLECTIONS=" + names},
       .on_started = [&](std::int64_t pid) { return lease_.NoteChild(ProcessOf(pid)); }});
  AERIE_TRY(lease_.NoteChild(std::nullopt));
  if (!outcome.ok()) {
    AERIE_TRY(lease_.Append(
        {.kind = "hook", .text = operation + ": " + std::string(outcome.status().message())},
        now_ms()));
    return outcome.status();
  }
  AERIE_TRY(lease_.Append(
      {.kind = "hook", .text = operation + " " + EndingText(*outcome) + "\n" + outcome->error_tail},
      now_ms()));
  const Status status = ShellStatus(operation, *outcome);
  return WithMessage(status, std::string(status.message()) +
                                 "; aerie migrate status --log has all that it printed");
}

Status CommandHooks::AwaitEarlier(const Context& context) {
  AERIE_ASSIGN(const auto earlier, lease_.Child());
  if (!earlier) return Ok();
  const bool here = earlier->machine == ThisProcess().machine;
  const SteadyTime until = context.clock().Steady() + about_.timeout;
  while (here && !HasEnded(*earlier)) {
    if (context.clock().Steady() >= until) {
      ::kill(static_cast<pid_t>(-earlier->pid), SIGKILL);
      break;
    }
    AERIE_TRY(context.Sleep(kLook, "wait for a command that an earlier run left behind"));
  }
  AERIE_TRY(lease_.Append(
      {.kind = "hook",
       .text = "a command that an earlier run had started, process " +
               std::to_string(earlier->pid) + (here ? ", has ended" : ", was of another machine")},
      ToUnixMillis(context.clock().Now())));
  return lease_.NoteChild(std::nullopt);
}

Result<std::int64_t> ManualHooks::Apply(const Context& context, Side side) {
  return approval_.Wait(context, "stop every client from writing to the " +
                                     std::string(NameOf(side)) + " (" + Address(side) +
                                     ") and wait until writes under way have ended; then: aerie "
                                     "migrate approve");
}
Status ManualHooks::Lift(const Context& context, Side side) {
  return approval_
      .Wait(context, "let clients write to the " + std::string(NameOf(side)) + " (" +
                         Address(side) + "); then: aerie migrate approve")
      .status();
}
Status ManualHooks::To(const Context& context, Side side) {
  return approval_
      .Wait(context, "send every client to the " + std::string(NameOf(side)) + " (" +
                         Address(side) +
                         "), none of which may write yet; then: aerie migrate "
                         "approve")
      .status();
}

Status CommandAlerts::Deliver(const Context& context, const catalog::Alert& alert) {
  const bool resolved = alert.resolved_ms != 0;
  progress_.OnProgress(
      {.type = ProgressEvent::Type::kWarning,
       .message = "alert " + alert.incident + (resolved ? " is over" : ": " + alert.text)});
  if (command_.empty()) return Ok();
  AERIE_ASSIGN(
      const ChildOutcome outcome,
      RunShellCommand(
          context.WithTimeout(timeout_), command_,
          {.operation = "alert command",
           .environment = {"AERIE_MIGRATION=" + migration_, "AERIE_ALERT=" + alert.incident,
                           std::string("AERIE_ALERT_STATE=") + (resolved ? "resolved" : "raised"),
                           "AERIE_ALERT_TEXT=" + alert.text}}));
  return ShellStatus("alert command", outcome);
}

}  // namespace aerie::migrate
