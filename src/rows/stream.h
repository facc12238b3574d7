// SEAM. The two interfaces that carry everything: rows out of something, rows into something.
//
// Backup, restore, copy, diff, verify, export and import are pipelines between them; a new source
// or sink is one class in one room. Implementations may work in parallel inside, but each method
// of one object is called by one thread at a time. Every call blocks, honours the context's
// cancel and deadline, and after an error only destruction is allowed (Abort on writers first).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/context.h"
#include "base/status.h"
#include "rows/batch.h"
#include "rows/digest.h"
#include "rows/schema.h"

namespace aerie::rows {

// What a reader noticed that a user must know; part of a snapshot's record.
struct ReadReport {
  std::uint64_t rows = 0;             // delivered
  std::uint64_t counted = 0;          // what the source itself counts, when it can
  std::uint64_t duplicate_keys = 0;   // surplus copies of keys stored more than once
  std::uint64_t unreadable_keys = 0;  // counted but not returned by the server (2.3.5: INT64_MAX)
  std::uint64_t reread_ranges = 0;    // ranges read again because a write came between
  bool fuzzy = false;                 // not one instant: see interval
  std::int64_t started_ms = 0;        // Unix milliseconds of the first and last read
  std::int64_t finished_ms = 0;
  std::uint64_t read_ts = 0;  // Milvus hybrid timestamp all ranges were read at; 0: none
  std::vector<std::string> warnings;
};

// Rows of one collection and one partition, each key exactly once, in ascending order.
class RowReader {
 public:
  virtual ~RowReader() = default;
  // "" when the collection has a partition key.
  virtual const std::string& partition() const = 0;
  // The next batch (never empty), or nullopt at the end. Keys are greater than all before.
  virtual Result<std::optional<RowBatch>> Next(const Context& context) = 0;
  // Largest key delivered so far; a new reader opened with it goes on right after.
  virtual std::optional<Key> position() const = 0;
  // Complete after Next answered nullopt.
  virtual const ReadReport& report() const = 0;
};

struct ReadOptions {
  std::optional<Key> after;           // resume: only keys greater than this
  std::string filter;                 // Milvus expression; empty: all rows
  std::size_t batch_bytes = 4 << 20;  // aim of one batch's plain bytes
  int streams = 2;                    // requests in flight
  // Proposals where to cut, ascending; correctness never depends on them.
  std::vector<Key> boundaries;
};

// One collection to read from.
class CollectionSource {
 public:
  virtual ~CollectionSource() = default;
  virtual const CollectionSpec& spec() const = 0;
  // The partitions to read one by one; {""} when the collection has a partition key.
  virtual std::vector<std::string> ReadPartitions() const = 0;
  virtual Result<std::unique_ptr<RowReader>> OpenReader(const Context& context,
                                                        const std::string& partition,
                                                        const ReadOptions& options) = 0;
  // Rows expected, for progress only; -1 when not known.
  virtual std::int64_t EstimatedRows() const = 0;
  // Checks that what was read is still one collection (same id, same schema), undoes what opening
  // changed (load state). Must be called once, also after an error; the status counts.
  virtual Status Close(const Context& context) = 0;
};

// Proof of what a writer stored.
struct WriteReceipt {
  RangeDigest written;  // over the batches as given to Write
  std::uint64_t deleted_keys = 0;
  std::uint64_t reconciled_batches = 0;  // outcome was unknown, settled by key
  std::uint64_t write_ts = 0;  // a Milvus timestamp at which all of it is visible; 0: not known
};

// Rows into one collection.
class RowWriter {
 public:
  virtual ~RowWriter() = default;
  // May return before the batch is stored; an error may surface at a later call.
  virtual Status Write(const Context& context, RowBatch batch) = 0;
  virtual Status Delete(const Context& context, const std::string& partition,
                        const std::vector<Key>& keys) = 0;
  // Waits until everything is stored and acknowledged.
  virtual Result<WriteReceipt> Commit(const Context& context) = 0;
  // Gives up; what was written so far stays. Never fails.
  virtual void Abort() = 0;
};

}  // namespace aerie::rows
