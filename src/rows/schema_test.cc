#include "rows/schema.h"

#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rows/row_generator.h"

namespace aerie::rows {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

FieldSchema Field(const std::string& name, DataType type) {
  FieldSchema field;
  field.name = name;
  field.type = type;
  return field;
}

CollectionSpec Books() {
  CollectionSpec spec;
  spec.name = {"shop", "books"};
  spec.id = 4711;
  spec.schema.name = "books";
  spec.schema.enable_dynamic_field = true;
  spec.schema.fields = {Field("id", DataType::kInt64), Field("price", DataType::kDouble),
                        Field("vec", DataType::kFloatVector)};
  spec.schema.fields[0].primary_key = true;
  spec.schema.fields[2].type_params = {{"dim", "8"}, {"mmap.enabled", "true"}};
  for (std::size_t i = 0; i < 3; ++i) spec.schema.fields[i].id = 100 + static_cast<int>(i);
  spec.partitions = {{"_default", LoadState::kLoaded}, {"old", LoadState::kLoaded}};
  spec.indexes = {{"vec", "vec_idx", {{"index_type", "HNSW"}, {"params", R"({"M":16})"}}}};
  spec.aliases = {"b1", "b2"};
  spec.properties = {{"collection.ttl.seconds", "60"}, {"mmap.enabled", "true"}};
  spec.shards = 2;
  spec.load_state = LoadState::kLoaded;
  spec.replicas = 1;
  return spec;
}

using Change = std::function<void(CollectionSpec&)>;

// The lines after `change` was made to the right side; both directions must agree in number.
std::vector<std::string> Diff(const Change& change) {
  const CollectionSpec left = Books();
  CollectionSpec right = Books();
  change(right);
  const auto lines = DiffSpecs(left, right);
  EXPECT_EQ(DiffSpecs(right, left).size(), lines.size());
  return lines;
}

std::string Tag(std::uint32_t number) { return {static_cast<char>(number << 3 | 2)}; }
// Length-delimited field of a serialized message.
std::string Text(std::uint32_t number, const std::string& value) {
  return Tag(number) + static_cast<char>(value.size()) + value;
}
std::string Int(std::uint32_t number, char value) {
  return {static_cast<char>(number << 3), value};
}
Bytes ToBytes(const std::string& text) { return {text.begin(), text.end()}; }

TEST(Schema, NamesTypes) {
  EXPECT_EQ(TypeName(DataType::kVarChar), "VarChar");
  EXPECT_EQ(TypeName(DataType::kJson), "JSON");
  EXPECT_EQ(TypeName(static_cast<DataType>(4711)), "type 4711");
  EXPECT_TRUE(IsKnownType(DataType::kSparseFloatVector));
  EXPECT_FALSE(IsKnownType(DataType::kArrayOfVector));
  EXPECT_FALSE(IsKnownType(DataType::kArrayOfStruct));
  EXPECT_FALSE(IsKnownType(static_cast<DataType>(27)));
  EXPECT_FALSE(IsVector(DataType::kArrayOfVector));
}

TEST(Schema, ColumnsAreFieldsThenMeta) {
  CollectionSchema schema = Books().schema;
  schema.fields.push_back(Field("bm25", DataType::kSparseFloatVector));
  schema.fields.back().function_output = true;
  schema.fields.push_back(Field("embedding", DataType::kFloatVector));
  schema.fields.back().function_output = true;
  std::vector<std::string> names;
  for (const FieldSchema& column : schema.Columns()) names.push_back(column.name);
  EXPECT_THAT(names, ElementsAre("id", "price", "vec", "embedding", "$meta"));
  EXPECT_TRUE(schema.Columns().back().dynamic);
  EXPECT_EQ(schema.Columns().back().type, DataType::kJson);
  schema.enable_dynamic_field = false;
  EXPECT_EQ(schema.Columns().size(), 4U);
  EXPECT_EQ(schema.primary_key()->name, "id");
  EXPECT_EQ(schema.partition_key(), nullptr);
  EXPECT_EQ(schema.Find("nothing"), nullptr);
}

TEST(DiffSpecs, AnyIsTheSameAsItself) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const CollectionSpec spec = RowGenerator(seed).RandomSpec();
    EXPECT_THAT(DiffSpecs(spec, spec), IsEmpty()) << seed;
  }
}

TEST(DiffSpecs, EachAttributeIsOneLine) {
  struct Case {
    Change change;
    std::string line;
  };
  const std::vector<Case> cases = {
      {[](auto& s) { s.schema.fields[1].nullable = true; },
       "field price: nullable false here, true there"},
      {[](auto& s) { s.schema.fields[1].type = DataType::kFloat; },
       "field price: type Double here, Float there"},
      {[](auto& s) { s.schema.fields[1].element_type = DataType::kBool; },
       "field price: element type None here, Bool there"},
      {[](auto& s) { s.schema.fields[1].description = "in \"cents\""; },
       R"(field price: description "" here, "in \"cents\"" there)"},
      {[](auto& s) { s.schema.fields[1].partition_key = false, s.schema.fields[1].auto_id = true; },
       "field price: auto id false here, true there"},
      {[](auto& s) { s.schema.fields[0].primary_key = false; },
       "field id: primary key true here, false there"},
      {[](auto& s) { s.schema.fields[1].clustering_key = true; },
       "field price: clustering key false here, true there"},
      {[](auto& s) { s.schema.fields[1].dynamic = true; },
       "field price: dynamic false here, true there"},
      {[](auto& s) { s.schema.fields[1].function_output = true; },
       "field price: function output false here, true there"},
      {[](auto& s) {
         s.schema.fields[1].default_value = {1, 0xab};
       },
       R"(field price: default value nothing here, "0x01ab" there)"},
      {[](auto& s) { s.schema.fields[2].type_params[0].second = "16"; },
       R"(field vec: type parameter dim "8" here, "16" there)"},
      {[](auto& s) {
         s.schema.fields[2].index_params = {{"k", "v"}};
       },
       R"(field vec: index parameter k nothing here, "v" there)"},
      {[](auto& s) { s.schema.fields[2].unknown = ToBytes(Text(17, "x")); },
       R"(field vec: unknown attributes nothing here, "0x8a0178" there)"},
      {[](auto& s) { s.schema.fields.pop_back(); }, "field vec: missing there"},
      {[](auto& s) { s.schema.fields.push_back(Field("new", DataType::kBool)); },
       "field new: missing here"},
      {[](auto& s) { s.schema.fields[1].sub_fields = {Field("sub", DataType::kArray)}; },
       "field price, sub-field sub: missing here"},
      {[](auto& s) { s.schema.description = "d"; },
       R"(collection: description "" here, "d" there)"},
      {[](auto& s) { s.schema.enable_dynamic_field = false; },
       "collection: dynamic field true here, false there"},
      {[](auto& s) { s.schema.enable_namespace = true; },
       "collection: namespaces false here, true there"},
      {[](auto& s) { s.schema.unknown = ToBytes(Text(11, "s3")); },
       R"(collection: unknown attributes nothing here, "0x5a027333" there)"},
      {[](auto& s) { s.schema.auto_id = true; }, "field id: auto id false here, true there"},
      {[](auto& s) { s.schema.functions = {ToBytes(Text(1, "bm"))}; }, "function bm: missing here"},
      {[](auto& s) { s.properties[0].second = "61"; },
       R"(collection: property collection.ttl.seconds "60" here, "61" there)"},
      {[](auto& s) { s.properties.pop_back(); },
       R"(collection: property mmap.enabled "true" here, nothing there)"},
      {[](auto& s) {
         s.schema.properties = {{"lazyload.enabled", "true"}};
       },
       R"(collection: property lazyload.enabled nothing here, "true" there)"},
      {[](auto& s) { s.shards = 1; }, "collection: shards 2 here, 1 there"},
      {[](auto& s) { s.consistency = ConsistencyLevel::kStrong; },
       "collection: consistency level Bounded here, Strong there"},
      {[](auto& s) { s.partitions.pop_back(); }, "partition old: missing there"},
      {[](auto& s) { s.partitions[1].load_state = LoadState::kNotLoaded; },
       "partition old: loaded true here, false there"},
      {[](auto& s) { s.indexes[0].index_name = "other"; },
       "index vec_idx on field vec: missing there"},
      {[](auto& s) { s.indexes[0].params[0].second = "IVF_FLAT"; },
       R"(index vec_idx on field vec: parameter index_type "HNSW" here, "IVF_FLAT" there)"},
      {[](auto& s) { s.indexes[0].params[1].second = R"({"M":32})"; },
       R"(index vec_idx on field vec: parameter M "16" here, "32" there)"},
      {[](auto& s) { s.aliases = {"b2"}; }, "alias b1: missing there"},
      {[](auto& s) { s.load_state = LoadState::kNotLoaded; },
       "collection: loaded true here, false there"},
      {[](auto& s) { s.replicas = 2; }, "collection: replicas 1 here, 2 there"},
      {[](auto& s) {
         s.load_fields = {"id", "vec"};
       },
       R"(collection: loaded fields nothing here, "id", "vec" there)"},
  };
  for (const Case& test : cases) {
    const auto lines = Diff(test.change);
    ASSERT_FALSE(lines.empty()) << test.line;
    EXPECT_EQ(lines.front(), test.line);
    if (test.line.find("vec_idx on field vec: missing") == std::string::npos) {
      EXPECT_EQ(lines.size(), 1U) << test.line;
    }
  }
}

TEST(DiffSpecs, WhatOnlyLooksDifferentIsNotADifference) {
  const std::vector<std::pair<std::string, Change>> cases = {
      {"names",
       [](auto& s) {
         s.name = {"other", "copy"}, s.schema.name = "copy";
       }},
      {"ids",
       [](auto& s) {
         s.id = 1;
         for (auto& field : s.schema.fields) field.id += 7;
       }},
      {"field order", [](auto& s) { std::swap(s.schema.fields[0], s.schema.fields[2]); }},
      {"type parameter order",
       [](auto& s) {
         std::swap(s.schema.fields[2].type_params[0], s.schema.fields[2].type_params[1]);
       }},
      {"index parameter order",
       [](auto& s) { std::swap(s.indexes[0].params[0], s.indexes[0].params[1]); }},
      {"index parameters flat",
       [](auto& s) {
         s.indexes[0].params = {{"M", "16"}, {"index_type", "HNSW"}};
       }},
      {"property order", [](auto& s) { std::swap(s.properties[0], s.properties[1]); }},
      {"properties in the schema", [](auto& s) { s.schema.properties = std::move(s.properties); }},
      {"properties in both places", [](auto& s) { s.schema.properties = s.properties; }},
      {"the server's own properties",
       [](auto& s) {
         s.properties.emplace_back("max_field_id", "105");
         s.properties.emplace_back("timezone", "UTC");
       }},
      {"alias order", [](auto& s) { std::swap(s.aliases[0], s.aliases[1]); }},
      {"partition order", [](auto& s) { std::swap(s.partitions[0], s.partitions[1]); }},
      {"load progress", [](auto& s) { s.load_state = LoadState::kLoading; }},
      {"replicas not known", [](auto& s) { s.replicas = 0; }},
      {"resource groups not known", [](auto& s) { s.resource_groups = {"rg"}; }},
      {"every field loaded",
       [](auto& s) {
         s.load_fields = {"vec", "id", "price"};
       }},
      {"database name in the schema", [](auto& s) { s.schema.unknown = ToBytes(Text(8, "db")); }},
      {"schema version", [](auto& s) { s.schema.unknown = ToBytes(Int(10, 3)); }},
      {"field state", [](auto& s) { s.schema.fields[0].unknown = ToBytes(Int(9, 1)); }},
  };
  for (const auto& [name, change] : cases) EXPECT_THAT(Diff(change), IsEmpty()) << name;
}

TEST(DiffSpecs, ATimezoneThatTheUserChoseCounts) {
  CollectionSpec left = Books();
  CollectionSpec right = Books();
  left.properties.emplace_back("timezone", "UTC");
  right.properties.emplace_back("timezone", "Asia/Tokyo");
  EXPECT_THAT(DiffSpecs(left, right),
              ElementsAre(R"(collection: property timezone "UTC" here, "Asia/Tokyo" there)"));
}

TEST(DiffSpecs, FunctionsAreComparedWithoutTheirIds) {
  const auto function = [](char id, const std::string& input, const std::string& params) {
    return ToBytes(Text(1, "bm") + Int(2, id) + Int(4, 1) + Text(5, input) + Int(6, id) +
                   Text(7, "out") + Int(8, id) + params);
  };
  const std::string k1 = Text(9, "k1");
  const std::string k2 = Text(9, "k2");
  CollectionSpec left = Books();
  CollectionSpec right = Books();
  left.schema.functions = {function(3, "text", k1 + k2)};
  right.schema.functions = {function(9, "text", k2 + k1)};
  EXPECT_THAT(DiffSpecs(left, right), IsEmpty());
  right.schema.functions = {function(3, "body", k1 + k2)};
  ASSERT_EQ(DiffSpecs(left, right).size(), 1U);
  EXPECT_EQ(DiffSpecs(left, right).front().rfind("function bm: definition ", 0), 0U);
}

TEST(DiffSpecs, PartitionsOfAPartitionKeyAreTheServers) {
  CollectionSpec left = Books();
  left.schema.fields[1].partition_key = true;
  left.num_partitions = 2;
  left.partitions = {{"_default_0", LoadState::kLoaded}, {"_default_1", LoadState::kLoaded}};
  CollectionSpec right = left;
  right.partitions = {{"_default_0", LoadState::kNotLoaded}, {"other", LoadState::kLoaded}};
  EXPECT_THAT(DiffSpecs(left, right), IsEmpty());
  right.num_partitions = 0;  // an older server does not say: its partitions are counted
  EXPECT_THAT(DiffSpecs(left, right), IsEmpty());
  right.num_partitions = 7;
  EXPECT_THAT(DiffSpecs(left, right),
              ElementsAre("collection: number of partitions 2 here, 7 there"));
}

TEST(DiffSpecs, LoadDetailsCountOnlyWhereBothAreLoaded) {
  CollectionSpec left = Books();
  CollectionSpec right = Books();
  left.load_state = right.load_state = LoadState::kNotLoaded;
  right.partitions[1].load_state = LoadState::kNotLoaded;
  right.replicas = 3;
  right.load_fields = {"id"};
  EXPECT_THAT(DiffSpecs(left, right), IsEmpty());
}

TEST(DiffSpecs, LongValuesAreCutWithTheirSize) {
  const auto lines =
      Diff([](CollectionSpec& spec) { spec.schema.description = std::string(5000, 'x'); });
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_LT(lines[0].size(), 300U);
  EXPECT_NE(lines[0].find("(5000 bytes)"), std::string::npos);
}

TEST(FindValue, FindsTheFirst) {
  const KeyValues pairs = {{"a", "1"}, {"a", "2"}};
  EXPECT_EQ(*FindValue(pairs, "a"), "1");
  EXPECT_EQ(FindValue(pairs, "b"), nullptr);
}

}  // namespace
}  // namespace aerie::rows
