// SEAM. A way to tell somebody: mail, Slack, a webhook, a pager, a command.
//
// One call at a time of each channel; different channels know nothing of each other. A channel
// makes one attempt: whoever calls repeats, with the same message, until it is taken
// (docs/decisions/0029).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "alerts/incident.h"
#include "alerts/policy.h"
#include "base/context.h"
#include "base/status.h"

namespace aerie::alerts {

// Texts that may be references to secrets (base/secret_source.h) are resolved for each attempt.
struct EmailOptions {
  enum class Security { kStartTls, kTls, kNone };
  std::string host{};
  int port = 0;  // 0: 587, 465 or 25
  Security security = Security::kStartTls;
  std::string ca{};  // PEM file; empty: the system's authorities
  std::string user{};
  std::string password{};  // may be a reference
  std::string from{};      // "a@b" or "Name <a@b>"
  std::vector<std::string> to{};
};
struct SlackOptions {
  std::string url{};  // may be a reference, as all below but `ca`
  std::string ca{};
};
struct WebhookOptions {
  std::string url{};
  std::string secret{};         // empty: not signed
  std::string authorization{};  // the header's value; empty: none
  std::string ca{};
};
struct PagerDutyOptions {
  std::string url = "https://events.pagerduty.com/v2/enqueue";
  std::string routing_key{};
  std::string ca{};
};
struct CommandOptions {
  std::string command{};
};

struct ChannelOptions {
  Audience audience{};  // with its name
  Duration timeout = std::chrono::seconds(10);
  std::variant<EmailOptions, SlackOptions, WebhookOptions, PagerDutyOptions, CommandOptions> how{};
};

// What became of one attempt.
struct Attempt {
  // Ok: the receiver has it. kInvalid: it will never take this message. Any other: it may, later;
  // kUnknownOutcome, kCancelled, kTimeout: it may have it already.
  Status status;
  std::string note{};      // what else it said, such as a recipient that it refused
  Duration retry_after{};  // it asks not to be asked before
};

class Channel {
 public:
  virtual ~Channel() = default;
  // `repeated`: an earlier attempt may have arrived.
  virtual Attempt Send(const Context& context, const Message& message, bool repeated) = 0;
};

std::unique_ptr<Channel> OpenChannel(const ChannelOptions& options);

// "email", "slack", "webhook", "pagerduty", "command".
const char* TypeOf(const ChannelOptions& options);

// A message that says that it is only a test.
Message TestMessage(const std::string& installation, const std::string& channel,
                    std::int64_t now_ms);

}  // namespace aerie::alerts
