#include "base/task_group.h"

#include <atomic>
#include <latch>
#include <stdexcept>

#include <gtest/gtest.h>

namespace aerie {
namespace {

Status WaitForCancel(const Context& context) {
  return context.Sleep(std::chrono::hours(1), "wait for cancel");
}

TEST(TaskGroup, JoinsAllAndIsOkWhenAllAre) {
  std::atomic<int> ran{0};
  TaskGroup group(Context::Background());
  for (int i = 0; i < 8; ++i) {
    group.Spawn("task", [&](const Context&) {
      ++ran;
      return Ok();
    });
  }
  EXPECT_TRUE(group.Join().ok());
  EXPECT_EQ(ran, 8);
  EXPECT_TRUE(group.Join().ok());
}

TEST(TaskGroup, TheFirstErrorCancelsTheSiblingsAndIsTold) {
  TaskGroup group(Context::Background());
  std::atomic<int> cancelled{0};
  for (int i = 0; i < 3; ++i) {
    group.Spawn("sibling", [&](const Context& context) {
      const Status status = WaitForCancel(context);
      cancelled += KindOf(status) == Kind::kCancelled;
      return status;
    });
  }
  group.Spawn("culprit", [](const Context&) { return CorruptError("cause"); });
  const Status status = group.Join();
  EXPECT_EQ(KindOf(status), Kind::kCorrupt);
  EXPECT_EQ(status.message(), "cause");
  EXPECT_EQ(cancelled, 3);
}

TEST(TaskGroup, ExceptionsBecomeInternal) {
  TaskGroup standard(Context::Background());
  standard.Spawn("reader", [](const Context&) -> Status { throw std::runtime_error("oops"); });
  const Status status = standard.Join();
  EXPECT_EQ(KindOf(status), Kind::kInternal);
  EXPECT_EQ(status.message(), "reader: oops");
  TaskGroup odd(Context::Background());
  odd.Spawn("reader", [](const Context&) -> Status { throw 7; });
  EXPECT_EQ(KindOf(odd.Join()), Kind::kInternal);
}

TEST(TaskGroup, CancelOfTheParentReachesTasks) {
  CancelScope parent(Context::Background());
  TaskGroup group(parent.context());
  group.Spawn("task", WaitForCancel);
  parent.Cancel();
  EXPECT_EQ(KindOf(group.Join()), Kind::kCancelled);
}

TEST(TaskGroup, ErrorsDoNotReachTheParent) {
  CancelScope parent(Context::Background());
  TaskGroup group(parent.context());
  group.Spawn("task", [](const Context&) { return FailedError("x"); });
  EXPECT_FALSE(group.Join().ok());
  EXPECT_FALSE(parent.context().cancelled());
}

TEST(TaskGroup, TheDestructorCancelsAndJoins) {
  std::atomic<bool> ended{false};
  {
    TaskGroup group(Context::Background());
    group.Spawn("task", [&](const Context& context) {
      const Status status = WaitForCancel(context);
      ended = true;
      return status;
    });
  }
  EXPECT_TRUE(ended);
}

TEST(TaskGroup, TasksMaySpawnSiblings) {
  std::atomic<int> ran{0};
  TaskGroup group(Context::Background());
  group.Spawn("parent", [&](const Context&) {
    for (int i = 0; i < 3; ++i) {
      group.Spawn("child", [&](const Context&) {
        group.Spawn("grandchild", [&](const Context&) {
          ++ran;
          return Ok();
        });
        return Ok();
      });
    }
    return Ok();
  });
  EXPECT_TRUE(group.Join().ok());
  EXPECT_EQ(ran, 3);
}

TEST(ParallelFor, RunsEachIndexOnce) {
  for (const std::size_t workers : {0U, 1U, 3U, 100U}) {
    std::vector<std::atomic<int>> ran(40);
    EXPECT_TRUE(
        ParallelFor(Context::Background(), ran.size(), workers, [&](const Context&, std::size_t i) {
          ++ran[i];
          return Ok();
        }).ok());
    for (const auto& times : ran) EXPECT_EQ(times, 1) << workers << " workers";
  }
  EXPECT_TRUE(ParallelFor(Context::Background(), 0, 4, [](const Context&, std::size_t) {
                return FailedError("never called");
              }).ok());
}

TEST(ParallelFor, UsesItsWorkersAtOnce) {
  std::latch together(3);
  EXPECT_TRUE(ParallelFor(Context::Background(), 3, 3, [&](const Context&, std::size_t) {
                together.arrive_and_wait();
                return Ok();
              }).ok());
}

TEST(ParallelFor, TheFirstErrorStopsTheRest) {
  std::atomic<int> ran{0};
  const Status status =
      ParallelFor(Context::Background(), 1000, 2, [&](const Context& context, std::size_t i) {
        ++ran;
        return i == 5 ? CorruptError("cause") : context.Check("task");
      });
  EXPECT_EQ(KindOf(status), Kind::kCorrupt);
  EXPECT_LE(ran, 1000);
}

}  // namespace
}  // namespace aerie
