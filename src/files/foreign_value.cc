#include "files/foreign_value.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <system_error>
#include <utility>

#include <nlohmann/json.hpp>

#include "files/json_text.h"
#include "rows/batch.h"

namespace aerie::files {
namespace {

using rows::DataType;
using rows::FieldSchema;

template <class T>
T Loaded(const std::uint8_t* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

Status Refused(const std::string& shown, const std::string& why) {
  return RefusedError(shown + " " + why);
}

// The words of a parser's error, as a refusal.
Status AsRefusal(const Status& status) {
  return status.ok() ? status : RefusedError(std::string(status.message()));
}

std::string Cut(std::string_view text) {
  constexpr std::size_t kShown = 40;
  std::string shown(text.substr(0, kShown));
  while (!IsUtf8(shown) && IsUtf8(text)) shown.pop_back();  // not within a character
  if (shown.size() < text.size()) shown += "...";
  Bytes quoted;
  if (!IsUtf8(shown)) return "bytes " + ToHex(AsBytes(shown));
  AppendJsonString(shown, quoted);
  return std::string(AsText(quoted));
}

// ---- numbers ----

// A number of any width; all that files have fit into one of the three.
struct Wide {
  enum class Kind { kSigned, kUnsigned, kReal };
  Kind kind;
  std::int64_t integer = 0;
  std::uint64_t natural = 0;
  double real = 0;
};

Wide Signed(std::int64_t value) { return {Wide::Kind::kSigned, value}; }
Wide Natural(std::uint64_t value) { return {Wide::Kind::kUnsigned, 0, value}; }
Wide Real(double value) { return {Wide::Kind::kReal, 0, 0, value}; }

Wide Widened(NumberType type, const std::uint8_t* at) {
  switch (type) {
    case NumberType::kBool:
    case NumberType::kUInt8: return Natural(*at);
    case NumberType::kInt8: return Signed(Loaded<std::int8_t>(at));
    case NumberType::kInt16: return Signed(Loaded<std::int16_t>(at));
    case NumberType::kInt32: return Signed(Loaded<std::int32_t>(at));
    case NumberType::kInt64: return Signed(Loaded<std::int64_t>(at));
    case NumberType::kUInt16: return Natural(Loaded<std::uint16_t>(at));
    case NumberType::kUInt32: return Natural(Loaded<std::uint32_t>(at));
    case NumberType::kUInt64: return Natural(Loaded<std::uint64_t>(at));
    case NumberType::kFloat16: return Real(FloatOfHalf(Loaded<std::uint16_t>(at)));
    case NumberType::kFloat: return Real(Loaded<float>(at));
    case NumberType::kDouble: return Real(Loaded<double>(at));
  }
  return Real(0);
}

std::string ShownNumber(const Wide& wide) {
  switch (wide.kind) {
    case Wide::Kind::kSigned: return std::to_string(wide.integer);
    case Wide::Kind::kUnsigned: return std::to_string(wide.natural);
    case Wide::Kind::kReal: break;
  }
  char text[40];
  const auto end = std::to_chars(text, text + sizeof text, wide.real).ptr;
  return {text, end};
}

// What a number goes into: how it is stored, and which fit.
struct Slot {
  enum class Kind { kBool, kInteger, kFloat16, kBFloat16, kFloat, kDouble };
  Kind kind;
  std::size_t width;  // bytes stored
  std::int64_t least = 0;
  std::int64_t most = 0;
  const char* name;
};

template <class T>
Slot IntegerSlot(std::size_t width, const char* name) {
  return {Slot::Kind::kInteger, width, std::numeric_limits<T>::min(), std::numeric_limits<T>::max(),
          name};
}

// Of a scalar field or an array's element; cells hold small integers in 4 bytes.
std::optional<Slot> SlotOf(DataType type) {
  switch (type) {
    case DataType::kBool: return Slot{Slot::Kind::kBool, 1, 0, 1, "Bool"};
    case DataType::kInt8: return IntegerSlot<std::int8_t>(4, "Int8");
    case DataType::kInt16: return IntegerSlot<std::int16_t>(4, "Int16");
    case DataType::kInt32: return IntegerSlot<std::int32_t>(4, "Int32");
    case DataType::kInt64: return IntegerSlot<std::int64_t>(8, "Int64");
    case DataType::kFloat: return Slot{Slot::Kind::kFloat, 4, 0, 0, "Float"};
    case DataType::kDouble: return Slot{Slot::Kind::kDouble, 8, 0, 0, "Double"};
    default: return std::nullopt;
  }
}

// Of a vector's element.
std::optional<Slot> ElementSlot(DataType type) {
  switch (type) {
    case DataType::kFloatVector: return Slot{Slot::Kind::kFloat, 4, 0, 0, "Float"};
    case DataType::kFloat16Vector: return Slot{Slot::Kind::kFloat16, 2, 0, 0, "Float16"};
    case DataType::kBFloat16Vector: return Slot{Slot::Kind::kBFloat16, 2, 0, 0, "BFloat16"};
    case DataType::kInt8Vector: return IntegerSlot<std::int8_t>(1, "Int8");
    case DataType::kBinaryVector: return Slot{Slot::Kind::kInteger, 1, 0, 255, "byte"};
    default: return std::nullopt;
  }
}

void StoreInteger(std::int64_t value, std::size_t width, Bytes& out) {
  const std::size_t at = out.size();
  out.resize(at + width);
  std::memcpy(out.data() + at, &value, width);  // little-endian, two's complement
}

Status AppendInteger(const Wide& wide, const Slot& slot, Bytes& out) {
  constexpr double kEnd = 9223372036854775808.0;  // 2^63
  const auto refuse = [&] {
    return Refused(ShownNumber(wide), "is no " + std::string(slot.name) + " (" +
                                          std::to_string(slot.least) + " to " +
                                          std::to_string(slot.most) + ")");
  };
  std::int64_t value = wide.integer;
  if (wide.kind == Wide::Kind::kUnsigned) {
    if (wide.natural > static_cast<std::uint64_t>(slot.most)) return refuse();
    value = static_cast<std::int64_t>(wide.natural);
  }
  if (wide.kind == Wide::Kind::kReal) {
    if (!(wide.real >= -kEnd && wide.real < kEnd) || wide.real != std::trunc(wide.real)) {
      return refuse();
    }
    value = static_cast<std::int64_t>(wide.real);
  }
  if (value < slot.least || value > slot.most) return refuse();
  StoreInteger(value, slot.width, out);
  return Ok();
}

// The nearest number of the slot, and what it is as a double.
double Nearest(double value, Slot::Kind kind, Bytes& out) {
  ByteWriter writer(out);
  switch (kind) {
    case Slot::Kind::kFloat:
      writer.Fixed(static_cast<float>(value));
      return static_cast<float>(value);
    case Slot::Kind::kFloat16: writer.Fixed(HalfOf(value)); return FloatOfHalf(HalfOf(value));
    case Slot::Kind::kBFloat16:
      writer.Fixed(BFloat16Of(value));
      return FloatOfBFloat16(BFloat16Of(value));
    default: writer.Fixed(value); return value;
  }
}

// Whether an integer is that double.
bool IsSame(const Wide& wide, double value) {
  constexpr double kEnd = 9223372036854775808.0;  // 2^63
  if (wide.kind == Wide::Kind::kSigned) {
    return value >= -kEnd && value < kEnd && static_cast<std::int64_t>(value) == wide.integer;
  }
  return value < 2 * kEnd && static_cast<std::uint64_t>(value) == wide.natural;
}

Status AppendReal(const Wide& wide, const Slot& slot, Rounding rounding, Bytes& out) {
  const double value = wide.kind == Wide::Kind::kReal     ? wide.real
                       : wide.kind == Wide::Kind::kSigned ? static_cast<double>(wide.integer)
                                                          : static_cast<double>(wide.natural);
  const double kept = Nearest(value, slot.kind, out);
  if (std::isinf(kept) && std::isfinite(value)) {
    return Refused(ShownNumber(wide), "is out of the range of a " + std::string(slot.name));
  }
  const bool exact = wide.kind == Wide::Kind::kReal
                         ? kept == value || (std::isnan(kept) && std::isnan(value))
                         : IsSame(wide, kept);
  if (exact || rounding == Rounding::kNearest) return Ok();
  return Refused(ShownNumber(wide), "is not exactly a " + std::string(slot.name) + " (" +
                                        ShownNumber(Real(kept)) +
                                        " is the nearest; round: true takes it)");
}

Status AppendNumber(NumberType type, const std::uint8_t* at, const Slot& slot, Rounding rounding,
                    Bytes& out) {
  const Wide wide = Widened(type, at);
  if ((slot.kind == Slot::Kind::kBool) != (type == NumberType::kBool)) {
    return type == NumberType::kBool
               ? Refused(wide.natural != 0 ? "true" : "false", "is no " + std::string(slot.name))
               : Refused(ShownNumber(wide), "is no Bool");
  }
  switch (slot.kind) {
    case Slot::Kind::kBool: out.push_back(*at != 0 ? 1 : 0); return Ok();
    case Slot::Kind::kInteger: return AppendInteger(wide, slot, out);
    default: return AppendReal(wide, slot, rounding, out);
  }
}

// Whether numbers of the file lie in a cell as they lie in the file.
bool SameBits(NumberType type, const Slot& slot) {
  switch (slot.kind) {
    case Slot::Kind::kFloat: return type == NumberType::kFloat;
    case Slot::Kind::kDouble: return type == NumberType::kDouble;
    case Slot::Kind::kFloat16: return type == NumberType::kFloat16;
    case Slot::Kind::kInteger:
      return (slot.width == 8 && type == NumberType::kInt64) ||
             (slot.width == 4 && type == NumberType::kInt32 &&
              slot.most == std::numeric_limits<std::int32_t>::max()) ||
             (slot.width == 1 && slot.least < 0 && type == NumberType::kInt8) ||
             (slot.width == 1 && slot.least == 0 && type == NumberType::kUInt8);
    default: return false;
  }
}

Status AppendNumbers(const ForeignValue& value, const Slot& slot, Rounding rounding, Bytes& out) {
  if (SameBits(value.number, slot)) {
    ByteWriter(out).Raw(value.bytes);
    return Ok();
  }
  const std::size_t width = WidthOf(value.number);
  for (std::size_t i = 0; i < value.count; ++i) {
    const Status status =
        AppendNumber(value.number, value.bytes.data() + i * width, slot, rounding, out);
    if (!status.ok()) return Annotate(status, "element " + std::to_string(i + 1));
  }
  return Ok();
}

// ---- decimal text ----

template <class T>
bool Parsed(std::string_view text, T& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return !text.empty() && error == std::errc() && end == text.data() + text.size();
}

Status AppendParsed(std::string_view text, const Slot& slot, Bytes& out) {
  const auto refuse = [&] { return Refused(Cut(text), "is no " + std::string(slot.name)); };
  switch (slot.kind) {
    case Slot::Kind::kBool: {
      const bool yes = text == "true" || text == "True" || text == "TRUE" || text == "1";
      const bool no = text == "false" || text == "False" || text == "FALSE" || text == "0";
      if (!yes && !no) return refuse();
      out.push_back(yes ? 1 : 0);
      return Ok();
    }
    case Slot::Kind::kInteger: {
      std::int64_t value = 0;
      if (!Parsed(text, value)) return refuse();
      return AppendInteger(Signed(value), slot, out);
    }
    case Slot::Kind::kFloat: {
      float value = 0;
      if (Parsed(text, value)) {
        ByteWriter(out).Fixed(value);
        return Ok();
      }
      [[fallthrough]];  // too small or too large for one
    }
    default: {
      double value = 0;
      if (!Parsed(text, value)) return refuse();
      return AppendReal(Real(value), slot, Rounding::kNearest, out);
    }
  }
}

// ---- JSON ----

Status TakeJsonNumber(JsonCursor& cursor, const Slot& slot, Bytes& out) {
  std::string_view raw;
  if (slot.kind == Slot::Kind::kBool) {
    bool value = false;
    AERIE_TRY(AsRefusal(cursor.Boolean(value)));
    out.push_back(value ? 1 : 0);
    return Ok();
  }
  if (slot.kind != Slot::Kind::kInteger && cursor.rest().starts_with('"')) {
    // What JSON has no number for, as exports spell it.
    double value = 0;
    AERIE_TRY(AsRefusal(cursor.Float(value)));
    return AppendReal(Real(value), slot, Rounding::kNearest, out);
  }
  AERIE_TRY(AsRefusal(cursor.Raw(raw)));
  const bool number = !raw.empty() && (raw[0] == '-' || (raw[0] >= '0' && raw[0] <= '9'));
  if (!number) return Refused(Cut(raw), "is no " + std::string(slot.name));
  return AppendParsed(raw, slot, out);
}

template <class Take>
Status TakeJsonList(JsonCursor& cursor, const Take& take, std::size_t& count) {
  count = 0;
  AERIE_TRY(AsRefusal(cursor.Expect('[')));
  if (cursor.Take(']')) return Ok();
  do {
    ++count;
    const Status status = take();
    if (!status.ok()) return Annotate(status, "element " + std::to_string(count));
  } while (cursor.Take(','));
  return AsRefusal(cursor.Expect(']'));
}

// ---- cells ----

// The number of `key`, or the largest there is.
std::size_t LimitOf(const FieldSchema& field, const char* key) {
  std::size_t limit = std::numeric_limits<std::size_t>::max();
  if (const std::string* const text = rows::FindValue(field.type_params, key)) {
    Parsed(*text, limit);
  }
  return limit;
}

Status CheckText(const FieldSchema& field, std::string_view text) {
  if (!IsUtf8(text)) return Refused(Cut(text), "is not UTF-8");
  const std::size_t most = LimitOf(field, "max_length");
  if (text.size() <= most) return Ok();
  return Refused(Cut(text), "has " + std::to_string(text.size()) + " bytes, and the field takes " +
                                std::to_string(most) + " (max_length)");
}

Status AppendText(const FieldSchema& field, std::string_view text, Bytes& out) {
  AERIE_TRY(CheckText(field, text));
  AppendRaw(text, out);
  return Ok();
}

Status CheckCount(const FieldSchema& field, std::size_t count, std::size_t wanted) {
  if (count == wanted) return Ok();
  return RefusedError("a list of " + std::to_string(count) + ", and " + rows::TypeName(field.type) +
                      " of dim " + std::to_string(field.dim()) + " takes " +
                      std::to_string(wanted));
}

Status WrongKind(const FieldSchema& field, const ForeignValue& value) {
  return Refused(ShownValue(value), "is no " + rows::TypeName(field.type));
}

Status AppendVector(const FieldSchema& field, const ForeignValue& value, const Slot& slot,
                    Rounding rounding, Bytes& out) {
  const std::size_t wanted = rows::CellWidth(field) / slot.width;
  using Kind = ForeignValue::Kind;
  switch (value.kind) {
    case Kind::kNumbers:
      AERIE_TRY(CheckCount(field, value.count, wanted));
      return AppendNumbers(value, slot, rounding, out);
    case Kind::kBytes:
      if (slot.width == 2 || field.type == DataType::kBinaryVector) {
        AERIE_TRY(CheckCount(field, value.bytes.size() / slot.width, wanted));
        if (value.bytes.size() % slot.width != 0) return WrongKind(field, value);
        ByteWriter(out).Raw(value.bytes);
        return Ok();
      }
      return WrongKind(field, value);
    case Kind::kWord:
    case Kind::kJson: {
      JsonCursor cursor(value.text);
      std::size_t count = 0;
      AERIE_TRY(TakeJsonList(
          cursor, [&] { return TakeJsonNumber(cursor, slot, out); }, count));
      if (!cursor.AtEnd()) return Refused(Cut(value.text), "goes on behind the list");
      return CheckCount(field, count, wanted);
    }
    default: return WrongKind(field, value);
  }
}

using SparsePair = std::pair<std::uint32_t, float>;

Status TakeSparsePair(JsonCursor& cursor, bool object, std::vector<SparsePair>& pairs) {
  SparsePair pair;
  if (object) {
    std::string name;
    AERIE_TRY(AsRefusal(cursor.String(name)));
    if (!Parsed(name, pair.first)) return Refused(Cut(name), "is no index");
    AERIE_TRY(AsRefusal(cursor.Expect(':')));
  } else {
    std::int64_t index = 0;
    AERIE_TRY(AsRefusal(cursor.Expect('[')));
    AERIE_TRY(AsRefusal(cursor.Integer(index)));
    if (index < 0 || index > std::numeric_limits<std::uint32_t>::max()) {
      return Refused(std::to_string(index), "is no index");
    }
    pair.first = static_cast<std::uint32_t>(index);
    AERIE_TRY(AsRefusal(cursor.Expect(',')));
  }
  AERIE_TRY(AsRefusal(cursor.Float(pair.second)));
  pairs.push_back(pair);
  return object ? Ok() : AsRefusal(cursor.Expect(']'));
}

Status AppendSparse(const FieldSchema& field, const ForeignValue& value, Bytes& out) {
  using Kind = ForeignValue::Kind;
  if (value.kind != Kind::kWord && value.kind != Kind::kJson) return WrongKind(field, value);
  JsonCursor cursor(value.text);
  const bool object = cursor.Take('{');
  if (!object) AERIE_TRY(AsRefusal(cursor.Expect('[')));
  const char end = object ? '}' : ']';
  std::vector<SparsePair> pairs;
  if (!cursor.Take(end)) {
    do {
      AERIE_TRY(TakeSparsePair(cursor, object, pairs));
    } while (cursor.Take(','));
    AERIE_TRY(AsRefusal(cursor.Expect(end)));
  }
  if (!cursor.AtEnd()) return Refused(Cut(value.text), "goes on behind the vector");
  std::stable_sort(pairs.begin(), pairs.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    if (i > 0 && pairs[i].first == pairs[i - 1].first) {
      return Refused("index " + std::to_string(pairs[i].first), "comes twice");
    }
    ByteWriter(out).Fixed(pairs[i].first);
    ByteWriter(out).Fixed(pairs[i].second);
  }
  return Ok();
}

Status CheckCapacity(const FieldSchema& field, std::size_t count) {
  const std::size_t most = LimitOf(field, "max_capacity");
  if (count <= most) return Ok();
  return RefusedError("a list of " + std::to_string(count) + ", and the field takes " +
                      std::to_string(most) + " (max_capacity)");
}

Status AppendTextElements(const FieldSchema& field, const ForeignValue& value, Bytes& elements,
                          std::size_t& count) {
  using Kind = ForeignValue::Kind;
  if (value.kind == Kind::kTexts) {
    count = value.texts.size();
    for (const std::string_view text : value.texts) {
      AERIE_TRY(CheckText(field, text));
      ByteWriter(elements).Sized(text);
    }
    return Ok();
  }
  if (value.kind != Kind::kWord && value.kind != Kind::kJson) return WrongKind(field, value);
  JsonCursor cursor(value.text);
  const auto take = [&]() -> Status {
    std::string text;
    AERIE_TRY(AsRefusal(cursor.String(text)));
    AERIE_TRY(CheckText(field, text));
    ByteWriter(elements).Sized(text);
    return Ok();
  };
  AERIE_TRY(TakeJsonList(cursor, take, count));
  return cursor.AtEnd() ? Ok() : Refused(Cut(value.text), "goes on behind the list");
}

Status AppendArray(const FieldSchema& field, const ForeignValue& value, Rounding rounding,
                   Bytes& out) {
  using Kind = ForeignValue::Kind;
  Bytes elements;
  std::size_t count = 0;
  const auto slot = SlotOf(field.element_type);
  if (!slot) {
    AERIE_TRY(AppendTextElements(field, value, elements, count));
  } else if (value.kind == Kind::kNumbers) {
    count = value.count;
    AERIE_TRY(AppendNumbers(value, *slot, rounding, elements));
  } else if (value.kind == Kind::kTexts && value.texts.empty()) {
    // A list without elements has no type.
  } else if (value.kind == Kind::kWord || value.kind == Kind::kJson) {
    JsonCursor cursor(value.text);
    AERIE_TRY(TakeJsonList(
        cursor, [&] { return TakeJsonNumber(cursor, *slot, elements); }, count));
    if (!cursor.AtEnd()) return Refused(Cut(value.text), "goes on behind the list");
  } else {
    return WrongKind(field, value);
  }
  AERIE_TRY(CheckCapacity(field, count));
  ByteWriter(out).Varint(count);
  ByteWriter(out).Raw(elements);
  return Ok();
}

Status AppendJsonCell(const FieldSchema& field, const ForeignValue& value, Bytes& out) {
  using Kind = ForeignValue::Kind;
  if (value.kind != Kind::kWord && value.kind != Kind::kJson && value.kind != Kind::kText) {
    return WrongKind(field, value);
  }
  if (!nlohmann::json::accept(value.text)) return Refused(Cut(value.text), "is no JSON");
  if (field.dynamic && !JsonCursor(value.text).Take('{')) {
    return Refused(Cut(value.text), "is no JSON object");
  }
  AppendRaw(value.text, out);
  return Ok();
}

Status AppendTextCell(const FieldSchema& field, const ForeignValue& value, Bytes& out) {
  using Kind = ForeignValue::Kind;
  if (value.kind == Kind::kText || value.kind == Kind::kWord) {
    return AppendText(field, value.text, out);
  }
  if (value.kind != Kind::kJson) return WrongKind(field, value);
  JsonCursor cursor(value.text);
  std::string text;
  if (!value.text.starts_with('"')) return WrongKind(field, value);
  AERIE_TRY(AsRefusal(cursor.String(text)));
  return AppendText(field, text, out);
}

Status AppendScalar(const FieldSchema& field, const ForeignValue& value, const Slot& slot,
                    Rounding rounding, Bytes& out) {
  using Kind = ForeignValue::Kind;
  switch (value.kind) {
    case Kind::kNumber:
      if (SameBits(value.number, slot)) {
        ByteWriter(out).Raw(value.bytes);
        return Ok();
      }
      return AppendNumber(value.number, value.bytes.data(), slot, rounding, out);
    case Kind::kWord: return AppendParsed(value.text, slot, out);
    case Kind::kJson: {
      JsonCursor cursor(value.text);
      return TakeJsonNumber(cursor, slot, out);
    }
    default: return WrongKind(field, value);
  }
}

// A number of 1 sign bit, `exponent` bits and `mantissa` bits, in the way of IEEE 754; the nearest,
// of two the even one.
std::uint16_t SmallFloat(double value, int exponent_bits, int mantissa) {
  const unsigned sign = std::signbit(value) ? 1U << (exponent_bits + mantissa) : 0U;
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const unsigned infinity = ((1U << exponent_bits) - 1) << mantissa;
  const auto bits = [&](unsigned magnitude) {
    return static_cast<std::uint16_t>(sign | magnitude);
  };
  if (std::isnan(value)) return bits(infinity | 1U << (mantissa - 1));
  if (std::isinf(value)) return bits(infinity);
  if (value == 0) return bits(0);
  int exponent = 0;
  std::frexp(value, &exponent);
  exponent = std::max(exponent - 1, 1 - bias);
  // Whole steps of the last bit; a carry goes into the exponent by itself.
  const auto steps =
      static_cast<unsigned>(std::nearbyint(std::ldexp(std::fabs(value), mantissa - exponent)));
  if (exponent > bias) return bits(infinity);
  const unsigned magnitude = (static_cast<unsigned>(exponent + bias - 1) << mantissa) + steps;
  return bits(std::min(magnitude, infinity));
}

}  // namespace

std::size_t WidthOf(NumberType type) {
  switch (type) {
    case NumberType::kBool:
    case NumberType::kInt8:
    case NumberType::kUInt8: return 1;
    case NumberType::kInt16:
    case NumberType::kUInt16:
    case NumberType::kFloat16: return 2;
    case NumberType::kInt32:
    case NumberType::kUInt32:
    case NumberType::kFloat: return 4;
    default: return 8;
  }
}

const char* NameOf(NumberType type) {
  static constexpr const char* kNames[] = {"bool",   "int8",    "int16",  "int32",
                                           "int64",  "uint8",   "uint16", "uint32",
                                           "uint64", "float16", "float",  "double"};
  return kNames[static_cast<std::size_t>(type)];
}

void ForeignValue::SetNumber(NumberType type, ByteSpan value) {
  kind = Kind::kNumber;
  number = type;
  bytes = value;
}

void ForeignValue::SetNumbers(NumberType type, std::size_t n, ByteSpan values) {
  kind = Kind::kNumbers;
  number = type;
  count = n;
  bytes = values;
}

void ForeignValue::SetText(std::string_view value, Kind as) {
  kind = as;
  text = value;
}

void ForeignValue::SetBytes(ByteSpan value) {
  kind = Kind::kBytes;
  bytes = value;
}

std::string ShownValue(const ForeignValue& value) {
  switch (value.kind) {
    case ForeignValue::Kind::kNull: return "null";
    case ForeignValue::Kind::kNumber:
      if (value.number == NumberType::kBool) return value.bytes[0] != 0 ? "true" : "false";
      return ShownNumber(Widened(value.number, value.bytes.data()));
    case ForeignValue::Kind::kNumbers:
      return "a list of " + std::to_string(value.count) + " " + NameOf(value.number);
    case ForeignValue::Kind::kTexts:
      return "a list of " + std::to_string(value.texts.size()) + " texts";
    case ForeignValue::Kind::kGap:
      return "a list with a null at its element " + std::to_string(value.count);
    case ForeignValue::Kind::kBytes: return std::to_string(value.bytes.size()) + " bytes";
    case ForeignValue::Kind::kText: return "the text " + Cut(value.text);
    case ForeignValue::Kind::kWord:
    case ForeignValue::Kind::kJson: return Cut(value.text);
  }
  return {};
}

Status AppendCell(const FieldSchema& field, const ForeignValue& value, Rounding rounding,
                  Bytes& out) {
  if (const auto slot = SlotOf(field.type)) return AppendScalar(field, value, *slot, rounding, out);
  if (const auto slot = ElementSlot(field.type)) {
    return AppendVector(field, value, *slot, rounding, out);
  }
  switch (field.type) {
    case DataType::kArray: return AppendArray(field, value, rounding, out);
    case DataType::kJson: return AppendJsonCell(field, value, out);
    case DataType::kSparseFloatVector: return AppendSparse(field, value, out);
    case DataType::kString:
    case DataType::kVarChar:
    case DataType::kText:
    case DataType::kTimestamptz:
    case DataType::kGeometry: return AppendTextCell(field, value, out);
    default: return RefusedError("no file of another program has a " + rows::TypeName(field.type));
  }
}

namespace {

Status AppendJsonNumber(NumberType type, const std::uint8_t* at, Bytes& out) {
  const Wide wide = Widened(type, at);
  if (wide.kind == Wide::Kind::kReal && !std::isfinite(wide.real)) {
    return Refused(ShownNumber(wide), "is no number of JSON");
  }
  if (type == NumberType::kBool) {
    AppendRaw(wide.natural != 0 ? "true" : "false", out);
  } else if (type == NumberType::kFloat || type == NumberType::kFloat16) {
    AppendJsonFloat(static_cast<float>(wide.real), out);
  } else if (type == NumberType::kDouble) {
    AppendJsonFloat(wide.real, out);
  } else {
    AppendRaw(ShownNumber(wide), out);
  }
  return Ok();
}

Status AppendJsonText(std::string_view text, Bytes& out) {
  if (!IsUtf8(text)) return Refused(Cut(text), "is not UTF-8");
  AppendJsonString(text, out);
  return Ok();
}

// `append(i)` for each of `count` elements.
template <class Append>
Status AppendJsonList(std::size_t count, Bytes& out, const Append& append) {
  out.push_back('[');
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) out.push_back(',');
    AERIE_TRY(append(i));
  }
  out.push_back(']');
  return Ok();
}

}  // namespace

Status AppendAsJson(const ForeignValue& value, Bytes& out) {
  using Kind = ForeignValue::Kind;
  switch (value.kind) {
    case Kind::kNull: AppendRaw("null", out); return Ok();
    case Kind::kNumber: return AppendJsonNumber(value.number, value.bytes.data(), out);
    case Kind::kNumbers:
      return AppendJsonList(value.count, out, [&](std::size_t i) {
        return AppendJsonNumber(value.number, value.bytes.data() + i * WidthOf(value.number), out);
      });
    case Kind::kTexts:
      return AppendJsonList(value.texts.size(), out,
                            [&](std::size_t i) { return AppendJsonText(value.texts[i], out); });
    case Kind::kText:
    case Kind::kWord: return AppendJsonText(value.text, out);
    case Kind::kBytes: return Refused(ShownValue(value), "are no JSON");
    case Kind::kGap: return Refused(ShownValue(value), "is kept by no field");
    case Kind::kJson: break;
  }
  if (!nlohmann::json::accept(value.text)) return Refused(Cut(value.text), "is no JSON");
  AppendRaw(value.text, out);
  return Ok();
}

float FloatOfHalf(std::uint16_t half) {
  const std::uint32_t sign = (half & 0x8000U) << 16;
  const std::uint32_t exponent = half >> 10 & 0x1fU;
  const std::uint32_t mantissa = half & 0x3ffU;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000U | mantissa << 13);
  const float magnitude = exponent == 0 ? std::ldexp(static_cast<float>(mantissa), -24)
                                        : std::ldexp(static_cast<float>(mantissa | 0x400U),
                                                     static_cast<int>(exponent) - 25);
  return sign != 0 ? -magnitude : magnitude;
}

std::uint16_t HalfOf(double value) { return SmallFloat(value, 5, 10); }
std::uint16_t BFloat16Of(double value) { return SmallFloat(value, 8, 7); }
float FloatOfBFloat16(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

}  // namespace aerie::files
