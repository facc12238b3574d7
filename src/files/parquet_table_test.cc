#include "files/parquet_table.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/temp_folder_testing.h"
#include "files/foreign_rows_testing.h"
#include "files/parquet_format.h"
#include "files/table_format_testing.h"
#include "rows/row_generator.h"

namespace aerie::files {
namespace {

using rows::DataType;
using testing::HasSubstr;

const std::string kData = std::string(AERIE_SOURCE_DIR) + "/src/files/testdata";

class ParquetTable : public testing::Test {
 protected:
  ParquetTable() { ::setenv("AERIE_MODULE_DIR", std::getenv("AERIE_BUILD_DIR"), 1); }
  ~ParquetTable() override { ::unsetenv("AERIE_MODULE_DIR"); }
};

TEST_F(ParquetTable, OfPandas) {
  ImportMapping mapping;
  mapping.fields = {MappingOf("count", {"", DataType::kInt32}), MappingOf("title")};
  mapping.fields[0].default_text = "-1";
  mapping.fields[1].default_text = "";
  EXPECT_EQ(Shown(ForeignRowsOf(kData + "/pandas.parquet", mapping)),
            R"({"count":7,"title":"drei","id":3,"kind":"a","flag":true,"vector":[0.5,-1]})"
            "\n"
            R"({"count":-1,"title":"eins","id":1,"kind":"b","flag":false,"vector":[2,0.25]})"
            "\n"
            R"({"count":9,"title":"","id":2,"kind":"a","flag":true,"vector":[0,1.5]})"
            "\n");
  mapping.fields[1].default_text.reset();
  EXPECT_THAT(Shown(ForeignRowsOf(kData + "/pandas.parquet", mapping)),
              HasSubstr("row 3: column title: null, and the field takes none"));
}

TEST_F(ParquetTable, OfDuckDb) {
  EXPECT_EQ(Shown(ForeignRowsOf(kData + "/duckdb.parquet", {})),
            R"({"id":0,"name":"n0","vector":[0,0.5]})"
            "\n"
            R"({"id":1,"name":"n1","vector":[1,0.5]})"
            "\n"
            R"({"id":2,"name":"n2","vector":[2,0.5]})"
            "\n"
            R"({"id":3,"name":"n3","vector":[3,0.5]})"
            "\n"
            R"({"id":4,"name":"n4","vector":[4,0.5]})"
            "\n");
}

ImportMapping TypesMapping() {
  ImportMapping mapping;
  FieldMapping bits = MappingOf("bits", {"", DataType::kArray, {{"max_capacity", "9"}}});
  bits.field.element_type = DataType::kBool;
  bits.field.nullable = true;
  FieldMapping texts =
      MappingOf("texts", {"", DataType::kArray, {{"max_capacity", "9"}, {"max_length", "9"}}});
  texts.field.element_type = DataType::kVarChar;
  FieldMapping i8 = MappingOf("i8", {"", DataType::kInt8});
  i8.field.nullable = true;
  mapping.fields = {MappingOf("id"), i8, bits, texts,
                    MappingOf("raw", {"", DataType::kFloat16Vector, {{"dim", "2"}}})};
  mapping.ignore = {"u64", "gap", "when"};
  return mapping;
}

TEST_F(ParquetTable, EveryWidthAndList) {
  EXPECT_EQ(
      Shown(ForeignRowsOf(kData + "/types.parquet", TypesMapping())),
      R"({"id":10,"i8":-128,"bits":[true,false],"texts":["x","yz"],"raw":"003c0040","half":1,"large":"a","fixed":[1,2]})"
      "\n"
      R"({"id":20,"i8":127,"bits":[],"texts":[],"raw":"003c0040","half":0.5,"large":"é","fixed":[3,4]})"
      "\n"
      R"({"id":30,"i8":null,"bits":null,"texts":["é"],"raw":"003c0040","half":-2,"large":"","fixed":[5,6]})"
      "\n"
      R"({"id":40,"i8":0,"bits":[true],"texts":[""],"raw":"003c0040","half":65504,"large":"d","fixed":[7,8]})"
      "\n");
}

TEST_F(ParquetTable, WhatDoesNotFitIsRefused) {
  ImportMapping mapping = TypesMapping();
  mapping.ignore = {"gap", "when"};
  EXPECT_THAT(Shown(ForeignRowsOf(kData + "/types.parquet", mapping)),
              HasSubstr("types.parquet, row 3: column u64: 9223372036854775808 is no Int64"));
  mapping.ignore = {"u64", "when"};
  mapping.fields.push_back(MappingOf("gap", {"", DataType::kFloatVector, {{"dim", "2"}}}));
  EXPECT_THAT(
      Shown(ForeignRowsOf(kData + "/types.parquet", mapping)),
      HasSubstr("row 1: column gap: a list with a null at its element 2 is no FloatVector"));
  mapping.fields.pop_back();
  mapping.ignore = {"u64", "gap"};
  EXPECT_THAT(Shown(ForeignRowsOf(kData + "/types.parquet", mapping)),
              HasSubstr("column when: a column of type timestamp goes into no field"));
  mapping.fields.push_back(MappingOf("when", {"", DataType::kInt64}));
  EXPECT_THAT(Shown(ForeignRowsOf(kData + "/types.parquet", mapping)), HasSubstr("timestamp"));
}

// What our own exports write is read as others' files are, by its values alone.
TEST_F(ParquetTable, OfOurOwnWithoutAManifest) {
  rows::RowGenerator random(21);
  rows::CollectionSchema schema;
  for (const auto& field : random.EveryTypeSchema(DataType::kInt64).fields) {
    // Sparse vectors and what nobody knows have no such column; JSON of the generator may be none.
    if (rows::IsKnownType(field.type) && field.type != DataType::kSparseFloatVector &&
        field.type != DataType::kJson) {
      schema.fields.push_back(field);
    }
  }
  rows::CollectionSpec spec;
  spec.schema = schema;
  const auto rows = random.RandomRows(schema, "", 50);
  const auto format = OpenParquetFormat();
  ASSERT_TRUE(format.ok()) << format.status();
  const auto file = Encoded(**format, SchemaFor(schema, ""), {rows});
  ASSERT_TRUE(file.ok()) << file.status();
  TempFolder folder;
  WriteFile(folder.path() / "t.parquet", AsText(*file));
  auto encoder = MakeJsonlFormat()->NewFile({schema.Columns(), "", {}});
  ASSERT_TRUE((*encoder)->Append(rows).ok());
  const auto found = ForeignRowsOf(folder.path() / "t.parquet", {}, spec);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(*found, AsText(*(*encoder)->Finish()));
}

// A damaged file is refused or, where a checksum does not cover the byte, read; never worse.
TEST_F(ParquetTable, SurvivesDamage) {
  std::ifstream in(kData + "/pandas.parquet", std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  const std::string good = text.str();
  TempFolder folder;
  const std::string path = folder.path() / "t.parquet";
  rows::RowGenerator random(4);
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{3}, std::size_t{11}, good.size() / 2, good.size() - 1}) {
    WriteFile(path, good.substr(0, size));
    const auto rows = ForeignRowsOf(path, {});
    EXPECT_EQ(KindOf(rows.status()), Kind::kCorrupt);
    EXPECT_THAT(Shown(rows), HasSubstr("t.parquet: Parquet: "));
  }
  for (int i = 0; i < 60; ++i) {
    std::string bad = good;
    bad[random.Below(bad.size())] ^= static_cast<char>(1 << random.Below(8));
    WriteFile(path, bad);
    (void)ForeignRowsOf(path, {});
  }
}

}  // namespace
}  // namespace aerie::files
