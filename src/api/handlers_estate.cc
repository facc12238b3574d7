// Clusters, repositories, snapshots, alerts.
#include <algorithm>
#include <utility>

#include "api/call.h"
#include "api/stored.h"
#include "base/glob.h"

namespace aerie::api {
namespace {

template <class T>
Json OrNull(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json ClusterJson(const ClusterView& cluster, const std::vector<RepositoryView>& repositories) {
  const Newest newest = NewestOf(repositories, cluster);
  const bool known = cluster.health.has_value();
  return {{"name", cluster.name},
          {"uri", cluster.uri},
          {"is_default", cluster.is_default},
          {"state", !known                 ? "unknown"
                    : cluster.health->ok() ? "up"
                                           : "down"},
          {"error", known ? FaultOf(*cluster.health) : Json(nullptr)},
          {"server_version",
           cluster.server_version.empty() ? Json(nullptr) : Json(cluster.server_version)},
          {"checked_at", TimeOf(cluster.checked_ms)},
          {"collections", OrNull(cluster.collections)},
          {"size_bytes", OrNull(cluster.size_bytes)},
          {"unsized_collections", OrNull(cluster.unsized)},
          {"newest_snapshot_at", TimeOf(newest.any_ms)},
          {"newest_verified_at", TimeOf(newest.verified_ms)}};
}

Result<Reply> ListClusters(Call& call) {
  const auto clusters = call.parts.ports.backend->Clusters();
  AERIE_ASSIGN(Backend* const backend, call.parts.UpToDate());
  const auto repositories = backend->Repositories(call.context);
  return Reply{.json = PageOf(
                   clusters, clusters.size(),
                   [&](auto& cluster) { return ClusterJson(cluster, repositories); },
                   [](auto&) { return ""; })};
}

Result<ClusterView> FindCluster(Call& call, const std::string& name) {
  for (ClusterView& cluster : call.parts.ports.backend->Clusters()) {
    if (cluster.name == name) return std::move(cluster);
  }
  return NotFoundError("cluster '" + name + "' is not configured; GET /api/v1/clusters lists all");
}

Result<Reply> GetCluster(Call& call) {
  AERIE_ASSIGN(const ClusterView cluster, FindCluster(call, call.path.at("name")));
  AERIE_ASSIGN(Backend* const backend, call.parts.UpToDate());
  return Reply{.json = ClusterJson(cluster, backend->Repositories(call.context))};
}

Json CollectionJson(const CollectionView& view, const StoredCollection& stored) {
  const bool known = stored.rows >= 0;
  return {{"database", view.name.database},
          {"name", view.name.collection},
          {"rows", OrNull(view.rows)},
          {"size_bytes", view.size ? Json(view.size->bytes) : Json(nullptr)},
          {"size_from", view.size ? Json(transfer::NameOf(view.size->from)) : Json(nullptr)},
          {"load_state", view.load_state},
          {"replicas", view.replicas},
          {"partitions", view.partitions},
          {"fields", view.fields},
          {"indexes", view.indexes},
          {"aliases", view.aliases},
          {"snapshot_rows", known ? Json(stored.rows) : Json(nullptr)},
          {"snapshot_bytes", known ? Json(stored.bytes) : Json(nullptr)},
          {"newest_snapshot_at", TimeOf(stored.newest.any_ms)},
          {"newest_verified_at", TimeOf(stored.newest.verified_ms)}};
}

Result<Reply> ListCollections(Call& call) {
  AERIE_ASSIGN(const std::string after, PlaceOf(call));
  AERIE_ASSIGN(const ClusterView cluster, FindCluster(call, call.path.at("name")));
  AERIE_ASSIGN(Backend* const backend, call.parts.UpToDate());
  AERIE_ASSIGN(CollectionList list, backend->Collections(call.context, cluster.name));
  auto stored = StoredOf(backend->Repositories(call.context), cluster);
  std::erase_if(list.collections, [&](const auto& view) { return view.name.ToString() <= after; });
  std::sort(list.collections.begin(), list.collections.end(),
            [](const auto& a, const auto& b) { return a.name.ToString() < b.name.ToString(); });
  Json page = PageOf(
      list.collections, call.Limit(),
      [&](auto& view) { return CollectionJson(view, stored[view.name]); },
      [](auto& view) { return view.name.ToString(); });
  page["as_of"] = TimeOf(list.age.as_of_ms);
  page["stale"] = list.age.stale;
  return Reply{.json = std::move(page)};
}

Json RepositoryJson(const RepositoryView& repository) {
  Newest newest;
  std::uint64_t plain = 0;
  std::uint64_t stored = 0;
  for (const SnapshotView& view : *repository.snapshots) {
    if (view.snapshot.complete) newest.Add(view);
    plain += view.snapshot.stats.plain_bytes;
    stored += view.snapshot.stats.stored_bytes;
  }
  const bool read = repository.age.as_of_ms != 0;
  const char* state = "unknown";
  Status fault;
  if (repository.health) {
    const Kind kind = KindOf(*repository.health);
    state = kind == Kind::kOk ? "ok" : kind == Kind::kNotFound ? "absent" : "error";
    if (kind != Kind::kNotFound) fault = *repository.health;
  }
  return {{"name", repository.name},
          {"url", repository.url},
          {"is_default", repository.is_default},
          {"state", state},
          {"error", FaultOf(fault)},
          {"encrypted", OrNull(repository.encrypted)},
          {"snapshots", read ? Json(repository.snapshots->size()) : Json(nullptr)},
          {"plain_bytes", read ? Json(plain) : Json(nullptr)},
          {"stored_bytes", read ? Json(stored) : Json(nullptr)},
          {"used_bytes", OrNull(repository.used_bytes)},
          {"free_bytes", OrNull(repository.free_bytes)},
          {"total_bytes", OrNull(repository.total_bytes)},
          {"newest_snapshot_at", TimeOf(newest.any_ms)},
          {"newest_verified_at", TimeOf(newest.verified_ms)},
          {"as_of", TimeOf(repository.age.as_of_ms)},
          {"stale", repository.age.stale}};
}

Result<Reply> ListRepositories(Call& call) {
  AERIE_ASSIGN(Backend* const backend, call.parts.UpToDate());
  const auto repositories = backend->Repositories(call.context);
  return Reply{
      .json = PageOf(repositories, repositories.size(), RepositoryJson, [](auto&) { return ""; })};
}

Result<Reply> GetRepository(Call& call) {
  AERIE_ASSIGN(Backend* const backend, call.parts.UpToDate());
  for (const RepositoryView& one : backend->Repositories(call.context)) {
    if (one.name == call.path.at("name")) return Reply{.json = RepositoryJson(one)};
  }
  return NotFoundError("repository '" + call.path.at("name") +
                       "' is not configured; GET /api/v1/repositories lists all");
}

bool IsExact(const rows::ReadReport& report) { return !report.fuzzy; }

Json SnapshotJson(const std::string& repository, const SnapshotView& view, bool whole) {
  const repo::Snapshot& snapshot = view.snapshot;
  std::uint64_t rows = 0;
  bool exact = true;
  Json collections = Json::array();
  for (const repo::SnapshotCollection& one : snapshot.collections) {
    rows += one.digest.rows;
    exact = exact && IsExact(one.report);
    if (!whole) continue;
    collections.push_back({{"database", one.name.database},
                           {"name", one.name.collection},
                           {"rows", one.digest.rows},
                           {"bytes", one.bytes},
                           {"digest", one.digest.sum.ToHex()},
                           {"exact", IsExact(one.report)}});
  }
  Json json = {{"id", snapshot.id.hex},
               {"repository", repository},
               {"cluster", snapshot.cluster},
               {"server_version", snapshot.server_version},
               {"created_at", TimeOf(snapshot.created_ms)},
               {"finished_at", TimeOf(snapshot.finished_ms)},
               {"host", snapshot.host},
               {"program", snapshot.program},
               {"tags", snapshot.tags},
               {"parent", snapshot.parent ? Json(snapshot.parent->hex) : Json(nullptr)},
               {"complete", snapshot.complete},
               {"verified", view.verified},
               {"pinned", view.pinned},
               {"exact", exact},
               {"immutable_until", TimeOf(snapshot.immutable_until_ms.value_or(0))},
               {"collection_count", snapshot.collections.size()},
               {"rows", rows},
               {"plain_bytes", snapshot.stats.plain_bytes},
               {"stored_bytes", snapshot.stats.stored_bytes}};
  if (whole) json["collections"] = std::move(collections);
  return json;
}

// What a list of snapshots is narrowed to.
struct SnapshotFilter {
  std::string cluster{};
  std::string collection{};
  std::string tag{};
  std::optional<bool> verified{};
  std::optional<bool> pinned{};
  std::optional<bool> complete{};
  std::int64_t from_ms = 0;
  std::int64_t to_ms = 0;  // 0: no end

  bool Fits(const SnapshotView& view) const {
    const repo::Snapshot& snapshot = view.snapshot;
    const auto is = [](const std::optional<bool>& wanted, bool value) {
      return !wanted || *wanted == value;
    };
    return (cluster.empty() || snapshot.cluster == cluster) &&
           (tag.empty() ||
            std::find(snapshot.tags.begin(), snapshot.tags.end(), tag) != snapshot.tags.end()) &&
           is(verified, view.verified) && is(pinned, view.pinned) &&
           is(complete, snapshot.complete) && snapshot.created_ms >= from_ms &&
           (to_ms == 0 || snapshot.created_ms < to_ms) && (collection.empty() || HasOne(snapshot));
  }

 private:
  bool HasOne(const repo::Snapshot& snapshot) const {
    return std::any_of(snapshot.collections.begin(), snapshot.collections.end(),
                       [&](const auto& one) {
                         return GlobMatches(collection, one.name.collection) ||
                                GlobMatches(collection, one.name.ToString());
                       });
  }
};

Result<SnapshotFilter> FilterOf(Call& call) {
  SnapshotFilter filter{.cluster = call.Text("cluster"),
                        .collection = call.Text("collection"),
                        .tag = call.Text("tag")};
  if (!filter.collection.empty()) AERIE_TRY(CheckGlob(filter.collection));
  const auto flag = [&](const char* name, std::optional<bool>& into) {
    if (call.query.contains(name)) into = call.query.at(name).get<bool>();
  };
  flag("verified", filter.verified);
  flag("pinned", filter.pinned);
  flag("complete", filter.complete);
  for (const auto& [name, into] : {std::pair("from", &filter.from_ms), {"to", &filter.to_ms}}) {
    if (!call.query.contains(name)) continue;
    const auto time = ParseTime(call.Text(name));
    if (!time)
      return InvalidError(std::string(name) + ": give a time such as 2026-11-28T02:00:00Z");
    *into = *time;
  }
  return filter;
}

// A place in the list of all: newest first, then by id and repository.
struct ListedSnapshot {
  const RepositoryView* repository;
  const SnapshotView* view;
  std::string Place() const {
    // Later ones sort before earlier ones.
    const std::string time =
        std::to_string(std::int64_t{9'000'000'000'000'000} - view->snapshot.created_ms);
    return time + "/" + view->snapshot.id.hex + "/" + repository->name;
  }
};

Result<Reply> ListSnapshots(Call& call) {
  AERIE_ASSIGN(const std::string after, PlaceOf(call));
  AERIE_ASSIGN(const SnapshotFilter filter, FilterOf(call));
  const std::string only = call.Text("repository");
  AERIE_ASSIGN(Backend* const backend, call.parts.UpToDate());
  const auto repositories = backend->Repositories(call.context);
  std::vector<std::pair<std::string, ListedSnapshot>> listed;
  std::int64_t as_of_ms = 0;
  bool stale = false;
  bool known = only.empty();
  Json errors = Json::array();
  for (const RepositoryView& repository : repositories) {
    if (!only.empty() && repository.name != only) continue;
    known = true;
    stale = stale || repository.age.stale;
    if (as_of_ms == 0 || repository.age.as_of_ms < as_of_ms) as_of_ms = repository.age.as_of_ms;
    if (repository.health && !repository.health->ok() &&
        KindOf(*repository.health) != Kind::kNotFound) {
      errors.push_back({{"repository", repository.name},
                        {"message", std::string(repository.health->message())}});
    }
    for (const SnapshotView& view : *repository.snapshots) {
      if (!filter.Fits(view)) continue;
      const ListedSnapshot one{&repository, &view};
      listed.emplace_back(one.Place(), one);
    }
  }
  if (!known) return NotFoundError("repository '" + only + "' is not configured");
  std::sort(listed.begin(), listed.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  const std::size_t total = listed.size();
  std::erase_if(listed, [&](const auto& one) { return one.first <= after; });
  Json page = PageOf(
      listed, call.Limit(),
      [](auto& one) { return SnapshotJson(one.second.repository->name, *one.second.view, false); },
      [](auto& one) { return one.first; });
  page["total"] = total;
  page["as_of"] = TimeOf(as_of_ms);
  page["stale"] = stale;
  page["errors"] = std::move(errors);
  return Reply{.json = std::move(page)};
}

Result<Reply> GetSnapshot(Call& call) {
  AERIE_ASSIGN(const FoundSnapshot found,
               FindSnapshot(call, call.path.at("snapshot"), call.Text("repository")));
  return Reply{.json = SnapshotJson(found.repository.name, found.view, true)};
}

Json DiffJson(const transfer::CollectionDiff& diff) {
  const rows::CollectionName& name = diff.only_right ? diff.right : diff.left;
  const char* state = !diff.status.ok() ? "error"
                      : diff.only_left  ? "only_left"
                      : diff.only_right ? "only_right"
                      : diff.same()     ? "same"
                                        : "differs";
  return {
      {"database", name.database},    {"name", name.collection},       {"state", state},
      {"rows_left", diff.rows_left},  {"rows_right", diff.rows_right}, {"missing", diff.missing},
      {"extra", diff.extra},          {"changed", diff.changed},       {"spec", diff.spec},
      {"error", FaultOf(diff.status)}};
}

Result<Reply> DiffSnapshots(Call& call) {
  AERIE_ASSIGN(const FoundSnapshot left,
               FindSnapshot(call, call.path.at("snapshot"), call.Text("repository")));
  AERIE_ASSIGN(const FoundSnapshot right,
               FindSnapshot(call, call.Text("with"), left.repository.name));
  AERIE_ASSIGN(const transfer::DiffResult diff,
               call.parts.ports.backend->Diff(call.context, left.repository.name,
                                              left.view.snapshot.id, right.view.snapshot.id));
  Json collections = Json::array();
  for (const auto& one : diff.collections) collections.push_back(DiffJson(one));
  return Reply{.json = {{"left", left.view.snapshot.id.hex},
                        {"right", right.view.snapshot.id.hex},
                        {"same", diff.same()},
                        {"collections", std::move(collections)}}};
}

Result<Reply> SetPin(Call& call, bool pinned) {
  AERIE_ASSIGN(FoundSnapshot found,
               FindSnapshot(call, call.path.at("snapshot"), call.Text("repository")));
  call.object = found.repository.name + "/" + found.view.snapshot.id.hex;
  AERIE_TRY(call.parts.ports.backend->Pin(call.context, found.repository.name,
                                          found.view.snapshot.id, pinned));
  found.view.pinned = pinned;
  return Reply{.json = SnapshotJson(found.repository.name, found.view, true)};
}
Result<Reply> PinSnapshot(Call& call) { return SetPin(call, true); }
Result<Reply> UnpinSnapshot(Call& call) { return SetPin(call, false); }

// The job of a kind that takes a list of snapshots, for this one.
Result<Reply> JobForSnapshot(Call& call, const char* kind) {
  AERIE_ASSIGN(const FoundSnapshot found,
               FindSnapshot(call, call.path.at("snapshot"), call.Text("repository")));
  const std::string& id = found.view.snapshot.id.hex;
  return MakeJob(call,
                 {.kind = kind,
                  .spec = {{"repository", found.repository.name}, {"snapshots", Json::array({id})}},
                  .confirm = call.Text("confirm")});
}
Result<Reply> VerifySnapshot(Call& call) { return JobForSnapshot(call, "verify"); }
Result<Reply> DeleteSnapshot(Call& call) { return JobForSnapshot(call, "delete"); }

Json AlertJson(const AlertView& alert) {
  const char* state = alert.resolved_ms != 0       ? "resolved"
                      : alert.acknowledged_ms != 0 ? "acknowledged"
                                                   : "open";
  return {{"number", alert.number},
          {"rule", alert.rule},
          {"about", alert.about},
          {"severity", alert.severity},
          {"state", state},
          {"summary", alert.summary},
          {"details", alert.details},
          {"remedy", alert.remedy},
          {"opened_at", TimeOf(alert.opened_ms)},
          {"acknowledged_at", TimeOf(alert.acknowledged_ms)},
          {"acknowledged_by",
           alert.acknowledged_by.empty() ? Json(nullptr) : Json(alert.acknowledged_by)},
          {"resolved_at", TimeOf(alert.resolved_ms)}};
}

Result<Reply> ListAlerts(Call& call) {
  AERIE_ASSIGN(const std::int64_t before, NumberPlaceOf(call));
  std::vector<AlertView> alerts;
  if (call.parts.ports.alerts != nullptr) {
    AERIE_ASSIGN(alerts, call.parts.ports.alerts->List(call.query.value("open", false), before,
                                                       call.Limit() + 1));
  }
  return Reply{.json = PageOf(alerts, call.Limit(), AlertJson,
                              [](auto& alert) { return std::to_string(alert.number); })};
}

Result<Reply> GetAlert(Call& call) {
  const std::string& number = call.path.at("number");
  if (call.parts.ports.alerts == nullptr)
    return NotFoundError("incident " + number + " is not there");
  AERIE_ASSIGN(const AlertView alert, call.parts.ports.alerts->Find(std::stoll(number)));
  return Reply{.json = AlertJson(alert)};
}

Result<Reply> AcknowledgeAlert(Call& call) {
  AERIE_TRY(GetAlert(call).status());
  AERIE_TRY(
      call.parts.ports.alerts->Acknowledge(std::stoll(call.path.at("number")), call.who.actor));
  return GetAlert(call);
}

}  // namespace

Result<FoundSnapshot> FindSnapshot(Call& call, const std::string& id,
                                   const std::string& repository) {
  std::optional<FoundSnapshot> found;
  AERIE_ASSIGN(Backend* const backend, call.parts.UpToDate());
  for (const RepositoryView& one : backend->Repositories(call.context)) {
    if (!repository.empty() && one.name != repository) continue;
    for (const SnapshotView& view : *one.snapshots) {
      if (!view.snapshot.id.hex.starts_with(id)) continue;
      if (found) {
        return InvalidError("snapshot '" + id + "': several begin so; give more digits, or the " +
                            "repository");
      }
      found = FoundSnapshot{.repository = one, .view = view};
    }
  }
  if (found) return *std::move(found);
  return NotFoundError("snapshot '" + id + "' is not there" +
                       (repository.empty() ? "" : " in repository '" + repository + "'"));
}

HandlerMap EstateHandlers() {
  return {{"listClusters", ListClusters},
          {"getCluster", GetCluster},
          {"listCollections", ListCollections},
          {"listRepositories", ListRepositories},
          {"getRepository", GetRepository},
          {"listSnapshots", ListSnapshots},
          {"getSnapshot", GetSnapshot},
          {"diffSnapshots", DiffSnapshots},
          {"pinSnapshot", PinSnapshot},
          {"unpinSnapshot", UnpinSnapshot},
          {"verifySnapshot", VerifySnapshot},
          {"deleteSnapshot", DeleteSnapshot},
          {"listAlerts", ListAlerts},
          {"getAlert", GetAlert},
          {"acknowledgeAlert", AcknowledgeAlert}};
}

}  // namespace aerie::api
