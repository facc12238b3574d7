#include "app/kinds/restore.h"

#include <algorithm>
#include <utility>

#include "transfer/endpoint.h"

namespace aerie::app {
namespace {

// With a collection that is selected.
Result<repo::Snapshot> SnapshotOf(const Tools& tools, repo::Repository& repository,
                                  const RestoreRequest& request) {
  const transfer::Selection& selection = request.target.selection;
  auto found = repository.FindSnapshot(
      tools.context, request.snapshot, [&](const repo::Snapshot& candidate) {
        if (!request.cluster.empty() && candidate.cluster != request.cluster) return false;
        return selection.empty() ||
               std::ranges::any_of(candidate.collections, [&](const auto& collection) {
                 return transfer::Selects(selection, collection.name);
               });
      });
  if (found.ok() || selection.collections.empty()) return found;
  std::string asked;
  for (const auto& glob : selection.collections) asked += " " + glob;
  return Annotate(found.status(), "restore collections" + asked);
}

class RestoreKind : public RequestKind<RestoreRequest> {
 public:
  using RequestKind::RequestKind;

 private:
  void Read(SpecReader& spec, RestoreRequest& request) const override {
    spec.Text("snapshot", request.snapshot);
    spec.Repository("repository", SpecReader::Default::kConfigured, request.repo.text);
    spec.Text("cluster", request.cluster);
    spec.Cluster("to", SpecReader::Default::kNone, request.to.text);
    ReadTarget(spec, "parallel", request.target);
    spec.Flag("dry_run", request.dry_run);
    spec.Adopt(ToOptions(request.target, "restore").status());
  }

  std::string Describe(const RestoreRequest& request) const override {
    const TargetArgs& target = request.target;
    return "restore " + SelectionText(target.selection) + " of snapshot " + request.snapshot +
           " in repository " + NamedOr(request.repo.text, setup().config.default_repository) +
           " to cluster " + request.to.text +
           (target.on_conflict == "replace" ? ", replacing what is there" : "") +
           (target.on_conflict == "merge" ? ", into what is there" : "") +
           DryRunText(request.dry_run);
  }

  CommandResult Work(const Tools& tools, RestoreRequest& request,
                     jobs::JobRun& run) const override {
    const std::string kept = ObjectOf(run.checkpoint()).value("snapshot", "");
    if (kept.empty() && !request.dry_run) {
      // "latest" may be another one when the job goes on.
      auto opened = tools.session.Repository(tools.context, request.repo.text, {}, IfAbsent::kFail);
      if (!opened.ok()) return Failure(opened.status());
      const auto snapshot = SnapshotOf(tools, *opened->repository, request);
      if (!snapshot.ok()) return Failure(snapshot.status());
      request.snapshot = snapshot->id.hex;
      const Status saved = run.SaveCheckpoint(Dump({{"snapshot", request.snapshot}}));
      if (!saved.ok()) return Failure(saved);
    } else if (!kept.empty()) {
      request.snapshot = kept;
      // It may have got to its end, and been killed before that was recorded.
      request.goes_on = true;
    }
    return Restore(tools, request);
  }
};

}  // namespace

CommandResult Restore(const Tools& tools, const RestoreRequest& request) {
  auto options = ToOptions(request.target, "restore");
  if (!options.ok()) return Failure(options.status());
  options->each_for_itself = request.goes_on;
  auto opened = tools.session.Repository(tools.context, request.repo.text, request.repo.flags,
                                         IfAbsent::kFail);
  if (!opened.ok()) return Failure(opened.status());
  const auto snapshot = SnapshotOf(tools, *opened->repository, request);
  if (!snapshot.ok()) return Failure(snapshot.status());
  auto cluster = tools.session.Cluster(tools.context, request.to.text, request.to.flags);
  if (!cluster.ok()) return Failure(cluster.status());
  const auto from = transfer::MakeSnapshotEndpoint(*opened->repository, *snapshot);
  if (request.dry_run) {
    auto plan = transfer::PlanRestore(tools.context, *from, cluster->client, *options);
    return plan.ok() ? PlanResult(*plan, request.target, "restore") : Failure(plan.status());
  }

  const SteadyTime start = tools.context.clock().Steady();
  auto run = transfer::RunRestore(tools.context, *from, cluster->client, *options, tools.progress);
  if (!run.ok()) return Failure(run.status());
  CommandResult result = RunResult(*run, "restore", "restored");
  result.json["snapshot"] = snapshot->id.hex;
  result.json["cluster"] = cluster->label;
  result.json["seconds"] = SecondsSince(tools.context, start);
  return result;
}

std::shared_ptr<jobs::JobKind> MakeRestoreKind(std::shared_ptr<const KindSetup> setup) {
  return std::make_shared<RestoreKind>("restore", std::move(setup));
}

}  // namespace aerie::app
