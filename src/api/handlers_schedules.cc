// Schedules: told, changed, tried, run now.
#include <algorithm>
#include <utility>

#include "api/call.h"
#include "jobs/jobs.h"
#include "jobs/planner.h"
#include "jobs/schedule.h"
#include "jobs/scheduler.h"

namespace aerie::api {
namespace {

Json MsOrNull(const std::optional<WallTime>& time) {
  return time ? TimeOf(ToUnixMillis(*time)) : Json(nullptr);
}

Json RunJson(const catalog::ScheduleRun& run) {
  const auto reason = jobs::DueReasonOf(run.reason);
  return {{"due_at", TimeOf(run.due_ms)},
          {"last_due_at", TimeOf(run.last_due_ms)},
          {"times", run.times},
          {"outcome", run.outcome},
          {"reason", run.reason},
          {"explanation", reason ? jobs::Explain(*reason) : ""},
          {"job", run.job == 0 ? Json(nullptr) : Json(run.job)},
          {"recorded_at", TimeOf(run.at_ms)}};
}

Result<Json> ScheduleJson(Call& call, const catalog::Schedule& schedule,
                          const std::set<std::string>& configured) {
  const WallTime now = FromUnixMillis(call.now_ms);
  AERIE_ASSIGN(const auto runs, call.parts.schedules.Runs(schedule.id, 0, 1));
  Json json = {{"id", schedule.id},
               {"rules", ParseKept(schedule.spec)},
               {"managed_by", configured.contains(schedule.id) ? "configuration" : "catalog"},
               {"description", ""},
               {"next_due_at", nullptr},
               {"last_run", runs.empty() ? Json(nullptr) : RunJson(runs.front())},
               {"created_at", TimeOf(schedule.created_ms)},
               {"updated_at", TimeOf(schedule.updated_ms)},
               {"error", nullptr}};
  const auto spec = jobs::ScheduleFromText(schedule.id, schedule.spec);
  if (!spec.ok()) {
    json["error"] = std::string(spec.status().message());
    if (json["rules"].is_null()) json["rules"] = Json::object();
    return json;
  }
  json["description"] = jobs::Describe(*spec, now);
  if (spec->enabled) json["next_due_at"] = MsOrNull(jobs::NextDue(*spec, now));
  return json;
}

Json PreviewJson(const Call& call, const jobs::ScheduleSpec& spec) {
  WallTime after = FromUnixMillis(call.now_ms);
  Json next = Json::array();
  for (std::size_t i = 0; i < call.query.value("count", std::size_t{5}); ++i) {
    const auto due = jobs::NextDue(spec, after);
    if (!due) break;
    next.push_back({{"due_at", TimeOf(ToUnixMillis(*due))},
                    {"local", jobs::LocalText(spec.zone, *due)},
                    {"starts_at", MsOrNull(jobs::NextOpen(spec, jobs::StartOf(spec, *due)))}});
    after = *due;
  }
  return {{"description", jobs::Describe(spec, FromUnixMillis(call.now_ms))},
          {"next", std::move(next)}};
}

Result<Reply> OneSchedule(Call& call, const std::string& id) {
  AERIE_ASSIGN(const auto schedule, call.parts.schedules.Find(id));
  AERIE_ASSIGN(Json json,
               ScheduleJson(call, schedule, call.parts.ports.backend->ConfiguredSchedules()));
  return Reply{.json = std::move(json)};
}

Result<Reply> ListSchedules(Call& call) {
  AERIE_ASSIGN(const std::string after, PlaceOf(call));
  AERIE_ASSIGN(std::vector<catalog::Schedule> all, call.parts.schedules.List());
  std::erase_if(all, [&](const auto& schedule) { return schedule.id <= after; });
  const auto configured = call.parts.ports.backend->ConfiguredSchedules();
  Status failed;
  Json page = PageOf(
      all, call.Limit(),
      [&](auto& schedule) {
        auto json = ScheduleJson(call, schedule, configured);
        if (!json.ok()) failed = json.status();
        return json.ok() ? *std::move(json) : Json(nullptr);
      },
      [](auto& schedule) { return schedule.id; });
  AERIE_TRY(failed);
  return Reply{.json = std::move(page)};
}

// The rules as they came, checked, with their job; and whether he may.
Result<jobs::ScheduleSpec> SpecOf(Call& call, const std::string& id, const Json& rules) {
  AERIE_ASSIGN(jobs::ScheduleSpec spec, jobs::ScheduleFromText(id, rules.dump()));
  const auto kind = call.parts.kinds.find(spec.kind);
  if (kind == call.parts.kinds.end()) {
    return InvalidError("schedule '" + id + "': no jobs of kind '" + spec.kind + "' are known");
  }
  AERIE_TRY(Annotate(kind->second->Plan(call.context, spec.job).status(), "schedule '" + id + "'"));
  const Danger danger = DangerOf(call.parts, spec.kind, Json::parse(spec.job));
  if (call.who.role < danger.role) {
    return MakeStatus(Kind::kDenied,
                      "a schedule to " + danger.what + ": this takes the role admin");
  }
  return spec;
}

Status CheckNotConfigured(Call& call, const std::string& id) {
  if (!call.parts.ports.backend->ConfiguredSchedules().contains(id)) return Ok();
  return RefusedError("schedule '" + id + "' is made by the configuration; change it there");
}

Result<Reply> CreateSchedule(Call& call) {
  const std::string id = call.body.at("id");
  call.object = id;
  AERIE_ASSIGN(const jobs::ScheduleSpec spec, SpecOf(call, id, call.body.at("rules")));
  AERIE_TRY(call.parts.schedules.Create(id, jobs::ToText(spec), call.now_ms));
  AERIE_ASSIGN(Reply reply, OneSchedule(call, id));
  reply.headers.emplace_back("Location", "/api/v1/schedules/" + id);
  return reply;
}

Result<Reply> PreviewSchedule(Call& call) {
  AERIE_ASSIGN(const jobs::ScheduleSpec spec, jobs::ScheduleFromText("tried", call.body.dump()));
  return Reply{.json = PreviewJson(call, spec)};
}

Result<Reply> GetSchedule(Call& call) { return OneSchedule(call, call.path.at("id")); }

Result<Reply> ReplaceSchedule(Call& call) {
  const std::string& id = call.path.at("id");
  AERIE_TRY(call.parts.schedules.Find(id).status());
  AERIE_TRY(CheckNotConfigured(call, id));
  AERIE_ASSIGN(const jobs::ScheduleSpec spec, SpecOf(call, id, call.body));
  AERIE_TRY(jobs::Scheduler(call.parts.schedules).Put(spec, FromUnixMillis(call.now_ms)));
  return OneSchedule(call, id);
}

Result<Reply> RemoveSchedule(Call& call) {
  const std::string& id = call.path.at("id");
  AERIE_TRY(call.parts.schedules.Find(id).status());
  AERIE_TRY(CheckNotConfigured(call, id));
  if (call.Text("confirm") != id) return Unconfirmed("remove the schedule", id);
  AERIE_TRY(jobs::Scheduler(call.parts.schedules).Remove(id, FromUnixMillis(call.now_ms)));
  return Reply{};
}

Result<jobs::ScheduleSpec> KnownSpec(Call& call) {
  AERIE_ASSIGN(const auto schedule, call.parts.schedules.Find(call.path.at("id")));
  return jobs::ScheduleFromText(schedule.id, schedule.spec);
}

Result<Reply> GetScheduleNext(Call& call) {
  AERIE_ASSIGN(const jobs::ScheduleSpec spec, KnownSpec(call));
  return Reply{.json = PreviewJson(call, spec)};
}

Result<Reply> GetScheduleRuns(Call& call) {
  AERIE_ASSIGN(const std::int64_t before, NumberPlaceOf(call));
  AERIE_TRY(call.parts.schedules.Find(call.path.at("id")).status());
  AERIE_ASSIGN(const auto runs,
               call.parts.schedules.Runs(call.path.at("id"), before, call.Limit() + 1));
  return Reply{.json = PageOf(runs, call.Limit(), RunJson,
                              [](auto& run) { return std::to_string(run.due_ms); })};
}

Result<Reply> RunSchedule(Call& call) {
  AERIE_ASSIGN(const jobs::ScheduleSpec spec, KnownSpec(call));
  // What it may destroy was for whoever made the schedule to answer for.
  return MakeJob(call, {.kind = spec.kind,
                        .spec = Json::parse(spec.job),
                        .priority = spec.priority,
                        .schedule = spec.id});
}

}  // namespace

HandlerMap ScheduleHandlers() {
  return {{"listSchedules", ListSchedules},     {"createSchedule", CreateSchedule},
          {"previewSchedule", PreviewSchedule}, {"getSchedule", GetSchedule},
          {"replaceSchedule", ReplaceSchedule}, {"removeSchedule", RemoveSchedule},
          {"getScheduleNext", GetScheduleNext}, {"getScheduleRuns", GetScheduleRuns},
          {"runSchedule", RunSchedule}};
}

}  // namespace aerie::api
