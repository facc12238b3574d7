#include "cli/job_desk.h"

#include <exception>
#include <optional>
#include <thread>
#include <utility>

#include "app/kinds/kinds.h"
#include "cli/args.h"
#include "jobs/job_json.h"
#include "jobs/runner.h"

namespace aerie::cli {
namespace {

constexpr Duration kLook = std::chrono::milliseconds(200);
constexpr std::size_t kLogPage = 1000;
// A daemon that systemd starts again is back before that (deploy/systemd/aerie.service: 10 s).
constexpr Duration kPatience = std::chrono::seconds(15);

// The progress of a job as the event that a command would have shown.
void ShowProgress(Output& output, const std::string& text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return;
  const auto number = [](const Json& from, const char* key) -> std::int64_t {
    const auto found = from.find(key);
    return found != from.end() && found->is_number() ? found->get<std::int64_t>() : -1;
  };
  const std::string phase = json.value("phase", "");
  const auto show = [&](const std::string& collection, const Json& from) {
    output.OnProgress({.type = ProgressEvent::Type::kCounts,
                       .phase = phase,
                       .collection = collection,
                       .rows_done = std::max<std::int64_t>(0, number(from, "rows")),
                       .rows_total = number(from, "rows_total"),
                       .bytes_done = std::max<std::int64_t>(0, number(from, "bytes")),
                       .bytes_total = number(from, "bytes_total"),
                       .message = {}});
  };
  const Json collections = json.value("collections", Json::array());
  for (const Json& one : collections) show(one.value("name", ""), one);
  if (collections.empty()) show("", json);
}

// Entries of the log after `seq`, which moves.
Status ShowLog(Environment& env, JobDesk& desk, std::int64_t number, std::int64_t& seq) {
  AERIE_ASSIGN(const auto entries, desk.jobs().Log(number, seq, kLogPage));
  for (const catalog::LogEntry& entry : entries) {
    seq = entry.seq;
    Json event = {{"event", "log"}, {"job", number}};
    event.update(jobs::ToJson(entry));
    env.output.Say(FormatUtc(FromUnixMillis(entry.at_ms)).substr(11, 8) + "  " + entry.kind + "  " +
                       entry.text + "\n",
                   event);
  }
  return Ok();
}

bool IsOver(const catalog::Job& job) {
  return job.standing.ended || job.standing.state == jobs::NameOf(jobs::JobState::kPaused);
}

// Of a job that nobody tends: what is left of it, if that is an end.
Result<catalog::Job> LeftOf(JobDesk& desk, std::int64_t number) {
  AERIE_TRY(jobs::Recover(desk.jobs(), desk.kinds(), desk.Me()).status());
  AERIE_ASSIGN(catalog::Job job, desk.jobs().Find(number));
  if (IsOver(job)) return job;
  const std::string named = "job " + std::to_string(number);
  return MakeStatus(Kind::kTransient,
                    "follow " + named + ": no aerie serve has the folder " + desk.folder() +
                        " any more, and the job is " + job.standing.state +
                        "; it goes on when one is started, or by aerie job resume " +
                        std::to_string(number));
}

}  // namespace

JobDesk::JobDesk(Environment& env, app::Config config, std::string folder, bool own_catalog,
                 std::unique_ptr<catalog::Catalog> catalog)
    : env_(env),
      config_(std::move(config)),
      folder_(std::move(folder)),
      own_catalog_(own_catalog),
      catalog_(std::move(catalog)),
      jobs_(*catalog_),
      schedules_(*catalog_),
      scheduler_(schedules_),
      kinds_(app::MakeJobKinds({.config = config_, .history = &jobs_})) {}

Result<std::unique_ptr<JobDesk>> JobDesk::Open(Environment& env, const PlaceArg& arg) {
  AERIE_ASSIGN(app::Config config,
               app::WithLocalRepository(PlacedConfig(env.session.config(), arg)));
  AERIE_ASSIGN(std::string folder, app::DataFolder(config));
  AERIE_ASSIGN(const std::string path, CatalogPathOf(config, arg));
  AERIE_ASSIGN(auto catalog, catalog::Catalog::Open(path));
  return std::unique_ptr<JobDesk>(new JobDesk(env, std::move(config), std::move(folder),
                                              arg.catalog.empty(), std::move(catalog)));
}

std::optional<ProcessIdentity> JobDesk::daemon() const {
  return own_catalog_ ? app::RunningDaemon(folder_) : std::nullopt;
}

bool JobDesk::IsTended(const catalog::Job& job) const {
  if (!own_catalog_ || daemon()) return true;
  return job.standing.held && job.holder && !HasEnded(job.holder->process);
}

std::int64_t JobDesk::NowMs() const { return ToUnixMillis(env_.context.clock().Now()); }

catalog::Holder JobDesk::Me() const {
  return {.process = ThisProcess(), .host = HostName(), .renewed_ms = NowMs()};
}

Result<std::string> WithWords(const std::string& spec, const std::vector<std::string>& words) {
  Json json = spec.empty() ? Json::object() : Json::parse(spec, nullptr, false);
  if (!json.is_object()) return InvalidError("the spec is no JSON object; see docs/jobs.md");
  for (const std::string& word : words) {
    const auto equals = word.find('=');
    if (equals == std::string::npos || equals == 0) {
      return InvalidError("'" + word + "' is not KEY=VALUE, as in cluster=prod or keep.daily=7");
    }
    const std::string key = word.substr(0, equals), text = word.substr(equals + 1);
    Json value = text;
    if (text.starts_with('[') || text.starts_with('{')) {
      value = Json::parse(text, nullptr, false);
      if (value.is_discarded()) return InvalidError("'" + word + "': the value is no valid JSON");
    }
    const auto dot = key.find('.');
    Json& object = dot == std::string::npos ? json : json[key.substr(0, dot)];
    if (object.is_null()) object = Json::object();
    if (!object.is_object()) return InvalidError("'" + word + "': it has no members");
    const std::string member = dot == std::string::npos ? key : key.substr(dot + 1);
    if (text.empty()) {
      object.erase(member);
    } else {
      object[member] = std::move(value);
    }
  }
  return Dump(json);
}

Result<catalog::Job> Follow(Environment& env, JobDesk& desk, std::int64_t number) {
  std::int64_t seq = 0;
  std::string shown;
  SteadyTime tended = env.context.clock().Steady();
  for (;;) {
    AERIE_ASSIGN(catalog::Job job, desk.jobs().Find(number));
    AERIE_TRY(ShowLog(env, desk, number, seq));
    if (job.standing.held && job.progress != shown) ShowProgress(env.output, job.progress);
    shown = job.progress;
    if (IsOver(job)) {
      AERIE_TRY(ShowLog(env, desk, number, seq));
      return job;
    }
    const SteadyTime now = env.context.clock().Steady();
    if (desk.IsTended(job)) tended = now;
    if (now - tended >= kPatience) return LeftOf(desk, number);
    AERIE_TRY(env.context.Sleep(kLook, "follow job " + std::to_string(number)));
  }
}

Result<catalog::Job> RunHere(Environment& env, JobDesk& desk, std::int64_t number) {
  jobs::Runner runner(
      desk.jobs(), desk.kinds(),
      {.places = 1, .poll = kLook, .until_idle = true, .only = number, .host = HostName()});
  Status ran;
  std::optional<Result<catalog::Job>> followed;
  CancelScope watching(env.context);
  {
    const std::jthread thread([&] {
      ran = runner.Run(env.context);
      // Another process may have it now: its end is not awaited here.
      if (!ran.ok()) watching.Cancel();
    });
    Environment shown{watching.context(), env.session, env.output, env.globals};
    followed = Follow(shown, desk, number);
  }
  AERIE_TRY(ran);
  if (!env.context.cancelled()) return *std::move(followed);
  return desk.jobs().Find(number);
}

CommandResult ResultOf(const catalog::Job& job) {
  CommandResult result;
  result.status = jobs::StatusOf(job);
  result.state = job.standing.state;
  result.json = jobs::ToJson(job);
  result.text = "job " + std::to_string(job.number) + " " + job.standing.state + "\n";
  return result;
}

CommandResult HandOver(Environment& env, JobDesk& desk, std::int64_t number, Waiting waiting) {
  const auto daemon = desk.daemon();
  if (daemon && waiting == Waiting::kNo) {
    const auto job = desk.jobs().Find(number);
    if (!job.ok()) return Failure(job.status());
    CommandResult result = ResultOf(*job);
    result.status = Ok();
    result.text = "job " + std::to_string(number) + " is with the daemon (process " +
                  std::to_string(daemon->pid) + "); aerie job log " + std::to_string(number) +
                  " --follow shows it\n";
    return result;
  }
  const auto job = daemon ? Follow(env, desk, number) : RunHere(env, desk, number);
  if (env.context.cancelled()) {
    // The error is the interrupt's; whoever made the job must know that it is still there.
    CommandResult result = Failure(MakeStatus(Kind::kCancelled, "interrupted"));
    result.json["number"] = number;
    result.warnings.push_back("job " + std::to_string(number) +
                              (daemon ? " goes on; aerie job cancel ends it"
                                      : " goes on when aerie serve runs, or by aerie job resume " +
                                            std::to_string(number)));
    return result;
  }
  if (job.ok()) return ResultOf(*job);
  CommandResult result = Failure(job.status());
  result.json["number"] = number;
  return result;
}

}  // namespace aerie::cli
