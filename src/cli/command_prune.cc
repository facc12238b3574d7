// aerie repo prune and unlock.
#include <memory>

#include "base/duration.h"
#include "cli/args.h"
#include "cli/commands.h"
#include "cli/version.h"
#include "objects/filesystem_store.h"
#include "repo/locks.h"
#include "repo/prune.h"
#include "repo/repository_core.h"

namespace aerie::cli {
namespace {

std::string TimeText(std::int64_t ms) { return FormatUtc(FromUnixMillis(ms)).substr(0, 19) + "Z"; }

// ---- prune ----

struct PruneArgs {
  RepoArg repo;
  repo::RetentionPolicy policy;
  std::string keep_within;
  std::string margin = "24h";
  double repack_above = 50;  // percent
  std::uint64_t max_repack = ~std::uint64_t{0};
  bool dry_run = false;
};

Result<repo::PruneOptions> ToOptions(const PruneArgs& args) {
  repo::PruneOptions options;
  options.policy = args.policy;
  options.program = kProgram;
  options.max_repack_bytes = args.max_repack;
  options.repack_above.reset();
  if (args.repack_above < 100) options.repack_above = args.repack_above / 100;
  AERIE_ASSIGN(options.margin, ParseDuration(args.margin, "prune: --margin"));
  if (!args.keep_within.empty()) {
    AERIE_ASSIGN(options.policy.keep_within,
                 ParseDuration(args.keep_within, "prune: --keep-within"));
  }
  return options;
}

// What killed runs left in the folder of a repository; none where it is in no folder.
std::function<Result<repo::Leftovers>(const Context&, Duration)> SweeperOf(
    const repo::Repository& repository) {
  std::shared_ptr<objects::FilesystemStore> folder =
      objects::FilesystemStore::FromDescription(repository.Describe());
  if (!folder) return nullptr;
  return [folder](const Context& context, Duration age) -> Result<repo::Leftovers> {
    AERIE_ASSIGN(const objects::SweptFiles swept, folder->SweepTemporaries(context, age));
    return repo::Leftovers{swept.files, swept.bytes};
  };
}

Json ToJson(const repo::PackTally& tally) {
  return {{"packs", tally.packs}, {"bytes", tally.bytes}};
}

Json SnapshotsToJson(const repo::PruneReport& report) {
  Json json = Json::array();
  for (std::size_t i = 0; i < report.snapshots.size(); ++i) {
    const repo::Snapshot& snapshot = report.snapshots[i];
    json.push_back({{"id", snapshot.id.hex},
                    {"created", FormatUtc(FromUnixMillis(snapshot.created_ms))},
                    {"cluster", snapshot.cluster},
                    {"keep", report.decisions[i].keep},
                    {"reasons", report.decisions[i].reasons}});
  }
  return json;
}

std::string SnapshotTable(const repo::PruneReport& report, const char* removed) {
  std::vector<std::vector<std::string>> table = {{"ID", "CREATED", "CLUSTER", "VERDICT", "WHY"}};
  for (std::size_t i = 0; i < report.snapshots.size(); ++i) {
    const repo::Snapshot& snapshot = report.snapshots[i];
    std::string why;
    for (const auto& reason : report.decisions[i].reasons)
      why += (why.empty() ? "" : "; ") + reason;
    table.push_back({snapshot.id.Short(), TimeText(snapshot.created_ms), snapshot.cluster,
                     report.decisions[i].keep ? "keep" : removed, why});
  }
  return Table(table);
}

std::string PackTable(const repo::PruneReport& report) {
  std::vector<std::vector<std::string>> table = {{"DATA", "PACKS", "SIZE", ""}};
  const auto add = [&](const char* what, const repo::PackTally& tally, const std::string& note) {
    if (tally.packs == 0) return;
    table.push_back({what, std::to_string(tally.packs), HumanBytes(tally.bytes), note});
  };
  add("removed", report.removed, "doomed by an earlier prune");
  add("doomed", report.doomed, "removed by a prune after the margin");
  add("waiting", report.waiting, "doomed by an earlier prune, its margin is not over");
  add("needed again", report.needed, "doomed by an earlier prune, and kept");
  add("repacked", report.repacked, "size is of the rest that was stored again");
  add("young", report.young, "of an interrupted backup, which may come back for them");
  add("unreadable", report.unreadable, "left alone; aerie repo check says more");
  add("kept", report.kept, HumanBytes(report.garbage_bytes) + " of it garbage");
  add("immutable", report.immutable, "of those kept: immutable snapshots need them");
  add("retained", report.retained, "to be removed, but the store keeps them for now");
  return Table(table);
}

CommandResult PruneResult(const repo::PruneReport& report, bool applied) {
  CommandResult result;
  if (!applied) result.state = "planned";
  std::size_t removed = 0;
  for (const auto& decision : report.decisions) removed += decision.keep ? 0 : 1;
  result.json["applied"] = applied;
  result.json["snapshots"] = SnapshotsToJson(report);
  result.json["snapshots_removed"] = removed;
  result.json["packs"] = {
      {"removed", ToJson(report.removed)},       {"doomed", ToJson(report.doomed)},
      {"waiting", ToJson(report.waiting)},       {"needed", ToJson(report.needed)},
      {"repacked", ToJson(report.repacked)},     {"young", ToJson(report.young)},
      {"unreadable", ToJson(report.unreadable)}, {"kept", ToJson(report.kept)},
      {"immutable", ToJson(report.immutable)},   {"retained", ToJson(report.retained)}};
  result.json["garbage_bytes"] = report.garbage_bytes;
  result.json["leftovers"] = {{"files", report.leftovers.files}, {"bytes", report.leftovers.bytes}};
  result.text = (report.snapshots.empty() ? "no snapshots\n"
                                          : SnapshotTable(report, applied ? "removed" : "remove")) +
                PackTable(report);
  if (report.leftovers.files > 0) {
    result.text += "removed " + std::to_string(report.leftovers.files) +
                   " half-written files of killed runs, " + HumanBytes(report.leftovers.bytes) +
                   "\n";
  }
  if (!applied) result.text += "nothing was changed; add --yes to carry it out\n";
  return result;
}

CommandResult Prune(Environment& env, const PruneArgs& args) {
  auto options = ToOptions(args);
  if (!options.ok()) return Failure(options.status());
  auto opened =
      env.session.Repository(env.context, args.repo.text, args.repo.flags, app::IfAbsent::kFail);
  if (!opened.ok()) return Failure(opened.status());
  options->sweep_leftovers = SweeperOf(*opened->repository);
  const bool apply = env.globals.assume_yes && !args.dry_run;
  const auto report = apply ? repo::RunPrune(env.context, *opened->repository, *options)
                            : repo::PlanPrune(env.context, *opened->repository, *options);
  return report.ok() ? PruneResult(*report, apply) : Failure(report.status());
}

// ---- unlock ----

Json ToJson(const repo::LockHolder& holder, std::int64_t now_ms) {
  return {{"owner", holder.record.owner},
          {"host", holder.record.host},
          {"pid", holder.record.process.pid},
          {"program", holder.record.program},
          {"purpose", holder.record.purpose},
          {"mode", holder.record.mode == repo::LockMode::kShared ? "shared" : "exclusive"},
          {"acquired", FormatUtc(FromUnixMillis(holder.record.acquired_ms))},
          {"renewed", FormatUtc(FromUnixMillis(holder.renewed_ms))},
          {"expired", holder.ExpiresMs() < now_ms},
          {"ended", HasEnded(holder.record.process)}};
}

CommandResult Unlock(Environment& env, const RepoArg& args) {
  auto opened = env.session.Repository(env.context, args.text, args.flags, app::IfAbsent::kFail);
  if (!opened.ok()) return Failure(opened.status());
  repo::LockTable& locks = opened->repository->core().locks;
  const auto survey = locks.Look(env.context);
  if (!survey.ok()) return Failure(survey.status());
  CommandResult result;
  result.json["locks"] = Json::array();
  std::size_t removed = 0;
  for (const repo::LockHolder& holder : survey->holders) {
    const bool expired = holder.ExpiresMs() < survey->now_ms;
    const bool ended = HasEnded(holder.record.process);
    const std::string line = holder.Who() + ", last renewed " + TimeText(holder.renewed_ms) +
                             (expired ? ", ran out"
                              : ended ? ", its process has ended"
                                      : ", still valid");
    Json json = ToJson(holder, survey->now_ms);
    Status status =
        expired || ended ? Ok() : Confirm(env, "remove the lock of " + line + ", if that is dead");
    if (status.ok()) status = locks.Remove(env.context, holder);
    json["removed"] = status.ok();
    result.json["locks"].push_back(std::move(json));
    result.text += (status.ok() ? "removed the lock of " : "left the lock of ") + line + "\n";
    removed += status.ok() ? 1 : 0;
    if (result.status.ok()) result.status = status;
  }
  result.json["removed"] = removed;
  if (survey->holders.empty()) result.text = "no locks\n";
  return result;
}

}  // namespace

void AddPruneCommands(CLI::App& repo, Action& action) {
  {
    auto args = std::make_shared<PruneArgs>();
    CLI::App* cmd = repo.add_subcommand(
        "prune",
        "Remove snapshots that no rule keeps, and data that no snapshot needs; shows what "
        "it would do, and does it with --yes");
    AddRepoOption(*cmd, args->repo, false);
    const auto keep = [&](const char* name, std::uint32_t& value, const char* about) {
      cmd->add_option(name, value, about)->type_name("N")->group("Retention");
    };
    repo::RetentionPolicy& policy = args->policy;
    keep("--keep-last", policy.keep_last, "Keep the last N of each cluster and set of collections");
    keep("--keep-hourly", policy.keep_hourly, "Keep the newest of each of N hours (UTC)");
    keep("--keep-daily", policy.keep_daily, "Keep the newest of each of N days (UTC)");
    keep("--keep-weekly", policy.keep_weekly, "Keep the newest of each of N weeks, from Monday");
    keep("--keep-monthly", policy.keep_monthly, "Keep the newest of each of N months");
    keep("--keep-yearly", policy.keep_yearly, "Keep the newest of each of N years");
    keep("--min-redundancy", policy.min_redundancy,
         "Whatever the rules say, keep at least N complete ones of each set");
    cmd->add_option("--keep-within", args->keep_within, "Keep all younger than this, such as 30d")
        ->type_name("TIME")
        ->group("Retention");
    cmd->add_option("--keep-tag", policy.keep_tags, "Keep all with this tag (repeatable)")
        ->type_name("TAG")
        ->expected(1)
        ->take_all()
        ->group("Retention");
    cmd->add_option("--margin", args->margin,
                    "Time between dooming data and removing it, by a later prune")
        ->type_name("TIME")
        ->capture_default_str();
    cmd->add_option("--repack-above", args->repack_above,
                    "Repack files of which more than this per cent is garbage; 100: none")
        ->type_name("PERCENT")
        ->check(CLI::Range(0.0, 100.0))
        ->capture_default_str();
    cmd->add_option("--max-repack", args->max_repack, "Store again at most this much, such as 10GB")
        ->type_name("SIZE")
        ->transform(CLI::AsSizeValue(true));
    cmd->add_flag("-n,--dry-run", args->dry_run, "Show what would be done, --yes or not");
    cmd->callback(
        [&action, args] { action = [args](Environment& env) { return Prune(env, *args); }; });
  }
  {
    auto args = std::make_shared<RepoArg>();
    CLI::App* cmd = repo.add_subcommand(
        "unlock", "Show who holds locks; remove those that ran out, and with --yes the others");
    AddRepoOption(*cmd, *args, false);
    cmd->callback(
        [&action, args] { action = [args](Environment& env) { return Unlock(env, *args); }; });
  }
}

}  // namespace aerie::cli
