#include "app/config_alerts.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "alerts/email.h"
#include "app/yaml_section.h"
#include "base/glob.h"
#include "base/rate.h"

namespace aerie::app {
namespace {

using alerts::ChannelOptions;
using alerts::EmailOptions;
using alerts::Rule;
using alerts::RulePolicy;
using alerts::Severity;
using Security = EmailOptions::Security;

constexpr std::array<Severity, alerts::kSeverities> kAllSeverities = {
    Severity::kInfo, Severity::kWarning, Severity::kError, Severity::kCritical};

// `at` is where a wrong value of the key is.
YAML::Node At(const YAML::Node& node, const char* key) {
  return node[key].IsDefined() ? node[key] : node;
}

void TimeInto(Section& section, const char* key, Duration& into) {
  std::optional<Duration> said;
  section.Time(key, said);
  if (said) into = *said;
}

// A time that must be longer than nothing.
void PositiveTime(Section& section, const YAML::Node& node, const char* key, Duration& into) {
  TimeInto(section, key, into);
  if (into <= Duration::zero()) {
    section.Fail(At(node, key), std::string("'") + key + "' must be longer than nothing");
  }
}

void SeverityInto(Section& section, const YAML::Node& node, const char* key, Severity& into) {
  std::string text;
  section.Text(key, text);
  if (text.empty()) return;
  const auto severity = alerts::SeverityOf(text);
  if (!severity) {
    section.Fail(At(node, key),
                 std::string("'") + key + "' must be critical, error, warning or info");
    return;
  }
  into = *severity;
}

void GlobsInto(Section& section, const YAML::Node& node, const char* key,
               std::vector<std::string>& into) {
  section.Texts(key, into);
  for (const std::string& glob : into) {
    const Status status = CheckGlob(glob);
    if (!status.ok()) section.Fail(At(node, key), std::string(status.message()));
  }
}

// "80", "80%" or "80 %", above 0 and up to 100.
void PercentInto(Section& section, const YAML::Node& node, const char* key, double& into) {
  std::string text;
  section.Text(key, text);
  if (text.empty()) return;
  while (!text.empty() && (text.back() == '%' || text.back() == ' ')) text.pop_back();
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value <= 0 || value > 100) {
    section.Fail(At(node, key), std::string("'") + key + "' must be a percentage, such as 90%");
    return;
  }
  into = value;
}

bool HasLimit(Rule rule) {
  return rule == Rule::kVerifiedBackupOld || rule == Rule::kJobStuck || rule == Rule::kSyncLag;
}

Status ReadRule(const YAML::Node& node, const std::string& file, const std::string& path, Rule rule,
                alerts::Policy& policy) {
  Section section(node, file, path);
  RulePolicy& own = policy.of(rule);
  std::optional<bool> enabled;
  section.Flag("enabled", enabled);
  own.enabled = enabled.value_or(own.enabled);
  SeverityInto(section, node, "severity", own.severity);
  TimeInto(section, "hold", own.hold);
  TimeInto(section, "clear", own.clear);
  section.Time("remind", own.remind);
  if (HasLimit(rule)) PositiveTime(section, node, "limit", own.limit);
  if (rule == Rule::kStorageFull) {
    PercentInto(section, node, "limit", policy.storage_limit);
    PercentInto(section, node, "warn", policy.storage_warn);
    TimeInto(section, "forecast", policy.storage_forecast);
    if (policy.storage_warn > policy.storage_limit) {
      section.Fail(node, "'" + path + ".warn' is above 'limit'");
    }
  }
  return section.Finish();
}

Status ReadRules(const YAML::Node& node, const std::string& file, alerts::Policy& policy) {
  if (!node.IsDefined() || node.IsNull()) return Ok();
  Section section(node, file, "alerts.rules");
  for (const std::string& name : alerts::RuleNames()) {
    const YAML::Node child = section.Child(name.c_str());
    if (!child.IsDefined() || child.IsNull()) continue;
    section.Adopt(ReadRule(child, file, "alerts.rules." + name, *alerts::RuleOf(name), policy));
  }
  return section.Finish();
}

Status ReadRemind(const YAML::Node& node, const std::string& file, alerts::Policy& policy) {
  if (!node.IsDefined() || node.IsNull()) return Ok();
  Section section(node, file, "alerts.remind");
  for (const Severity severity : kAllSeverities) {
    TimeInto(section, NameOf(severity), policy.remind[static_cast<std::size_t>(severity)]);
  }
  return section.Finish();
}

Status ReadHeartbeat(const YAML::Node& node, const std::string& file,
                     alerts::HeartbeatOptions& out) {
  if (!node.IsDefined() || node.IsNull()) return Ok();
  Section section(node, file, "alerts.heartbeat");
  section.Text("url", out.url);
  PositiveTime(section, node, "interval", out.interval);
  PositiveTime(section, node, "timeout", out.timeout);
  if (out.url.empty()) section.Fail(node, "'alerts.heartbeat.url' is missing");
  return section.Finish();
}

Status ReadCapacity(const YAML::Node& node, const std::string& file,
                    const std::vector<std::string>& repositories,
                    std::map<std::string, std::int64_t>& out) {
  if (!node.IsDefined() || node.IsNull()) return Ok();
  Section section(node, file, "alerts.capacity");
  for (const std::string& name : repositories) {
    std::string text;
    section.Text(name.c_str(), text);
    if (text.empty()) continue;
    const auto bytes = ParseByteSize(text, "'alerts.capacity." + name + "'");
    if (!bytes.ok()) {
      section.Fail(At(node, name.c_str()), std::string(bytes.status().message()));
    } else if (*bytes <= 0) {
      section.Fail(At(node, name.c_str()), "'alerts.capacity." + name + "' must be more than 0");
    } else {
      out[name] = *bytes;
    }
  }
  return section.Finish();
}

bool IsThisMachine(const std::string& host) {
  return host == "localhost" || host == "::1" || host == "[::1]" || host.starts_with("127.");
}

void Required(Section& section, const YAML::Node& node, const std::string& path, const char* key,
              const std::string& value) {
  if (value.empty()) section.Fail(node, "'" + path + "." + key + "' is missing");
}

void ReadAddresses(Section& section, const YAML::Node& node, EmailOptions& how) {
  const auto check = [&](const char* key, const std::string& address) {
    const auto right = alerts::MailAddress(address);
    if (!right.ok()) section.Fail(At(node, key), std::string(right.status().message()));
  };
  section.Text("from", how.from);
  if (!how.from.empty()) check("from", how.from);
  section.Texts("to", how.to);
  for (const std::string& to : how.to) check("to", to);
}

EmailOptions ReadEmail(Section& section, const YAML::Node& node, const std::string& path) {
  EmailOptions how;
  section.Text("host", how.host);
  std::string port, security;
  section.Text("port", port);
  section.Text("security", security);
  section.Text("ca", how.ca);
  section.Text("user", how.user);
  section.Text("password", how.password);
  ReadAddresses(section, node, how);
  Required(section, node, path, "host", how.host);
  Required(section, node, path, "from", how.from);
  if (how.to.empty()) section.Fail(node, "'" + path + ".to' is missing");
  if (!port.empty()) {
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), how.port);
    if (error != std::errc() || end != port.data() + port.size() || how.port < 1 ||
        how.port > 65535) {
      section.Fail(At(node, "port"), "'" + path + ".port' must be a number from 1 to 65535");
    }
  }
  if (security == "tls") {
    how.security = Security::kTls;
  } else if (security == "none") {
    how.security = Security::kNone;
  } else if (!security.empty() && security != "starttls") {
    section.Fail(At(node, "security"), "'" + path + ".security' must be starttls, tls or none");
  }
  if (how.user.empty() != how.password.empty()) {
    section.Fail(node, "'" + path + "': `user` and `password` go together");
  }
  if (how.security == Security::kNone && !how.user.empty() && !IsThisMachine(how.host)) {
    section.Fail(At(node, "security"),
                 "'" + path +
                     "': with `security: none` the password would go over the net as it "
                     "is; use starttls or tls");
  }
  return how;
}

Status ReadChannel(const YAML::Node& node, const std::string& file, const std::string& path,
                   ChannelOptions& out) {
  Section section(node, file, path);
  std::string type;
  section.Text("type", type);
  SeverityInto(section, node, "min_severity", out.audience.min_severity);
  GlobsInto(section, node, "rules", out.audience.rules);
  if (type == "email" || type == "command") out.timeout = std::chrono::seconds(30);
  PositiveTime(section, node, "timeout", out.timeout);
  if (type == "email") {
    out.how = ReadEmail(section, node, path);
  } else if (type == "slack") {
    alerts::SlackOptions how;
    section.Text("url", how.url);
    section.Text("ca", how.ca);
    Required(section, node, path, "url", how.url);
    out.how = how;
  } else if (type == "webhook") {
    alerts::WebhookOptions how;
    section.Text("url", how.url);
    section.Text("secret", how.secret);
    section.Text("authorization", how.authorization);
    section.Text("ca", how.ca);
    Required(section, node, path, "url", how.url);
    out.how = how;
  } else if (type == "pagerduty") {
    alerts::PagerDutyOptions how;
    section.Text("url", how.url);
    section.Text("routing_key", how.routing_key);
    section.Text("ca", how.ca);
    Required(section, node, path, "routing_key", how.routing_key);
    out.how = how;
  } else if (type == "command") {
    alerts::CommandOptions how;
    section.Text("command", how.command);
    Required(section, node, path, "command", how.command);
    out.how = how;
  } else {
    section.Fail(At(node, "type"), "'" + path +
                                       ".type' must be email, slack, webhook, pagerduty or "
                                       "command");
  }
  return section.Finish();
}

Status ReadChannels(const YAML::Node& node, const std::string& file,
                    std::vector<ChannelOptions>& out) {
  if (!node.IsDefined() || node.IsNull()) return Ok();
  if (!node.IsMap()) {
    return InvalidError(file + ":" + std::to_string(node.Mark().line + 1) +
                        ": 'alerts.channels' must be a mapping of names");
  }
  for (const auto& entry : node) {
    const std::string name = entry.first.Scalar();
    ChannelOptions channel;
    channel.audience.channel = name;
    AERIE_TRY(ReadChannel(entry.second, file, "alerts.channels." + name, channel));
    out.push_back(std::move(channel));
  }
  std::sort(out.begin(), out.end(),
            [](const auto& a, const auto& b) { return a.audience.channel < b.audience.channel; });
  return Ok();
}

}  // namespace

Result<AlertsConfig> ReadAlerts(const YAML::Node& node, const std::string& file,
                                const std::vector<std::string>& repositories) {
  AlertsConfig out;
  if (!node.IsDefined() || node.IsNull()) return out;
  Section section(node, file, "alerts");
  std::optional<bool> enabled;
  section.Flag("enabled", enabled);
  out.enabled = enabled.value_or(true);
  section.Text("link", out.link);
  while (!out.link.empty() && out.link.back() == '/') out.link.pop_back();
  PositiveTime(section, node, "interval", out.interval);
  PositiveTime(section, node, "repositories_every", out.repositories_every);
  PositiveTime(section, node, "give_up", out.delivery.give_up);
  PositiveTime(section, node, "keep", out.keep);
  GlobsInto(section, node, "exclude", out.policy.exclude);
  const YAML::Node remind = section.Child("remind");
  const YAML::Node rules = section.Child("rules");
  const YAML::Node capacity = section.Child("capacity");
  const YAML::Node channels = section.Child("channels");
  const YAML::Node heartbeat = section.Child("heartbeat");
  AERIE_TRY(section.Finish());
  AERIE_TRY(ReadRemind(remind, file, out.policy));
  AERIE_TRY(ReadRules(rules, file, out.policy));
  AERIE_TRY(ReadCapacity(capacity, file, repositories, out.capacity));
  AERIE_TRY(ReadChannels(channels, file, out.channels));
  AERIE_TRY(ReadHeartbeat(heartbeat, file, out.heartbeat));
  return out;
}

alerts::MonitorOptions MonitorOptionsOf(const AlertsConfig& config, const std::string& host) {
  return {.policy = config.policy,
          .channels = config.channels,
          .heartbeat = config.heartbeat,
          .delivery = config.delivery,
          .link = config.link,
          .interval = config.interval,
          .keep = config.keep,
          .host = host};
}

std::vector<ConfigKey> AlertConfigKeys() {
  return {
      {"alerts.enabled", "false: nothing is watched"},
      {"alerts.link", "address of the page, for the links in messages"},
      {"alerts.interval", "how often the rules are asked, such as 1m (default)"},
      {"alerts.repositories_every", "how often repositories are read, such as 10m (default)"},
      {"alerts.exclude", "collections that need no backup: globs of cluster/database.collection"},
      {"alerts.capacity.REPOSITORY",
       "bytes it may hold, such as 500GB, where its store has no end"},
      {"alerts.remind.SEVERITY",
       "how often what is open is told again: critical 4h, error and warning 24h, info 0 (never)"},
      {"alerts.give_up", "how long a message is tried, such as 24h (default)"},
      {"alerts.keep", "how long incidents that are over are kept, such as 90d (default)"},
      {"alerts.rules.RULE.enabled", "false: this rule is not asked"},
      {"alerts.rules.RULE.severity", "critical, error, warning or info"},
      {"alerts.rules.RULE.hold", "it must hold for so long before it is told"},
      {"alerts.rules.RULE.clear", "it must be over for so long before that is told"},
      {"alerts.rules.RULE.remind", "how often it is told again; 0: never"},
      {"alerts.rules.RULE.limit",
       "of verified-backup-old, job-stuck, sync-lag (a time), storage-full (a percentage)"},
      {"alerts.rules.storage-full.warn", "percentage from which it warns, such as 80% (default)"},
      {"alerts.rules.storage-full.forecast", "warns when full within that time, such as 7d"},
      {"alerts.channels.NAME.type", "email, slack, webhook, pagerduty or command"},
      {"alerts.channels.NAME.min_severity", "what is less is not told there"},
      {"alerts.channels.NAME.rules", "globs of the rules that are told there; none: all"},
      {"alerts.channels.NAME.timeout", "of one attempt, such as 10s"},
      {"alerts.channels.NAME.url",
       "slack, webhook, pagerduty: where to; may be a reference as of passwords"},
      {"alerts.channels.NAME.ca",
       "PEM file of the authority that signed the receiver's certificate"},
      {"alerts.channels.NAME.secret", "webhook: what signs each request; references as above"},
      {"alerts.channels.NAME.authorization",
       "webhook: the Authorization header; references as above"},
      {"alerts.channels.NAME.routing_key", "pagerduty: the integration key; references as above"},
      {"alerts.channels.NAME.command", "command: run by /bin/sh with AERIE_ALERT_... set"},
      {"alerts.channels.NAME.host", "email: the mail server"},
      {"alerts.channels.NAME.port", "email: its port; 587, or 465 with tls, or 25 with none"},
      {"alerts.channels.NAME.security", "email: starttls (default), tls or none"},
      {"alerts.channels.NAME.user", "email: whom to log in as"},
      {"alerts.channels.NAME.password", "email: password of that; references as above"},
      {"alerts.channels.NAME.from", "email: sender, as aerie@example.com or Name <address>"},
      {"alerts.channels.NAME.to", "email: recipient, or a list of them"},
      {"alerts.heartbeat.url",
       "dead man's switch: asked while all is well; may be a reference as of passwords"},
      {"alerts.heartbeat.interval", "how often, such as 1m (default)"},
      {"alerts.heartbeat.timeout", "of one ping, such as 10s (default)"},
  };
}

}  // namespace aerie::app
