#include "milvus/range_judge.h"

#include <gtest/gtest.h>

namespace aerie::milvus {
namespace {

struct Case {
  const char* what;
  std::vector<RangeTry> tries;
  RangeVerdict verdict;
};

TEST(RangeJudgeTest, Table) {
  const Case cases[] = {
      {"equal", {{10, 10}}, RangeVerdict::kWhole},
      {"nothing there", {{0, 0}}, RangeVerdict::kWhole},
      {"an insert came between", {{11, 10}}, RangeVerdict::kReadAgain},
      {"and is then read", {{11, 10}, {11, 11}}, RangeVerdict::kWhole},
      {"a delete came between", {{9, 10}}, RangeVerdict::kReadAgain},
      {"and is then gone", {{9, 10}, {9, 9}}, RangeVerdict::kWhole},
      {"copies of keys stay", {{30, 10}, {30, 10}}, RangeVerdict::kDuplicates},
      {"an insert while there are copies", {{31, 10}, {31, 11}}, RangeVerdict::kReadAgain},
      {"then quiet", {{31, 10}, {31, 11}, {31, 11}}, RangeVerdict::kDuplicates},
      {"fewer counted than read is never copies", {{9, 10}, {9, 10}}, RangeVerdict::kReadAgain},
      {"steady writes",
       {{11, 10}, {12, 11}, {13, 12}, {14, 13}, {15, 14}},
       RangeVerdict::kUnsettled},
      {"a wrong count", {{9, 10}, {9, 10}, {9, 10}, {9, 10}, {9, 10}}, RangeVerdict::kUnsettled},
      {"the last try counts",
       {{11, 10}, {12, 11}, {13, 12}, {14, 13}, {14, 14}},
       RangeVerdict::kWhole},
  };
  for (const Case& c : cases) EXPECT_EQ(JudgeRange(c.tries), c.verdict) << c.what;
}

}  // namespace
}  // namespace aerie::milvus
