#include "milvus/partition_reader.h"

#include <algorithm>
#include <deque>
#include <limits>

#include "base/task_group.h"
#include "milvus/range_judge.h"
#include "milvus/range_line.h"

namespace aerie::milvus {
namespace {

using rows::Key;
using rows::RowBatch;

constexpr std::int64_t kMaxKey = std::numeric_limits<std::int64_t>::max();
// One large range costs the server more than two small ones (protocol.md 3.8).
constexpr std::size_t kMinRangeBytes = 1 << 10;
constexpr std::size_t kMaxRangeBytes = 8 << 20;

// Whether the range ends at INT64_MAX, which 2.3.5 counts and never returns (protocol.md 3.3).
bool MayHideLargestKey(const RangeQuery& query, const KeyRange& range, const RowBatch& batch) {
  if (query.key_field().type != rows::DataType::kInt64) return false;
  const Key largest = kMaxKey;
  if (!range.Contains(largest)) return false;
  return batch.rows() == 0 || batch.KeyAt(batch.rows() - 1) != largest;
}

class PartitionReader : public rows::RowReader {
  using Line = RangeLine<RangeRows>;

 public:
  PartitionReader(const Context& context, PartitionReaderSetup setup)
      : setup_(std::move(setup)),
        query_(*setup_.query),
        row_size_(query_.columns()),
        planner_(query_, row_size_, Plan(setup_.options)),
        position_(setup_.options.after),
        line_(static_cast<std::size_t>(Streams() + RangePlanner::kTogether) + 1),
        tasks_(context),
        stopped_(tasks_.context(), [this] {
          line_.Fail(MakeStatus(Kind::kCancelled, "read " + query_.object() + ": stopped"));
        }) {
    report_.fuzzy = query_.scope().point.mode != ReadPoint::Mode::kSnapshot;
    report_.read_ts = report_.fuzzy ? 0 : query_.scope().point.ts;
    report_.started_ms = ToUnixMillis(context.clock().Now());
    Spawn("plan key ranges", [this](const Context& ctx) { return PlanRanges(ctx); });
    for (int i = 0; i < Streams(); ++i) {
      Spawn("read key ranges", [this](const Context& ctx) { return ReadRanges(ctx); });
    }
  }

  const std::string& partition() const override { return query_.scope().partition; }
  std::optional<Key> position() const override { return position_; }
  const rows::ReadReport& report() const override { return report_; }

  Result<std::optional<RowBatch>> Next(const Context& context) override {
    while (ready_.empty()) {
      AERIE_ASSIGN(std::optional<RangeRows> rows, Take(context));
      if (!rows) {
        AERIE_TRY(Finish(context));
        return std::optional<RowBatch>();
      }
      Record(*rows);
      Ready(std::move(rows->batch));
    }
    std::optional<RowBatch> batch(std::move(ready_.front()));
    ready_.pop_front();
    position_ = batch->KeyAt(batch->rows() - 1);
    report_.rows += batch->rows();
    return batch;
  }

 private:
  static PlanOptions Plan(const rows::ReadOptions& options) {
    const std::size_t bytes =
        std::clamp(options.batch_bytes / 4 * 3, kMinRangeBytes, kMaxRangeBytes);
    return {options.after, options.boundaries, bytes};
  }
  int Streams() const { return std::max(setup_.options.streams, 1); }

  Result<std::optional<RangeRows>> Take(const Context& context) {
    auto rows = line_.Take(context);
    if (rows.ok() || context.cancelled() || KindOf(rows.status()) != Kind::kCancelled) return rows;
    // Stopped from within: the error that did it says more.
    const Status first = tasks_.Join();
    return first.ok() ? rows.status() : first;
  }

  // Runs `fn`; whatever error ends it is what Next returns.
  void Spawn(const char* name, std::function<Status(const Context&)> fn) {
    tasks_.Spawn(name, [this, fn = std::move(fn)](const Context& context) {
      Status status = fn(context);
      if (status.ok()) return status;
      status = Explain(context, status);
      line_.Fail(status);
      return status;
    });
  }

  // A call on a collection that is gone or another one now fails in many ways: say which it is.
  Status Explain(const Context& context, const Status& status) const {
    if (context.cancelled() || !setup_.check_unchanged) return status;
    const Status changed = setup_.check_unchanged(context);
    return KindOf(changed) == Kind::kRefused ? changed : status;
  }

  Status PlanRanges(const Context& context) {
    while (true) {
      AERIE_ASSIGN(std::optional<PlannedRange> planned, planner_.Next(context));
      if (!planned) break;
      AERIE_TRY(line_.Add(context, std::move(*planned)));
    }
    line_.NoMore();
    return Ok();
  }

  Status ReadRanges(const Context& context) {
    while (true) {
      AERIE_ASSIGN(const auto claimed, line_.Claim(context));
      if (!claimed) return Ok();
      const PlannedRange& planned = line_.Planned(*claimed);
      AERIE_TRY(planned.group ? ReadInGroup(context, *claimed)
                              : ReadAlone(context, *claimed, planned.counted, false));
    }
  }

  // `again`: it was read before, and other rows were counted.
  Status ReadAlone(const Context& context, Line::Claimed slot, std::int64_t counted, bool again) {
    const PlannedRange& planned = line_.Planned(slot);
    Result<RangeRows> rows = ReadRangeChecked(context, query_, planned.range, counted);
    if (KindOf(rows.status()) == Kind::kTooLarge) return Split(context, slot);
    AERIE_TRY(rows.status());
    rows->read_again |= again && rows->duplicates == 0 && rows->unreadable == 0;
    AERIE_TRY(LookAt(context, planned.range, *rows));
    line_.Finish(slot, *std::move(rows));
    return Ok();
  }

  Status ReadInGroup(const Context& context, Line::Claimed slot) {
    const PlannedRange& planned = line_.Planned(slot);
    Result<AnswerRows> answer = query_.Rows(context, planned.range);
    if (KindOf(answer.status()) == Kind::kTooLarge) return Split(context, slot);
    AERIE_TRY(answer.status());
    RangeRows rows;
    rows.duplicates = answer->repeated_keys;
    rows.counted = answer->batch.rows() + rows.duplicates;
    rows.batch = std::move(answer->batch);
    if (rows.counted > 2 * static_cast<std::uint64_t>(planned.counted)) row_size_.Uneven();
    row_size_.Measured(rows.batch.rows(), rows.batch.ByteSize());
    return CheckGroup(context, line_.Read(slot, std::move(rows)));
  }

  // All ranges of a group are there. If they do not come to its count, each is counted by itself.
  Status CheckGroup(const Context& context, const std::vector<Line::Claimed>& slots) {
    if (slots.empty()) return Ok();
    std::uint64_t read = 0;
    for (const auto slot : slots) read += line_.RowsOf(slot).counted;
    const RangeGroup& group = *line_.Planned(slots.front()).group;
    const bool whole = !group.split && read == static_cast<std::uint64_t>(group.counted);
    for (const auto slot : slots) {
      const KeyRange range = line_.Planned(slot).range;
      const RangeRows& rows = line_.RowsOf(slot);
      if (!whole) {
        AERIE_ASSIGN(const std::int64_t counted, query_.Count(context, range));
        if (static_cast<std::uint64_t>(counted) != rows.counted) {
          AERIE_TRY(ReadAlone(context, slot, counted, true));
          continue;
        }
      }
      if (rows.duplicates > 0) AERIE_TRY(NoteDuplicate(context, range, rows.batch));
      line_.FinishRead({slot});
    }
    return Ok();
  }

  // Of a range whose answer was too large: parts of it are to be read.
  Status Split(const Context& context, Line::Claimed slot) {
    const PlannedRange& planned = line_.Planned(slot);
    row_size_.TooLarge(planned.counted);
    const std::int64_t aim = row_size_.RowsFor(Plan(setup_.options).range_bytes);
    AERIE_ASSIGN(auto parts, SplitRange(context, query_, planned.range, aim));
    return CheckGroup(context, line_.Replace(slot, std::move(parts)));
  }

  Status LookAt(const Context& context, const KeyRange& range, const RangeRows& rows) {
    row_size_.Measured(rows.batch.rows(), rows.batch.ByteSize());
    return rows.duplicates > 0 ? NoteDuplicate(context, range, rows.batch) : Ok();
  }

  // One example a partition is enough to look into, and costs a dozen counts.
  Status NoteDuplicate(const Context& context, const KeyRange& range, const RowBatch& batch) {
    {
      std::lock_guard lock(example_mutex_);
      if (example_) return Ok();
      example_ = range;
    }
    AERIE_ASSIGN(const KeyRange found, FindDuplicate(context, query_, range, batch));
    std::lock_guard lock(example_mutex_);
    example_ = found;
    return Ok();
  }

  void Record(const RangeRows& rows) {
    report_.counted += rows.counted;
    report_.duplicate_keys += rows.duplicates;
    report_.unreadable_keys += rows.unreadable;
    if (rows.read_again) ++report_.reread_ranges;
    if (rows.unsettled) ++unsettled_;
  }

  void Ready(RowBatch batch) {
    const std::size_t bytes = batch.ByteSize();
    const std::size_t limit = 2 * std::max<std::size_t>(setup_.options.batch_bytes, 1);
    if (batch.rows() == 0) return;
    if (bytes <= limit) {
      ready_.push_back(std::move(batch));
      return;
    }
    const std::size_t pieces = std::min(batch.rows(), bytes / setup_.options.batch_bytes + 1);
    const std::size_t per = (batch.rows() + pieces - 1) / pieces;
    for (std::size_t at = 0; at < batch.rows(); at += per) {
      ready_.push_back(batch.Slice(at, std::min(at + per, batch.rows())));
    }
  }

  Status Finish(const Context& context) {
    if (finished_) return Ok();
    AERIE_TRY(tasks_.Join());
    if (setup_.check_unchanged) AERIE_TRY(setup_.check_unchanged(context));
    finished_ = true;
    report_.finished_ms = ToUnixMillis(context.clock().Now());
    AddWarnings();
    return Ok();
  }

  void AddWarnings() {
    const std::string& object = query_.object();
    auto& warnings = report_.warnings;
    if (report_.duplicate_keys > 0) {
      std::lock_guard lock(example_mutex_);
      warnings.push_back(object + ": " + std::to_string(report_.duplicate_keys) +
                         " surplus copies of keys that are stored more than once" +
                         (example_ ? ", for example in " + example_->ToText() : "") +
                         "; the copy that the server shows was taken");
    }
    if (report_.unreadable_keys > 0) {
      warnings.push_back(object + ": " + std::to_string(report_.unreadable_keys) +
                         " rows with key 9223372036854775807 are counted by the server but "
                         "never returned, so they were not read; give them another key");
    }
    if (unsettled_ > 0) {
      warnings.push_back(object + ": in " + std::to_string(unsettled_) +
                         " key ranges rows and count differed every time, as under steady "
                         "writes; their last state was taken");
    }
    const bool moved = report_.reread_ranges > 0 || unsettled_ > 0;
    if (!report_.fuzzy && moved && report_.duplicate_keys == 0) {
      report_.fuzzy = true;
      warnings.push_back(object +
                         ": rows changed although all was read at one timestamp, as "
                         "compaction or time to live can do; the result is not of one instant");
    }
  }

  const PartitionReaderSetup setup_;
  const RangeQuery& query_;
  RowSize row_size_;
  RangePlanner planner_;
  std::optional<Key> position_;
  rows::ReadReport report_;
  std::deque<RowBatch> ready_;
  std::uint64_t unsettled_ = 0;
  bool finished_ = false;
  std::mutex example_mutex_;
  std::optional<KeyRange> example_;
  Line line_;
  TaskGroup tasks_;  // after what its threads use
  OnCancel stopped_;
};

}  // namespace

namespace {

// Halves of a range with copies, and halves of those, end at a single key.
constexpr int kMaxHalvings = 80;
constexpr int kMaxHalvingsUnderWrites = 4;

std::vector<Key> KeysOf(const RowBatch& batch) {
  std::vector<Key> keys;
  keys.reserve(batch.rows());
  for (std::size_t i = 0; i < batch.rows(); ++i) keys.push_back(batch.KeyAt(i));
  return keys;
}

Result<RangeRows> ReadHalved(const Context& context, const RangeQuery& query, const KeyRange& range,
                             std::int64_t counted, int halvings);

// `seen` is what a range gave whose count stays larger. That all its keys are among those is true
// when counting these keys gives as many copies; where the server left rows out for copies
// (range_query.h) it is asked again, with a limit that has room for all copies, and then by halves.
Result<RangeRows> ReadCopies(const Context& context, const RangeQuery& query, const KeyRange& range,
                             RangeRows seen, int halvings) {
  const auto stored = static_cast<std::int64_t>(seen.counted - seen.unreadable);
  for (const bool limited : {false, true}) {
    if (limited) {
      if (stored >= RangeQuery::kMaxPage) break;
      AERIE_ASSIGN(AnswerRows rows, query.Rows(context, range, RangeQuery::kMaxPage));
      seen.batch = std::move(rows.batch);
    }
    AERIE_ASSIGN(const std::int64_t copies, query.CountKeys(context, KeysOf(seen.batch)));
    if (copies != stored) continue;
    seen.duplicates = static_cast<std::uint64_t>(stored) - seen.batch.rows();
    seen.unsettled = false;
    return seen;
  }
  // Under writes the numbers never meet: at a single key, what was read last is taken.
  const std::size_t rows = seen.batch.rows();
  if (halvings == 0 || rows == 0 || (rows == 1 && range.to == seen.batch.KeyAt(0))) {
    seen.unsettled = true;
    return seen;
  }
  const Key cut = seen.batch.KeyAt((rows - 1) / 2);
  const KeyRange halves[] = {{range.after, cut}, {cut, range.to}};
  RangeRows out;
  for (const KeyRange& half : halves) {
    if (half.Empty()) continue;
    AERIE_ASSIGN(const std::int64_t counted, query.Count(context, half));
    AERIE_ASSIGN(RangeRows part, ReadHalved(context, query, half, counted, halvings - 1));
    out.counted += part.counted;
    out.duplicates += part.duplicates;
    out.unreadable += part.unreadable;
    out.read_again |= part.read_again;
    out.unsettled |= part.unsettled;
    if (out.batch.columns().empty()) {
      out.batch = std::move(part.batch);
    } else {
      out.batch.Append(part.batch);
    }
  }
  return out;
}

Result<RangeRows> ReadHalved(const Context& context, const RangeQuery& query, const KeyRange& range,
                             std::int64_t counted, int halvings) {
  RangeRows out;
  std::vector<RangeTry> tries;
  RangeVerdict verdict = RangeVerdict::kReadAgain;
  while (verdict == RangeVerdict::kReadAgain) {
    AERIE_ASSIGN(AnswerRows rows, query.Rows(context, range));
    const auto read = static_cast<std::int64_t>(rows.batch.rows() + rows.repeated_keys);
    std::int64_t hidden = 0;
    if (read != counted) {
      AERIE_ASSIGN(counted, query.Count(context, range));
      if (counted > read && MayHideLargestKey(query, range, rows.batch)) {
        const KeyRange largest{Key(kMaxKey - 1), Key(kMaxKey)};
        AERIE_ASSIGN(hidden, query.Count(context, largest));
      }
    }
    tries.push_back({counted - hidden, read});
    verdict = JudgeRange(tries);
    out.batch = std::move(rows.batch);
    out.counted = static_cast<std::uint64_t>(std::max<std::int64_t>(counted, 0));
    out.unreadable = static_cast<std::uint64_t>(hidden);
    out.duplicates = rows.repeated_keys;
  }
  // Copies are found by asking twice; that alone is no sign of writes.
  out.read_again = tries.size() > 1 && verdict != RangeVerdict::kDuplicates;
  out.unsettled = verdict == RangeVerdict::kUnsettled;
  const bool copies = verdict == RangeVerdict::kDuplicates;
  if (!copies && !(out.unsettled && tries.back().counted > tries.back().read)) return out;
  // Under steady writes there may be copies as well. Small parts soon find a quiet moment.
  return ReadCopies(context, query, range, std::move(out),
                    copies ? halvings : std::min(halvings, kMaxHalvingsUnderWrites));
}

}  // namespace

Result<RangeRows> ReadRangeChecked(const Context& context, const RangeQuery& query,
                                   const KeyRange& range, std::int64_t counted) {
  return ReadHalved(context, query, range, counted, kMaxHalvings);
}

Result<KeyRange> FindDuplicate(const Context& context, const RangeQuery& query,
                               const KeyRange& range, const RowBatch& batch) {
  KeyRange found = range;
  std::size_t begin = 0;
  std::size_t end = batch.rows();
  while (end - begin > 1) {
    const std::size_t middle = begin + (end - begin) / 2;
    const KeyRange left{found.after, batch.KeyAt(middle - 1)};
    AERIE_ASSIGN(const std::int64_t counted, query.Count(context, left));
    if (counted > static_cast<std::int64_t>(middle - begin)) {
      end = middle;
      found.to = left.to;
    } else {
      begin = middle;
      found.after = left.to;
    }
  }
  return found;
}

std::unique_ptr<rows::RowReader> OpenPartitionReader(const Context& context,
                                                     PartitionReaderSetup setup) {
  return std::make_unique<PartitionReader>(context, std::move(setup));
}

}  // namespace aerie::milvus
