#include "rows/digest.h"

#include <algorithm>
#include <bit>
#include <set>

#include <gtest/gtest.h>

#include "rows/row_generator.h"

namespace aerie::rows {
namespace {

FieldSchema Field(const std::string& name, DataType type) {
  FieldSchema field;
  field.name = name;
  field.type = type;
  return field;
}

// The fixed schema and rows of docs/format.md, "Row digests".
std::vector<FieldSchema> GoldenFields() {
  std::vector<FieldSchema> fields = {
      Field("id", DataType::kInt64), Field("name", DataType::kVarChar),
      Field("vec", DataType::kFloatVector), Field("tags", DataType::kArray)};
  fields[0].primary_key = true;
  fields[1].nullable = true;
  fields[2].type_params = {{"dim", "2"}};
  fields[3].element_type = DataType::kInt32;
  return fields;
}

RowBatch GoldenRows() {
  std::vector<Column> columns;
  for (FieldSchema& field : GoldenFields()) columns.emplace_back(std::move(field));
  const auto append = [&](std::int64_t id, const char* name, float x, float y, Bytes tags) {
    columns[0].Append(std::bit_cast<std::array<std::uint8_t, 8>>(id));
    if (name == nullptr)
      columns[1].AppendNull();
    else
      columns[1].Append(AsBytes(name));
    Bytes vec;
    ByteWriter(vec).Fixed(x);
    ByteWriter(vec).Fixed(y);
    columns[2].Append(vec);
    columns[3].Append(tags);
  };
  append(-1, "", 0.0F, -0.0F, {0});
  append(0, nullptr, 1.0F, 2.0F, {1, 7, 0, 0, 0});
  append(42, "kite", 0.5F, -1.5F, {2, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff});
  return RowBatch("_default", std::move(columns));
}

TEST(RowDigest, GoldenVectors) {
  RowDigester digester(GoldenFields());
  std::vector<Digest128> rows;
  ASSERT_TRUE(digester.DigestRows(GoldenRows(), rows).ok());
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0].ToHex(), "e491d4a0cd39311e8cf2190f7225aa73");
  EXPECT_EQ(rows[1].ToHex(), "ed35d4276bf5082c6561beac85dbdf93");
  EXPECT_EQ(rows[2].ToHex(), "788bf226900050fc419dae122f056ffd");
  const RangeDigest range = *digester.DigestRange(GoldenRows());
  EXPECT_EQ(range.sum.ToHex(), "4a539aeec92e8a4733f185ce2706fa03");
  EXPECT_EQ(range.rows, 3U);
}

TEST(RangeDigest, IsA128BitSum) {
  RangeDigest range;
  const Digest128 big{~std::uint64_t{0}, 1};
  const Digest128 one{1, 0};
  range.Add(big);
  range.Add(one);
  EXPECT_EQ(range.sum, (Digest128{0, 2}));
  EXPECT_EQ(range.rows, 2U);
  range.Add(Digest128{0, ~std::uint64_t{0}});
  EXPECT_EQ(range.sum, (Digest128{0, 1}));
  range.Subtract(one);
  EXPECT_EQ(range.sum, (Digest128{~std::uint64_t{0}, 0}));
  RangeDigest other = range;
  other.Subtract(range);
  EXPECT_EQ(other, RangeDigest());
  other.Add(range);
  EXPECT_EQ(other, range);
  EXPECT_EQ((Digest128{0x1, 0xabcdef0000000000}).ToHex(), "abcdef00000000000000000000000001");
}

TEST(RangeDigest, DoesNotDependOnChunksOrderOrColumnOrder) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    RowGenerator random(seed);
    const CollectionSchema schema =
        seed < 2 ? random.EveryTypeSchema(seed == 0 ? DataType::kInt64 : DataType::kVarChar)
                 : random.RandomSchema();
    const RowBatch batch = random.RandomRows(schema, "p", 40);
    RowDigester digester(schema.Columns());
    const RangeDigest whole = *digester.DigestRange(batch);
    EXPECT_EQ(whole.rows, 40U);

    std::vector<RangeDigest> parts;
    for (std::size_t begin = 0; begin < batch.rows();) {
      const std::size_t end = begin + 1 + random.Below(batch.rows() - begin);
      parts.push_back(*digester.DigestRange(batch.Slice(begin, end)));
      begin = end;
    }
    RangeDigest sum;
    while (!parts.empty()) {
      const std::size_t at = random.Below(parts.size());
      sum.Add(parts[at]);
      parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(at));
    }
    EXPECT_EQ(sum, whole);

    std::vector<Column> columns = batch.columns();
    std::vector<FieldSchema> fields = schema.Columns();
    std::reverse(columns.begin(), columns.end());
    std::rotate(fields.begin(), fields.begin() + 1, fields.end());
    RowDigester other(fields);
    EXPECT_EQ(*other.DigestRange(RowBatch("q", std::move(columns))), whole);
  }
}

TEST(RowDigest, OfARangeAreThoseOfItsRows) {
  RowGenerator random(9);
  const CollectionSchema schema = random.RandomSchema();
  const RowBatch batch = random.RandomRows(schema, "p", 30);
  RowDigester digester(schema.Columns());
  std::vector<Digest128> whole;
  ASSERT_TRUE(digester.DigestRows(batch, whole).ok());
  std::vector<Digest128> parts;
  for (const auto& [begin, end] : {std::pair{0, 0}, std::pair{0, 7}, std::pair{7, 30}}) {
    ASSERT_TRUE(digester
                    .AppendDigests(batch, static_cast<std::size_t>(begin),
                                   static_cast<std::size_t>(end), parts)
                    .ok());
  }
  EXPECT_EQ(parts, whole);
}

// One changed bit of any cell must change the row's digest, and only that row's.
TEST(RowDigest, SeesEverySingleBit) {
  RowGenerator random(11);
  const CollectionSchema schema = random.EveryTypeSchema(DataType::kInt64);
  const RowBatch batch = random.RandomRows(schema, "p", 3);
  RowDigester digester(schema.Columns());
  std::vector<Digest128> before;
  ASSERT_TRUE(digester.DigestRows(batch, before).ok());
  for (std::size_t c = 0; c < batch.columns().size(); ++c) {
    const Column& column = batch.columns()[c];
    for (std::size_t row = 0; row < batch.rows(); ++row) {
      const ByteSpan cell = column.Cell(row);
      if (column.IsNull(row)) continue;
      const auto first = static_cast<std::size_t>(cell.data() - column.data().data());
      for (std::size_t bit = 0; bit < cell.size() * 8; ++bit) {
        Bytes data = column.data();
        data[first + bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
        RowBatch changed = batch;
        changed.mutable_columns()[c] = *Column::FromBuffers(
            column.field(), column.rows(), std::move(data), column.offsets(), column.validity());
        std::vector<Digest128> after;
        ASSERT_TRUE(digester.DigestRows(changed, after).ok());
        for (std::size_t i = 0; i < batch.rows(); ++i) {
          ASSERT_EQ(after[i] == before[i], i != row)
              << column.field().name << " row " << row << " bit " << bit;
        }
      }
    }
  }
}

TEST(RowDigest, NullEmptyAndZeroAreDifferent) {
  FieldSchema key = Field("id", DataType::kInt64);
  key.primary_key = true;
  const auto digest = [&](const FieldSchema& field, std::optional<Bytes> cell) {
    Column keys(key);
    keys.Append(Bytes(8));
    Column values(field);
    if (cell)
      values.Append(*cell);
    else
      values.AppendNull();
    RowDigester digester({key, field});
    return digester.DigestRange(RowBatch("p", {keys, values}))->sum;
  };
  const FieldSchema text = Field("f", DataType::kVarChar);
  const FieldSchema number = Field("f", DataType::kInt32);
  std::set<Digest128> seen = {
      digest(text, std::nullopt),
      digest(text, Bytes()),
      digest(text, Bytes(1)),
      digest(text, Bytes(4)),
      digest(number, std::nullopt),
      digest(number, Bytes(4)),
      // The same cell under another name, type or element type is another row.
      digest(Field("g", DataType::kVarChar), Bytes()),
      digest(Field("f", DataType::kJson), Bytes()),
      digest(Field("f", DataType::kArray), Bytes{0}),
  };
  FieldSchema array = Field("f", DataType::kArray);
  array.element_type = DataType::kBool;
  seen.insert(digest(array, Bytes{0}));
  EXPECT_EQ(seen.size(), 10U);
}

// Bytes moved from one cell to its neighbour must not cancel out.
TEST(RowDigest, CellsDoNotRunTogether) {
  RowGenerator random(1);
  std::set<Digest128> seen;
  FieldSchema key = Field("a", DataType::kVarChar);
  key.primary_key = true;
  const FieldSchema text = Field("b", DataType::kVarChar);
  for (const auto& [a, b] : std::vector<std::pair<std::string, std::string>>{
           {"", "xyz"}, {"x", "yz"}, {"xy", "z"}, {"xyz", ""}}) {
    Column left(key);
    left.Append(AsBytes(a));
    Column right(text);
    right.Append(AsBytes(b));
    RowDigester digester({key, text});
    seen.insert(digester.DigestRange(RowBatch("p", {left, right}))->sum);
  }
  EXPECT_EQ(seen.size(), 4U);
}

TEST(RowDigest, LeavesOutFunctionOutputsAndFieldIds) {
  RowDigester plain(GoldenFields());
  const RowBatch batch = GoldenRows();
  const RangeDigest expected = *plain.DigestRange(batch);

  std::vector<FieldSchema> fields = GoldenFields();
  for (FieldSchema& field : fields) field.id += 1000;
  FieldSchema output = Field("embedding", DataType::kFloatVector);
  output.type_params = {{"dim", "2"}};
  output.function_output = true;
  fields.push_back(output);
  RowDigester with_output(fields);
  EXPECT_EQ(*with_output.DigestRange(batch), expected);
}

TEST(RowDigest, NamesAMissingColumn) {
  std::vector<FieldSchema> fields = GoldenFields();
  fields.push_back(Field("price", DataType::kDouble));
  RowDigester digester(fields);
  const Status status = digester.DigestRange(GoldenRows()).status();
  EXPECT_EQ(KindOf(status), Kind::kInvalid);
  EXPECT_NE(status.message().find("price"), std::string::npos);
}

TEST(RowDigest, RefusesAShortColumn) {
  RowBatch batch = GoldenRows();
  batch.mutable_columns()[1] = Column(batch.columns()[1].field());
  RowDigester digester(GoldenFields());
  EXPECT_EQ(KindOf(digester.DigestRange(batch).status()), Kind::kCorrupt);
}

}  // namespace
}  // namespace aerie::rows
