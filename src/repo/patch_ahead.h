// Reads the patches of neighbouring leaves together.
//
// One snapshot's patches stand side by side in its packs, but each leaf needs one of several
// snapshots: leaf by leaf that would be a ranged read for each patch, for many leaves together it
// is one for each snapshot. Holds the patches of at most 16 MiB of leaves, twice, which are at most
// half of that.
//
// A decorator of the source that leaves are loaded from; one for each walk over a tree.
// Thread-safe, but Prepare is called by one thread at a time, in key order.
#pragma once

#include <mutex>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/context.h"
#include "repo/blob.h"
#include "repo/tree_page.h"

namespace aerie::repo {

class PatchAhead : public BlobSource {
 public:
  // `source` must outlive it.
  explicit PatchAhead(BlobSource& source) : source_(source) {}

  // Call before a leaf is loaded, with those that follow it, as far as they are known. What cannot
  // be read is left to the loading of the leaf that needs it, which says so.
  void Prepare(const Context& context, const LeafEntry& leaf, std::span<const LeafEntry> next);

  Result<Bytes> Load(const Context& context, const BlobRef& ref) override;
  Result<std::vector<Bytes>> LoadMany(const Context& context,
                                      const std::vector<BlobRef>& refs) override;

 private:
  using Blobs = std::unordered_map<BlobName, Bytes, BlobNameHash>;
  bool Take(const BlobRef& ref, Bytes& plain);

  BlobSource& source_;
  std::unordered_set<BlobName, BlobNameHash> prepared_;  // highest patches of leaves
  std::mutex mutex_;
  Blobs ready_;
  Blobs earlier_;  // of the leaves before those; some may still be on their way
};

}  // namespace aerie::repo
