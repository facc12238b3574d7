#include "app/config_alerts.h"

#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/config.h"

namespace aerie::app {
namespace {

using alerts::Rule;
using alerts::Severity;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::HasSubstr;

// Every documented key, each with a value of its own.
constexpr char kWhole[] = R"(repositories:
  cloud: {url: s3://bucket}
alerts:
  enabled: false
  link: https://aerie/
  interval: 2m
  repositories_every: 20m
  exclude: ["staging/*"]
  capacity: {cloud: 5TB}
  remind: {critical: 1h, error: 2h, warning: 3h, info: 4h}
  give_up: 12h
  keep: 30d
  rules:
    sync-lag: {enabled: false, severity: info, hold: 1m, clear: 2m, remind: 3m, limit: 4m}
    storage-full: {limit: 95%, warn: 85, forecast: 3d}
  channels:
    mail:
      type: email
      min_severity: error
      rules: ["backup-*"]
      timeout: 7s
      host: mail.example.com
      port: 2525
      security: tls
      ca: ca.pem
      user: u
      password: "${env:P}"
      from: a@b.c
      to: [d@e.f, g@h.i]
    slack: {type: slack, url: "${env:S}"}
    hook: {type: webhook, url: "https://w", secret: s, authorization: z, ca: c.pem}
    pager: {type: pagerduty, routing_key: r}
    script: {type: command, command: "true"}
  heartbeat: {url: "https://beat", interval: 5m, timeout: 3s}
)";

Result<Config> Parse(const std::string& yaml) { return ParseConfig(yaml, "aerie.yaml"); }
std::string ErrorOf(const std::string& alerts) {
  const auto config = Parse("alerts:\n" + alerts);
  EXPECT_EQ(KindOf(config.status()), Kind::kInvalid) << alerts;
  return std::string(config.status().message());
}

template <class How>
How HowOf(const AlertsConfig& config, const std::string& name) {
  for (const auto& channel : config.channels) {
    if (channel.audience.channel == name) return std::get<How>(channel.how);
  }
  return {};
}

TEST(AlertsConfig, EveryDocumentedKeyHasAnEffect) {
  const auto parsed = Parse(kWhole);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  const AlertsConfig& c = parsed->alerts;
  const AlertsConfig defaults;
  ASSERT_EQ(c.channels.size(), 5U);
  const auto& lag = c.policy.of(Rule::kSyncLag);
  const auto& mail = c.channels[1];
  ASSERT_EQ(mail.audience.channel, "mail");
  const auto how = HowOf<alerts::EmailOptions>(c, "mail");
  const auto hook = HowOf<alerts::WebhookOptions>(c, "hook");
  const std::map<std::string, bool> holds = {
      {"alerts.enabled", !c.enabled},
      {"alerts.link", c.link == "https://aerie"},
      {"alerts.interval", c.interval == minutes(2)},
      {"alerts.repositories_every", c.repositories_every == minutes(20)},
      {"alerts.exclude", c.policy.exclude == std::vector<std::string>{"staging/*"}},
      {"alerts.capacity.REPOSITORY", c.capacity.at("cloud") == 5'000'000'000'000},
      {"alerts.remind.SEVERITY",
       c.policy.remind == std::array<Duration, 4>{hours(4), hours(3), hours(2), hours(1)}},
      {"alerts.give_up", c.delivery.give_up == hours(12)},
      {"alerts.keep", c.keep == hours(24 * 30)},
      {"alerts.rules.RULE.enabled", !lag.enabled},
      {"alerts.rules.RULE.severity", lag.severity == Severity::kInfo},
      {"alerts.rules.RULE.hold", lag.hold == minutes(1)},
      {"alerts.rules.RULE.clear", lag.clear == minutes(2)},
      {"alerts.rules.RULE.remind", lag.remind == minutes(3)},
      {"alerts.rules.RULE.limit", lag.limit == minutes(4) && c.policy.storage_limit == 95},
      {"alerts.rules.storage-full.warn", c.policy.storage_warn == 85},
      {"alerts.rules.storage-full.forecast", c.policy.storage_forecast == hours(72)},
      {"alerts.channels.NAME.type", std::string(TypeOf(mail)) == "email"},
      {"alerts.channels.NAME.min_severity", mail.audience.min_severity == Severity::kError},
      {"alerts.channels.NAME.rules", mail.audience.rules == std::vector<std::string>{"backup-*"}},
      {"alerts.channels.NAME.timeout", mail.timeout == seconds(7)},
      {"alerts.channels.NAME.url",
       hook.url == "https://w" && HowOf<alerts::SlackOptions>(c, "slack").url == "${env:S}"},
      {"alerts.channels.NAME.ca", how.ca == "ca.pem" && hook.ca == "c.pem"},
      {"alerts.channels.NAME.secret", hook.secret == "s"},
      {"alerts.channels.NAME.authorization", hook.authorization == "z"},
      {"alerts.channels.NAME.routing_key",
       HowOf<alerts::PagerDutyOptions>(c, "pager").routing_key == "r"},
      {"alerts.channels.NAME.command",
       HowOf<alerts::CommandOptions>(c, "script").command == "true"},
      {"alerts.channels.NAME.host", how.host == "mail.example.com"},
      {"alerts.channels.NAME.port", how.port == 2525},
      {"alerts.channels.NAME.security", how.security == alerts::EmailOptions::Security::kTls},
      {"alerts.channels.NAME.user", how.user == "u"},
      {"alerts.channels.NAME.password", how.password == "${env:P}"},
      {"alerts.channels.NAME.from", how.from == "a@b.c"},
      {"alerts.channels.NAME.to", how.to == std::vector<std::string>{"d@e.f", "g@h.i"}},
      {"alerts.heartbeat.url", c.heartbeat.url == "https://beat"},
      {"alerts.heartbeat.interval", c.heartbeat.interval == minutes(5)},
      {"alerts.heartbeat.timeout", c.heartbeat.timeout == seconds(3)},
  };
  for (const ConfigKey& key : AlertConfigKeys()) {
    ASSERT_TRUE(holds.contains(key.path)) << key.path << " has no test";
    EXPECT_TRUE(holds.at(key.path)) << key.path;
    EXPECT_FALSE(key.about.empty());
  }
  EXPECT_EQ(holds.size(), AlertConfigKeys().size());
  // What the monitor is given is what was configured.
  const alerts::MonitorOptions options = MonitorOptionsOf(c, "here");
  EXPECT_EQ(options.interval, minutes(2));
  EXPECT_EQ(options.keep, hours(24 * 30));
  EXPECT_EQ(options.delivery.give_up, hours(12));
  EXPECT_EQ(options.heartbeat.url, "https://beat");
  EXPECT_EQ(options.channels.size(), 5U);
  EXPECT_EQ(options.link, "https://aerie");
  EXPECT_EQ(options.host, "here");
  EXPECT_TRUE(defaults.enabled);
}

TEST(AlertsConfig, NothingIsNeeded) {
  const auto parsed = Parse("alerts:\n");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_TRUE(parsed->alerts.enabled);
  EXPECT_TRUE(parsed->alerts.channels.empty());
  EXPECT_EQ(parsed->alerts.policy.of(Rule::kVerifiedBackupOld).limit, hours(24));
  EXPECT_EQ(parsed->alerts.policy.storage_limit, 90);
}

TEST(AlertsConfig, WrongOnesAreNamedWithLineAndKey) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"  chanels: {}\n",
       "aerie.yaml:2: unknown key 'chanels' in alerts; did you mean 'channels'?"},
      {"  rules:\n    sync-lagg: {}\n",
       "aerie.yaml:3: unknown key 'sync-lagg' in alerts.rules; did you mean 'sync-lag'?"},
      {"  rules:\n    job-failed: {limit: 3h}\n", "unknown key 'limit' in alerts.rules.job-failed"},
      {"  rules:\n    job-failed: {severity: fatal}\n",
       "aerie.yaml:3: 'severity' must be critical"},
      {"  rules:\n    storage-full: {limit: 0}\n", "must be a percentage"},
      {"  rules:\n    storage-full: {limit: 50, warn: 60}\n", "is above 'limit'"},
      {"  rules:\n    job-stuck: {limit: 0}\n", "must be longer than nothing"},
      {"  interval: 0\n", "'interval' must be longer than nothing"},
      {"  exclude: ['a[']\n", "aerie.yaml:2: "},
      {"  capacity: {nowhere: 5GB}\n", "unknown key 'nowhere' in alerts.capacity"},
      {"  heartbeat: {interval: 1m}\n", "'alerts.heartbeat.url' is missing"},
      {"  channels: [a]\n", "'alerts.channels' must be a mapping of names"},
      {"  channels:\n    a: {url: x}\n", "'alerts.channels.a.type' must be email, slack"},
      {"  channels:\n    a: {type: slack}\n", "'alerts.channels.a.url' is missing"},
      {"  channels:\n    a: {type: slack, url: x, secret: y}\n", "unknown key 'secret'"},
      {"  channels:\n    a: {type: pagerduty}\n", "routing_key' is missing"},
      {"  channels:\n    a: {type: command}\n", "command' is missing"},
      {"  channels:\n    a: {type: email, host: h, from: a@b}\n",
       "'alerts.channels.a.to' is missing"},
      {"  channels:\n    a: {type: email, host: h, from: ab, to: c@d}\n", "is no mail address"},
      {"  channels:\n    a: {type: email, host: h, from: a@b, to: c@d, port: 0}\n", "1 to 65535"},
      {"  channels:\n    a: {type: email, host: h, from: a@b, to: c@d, security: ssl}\n",
       "must be starttls, tls or none"},
      {"  channels:\n    a: {type: email, host: h, from: a@b, to: c@d, user: u}\n", "go together"},
      {"  channels:\n    a: {type: email, host: h, from: a@b, to: c@d, user: u, password: p, "
       "security: none}\n",
       "over the net as it is"},
  };
  for (const auto& [yaml, wanted] : cases) EXPECT_THAT(ErrorOf(yaml), HasSubstr(wanted)) << yaml;
  // To this machine itself it may go as it is.
  EXPECT_TRUE(Parse("alerts:\n  channels:\n    a: {type: email, host: localhost, from: a@b, to: "
                    "c@d, user: u, password: p, security: none}\n")
                  .ok());
}

}  // namespace
}  // namespace aerie::app
