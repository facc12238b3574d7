// Diff: two collections, row by row, by digest; and two endpoints, collection by collection.
//
// Both sides are read in key order and merged, so memory does not grow with the rows. What is
// stored is compared by the digests stored with it, and narrowed down to what differs
// (diff_rows.h): of two snapshots only leaves that differ are looked at, and of a snapshot beside a
// cluster the digests of leaves that differ.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/context.h"
#include "base/progress.h"
#include "rows/stream.h"
#include "transfer/endpoint.h"
#include "transfer/selection.h"

namespace aerie::transfer {

struct RowDifference {
  enum class Kind { kMissing, kExtra, kChanged };
  Kind kind = Kind::kChanged;  // missing: only left has it; extra: only right
  std::string partition;
  std::string key;                  // as in a Milvus expression
  std::vector<std::string> fields;  // of kChanged: the columns that differ
};

struct CollectionDiff {
  rows::CollectionName left;
  rows::CollectionName right;
  bool only_left = false;  // the collection is missing on the right
  bool only_right = false;
  Status status;                  // reading failed; the counts below are then incomplete
  std::vector<std::string> spec;  // one line a difference
  rows::RangeDigest digest_left;  // of the rows that were compared, in the columns of both
  std::uint64_t rows_left = 0;
  std::uint64_t rows_right = 0;
  std::uint64_t missing = 0;
  std::uint64_t extra = 0;
  std::uint64_t changed = 0;
  std::vector<RowDifference> examples;  // the first DiffOptions::max_examples of each kind
  bool same() const {
    return status.ok() && !only_left && !only_right && spec.empty() && missing == 0 && extra == 0 &&
           changed == 0;
  }
};

// How rows that are stored with digests are compared.
enum class StoredRowsAre {
  kKnownByDigest,  // by these: whether what is stored is still good is for verify and check to say
  kRead,           // read, each compared with its digest, whatever the other side is
};

struct DiffOptions {
  Selection selection;
  std::size_t max_examples = 10;  // of each kind, for each collection
  StoredRowsAre stored_rows = StoredRowsAre::kKnownByDigest;
  std::size_t parallel_collections = 2;
  // Compare only these two; empty: collections of the same name, on both sides whole.
  rows::CollectionName left_name;
  rows::CollectionName right_name;
  bool compare_specs = true;
  // Only whether they differ: reading ends at the first difference, counts included.
  bool stop_at_first = false;
};

struct DiffResult {
  std::vector<CollectionDiff> collections;
  bool same() const;
};

// Errors only when a side cannot be listed or a named collection is not there.
Result<DiffResult> RunDiff(const Context& context, Endpoint& left, Endpoint& right,
                           const DiffOptions& options, ProgressSink& progress);

}  // namespace aerie::transfer
