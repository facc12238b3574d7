#include "milvus/capabilities.h"

#include <gtest/gtest.h>

#include "milvus/collection_admin.h"

namespace aerie::milvus {
namespace {

using rows::DataType;
using rows::FieldSchema;

TEST(ServerVersion, IsReadFromWhateverServersSay) {
  const std::pair<const char*, ServerVersion> rows[] = {
      {"v2.3.5-lite", {2, 3, 5, false}},
      {"2.2.0", {2, 2, 0, false}},
      {"v2.6.0-rc1", {2, 6, 0, false}},
      {"2.6-20260101-abcdef", {2, 6, 0, false}},
      {"milvus_lite-3.2.2", {3, 2, 2, true}},
      {"Zilliz Cloud Vector Database(Compatible with Milvus 2.6)", {2, 6, 0, false}},
      {"cloud 24.11 (compatible with Milvus 2.5.14)", {2, 5, 14, false}},
      {"", {}},
      {"unknown", {}},
      {"v.", {}},
      {"build 7", {}},
  };
  for (const auto& [text, version] : rows) {
    const ServerVersion read = ParseServerVersion(text);
    EXPECT_EQ(read, version) << text << ": " << read.major << "." << read.minor << "."
                             << read.patch;
  }
}

struct PrecheckRow {
  const char* about;
  std::function<void(rows::CollectionSpec&, FieldSchema&)> change;
  const char* words;
  PrecheckLine::Weight weight;
};

TEST(Precheck, SaysWhatAnOlderServerDoesNotKeep) {
  SpecFeatures old;
  old.databases = old.aliases = old.arrays = old.several_vectors = old.clustering_key =
      old.nullable = old.functions = old.types_of_2_6 = old.auto_id_insert = Answer::kNo;
  const auto refused = PrecheckLine::Weight::kRefused;
  const auto lost = PrecheckLine::Weight::kLost;
  const PrecheckRow table[] = {
      {"database", [](auto& spec, auto&) { spec.name.database = "d"; }, "no databases", refused},
      {"aliases", [](auto& spec, auto&) { spec.aliases = {"a"}; }, "no aliases", lost},
      {"functions", [](auto& spec, auto&) { spec.schema.functions = {{1}}; }, "functions", lost},
      {"auto id", [](auto&, auto& key) { key.auto_id = true; }, "does not take those", refused},
      {"nullable", [](auto&, auto& field) { field.nullable = true; }, "null values", lost},
      {"clustering key", [](auto&, auto& field) { field.clustering_key = true; },
       "no clustering key", lost},
      {"array", [](auto&, auto& field) { field.type = DataType::kArray; }, "no type Array",
       refused},
      {"sparse", [](auto&, auto& field) { field.type = DataType::kSparseFloatVector; },
       "no type SparseFloatVector", refused},
      {"int8", [](auto&, auto& field) { field.type = DataType::kInt8Vector; }, "no type Int8Vector",
       refused},
      {"unknown", [](auto&, auto& field) { field.type = static_cast<DataType>(27); },
       "carried as it is", lost},
  };
  for (const PrecheckRow& row : table) {
    SCOPED_TRACE(row.about);
    rows::CollectionSpec spec;
    spec.name.collection = "c";
    FieldSchema key;
    key.name = "id";
    key.primary_key = true;
    key.type = DataType::kInt64;
    spec.schema.fields = {key};
    row.change(spec, spec.schema.fields[0]);
    const auto lines = Precheck(spec, old);
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_NE(lines[0].text.find(row.words), std::string::npos) << lines[0].text;
    EXPECT_EQ(lines[0].weight, row.weight);
    if (std::string(row.about) != "unknown") {
      EXPECT_TRUE(Precheck(spec, SpecFeatures()).empty()) << "what is not known is not claimed";
    }
  }
}

TEST(Precheck, CountsVectorFieldsAndDefaultsThatSwallowNulls) {
  rows::CollectionSpec spec;
  FieldSchema vector;
  vector.type = DataType::kFloatVector;
  spec.schema.fields = {vector, vector};
  SpecFeatures target;
  target.several_vectors = Answer::kNo;
  auto lines = Precheck(spec, target);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_NE(lines[0].text.find("2 vector fields"), std::string::npos);

  FieldSchema field;
  field.type = DataType::kInt64;
  field.nullable = true;
  field.default_value = {1};
  spec.schema.fields = {field};
  lines = Precheck(spec, {});
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_NE(lines[0].text.find("default value"), std::string::npos);
}

}  // namespace
}  // namespace aerie::milvus
