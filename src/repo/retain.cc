#include "repo/retain.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <string>

#include "base/task_group.h"
#include "repo/object_names.h"
#include "repo/reachable.h"

namespace aerie::repo {
namespace {

constexpr std::chrono::seconds kSettleLimit{60};
constexpr std::size_t kCalls = 16;  // small ones, at a store perhaps far away

// Settles what came of a call with an unknown outcome.
Status Settle(const Context& context, objects::ObjectStore& store, const objects::ObjectKey& key,
              std::int64_t until_ms, const Status& unknown) {
  const auto kept = store.RetainedUntil(context, key);
  if (!kept.ok()) {
    return UnknownOutcomeError("retain " + key.text + ": whether it is could not be found out (" +
                               std::string(kept.status().message()) + ")");
  }
  if (*kept >= until_ms) return Ok();
  return FailedError("retain " + key.text + ": the store did not (" +
                     std::string(unknown.message()) + "); run the command again");
}

// The pack that a blob is read from first.
Result<std::set<ObjectId>> PacksOf(const Context& context, const RepositoryCore& core,
                                   const Snapshot& snapshot) {
  AERIE_ASSIGN(const BlobSet blobs, ReachableBlobs(context, core.blobs, {snapshot}));
  std::set<ObjectId> packs;
  for (const BlobName& name : blobs) {
    AERIE_ASSIGN(const auto places, core.catalog.Locate(context, name));
    packs.insert(places.front().pack);
  }
  return packs;
}

}  // namespace

Status RetainObject(const Context& context, objects::ObjectStore& store,
                    const objects::ObjectKey& key, std::int64_t until_ms) {
  const Status retained = store.Retain(context, key, until_ms);
  if (KindOf(retained) != Kind::kUnknownOutcome) return retained;
  return Settle(Context(context.clock()).WithTimeout(kSettleLimit), store, key, until_ms, retained);
}

Status RetainNeeds(const Context& context, const RepositoryCore& core, const Snapshot& snapshot,
                   std::int64_t until_ms) {
  std::vector<objects::ObjectKey> keys = {ConfigKey()};
  AERIE_TRY(core.store.List(context, kKeysPrefix, [&](const objects::ObjectInfo& info) {
    if (IdOfKey(info.key, KeyFileKey)) keys.push_back(info.key);
    return Ok();
  }));
  AERIE_ASSIGN(const std::set<ObjectId> packs, PacksOf(context, core, snapshot));
  for (const ObjectId& id : packs) keys.push_back(PackKey(id));
  return ParallelFor(context, keys.size(), kCalls, [&](const Context& child, std::size_t i) {
    return RetainObject(child, core.store, keys[i], until_ms);
  });
}

bool IsImmutable(const Snapshot& snapshot, WallTime now) {
  return snapshot.immutable_until_ms.value_or(0) > ToUnixMillis(now);
}

std::vector<Snapshot> ImmutableOf(const std::vector<Snapshot>& snapshots, WallTime now) {
  std::vector<Snapshot> immutable;
  std::ranges::copy_if(snapshots, std::back_inserter(immutable),
                       [&](const Snapshot& snapshot) { return IsImmutable(snapshot, now); });
  return immutable;
}

std::string ImmutableText(const Snapshot& snapshot) {
  return "immutable until " +
         FormatUtc(FromUnixMillis(snapshot.immutable_until_ms.value_or(0))).substr(0, 19) + "Z";
}

bool IsRetained(const Context& context, objects::ObjectStore& store,
                const objects::ObjectKey& key) {
  const auto until = store.RetainedUntil(context, key);
  return until.ok() && *until > ToUnixMillis(context.clock().Now());
}

}  // namespace aerie::repo
