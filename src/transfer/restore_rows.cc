#include "transfer/restore_rows.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <utility>
#include <vector>

#include "milvus/collection_admin.h"
#include "milvus/collection_source.h"
#include "transfer/compared_writer.h"

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
        target_rows_(to_, target_, columns_, WriterOptions()) {}

  Result<RestoredRows> Run(const Context& context) {
    total_rows_ = source_.EstimatedRows();
    AERIE_TRY(ChooseLookPoint(context));
    AERIE_TRY(
        target_rows_.Run(context, [this](const Context& task) { return WritePartitions(task); }));
    if (options_.exclusive) AERIE_TRY(CheckCounts(context));
    return done_;
  }

 private:
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

  ComparedWriterOptions WriterOptions() {
    using ReadBack = ComparedWriterOptions::ReadBack;
    ComparedWriterOptions options;
    options.writer.writers = options_.writers;
    options.writer.call_bytes = options_.call_bytes;
    options.writer.start =
        options_.may_hold_rows ? milvus::WriteStart::kResumed : milvus::WriteStart::kEmpty;
    options.writer.generated_keys =
        options_.new_keys ? milvus::GeneratedKeys::kNew : milvus::GeneratedKeys::kKeep;
    options.comparers = options_.comparers;
    // Keys made anew cannot be looked up; their rows are counted at the end.
    options.read_back = options_.new_keys    ? ReadBack::kNothing
                        : options_.exclusive ? ReadBack::kRange
                                             : ReadBack::kAmong;
    options.on_compared = [this](std::uint64_t rows) { Compared(rows); };
    options.on_all_stored = [this](const Context&) {
      progress_.OnProgress({.type = ProgressEvent::Type::kPhase,
                            .phase = "compare",
                            .collection = options_.label,
                            .message = {}});
      return Ok();
    };
    return options;
  }

  Status WritePartitions(const Context& context) {
    AERIE_ASSIGN(const auto partitions, PartitionsOf(options_.selection, source_));
    for (const std::string& partition : partitions) {
      AERIE_TRY(WritePartition(context, partition));
    }
    if (!ClearsStale() || target_.has_partition_key()) return Ok();
    for (const rows::PartitionSpec& other : target_.partitions) {
      if (std::find(partitions.begin(), partitions.end(), other.name) != partitions.end()) continue;
      AERIE_TRY(DeleteBeside(context, other.name, {}, {}));
      partitions_.emplace_back(other.name, 0);
    }
    return Ok();
  }

  Status WritePartition(const Context& context, const std::string& partition) {
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
      AERIE_TRY(WriteBatch(context, std::move(*batch), std::move(range)));
    }
    if (ClearsStale()) {
      AERIE_TRY(DeleteBeside(context, partition, {after, std::nullopt}, {}));
    }
    partitions_.emplace_back(partition, rows);
    MergeReports(reader->report(), done_.report);
    return Ok();
  }

  Status WriteBatch(const Context& context, rows::RowBatch batch, WrittenRange range) {
    if (LooksFirst()) {
      if (!options_.exclusive) range.keys = KeysOf(batch);
      AERIE_ASSIGN(const bool there, IsThere(context, batch, range));
      if (there) {
        Compared(range.digest.rows);
        return Ok();
      }
    }
    done_.rows_written += range.digest.rows;
    return target_rows_.Write(context, std::move(batch), std::move(range));
  }

  // Whether the target has exactly these rows already. If not, what else is in their range of a
  // target of ours is deleted.
  Result<bool> IsThere(const Context& context, const rows::RowBatch& batch,
                       const WrittenRange& range) {
    auto found = target_rows_.Find(context, range, look_point_);
    const bool too_large = KindOf(found.status()) == Kind::kTooLarge;
    if (!too_large) {
      AERIE_TRY(found.status());
      rows::RowDigester digester(columns_);
      AERIE_ASSIGN(const rows::RangeDigest there, digester.DigestRange(*found));
      if (there == range.digest) return true;
    }
    if (!ClearsStale()) return false;
    if (too_large) {
      AERIE_TRY(DeleteBeside(context, range.partition, range.range, KeysOf(batch)));
      return false;
    }
    const auto stale = KeysBeside(KeysOf(*found), KeysOf(batch));
    if (!stale.empty()) AERIE_TRY(target_rows_.Delete(context, range.partition, stale));
    return false;
  }

  // Deletes every row of a range of the target but those with the keys `keep`, which ascend.
  Status DeleteBeside(const Context& context, const std::string& partition, KeyRange range,
                      const std::vector<rows::Key>& keep) {
    for (;;) {
      AERIE_ASSIGN(const auto keys, target_rows_.there().Keys(context, partition, range));
      if (keys.empty()) return Ok();
      const auto stale = KeysBeside(keys, keep);
      if (!stale.empty()) AERIE_TRY(target_rows_.Delete(context, partition, stale));
      range.after = keys.back();
    }
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
  ComparedWriter target_rows_;
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
