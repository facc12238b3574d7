// Rows of a stored collection (OpenCollectionSource, LeafBoundaries of tree_api.h).
//
// A reader's threads take leaves in key order, load and compare them, and keep a few ahead of the
// one who calls Next; memory is that many leaves, and patches read ahead (patch_ahead.h). Leaves
// before the key to resume after are passed in the tree without being read.
#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <utility>

#include "base/task_group.h"
#include "repo/damage.h"
#include "repo/leaf_access.h"
#include "repo/patch_ahead.h"
#include "repo/tree_api.h"
#include "repo/tree_cursor.h"

namespace aerie::repo {
namespace {

using rows::RowBatch;

constexpr int kMaxStreams = 16;

// Rows of `batch` with keys greater than `after`.
RowBatch RowsAfter(RowBatch batch, const rows::Key& after) {
  std::size_t begin = 0;
  std::size_t end = batch.rows();
  while (begin < end) {
    const std::size_t middle = begin + (end - begin) / 2;
    if (batch.KeyAt(middle) <= after)
      begin = middle + 1;
    else
      end = middle;
  }
  return begin == 0 ? std::move(batch) : batch.Slice(begin, batch.rows());
}

class SnapshotReader : public rows::RowReader {
 public:
  SnapshotReader(const Context& context, BlobSource& source, std::vector<rows::FieldSchema> columns,
                 PartitionRoot root, std::string where, const rows::ReadOptions& options)
      : partition_(root.name),
        where_(where),
        columns_(std::move(columns)),
        patches_(source),
        after_(options.after),
        window_(static_cast<std::uint64_t>(std::clamp(options.streams, 1, kMaxStreams)) + 1),
        cursor_(source, std::move(root), std::move(where)),
        position_(options.after),
        group_(context) {}

  ~SnapshotReader() override {
    group_.Cancel();
    (void)group_.Join();
  }

  Status Start(const Context& context, int streams) {
    AERIE_TRY(WithRemedy(cursor_.Start(context)));
    report_.started_ms = ToUnixMillis(context.clock().Now());
    for (int i = 0; i < std::clamp(streams, 1, kMaxStreams); ++i) {
      group_.Spawn("read " + where_, [this](const Context& task) { return ReadAhead(task); });
    }
    return Ok();
  }

  const std::string& partition() const override { return partition_; }
  std::optional<rows::Key> position() const override { return position_; }
  const rows::ReadReport& report() const override { return report_; }

  Result<std::optional<RowBatch>> Next(const Context& context) override {
    std::optional<Result<RowBatch>> batch;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, context.stop(),
                    [&] { return ready_.contains(delivered_) || delivered_ == end_; });
      AERIE_TRY(context.Check("read " + where_));
      if (delivered_ != end_) {
        const auto ready = ready_.find(delivered_);
        batch = std::move(ready->second);
        // A failure stays: there is nothing after it.
        if (batch->ok()) {
          ready_.erase(ready);
          ++delivered_;
        } else {
          ready->second = batch->status();
        }
      }
    }
    changed_.notify_all();
    report_.finished_ms = ToUnixMillis(context.clock().Now());
    if (!batch) {
      report_.counted = report_.rows;
      return std::optional<RowBatch>();
    }
    if (!batch->ok()) return WithRemedy(batch->status());
    RowBatch rows = **std::move(batch);
    position_ = rows.KeyAt(rows.rows() - 1);
    report_.rows += rows.rows();
    return std::optional<RowBatch>(std::move(rows));
  }

 private:
  // One thread: takes the next leaf of the tree, loads it, puts it in its place.
  Status ReadAhead(const Context& context) {
    LeafLoader loader(patches_, columns_, partition_, where_);
    for (;;) {
      std::uint64_t sequence = 0;
      auto entry = TakeLeaf(context, sequence);
      if (entry.ok() && !*entry) return Ok();
      if (!entry.ok()) return Put(sequence, entry.status());
      auto batch = loader.Load(context, **entry);
      if (batch.ok() && after_) batch = RowsAfter(*std::move(batch), *after_);
      AERIE_TRY(Put(sequence, std::move(batch)));
    }
  }

  // The next leaf of the tree, or what went wrong in its place; nullopt: nothing more to take.
  // Waits while enough leaves are ahead.
  Result<std::optional<LeafEntry>> TakeLeaf(const Context& context, std::uint64_t& sequence) {
    // Held while pages are loaded: the tree is walked by one thread at a time, in order.
    std::lock_guard walk(cursor_mutex_);
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, context.stop(), [&] { return failed_ || taken_ < delivered_ + window_; });
      if (failed_) return std::optional<LeafEntry>();
      sequence = taken_;
    }
    auto entry = WalkOn(context);
    {
      std::lock_guard lock(mutex_);
      failed_ = !entry.ok();
      if (failed_ || *entry)
        ++taken_;
      else
        end_ = taken_;
    }
    changed_.notify_all();
    return entry;
  }

  Result<std::optional<LeafEntry>> WalkOn(const Context& context) {
    AERIE_TRY(context.Check("read " + where_));
    AERIE_ASSIGN(std::optional<LeafEntry> leaf, cursor_.NextLeaf(context, after_));
    if (leaf) patches_.Prepare(context, *leaf, cursor_.Following());
    return leaf;
  }

  // Leaves before a failed one are still delivered; none after it is taken.
  Status Put(std::uint64_t sequence, Result<RowBatch> batch) {
    {
      std::lock_guard lock(mutex_);
      failed_ = failed_ || !batch.ok();
      ready_.emplace(sequence, std::move(batch));
    }
    changed_.notify_all();
    return Ok();
  }

  const std::string partition_;
  const std::string where_;
  const std::vector<rows::FieldSchema> columns_;
  PatchAhead patches_;
  const std::optional<rows::Key> after_;
  const std::uint64_t window_;  // leaves taken but not delivered, at most

  std::mutex cursor_mutex_;
  TreeCursor cursor_;

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<std::uint64_t, Result<RowBatch>> ready_;  // by sequence number
  std::uint64_t taken_ = 0;
  std::uint64_t delivered_ = 0;
  std::uint64_t end_ = UINT64_MAX;  // leaves in all, once known
  bool failed_ = false;

  std::optional<rows::Key> position_;
  rows::ReadReport report_;
  TaskGroup group_;  // last: joined before what its tasks use goes
};

class SnapshotSource : public StoredCollection {
 public:
  SnapshotSource(BlobSource& source, CollectionManifest manifest)
      : source_(source), manifest_(std::move(manifest)) {}

  const rows::CollectionSpec& spec() const override { return manifest_.spec; }

  std::vector<std::string> ReadPartitions() const override {
    std::vector<std::string> names;
    for (const PartitionRoot& root : manifest_.partitions) names.push_back(root.name);
    return names;
  }

  Result<std::unique_ptr<rows::RowReader>> OpenReader(const Context& context,
                                                      const std::string& partition,
                                                      const rows::ReadOptions& options) override {
    const std::string where = PartitionText(manifest_.spec.name, partition);
    if (!options.filter.empty()) {
      return UnsupportedError("read " + where +
                              ": a snapshot cannot be filtered by an expression; restore the "
                              "collection and query it there");
    }
    for (const PartitionRoot& root : manifest_.partitions) {
      if (root.name != partition) continue;
      auto reader = std::make_unique<SnapshotReader>(context, source_, manifest_.columns, root,
                                                     where, options);
      AERIE_TRY(reader->Start(context, options.streams));
      return std::unique_ptr<rows::RowReader>(std::move(reader));
    }
    return NotFoundError("read " + where +
                         ": the snapshot has no such partition; aerie backup show lists them");
  }

  std::int64_t EstimatedRows() const override {
    std::uint64_t rows = 0;
    for (const PartitionRoot& root : manifest_.partitions) rows += root.digest.rows;
    return static_cast<std::int64_t>(rows);
  }

  Status Close(const Context&) override { return Ok(); }
  const CollectionManifest& manifest() const override { return manifest_; }
  BlobSource& blobs() override { return source_; }

 private:
  BlobSource& source_;
  const CollectionManifest manifest_;
};

}  // namespace

std::unique_ptr<StoredCollection> OpenCollectionSource(BlobSource& source,
                                                       CollectionManifest manifest) {
  return std::make_unique<SnapshotSource>(source, std::move(manifest));
}

Result<std::vector<rows::Key>> LeafBoundaries(const Context& context, BlobSource& source,
                                              const PartitionRoot& root, std::uint64_t apart) {
  TreeCursor cursor(source, root, "partition \"" + root.name + "\"");
  AERIE_TRY(WithRemedy(cursor.Start(context)));
  std::vector<rows::Key> keys;
  std::optional<rows::Key> end;  // of the leaves since the last of `keys`
  std::uint64_t bytes = 0;       // of these leaves
  for (;;) {
    auto leaf = cursor.NextLeaf(context);
    if (!leaf.ok()) return WithRemedy(leaf.status());
    const bool enough = end && (!*leaf || bytes + (*leaf)->range.bytes / 2 >= apart);
    if (enough) {
      keys.push_back(*std::move(end));
      bytes = 0;
    }
    if (!*leaf) return keys;
    end = std::move((*leaf)->range.last);
    bytes += (*leaf)->range.bytes;
  }
}

}  // namespace aerie::repo
