#include "migrate/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace aerie::migrate {
namespace {

constexpr std::int64_t kGb = 1'000'000'000;

Measured Of(std::int64_t bytes, double changed = 0) {
  return {.rows = 1'000'000,
          .bytes = bytes,
          .read_bytes_second = 1e8,  // 10 s a GB
          .changed_rows_second = changed};
}

struct Case {
  const char* what;
  Measured measured;
  Wishes wishes;
  Strategy strategy;
  bool dual_write;
};

TEST(PlanTest, TheDecisionTable) {
  const Wishes none, down{.downtime_allowed = true}, updated{.constantly_updated = true};
  const Wishes both{.downtime_allowed = true, .constantly_updated = true};
  for (const Case& c : {
           Case{"nothing", Of(0), none, Strategy::kCold, false},
           Case{"just below 1 GB", Of(kGb - 1), none, Strategy::kCold, false},
           Case{"small and busy", Of(kGb - 1, 1e6), updated, Strategy::kCold, false},
           Case{"1 GB exactly", Of(kGb), none, Strategy::kHot, false},
           Case{"1 GB and may stop", Of(kGb), down, Strategy::kHot, false},
           Case{"1 GB, busy by word", Of(kGb), updated, Strategy::kIncremental, false},
           // 10 s of reading: 1,000 rows of a million are a thousandth.
           Case{"1 GB, busy by measure", Of(kGb, 100), none, Strategy::kIncremental, false},
           Case{"1 GB, not quite busy", Of(kGb, 99), none, Strategy::kHot, false},
           Case{"100 GB exactly", Of(100 * kGb), none, Strategy::kHot, false},
           Case{"100 GB, busy", Of(100 * kGb), updated, Strategy::kIncremental, false},
           Case{"above, may stop", Of(100 * kGb + 1), down, Strategy::kCold, false},
           Case{"above, may stop, busy", Of(100 * kGb + 1), both, Strategy::kCold, false},
           Case{"above", Of(100 * kGb + 1), none, Strategy::kHot, true},
           Case{"above, busy", Of(100 * kGb + 1), updated, Strategy::kIncremental, false},
       }) {
    const Recommendation r = Recommend(c.measured, c.wishes);
    EXPECT_EQ(r.strategy, c.strategy) << c.what << ": " << NameOf(r.strategy);
    EXPECT_EQ(r.dual_write, c.dual_write) << c.what;
    EXPECT_FALSE(r.reasons.empty()) << c.what;
  }
}

TEST(PlanTest, TimesComeFromTheSpeedOfReading) {
  const Recommendation hot = Recommend(Of(10 * kGb), {});  // 100 s of reading
  EXPECT_DOUBLE_EQ(hot.total_seconds, 600);
  EXPECT_DOUBLE_EQ(hot.pause_seconds, 200);
  const Recommendation cold = Recommend(Of(kGb / 10), {});  // 1 s
  EXPECT_DOUBLE_EQ(cold.pause_seconds, 6);
  EXPECT_DOUBLE_EQ(cold.total_seconds, 6);
}

TEST(PlanTest, WhatWasNotMeasuredIsSaid) {
  Measured m = Of(10 * kGb, -1);
  m.read_bytes_second = 0;
  const Recommendation r = Recommend(m, {});
  EXPECT_LT(r.total_seconds, 0);
  EXPECT_THAT(r.reasons, ::testing::Contains(::testing::HasSubstr("no time is estimated")));
  EXPECT_THAT(r.reasons, ::testing::Contains(::testing::HasSubstr("not measured")));
}

}  // namespace
}  // namespace aerie::migrate
