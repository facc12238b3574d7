// Single leaves of a stored partition: whole, or only what a comparison needs.
//
// A LeafLoader keeps scratch space and belongs to one thread; the source it reads from is shared
// and must outlive it. Trees are walked with TreeCursor (tree_cursor.h).
#pragma once

#include <string>
#include <vector>

#include "base/context.h"
#include "repo/blob.h"
#include "repo/tree_page.h"
#include "rows/batch.h"
#include "rows/digest.h"

namespace aerie::repo {

// Keys and row digests of a leaf, row by row.
struct LeafDigests {
  rows::RowBatch keys;  // one column, the primary key
  std::vector<rows::Digest128> digests;
};

// "collection default.docs, partition \"a\"", as messages name a place.
std::string PartitionText(const rows::CollectionName& collection, const std::string& partition);

class LeafLoader {
 public:
  // `columns` is the manifest's list; `where` names the partition (PartitionText).
  LeafLoader(BlobSource& source, std::vector<rows::FieldSchema> columns, std::string partition,
             std::string where);

  // Rows of the leaf, columns in the manifest's order. Keys, cells, row digests, their sum, rows
  // and bytes are compared with the digest blob and with `entry`; any difference is kCorrupt
  // naming the place and key range.
  Result<rows::RowBatch> Load(const Context& context, const LeafEntry& entry);

  // Whether the entry names each column once; kCorrupt otherwise. Reads nothing.
  Status Check(const LeafEntry& entry) const;

  // Without the other columns: keys, count and digest sum are compared with `entry`.
  Result<LeafDigests> LoadDigests(const Context& context, const LeafEntry& entry);

 private:
  std::string Where(const LeafEntry& entry) const;

  BlobSource& source_;
  const std::vector<rows::FieldSchema> columns_;
  const std::string partition_;
  const std::string where_;
  rows::RowDigester digester_;
};

// Blobs of a leaf, in the order in which they stand in a pack when they were stored together.
std::vector<BlobRef> LeafBlobs(const LeafEntry& entry,
                               const std::vector<rows::FieldSchema>& columns);

}  // namespace aerie::repo
