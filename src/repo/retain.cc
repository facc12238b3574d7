#include "repo/retain.h"

#include <algorithm>
#include <chrono>
#include <mutex>

#include "base/log.h"
#include "base/task_group.h"
#include "repo/object_names.h"
#include "repo/reachable.h"

namespace aerie::repo {
namespace {

constexpr std::chrono::seconds kSettleLimit{60};
constexpr std::size_t kCalls = 16;  // small ones, at a store perhaps far away

// Whether it is retained, after the store answered `said`.
Status LookAgain(const Context& context, objects::ObjectStore& store, const objects::ObjectKey& key,
                 std::int64_t until_ms, const Status& said) {
  const auto kept = store.RetainedUntil(context, key);
  if (!kept.ok()) {
    return UnknownOutcomeError("retain " + key.text + ": whether it is could not be found out (" +
                               std::string(kept.status().message()) + ")");
  }
  if (*kept >= until_ms) return Ok();
  return FailedError("retain " + key.text + ": the store " +
                     (said.ok() ? "said that it does, and does not keep it so long"
                                : "did not (" + std::string(said.message()) + ")") +
                     "; run the command again");
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

Status RetainAll(const Context& context, objects::ObjectStore& store,
                 const std::vector<objects::ObjectKey>& keys, std::int64_t until_ms) {
  return ParallelFor(context, keys.size(), kCalls, [&](const Context& child, std::size_t i) {
    return RetainObject(child, store, keys[i], until_ms);
  });
}

}  // namespace

Status RetainObject(const Context& context, objects::ObjectStore& store,
                    const objects::ObjectKey& key, std::int64_t until_ms) {
  const Status retained = store.Retain(context, key, until_ms);
  if (!retained.ok() && KindOf(retained) != Kind::kUnknownOutcome) return retained;
  const Context settling = Context(context.clock()).WithTimeout(kSettleLimit);
  return LookAgain(settling, store, key, until_ms, retained);
}

Status RetainNeeds(const Context& context, const RepositoryCore& core, const Snapshot& snapshot,
                   std::int64_t until_ms) {
  AERIE_TRY(RetainKeys(context, core.store, until_ms));
  AERIE_ASSIGN(const std::set<ObjectId> packs, PacksOf(context, core, snapshot));
  std::vector<objects::ObjectKey> keys;
  for (const ObjectId& id : packs) keys.push_back(PackKey(id));
  return RetainAll(context, core.store, keys, until_ms);
}

Status RetainKeys(const Context& context, objects::ObjectStore& store, std::int64_t until_ms) {
  if (until_ms <= ToUnixMillis(context.clock().Now())) return Ok();
  std::vector<objects::ObjectKey> keys;
  AERIE_TRY(store.List(context, kKeysPrefix, [&](const objects::ObjectInfo& info) {
    if (IdOfKey(info.key, KeyFileKey)) keys.push_back(info.key);
    return Ok();
  }));
  AERIE_TRY(RetainAll(context, store, keys, until_ms));
  return RetainObject(context, store, ConfigKey(), until_ms);
}

Result<std::int64_t> ConfigRetention(const Context& context, objects::ObjectStore& store) {
  AERIE_ASSIGN(const std::int64_t until_ms, store.RetainedUntil(context, ConfigKey()));
  return until_ms > ToUnixMillis(context.clock().Now()) ? until_ms : 0;
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

Result<std::set<SnapshotId>> ConfirmedImmutable(const Context& context, Repository& repository,
                                                const std::vector<Snapshot>& snapshots) {
  objects::ObjectStore& store = repository.core().store;
  const std::vector<Snapshot> immutable = ImmutableOf(snapshots, context.clock().Now());
  std::mutex mutex;
  std::set<SnapshotId> confirmed;
  const auto ask = [&](const Context& child, std::size_t i) -> Status {
    const Snapshot& snapshot = immutable[i];
    const objects::ObjectKey key = SnapshotKey(*ObjectId::Parse(snapshot.id.hex));
    const auto until = store.RetainedUntil(child, key);
    if (KindOf(until.status()) == Kind::kNotFound) return Ok();  // deleted meanwhile
    AERIE_TRY(until.status());
    std::lock_guard lock(mutex);
    if (*until >= *snapshot.immutable_until_ms) confirmed.insert(snapshot.id);
    return Ok();
  };
  AERIE_TRY(ParallelFor(context, immutable.size(), kCalls, ask));
  return confirmed;
}

Result<std::int64_t> LatestImmutable(const Context& context, Repository& repository) {
  AERIE_ASSIGN(const auto snapshots, repository.ListSnapshots(context));
  AERIE_ASSIGN(const auto confirmed, ConfirmedImmutable(context, repository, snapshots));
  std::int64_t latest = 0;
  for (const Snapshot& snapshot : snapshots) {
    if (confirmed.contains(snapshot.id)) latest = std::max(latest, *snapshot.immutable_until_ms);
  }
  return latest;
}

void WarnOfKept(const Context& context, objects::ObjectStore& store,
                const std::vector<objects::ObjectKey>& keys) {
  for (const objects::ObjectKey& key : keys) {
    const auto until = store.RetainedUntil(context, key);
    if (!until.ok() || *until <= ToUnixMillis(context.clock().Now())) continue;
    log::Warn("an object to be removed is retained: the store keeps it as an older version",
              {{"object", key.text}, {"until", FormatUtc(FromUnixMillis(*until))}});
  }
}

bool IsRetained(const Context& context, objects::ObjectStore& store,
                const objects::ObjectKey& key) {
  const auto until = store.RetainedUntil(context, key);
  return until.ok() && *until > ToUnixMillis(context.clock().Now());
}

}  // namespace aerie::repo
