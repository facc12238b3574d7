#include "base/byte_budget.h"

#include <atomic>
#include <limits>
#include <thread>

#include <gtest/gtest.h>

namespace aerie {
namespace {

TEST(ByteBudget, CountsWhatIsLeased) {
  ByteBudget budget(100);
  const Context context = Context::Background();
  {
    auto a = budget.Acquire(context, 60);
    auto b = budget.Acquire(context, 40);
    ASSERT_TRUE(a.ok() && b.ok());
    EXPECT_EQ(budget.in_use(), 100U);
    EXPECT_EQ(a->bytes(), 60U);
    ByteBudget::Lease moved = *std::move(a);
    EXPECT_EQ(budget.in_use(), 100U);
    moved.Release();
    moved.Release();
    EXPECT_EQ(budget.in_use(), 40U);
    moved = *std::move(b);
    EXPECT_EQ(budget.in_use(), 40U);
  }
  EXPECT_EQ(budget.in_use(), 0U);
}

TEST(ByteBudget, AnOversizedLeasePassesAlone) {
  ByteBudget budget(10);
  const Context context = Context::Background();
  auto big = budget.Acquire(context, std::numeric_limits<std::size_t>::max());
  ASSERT_TRUE(big.ok());
  const auto more = budget.Acquire(context.WithTimeout(std::chrono::milliseconds(1)), 1);
  EXPECT_EQ(KindOf(more.status()), Kind::kTimeout);
}

TEST(ByteBudget, AHugeRequestDoesNotWrapAround) {
  ByteBudget budget(10);
  const Context context = Context::Background();
  auto one = budget.Acquire(context, 1);
  const auto huge = budget.Acquire(context.WithTimeout(std::chrono::milliseconds(1)),
                                   std::numeric_limits<std::size_t>::max());
  EXPECT_EQ(KindOf(huge.status()), Kind::kTimeout);
}

TEST(ByteBudget, CancelEndsTheWait) {
  ByteBudget budget(10);
  const Context context = Context::Background();
  auto all = budget.Acquire(context, 10);
  CancelScope scope(context);
  std::jthread canceller([&] { scope.Cancel(); });
  EXPECT_EQ(KindOf(budget.Acquire(scope.context(), 1).status()), Kind::kCancelled);
}

TEST(ByteBudget, NeverExceedsItsCapacity) {
  ByteBudget budget(100);
  std::atomic<int> in_flight{0};
  std::atomic<bool> exceeded{false};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 300; ++i) {
          const int bytes = 1 + (t * 37 + i * 13) % 60;
          auto lease = budget.Acquire(Context::Background(), static_cast<std::size_t>(bytes));
          if ((in_flight += bytes) > 100) exceeded = true;
          in_flight -= bytes;
        }
      });
    }
  }
  EXPECT_FALSE(exceeded);
  EXPECT_EQ(budget.in_use(), 0U);
}

}  // namespace
}  // namespace aerie
