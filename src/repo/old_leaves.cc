#include "repo/old_leaves.h"

#include <utility>

#include "base/log.h"
#include "repo/leaf_cutter.h"

namespace aerie::repo {
namespace {

// A leaf that no key's hash ended and that is smaller than this part of a usual one is stored whole
// together with those after it: what deletes left of leaves must not stay for ever.
constexpr std::uint64_t kStuntedPart = 8;

}  // namespace

OldLeaves::OldLeaves(BlobSource& source, PartitionRoot before, const std::string& where)
    : leaf_bits_(before.leaf_bits), where_(where), cursor_(source, std::move(before), where) {}

Result<std::optional<LeafEntry>> OldLeaves::NextLeaf(const Context& context) {
  if (ended_) return std::optional<LeafEntry>();
  Status status = started_ ? Ok() : cursor_.Start(context);
  started_ = true;
  Result<std::optional<LeafEntry>> leaf = std::optional<LeafEntry>();
  if (status.ok()) {
    leaf = cursor_.NextLeaf(context);
    status = leaf.status();
  }
  if (!status.ok() && KindOf(status) != Kind::kCorrupt && KindOf(status) != Kind::kUnsupported) {
    return Annotate(status, "compare with the snapshot before");
  }
  if (!status.ok()) {
    log::Warn("the snapshot before cannot be read; storing whole leaves instead of patches",
              {{"place", where_}, {"reason", std::string(status.message())}});
    leaf = std::optional<LeafEntry>();
  }
  ended_ = !leaf->has_value();
  return leaf;
}

bool OldLeaves::Stunted(std::uint64_t rows, const rows::Key& last) const {
  return rows < (std::uint64_t{1} << leaf_bits_) / kStuntedPart && !EndsLeaf(last, leaf_bits_);
}

Result<std::optional<Stretch>> OldLeaves::Next(const Context& context) {
  if (!ahead_) {
    AERIE_ASSIGN(ahead_, NextLeaf(context));
  }
  if (!ahead_) return std::optional<Stretch>();
  Stretch stretch;
  stretch.old = std::exchange(ahead_, std::nullopt);
  stretch.bytes = stretch.old->range.bytes;
  stretch.last = stretch.old->range.last;
  std::uint64_t rows = stretch.old->range.digest.rows;
  AERIE_ASSIGN(ahead_, NextLeaf(context));
  while (ahead_ && Stunted(rows, stretch.last)) {
    stretch.old.reset();
    rows += ahead_->range.digest.rows;
    stretch.bytes += ahead_->range.bytes;
    stretch.last = ahead_->range.last;
    AERIE_ASSIGN(ahead_, NextLeaf(context));
  }
  stretch.open = !ahead_ && !EndsLeaf(stretch.last, leaf_bits_);
  return std::optional<Stretch>(std::move(stretch));
}

}  // namespace aerie::repo
