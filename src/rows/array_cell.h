// SEAM. The canonical bytes of one Array cell: element count as varint, then the elements.
// Bool: 1 byte; Int8/16/32: 4 bytes; Int64: 8; Float: 4; Double: 8; VarChar/String: varint length
// and bytes. The element type is the field's, not repeated. An empty array is the single byte 0.
// (An array of vectors is carried as an opaque cell.)
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "rows/schema.h"

namespace aerie::rows {

// Bytes of one element, 0 for strings. kUnsupported for other element types.
Result<std::size_t> ArrayElementWidth(DataType element_type);

// Appends to `out` the cell of fixed-width elements laid out one after the other; width > 0.
void AppendFixedArrayCell(ByteSpan elements, std::size_t width, Bytes& out);

// The elements of a cell, pointing into it. kCorrupt if sizes disagree or a count or length is not
// in its shortest form (equal arrays have equal bytes).
Result<ByteSpan> FixedArrayElements(ByteSpan cell, std::size_t width);
Result<std::vector<std::string_view>> StringArrayElements(ByteSpan cell);

}  // namespace aerie::rows
