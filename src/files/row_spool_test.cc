#include "files/row_spool.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/temp_folder_testing.h"
#include "files/table_format_testing.h"
#include "rows/row_generator.h"

namespace aerie::files {
namespace {

using testing::HasSubstr;

Status SameKey(const rows::Key& key, std::uint64_t first, std::uint64_t second) {
  return RefusedError(rows::KeyToText(key) + " in " + std::to_string(first) + " and " +
                      std::to_string(second));
}

// Small, so that runs, levels and blocks are many.
SpoolOptions Small(const TempFolder& folder) {
  return {.folder = folder.path(), .run_bytes = 3000, .block_bytes = 500, .fan_in = 3};
}

rows::RowBatch ReadAll(const RowSpool& spool, const rows::CollectionSchema& schema) {
  rows::RowBatch all = rows::RowBatch::Empty(schema, "p");
  const auto reader = spool.Open("p");
  for (;;) {
    auto batch = reader->Next();
    EXPECT_TRUE(batch.ok()) << batch.status();
    if (!batch.ok() || !*batch) return all;
    EXPECT_GT((*batch)->rows(), 0u);
    all.Append(**batch);
  }
}

TEST(RowSpool, RowsOfAnyOrderComeBackByKey) {
  for (const auto key_type : {rows::DataType::kInt64, rows::DataType::kVarChar}) {
    for (const std::size_t count :
         {std::size_t{0}, std::size_t{1}, std::size_t{7}, std::size_t{400}}) {
      rows::RowGenerator random(count);
      const auto schema = random.EveryTypeSchema(key_type);
      const rows::RowBatch wanted = random.RandomRows(schema, "p", count);
      std::vector<std::size_t> order(count);
      for (std::size_t i = 0; i < count; ++i) order[i] = i;
      for (std::size_t i = count; i > 1; --i) std::swap(order[i - 1], order[random.Below(i)]);
      TempFolder folder;
      RowSpool spool(schema.Columns(), Small(folder), SameKey);
      for (const std::size_t row : order) {
        ASSERT_TRUE(spool.Add(Context::Background(), wanted.Slice(row, row + 1)).ok());
      }
      ASSERT_TRUE(spool.Finish(Context::Background()).ok());
      EXPECT_EQ(spool.rows(), count);
      ExpectSameRows(wanted, ReadAll(spool, schema));
      ExpectSameRows(wanted, ReadAll(spool, schema));  // as often as one likes
      EXPECT_TRUE(std::filesystem::is_empty(folder.path())) << "nothing is left by name";
    }
  }
}

TEST(RowSpool, ARowLargerThanARunIsARun) {
  rows::RowGenerator random(5);
  const auto schema = random.EveryTypeSchema(rows::DataType::kInt64);
  const rows::RowBatch wanted = random.RandomRows(schema, "p", 60);
  TempFolder folder;
  SpoolOptions options = Small(folder);
  options.run_bytes = 1;
  options.block_bytes = 1;
  RowSpool spool(schema.Columns(), options, SameKey);
  for (std::size_t row = 60; row-- > 0;) {
    ASSERT_TRUE(spool.Add(Context::Background(), wanted.Slice(row, row + 1)).ok());
  }
  ASSERT_TRUE(spool.Finish(Context::Background()).ok());
  ExpectSameRows(wanted, ReadAll(spool, schema));
}

// Wherever the two rows stand: in one run, in two that are merged, at the seam of a sorted run.
TEST(RowSpool, AKeyThatComesTwiceIsNamedWithBothRows) {
  rows::RowGenerator random(9);
  const auto schema = random.EveryTypeSchema(rows::DataType::kVarChar);
  const rows::RowBatch rows = random.RandomRows(schema, "p", 120);
  for (int round = 0; round < 20; ++round) {
    const std::size_t twice = random.Below(120);
    const std::size_t when = random.Below(120);
    TempFolder folder;
    RowSpool spool(schema.Columns(), Small(folder), SameKey);
    std::vector<std::size_t> order(120);
    for (std::size_t i = 0; i < 120; ++i) order[i] = round % 2 == 0 ? i : 119 - i;
    order.insert(order.begin() + static_cast<std::ptrdiff_t>(when), twice);
    Status status;
    for (const std::size_t row : order) {
      if (status.ok()) status = spool.Add(Context::Background(), rows.Slice(row, row + 1));
    }
    if (status.ok()) status = spool.Finish(Context::Background());
    ASSERT_EQ(KindOf(status), Kind::kRefused) << round;
    const auto first = std::find(order.begin(), order.end(), twice);
    const auto second = std::find(first + 1, order.end(), twice);
    const auto a = std::to_string(first - order.begin() + 1);
    const auto b = std::to_string(second - order.begin() + 1);
    const std::string key = rows::KeyToText(rows.KeyAt(twice));
    EXPECT_THAT(std::string(status.message()),
                testing::AnyOf(key + " in " + a + " and " + b, key + " in " + b + " and " + a));
  }
}

TEST(RowSpool, SaysWhereItCannotWrite) {
  rows::RowGenerator random(1);
  const auto schema = random.EveryTypeSchema(rows::DataType::kInt64);
  RowSpool spool(schema.Columns(), {.folder = "/nowhere/at/all"}, SameKey);
  ASSERT_TRUE(spool.Add(Context::Background(), random.RandomRows(schema, "p", 2)).ok());
  const Status status = spool.Finish(Context::Background());
  EXPECT_EQ(KindOf(status), Kind::kNotFound);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("sort the rows in /nowhere/at/all (give --spool-dir"));
}

TEST(RowSpool, EndsWhenCancelled) {
  rows::RowGenerator random(1);
  const auto schema = random.EveryTypeSchema(rows::DataType::kInt64);
  TempFolder folder;
  RowSpool spool(schema.Columns(), Small(folder), SameKey);
  CancelScope scope{Context::Background()};
  ASSERT_TRUE(spool.Add(scope.context(), random.RandomRows(schema, "p", 2)).ok());
  scope.Cancel();
  EXPECT_EQ(KindOf(spool.Finish(scope.context())), Kind::kCancelled);
}

}  // namespace
}  // namespace aerie::files
