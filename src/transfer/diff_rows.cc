#include "transfer/diff_rows.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <utility>

#include "repo/leaf_access.h"
#include "repo/leaf_cutter.h"
#include "repo/tree_cursor.h"
#include "repo/tree_diff.h"

namespace aerie::transfer {
namespace {

using rows::Digest128;
using rows::Key;
using rows::RangeDigest;
using rows::RowBatch;

// Rows of one side in key order, as far as a comparison needs them.
class Stream {
 public:
  virtual ~Stream() = default;
  // To the first row, or the next one. False at the end.
  virtual Result<bool> Advance(const Context& context) = 0;
  virtual Key key() const = 0;
  virtual const Digest128& digest() const = 0;
  // The whole row; valid until Advance.
  struct Row {
    const RowBatch* batch = nullptr;
    std::size_t number = 0;
  };
  virtual Result<Row> Load(const Context& context) = 0;
};

// Number of rows of a batch with keys up to `limit`.
std::size_t RowsUpTo(const RowBatch& batch, const std::optional<Key>& limit) {
  if (!limit) return batch.rows();
  std::size_t begin = 0;
  std::size_t end = batch.rows();
  while (begin < end) {
    const std::size_t middle = begin + (end - begin) / 2;
    if (batch.KeyAt(middle) <= *limit)
      begin = middle + 1;
    else
      end = middle;
  }
  return begin;
}

// Rows as they are read, up to a limit that moves on.
class LiveRows : public Stream {
 public:
  LiveRows(rows::RowReader& reader, const std::vector<rows::FieldSchema>& columns)
      : reader_(reader), digester_(columns) {}

  // Rows with greater keys are the end for now; none: all rows are meant. Not less than before.
  void Limit(std::optional<Key> limit) { limit_ = std::move(limit); }

  Result<bool> Advance(const Context& context) override {
    if (standing_) ++row_;
    standing_ = false;
    AERIE_ASSIGN(const bool any, Hold(context, 0));
    if (!any) return false;
    standing_ = row_ < RowsUpTo(held_.front().batch, limit_);
    return standing_;
  }
  Key key() const override { return held_.front().batch.KeyAt(row_); }
  const Digest128& digest() const override { return held_.front().digests[row_]; }
  Result<Row> Load(const Context&) override { return Row{&held_.front().batch, row_}; }

  // The digest of the rows from here to the limit, which stay to be advanced to; nullopt when
  // they are more than a leaf can be. At the start, or when Advance was false.
  Result<std::optional<RangeDigest>> Ahead(const Context& context) {
    constexpr std::size_t kMostBytes = 2 * repo::kMaxLeafBytes;
    RangeDigest sum;
    std::size_t bytes = 0;
    for (std::size_t i = 0;; ++i) {
      AERIE_ASSIGN(const bool any, Hold(context, i));
      if (!any) return sum;
      const Held& held = held_[i];
      const std::size_t end = RowsUpTo(held.batch, limit_);
      for (std::size_t row = i == 0 ? row_ : 0; row < end; ++row) sum.Add(held.digests[row]);
      if (end < held.batch.rows()) return sum;
      bytes += held.batch.ByteSize();
      if (bytes > kMostBytes) return std::optional<RangeDigest>();
    }
  }
  // Past the rows that Ahead was about.
  void Pass() {
    while (!held_.empty()) {
      row_ = std::max(row_, RowsUpTo(held_.front().batch, limit_));
      if (row_ < held_.front().batch.rows()) return;
      Drop();
    }
  }

  // Of all rows that were read; more than were compared until the end is reached.
  const RangeDigest& read() const { return read_; }

 private:
  struct Held {
    RowBatch batch;
    std::vector<Digest128> digests;
  };

  // Whether there is a batch number `index` from here on, which is then held.
  Result<bool> Hold(const Context& context, std::size_t index) {
    if (!held_.empty() && row_ == held_.front().batch.rows()) Drop();
    while (held_.size() <= index) {
      AERIE_ASSIGN(auto batch, reader_.Next(context));
      if (!batch) return false;
      Held held{*std::move(batch), {}};
      AERIE_TRY(digester_.DigestRows(held.batch, held.digests));
      for (const Digest128& digest : held.digests) read_.Add(digest);
      held_.push_back(std::move(held));
    }
    return true;
  }
  void Drop() {
    held_.pop_front();
    row_ = 0;
  }

  rows::RowReader& reader_;
  rows::RowDigester digester_;
  std::optional<Key> limit_;
  std::deque<Held> held_;
  std::size_t row_ = 0;  // of the first one held: where it stands, or would go on
  bool standing_ = false;
  RangeDigest read_;
};

// One partition of a stored collection.
class StoredPartition {
 public:
  StoredPartition(repo::StoredCollection& collection, const std::string& partition)
      : collection_(collection),
        partition_(partition),
        where_(repo::PartitionText(collection.manifest().spec.name, partition)),
        loader_(collection.blobs(), collection.manifest().columns, partition, where_) {}

  const repo::PartitionRoot& root() const {
    const auto& all = collection_.manifest().partitions;
    return *std::find_if(all.begin(), all.end(),
                         [&](const repo::PartitionRoot& one) { return one.name == partition_; });
  }
  repo::TreeDiff::Side side() const { return {collection_.blobs(), root(), where_}; }
  repo::TreeCursor cursor() const { return {collection_.blobs(), root(), where_}; }
  repo::LeafLoader& loader() { return loader_; }

 private:
  repo::StoredCollection& collection_;
  const std::string partition_;
  const std::string where_;
  repo::LeafLoader loader_;
};

// Rows of some leaves, ascending.
class StoredRows : public Stream {
 public:
  StoredRows(StoredPartition& partition, std::vector<repo::LeafEntry> leaves)
      : loader_(partition.loader()), leaves_(std::move(leaves)) {}

  Result<bool> Advance(const Context& context) override {
    ++row_;
    while (row_ >= digests_.digests.size()) {
      if (next_ == leaves_.size()) return false;
      whole_.reset();
      AERIE_ASSIGN(digests_, loader_.LoadDigests(context, leaves_[next_]));
      ++next_;
      row_ = 0;
    }
    return true;
  }
  Key key() const override { return digests_.keys.KeyAt(row_); }
  const Digest128& digest() const override { return digests_.digests[row_]; }
  Result<Row> Load(const Context& context) override {
    if (!whole_) {
      AERIE_ASSIGN(whole_, loader_.Load(context, leaves_[next_ - 1]));
    }
    return Row{&*whole_, row_};
  }

 private:
  repo::LeafLoader& loader_;
  const std::vector<repo::LeafEntry> leaves_;
  std::size_t next_ = 0;  // the leaf after the one it stands in
  repo::LeafDigests digests_;
  std::size_t row_ = static_cast<std::size_t>(-1);
  std::optional<RowBatch> whole_;  // the leaf it stands in
};

class PartitionDiff {
 public:
  PartitionDiff(const PartitionDiffOptions& options, CollectionDiff& diff)
      : options_(options), diff_(diff) {}

  Status Run(const Context& context, const DiffSide& left, const DiffSide& right) {
    std::optional<StoredPartition> stored_left;
    std::optional<StoredPartition> stored_right;
    if (left.stored != nullptr) stored_left.emplace(*left.stored, options_.partition);
    if (right.stored != nullptr) stored_right.emplace(*right.stored, options_.partition);
    std::optional<LiveRows> live_left;
    std::optional<LiveRows> live_right;
    if (left.reader != nullptr) live_left.emplace(*left.reader, options_.columns);
    if (right.reader != nullptr) live_right.emplace(*right.reader, options_.columns);
    const Status status = Compare(context, stored_left, stored_right, live_left, live_right);
    const RangeDigest of_left = DigestOf(stored_left, live_left);
    diff_.digest_left.Add(of_left);
    diff_.rows_left += of_left.rows;
    diff_.rows_right += DigestOf(stored_right, live_right).rows;
    return status;
  }

 private:
  static RangeDigest DigestOf(const std::optional<StoredPartition>& stored,
                              const std::optional<LiveRows>& live) {
    if (stored) return stored->root().digest;
    return live ? live->read() : RangeDigest();
  }

  Status Compare(const Context& context, std::optional<StoredPartition>& stored_left,
                 std::optional<StoredPartition>& stored_right, std::optional<LiveRows>& live_left,
                 std::optional<LiveRows>& live_right) {
    if (stored_left && stored_right) return CompareTrees(context, *stored_left, *stored_right);
    if (stored_left) {
      return CompareLeaves(context, *stored_left, live_right, [&](Stream* stored, Stream* live) {
        return Merge(context, stored, live);
      });
    }
    if (stored_right) {
      return CompareLeaves(context, *stored_right, live_left, [&](Stream* stored, Stream* live) {
        return Merge(context, live, stored);
      });
    }
    return Merge(context, live_left ? &*live_left : nullptr, live_right ? &*live_right : nullptr);
  }

  // Only what differs of two trees.
  Status CompareTrees(const Context& context, StoredPartition& left, StoredPartition& right) {
    repo::TreeDiff trees(left.side(), right.side());
    AERIE_TRY(trees.Start(context));
    while (!Decided()) {
      AERIE_ASSIGN(auto group, trees.Next(context));
      if (!group) return Ok();
      StoredRows a(left, std::move(group->left));
      StoredRows b(right, std::move(group->right));
      AERIE_TRY(Merge(context, &a, &b));
    }
    return Ok();
  }

  // Leaf by leaf: the live rows up to a leaf's last key have its digest, or are merged with it.
  template <class MergeThem>
  Status CompareLeaves(const Context& context, StoredPartition& stored,
                       std::optional<LiveRows>& live, const MergeThem& merge) {
    repo::TreeCursor cursor = stored.cursor();
    AERIE_TRY(cursor.Start(context));
    while (!Decided()) {
      AERIE_ASSIGN(auto leaf, cursor.NextLeaf(context));
      if (!leaf) break;
      const RangeDigest digest = leaf->range.digest;
      if (live) {
        live->Limit(leaf->range.last);
        AERIE_ASSIGN(const auto there, live->Ahead(context));
        if (there && *there == digest) {
          live->Pass();
          Report(digest.rows);
          continue;
        }
      }
      StoredRows rows(stored, {*std::move(leaf)});
      AERIE_TRY(merge(&rows, live ? &*live : nullptr));
    }
    if (!live || Decided()) return Ok();
    live->Limit(std::nullopt);
    return merge(nullptr, &*live);
  }

  Status Merge(const Context& context, Stream* a, Stream* b) {
    const auto advance = [&](Stream* side) {
      return side == nullptr ? Result<bool>(false) : side->Advance(context);
    };
    AERIE_ASSIGN(bool has_a, advance(a));
    AERIE_ASSIGN(bool has_b, advance(b));
    while ((has_a || has_b) && !Decided()) {
      const bool at_a = has_a && (!has_b || a->key() <= b->key());
      const bool at_b = has_b && (!has_a || b->key() <= a->key());
      if (at_a && at_b) {
        if (a->digest() != b->digest()) AERIE_TRY(NoteChanged(context, *a, *b));
      } else if (at_a) {
        Note(RowDifference::Kind::kMissing, diff_.missing, a->key());
      } else {
        Note(RowDifference::Kind::kExtra, diff_.extra, b->key());
      }
      Report(1);
      if (at_a) {
        AERIE_ASSIGN(has_a, advance(a));
      }
      if (at_b) {
        AERIE_ASSIGN(has_b, advance(b));
      }
    }
    return Ok();
  }

  bool Decided() const {
    return options_.stop_at_first && diff_.missing + diff_.extra + diff_.changed > 0;
  }

  // Counts a difference. Its example, while there are not enough of its kind.
  RowDifference* Note(RowDifference::Kind kind, std::uint64_t& count, const Key& key) {
    if (count++ >= options_.max_examples) return nullptr;
    diff_.examples.push_back({kind, options_.partition, rows::KeyToText(key), {}});
    return &diff_.examples.back();
  }

  Status NoteChanged(const Context& context, Stream& a, Stream& b) {
    RowDifference* example = Note(RowDifference::Kind::kChanged, diff_.changed, a.key());
    if (example == nullptr) return Ok();
    AERIE_ASSIGN(const Stream::Row left, a.Load(context));
    AERIE_ASSIGN(const Stream::Row right, b.Load(context));
    for (const rows::FieldSchema& field : options_.columns) {
      const rows::Column* x = left.batch->Find(field.name);
      const rows::Column* y = right.batch->Find(field.name);
      if (x == nullptr || y == nullptr) continue;
      const ByteSpan of_x = x->Cell(left.number);
      const ByteSpan of_y = y->Cell(right.number);
      if (x->IsNull(left.number) != y->IsNull(right.number) ||
          !std::equal(of_x.begin(), of_x.end(), of_y.begin(), of_y.end())) {
        example->fields.push_back(field.name);
      }
    }
    return Ok();
  }

  void Report(std::uint64_t rows) {
    constexpr std::uint64_t kEvery = 4096;
    unreported_ += rows;
    if (unreported_ < kEvery) return;
    options_.on_rows(std::exchange(unreported_, 0));
  }

  const PartitionDiffOptions& options_;
  CollectionDiff& diff_;
  std::uint64_t unreported_ = 0;
};

}  // namespace

Status DiffPartition(const Context& context, const DiffSide& left, const DiffSide& right,
                     const PartitionDiffOptions& options, CollectionDiff& diff) {
  return PartitionDiff(options, diff).Run(context, left, right);
}

}  // namespace aerie::transfer
