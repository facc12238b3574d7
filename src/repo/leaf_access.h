// Single leaves of a stored partition: whole, or only what a comparison needs.
//
// A LeafLoader keeps scratch space and belongs to one thread; the source it reads from is shared
// and must outlive it. Trees are walked with TreeCursor (tree_cursor.h).
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/context.h"
#include "repo/blob.h"
#include "repo/patch_blob.h"
#include "repo/tree_page.h"
#include "rows/batch.h"
#include "rows/digest.h"

namespace aerie::repo {

// Keys and row digests of a leaf, row by row.
struct LeafDigests {
  rows::RowBatch keys;  // one column, the primary key
  std::vector<rows::Digest128> digests;
};

// What a comparison needs of each layer of a leaf.
struct LeafLayers {
  rows::RowBatch keys;  // of the base: one column, the primary key
  std::vector<rows::Digest128> digests;
  std::vector<Patch> patches;

  // What the base and the first `patches` patches come to; kCorrupt when they do not fit together.
  Result<LeafDigests> Under(std::size_t patch_count) const;
  // Rows `numbers` of column `column` of the same, `base` being the base's.
  Result<rows::Column> UnderCells(std::size_t patch_count, std::size_t column,
                                  const rows::Column& base,
                                  std::span<const std::uint32_t> numbers) const;
};

// "collection default.docs, partition \"a\"", as messages name a place.
std::string PartitionText(const rows::CollectionName& collection, const std::string& partition);

class LeafLoader {
 public:
  // `columns` is the manifest's list; `where` names the partition (PartitionText).
  LeafLoader(BlobSource& source, std::vector<rows::FieldSchema> columns, std::string partition,
             std::string where);

  // Rows of the leaf, columns in the manifest's order, patches applied. Keys, cells, row digests,
  // their sum, rows and bytes are compared with the stored digests and with `entry`; any difference
  // is kCorrupt naming the place and key range, and the layer where it is one that is damaged.
  Result<rows::RowBatch> Load(const Context& context, const LeafEntry& entry);

  // Whether the entry names each column once; kCorrupt otherwise. Reads nothing.
  Status Check(const LeafEntry& entry) const;

  // Without the base's other columns: keys, count and digest sum are compared with `entry`.
  Result<LeafDigests> LoadDigests(const Context& context, const LeafEntry& entry);
  // The same, layer by layer, and just as much compared.
  Result<LeafLayers> LoadLayers(const Context& context, const LeafEntry& entry);
  // Columns `numbers` of the base, as they were stored.
  Result<std::vector<rows::Column>> LoadBaseColumns(const Context& context, const LeafEntry& entry,
                                                    std::span<const std::size_t> numbers);

 private:
  struct Stored;
  std::string Where(const LeafEntry& entry) const;
  Result<std::vector<Bytes>> LoadBlobs(const Context& context, const LeafEntry& entry,
                                       const std::vector<BlobRef>& refs);
  Result<std::vector<Patch>> DecodePatches(const LeafEntry& entry, std::span<const Bytes> blobs);
  Result<Stored> LoadStored(const Context& context, const LeafEntry& entry);

  BlobSource& source_;
  const std::vector<rows::FieldSchema> columns_;
  const std::size_t key_;  // its position among the columns
  const std::string partition_;
  const std::string where_;
  rows::RowDigester digester_;
};

// Every blob that a leaf names: row digests, key column, the other columns, as they stand in a pack
// when they were stored together, then the patches.
std::vector<BlobRef> LeafBlobs(const LeafEntry& entry,
                               const std::vector<rows::FieldSchema>& columns);

// "patch 2 of 3", "row digests", "column price": what blob number `number` of LeafBlobs is, for
// messages. The leaf has passed LeafLoader::Check.
std::string LeafBlobText(const LeafEntry& entry, const std::vector<rows::FieldSchema>& columns,
                         std::size_t number);

}  // namespace aerie::repo
