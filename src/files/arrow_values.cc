#include "files/arrow_values.h"

#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

namespace aerie::files {

// What is read of a schema; types that are not here are unreadable.
struct ArrowColumn::Type {
  enum class Kind { kNull, kBits, kNumber, kText, kBytes, kFixedBytes, kList, kFixedList, kOther };
  Kind kind = Kind::kOther;
  NumberType number = NumberType::kInt64;
  std::size_t width = 0;  // bytes of kFixedBytes, elements of kFixedList
  bool large = false;     // offsets of 64 bits
  bool dictionary = false;
  NumberType index = NumberType::kInt32;  // into the dictionary, whose values are of `kind`
  std::unique_ptr<Type> element;
};

namespace {

struct Primitive {
  char format;
  NumberType number;
};
constexpr Primitive kPrimitives[] = {
    {'c', NumberType::kInt8},   {'C', NumberType::kUInt8},  {'s', NumberType::kInt16},
    {'S', NumberType::kUInt16}, {'i', NumberType::kInt32},  {'I', NumberType::kUInt32},
    {'l', NumberType::kInt64},  {'L', NumberType::kUInt64}, {'e', NumberType::kFloat16},
    {'f', NumberType::kFloat},  {'g', NumberType::kDouble}};

std::optional<NumberType> NumberOf(std::string_view format) {
  for (const Primitive& one : kPrimitives) {
    if (format.size() == 1 && format[0] == one.format) return one.number;
  }
  return std::nullopt;
}

std::size_t SizeAfterColon(std::string_view format) {
  std::size_t size = 0;
  const std::size_t colon = format.find(':');
  if (colon == std::string_view::npos) return 0;
  std::from_chars(format.data() + colon + 1, format.data() + format.size(), size);
  return size;
}

bool BitAt(const void* bits, std::int64_t at) {
  return (static_cast<const std::uint8_t*>(bits)[at / 8] >> (at % 8) & 1) != 0;
}

// `at` includes the array's offset.
bool IsNull(const ArrowArray& array, std::int64_t at) {
  return array.n_buffers > 0 && array.null_count != 0 && array.buffers[0] != nullptr &&
         !BitAt(array.buffers[0], at);
}

struct Extent {
  std::int64_t begin = 0;
  std::int64_t count = 0;
};

template <class Offset>
Extent ExtentOf(const ArrowArray& array, std::int64_t at) {
  Offset ends[2];
  std::memcpy(ends, static_cast<const Offset*>(array.buffers[1]) + at, sizeof ends);
  return {ends[0], ends[1] - ends[0]};
}

Extent ListAt(const ArrowArray& array, std::int64_t at, bool large) {
  return large ? ExtentOf<std::int64_t>(array, at) : ExtentOf<std::int32_t>(array, at);
}

ByteSpan BytesAt(const ArrowArray& array, std::int64_t at, bool large) {
  const Extent extent = ListAt(array, at, large);
  if (extent.count == 0) return {};
  return {static_cast<const std::uint8_t*>(array.buffers[2]) + extent.begin,
          static_cast<std::size_t>(extent.count)};
}

ByteSpan FixedAt(const ArrowArray& array, std::int64_t at, std::int64_t count, std::size_t width) {
  if (count == 0) return {};
  return {static_cast<const std::uint8_t*>(array.buffers[1]) + static_cast<std::size_t>(at) * width,
          static_cast<std::size_t>(count) * width};
}

std::int64_t IndexAt(const ArrowArray& array, std::int64_t at, NumberType type) {
  const ByteSpan bytes = FixedAt(array, at, 1, WidthOf(type));
  std::uint64_t index = 0;  // never negative
  std::memcpy(&index, bytes.data(), bytes.size());
  return static_cast<std::int64_t>(index);
}

// What an unreadable type is called, in words.
std::string NameOfFormat(std::string_view format) {
  if (format.starts_with("td")) return "date";
  if (format.starts_with("ts")) return "timestamp";
  if (format.starts_with("tt")) return "time of day";
  if (format.starts_with("tD")) return "duration";
  if (format.starts_with("d:")) return "decimal";
  if (format == "+s") return "struct";
  if (format == "+m") return "map";
  if (format == "n") return "null";
  return "Arrow type " + std::string(format);
}

}  // namespace

namespace {

// Of a schema without its dictionary.
template <class T>
void ReadPlainType(const ArrowSchema& schema, T& type) {
  using Kind = typename T::Kind;
  const std::string_view format = schema.format == nullptr ? "" : schema.format;
  type.large = format == "U" || format == "Z" || format == "+L";
  if (format == "n") type.kind = Kind::kNull;
  if (format == "b") type.kind = Kind::kBits;
  if (format == "u" || format == "U") type.kind = Kind::kText;
  if (format == "z" || format == "Z") type.kind = Kind::kBytes;
  if (const auto number = NumberOf(format)) {
    type.kind = Kind::kNumber;
    type.number = *number;
  }
  if (format.starts_with("w:")) {
    type.kind = Kind::kFixedBytes;
    type.width = SizeAfterColon(format);
  }
  const bool fixed = format.starts_with("+w:");
  if ((format == "+l" || format == "+L" || fixed) && schema.n_children == 1 &&
      schema.children[0]->dictionary == nullptr) {
    type.element = std::make_unique<T>();
    ReadPlainType(*schema.children[0], *type.element);
    const Kind element = type.element->kind;
    if (element == Kind::kBits || element == Kind::kNumber || element == Kind::kText) {
      type.kind = fixed ? Kind::kFixedList : Kind::kList;
      type.width = SizeAfterColon(format);
    }
  }
}

template <class T>
void ReadType(const ArrowSchema& schema, T& type) {
  const auto index = NumberOf(schema.format == nullptr ? "" : schema.format);
  type.dictionary = schema.dictionary != nullptr && index.has_value();
  if (type.dictionary) type.index = *index;
  ReadPlainType(schema.dictionary != nullptr ? *schema.dictionary : schema, type);
}

template <class T>
std::string TextOf(const T& type, std::string_view format) {
  using Kind = typename T::Kind;
  switch (type.kind) {
    case Kind::kNull: return "null";
    case Kind::kBits: return "bool";
    case Kind::kNumber: return NameOf(type.number);
    case Kind::kText: return "text";
    case Kind::kBytes: return "bytes";
    case Kind::kFixedBytes: return "bytes[" + std::to_string(type.width) + "]";
    case Kind::kList: return "list<" + TextOf(*type.element, "") + ">";
    case Kind::kFixedList:
      return "list<" + TextOf(*type.element, "") + ">[" + std::to_string(type.width) + "]";
    case Kind::kOther: return NameOfFormat(format);
  }
  return {};
}

template <class T>
std::optional<rows::FieldSchema> FieldOf(const T& type) {
  using Kind = typename T::Kind;
  switch (type.kind) {
    case Kind::kBits: return FieldOfNumbers(NumberType::kBool);
    case Kind::kNumber: return FieldOfNumbers(type.number);
    case Kind::kText: return FieldOfText();
    case Kind::kFixedList:
      if (type.element->kind != Kind::kNumber) return std::nullopt;
      return FieldOfVectors(type.element->number, type.width);
    default: return std::nullopt;
  }
}

}  // namespace

ArrowColumn::ArrowColumn(const ArrowSchema& schema) : type_(std::make_unique<Type>()) {
  ReadType(schema, *type_);
  about_.name = schema.name == nullptr ? "" : schema.name;
  const ArrowSchema& values = schema.dictionary != nullptr ? *schema.dictionary : schema;
  about_.type = TextOf(*type_, values.format == nullptr ? "" : values.format);
  about_.field = FieldOf(*type_);
  if (type_->kind == Type::Kind::kOther) {
    about_.unreadable = "a column of type " + about_.type + " goes into no field; cast it first";
  }
}

ArrowColumn::~ArrowColumn() = default;
ArrowColumn::ArrowColumn(ArrowColumn&&) noexcept = default;
ArrowColumn& ArrowColumn::operator=(ArrowColumn&&) noexcept = default;

namespace {

template <class T>
void SetList(const ArrowArray& elements, Extent extent, const T& type, Bytes& bits,
             ForeignValue& value) {
  using Kind = typename T::Kind;
  const std::int64_t begin = extent.begin + elements.offset;
  const std::int64_t end = begin + extent.count;
  for (std::int64_t at = begin; elements.null_count != 0 && at < end; ++at) {
    if (IsNull(elements, at)) {
      value.kind = ForeignValue::Kind::kGap;
      value.count = static_cast<std::size_t>(at - begin + 1);
      return;
    }
  }
  const auto count = static_cast<std::size_t>(extent.count);
  if (type.kind == Kind::kNumber) {
    value.SetNumbers(type.number, count,
                     FixedAt(elements, begin, extent.count, WidthOf(type.number)));
  } else if (type.kind == Kind::kBits) {
    bits.clear();
    for (std::int64_t at = begin; at < end; ++at) bits.push_back(BitAt(elements.buffers[1], at));
    value.SetNumbers(NumberType::kBool, count, bits);
  } else {
    value.kind = ForeignValue::Kind::kTexts;
    value.texts.clear();
    for (std::int64_t at = begin; at < end; ++at) {
      value.texts.push_back(AsText(BytesAt(elements, at, type.large)));
    }
  }
}

// `at` includes the array's offset.
template <class T>
void SetValue(const ArrowArray& array, std::int64_t at, const T& type, Bytes& bits,
              ForeignValue& value) {
  using Kind = typename T::Kind;
  switch (type.kind) {
    case Kind::kBits:
      bits.assign(1, BitAt(array.buffers[1], at));
      value.SetNumber(NumberType::kBool, bits);
      return;
    case Kind::kNumber:
      value.SetNumber(type.number, FixedAt(array, at, 1, WidthOf(type.number)));
      return;
    case Kind::kText: value.SetText(AsText(BytesAt(array, at, type.large))); return;
    case Kind::kBytes: value.SetBytes(BytesAt(array, at, type.large)); return;
    case Kind::kFixedBytes: value.SetBytes(FixedAt(array, at, 1, type.width)); return;
    case Kind::kList:
      return SetList(*array.children[0], ListAt(array, at, type.large), *type.element, bits, value);
    case Kind::kFixedList: {
      const auto width = static_cast<std::int64_t>(type.width);
      return SetList(*array.children[0], {at * width, width}, *type.element, bits, value);
    }
    default: value.SetNull();
  }
}

}  // namespace

void ArrowColumn::Value(const ArrowArray& array, std::int64_t row, ForeignValue& value) {
  value.SetNull();
  const std::int64_t at = row + array.offset;
  if (type_->kind == Type::Kind::kNull || IsNull(array, at)) return;
  if (!type_->dictionary) return SetValue(array, at, *type_, bits_, value);
  const ArrowArray& values = *array.dictionary;
  const std::int64_t index = IndexAt(array, at, type_->index) + values.offset;
  if (IsNull(values, index)) return;
  return SetValue(values, index, *type_, bits_, value);
}

}  // namespace aerie::files
