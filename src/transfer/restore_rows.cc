#include "transfer/restore_rows.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <utility>
#include <vector>

#include "base/queue.h"
#include "base/task_group.h"
#include "milvus/collection_admin.h"
#include "milvus/collection_source.h"
#include "milvus/collection_writer.h"
#include "transfer/target_rows.h"
#include "transfer/written_ranges.h"

namespace aerie::transfer {
namespace {

using milvus::KeyRange;
using milvus::ReadPoint;

class RowsRestore {
 public:
  RowsRestore(rows::CollectionSource& source, std::shared_ptr<milvus::Client> to,
              const rows::CollectionSpec& target, const RestoreRowsOptions& options,
              ProgressSink& progress)
      : source_(source),
        to_(std::move(to)),
        target_(target),
        options_(options),
        progress_(progress),
        columns_(source.spec().schema.Columns()),
        there_(to_, target_),
        written_(options.call_bytes),
        // Ranges, not rows, wait here: a handful of bytes each, or the keys of a merge.
        to_compare_(std::size_t{1} << 16, std::size_t{16} << 20) {}

  Result<RestoredRows> Run(const Context& context) {
    total_rows_ = source_.EstimatedRows();
    AERIE_TRY(ChooseLookPoint(context));
    TaskGroup comparers(context);
    for (int i = 0; i < options_.comparers; ++i) {
      comparers.Spawn("compare rows", [this](const Context& task) { return CompareAll(task); });
    }
    const Status wrote = WriteAll(comparers.context());
    if (wrote.ok()) {
      progress_.OnProgress({.type = ProgressEvent::Type::kPhase,
                            .phase = "compare",
                            .collection = options_.label,
                            .message = {}});
      to_compare_.Close();
    } else {
      to_compare_.Fail(wrote);
    }
    const Status compared = comparers.Join();
    // A comparison that failed cancels the writing: its error is the cause, the other the echo.
    if (!compared.ok() && KindOf(compared) != Kind::kCancelled) AERIE_TRY(Prefer(wrote, compared));
    AERIE_TRY(wrote);
    AERIE_TRY(compared);
    if (options_.exclusive) AERIE_TRY(CheckCounts(context));
    return done_;
  }

 private:
  static Status Prefer(const Status& wrote, const Status& compared) {
    const bool echo = wrote.ok() || KindOf(wrote) == Kind::kCancelled;
    return echo ? compared : wrote;
  }

  // Rows may be there, and can be looked up by their keys.
  bool LooksFirst() const { return options_.may_hold_rows && !options_.new_keys; }
  // A target of ours may hold rows of an earlier run that read others.
  bool ClearsStale() const { return LooksFirst() && options_.exclusive; }

  // What an earlier run wrote is older than this; a strong look at each batch would wait for a time
  // tick every time.
  Status ChooseLookPoint(const Context& context) {
    if (!LooksFirst()) return Ok();
    AERIE_ASSIGN(const std::uint64_t now, milvus::TakeTimestamp(context, *to_));
    if (now > 0) look_point_ = {ReadPoint::Mode::kLive, now};
    return Ok();
  }

  // --- Writing ---

  Status WriteAll(const Context& context) {
    milvus::WriterOptions options;
    options.writers = options_.writers;
    options.call_bytes = options_.call_bytes;
    options.start =
        options_.may_hold_rows ? milvus::WriteStart::kResumed : milvus::WriteStart::kEmpty;
    options.generated_keys =
        options_.new_keys ? milvus::GeneratedKeys::kNew : milvus::GeneratedKeys::kKeep;
    options.on_stored = [this](const Context& task, const milvus::StoredRows& stored) {
      return OnStored(task, stored);
    };
    AERIE_ASSIGN(auto writer, milvus::OpenCollectionWriter(context, to_, target_, options));
    const Status status = WritePartitions(context, *writer);
    if (!status.ok()) {
      writer->Abort();
      return status;
    }
    AERIE_TRY(writer->Commit(context).status());
    return written_.empty() ? Ok() : InternalError("write rows: a range was never stored");
  }

  Status WritePartitions(const Context& context, rows::RowWriter& writer) {
    AERIE_ASSIGN(const auto partitions, PartitionsOf(options_.selection, source_));
    for (const std::string& partition : partitions) {
      AERIE_TRY(WritePartition(context, writer, partition));
    }
    if (!ClearsStale() || target_.has_partition_key()) return Ok();
    for (const rows::PartitionSpec& other : target_.partitions) {
      if (std::find(partitions.begin(), partitions.end(), other.name) != partitions.end()) continue;
      AERIE_TRY(DeleteBeside(context, writer, other.name, {}, {}));
      partitions_.emplace_back(other.name, 0);
    }
    return Ok();
  }

  Status WritePartition(const Context& context, rows::RowWriter& writer,
                        const std::string& partition) {
    AERIE_ASSIGN(auto reader, source_.OpenReader(context, partition, options_.read));
    rows::RowDigester digester(columns_);
    std::optional<rows::Key> after;
    std::uint64_t rows = 0;
    for (;;) {
      AERIE_ASSIGN(auto batch, reader->Next(context));
      if (!batch) break;
      WrittenRange range;
      range.partition = partition;
      range.range = {after, batch->KeyAt(batch->rows() - 1)};
      range.bytes = batch->ByteSize();
      AERIE_ASSIGN(range.digest, digester.DigestRange(*batch));
      after = range.range.to;
      rows += range.digest.rows;
      done_.digest.Add(range.digest);
      done_.bytes += range.bytes;
      AERIE_TRY(WriteBatch(context, writer, std::move(*batch), std::move(range)));
    }
    if (ClearsStale()) {
      AERIE_TRY(DeleteBeside(context, writer, partition, {after, std::nullopt}, {}));
    }
    partitions_.emplace_back(partition, rows);
    MergeReports(reader->report(), done_.report);
    return Ok();
  }

  Status WriteBatch(const Context& context, rows::RowWriter& writer, rows::RowBatch batch,
                    WrittenRange range) {
    if (LooksFirst()) {
      if (!options_.exclusive) range.keys = KeysOf(batch);
      AERIE_ASSIGN(const bool there, IsThere(context, writer, batch, range));
      if (there) {
        Compared(range.digest.rows);
        return Ok();
      }
    }
    done_.rows_written += range.digest.rows;
    written_.Add(std::move(range));
    return writer.Write(context, std::move(batch));
  }

  // Whether the target has exactly these rows already. If not, what else is in their range of a
  // target of ours is deleted.
  Result<bool> IsThere(const Context& context, rows::RowWriter& writer, const rows::RowBatch& batch,
                       const WrittenRange& range) {
    auto found = Find(context, range, look_point_);
    const bool too_large = KindOf(found.status()) == Kind::kTooLarge;
    if (!too_large) {
      AERIE_TRY(found.status());
      rows::RowDigester digester(columns_);
      AERIE_ASSIGN(const rows::RangeDigest there, digester.DigestRange(*found));
      if (there == range.digest) return true;
    }
    if (!ClearsStale()) return false;
    if (too_large) {
      AERIE_TRY(DeleteBeside(context, writer, range.partition, range.range, KeysOf(batch)));
      return false;
    }
    const auto stale = KeysBeside(KeysOf(*found), KeysOf(batch));
    if (!stale.empty()) AERIE_TRY(writer.Delete(context, range.partition, stale));
    return false;
  }

  // Deletes every row of a range of the target but those with the keys `keep`, which ascend.
  Status DeleteBeside(const Context& context, rows::RowWriter& writer, const std::string& partition,
                      KeyRange range, const std::vector<rows::Key>& keep) {
    for (;;) {
      AERIE_ASSIGN(const auto keys, there_.Keys(context, partition, range));
      if (keys.empty()) return Ok();
      const auto stale = KeysBeside(keys, keep);
      if (!stale.empty()) AERIE_TRY(writer.Delete(context, partition, stale));
      range.after = keys.back();
    }
  }

  // Called from the writer's threads.
  Status OnStored(const Context& context, const milvus::StoredRows& stored) {
    for (WrittenRange& range : written_.Take(stored)) {
      const std::size_t bytes = sizeof(WrittenRange) + range.keys.size() * sizeof(rows::Key);
      AERIE_TRY(to_compare_.Push(context, std::move(range), bytes));
    }
    return Ok();
  }

  // --- Comparing: what is there with what was read and written ---

  Status CompareAll(const Context& context) {
    for (;;) {
      AERIE_ASSIGN(const auto range, to_compare_.Pop(context));
      if (!range) return Ok();
      // Keys made anew cannot be looked up; their rows are counted at the end.
      if (!options_.new_keys) AERIE_TRY(Compare(context, *range));
      Compared(range->digest.rows);
    }
  }

  Status Compare(const Context& context, const WrittenRange& range) const {
    rows::RowDigester digester(columns_);
    const ReadPoint point =
        range.ts == 0 ? ReadPoint{} : ReadPoint{ReadPoint::Mode::kLive, range.ts};
    for (const ReadPoint& at : {point, ReadPoint{}}) {
      AERIE_ASSIGN(const rows::RowBatch found, Find(context, range, at));
      AERIE_ASSIGN(const rows::RangeDigest there, digester.DigestRange(found));
      if (there == range.digest) return Ok();
    }
    std::string where = "keys " + range.range.ToText();
    if (!range.partition.empty()) where = "partition " + range.partition + ", " + where;
    return MakeStatus(Kind::kDifferent,
                      "compare the rows written with those that were read: they differ (" + where +
                          "); the target keeps other values than it was given");
  }

  Result<rows::RowBatch> Find(const Context& context, const WrittenRange& range,
                              const ReadPoint& point) const {
    if (options_.exclusive) return there_.Rows(context, range.partition, range.range, point);
    return there_.Among(context, range.partition, range.range, range.keys, point);
  }

  // Nothing more is there than was written: equal keys stored twice would be counted twice.
  Status CheckCounts(const Context& context) {
    for (const auto& [partition, rows] : partitions_) {
      milvus::CountOptions count;
      if (!target_.has_partition_key()) count.partition = partition;
      AERIE_ASSIGN(const std::int64_t counted,
                   milvus::CountRows(context, *to_, target_.name, count));
      if (static_cast<std::uint64_t>(counted) == rows) continue;
      return MakeStatus(Kind::kDifferent,
                        "count the rows of " + target_.name.ToString() +
                            (partition.empty() ? "" : ", partition " + partition) + ": " +
                            std::to_string(counted) + " are there instead of " +
                            std::to_string(rows) + "; drop it and run the command again");
    }
    return Ok();
  }

  void Compared(std::uint64_t rows) {
    const std::uint64_t done = compared_rows_ += rows;
    progress_.OnProgress({.type = ProgressEvent::Type::kCounts,
                          .collection = options_.label,
                          .rows_done = static_cast<std::int64_t>(done),
                          .rows_total = total_rows_,
                          .bytes_done = 0,
                          .message = {}});
  }

  rows::CollectionSource& source_;
  const std::shared_ptr<milvus::Client> to_;
  const rows::CollectionSpec& target_;
  const RestoreRowsOptions& options_;
  ProgressSink& progress_;
  const std::vector<rows::FieldSchema> columns_;
  const TargetRows there_;
  WrittenRanges written_;
  BoundedQueue<WrittenRange> to_compare_;
  ReadPoint look_point_;
  std::int64_t total_rows_ = -1;
  std::atomic<std::uint64_t> compared_rows_{0};
  std::vector<std::pair<std::string, std::uint64_t>> partitions_;
  RestoredRows done_;
};

}  // namespace

Result<RestoredRows> RestoreRows(const Context& context, rows::CollectionSource& source,
                                 std::shared_ptr<milvus::Client> to,
                                 const rows::CollectionSpec& target,
                                 const RestoreRowsOptions& options, ProgressSink& progress) {
  RowsRestore restore(source, std::move(to), target, options, progress);
  return restore.Run(context);
}

}  // namespace aerie::transfer
