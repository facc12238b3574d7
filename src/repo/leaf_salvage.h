// What can still be had of a leaf of which blobs are lost.
//
// A row is kept only when it is proven right: its cells are all there and give its stored digest,
// or all rows together give the digest that the tree has of the leaf. Above a lost patch the rows
// of later patches are proven; what a lost patch would have changed or deleted below it is not
// known, so nothing below it is kept. Free functions, safe from any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/context.h"
#include "repo/blob.h"
#include "repo/tree_page.h"
#include "rows/batch.h"
#include "rows/schema.h"

namespace aerie::repo {

// Rows that are gone: `rows` of them, with keys from first to last. Where their keys are not known
// the range has rows that were kept as well.
struct LostRange {
  rows::Key first;
  rows::Key last;
  std::uint64_t rows = 0;
};

struct SalvagedLeaf {
  rows::RowBatch rows;  // kept, ascending, columns in the collection's order; may be empty
  std::vector<LostRange>
      lost;  // ascending; the rows of all are what the leaf had and `rows` has not
  std::vector<BlobRef> damaged;
  std::string reason;  // what is wrong with the first of them
};

// Reads every blob of the leaf by itself. Damage is a result; anything else ends it. Memory: the
// leaf, twice.
Result<SalvagedLeaf> SalvageLeaf(const Context& context, BlobSource& source,
                                 const std::vector<rows::FieldSchema>& columns,
                                 const std::string& partition, const LeafEntry& entry);

}  // namespace aerie::repo
