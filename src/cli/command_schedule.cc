// aerie schedule.
#include <memory>
#include <optional>
#include <utility>

#include "app/daemon.h"
#include "cli/args.h"
#include "cli/commands.h"
#include "cli/job_desk.h"
#include "jobs/job_json.h"
#include "jobs/schedule.h"

namespace aerie::cli {
namespace {

struct NextArgs {
  std::string when;
  std::string zone = "UTC";
  std::string window;
  std::vector<std::string> blackouts;
  std::string from;
  int count = 5;
};

Result<jobs::ScheduleSpec> SpecOf(const NextArgs& args) {
  jobs::ScheduleSpec spec;
  spec.id = "tried";
  AERIE_ASSIGN(spec.when, jobs::ParseWhen(args.when));
  AERIE_ASSIGN(spec.zone, jobs::Zone::Load(args.zone));
  if (!args.window.empty()) {
    AERIE_ASSIGN(spec.window, jobs::ParseStretch(args.window, "--window"));
  }
  for (const std::string& blackout : args.blackouts) {
    AERIE_ASSIGN(jobs::Stretch stretch, jobs::ParseStretch(blackout, "--blackout"));
    spec.blackouts.push_back(std::move(stretch));
  }
  AERIE_TRY(jobs::Check(spec));
  return spec;
}

// When a run that is due then may start, as text; empty: at once.
std::string WaitText(const jobs::ScheduleSpec& spec, WallTime due) {
  if (jobs::IsOpen(spec, due)) return "";
  const auto open = jobs::NextOpen(spec, due);
  return open ? "waits until " + jobs::LocalText(spec.zone, *open) : "never";
}

CommandResult Next(Environment& env, const NextArgs& args) {
  const auto spec = SpecOf(args);
  if (!spec.ok()) return Failure(spec.status());
  WallTime after = env.context.clock().Now();
  if (!args.from.empty()) {
    const auto day = jobs::ParseDate(args.from);
    if (!day) return Failure(InvalidError("--from " + args.from + ": write a day as 2026-10-25"));
    after = std::chrono::sys_days(std::chrono::days(*day)) - std::chrono::milliseconds(1);
  }
  CommandResult result;
  result.json["when"] = args.when;
  result.json["zone"] = args.zone;
  result.json["meaning"] = jobs::Describe(spec->when);
  result.json["next"] = Json::array();
  std::vector<std::vector<std::string>> table = {{"DUE", "UTC", "START"}};
  for (int i = 0; i < args.count; ++i) {
    const auto due = jobs::NextDue(*spec, after);
    if (!due) break;
    after = *due;
    const std::string utc = FormatUtc(*due), local = jobs::LocalText(spec->zone, *due);
    const std::string wait = WaitText(*spec, *due);
    result.json["next"].push_back({{"due_at", utc}, {"local", local}, {"open", wait.empty()}});
    table.push_back({local, utc, wait.empty() ? "at once" : wait});
  }
  result.text = jobs::Describe(spec->when) + " " + args.zone + "\n" + Table(table);
  return result;
}

// ---- create, edit ----

// What create and edit say; empty: not said.
struct PutArgs {
  PlaceArg place;
  std::string id;
  std::string when;
  std::string kind;
  std::vector<std::string> words;
  std::string zone;
  std::string window;
  std::vector<std::string> blackouts;
  std::string jitter;
  std::string missed;
  std::string overlap;
  std::optional<std::int32_t> priority;
  bool disabled = false;
};

// `text`: of the schedule that is changed; empty: a new one.
Result<std::string> WithArgs(const std::string& text, const PutArgs& args) {
  Json json = text.empty() ? Json::object() : Json::parse(text, nullptr, false);
  if (!json.is_object()) return CorruptError("schedule '" + args.id + "' cannot be read");
  const auto set = [&](const char* key, const std::string& value) {
    if (!value.empty()) json[key] = value == "none" ? "" : value;
  };
  set("when", args.when);
  set("kind", args.kind);
  set("zone", args.zone);
  set("window", args.window);
  set("jitter", args.jitter);
  set("missed", args.missed);
  set("overlap", args.overlap);
  if (args.blackouts == std::vector<std::string>{"none"}) {
    json["blackouts"] = Json::array();
  } else if (!args.blackouts.empty()) {
    json["blackouts"] = args.blackouts;
  }
  if (args.priority) json["priority"] = *args.priority;
  if (args.disabled) json["enabled"] = false;
  AERIE_ASSIGN(const std::string job,
               WithWords(json.value("job", Json::object()).dump(), args.words));
  json["job"] = Json::parse(job);
  return Dump(json);
}

CommandResult ScheduleResult(Environment& env, JobDesk& desk, const std::string& id,
                             const std::string& did) {
  const auto found = desk.schedules().Find(id);
  if (!found.ok()) return Failure(found.status());
  const auto spec = jobs::ScheduleFromText(id, found->spec);
  if (!spec.ok()) return Failure(spec.status());
  CommandResult result;
  result.json["schedule"] = jobs::ToJson(*found, env.context.clock().Now());
  result.text = did + " " + id + ": " + jobs::Describe(*spec, env.context.clock().Now()) + "\n";
  if (!desk.daemon()) {
    result.warnings.push_back("no daemon runs here: nothing starts until aerie serve does");
  }
  return result;
}

CommandResult PutSchedule(Environment& env, JobDesk& desk, const std::string& id,
                          const std::string& text, const std::string& did) {
  const auto spec = jobs::ScheduleFromText(id, text);
  if (!spec.ok()) return Failure(spec.status());
  const auto plan = app::PlanJob(env.context, desk.kinds(), spec->kind, spec->job);
  if (!plan.ok()) return Failure(Annotate(plan.status(), "schedule '" + id + "'"));
  const Status put = desk.scheduler().Put(*spec, env.context.clock().Now());
  if (!put.ok()) return Failure(put);
  CommandResult result = ScheduleResult(env, desk, id, did);
  result.json["plan"] = *plan;
  result.text += "  it will " + *plan + "\n";
  return result;
}

CommandResult Create(Environment& env, const PutArgs& args) {
  const auto desk = JobDesk::Open(env, args.place);
  if (!desk.ok()) return Failure(desk.status());
  const Status there = (*desk)->schedules().Find(args.id).status();
  if (there.ok()) {
    return Failure(MakeStatus(Kind::kExists, "schedule '" + args.id +
                                                 "' is there already; change it by aerie schedule "
                                                 "edit"));
  }
  if (KindOf(there) != Kind::kNotFound) return Failure(there);
  const auto text = WithArgs("", args);
  return text.ok() ? PutSchedule(env, **desk, args.id, *text, "made schedule")
                   : Failure(text.status());
}

CommandResult Edit(Environment& env, const PutArgs& args) {
  const auto desk = JobDesk::Open(env, args.place);
  if (!desk.ok()) return Failure(desk.status());
  const auto found = (*desk)->schedules().Find(args.id);
  if (!found.ok()) return Failure(found.status());
  const auto text = WithArgs(found->spec, args);
  return text.ok() ? PutSchedule(env, **desk, args.id, *text, "changed schedule")
                   : Failure(text.status());
}

// ---- list, show, delete, enable, disable, run ----

struct NamedArgs {
  PlaceArg place;
  std::string id;
  bool wait = false;
};

CommandResult List(Environment& env, const NamedArgs& args) {
  const auto desk = JobDesk::Open(env, args.place);
  if (!desk.ok()) return Failure(desk.status());
  const auto all = (*desk)->schedules().List();
  if (!all.ok()) return Failure(all.status());
  CommandResult result;
  result.json["schedules"] = Json::array();
  std::vector<std::vector<std::string>> table = {{"SCHEDULE", "KIND", "LAST JOB", "WHEN"}};
  for (const catalog::Schedule& one : *all) {
    const auto spec = jobs::ScheduleFromText(one.id, one.spec);
    const auto last = (*desk)->jobs().List({.schedule = one.id, .limit = 1});
    if (!last.ok()) return Failure(last.status());
    Json json = jobs::ToJson(one, env.context.clock().Now());
    json["last_job"] = last->empty() ? Json(nullptr) : jobs::ToJson(last->front());
    result.json["schedules"].push_back(std::move(json));
    table.push_back(
        {one.id, spec.ok() ? spec->kind : "?",
         last->empty() ? ""
                       : std::to_string(last->front().number) + " " + last->front().standing.state,
         spec.ok() ? jobs::Describe(*spec, env.context.clock().Now())
                   : std::string(spec.status().message())});
  }
  result.text = all->empty() ? "no schedules; aerie schedule create makes one\n" : Table(table);
  return result;
}

CommandResult Show(Environment& env, const NamedArgs& args) {
  const auto desk = JobDesk::Open(env, args.place);
  if (!desk.ok()) return Failure(desk.status());
  CommandResult result = ScheduleResult(env, **desk, args.id, "schedule");
  if (!result.status.ok()) return result;
  constexpr std::size_t kRuns = 20;
  const auto runs = (*desk)->schedules().Runs(args.id, 0, kRuns);
  if (!runs.ok()) return Failure(runs.status());
  result.json["runs"] = Json::array();
  std::vector<std::vector<std::string>> table = {{"DUE", "TIMES", "OUTCOME", "WHY", "JOB"}};
  for (const catalog::ScheduleRun& run : *runs) {
    result.json["runs"].push_back(jobs::ToJson(run));
    table.push_back({FormatUtc(FromUnixMillis(run.due_ms)).substr(0, 19) + "Z",
                     std::to_string(run.times), run.outcome, run.reason,
                     run.job == 0 ? "" : std::to_string(run.job)});
  }
  result.text += result.json["schedule"].dump(2) + "\n";
  if (!runs->empty()) result.text += Table(table);
  return result;
}

CommandResult Delete(Environment& env, const NamedArgs& args) {
  const auto desk = JobDesk::Open(env, args.place);
  if (!desk.ok()) return Failure(desk.status());
  const Status found = (*desk)->schedules().Find(args.id).status();
  if (!found.ok()) return Failure(found);
  const Status confirmed =
      Confirm(env, "delete schedule " + args.id + " and what became of its times");
  if (!confirmed.ok()) return Failure(confirmed);
  const Status removed = (*desk)->scheduler().Remove(args.id, env.context.clock().Now());
  if (!removed.ok()) return Failure(removed);
  CommandResult result;
  result.json["deleted"] = args.id;
  result.text = "deleted schedule " + args.id + "; its jobs stay\n";
  return result;
}

enum class Enabling { kEnable, kDisable };

CommandResult Enable(Environment& env, const NamedArgs& args, Enabling enabling) {
  const auto desk = JobDesk::Open(env, args.place);
  if (!desk.ok()) return Failure(desk.status());
  const auto found = (*desk)->schedules().Find(args.id);
  if (!found.ok()) return Failure(found.status());
  auto spec = jobs::ScheduleFromText(args.id, found->spec);
  if (!spec.ok()) return Failure(spec.status());
  spec->enabled = enabling == Enabling::kEnable;
  const Status put = (*desk)->scheduler().Put(*spec, env.context.clock().Now());
  if (!put.ok()) return Failure(put);
  return ScheduleResult(env, **desk, args.id, spec->enabled ? "enabled" : "disabled");
}

CommandResult RunNow(Environment& env, const NamedArgs& args) {
  const auto desk = JobDesk::Open(env, args.place);
  if (!desk.ok()) return Failure(desk.status());
  const auto found = (*desk)->schedules().Find(args.id);
  if (!found.ok()) return Failure(found.status());
  const auto spec = jobs::ScheduleFromText(args.id, found->spec);
  if (!spec.ok()) return Failure(spec.status());
  const auto number = jobs::SubmitOf((*desk)->jobs(), (*desk)->kinds(), *spec, (*desk)->NowMs());
  if (!number.ok()) return Failure(number.status());
  return HandOver(env, **desk, *number, args.wait ? Waiting::kYes : Waiting::kNo);
}

void AddRules(CLI::App& cmd, PutArgs& args) {
  cmd.add_option("--zone", args.zone, "Time zone of the IANA list (UTC)")->type_name("ZONE");
  cmd.add_option("--window", args.window, "Nothing starts outside, such as 22:00-06:00")
      ->type_name("HOURS");
  cmd.add_option("--blackout", args.blackouts,
                 "Nothing starts within, such as 'Mon-Fri 08:00-18:00'; may be repeated")
      ->type_name("HOURS")
      ->allow_extra_args(false);
  cmd.add_option("--jitter", args.jitter, "Up to so much later, such as 10m")->type_name("TIME");
  cmd.add_option("--missed", args.missed, "What becomes of missed times: run-once or skip")
      ->check(CLI::IsMember({"run-once", "skip"}));
  cmd.add_option("--overlap", args.overlap,
                 "What becomes of a time while the last job runs: queue or skip")
      ->check(CLI::IsMember({"queue", "skip"}));
  cmd.add_option("--priority", args.priority, "Of jobs that wait, the higher one starts first")
      ->type_name("N");
  AddPlaceOptions(cmd, args.place);
}

void AddPutCommands(CLI::App& group, Action& action) {
  {
    auto args = std::make_shared<PutArgs>();
    CLI::App* cmd = group.add_subcommand("create", "Make a schedule (docs/jobs.md has the kinds)");
    cmd->add_option("NAME", args->id, "Its name")->required();
    cmd->add_option("WHEN", args->when, "Such as 'daily at 02:00', or a cron expression")
        ->required();
    cmd->add_option("KIND", args->kind, "backup, verify, prune, sync, mirror, restore-test, ...")
        ->required();
    cmd->add_option("SPEC", args->words, "KEY=VALUE, such as cluster=prod or keep.daily=7");
    cmd->add_flag("--disabled", args->disabled, "Nothing is due until it is enabled");
    AddRules(*cmd, *args);
    cmd->callback(
        [&action, args] { action = [args](Environment& env) { return Create(env, *args); }; });
  }
  {
    auto args = std::make_shared<PutArgs>();
    CLI::App* cmd = group.add_subcommand(
        "edit", "Change a schedule; what is not said stays, 'none' takes a rule away");
    cmd->add_option("NAME", args->id, "Its name")->required();
    cmd->add_option("SPEC", args->words, "KEY=VALUE of its job; KEY= takes one away");
    cmd->add_option("--when", args->when, "Such as 'daily at 02:00', or a cron expression");
    cmd->add_option("--kind", args->kind, "Kind of job");
    AddRules(*cmd, *args);
    cmd->callback(
        [&action, args] { action = [args](Environment& env) { return Edit(env, *args); }; });
  }
}

void AddNamedCommands(CLI::App& group, Action& action) {
  using Call = CommandResult (*)(Environment&, const NamedArgs&);
  const auto add = [&](const char* name, const char* about, Call call) {
    auto args = std::make_shared<NamedArgs>();
    CLI::App* cmd = group.add_subcommand(name, about);
    cmd->add_option("NAME", args->id, "Its name")->required();
    AddPlaceOptions(*cmd, args->place);
    cmd->callback([&action, args, call] {
      action = [args, call](Environment& env) { return call(env, *args); };
    });
    return std::pair(cmd, args);
  };
  add("show", "A schedule, and what became of its times", Show);
  add("delete", "Delete a schedule; asks, or needs --yes", Delete);
  add("enable", "Let it run again, from its next time on",
      [](Environment& env, const NamedArgs& args) { return Enable(env, args, Enabling::kEnable); });
  add("disable", "Let nothing of it be due", [](Environment& env, const NamedArgs& args) {
    return Enable(env, args, Enabling::kDisable);
  });
  const auto [run, args] = add("run", "A job of it at once, besides its times", RunNow);
  run->add_flag("--wait", args->wait, "Show it until it has ended, though a daemon runs it");
  auto list_args = std::make_shared<NamedArgs>();
  CLI::App* list = group.add_subcommand("list", "Schedules, their last job, their next time");
  AddPlaceOptions(*list, list_args->place);
  list->callback([&action, list_args] {
    action = [list_args](Environment& env) { return List(env, *list_args); };
  });
}

}  // namespace

void AddScheduleCommands(CLI::App& root, Action& action) {
  CLI::App* group =
      root.add_subcommand("schedule", "Schedules: make, change, run them; try out when they run");
  group->require_subcommand(1);
  AddPutCommands(*group, action);
  AddNamedCommands(*group, action);
  CLI::App* next = group->add_subcommand("next", "The next times at which a schedule would run");
  auto args = std::make_shared<NextArgs>();
  next->add_option("WHEN", args->when,
                   "Such as 'daily at 02:00', 'every 15 minutes', or a cron expression")
      ->required();
  next->add_option("--zone", args->zone, "Time zone of the IANA list")
      ->type_name("ZONE")
      ->capture_default_str();
  next->add_option("--count", args->count, "How many")
      ->check(CLI::Range(1, 1000))
      ->type_name("N")
      ->capture_default_str();
  next->add_option("--from", args->from, "Begin with this day (of UTC) instead of now")
      ->type_name("YYYY-MM-DD");
  next->add_option("--window", args->window, "Nothing starts outside, such as 22:00-06:00")
      ->type_name("HOURS");
  next->add_option("--blackout", args->blackouts,
                   "Nothing starts within, such as 'Mon-Fri 08:00-18:00' or "
                   "2026-12-24..2026-12-26; may be repeated")
      ->type_name("HOURS")
      ->allow_extra_args(false);
  next->callback(
      [&action, args] { action = [args](Environment& env) { return Next(env, *args); }; });
}

}  // namespace aerie::cli
