// Jobs: told, made, watched, stopped.
#include <algorithm>
#include <atomic>
#include <utility>

#include "api/call.h"
#include "base/process.h"
#include "jobs/job_json.h"
#include "jobs/jobs.h"

namespace aerie::api {
namespace {

jobs::JobTraits TraitsOf(const Parts& parts, const std::string& kind) {
  const auto found = parts.kinds.find(kind);
  return found == parts.kinds.end() ? jobs::JobTraits{.can_resume = false}
                                    : found->second->traits();
}

Json ActionsOf(const Parts& parts, const catalog::Job& job) {
  Json actions = Json::array();
  const auto state = jobs::JobStateOf(job.standing.state);
  if (!state) return actions;
  for (const auto event :
       {jobs::JobEvent::kCancel, jobs::JobEvent::kPause, jobs::JobEvent::kResume}) {
    const auto step = jobs::Step(TraitsOf(parts, job.kind), *state, event);
    if (step.refused.empty() && step.next != *state) actions.push_back(jobs::NameOf(event));
  }
  return actions;
}

// A member of a spec as a text; "" when it is none.
std::string Word(const Json& spec, const char* name) {
  const auto found = spec.find(name);
  return found != spec.end() && found->is_string() ? found->get<std::string>() : std::string();
}

bool Flag(const Json& spec, const char* name) {
  const auto found = spec.find(name);
  return found != spec.end() && *found == true;
}

std::string Words(const Json& spec, const char* name) {
  std::string words;
  for (const Json& one : spec.value(name, Json::array())) {
    if (one.is_string()) words += (words.empty() ? "" : ",") + one.get<std::string>();
  }
  return words;
}

bool Confirms(const Danger& danger, const std::string& confirm) {
  if (!danger.confirm || confirm == *danger.confirm) return true;
  // Of one snapshot that is named whole, its short name is enough.
  return danger.what == "delete snapshots" && danger.confirm->size() == 32 &&
         confirm == danger.confirm->substr(0, 8);
}

Result<Reply> ListJobs(Call& call) {
  catalog::JobFilter filter{.open_only = call.query.value("open", false),
                            .state = call.Text("state"),
                            .kind = call.Text("kind"),
                            .schedule = call.Text("schedule"),
                            .limit = call.Limit() + 1};
  AERIE_ASSIGN(filter.before, NumberPlaceOf(call));
  AERIE_ASSIGN(const auto list, call.parts.jobs.List(filter));
  return Reply{.json = PageOf(
                   list, call.Limit(), [&](auto& job) { return JobJson(call.parts, job, false); },
                   [](auto& job) { return std::to_string(job.number); })};
}

std::int64_t NumberOf(const Call& call) { return std::stoll(call.path.at("number")); }

Result<Reply> GetJob(Call& call) {
  AERIE_ASSIGN(const auto job, call.parts.jobs.Find(NumberOf(call)));
  return Reply{.json = JobJson(call.parts, job, true)};
}

Result<Reply> CreateJob(Call& call) {
  return MakeJob(call, {.kind = call.body.at("kind"),
                        .spec = call.body.at("spec"),
                        .priority = call.body.value("priority", 0),
                        .confirm = call.body.value("confirm", "")});
}

// Those that look go through repositories and clusters, and hold a worker meanwhile.
class PreviewPlace {
 public:
  PreviewPlace() : is_free_(at_once_.fetch_add(1) < kMost) {}
  ~PreviewPlace() { at_once_.fetch_sub(1); }
  PreviewPlace(const PreviewPlace&) = delete;
  PreviewPlace& operator=(const PreviewPlace&) = delete;
  bool is_free() const { return is_free_; }

 private:
  static constexpr int kMost = 2;
  static inline std::atomic<int> at_once_{0};
  const bool is_free_;
};

using PlanOfKind = Result<std::string> (jobs::JobKind::*)(const Context&, const std::string&);

Result<Reply> PlanBy(Call& call, PlanOfKind plan) {
  const std::string kind = call.body.at("kind");
  const auto found = call.parts.kinds.find(kind);
  if (found == call.parts.kinds.end())
    return InvalidError("no jobs of kind '" + kind + "' are known");
  const Danger danger = DangerOf(call.parts, kind, call.body.at("spec"));
  AERIE_ASSIGN(std::string summary,
               ((*found->second).*plan)(call.context, call.body.at("spec").dump()));
  return Reply{.json = {{"kind", kind},
                        {"summary", std::move(summary)},
                        {"role", NameOf(danger.role)},
                        {"confirm", danger.confirm ? Json(*danger.confirm) : Json(nullptr)}}};
}

Result<Reply> PlanJob(Call& call) { return PlanBy(call, &jobs::JobKind::Plan); }

Result<Reply> PreviewJob(Call& call) {
  const PreviewPlace place;
  if (place.is_free()) return PlanBy(call, &jobs::JobKind::Preview);
  Reply busy = ProblemOf(503, Kind::kTransient, "other previews are being made; try again shortly");
  busy.headers.emplace_back("Retry-After", "5");
  return busy;
}

Result<Reply> GetJobLog(Call& call) {
  AERIE_ASSIGN(const std::int64_t after, NumberPlaceOf(call));
  AERIE_TRY(call.parts.jobs.Find(NumberOf(call)).status());
  AERIE_ASSIGN(const auto log, call.parts.jobs.Log(NumberOf(call), after, call.Limit() + 1));
  return Reply{.json = PageOf(log, call.Limit(), LogJson,
                              [](auto& entry) { return std::to_string(entry.seq); })};
}

Result<Reply> TellJob(Call& call, jobs::JobEvent event) {
  const catalog::Holder me{.process = ThisProcess(), .host = "", .renewed_ms = call.now_ms};
  AERIE_ASSIGN(const auto job,
               jobs::Tell(call.parts.jobs, call.parts.kinds, NumberOf(call), event, me));
  if (call.parts.ports.wake) call.parts.ports.wake();
  return Reply{.json = JobJson(call.parts, job, true)};
}
Result<Reply> CancelJob(Call& call) { return TellJob(call, jobs::JobEvent::kCancel); }
Result<Reply> PauseJob(Call& call) { return TellJob(call, jobs::JobEvent::kPause); }
Result<Reply> ResumeJob(Call& call) { return TellJob(call, jobs::JobEvent::kResume); }

// What one who watches a job was told.
class JobFeed {
 public:
  JobFeed(Parts& parts, std::int64_t number, std::int64_t after)
      : parts_(parts), number_(number), after_(after) {}

  EventHub::Portion Next() {
    EventHub::Portion portion;
    const auto job = parts_.jobs.Find(number_);
    if (!job.ok()) {
      portion.end = KindOf(job.status()) == Kind::kNotFound;
      return portion;
    }
    const auto log = parts_.jobs.Log(number_, after_, kMostEntries);
    if (!log.ok()) return portion;
    for (const catalog::LogEntry& entry : *log) {
      after_ = entry.seq;
      portion.text += EventText(std::to_string(after_), "log", Dump(LogJson(entry)));
    }
    std::string text = Dump(JobJson(parts_, *job, false));
    if (text != said_) portion.text += EventText(std::to_string(after_), "job", text);
    said_ = std::move(text);
    if (job->standing.ended && log->size() < kMostEntries) {
      portion.end = true;
      portion.text += EventText(std::to_string(after_), "end", Dump(JobJson(parts_, *job, true)));
    }
    return portion;
  }

 private:
  static constexpr std::size_t kMostEntries = 100;  // at a time
  static std::string Dump(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
  }

  Parts& parts_;
  const std::int64_t number_;
  std::int64_t after_;
  std::string said_;
};

Result<Reply> StreamReply(std::shared_ptr<ByteStream> stream) {
  if (stream) return Reply{.stream = std::move(stream)};
  Reply busy = ProblemOf(503, Kind::kTransient, "too many listen already; try again later");
  busy.headers.emplace_back("Retry-After", "15");
  return busy;
}

Result<Reply> WatchJob(Call& call) {
  AERIE_TRY(call.parts.jobs.Find(NumberOf(call)).status());
  std::int64_t after = 0;
  const std::string& last = call.last_event_id;
  if (!last.empty() && last.size() <= 18 &&
      last.find_first_not_of("0123456789") == std::string::npos) {
    after = std::stoll(last);
  }
  auto feed = std::make_shared<JobFeed>(call.parts, NumberOf(call), after);
  return StreamReply(call.parts.hub.ListenTo([feed] { return feed->Next(); }));
}

Result<Reply> WatchEverything(Call& call) {
  return StreamReply(call.parts.hub.Listen(call.last_event_id));
}

}  // namespace

Json JobJson(const Parts& parts, const catalog::Job& job, bool whole) {
  Json json = jobs::ToJson(job);
  // The command line's alone: what a job goes on from, and where its history comes from.
  json.erase("checkpoint");
  json.erase("rebuilt");
  if (!whole) json.erase("result");
  for (const char* name : {"spec", "progress", "result"}) {
    if (json.contains(name) && !json[name].is_object()) json[name] = nullptr;
  }
  if (json["spec"].is_null()) json["spec"] = Json::object();
  json["actions"] = ActionsOf(parts, job);
  return json;
}

Json LogJson(const catalog::LogEntry& entry) { return jobs::ToJson(entry); }

Danger DangerOf(const Parts& parts, const std::string& kind, const Json& spec) {
  if (Flag(spec, "dry_run")) return {};
  const auto named = [&](const char* key, const std::string& otherwise) {
    const std::string word = Word(spec, key);
    return word.empty() ? otherwise : word;
  };
  if (kind == "delete") {
    return {.role = Role::kAdmin, .confirm = Words(spec, "snapshots"), .what = "delete snapshots"};
  }
  if (kind == "prune") {
    return {.role = Role::kAdmin,
            .confirm = named("repository", parts.ports.backend->DefaultRepository()),
            .what = "prune the repository"};
  }
  const std::string conflict = Word(spec, "on_conflict");
  if ((kind == "restore" || kind == "copy") && !conflict.empty() && conflict != "fail") {
    return {.role = Role::kAdmin,
            .confirm = named("to", parts.ports.backend->DefaultCluster()),
            .what = kind + " over what is there"};
  }
  if (kind == "sync" && (Flag(spec, "adopt") || Flag(spec, "prune_extra"))) {
    return {.role = Role::kAdmin,
            .confirm = named("to", parts.ports.backend->DefaultCluster()),
            .what = "sync over what is there"};
  }
  if (kind == "backup" && spec.contains("keep") && !spec.at("keep").is_null()) {
    return {.role = Role::kAdmin, .what = "back up, and delete old snapshots"};
  }
  return {};
}

Result<Reply> MakeJob(Call& call, const WantedJob& wanted) {
  const std::string& kind = wanted.kind;
  const Danger danger = DangerOf(call.parts, kind, wanted.spec);
  if (wanted.schedule.empty() && call.who.role < danger.role) {
    return ProblemOf(403, Kind::kDenied,
                     danger.what + ": this takes the role " + NameOf(danger.role));
  }
  const auto found = call.parts.kinds.find(kind);
  const std::string text = wanted.spec.dump();
  if (found != call.parts.kinds.end()) {
    AERIE_TRY(found->second->Plan(call.context, text).status());
  }
  if (wanted.schedule.empty() && !Confirms(danger, wanted.confirm)) {
    return Unconfirmed(danger.what, *danger.confirm);
  }
  AERIE_ASSIGN(
      const std::int64_t number,
      jobs::Submit(
          call.parts.jobs, call.parts.kinds,
          {.kind = kind, .spec = text, .priority = wanted.priority, .schedule = wanted.schedule},
          call.now_ms));
  if (call.parts.ports.wake) call.parts.ports.wake();
  call.object = "job " + std::to_string(number) + " (" + kind + ")" +
                (danger.confirm ? " " + *danger.confirm : "");
  AERIE_ASSIGN(const auto job, call.parts.jobs.Find(number));
  return Reply{.status = 202,
               .json = JobJson(call.parts, job, true),
               .headers = {{"Location", "/api/v1/jobs/" + std::to_string(number)}}};
}

HandlerMap JobHandlers() {
  return {{"listJobs", ListJobs},
          {"createJob", CreateJob},
          {"planJob", PlanJob},
          {"previewJob", PreviewJob},
          {"getJob", GetJob},
          {"getJobLog", GetJobLog},
          {"watchJob", WatchJob},
          {"cancelJob", CancelJob},
          {"pauseJob", PauseJob},
          {"resumeJob", ResumeJob},
          {"watchEverything", WatchEverything}};
}

}  // namespace aerie::api
