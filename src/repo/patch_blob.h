// Patches: what changed in a leaf, as the plain bytes of one blob (docs/format.md, Patches), and
// back; and the rows that a leaf and its patches come to.
//
// Values and pure functions; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "repo/blob.h"
#include "repo/column_blob.h"
#include "rows/batch.h"
#include "rows/digest.h"
#include "rows/schema.h"

namespace aerie::repo {

// Which rows go and where new ones stand; a changed row does both. Both lists ascend.
struct RowChanges {
  std::size_t rows_below = 0;
  std::vector<std::uint32_t> removed;  // numbers in the leaf below
  std::vector<std::uint32_t> places;   // of the patch's rows, in the leaf that comes out
  std::size_t count() const { return removed.size() + places.size(); }
  bool operator==(const RowChanges&) const = default;
};

struct Patch {
  RowChanges changes;
  std::vector<rows::Digest128> digests;  // of its rows
  std::vector<rows::Column> columns;     // its rows; all columns, in the collection's order
  std::size_t bytes = 0;                 // of its blob, plain
};

// Replaces `out` by the plain bytes. `pieces` are the patch's rows of each column of the
// collection, in its order.
EncodingHint EncodePatch(const RowChanges& changes, std::span<const rows::Digest128> digests,
                         std::span<const std::vector<ColumnPiece>> pieces, Bytes& out);

// The patch whose plain bytes were `plain`, `columns` being the collection's. kCorrupt for
// whatever EncodePatch does not make of some rows; what the rows are is left to the caller.
Result<Patch> DecodePatch(const std::vector<rows::FieldSchema>& columns, ByteSpan plain);

// Where each row of a patched leaf stands: in the base (layer 0) or in a patch (layer 1 + its
// number).
class LayeredRows {
 public:
  explicit LayeredRows(std::size_t base_rows);

  // The next patch; kCorrupt when it was made for a leaf of another size.
  Status Apply(const RowChanges& changes);

  std::size_t rows() const { return rows_.size(); }
  // Rows of layers[0], layers[1]… in the order in which they come out. Each layer has the cells
  // that it was applied with.
  rows::Column Gather(std::span<const rows::Column* const> layers) const;
  std::vector<rows::Digest128> Gather(
      std::span<const std::vector<rows::Digest128>* const> layers) const;

 private:
  struct Place {
    std::uint32_t layer = 0;
    std::uint32_t row = 0;
  };
  std::uint32_t layers_ = 1;
  std::vector<Place> rows_;
};

}  // namespace aerie::repo
