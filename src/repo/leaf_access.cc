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
  for (const LeafLayer& layer : entry.layers) {
    refs.push_back({BlobKind::kRowDigests, layer.digests});
    for (const ColumnBlob& column : layer.columns) {
      if (column.column == key) refs.push_back({BlobKind::kColumn, column.name});
    }
    for (const ColumnBlob& column : layer.columns) {
      if (column.column != key) refs.push_back({BlobKind::kColumn, column.name});
    }
  }
  return refs;
}

LeafLoader::LeafLoader(BlobSource& source, std::vector<FieldSchema> columns, std::string partition,
                       std::string where)
    : source_(source),
      columns_(std::move(columns)),
      partition_(std::move(partition)),
      where_(std::move(where)),
      digester_(columns_) {}

std::string LeafLoader::Where(const LeafEntry& entry) const {
  return where_ + ", keys " + RangeText(entry.range.first, entry.range.last);
}

// A leaf has each column of the collection once; LeafBlobs then gives digests, key, the others.
Status LeafLoader::Check(const LeafEntry& entry) const {
  bool whole = entry.layers.size() == 1 && KeyPosition(columns_) < columns_.size() &&
               entry.layers[0].columns.size() == columns_.size();
  for (std::size_t i = 0; whole && i < columns_.size(); ++i) {
    whole = entry.layers[0].columns[i].column == i;
  }
  if (whole) return Ok();
  return Damaged(Where(entry), "the leaf does not have the collection's columns");
}

Result<RowBatch> LeafLoader::Load(const Context& context, const LeafEntry& entry) {
  AERIE_TRY(Check(entry));
  auto blobs = source_.LoadMany(context, LeafBlobs(entry, columns_));
  if (!blobs.ok()) return LoadError(blobs.status(), Where(entry));
  if (blobs->size() != columns_.size() + 1) {
    return InternalError("read " + Where(entry) + ": a blob was not answered for");
  }
  auto stored = DecodeDigests((*blobs)[0]);
  if (!stored.ok()) return LoadError(stored.status(), Where(entry));

  const std::size_t key = KeyPosition(columns_);
  std::vector<Column> columns;
  columns.reserve(columns_.size());
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    Bytes& blob = (*blobs)[i == key ? 1 : i < key ? i + 2 : i + 1];
    auto column = DecodeColumn(columns_[i], std::move(blob));
    if (!column.ok()) {
      return LoadError(column.status(), Where(entry) + ", column " + columns_[i].name);
    }
    if (column->rows() != entry.range.digest.rows) {
      return Damaged(Where(entry), "column " + columns_[i].name + " has " +
                                       std::to_string(column->rows()) + " rows of " +
                                       std::to_string(entry.range.digest.rows));
    }
    columns.push_back(*std::move(column));
  }
  RowBatch batch(partition_, std::move(columns));
  if (Status valid = batch.Validate(); !valid.ok()) return LoadError(valid, Where(entry));
  std::vector<rows::Digest128> digests;
  AERIE_TRY(digester_.DigestRows(batch, digests));
  if (digests != *stored) return Damaged(Where(entry), "rows differ from their digests");
  if (!Fits(batch, digests, entry.range) || PlainBytesOf(batch) != entry.range.bytes) {
    return Damaged(Where(entry), "the rows are not those that the tree describes");
  }
  return batch;
}

Result<LeafDigests> LeafLoader::LoadDigests(const Context& context, const LeafEntry& entry) {
  AERIE_TRY(Check(entry));
  std::vector<BlobRef> refs = LeafBlobs(entry, columns_);
  refs.resize(2);
  auto blobs = source_.LoadMany(context, refs);
  if (!blobs.ok()) return LoadError(blobs.status(), Where(entry));
  if (blobs->size() != refs.size()) {
    return InternalError("read " + Where(entry) + ": a blob was not answered for");
  }
  auto digests = DecodeDigests((*blobs)[0]);
  if (!digests.ok()) return LoadError(digests.status(), Where(entry));
  auto keys = DecodeColumn(columns_[KeyPosition(columns_)], std::move((*blobs)[1]));
  if (!keys.ok()) return LoadError(keys.status(), Where(entry));
  std::vector<Column> columns;
  columns.push_back(*std::move(keys));
  LeafDigests leaf{RowBatch(partition_, std::move(columns)), *std::move(digests)};
  if (Status valid = leaf.keys.Validate(); !valid.ok()) return LoadError(valid, Where(entry));
  if (!Fits(leaf.keys, leaf.digests, entry.range)) {
    return Damaged(Where(entry), "keys and digests are not those that the tree describes");
  }
  return leaf;
}

}  // namespace aerie::repo
