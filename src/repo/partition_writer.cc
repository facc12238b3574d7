// LeafPool and the writer of one partition (tree_api.h).
//
// A writer cuts its batches into leaves without copying rows: a leaf is a list of pieces of shared
// batches. The pool's threads digest a leaf, serialise its columns and add them with one AddMany,
// one thread a leaf, so that a leaf's blobs stand together in a pack. Finished leaf entries come
// back in any order and go into the tree in key order, in the writer's calling thread.
#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <utility>

#include "base/queue.h"
#include "base/task_group.h"
#include "repo/column_blob.h"
#include "repo/leaf_cutter.h"
#include "repo/tree_api.h"
#include "repo/tree_builder.h"
#include "repo/tree_page.h"

namespace aerie::repo {
namespace {

using rows::Column;
using rows::FieldSchema;
using rows::RowBatch;

// Leaves that may wait for a thread besides the byte limit: tiny leaves need a bound too.
constexpr std::size_t kMaxWaitingLeaves = 256;

// What the writers of a partition and the pool's threads know together.
struct Shared {
  std::string where;
  std::vector<FieldSchema> columns;
  std::size_t key_column = 0;

  std::mutex mutex;
  std::condition_variable_any changed;
  std::map<std::uint64_t, LeafEntry> done;  // by sequence number
  std::uint64_t in_flight = 0;
  Status failure;
  bool aborted = false;
};

// A batch and its columns in the order of the collection's.
struct SharedBatch {
  explicit SharedBatch(RowBatch rows) : batch(std::move(rows)) {}
  RowBatch batch;
  std::vector<const Column*> columns;
};

struct Piece {
  std::shared_ptr<const SharedBatch> batch;
  std::size_t begin = 0;
  std::size_t end = 0;
};

struct LeafJob {
  std::shared_ptr<Shared> shared;
  std::uint64_t sequence = 0;
  std::vector<Piece> pieces;
  Context context = Context::Background();
};

// Buffers that a thread keeps from leaf to leaf.
struct Scratch {
  std::vector<rows::Digest128> digests;
  Bytes digest_blob;
  std::vector<Bytes> columns;
};

Status DigestLeaf(const LeafJob& job, Scratch& scratch, RowRange& range) {
  rows::RowDigester digester(job.shared->columns);
  std::size_t rows = 0;
  for (const Piece& piece : job.pieces) rows += piece.end - piece.begin;
  scratch.digests.clear();
  scratch.digests.reserve(rows);
  for (const Piece& piece : job.pieces) {
    AERIE_TRY(digester.AppendDigests(piece.batch->batch, piece.begin, piece.end, scratch.digests));
  }
  for (const rows::Digest128& digest : scratch.digests) range.digest.Add(digest);
  return Ok();
}

// The leaf's blobs in the order they stand in a pack: what a comparison reads (digests, keys)
// comes first, then the other columns.
Result<LeafEntry> EncodeLeaf(BlobSink& sink, const LeafJob& job, Scratch& scratch) {
  const Piece& front = job.pieces.front();
  const Piece& back = job.pieces.back();
  LeafEntry entry;
  entry.range.first = front.batch->batch.KeyAt(front.begin);
  entry.range.last = back.batch->batch.KeyAt(back.end - 1);
  AERIE_TRY(DigestLeaf(job, scratch, entry.range));

  const std::size_t columns = job.shared->columns.size();
  const std::size_t key = job.shared->key_column;
  std::vector<BlobItem> items(columns + 1);
  const auto item_of = [&](std::size_t column) {
    return column == key ? 1 : column < key ? column + 2 : column + 1;
  };
  EncodeDigests(scratch.digests, scratch.digest_blob);
  items[0] = {BlobKind::kRowDigests, scratch.digest_blob, {}};
  if (scratch.columns.size() < columns) scratch.columns.resize(columns);
  std::vector<ColumnPiece> pieces(job.pieces.size());
  for (std::size_t i = 0; i < columns; ++i) {
    for (std::size_t p = 0; p < pieces.size(); ++p) {
      const Piece& piece = job.pieces[p];
      pieces[p] = {piece.batch->columns[i], piece.begin, piece.end};
      entry.range.bytes += PlainBytes(*pieces[p].column, piece.begin, piece.end);
    }
    const EncodingHint hint = EncodeColumn(pieces, scratch.columns[i]);
    items[item_of(i)] = {BlobKind::kColumn, scratch.columns[i], hint};
  }
  AERIE_ASSIGN(const std::vector<AddResult> added, sink.AddMany(job.context, items));
  if (added.size() != items.size()) return InternalError("store leaf: a blob was not answered for");

  LeafLayer& layer = entry.layers.emplace_back();
  layer.digests = added[0].name;
  for (std::size_t i = 0; i < columns; ++i) {
    layer.columns.push_back({static_cast<std::uint32_t>(i), added[item_of(i)].name});
  }
  return entry;
}

// One leaf of any size is let through, and its thread must survive it.
Result<LeafEntry> EncodeLeafSafely(BlobSink& sink, const LeafJob& job, Scratch& scratch) {
  try {
    return EncodeLeaf(sink, job, scratch);
  } catch (const std::exception& e) {
    return InternalError(std::string("store leaf: ") + e.what());
  }
}

void RunJob(BlobSink& sink, LeafJob job, Scratch& scratch) {
  Shared& shared = *job.shared;
  {
    std::lock_guard lock(shared.mutex);
    if (shared.aborted || !shared.failure.ok()) {
      --shared.in_flight;
      shared.changed.notify_all();
      return;
    }
  }
  Result<LeafEntry> entry = EncodeLeafSafely(sink, job, scratch);
  // Rows are let go before the writer hears of it, so that its limits hold.
  job.pieces.clear();
  std::lock_guard lock(shared.mutex);
  --shared.in_flight;
  if (entry.ok())
    shared.done.emplace(job.sequence, *std::move(entry));
  else if (shared.failure.ok())
    shared.failure = Annotate(entry.status(), "store " + shared.where);
  shared.changed.notify_all();
}

}  // namespace

class LeafPool::Impl {
 public:
  Impl(BlobSink& sink, const LeafPoolOptions& options)
      : sink_(sink), queue_(kMaxWaitingLeaves, options.queue_bytes), group_(Context::Background()) {
    for (std::size_t i = 0; i < std::max<std::size_t>(options.threads, 1); ++i) {
      group_.Spawn("leaf pool", [this](const Context& context) { return Work(context); });
    }
  }
  ~Impl() {
    queue_.Fail(MakeStatus(Kind::kCancelled, "store leaf: the snapshot was given up"));
    group_.Cancel();
    (void)group_.Join();
  }

  BlobSink& sink() { return sink_; }

  Status Submit(const Context& context, LeafJob job, std::size_t bytes) {
    return queue_.Push(context, std::move(job), bytes);
  }

 private:
  Status Work(const Context& context) {
    Scratch scratch;
    for (;;) {
      AERIE_ASSIGN(std::optional<LeafJob> job, queue_.Pop(context));
      if (!job) return Ok();
      RunJob(sink_, *std::move(job), scratch);
    }
  }

  BlobSink& sink_;
  BoundedQueue<LeafJob> queue_;
  TaskGroup group_;
};

LeafPool::LeafPool(BlobSink& sink, const LeafPoolOptions& options)
    : impl_(std::make_unique<Impl>(sink, options)) {}
LeafPool::~LeafPool() = default;

namespace {

class TreePartitionWriter : public SnapshotWriter::PartitionWriter {
 public:
  TreePartitionWriter(LeafPool::Impl& pool, std::shared_ptr<Shared> shared, std::string partition,
                      std::uint32_t leaf_bits)
      : pool_(pool),
        shared_(std::move(shared)),
        builder_(pool.sink(), KeyTypeOf(shared_->columns[shared_->key_column])) {
    root_.name = std::move(partition);
    if (leaf_bits != 0) StartCutting(leaf_bits);
  }
  ~TreePartitionWriter() override { Abort(); }

  const PartitionRoot& root() const override { return root_; }

  Status Write(const Context& context, RowBatch batch) override {
    AERIE_TRY(context.Check("store " + shared_->where));
    if (committed_) return InternalError("store " + shared_->where + ": already committed");
    AERIE_TRY(DrainDone(context));
    if (batch.rows() == 0) return Ok();
    AERIE_ASSIGN(const std::shared_ptr<const SharedBatch> rows, Accept(std::move(batch)));
    if (cutter_) return CutAndSubmit(context, rows);
    sampled_.push_back(rows);
    if (!sample_.Add(rows->batch)) return Ok();
    return CutSampled(context);
  }

  Status Delete(const Context&, const std::string&, const std::vector<rows::Key>&) override {
    return UnsupportedError("delete rows of " + shared_->where +
                            ": a snapshot is written once; leave the rows out instead");
  }

  Result<rows::WriteReceipt> Commit(const Context& context) override {
    if (committed_) return InternalError("store " + shared_->where + ": already committed");
    AERIE_TRY(CutSampled(context));
    if (!pending_.empty()) AERIE_TRY(SubmitPending(context));
    {
      std::unique_lock lock(shared_->mutex);
      shared_->changed.wait(lock, context.stop(), [&] { return shared_->in_flight == 0; });
    }
    AERIE_TRY(context.Check("store " + shared_->where));
    AERIE_TRY(DrainDone(context));
    auto tree = builder_.Finish(context);
    if (!tree.ok()) return Annotate(tree.status(), "store " + shared_->where);
    if (next_drained_ != next_submitted_ || tree->digest.rows != rows_accepted_) {
      return InternalError("store " + shared_->where + ": " + std::to_string(tree->digest.rows) +
                           " of " + std::to_string(rows_accepted_) + " rows are in the tree");
    }
    committed_ = true;
    root_.digest = tree->digest;
    root_.bytes = tree->bytes;
    root_.height = tree->height;
    root_.root = tree->page;
    return rows::WriteReceipt{.written = tree->digest};
  }

  void Abort() override {
    std::lock_guard lock(shared_->mutex);
    shared_->aborted = true;
  }

 private:
  Result<std::shared_ptr<const SharedBatch>> Accept(RowBatch batch) {
    if (batch.partition() != root_.name) {
      return InternalError("store " + shared_->where + ": rows of partition \"" +
                           batch.partition() + "\" came in");
    }
    if (Status valid = batch.Validate(); !valid.ok()) {
      return Annotate(valid, "store " + shared_->where);
    }
    auto rows = std::make_shared<SharedBatch>(std::move(batch));
    for (const FieldSchema& field : shared_->columns) {
      const Column* column = rows->batch.Find(field.name);
      if (column == nullptr) {
        return InvalidError("store " + shared_->where + ": the rows have no column " + field.name +
                            "; read the collection again with all its fields");
      }
      if (column->field().type != field.type || column->width() != rows::CellWidth(field) ||
          column->field().primary_key != field.primary_key) {
        return InvalidError("store " + shared_->where + ": column " + field.name + " came as " +
                            rows::TypeName(column->field().type) + ", the schema says " +
                            rows::TypeName(field.type) + "; describe the collection again");
      }
      rows->columns.push_back(column);
    }
    const rows::Key first = rows->batch.KeyAt(0);
    if (last_key_ && first <= *last_key_) {
      return CorruptError("store " + shared_->where + ": keys " + RangeText(first, first) +
                          " came after " + RangeText(*last_key_, *last_key_) +
                          "; each key is stored once, in ascending order");
    }
    last_key_ = rows->batch.KeyAt(rows->batch.rows() - 1);
    rows_accepted_ += rows->batch.rows();
    return std::shared_ptr<const SharedBatch>(std::move(rows));
  }

  void StartCutting(std::uint32_t leaf_bits) {
    root_.leaf_bits = leaf_bits;
    cutter_.emplace(leaf_bits);
  }

  // Chooses the leaf bits and cuts what waited for them.
  Status CutSampled(const Context& context) {
    if (sampled_.empty()) return Ok();
    StartCutting(sample_.Choose());
    const auto sampled = std::exchange(sampled_, {});
    for (const auto& rows : sampled) AERIE_TRY(CutAndSubmit(context, rows));
    return Ok();
  }

  Status CutAndSubmit(const Context& context, const std::shared_ptr<const SharedBatch>& rows) {
    std::vector<std::size_t> ends;
    cutter_->Cut(rows->batch, ends);
    std::size_t begin = 0;
    for (const std::size_t end : ends) {
      AddPending(rows, begin, end);
      AERIE_TRY(SubmitPending(context));
      begin = end;
    }
    AddPending(rows, begin, rows->batch.rows());
    return Ok();
  }

  void AddPending(const std::shared_ptr<const SharedBatch>& rows, std::size_t begin,
                  std::size_t end) {
    if (begin == end) return;
    pending_.push_back({rows, begin, end});
    for (const Column* column : rows->columns) pending_bytes_ += PlainBytes(*column, begin, end);
  }

  Status SubmitPending(const Context& context) {
    LeafJob job{shared_, next_submitted_++, std::exchange(pending_, {}), context};
    const std::size_t bytes = std::exchange(pending_bytes_, 0);
    {
      std::lock_guard lock(shared_->mutex);
      ++shared_->in_flight;
    }
    const Status pushed = pool_.Submit(context, std::move(job), bytes);
    if (pushed.ok()) return Ok();
    std::lock_guard lock(shared_->mutex);
    --shared_->in_flight;
    if (shared_->failure.ok()) shared_->failure = pushed;
    return pushed;
  }

  // Moves finished leaves into the tree, as far as they are complete in key order.
  Status DrainDone(const Context& context) {
    std::vector<LeafEntry> ready;
    {
      std::lock_guard lock(shared_->mutex);
      AERIE_TRY(shared_->failure);
      auto& done = shared_->done;
      for (auto it = done.begin(); it != done.end() && it->first == next_drained_;
           it = done.erase(it)) {
        ready.push_back(std::move(it->second));
        ++next_drained_;
      }
    }
    for (const LeafEntry& entry : ready) {
      const Status added = builder_.Add(context, entry);
      if (!added.ok()) return Annotate(added, "store " + shared_->where);
    }
    return Ok();
  }

  LeafPool::Impl& pool_;
  const std::shared_ptr<Shared> shared_;
  TreeBuilder builder_;
  PartitionRoot root_;
  std::optional<LeafCutter> cutter_;
  LeafBitsSample sample_;
  std::vector<std::shared_ptr<const SharedBatch>> sampled_;
  std::vector<Piece> pending_;  // of the leaf that is not ended yet
  std::size_t pending_bytes_ = 0;
  std::optional<rows::Key> last_key_;
  std::uint64_t rows_accepted_ = 0;
  std::uint64_t next_submitted_ = 0;
  std::uint64_t next_drained_ = 0;
  bool committed_ = false;
};

}  // namespace

Result<std::unique_ptr<SnapshotWriter::PartitionWriter>> OpenPartitionWriter(
    LeafPool& pool, const rows::CollectionSpec& spec, const std::string& partition,
    const std::optional<PartitionRoot>& before) {
  auto shared = std::make_shared<Shared>();
  shared->where = "collection " + spec.name.ToString() + ", partition \"" + partition + "\"";
  shared->columns = spec.schema.Columns();
  bool has_key = false;
  for (std::size_t i = 0; i < shared->columns.size(); ++i) {
    if (!shared->columns[i].primary_key) continue;
    shared->key_column = i;
    has_key = true;
  }
  if (!has_key) {
    return InvalidError("store " + shared->where +
                        ": the schema has no primary key; describe the collection again");
  }
  const std::uint32_t leaf_bits = before ? before->leaf_bits : 0;
  if (leaf_bits != 0 && (leaf_bits < kMinLeafBits || leaf_bits > kMaxLeafBits)) {
    return InternalError("store " + shared->where + ": leaf bits " + std::to_string(leaf_bits));
  }
  return std::unique_ptr<SnapshotWriter::PartitionWriter>(
      std::make_unique<TreePartitionWriter>(pool.impl(), std::move(shared), partition, leaf_bits));
}

}  // namespace aerie::repo
