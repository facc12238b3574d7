// LeafPool and the writer of one partition (tree_api.h).
//
// A writer cuts its batches into leaves, or into the stretches of the leaves before, without
// copying rows: a list of pieces of shared batches. The pool's threads store them (leaf_writer.h),
// one thread a leaf, so that a leaf's blobs stand together in a pack. Finished leaf entries come
// back in any order and go into the tree in key order, in the writer's calling thread.
#include <algorithm>
#include <condition_variable>
#include <exception>
#include <iterator>
#include <map>
#include <mutex>
#include <utility>

#include "base/queue.h"
#include "base/task_group.h"
#include "repo/column_blob.h"
#include "repo/leaf_cutter.h"
#include "repo/leaf_writer.h"
#include "repo/old_leaves.h"
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

// What the writer of a partition and the pool's threads know together.
struct Shared {
  PartitionShape shape;

  std::mutex mutex;
  std::condition_variable_any changed;
  std::map<std::uint64_t, std::vector<LeafEntry>> done;  // by sequence number
  std::uint64_t in_flight = 0;
  Status failure;
  bool aborted = false;
};

struct LeafJob {
  std::shared_ptr<Shared> shared;
  std::uint64_t sequence = 0;
  LeafRows rows;
  Context context = Context::Background();
};

// One leaf of any size is let through, and its thread must survive it.
Result<std::vector<LeafEntry>> WriteSafely(LeafWriter& writer, const LeafJob& job) {
  try {
    return writer.Write(job.context, job.shared->shape, job.rows);
  } catch (const std::exception& e) {
    return InternalError(std::string("store leaf: ") + e.what());
  }
}

void RunJob(LeafWriter& writer, LeafJob job) {
  Shared& shared = *job.shared;
  {
    std::lock_guard lock(shared.mutex);
    if (shared.aborted || !shared.failure.ok()) {
      --shared.in_flight;
      shared.changed.notify_all();
      return;
    }
  }
  Result<std::vector<LeafEntry>> entries = WriteSafely(writer, job);
  // Rows are let go before the writer hears of it, so that its limits hold.
  job.rows.pieces.clear();
  std::lock_guard lock(shared.mutex);
  --shared.in_flight;
  if (entries.ok())
    shared.done.emplace(job.sequence, *std::move(entries));
  else if (shared.failure.ok())
    shared.failure = Annotate(entries.status(), "store " + shared.shape.where);
  shared.changed.notify_all();
}

}  // namespace

class LeafPool::Impl {
 public:
  Impl(BlobSink& sink, const LeafPoolOptions& options)
      : sink_(sink),
        options_(options),
        queue_(kMaxWaitingLeaves, options.queue_bytes),
        group_(Context::Background()) {
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
  BlobSource* before() { return options_.before; }

  Status Submit(const Context& context, LeafJob job, std::size_t bytes) {
    return queue_.Push(context, std::move(job), bytes);
  }

 private:
  Status Work(const Context& context) {
    LeafWriter writer(sink_, options_);
    for (;;) {
      AERIE_ASSIGN(std::optional<LeafJob> job, queue_.Pop(context));
      if (!job) return Ok();
      RunJob(writer, *std::move(job));
    }
  }

  BlobSink& sink_;
  const LeafPoolOptions options_;
  BoundedQueue<LeafJob> queue_;
  TaskGroup group_;
};

LeafPool::LeafPool(BlobSink& sink, const LeafPoolOptions& options)
    : impl_(std::make_unique<Impl>(sink, options)) {}
LeafPool::~LeafPool() = default;

namespace {

// A leaf stores changed rows in a patch up to about half of its own size.
constexpr std::size_t kMaxStretchGrowth = 2;

// Whether cells and column numbers mean the same, so that one leaf can hold rows of both.
bool SameLayout(const std::vector<FieldSchema>& a, const std::vector<FieldSchema>& b) {
  return std::ranges::equal(a, b, [](const FieldSchema& x, const FieldSchema& y) {
    return x.name == y.name && x.type == y.type && x.element_type == y.element_type &&
           x.primary_key == y.primary_key && rows::CellWidth(x) == rows::CellWidth(y);
  });
}

class TreePartitionWriter : public SnapshotWriter::PartitionWriter {
 public:
  TreePartitionWriter(LeafPool::Impl& pool, std::shared_ptr<Shared> shared, std::string partition,
                      const std::optional<PartitionRoot>& before)
      : pool_(pool),
        shared_(std::move(shared)),
        builder_(pool.sink(), KeyTypeOf(shared_->shape.columns[shared_->shape.key_column])) {
    root_.name = std::move(partition);
    root_.columns = shared_->shape.columns;
    if (!before || before->leaf_bits == 0) return;
    StartCutting(before->leaf_bits);
    if (pool.before() == nullptr || !SameLayout(before->columns, root_.columns)) return;
    old_leaves_.emplace(*pool.before(), *before, shared_->shape.where);
  }
  ~TreePartitionWriter() override { Abort(); }

  const PartitionRoot& root() const override { return root_; }

  Status Write(const Context& context, RowBatch batch) override {
    AERIE_TRY(context.Check("store " + shared_->shape.where));
    if (committed_) return InternalError("store " + shared_->shape.where + ": already committed");
    AERIE_TRY(DrainDone(context));
    if (batch.rows() == 0) return Ok();
    AERIE_ASSIGN(const std::shared_ptr<const SharedBatch> rows, Accept(std::move(batch)));
    if (cutter_) return CutAndSubmit(context, rows);
    sampled_.push_back(rows);
    if (!sample_.Add(rows->batch)) return Ok();
    return CutSampled(context);
  }

  Status Delete(const Context&, const std::string&, const std::vector<rows::Key>&) override {
    return UnsupportedError("delete rows of " + shared_->shape.where +
                            ": a snapshot is written once; leave the rows out instead");
  }

  Result<rows::WriteReceipt> Commit(const Context& context) override {
    if (committed_) return InternalError("store " + shared_->shape.where + ": already committed");
    AERIE_TRY(CutSampled(context));
    if (!pending_.empty()) AERIE_TRY(SubmitPending(context));
    {
      std::unique_lock lock(shared_->mutex);
      shared_->changed.wait(lock, context.stop(), [&] { return shared_->in_flight == 0; });
    }
    AERIE_TRY(context.Check("store " + shared_->shape.where));
    AERIE_TRY(DrainDone(context));
    auto tree = builder_.Finish(context);
    if (!tree.ok()) return Annotate(tree.status(), "store " + shared_->shape.where);
    if (next_drained_ != next_submitted_ || tree->digest.rows != rows_accepted_) {
      return InternalError("store " + shared_->shape.where + ": " +
                           std::to_string(tree->digest.rows) + " of " +
                           std::to_string(rows_accepted_) + " rows are in the tree");
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
      return InternalError("store " + shared_->shape.where + ": rows of partition \"" +
                           batch.partition() + "\" came in");
    }
    if (Status valid = batch.Validate(); !valid.ok()) {
      return Annotate(valid, "store " + shared_->shape.where);
    }
    auto rows = std::make_shared<SharedBatch>(std::move(batch));
    for (const FieldSchema& field : shared_->shape.columns) {
      const Column* column = rows->batch.Find(field.name);
      if (column == nullptr) {
        return InvalidError("store " + shared_->shape.where + ": the rows have no column " +
                            field.name + "; read the collection again with all its fields");
      }
      if (column->field().type != field.type || column->width() != rows::CellWidth(field) ||
          column->field().primary_key != field.primary_key) {
        return InvalidError("store " + shared_->shape.where + ": column " + field.name +
                            " came as " + rows::TypeName(column->field().type) +
                            ", the schema says " + rows::TypeName(field.type) +
                            "; describe the collection again");
      }
      rows->columns.push_back(column);
    }
    const rows::Key first = rows->batch.KeyAt(0);
    if (last_key_ && first <= *last_key_) {
      return CorruptError("store " + shared_->shape.where + ": keys " + RangeText(first, first) +
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

  // Takes the rows stretch by stretch, where there is a snapshot before, and after the last one as
  // their keys' hashes say.
  Status CutAndSubmit(const Context& context, const std::shared_ptr<const SharedBatch>& rows) {
    std::size_t begin = 0;
    while (begin < rows->batch.rows()) {
      if (old_leaves_ && !stretch_) AERIE_TRY(NextStretch(context));
      if (!stretch_) return CutRows(context, {rows, begin, rows->batch.rows()});
      const StretchEnd end = EndOfStretch(rows->batch, begin);
      AERIE_TRY(AddToStretch(context, {rows, begin, end.row}));
      if (end.reached) AERIE_TRY(EndStretch(context));
      begin = end.row;
    }
    return Ok();
  }

  // Into leaves that end where the cutter says.
  Status CutRows(const Context& context, const Piece& piece) {
    std::vector<std::size_t> ends;
    cutter_->Cut(piece.batch->batch, piece.begin, piece.end, ends);
    std::size_t begin = piece.begin;
    for (const std::size_t end : ends) {
      AddPending({piece.batch, begin, end});
      AERIE_TRY(SubmitPending(context));
      begin = end;
    }
    AddPending({piece.batch, begin, piece.end});
    return Ok();
  }

  Status NextStretch(const Context& context) {
    AERIE_ASSIGN(stretch_, old_leaves_->Next(context));
    if (!stretch_) old_leaves_.reset();
    return Ok();
  }

  struct StretchEnd {
    std::size_t row = 0;  // the first of the batch that is not in the stretch
    bool reached = false;
  };
  StretchEnd EndOfStretch(const RowBatch& batch, std::size_t begin) const {
    std::size_t end = batch.rows();
    for (std::size_t low = begin; low < end;) {
      const std::size_t middle = low + (end - low) / 2;
      if (batch.KeyAt(middle) <= stretch_->last)
        low = middle + 1;
      else
        end = middle;
    }
    if (end == batch.rows() || !stretch_->open) return {end, end != batch.rows()};
    for (; end < batch.rows(); ++end) {
      if (EndsLeaf(batch.KeyAt(end), root_.leaf_bits)) return {end + 1, true};
    }
    return {end, false};
  }

  // The rows of a stretch stay together, so that they can become a patch; where they have grown far
  // beyond what a patch could be, they are cut at once.
  Status AddToStretch(const Context& context, Piece piece) {
    if (stretch_cut_) return CutRows(context, piece);
    AddPending(std::move(piece));
    if (pending_bytes_ <= kMaxStretchGrowth * stretch_->bytes) return Ok();
    stretch_cut_ = true;
    pending_bytes_ = 0;
    for (const Piece& pending : std::exchange(pending_, {})) AERIE_TRY(CutRows(context, pending));
    return Ok();
  }

  Status EndStretch(const Context& context) {
    if (!pending_.empty()) AERIE_TRY(SubmitPending(context));
    stretch_.reset();
    stretch_cut_ = false;
    cutter_.emplace(root_.leaf_bits);
    return Ok();
  }

  void AddPending(Piece piece) {
    if (piece.begin == piece.end) return;
    for (const Column* column : piece.batch->columns) {
      pending_bytes_ += PlainBytes(*column, piece.begin, piece.end);
    }
    pending_.push_back(std::move(piece));
  }

  Status SubmitPending(const Context& context) {
    LeafJob job{shared_, next_submitted_++, {std::exchange(pending_, {}), {}, 0}, context};
    if (stretch_ && !stretch_cut_) {
      job.rows.old = std::move(stretch_->old);
      job.rows.leaf_bits = root_.leaf_bits;
    }
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
        std::ranges::move(it->second, std::back_inserter(ready));
        ++next_drained_;
      }
    }
    for (const LeafEntry& entry : ready) {
      const Status added = builder_.Add(context, entry);
      if (!added.ok()) return Annotate(added, "store " + shared_->shape.where);
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
  std::vector<Piece> pending_;  // of the leaf or stretch that is not ended yet
  std::size_t pending_bytes_ = 0;
  std::optional<OldLeaves> old_leaves_;  // while there are stretches to come
  std::optional<Stretch> stretch_;       // the rows are in
  bool stretch_cut_ = false;             // it has grown too large to become a patch
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
  shared->shape.where = "collection " + spec.name.ToString() + ", partition \"" + partition + "\"";
  shared->shape.columns = spec.schema.Columns();
  bool has_key = false;
  for (std::size_t i = 0; i < shared->shape.columns.size(); ++i) {
    if (!shared->shape.columns[i].primary_key) continue;
    shared->shape.key_column = i;
    has_key = true;
  }
  if (!has_key) {
    return InvalidError("store " + shared->shape.where +
                        ": the schema has no primary key; describe the collection again");
  }
  const std::uint32_t leaf_bits = before ? before->leaf_bits : 0;
  if (leaf_bits != 0 && (leaf_bits < kMinLeafBits || leaf_bits > kMaxLeafBits)) {
    return InternalError("store " + shared->shape.where + ": leaf bits " +
                         std::to_string(leaf_bits));
  }
  return std::unique_ptr<SnapshotWriter::PartitionWriter>(
      std::make_unique<TreePartitionWriter>(pool.impl(), std::move(shared), partition, before));
}

}  // namespace aerie::repo
