// Copies one snapshot into another repository, with another key: leaf by leaf, layers as they are,
// and of them only what the other does not have. docs/decisions/0012-mirror-by-leaves.md argues it.
//
// Thread-safe, as the repositories are.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "base/context.h"
#include "repo/repository.h"

namespace aerie::repo {

// One collection to copy, and what to compare it with: only speed depends on that.
struct CollectionCopy {
  SnapshotCollection collection;            // of the source's snapshot
  std::optional<SnapshotCollection> there;  // in an earlier snapshot of the target
  std::optional<SnapshotCollection> here;   // in the source: what `there` was copied from
};

struct CopyCounts {
  std::uint64_t rows = 0;   // of leaves that are done
  std::uint64_t bytes = 0;  // plain, of these
  std::uint64_t leaves = 0;
  std::uint64_t leaves_known = 0;  // the target had them
};

struct SnapshotCopyOptions {
  std::vector<CollectionCopy> collections;
  std::optional<SnapshotId> parent;  // in the target
  SnapshotOptions snapshot = {};     // of the copy
  // Counts of the collection at hand; never two calls at once.
  std::function<void(const SnapshotCollection&, const CopyCounts&)> progress;
};

// Where `snapshot`, which `repository` has, was made: it itself, or its origin.
SnapshotOrigin OriginOf(const Repository& repository, const Snapshot& snapshot);

// The copy, committed. Each leaf that is copied is compared with its row digests, each blob is
// compared before it is stored, and the roots of both trees at the end (kInternal). kCorrupt and
// kNotFound: the source is damaged there, nothing was committed. kUnsupported: the target was made
// without the feature "patches", and a leaf has some. kLocked.
Result<Snapshot> CopySnapshot(const Context& context, Repository& from, const Snapshot& snapshot,
                              Repository& to, const SnapshotCopyOptions& options);

}  // namespace aerie::repo
