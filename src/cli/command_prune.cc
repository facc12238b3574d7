// aerie repo prune and unlock.
#include <memory>

#include "app/kinds/prune.h"
#include "cli/args.h"
#include "cli/commands.h"
#include "repo/locks.h"
#include "repo/repository_core.h"

namespace aerie::cli {
namespace {

struct PruneArgs : app::PruneRequest {
  bool dry_run = false;
};

CommandResult Prune(Environment& env, const PruneArgs& args) {
  app::PruneRequest request = args;
  request.apply = env.globals.assume_yes && !args.dry_run;
  return app::Prune(env.tools(), request);
}

std::string TimeText(std::int64_t ms) { return FormatUtc(FromUnixMillis(ms)).substr(0, 19) + "Z"; }

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
