#include "transfer/memory_share.h"

#include <gtest/gtest.h>

namespace aerie::transfer {
namespace {

constexpr std::size_t kMib = std::size_t{1} << 20;

TEST(MemoryShare, AFewCollectionsGetWholeCalls) {
  EXPECT_EQ(CallBytes(1, 2), 4 * kMib);
  EXPECT_EQ(CallBytes(4, 2), 4 * kMib);
}

TEST(MemoryShare, MoreCallsAreSmallerCalls) {
  EXPECT_EQ(CallBytes(8, 2), 2 * kMib);
  EXPECT_EQ(CallBytes(2, 8), 2 * kMib);
  EXPECT_EQ(CallBytes(64, 2), kMib / 4);
}

TEST(MemoryShare, ThereIsALeastCall) {
  EXPECT_EQ(CallBytes(64, 64), kMib / 4);
  EXPECT_EQ(CallBytes(0, 0), 4 * kMib);
}

}  // namespace
}  // namespace aerie::transfer
