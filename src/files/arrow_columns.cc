#include "files/arrow_columns.h"

#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <string_view>

#include "rows/array_cell.h"

namespace aerie::files {
namespace {

using rows::Column;
using rows::DataType;
using rows::FieldSchema;

// How the cells of a column are laid out in Arrow.
enum class Layout {
  kBits,       // Bool
  kNarrow,     // Int8 and Int16, which cells hold in 4 bytes
  kFixed,      // numbers, as they are
  kBytes,      // 16-bit and binary vectors: fixed-size binary
  kVector,     // fixed-size list of numbers
  kVariable,   // text, JSON, opaque cells
  kSparse,     // list of struct<index, value>
  kArray,      // list of numbers
  kTextArray,  // list of text
};

// A type of the C data interface's little language, with its children.
struct ArrowType {
  Layout layout;
  std::string format;
  std::size_t width = 0;  // bytes of a value: of kFixed, kNarrow, kBytes; of an element: lists
  std::vector<std::pair<std::string, ArrowType>> children = {};
};

std::string NumberFormat(DataType type) {
  switch (type) {
    case DataType::kBool: return "b";
    case DataType::kInt8: return "c";
    case DataType::kInt16: return "s";
    case DataType::kInt32: return "i";
    case DataType::kInt64: return "l";
    case DataType::kFloat: return "f";
    case DataType::kDouble: return "g";
    default: return {};
  }
}

ArrowType NumberType(DataType type) {
  switch (type) {
    case DataType::kBool: return {Layout::kBits, NumberFormat(type), 1};
    case DataType::kInt8: return {Layout::kNarrow, NumberFormat(type), 1};
    case DataType::kInt16: return {Layout::kNarrow, NumberFormat(type), 2};
    case DataType::kInt64:
    case DataType::kDouble: return {Layout::kFixed, NumberFormat(type), 8};
    default: return {Layout::kFixed, NumberFormat(type), 4};
  }
}

const ArrowType kText = {Layout::kVariable, "u"};
const ArrowType kOpaque = {Layout::kVariable, "z"};

ArrowType ArrayType(DataType element_type) {
  const auto width = rows::ArrayElementWidth(element_type);
  if (!width.ok()) return kOpaque;  // such cells are opaque
  if (*width == 0) return {Layout::kTextArray, "+l", 0, {{"element", kText}}};
  return {Layout::kArray, "+l", *width, {{"element", NumberType(element_type)}}};
}

ArrowType TypeOf(const FieldSchema& field) {
  const std::size_t width = rows::CellWidth(field);
  switch (field.type) {
    case DataType::kBool:
    case DataType::kInt8:
    case DataType::kInt16:
    case DataType::kInt32:
    case DataType::kInt64:
    case DataType::kFloat:
    case DataType::kDouble: return NumberType(field.type);
    case DataType::kString:
    case DataType::kVarChar:
    case DataType::kText:
    case DataType::kTimestamptz:
    case DataType::kGeometry:
    case DataType::kJson: return kText;
    case DataType::kArray: return ArrayType(field.element_type);
    case DataType::kSparseFloatVector:
      return {Layout::kSparse,
              "+l",
              8,
              {{"element",
                {Layout::kFixed,
                 "+s",
                 0,
                 {{"index", {Layout::kFixed, "I", 4}}, {"value", {Layout::kFixed, "f", 4}}}}}}};
    default: break;
  }
  // A vector whose dim cannot be known has cells of any size, as have types nobody knows.
  if (width == 0) return kOpaque;
  if (field.type == DataType::kFloatVector) {
    return {Layout::kVector,
            "+w:" + std::to_string(width / 4),
            width,
            {{"element", {Layout::kFixed, "f", 4}}}};
  }
  if (field.type == DataType::kInt8Vector) {
    return {Layout::kVector,
            "+w:" + std::to_string(width),
            width,
            {{"element", {Layout::kFixed, "c", 1}}}};
  }
  return {Layout::kBytes, "w:" + std::to_string(width), width};
}

std::string AerieTypeName(const FieldSchema& field) {
  std::string name = rows::TypeName(field.type);
  if (field.type == DataType::kArray) name += "<" + rows::TypeName(field.element_type) + ">";
  return name;
}

// ---- structures that own what they point to ----

// Counts and lengths as native 32-bit numbers: the layout of ArrowSchema.metadata.
std::string EncodeMetadata(const ArrowMetadata& metadata) {
  std::string out;
  const auto number = [&](std::size_t n) {
    const auto small = static_cast<std::int32_t>(n);
    out.append(reinterpret_cast<const char*>(&small), sizeof small);
  };
  number(metadata.size());
  for (const auto& [name, value] : metadata) {
    number(name.size());
    out += name;
    number(value.size());
    out += value;
  }
  return out;
}

template <class T>
void ReleaseChild(T* child) {
  if (child->release != nullptr) child->release(child);
  delete child;
}

struct SchemaStorage {
  std::string format;
  std::string name;
  std::string metadata;
  std::vector<ArrowSchema*> children;
};

void FillSchema(ArrowSchema& schema, std::string format, std::string name, bool nullable,
                const ArrowMetadata& metadata, std::vector<ArrowSchema*> children) {
  auto* storage = new SchemaStorage{std::move(format), std::move(name),
                                    metadata.empty() ? std::string() : EncodeMetadata(metadata),
                                    std::move(children)};
  schema = {};
  schema.format = storage->format.c_str();
  schema.name = storage->name.c_str();
  schema.metadata = storage->metadata.empty() ? nullptr : storage->metadata.data();
  schema.flags = nullable ? ARROW_FLAG_NULLABLE : 0;
  schema.n_children = static_cast<std::int64_t>(storage->children.size());
  schema.children = storage->children.data();
  schema.private_data = storage;
  schema.release = [](ArrowSchema* self) {
    auto* const owned = static_cast<SchemaStorage*>(self->private_data);
    for (ArrowSchema* child : owned->children) ReleaseChild(child);
    delete owned;
    self->release = nullptr;
  };
}

ArrowSchema* NewSchema(const std::string& name, const ArrowType& type, bool nullable,
                       const ArrowMetadata& metadata) {
  std::vector<ArrowSchema*> children;
  for (const auto& [child_name, child_type] : type.children) {
    children.push_back(NewSchema(child_name, child_type, false, {}));
  }
  auto* const schema = new ArrowSchema;
  FillSchema(*schema, type.format, name, nullable, metadata, std::move(children));
  return schema;
}

struct ArrayStorage {
  std::vector<Bytes> buffers;
  std::vector<const void*> pointers;
  std::vector<ArrowArray*> children;
};

// An array under construction.
struct Built {
  std::int64_t length = 0;
  std::int64_t null_count = 0;
  std::vector<Bytes> buffers = {};  // the first, validity, is empty when nothing is null
  std::vector<Built> children = {};
};

void FillArray(ArrowArray& array, Built built) {
  auto storage = std::make_unique<ArrayStorage>();
  storage->buffers = std::move(built.buffers);
  for (std::size_t i = 0; i < storage->buffers.size(); ++i) {
    const Bytes& buffer = storage->buffers[i];
    // Only validity may be left out; a buffer without bytes still needs an address.
    static constexpr std::uint64_t kNothing = 0;
    const void* const empty = i == 0 ? nullptr : &kNothing;
    storage->pointers.push_back(buffer.empty() ? empty : buffer.data());
  }
  for (Built& child : built.children) {
    storage->children.push_back(new ArrowArray);
    FillArray(*storage->children.back(), std::move(child));
  }
  array = {};
  array.length = built.length;
  array.null_count = built.null_count;
  array.n_buffers = static_cast<std::int64_t>(storage->buffers.size());
  array.n_children = static_cast<std::int64_t>(storage->children.size());
  array.buffers = storage->pointers.data();
  array.children = storage->children.data();
  array.private_data = storage.release();
  array.release = [](ArrowArray* self) {
    auto* const owned = static_cast<ArrayStorage*>(self->private_data);
    for (ArrowArray* child : owned->children) ReleaseChild(child);
    delete owned;
    self->release = nullptr;
  };
}

// ---- rows to Arrow ----

void SetBit(Bytes& bits, std::size_t at) {
  bits[at / 8] = static_cast<std::uint8_t>(bits[at / 8] | (1U << (at % 8)));
}

// A bit a byte of `flags`, which are 0 or 1.
Bytes Packed(ByteSpan flags) {
  Bytes bits((flags.size() + 7) / 8);
  for (std::size_t i = 0; i < flags.size(); ++i) {
    if (flags[i] != 0) SetBit(bits, i);
  }
  return bits;
}

Status NotExact(const std::string& column, const std::string& why) {
  return UnsupportedError("write column " + column + ": " + why +
                          "; export it as jsonl, which can hold it");
}

// Cells of 4 bytes as numbers of `width` bytes.
Result<Bytes> Narrowed(ByteSpan wide, std::size_t width, const std::string& column) {
  const std::int32_t limit = width == 1 ? 128 : 32768;
  Bytes narrow(wide.size() / 4 * width);
  for (std::size_t i = 0; i < wide.size() / 4; ++i) {
    std::int32_t value = 0;
    std::memcpy(&value, wide.data() + 4 * i, sizeof value);
    if (value < -limit || value >= limit) {
      return NotExact(column, std::to_string(value) + " is out of the range of its type");
    }
    std::memcpy(narrow.data() + width * i, &value, width);  // little-endian
  }
  return narrow;
}

// Numbers laid out as cells hold them, one after the other.
Result<Built> BuildNumbers(ByteSpan values, const ArrowType& type, const std::string& column) {
  const std::size_t cell = type.layout == Layout::kNarrow ? 4 : type.width;
  Built built;
  built.length = static_cast<std::int64_t>(values.size() / cell);
  built.buffers.resize(2);
  switch (type.layout) {
    case Layout::kBits: built.buffers[1] = Packed(values); break;
    case Layout::kNarrow: {
      AERIE_ASSIGN(built.buffers[1], Narrowed(values, type.width, column));
      break;
    }
    default: built.buffers[1].assign(values.begin(), values.end());
  }
  return built;
}

// Offsets of Arrow lists and texts: 32 bits, one more than there are values.
class Offsets {
 public:
  Offsets() { ByteWriter(bytes_).Fixed<std::int32_t>(0); }
  // False when they no longer fit.
  bool Add(std::size_t size) {
    constexpr std::size_t kLimit = std::numeric_limits<std::int32_t>::max();
    if (size > kLimit - end_) return false;
    end_ += size;
    ByteWriter(bytes_).Fixed(static_cast<std::int32_t>(end_));
    return true;
  }
  Bytes Take() { return std::move(bytes_); }

 private:
  Bytes bytes_;
  std::size_t end_ = 0;
};

constexpr char kTooMuch[] = "more than 2 GiB in one batch";

Result<Built> BuildVariable(const Column& column) {
  Offsets offsets;
  for (std::size_t row = 0; row < column.rows(); ++row) {
    if (!offsets.Add(column.Cell(row).size())) return NotExact(column.field().name, kTooMuch);
  }
  Built built;
  built.buffers = {{}, offsets.Take(), column.data()};
  return built;
}

Result<Built> BuildSparse(const Column& column) {
  Offsets offsets;
  Bytes indexes;
  Bytes values;
  for (std::size_t row = 0; row < column.rows(); ++row) {
    const ByteSpan cell = column.Cell(row);
    if (cell.size() % 8 != 0) return NotExact(column.field().name, "a cell of odd length");
    if (!offsets.Add(cell.size() / 8)) return NotExact(column.field().name, kTooMuch);
    for (std::size_t at = 0; at < cell.size(); at += 8) {
      ByteWriter(indexes).Raw(cell.subspan(at, 4));
      ByteWriter(values).Raw(cell.subspan(at + 4, 4));
    }
  }
  const auto count = static_cast<std::int64_t>(indexes.size() / 4);
  Built pairs{count, 0, {{}}, {}};
  pairs.children.push_back({count, 0, {{}, std::move(indexes)}, {}});
  pairs.children.push_back({count, 0, {{}, std::move(values)}, {}});
  Built built;
  built.buffers = {{}, offsets.Take()};
  built.children.push_back(std::move(pairs));
  return built;
}

Result<Built> BuildArrays(const Column& column, const ArrowType& type) {
  Offsets offsets;
  Bytes all;
  for (std::size_t row = 0; row < column.rows(); ++row) {
    ByteSpan elements;
    if (!column.IsNull(row)) {
      AERIE_ASSIGN(elements, rows::FixedArrayElements(column.Cell(row), type.width));
    }
    if (!offsets.Add(elements.size() / type.width)) return NotExact(column.field().name, kTooMuch);
    ByteWriter(all).Raw(elements);
  }
  Built built;
  built.buffers = {{}, offsets.Take()};
  AERIE_ASSIGN(Built numbers, BuildNumbers(all, type.children.front().second, column.field().name));
  built.children.push_back(std::move(numbers));
  return built;
}

Result<Built> BuildTextArrays(const Column& column) {
  Offsets offsets;
  Offsets ends;
  Bytes text;
  std::int64_t count = 0;
  for (std::size_t row = 0; row < column.rows(); ++row) {
    std::vector<std::string_view> elements;
    if (!column.IsNull(row)) {
      AERIE_ASSIGN(elements, rows::StringArrayElements(column.Cell(row)));
    }
    bool fits = offsets.Add(elements.size());
    for (const std::string_view element : elements) {
      fits = ends.Add(element.size()) && fits;
      ByteWriter(text).Raw(AsBytes(element));
    }
    if (!fits) return NotExact(column.field().name, kTooMuch);
    count += static_cast<std::int64_t>(elements.size());
  }
  Built built;
  built.buffers = {{}, offsets.Take()};
  built.children.push_back({count, 0, {{}, ends.Take(), std::move(text)}, {}});
  return built;
}

Result<Built> BuildVectors(const Column& column, const ArrowType& type) {
  Built built;
  built.buffers = {{}};
  AERIE_ASSIGN(Built elements,
               BuildNumbers(column.data(), type.children.front().second, column.field().name));
  built.children.push_back(std::move(elements));
  return built;
}

Result<Built> BuildValues(const Column& column, const ArrowType& type) {
  switch (type.layout) {
    case Layout::kVariable: return BuildVariable(column);
    case Layout::kSparse: return BuildSparse(column);
    case Layout::kArray: return BuildArrays(column, type);
    case Layout::kTextArray: return BuildTextArrays(column);
    case Layout::kVector: return BuildVectors(column, type);
    default: return BuildNumbers(column.data(), type, column.field().name);
  }
}

Result<Built> BuildColumn(const Column& column) {
  AERIE_ASSIGN(Built built, BuildValues(column, TypeOf(column.field())));
  built.length = static_cast<std::int64_t>(column.rows());
  if (column.has_nulls_column()) {
    built.buffers.front() = Packed(column.validity());
    for (std::size_t row = 0; row < column.rows(); ++row) built.null_count += column.IsNull(row);
  }
  return built;
}

// ---- Arrow to rows ----

Status WrongColumn(const std::string& column, const std::string& why) {
  return CorruptError("column " + column + " " + why);
}

bool SameType(const ArrowSchema& schema, const ArrowType& type) {
  if (schema.format == nullptr || type.format != schema.format || schema.dictionary != nullptr) {
    return false;
  }
  if (schema.n_children != static_cast<std::int64_t>(type.children.size())) return false;
  for (std::size_t i = 0; i < type.children.size(); ++i) {
    if (!SameType(*schema.children[i], type.children[i].second)) return false;
  }
  return true;
}

bool BitAt(const void* bits, std::int64_t at) {
  return (static_cast<const std::uint8_t*>(bits)[at / 8] >> (at % 8) & 1) != 0;
}

bool NullAt(const ArrowArray& array, std::int64_t at) {
  return array.n_buffers > 0 && array.buffers[0] != nullptr && !BitAt(array.buffers[0], at);
}

// `at` and `count` in values of the array's buffers, its own offset included.
ByteSpan ValuesAt(const ArrowArray& array, std::int64_t at, std::int64_t count, std::size_t width) {
  const auto* const base = static_cast<const std::uint8_t*>(array.buffers[1]);
  return {base + static_cast<std::size_t>(at) * width, static_cast<std::size_t>(count) * width};
}

struct Extent {
  std::int64_t begin = 0;
  std::int64_t count = 0;
};

// Where in its values (of texts: in bytes) the list `at` stands.
Extent ListAt(const ArrowArray& array, std::int64_t at) {
  const auto* const offsets = static_cast<const std::int32_t*>(array.buffers[1]);
  return {offsets[at], offsets[at + 1] - offsets[at]};
}

ByteSpan TextAt(const ArrowArray& array, std::int64_t at) {
  const Extent extent = ListAt(array, at);
  const auto* const base = static_cast<const std::uint8_t*>(array.buffers[2]);
  return {base + extent.begin, static_cast<std::size_t>(extent.count)};
}

// Appends `count` numbers as cells lay them out.
void AppendNumbers(const ArrowArray& array, Extent extent, const ArrowType& type, Bytes& out) {
  const std::int64_t begin = extent.begin + array.offset;
  if (type.layout == Layout::kFixed || type.layout == Layout::kBytes) {
    return ByteWriter(out).Raw(ValuesAt(array, begin, extent.count, type.width));
  }
  for (std::int64_t i = begin; i < begin + extent.count; ++i) {
    if (type.layout == Layout::kBits) {
      out.push_back(BitAt(array.buffers[1], i) ? 1 : 0);
    } else if (type.width == 1) {
      std::int8_t value = 0;
      std::memcpy(&value, ValuesAt(array, i, 1, 1).data(), 1);
      ByteWriter(out).Fixed<std::int32_t>(value);
    } else {
      std::int16_t value = 0;
      std::memcpy(&value, ValuesAt(array, i, 1, 2).data(), 2);
      ByteWriter(out).Fixed<std::int32_t>(value);
    }
  }
}

void AppendSparse(const ArrowArray& pairs, Extent extent, Bytes& out) {
  const ArrowArray& indexes = *pairs.children[0];
  const ArrowArray& values = *pairs.children[1];
  for (std::int64_t i = extent.begin + pairs.offset; i < extent.begin + pairs.offset + extent.count;
       ++i) {
    ByteWriter(out).Raw(ValuesAt(indexes, i + indexes.offset, 1, 4));
    ByteWriter(out).Raw(ValuesAt(values, i + values.offset, 1, 4));
  }
}

void AppendTextArray(const ArrowArray& texts, Extent extent, Bytes& out) {
  ByteWriter writer(out);
  writer.Varint(static_cast<std::uint64_t>(extent.count));
  for (std::int64_t i = extent.begin; i < extent.begin + extent.count; ++i) {
    writer.Sized(TextAt(texts, i + texts.offset));
  }
}

// The bytes of one cell; `at` includes the array's offset.
void AppendCell(const ArrowArray& array, std::int64_t at, const ArrowType& type, Bytes& out) {
  switch (type.layout) {
    case Layout::kVariable: return ByteWriter(out).Raw(TextAt(array, at));
    case Layout::kSparse: return AppendSparse(*array.children[0], ListAt(array, at), out);
    case Layout::kTextArray: return AppendTextArray(*array.children[0], ListAt(array, at), out);
    case Layout::kArray: {
      const Extent extent = ListAt(array, at);
      ByteWriter(out).Varint(static_cast<std::uint64_t>(extent.count));
      return AppendNumbers(*array.children[0], extent, type.children.front().second, out);
    }
    case Layout::kVector: {
      const ArrowType& element = type.children.front().second;
      const auto size = static_cast<std::int64_t>(type.width / element.width);
      return AppendNumbers(*array.children[0], {at * size, size}, element, out);
    }
    default: return AppendNumbers(array, {at - array.offset, 1}, type, out);
  }
}

// Aerie's types know no null inside a cell.
bool HasNullChildren(const ArrowArray& array) {
  for (std::int64_t i = 0; i < array.n_children; ++i) {
    const ArrowArray& child = *array.children[i];
    for (std::int64_t at = 0; child.null_count != 0 && at < child.length; ++at) {
      if (NullAt(child, at + child.offset)) return true;
    }
    if (HasNullChildren(child)) return true;
  }
  return false;
}

Result<Column> ReadColumn(const ArrowArray& array, std::int64_t first, std::int64_t count,
                          const FieldSchema& field) {
  const ArrowType type = TypeOf(field);
  // A fixed-size list that is null itself may have null elements.
  if (type.layout != Layout::kVector && HasNullChildren(array)) {
    return WrongColumn(field.name, "has a null inside of a value");
  }
  Column column(field);
  Bytes cell;
  for (std::int64_t at = first + array.offset; at < first + array.offset + count; ++at) {
    if (NullAt(array, at)) {
      column.AppendNull();
      continue;
    }
    cell.clear();
    AppendCell(array, at, type, cell);
    if (column.fixed() && cell.size() != column.width()) {
      return WrongColumn(field.name, "has a value of another size");
    }
    column.Append(cell);
  }
  return column;
}

}  // namespace

ArrowOwned<ArrowSchema> ToArrowSchema(const std::vector<FieldSchema>& columns,
                                      const ArrowMetadata& metadata) {
  std::vector<ArrowSchema*> children;
  for (const FieldSchema& field : columns) {
    children.push_back(NewSchema(field.name, TypeOf(field), !field.primary_key,
                                 {{"aerie.type", AerieTypeName(field)}}));
  }
  ArrowOwned<ArrowSchema> schema;
  FillSchema(*schema.get(), "+s", "", false, metadata, std::move(children));
  return schema;
}

Result<ArrowOwned<ArrowArray>> ToArrowArray(const rows::RowBatch& batch) {
  Built built{static_cast<std::int64_t>(batch.rows()), 0, {{}}, {}};
  for (const Column& column : batch.columns()) {
    AERIE_ASSIGN(Built child, BuildColumn(column));
    built.children.push_back(std::move(child));
  }
  ArrowOwned<ArrowArray> array;
  FillArray(*array.get(), std::move(built));
  return array;
}

Status CheckArrowSchema(const ArrowSchema& schema, const std::vector<FieldSchema>& columns) {
  if (schema.n_children != static_cast<std::int64_t>(columns.size())) {
    return CorruptError("it has " + std::to_string(schema.n_children) + " columns instead of " +
                        std::to_string(columns.size()));
  }
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const ArrowSchema& child = *schema.children[i];
    if (child.name == nullptr || columns[i].name != child.name) {
      return WrongColumn(columns[i].name, "is not where it must be");
    }
    const ArrowType type = TypeOf(columns[i]);
    if (!SameType(child, type)) {
      return WrongColumn(columns[i].name, std::string("has the Arrow type ") + child.format +
                                              " instead of " + type.format);
    }
  }
  return Ok();
}

Result<rows::RowBatch> FromArrowArray(const ArrowArray& array, const std::string& partition,
                                      const std::vector<FieldSchema>& columns) {
  if (array.n_children != static_cast<std::int64_t>(columns.size())) {
    return CorruptError("a batch has another number of columns than the file");
  }
  std::vector<Column> read;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    AERIE_ASSIGN(Column column,
                 ReadColumn(*array.children[i], array.offset, array.length, columns[i]));
    read.push_back(std::move(column));
  }
  return rows::RowBatch(partition, std::move(read));
}

}  // namespace aerie::files
