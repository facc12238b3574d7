// aerie migrate: plan, run, status, and the words for a migration that another process drives.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <random>

#include "app/daemon_place.h"
#include "base/duration.h"
#include "cli/args.h"
#include "cli/commands.h"
#include "cli/migrate_preflight.h"
#include "cli/migrate_status.h"
#include "cli/place_option.h"
#include "cli/target.h"
#include "migrate/driver.h"
#include "migrate/hooks.h"
#include "migrate/monitor.h"
#include "migrate/pace.h"
#include "migrate/plan.h"
#include "migrate/privilege_fence.h"
#include "migrate/spec.h"
#include "migrate/state_json.h"
#include "migrate/sync_mover.h"
#include "migrate/words.h"
#include "migrate/write_rate.h"
#include "milvus/collection_admin.h"
#include "transfer/copy.h"

namespace aerie::cli {
namespace {

using catalog::Catalog;
using migrate::Phase;
using migrate::Side;

constexpr Duration kAnswerPatience = std::chrono::seconds(5);
constexpr Duration kLook = std::chrono::milliseconds(100);

struct PairArgs {
  FromToArgs clusters;
  transfer::Selection selection;
};

// --- plan ---

struct PlanArgs {
  PairArgs pair;
  PreflightArgs preflight;
  migrate::Wishes wishes;
  std::string measure_for = "10s";
};

// What changes meanwhile; nullopt: it was not to be measured.
Result<std::optional<migrate::Changes>> WatchWrites(
    const Context& context, const std::shared_ptr<milvus::Client>& client,
    const std::vector<transfer::CopyPlan::Item>& items, Duration measure_for) {
  if (measure_for <= Duration::zero()) return std::optional<migrate::Changes>();
  std::vector<rows::CollectionSpec> specs;
  for (const auto& item : items) {
    // One that is not loaded is not written to so that one would see it.
    if (item.rows >= 0) specs.push_back(item.spec);
  }
  AERIE_ASSIGN(const auto watch, migrate::WriteWatch::Begin(context, client, specs));
  AERIE_TRY(context.Sleep(measure_for, "measure how much is written"));
  AERIE_ASSIGN(const migrate::Changes changes, watch.End(context));
  return std::optional(changes);
}

Json ChangesJson(const std::optional<migrate::Changes>& changes) {
  if (!changes || changes->seconds <= 0) return nullptr;
  return {{"added", changes->added / changes->seconds},
          {"updated", changes->updated / changes->seconds},
          {"deleted", changes->deleted / changes->seconds}};
}

Json SecondsOrNull(double seconds) { return seconds < 0 ? Json(nullptr) : Json(seconds); }

CommandResult Plan(Environment& env, const PlanArgs& args) {
  const auto measure_for = ParseDuration(args.measure_for, "--measure-for");
  if (!measure_for.ok()) return Failure(measure_for.status());
  auto pair = OpenFromTo(env.tools(), args.pair.clusters, "migrate");
  if (!pair.ok()) return Failure(pair.status());
  auto preflight = PreparePreflight(env, args.preflight, *pair, args.pair.selection);
  if (!preflight.ok()) return Failure(preflight.status());
  preflight->options.limit_rows = pair->from.throttle.rows;
  const auto found =
      migrate::Examine(env.context, pair->from.client, pair->to.client, preflight->options);
  if (!found.ok()) return Failure(found.status());
  const transfer::CopyPlan& plan = found->plan;
  const auto watched = WatchWrites(env.context, pair->from.client, plan.items, *measure_for);
  if (!watched.ok()) return Failure(watched.status());
  double changed = -1;
  if (*watched) changed = (*watched)->seconds > 0 ? (*watched)->All() / (*watched)->seconds : 0;
  const auto& sample = plan.sample;
  const migrate::Recommendation advice = migrate::Recommend(
      {.rows = plan.rows,
       .bytes = plan.bytes,
       .read_bytes_second =
           sample.seconds > 0 ? static_cast<double>(sample.bytes) / sample.seconds : 0,
       .changed_rows_second = changed},
      args.wishes);

  CommandResult result;
  result.state = "planned";
  result.json["from"] = pair->from.label;
  result.json["to"] = pair->to.label;
  result.json["collections"] = plan.items.size();
  result.json["rows"] = plan.rows;
  result.json["bytes"] = plan.bytes;
  result.json["changed_rows_per_second"] = SecondsOrNull(changed);
  result.json["writes_per_second"] = ChangesJson(*watched);
  result.json["writes_measured_seconds"] = *watched ? Json((*watched)->seconds) : Json(nullptr);
  result.json["recommended"] = NameOf(advice.strategy);
  result.json["dual_write_would_fit"] = advice.dual_write;
  result.json["reasons"] = advice.reasons;
  result.json["seconds"] = SecondsOrNull(advice.total_seconds);
  result.json["pause_seconds"] = SecondsOrNull(advice.pause_seconds);
  result.json["preflight"] = ToJson(found->findings);
  result.text = Thousands(static_cast<std::uint64_t>(plan.rows)) + " rows, about " +
                HumanBytes(static_cast<std::uint64_t>(plan.bytes)) + ", in " +
                std::to_string(plan.items.size()) +
                " collections\nrecommended: " + NameOf(advice.strategy) + "\n";
  for (const std::string& reason : advice.reasons) result.text += "  because " + reason + "\n";
  if (advice.total_seconds >= 0) {
    result.text += "  about " + HumanSeconds(advice.total_seconds) +
                   (advice.strategy == migrate::Strategy::kCold ? "" : " before the cutover") +
                   "; writes stop for about " + HumanSeconds(advice.pause_seconds) + "\n";
  }
  std::vector<std::vector<std::string>> table = {{"CHECK", "", ""}};
  for (const auto& f : found->findings) table.push_back({f.check, NameOf(f.verdict), f.text});
  result.text += Table(table);
  return result;
}

// --- run ---

struct RunArgs {
  PairArgs pair;
  PlaceArg place;
  PreflightArgs preflight;
  std::string strategy = "hot";
  std::string cutover = "manual";
  std::string max_pause;
  std::string interval;
  std::string retry = "30s";
  std::string ready_time;
  std::uint64_t ready_rows = 10'000;
  std::string audit_every = "24h";
  std::string fence_command;
  bool fence_by_privileges = false;
  std::string switch_command;
  std::string alert_command;
  std::string hook_timeout = "30s";
  std::vector<std::string> accept;
  std::string monitor_interval = "60s";
  std::string max_latency = "5s";
  migrate::Thresholds thresholds = {};
  std::size_t workers = 4;
  int writers = 2;
  transfer::Layout layout;
  bool adopt = false;
};

Result<migrate::MigrationSpec> SpecOf(const RunArgs& args, const FromTo& pair) {
  migrate::MigrationSpec spec;
  spec.from = pair.from.label;
  spec.to = pair.to.label;
  spec.collections = args.pair.selection.collections;
  spec.database = args.pair.selection.database;
  migrate::Rules& rules = spec.rules;
  rules.strategy = *migrate::StrategyOf(args.strategy);
  rules.auto_cutover = args.cutover == "auto";
  rules.manual_fence = args.fence_command.empty() && !args.fence_by_privileges;
  const bool cold = rules.strategy == migrate::Strategy::kCold;
  const bool incremental = rules.strategy == migrate::Strategy::kIncremental;
  const auto parse = [](const std::string& text, const std::string& usual,
                        const std::string& option) {
    return ParseDuration(text.empty() ? usual : text, option);
  };
  AERIE_ASSIGN(rules.max_pause, parse(args.max_pause, cold ? "8h" : "60s", "--max-pause"));
  AERIE_ASSIGN(rules.interval, parse(args.interval, incremental ? "60s" : "10s", "--interval"));
  AERIE_ASSIGN(rules.retry, ParseDuration(args.retry, "--retry"));
  // The last round and the proof take about three such rounds.
  rules.ready_time = rules.max_pause / 4;
  if (!args.ready_time.empty()) {
    AERIE_ASSIGN(rules.ready_time, ParseDuration(args.ready_time, "--ready-time"));
  }
  rules.ready_rows = args.ready_rows;
  AERIE_ASSIGN(rules.audit_every, ParseDuration(args.audit_every, "--audit-every"));
  if (rules.max_pause <= Duration::zero() || rules.retry <= Duration::zero() ||
      rules.interval <= Duration::zero() || rules.audit_every <= Duration::zero()) {
    return InvalidError(
        "migrate run: --max-pause, --interval, --retry and --audit-every must be above 0");
  }
  AERIE_ASSIGN(spec.hook_timeout, ParseDuration(args.hook_timeout, "--hook-timeout"));
  spec.fence_command = args.fence_command;
  spec.fence_by_privileges = args.fence_by_privileges;
  spec.switch_command = args.switch_command;
  spec.alert_command = args.alert_command;
  spec.accept = args.accept;
  return spec;
}

std::string NewId() {
  std::random_device random;
  char text[16];
  std::snprintf(text, sizeof text, "m%08x", random());
  return text;
}

std::string Joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

// The migration under way with the same ends and collections, or a new one.
Result<std::string> FindOrCreate(Catalog& catalog, const migrate::MigrationSpec& spec,
                                 std::int64_t now_ms) {
  AERIE_ASSIGN(const auto open, catalog.List(true));
  for (const catalog::Migration& m : open) {
    AERIE_ASSIGN(const auto stored, migrate::SpecFromText(m.spec));
    if (stored.from != spec.from || stored.to != spec.to ||
        stored.collections != spec.collections || stored.database != spec.database) {
      continue;
    }
    const auto differences = migrate::Differences(stored, spec);
    if (differences.empty()) return m.id;
    return RefusedError("migration " + m.id + " of these collections is under way with another " +
                        Joined(differences) +
                        "; say the same as then, or end it: aerie migrate abort " + m.id);
  }
  const migrate::State state = migrate::NewState(spec.rules);
  const std::string id = NewId();
  AERIE_TRY(catalog.Create({.id = id,
                            .spec = ToText(spec),
                            .state = ToText(state),
                            .phase = NameOf(state.phase),
                            .created_ms = now_ms}));
  return id;
}

// What moves rows has phases of its own; those of the migration are the ones to be shown.
class MoverProgress : public ProgressSink {
 public:
  explicit MoverProgress(ProgressSink& to) : to_(to) {}
  void OnProgress(const ProgressEvent& event) override {
    if (event.type == ProgressEvent::Type::kPhase) return;
    ProgressEvent passed = event;
    passed.phase.clear();
    to_.OnProgress(passed);
  }

 private:
  ProgressSink& to_;
};

std::string HostName() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "";
}

Result<std::vector<rows::CollectionName>> NamesOf(const Context& context,
                                                  const std::shared_ptr<milvus::Client>& client,
                                                  const transfer::Selection& selection) {
  const auto endpoint = transfer::MakeClusterEndpoint(client, {.database = selection.database});
  AERIE_ASSIGN(const auto all, endpoint->List(context));
  return transfer::Select(selection, all, endpoint->Describe());
}

Result<migrate::MonitorOptions> MonitorOptionsOf(const RunArgs& args) {
  migrate::MonitorOptions options{.thresholds = args.thresholds};
  AERIE_ASSIGN(options.interval, ParseDuration(args.monitor_interval, "--monitor-interval"));
  AERIE_ASSIGN(const Duration latency, ParseDuration(args.max_latency, "--max-latency"));
  options.thresholds.latency_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(latency).count();
  if (options.interval <= Duration::zero()) {
    return InvalidError("migrate run: --monitor-interval must be above 0");
  }
  return options;
}

Status EndStatus(Catalog& catalog, const std::string& id, const migrate::State& state) {
  switch (state.phase) {
    case Phase::kDone: return Ok();
    case Phase::kRolledBack:
      return FailedError("migration " + id + " was rolled back: clients use the source again");
    case Phase::kAborted:
      return FailedError("migration " + id +
                         " was aborted: clients use the source; what was "
                         "copied is still at the target");
    case Phase::kBlocked: {
      AERIE_ASSIGN(const auto alerts, catalog.Alerts(id, true));
      for (const auto& alert : alerts) {
        if (alert.incident == NameOf(migrate::Incident::kBlocked)) {
          return RefusedError("migration " + id + " is blocked: " + alert.text);
        }
      }
      return RefusedError("migration " + id + " is blocked");
    }
    default: return MakeStatus(Kind::kCancelled, "interrupted");
  }
}

CommandResult Drive(Environment& env, const RunArgs& args, const FromTo& pair,
                    const migrate::MigrationSpec& spec,
                    const migrate::PreflightOptions& preflight_options, Catalog& catalog,
                    const std::string& id, const std::string& state_folder) {
  const auto now_ms = [&] { return ToUnixMillis(env.context.clock().Now()); };
  auto lease =
      catalog.Take(id, {.process = ThisProcess(), .host = HostName(), .renewed_ms = now_ms()});
  if (!lease.ok()) return Failure(lease.status());
  const auto found = catalog.Find(id);
  if (!found.ok()) return Failure(found.status());
  const auto state = migrate::StateFromText(found->state);
  if (!state.ok()) return Failure(state.status());
  const auto names = NamesOf(env.context, pair.from.client, args.pair.selection);
  if (!names.ok()) return Failure(names.status());

  const auto monitor_options = MonitorOptionsOf(args);
  if (!monitor_options.ok()) return Failure(monitor_options.status());
  migrate::HookContext about{.migration = id,
                             .source = pair.from.client->cluster(),
                             .target = pair.to.client->cluster(),
                             .timeout = spec.hook_timeout};
  for (const auto& name : *names) about.collections.push_back(name.ToString());
  migrate::Approval approval(**lease, env.output);
  migrate::ManualHooks by_hand(approval, about);
  migrate::CommandHooks commands(**lease, about, spec.fence_command, spec.switch_command);
  migrate::CommandAlerts alerts(id, spec.alert_command, spec.hook_timeout, env.output);
  MoverProgress mover_progress(env.output);
  migrate::PaceKeeper pace(env.context.clock(), **lease, mover_progress);
  // By comparison a cluster that clients use is held back; in the pause only by what was asked for.
  transfer::ThrottleOptions in_pause = pair.from.throttle;
  in_pause.adaptive = in_pause.adaptive && in_pause.latency_target.has_value();
  migrate::SyncMover mover(
      pair.from.client, pair.to.client,
      {.selection = args.pair.selection,
       .folder = state_folder,
       .parallel_collections = args.workers,
       .writers = args.writers,
       .streams = args.pair.clusters.streams,
       .layout = args.layout,
       .adopt = args.adopt,
       .audited_before = spec.rules.strategy != migrate::Strategy::kCold,
       .audit_every = spec.rules.audit_every,
       .reading = ReadingOf(env.tools(), args.pair.clusters, pair, args.pair.selection),
       .throttle_in_pause = transfer::ClusterThrottle::Make(in_pause, pace)},
      pace);
  migrate::PacedMover paced_mover(mover, pace);
  migrate::ClusterPreflight preflight(
      pair.from.client, pair.to.client, preflight_options, args.accept,
      [&](const migrate::Finding& f) {
        const std::string text = f.check + ": " + NameOf(f.verdict) + ": " + f.text;
        (*lease)->Append({.kind = "preflight", .text = text}, now_ms()).IgnoreError();
        if (f.verdict == migrate::Finding::Verdict::kPass) return;
        env.output.OnProgress({.type = ProgressEvent::Type::kWarning, .message = text});
      });
  migrate::PrivilegeFence by_privileges(**lease, pair.from.client, pair.to.client, *names);
  migrate::Fence& fence = spec.fence_by_privileges     ? static_cast<migrate::Fence&>(by_privileges)
                          : spec.fence_command.empty() ? static_cast<migrate::Fence&>(by_hand)
                                                       : static_cast<migrate::Fence&>(commands);
  migrate::Switch& switcher = spec.switch_command.empty() ? static_cast<migrate::Switch&>(by_hand)
                                                          : static_cast<migrate::Switch&>(commands);
  migrate::Driver driver(**lease, spec.rules,
                         {.preflight = preflight,
                          .mover = paced_mover,
                          .fence = fence,
                          .switcher = switcher,
                          .alerts = alerts},
                         approval, env.output);
  const auto end = [&] {
    const migrate::Monitor monitor(env.context.clock(), catalog, **lease, pair.from.client,
                                   pair.to.client, *names, *monitor_options,
                                   [&driver] { driver.AlertsChanged(); });
    return driver.Run(env.context, *state);
  }();
  if (!end.ok()) return Failure(end.status());
  CommandResult result;
  result.status = EndStatus(catalog, id, *end);
  result.json = StateToJson(*end);
  result.text = "migration " + id + ": " + NameOf(end->phase) + "\n";
  if (end->last_pause_ms >= 0) {
    result.text += "writes were stopped for " +
                   HumanSeconds(static_cast<double>(end->last_pause_ms) / 1000) + "\n";
  }
  return result;
}

migrate::WayBackWish WayBackOf(const migrate::MigrationSpec& spec) {
  const auto by = [](const std::string& command) { return command.empty() ? "by hand" : command; };
  return {.fence = spec.fence_by_privileges ? "by privileges" : by(spec.fence_command),
          .switcher = by(spec.switch_command)};
}

// Both clusters: the source is fenced in a cutover, the target in a rollback.
std::vector<migrate::Finding> ExamineFences(const Context& context, const FromTo& pair,
                                            const std::vector<rows::CollectionName>& collections) {
  return {migrate::ExaminePrivileges(context, *pair.from.client, Side::kSource, collections),
          migrate::ExaminePrivileges(context, *pair.to.client, Side::kTarget, collections)};
}

CommandResult Run(Environment& env, const RunArgs& args) {
  for (const std::string& name : args.accept) {
    const auto& known = migrate::CheckNames();
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      return Failure(InvalidError("migrate run: --accept " + name + " is no check; those are " +
                                  Joined(known)));
    }
  }
  if (args.adopt) {
    const Status confirmed =
        Confirm(env, "take over collections of the target, and delete there what the source lacks");
    if (!confirmed.ok()) return Failure(confirmed);
  }
  auto catalog = OpenCatalog(env, args.place);
  if (!catalog.ok()) return Failure(catalog.status());
  const auto path = CatalogPathOf(env.session.config(), args.place);
  auto pair = OpenFromTo(env.tools(), args.pair.clusters, "migrate");
  if (!pair.ok()) return Failure(pair.status());
  const auto spec = SpecOf(args, *pair);
  if (!spec.ok()) return Failure(spec.status());
  auto preflight = PreparePreflight(env, args.preflight, *pair, args.pair.selection);
  if (!preflight.ok()) return Failure(preflight.status());
  preflight->options.way_back = WayBackOf(*spec);
  if (spec->fence_by_privileges) {
    preflight->options.fence = [&pair](const Context& context, const auto& collections) {
      return ExamineFences(context, *pair, collections);
    };
  }
  const auto id = FindOrCreate(**catalog, *spec, ToUnixMillis(env.context.clock().Now()));
  if (!id.ok()) return Failure(id.status());
  CommandResult result =
      Drive(env, args, *pair, *spec, preflight->options, **catalog, *id, *path + ".rows/" + *id);
  result.json["migration"] = *id;
  result.json["from"] = pair->from.label;
  result.json["to"] = pair->to.label;
  result.json["strategy"] = NameOf(spec->rules.strategy);
  return result;
}

// --- status, and the words ---

struct WordArgs {
  PlaceArg place;
  std::string id;
  std::string verb;
};

// The one that is named, or the only one under way.
Result<catalog::Migration> Chosen(Catalog& catalog, const std::string& id) {
  if (!id.empty()) return catalog.Find(id);
  AERIE_ASSIGN(const auto open, catalog.List(true));
  if (open.empty()) return NotFoundError("no migration is under way; aerie migrate run begins one");
  if (open.size() == 1) return open.front();
  std::vector<std::string> ids;
  for (const auto& m : open) ids.push_back(m.id);
  return InvalidError("several migrations are under way; name one of " + Joined(ids));
}

CommandResult Answered(const std::string& id, const std::string& verb, const std::string& refusal) {
  CommandResult result;
  result.json["migration"] = id;
  result.json["command"] = verb;
  if (!refusal.empty()) {
    result.status = RefusedError("migration " + id + ": " + refusal);
    return result;
  }
  result.text = "migration " + id + ": " + verb + " is taken\n";
  return result;
}

CommandResult Queued(const std::string& id, const std::string& verb, const std::string& why) {
  CommandResult result;
  result.state = "queued";
  result.json["migration"] = id;
  result.json["command"] = verb;
  result.text = "migration " + id + ": " + verb + " is noted\n";
  result.warnings.push_back(why);
  return result;
}

CommandResult Say(Environment& env, const WordArgs& args) {
  auto catalog = OpenCatalog(env, args.place);
  if (!catalog.ok()) return Failure(catalog.status());
  const auto m = Chosen(**catalog, args.id);
  if (!m.ok()) return Failure(m.status());
  const WallTime now = env.context.clock().Now();
  const auto said = migrate::Say(
      **catalog, m->id, args.verb, m->request.number,
      {.process = ThisProcess(), .host = HostName(), .renewed_ms = ToUnixMillis(now)}, now);
  if (!said.ok()) return Failure(said.status());
  if (said->answered) return Answered(m->id, args.verb, said->refusal);
  if (!said->driven) {
    return Queued(m->id, args.verb,
                  "no process drives migration " + m->id +
                      " now; it is obeyed when aerie migrate run goes on, with the same words as "
                      "before");
  }
  const SteadyTime until = env.context.clock().Steady() + kAnswerPatience;
  for (;;) {
    const auto command = (*catalog)->FindCommand(said->number);
    if (!command.ok()) return Failure(command.status());
    if (command->answered) return Answered(m->id, args.verb, command->refusal);
    if (env.context.clock().Steady() >= until) break;
    const Status slept = env.context.Sleep(kLook, "wait for the answer");
    if (!slept.ok()) return Failure(slept);
  }
  return Queued(m->id, args.verb,
                "the process that drives it is busy and has not answered yet; see aerie migrate "
                "status");
}

struct StatusArgs {
  PlaceArg place;
  std::string id;
  bool watch = false;
  bool log = false;
};

CommandResult ShowStatus(Environment& env, const StatusArgs& args) {
  auto catalog = OpenCatalog(env, args.place);
  if (!catalog.ok()) return Failure(catalog.status());
  CommandResult result;
  const WallTime now = env.context.clock().Now();
  if (args.id.empty() && !args.watch && !args.log) {
    const auto all = (*catalog)->List(false);
    if (!all.ok()) return Failure(all.status());
    result.json["migrations"] = Json::array();
    for (const auto& m : *all) {
      const auto described = DescribeMigration(**catalog, m, now);
      if (!described.ok()) return Failure(described.status());
      result.json["migrations"].push_back(*described);
      result.text += DescribeText(*described, now);
    }
    if (all->empty()) result.text = "no migration is in the catalog\n";
    return result;
  }
  const auto m = Chosen(**catalog, args.id);
  if (!m.ok()) return Failure(m.status());
  if (args.watch) return WatchMigration(env, **catalog, m->id);
  const auto described = DescribeMigration(**catalog, *m, now);
  if (!described.ok()) return Failure(described.status());
  result.json = *described;
  result.text = DescribeText(*described, now);
  if (!args.log) return result;
  const auto log = (*catalog)->Log(m->id, 0, 100'000);
  if (!log.ok()) return Failure(log.status());
  result.json["log"] = Json::array();
  for (const auto& e : *log) {
    result.json["log"].push_back({{"at_ms", e.at_ms}, {"kind", e.kind}, {"text", e.text}});
  }
  result.text += LogText(*log);
  return result;
}

// --- the table of commands ---

void AddPlan(CLI::App& root, Action& action) {
  auto args = std::make_shared<PlanArgs>();
  CLI::App* cmd = root.add_subcommand(
      "plan", "Measure, check, and recommend a strategy; nothing stays changed");
  AddFromTo(*cmd, args->pair.clusters);
  AddSelectionOptions(*cmd, args->pair.selection, false);
  cmd->add_option("--measure-for", args->measure_for,
                  "How long to watch how much is written; 0: not at all")
      ->capture_default_str();
  AddFromToOptions(*cmd, args->pair.clusters);
  AddPreflightOptions(*cmd, args->preflight);
  cmd->add_flag("--downtime-allowed", args->wishes.downtime_allowed,
                "Writes may stop for as long as a whole copy takes");
  cmd->add_flag("--constantly-updated", args->wishes.constantly_updated,
                "Rows are written all the time, also if few are while it is measured");
  cmd->callback(
      [&action, args] { action = [args](Environment& env) { return Plan(env, *args); }; });
}

void AddCutoverOptions(CLI::App& cmd, RunArgs& args) {
  cmd.add_option("--strategy", args.strategy, "cold, hot or incremental")
      ->check(CLI::IsMember({"cold", "hot", "incremental"}))
      ->capture_default_str();
  cmd.add_option("--cutover", args.cutover,
                 "manual: wait for aerie migrate cutover; auto: as soon as it is ready, once")
      ->check(CLI::IsMember({"manual", "auto"}))
      ->capture_default_str();
  cmd.add_option("--max-pause", args.max_pause,
                 "Undo a cutover that stops writes for longer (default 60s; cold: 8h)");
  cmd.add_option("--interval", args.interval, "Between rounds (default 10s; incremental: 60s)");
  cmd.add_option("--retry", args.retry, "Before what failed is tried again")->capture_default_str();
  cmd.add_option("--ready-rows", args.ready_rows, "A round that wrote more is not small")
      ->capture_default_str();
  cmd.add_option("--ready-time", args.ready_time,
                 "A round that took longer is not small (default: a quarter of --max-pause)");
  cmd.add_option("--audit-every", args.audit_every,
                 "Both clusters are read whole this often (hot and incremental: once before "
                 "a cutover in any case)")
      ->capture_default_str();
  auto* command =
      cmd.add_option("--fence-command", args.fence_command,
                     "Stops and starts the writes of clients; without it you do it by hand");
  cmd.add_flag("--fence-by-privileges", args.fence_by_privileges,
               "Stop and start the writes of clients by taking their roles' privileges to write, "
               "and giving them back")
      ->excludes(command);
  cmd.add_option("--switch-command", args.switch_command,
                 "Sends clients to the other cluster; without it you do it by hand");
  cmd.add_option("--alert-command", args.alert_command,
                 "Called for each alert, and when it is over");
  cmd.add_option("--hook-timeout", args.hook_timeout, "How long each of these commands may take")
      ->capture_default_str();
  cmd.add_option("--monitor-interval", args.monitor_interval,
                 "How often the rows of both sides are counted")
      ->capture_default_str()
      ->group("Monitor");
  cmd.add_option("--max-difference", args.thresholds.difference_rows,
                 "Alert when source and target are more rows apart, once they should be equal")
      ->capture_default_str()
      ->group("Monitor");
  cmd.add_option("--max-error-rate", args.thresholds.error_rate,
                 "Alert when a larger part of these questions fails; 0.01 is 1 %")
      ->capture_default_str()
      ->group("Monitor");
  cmd.add_option("--max-latency", args.max_latency, "Alert when a count takes longer")
      ->capture_default_str()
      ->group("Monitor");
  cmd.add_option("--accept", args.accept, "Go on though this check failed (repeatable)")
      ->type_name("CHECK")
      ->expected(1)
      ->take_all();
}

void AddRun(CLI::App& root, Action& action) {
  auto args = std::make_shared<RunArgs>();
  CLI::App* cmd =
      root.add_subcommand("run", "Migrate, in the foreground, until it is completed; again: go on");
  AddFromTo(*cmd, args->pair.clusters);
  AddSelectionOptions(*cmd, args->pair.selection, false);
  AddCutoverOptions(*cmd, *args);
  cmd->add_option("--workers", args->workers, "Collections at once")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  cmd->add_option("--writers", args->writers, "Requests in flight writing each collection")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  AddLayoutOptions(*cmd, args->layout);
  cmd->add_flag("--adopt", args->adopt,
                "Take over a collection that is in the target already though it differs: what the "
                "source lacks is deleted there (needs --yes)");
  AddFromToOptions(*cmd, args->pair.clusters);
  AddPreflightOptions(*cmd, args->preflight);
  AddPlaceOptions(*cmd, args->place);
  cmd->callback([&action, args] { action = [args](Environment& env) { return Run(env, *args); }; });
}

void AddStatus(CLI::App& root, Action& action) {
  auto args = std::make_shared<StatusArgs>();
  CLI::App* cmd = root.add_subcommand("status", "Where migrations are, and what they wait for");
  cmd->add_option("ID", args->id, "Of a migration");
  cmd->add_flag("--watch", args->watch, "Show it again at each change, until it has ended");
  cmd->add_flag("--log", args->log, "Also everything that happened");
  AddPlaceOptions(*cmd, args->place);
  cmd->callback(
      [&action, args] { action = [args](Environment& env) { return ShowStatus(env, *args); }; });
}

void AddWord(CLI::App& root, Action& action, const std::string& verb, const std::string& about) {
  auto args = std::make_shared<WordArgs>();
  args->verb = verb;
  CLI::App* cmd = root.add_subcommand(verb, about);
  cmd->add_option("ID", args->id, "Of the migration; may be left out when only one is under way");
  AddPlaceOptions(*cmd, args->place);
  cmd->callback([&action, args] { action = [args](Environment& env) { return Say(env, *args); }; });
}

}  // namespace

void AddMigrateCommands(CLI::App& root, Action& action) {
  CLI::App* group = root.add_subcommand(
      "migrate", "Move the clients of one cluster to another, proven, with a way back");
  group->require_subcommand(1);
  AddPlan(*group, action);
  AddRun(*group, action);
  AddStatus(*group, action);
  AddWord(*group, action, "approve", "Say that what it waits for is done");
  AddWord(*group, action, "pause", "Stop working until resume; clients are not stopped");
  AddWord(*group, action, "resume", "Go on; also try again at once what waits for another try");
  AddWord(*group, action, "cutover",
          "Stop the writes and move the clients, when the rest is small");
  AddWord(*group, action, "rollback", "Send clients back, with every write made since");
  AddWord(*group, action, "complete", "End the sync back to the source: there is no way back then");
  AddWord(*group, action, "abort", "End it before clients were moved");
}

}  // namespace aerie::cli
