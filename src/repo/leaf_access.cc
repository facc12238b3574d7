#include "repo/leaf_access.h"

#include <algorithm>
#include <utility>

#include "repo/column_blob.h"
#include "repo/damage.h"

namespace aerie::repo {
namespace {

using rows::Column;
using rows::FieldSchema;
using rows::RowBatch;

std::size_t KeyPosition(const std::vector<FieldSchema>& columns) {
  const auto key = std::find_if(columns.begin(), columns.end(),
                                [](const FieldSchema& field) { return field.primary_key; });
  return static_cast<std::size_t>(key - columns.begin());
}

std::size_t KeyColumn(const std::vector<Column>& columns) {
  const auto key = std::find_if(columns.begin(), columns.end(),
                                [](const Column& c) { return c.field().primary_key; });
  return static_cast<std::size_t>(key - columns.begin());
}

// The number among LeafBlobs of column `column`.
std::size_t BlobNumber(std::size_t column, std::size_t key) {
  if (column == key) return 1;
  return column < key ? column + 2 : column + 1;
}

// A leaf that grew beyond what a column may hold was never written: refused before it is built.
constexpr std::size_t kMaxGathered = std::size_t{1} << 30;

// Where the rows of one column stand after the first patches of `patches`.
Result<LayeredRows> LayersOf(std::size_t base_rows, std::span<const Patch> patches,
                             std::size_t column) {
  LayeredRows rows(base_rows);
  for (const Patch& patch : patches) {
    AERIE_TRY(rows.Apply(
        patch.changes, patch.keeps[column] ? LayeredRows::Cells::kKept : LayeredRows::Cells::kOwn));
  }
  return rows;
}

std::vector<const Column*> LayersOfColumn(const Column& base, std::span<const Patch> patches,
                                          std::size_t column) {
  std::vector<const Column*> layers = {&base};
  for (const Patch& patch : patches) layers.push_back(&patch.columns[column]);
  return layers;
}

Status ApplyPatches(std::span<const Patch> patches, std::size_t key, std::vector<Column>& columns,
                    std::vector<rows::Digest128>& digests) {
  AERIE_ASSIGN(const LayeredRows whole, LayersOf(digests.size(), patches, key));
  std::vector<const std::vector<rows::Digest128>*> digest_layers = {&digests};
  std::size_t bytes = 0;
  for (const Column& column : columns) bytes += column.ByteSize();
  for (const Patch& patch : patches) {
    digest_layers.push_back(&patch.digests);
    bytes += patch.bytes;
  }
  if (bytes > kMaxGathered) return CorruptError("the leaf and its patches are too large");
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const auto layers = LayersOfColumn(columns[i], patches, i);
    const bool kept = std::ranges::any_of(patches, [&](const Patch& p) { return p.keeps[i]; });
    if (kept) {
      AERIE_ASSIGN(const LayeredRows rows, LayersOf(digests.size(), patches, i));
      columns[i] = rows.Gather(layers);
    } else {
      columns[i] = whole.Gather(layers);
    }
  }
  digests = whole.Gather(digest_layers);
  return Ok();
}

// Whether count, sum and end keys are those of the entry.
bool Fits(const RowBatch& keys, const std::vector<rows::Digest128>& digests,
          const RowRange& range) {
  rows::RangeDigest sum;
  for (const rows::Digest128& digest : digests) sum.Add(digest);
  return sum == range.digest && keys.rows() == digests.size() && keys.rows() != 0 &&
         keys.KeyAt(0) == range.first && keys.KeyAt(keys.rows() - 1) == range.last;
}

std::uint64_t PlainBytesOf(const RowBatch& batch) {
  std::uint64_t bytes = 0;
  for (const Column& column : batch.columns()) bytes += PlainBytes(column, 0, column.rows());
  return bytes;
}

}  // namespace

std::string PartitionText(const rows::CollectionName& collection, const std::string& partition) {
  return "collection " + collection.ToString() + ", partition \"" + partition + "\"";
}

std::vector<BlobRef> LeafBlobs(const LeafEntry& entry, const std::vector<FieldSchema>& columns) {
  std::vector<BlobRef> refs;
  const std::size_t key = KeyPosition(columns);
  refs.push_back({BlobKind::kRowDigests, entry.base.digests});
  for (const ColumnBlob& column : entry.base.columns) {
    if (column.column == key) refs.push_back({BlobKind::kColumn, column.name});
  }
  for (const ColumnBlob& column : entry.base.columns) {
    if (column.column != key) refs.push_back({BlobKind::kColumn, column.name});
  }
  for (const BlobName& patch : entry.patches) refs.push_back({BlobKind::kPatch, patch});
  return refs;
}

std::string LeafBlobText(const LeafEntry& entry, const std::vector<FieldSchema>& columns,
                         std::size_t number) {
  if (number == 0) return "row digests";
  if (number > columns.size()) {
    return "patch " + std::to_string(number - columns.size()) + " of " +
           std::to_string(entry.patches.size());
  }
  const std::size_t key = KeyPosition(columns);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (BlobNumber(i, key) == number) return "column " + columns[i].name;
  }
  return "blob " + std::to_string(number);
}

Result<LeafDigests> LeafLayers::Under(std::size_t patch_count) const {
  const auto below = std::span(patches).first(patch_count);
  const std::size_t key = below.empty() ? 0 : KeyColumn(below.front().columns);
  AERIE_ASSIGN(const LayeredRows rows, LayersOf(digests.size(), below, key));
  std::vector<const std::vector<rows::Digest128>*> digest_layers = {&digests};
  for (const Patch& patch : below) digest_layers.push_back(&patch.digests);
  std::vector<Column> columns;
  columns.push_back(rows.Gather(LayersOfColumn(keys.key_column(), below, key)));
  LeafDigests leaf{RowBatch(keys.partition(), std::move(columns)), rows.Gather(digest_layers)};
  AERIE_TRY(leaf.keys.Validate());
  return leaf;
}

Result<Column> LeafLayers::UnderCells(std::size_t patch_count, std::size_t column,
                                      const Column& base,
                                      std::span<const std::uint32_t> numbers) const {
  const auto below = std::span(patches).first(patch_count);
  AERIE_ASSIGN(const LayeredRows rows, LayersOf(base.rows(), below, column));
  const Column all = rows.Gather(LayersOfColumn(base, below, column));
  Column cells(base.field());
  for (const std::uint32_t number : numbers) cells.AppendRange(all, number, number + 1);
  return cells;
}

LeafLoader::LeafLoader(BlobSource& source, std::vector<FieldSchema> columns, std::string partition,
                       std::string where)
    : source_(source),
      columns_(std::move(columns)),
      key_(KeyPosition(columns_)),
      partition_(std::move(partition)),
      where_(std::move(where)),
      digester_(columns_) {}

std::string LeafLoader::Where(const LeafEntry& entry) const {
  return where_ + ", keys " + RangeText(entry.range.first, entry.range.last);
}

// A leaf has each column of the collection once; LeafBlobs then gives digests, key, the others.
Status LeafLoader::Check(const LeafEntry& entry) const {
  bool whole = key_ < columns_.size() && entry.base.columns.size() == columns_.size();
  for (std::size_t i = 0; whole && i < columns_.size(); ++i) {
    whole = entry.base.columns[i].column == i;
  }
  if (whole) return Ok();
  return Damaged(Where(entry), "the leaf does not have the collection's columns");
}

// Blobs of the leaf, all or the first of LeafBlobs and the last. Says which one is damaged.
Result<std::vector<Bytes>> LeafLoader::LoadBlobs(const Context& context, const LeafEntry& entry,
                                                 const std::vector<BlobRef>& refs) {
  auto blobs = source_.LoadMany(context, refs);
  if (blobs.ok()) {
    if (blobs->size() == refs.size()) return blobs;
    return InternalError("read " + Where(entry) + ": a blob was not answered for");
  }
  if (entry.patches.empty()) return LoadError(blobs.status(), Where(entry));
  const std::size_t all = columns_.size() + 1 + entry.patches.size();
  const std::size_t first_patch = refs.size() - entry.patches.size();
  for (std::size_t i = 0; i < refs.size(); ++i) {
    const Status status = source_.Load(context, refs[i]).status();
    if (status.ok()) continue;
    const std::size_t number = i < first_patch ? i : all - refs.size() + i;
    return LoadError(status, Where(entry) + ", " + LeafBlobText(entry, columns_, number));
  }
  return LoadError(blobs.status(), Where(entry));
}

Result<std::vector<Patch>> LeafLoader::DecodePatches(const LeafEntry& entry,
                                                     std::span<const Bytes> blobs) {
  std::vector<Patch> patches;
  patches.reserve(blobs.size());
  for (std::size_t i = 0; i < blobs.size(); ++i) {
    auto patch = DecodePatch(columns_, blobs[i]);
    if (!patch.ok()) {
      return LoadError(patch.status(), Where(entry) + ", " +
                                           LeafBlobText(entry, columns_, columns_.size() + 1 + i));
    }
    patches.push_back(*std::move(patch));
  }
  return patches;
}

// Rows of a leaf and their digests as they were stored, layers applied, nothing compared.
struct LeafLoader::Stored {
  std::vector<Column> columns;
  std::vector<rows::Digest128> digests;
};

Result<LeafLoader::Stored> LeafLoader::LoadStored(const Context& context, const LeafEntry& entry) {
  AERIE_ASSIGN(auto blobs, LoadBlobs(context, entry, LeafBlobs(entry, columns_)));
  Stored stored;
  auto digests = DecodeDigests(blobs[0]);
  if (!digests.ok()) return LoadError(digests.status(), Where(entry));
  stored.digests = *std::move(digests);
  stored.columns.reserve(columns_.size());
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    auto column = DecodeColumn(columns_[i], std::move(blobs[BlobNumber(i, key_)]));
    if (!column.ok()) {
      return LoadError(column.status(), Where(entry) + ", column " + columns_[i].name);
    }
    if (column->rows() != stored.digests.size()) {
      return Damaged(Where(entry), "column " + columns_[i].name + " has " +
                                       std::to_string(column->rows()) + " rows, the digests " +
                                       std::to_string(stored.digests.size()));
    }
    stored.columns.push_back(*std::move(column));
  }
  if (entry.patches.empty()) return stored;
  AERIE_ASSIGN(const auto patches,
               DecodePatches(entry, std::span(blobs).subspan(columns_.size() + 1)));
  if (Status applied = ApplyPatches(patches, key_, stored.columns, stored.digests); !applied.ok()) {
    return LoadError(applied, Where(entry));
  }
  return stored;
}

Result<RowBatch> LeafLoader::Load(const Context& context, const LeafEntry& entry) {
  AERIE_TRY(Check(entry));
  AERIE_ASSIGN(Stored stored, LoadStored(context, entry));
  RowBatch batch(partition_, std::move(stored.columns));
  if (Status valid = batch.Validate(); !valid.ok()) return LoadError(valid, Where(entry));
  std::vector<rows::Digest128> digests;
  AERIE_TRY(digester_.DigestRows(batch, digests));
  if (digests != stored.digests) return Damaged(Where(entry), "rows differ from their digests");
  if (!Fits(batch, digests, entry.range) || PlainBytesOf(batch) != entry.range.bytes) {
    return Damaged(Where(entry), "the rows are not those that the tree describes");
  }
  return batch;
}

Result<LeafLayers> LeafLoader::LoadLayers(const Context& context, const LeafEntry& entry) {
  AERIE_TRY(Check(entry));
  std::vector<BlobRef> refs = LeafBlobs(entry, columns_);
  refs.erase(refs.begin() + 2, refs.begin() + static_cast<std::ptrdiff_t>(columns_.size() + 1));
  AERIE_ASSIGN(auto blobs, LoadBlobs(context, entry, refs));
  auto digests = DecodeDigests(blobs[0]);
  if (!digests.ok()) return LoadError(digests.status(), Where(entry));
  auto keys = DecodeColumn(columns_[key_], std::move(blobs[1]));
  if (!keys.ok()) return LoadError(keys.status(), Where(entry));
  if (keys->rows() != digests->size()) {
    return Damaged(Where(entry), "there are not as many keys as digests");
  }
  std::vector<Column> columns;
  columns.push_back(*std::move(keys));
  LeafLayers layers{RowBatch(partition_, std::move(columns)), *std::move(digests), {}};
  AERIE_ASSIGN(layers.patches, DecodePatches(entry, std::span(blobs).subspan(2)));
  const auto leaf = layers.Under(layers.patches.size());
  if (!leaf.ok()) return LoadError(leaf.status(), Where(entry));
  if (!Fits(leaf->keys, leaf->digests, entry.range)) {
    return Damaged(Where(entry), "keys and digests are not those that the tree describes");
  }
  return layers;
}

Result<std::vector<Column>> LeafLoader::LoadBaseColumns(const Context& context,
                                                        const LeafEntry& entry,
                                                        std::span<const std::size_t> numbers) {
  std::vector<BlobRef> refs;
  for (const std::size_t number : numbers) {
    refs.push_back({BlobKind::kColumn, entry.base.columns[number].name});
  }
  auto blobs = source_.LoadMany(context, refs);
  if (!blobs.ok()) return LoadError(blobs.status(), Where(entry));
  std::vector<Column> columns;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    auto column = DecodeColumn(columns_[numbers[i]], std::move((*blobs)[i]));
    if (!column.ok()) return LoadError(column.status(), Where(entry));
    columns.push_back(*std::move(column));
  }
  return columns;
}

Result<LeafDigests> LeafLoader::LoadDigests(const Context& context, const LeafEntry& entry) {
  AERIE_ASSIGN(LeafLayers layers, LoadLayers(context, entry));
  if (layers.patches.empty()) return LeafDigests{std::move(layers.keys), std::move(layers.digests)};
  return layers.Under(layers.patches.size());
}

}  // namespace aerie::repo
