// Immutability: what a snapshot needs is kept by the store itself for a time, so that not even the
// owner of its keys can destroy it. docs/format.md, section Immutability.
//
// Free functions, safe from any thread.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "base/context.h"
#include "objects/object_store.h"
#include "repo/repository.h"
#include "repo/repository_core.h"

namespace aerie::repo {

// Retains one object and reads back until when it is, whether the store said that it does or does
// not know: ok means that it is kept so long. The reading is not given up when the context is
// cancelled; kUnknownOutcome when it fails.
Status RetainObject(const Context& context, objects::ObjectStore& store,
                    const objects::ObjectKey& key, std::int64_t until_ms);

// Until when the config is retained, which is as long as any immutable snapshot that was ever
// committed here; 0: it is not, or not any more. What takes its place or joins the key objects must
// be kept as long. Read it before the config is replaced.
Result<std::int64_t> ConfigRetention(const Context& context, objects::ObjectStore& store);

// Retains what opens a repository: the key objects, then the config, which is worth nothing without
// them. Nothing is done when `until_ms` is over.
Status RetainKeys(const Context& context, objects::ObjectStore& store, std::int64_t until_ms);

// Retains what reading `snapshot` takes besides the snapshot object: the config, the key objects,
// and every pack with a blob that its trees name, however old. Indexes are not retained: the packs'
// own directories say the same. kNotFound when a pack is gone.
Status RetainNeeds(const Context& context, const RepositoryCore& core, const Snapshot& snapshot,
                   std::int64_t until_ms);

bool IsImmutable(const Snapshot& snapshot, WallTime now);
std::vector<Snapshot> ImmutableOf(const std::vector<Snapshot>& snapshots, WallTime now);
// "immutable until 2026-12-21T10:00:00Z"; the snapshot has a time.
std::string ImmutableText(const Snapshot& snapshot);

// Those of `snapshots` that are immutable now, and of which the store says itself that it keeps
// the object so long, which is retained last. Not in it: what a writer left that died or failed
// between writing and retaining, and copies of a repository in a store that promised nothing.
Result<std::set<SnapshotId>> ConfirmedImmutable(const Context& context, Repository& repository,
                                                const std::vector<Snapshot>& snapshots);

// The latest time that one of those of the repository is immutable until; 0: none is.
Result<std::int64_t> LatestImmutable(const Context& context, Repository& repository);

// Warns of those that are about to be removed that the store keeps all the same, out of sight:
// who may read old versions has them until their time.
void WarnOfKept(const Context& context, objects::ObjectStore& store,
                const std::vector<objects::ObjectKey>& keys);

// Whether the store keeps the object, so that its refusal to remove it is no failure.
bool IsRetained(const Context& context, objects::ObjectStore& store, const objects::ObjectKey& key);

}  // namespace aerie::repo
