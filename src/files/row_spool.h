// Rows that come in any order, given back by key: sorted on disk, in bounded memory.
//
// Rows are collected up to a size, sorted, and written as a run to a temporary file; runs are
// merged until one is left. A run that begins behind the end of the last one is its continuation,
// so that sorted rows are written once and never merged. Blocks carry a checksum: a disk that
// changes a byte is noticed.
//
// Add and Finish by one thread; after Finish any number of readers, each for one thread, which must
// go before the spool.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/context.h"
#include "base/status.h"
#include "files/local_file.h"
#include "rows/batch.h"
#include "rows/schema.h"

namespace aerie::files {

struct SpoolOptions {
  std::string folder;                             // of the temporary files
  std::size_t run_bytes = std::size_t{64} << 20;  // rows held in memory
  std::size_t block_bytes = std::size_t{512} << 10;
  std::size_t fan_in = 32;  // runs merged at once, each with a block in memory
};

class SpoolReader {
 public:
  virtual ~SpoolReader() = default;
  // The next rows, ascending, never none; nullopt at the end. kCorrupt when the disk did not keep
  // them.
  virtual Result<std::optional<rows::RowBatch>> Next() = 0;
};

class RowSpool {
 public:
  // The numbers, from 1 in the order in which rows were added, of two rows with the same key.
  using SameKey = std::function<Status(const rows::Key&, std::uint64_t, std::uint64_t)>;

  // `columns` as CollectionSchema::Columns() gives them. `same_key` makes the error that a key is
  // refused with when it comes twice.
  RowSpool(std::vector<rows::FieldSchema> columns, SpoolOptions options, SameKey same_key);
  ~RowSpool();

  // Columns as above; keys in any order, the partition is not kept.
  Status Add(const Context& context, const rows::RowBatch& batch);
  // All rows are there: sorts what is left. Then every key is known to come once.
  Status Finish(const Context& context);

  std::uint64_t rows() const { return rows_; }
  // After Finish. Batches of about a block, of that partition.
  std::unique_ptr<SpoolReader> Open(const std::string& partition) const;

 private:
  struct Run;
  class RunReader;
  class RunWriter;
  class Merge;

  rows::RowBatch EmptyBatch() const;
  Status WriteOut(const Context& context);
  Status CloseRun(const Context& context);
  Status MergeRuns(const Context& context, std::vector<Run> runs, Run& out);
  Status CheckDistinct(const rows::RowBatch& sorted) const;

  const std::vector<rows::FieldSchema> columns_;  // and the number of the row, last
  const SpoolOptions options_;
  const SameKey same_key_;
  rows::RowBatch held_;
  std::uint64_t rows_ = 0;
  std::unique_ptr<RunWriter> open_;  // the last run, which may go on
  std::vector<std::vector<Run>> levels_;
  std::unique_ptr<Run> sorted_;
};

}  // namespace aerie::files
