#include "repo/leaf_cutter.h"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "repo/column_blob.h"
#include "repo/tree_testing.h"

namespace aerie::repo {
namespace {

using rows::DataType;

// Last rows of the leaves that a batching gives; the last leaf, which nothing ended, is left out.
std::vector<std::size_t> Ends(const rows::RowBatch& rows, std::uint32_t bits, std::size_t max_batch,
                              std::uint64_t seed) {
  rows::RowGenerator random(seed);
  LeafCutter cutter(bits);
  std::vector<std::size_t> all;
  for (std::size_t at = 0; at < rows.rows();) {
    const std::size_t end = std::min(rows.rows(), at + 1 + random.Below(max_batch));
    std::vector<std::size_t> ends;
    cutter.Cut(rows.Slice(at, end), ends);
    for (const std::size_t i : ends) all.push_back(at + i);
    at = end;
  }
  return all;
}

TEST(LeafCutter, BatchesDoNotMatter) {
  for (const DataType key : {DataType::kInt64, DataType::kVarChar}) {
    rows::RowGenerator random(3);
    const auto spec = SmallSpec(key);
    const rows::RowBatch rows = random.RandomRows(spec.schema, "part", 5000);
    const auto whole = Ends(rows, 5, 1'000'000, 1);
    EXPECT_GT(whole.size(), 100U);
    for (std::uint64_t seed = 1; seed < 5; ++seed) {
      EXPECT_EQ(Ends(rows, 5, 1, seed), whole);
      EXPECT_EQ(Ends(rows, 5, 777, seed), whole);
    }
  }
}

TEST(LeafCutter, EndsAtTheRowLimit) {
  const auto spec = SmallSpec(DataType::kInt64, 1);
  const rows::RowBatch rows = NumberedRows(spec, 0, 200'000);
  const auto ends = Ends(rows, kMaxLeafBits, 30'000, 1);
  bool forced = false;
  std::size_t begin = 0;
  for (const std::size_t end : ends) {
    EXPECT_LE(end - begin, kMaxLeafRows);
    const bool hashed = (KeyHash(rows.KeyAt(end - 1), 0) & ((1U << kMaxLeafBits) - 1)) == 0;
    EXPECT_TRUE(hashed || end - begin == kMaxLeafRows);
    forced = forced || !hashed;
    begin = end;
  }
  EXPECT_TRUE(forced);
}

TEST(LeafCutter, EndsBeforeTheByteLimit) {
  rows::CollectionSchema schema;
  schema.fields = {KeyField(DataType::kInt64), PlainField("doc", DataType::kJson)};
  rows::RowBatch rows = rows::RowBatch::Empty(schema, "part");
  const auto add = [&](std::int64_t key, std::size_t bytes) {
    rows.mutable_columns()[0].Append({reinterpret_cast<const std::uint8_t*>(&key), sizeof(key)});
    rows.mutable_columns()[1].Append(Bytes(bytes, 'x'));
  };
  // With 13 bits none of these keys' hashes ends a leaf.
  std::vector<std::int64_t> keys;
  for (std::int64_t key = 0; keys.size() < 6; ++key) {
    if ((KeyHash(key, 0) & ((1U << 13) - 1)) != 0) keys.push_back(key);
  }
  const std::size_t row = 8 + 4;  // besides the document
  add(keys[0], kMaxLeafBytes - row - 1);
  add(keys[1], 0);  // one byte short of room
  add(keys[2], kMaxLeafBytes - 2 * row);
  add(keys[3], kMaxLeafBytes + 5);  // alone, although too large
  add(keys[4], 10 << 20);
  add(keys[5], 10 << 20);
  EXPECT_EQ(Ends(rows, 13, 100, 1), (std::vector<std::size_t>{1, 3, 4, 5}));
  EXPECT_EQ(Ends(rows, 13, 1, 1), (std::vector<std::size_t>{1, 3, 4, 5}));
}

TEST(LeafCutter, OneMoreKeyMovesNoOtherEnd) {
  const auto spec = SmallSpec();
  rows::RowGenerator random(11);
  const rows::RowBatch rows = NumberedRows(spec, 0, 20'000, 10);
  const auto keys_of = [](const rows::RowBatch& batch, const std::vector<std::size_t>& ends) {
    std::set<rows::Key> keys;
    for (const std::size_t end : ends) keys.insert(batch.KeyAt(end - 1));
    return keys;
  };
  const auto before = keys_of(rows, Ends(rows, 6, 5000, 1));
  for (int i = 0; i < 20; ++i) {
    const std::size_t at = random.Below(rows.rows());
    const rows::Key key = static_cast<std::int64_t>(at * 10 + 5);
    rows::RowBatch more = rows.Slice(0, at + 1);
    more.Append(random.RowsWithKeys(spec.schema, "part", {key}));
    more.AppendRows(rows, at + 1, rows.rows());
    auto after = keys_of(more, Ends(more, 6, 5000, 2));
    after.erase(key);
    EXPECT_EQ(after, before);
  }
}

TEST(LeafBits, BringALeafNearOneMiB) {
  EXPECT_EQ(ChooseLeafBits(0), kMaxLeafBits);
  EXPECT_EQ(ChooseLeafBits(100), kMaxLeafBits);
  EXPECT_EQ(ChooseLeafBits(590), 11U);
  EXPECT_EQ(ChooseLeafBits(1024), 10U);
  EXPECT_EQ(ChooseLeafBits(3200), 8U);
  EXPECT_EQ(ChooseLeafBits(60 << 10), 4U);
  EXPECT_EQ(ChooseLeafBits(std::size_t{1} << 62), kMinLeafBits);
}

TEST(LeafBits, SampleDoesNotDependOnBatches) {
  rows::RowGenerator random(12);
  const auto schema = random.EveryTypeSchema(DataType::kInt64);
  const rows::RowBatch rows = random.RandomRows(schema, "part", 3000);
  const auto choose = [&](std::size_t step) {
    LeafBitsSample sample;
    for (std::size_t at = 0; at < rows.rows(); at += step) {
      if (sample.Add(rows.Slice(at, std::min(rows.rows(), at + step)))) break;
    }
    return sample.Choose();
  };
  EXPECT_EQ(choose(1), choose(3000));
  EXPECT_EQ(choose(100), choose(3000));
}

}  // namespace
}  // namespace aerie::repo
