// Which patch a leaf becomes, and when it is stored whole again (docs/decisions/0007-patches.md).
//
// Pure functions; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "repo/leaf_access.h"
#include "repo/patch_blob.h"
#include "repo/tree_page.h"

namespace aerie::repo {

// How long a leaf's patches are kept apart and how large they may grow. Different from leaf to
// leaf, so that leaves stored by one snapshot are not folded by one: each following snapshot then
// stores a little more than what changed, and none stores much more.
struct PatchLimits {
  // So many patches of like size become one.
  std::size_t fan = 0;
  // In 256ths of the leaf: patches' bytes, or rows that are stored but no longer there.
  std::size_t share = 0;
};
PatchLimits LimitsOf(const LeafEntry& entry);

// From the rows of a leaf to rows in columns, both ascending by key. A row of equal key and digest
// is the same; one of equal key alone is a keeper of what is still to be found out.
RowChanges FindChanges(const LeafDigests& below, std::span<const ColumnPiece> keys,
                       std::span<const rows::Digest128> digests);

// Over how many of the patches there are a new one of `changed` rows is laid; those above are
// replaced by one that has their changes too. `sizes` are RowChanges::count of each, lowest first.
// Merges as a log-structured tree does, so a row is stored about once per power of `fan`.
std::size_t PatchesToKeep(std::span<const std::size_t> sizes, std::size_t changed, std::size_t fan);

// What a leaf would be with its patches.
struct LayeredSize {
  std::size_t patch_bytes = 0;  // plain, of all patches
  std::size_t stored_rows = 0;  // of all layers
  std::size_t rows = 0;         // that come out
  std::size_t bytes = 0;        // plain, of these and their digests
};
// Whether it is better stored whole.
bool TooLayered(const LayeredSize& size, const PatchLimits& limits);

}  // namespace aerie::repo
