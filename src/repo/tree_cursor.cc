#include "repo/tree_cursor.h"

#include <utility>

#include "repo/damage.h"

namespace aerie::repo {

TreeCursor::TreeCursor(BlobSource& source, PartitionRoot root, std::string where)
    : source_(source), root_(std::move(root)), where_(std::move(where)) {}

Status TreeCursor::Start(const Context& context) {
  stack_.clear();
  if (!root_.root) {
    if (root_.digest == rows::RangeDigest{} && root_.height == 0) return Ok();
    return Damaged(where_, "rows are recorded, but no tree");
  }
  AERIE_ASSIGN(TreePage page, Load(context, *root_.root, where_));
  const RowRange range = Summarize(page);
  if (page.level + 1U != root_.height || range.digest != root_.digest ||
      range.bytes != root_.bytes) {
    return Damaged(where_, "the root page is not the one that the manifest describes");
  }
  stack_.push_back(Frame{std::move(page), 0});
  return Ok();
}

Status TreeCursor::Descend(const Context& context) {
  const PageEntry& entry = page();
  const TreePage& parent = stack_.back().page;
  const std::string where = where_ + ", keys " + RangeText(entry.range.first, entry.range.last);
  AERIE_ASSIGN(TreePage child, Load(context, entry.page, where));
  if (child.level + 1 != parent.level || child.key_type != parent.key_type ||
      Summarize(child) != entry.range || CountLeaves(child) != entry.leaves) {
    return Damaged(where, "a tree page is not the one that its parent describes");
  }
  stack_.push_back(Frame{std::move(child), 0});
  return Ok();
}

void TreeCursor::Skip() {
  // A page below a passed entry is done with as well.
  while (!stack_.empty()) {
    Frame& top = stack_.back();
    const std::size_t entries = top.page.leaves.size() + top.page.pages.size();
    if (++top.next < entries) return;
    stack_.pop_back();
  }
}

Result<std::optional<LeafEntry>> TreeCursor::NextLeaf(const Context& context,
                                                      const std::optional<rows::Key>& after) {
  while (!AtEnd()) {
    if (after && range().last <= *after) {
      Skip();
    } else if (IsPage()) {
      AERIE_TRY(Descend(context));
    } else {
      LeafEntry entry = leaf();
      Skip();
      return std::optional<LeafEntry>(std::move(entry));
    }
  }
  return std::optional<LeafEntry>();
}

Result<TreePage> TreeCursor::Load(const Context& context, const BlobName& name,
                                  const std::string& where) const {
  auto plain = source_.Load(context, BlobRef{BlobKind::kTreePage, name});
  if (!plain.ok()) return LoadError(plain.status(), where);
  auto page = DecodePage(*plain);
  if (!page.ok()) return LoadError(page.status(), where);
  return page;
}

}  // namespace aerie::repo
