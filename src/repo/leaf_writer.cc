#include "repo/leaf_writer.h"

#include <algorithm>
#include <iterator>
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

// Cells that are larger than what an update mostly changes, so that to keep them is worth while:
// vectors, text, JSON. All others are small enough to be read again and compared.
bool MayBeKept(const rows::FieldSchema& field) {
  return !field.primary_key && (rows::IsVector(field.type) || rows::CellWidth(field) == 0);
}

std::size_t PlainBytesOf(std::span<const PatchColumn> columns) {
  std::size_t bytes = 0;
  for (const PatchColumn& column : columns) {
    for (const ColumnPiece& piece : column.pieces) {
      bytes += PlainBytes(*piece.column, piece.begin, piece.end);
    }
  }
  return bytes;
}

// What a patch is laid over.
struct Below {
  const LeafLayers& layers;
  std::size_t keep = 0;  // of the patches
  LeafDigests rows;
};

LayeredSize SizeWith(const Below& below, const RowChanges& changes,
                     std::span<const PatchColumn> columns, const RowRange& range) {
  LayeredSize size;
  const std::size_t placed = changes.places.size();
  size.rows = range.digest.rows;
  size.bytes = range.bytes + size.rows * sizeof(Digest128);
  size.stored_rows = below.layers.digests.size() + placed;
  size.patch_bytes = PlainBytesOf(columns) + placed * sizeof(Digest128);
  for (const repo::Patch& patch : std::span(below.layers.patches).first(below.keep)) {
    size.stored_rows += patch.digests.size();
    size.patch_bytes += patch.bytes;
  }
  return size;
}

std::vector<std::uint32_t> PlacesOf(const RowChanges& changes,
                                    std::span<const std::uint32_t> numbers) {
  std::vector<std::uint32_t> places;
  places.reserve(numbers.size());
  for (const std::uint32_t number : numbers) places.push_back(changes.places[number]);
  return places;
}

// The cells that the patch has to hold.
std::vector<PatchColumn> PatchColumns(const PartitionShape& shape, std::span<const Piece> pieces,
                                      const RowChanges& changes) {
  std::vector<std::uint32_t> others;
  std::ranges::set_difference(changes.places, PlacesOf(changes, changes.keepers),
                              std::back_inserter(others));
  const std::vector<Piece> all = Select(pieces, changes.places);
  const std::vector<Piece> whole = Select(pieces, others);
  std::vector<PatchColumn> columns(shape.columns.size());
  for (std::size_t i = 0; i < columns.size(); ++i) {
    columns[i].keeps = !changes.keepers.empty() && MayBeKept(shape.columns[i]);
    columns[i].pieces = ColumnOf(columns[i].keeps ? whole : all, i);
    // An empty piece says how cells are laid out.
    if (columns[i].pieces.empty()) columns[i].pieces = {{pieces.front().batch->columns[i], 0, 0}};
  }
  return columns;
}

std::vector<rows::Column> CellsAt(const PartitionShape& shape, std::span<const Piece> pieces,
                                  std::span<const std::uint32_t> places) {
  std::vector<rows::Column> columns(shape.columns.begin(), shape.columns.end());
  for (const Piece& piece : Select(pieces, places)) {
    for (std::size_t i = 0; i < columns.size(); ++i) {
      columns[i].AppendRange(*piece.batch->columns[i], piece.begin, piece.end);
    }
  }
  return columns;
}

// Leaves as keepers those of the changed rows whose large cells are the same as below. Large cells
// are not read for it: a row of the new large and the old small cells that has the old row's digest
// proves it. `load` gives columns of the base.
template <class Load>
Status ProveKeepers(const PartitionShape& shape, std::span<const Piece> pieces, const Below& below,
                    const Load& load, RowChanges& changes) {
  const std::vector<std::uint32_t> changed = std::exchange(changes.keepers, {});
  const std::vector<std::uint32_t> numbers = std::exchange(changes.kept, {});
  std::vector<std::size_t> small;
  for (std::size_t i = 0; i < shape.columns.size(); ++i) {
    if (i != shape.key_column && !MayBeKept(shape.columns[i])) small.push_back(i);
  }
  const bool any_large = small.size() + 1 < shape.columns.size();
  if (changed.empty() || small.empty() || !any_large) return Ok();

  std::vector<rows::Column> mixed = CellsAt(shape, pieces, PlacesOf(changes, changed));
  AERIE_ASSIGN(const std::vector<rows::Column> bases, load(small));
  for (std::size_t i = 0; i < small.size(); ++i) {
    if (bases[i].rows() != below.layers.digests.size()) {
      return CorruptError("a column of the leaf before is not as long as its digests");
    }
    AERIE_ASSIGN(mixed[small[i]], below.layers.UnderCells(below.keep, small[i], bases[i], numbers));
  }
  std::vector<Digest128> digests;
  rows::RowDigester digester(shape.columns);
  AERIE_TRY(digester.DigestRows(rows::RowBatch("", std::move(mixed)), digests));
  for (std::size_t i = 0; i < changed.size(); ++i) {
    if (digests[i] != below.rows.digests[numbers[i]]) continue;
    changes.keepers.push_back(changed[i]);
    changes.kept.push_back(numbers[i]);
  }
  return Ok();
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
  if (!AllKnown(*rows.old, shape)) return std::optional<LeafEntry>();
  auto patched = LayPatch(context, shape, rows, range);
  const Kind kind = KindOf(patched.status());
  if (kind != Kind::kCorrupt && kind != Kind::kUnsupported) return patched;
  log::Warn("the leaf before cannot be read; storing this one whole",
            {{"reason", std::string(patched.status().message())}});
  return std::optional<LeafEntry>();
}

Result<std::optional<LeafEntry>> LeafWriter::LayPatch(const Context& context,
                                                      const PartitionShape& shape,
                                                      const LeafRows& rows, const RowRange& range) {
  const LeafEntry& old = *rows.old;
  LeafLoader loader(*options_.before, shape.columns, "", shape.where);
  AERIE_ASSIGN(const LeafLayers layers, loader.LoadLayers(context, old));
  const auto keys = ColumnOf(rows.pieces, shape.key_column);
  const PatchLimits limits = LimitsOf(old);
  std::vector<std::size_t> sizes;
  for (const repo::Patch& patch : layers.patches) sizes.push_back(patch.changes.count());
  Below below{.layers = layers, .keep = sizes.size(), .rows = {}};
  AERIE_ASSIGN(below.rows, layers.Under(below.keep));
  RowChanges changes = FindChanges(below.rows, keys, digests_);
  below.keep = PatchesToKeep(sizes, changes.count(), limits.fan);
  if (below.keep != sizes.size()) {
    AERIE_ASSIGN(below.rows, layers.Under(below.keep));
    changes = FindChanges(below.rows, keys, digests_);
  }
  const auto load = [&](std::span<const std::size_t> columns) {
    return loader.LoadBaseColumns(context, old, columns);
  };
  AERIE_TRY(ProveKeepers(shape, rows.pieces, below, load, changes));
  const std::vector<PatchColumn> columns = PatchColumns(shape, rows.pieces, changes);
  if (TooLayered(SizeWith(below, changes, columns, range), limits)) {
    return std::optional<LeafEntry>();
  }
  if (!GivesBack(below.rows, changes, digests_)) {
    return InternalError("the patch does not give the rows back; test this machine's memory");
  }
  AERIE_ASSIGN(const BlobName name, StorePatch(context, changes, columns));
  LeafEntry entry{range, old.base, old.patches};
  entry.patches.resize(below.keep);
  entry.patches.push_back(name);
  return std::optional<LeafEntry>(std::move(entry));
}

Result<BlobName> LeafWriter::StorePatch(const Context& context, const RowChanges& changes,
                                        std::span<const PatchColumn> columns) {
  std::vector<Digest128> digests;
  for (const std::uint32_t place : changes.places) digests.push_back(digests_[place]);
  const EncodingHint hint = EncodePatch(changes, digests, columns, patch_blob_);
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
