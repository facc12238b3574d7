#include "app/kinds/sync.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/duration.h"

namespace aerie::app {
namespace {

using How = transfer::SyncOutcome::How;

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
std::optional<double> LagOf(const Tools& tools, std::int64_t as_of_ms) {
  if (as_of_ms == 0) return std::nullopt;
  const std::int64_t now = ToUnixMillis(tools.context.clock().Now());
  return static_cast<double>(std::max<std::int64_t>(0, now - as_of_ms)) / 1000;
}

Json LagJson(const std::optional<double>& lag) { return lag ? Json(*lag) : Json(nullptr); }

Json OutcomeJson(const Tools& tools, const transfer::SyncOutcome& outcome) {
  Json json = ToJson(outcome);
  json["to"] = outcome.to.ToString();
  json["how"] = HowName(outcome.how);
  json["why"] = outcome.why;
  json["inserted"] = outcome.inserted;
  json["updated"] = outcome.updated;
  json["deleted"] = outcome.deleted;
  json["schema"] = outcome.schema;
  json["as_of_ms"] = outcome.as_of_ms;
  json["lag_seconds"] = LagJson(LagOf(tools, outcome.as_of_ms));
  json["fuzzy"] = outcome.report.fuzzy;
  json["read"] = ToJson(outcome.report);
  return json;
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
             SyncCounts(outcome.inserted, outcome.updated, outcome.deleted) + " of " +
             Thousands(outcome.digest.rows) + " rows";
  }
  if (outcome.how == How::kAudited) text += ", both sides read (" + outcome.why + ")";
  text += ", " + HumanSeconds(outcome.seconds) + "\n";
  for (const std::string& line : outcome.schema) text += "  " + line + "\n";
  return text;
}

// Members that are the same for a run, a round and a plan.
CommandResult ResultOf(const Tools& tools, const transfer::SyncResult& run) {
  CommandResult result = ResultOfRun(
      run, [&](const transfer::SyncOutcome& outcome) { return OutcomeJson(tools, outcome); },
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
    const auto one = LagOf(tools, outcome.as_of_ms);
    lag = lag && one ? std::optional(std::max(*lag, *one)) : std::nullopt;
  }
  result.json["inserted"] = inserted;
  result.json["updated"] = updated;
  result.json["deleted"] = deleted;
  result.json["lag_seconds"] = LagJson(lag);
  return result;
}

// Where the job could not begin, the lag is known from what is kept.
CommandResult FailedRound(const Tools& tools, const SyncSetup& setup, const Status& status) {
  CommandResult result = Failure(status);
  std::optional<double> lag;
  // Also of a round that was interrupted.
  const Context context(tools.context.clock());
  const auto records =
      setup.state.Records(context, setup.from.cluster()->cluster(), setup.to->cluster());
  if (records.ok()) {
    for (const auto& record : *records) {
      if (!transfer::Selects(setup.options.selection, record.from.name)) continue;
      const auto one = LagOf(tools, record.as_of_ms);
      if (one) lag = std::max(lag.value_or(0), *one);
    }
  }
  result.json["lag_seconds"] = LagJson(lag);
  return result;
}

Result<transfer::SyncOptions> OptionsOf(const SyncRequest& request) {
  AERIE_ASSIGN(const transfer::RestoreOptions names, ToOptions(request.target, "sync"));
  transfer::SyncOptions options;
  options.selection = names.selection;
  options.rename = names.rename;
  options.suffix = names.suffix;
  options.database = names.database;
  options.parallel_collections = names.parallel_collections;
  options.writers = names.writers;
  options.streams = request.clusters.streams;
  options.layout = names.layout;
  if (request.audit) options.audit = transfer::SyncOptions::Audit::kAlways;
  AERIE_ASSIGN(options.audit_every, ParseDuration(request.audit_every, "--audit-every"));
  if (request.adopt) options.strangers = transfer::SyncOptions::Strangers::kAdopt;
  if (request.prune_extra) options.gone = transfer::SyncOptions::Gone::kDrop;
  if (request.rebuild_indexes) options.indexes = transfer::IndexRebuild::kRelease;
  return options;
}

class SyncKind : public RequestKind<SyncRequest> {
 public:
  using RequestKind::RequestKind;

 private:
  void Read(SpecReader& spec, SyncRequest& request) const override {
    TargetArgs& target = request.target;
    ReadFromTo(spec, request.clusters);
    spec.Selection(target.selection, SpecReader::Rows::kAll);
    spec.Pairs("rename", target.rename);
    spec.Text("suffix", target.suffix);
    spec.Text("database", target.database);
    ReadLayout(spec, target.layout);
    spec.Number("workers", std::size_t{1}, std::size_t{64}, target.parallel);
    spec.Number("writers", 1, 64, target.writers);
    spec.Flag("audit", request.audit);
    spec.Time("audit_every", request.audit_every);
    spec.Flag("adopt", request.adopt);
    spec.Flag("prune_extra", request.prune_extra);
    spec.Flag("rebuild_indexes", request.rebuild_indexes);
    spec.Text("state_dir", request.state_dir);
    spec.Flag("dry_run", request.dry_run);
    spec.Adopt(CheckSync(request));
  }
  std::string Describe(const SyncRequest& request) const override {
    return "sync " + SelectionText(request.target.selection) + " of cluster " +
           request.clusters.from + " to cluster " + request.clusters.to +
           (request.adopt ? ", taking over what is there" : "") +
           (request.prune_extra ? ", dropping what is gone" : "") + DryRunText(request.dry_run);
  }
  CommandResult Work(const Tools& tools, SyncRequest& request, jobs::JobRun&) const override {
    return WithSync(tools, request, [&](const SyncSetup& setup) {
      return request.dry_run ? PlanRound(tools, setup) : SyncRound(tools, setup);
    });
  }
};

}  // namespace

Status CheckSync(const SyncRequest& request) { return OptionsOf(request).status(); }

std::string SyncCounts(std::uint64_t inserted, std::uint64_t updated, std::uint64_t deleted) {
  return Thousands(inserted) + " inserted, " + Thousands(updated) + " updated, " +
         Thousands(deleted) + " deleted";
}

CommandResult SyncRound(const Tools& tools, const SyncSetup& setup) {
  const SteadyTime start = tools.context.clock().Steady();
  const auto run = transfer::RunSync(tools.context, setup.from, setup.to, setup.options,
                                     setup.state, tools.progress);
  CommandResult result = run.ok() ? ResultOf(tools, *run) : FailedRound(tools, setup, run.status());
  result.json["seconds"] = SecondsSince(tools.context, start);
  ReportThrottle(setup.from, result);
  return result;
}

CommandResult PlanRound(const Tools& tools, const SyncSetup& setup) {
  const auto plan = transfer::PlanSync(tools.context, setup.from, setup.to, setup.options,
                                       setup.state, tools.progress);
  if (!plan.ok()) return Failure(plan.status());
  CommandResult result = ResultOf(tools, *plan);
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

CommandResult WithSync(const Tools& tools, const SyncRequest& request,
                       const std::function<CommandResult(const SyncSetup&)>& work) {
  const auto options = OptionsOf(request);
  if (!options.ok()) return Failure(options.status());
  const auto folder =
      request.state_dir.empty() ? StateFolder() : Result<std::string>(request.state_dir);
  if (!folder.ok()) return Failure(folder.status());
  const auto opened = OpenFromTo(tools, request.clusters, "sync");
  if (!opened.ok()) return Failure(opened.status());
  const auto& [from, to] = *opened;
  const auto reading = ReadingOf(tools, request.clusters, *opened, request.target.selection);
  const auto source = transfer::MakeClusterEndpoint(from.client, reading);
  transfer::SyncState state(*folder);
  CommandResult result = work({*source, to.client, *options, state});
  result.json["from"] = from.label;
  result.json["to"] = to.label;
  return result;
}

std::shared_ptr<jobs::JobKind> MakeSyncKind(std::shared_ptr<const KindSetup> setup) {
  return std::make_shared<SyncKind>("sync", std::move(setup));
}

}  // namespace aerie::app
