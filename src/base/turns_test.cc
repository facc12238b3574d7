#include "base/turns.h"

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/task_group.h"

namespace aerie {
namespace {

TEST(TurnsTest, NeverMoreAtOnceThanAllowed) {
  const Context context = Context::Background();
  Turns turns(3);
  std::atomic<int> now = 0;
  std::atomic<int> most = 0;
  const Status status =
      ParallelFor(context, 200, 16, [&](const Context& task, std::size_t i) -> Status {
        AERIE_ASSIGN(const auto turn, turns.Take(task, i, "test"));
        const int here = ++now;
        for (int seen = most; seen < here && !most.compare_exchange_weak(seen, here);) {
        }
        --now;
        return Ok();
      });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_LE(most, 3);
  EXPECT_EQ(now, 0);
}

TEST(TurnsTest, TheLowestThatWaitsIsNext) {
  const Context context = Context::Background();
  Turns turns(1);
  auto first = turns.Take(context, 100, "test");
  ASSERT_TRUE(first.ok());
  Turns::Turn held = *std::move(first);
  std::mutex mutex;
  std::vector<std::size_t> order;
  TaskGroup group(context);
  for (const std::size_t number : {5, 2, 9, 1}) {
    group.Spawn("take", [&, number](const Context& task) -> Status {
      AERIE_ASSIGN(const auto turn, turns.Take(task, number, "test"));
      std::lock_guard lock(mutex);
      order.push_back(number);
      return Ok();
    });
  }
  while (turns.waiting() < 4) std::this_thread::yield();
  held.reset();
  EXPECT_TRUE(group.Join().ok());
  EXPECT_EQ(order, (std::vector<std::size_t>{1, 2, 5, 9}));
}

TEST(TurnsTest, InOrderTheLowerNumberIsWaitedForThoughThereIsRoom) {
  const Context context = Context::Background();
  Turns turns(1, Turns::Order::kInOrder);
  std::mutex mutex;
  std::vector<std::size_t> order;
  TaskGroup group(context);
  const auto spawn = [&](std::size_t number) {
    group.Spawn("take", [&, number](const Context& task) -> Status {
      AERIE_ASSIGN(const auto turn, turns.Take(task, number, "test"));
      std::lock_guard lock(mutex);
      order.push_back(number);
      return Ok();
    });
  };
  for (const std::size_t number : {5, 3, 1}) spawn(number);
  while (turns.waiting() < 3) std::this_thread::yield();
  turns.PassOver(2);
  EXPECT_EQ(turns.waiting(), 3U) << "nobody before 0";
  spawn(0);
  while (turns.waiting() > 1) std::this_thread::yield();
  turns.PassOver(4);
  EXPECT_TRUE(group.Join().ok());
  EXPECT_EQ(order, (std::vector<std::size_t>{0, 1, 3, 5}));
}

TEST(TurnsTest, WhoGivesUpIsNotWaitedFor) {
  const Context context = Context::Background();
  Turns turns(1);
  auto held = turns.Take(context, 1, "test");
  ASSERT_TRUE(held.ok());
  Turns::Turn turn = *std::move(held);
  CancelScope scope(context);
  scope.Cancel();
  const auto cancelled = turns.Take(scope.context(), 2, "wait for a turn");
  EXPECT_EQ(KindOf(cancelled.status()), Kind::kCancelled);
  turn.reset();
  EXPECT_TRUE(turns.Take(context, 3, "test").ok());
}

}  // namespace
}  // namespace aerie
