#include "jobs/job_json.h"

#include "jobs/jobs.h"
#include "jobs/machine.h"
#include "jobs/schedule.h"

namespace aerie::jobs {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kNextTimes = 3;

Json TimeOf(std::int64_t ms) {
  return ms == 0 ? Json(nullptr) : Json(FormatUtc(FromUnixMillis(ms)));
}

// What a kind or a person stored, as it is; null: nothing.
Json Stored(const std::string& text) {
  if (text.empty()) return nullptr;
  Json json = Json::parse(text, nullptr, false);
  return json.is_discarded() ? Json(text) : json;
}

// Kinds as the catalog has them, by name; kFailed for what is none.
Kind KindOfName(const std::string& name) {
  for (int i = static_cast<int>(Kind::kFailed); i <= static_cast<int>(Kind::kInternal); ++i) {
    if (name == KindName(static_cast<Kind>(i))) return static_cast<Kind>(i);
  }
  return Kind::kFailed;
}

Json TextOr(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

}  // namespace

Json ToJson(const catalog::Job& job) {
  Json json = {{"number", job.number},
               {"kind", job.kind},
               {"state", job.standing.state},
               {"schedule", TextOr(job.schedule)},
               {"due_at", TimeOf(job.due_ms)},
               {"created_at", TimeOf(job.created_ms)},
               {"queued_at", TimeOf(job.queued_ms)},
               {"started_at", TimeOf(job.started_ms)},
               {"ended_at", TimeOf(job.ended_ms)},
               {"priority", job.priority},
               {"spec", Stored(job.spec)},
               {"checkpoint", Stored(job.checkpoint)},
               {"progress", Stored(job.progress)},
               {"result", Stored(job.result)},
               {"error", nullptr},
               {"interruptions", job.interruptions},
               {"trace_id", TextOr(TraceOf(job).id)},
               {"rebuilt", !job.rebuilt.empty()},
               {"holder", nullptr}};
  if (!job.error.empty()) json["error"] = {{"kind", job.error_kind}, {"message", job.error}};
  if (job.holder) {
    json["holder"] = {{"host", job.holder->host}, {"pid", job.holder->process.pid}};
  }
  return json;
}

Json ToJson(const catalog::LogEntry& entry) {
  return {
      {"seq", entry.seq}, {"at", TimeOf(entry.at_ms)}, {"kind", entry.kind}, {"text", entry.text}};
}

Json ToJson(const catalog::Schedule& schedule, WallTime now) {
  Json json = {{"id", schedule.id},
               {"origin", TextOr(schedule.origin)},
               {"created_at", TimeOf(schedule.created_ms)},
               {"updated_at", TimeOf(schedule.updated_ms)}};
  const Json stored = Stored(schedule.spec);
  if (stored.is_object()) json.update(stored);
  const auto spec = ScheduleFromText(schedule.id, schedule.spec);
  json["meaning"] = spec.ok() ? Json(Describe(spec->when)) : Json(nullptr);
  json["next"] = Json::array();
  if (!spec.ok() || !spec->enabled) return json;
  for (WallTime after = now; json["next"].size() < kNextTimes;) {
    const auto due = NextDue(*spec, after);
    if (!due) break;
    json["next"].push_back(FormatUtc(*due));
    after = *due;
  }
  return json;
}

Json ToJson(const catalog::ScheduleRun& run) {
  return {{"due_at", TimeOf(run.due_ms)},
          {"last_due_at", TimeOf(run.last_due_ms)},
          {"times", run.times},
          {"outcome", run.outcome},
          {"reason", TextOr(run.reason)},
          {"job", run.job == 0 ? Json(nullptr) : Json(run.job)},
          {"recorded_at", TimeOf(run.at_ms)}};
}

Status StatusOf(const catalog::Job& job) {
  if (!job.standing.ended || job.standing.state == NameOf(JobState::kCompleted)) return Ok();
  const std::string what = "job " + std::to_string(job.number);
  if (job.standing.state == NameOf(JobState::kCancelled)) {
    return MakeStatus(Kind::kCancelled, what + ": cancelled; aerie job resume goes on with it");
  }
  return MakeStatus(KindOfName(job.error_kind),
                    job.error.empty() ? what + ": " + job.standing.state : job.error);
}

}  // namespace aerie::jobs
