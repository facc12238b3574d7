#include "transfer/restore_rows.h"

#include <atomic>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "base/queue.h"
#include "base/task_group.h"
#include "milvus/collection_admin.h"
#include "milvus/collection_source.h"
#include "milvus/collection_writer.h"
#include "milvus/range_query.h"

namespace aerie::transfer {
namespace {

using milvus::KeyRange;
using milvus::RangeQuery;
using milvus::ReadPoint;

// Asks the target for the rows of a key range and sums their digests.
class Reader {
 public:
  Reader(std::shared_ptr<milvus::Client> client, const rows::CollectionSpec& target,
         const std::vector<rows::FieldSchema>& columns)
      : client_(std::move(client)), target_(target), columns_(columns) {}

  Result<rows::RangeDigest> Digest(const Context& context, const std::string& partition,
                                   const KeyRange& range, const ReadPoint& point) const {
    AERIE_ASSIGN(const rows::RowBatch found, Rows(context, partition, range, point));
    rows::RowDigester digester(columns_);
    return digester.DigestRange(found);
  }

  Result<rows::RowBatch> Rows(const Context& context, const std::string& partition,
                              const KeyRange& range, const ReadPoint& point) const {
    AERIE_ASSIGN(auto found, Query(partition, point).Rows(context, range));
    return std::move(found.batch);
  }

  Result<std::vector<rows::Key>> Keys(const Context& context, const std::string& partition,
                                      const KeyRange& range) const {
    return Query(partition, {}).Keys(context, range, RangeQuery::kMaxPage);
  }

 private:
  RangeQuery Query(const std::string& partition, const ReadPoint& point) const {
    milvus::RowScope scope;
    scope.name = target_.name;
    scope.collection_id = target_.id;
    scope.schema = target_.schema;
    scope.partition = target_.has_partition_key() ? "" : partition;
    scope.point = point;
    return RangeQuery(client_, std::move(scope));
  }

  const std::shared_ptr<milvus::Client> client_;
  const rows::CollectionSpec& target_;
  const std::vector<rows::FieldSchema>& columns_;
};

// The keys of `found` that `wanted` lacks; both ascend.
std::vector<rows::Key> KeysBeside(const rows::RowBatch& found, const rows::RowBatch& wanted) {
  std::vector<rows::Key> beside;
  std::size_t at = 0;
  for (std::size_t row = 0; row < found.rows(); ++row) {
    const rows::Key key = found.KeyAt(row);
    while (at < wanted.rows() && wanted.KeyAt(at) < key) ++at;
    if (at == wanted.rows() || key < wanted.KeyAt(at)) beside.push_back(key);
  }
  return beside;
}

// The rows of `found` whose keys `wanted` has; both ascend.
rows::RowBatch RowsAmong(const rows::RowBatch& found, const rows::RowBatch& wanted) {
  rows::RowBatch among = found.Slice(0, 0);
  std::size_t at = 0;
  for (std::size_t row = 0; row < found.rows(); ++row) {
    const rows::Key key = found.KeyAt(row);
    while (at < wanted.rows() && wanted.KeyAt(at) < key) ++at;
    if (at < wanted.rows() && wanted.KeyAt(at) == key) among.AppendRows(found, row, row + 1);
  }
  return among;
}

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
        reader_(to_, target_, columns_),
        // Ranges, not rows, wait here: a handful of bytes each.
        stored_(std::size_t{1} << 16, std::size_t{1} << 30) {}

  Result<RestoredRows> Run(const Context& context) {
    total_rows_ = source_.EstimatedRows();
    TaskGroup comparers(context);
    for (int i = 0; i < options_.comparers; ++i) {
      comparers.Spawn("compare rows", [this](const Context& task) { return CompareStored(task); });
    }
    const Status wrote = WriteAll(comparers.context());
    if (wrote.ok()) {
      progress_.OnProgress({.type = ProgressEvent::Type::kPhase,
                            .phase = "compare",
                            .collection = options_.label,
                            .message = {}});
      stored_.Close();
    } else {
      stored_.Fail(wrote);
    }
    const Status compared = comparers.Join();
    // A comparison that failed cancels the writing: its error is the cause, the other the echo.
    if (!compared.ok() && KindOf(compared) != Kind::kCancelled) AERIE_TRY(Prefer(wrote, compared));
    AERIE_TRY(wrote);
    AERIE_TRY(compared);
    if (!ComparesAsStored()) AERIE_TRY(CompareAgain(context));
    if (options_.exclusive) AERIE_TRY(CheckCounts(context));
    return done_;
  }

 private:
  // Where rows may be there already, a stored range holds more than was just written: what was
  // skipped, or what is the user's own. The source is then gone through once more at the end.
  bool ComparesAsStored() const { return !options_.may_hold_rows && !options_.new_keys; }

  static Status Prefer(const Status& wrote, const Status& compared) {
    const bool echo = wrote.ok() || KindOf(wrote) == Kind::kCancelled;
    return echo ? compared : wrote;
  }

  Status WriteAll(const Context& context) {
    milvus::WriterOptions options;
    options.writers = options_.writers;
    options.call_bytes = options_.call_bytes;
    options.start =
        options_.may_hold_rows ? milvus::WriteStart::kResumed : milvus::WriteStart::kEmpty;
    options.generated_keys =
        options_.new_keys ? milvus::GeneratedKeys::kNew : milvus::GeneratedKeys::kKeep;
    options.on_stored = [this](const Context& task, const milvus::StoredRows& stored) {
      return stored_.Push(task, stored, sizeof stored);
    };
    AERIE_ASSIGN(auto writer, milvus::OpenCollectionWriter(context, to_, target_, options));
    const Status status = WritePartitions(context, *writer);
    if (!status.ok()) {
      writer->Abort();
      return status;
    }
    return writer->Commit(context).status();
  }

  Status WritePartitions(const Context& context, rows::RowWriter& writer) {
    rows::RowDigester digester(columns_);
    AERIE_ASSIGN(const auto partitions, PartitionsOf(options_.selection, source_));
    for (const std::string& partition : partitions) {
      AERIE_ASSIGN(auto reader, source_.OpenReader(context, partition, {}));
      std::optional<rows::Key> after;
      rows::RangeDigest whole;
      for (;;) {
        AERIE_ASSIGN(auto batch, reader->Next(context));
        if (!batch) break;
        AERIE_ASSIGN(const rows::RangeDigest digest, digester.DigestRange(*batch));
        const rows::Key last = batch->KeyAt(batch->rows() - 1);
        whole.Add(digest);
        done_.bytes += batch->ByteSize();
        AERIE_ASSIGN(const bool there, IsThere(context, writer, *batch, {after, last}, digest));
        if (!there) {
          done_.rows_written += digest.rows;
          AERIE_TRY(writer.Write(context, std::move(*batch)));
        }
        after = last;
      }
      if (ClearsStale()) AERIE_TRY(DeleteAfter(context, writer, partition, after));
      done_.digest.Add(whole);
      partitions_.emplace_back(partition, whole.rows);
    }
    return Ok();
  }

  // A target of ours may hold rows of an earlier run that restored another snapshot.
  bool ClearsStale() const {
    return options_.may_hold_rows && options_.exclusive && !options_.new_keys;
  }

  // Whether an earlier run wrote exactly these rows. Of what else is in their range, rows of
  // another snapshot are deleted.
  Result<bool> IsThere(const Context& context, rows::RowWriter& writer, const rows::RowBatch& batch,
                       const KeyRange& range, const rows::RangeDigest& digest) {
    if (!options_.may_hold_rows || options_.new_keys) return false;
    auto found = reader_.Rows(context, batch.partition(), range, {});
    if (KindOf(found.status()) == Kind::kTooLarge) return false;
    AERIE_TRY(found.status());
    rows::RowDigester digester(columns_);
    AERIE_ASSIGN(const rows::RangeDigest there, digester.DigestRange(*found));
    if (there == digest) return true;
    if (ClearsStale()) {
      const auto stale = KeysBeside(*found, batch);
      if (!stale.empty()) AERIE_TRY(writer.Delete(context, batch.partition(), stale));
    }
    return false;
  }

  // Deletes what an earlier run wrote behind the last key of this one's rows.
  Status DeleteAfter(const Context& context, rows::RowWriter& writer, const std::string& partition,
                     std::optional<rows::Key> after) {
    for (;;) {
      AERIE_ASSIGN(const auto keys, reader_.Keys(context, partition, {after, std::nullopt}));
      if (keys.empty()) return Ok();
      AERIE_TRY(writer.Delete(context, partition, keys));
      after = keys.back();
    }
  }

  Status CompareStored(const Context& context) {
    for (;;) {
      AERIE_ASSIGN(auto stored, stored_.Pop(context));
      if (!stored) return Ok();
      if (ComparesAsStored()) {
        AERIE_TRY(Compare(context, *stored));
        Compared(stored->digest.rows);
      } else if (options_.new_keys) {
        // Keys made anew cannot be looked up; their rows are counted at the end.
        Compared(stored->digest.rows);
      }
    }
  }

  Status CompareAgain(const Context& context) {
    if (options_.new_keys) return Ok();
    for (const auto& [partition, rows] : partitions_) {
      AERIE_ASSIGN(auto reader, source_.OpenReader(context, partition, {}));
      std::optional<rows::Key> after;
      for (;;) {
        AERIE_ASSIGN(auto batch, reader->Next(context));
        if (!batch) break;
        const KeyRange range{after, batch->KeyAt(batch->rows() - 1)};
        AERIE_TRY(CompareBatch(context, *batch, range));
        after = range.to;
        Compared(batch->rows());
      }
    }
    return Ok();
  }

  Status CompareBatch(const Context& context, const rows::RowBatch& batch, const KeyRange& range) {
    rows::RowDigester digester(columns_);
    AERIE_ASSIGN(const rows::RangeDigest wanted, digester.DigestRange(batch));
    AERIE_ASSIGN(const rows::RowBatch found,
                 reader_.Rows(context, batch.partition(), range, ReadPoint{}));
    AERIE_ASSIGN(const rows::RangeDigest there,
                 options_.exclusive ? digester.DigestRange(found)
                                    : digester.DigestRange(RowsAmong(found, batch)));
    return there == wanted ? Ok() : Differs(batch.partition(), range);
  }

  Status Compare(const Context& context, const milvus::StoredRows& stored) {
    const ReadPoint point =
        stored.ts == 0 ? ReadPoint{} : ReadPoint{ReadPoint::Mode::kLive, stored.ts};
    for (const ReadPoint& at : {point, ReadPoint{}}) {
      auto found = reader_.Digest(context, stored.partition, stored.range, at);
      AERIE_TRY(found.status());
      if (*found == stored.digest) return Ok();
    }
    return Differs(stored.partition, stored.range);
  }

  static Status Differs(const std::string& partition, const KeyRange& range) {
    std::string where = "keys " + range.ToText();
    if (!partition.empty()) where = "partition " + partition + ", " + where;
    return MakeStatus(Kind::kDifferent,
                      "compare the rows written with the snapshot: they differ (" + where +
                          "); the target keeps other values than it was given");
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
                            std::to_string(rows) + "; drop it and restore again");
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
  const Reader reader_;
  BoundedQueue<milvus::StoredRows> stored_;
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
