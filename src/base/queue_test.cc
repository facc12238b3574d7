#include "base/queue.h"

#include <atomic>
#include <latch>
#include <limits>
#include <memory>
#include <numeric>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace aerie {
namespace {

const Context& Background() {
  static const Context context = Context::Background();
  return context;
}

Context Briefly() { return Background().WithTimeout(std::chrono::milliseconds(1)); }

TEST(BoundedQueue, KeepsOrderAndEndsAfterClose) {
  BoundedQueue<std::unique_ptr<int>> queue(10, 100);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(queue.Push(Background(), std::make_unique<int>(i), 1).ok());
  }
  queue.Close();
  for (int i = 0; i < 3; ++i) {
    auto item = queue.Pop(Background());
    ASSERT_TRUE(item.ok() && item->has_value());
    EXPECT_EQ(***item, i);
  }
  for (int i = 0; i < 2; ++i) {
    const auto end = queue.Pop(Background());
    ASSERT_TRUE(end.ok());
    EXPECT_FALSE(end->has_value());
  }
  EXPECT_EQ(KindOf(queue.Push(Background(), nullptr, 1)), Kind::kInternal);
}

TEST(BoundedQueue, IsBoundedByItemsAndByBytes) {
  BoundedQueue<int> by_items(2, 1000);
  ASSERT_TRUE(by_items.Push(Background(), 1, 1).ok());
  ASSERT_TRUE(by_items.Push(Background(), 2, 1).ok());
  EXPECT_EQ(KindOf(by_items.Push(Briefly(), 3, 1)), Kind::kTimeout);

  BoundedQueue<int> by_bytes(100, 10);
  ASSERT_TRUE(by_bytes.Push(Background(), 1, 6).ok());
  EXPECT_EQ(KindOf(by_bytes.Push(Briefly(), 2, 5)), Kind::kTimeout);
  EXPECT_EQ(KindOf(by_bytes.Push(Briefly(), 2, std::numeric_limits<std::size_t>::max())),
            Kind::kTimeout);
  ASSERT_TRUE(by_bytes.Push(Background(), 2, 4).ok());
}

TEST(BoundedQueue, AnOversizedItemPassesAlone) {
  BoundedQueue<int> queue(10, 10);
  ASSERT_TRUE(queue.Push(Briefly(), 1, 1'000'000).ok());
  EXPECT_EQ(KindOf(queue.Push(Briefly(), 2, 1)), Kind::kTimeout);
  ASSERT_TRUE(queue.Pop(Briefly()).ok());
  EXPECT_TRUE(queue.Push(Briefly(), 2, 1).ok());
}

TEST(BoundedQueue, DeadlineEndsThePop) {
  BoundedQueue<int> queue(1, 1);
  EXPECT_EQ(KindOf(queue.Pop(Briefly()).status()), Kind::kTimeout);
}

TEST(BoundedQueue, CancelWakesBothSides) {
  BoundedQueue<int> empty(1, 1);
  BoundedQueue<int> full(1, 1);
  ASSERT_TRUE(full.Push(Background(), 1, 1).ok());
  CancelScope scope(Background());
  std::atomic<int> cancelled{0};
  {
    std::jthread consumer(
        [&] { cancelled += KindOf(empty.Pop(scope.context()).status()) == Kind::kCancelled; });
    std::jthread producer(
        [&] { cancelled += KindOf(full.Push(scope.context(), 2, 1)) == Kind::kCancelled; });
    scope.Cancel();
  }
  EXPECT_EQ(cancelled, 2);
}

TEST(BoundedQueue, FailReachesBothSidesAndTheFirstStays) {
  BoundedQueue<int> empty(1, 1);
  BoundedQueue<int> full(1, 1);
  ASSERT_TRUE(full.Push(Background(), 1, 1).ok());
  Status popped;
  Status pushed;
  {
    std::jthread consumer([&] { popped = empty.Pop(Background()).status(); });
    std::jthread producer([&] { pushed = full.Push(Background(), 2, 1); });
    empty.Fail(CorruptError("first"));
    empty.Fail(FailedError("second"));
    full.Fail(CorruptError("first"));
  }
  EXPECT_EQ(popped.message(), "first");
  EXPECT_EQ(pushed.message(), "first");
  EXPECT_EQ(KindOf(full.Pop(Background()).status()), Kind::kCorrupt);
}

TEST(BoundedQueue, FailureIsToldRatherThanTheCancelItCaused) {
  BoundedQueue<int> queue(1, 1);
  CancelScope scope(Background());
  queue.Fail(CorruptError("cause"));
  scope.Cancel();
  EXPECT_EQ(KindOf(queue.Pop(scope.context()).status()), Kind::kCorrupt);
  EXPECT_EQ(KindOf(queue.Push(scope.context(), 1, 1)), Kind::kCorrupt);
}

TEST(BoundedQueue, CloseWakesWaitingConsumers) {
  BoundedQueue<int> queue(1, 1);
  std::atomic<int> ended{0};
  {
    std::vector<std::jthread> consumers;
    for (int i = 0; i < 3; ++i) {
      consumers.emplace_back([&] {
        const auto item = queue.Pop(Background());
        ended += item.ok() && !item->has_value();
      });
    }
    queue.Close();
  }
  EXPECT_EQ(ended, 3);
}

// A consumer that is cancelled while it waits must not swallow the wake-up meant for another.
TEST(BoundedQueue, ACancelledConsumerTakesNobodysItem) {
  for (int round = 0; round < 200; ++round) {
    BoundedQueue<int> queue(4, 4);
    CancelScope scope(Background());
    std::latch ready(3);
    std::atomic<int> got{0};
    std::jthread doomed([&] {
      ready.count_down();
      if (queue.Pop(scope.context()).ok()) ++got;
    });
    std::jthread patient([&] {
      ready.count_down();
      const auto item = queue.Pop(Background());
      if (item.ok() && item->has_value()) ++got;
    });
    ready.arrive_and_wait();
    std::jthread canceller([&] { scope.Cancel(); });
    ASSERT_TRUE(queue.Push(Background(), 1, 1).ok());
    doomed.join();
    queue.Close();
    patient.join();
    EXPECT_EQ(got, 1);
  }
}

TEST(BoundedQueue, NothingIsLostOrDoubledAmongManyThreads) {
  constexpr int kEach = 500;
  BoundedQueue<int> queue(7, 50);
  std::atomic<std::int64_t> sum{0};
  std::atomic<int> count{0};
  {
    std::vector<std::jthread> consumers;
    for (int c = 0; c < 3; ++c) {
      consumers.emplace_back([&] {
        for (;;) {
          const auto item = queue.Pop(Background());
          if (!item.ok() || !item->has_value()) return;
          sum += **item;
          ++count;
        }
      });
    }
    {
      std::vector<std::jthread> producers;
      for (int p = 0; p < 3; ++p) {
        producers.emplace_back([&, p] {
          for (int i = 0; i < kEach; ++i) {
            (void)queue.Push(Background(), p * kEach + i, static_cast<std::size_t>(1 + i % 60));
          }
        });
      }
    }
    queue.Close();
  }
  EXPECT_EQ(count, 3 * kEach);
  EXPECT_EQ(sum, std::int64_t{3 * kEach} * (3 * kEach - 1) / 2);
}

}  // namespace
}  // namespace aerie
