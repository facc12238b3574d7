// What is said of a snapshot after it was made, by the being there of an object of its own: that it
// is pinned, so that nothing deletes it, and that all its rows were verified. docs/format.md,
// section Marks.
//
// Free functions, safe from any thread. Changing one takes a shared lock (kLocked).
#pragma once

#include <cstdint>
#include <map>
#include <set>

#include "base/context.h"
#include "repo/repository.h"

namespace aerie::repo {

// Which snapshots are pinned.
Result<std::set<SnapshotId>> ListPins(const Context& context, Repository& repository);

// Which snapshots were verified, every row, at some time.
Result<std::set<SnapshotId>> ListVerified(const Context& context, Repository& repository);

// When the first time, by the store's clock, Unix milliseconds.
Result<std::map<SnapshotId, std::int64_t>> ListVerifiedTimes(const Context& context,
                                                             Repository& repository);

// After a check with read_data that found nothing. Ok also when it is recorded already; kNotFound.
Status RecordVerified(const Context& context, Repository& repository, const SnapshotId& id);

// Ok also when it is pinned already. kNotFound when there is no such snapshot.
Status PinSnapshot(const Context& context, Repository& repository, const SnapshotId& id);

// Ok also when it is not pinned.
Status UnpinSnapshot(const Context& context, Repository& repository, const SnapshotId& id);

}  // namespace aerie::repo
