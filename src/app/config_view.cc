#include "app/config_view.h"

#include <chrono>
#include <utility>

#include "alerts/channel.h"
#include "app/session.h"

namespace aerie::app {
namespace {

using Json = nlohmann::ordered_json;

// Secrets are told to be there, whether they are references or not.
Json Hidden(const std::string& text) { return text.empty() ? Json(nullptr) : Json("(set)"); }

// In the largest unit that says it exactly.
std::string TimeText(Duration time) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time).count();
  for (const auto& [unit, name] :
       {std::pair{86400, "d"}, std::pair{3600, "h"}, std::pair{60, "m"}}) {
    if (seconds >= unit && seconds % unit == 0) return std::to_string(seconds / unit) + name;
  }
  return std::to_string(seconds) + "s";
}

Json ClustersOf(const Config& config) {
  Json clusters = Json::object();
  for (const auto& [name, one] : config.clusters) {
    clusters[name] = {{"uri", RedactedUri(one.uri)},
                      {"user", one.user},
                      {"password", Hidden(one.password)},
                      {"token", Hidden(one.token)},
                      {"database", one.database},
                      {"ca", one.ca},
                      {"cert", one.cert},
                      {"key", Hidden(one.key)},
                      {"server_name", one.server_name},
                      {"limit_rows", one.limits.rows},
                      {"latency_target", one.limits.latency_target}};
  }
  return clusters;
}

Json RepositoriesOf(const Config& config) {
  Json repositories = Json::object();
  for (const auto& [name, one] : config.repositories) {
    repositories[name] = {{"url", BareUrl(one.url)},
                          {"password", Hidden(one.password)},
                          {"endpoint", BareUrl(one.s3.endpoint)},
                          {"region", one.s3.region},
                          {"access_key", Hidden(one.s3.access_key)},
                          {"secret_key", Hidden(one.s3.secret_key)},
                          {"session_token", Hidden(one.s3.session_token)},
                          {"profile", one.s3.profile},
                          {"storage_class", one.s3.storage_class},
                          {"sse", one.s3.sse},
                          {"retention_mode", one.s3.retention_mode},
                          {"limit_upload", one.limits.upload},
                          {"limit_download", one.limits.download},
                          {"limit_requests", one.limits.requests},
                          {"limit_connections", one.limits.connections}};
  }
  return repositories;
}

Json SchedulesOf(const Config& config) {
  Json schedules = Json::object();
  for (const ScheduleConfig& one : config.schedules) schedules[one.id] = Json::parse(one.text);
  return schedules;
}

Json RulesOf(const alerts::Policy& policy) {
  Json rules = Json::object();
  for (const std::string& name : alerts::RuleNames()) {
    const alerts::RulePolicy& rule = policy.of(*alerts::RuleOf(name));
    rules[name] = {{"enabled", rule.enabled},
                   {"severity", alerts::NameOf(rule.severity)},
                   {"hold", TimeText(rule.hold)},
                   {"clear", TimeText(rule.clear)}};
    if (rule.limit > Duration{}) rules[name]["limit"] = TimeText(rule.limit);
  }
  const char* const full = alerts::NameOf(alerts::Rule::kStorageFull);
  rules[full]["limit"] = std::to_string(static_cast<int>(policy.storage_limit)) + "%";
  rules[full]["warn"] = std::to_string(static_cast<int>(policy.storage_warn)) + "%";
  return rules;
}

// Addresses of channels are secrets with some receivers, so only their kinds are shown.
Json AlertsOf(const AlertsConfig& config) {
  Json channels = Json::object();
  for (const alerts::ChannelOptions& one : config.channels) {
    channels[one.audience.channel] = {{"type", alerts::TypeOf(one)},
                                      {"min_severity", alerts::NameOf(one.audience.min_severity)},
                                      {"rules", one.audience.rules},
                                      {"timeout", TimeText(one.timeout)}};
  }
  return {{"enabled", config.enabled},
          {"interval", TimeText(config.interval)},
          {"repositories_every", TimeText(config.repositories_every)},
          {"keep", TimeText(config.keep)},
          {"link", BareUrl(config.link)},
          {"exclude", config.policy.exclude},
          {"capacity", config.capacity},
          {"rules", RulesOf(config.policy)},
          {"channels", std::move(channels)},
          {"heartbeat", Hidden(config.heartbeat.url)}};
}

}  // namespace

std::string BareUrl(const std::string& url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string::npos) return url;
  const std::size_t begin = scheme + 3;
  const std::size_t at = url.find('@', begin);
  if (at == std::string::npos || at > url.find('/', begin)) return url;
  return url.substr(0, begin) + url.substr(at + 1);
}

nlohmann::ordered_json ConfigView(const Config& config) {
  return {{"clusters", ClustersOf(config)},
          {"repositories", RepositoriesOf(config)},
          {"defaults",
           {{"cluster", config.default_cluster}, {"repository", config.default_repository}}},
          {"serve",
           {{"data_dir", config.serve.data_dir},
            {"places", config.serve.places},
            {"keep_history", TimeText(config.serve.keep_history)}}},
          {"schedules", SchedulesOf(config)},
          {"alerts", AlertsOf(config.alerts)},
          {"api",
           {{"listen", config.api.address + ":" + std::to_string(config.api.port)},
            {"public_url", config.api.public_url},
            {"tls_cert", config.api.tls_cert},
            {"tls_key", Hidden(config.api.tls_key)},
            {"session_idle", TimeText(config.api.session_idle)},
            {"max_connections", config.api.max_connections}}}};
}

}  // namespace aerie::app
