// What snapshots have of a cluster and of its collections. Pure functions; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "api/backend.h"

namespace aerie::api {

// When the newest complete snapshots were begun; 0: there is none.
struct Newest {
  std::int64_t any_ms = 0;
  std::int64_t verified_ms = 0;
  void Add(const SnapshotView& view);
};
Newest NewestOf(const std::vector<RepositoryView>& repositories, const ClusterView& cluster);

// Rows and plain bytes in the newest complete snapshot.
struct StoredCollection {
  Newest newest{};
  std::int64_t rows = -1;  // -1: it is in none
  std::int64_t bytes = 0;
};
std::map<rows::CollectionName, StoredCollection> StoredOf(
    const std::vector<RepositoryView>& repositories, const ClusterView& cluster);

}  // namespace aerie::api
