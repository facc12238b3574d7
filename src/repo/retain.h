// Immutability: what a snapshot needs is kept by the store itself for a time, so that not even the
// owner of its keys can destroy it. docs/format.md, section Immutability.
//
// Free functions, safe from any thread.
#pragma once

#include <cstdint>
#include <vector>

#include "base/context.h"
#include "objects/object_store.h"
#include "repo/repository.h"
#include "repo/repository_core.h"

namespace aerie::repo {

// Retains one object; an outcome that the store does not know is settled by reading its retention,
// which is not given up when the context is cancelled. kUnknownOutcome when that fails, too.
Status RetainObject(const Context& context, objects::ObjectStore& store,
                    const objects::ObjectKey& key, std::int64_t until_ms);

// Retains what reading `snapshot` takes besides the snapshot object: the config, the key objects,
// and every pack with a blob that its trees name, however old. Indexes are not retained: the packs'
// own directories say the same. kNotFound when a pack is gone.
Status RetainNeeds(const Context& context, const RepositoryCore& core, const Snapshot& snapshot,
                   std::int64_t until_ms);

bool IsImmutable(const Snapshot& snapshot, WallTime now);
std::vector<Snapshot> ImmutableOf(const std::vector<Snapshot>& snapshots, WallTime now);
// "immutable until 2026-12-21T10:00:00Z"; the snapshot has a time.
std::string ImmutableText(const Snapshot& snapshot);

// Whether the store keeps the object, so that its refusal to remove it is no failure.
bool IsRetained(const Context& context, objects::ObjectStore& store, const objects::ObjectKey& key);

}  // namespace aerie::repo
