// New indexes from the packs' own directories: for a repository whose indexes are lost, damaged,
// wrong or many. docs/format.md, section "Rebuilding the indexes".
//
// Reads directories and old indexes, no data. Free functions, safe from any thread and process.
#pragma once

#include <cstdint>
#include <vector>

#include "base/context.h"
#include "repo/repository.h"

namespace aerie::repo {

struct IndexRebuild {
  std::uint64_t packs = 0, blobs = 0;  // in the new indexes
  std::uint64_t pack_bytes = 0;
  std::uint64_t directory_bytes = 0;  // of these packs: what had to be read of them
  std::uint64_t before = 0;           // indexes there were
  std::uint64_t unreadable = 0;       // of them
  std::uint64_t written = 0;
  std::uint64_t removed = 0;
  std::uint64_t kept = 0;        // old ones that alone describe a damaged pack
  bool changed = false;          // false: the indexes were right, nothing was or is to be done
  std::vector<Finding> damaged;  // packs that are left out
};

// What RebuildIndexes would do now. Changes nothing and takes no lock.
Result<IndexRebuild> PlanIndexRebuild(const Context& context, Repository& repository);

// Under an exclusive lock. kLocked; kRefused when clocks differ or a listing cannot be trusted;
// kUnsupported when a pack or index is of a newer format. After any error or crash the repository
// is as readable as before; run again. Memory: a million blobs' entries at a time, and 100 bytes a
// pack.
Result<IndexRebuild> RebuildIndexes(const Context& context, Repository& repository);

}  // namespace aerie::repo
