// Deleting snapshots that somebody named. docs/format.md, section Deletion.
//
// Removes snapshot objects only: their data goes with prune.h. Safe from any thread.
#pragma once

#include <string>
#include <vector>

#include "base/context.h"
#include "repo/locks.h"
#include "repo/repository.h"

namespace aerie::repo {

struct DeleteResult {
  SnapshotId id;
  Status status;  // ok: it is gone
};

// Under an exclusive lock. kLocked; kRefused, and nothing is deleted, when one of them is pinned or
// immutable, or the clocks differ.
Result<std::vector<DeleteResult>> DeleteSnapshots(const Context& context, Repository& repository,
                                                  const std::vector<SnapshotId>& ids);

// The same for who holds an exclusive lock already; stops at the first that is not gone.
Status DeleteSnapshotsUnder(const Context& context, Repository& repository, const Lease& lease,
                            const std::vector<SnapshotId>& ids);

// "default.docs": collections of which no complete snapshot would be left.
std::vector<std::string> LastOf(const std::vector<Snapshot>& snapshots,
                                const std::vector<SnapshotId>& ids);

}  // namespace aerie::repo
