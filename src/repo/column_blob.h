// Columns and row digests of one leaf as the plain bytes of blobs (docs/format.md, Leaves), and
// back. Pure functions of their arguments; any thread.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "repo/blob.h"
#include "rows/batch.h"
#include "rows/digest.h"
#include "rows/schema.h"

namespace aerie::repo {

// Rows [begin, end) of a column. A leaf's column is one piece of each batch it came in.
struct ColumnPiece {
  const rows::Column* column = nullptr;
  std::size_t begin = 0;
  std::size_t end = 0;
};

// Replaces `out` by the plain bytes of the pieces laid one after the other, and says where their
// numbers stand. The pieces have the same cell layout; the bytes depend on the cells alone, not on
// how they were cut into pieces.
EncodingHint EncodeColumn(std::span<const ColumnPiece> pieces, Bytes& out);

// What EncodeColumn said of these plain bytes of a column of `field`; nothing for others.
EncodingHint HintOfColumn(const rows::FieldSchema& field, ByteSpan plain);

// The column of `field` whose plain bytes were `plain`. kCorrupt for bytes that EncodeColumn does
// not make from cells of that field; null cells' bytes are left to RowBatch::Validate.
Result<rows::Column> DecodeColumn(const rows::FieldSchema& field, Bytes plain);

void EncodeDigests(std::span<const rows::Digest128> digests, Bytes& out);
Result<std::vector<rows::Digest128>> DecodeDigests(ByteSpan plain);

// Plain bytes of rows [begin, end) of a column, as limits and leaf entries count them: the cells,
// and 4 more for each cell that may vary in size.
std::size_t PlainBytes(const rows::Column& column, std::size_t begin, std::size_t end);

}  // namespace aerie::repo
