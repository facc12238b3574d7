#include "api/stored.h"

#include <algorithm>

namespace aerie::api {
namespace {

bool IsOf(const repo::Snapshot& snapshot, const ClusterView& cluster) {
  return snapshot.cluster == cluster.name || snapshot.cluster == cluster.uri;
}

}  // namespace

void Newest::Add(const SnapshotView& view) {
  any_ms = std::max(any_ms, view.snapshot.created_ms);
  if (view.verified) verified_ms = std::max(verified_ms, view.snapshot.created_ms);
}

Newest NewestOf(const std::vector<RepositoryView>& repositories, const ClusterView& cluster) {
  Newest newest;
  for (const RepositoryView& repository : repositories) {
    for (const SnapshotView& view : *repository.snapshots) {
      if (view.snapshot.complete && IsOf(view.snapshot, cluster)) newest.Add(view);
    }
  }
  return newest;
}

std::map<rows::CollectionName, StoredCollection> StoredOf(
    const std::vector<RepositoryView>& repositories, const ClusterView& cluster) {
  std::map<rows::CollectionName, StoredCollection> stored;
  for (const RepositoryView& repository : repositories) {
    for (const SnapshotView& view : *repository.snapshots) {
      if (!view.snapshot.complete || !IsOf(view.snapshot, cluster)) continue;
      for (const repo::SnapshotCollection& collection : view.snapshot.collections) {
        StoredCollection& known = stored[collection.name];
        if (view.snapshot.created_ms > known.newest.any_ms) {
          known.rows = static_cast<std::int64_t>(collection.digest.rows);
          known.bytes = static_cast<std::int64_t>(collection.bytes);
        }
        known.newest.Add(view);
      }
    }
  }
  return stored;
}

}  // namespace aerie::api
