// Stores the rows of one stretch of keys: as one leaf, as a patch over the leaf that was there, or
// as several leaves.
//
// A writer keeps buffers from call to call and belongs to one thread; what it is given by reference
// must outlive it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/context.h"
#include "repo/blob.h"
#include "repo/column_blob.h"
#include "repo/patch_blob.h"
#include "repo/tree_api.h"
#include "repo/tree_page.h"
#include "rows/batch.h"
#include "rows/digest.h"

namespace aerie::repo {

// A batch and its columns in the order of the collection's.
struct SharedBatch {
  explicit SharedBatch(rows::RowBatch rows) : batch(std::move(rows)) {}
  rows::RowBatch batch;
  std::vector<const rows::Column*> columns;
};

// Rows [begin, end) of a batch that several leaves share.
struct Piece {
  std::shared_ptr<const SharedBatch> batch;
  std::size_t begin = 0;
  std::size_t end = 0;
};

struct PartitionShape {
  std::string where;  // for messages
  std::vector<rows::FieldSchema> columns;
  std::size_t key_column = 0;
};

struct LeafRows {
  std::vector<Piece> pieces;  // ascending, not empty
  // The leaf that held these keys before; a patch may be laid over it.
  std::optional<LeafEntry> old;
  // Where a leaf ends within the rows when they are stored whole; 0: nowhere.
  std::uint32_t leaf_bits = 0;
};

class LeafWriter {
 public:
  LeafWriter(BlobSink& sink, const LeafPoolOptions& options) : sink_(sink), options_(options) {}

  // The leaves, in key order.
  Result<std::vector<LeafEntry>> Write(const Context& context, const PartitionShape& shape,
                                       const LeafRows& rows);

 private:
  using Digests = std::span<const rows::Digest128>;
  Status Digest(const PartitionShape& shape, const LeafRows& rows);
  Result<std::optional<LeafEntry>> Reuse(const Context& context, const PartitionShape& shape,
                                         const LeafRows& rows);
  Result<std::optional<LeafEntry>> Patch(const Context& context, const PartitionShape& shape,
                                         const LeafRows& rows, const RowRange& range);
  Result<std::optional<LeafEntry>> LayPatch(const Context& context, const PartitionShape& shape,
                                            const LeafRows& rows, const RowRange& range);
  Result<BlobName> StorePatch(const Context& context, const RowChanges& changes,
                              std::span<const PatchColumn> columns);
  Result<std::vector<LeafEntry>> StoreWhole(const Context& context, const PartitionShape& shape,
                                            const LeafRows& rows);
  Result<LeafEntry> StoreLeaf(const Context& context, const PartitionShape& shape,
                              std::span<const Piece> pieces, Digests digests);
  bool AllKnown(const LeafEntry& entry, const PartitionShape& shape) const;

  BlobSink& sink_;
  const LeafPoolOptions& options_;
  std::vector<rows::Digest128> digests_;  // of all rows of a call
  Bytes digest_blob_;
  Bytes patch_blob_;
  std::vector<Bytes> columns_;
};

}  // namespace aerie::repo
