// The rows of one partition, each key once, in ascending order: docs/reading.md says how.
//
// One thread plans ranges and counts them, `streams` threads read and check them, the caller of
// Next takes them in order. All end with the reader; its context is that of OpenPartitionReader.
#pragma once

#include <functional>
#include <memory>

#include "milvus/range_query.h"
#include "rows/stream.h"

namespace aerie::milvus {

struct PartitionReaderSetup {
  std::shared_ptr<const RangeQuery> query;
  rows::ReadOptions options;
  // Ok while the collection is still the one that was opened. Asked at the end, and when a call
  // fails, whose error it then explains. Called from any of the reader's threads.
  std::function<Status(const Context&)> check_unchanged;
};

std::unique_ptr<rows::RowReader> OpenPartitionReader(const Context& context,
                                                     PartitionReaderSetup setup);

// One range as it was read and checked.
struct RangeRows {
  rows::RowBatch batch;
  std::uint64_t counted = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t unreadable = 0;
  bool read_again = false;
  bool unsettled = false;
};

// Reads `range` until its rows agree with their count or the difference is explained: by copies of
// keys that were read, which is proved by counting those. `counted` is what was counted before.
// kTooLarge: cut the range.
Result<RangeRows> ReadRangeChecked(const Context& context, const RangeQuery& query,
                                   const KeyRange& range, std::int64_t counted);

// A range with one key of `batch`, read from `range`, that is stored more than once.
Result<KeyRange> FindDuplicate(const Context& context, const RangeQuery& query,
                               const KeyRange& range, const rows::RowBatch& batch);

}  // namespace aerie::milvus
