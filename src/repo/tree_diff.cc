#include "repo/tree_diff.h"

#include <utility>

#include "repo/damage.h"

namespace aerie::repo {
namespace {

// Plain bytes are left out: they follow from the rows.
bool SameRows(const RowRange& left, const RowRange& right) {
  return left.digest == right.digest && left.first == right.first && left.last == right.last;
}

}  // namespace

TreeDiff::TreeDiff(Side left, Side right)
    : left_(left.source, left.root, std::move(left.where)),
      right_(right.source, right.root, std::move(right.where)),
      equal_(left.root.digest == right.root.digest) {}

Status TreeDiff::Start(const Context& context) {
  if (equal_) return Ok();
  AERIE_TRY(WithRemedy(left_.Start(context)));
  return WithRemedy(right_.Start(context));
}

Result<std::optional<DifferingLeaves>> TreeDiff::Next(const Context& context) {
  auto group = NextGroup(context);
  if (!group.ok()) return WithRemedy(group.status());
  return group;
}

Result<std::optional<DifferingLeaves>> TreeDiff::NextGroup(const Context& context) {
  DifferingLeaves group;
  std::optional<rows::Key> last;  // of the group's leaves
  for (;;) {
    AERIE_TRY(context.Check("compare stored rows"));
    const RowRange* left = left_.AtEnd() ? nullptr : &left_.range();
    const RowRange* right = right_.AtEnd() ? nullptr : &right_.range();
    if (last) {
      // The group takes what begins before it ends, on either side.
      if (left != nullptr && left->first <= *last) {
        AERIE_TRY(Step(context, left_, group.left, last));
      } else if (right != nullptr && right->first <= *last) {
        AERIE_TRY(Step(context, right_, group.right, last));
      } else {
        return std::optional<DifferingLeaves>(std::move(group));
      }
    } else if (left == nullptr && right == nullptr) {
      return std::optional<DifferingLeaves>();
    } else if (right == nullptr || (left != nullptr && left->last < right->first)) {
      AERIE_TRY(Step(context, left_, group.left, last));
    } else if (left == nullptr || right->last < left->first) {
      AERIE_TRY(Step(context, right_, group.right, last));
    } else if (SameRows(*left, *right)) {
      left_.Skip();
      right_.Skip();
    } else if (left_.level() >= right_.level()) {
      AERIE_TRY(Step(context, left_, group.left, last));
    } else {
      AERIE_TRY(Step(context, right_, group.right, last));
    }
  }
}

Status TreeDiff::Step(const Context& context, TreeCursor& cursor, std::vector<LeafEntry>& leaves,
                      std::optional<rows::Key>& last) {
  if (cursor.IsPage()) return cursor.Descend(context);
  leaves.push_back(cursor.leaf());
  if (!last || *last < cursor.leaf().range.last) last = cursor.leaf().range.last;
  cursor.Skip();
  return Ok();
}

}  // namespace aerie::repo
