#include "repo/kdf_cost.h"

#include <gtest/gtest.h>

namespace aerie::repo {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

void Expect(const KdfRequest& request, std::uint32_t passes, std::uint64_t memory) {
  const auto cost = ChooseKdfCost(request);
  ASSERT_TRUE(cost.ok()) << cost.status();
  EXPECT_EQ(cost->passes, passes);
  EXPECT_EQ(cost->memory, memory);
}
Kind Refusal(const KdfRequest& request) { return KindOf(ChooseKdfCost(request).status()); }

TEST(KdfCost, UnaskedItIsRfc9106s) { Expect({}, 3, 64 * kMiB); }

TEST(KdfCost, WhatIsAskedForStands) {
  Expect({.memory = 19 * kMiB, .passes = 2}, 2, 19 * kMiB);
  Expect({.memory = {}, .passes = 1}, 1, 64 * kMiB);
  Expect({.memory = 1024 * kMiB, .passes = 16}, 16, 1024 * kMiB);
  Expect({.memory = 256 * kMiB, .passes = {}}, 3, 256 * kMiB);
}

TEST(KdfCost, LessMemoryTakesMorePasses) {
  Expect({.memory = 32 * kMiB, .passes = {}}, 6, 32 * kMiB);
  Expect({.memory = 63 * kMiB, .passes = {}}, 4, 63 * kMiB);
  Expect({.memory = 19 * kMiB, .passes = {}}, 11, 19 * kMiB);
}

TEST(KdfCost, TooLittleAndTooMuchAreRefused) {
  EXPECT_EQ(Refusal({.memory = 0, .passes = {}}), Kind::kInvalid);
  EXPECT_EQ(Refusal({.memory = 18 * kMiB, .passes = 10}), Kind::kInvalid);
  EXPECT_EQ(Refusal({.memory = 19 * kMiB, .passes = 1}), Kind::kInvalid);
  EXPECT_EQ(Refusal({.memory = 64 * kMiB, .passes = 0}), Kind::kInvalid);
  EXPECT_EQ(Refusal({.memory = 1025 * kMiB, .passes = 1}), Kind::kInvalid);
  EXPECT_EQ(Refusal({.memory = 1024 * kMiB, .passes = 17}), Kind::kInvalid);
  EXPECT_EQ(Refusal({.memory = ~std::uint64_t{0}, .passes = 2}), Kind::kInvalid);
  EXPECT_EQ(Refusal({.memory = 64 * kMiB, .passes = 65}), Kind::kInvalid);
}

}  // namespace
}  // namespace aerie::repo
