#include "files/arrow_columns.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "files/table_format_testing.h"
#include "rows/row_generator.h"

namespace aerie::files {
namespace {

rows::RowBatch Through(const rows::RowBatch& batch, const std::vector<rows::FieldSchema>& columns) {
  const auto array = ToArrowArray(batch);
  EXPECT_TRUE(array.ok()) << array.status();
  const auto schema = ToArrowSchema(columns, {{"name", "value"}});
  EXPECT_TRUE(CheckArrowSchema(*schema, columns).ok());
  const auto back = FromArrowArray(**array, batch.partition(), columns);
  EXPECT_TRUE(back.ok()) << back.status();
  return back.ok() ? *back : rows::RowBatch();
}

TEST(ArrowColumns, KeepEveryType) {
  for (const auto key_type : {rows::DataType::kInt64, rows::DataType::kVarChar}) {
    rows::RowGenerator random(21);
    const auto schema = random.EveryTypeSchema(key_type);
    for (const std::size_t count : {1, 7, 8, 300}) {
      const auto batch = random.RandomRows(schema, "p", count);
      ExpectSameRows(batch, Through(batch, schema.Columns()));
    }
  }
}

// A producer may hand over rows from the middle of its buffers, at each level of nesting.
TEST(ArrowColumns, ReadFromAnyOffset) {
  rows::RowGenerator random(22);
  const auto schema = random.EveryTypeSchema(rows::DataType::kInt64);
  const auto batch = random.RandomRows(schema, "p", 40);
  for (const std::int64_t of_struct : {0, 3}) {
    for (const std::int64_t of_columns : {0, 5, 9}) {
      auto array = ToArrowArray(batch);
      ASSERT_TRUE(array.ok()) << array.status();
      ArrowArray& all = *array->get();
      all.offset = of_struct;
      all.length = 20;
      for (std::int64_t i = 0; i < all.n_children; ++i) {
        all.children[i]->offset = of_columns;
        all.children[i]->length -= of_columns;
      }
      const auto back = FromArrowArray(all, "p", schema.Columns());
      ASSERT_TRUE(back.ok()) << back.status();
      const auto first = static_cast<std::size_t>(of_struct + of_columns);
      ExpectSameRows(batch.Slice(first, first + 20), *back);
    }
  }
}

TEST(ArrowColumns, HaveTheTypesOfTheDocument) {
  rows::RowGenerator random(23);
  const auto schema = random.EveryTypeSchema(rows::DataType::kInt64);
  const auto columns = schema.Columns();
  const auto arrow = ToArrowSchema(columns, {});
  const auto format = [&](const std::string& name) -> std::string {
    for (std::int64_t i = 0; i < (*arrow).n_children; ++i) {
      if ((*arrow).children[i]->name == name) return (*arrow).children[i]->format;
    }
    return "none";
  };
  const auto dim = [&](const char* name) { return schema.Find(name)->dim(); };
  EXPECT_EQ(format("id"), "l");
  EXPECT_EQ(format("f_Bool"), "b");
  EXPECT_EQ(format("f_Int8"), "c");
  EXPECT_EQ(format("f_Int16"), "s");
  EXPECT_EQ(format("f_Float"), "f");
  EXPECT_EQ(format("f_Double"), "g");
  EXPECT_EQ(format("f_JSON"), "u");
  EXPECT_EQ(format("$meta"), "u");
  EXPECT_EQ(format("f_Array_VarChar"), "+l");
  EXPECT_EQ(format("f_SparseFloatVector"), "+l");
  EXPECT_EQ(format("f_FloatVector"), "+w:" + std::to_string(dim("f_FloatVector")));
  EXPECT_EQ(format("f_Int8Vector"), "+w:" + std::to_string(dim("f_Int8Vector")));
  EXPECT_EQ(format("f_Float16Vector"), "w:" + std::to_string(2 * dim("f_Float16Vector")));
  EXPECT_EQ(format("f_BinaryVector"), "w:" + std::to_string(dim("f_BinaryVector") / 8));
  EXPECT_EQ(format("f_unheard_of"), "z");
  EXPECT_EQ((*arrow).children[0]->flags & ARROW_FLAG_NULLABLE, 0);
  EXPECT_NE((*arrow).children[1]->flags & ARROW_FLAG_NULLABLE, 0);
}

TEST(ArrowColumns, RefuseNullsInsideOfValues) {
  rows::RowGenerator random(24);
  const auto schema = random.EveryTypeSchema(rows::DataType::kInt64);
  auto array = ToArrowArray(random.RandomRows(schema, "p", 40));
  ASSERT_TRUE(array.ok()) << array.status();
  const auto columns = schema.Columns();
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].name != "f_Array_Int64") continue;
    ArrowArray& elements = *array->get()->children[i]->children[0];
    const Bytes validity(static_cast<std::size_t>(elements.length) / 8 + 1, 0xfe);
    elements.buffers[0] = validity.data();
    elements.null_count = elements.length / 8;
    const auto back = FromArrowArray(**array, "p", columns);
    EXPECT_EQ(KindOf(back.status()), Kind::kCorrupt);
    EXPECT_THAT(std::string(back.status().message()), testing::HasSubstr("f_Array_Int64"));
    elements.buffers[0] = nullptr;
  }
}

}  // namespace
}  // namespace aerie::files
