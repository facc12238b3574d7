// One partition of two collections, row by row, by digest: what diff.cc asks for each pair.
//
// Rows that are stored are compared by the digests stored with them, and only where a range of them
// differs: of two snapshots the equal parts of their trees are passed unread, and beside a live
// collection a leaf whose range has the same digest there is. Rows themselves are read of a live
// side, and of a stored one to name the fields of an example. Memory does not grow with the rows.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/context.h"
#include "repo/repository.h"
#include "rows/stream.h"
#include "transfer/diff.h"

namespace aerie::transfer {

// One side of a partition. Neither of the two set: the collection has no such partition.
struct DiffSide {
  rows::RowReader* reader = nullptr;         // its rows, or
  repo::StoredCollection* stored = nullptr;  // what they are kept in
};

struct PartitionDiffOptions {
  std::string partition;
  // That both sides have; all columns of both where a side is stored.
  std::vector<rows::FieldSchema> columns;
  std::size_t max_examples = 10;  // of each kind
  bool stop_at_first = false;
  std::function<void(std::uint64_t rows)> on_rows;  // now and then: so many more were compared
};

// Adds to the counts, digests and examples of `diff`. One thread at a time for each `diff`.
Status DiffPartition(const Context& context, const DiffSide& left, const DiffSide& right,
                     const PartitionDiffOptions& options, CollectionDiff& diff);

}  // namespace aerie::transfer
