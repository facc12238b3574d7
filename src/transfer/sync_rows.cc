#include "transfer/sync_rows.h"

#include <algorithm>
#include <optional>

#include "milvus/collection_source.h"
#include "transfer/compared_writer.h"
#include "transfer/outcome.h"

namespace aerie::transfer {
namespace {

constexpr std::size_t kDeletesAtOnce = 4096;

// What a merge finds, in order.
class Differences {
 public:
  virtual ~Differences() = default;
  virtual Status Begin(const std::string& partition) = 0;
  // Every row of the source; `differs`: the target does not have it so.
  virtual Status Row(const rows::RowBatch& batch, std::size_t row, const rows::Digest128& digest,
                     bool differs) = 0;
  // A key that the target has and the source has not.
  virtual Status Gone(const rows::Key& key) = 0;
  // Nothing is between two batches that a writer must not wait for.
  virtual Status Pause(const Context& context) = 0;
  virtual Status End(const Context& context) = 0;
};

class NoDifferences : public Differences {
  Status Begin(const std::string&) override { return Ok(); }
  Status Row(const rows::RowBatch&, std::size_t, const rows::Digest128&, bool) override {
    return Ok();
  }
  Status Gone(const rows::Key&) override { return Ok(); }
  Status Pause(const Context&) override { return Ok(); }
  Status End(const Context&) override { return Ok(); }
};

class Merge {
 public:
  Merge(rows::CollectionSource& source, KnownRows& known, Differences& differences,
        const SyncRowsOptions& options, ProgressSink& progress)
      : source_(source),
        known_(known),
        differences_(differences),
        options_(options),
        progress_(progress),
        digester_(source.spec().schema.Columns()) {}

  Status Run(const Context& context) {
    std::vector<std::string> partitions = source_.ReadPartitions();
    std::sort(partitions.begin(), partitions.end());
    for (const std::string& partition : partitions) AERIE_TRY(Partition(context, partition));
    return Ok();
  }
  SyncedRows& done() { return done_; }

 private:
  Status Partition(const Context& context, const std::string& partition) {
    AERIE_ASSIGN(auto reader, source_.OpenReader(context, partition, options_.read));
    AERIE_TRY(known_.Begin(context, partition));
    AERIE_TRY(differences_.Begin(partition));
    std::uint64_t rows = 0;
    for (;;) {
      AERIE_ASSIGN(const auto batch, reader->Next(context));
      if (!batch) break;
      AERIE_TRY(Batch(context, *batch));
      rows += batch->rows();
      done_.bytes += batch->ByteSize();
      Progress();
    }
    while (known_.row() != nullptr) AERIE_TRY(Gone(context));
    AERIE_TRY(differences_.End(context));
    done_.rows_of.emplace_back(partition, rows);
    MergeReports(reader->report(), done_.report);
    return Ok();
  }

  Status Batch(const Context& context, const rows::RowBatch& batch) {
    AERIE_TRY(digester_.DigestRows(batch, digests_));
    for (std::size_t row = 0; row < batch.rows(); ++row) {
      const rows::Key key = batch.KeyAt(row);
      while (known_.row() != nullptr && known_.row()->key < key) AERIE_TRY(Gone(context));
      AERIE_ASSIGN(const bool differs, Differs(context, key, digests_[row]));
      done_.digest.Add(digests_[row]);
      AERIE_TRY(differences_.Row(batch, row, digests_[row], differs));
    }
    return differences_.Pause(context);
  }

  Result<bool> Differs(const Context& context, const rows::Key& key,
                       const rows::Digest128& digest) {
    const KnownRow* known = known_.row();
    if (known == nullptr || known->key != key) {
      ++done_.inserted;
      return true;
    }
    const bool differs = known->doubtful || known->digest != digest;
    if (differs) ++(known->kept ? done_.updated : done_.inserted);
    AERIE_TRY(known_.Advance(context));
    return differs;
  }

  Status Gone(const Context& context) {
    if (known_.row()->kept) ++done_.deleted;
    AERIE_TRY(differences_.Gone(known_.row()->key));
    if (++gone_ % kDeletesAtOnce == 0) AERIE_TRY(differences_.Pause(context));
    return known_.Advance(context);
  }

  void Progress() {
    progress_.OnProgress({.type = ProgressEvent::Type::kCounts,
                          .collection = options_.label,
                          .rows_done = static_cast<std::int64_t>(done_.digest.rows),
                          .rows_total = source_.EstimatedRows(),
                          .bytes_done = static_cast<std::int64_t>(done_.bytes),
                          .message = {}});
  }

  rows::CollectionSource& source_;
  KnownRows& known_;
  Differences& differences_;
  const SyncRowsOptions& options_;
  ProgressSink& progress_;
  rows::RowDigester digester_;
  std::vector<rows::Digest128> digests_;
  std::uint64_t gone_ = 0;
  SyncedRows done_;
};

// Collects differences until they make a call; notes their keys; writes them.
class WrittenDifferences : public Differences {
 public:
  WrittenDifferences(SyncSink& sink, ComparedWriter& writer, std::size_t call_bytes)
      : sink_(sink), writer_(writer), call_bytes_(call_bytes) {}

  Status Begin(const std::string& partition) override {
    partition_ = partition;
    written_to_.reset();
    in_journal_ = false;
    return sink_.rows.BeginPartition(partition);
  }

  Status Row(const rows::RowBatch& batch, std::size_t row, const rows::Digest128& digest,
             bool differs) override {
    rows::Key key = batch.KeyAt(row);
    if (differs) {
      if (!held_) held_ = batch.Slice(row, row);
      held_->AppendRows(batch, row, row + 1);
      digest_.Add(digest);
      keys_.push_back(key);
    }
    return sink_.rows.Add({.key = std::move(key), .digest = digest});
  }

  Status Gone(const rows::Key& key) override {
    gone_.push_back(key);
    return Ok();
  }

  Status Pause(const Context& context) override {
    const bool full = held_ && held_->ByteSize() * 4 >= call_bytes_ * 3;
    return full || gone_.size() >= kDeletesAtOnce ? Flush(context) : Ok();
  }

  Status End(const Context& context) override { return Flush(context); }

  bool deletes_any() const { return deletes_any_; }
  bool writes_any() const { return writes_any_; }

 private:
  Status Flush(const Context& context) {
    if (keys_.empty() && gone_.empty()) return Ok();
    AERIE_TRY(Note());
    deletes_any_ = deletes_any_ || !gone_.empty();
    gone_.clear();
    if (!held_) return Ok();
    writes_any_ = true;
    WrittenRange range;
    range.partition = partition_;
    range.range = {written_to_, keys_.back()};
    range.digest = digest_;
    range.bytes = held_->ByteSize();
    range.keys = std::move(keys_);
    written_to_ = range.range.to;
    rows::RowBatch batch = *std::move(held_);
    held_.reset();
    keys_.clear();
    digest_ = {};
    return writer_.Write(context, std::move(batch), std::move(range));
  }

  // Both lists ascend, and so does the journal.
  Status Note() {
    if (!in_journal_) AERIE_TRY(sink_.journal.BeginPartition(partition_));
    in_journal_ = true;
    auto written = keys_.begin();
    auto gone = gone_.begin();
    while (written != keys_.end() || gone != gone_.end()) {
      const bool writes = gone == gone_.end() || (written != keys_.end() && *written < *gone);
      AERIE_TRY(sink_.journal.Add({.key = writes ? *written++ : *gone++,
                                   .digest = {},
                                   .change = writes ? Change::kWritten : Change::kDeleted}));
    }
    return sink_.journal_is == SyncSink::Journal::kSynced ? sink_.journal.Sync() : Ok();
  }

  SyncSink& sink_;
  ComparedWriter& writer_;
  const std::size_t call_bytes_;
  std::string partition_;
  std::optional<rows::Key> written_to_;
  bool in_journal_ = false;
  bool deletes_any_ = false;
  bool writes_any_ = false;
  std::optional<rows::RowBatch> held_;
  rows::RangeDigest digest_;
  std::vector<rows::Key> keys_;  // of the rows that are held
  std::vector<rows::Key> gone_;
};

// The keys that a journal says are deleted, as many at once as a call takes.
Status ForEachDeleted(
    const Context& context, const std::string& journal,
    const std::function<Status(const std::string&, const std::vector<rows::Key>&)>& visit) {
  AERIE_ASSIGN(auto reader, SyncFileReader::Open(SyncFileKind::kJournal, journal));
  std::string partition;
  std::vector<rows::Key> keys;
  const auto flush = [&] {
    if (keys.empty()) return Ok();
    const Status status = visit(partition, keys);
    keys.clear();
    return status;
  };
  for (;;) {
    AERIE_ASSIGN(const SyncEntry* entry, reader->Next());
    if (entry == nullptr) return flush();
    if (entry->change != Change::kDeleted) continue;
    AERIE_TRY(context.Check("delete rows"));
    if (reader->partition() != partition || keys.size() == kDeletesAtOnce) AERIE_TRY(flush());
    partition = reader->partition();
    keys.push_back(entry->key);
  }
}

class RowsSync {
 public:
  RowsSync(rows::CollectionSource& source, KnownRows& known, SyncSink sink,
           const SyncRowsOptions& options, ProgressSink& progress)
      : source_(source),
        known_(known),
        sink_(std::move(sink)),
        options_(options),
        progress_(progress),
        columns_(source.spec().schema.Columns()),
        writer_(sink_.to, sink_.target, columns_, WriterOptions()),
        differences_(sink_, writer_, options_.call_bytes),
        merge_(source_, known_, differences_, options_, progress_) {}

  Result<SyncedRows> Run(const Context& context) {
    const Status wrote = writer_.Run(context, [&](const Context& task) -> Status {
      AERIE_TRY(merge_.Run(task));
      AERIE_TRY(sink_.close_source(task));
      return differences_.deletes_any() ? Delete(task) : Ok();
    });
    AERIE_TRY(wrote);
    AERIE_TRY(sink_.rows.Finish());
    return std::move(merge_.done());
  }

 private:
  ComparedWriterOptions WriterOptions() {
    ComparedWriterOptions options;
    options.writer.writers = options_.writers;
    options.writer.call_bytes = options_.call_bytes;
    options.writer.start = milvus::WriteStart::kResumed;
    options.comparers = options_.comparers;
    options.read_back = ComparedWriterOptions::ReadBack::kKeys;
    options.on_all_stored = [this](const Context& task) -> Status { return CheckStored(task); };
    return options;
  }

  // What it asks waits for one time tick, the one that the comparisons wait for; what was not
  // written to needs none.
  Status CheckStored(const Context& context) {
    std::uint64_t at = sink_.before;
    if (differences_.writes_any() || differences_.deletes_any()) {
      AERIE_ASSIGN(at, milvus::TakeTimestamp(context, *sink_.to));
    }
    if (differences_.deletes_any()) AERIE_TRY(CheckDeleted(context, at));
    return sink_.count(context, merge_.done(), at);
  }

  // After everything is stored: a row that moved to another partition is there before it goes here.
  Status Delete(const Context& context) {
    AERIE_TRY(sink_.journal.Sync());
    return ForEachDeleted(context, sink_.journal.path(),
                          [&](const std::string& partition, const std::vector<rows::Key>& keys) {
                            return writer_.Delete(context, partition, keys);
                          });
  }

  Status CheckDeleted(const Context& context, std::uint64_t at) {
    const milvus::ReadPoint after_deletes =
        at == 0 ? milvus::ReadPoint{} : milvus::ReadPoint{milvus::ReadPoint::Mode::kLive, at};
    return ForEachDeleted(
        context, sink_.journal.path(),
        [&](const std::string& partition, const std::vector<rows::Key>& keys) -> Status {
          for (const milvus::ReadPoint& point : {after_deletes, milvus::ReadPoint{}}) {
            AERIE_ASSIGN(const std::int64_t left,
                         writer_.there().CountOf(context, partition, keys, point));
            if (left == 0) return Ok();
          }
          return MakeStatus(
              Kind::kDifferent,
              "look for deleted rows" + (partition.empty() ? "" : " in partition " + partition) +
                  ": some of the keys " + milvus::KeyForMessage(keys.front()) + " to " +
                  milvus::KeyForMessage(keys.back()) + " are there still; run the command again");
        });
  }

  rows::CollectionSource& source_;
  KnownRows& known_;
  SyncSink sink_;
  const SyncRowsOptions& options_;
  ProgressSink& progress_;
  const std::vector<rows::FieldSchema> columns_;
  ComparedWriter writer_;
  WrittenDifferences differences_;
  Merge merge_;
};

}  // namespace

Result<SyncedRows> CompareWithKnown(const Context& context, rows::CollectionSource& source,
                                    KnownRows& known, const SyncRowsOptions& options,
                                    ProgressSink& progress) {
  NoDifferences none;
  Merge merge(source, known, none, options, progress);
  AERIE_TRY(merge.Run(context));
  return std::move(merge.done());
}

Result<SyncedRows> WriteDifferences(const Context& context, rows::CollectionSource& source,
                                    KnownRows& known, SyncSink sink, const SyncRowsOptions& options,
                                    ProgressSink& progress) {
  RowsSync sync(source, known, std::move(sink), options, progress);
  return sync.Run(context);
}

}  // namespace aerie::transfer
