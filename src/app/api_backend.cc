#include "app/api_backend.h"

#include <filesystem>
#include <functional>
#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

#include "api/stored.h"
#include "app/config_view.h"
#include "base/task_group.h"
#include "milvus/spec_reader.h"
#include "repo/pins.h"
#include "rows/load_state.h"
#include "transfer/diff.h"
#include "transfer/endpoint.h"
#include "transfer/row_sizes.h"

namespace aerie::app {
namespace {

using Json = nlohmann::ordered_json;

// Of one reading of a cluster's collections, for sizes: what is left is for the next one.
constexpr auto kMostSnapshots = std::chrono::seconds(2);
constexpr auto kMostSampling = std::chrono::seconds(5);

struct ClusterReading {
  std::string server_version{};
  std::vector<rows::CollectionName> collections{};
};

struct RepositoryReading {
  bool encrypted = false;
  std::shared_ptr<const std::vector<api::SnapshotView>> snapshots{};
};

api::CollectionView ViewOf(const transfer::Endpoint::Seen& seen) {
  api::CollectionView view{.name = seen.spec.name,
                           .load_state = rows::LoadWord(seen.spec),
                           .replicas = seen.spec.replicas,
                           .partitions = static_cast<std::int64_t>(seen.spec.partitions.size()),
                           .fields = static_cast<std::int64_t>(seen.spec.schema.fields.size()),
                           .indexes = static_cast<std::int64_t>(seen.spec.indexes.size()),
                           .aliases = seen.spec.aliases};
  if (seen.rows_about >= 0) view.rows = seen.rows_about;
  return view;
}

}  // namespace

struct ApiBackend::WatchedCluster {
  // Of the newest snapshots.
  using Stored = std::function<std::map<rows::CollectionName, api::StoredCollection>(
      const Context&, const api::ClusterView&)>;
  WatchedCluster(const Session& opened, std::string called, const ClusterConfig& config,
                 const KeptTimes& times, Stored from)
      : session(opened),
        stored(std::move(from)),
        name(std::move(called)),
        uri(RedactedUri(config.uri)),
        health([this](const Context& context) { return ReadHealth(context); }, times),
        details([this](const Context& context) { return ReadDetails(context); },
                {.fresh = times.fresh, .always = std::chrono::hours(1)}) {}

  Result<std::shared_ptr<milvus::Client>> Client(const Context& context) {
    std::lock_guard lock(mutex);
    if (!client) {
      AERIE_ASSIGN(OpenCluster opened, session.Cluster(context, name, {}));
      client = std::move(opened.client);
    }
    return client;
  }
  // The next one connects anew.
  Status Drop(const Status& status) {
    std::lock_guard lock(mutex);
    client = nullptr;
    return status;
  }
  Result<ClusterReading> ReadHealth(const Context& outer) {
    const Context context = outer.WithTimeout(std::chrono::seconds(20));
    auto opened = Client(context);
    if (!opened.ok()) return opened.status();
    ClusterReading reading{.server_version = (*opened)->server_version()};
    auto collections = milvus::ListCollections(context, **opened, {});
    if (!collections.ok()) return Drop(collections.status());
    reading.collections = *std::move(collections);
    return reading;
  }
  Result<std::vector<api::CollectionView>> ReadDetails(const Context& outer) {
    const Context context = outer.WithTimeout(std::chrono::minutes(5));
    AERIE_ASSIGN(const auto opened, Client(context));
    const auto endpoint = transfer::MakeClusterEndpoint(opened, {});
    auto names = endpoint->List(context);
    if (!names.ok()) return Drop(names.status());
    std::vector<transfer::Endpoint::Seen> all;
    for (const rows::CollectionName& collection : *names) {
      auto seen = endpoint->Inspect(context, collection);
      // It may have been dropped meanwhile.
      if (KindOf(seen.status()) == Kind::kNotFound) continue;
      if (!seen.ok()) return Drop(seen.status());
      all.push_back(*std::move(seen));
    }
    const auto backups = stored(context, {.name = name, .uri = uri});
    const Context sampling = context.WithTimeout(kMostSampling);
    std::vector<api::CollectionView> views;
    for (const transfer::Endpoint::Seen& seen : all) {
      views.push_back(ViewOf(seen));
      std::optional<transfer::RowSizes::Stored> backup;
      const auto found = backups.find(seen.spec.name);
      if (found != backups.end() && found->second.rows > 0) {
        backup = {.rows = static_cast<std::uint64_t>(found->second.rows),
                  .bytes = static_cast<std::uint64_t>(found->second.bytes)};
      }
      views.back().size = sizes.Of(sampling, opened, seen, backup);
    }
    return views;
  }

  const Session& session;
  const Stored stored;
  const std::string name;
  const std::string uri;
  std::mutex mutex;
  std::shared_ptr<milvus::Client> client;
  transfer::RowSizes sizes;
  Kept<ClusterReading> health;
  Kept<std::vector<api::CollectionView>> details;
};

struct ApiBackend::WatchedRepository {
  WatchedRepository(const Session& from, std::string called, const RepositoryConfig& config,
                    const KeptTimes& times)
      : session(from),
        name(std::move(called)),
        url(BareUrl(config.url)),
        reading([this](const Context& context) { return Read(context); }, times) {}

  Result<std::shared_ptr<repo::Repository>> Opened(const Context& context) {
    std::lock_guard lock(mutex);
    if (!opened) {
      AERIE_ASSIGN(OpenedRepository made, session.Repository(context, name, {}, IfAbsent::kFail));
      opened = std::move(made.repository);
    }
    return opened;
  }
  Result<RepositoryReading> Read(const Context& outer) {
    const Context context = outer.WithTimeout(std::chrono::minutes(5));
    AERIE_ASSIGN(const auto repository, Opened(context));
    auto listed = List(context, *repository);
    if (!listed.ok()) {
      std::lock_guard lock(mutex);
      opened = nullptr;
      return listed.status();
    }
    return RepositoryReading{
        .encrypted = repository->encrypted(),
        .snapshots = std::make_shared<const std::vector<api::SnapshotView>>(*std::move(listed))};
  }
  static Result<std::vector<api::SnapshotView>> List(const Context& context,
                                                     repo::Repository& repository) {
    std::vector<repo::Finding> damaged;
    AERIE_ASSIGN(const auto snapshots, repository.ListSnapshots(context, &damaged));
    AERIE_ASSIGN(const auto pins, repo::ListPins(context, repository));
    AERIE_ASSIGN(const auto verified, repo::ListVerified(context, repository));
    std::vector<api::SnapshotView> views;
    for (const repo::Snapshot& snapshot : snapshots) {
      views.push_back({.snapshot = snapshot,
                       .verified = verified.contains(snapshot.id),
                       .pinned = pins.contains(snapshot.id)});
    }
    return views;
  }

  const Session& session;
  const std::string name;
  const std::string url;
  std::mutex mutex;
  std::shared_ptr<repo::Repository> opened;
  Kept<RepositoryReading> reading;
};

ApiBackend::ApiBackend(const Session& session, std::set<std::string> configured,
                       const KeptTimes& times)
    : session_(session), configured_(std::move(configured)) {
  const auto stored = [this](const Context& context, const api::ClusterView& cluster) {
    return api::StoredOf(Repositories(context.WithTimeout(kMostSnapshots)), cluster);
  };
  for (const auto& [name, config] : session.config().clusters) {
    clusters_[name] = std::make_unique<WatchedCluster>(session, name, config, times, stored);
  }
  for (const auto& [name, config] : session.config().repositories) {
    repositories_[name] = std::make_unique<WatchedRepository>(session, name, config, times);
  }
}

ApiBackend::~ApiBackend() = default;

Status ApiBackend::Run(const Context& context) {
  // A thread each: what does not answer holds up no other.
  TaskGroup group(context);
  for (const auto& [name, one] : clusters_) {
    group.Spawn("watch " + name, [&it = *one](const Context& c) { return it.health.Run(c); });
    group.Spawn("details " + name, [&it = *one](const Context& c) { return it.details.Run(c); });
  }
  for (const auto& [name, one] : repositories_) {
    group.Spawn("watch " + name, [&it = *one](const Context& c) { return it.reading.Run(c); });
  }
  return group.Join();
}

std::vector<api::ClusterView> ApiBackend::Clusters() {
  std::vector<api::ClusterView> views;
  for (const auto& [name, one] : clusters_) {
    const auto look = one->health.Now();
    api::ClusterView view{.name = name,
                          .uri = one->uri,
                          .is_default = name == session_.config().default_cluster,
                          .health = look.health,
                          .checked_ms = look.age.as_of_ms};
    if (look.value) {
      view.server_version = look.value->server_version;
      view.collections = static_cast<std::int64_t>(look.value->collections.size());
    }
    if (const auto collections = one->details.Last()) {
      view.size_bytes = view.unsized = 0;
      for (const api::CollectionView& each : *collections) {
        each.size ? * view.size_bytes += each.size->bytes : ++*view.unsized;
      }
    }
    views.push_back(std::move(view));
  }
  return views;
}

Result<api::CollectionList> ApiBackend::Collections(const Context& context,
                                                    const std::string& cluster) {
  const auto found = clusters_.find(cluster);
  if (found == clusters_.end()) return NotFoundError("cluster '" + cluster + "' is not configured");
  const auto look = found->second->details.Await(context, KeptWaits());
  if (look.value) return api::CollectionList{.age = look.age, .collections = *look.value};
  if (look.health) return Annotate(*look.health, "collections of cluster " + cluster);
  return MakeStatus(Kind::kTransient,
                    "collections of cluster " + cluster + ": not read yet; try again in a moment");
}

std::vector<api::RepositoryView> ApiBackend::Repositories(const Context& context) {
  std::vector<api::RepositoryView> views;
  for (const auto& [name, one] : repositories_) {
    const auto look = one->reading.Await(context, KeptWaits());
    api::RepositoryView view{.name = name,
                             .url = one->url,
                             .is_default = name == session_.config().default_repository,
                             .health = look.health,
                             .age = look.age};
    if (look.value) {
      view.encrypted = look.value->encrypted;
      view.snapshots = look.value->snapshots;
    }
    const bool folder =
        one->url.find("://") == std::string::npos || one->url.starts_with("file://");
    std::error_code error;
    const auto space = std::filesystem::space(
        one->url.starts_with("file://") ? one->url.substr(7) : one->url, error);
    if (folder && !error) {
      view.used_bytes = static_cast<std::int64_t>(space.capacity - space.free);
      view.free_bytes = static_cast<std::int64_t>(space.available);
      view.total_bytes = *view.used_bytes + *view.free_bytes;
    }
    views.push_back(std::move(view));
  }
  return views;
}

Result<ApiBackend::WatchedRepository*> ApiBackend::FindRepository(const std::string& name) {
  const auto found = repositories_.find(name);
  if (found != repositories_.end()) return found->second.get();
  return NotFoundError("repository '" + name + "' is not configured");
}

Result<transfer::DiffResult> ApiBackend::Diff(const Context& context, const std::string& repository,
                                              const repo::SnapshotId& left,
                                              const repo::SnapshotId& right) {
  AERIE_ASSIGN(WatchedRepository* const watched, FindRepository(repository));
  AERIE_ASSIGN(const auto opened, watched->Opened(context));
  AERIE_ASSIGN(repo::Snapshot a, opened->FindSnapshot(context, left.hex));
  AERIE_ASSIGN(repo::Snapshot b, opened->FindSnapshot(context, right.hex));
  const auto one = transfer::MakeSnapshotEndpoint(*opened, std::move(a));
  const auto other = transfer::MakeSnapshotEndpoint(*opened, std::move(b));
  return transfer::RunDiff(context, *one, *other, {}, NoProgress());
}

Status ApiBackend::Pin(const Context& context, const std::string& repository,
                       const repo::SnapshotId& snapshot, bool pinned) {
  AERIE_ASSIGN(WatchedRepository* const watched, FindRepository(repository));
  AERIE_ASSIGN(const auto opened, watched->Opened(context));
  AERIE_TRY(pinned ? repo::PinSnapshot(context, *opened, snapshot)
                   : repo::UnpinSnapshot(context, *opened, snapshot));
  watched->reading.Change([&](RepositoryReading reading) {
    auto snapshots = *reading.snapshots;
    for (api::SnapshotView& view : snapshots) {
      if (view.snapshot.id == snapshot) view.pinned = pinned;
    }
    reading.snapshots =
        std::make_shared<const std::vector<api::SnapshotView>>(std::move(snapshots));
    return reading;
  });
  return Ok();
}

void ApiBackend::Changed(std::int64_t mark) {
  std::lock_guard lock(mark_mutex_);
  if (mark == mark_) return;
  mark_ = mark;
  for (const auto& [name, one] : repositories_) one->reading.Forget();
  for (const auto& [name, one] : clusters_) one->details.Forget();
}

Json ApiBackend::Configuration() { return ConfigView(session_.config()); }
std::string ApiBackend::ConfigFile() { return session_.config().file; }
std::string ApiBackend::DefaultCluster() { return session_.config().default_cluster; }
std::string ApiBackend::DefaultRepository() { return session_.config().default_repository; }

}  // namespace aerie::app
