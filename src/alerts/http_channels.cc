#include "alerts/http_channels.h"

#include <charconv>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "base/secret_source.h"
#include "objects/digests.h"
#include "objects/http_client.h"

namespace aerie::alerts {
namespace {

using Json = nlohmann::ordered_json;
using objects::HttpAnswer;
using objects::HttpRequest;

constexpr std::size_t kQuoted = 200;           // bytes of an answer that messages quote
constexpr std::size_t kMaxAnswer = 64 * 1024;  // nothing of it is needed

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// The beginning of what it said, in one line.
std::string Quoted(const HttpAnswer& answer) {
  std::string text(AsText(answer.body).substr(0, kQuoted));
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  }
  return text.empty() ? "" : ": " + text;
}

Attempt Judge(const std::string& operation, const HttpAnswer& answer) {
  if (answer.status / 100 == 2) return {.status = Ok()};
  Attempt attempt;
  const std::string said =
      operation + ": answered " + std::to_string(answer.status) + Quoted(answer);
  switch (answer.status) {
    // It has understood who asks, and will not take this.
    case 400:
    case 413:
    case 422: attempt.status = InvalidError(said); break;
    case 401:
    case 403: attempt.status = MakeStatus(Kind::kDenied, said + "; check its secret"); break;
    case 404:
    case 410: attempt.status = NotFoundError(said + "; check its url"); break;
    case 429: attempt.status = MakeStatus(Kind::kThrottled, said); break;
    default: attempt.status = MakeStatus(Kind::kTransient, said); break;
  }
  const std::string after = answer.Header("retry-after");
  std::uint32_t seconds = 0;
  const auto [end, error] = std::from_chars(after.data(), after.data() + after.size(), seconds);
  if (error == std::errc() && end == after.data() + after.size()) {
    attempt.retry_after = std::chrono::seconds(seconds);
  }
  return attempt;
}

class Poster {
 public:
  Poster(const std::string& name, const std::string& ca)
      : operation_("tell channel " + name),
        client_({.ca_file = ca, .ca_named_by = "`ca`", .address_named_by = "its url"}) {}

  const std::string& operation() const { return operation_; }

  // `url` may be a reference.
  Attempt Post(const Context& context, const std::string& url,
               std::vector<std::pair<std::string, std::string>> headers, const std::string& body) {
    const auto address = ResolveSecret(context, url);
    if (!address.ok()) return Unresolved(address.status(), "url");
    headers.emplace_back("Content-Type", "application/json");
    headers.emplace_back("User-Agent", "aerie");
    const auto answer = client_.Send(context, {.method = "POST",
                                               .url = std::string(address->Reveal()),
                                               .headers = std::move(headers),
                                               .body = AsBytes(body),
                                               .operation = operation_,
                                               .max_answer = kMaxAnswer});
    // Nothing is given up for what the address or the network is like.
    if (KindOf(answer.status()) == Kind::kInvalid) {
      return {.status = FailedError(std::string(answer.status().message()))};
    }
    if (!answer.ok()) return {.status = answer.status()};
    return Judge(operation_, *answer);
  }

  Attempt Unresolved(const Status& status, const char* key) const {
    return {.status =
                FailedError(operation_ + ": its " + key + ": " + std::string(status.message()))};
  }

 private:
  const std::string operation_;
  objects::HttpClient client_;
};

class Slack : public Channel {
 public:
  Slack(SlackOptions options, const std::string& name)
      : options_(std::move(options)), poster_(name, options_.ca) {}
  Attempt Send(const Context& context, const Message& message, bool repeated) override {
    return poster_.Post(context, options_.url, {}, SlackBody(message, repeated));
  }

 private:
  const SlackOptions options_;
  Poster poster_;
};

class Webhook : public Channel {
 public:
  Webhook(WebhookOptions options, const std::string& name)
      : options_(std::move(options)), poster_(name, options_.ca) {}

  Attempt Send(const Context& context, const Message& message, bool) override {
    const std::string body = ToText(message);
    std::vector<std::pair<std::string, std::string>> headers = {{"Idempotency-Key", message.key}};
    if (!options_.authorization.empty()) {
      const auto value = ResolveSecret(context, options_.authorization);
      if (!value.ok()) return poster_.Unresolved(value.status(), "authorization");
      headers.emplace_back("Authorization", std::string(value->Reveal()));
    }
    if (!options_.secret.empty()) {
      const auto secret = ResolveSecret(context, options_.secret);
      if (!secret.ok()) return poster_.Unresolved(secret.status(), "secret");
      const std::string timestamp = std::to_string(ToUnixMillis(context.clock().Now()) / 1000);
      headers.emplace_back("Aerie-Timestamp", timestamp);
      headers.emplace_back("Aerie-Signature", WebhookSignature(secret->Reveal(), timestamp, body));
    }
    return poster_.Post(context, options_.url, std::move(headers), body);
  }

 private:
  const WebhookOptions options_;
  Poster poster_;
};

class PagerDuty : public Channel {
 public:
  PagerDuty(PagerDutyOptions options, const std::string& name)
      : options_(std::move(options)), poster_(name, options_.ca) {}
  Attempt Send(const Context& context, const Message& message, bool) override {
    const auto key = ResolveSecret(context, options_.routing_key);
    if (!key.ok()) return poster_.Unresolved(key.status(), "routing_key");
    return poster_.Post(context, options_.url, {}, PagerDutyBody(message, key->Reveal()));
  }

 private:
  const PagerDutyOptions options_;
  Poster poster_;
};

// Slack's three special characters.
std::string SlackText(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else {
      out += c;
    }
  }
  return out;
}

const char* ColourOf(const Message& message) {
  if (message.event == Event::kResolved || message.event == Event::kTest) return "#2e7d32";
  switch (message.severity) {
    case Severity::kCritical: return "#b71c1c";
    case Severity::kError: return "#e65100";
    case Severity::kWarning: return "#f9a825";
    case Severity::kInfo: break;
  }
  return "#1565c0";
}

const char* ActionOf(Event event) {
  if (event == Event::kResolved) return "resolve";
  return event == Event::kAcknowledged ? "acknowledge" : "trigger";
}

}  // namespace

std::string SlackBody(const Message& message, bool repeated) {
  const std::string headline = SlackText(Headline(message)) + (repeated ? " (sent again)" : "");
  const std::string plain = PlainText(message);
  Json attachment{{"color", ColourOf(message)},
                  {"fallback", headline},
                  {"text", SlackText(plain.substr(plain.find('\n') + 1))}};
  return Dump({{"text", headline}, {"attachments", Json::array({attachment})}});
}

std::string PagerDutyBody(const Message& message, std::string_view routing_key) {
  Json json{{"routing_key", routing_key},
            {"event_action", ActionOf(message.event)},
            {"dedup_key", message.dedup_key}};
  if (message.event != Event::kResolved && message.event != Event::kAcknowledged) {
    json["payload"] = {{"summary", message.summary.substr(0, 1024)},
                       {"source", message.about},
                       {"severity", NameOf(message.severity)},
                       {"timestamp", FormatUtc(FromUnixMillis(message.at_ms))},
                       {"component", "aerie"},
                       {"class", message.event == Event::kTest ? "test" : NameOf(message.rule)},
                       {"custom_details",
                        {{"details", message.details},
                         {"remedy", message.remedy},
                         {"incident", message.incident}}}};
    json["client"] = "Aerie";
    if (!message.link.empty()) {
      json["links"] = Json::array({{{"href", message.link}, {"text", "Aerie"}}});
    }
  }
  return Dump(json);
}

std::string WebhookSignature(std::string_view secret, const std::string& timestamp,
                             std::string_view body) {
  const std::string signed_text = timestamp + "." + std::string(body);
  return "v1=" + ToHex(objects::HmacSha256(AsBytes(secret), AsBytes(signed_text)));
}

std::unique_ptr<Channel> OpenSlack(const SlackOptions& options, const std::string& name) {
  return std::make_unique<Slack>(options, name);
}
std::unique_ptr<Channel> OpenWebhook(const WebhookOptions& options, const std::string& name) {
  return std::make_unique<Webhook>(options, name);
}
std::unique_ptr<Channel> OpenPagerDuty(const PagerDutyOptions& options, const std::string& name) {
  return std::make_unique<PagerDuty>(options, name);
}

}  // namespace aerie::alerts
