// Where two stored partitions differ, without reading their rows: the same partition in two
// snapshots, of one repository or of two.
//
// Subtrees and leaves with the same keys, count and digest sum are equal and are passed unread; the
// rest comes in groups of leaves, each group covering one key range on both sides. Load them with
// LeafLoader and compare row by row. Not thread-safe; after an error only destruction is allowed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/context.h"
#include "repo/blob.h"
#include "repo/repository.h"
#include "repo/tree_cursor.h"
#include "repo/tree_page.h"

namespace aerie::repo {

// Leaves of both sides, ascending; one side may have none. No key of the group is in any other.
struct DifferingLeaves {
  std::vector<LeafEntry> left;
  std::vector<LeafEntry> right;
};

class TreeDiff {
 public:
  struct Side {
    BlobSource& source;  // must outlive the diff
    PartitionRoot root;
    std::string where;  // for messages, see PartitionText in leaf_access.h
  };
  TreeDiff(Side left, Side right);

  // Call once, before Next.
  Status Start(const Context& context);
  // The next group in key order; nullopt at the end.
  Result<std::optional<DifferingLeaves>> Next(const Context& context);

 private:
  Result<std::optional<DifferingLeaves>> NextGroup(const Context& context);
  // One step towards a leaf of the group: down a page, or the leaf into `leaves`.
  static Status Step(const Context& context, TreeCursor& cursor, std::vector<LeafEntry>& leaves,
                     std::optional<rows::Key>& last);

  TreeCursor left_;
  TreeCursor right_;
  bool equal_ = false;  // the roots are
};

}  // namespace aerie::repo
