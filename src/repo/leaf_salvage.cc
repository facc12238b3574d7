#include "repo/leaf_salvage.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "repo/column_blob.h"
#include "repo/damage.h"
#include "repo/leaf_access.h"
#include "repo/patch_blob.h"

namespace aerie::repo {
namespace {

using rows::Column;
using rows::Digest128;
using rows::FieldSchema;
using rows::RowBatch;

// More rows than any writer puts in a leaf or leaves below a patch: nothing is made room for them.
constexpr std::uint64_t kMaxRows = std::uint64_t{1} << 22;

// Rows of a batch, by whether each is wanted.
RowBatch Filter(const RowBatch& batch, const std::vector<bool>& wanted) {
  std::vector<Column> columns;
  for (const Column& column : batch.columns()) columns.emplace_back(column.field());
  RowBatch out(batch.partition(), std::move(columns));
  for (std::size_t begin = 0; begin < wanted.size();) {
    std::size_t end = begin + 1;
    while (end < wanted.size() && wanted[end] == wanted[begin]) ++end;
    if (wanted[begin]) out.AppendRows(batch, begin, end);
    begin = end;
  }
  return out;
}

class Salvage {
 public:
  Salvage(BlobSource& source, const std::vector<FieldSchema>& columns, const std::string& partition,
          const LeafEntry& entry)
      : source_(source),
        columns_(columns),
        partition_(partition),
        entry_(entry),
        base_(columns.size()),
        patches_(entry.patches.size()) {}

  Result<SalvagedLeaf> Run(const Context& context) {
    for (std::size_t i = 0; i < columns_.size(); ++i) key_ = columns_[i].primary_key ? i : key_;
    AERIE_TRY(Load(context));
    if (!Layer()) return LoseAll();
    Gather();
    Keep();
    if (!out_.rows.Validate().ok() || !InRange()) return LoseAll();
    FindLost();
    return std::move(out_);
  }

 private:
  // ---- what is there ----

  Result<std::optional<Bytes>> LoadBlob(const Context& context, const BlobRef& ref) {
    auto plain = source_.Load(context, ref);
    if (plain.ok()) return std::optional<Bytes>(*std::move(plain));
    const Kind kind = KindOf(plain.status());
    if (kind != Kind::kCorrupt && kind != Kind::kNotFound) return plain.status();
    NoteDamage(ref, plain.status());
    return std::optional<Bytes>();
  }

  void NoteDamage(const BlobRef& ref, const Status& status) {
    if (out_.damaged.empty()) out_.reason = std::string(status.message());
    out_.damaged.push_back(ref);
  }

  // `out` stays empty where the blob cannot be read or is none.
  template <class T, class Decode>
  Status LoadPart(const Context& context, const BlobRef& ref, const Decode& decode,
                  std::optional<T>& out) {
    AERIE_ASSIGN(std::optional<Bytes> plain, LoadBlob(context, ref));
    if (!plain) return Ok();
    Result<T> part = decode(*std::move(plain));
    if (part.ok())
      out = *std::move(part);
    else
      NoteDamage(ref, part.status());
    return Ok();
  }

  Status Load(const Context& context) {
    AERIE_TRY(LoadPart(
        context, BlobRef{BlobKind::kRowDigests, entry_.base.digests},
        [](const Bytes& plain) { return DecodeDigests(plain); }, base_digests_));
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      AERIE_TRY(LoadPart(
          context, BlobRef{BlobKind::kColumn, entry_.base.columns[i].name},
          [&](Bytes plain) { return DecodeColumn(columns_[i], std::move(plain)); }, base_[i]));
    }
    for (std::size_t i = 0; i < patches_.size(); ++i) {
      AERIE_TRY(LoadPart(
          context, BlobRef{BlobKind::kPatch, entry_.patches[i]},
          [&](const Bytes& plain) { return DecodePatch(columns_, plain); }, patches_[i]));
    }
    return Ok();
  }

  // ---- where each row of the leaf stands ----

  // The first patch above the last one that is lost; 0: none is.
  std::size_t Bottom() const {
    std::size_t bottom = patches_.size();
    while (bottom > 0 && patches_[bottom - 1]) --bottom;
    return bottom;
  }

  // Rows of the base, or of what is below the bottom patch and not known.
  std::optional<std::size_t> BaseRows(std::size_t bottom) {
    if (bottom > 0) {
      base_digests_.reset();
      std::ranges::fill(base_, std::nullopt);
      if (bottom == patches_.size()) return std::nullopt;
      return patches_[bottom]->changes.rows_below;
    }
    if (!patches_.empty()) return patches_[0]->changes.rows_below;
    return static_cast<std::size_t>(entry_.range.digest.rows);
  }

  // False when nothing can be proven.
  bool Layer() {
    const std::size_t bottom = Bottom();
    const auto base_rows = BaseRows(bottom);
    if (!base_rows || *base_rows > kMaxRows || entry_.range.digest.rows > kMaxRows) return false;
    base_rows_ = *base_rows;
    if (base_digests_ && base_digests_->size() != base_rows_) base_digests_.reset();
    for (auto& column : base_) {
      if (column && column->rows() != base_rows_) column.reset();
    }
    for (std::size_t i = bottom; i < patches_.size(); ++i) above_.push_back(&*patches_[i]);
    whole_.emplace(base_rows_);
    for (const Patch* patch : above_) {
      if (!whole_->Apply(patch->changes).ok()) return false;
    }
    return whole_->rows() == entry_.range.digest.rows;
  }

  LayeredRows LayersOf(std::size_t column) const {
    LayeredRows rows(base_rows_);
    for (const Patch* patch : above_) {
      // It fitted when all were applied before.
      (void)rows.Apply(patch->changes,
                       patch->keeps[column] ? LayeredRows::Cells::kKept : LayeredRows::Cells::kOwn);
    }
    return rows;
  }

  // All rows, with nulls for cells that are not there, and which rows have all their cells.
  void Gather() {
    complete_.assign(whole_->rows(), true);
    std::vector<Column> columns;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const LayeredRows rows = LayersOf(i);
      Column missing(columns_[i]);
      if (!base_[i]) {
        for (std::size_t row = 0; row < base_rows_; ++row) missing.AppendNull();
        for (std::size_t row = 0; row < rows.rows(); ++row) {
          if (rows.LayerOf(row) == 0) complete_[row] = false;
        }
      }
      std::vector<const Column*> layers = {base_[i] ? &*base_[i] : &missing};
      for (const Patch* patch : above_) layers.push_back(&patch->columns[i]);
      columns.push_back(rows.Gather(layers));
    }
    all_ = RowBatch(partition_, std::move(columns));
  }

  // ---- what is proven ----

  void Keep() {
    std::vector<Digest128> digests;
    rows::RowDigester digester(columns_);
    const RowBatch candidates = Filter(all_, complete_);
    if (!digester.DigestRows(candidates, digests).ok()) digests.clear();
    proven_.assign(all_.rows(), false);
    rows::RangeDigest sum;
    for (const Digest128& digest : digests) sum.Add(digest);
    if (sum == entry_.range.digest) {
      proven_.assign(all_.rows(), true);
    } else {
      ProveByDigests(digests);
    }
    out_.rows = Filter(all_, proven_);
  }

  void ProveByDigests(const std::vector<Digest128>& computed) {
    const std::vector<Digest128> unknown(base_digests_ ? 0 : base_rows_);
    std::vector<const std::vector<Digest128>*> layers = {base_digests_ ? &*base_digests_
                                                                       : &unknown};
    for (const Patch* patch : above_) layers.push_back(&patch->digests);
    const std::vector<Digest128> stored = whole_->Gather(layers);
    std::size_t next = 0;
    for (std::size_t row = 0; row < stored.size() && next < computed.size(); ++row) {
      if (!complete_[row]) continue;
      const bool known = base_digests_ || whole_->LayerOf(row) != 0;
      proven_[row] = known && computed[next] == stored[row];
      ++next;
    }
  }

  bool InRange() const {
    const std::size_t rows = out_.rows.rows();
    return rows == 0 || (out_.rows.KeyAt(0) >= entry_.range.first &&
                         out_.rows.KeyAt(rows - 1) <= entry_.range.last);
  }

  // ---- what is gone ----

  // Exact where every key is known: runs of rows that follow on each other.
  void FindLost() {
    const std::uint64_t gone = entry_.range.digest.rows - out_.rows.rows();
    if (gone == 0) return;
    const LayeredRows keys = LayersOf(key_);
    bool known = true;
    for (std::size_t row = 0; row < keys.rows() && !base_[key_]; ++row) {
      known = known && keys.LayerOf(row) != 0;
    }
    if (!known) {
      out_.lost.push_back({entry_.range.first, entry_.range.last, gone});
      return;
    }
    for (std::size_t row = 0; row < proven_.size(); ++row) {
      if (proven_[row]) continue;
      if (row == 0 || proven_[row - 1]) out_.lost.push_back({all_.KeyAt(row), {}, 0});
      out_.lost.back().last = all_.KeyAt(row);
      ++out_.lost.back().rows;
    }
  }

  SalvagedLeaf LoseAll() {
    std::vector<Column> none;
    for (const FieldSchema& field : columns_) none.emplace_back(field);
    out_.rows = RowBatch(partition_, std::move(none));
    out_.lost = {{entry_.range.first, entry_.range.last, entry_.range.digest.rows}};
    return std::move(out_);
  }

  BlobSource& source_;
  const std::vector<FieldSchema>& columns_;
  const std::string& partition_;
  const LeafEntry& entry_;
  std::size_t key_ = 0;

  std::optional<std::vector<Digest128>> base_digests_;
  std::vector<std::optional<Column>> base_;
  std::vector<std::optional<Patch>> patches_;

  std::size_t base_rows_ = 0;
  std::vector<const Patch*> above_;   // that are applied
  std::optional<LayeredRows> whole_;  // rows and digests
  RowBatch all_;
  std::vector<bool> complete_;
  std::vector<bool> proven_;
  SalvagedLeaf out_;
};

}  // namespace

Result<SalvagedLeaf> SalvageLeaf(const Context& context, BlobSource& source,
                                 const std::vector<FieldSchema>& columns,
                                 const std::string& partition, const LeafEntry& entry) {
  return Salvage(source, columns, partition, entry).Run(context);
}

}  // namespace aerie::repo
