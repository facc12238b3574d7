// aerie sync.
#include <memory>

#include "app/kinds/sync.h"
#include "base/duration.h"
#include "cli/args.h"
#include "cli/commands.h"
#include "cli/target.h"

namespace aerie::cli {
namespace {

struct SyncArgs : app::SyncRequest {
  std::string every;
};

std::string RoundText(int number, const CommandResult& round) {
  const Json& json = round.json;
  std::string text = "round " + std::to_string(number) + ": ";
  if (json.contains("inserted")) {
    text += app::SyncCounts(json["inserted"], json["updated"], json["deleted"]) + ", ";
  }
  text += HumanSeconds(json["seconds"]) + ", lag " +
          (json["lag_seconds"].is_null() ? "not known" : HumanSeconds(json["lag_seconds"]));
  if (!round.status.ok()) text += "; failed: " + std::string(round.status.message());
  text += "\n";
  for (const std::string& warning : round.warnings) text += "  warning: " + warning + "\n";
  return text;
}

// Round after round until an interrupt, or until none can ever go well.
CommandResult KeepSyncing(Environment& env, const app::SyncSetup& setup, Duration every) {
  for (int number = 1;; ++number) {
    const SteadyTime begun = env.context.clock().Steady();
    CommandResult round = app::SyncRound(env.tools(), setup);
    round.json["round"] = number;
    const Kind kind = KindOf(round.status);
    const bool never =
        !round.json.contains("collections") && (kind == Kind::kInvalid || kind == Kind::kRefused);
    if (never || env.context.cancelled()) return round;
    Json event = {{"event", "round"},
                  {"status", round.status.ok()        ? "completed"
                             : kind == Kind::kPartial ? "partial"
                                                      : "failed"}};
    event.update(round.json);
    event["warnings"] = round.warnings;
    if (!round.status.ok()) {
      event["error"] = {{"kind", KindName(kind)}, {"message", std::string(round.status.message())}};
    }
    env.output.Say(RoundText(number, round), event);
    const Duration took = env.context.clock().Steady() - begun;
    // What was said of a round is not said again when it turns out to be the last one.
    if (took < every && !env.context.Sleep(every - took, "wait for the next round").ok()) {
      round.text.clear();
      round.warnings.clear();
      return round;
    }
  }
}

Status ConfirmAll(Environment& env, const SyncArgs& args) {
  if (args.dry_run) return Ok();
  if (args.adopt) {
    AERIE_TRY(Confirm(env,
                      "sync with --adopt: delete what FROM lacks from collections of TO that "
                      "no sync made"));
  }
  if (args.prune_extra) {
    AERIE_TRY(Confirm(env, "sync with --prune-extra: drop collections of TO whose source is gone"));
  }
  return Ok();
}

CommandResult Sync(Environment& env, const SyncArgs& args) {
  const auto every = args.every.empty() ? Result<Duration>(Duration::zero())
                                        : ParseDuration(args.every, "--every");
  if (!every.ok()) return Failure(every.status());
  if (const Status checked = app::CheckSync(args); !checked.ok()) return Failure(checked);
  const Status confirmed = ConfirmAll(env, args);
  if (!confirmed.ok()) return Failure(confirmed);
  return app::WithSync(env.tools(), args, [&](const app::SyncSetup& setup) {
    if (args.dry_run) return app::PlanRound(env.tools(), setup);
    return args.every.empty() ? app::SyncRound(env.tools(), setup)
                              : KeepSyncing(env, setup, *every);
  });
}

void AddSyncOptions(CLI::App& cmd, SyncArgs& args) {
  AddSelectionOptions(cmd, args.target.selection, false);
  AddNameOptions(cmd, args.target);
  AddLayoutOptions(cmd, args.target.layout);
  AddParallelOptions(cmd, args.target, "--workers");
  auto* dry_run = cmd.add_flag("-n,--dry-run", args.dry_run,
                               "Show what would be inserted, updated, deleted; change nothing");
  cmd.add_option("--every", args.every,
                 "Begin a round so often, such as 30s or 1h, until interrupted; without it, one")
      ->type_name("TIME")
      ->excludes(dry_run);
  cmd.add_flag("--audit", args.audit, "Read both sides and compare every row");
  cmd.add_option("--audit-every", args.audit_every,
                 "Do so by itself when the last time is so long ago; 0 for never")
      ->type_name("TIME")
      ->capture_default_str();
  cmd.add_flag("--adopt", args.adopt,
               "Take over collections of TO that no sync made, whatever they hold (needs --yes)");
  cmd.add_flag("--prune-extra", args.prune_extra,
               "Drop collections of TO that a sync made and FROM has no more (needs --yes)");
  cmd.add_flag("--rebuild-indexes", args.rebuild_indexes,
               "Release a collection of TO to change its indexes, then load it again");
  cmd.add_option("--state-dir", args.state_dir,
                 "Folder of what is kept between rounds (or set AERIE_STATE_DIR)")
      ->type_name("DIR");
}

}  // namespace

void AddSyncCommand(CLI::App& root, Action& action) {
  auto args = std::make_shared<SyncArgs>();
  CLI::App* cmd = root.add_subcommand(
      "sync", "Make collections of a cluster equal to those of another, writing what differs");
  AddFromTo(*cmd, args->clusters);
  AddSyncOptions(*cmd, *args);
  AddFromToOptions(*cmd, args->clusters);
  cmd->callback(
      [&action, args] { action = [args](Environment& env) { return Sync(env, *args); }; });
}

}  // namespace aerie::cli
