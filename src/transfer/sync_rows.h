// The rows of one round of a sync: the source read whole and merged with what the target is known
// to have; what differs written, read back, compared. docs/syncing.md, A round, steps 4 to 8.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/context.h"
#include "base/progress.h"
#include "milvus/client.h"
#include "rows/stream.h"
#include "transfer/known_rows.h"
#include "transfer/sync_file.h"

namespace aerie::transfer {

struct SyncRowsOptions {
  int writers = 2;
  int comparers = 2;
  std::size_t call_bytes = 4 << 20;  // aim of the rows of one write
  rows::ReadOptions read = {};       // of the source
  std::string label;                 // for progress
};

struct SyncedRows {
  std::uint64_t inserted = 0;
  std::uint64_t updated = 0;
  std::uint64_t deleted = 0;
  rows::RangeDigest digest;  // of the source's rows
  std::uint64_t bytes = 0;
  rows::ReadReport report;                                     // of the source's readers
  std::vector<std::pair<std::string, std::uint64_t>> rows_of;  // by partition
};

// What would be done; nothing is.
Result<SyncedRows> CompareWithKnown(const Context& context, rows::CollectionSource& source,
                                    KnownRows& known, const SyncRowsOptions& options,
                                    ProgressSink& progress);

// What a round writes into.
struct SyncSink {
  std::shared_ptr<milvus::Client> to;
  const rows::CollectionSpec& target;  // as it was described; it must be loaded
  SyncFileWriter& rows;                // gets every row of the source, and is finished
  SyncFileWriter& journal;             // gets every key before it is written
  enum class Journal { kSynced, kNotSynced } journal_is = Journal::kSynced;
  // Asked when all was read and written, before anything is deleted: whether what was read was one
  // collection.
  std::function<Status(const Context&)> close_source;
  // Asked last, beside the comparisons of what was written: whether the target has as many rows as
  // were read. It sees them at `at`, a timestamp of the target's; 0: it hands out none.
  std::function<Status(const Context&, const SyncedRows& read, std::uint64_t at)> count;
  // A timestamp of the target's at which nothing of this round was written yet; 0: it hands out
  // none.
  std::uint64_t before = 0;
};
// Errors: kDifferent when rows read back are not those written, or deleted ones are there still;
// kCorrupt when `known` cannot be believed; else those of reading and writing.
Result<SyncedRows> WriteDifferences(const Context& context, rows::CollectionSource& source,
                                    KnownRows& known, SyncSink sink, const SyncRowsOptions& options,
                                    ProgressSink& progress);

}  // namespace aerie::transfer
