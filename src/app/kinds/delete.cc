#include "app/kinds/delete.h"

#include <algorithm>
#include <utility>

#include "repo/snapshot_delete.h"

namespace aerie::app {
namespace {

Json Ids(const std::vector<repo::SnapshotId>& ids) {
  Json json = Json::array();
  for (const auto& id : ids) json.push_back(id.hex);
  return json;
}

// What is going to be deleted, as it stands before.
CommandResult Announce(const std::vector<repo::Snapshot>& snapshots,
                       const std::vector<repo::SnapshotId>& ids) {
  CommandResult result;
  std::vector<std::vector<std::string>> table = {{"ID", "CREATED", "CLUSTER", "SIZE"}};
  for (const auto& id : ids) {
    const auto at = std::ranges::find(snapshots, id, &repo::Snapshot::id);
    if (at == snapshots.end()) {
      table.push_back({id.Short(), "?", "cannot be read", ""});
    } else {
      table.push_back({id.Short(), FormatUtc(FromUnixMillis(at->created_ms)).substr(0, 19) + "Z",
                       at->cluster, HumanBytes(at->stats.plain_bytes)});
    }
  }
  result.text = Table(table);
  for (const std::string& name : repo::LastOf(snapshots, ids)) {
    result.warnings.push_back("no complete snapshot of " + name + " is left after this");
  }
  return result;
}

class DeleteKind : public RequestKind<DeleteRequest> {
 public:
  using RequestKind::RequestKind;

 private:
  void Read(SpecReader& spec, DeleteRequest& request) const override {
    spec.Repository("repository", SpecReader::Default::kConfigured, request.repo.text);
    spec.Texts("snapshots", request.snapshots);
    spec.Flag("dry_run", request.dry_run);
    if (request.snapshots.empty()) spec.Fail("snapshots", "is missing: ids, prefixes, or latest");
  }

  std::string Describe(const DeleteRequest& request) const override {
    std::string text = "delete " + SnapshotCount(request.snapshots.size());
    for (const std::string& name : request.snapshots) text += " " + name;
    return text + " of repository " +
           NamedOr(request.repo.text, setup().config.default_repository) +
           DryRunText(request.dry_run);
  }

  CommandResult Work(const Tools& tools, DeleteRequest& request, jobs::JobRun& run) const override {
    auto opened = tools.session.Repository(tools.context, request.repo.text, {}, IfAbsent::kFail);
    if (!opened.ok()) return Failure(opened.status());
    repo::Repository& repository = *opened->repository;
    const Json kept = ObjectOf(run.checkpoint()).value("ids", Json::array());
    if (!kept.empty()) return GoOn(tools, repository, kept);
    const auto ids = ResolveSnapshots(tools.context, repository, request.snapshots);
    if (!ids.ok()) return Failure(ids.status());
    CommandResult plan = PlanDeletion(tools, repository, *ids);
    if (request.dry_run || !plan.status.ok()) return plan;
    // "latest" is another one afterwards.
    if (const Status saved = run.SaveCheckpoint(Dump({{"ids", Ids(*ids)}})); !saved.ok()) {
      return Failure(saved);
    }
    CommandResult result = DeleteResolved(tools, repository, *ids);
    result.warnings.insert(result.warnings.begin(), plan.warnings.begin(), plan.warnings.end());
    return result;
  }

  // What is gone was deleted by the run before.
  static CommandResult GoOn(const Tools& tools, repo::Repository& repository, const Json& kept) {
    std::vector<repo::SnapshotId> left;
    std::vector<repo::SnapshotId> gone;
    for (const Json& id : kept) {
      const repo::SnapshotId one{id.get<std::string>()};
      const Status found = repository.FindSnapshot(tools.context, one.hex).status();
      (KindOf(found) == Kind::kNotFound ? gone : left).push_back(one);
    }
    CommandResult result;
    result.json["deleted"] = Json::array();
    if (!left.empty()) result = DeleteResolved(tools, repository, left);
    if (!result.json.contains("deleted")) return result;
    for (const Json& id : Ids(gone)) result.json["deleted"].push_back(id);
    return result;
  }
};

}  // namespace

std::string SnapshotCount(std::size_t count) {
  return std::to_string(count) + (count == 1 ? " snapshot" : " snapshots");
}

Result<std::vector<repo::SnapshotId>> ResolveSnapshots(const Context& context,
                                                       repo::Repository& repository,
                                                       const std::vector<std::string>& names) {
  std::vector<repo::SnapshotId> ids;
  for (const std::string& name : names) {
    auto found = repository.FindSnapshot(context, name);
    const bool damaged = KindOf(found.status()) == Kind::kCorrupt && name.size() == 32;
    if (!found.ok() && !damaged) return found.status();
    const repo::SnapshotId id = damaged ? repo::SnapshotId{name} : found->id;
    if (std::ranges::count(ids, id) == 0) ids.push_back(id);
  }
  return ids;
}

CommandResult PlanDeletion(const Tools& tools, repo::Repository& repository,
                           const std::vector<repo::SnapshotId>& ids) {
  std::vector<repo::Finding> damaged;
  auto snapshots = repository.ListSnapshots(tools.context, &damaged);
  if (!snapshots.ok()) return Failure(snapshots.status());
  CommandResult result = Announce(*snapshots, ids);
  result.state = "planned";
  result.text = "would delete:\n" + result.text;
  result.json["would_delete"] = Ids(ids);
  return result;
}

CommandResult DeleteResolved(const Tools& tools, repo::Repository& repository,
                             const std::vector<repo::SnapshotId>& ids) {
  auto deleted = repo::DeleteSnapshots(tools.context, repository, ids);
  if (!deleted.ok()) return Failure(deleted.status());
  CommandResult result;
  std::vector<repo::SnapshotId> gone;
  for (const auto& item : *deleted) {
    if (item.status.ok()) {
      gone.push_back(item.id);
    } else {
      result.warnings.emplace_back(item.status.message());
      result.status = item.status;
    }
  }
  if (!result.status.ok() && !gone.empty()) {
    result.status = MakeStatus(Kind::kPartial, "delete snapshots: " + std::to_string(gone.size()) +
                                                   " of " + std::to_string(ids.size()) +
                                                   " are gone; run the command again for the rest");
  }
  result.json["deleted"] = Ids(gone);
  result.text = "deleted " + SnapshotCount(gone.size()) +
                "; the space is freed by aerie repo prune --yes, run now and again after a day\n";
  return result;
}

std::shared_ptr<jobs::JobKind> MakeDeleteKind(std::shared_ptr<const KindSetup> setup) {
  return std::make_shared<DeleteKind>("delete", std::move(setup));
}

}  // namespace aerie::app
