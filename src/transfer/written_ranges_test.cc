#include "transfer/written_ranges.h"

#include <algorithm>
#include <random>

#include <gtest/gtest.h>

namespace aerie::transfer {
namespace {

using rows::Key;

WrittenRange Range(std::optional<Key> after, std::int64_t to, std::size_t bytes = 10) {
  WrittenRange range;
  range.partition = "p";
  range.range = {std::move(after), to};
  range.digest.rows = 1;
  range.bytes = bytes;
  return range;
}

milvus::StoredRows Call(std::optional<Key> after, std::int64_t to, std::uint64_t ts = 0,
                        const std::string& partition = "p") {
  return {partition, {std::move(after), to}, {}, ts};
}

TEST(WrittenRangesTest, ARangeComesOutWhenItsLastCallIsStored) {
  WrittenRanges written(0);
  written.Add(Range({}, 10));
  EXPECT_TRUE(written.Take(Call({}, 4, 5)).empty());
  EXPECT_FALSE(written.empty());
  const auto taken = written.Take(Call(Key(std::int64_t{4}), 10, 3));
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_EQ(taken[0].ts, 5u) << "of whichever of its calls came last";
  EXPECT_TRUE(written.empty());
}

TEST(WrittenRangesTest, CallsBehindAGapWait) {
  WrittenRanges written(0);
  written.Add(Range({}, 1));
  written.Add(Range(1, 2));
  written.Add(Range(2, 3));
  EXPECT_TRUE(written.Take(Call(2, 3)).empty());
  EXPECT_TRUE(written.Take(Call(1, 2)).empty());
  EXPECT_EQ(written.Take(Call({}, 1)).size(), 3u);
}

TEST(WrittenRangesTest, PartitionsAreApart) {
  WrittenRanges written(0);
  written.Add(Range({}, 1));
  EXPECT_TRUE(written.Take(Call({}, 100, 1, "other")).empty());
  EXPECT_EQ(written.Take(Call({}, 1)).size(), 1u);
}

TEST(WrittenRangesTest, RangesThatTouchAreJoinedUpToASize) {
  WrittenRanges written(20);
  written.Add(Range({}, 1));
  written.Add(Range(1, 2));
  written.Add(Range(2, 3));
  // What was there already lies between 3 and 5.
  written.Add(Range(5, 6));
  const auto taken = written.Take(Call({}, 6));
  ASSERT_EQ(taken.size(), 3u);
  EXPECT_FALSE(taken[0].range.after.has_value());
  EXPECT_EQ(taken[0].range.to, Key(std::int64_t{2}));
  EXPECT_EQ(taken[0].digest.rows, 2u);
  EXPECT_EQ(taken[1].range.to, Key(std::int64_t{3}));
  EXPECT_EQ(taken[2].range.after, Key(std::int64_t{5}));
}

// Whatever the order of the calls and wherever they are cut: each range once, never too early.
TEST(WrittenRangesTest, AnyOrderOfCalls) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    WrittenRanges written(random() % 50);
    const auto cuts = [&] {
      std::vector<std::int64_t> keys = {1000};
      for (int i = 0; i < 20; ++i) keys.push_back(static_cast<std::int64_t>(random() % 1000));
      std::sort(keys.begin(), keys.end());
      keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
      return keys;
    };
    std::uint64_t added = 0;
    std::optional<Key> after;
    for (const std::int64_t to : cuts()) {
      written.Add(Range(after, to));
      after = to;
      ++added;
    }
    std::vector<milvus::StoredRows> calls;
    after.reset();
    for (const std::int64_t to : cuts()) {
      calls.push_back(Call(after, to));
      after = to;
    }
    std::shuffle(calls.begin(), calls.end(), random);
    std::uint64_t taken = 0;
    for (std::size_t i = 0; i < calls.size(); ++i) {
      for (const auto& range : written.Take(calls[i])) {
        taken += range.digest.rows;
        for (std::size_t later = i + 1; later < calls.size(); ++later) {
          EXPECT_LE(range.range.to, calls[later].range.after);
        }
      }
    }
    EXPECT_EQ(taken, added);
    EXPECT_TRUE(written.empty());
  }
}

}  // namespace
}  // namespace aerie::transfer
