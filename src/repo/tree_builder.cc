#include "repo/tree_builder.h"

#include "repo/leaf_cutter.h"

namespace aerie::repo {
namespace {

constexpr std::uint64_t kPageMask = (1U << 6) - 1;
// A page of one entry would not bring the root nearer: with two or more, each level has at most
// half of the entries below it, whatever the hashes are.
constexpr std::size_t kMinPageEntries = 2;

}  // namespace

Status TreeBuilder::Add(const Context& context, const LeafEntry& entry) {
  return AddTo(context, 0, entry, 1);
}

template <class Entry>
Status TreeBuilder::AddTo(const Context& context, std::size_t level, const Entry& entry,
                          std::uint64_t leaves) {
  if (level == kMaxTreeHeight) return InternalError("build tree: too many levels");
  if (level == levels_.size()) levels_.emplace_back();
  Level& open = levels_[level];
  if (open.entries == 0) {
    open.range = entry.range;
  } else {
    open.range.last = entry.range.last;
    open.range.digest.Add(entry.range.digest);
    open.range.bytes += entry.range.bytes;
  }
  AppendEntry(entry, open.bytes);
  ++open.entries;
  open.leaves += leaves;
  const bool full = open.entries >= kMaxPageEntries || open.bytes.size() >= kMaxPageBytes ||
                    (KeyHash(entry.range.first, level + 1) & kPageMask) == 0;
  if (open.entries >= kMinPageEntries && full) return EndPage(context, level);
  return Ok();
}

Status TreeBuilder::EndPage(const Context& context, std::size_t level) {
  Level& open = levels_[level];
  const Bytes plain =
      EncodePage(static_cast<std::uint8_t>(level), key_type_, open.entries, open.bytes);
  AERIE_ASSIGN(const AddResult added, sink_.Add(context, BlobKind::kTreePage, plain, {}));
  open.last_ended = PageEntry{open.range, open.leaves, added.name};
  ++open.pages_ended;
  open.bytes.clear();
  open.entries = 0;
  open.leaves = 0;
  // A copy: adding a level moves the levels.
  const PageEntry ended = open.last_ended;
  return AddTo(context, level + 1, ended, ended.leaves);
}

Result<TreeBuilder::Root> TreeBuilder::Finish(const Context& context) {
  Root root;
  for (std::size_t level = 0; level < levels_.size(); ++level) {
    if (levels_[level].entries != 0) AERIE_TRY(EndPage(context, level));
    if (levels_[level].pages_ended != 1) continue;
    const PageEntry& top = levels_[level].last_ended;
    root.digest = top.range.digest;
    root.bytes = top.range.bytes;
    root.height = static_cast<std::uint32_t>(level + 1);
    root.page = top.page;
    break;
  }
  return root;
}

}  // namespace aerie::repo
