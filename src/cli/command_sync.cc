// aerie sync.
#include <algorithm>
#include <memory>
#include <optional>

#include "base/duration.h"
#include "cli/args.h"
#include "cli/commands.h"
#include "cli/target.h"
#include "transfer/sync.h"

namespace aerie::cli {
namespace {

using How = transfer::SyncOutcome::How;

struct SyncArgs {
  FromToArgs clusters;
  TargetArgs target;
  std::string every;
  std::string audit_every = "7d";
  std::string state_dir;
  bool audit = false;
  bool adopt = false;
  bool prune_extra = false;
  bool rebuild_indexes = false;
  bool dry_run = false;
};

// What a round works with.
struct SyncSetup {
  transfer::Endpoint& from;
  std::shared_ptr<milvus::Client> to;
  transfer::SyncOptions options;
  transfer::SyncState& state;
};

const char* HowName(How how) {
  switch (how) {
    case How::kNothing: return "nothing";
    case How::kCopied: return "copied";
    case How::kDigests: return "digests";
    case How::kAudited: return "audited";
    case How::kGone: return "gone";
    case How::kDropped: return "dropped";
  }
  return "nothing";
}

// Seconds since the last whole round began; none: there was none.
std::optional<double> LagOf(const Environment& env, std::int64_t as_of_ms) {
  if (as_of_ms == 0) return std::nullopt;
  const std::int64_t now = ToUnixMillis(env.context.clock().Now());
  return static_cast<double>(std::max<std::int64_t>(0, now - as_of_ms)) / 1000;
}

Json LagJson(const std::optional<double>& lag) { return lag ? Json(*lag) : Json(nullptr); }

Json OutcomeJson(const Environment& env, const transfer::SyncOutcome& outcome) {
  Json json = ToJson(outcome);
  json["to"] = outcome.to.ToString();
  json["how"] = HowName(outcome.how);
  json["why"] = outcome.why;
  json["inserted"] = outcome.inserted;
  json["updated"] = outcome.updated;
  json["deleted"] = outcome.deleted;
  json["schema"] = outcome.schema;
  json["as_of_ms"] = outcome.as_of_ms;
  json["lag_seconds"] = LagJson(LagOf(env, outcome.as_of_ms));
  json["fuzzy"] = outcome.report.fuzzy;
  json["read"] = ToJson(outcome.report);
  return json;
}

std::string CountsText(std::uint64_t inserted, std::uint64_t updated, std::uint64_t deleted) {
  return Thousands(inserted) + " inserted, " + Thousands(updated) + " updated, " +
         Thousands(deleted) + " deleted";
}

std::string OutcomeText(const transfer::SyncOutcome& outcome) {
  const std::string name = outcome.name.ToString() + " to " + outcome.to.ToString();
  std::string text;
  switch (outcome.how) {
    case How::kNothing: return "";
    case How::kGone: return "gone: " + outcome.name.ToString() + "\n";
    case How::kDropped: return "dropped " + outcome.to.ToString() + "\n";
    case How::kCopied:
      text = "copied " + name + ": " + Thousands(outcome.digest.rows) +
             " rows, every one compared by digest";
      break;
    case How::kDigests:
    case How::kAudited:
      text = "synced " + name + ": " +
             CountsText(outcome.inserted, outcome.updated, outcome.deleted) + " of " +
             Thousands(outcome.digest.rows) + " rows";
  }
  if (outcome.how == How::kAudited) text += ", both sides read (" + outcome.why + ")";
  text += ", " + HumanSeconds(outcome.seconds) + "\n";
  for (const std::string& line : outcome.schema) text += "  " + line + "\n";
  return text;
}

// Members that are the same for a run, a round and a plan.
CommandResult ResultOf(const Environment& env, const transfer::SyncResult& run) {
  CommandResult result = ResultOfRun(
      run, [&](const transfer::SyncOutcome& outcome) { return OutcomeJson(env, outcome); },
      OutcomeText);
  std::uint64_t inserted = 0;
  std::uint64_t updated = 0;
  std::uint64_t deleted = 0;
  std::optional<double> lag = 0;
  for (const auto& outcome : run.collections) {
    inserted += outcome.inserted;
    updated += outcome.updated;
    deleted += outcome.deleted;
    if (outcome.how == How::kGone || outcome.how == How::kDropped) continue;
    const auto one = LagOf(env, outcome.as_of_ms);
    lag = lag && one ? std::optional(std::max(*lag, *one)) : std::nullopt;
  }
  result.json["inserted"] = inserted;
  result.json["updated"] = updated;
  result.json["deleted"] = deleted;
  result.json["lag_seconds"] = LagJson(lag);
  return result;
}

// Where the job could not begin, the lag is known from what is kept.
CommandResult FailedRound(const Environment& env, const SyncSetup& setup, const Status& status) {
  CommandResult result = Failure(status);
  std::optional<double> lag;
  // Also of a round that was interrupted.
  const Context context(env.context.clock());
  const auto records =
      setup.state.Records(context, setup.from.cluster()->cluster(), setup.to->cluster());
  if (records.ok()) {
    for (const auto& record : *records) {
      if (!transfer::Selects(setup.options.selection, record.from.name)) continue;
      const auto one = LagOf(env, record.as_of_ms);
      if (one) lag = std::max(lag.value_or(0), *one);
    }
  }
  result.json["lag_seconds"] = LagJson(lag);
  return result;
}

CommandResult Round(Environment& env, const SyncSetup& setup) {
  const SteadyTime start = env.context.clock().Steady();
  const auto run =
      transfer::RunSync(env.context, setup.from, setup.to, setup.options, setup.state, env.output);
  CommandResult result = run.ok() ? ResultOf(env, *run) : FailedRound(env, setup, run.status());
  result.json["seconds"] =
      std::chrono::duration<double>(env.context.clock().Steady() - start).count();
  ReportThrottle(setup.from, result);
  return result;
}

std::string RoundText(int number, const CommandResult& round) {
  const Json& json = round.json;
  std::string text = "round " + std::to_string(number) + ": ";
  if (json.contains("inserted")) {
    text += CountsText(json["inserted"], json["updated"], json["deleted"]) + ", ";
  }
  text += HumanSeconds(json["seconds"]) + ", lag " +
          (json["lag_seconds"].is_null() ? "not known" : HumanSeconds(json["lag_seconds"]));
  if (!round.status.ok()) text += "; failed: " + std::string(round.status.message());
  text += "\n";
  for (const std::string& warning : round.warnings) text += "  warning: " + warning + "\n";
  return text;
}

// Round after round until an interrupt, or until none can ever go well.
CommandResult KeepSyncing(Environment& env, const SyncSetup& setup, Duration every) {
  for (int number = 1;; ++number) {
    const SteadyTime begun = env.context.clock().Steady();
    CommandResult round = Round(env, setup);
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

CommandResult Plan(Environment& env, const SyncSetup& setup) {
  const auto plan =
      transfer::PlanSync(env.context, setup.from, setup.to, setup.options, setup.state, env.output);
  if (!plan.ok()) return Failure(plan.status());
  CommandResult result = ResultOf(env, *plan);
  if (result.status.ok()) result.state = "planned";
  std::vector<std::vector<std::string>> table = {
      {"FROM", "TO", "BY", "INSERT", "UPDATE", "DELETE", "SCHEMA"}};
  for (const auto& item : plan->collections) {
    table.push_back({item.name.ToString(), item.to.ToString(),
                     item.status.ok() ? HowName(item.how) : "refused", Thousands(item.inserted),
                     Thousands(item.updated), Thousands(item.deleted),
                     std::to_string(item.schema.size())});
  }
  result.text = "would sync:\n" + Table(table);
  for (const auto& item : plan->collections) {
    for (const std::string& line : item.schema) {
      result.text += item.to.ToString() + ": " + line + "\n";
    }
  }
  return result;
}

Result<transfer::SyncOptions> OptionsOf(const SyncArgs& args) {
  AERIE_ASSIGN(const transfer::RestoreOptions names, ToOptions(args.target, "sync"));
  transfer::SyncOptions options;
  options.selection = names.selection;
  options.rename = names.rename;
  options.suffix = names.suffix;
  options.database = names.database;
  options.parallel_collections = names.parallel_collections;
  options.writers = names.writers;
  options.streams = args.clusters.streams;
  if (args.audit) options.audit = transfer::SyncOptions::Audit::kAlways;
  AERIE_ASSIGN(options.audit_every, ParseDuration(args.audit_every, "--audit-every"));
  if (args.adopt) options.strangers = transfer::SyncOptions::Strangers::kAdopt;
  if (args.prune_extra) options.gone = transfer::SyncOptions::Gone::kDrop;
  if (args.rebuild_indexes) options.indexes = transfer::IndexRebuild::kRelease;
  return options;
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
  const auto options = OptionsOf(args);
  if (!options.ok()) return Failure(options.status());
  const auto every = args.every.empty() ? Result<Duration>(Duration::zero())
                                        : ParseDuration(args.every, "--every");
  if (!every.ok()) return Failure(every.status());
  const auto folder =
      args.state_dir.empty() ? app::StateFolder() : Result<std::string>(args.state_dir);
  if (!folder.ok()) return Failure(folder.status());
  const Status confirmed = ConfirmAll(env, args);
  if (!confirmed.ok()) return Failure(confirmed);
  const auto opened = OpenFromTo(env, args.clusters, "sync");
  if (!opened.ok()) return Failure(opened.status());
  const auto& [from, to] = *opened;
  const auto reading = ReadingOf(env, args.clusters, *opened, args.target.selection);
  const auto source = transfer::MakeClusterEndpoint(from.client, reading);
  transfer::SyncState state(*folder);
  const SyncSetup setup{*source, to.client, *options, state};
  CommandResult result = args.dry_run         ? Plan(env, setup)
                         : args.every.empty() ? Round(env, setup)
                                              : KeepSyncing(env, setup, *every);
  result.json["from"] = from.label;
  result.json["to"] = to.label;
  return result;
}

void AddSyncOptions(CLI::App& cmd, SyncArgs& args) {
  AddSelectionOptions(cmd, args.target.selection, false);
  AddNameOptions(cmd, args.target);
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
