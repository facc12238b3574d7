#include "migrate/spec.h"

#include <nlohmann/json.hpp>

namespace aerie::migrate {
namespace {

using Json = nlohmann::ordered_json;

std::int64_t Millis(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

Json ToJson(const MigrationSpec& s) {
  return {{"from", s.from},
          {"to", s.to},
          {"collections", s.collections},
          {"database", s.database},
          {"strategy", NameOf(s.rules.strategy)},
          {"auto_cutover", s.rules.auto_cutover},
          {"max_pause_ms", Millis(s.rules.max_pause)},
          {"interval_ms", Millis(s.rules.interval)},
          {"retry_ms", Millis(s.rules.retry)},
          {"ready_time_ms", Millis(s.rules.ready_time)},
          {"ready_rows", s.rules.ready_rows},
          {"audit_every_ms", Millis(s.rules.audit_every)},
          {"fence_command", s.fence_command},
          {"fence_by_privileges", s.fence_by_privileges},
          {"switch_command", s.switch_command},
          {"alert_command", s.alert_command},
          {"hook_timeout_ms", Millis(s.hook_timeout)},
          {"accept", s.accept}};
}

Status Corrupt(const std::string& what) {
  return CorruptError("spec of a migration in the catalog: " + what +
                      "; it was not written by this version of aerie");
}

}  // namespace

std::string ToText(const MigrationSpec& spec) { return ToJson(spec).dump(); }

Result<MigrationSpec> SpecFromText(const std::string& text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return Corrupt("no JSON object");
  try {
    MigrationSpec s;
    const auto duration = [&](const char* key) {
      return Duration(std::chrono::milliseconds(json.at(key).get<std::int64_t>()));
    };
    json.at("from").get_to(s.from);
    json.at("to").get_to(s.to);
    json.at("collections").get_to(s.collections);
    json.at("database").get_to(s.database);
    const auto strategy = StrategyOf(json.at("strategy").get<std::string>());
    if (!strategy) return Corrupt("a strategy of another name");
    s.rules.strategy = *strategy;
    json.at("auto_cutover").get_to(s.rules.auto_cutover);
    s.rules.max_pause = duration("max_pause_ms");
    s.rules.interval = duration("interval_ms");
    s.rules.retry = duration("retry_ms");
    s.rules.ready_time = duration("ready_time_ms");
    json.at("ready_rows").get_to(s.rules.ready_rows);
    if (json.contains("audit_every_ms")) s.rules.audit_every = duration("audit_every_ms");
    json.at("fence_command").get_to(s.fence_command);
    // What an earlier version has stored does not have it.
    s.fence_by_privileges = json.value("fence_by_privileges", false);
    json.at("switch_command").get_to(s.switch_command);
    json.at("alert_command").get_to(s.alert_command);
    s.hook_timeout = duration("hook_timeout_ms");
    json.at("accept").get_to(s.accept);
    s.rules.manual_fence = s.fence_command.empty() && !s.fence_by_privileges;
    return s;
  } catch (const Json::exception& error) {
    return Corrupt(error.what());
  }
}

std::vector<std::string> Differences(const MigrationSpec& stored, const MigrationSpec& given) {
  const Json before = ToJson(stored), now = ToJson(given);
  std::vector<std::string> names;
  for (const auto& [key, value] : before.items()) {
    if (key != "accept" && now.at(key) != value) names.push_back(key);
  }
  return names;
}

}  // namespace aerie::migrate
