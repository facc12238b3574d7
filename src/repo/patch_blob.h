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

// Which rows go and where new ones stand; a changed row does both. All lists ascend.
struct RowChanges {
  std::size_t rows_below = 0;
  std::vector<std::uint32_t> removed;  // numbers in the leaf below
  std::vector<std::uint32_t> places;   // of the patch's rows, in the leaf that comes out
  // Rows of the patch (by number among its rows) that keep some of the cells of a row below: the
  // cells of the columns that a patch says are kept. Two lists of one length.
  std::vector<std::uint32_t> keepers;
  std::vector<std::uint32_t> kept;
  std::size_t count() const { return removed.size() + places.size(); }
  bool operator==(const RowChanges&) const = default;
};

struct Patch {
  RowChanges changes;
  std::vector<rows::Digest128> digests;  // of its rows
  // Its rows, all columns in the collection's order; a kept one is without the keepers.
  std::vector<rows::Column> columns;
  std::vector<bool> keeps;  // by column
  std::size_t bytes = 0;    // of its blob, plain
};

// Cells of one column of a patch.
struct PatchColumn {
  std::vector<ColumnPiece> pieces;  // one at least, which may be empty
  bool keeps = false;               // the keepers have no cells here
};

// Replaces `out` by the plain bytes. `columns` are those of the collection, in its order.
EncodingHint EncodePatch(const RowChanges& changes, std::span<const rows::Digest128> digests,
                         std::span<const PatchColumn> columns, Bytes& out);

// What EncodePatch said of these plain bytes; nothing for others.
EncodingHint HintOfPatch(const std::vector<rows::FieldSchema>& columns, ByteSpan plain);

// The patch whose plain bytes were `plain`, `columns` being the collection's. kCorrupt for
// whatever EncodePatch does not make of some rows; what the rows are is left to the caller.
Result<Patch> DecodePatch(const std::vector<rows::FieldSchema>& columns, ByteSpan plain);

// Where each row of a patched leaf stands: in the base (layer 0) or in a patch (layer 1 + its
// number).
class LayeredRows {
 public:
  explicit LayeredRows(std::size_t base_rows);

  enum class Cells {
    kOwn,  // of columns where every row of the patch has its cell
    kKept  // of columns where keepers take theirs from below
  };
  // The next patch; kCorrupt when it was made for a leaf of another size.
  Status Apply(const RowChanges& changes, Cells cells = Cells::kOwn);

  std::size_t rows() const { return rows_.size(); }
  // 0: the base, 1: the first patch applied, …
  std::uint32_t LayerOf(std::size_t row) const { return rows_[row].layer; }
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
