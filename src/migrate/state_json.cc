#include "migrate/state_json.h"

#include <nlohmann/json.hpp>

namespace aerie::migrate {
namespace {

using Json = nlohmann::ordered_json;

Status Corrupt(const std::string& what) {
  return CorruptError("state of a migration in the catalog: " + what +
                      "; it was not written by this version of aerie");
}

}  // namespace

std::string ToText(const State& s) {
  Json open = Json::array();
  for (const Incident incident : s.open) open.push_back(NameOf(incident));
  return Json{{"phase", NameOf(s.phase)},
              {"running", s.running},
              {"paused", s.paused},
              {"cutover_wanted", s.cutover_wanted},
              {"rollback_wanted", s.rollback_wanted},
              {"forced", s.forced},
              {"after", NameOf(s.after)},
              {"blocked_at", NameOf(s.blocked_at)},
              {"due_ms", s.due_ms},
              {"pause_began_ms", s.pause_began_ms},
              {"audited_ms", s.audited_ms},
              {"last_pause_ms", s.last_pause_ms},
              {"rounds", s.rounds},
              {"rounds_behind", s.rounds_behind},
              {"proofs", s.proofs},
              {"open", open}}
      .dump();
}

Result<State> StateFromText(const std::string& text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return Corrupt("no JSON object");
  try {
    State s;
    const auto phase = [&](const char* key) { return PhaseOf(json.at(key).get<std::string>()); };
    const auto at = phase("phase"), after = phase("after"), blocked_at = phase("blocked_at");
    if (!at || !after || !blocked_at) return Corrupt("a phase of another name");
    s.phase = *at;
    s.after = *after;
    s.blocked_at = *blocked_at;
    json.at("running").get_to(s.running);
    json.at("paused").get_to(s.paused);
    json.at("cutover_wanted").get_to(s.cutover_wanted);
    json.at("rollback_wanted").get_to(s.rollback_wanted);
    json.at("forced").get_to(s.forced);
    json.at("due_ms").get_to(s.due_ms);
    json.at("pause_began_ms").get_to(s.pause_began_ms);
    s.audited_ms = json.value("audited_ms", std::int64_t{0});  // absent in the first version
    json.at("last_pause_ms").get_to(s.last_pause_ms);
    json.at("rounds").get_to(s.rounds);
    json.at("rounds_behind").get_to(s.rounds_behind);
    json.at("proofs").get_to(s.proofs);
    for (const auto& name : json.at("open")) {
      const auto incident = IncidentOf(name.get<std::string>());
      if (!incident) return Corrupt("an incident of another name");
      s.open.insert(*incident);
    }
    return s;
  } catch (const Json::exception& error) {
    return Corrupt(error.what());
  }
}

}  // namespace aerie::migrate
