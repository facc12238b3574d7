#include "rows/array_cell.h"

namespace aerie::rows {
namespace {

constexpr char kWhat[] = "array cell";

// Reads the element count and refuses a padded varint: equal arrays must have equal bytes.
Status ReadCount(ByteReader& reader, std::uint64_t limit, std::uint64_t& count) {
  const std::size_t before = reader.remaining();
  AERIE_TRY(reader.VarintUpTo(limit, count));
  std::size_t shortest = 1;
  for (std::uint64_t left = count >> 7; left != 0; left >>= 7) ++shortest;
  if (before - reader.remaining() == shortest) return Ok();
  return CorruptError(std::string(kWhat) + ": element count is not in its shortest form");
}

}  // namespace

Result<std::size_t> ArrayElementWidth(DataType element_type) {
  switch (element_type) {
    case DataType::kBool: return 1;
    case DataType::kInt8:
    case DataType::kInt16:
    case DataType::kInt32:
    case DataType::kFloat: return 4;
    case DataType::kInt64:
    case DataType::kDouble: return 8;
    case DataType::kString:
    case DataType::kVarChar: return 0;
    default:
      return UnsupportedError("read array: elements of " + TypeName(element_type) +
                              " are not supported; the column must travel as opaque bytes");
  }
}

void AppendFixedArrayCell(ByteSpan elements, std::size_t width, Bytes& out) {
  ByteWriter writer(out);
  writer.Varint(elements.size() / width);
  writer.Raw(elements);
}

Result<ByteSpan> FixedArrayElements(ByteSpan cell, std::size_t width) {
  if (width == 0) return InternalError("read array: strings have no fixed width");
  ByteReader reader(cell, kWhat);
  std::uint64_t count = 0;
  AERIE_TRY(ReadCount(reader, cell.size() / width, count));
  ByteSpan elements;
  AERIE_TRY(reader.Raw(count * width, elements));
  AERIE_TRY(reader.ExpectEnd());
  return elements;
}

Result<std::vector<std::string_view>> StringArrayElements(ByteSpan cell) {
  ByteReader reader(cell, kWhat);
  std::uint64_t count = 0;
  AERIE_TRY(ReadCount(reader, cell.size(), count));
  std::vector<std::string_view> elements;
  elements.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    std::uint64_t size = 0;
    AERIE_TRY(ReadCount(reader, reader.remaining(), size));
    ByteSpan bytes;
    AERIE_TRY(reader.Raw(size, bytes));
    elements.push_back(AsText(bytes));
  }
  AERIE_TRY(reader.ExpectEnd());
  return elements;
}

}  // namespace aerie::rows
