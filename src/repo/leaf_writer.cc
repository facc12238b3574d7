#include "repo/leaf_writer.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "repo/leaf_access.h"
#include "repo/leaf_cutter.h"
#include "repo/patch_plan.h"

namespace aerie::repo {
namespace {

using rows::Digest128;

std::size_t CountRows(std::span<const Piece> pieces) {
  std::size_t rows = 0;
  for (const Piece& piece : pieces) rows += piece.end - piece.begin;
  return rows;
}

std::vector<ColumnPiece> ColumnOf(std::span<const Piece> pieces, std::size_t column) {
  std::vector<ColumnPiece> result;
  result.reserve(pieces.size());
  for (const Piece& piece : pieces) {
    result.push_back({piece.batch->columns[column], piece.begin, piece.end});
  }
  return result;
}

std::uint64_t PlainBytesOf(std::span<const Piece> pieces) {
  std::uint64_t bytes = 0;
  for (const Piece& piece : pieces) {
    for (const rows::Column* column : piece.batch->columns) {
      bytes += PlainBytes(*column, piece.begin, piece.end);
    }
  }
  return bytes;
}

RowRange RangeOf(std::span<const Piece> pieces, std::span<const Digest128> digests) {
  RowRange range;
  range.first = pieces.front().batch->batch.KeyAt(pieces.front().begin);
  range.last = pieces.back().batch->batch.KeyAt(pieces.back().end - 1);
  for (const Digest128& digest : digests) range.digest.Add(digest);
  range.bytes = PlainBytesOf(pieces);
  return range;
}

// The rows at ascending places, counted over all pieces.
std::vector<Piece> Select(std::span<const Piece> pieces, std::span<const std::uint32_t> places) {
  std::vector<Piece> selected;
  std::size_t passed = 0;
  auto piece = pieces.begin();
  for (const std::size_t place : places) {
    while (place >= passed + (piece->end - piece->begin)) {
      passed += piece->end - piece->begin;
      ++piece;
    }
    const std::size_t row = piece->begin + (place - passed);
    const bool follows =
        !selected.empty() && selected.back().batch == piece->batch && selected.back().end == row;
    if (follows)
      ++selected.back().end;
    else
      selected.push_back({piece->batch, row, row + 1});
  }
  return selected;
}

std::vector<std::vector<Piece>> CutAgain(std::span<const Piece> pieces, std::uint32_t leaf_bits) {
  std::vector<std::vector<Piece>> leaves(1);
  const auto add = [&](const Piece& piece, std::size_t begin, std::size_t end) {
    if (begin != end) leaves.back().push_back({piece.batch, begin, end});
  };
  LeafCutter cutter(leaf_bits);
  for (const Piece& piece : pieces) {
    std::vector<std::size_t> ends;
    cutter.Cut(piece.batch->batch, piece.begin, piece.end, ends);
    std::size_t begin = piece.begin;
    for (const std::size_t end : ends) {
      add(piece, begin, end);
      leaves.emplace_back();
      begin = end;
    }
    add(piece, begin, piece.end);
  }
  if (leaves.back().empty()) leaves.pop_back();
  return leaves;
}

LayeredSize SizeWith(const LeafLayers& layers, std::size_t keep, const RowChanges& changes,
                     std::span<const Piece> changed, const RowRange& range) {
  LayeredSize size;
  const std::size_t placed = changes.places.size();
  size.rows = range.digest.rows;
  size.bytes = range.bytes + size.rows * sizeof(Digest128);
  size.stored_rows = layers.digests.size() + placed;
  size.patch_bytes = PlainBytesOf(changed) + placed * sizeof(Digest128);
  for (const repo::Patch& patch : std::span(layers.patches).first(keep)) {
    size.stored_rows += patch.digests.size();
    size.patch_bytes += patch.bytes;
  }
  return size;
}

// Whether the patches kept and the new one give these digests.
bool GivesBack(const LeafDigests& below, const RowChanges& changes,
               std::span<const Digest128> digests) {
  LayeredRows rows(below.digests.size());
  if (!rows.Apply(changes).ok()) return false;
  std::vector<Digest128> placed;
  for (const std::uint32_t place : changes.places) placed.push_back(digests[place]);
  const std::vector<const std::vector<Digest128>*> layers = {&below.digests, &placed};
  return std::ranges::equal(rows.Gather(layers), digests);
}

}  // namespace

Result<std::vector<LeafEntry>> LeafWriter::Write(const Context& context,
                                                 const PartitionShape& shape,
                                                 const LeafRows& rows) {
  AERIE_TRY(Digest(shape, rows));
  if (!rows.old) return StoreWhole(context, shape, rows);
  const RowRange range = RangeOf(rows.pieces, digests_);
  AERIE_ASSIGN(std::optional<LeafEntry> entry, range == rows.old->range
                                                   ? Reuse(context, shape, rows)
                                                   : Patch(context, shape, rows, range));
  if (!entry) return StoreWhole(context, shape, rows);
  return std::vector<LeafEntry>{*std::move(entry)};
}

Status LeafWriter::Digest(const PartitionShape& shape, const LeafRows& rows) {
  rows::RowDigester digester(shape.columns);
  digests_.clear();
  digests_.reserve(CountRows(rows.pieces));
  for (const Piece& piece : rows.pieces) {
    AERIE_TRY(digester.AppendDigests(piece.batch->batch, piece.begin, piece.end, digests_));
  }
  return Ok();
}

bool LeafWriter::AllKnown(const LeafEntry& entry, const PartitionShape& shape) const {
  if (!options_.known) return true;
  return std::ranges::all_of(LeafBlobs(entry, shape.columns), options_.known);
}

// The leaf as it was. One without patches is given to the sink all the same, which stores what is
// missing of it.
Result<std::optional<LeafEntry>> LeafWriter::Reuse(const Context& context,
                                                   const PartitionShape& shape,
                                                   const LeafRows& rows) {
  if (!rows.old->patches.empty()) {
    return AllKnown(*rows.old, shape) ? rows.old : std::optional<LeafEntry>();
  }
  AERIE_ASSIGN(LeafEntry entry, StoreLeaf(context, shape, rows.pieces, digests_));
  return std::optional<LeafEntry>(std::move(entry));
}

// nullopt: better stored whole.
Result<std::optional<LeafEntry>> LeafWriter::Patch(const Context& context,
                                                   const PartitionShape& shape,
                                                   const LeafRows& rows, const RowRange& range) {
  const std::optional<LeafEntry> none;
  const LeafEntry& old = *rows.old;
  if (!AllKnown(old, shape)) return none;
  LeafLoader loader(*options_.before, shape.columns, "", shape.where);
  auto layers = loader.LoadLayers(context, old);
  if (const Kind kind = KindOf(layers.status());
      kind == Kind::kCorrupt || kind == Kind::kUnsupported) {
    log::Warn("the leaf before cannot be read; storing this one whole",
              {{"reason", std::string(layers.status().message())}});
    return none;
  }
  AERIE_TRY(layers.status());

  const auto keys = ColumnOf(rows.pieces, shape.key_column);
  const PatchLimits limits = LimitsOf(old);
  std::vector<std::size_t> sizes;
  for (const repo::Patch& patch : layers->patches) sizes.push_back(patch.changes.count());
  AERIE_ASSIGN(LeafDigests below, layers->Under(sizes.size()));
  RowChanges changes = FindChanges(below, keys, digests_);
  const std::size_t keep = PatchesToKeep(sizes, changes.count(), limits.fan);
  if (keep != sizes.size()) {
    AERIE_ASSIGN(below, layers->Under(keep));
    changes = FindChanges(below, keys, digests_);
  }
  const std::vector<Piece> changed = Select(rows.pieces, changes.places);
  if (TooLayered(SizeWith(*layers, keep, changes, changed, range), limits)) return none;
  if (!GivesBack(below, changes, digests_)) {
    return InternalError("the patch does not give the rows back; test this machine's memory");
  }
  AERIE_ASSIGN(const BlobName name, StorePatch(context, shape, changed, changes));
  LeafEntry entry{range, old.base, old.patches};
  entry.patches.resize(keep);
  entry.patches.push_back(name);
  return std::optional<LeafEntry>(std::move(entry));
}

Result<BlobName> LeafWriter::StorePatch(const Context& context, const PartitionShape& shape,
                                        std::span<const Piece> changed, const RowChanges& changes) {
  std::vector<Digest128> digests;
  for (const std::uint32_t place : changes.places) digests.push_back(digests_[place]);
  std::vector<std::vector<ColumnPiece>> pieces;
  for (std::size_t i = 0; i < shape.columns.size(); ++i) pieces.push_back(ColumnOf(changed, i));
  const EncodingHint hint = EncodePatch(changes, digests, pieces, patch_blob_);
  AERIE_ASSIGN(const AddResult added, sink_.Add(context, BlobKind::kPatch, patch_blob_, hint));
  return added.name;
}

Result<std::vector<LeafEntry>> LeafWriter::StoreWhole(const Context& context,
                                                      const PartitionShape& shape,
                                                      const LeafRows& rows) {
  std::vector<LeafEntry> entries;
  if (rows.leaf_bits == 0) {
    AERIE_ASSIGN(entries.emplace_back(), StoreLeaf(context, shape, rows.pieces, digests_));
    return entries;
  }
  std::size_t at = 0;
  for (const std::vector<Piece>& pieces : CutAgain(rows.pieces, rows.leaf_bits)) {
    const std::size_t count = CountRows(pieces);
    AERIE_ASSIGN(entries.emplace_back(),
                 StoreLeaf(context, shape, pieces, Digests(digests_).subspan(at, count)));
    at += count;
  }
  return entries;
}

// The leaf's blobs in the order they stand in a pack: what a comparison reads (digests, keys)
// comes first, then the other columns.
Result<LeafEntry> LeafWriter::StoreLeaf(const Context& context, const PartitionShape& shape,
                                        std::span<const Piece> pieces, Digests digests) {
  LeafEntry entry;
  entry.range = RangeOf(pieces, digests);
  const std::size_t columns = shape.columns.size();
  const std::size_t key = shape.key_column;
  std::vector<BlobItem> items(columns + 1);
  const auto item_of = [&](std::size_t column) {
    return column == key ? 1 : column < key ? column + 2 : column + 1;
  };
  EncodeDigests(digests, digest_blob_);
  items[0] = {BlobKind::kRowDigests, digest_blob_, {}};
  if (columns_.size() < columns) columns_.resize(columns);
  for (std::size_t i = 0; i < columns; ++i) {
    const EncodingHint hint = EncodeColumn(ColumnOf(pieces, i), columns_[i]);
    items[item_of(i)] = {BlobKind::kColumn, columns_[i], hint};
  }
  AERIE_ASSIGN(const std::vector<AddResult> added, sink_.AddMany(context, items));
  if (added.size() != items.size()) return InternalError("a blob was not answered for");

  entry.base.digests = added[0].name;
  for (std::size_t i = 0; i < columns; ++i) {
    entry.base.columns.push_back({static_cast<std::uint32_t>(i), added[item_of(i)].name});
  }
  return entry;
}

}  // namespace aerie::repo
