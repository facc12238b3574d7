// Which of the rows that went into a writer are stored by now, so that they can be read back.
//
// A writer joins batches and cuts them into calls, and the calls are stored in any order. A range
// of rows is noted here before it goes to the writer, and comes out as soon as every call that
// carries a part of it is stored. Lives for one writer. Thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "milvus/collection_writer.h"
#include "milvus/key_expr.h"
#include "rows/digest.h"

namespace aerie::transfer {

struct WrittenRange {
  std::string partition;
  milvus::KeyRange range;  // nothing else that was read lies in it
  rows::RangeDigest digest;
  std::size_t bytes = 0;
  // The keys of the rows, ascending, where others may lie between them; else empty.
  std::vector<rows::Key> keys;
  std::uint64_t ts = 0;  // after which they can be read; 0: the server tells none
};

class WrittenRanges {
 public:
  // Ranges that touch each other are joined while they have at most `join_bytes` together.
  explicit WrittenRanges(std::size_t join_bytes) : join_bytes_(join_bytes) {}

  // Of one partition in key order.
  void Add(WrittenRange range);
  // The ranges that this call completes.
  std::vector<WrittenRange> Take(const milvus::StoredRows& call);
  // Whether every range that was added was taken.
  bool empty() const;

 private:
  struct Partition {
    std::deque<WrittenRange> waiting;
    // Calls behind a gap: where each begins, and where it ends.
    std::map<std::optional<rows::Key>, rows::Key> ahead;
    std::optional<rows::Key> stored_to;  // every call up to here is stored
  };
  static void Advance(Partition& partition, const milvus::KeyRange& range);
  void Join(WrittenRange range, std::vector<WrittenRange>& into) const;

  const std::size_t join_bytes_;
  mutable std::mutex mutex_;
  std::map<std::string, Partition> partitions_;
  std::uint64_t ts_ = 0;
};

}  // namespace aerie::transfer
