#include "transfer/latency_controller.h"

#include <gtest/gtest.h>

namespace aerie::transfer {
namespace {

using std::chrono::milliseconds;
using Change = LatencyController::Change;

constexpr double kSpeed = 80e6;

LatencyController Started(Duration at_start, LatencyPolicy policy = {}) {
  LatencyController controller(policy);
  controller.Start({at_start * 9, at_start, at_start / 2});
  return controller;
}

// Probes until something changes, or `most` of them.
Change Feed(LatencyController& controller, Duration latency, int most = 5, double speed = kSpeed) {
  for (int i = 0; i < most; ++i) {
    const Change change = controller.OnProbe(latency, controller.rate().value_or(speed));
    if (change != Change::kNone) return change;
  }
  return Change::kNone;
}

TEST(LatencyController, OneOddProbeAtTheStartCountsForNothing) {
  EXPECT_EQ(Started(milliseconds(4)).at_start(), milliseconds(4));
}

// Latency before reading, under our own load, and the limit that follows.
TEST(LatencyController, WhatOurOwnLoadCostsIsUsualUpToABound) {
  const struct {
    int at_start_ms, usual_ms, limit_ms;
  } cases[] = {
      {2, 2, 12},      // twice is within the slack
      {2, 12, 24},     // our own load, twice
      {20, 20, 40},    // a distant cluster
      {2, 150, 300},   // a small server that our own load fills
      {2, 700, 504},   // our own load takes more than its share of 250 ms
      {40, 10, 80},    // it was busy when we began, and is not any more
      {100, 900, 700}  // both
  };
  for (const auto& one : cases) {
    auto controller = Started(milliseconds(one.at_start_ms));
    EXPECT_FALSE(controller.limit().has_value());
    EXPECT_EQ(Feed(controller, milliseconds(one.usual_ms), 8), Change::kNone);
    ASSERT_TRUE(controller.limit().has_value());
    EXPECT_EQ(*controller.limit(), milliseconds(one.limit_ms)) << one.usual_ms;
    EXPECT_FALSE(controller.rate().has_value());
  }
}

TEST(LatencyController, AnIdleClusterIsNeverSlowedDown) {
  auto controller = Started(milliseconds(3));
  for (int i = 0; i < 10'000; ++i) {
    // Our own load, and one probe in four that takes much longer.
    const Duration latency = milliseconds(i % 4 == 0 ? 400 : 5 + i % 7);
    ASSERT_EQ(controller.OnProbe(latency, kSpeed), Change::kNone);
  }
}

TEST(LatencyController, HalvesWhileItIsSlowAndGrowsByStepsWhenItIsNot) {
  auto controller = Started(milliseconds(10));
  Feed(controller, milliseconds(10), 8);  // usual 10, limit 20, fast below 15
  for (const double part : {0.5, 0.25, 0.125, 0.0625}) {
    EXPECT_EQ(Feed(controller, milliseconds(21)), Change::kSlower);
    EXPECT_DOUBLE_EQ(*controller.rate(), part * kSpeed);
    EXPECT_EQ(controller.judged(), milliseconds(21));
  }
  // The floor: it goes on for ever, but not to a standstill.
  EXPECT_EQ(Feed(controller, milliseconds(5000), 1000), Change::kNone);
  EXPECT_DOUBLE_EQ(*controller.rate(), 0.0625 * kSpeed);
  // Between the two marks nothing changes.
  EXPECT_EQ(Feed(controller, milliseconds(16), 1000), Change::kNone);
  double part = 0.0625;
  for (int i = 0; i < 7; ++i) {
    EXPECT_EQ(Feed(controller, milliseconds(14)), Change::kFaster);
    EXPECT_DOUBLE_EQ(*controller.rate(), (part += 0.125) * kSpeed);
  }
  EXPECT_EQ(Feed(controller, milliseconds(14)), Change::kFullSpeed);
  EXPECT_FALSE(controller.rate().has_value());
}

TEST(LatencyController, AChangeIsJudgedByProbesAfterIt) {
  auto controller = Started(milliseconds(10));
  Feed(controller, milliseconds(10), 8);
  EXPECT_EQ(Feed(controller, milliseconds(90)), Change::kSlower);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(controller.OnProbe(milliseconds(90), kSpeed / 2), Change::kNone);
  }
  EXPECT_EQ(controller.OnProbe(milliseconds(90), kSpeed / 2), Change::kSlower);
}

TEST(LatencyController, ATargetHoldsFromTheFirstProbesOn) {
  LatencyPolicy policy;
  policy.target = milliseconds(20);
  auto controller = Started(milliseconds(100), policy);
  EXPECT_EQ(*controller.limit(), milliseconds(20));
  EXPECT_EQ(Feed(controller, milliseconds(21)), Change::kSlower);
  EXPECT_EQ(Feed(controller, milliseconds(17), 100), Change::kNone);
  EXPECT_EQ(Feed(controller, milliseconds(15)), Change::kFaster);
}

// Full speed is what was read while nothing held it back.
TEST(LatencyController, SpeedUnderALimitIsNotFullSpeed) {
  auto controller = Started(milliseconds(10));
  Feed(controller, milliseconds(10), 8);
  Feed(controller, milliseconds(50));
  const double half = *controller.rate();
  Feed(controller, milliseconds(17), 100, half / 10);
  EXPECT_EQ(Feed(controller, milliseconds(10)), Change::kFaster);
  EXPECT_DOUBLE_EQ(*controller.rate(), half + 0.125 * kSpeed);
}

TEST(LatencyController, WithoutMeasurementsThereIsNoLimit) {
  auto controller = Started(milliseconds(10));
  Feed(controller, milliseconds(10), 8);
  Feed(controller, milliseconds(50));
  ASSERT_TRUE(controller.rate().has_value());
  controller.GiveUp();
  EXPECT_FALSE(controller.rate().has_value());
  LatencyController none({});
  none.Start({});
  EXPECT_EQ(none.at_start(), Duration::zero());
  // Nothing was read yet: nothing can be slowed down.
  EXPECT_EQ(Feed(none, milliseconds(500), 100, 0), Change::kNone);
}

}  // namespace
}  // namespace aerie::transfer
