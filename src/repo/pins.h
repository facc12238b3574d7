// Pins: snapshots that nothing deletes. docs/format.md, section Pins.
//
// Free functions, safe from any thread. Changing a pin takes a shared lock (kLocked).
#pragma once

#include <set>

#include "base/context.h"
#include "repo/repository.h"

namespace aerie::repo {

// Which snapshots are pinned.
Result<std::set<SnapshotId>> ListPins(const Context& context, Repository& repository);

// Ok also when it is pinned already. kNotFound when there is no such snapshot.
Status PinSnapshot(const Context& context, Repository& repository, const SnapshotId& id);

// Ok also when it is not pinned.
Status UnpinSnapshot(const Context& context, Repository& repository, const SnapshotId& id);

}  // namespace aerie::repo
