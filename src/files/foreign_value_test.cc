#include "files/foreign_value.h"

#include <bit>
#include <cmath>
#include <limits>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rows/array_cell.h"
#include "rows/row_generator.h"

namespace aerie::files {
namespace {

using rows::DataType;
using rows::FieldSchema;
using testing::HasSubstr;

FieldSchema Field(DataType type, rows::KeyValues params = {}) {
  FieldSchema field;
  field.name = "f";
  field.type = type;
  field.type_params = std::move(params);
  return field;
}

template <class T>
Bytes Raw(std::initializer_list<T> values) {
  Bytes bytes;
  for (const T value : values) ByteWriter(bytes).Fixed(value);
  return bytes;
}

ForeignValue Text(std::string_view text, ForeignValue::Kind kind) {
  ForeignValue value;
  value.SetText(text, kind);
  return value;
}
ForeignValue Word(std::string_view text) { return Text(text, ForeignValue::Kind::kWord); }
ForeignValue Json(std::string_view text) { return Text(text, ForeignValue::Kind::kJson); }

// The cell, or the words of the refusal.
std::string CellOf(const FieldSchema& field, const ForeignValue& value,
                   Rounding rounding = Rounding::kExact) {
  Bytes cell;
  const Status made = AppendCell(field, value, rounding, cell);
  if (made.ok()) return ToHex(cell);
  EXPECT_EQ(KindOf(made), Kind::kRefused);
  return std::string(made.message());
}

template <class T>
std::string NumberCell(DataType type, NumberType from, T number,
                       Rounding rounding = Rounding::kExact) {
  const Bytes bytes = Raw<T>({number});
  ForeignValue value;
  value.SetNumber(from, bytes);
  return CellOf(Field(type), value, rounding);
}

TEST(ForeignValue, IntegersFitOrAreRefused) {
  EXPECT_EQ(NumberCell<std::int64_t>(DataType::kInt8, NumberType::kInt64, -128), "80ffffff");
  EXPECT_EQ(NumberCell<std::int64_t>(DataType::kInt8, NumberType::kInt64, 128),
            "128 is no Int8 (-128 to 127)");
  EXPECT_EQ(NumberCell<std::uint32_t>(DataType::kInt32, NumberType::kUInt32, 0x80000000U),
            "2147483648 is no Int32 (-2147483648 to 2147483647)");
  EXPECT_EQ(NumberCell<std::uint64_t>(DataType::kInt64, NumberType::kUInt64, 1),
            "0100000000000000");
  EXPECT_THAT(NumberCell<std::uint64_t>(DataType::kInt64, NumberType::kUInt64, ~0ULL),
              HasSubstr("18446744073709551615 is no Int64"));
  EXPECT_THAT(NumberCell<std::int32_t>(DataType::kBool, NumberType::kInt32, 1), "1 is no Bool");
  EXPECT_THAT(NumberCell<std::uint8_t>(DataType::kInt64, NumberType::kBool, 1), "true is no Int64");
}

TEST(ForeignValue, FloatsGoIntoIntegersOnlyWhenTheyAreWhole) {
  EXPECT_EQ(NumberCell(DataType::kInt32, NumberType::kDouble, -3.0), "fdffffff");
  EXPECT_THAT(NumberCell(DataType::kInt32, NumberType::kDouble, 2.5), HasSubstr("2.5 is no Int32"));
  EXPECT_THAT(NumberCell(DataType::kInt64, NumberType::kDouble, std::nan("")),
              HasSubstr("nan is no Int64"));
  EXPECT_THAT(NumberCell(DataType::kInt64, NumberType::kDouble, 9223372036854775808.0),
              HasSubstr("is no Int64"));
  EXPECT_EQ(NumberCell(DataType::kInt64, NumberType::kDouble, -9223372036854775808.0),
            "0000000000000080");
  EXPECT_THAT(
      NumberCell(DataType::kInt64, NumberType::kFloat, std::numeric_limits<float>::infinity()),
      HasSubstr("inf is no Int64"));
}

TEST(ForeignValue, FloatsAreExactUnlessRounded) {
  EXPECT_EQ(NumberCell(DataType::kFloat, NumberType::kDouble, 0.5), "0000003f");
  EXPECT_THAT(NumberCell(DataType::kFloat, NumberType::kDouble, 0.1),
              HasSubstr("0.1 is not exactly a Float"));
  EXPECT_EQ(NumberCell(DataType::kFloat, NumberType::kDouble, 0.1, Rounding::kNearest), "cdcccc3d");
  EXPECT_THAT(NumberCell(DataType::kFloat, NumberType::kDouble, 1e300, Rounding::kNearest),
              HasSubstr("out of the range"));
  EXPECT_EQ(NumberCell<std::int32_t>(DataType::kFloat, NumberType::kInt32, 16777216), "0000804b");
  EXPECT_THAT(NumberCell<std::int32_t>(DataType::kFloat, NumberType::kInt32, 16777217),
              HasSubstr("16777217 is not exactly a Float"));
  EXPECT_THAT(NumberCell<std::int64_t>(DataType::kDouble, NumberType::kInt64,
                                       std::numeric_limits<std::int64_t>::max()),
              HasSubstr("not exactly a Double"));
  EXPECT_THAT(NumberCell<std::uint64_t>(DataType::kDouble, NumberType::kUInt64, ~0ULL),
              HasSubstr("not exactly a Double"));
  // Of its own width every pattern of bits passes.
  EXPECT_EQ(NumberCell<std::uint32_t>(DataType::kFloat, NumberType::kFloat, 0xffc00001U),
            "0100c0ff");
}

TEST(ForeignValue, EveryHalfComesBackAndDoublesTakeTheNearest) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float value = FloatOfHalf(half);
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(FloatOfHalf(HalfOf(value))));
    } else {
      ASSERT_EQ(HalfOf(value), half) << value;
    }
    const float wide = FloatOfBFloat16(half);
    if (!std::isnan(wide)) {
      ASSERT_EQ(BFloat16Of(wide), half) << wide;
    }
  }
  rows::RowGenerator random(3);
  for (int i = 0; i < 20'000; ++i) {
    const double value =
        std::ldexp(static_cast<double>(random.Next()), -static_cast<int>(random.Below(90)));
    const std::uint16_t found = HalfOf(value);
    if (found == 0x7c00) {
      ASSERT_GE(value, 65520.0);  // half of the last step beyond the largest
      continue;
    }
    const double off = std::fabs(FloatOfHalf(found) - value);
    const auto off_by = [&](int step) {
      return std::fabs(FloatOfHalf(static_cast<std::uint16_t>(found + step)) - value);
    };
    ASSERT_TRUE(found == 0 || off <= off_by(-1)) << value;
    ASSERT_TRUE(found == 0x7bff || off <= off_by(1)) << value;
  }
  EXPECT_EQ(HalfOf(1 + std::ldexp(1.0, -11)), 0x3c00);  // halfway: the even one
  EXPECT_EQ(HalfOf(1 + 3 * std::ldexp(1.0, -11)), 0x3c02);
  EXPECT_EQ(HalfOf(-0.0), 0x8000);
}

TEST(ForeignValue, WordsAreWhatTheirFieldIs) {
  EXPECT_EQ(CellOf(Field(DataType::kInt16), Word("-5")), "fbffffff");
  EXPECT_THAT(CellOf(Field(DataType::kInt16), Word("40000")), HasSubstr("is no Int16"));
  for (const char* const wrong :
       {" 5", "5 ", "5.0", "0x5", "", "five", "1e3", "99999999999999999999"}) {
    EXPECT_THAT(CellOf(Field(DataType::kInt64), Word(wrong)), HasSubstr("is no Int64")) << wrong;
  }
  EXPECT_EQ(CellOf(Field(DataType::kFloat), Word("0.1")), "cdcccc3d");
  EXPECT_EQ(CellOf(Field(DataType::kFloat), Word("1e-60")), "00000000");
  EXPECT_THAT(CellOf(Field(DataType::kFloat), Word("1e60")), HasSubstr("out of the range"));
  EXPECT_EQ(CellOf(Field(DataType::kBool), Word("True")), "01");
  EXPECT_THAT(CellOf(Field(DataType::kBool), Word("yes")), HasSubstr("\"yes\" is no Bool"));
  EXPECT_EQ(CellOf(Field(DataType::kVarChar), Word("42")), "3432");
  EXPECT_EQ(CellOf(Field(DataType::kJson), Word(R"({"a": 1})")), ToHex(AsBytes(R"({"a": 1})")));
  EXPECT_THAT(CellOf(Field(DataType::kJson), Word("{a: 1}")), HasSubstr("is no JSON"));
}

TEST(ForeignValue, TextKeepsItsLengthAndItsBytes) {
  const FieldSchema field = Field(DataType::kVarChar, {{"max_length", "4"}});
  EXPECT_EQ(CellOf(field, Text("\u00e9\u00e9", ForeignValue::Kind::kText)), "c3a9c3a9");
  EXPECT_THAT(CellOf(field, Text("\u00e9\u00e9x", ForeignValue::Kind::kText)),
              HasSubstr("has 5 bytes, and the field takes 4 (max_length)"));
  EXPECT_THAT(CellOf(field, Text("\xff", ForeignValue::Kind::kText)), HasSubstr("is not UTF-8"));
  EXPECT_THAT(NumberCell<std::int64_t>(DataType::kVarChar, NumberType::kInt64, 7),
              "7 is no VarChar");
  EXPECT_THAT(CellOf(Field(DataType::kInt64), Text("7", ForeignValue::Kind::kText)),
              "the text \"7\" is no Int64");
  EXPECT_EQ(CellOf(field, Json(R"("\u00e9")")), "c3a9");
  EXPECT_THAT(CellOf(field, Json("7")), HasSubstr("is no VarChar"));
}

TEST(ForeignValue, Vectors) {
  const FieldSchema floats = Field(DataType::kFloatVector, {{"dim", "2"}});
  EXPECT_EQ(CellOf(floats, Word("[0.5, -1]")), "0000003f000080bf");
  EXPECT_EQ(CellOf(floats, Json("[1e0,2]")), "0000803f00000040");
  EXPECT_THAT(CellOf(floats, Word("[1]")),
              HasSubstr("a list of 1, and FloatVector of dim 2 takes 2"));
  EXPECT_THAT(CellOf(floats, Word("[1 2]")), HasSubstr("where ']' must stand"));
  EXPECT_THAT(CellOf(floats, Word("[1, null]")), HasSubstr("element 2: \"null\" is no Float"));
  EXPECT_THAT(CellOf(floats, Word("[1, 2] x")), HasSubstr("goes on behind the list"));
  EXPECT_THAT(CellOf(floats, Word("1, 2")), HasSubstr("where '['"));
  ForeignValue list;
  const Bytes doubles = Raw<double>({0.5, 0.1});
  list.SetNumbers(NumberType::kDouble, 2, doubles);
  EXPECT_THAT(CellOf(floats, list), HasSubstr("element 2: 0.1 is not exactly a Float"));
  EXPECT_EQ(CellOf(floats, list, Rounding::kNearest), "0000003fcdcccc3d");
  const Bytes small = Raw<std::int8_t>({-1, 2});
  list.SetNumbers(NumberType::kInt8, 2, small);
  EXPECT_EQ(CellOf(floats, list), "000080bf00000040");
  EXPECT_EQ(CellOf(Field(DataType::kInt8Vector, {{"dim", "2"}}), list), "ff02");
  EXPECT_EQ(CellOf(Field(DataType::kFloat16Vector, {{"dim", "2"}}), list), "00bc0040");
  EXPECT_EQ(CellOf(Field(DataType::kBFloat16Vector, {{"dim", "2"}}), list), "80bf0040");
  const FieldSchema binary = Field(DataType::kBinaryVector, {{"dim", "16"}});
  EXPECT_THAT(CellOf(binary, list), HasSubstr("element 1: -1 is no byte"));
  EXPECT_EQ(CellOf(binary, Word("[255, 0]")), "ff00");
  ForeignValue bytes;
  const Bytes raw = {1, 2};
  bytes.SetBytes(raw);
  EXPECT_EQ(CellOf(binary, bytes), "0102");
  EXPECT_THAT(CellOf(floats, bytes), HasSubstr("2 bytes is no FloatVector"));
  EXPECT_THAT(CellOf(Field(DataType::kFloat16Vector, {{"dim", "2"}}), bytes),
              HasSubstr("list of 1"));
}

TEST(ForeignValue, SparseVectorsAreSorted) {
  const FieldSchema sparse = Field(DataType::kSparseFloatVector);
  EXPECT_EQ(CellOf(sparse, Json("[[7, 0.5], [1, 2]]")), "0100000000000040070000000000003f");
  EXPECT_EQ(CellOf(sparse, Json(R"({"7": 0.5, "1": 2})")), "0100000000000040070000000000003f");
  EXPECT_EQ(CellOf(sparse, Word("[]")), "");
  EXPECT_THAT(CellOf(sparse, Json("[[1, 1], [1, 2]]")), HasSubstr("index 1 comes twice"));
  EXPECT_THAT(CellOf(sparse, Json("[[-1, 1]]")), HasSubstr("-1 is no index"));
  EXPECT_THAT(CellOf(sparse, Json("[[4294967296, 1]]")), HasSubstr("is no index"));
}

TEST(ForeignValue, Arrays) {
  FieldSchema array = Field(DataType::kArray, {{"max_capacity", "2"}});
  array.element_type = DataType::kInt16;
  EXPECT_EQ(CellOf(array, Word("[1,-1]")), "0201000000ffffffff");
  EXPECT_EQ(CellOf(array, Json("[]")), "00");
  EXPECT_THAT(CellOf(array, Json("[1,2,3]")), HasSubstr("a list of 3, and the field takes 2"));
  EXPECT_THAT(CellOf(array, Json("[70000]")), HasSubstr("element 1: 70000 is no Int16"));
  array.element_type = DataType::kVarChar;
  array.type_params.emplace_back("max_length", "2");
  EXPECT_EQ(CellOf(array, Json(R"(["a","bc"])")), "020161026263");
  EXPECT_THAT(CellOf(array, Json(R"(["abc"])")), HasSubstr("element 1: \"abc\" has 3 bytes"));
  array.element_type = DataType::kBool;
  EXPECT_EQ(CellOf(array, Json("[true,false]")), "020100");
}

TEST(ForeignValue, AsJson) {
  const auto json = [](const ForeignValue& value) {
    Bytes out;
    const Status made = AppendAsJson(value, out);
    return made.ok() ? std::string(AsText(out)) : std::string(made.message());
  };
  ForeignValue value;
  const Bytes big = Raw<std::uint64_t>({~0ULL});
  value.SetNumber(NumberType::kUInt64, big);
  EXPECT_EQ(json(value), "18446744073709551615");
  const Bytes floats = Raw<float>({0.1F, 2});
  value.SetNumbers(NumberType::kFloat, 2, floats);
  EXPECT_EQ(json(value), "[0.1,2]");
  EXPECT_EQ(json(Word("a\"b")), "\"a\\\"b\"");
  EXPECT_EQ(json(Json("{\"x\": 1}")), "{\"x\": 1}");
  const Bytes nan = Raw<double>({std::nan("")});
  value.SetNumber(NumberType::kDouble, nan);
  EXPECT_EQ(json(value), "nan is no number of JSON");
}

}  // namespace
}  // namespace aerie::files
