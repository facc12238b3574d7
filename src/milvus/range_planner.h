// Where to cut a partition's key space into ranges that are read in one call each.
//
// Cuts are proposals: whatever keys they miss, the ranges handed out are adjacent and cover the key
// space from `after` to its end, so nothing can fall between them. Each range comes with the number
// of rows that the server counts in it. Cuts come from
//   1. given boundaries (the last snapshot's leaves);
//   2. where there are none, or a stretch between two holds far more rows than fit, for Int64 keys
//      a guess: as far on as the rows before lay apart, corrected by its count. A count costs the
//      server 2 ms, 5,000 rows 45 ms;
//   3. where guesses fail (gaps, VarChar keys), pages of keys, 25 ms for 16,384. Where a page holds
//      as many keys as are counted, one count serves all its ranges.
// A count looks at every row of the collection, however narrow the range, so that in 1 and 2 some
// ranges are counted together.
//
// RowSize is thread-safe; a RangePlanner belongs to one thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "milvus/range_query.h"

namespace aerie::milvus {

// Bytes of a row as batches hold it: an estimate from the schema until rows were seen, then what
// the last rows measured.
class RowSize {
 public:
  explicit RowSize(const std::vector<rows::FieldSchema>& columns);

  void Measured(std::size_t rows, std::size_t bytes);
  // An answer of about `rows` rows was over the server's limit.
  void TooLarge(std::int64_t rows);
  // Rows that make about `bytes`, between 1 and the largest page; 1 where a column is opaque.
  std::int64_t RowsFor(std::size_t bytes) const;
  bool known() const;
  // Blocks until the first measurement.
  Status Wait(const Context& context) const;
  // A range held far more rows than those that it was counted with.
  void Uneven() { ++uneven_; }
  int uneven() const { return uneven_; }  // how often that was

 private:
  const bool one_row_;
  const bool fixed_;
  mutable std::mutex mutex_;
  mutable std::condition_variable_any changed_;
  bool measured_ = false;
  double bytes_per_row_;
  std::atomic<int> uneven_{0};
};

// Adjacent ranges that were counted together. RangeLine guards what changes.
struct RangeGroup {
  std::int64_t counted = 0;  // stored copies in them all, when they were planned
  std::size_t unread = 0;    // ranges of it that nobody has read yet
  bool split = false;        // one of them was replaced by parts: what is left was never counted
};

struct PlannedRange {
  KeyRange range;
  std::int64_t counted = 0;  // stored copies in it, when it was planned; with a group a guess
  std::shared_ptr<RangeGroup> group = nullptr;  // null: counted alone
};

struct PlanOptions {
  std::optional<rows::Key> after;
  std::vector<rows::Key> boundaries;  // ascending
  std::size_t range_bytes = 3 << 20;  // aim of one range's rows
};

class RangePlanner {
 public:
  // The most ranges that are counted together.
  static constexpr std::int64_t kTogether = 4;

  // `query` and `row_size` must outlive it.
  RangePlanner(const RangeQuery& query, const RowSize& row_size, PlanOptions options);

  // The next range, right after the one before; nullopt after the range that has no end. The
  // second range may wait until the first was measured by RowSize.
  Result<std::optional<PlannedRange>> Next(const Context& context);

 private:
  // Plans one or more ranges into ready_.
  Status Plan(const Context& context);
  Status BeginStretch(const Context& context);
  // Takes the stretch up to the `count`-th boundary from here on; true when its rows were counted
  // and planned. Otherwise end_ is that boundary.
  Result<bool> TakeStretch(const Context& context, std::size_t count);
  Status FetchKeys(const Context& context);
  // Ranges of about `per` rows by a guess; false when that leads to no such ranges.
  Result<bool> Guess(const Context& context, std::int64_t per);
  bool MayGuess() const;
  // How many ranges are to be counted together now.
  std::int64_t Together();
  // The range from cursor_ to `to`, counted now unless `rows` is exact.
  Status Emit(const Context& context, std::optional<rows::Key> to, std::int64_t rows);
  // The ranges from cursor_ to `to`, cut at those of `cuts` that lie between, and counted together.
  void HandOut(std::optional<rows::Key> to, std::int64_t counted,
               const std::vector<rows::Key>& cuts = {});

  const RangeQuery& query_;
  const RowSize& row_size_;
  const PlanOptions options_;

  std::size_t next_boundary_ = 0;
  std::optional<rows::Key> cursor_;  // end of what was handed out
  double spacing_ = 0;     // distance of one Int64 key to the next in the rows before; 0: not known
  int pages_to_come_ = 0;  // before the next guess, as the last one failed
  bool done_ = false;
  bool waited_ = false;
  std::deque<PlannedRange> ready_;  // planned, not yet handed out
  int uneven_seen_ = 0;
  int alone_to_come_ = 0;  // ranges to be counted alone, as rows lay unevenly

  // The stretch being cut: (cursor_, end_]. Keys of it that were fetched and not yet handed out.
  bool in_stretch_ = false;
  std::optional<rows::Key> end_;
  std::vector<rows::Key> keys_;
  std::size_t used_ = 0;
  bool last_page_ = false;
  bool exact_ = true;  // as many rows counted as there are keys in keys_
};

// Cuts `range`, whose rows are too large for one answer, into at least two. kTooLarge when it holds
// fewer than two keys. `aim` is the number of rows wanted in each.
Result<std::vector<PlannedRange>> SplitRange(const Context& context, const RangeQuery& query,
                                             const KeyRange& range, std::int64_t aim);

}  // namespace aerie::milvus
