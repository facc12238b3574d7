#include <set>

#include <nlohmann/json.hpp>

#include "base/duration.h"
#include "jobs/schedule.h"

namespace aerie::jobs {
namespace {

using Json = nlohmann::ordered_json;

// One schedule's members, each taken once.
class Members {
 public:
  Members(const std::string& id, const Json& json) : what_("schedule '" + id + "'"), json_(json) {}

  // Leaves `into` alone where there is no such member.
  template <class T>
  Status Get(const char* key, const char* type, T& into) {
    known_.insert(key);
    const auto found = json_.find(key);
    if (found == json_.end()) return Ok();
    try {
      found->get_to(into);
    } catch (const Json::exception&) {
      return Fail(key, std::string("must be ") + type);
    }
    return Ok();
  }
  template <class Policy>
  Status GetPolicy(const char* key, std::initializer_list<Policy> all, Policy& into) {
    std::string word = NameOf(into), names;
    AERIE_TRY(Get(key, "a text", word));
    for (const Policy policy : all) {
      if (word == NameOf(policy)) {
        into = policy;
        return Ok();
      }
      names += std::string(names.empty() ? "" : " or ") + NameOf(policy);
    }
    return Fail(key, "must be " + names);
  }
  Status CheckUnknown() const {
    for (const auto& [key, value] : json_.items()) {
      if (!known_.contains(key)) return Fail(key, "is not known; see docs/scheduling.md");
    }
    return Ok();
  }
  Status Fail(const std::string& key, const std::string& why) const {
    return InvalidError(what_ + ": '" + key + "' " + why);
  }
  const std::string& what() const { return what_; }

 private:
  const std::string what_;
  const Json& json_;
  std::set<std::string> known_;
};

Status ReadTimes(Members& members, ScheduleSpec& spec) {
  std::string when, zone = "UTC", jitter = "0", window;
  std::vector<std::string> blackouts;
  AERIE_TRY(members.Get("when", "a text", when));
  AERIE_TRY(members.Get("zone", "a text", zone));
  AERIE_TRY(members.Get("jitter", "a text such as 10m", jitter));
  AERIE_TRY(members.Get("window", "a text such as 22:00-06:00", window));
  AERIE_TRY(members.Get("blackouts", "a list of texts", blackouts));
  AERIE_ASSIGN(spec.when, ParseWhen(when));
  AERIE_ASSIGN(spec.zone, Zone::Load(zone));
  AERIE_ASSIGN(spec.jitter, ParseDuration(jitter, members.what() + ": jitter"));
  if (!window.empty()) {
    AERIE_ASSIGN(spec.window, ParseStretch(window, members.what() + ": window"));
  }
  for (const std::string& blackout : blackouts) {
    AERIE_ASSIGN(Stretch stretch, ParseStretch(blackout, members.what() + ": blackout"));
    spec.blackouts.push_back(std::move(stretch));
  }
  return Ok();
}

}  // namespace

std::string ToText(const ScheduleSpec& spec) {
  Json blackouts = Json::array();
  for (const Stretch& blackout : spec.blackouts) blackouts.push_back(blackout.text);
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(spec.jitter).count();
  Json json{{"when", spec.when.text},
            {"zone", spec.zone.name()},
            {"jitter", std::to_string(seconds) + "s"},
            {"window", spec.window ? spec.window->text : ""},
            {"blackouts", std::move(blackouts)},
            {"missed", NameOf(spec.missed)},
            {"overlap", NameOf(spec.overlap)},
            {"priority", spec.priority},
            {"enabled", spec.enabled},
            {"kind", spec.kind},
            {"job", Json::parse(spec.job, nullptr, false)}};
  if (json["job"].is_discarded()) json["job"] = Json::object();
  // What is no UTF-8 came from outside, and must not end the program.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<ScheduleSpec> ScheduleFromText(const std::string& id, const std::string& text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return InvalidError("schedule '" + id + "': is no JSON object");
  Members members(id, json);
  ScheduleSpec spec;
  spec.id = id;
  Json job = Json::object();
  AERIE_TRY(ReadTimes(members, spec));
  AERIE_TRY(
      members.GetPolicy("missed", {MissedPolicy::kRunOnce, MissedPolicy::kSkip}, spec.missed));
  AERIE_TRY(
      members.GetPolicy("overlap", {OverlapPolicy::kQueue, OverlapPolicy::kSkip}, spec.overlap));
  AERIE_TRY(members.Get("priority", "a number", spec.priority));
  AERIE_TRY(members.Get("enabled", "true or false", spec.enabled));
  AERIE_TRY(members.Get("kind", "a text", spec.kind));
  AERIE_TRY(members.Get("job", "an object", job));
  AERIE_TRY(members.CheckUnknown());
  if (!job.is_object()) return members.Fail("job", "must be an object");
  spec.job = job.dump();
  AERIE_TRY(Check(spec));
  return spec;
}

}  // namespace aerie::jobs
