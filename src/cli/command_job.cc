// aerie job.
#include <algorithm>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>

#include "app/daemon.h"
#include "cli/args.h"
#include "cli/commands.h"
#include "cli/job_desk.h"
#include "jobs/job_json.h"

namespace aerie::cli {
namespace {

std::string TimeText(std::int64_t ms) {
  return ms == 0 ? "" : FormatUtc(FromUnixMillis(ms)).substr(0, 19) + "Z";
}

// Of a job that runs or ran.
std::string TookText(const catalog::Job& job, std::int64_t now_ms) {
  if (job.started_ms == 0) return "";
  const std::int64_t end = job.ended_ms != 0 ? job.ended_ms : now_ms;
  return HumanSeconds(static_cast<double>(std::max<std::int64_t>(0, end - job.started_ms)) / 1000);
}

// ---- list ----

struct ListArgs {
  PlaceArg place;
  catalog::JobFilter filter = {.limit = 30};
};

CommandResult List(Environment& env, const ListArgs& args) {
  const auto desk = JobDesk::Open(env, args.place);
  if (!desk.ok()) return Failure(desk.status());
  const auto all = (*desk)->jobs().List(args.filter);
  if (!all.ok()) return Failure(all.status());
  CommandResult result;
  result.json["jobs"] = Json::array();
  std::vector<std::vector<std::string>> table = {
      {"JOB", "KIND", "STATE", "SCHEDULE", "CREATED", "TOOK", "ERROR"}};
  for (const catalog::Job& job : *all) {
    result.json["jobs"].push_back(jobs::ToJson(job));
    table.push_back({std::to_string(job.number), job.kind,
                     job.standing.state + (job.rebuilt.empty() ? "" : " (rebuilt)"), job.schedule,
                     TimeText(job.created_ms), TookText(job, (*desk)->NowMs()),
                     job.error.substr(0, 80)});
  }
  result.text = all->empty() ? "no jobs\n" : Table(table);
  return result;
}

// ---- show, log ----

struct OneArgs {
  PlaceArg place;
  std::int64_t number = 0;
  bool follow = false;
};

std::string JobText(const catalog::Job& job, std::int64_t now_ms) {
  std::string text =
      "job " + std::to_string(job.number) + ": " + job.kind + ", " + job.standing.state + "\n";
  const auto line = [&](const char* name, const std::string& value) {
    if (!value.empty()) text += "  " + std::string(name) + value + "\n";
  };
  line("schedule  ", job.schedule);
  line("due       ", TimeText(job.due_ms));
  line("created   ", TimeText(job.created_ms));
  line("started   ", TimeText(job.started_ms));
  line("ended     ", TimeText(job.ended_ms));
  line("took      ", TookText(job, now_ms));
  line("spec      ", job.spec);
  if (job.standing.held) line("progress  ", job.progress);
  if (job.holder) {
    line("run by    ",
         "process " + std::to_string(job.holder->process.pid) + " on " + job.holder->host);
  }
  line("error     ", job.error);
  if (!job.result.empty()) {
    const Json result = Json::parse(job.result, nullptr, false);
    line("result    ", result.is_discarded() ? job.result : result.dump(2));
  }
  return text;
}

CommandResult Show(Environment& env, const OneArgs& args) {
  const auto desk = JobDesk::Open(env, args.place);
  if (!desk.ok()) return Failure(desk.status());
  const auto job = (*desk)->jobs().Find(args.number);
  if (!job.ok()) return Failure(job.status());
  CommandResult result;
  result.json["job"] = jobs::ToJson(*job);
  result.text = JobText(*job, (*desk)->NowMs());
  return result;
}

CommandResult Log(Environment& env, const OneArgs& args) {
  const auto desk = JobDesk::Open(env, args.place);
  if (!desk.ok()) return Failure(desk.status());
  if (args.follow) {
    const auto job = Follow(env, **desk, args.number);
    return job.ok() ? ResultOf(*job) : Failure(job.status());
  }
  const auto found = (*desk)->jobs().Find(args.number);
  if (!found.ok()) return Failure(found.status());
  constexpr std::size_t kAll = 1'000'000;
  const auto entries = (*desk)->jobs().Log(args.number, 0, kAll);
  if (!entries.ok()) return Failure(entries.status());
  CommandResult result;
  result.json["log"] = Json::array();
  for (const catalog::LogEntry& entry : *entries) {
    result.json["log"].push_back(jobs::ToJson(entry));
    result.text += TimeText(entry.at_ms) + "  " + entry.kind + "  " + entry.text + "\n";
  }
  return result;
}

// ---- cancel, pause, resume ----

CommandResult Tell(Environment& env, const OneArgs& args, jobs::JobEvent event) {
  const auto desk = JobDesk::Open(env, args.place);
  if (!desk.ok()) return Failure(desk.status());
  const auto job = jobs::Tell((*desk)->jobs(), (*desk)->kinds(), args.number, event, (*desk)->Me());
  if (!job.ok()) return Failure(job.status());
  CommandResult result = ResultOf(*job);
  result.status = Ok();
  return result;
}

struct ResumeArgs : OneArgs {
  bool wait = false;
};

CommandResult Resume(Environment& env, const ResumeArgs& args) {
  const auto desk = JobDesk::Open(env, args.place);
  if (!desk.ok()) return Failure(desk.status());
  const auto job = jobs::Tell((*desk)->jobs(), (*desk)->kinds(), args.number,
                              jobs::JobEvent::kResume, (*desk)->Me());
  if (!job.ok()) {
    // One that waits is begun at once where no daemon would.
    const auto found = (*desk)->jobs().Find(args.number);
    const bool waits = found.ok() && found->standing.turn > 0 && !(*desk)->daemon();
    if (!waits) return Failure(job.status());
  }
  return HandOver(env, **desk, args.number, args.wait ? Waiting::kYes : Waiting::kNo);
}

// ---- run ----

struct RunArgs {
  PlaceArg place;
  std::string kind;
  std::vector<std::string> words;
  std::string spec_file;
  std::int32_t priority = 0;
  bool wait = false;
  bool plan_only = false;
};

Result<std::string> FileText(const std::string& path) {
  std::ostringstream text;
  if (path == "-") {
    text << std::cin.rdbuf();
    return text.str();
  }
  std::ifstream in(path, std::ios::binary);
  if (!in) return NotFoundError("read the spec in " + path + ": it cannot be opened");
  text << in.rdbuf();
  return text.str();
}

// What removes or takes over is confirmed as the command of it would want it.
Status ConfirmSpec(Environment& env, const std::string& kind, const std::string& spec,
                   const std::string& plan) {
  const Json json = Json::parse(spec, nullptr, false);
  const auto says = [&](const char* key, const char* value) {
    return json.contains(key) && (json[key] == value || (json[key] == true && *value == 't'));
  };
  if (says("dry_run", "true")) return Ok();
  const bool destroys = kind == "delete" || (kind == "prune" && json.contains("keep")) ||
                        says("on_conflict", "replace") || says("adopt", "true") ||
                        says("prune_extra", "true");
  return destroys ? Confirm(env, plan) : Ok();
}

CommandResult Run(Environment& env, const RunArgs& args) {
  const auto desk = JobDesk::Open(env, args.place);
  if (!desk.ok()) return Failure(desk.status());
  const auto file =
      args.spec_file.empty() ? Result<std::string>(std::string()) : FileText(args.spec_file);
  if (!file.ok()) return Failure(file.status());
  const auto spec = WithWords(*file, args.words);
  if (!spec.ok()) return Failure(spec.status());
  const auto plan = app::PlanJob(env.context, (*desk)->kinds(), args.kind, *spec);
  if (!plan.ok()) return Failure(plan.status());
  if (args.plan_only) {
    CommandResult result;
    result.state = "planned";
    result.json["plan"] = *plan;
    result.text = "would " + *plan + "\n";
    return result;
  }
  const Status confirmed = ConfirmSpec(env, args.kind, *spec, *plan);
  if (!confirmed.ok()) return Failure(confirmed);
  const auto number =
      jobs::Submit((*desk)->jobs(), (*desk)->kinds(),
                   {.kind = args.kind, .spec = *spec, .priority = args.priority}, (*desk)->NowMs());
  if (!number.ok()) return Failure(number.status());
  return HandOver(env, **desk, *number, args.wait ? Waiting::kYes : Waiting::kNo);
}

template <class Args>
std::shared_ptr<Args> AddOne(CLI::App& command) {
  auto args = std::make_shared<Args>();
  command.add_option("JOB", args->number, "Its number")->required();
  AddPlaceOptions(command, args->place);
  return args;
}

void AddRun(CLI::App& job, Action& action) {
  auto args = std::make_shared<RunArgs>();
  CLI::App* cmd = job.add_subcommand(
      "run", "Make a job: a running daemon does it, else it is done here (docs/jobs.md)");
  cmd->add_option("KIND", args->kind, "backup, verify, restore, copy, sync, mirror, prune, ...")
      ->required();
  cmd->add_option("SPEC", args->words, "KEY=VALUE, such as cluster=prod or keep.daily=7");
  cmd->add_option("--spec", args->spec_file, "File with the spec as JSON; - for standard input")
      ->type_name("FILE");
  cmd->add_option("--priority", args->priority, "Of those that wait, the higher one starts first")
      ->type_name("N");
  cmd->add_flag("--wait", args->wait, "Show it until it has ended, though a daemon runs it");
  cmd->add_flag("-n,--dry-run", args->plan_only, "Say in a line what it would do; make none");
  AddPlaceOptions(*cmd, args->place);
  cmd->callback([&action, args] { action = [args](Environment& env) { return Run(env, *args); }; });
}

}  // namespace

void AddJobCommands(CLI::App& root, Action& action) {
  CLI::App* job = root.add_subcommand("job", "Jobs: look at them, run, cancel, pause, resume");
  job->require_subcommand(1);
  {
    auto args = std::make_shared<ListArgs>();
    CLI::App* cmd = job->add_subcommand("list", "Jobs, newest first");
    cmd->add_flag("--open", args->filter.open_only, "Only those that have not ended");
    cmd->add_option("--kind", args->filter.kind, "Only of this kind");
    cmd->add_option("--schedule", args->filter.schedule, "Only of this schedule");
    cmd->add_option("--before", args->filter.before, "Only smaller numbers")->type_name("JOB");
    cmd->add_option("--limit", args->filter.limit, "How many")
        ->check(CLI::Range(1, 100'000))
        ->capture_default_str();
    AddPlaceOptions(*cmd, args->place);
    cmd->callback(
        [&action, args] { action = [args](Environment& env) { return List(env, *args); }; });
  }
  {
    CLI::App* cmd = job->add_subcommand("show", "Where a job stands, its spec, its result");
    const auto args = AddOne<OneArgs>(*cmd);
    cmd->callback(
        [&action, args] { action = [args](Environment& env) { return Show(env, *args); }; });
  }
  {
    CLI::App* cmd = job->add_subcommand("log", "The log of a job");
    const auto args = AddOne<OneArgs>(*cmd);
    cmd->add_flag("-f,--follow", args->follow, "Until it has ended");
    cmd->callback(
        [&action, args] { action = [args](Environment& env) { return Log(env, *args); }; });
  }
  const auto tell = [&](const char* name, const char* about, jobs::JobEvent event) {
    CLI::App* cmd = job->add_subcommand(name, about);
    const auto args = AddOne<OneArgs>(*cmd);
    cmd->callback([&action, args, event] {
      action = [args, event](Environment& env) { return Tell(env, *args, event); };
    });
  };
  tell("cancel", "Stop a job; resume goes on with it", jobs::JobEvent::kCancel);
  tell("pause", "Stop a job where it can go on, until resume", jobs::JobEvent::kPause);
  {
    CLI::App* cmd = job->add_subcommand(
        "resume", "Go on with a job that is paused, failed, cancelled or interrupted");
    const auto args = AddOne<ResumeArgs>(*cmd);
    cmd->add_flag("--wait", args->wait, "Show it until it has ended, though a daemon runs it");
    cmd->callback(
        [&action, args] { action = [args](Environment& env) { return Resume(env, *args); }; });
  }
  AddRun(*job, action);
}

}  // namespace aerie::cli
