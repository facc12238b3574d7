// What the target of a copy has already of a partition: the leaves of an earlier snapshot there,
// each beside the leaf that it was copied from, as far as that one is still there.
//
// Names are keyed by repository, so they say nothing about each other. Row digests are not: leaves
// of equal keys, count and digest sum hold the same rows. And where a leaf there holds the same
// rows as one here in the same number of layers, it is that one's copy, layer by layer.
//
// Reads tree pages only, in key order, and keeps those leaves that overlap with the one that was
// asked for last. Damage ends it early, with a warning in the log: what comes after is copied
// again. One partition; not thread-safe.
#pragma once

#include <deque>
#include <optional>
#include <string>

#include "base/context.h"
#include "repo/blob.h"
#include "repo/leaf_copy.h"
#include "repo/repository.h"
#include "repo/tree_cursor.h"

namespace aerie::repo {

class MirroredLeaves {
 public:
  struct Side {
    BlobSource& source;  // must outlive it
    PartitionRoot root;
  };
  // `there` in the target; `here` in the source, or none when it is not there any more.
  MirroredLeaves(const Side& there, const std::optional<Side>& here, const std::string& where);

  struct Match {
    std::optional<LeafEntry> whole;      // of the target: the same rows
    std::optional<CopiedLayers> layers;  // of the target: the leaf's lower layers
  };
  // Leaves of the source, ascending.
  Result<Match> Find(const Context& context, const LeafEntry& leaf);

 private:
  struct Pair {
    LeafEntry there;
    std::optional<LeafEntry> here;
  };
  Status Read(const Context& context);
  Result<std::optional<LeafEntry>> Next(const Context& context, std::optional<TreeCursor>& cursor,
                                        bool& started);

  const std::string where_;
  std::optional<TreeCursor> there_;  // none: at the end
  std::optional<TreeCursor> here_;
  bool there_started_ = false;
  bool here_started_ = false;
  std::deque<Pair> pairs_;
};

}  // namespace aerie::repo
