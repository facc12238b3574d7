#include "repo/column_blob.h"

#include <algorithm>
#include <limits>

namespace aerie::repo {
namespace {

using rows::Column;
using rows::DataType;

constexpr char kColumnWhat[] = "column blob";
constexpr std::uint8_t kHasValidity = 1;
constexpr std::uint8_t kVarying = 2;
constexpr std::size_t kLengthBytes = 4;
constexpr std::size_t kDigestBytes = 16;

std::uint32_t ElementWidth(DataType type) {
  switch (type) {
    case DataType::kInt8:
    case DataType::kInt16:
    case DataType::kInt32:
    case DataType::kFloat:
    case DataType::kFloatVector: return 4;
    // A sparse cell is pairs of 4-byte numbers, and so are the row lengths before them.
    case DataType::kSparseFloatVector: return 4;
    case DataType::kInt64:
    case DataType::kDouble: return 8;
    case DataType::kFloat16Vector:
    case DataType::kBFloat16Vector: return 2;
    default: return 0;
  }
}

bool AnyNull(const ColumnPiece& piece) {
  if (!piece.column->has_nulls_column()) return false;
  for (std::size_t row = piece.begin; row < piece.end; ++row) {
    if (piece.column->IsNull(row)) return true;
  }
  return false;
}

// ceil(rows / 8) bytes, bit i of byte i / 8 for row i over all pieces.
void AppendValidity(std::span<const ColumnPiece> pieces, std::size_t rows, Bytes& out) {
  const std::size_t at = out.size();
  out.resize(at + (rows + 7) / 8);
  std::size_t i = 0;
  for (const ColumnPiece& piece : pieces) {
    for (std::size_t row = piece.begin; row < piece.end; ++row, ++i) {
      if (!piece.column->IsNull(row)) out[at + i / 8] |= static_cast<std::uint8_t>(1U << (i % 8));
    }
  }
}

Result<std::vector<std::uint8_t>> ReadValidity(ByteReader& reader, std::size_t rows) {
  ByteSpan bits;
  AERIE_TRY(reader.Raw(rows / 8 + (rows % 8 != 0), bits));
  std::vector<std::uint8_t> validity(rows);
  bool any_null = false;
  for (std::size_t i = 0; i < rows; ++i) {
    validity[i] = (bits[i / 8] >> (i % 8)) & 1;
    any_null |= validity[i] == 0;
  }
  if (!any_null) return CorruptError("column blob: marked as having nulls but has none");
  if (rows % 8 != 0 && bits.back() >> (rows % 8) != 0) {
    return CorruptError("column blob: validity bits beyond the last row");
  }
  return validity;
}

// The rows + 1 offsets of cells that fill exactly `cells` bytes.
Result<std::vector<std::uint32_t>> ReadOffsets(ByteReader& reader, std::size_t rows) {
  ByteSpan lengths;
  AERIE_TRY(reader.Raw(rows * kLengthBytes, lengths));
  std::vector<std::uint32_t> offsets(rows + 1);
  std::uint64_t end = 0;
  for (std::size_t i = 0; i < rows; ++i) {
    std::uint32_t length = 0;
    std::memcpy(&length, lengths.data() + i * kLengthBytes, kLengthBytes);
    end += length;
    if (end > reader.remaining())
      return CorruptError("column blob: cells are longer than the blob");
    offsets[i + 1] = static_cast<std::uint32_t>(end);
  }
  if (end != reader.remaining()) return CorruptError("column blob: bytes after the last cell");
  return offsets;
}

}  // namespace

EncodingHint EncodeColumn(std::span<const ColumnPiece> pieces, Bytes& out) {
  out.clear();
  std::size_t rows = 0;
  std::size_t bytes = 0;
  bool nulls = false;
  for (const ColumnPiece& piece : pieces) {
    rows += piece.end - piece.begin;
    bytes += PlainBytes(*piece.column, piece.begin, piece.end);
    nulls = nulls || AnyNull(piece);
  }
  const bool varying = !pieces.empty() && !pieces.front().column->fixed();
  out.reserve(bytes + rows / 8 + 16);
  ByteWriter writer(out);
  writer.Varint(rows);
  writer.Fixed(static_cast<std::uint8_t>((nulls ? kHasValidity : 0) | (varying ? kVarying : 0)));
  if (nulls) AppendValidity(pieces, rows, out);
  EncodingHint hint;
  hint.prefix = static_cast<std::uint32_t>(out.size());
  if (!pieces.empty()) hint.element_width = ElementWidth(pieces.front().column->field().type);

  for (const ColumnPiece& piece : pieces) {
    if (!varying) break;
    const auto& offsets = piece.column->offsets();
    for (std::size_t row = piece.begin; row < piece.end; ++row) {
      writer.Fixed(offsets[row + 1] - offsets[row]);
    }
  }
  for (const ColumnPiece& piece : pieces) {
    if (piece.begin == piece.end) continue;
    const Column& column = *piece.column;
    const std::size_t from = varying ? column.offsets()[piece.begin] : piece.begin * column.width();
    const std::size_t to = varying ? column.offsets()[piece.end] : piece.end * column.width();
    writer.Raw(ByteSpan(column.data()).subspan(from, to - from));
  }
  return hint;
}

EncodingHint HintOfColumn(const rows::FieldSchema& field, ByteSpan plain) {
  ByteReader reader(plain, kColumnWhat);
  std::uint64_t rows = 0;
  std::uint8_t flags = 0;
  // `plain` may be the bytes before the cells alone.
  if (!reader.Varint(rows).ok() || !reader.Fixed(flags).ok()) return {};
  std::size_t prefix = plain.size() - reader.remaining();
  if ((flags & kHasValidity) != 0) prefix += rows / 8 + (rows % 8 != 0);
  if (prefix > plain.size()) return {};
  return {ElementWidth(field.type), static_cast<std::uint32_t>(prefix)};
}

Result<Column> DecodeColumn(const rows::FieldSchema& field, Bytes plain) {
  ByteReader reader(plain, kColumnWhat);
  const std::size_t width = rows::CellWidth(field);
  std::uint64_t rows = 0;
  // A row takes a cell, or at least its length; so the count is bounded by the bytes there are.
  AERIE_TRY(reader.VarintUpTo(plain.size() / (width != 0 ? width : kLengthBytes), rows));
  std::uint8_t flags = 0;
  AERIE_TRY(reader.Fixed(flags));
  if (flags > (kHasValidity | kVarying)) {
    return CorruptError("column blob: unknown flags " + std::to_string(flags));
  }
  if (((flags & kVarying) != 0) != (width == 0)) {
    return CorruptError("column blob: cells of " + rows::TypeName(field.type) +
                        " are not laid out like this");
  }
  std::vector<std::uint8_t> validity;
  if ((flags & kHasValidity) != 0) {
    AERIE_ASSIGN(validity, ReadValidity(reader, rows));
  }
  std::vector<std::uint32_t> offsets;
  if (width == 0) {
    AERIE_ASSIGN(offsets, ReadOffsets(reader, rows));
  } else if (reader.remaining() != rows * width) {
    return CorruptError("column blob: " + std::to_string(reader.remaining()) + " bytes for " +
                        std::to_string(rows) + " cells of " + std::to_string(width) + " bytes");
  }
  // Moves the cells to the front of the buffer instead of copying them into a new one.
  plain.erase(plain.begin(), plain.end() - static_cast<std::ptrdiff_t>(reader.remaining()));
  return Column::FromBuffers(field, rows, std::move(plain), std::move(offsets),
                             std::move(validity));
}

void EncodeDigests(std::span<const rows::Digest128> digests, Bytes& out) {
  out.clear();
  out.reserve(digests.size() * kDigestBytes + 10);
  ByteWriter writer(out);
  writer.Varint(digests.size());
  for (const rows::Digest128& digest : digests) {
    writer.Fixed(digest.low);
    writer.Fixed(digest.high);
  }
}

Result<std::vector<rows::Digest128>> DecodeDigests(ByteSpan plain) {
  ByteReader reader(plain, "row digest blob");
  std::uint64_t rows = 0;
  AERIE_TRY(reader.VarintUpTo(plain.size() / kDigestBytes, rows));
  std::vector<rows::Digest128> digests(rows);
  for (rows::Digest128& digest : digests) {
    AERIE_TRY(reader.Fixed(digest.low));
    AERIE_TRY(reader.Fixed(digest.high));
  }
  AERIE_TRY(reader.ExpectEnd());
  return digests;
}

std::size_t PlainBytes(const Column& column, std::size_t begin, std::size_t end) {
  if (column.fixed()) return (end - begin) * column.width();
  return column.offsets()[end] - column.offsets()[begin] + (end - begin) * kLengthBytes;
}

}  // namespace aerie::repo
