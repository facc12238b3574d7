// Which snapshots there are, known well enough to delete what they do not need.
//
// Free functions, safe from any thread.
#pragma once

#include <set>
#include <vector>

#include "base/context.h"
#include "repo/doom.h"
#include "repo/repository.h"
#include "repo/retention.h"

namespace aerie::repo {

struct Census {
  std::vector<Snapshot> snapshots;  // newest first
  SnapshotMarks marks;
  Dooms dooms;
};

// Reads every snapshot. An error, and never a short list, when one cannot be read, when two
// listings differ, or when a snapshot that a parent, a pin or an earlier prune names is in the
// store and not listed.
Result<Census> TakeCensus(const Context& context, Repository& repository);

}  // namespace aerie::repo
