// Walks the tree of one partition in key order. Every page is compared with what its parent says
// of it: level, key type, keys, rows, digest sum, bytes, leaves.
//
// Stands at one entry at a time, a page's or a leaf's; the walker decides whether to go down or
// past it, so that subtrees that do not matter are never loaded. Not thread-safe. After an error
// only destruction is allowed, except where noted.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/context.h"
#include "repo/blob.h"
#include "repo/repository.h"
#include "repo/tree_page.h"

namespace aerie::repo {

class TreeCursor {
 public:
  // Stands before the root until Start. `source` must outlive the cursor; `where` names the
  // partition in messages.
  TreeCursor(BlobSource& source, PartitionRoot root, std::string where);

  // Loads the root page and stands at its first entry; at the end when there are no rows.
  Status Start(const Context& context);

  bool AtEnd() const { return stack_.empty(); }
  // Whether the entry is a page's. Not at the end.
  bool IsPage() const { return stack_.back().page.level > 0; }
  const PageEntry& page() const { return stack_.back().page.pages[stack_.back().next]; }
  const LeafEntry& leaf() const { return stack_.back().page.leaves[stack_.back().next]; }
  const RowRange& range() const { return IsPage() ? page().range : leaf().range; }
  // Level of the page an entry of a page names, -1 for a leaf.
  int level() const { return static_cast<int>(stack_.back().page.level) - 1; }

  // Leaves from here on, as far as the page at hand has them; none when it stands at a page.
  std::span<const LeafEntry> Following() const {
    if (AtEnd() || IsPage()) return {};
    return std::span(stack_.back().page.leaves).subspan(stack_.back().next);
  }

  // To the first entry of the page it stands at. After an error it stands where it stood, and
  // Skip is allowed.
  Status Descend(const Context& context);
  // To the entry after this one and everything below it.
  void Skip();

  // Down to the next leaf whose last key is greater than `after` (or any), which is returned and
  // passed; nullopt at the end.
  Result<std::optional<LeafEntry>> NextLeaf(const Context& context,
                                            const std::optional<rows::Key>& after = {});

 private:
  struct Frame {
    TreePage page;
    std::size_t next = 0;
  };
  Result<TreePage> Load(const Context& context, const BlobName& name,
                        const std::string& where) const;

  BlobSource& source_;
  const PartitionRoot root_;
  const std::string where_;
  std::vector<Frame> stack_;
};

}  // namespace aerie::repo
