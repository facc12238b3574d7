// One leaf of a stored partition into another repository: its blobs decoded, compared, and stored
// anew under the names that they have there.
//
// Layers stay as they are, so that a copy costs what the original costs, in bytes and in reading.
// A LeafCopier belongs to one thread; source and sink are shared and must outlive it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/context.h"
#include "repo/blob.h"
#include "repo/leaf_access.h"
#include "repo/tree_page.h"

namespace aerie::repo {

// Of a leaf's layers, those that the target has: its base, and the first of its patches.
struct CopiedLayers {
  LeafLayer base;
  std::vector<BlobName> patches;
};

class LeafCopier {
 public:
  // `columns` is the manifest's list; `where` names the partition (PartitionText).
  LeafCopier(BlobSource& source, BlobSink& sink, std::vector<rows::FieldSchema> columns,
             std::string partition, std::string where);

  // The leaf as the target has it from now on. Without `known` every row is put together and
  // compared with its digest; with it, keys and digests of what the layers come to. kCorrupt names
  // place and layer.
  Result<LeafEntry> Copy(const Context& context, const LeafEntry& entry,
                         const std::optional<CopiedLayers>& known);

 private:
  Result<LeafLayer> StoreBase(const Context& context, const LeafEntry& entry,
                              const std::vector<Bytes>& blobs);

  BlobSource& source_;
  BlobSink& sink_;
  const std::vector<rows::FieldSchema> columns_;
  const std::string partition_;
  const std::string where_;
};

}  // namespace aerie::repo
