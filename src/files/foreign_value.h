// A value in a file of another program, and how it becomes a cell: exactly, or not at all.
//
// docs/exporting.md ("How a value becomes a cell") is the specification. Plain values that point
// into their reader, and pure functions; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "rows/schema.h"

namespace aerie::files {

enum class NumberType {
  kBool,  // a byte, 0 or 1
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kUInt8,
  kUInt16,
  kUInt32,
  kUInt64,
  kFloat16,
  kFloat,
  kDouble,
};
std::size_t WidthOf(NumberType type);
// "int32", "double": as messages and plans call it.
const char* NameOf(NumberType type);

struct ForeignValue {
  enum class Kind {
    kNull,
    kNumber,   // `bytes`, little-endian
    kNumbers,  // `count` of them, one after the other
    kText,
    kTexts,
    kBytes,
    kGap,   // a list with a null inside, at its element `count`: no cell
    kWord,  // `text`: a CSV cell, which has no type of its own
    kJson,  // `text`: a JSON value as it is spelled
  };
  Kind kind = Kind::kNull;
  NumberType number = NumberType::kInt64;
  std::size_t count = 0;
  ByteSpan bytes = {};
  std::string_view text = {};
  std::vector<std::string_view> texts = {};

  void SetNull() { kind = Kind::kNull; }
  void SetNumber(NumberType type, ByteSpan value);
  void SetNumbers(NumberType type, std::size_t n, ByteSpan values);
  void SetText(std::string_view value, Kind as = Kind::kText);
  void SetBytes(ByteSpan value);
};

// The value as a message shows it, cut to a length that can be read.
std::string ShownValue(const ForeignValue& value);

enum class Rounding { kExact, kNearest };

// Appends the cell of `field` that `value` is. kRefused with the reason alone ("300 is no Int8")
// when there is none; `out` is then undefined. A null is not for here. `field` is of a known type.
Status AppendCell(const rows::FieldSchema& field, const ForeignValue& value, Rounding rounding,
                  Bytes& out);

// Appends the value as JSON, for $meta. kRefused when JSON has no such value.
Status AppendAsJson(const ForeignValue& value, Bytes& out);

// Bits of the 16-bit floats of a number, nearest even, and back; every one of them is a float.
float FloatOfHalf(std::uint16_t half);
std::uint16_t HalfOf(double value);
std::uint16_t BFloat16Of(double value);
float FloatOfBFloat16(std::uint16_t bits);

}  // namespace aerie::files
