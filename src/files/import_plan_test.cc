#include "files/import_plan.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "files/foreign_rows_testing.h"

namespace aerie::files {
namespace {

using rows::DataType;
using testing::HasSubstr;

ForeignColumn Numbers(const std::string& name, NumberType type) {
  return {name, NameOf(type), true, FieldOfNumbers(type)};
}
ForeignColumn Words(const std::string& name) { return {name, "CSV cell", false}; }
ForeignColumn Vectors(const std::string& name) {
  return {name, "list<float>[4]", true, FieldOfVectors(NumberType::kFloat, 4)};
}

Result<ImportPlan> Plan(const std::vector<ForeignColumn>& columns, const ImportMapping& mapping,
                        const std::optional<rows::CollectionSpec>& there = {}) {
  return PlanImport(columns, mapping, there, {"db", "books"});
}
std::string Why(const std::vector<ForeignColumn>& columns, const ImportMapping& mapping,
                const std::optional<rows::CollectionSpec>& there = {}) {
  const auto plan = Plan(columns, mapping, there);
  EXPECT_EQ(KindOf(plan.status()), Kind::kRefused) << plan.status();
  return std::string(plan.status().message());
}

TEST(ImportPlan, TheFileMaySayEnough) {
  const auto plan = Plan(
      {Numbers("id", NumberType::kInt32), Numbers("u", NumberType::kUInt16), Vectors("v")}, {});
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->spec.name.ToString(), "db.books");
  const auto& fields = plan->spec.schema.fields;
  ASSERT_EQ(fields.size(), 3u);
  EXPECT_EQ(fields[0].type, DataType::kInt64) << "a key is an Int64";
  EXPECT_TRUE(fields[0].primary_key);
  EXPECT_EQ(fields[1].type, DataType::kInt32) << "the least that takes every value";
  EXPECT_EQ(fields[2].dim(), 4);
  EXPECT_EQ(plan->partition, "_default");
  EXPECT_TRUE(plan->spec.indexes.empty());
  EXPECT_EQ(plan->spec.load_state, rows::LoadState::kNotLoaded);
}

TEST(ImportPlan, IndexesOfTheMappingAreMadeAndLoaded) {
  ImportMapping mapping;
  mapping.fields = {MappingOf("v")};
  mapping.fields[0].index = rows::IndexSpec{"v", "v", {{"index_type", "FLAT"}}};
  const auto plan = Plan({Numbers("id", NumberType::kInt64), Vectors("v")}, mapping);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->spec.indexes.size(), 1u);
  EXPECT_EQ(plan->spec.load_state, rows::LoadState::kLoaded);
  EXPECT_EQ(plan->spec.partitions.at(0).load_state, rows::LoadState::kLoaded);
}

TEST(ImportPlan, EveryThingInTheWayIsNamedAtOnce) {
  ImportMapping mapping;
  mapping.fields = {MappingOf("id", {"nr"}), MappingOf("v", {"", DataType::kFloatVector})};
  const std::string why = Why({Words("a"), Words("nr"), Words("v")}, mapping);
  EXPECT_THAT(why, HasSubstr("import into db.books: "));
  EXPECT_THAT(why, HasSubstr("column nr (CSV cell) does not say which field it is"));
  EXPECT_THAT(why, HasSubstr("column a (CSV cell)"));
  EXPECT_THAT(why, HasSubstr("field v: FloatVector needs dim"));
  EXPECT_THAT(why, HasSubstr("no field is the key"));
  EXPECT_THAT(Why({Numbers("x", NumberType::kInt64)}, {}), HasSubstr("primary_key: true"));
  mapping.fields = {MappingOf("id", {"", DataType::kFloat})};
  EXPECT_THAT(Why({Words("id")}, mapping), HasSubstr("a key is an Int64 or a VarChar"));
  mapping = {};
  mapping.ignore = {"gone"};
  EXPECT_THAT(Why({Numbers("id", NumberType::kInt64)}, mapping),
              HasSubstr("column gone is to be ignored, and is not there"));
}

rows::CollectionSpec There() {
  rows::CollectionSpec spec;
  spec.name = {"db", "books"};
  spec.schema.name = "books";
  spec.schema.fields.resize(3);
  spec.schema.fields[0].name = "id";
  spec.schema.fields[0].type = DataType::kInt64;
  spec.schema.fields[0].primary_key = true;
  spec.schema.fields[1].name = "year";
  spec.schema.fields[1].type = DataType::kInt16;
  spec.schema.fields[2].name = "v";
  spec.schema.fields[2].type = DataType::kFloatVector;
  spec.schema.fields[2].type_params = {{"dim", "2"}};
  spec.partitions = {{"_default"}};
  return spec;
}

TEST(ImportPlan, ACollectionThatIsThereDecides) {
  ImportMapping mapping;
  mapping.fields = {MappingOf("year", {"jahr"})};
  mapping.partition = "north";
  auto plan = Plan({Words("v"), Words("id"), Words("jahr")}, mapping, There());
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->spec.schema, There().schema);
  EXPECT_EQ(plan->fields[1].column, 2u);
  EXPECT_EQ(plan->partition, "north");
  EXPECT_EQ(plan->spec.partitions.size(), 2u);
  EXPECT_THAT(Why({Words("v"), Words("id")}, {}, There()),
              HasSubstr("field year comes from no column"));
  EXPECT_THAT(Why({Words("v"), Words("id"), Words("year"), Words("x")}, {}, There()),
              HasSubstr("column x goes to no field"));
  mapping.fields = {MappingOf("year", {"", DataType::kInt32}), MappingOf("other"),
                    MappingOf("v", {"", DataType::kNone, {{"dim", "3"}}})};
  EXPECT_THAT(Why({Words("v"), Words("id"), Words("year")}, mapping, There()),
              testing::AllOf(HasSubstr("field year is there with another type, Int16"),
                             HasSubstr("the collection has no field other"),
                             HasSubstr("field v is there with another dim, 2")));
}

TEST(ImportPlan, DefaultsAreCheckedBeforeAnyRow) {
  ImportMapping mapping;
  mapping.fields = {MappingOf("year")};
  mapping.fields[0].default_text = "1999";
  const auto plan = Plan({Words("v"), Words("id")}, mapping, There());
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(ToHex(*plan->fields[1].default_cell), "cf070000");
  mapping.fields[0].default_text = "70000";
  EXPECT_THAT(Why({Words("v"), Words("id")}, mapping, There()),
              HasSubstr("default of field year: 70000 is no Int16"));
  mapping.fields = {MappingOf("id")};
  mapping.fields[0].default_text = "0";
  EXPECT_THAT(Why({Words("v"), Words("year")}, mapping, There()),
              HasSubstr("a key has no default"));
}

TEST(ImportPlan, GeneratedKeysComeFromNoColumn) {
  rows::CollectionSpec there = There();
  there.schema.fields[0].auto_id = true;
  const auto plan = Plan({Words("v"), Words("year")}, {}, there);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_TRUE(plan->generates_keys);
  EXPECT_THAT(Why({Words("v"), Words("year"), Words("id")}, {}, there),
              HasSubstr("the server makes those of field id itself"));
}

TEST(ImportPlan, APartitionKeyPlacesRows) {
  rows::CollectionSpec there = There();
  there.schema.fields[1].partition_key = true;
  const std::vector<ForeignColumn> columns = {Words("v"), Words("year"), Words("id")};
  const auto plan = Plan(columns, {}, there);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->partition, "");
  ImportMapping mapping;
  mapping.partition = "north";
  EXPECT_THAT(Why(columns, mapping, there), HasSubstr("partition key"));
}

}  // namespace
}  // namespace aerie::files
