// The rows of one source into one described, loaded collection, written and compared at once.
//
// Batches go out in key order, several in flight. As soon as the calls that carry one are stored,
// its key range is read back and the digests are summed, by other threads, while later ones are
// written. A range that differs is read once more at strong consistency before it counts as
// different. Where rows may be there already, each range is read first and left alone if it is
// right: that was its comparison. The source is read once, so what is compared is what was read,
// also when the source is written to meanwhile.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/context.h"
#include "base/progress.h"
#include "milvus/client.h"
#include "rows/stream.h"
#include "transfer/outcome.h"
#include "transfer/selection.h"

namespace aerie::transfer {

struct RestoreRowsOptions {
  int writers = 2;
  int comparers = 2;
  std::size_t call_bytes = 4 << 20;  // aim of the rows of one write
  bool may_hold_rows = false;        // rows of an earlier run, or the user's own, may be there
  bool exclusive = true;             // nothing but these rows may be there at the end
  bool new_keys = false;        // the server generates keys anew: rows are counted, not compared
  Selection selection;          // its partitions
  rows::ReadOptions read = {};  // of the source
  std::string label;            // for progress and messages
};

struct RestoredRows {
  rows::RangeDigest digest;  // of the source's rows, all of them found in the target
  std::uint64_t bytes = 0;
  std::uint64_t rows_written = 0;
  rows::ReadReport report;  // of the source's readers
};

// `target` as it was described on the cluster behind `to`; it must be loaded.
// Errors: kDifferent when rows read back are not those written, naming partition and key range;
// else those of reading and writing.
Result<RestoredRows> RestoreRows(const Context& context, rows::CollectionSource& source,
                                 std::shared_ptr<milvus::Client> to,
                                 const rows::CollectionSpec& target,
                                 const RestoreRowsOptions& options, ProgressSink& progress);

}  // namespace aerie::transfer
