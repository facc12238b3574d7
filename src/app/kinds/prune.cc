#include "app/kinds/prune.h"

#include <memory>
#include <utility>

#include "app/version.h"
#include "base/duration.h"
#include "objects/filesystem_store.h"

namespace aerie::app {
namespace {

Result<repo::PruneOptions> ToOptions(const PruneRequest& request) {
  repo::PruneOptions options;
  options.policy = request.policy;
  options.program = kProgram;
  options.max_repack_bytes = request.max_repack;
  options.repack_above.reset();
  if (request.repack_above < 100) options.repack_above = request.repack_above / 100;
  AERIE_ASSIGN(options.margin, ParseDuration(request.margin, "prune: --margin"));
  if (!request.keep_within.empty()) {
    AERIE_ASSIGN(options.policy.keep_within,
                 ParseDuration(request.keep_within, "prune: --keep-within"));
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
    table.push_back({snapshot.id.Short(),
                     FormatUtc(FromUnixMillis(snapshot.created_ms)).substr(0, 19) + "Z",
                     snapshot.cluster, report.decisions[i].keep ? "keep" : removed, why});
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

class PruneKind : public RequestKind<PruneRequest> {
 public:
  using RequestKind::RequestKind;

 private:
  void Read(SpecReader& spec, PruneRequest& request) const override {
    spec.Repository("repository", SpecReader::Default::kConfigured, request.repo.text);
    ReadKeep(spec, request);
    spec.Time("margin", request.margin);
    spec.Number("repack_above", 0.0, 100.0, request.repack_above);
    spec.Number("max_repack", std::uint64_t{0}, ~std::uint64_t{0}, request.max_repack);
    bool dry_run = false;
    spec.Flag("dry_run", dry_run);
    request.apply = !dry_run;
  }
  std::string Describe(const PruneRequest& request) const override {
    return "prune repository " + NamedOr(request.repo.text, setup().config.default_repository) +
           (request.policy.empty() && request.keep_within.empty()
                ? ": data that no snapshot needs"
                : ": snapshots that no rule keeps, and data that no snapshot needs") +
           DryRunText(!request.apply);
  }
  CommandResult Work(const Tools& tools, PruneRequest& request, jobs::JobRun&) const override {
    return Prune(tools, request);
  }
};

}  // namespace

void ReadKeep(SpecReader& spec, PruneRequest& request) {
  SpecReader keep(spec.config(), spec.what() + ": keep", spec.Object("keep"));
  repo::RetentionPolicy& policy = request.policy;
  const std::pair<const char*, std::uint32_t*> counts[] = {
      {"last", &policy.keep_last},
      {"hourly", &policy.keep_hourly},
      {"daily", &policy.keep_daily},
      {"weekly", &policy.keep_weekly},
      {"monthly", &policy.keep_monthly},
      {"yearly", &policy.keep_yearly},
      {"min_redundancy", &policy.min_redundancy}};
  for (const auto& [key, into] : counts) {
    keep.Number(key, std::uint32_t{0}, std::uint32_t{1'000'000}, *into);
  }
  keep.Time("within", request.keep_within);
  keep.Texts("tags", policy.keep_tags);
  spec.Adopt(keep.Finish());
}

CommandResult PruneOpened(const Tools& tools, repo::Repository& repository,
                          const PruneRequest& request) {
  auto options = ToOptions(request);
  if (!options.ok()) return Failure(options.status());
  options->sweep_leftovers = SweeperOf(repository);
  options->judges = request.judges;
  const auto report = request.apply ? repo::RunPrune(tools.context, repository, *options)
                                    : repo::PlanPrune(tools.context, repository, *options);
  return report.ok() ? PruneResult(*report, request.apply) : Failure(report.status());
}

CommandResult Prune(const Tools& tools, const PruneRequest& request) {
  auto opened = tools.session.Repository(tools.context, request.repo.text, request.repo.flags,
                                         IfAbsent::kFail);
  if (!opened.ok()) return Failure(opened.status());
  return PruneOpened(tools, *opened->repository, request);
}

std::shared_ptr<jobs::JobKind> MakePruneKind(std::shared_ptr<const KindSetup> setup) {
  return std::make_shared<PruneKind>("prune", std::move(setup));
}

}  // namespace aerie::app
