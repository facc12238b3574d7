#include "repo/kdf_calibrate.h"

#include <gtest/gtest.h>

namespace aerie::repo {
namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

KdfCost Fit(milliseconds measured, const KdfRequest& request = {}, const KdfTarget& target = {}) {
  const auto cost = FitKdfCost(measured, request, target);
  EXPECT_TRUE(cost.ok()) << cost.status();
  return cost.ok() ? *cost : KdfCost{0, 0};
}
Kind Refusal(const KdfRequest& request) {
  return KindOf(FitKdfCost(milliseconds(100), request).status());
}

TEST(KdfCalibration, MemoryGoesBeforePasses) {
  const auto expect = [](KdfCost cost, std::uint32_t passes, std::uint64_t memory) {
    EXPECT_EQ(cost.passes, passes);
    EXPECT_EQ(cost.memory, memory * kMiB);
  };
  expect(Fit(milliseconds(500)), 3, 64);  // slow: the floor, whatever it takes
  expect(Fit(milliseconds(100)), 3, 128);
  expect(Fit(milliseconds(50)), 3, 256);
  expect(Fit(milliseconds(25)), 6, 256);  // memory is at its ceiling
  expect(Fit(milliseconds(1)), 16, 256);  // so are passes
  expect(Fit(milliseconds(0)), 16, 256);  // a clock that stands still
  expect(Fit(milliseconds(100), {}, {.time = milliseconds(200), .memory = 64 * kMiB}), 6, 64);
}

TEST(KdfCalibration, WhatIsAskedForStandsAndTheRestIsFitted) {
  const KdfCost memory = Fit(milliseconds(96), {.memory = 32 * kMiB, .passes = {}});
  EXPECT_EQ(memory.memory, 32 * kMiB);
  EXPECT_EQ(memory.passes, 12U);
  const KdfCost passes = Fit(milliseconds(100), {.memory = {}, .passes = 1});
  EXPECT_EQ(passes.passes, 1U);
  EXPECT_EQ(passes.memory, 256 * kMiB);
  const KdfCost both = Fit(milliseconds(100), {.memory = 19 * kMiB, .passes = 2});
  EXPECT_EQ(both.memory, 19 * kMiB);
  EXPECT_EQ(both.passes, 2U);
}

TEST(KdfCalibration, TooLittleAndTooMuchAreRefused) {
  EXPECT_EQ(Refusal({.memory = 18 * kMiB, .passes = 10}), Kind::kInvalid);
  EXPECT_EQ(Refusal({.memory = 19 * kMiB, .passes = 1}), Kind::kInvalid);
  EXPECT_EQ(Refusal({.memory = 64 * kMiB, .passes = 0}), Kind::kInvalid);
  EXPECT_EQ(Refusal({.memory = 1025 * kMiB, .passes = 1}), Kind::kInvalid);
  EXPECT_EQ(Refusal({.memory = 1024 * kMiB, .passes = 17}), Kind::kInvalid);
  EXPECT_EQ(Refusal({.memory = ~std::uint64_t{0}, .passes = 2}), Kind::kInvalid);
  EXPECT_EQ(Refusal({.memory = 64 * kMiB, .passes = 65}), Kind::kInvalid);
}

TEST(KdfCalibration, OnThisMachineItIsWithinItsBounds) {
  const auto cost = CalibrateKdf(Context::Background());
  ASSERT_TRUE(cost.ok()) << cost.status();
  EXPECT_GE(cost->memory, kLeastKdfCost.memory);
  EXPECT_GE(cost->passes, kLeastKdfCost.passes);
  EXPECT_LE(cost->memory, 256 * kMiB);
  EXPECT_LE(cost->passes, 16U);
}

}  // namespace
}  // namespace aerie::repo
