#include "alerts/channel.h"

#include <utility>

#include "alerts/email.h"
#include "alerts/http_channels.h"
#include "base/shell_command.h"

namespace aerie::alerts {
namespace {

// As a migration's --alert-command, with more beside it.
class Command : public Channel {
 public:
  Command(CommandOptions options, const std::string& name)
      : options_(std::move(options)), operation_("tell channel " + name) {}

  Attempt Send(const Context& context, const Message& message, bool) override {
    const bool resolved = message.event == Event::kResolved;
    const auto outcome = RunShellCommand(
        context, options_.command,
        {.operation = operation_,
         .environment = {std::string("AERIE_ALERT=") +
                             (message.event == Event::kTest ? "test" : NameOf(message.rule)),
                         std::string("AERIE_ALERT_STATE=") + (resolved ? "resolved" : "raised"),
                         "AERIE_ALERT_TEXT=" + PlainText(message),
                         std::string("AERIE_ALERT_EVENT=") + NameOf(message.event),
                         "AERIE_ALERT_ABOUT=" + message.about,
                         std::string("AERIE_ALERT_SEVERITY=") + NameOf(message.severity),
                         "AERIE_ALERT_INCIDENT=" + std::to_string(message.incident),
                         "AERIE_ALERT_KEY=" + message.key, "AERIE_ALERT_JSON=" + ToText(message)}});
    if (!outcome.ok()) return {.status = outcome.status()};
    return {.status = ShellStatus(operation_, *outcome)};
  }

 private:
  const CommandOptions options_;
  const std::string operation_;
};

template <class... Each>
struct Overloaded : Each... {
  using Each::operator()...;
};
template <class... Each>
Overloaded(Each...) -> Overloaded<Each...>;

}  // namespace

std::unique_ptr<Channel> OpenChannel(const ChannelOptions& options) {
  const std::string& name = options.audience.channel;
  return std::visit(
      Overloaded{[&](const EmailOptions& how) { return OpenEmail(how, name); },
                 [&](const SlackOptions& how) { return OpenSlack(how, name); },
                 [&](const WebhookOptions& how) { return OpenWebhook(how, name); },
                 [&](const PagerDutyOptions& how) { return OpenPagerDuty(how, name); },
                 [&](const CommandOptions& how) -> std::unique_ptr<Channel> {
                   return std::make_unique<Command>(how, name);
                 }},
      options.how);
}

const char* TypeOf(const ChannelOptions& options) {
  return std::visit(Overloaded{[](const EmailOptions&) { return "email"; },
                               [](const SlackOptions&) { return "slack"; },
                               [](const WebhookOptions&) { return "webhook"; },
                               [](const PagerDutyOptions&) { return "pagerduty"; },
                               [](const CommandOptions&) { return "command"; }},
                    options.how);
}

Message TestMessage(const std::string& installation, const std::string& channel,
                    std::int64_t now_ms) {
  const std::string key = installation + "-test-" + std::to_string(now_ms);
  return {.key = key,
          .dedup_key = "aerie-" + key,
          .event = Event::kTest,
          .about = "channel " + channel,
          .severity = Severity::kInfo,
          .summary = "this is a test of Aerie's alerts by channel " + channel,
          .remedy = "nothing: who reads this is told when something is wrong",
          .at_ms = now_ms,
          .opened_ms = now_ms};
}

}  // namespace aerie::alerts
