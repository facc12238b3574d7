#include "rows/batch.h"

#include <algorithm>
#include <map>

#include <gtest/gtest.h>

#include "rows/array_cell.h"
#include "rows/row_generator.h"

namespace aerie::rows {
namespace {

FieldSchema Field(const std::string& name, DataType type, const std::string& dim = "") {
  FieldSchema field;
  field.name = name;
  field.type = type;
  if (!dim.empty()) field.type_params = {{"dim", dim}};
  return field;
}

CollectionSchema KeyAndText(DataType key_type) {
  CollectionSchema schema;
  schema.fields = {Field("id", key_type), Field("text", DataType::kVarChar)};
  schema.fields[0].primary_key = true;
  return schema;
}

Bytes IntBytes(std::int64_t value) {
  Bytes bytes;
  ByteWriter(bytes).Fixed(value);
  return bytes;
}

RowBatch IntRows(const std::vector<std::pair<std::int64_t, std::string>>& rows) {
  RowBatch batch = RowBatch::Empty(KeyAndText(DataType::kInt64), "p");
  for (const auto& [key, text] : rows) {
    batch.mutable_columns()[0].Append(IntBytes(key));
    batch.mutable_columns()[1].Append(AsBytes(text));
  }
  return batch;
}

// Equal buffers, not only equal values.
void ExpectSame(const RowBatch& left, const RowBatch& right) {
  ASSERT_EQ(left.columns().size(), right.columns().size());
  EXPECT_EQ(left.partition(), right.partition());
  for (std::size_t i = 0; i < left.columns().size(); ++i) {
    const Column& a = left.columns()[i];
    const Column& b = right.columns()[i];
    EXPECT_EQ(a.field(), b.field());
    EXPECT_EQ(a.rows(), b.rows());
    EXPECT_EQ(a.data(), b.data()) << a.field().name;
    EXPECT_EQ(a.offsets(), b.offsets()) << a.field().name;
    EXPECT_EQ(a.validity(), b.validity()) << a.field().name;
  }
}

TEST(CellWidth, FollowsTheTable) {
  const std::vector<std::tuple<DataType, std::string, std::size_t>> table = {
      {DataType::kBool, "", 1},
      {DataType::kInt8, "", 4},
      {DataType::kInt16, "", 4},
      {DataType::kInt32, "", 4},
      {DataType::kInt64, "", 8},
      {DataType::kFloat, "", 4},
      {DataType::kDouble, "", 8},
      {DataType::kVarChar, "", 0},
      {DataType::kString, "", 0},
      {DataType::kJson, "", 0},
      {DataType::kArray, "", 0},
      {DataType::kFloatVector, "7", 28},
      {DataType::kFloat16Vector, "7", 14},
      {DataType::kBFloat16Vector, "7", 14},
      {DataType::kInt8Vector, "7", 7},
      {DataType::kBinaryVector, "16", 2},
      {DataType::kSparseFloatVector, "16", 0},
      {DataType::kFloatVector, "", 0},
      {DataType::kFloatVector, "-4", 0},
      {DataType::kFloatVector, "4x", 0},
      {DataType::kFloatVector, "99999999999999999999", 0},
      {DataType::kFloatVector, "4611686018427387904", 0},
      {DataType::kArrayOfVector, "8", 0},
      {static_cast<DataType>(4711), "8", 0}};
  for (const auto& [type, dim, width] : table) {
    EXPECT_EQ(CellWidth(Field("f", type, dim)), width) << TypeName(type) << " " << dim;
  }
}

TEST(Column, KeepsCellsAndNullsApart) {
  for (const DataType type : {DataType::kInt64, DataType::kVarChar}) {
    Column column(Field("f", type));
    const Bytes cell = IntBytes(0);
    column.Append(cell);
    EXPECT_FALSE(column.has_nulls_column());
    column.AppendNull();
    column.Append(cell);
    ASSERT_EQ(column.rows(), 3U);
    EXPECT_FALSE(column.IsNull(0));
    EXPECT_TRUE(column.IsNull(1));
    EXPECT_FALSE(column.IsNull(2));
    EXPECT_EQ(column.validity(), (std::vector<std::uint8_t>{1, 0, 1}));
    EXPECT_TRUE(std::ranges::equal(column.Cell(2), cell));
    EXPECT_EQ(column.Cell(1).size(), column.fixed() ? 8U : 0U);
    EXPECT_TRUE(std::ranges::all_of(column.Cell(1), [](auto b) { return b == 0; }));
  }
}

TEST(Column, AppendsItselfToItself) {
  Column column(Field("f", DataType::kVarChar));
  column.Append(AsBytes("one"));
  column.AppendNull();
  column.AppendRange(column, 0, 2);
  ASSERT_EQ(column.rows(), 4U);
  EXPECT_EQ(AsText(column.Cell(2)), "one");
  EXPECT_TRUE(column.IsNull(3));
}

TEST(ColumnDeathTest, RefusesACellOfAnotherWidth) {
  Column column(Field("f", DataType::kInt64));
  EXPECT_DEATH(column.Append(AsBytes("four")), "another width");
}

TEST(Column, FromBuffersRefusesWhatDoesNotFit) {
  const FieldSchema fixed = Field("f", DataType::kInt32);
  const FieldSchema text = Field("t", DataType::kVarChar);
  const auto kind = [](const Result<Column>& column) { return KindOf(column.status()); };
  EXPECT_EQ(kind(Column::FromBuffers(fixed, 2, Bytes(8), {}, {1, 0})), Kind::kOk);
  EXPECT_EQ(kind(Column::FromBuffers(text, 2, Bytes(3), {0, 0, 3}, {})), Kind::kOk);
  EXPECT_EQ(kind(Column::FromBuffers(text, 0, {}, {0}, {})), Kind::kOk);
  EXPECT_EQ(kind(Column::FromBuffers(fixed, 0, {}, {}, {})), Kind::kOk);

  EXPECT_EQ(kind(Column::FromBuffers(fixed, 2, Bytes(7), {}, {})), Kind::kCorrupt);
  EXPECT_EQ(kind(Column::FromBuffers(fixed, 3, Bytes(8), {}, {})), Kind::kCorrupt);
  EXPECT_EQ(kind(Column::FromBuffers(fixed, std::size_t{1} << 62, {}, {}, {})), Kind::kCorrupt);
  EXPECT_EQ(kind(Column::FromBuffers(fixed, 2, Bytes(8), {0, 4, 8}, {})), Kind::kCorrupt);
  EXPECT_EQ(kind(Column::FromBuffers(fixed, 2, Bytes(8), {}, {1})), Kind::kCorrupt);
  EXPECT_EQ(kind(Column::FromBuffers(fixed, 2, Bytes(8), {}, {1, 2})), Kind::kCorrupt);
  EXPECT_EQ(kind(Column::FromBuffers(text, 2, Bytes(3), {}, {})), Kind::kCorrupt);
  EXPECT_EQ(kind(Column::FromBuffers(text, 2, Bytes(3), {0, 3}, {})), Kind::kCorrupt);
  EXPECT_EQ(kind(Column::FromBuffers(text, 2, Bytes(3), {1, 2, 3}, {})), Kind::kCorrupt);
  EXPECT_EQ(kind(Column::FromBuffers(text, 2, Bytes(3), {0, 2, 1}, {})), Kind::kCorrupt);
  EXPECT_EQ(kind(Column::FromBuffers(text, 2, Bytes(3), {0, 4, 3}, {})), Kind::kCorrupt);
  EXPECT_EQ(kind(Column::FromBuffers(text, 2, Bytes(3), {0, 2, 2}, {})), Kind::kCorrupt);
  EXPECT_NE(Column::FromBuffers(text, 2, Bytes(3), {}, {}).status().message().find("t"),
            std::string::npos);
}

TEST(Column, ValidityWithoutANullIsDropped) {
  const auto column = Column::FromBuffers(Field("f", DataType::kBool), 2, Bytes(2), {}, {1, 1});
  ASSERT_TRUE(column.ok());
  EXPECT_FALSE(column->has_nulls_column());
}

TEST(RowBatch, BuffersRoundTripForEveryType) {
  for (const DataType key_type : {DataType::kInt64, DataType::kVarChar}) {
    RowGenerator random(7);
    const CollectionSchema schema = random.EveryTypeSchema(key_type);
    const RowBatch batch = random.RandomRows(schema, "p", 100);
    ASSERT_TRUE(batch.Validate().ok()) << batch.Validate();
    std::vector<Column> columns;
    for (const Column& column : batch.columns()) {
      auto copy = Column::FromBuffers(column.field(), column.rows(), column.data(),
                                      column.offsets(), column.validity());
      ASSERT_TRUE(copy.ok()) << copy.status();
      columns.push_back(*std::move(copy));
    }
    ExpectSame(RowBatch("p", std::move(columns)), batch);
  }
}

TEST(RowBatch, SlicesAndAppendsGiveTheSameBuffers) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    RowGenerator random(seed);
    const CollectionSchema schema = random.RandomSchema();
    const RowBatch whole = random.RandomRows(schema, "p", random.Below(60));
    RowBatch joined = RowBatch::Empty(schema, "p");
    for (std::size_t begin = 0; begin < whole.rows();) {
      const std::size_t end = begin + 1 + random.Below(whole.rows() - begin);
      if (random.Chance(50)) {
        const RowBatch slice = whole.Slice(begin, end);
        EXPECT_TRUE(slice.Validate().ok());
        EXPECT_EQ(slice.rows(), end - begin);
        EXPECT_EQ(slice.KeyAt(0), whole.KeyAt(begin));
        joined.Append(slice);
      } else {
        joined.AppendRows(whole, begin, end);
      }
      begin = end;
    }
    ExpectSame(joined, whole);
  }
}

TEST(RowBatch, KeysOrderAsMilvusOrdersThem) {
  EXPECT_TRUE(
      IntRows({{INT64_MIN, ""}, {-1, ""}, {0, ""}, {1, ""}, {INT64_MAX, ""}}).Validate().ok());
  // Bytewise, not as signed characters.
  RowBatch texts = RowBatch::Empty(KeyAndText(DataType::kVarChar), "p");
  for (const std::string& key : std::vector<std::string>{"", "A", "Aa", "a", "\u00e9", "\u4e2d"}) {
    texts.mutable_columns()[0].Append(AsBytes(key));
    texts.mutable_columns()[1].Append({});
  }
  EXPECT_TRUE(texts.Validate().ok()) << texts.Validate();
}

TEST(RowBatch, ValidateFindsWhatIsWrong) {
  const auto message = [](const RowBatch& batch) {
    const Status status = batch.Validate();
    EXPECT_EQ(KindOf(status), Kind::kCorrupt);
    return std::string(status.message());
  };
  EXPECT_NE(message(IntRows({{1, ""}, {1, ""}})).find("key 1 "), std::string::npos);
  EXPECT_NE(message(IntRows({{2, ""}, {-3, ""}})).find("key -3 "), std::string::npos);
  RowBatch uneven = IntRows({{1, ""}});
  uneven.mutable_columns()[1].Append({});
  EXPECT_NE(message(uneven).find("text"), std::string::npos);
  RowBatch null_key = IntRows({{1, ""}});
  null_key.mutable_columns()[0].AppendNull();
  null_key.mutable_columns()[1].Append({});
  EXPECT_NE(message(null_key).find("null"), std::string::npos);
  FieldSchema key = Field("id", DataType::kInt64);
  message(RowBatch("p", {Column(key)}));

  key.primary_key = true;
  const FieldSchema field = Field("f", DataType::kInt32);
  const auto with = [&](Result<Column> column) {
    EXPECT_TRUE(column.ok());
    return RowBatch("p", {*Column::FromBuffers(key, 1, Bytes(8), {}, {}), *std::move(column)});
  };
  EXPECT_TRUE(with(Column::FromBuffers(field, 1, Bytes(4), {}, {0})).Validate().ok());
  message(with(Column::FromBuffers(field, 1, Bytes{0, 0, 1, 0}, {}, {0})));
  message(with(Column::FromBuffers(Field("f", DataType::kJson), 1, Bytes(1), {0, 1}, {0})));
  message(with(Column::FromBuffers(Field("f", DataType::kBool), 1, Bytes{2}, {}, {})));
}

TEST(SortAndDeduplicate, KeepsTheLastOfEqualKeys) {
  RowBatch batch = IntRows({{5, "a"}, {-2, "b"}, {5, "c"}, {0, "d"}, {-2, "e"}, {5, "f"}});
  EXPECT_EQ(SortAndDeduplicate(batch), 3U);
  ExpectSame(batch, IntRows({{-2, "e"}, {0, "d"}, {5, "f"}}));
  EXPECT_EQ(SortAndDeduplicate(batch), 0U);
}

TEST(SortAndDeduplicate, BehavesAsAMap) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    RowGenerator random(seed);
    const CollectionSchema schema = random.RandomSchema();
    const RowBatch source = random.RandomRows(schema, "p", 30);
    RowBatch shuffled = RowBatch::Empty(schema, "p");
    std::map<Key, std::size_t> last;
    for (int i = 0; i < 50; ++i) {
      const std::size_t row = random.Below(source.rows());
      shuffled.AppendRows(source, row, row + 1);
      last[source.KeyAt(row)] = row;
    }
    RowBatch expected = RowBatch::Empty(schema, "p");
    for (const auto& [key, row] : last) expected.AppendRows(source, row, row + 1);
    EXPECT_EQ(SortAndDeduplicate(shuffled), 50 - last.size());
    ExpectSame(shuffled, expected);
    EXPECT_TRUE(shuffled.Validate().ok());
  }
}

TEST(KeyToText, QuotesAndEscapes) {
  EXPECT_EQ(KeyToText(std::int64_t{-42}), "-42");
  EXPECT_EQ(KeyToText(std::string("a\"b\\c\nd\x01")), "\"a\\\"b\\\\c\\nd\\x01\"");
  EXPECT_EQ(KeyToText(std::string("\u00e9")), "\"\u00e9\"");
}

TEST(ArrayCell, RoundTrips) {
  const Bytes elements = {1, 0, 0, 0, 2, 0, 0, 0};
  Bytes cell;
  AppendFixedArrayCell(elements, 4, cell);
  EXPECT_EQ(cell, (Bytes{2, 1, 0, 0, 0, 2, 0, 0, 0}));
  const auto back = FixedArrayElements(cell, 4);
  ASSERT_TRUE(back.ok());
  EXPECT_TRUE(std::ranges::equal(*back, elements));

  Bytes empty;
  AppendFixedArrayCell({}, 8, empty);
  EXPECT_EQ(empty, Bytes{0});
  EXPECT_TRUE(FixedArrayElements(empty, 8)->empty());
  EXPECT_TRUE(StringArrayElements(empty)->empty());

  const Bytes texts = {3, 1, 'a', 0, 2, 'b', 'c'};
  EXPECT_EQ(*StringArrayElements(texts), (std::vector<std::string_view>{"a", "", "bc"}));
}

TEST(ArrayCell, RefusesDamage) {
  const std::vector<Bytes> fixed = {{},
                                    {1},
                                    {1, 0, 0, 0},
                                    {1, 0, 0, 0, 0, 0},
                                    {0, 0},
                                    {0x80, 0x00},
                                    {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}};
  for (const Bytes& cell : fixed) {
    EXPECT_EQ(KindOf(FixedArrayElements(cell, 4).status()), Kind::kCorrupt) << ToHex(cell);
  }
  const std::vector<Bytes> texts = {
      {}, {1}, {1, 2, 'a'}, {1, 1, 'a', 'b'}, {2, 1, 'a'}, {0x80, 0x00}, {1, 0x81, 0x00, 'a'}};
  for (const Bytes& cell : texts) {
    EXPECT_EQ(KindOf(StringArrayElements(cell).status()), Kind::kCorrupt) << ToHex(cell);
  }
}

TEST(ArrayCell, KnowsTheElementsItCarries) {
  EXPECT_EQ(*ArrayElementWidth(DataType::kBool), 1U);
  EXPECT_EQ(*ArrayElementWidth(DataType::kInt8), 4U);
  EXPECT_EQ(*ArrayElementWidth(DataType::kDouble), 8U);
  EXPECT_EQ(*ArrayElementWidth(DataType::kVarChar), 0U);
  EXPECT_EQ(KindOf(ArrayElementWidth(DataType::kJson).status()), Kind::kUnsupported);
}

}  // namespace
}  // namespace aerie::rows
