#include "milvus/field_data.h"

#include <algorithm>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rows/array_cell.h"
#include "rows/digest.h"
#include "rows/row_generator.h"

namespace aerie::milvus {
namespace {

using rows::DataType;
using rows::FieldSchema;
using testing::HasSubstr;
using wire::schema::FieldData;

FieldSchema Field(const std::string& name, DataType type, int dim = 0) {
  FieldSchema field;
  field.name = name;
  field.type = type;
  if (dim > 0) field.type_params = {{"dim", std::to_string(dim)}};
  return field;
}

FieldSchema KeyField() {
  FieldSchema field = Field("id", DataType::kInt64);
  field.primary_key = true;
  return field;
}

FieldData* AddKeys(const std::vector<std::int64_t>& keys, wire::milvus::QueryResults* answer) {
  FieldData* data = answer->add_fields_data();
  data->set_type(wire::schema::Int64);
  data->set_field_name("id");
  for (const auto key : keys) data->mutable_scalars()->mutable_long_data()->add_data(key);
  return data;
}

// Spreads packed values to one per row, as Query gives nullable scalars: placeholders at nulls.
template <class Repeated>
void Spread(const FieldData& data, Repeated* values) {
  Repeated packed;
  packed.Swap(values);
  int next = 0;
  for (const bool valid : data.valid_data()) {
    if (valid) {
      *values->Add() = packed.Get(next++);
    } else {
      values->Add();
    }
  }
}

void SpreadNullableScalars(FieldData* data) {
  if (data->valid_data().empty() || !data->has_scalars()) return;
  auto* scalars = data->mutable_scalars();
  using Case = wire::schema::ScalarField::DataCase;
  switch (scalars->data_case()) {
    case Case::kBoolData: return Spread(*data, scalars->mutable_bool_data()->mutable_data());
    case Case::kIntData: return Spread(*data, scalars->mutable_int_data()->mutable_data());
    case Case::kLongData: return Spread(*data, scalars->mutable_long_data()->mutable_data());
    case Case::kFloatData: return Spread(*data, scalars->mutable_float_data()->mutable_data());
    case Case::kDoubleData: return Spread(*data, scalars->mutable_double_data()->mutable_data());
    case Case::kStringData: return Spread(*data, scalars->mutable_string_data()->mutable_data());
    case Case::kJsonData: return Spread(*data, scalars->mutable_json_data()->mutable_data());
    case Case::kArrayData: return Spread(*data, scalars->mutable_array_data()->mutable_data());
    case Case::kGeometryWktData:
      return Spread(*data, scalars->mutable_geometry_wkt_data()->mutable_data());
    default: return;
  }
}

// An empty array comes back with no member of the oneof set (protocol.md 2.4).
void BlankEmptyArrays(FieldData* data) {
  if (!data->scalars().has_array_data()) return;
  for (auto& cell : *data->mutable_scalars()->mutable_array_data()->mutable_data()) {
    if (cell.bool_data().data().empty() && cell.int_data().data().empty() &&
        cell.long_data().data().empty() && cell.float_data().data().empty() &&
        cell.double_data().data().empty() && cell.string_data().data().empty()) {
      cell.Clear();
    }
  }
}

// Rows as a server would give them back: columns and rows in random order.
wire::milvus::QueryResults Answer(const rows::RowBatch& batch, const rows::CollectionSchema& schema,
                                  std::size_t begin, std::size_t end, std::mt19937_64& random) {
  wire::milvus::QueryResults answer;
  const Status status =
      BatchToWire(batch, schema, AutoIdKeys::kSend, begin, end, answer.mutable_fields_data());
  EXPECT_TRUE(status.ok()) << status;
  for (auto& data : *answer.mutable_fields_data()) {
    data.set_field_id(static_cast<std::int64_t>(random() % 1000));
    SpreadNullableScalars(&data);
    BlankEmptyArrays(&data);
  }
  auto* fields = answer.mutable_fields_data();
  for (int i = fields->size() - 1; i > 0; --i) {
    fields->SwapElements(i, static_cast<int>(random() % static_cast<unsigned>(i + 1)));
  }
  return answer;
}

class EveryTypeTest : public testing::TestWithParam<DataType> {};

TEST_P(EveryTypeTest, RowsSurviveTheWireBitByBit) {
  std::mt19937_64 random(5);
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    rows::RowGenerator generator(seed);
    const rows::CollectionSchema schema = generator.EveryTypeSchema(GetParam());
    ASSERT_TRUE(HasOpaqueColumn(schema.Columns()));
    const rows::RowBatch batch = generator.RandomRows(schema, "p", 12);
    rows::RowDigester digester(schema.Columns());
    std::vector<rows::Digest128> expected;
    ASSERT_TRUE(digester.DigestRows(batch, expected).ok());
    for (std::size_t row = 0; row < batch.rows(); ++row) {
      const rows::RowBatch one = batch.Slice(row, row + 1);
      // Opaque cells of the generator are bytes of no meaning: put a real column in their place.
      rows::RowBatch sent = one;
      for (auto& column : sent.mutable_columns()) {
        if (!IsOpaque(column.field())) continue;
        FieldData data;
        data.set_type(static_cast<wire::schema::DataType>(column.field().type));
        data.set_field_name(column.field().name);
        data.mutable_scalars()->mutable_mol_smiles_data()->add_data("CCO");
        rows::Column real(column.field());
        real.Append(AsBytes(data.SerializeAsString()));
        column = std::move(real);
      }
      ASSERT_TRUE(digester.DigestRows(sent, expected).ok());
      const auto answer = Answer(sent, schema, 0, 1, random);
      const auto read = RowsFromAnswer(schema.Columns(), "p", answer);
      ASSERT_TRUE(read.ok()) << read.status();
      std::vector<rows::Digest128> got;
      ASSERT_TRUE(digester.DigestRows(read->batch, got).ok());
      EXPECT_EQ(got, expected);
    }
  }
}

TEST_P(EveryTypeTest, ManyRowsInAnyOrder) {
  std::mt19937_64 random(6);
  rows::RowGenerator generator(99);
  rows::CollectionSchema schema = generator.EveryTypeSchema(GetParam());
  std::erase_if(schema.fields, IsOpaque);
  const rows::RowBatch batch = generator.RandomRows(schema, "p", 300);
  rows::RowDigester digester(schema.Columns());
  const auto expected = digester.DigestRange(batch);
  const auto read = RowsFromAnswer(schema.Columns(), "p", Answer(batch, schema, 0, 300, random));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*digester.DigestRange(read->batch), *expected);
  EXPECT_TRUE(read->batch.Validate().ok());
  const auto half = RowsFromAnswer(schema.Columns(), "p", Answer(batch, schema, 100, 250, random));
  ASSERT_TRUE(half.ok());
  EXPECT_EQ(*digester.DigestRange(half->batch), *digester.DigestRange(batch.Slice(100, 250)));
}

INSTANTIATE_TEST_SUITE_P(Keys, EveryTypeTest,
                         testing::Values(DataType::kInt64, DataType::kVarChar));

TEST(FieldDataTest, RowsComeSortedAndEqualKeysAreCounted) {
  wire::milvus::QueryResults answer;
  AddKeys({5, -3, 5, 9, 5}, &answer);
  const auto read = RowsFromAnswer({KeyField()}, "", answer);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->batch.rows(), 3u);
  EXPECT_EQ(read->repeated_keys, 2u);
  EXPECT_EQ(read->batch.KeyAt(0), rows::Key(std::int64_t{-3}));
}

TEST(FieldDataTest, AbsentColumnIsRefusedNotLost) {
  wire::milvus::QueryResults answer;
  AddKeys({1}, &answer);
  const std::vector<FieldSchema> columns{KeyField(), Field("price", DataType::kDouble)};
  EXPECT_EQ(MissingColumns(columns, answer), std::vector<std::string>{"price"});
  const auto read = RowsFromAnswer(columns, "", answer);
  EXPECT_EQ(KindOf(read.status()), Kind::kRefused);
  EXPECT_THAT(std::string(read.status().message()), HasSubstr("price"));
}

TEST(FieldDataTest, AnswerWithoutRowsIsEmpty) {
  const std::vector<FieldSchema> columns{KeyField(), Field("v", DataType::kFloatVector, 4)};
  wire::milvus::QueryResults answer;
  EXPECT_EQ(RowsFromAnswer(columns, "", answer)->batch.rows(), 0u);
  AddKeys({}, &answer);
  EXPECT_EQ(RowsFromAnswer(columns, "", answer)->batch.rows(), 0u);
  EXPECT_TRUE(MissingColumns(columns, answer).empty());
}

TEST(FieldDataTest, ShortColumnIsCorrupt) {
  wire::milvus::QueryResults answer;
  AddKeys({1, 2}, &answer);
  FieldData* data = answer.add_fields_data();
  data->set_field_name("v");
  data->mutable_vectors()->set_dim(2);
  for (int i = 0; i < 3; ++i) {
    data->mutable_vectors()->mutable_float_vector()->add_data(1.0f);
  }
  const auto read = RowsFromAnswer({KeyField(), Field("v", DataType::kFloatVector, 2)}, "", answer);
  EXPECT_EQ(KindOf(read.status()), Kind::kCorrupt);
}

TEST(FieldDataTest, TypeInAnUnknownFormIsNamed) {
  FieldData data;
  data.mutable_scalars()->mutable_timestamptz_data()->add_data(1);
  const auto column = ColumnFromWire(Field("at", DataType::kTimestamptz), data, 1);
  EXPECT_EQ(KindOf(column.status()), Kind::kUnsupported);
  EXPECT_THAT(std::string(column.status().message()), HasSubstr("at"));
}

TEST(FieldDataTest, EmptyArraysGetTheirTypedMember) {
  FieldSchema field = Field("tags", DataType::kArray);
  for (const auto& [element, member] :
       {std::pair{DataType::kVarChar, wire::schema::ScalarField::kStringData},
        std::pair{DataType::kBool, wire::schema::ScalarField::kBoolData},
        std::pair{DataType::kInt8, wire::schema::ScalarField::kIntData},
        std::pair{DataType::kInt64, wire::schema::ScalarField::kLongData},
        std::pair{DataType::kFloat, wire::schema::ScalarField::kFloatData},
        std::pair{DataType::kDouble, wire::schema::ScalarField::kDoubleData}}) {
    field.element_type = element;
    rows::Column column(field);
    column.Append(Bytes{0});
    FieldData data;
    ASSERT_TRUE(ColumnToWire(column, field, 0, 1, &data).ok());
    EXPECT_EQ(data.scalars().array_data().data(0).data_case(), member);
  }
}

TEST(FieldDataTest, NullsArePackedAndFlagged) {
  FieldSchema field = Field("n", DataType::kInt64);
  field.nullable = true;
  rows::Column column(field);
  const std::int64_t seven = 7;
  column.Append({reinterpret_cast<const std::uint8_t*>(&seven), 8});
  column.AppendNull();
  FieldData data;
  ASSERT_TRUE(ColumnToWire(column, field, 0, 2, &data).ok());
  EXPECT_EQ(data.scalars().long_data().data_size(), 1);
  EXPECT_THAT(data.valid_data(), testing::ElementsAre(true, false));
  FieldSchema target = field;
  target.nullable = false;
  const Status refused = ColumnToWire(column, target, 0, 2, &data);
  EXPECT_EQ(KindOf(refused), Kind::kRefused);
}

TEST(FieldDataTest, NullVectorsComeCompact) {
  FieldSchema field = Field("v", DataType::kFloatVector, 2);
  field.nullable = true;
  FieldData data;
  for (const bool valid : {false, true, false}) data.add_valid_data(valid);
  data.mutable_vectors()->mutable_float_vector()->add_data(1);
  data.mutable_vectors()->mutable_float_vector()->add_data(2);
  const auto column = ColumnFromWire(field, data, 3);
  ASSERT_TRUE(column.ok()) << column.status();
  EXPECT_TRUE(column->IsNull(0));
  EXPECT_FALSE(column->IsNull(1));
  float second = 0;
  std::memcpy(&second, column->Cell(1).data() + 4, 4);
  EXPECT_EQ(second, 2.0f);
  // All null: the vector member may be absent altogether.
  FieldData none;
  for (int i = 0; i < 3; ++i) none.add_valid_data(false);
  EXPECT_TRUE(ColumnFromWire(field, none, 3).ok());
}

TEST(FieldDataTest, InsertCarriesMetaAsDynamicAndLeavesOutWhatTheServerMakes) {
  rows::CollectionSchema schema;
  schema.enable_dynamic_field = true;
  schema.auto_id = true;
  FieldSchema key = KeyField();
  key.auto_id = true;
  FieldSchema output = Field("embedding", DataType::kFloatVector, 2);
  output.function_output = true;
  schema.fields = {key, output};
  rows::RowGenerator generator(3);
  const rows::RowBatch batch = generator.RandomRows(schema, "", 4);
  google::protobuf::RepeatedPtrField<FieldData> fields;
  ASSERT_TRUE(BatchToWire(batch, schema, AutoIdKeys::kLeaveOut, 0, 4, &fields).ok());
  ASSERT_EQ(fields.size(), 1);
  EXPECT_EQ(fields[0].field_name(), "$meta");
  EXPECT_TRUE(fields[0].is_dynamic());
  EXPECT_EQ(fields[0].scalars().json_data().data_size(), 4);
  fields.Clear();
  ASSERT_TRUE(BatchToWire(batch, schema, AutoIdKeys::kSend, 0, 4, &fields).ok());
  EXPECT_EQ(fields.size(), 2);
}

TEST(FieldDataTest, ColumnsThatOnlyOneSideHasAreRefused) {
  rows::CollectionSchema schema;
  schema.fields = {KeyField(), Field("a", DataType::kInt32)};
  rows::RowGenerator generator(3);
  const rows::RowBatch batch = generator.RandomRows(schema, "", 2);
  rows::CollectionSchema target = schema;
  target.fields[1].name = "b";
  google::protobuf::RepeatedPtrField<FieldData> fields;
  EXPECT_EQ(KindOf(BatchToWire(batch, target, AutoIdKeys::kSend, 0, 2, &fields)), Kind::kRefused);
}

TEST(FieldDataTest, CountIsReadWhateverItsColumnIsCalled) {
  wire::milvus::QueryResults answer;
  EXPECT_EQ(KindOf(CountFromAnswer(answer).status()), Kind::kCorrupt);
  FieldData* data = answer.add_fields_data();
  data->mutable_scalars()->mutable_long_data()->add_data(42);
  EXPECT_EQ(*CountFromAnswer(answer), 42);
}

}  // namespace
}  // namespace aerie::milvus
