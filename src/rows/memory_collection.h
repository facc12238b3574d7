// Test support (library aerie_rows_testing). A collection in memory: the fake on both sides of the
// row seam, scripted to misbehave on demand.
//
// Any thread may call any method. Sources, readers and writers made from a MemoryCollection refer
// to it and must go first. Like Milvus it keeps one row per key and partition; the rows of a
// collection with a partition key are kept under the partition "".
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "rows/batch.h"
#include "rows/digest.h"
#include "rows/schema.h"
#include "rows/stream.h"

namespace aerie::rows {

class MemoryCollection;

struct MemorySourceScript {
  // kLive: each batch shows what is stored when it is asked for, as servers without a read
  // timestamp do, and the report says fuzzy.
  enum class View { kOneInstant, kLive };
  View view = View::kOneInstant;
  // Rows of the first batch, the second, ...; the last number repeats. Empty: by batch_bytes.
  std::vector<std::size_t> batch_rows;
  // After this many rows, counted over all readers of the source, Next answers `failure`.
  std::optional<std::uint64_t> fail_after_rows;
  Status failure = MakeStatus(Kind::kTransient, "read memory collection: scripted failure");
  // Called before each batch with the rows delivered so far; may change the collection.
  std::function<void(MemoryCollection&, std::uint64_t delivered)> before_batch;
  // What a ReadOptions::filter keeps; without it a filter is kUnsupported.
  std::function<bool(const std::string& filter, const Key& key)> filter;
  Status close_status = Ok();
};

struct MemoryWriterScript {
  enum class FailingBatch { kDropped, kStored };
  // The batch that would exceed this many rows answers `failure`, and is stored all the same
  // (the outcome that a lost answer leaves) if so scripted.
  std::optional<std::uint64_t> fail_after_rows;
  Status failure = MakeStatus(Kind::kTransient, "write memory collection: scripted failure");
  FailingBatch failing_batch = FailingBatch::kDropped;
  Status commit_status = Ok();
};

class MemoryCollection {
 public:
  explicit MemoryCollection(CollectionSpec spec);
  MemoryCollection(const MemoryCollection&) = delete;
  MemoryCollection& operator=(const MemoryCollection&) = delete;

  CollectionSpec spec() const;
  // As if somebody had dropped, recreated or altered it; the rows and their columns stay.
  void set_spec(CollectionSpec spec);

  // Stores the rows, replacing those with equal keys. kNotFound if the collection has no such
  // partition, kInvalid if a column is missing from the batch.
  Status Put(const RowBatch& batch);
  // True if the row was there.
  bool Erase(const std::string& partition, const Key& key);
  std::uint64_t rows() const;
  std::uint64_t rows(const std::string& partition) const;
  // All rows of a partition, ascending.
  RowBatch Read(const std::string& partition) const;
  // At most `max_rows` rows with keys greater than `after`, at most about `max_bytes` but at
  // least one row.
  RowBatch ReadAfter(const std::string& partition, const std::optional<Key>& after,
                     std::size_t max_rows, std::size_t max_bytes) const;
  // Over all partitions.
  RangeDigest Digest() const;
  RangeDigest Digest(const std::string& partition) const;

  std::unique_ptr<CollectionSource> OpenSource(MemorySourceScript script = {});
  std::unique_ptr<RowWriter> OpenWriter(MemoryWriterScript script = {});

 private:
  using Row = std::vector<std::optional<Bytes>>;  // cells in the order of columns_; none: null

  mutable std::mutex mutex_;
  CollectionSpec spec_;
  std::vector<FieldSchema> columns_;
  std::map<std::string, std::map<Key, Row>> partitions_;
};

}  // namespace aerie::rows
