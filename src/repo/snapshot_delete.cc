#include "repo/snapshot_delete.h"

#include <algorithm>
#include <set>

#include "repo/object_names.h"
#include "repo/pins.h"
#include "repo/repository_core.h"
#include "repo/retain.h"
#include "repo/store_remove.h"

namespace aerie::repo {
namespace {

// So many that a lost lock is noticed soon.
constexpr std::size_t kBatch = 100;

Status CheckPins(const Context& context, Repository& repository,
                 const std::vector<SnapshotId>& ids) {
  AERIE_ASSIGN(const std::set<SnapshotId> pins, ListPins(context, repository));
  for (const SnapshotId& id : ids) {
    if (pins.contains(id)) {
      return RefusedError("delete snapshot " + id.Short() +
                          ": it is pinned; aerie backup unpin it first; nothing was deleted");
    }
  }
  return Ok();
}

// A snapshot that cannot be read does not say how long it is immutable; the store may.
Status CheckRetained(const Context& context, Repository& repository,
                     const std::vector<SnapshotId>& ids, const objects::ObjectKey& damaged) {
  const auto id = IdOfKey(damaged, SnapshotKey);
  if (!id || std::ranges::count(ids, SnapshotId{id->ToHex()}) == 0) return Ok();
  if (!IsRetained(context, repository.core().store, damaged)) return Ok();
  return RefusedError("delete snapshot " + id->ToHex().substr(0, 8) +
                      ": it cannot be read, and the store retains it; aerie repo check says what "
                      "is wrong with it; nothing was deleted");
}

// The store would refuse, or hide them and keep their bytes.
Status CheckImmutable(const Context& context, Repository& repository,
                      const std::vector<SnapshotId>& ids) {
  if (ids.empty()) return Ok();
  std::vector<Finding> damaged;
  AERIE_ASSIGN(const auto snapshots, repository.ListSnapshots(context, &damaged));
  for (const Finding& finding : damaged) {
    AERIE_TRY(CheckRetained(context, repository, ids, {finding.object}));
  }
  for (const Snapshot& snapshot : ImmutableOf(snapshots, context.clock().Now())) {
    if (std::ranges::count(ids, snapshot.id) == 0) continue;
    return RefusedError("delete snapshot " + snapshot.id.Short() + ": it is " +
                        ImmutableText(snapshot) + "; nothing was deleted");
  }
  return Ok();
}

Result<std::vector<DeleteResult>> Delete(const Context& context, Repository& repository,
                                         const Lease& lease, const std::vector<SnapshotId>& ids) {
  std::vector<objects::ObjectKey> keys;
  for (const SnapshotId& id : ids) {
    const auto parsed = ObjectId::Parse(id.hex);
    if (!parsed) return InvalidError("delete " + id.hex + ": an id has 32 hexadecimal digits");
    keys.push_back(SnapshotKey(*parsed));
  }
  std::vector<DeleteResult> results;
  for (std::size_t at = 0; at < keys.size(); at += kBatch) {
    const std::vector<objects::ObjectKey> batch(
        keys.begin() + static_cast<std::ptrdiff_t>(at),
        keys.begin() + static_cast<std::ptrdiff_t>(std::min(at + kBatch, keys.size())));
    AERIE_TRY(lease.Check("delete snapshots"));
    for (auto& result : RemoveAndLook(lease.Limit(context), repository.core().store, batch)) {
      results.push_back({ids[results.size()], std::move(result.status)});
    }
  }
  return results;
}

}  // namespace

Result<std::vector<DeleteResult>> DeleteSnapshots(const Context& context, Repository& repository,
                                                  const std::vector<SnapshotId>& ids) {
  AERIE_ASSIGN(const auto lease,
               repository.core().locks.Acquire(context, LockMode::kExclusive, "delete snapshots"));
  AERIE_TRY(CheckPins(context, repository, ids));
  AERIE_TRY(CheckImmutable(context, repository, ids));
  return Delete(context, repository, *lease, ids);
}

Status DeleteSnapshotsUnder(const Context& context, Repository& repository, const Lease& lease,
                            const std::vector<SnapshotId>& ids) {
  AERIE_TRY(CheckPins(context, repository, ids));
  AERIE_TRY(CheckImmutable(context, repository, ids));
  AERIE_ASSIGN(const auto results, Delete(context, repository, lease, ids));
  for (const DeleteResult& result : results) AERIE_TRY(result.status);
  return Ok();
}

std::vector<std::string> LastOf(const std::vector<Snapshot>& snapshots,
                                const std::vector<SnapshotId>& ids) {
  std::set<std::string> lost;
  std::set<std::string> left;
  for (const Snapshot& snapshot : snapshots) {
    if (!snapshot.complete) continue;
    auto& names = std::ranges::count(ids, snapshot.id) != 0 ? lost : left;
    for (const auto& collection : snapshot.collections) names.insert(collection.name.ToString());
  }
  std::vector<std::string> last;
  std::ranges::set_difference(lost, left, std::back_inserter(last));
  return last;
}

}  // namespace aerie::repo
