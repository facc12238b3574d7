#include "app/import_mapping_file.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace aerie::app {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

TEST(ImportMappingFile, EveryKeyHasItsEffect) {
  const auto mapping = ParseImportMapping(R"(
collection: books
partition: north
dynamic: true
ignore: [comment, draft]
csv: {delimiter: ";"}
fields:
  id: {column: isbn, type: VarChar, max_length: 20, primary_key: true}
  title: {type: VarChar, max_length: 500, empty: text, nullable: true}
  tags: {type: Array, element: Int16, max_capacity: 4, partition_key: true}
  year: {type: Int16, default: 0}
  no: {type: Int64, auto_id: true}
  plain:
  vector: {column: e, type: FloatVector, dim: 4, round: true, index: {type: HNSW, metric: COSINE, params: {M: 16, mode: fast}}}
)",
                                          "books.yaml");
  ASSERT_TRUE(mapping.ok()) << mapping.status();
  EXPECT_EQ(mapping->collection, "books");
  EXPECT_EQ(mapping->partition, "north");
  EXPECT_TRUE(mapping->dynamic);
  EXPECT_THAT(mapping->ignore, ElementsAre("comment", "draft"));
  EXPECT_EQ(mapping->csv.delimiter, ';');
  ASSERT_EQ(mapping->fields.size(), 7u);
  const auto& id = mapping->fields[0];
  EXPECT_EQ(id.column_name(), "isbn");
  EXPECT_EQ(id.field.type, rows::DataType::kVarChar);
  EXPECT_THAT(id.field.type_params, ElementsAre(Pair("max_length", "20")));
  EXPECT_TRUE(id.field.primary_key);
  EXPECT_EQ(id.where, "books.yaml:8");
  EXPECT_TRUE(mapping->fields[1].empty_is_text);
  EXPECT_TRUE(mapping->fields[1].field.nullable);
  EXPECT_EQ(mapping->fields[1].column_name(), "title");
  EXPECT_EQ(mapping->fields[2].field.element_type, rows::DataType::kInt16);
  EXPECT_TRUE(mapping->fields[2].field.partition_key);
  EXPECT_EQ(mapping->fields[3].default_text, "0");
  EXPECT_TRUE(mapping->fields[4].field.auto_id);
  EXPECT_EQ(mapping->fields[5].field.type, rows::DataType::kNone);
  const auto& vector = mapping->fields[6];
  EXPECT_EQ(vector.field.dim(), 4);
  EXPECT_EQ(vector.rounding, files::Rounding::kNearest);
  ASSERT_TRUE(vector.index);
  EXPECT_THAT(vector.index->params,
              ElementsAre(Pair("index_type", "HNSW"), Pair("metric_type", "COSINE"),
                          Pair("params", R"({"M":16,"mode":"fast"})")));
}

TEST(ImportMappingFile, WrongKeysAreNamedWithTheirLine) {
  const auto message = [](const std::string& yaml) {
    const auto mapping = ParseImportMapping(yaml, "m.yaml");
    EXPECT_EQ(KindOf(mapping.status()), Kind::kInvalid) << yaml;
    return std::string(mapping.status().message());
  };
  EXPECT_THAT(message("fields:\n  id: {colum: x}\n"),
              HasSubstr("m.yaml:2: unknown key 'colum' in fields.id; did you mean 'column'?"));
  EXPECT_THAT(message("fields:\n  id: {type: Varchar}\n"), HasSubstr("did you mean 'VarChar'?"));
  EXPECT_THAT(message("fields:\n  v: {type: FloatVector, dim: 0}\n"), HasSubstr("'fields.v.dim'"));
  EXPECT_THAT(message("fields:\n  v: {index: {metric: L2}}\n"),
              HasSubstr("index.type' is missing"));
  EXPECT_THAT(message("fields:\n  v: {index: {type: FLAT, metrik: L2}}\n"), HasSubstr("metrik"));
  EXPECT_THAT(message("fields:\n  v: 3\n"), HasSubstr("must be a mapping"));
  EXPECT_THAT(message("fields: [a]\n"), HasSubstr("must be a mapping of names"));
  EXPECT_THAT(message("fields:\n  a: {}\n  a: {}\n"), HasSubstr("comes twice"));
  EXPECT_THAT(message("fields:\n  a: {empty: none}\n"), HasSubstr("can only be text"));
  EXPECT_THAT(message("csv: {delimiter: ab}\n"), HasSubstr("one character"));
  EXPECT_THAT(message("csv: {quote: x}\n"), HasSubstr("unknown key"));
  EXPECT_THAT(message("ignore: {a: b}\n"), HasSubstr("must be a list"));
  EXPECT_THAT(message("- a\n"), HasSubstr("must be a mapping"));
  EXPECT_THAT(message("a: [\n"), HasSubstr("m.yaml:"));
}

TEST(ImportMappingFile, EmptyFileSaysNothing) {
  const auto mapping = ParseImportMapping("", "m.yaml");
  ASSERT_TRUE(mapping.ok());
  EXPECT_TRUE(mapping->fields.empty());
  EXPECT_EQ(KindOf(LoadImportMapping("/nowhere/m.yaml").status()), Kind::kNotFound);
}

}  // namespace
}  // namespace aerie::app
