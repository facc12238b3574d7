#include "files/parquet_format.h"

#include <cstdlib>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "files/table_format_testing.h"

namespace aerie::files {
namespace {

std::shared_ptr<const TableFormat> Parquet() {
  const auto format =
      OpenParquetFormat(std::string(std::getenv("AERIE_BUILD_DIR")) + "/aerie_parquet.so");
  EXPECT_TRUE(format.ok()) << format.status();
  return format.ok() ? *format : nullptr;
}

TEST(ParquetFormat, KeepsEveryType) { ExpectKeepsEveryType(*Parquet()); }
TEST(ParquetFormat, KeepsRandomSchemas) { ExpectKeepsRandomSchemas(*Parquet()); }
TEST(ParquetFormat, SurvivesDamage) { ExpectSurvivesDamage(*Parquet()); }

TEST(ParquetFormat, RefusesOtherColumns) {
  rows::RowGenerator random(6);
  const auto schema = random.EveryTypeSchema(rows::DataType::kInt64);
  auto other = schema;
  const auto file =
      Encoded(*Parquet(), SchemaFor(schema, "p"), {random.RandomRows(schema, "p", 3)});
  ASSERT_TRUE(file.ok()) << file.status();
  const auto expect = [&](const std::string& words) {
    const auto read = Decoded(*Parquet(), SchemaFor(other, "p"), *file, 1 << 20);
    EXPECT_EQ(KindOf(read.status()), Kind::kCorrupt);
    EXPECT_THAT(std::string(read.status().message()), testing::HasSubstr(words));
  };
  other.fields.back().name = "renamed";
  expect("column renamed");
  other = schema;
  other.fields.pop_back();
  expect("columns instead of");
  other = schema;
  other.fields[1].type = rows::DataType::kInt64;
  expect("column f_Bool");
}

// A value that Arrow's type of the column cannot hold is never cut to fit.
TEST(ParquetFormat, RefusesWhatItCannotKeep) {
  rows::CollectionSchema schema;
  schema.fields.resize(2);
  schema.fields[0].name = "id";
  schema.fields[0].type = rows::DataType::kInt64;
  schema.fields[0].primary_key = true;
  schema.fields[1].name = "small";
  schema.fields[1].type = rows::DataType::kInt8;
  rows::RowBatch batch = rows::RowBatch::Empty(schema, "p");
  batch.mutable_columns()[0].Append(Bytes(8));
  batch.mutable_columns()[1].Append(Bytes{0, 1, 0, 0});
  const auto file = Encoded(*Parquet(), SchemaFor(schema, "p"), {batch});
  EXPECT_EQ(KindOf(file.status()), Kind::kUnsupported);
  EXPECT_THAT(std::string(file.status().message()), testing::HasSubstr("column small: 256"));
}

TEST(ParquetFormat, SaysHowToGetTheModule) {
  const auto format = OpenParquetFormat("/nowhere/aerie_parquet.so");
  EXPECT_EQ(KindOf(format.status()), Kind::kUnsupported);
  EXPECT_THAT(std::string(format.status().message()), testing::HasSubstr("scripts/setup"));
}

}  // namespace
}  // namespace aerie::files
