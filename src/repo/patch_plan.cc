#include "repo/patch_plan.h"

#include <algorithm>
#include <cstring>

namespace aerie::repo {
namespace {

// The costs of these numbers are measured in docs/decisions/0007-patches.md.
constexpr std::size_t kMinFan = 4;
constexpr std::size_t kFans = 8;
constexpr std::size_t kMinShare = 64;
constexpr std::size_t kShares = 64;
// Whatever their sizes are: each is one more read.
constexpr std::size_t kMaxPatches = 16;

// Keys of one column type: below zero, zero or above, as a before, at or after b.
int CompareKeys(bool numbers, ByteSpan a, ByteSpan b) {
  if (numbers) {
    std::int64_t left = 0;
    std::int64_t right = 0;
    std::memcpy(&left, a.data(), sizeof(left));
    std::memcpy(&right, b.data(), sizeof(right));
    return left < right ? -1 : left > right ? 1 : 0;
  }
  const int order = std::memcmp(a.data(), b.data(), std::min(a.size(), b.size()));
  if (order != 0) return order;
  return a.size() < b.size() ? -1 : a.size() > b.size() ? 1 : 0;
}

std::size_t SizeClass(std::size_t size, std::size_t fan) {
  std::size_t result = 0;
  for (; size >= fan; size /= fan) ++result;
  return result;
}

}  // namespace

PatchLimits LimitsOf(const LeafEntry& entry) {
  const auto& name = entry.base.digests.bytes;
  return {.fan = kMinFan + name[0] % kFans, .share = kMinShare + name[1] % kShares};
}

RowChanges FindChanges(const LeafDigests& below, std::span<const ColumnPiece> keys,
                       std::span<const rows::Digest128> digests) {
  const rows::Column& old_keys = below.keys.key_column();
  const bool numbers = old_keys.field().type == rows::DataType::kInt64;
  RowChanges changes;
  changes.rows_below = old_keys.rows();
  std::uint32_t old = 0;
  std::uint32_t place = 0;
  for (const ColumnPiece& piece : keys) {
    for (std::size_t row = piece.begin; row < piece.end; ++row, ++place) {
      const ByteSpan key = piece.column->Cell(row);
      int order = 1;
      for (; old < changes.rows_below; ++old) {
        order = CompareKeys(numbers, old_keys.Cell(old), key);
        if (order >= 0) break;
        changes.removed.push_back(old);
        order = 1;
      }
      const bool there = order == 0;
      if (there && below.digests[old] == digests[place]) {
        ++old;
        continue;
      }
      if (there) {
        changes.keepers.push_back(static_cast<std::uint32_t>(changes.places.size()));
        changes.kept.push_back(old);
        changes.removed.push_back(old++);
      }
      changes.places.push_back(place);
    }
  }
  for (; old < changes.rows_below; ++old) changes.removed.push_back(old);
  return changes;
}

std::size_t PatchesToKeep(std::span<const std::size_t> sizes, std::size_t changed,
                          std::size_t fan) {
  std::size_t keep = sizes.size();
  std::size_t size = changed;
  for (;;) {
    const std::size_t mine = SizeClass(size, fan);
    // Smaller ones below a larger one would only be read more.
    while (keep > 0 && SizeClass(sizes[keep - 1], fan) < mine) size += sizes[--keep];
    if (SizeClass(size, fan) != mine) continue;
    std::size_t alike = keep;
    while (alike > 0 && SizeClass(sizes[alike - 1], fan) == mine) --alike;
    if (keep - alike + 1 < fan) break;
    while (keep > alike) size += sizes[--keep];
  }
  return keep < kMaxPatches ? keep : 0;
}

bool TooLayered(const LayeredSize& size, const PatchLimits& limits) {
  return size.patch_bytes * 256 > size.bytes * limits.share ||
         (size.stored_rows - size.rows) * 256 > size.rows * limits.share;
}

}  // namespace aerie::repo
