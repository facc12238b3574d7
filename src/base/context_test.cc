#include "base/context.h"

#include <atomic>
#include <memory>
#include <thread>

#include <gtest/gtest.h>

namespace aerie {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Context, BackgroundNeverEnds) {
  const Context context = Context::Background();
  EXPECT_TRUE(context.Check("x").ok());
  EXPECT_FALSE(context.Remaining().has_value());
  EXPECT_FALSE(context.cancelled());
}

TEST(Context, DeadlinesOnlyShrink) {
  FakeClock clock;
  const Context parent = Context(clock).WithTimeout(seconds(10));
  EXPECT_EQ(parent.WithTimeout(seconds(60)).Remaining(), seconds(10));
  EXPECT_EQ(parent.WithTimeout(seconds(4)).Remaining(), seconds(4));
  clock.Advance(seconds(9));
  EXPECT_TRUE(parent.Check("x").ok());
  clock.Advance(seconds(1));
  const Status late = parent.Check("read rows");
  EXPECT_EQ(KindOf(late), Kind::kTimeout);
  EXPECT_EQ(late.message(), "read rows: deadline passed");
  clock.Advance(seconds(5));
  EXPECT_EQ(parent.Remaining(), Duration::zero());
}

TEST(Context, AnEndlessTimeoutDoesNotWrapIntoThePast) {
  EXPECT_TRUE(Context::Background().WithTimeout(Duration::max()).Check("x").ok());
}

TEST(Context, CancelComesBeforeTheDeadline) {
  FakeClock clock;
  const Context parent = Context(clock).WithTimeout(Duration::zero());
  CancelScope scope(parent);
  EXPECT_EQ(KindOf(scope.context().Check("x")), Kind::kTimeout);
  scope.Cancel();
  EXPECT_EQ(KindOf(scope.context().Check("x")), Kind::kCancelled);
}

TEST(Context, SleepStopsAtTheDeadline) {
  FakeClock clock;
  const Context context = Context(clock).WithTimeout(seconds(3));
  EXPECT_TRUE(context.Sleep(seconds(2), "wait").ok());
  EXPECT_EQ(KindOf(context.Sleep(seconds(2), "wait")), Kind::kTimeout);
  EXPECT_EQ(clock.slept(), seconds(3));
}

TEST(Context, SleepIsCutShortByCancel) {
  CancelScope scope(Context::Background());
  std::jthread canceller([&] { scope.Cancel(); });
  EXPECT_EQ(KindOf(scope.context().Sleep(std::chrono::hours(1), "wait")), Kind::kCancelled);
}

TEST(Context, WaitEndsWithReadyCancelOrDeadline) {
  std::mutex mutex;
  std::condition_variable_any condition;
  std::unique_lock lock(mutex);
  const Context context = Context::Background();
  const auto never = [] { return false; };
  EXPECT_TRUE(context.Wait(condition, lock, "w", [] { return true; }).ok());
  EXPECT_EQ(KindOf(context.WithTimeout(milliseconds(1)).Wait(condition, lock, "w", never)),
            Kind::kTimeout);
  CancelScope scope(context);
  std::jthread canceller([&] { scope.Cancel(); });
  EXPECT_EQ(KindOf(scope.context().Wait(condition, lock, "w", never)), Kind::kCancelled);
  EXPECT_TRUE(lock.owns_lock());
}

TEST(CancelScope, CancelsItsChildrenAndNotItsParent) {
  CancelScope root(Context::Background());
  CancelScope middle(root.context());
  CancelScope leaf(middle.context());
  middle.Cancel();
  EXPECT_FALSE(root.context().cancelled());
  EXPECT_TRUE(middle.context().cancelled());
  EXPECT_TRUE(leaf.context().cancelled());
}

TEST(CancelScope, OfACancelledParentIsCancelled) {
  CancelScope root(Context::Background());
  root.Cancel();
  CancelScope child(root.context());
  EXPECT_TRUE(child.context().cancelled());
}

TEST(CancelScope, ContextOutlivesItsScope) {
  auto root = std::make_unique<CancelScope>(Context::Background());
  auto scope = std::make_unique<CancelScope>(root->context());
  const Context copy = scope->context();
  scope.reset();
  EXPECT_TRUE(copy.Check("x").ok());
  root->Cancel();
  EXPECT_FALSE(copy.cancelled());
}

TEST(OnCancel, RunsOnceAndOnlyWhileItLives) {
  CancelScope scope(Context::Background());
  int kept = 0;
  int dropped = 0;
  OnCancel keeper(scope.context(), [&] { ++kept; });
  {
    const OnCancel dropper(scope.context(), [&] { ++dropped; });
  }
  scope.Cancel();
  scope.Cancel();
  EXPECT_EQ(kept, 1);
  EXPECT_EQ(dropped, 0);
  const OnCancel late(scope.context(), [&] { ++kept; });
  EXPECT_EQ(kept, 2);
}

TEST(CancelScope, MakingAndCancellingRace) {
  for (int round = 0; round < 300; ++round) {
    CancelScope root(Context::Background());
    std::atomic<int> fired{0};
    std::jthread canceller([&] { root.Cancel(); });
    CancelScope child(root.context());
    const OnCancel on_cancel(child.context(), [&] { ++fired; });
    canceller.join();
    EXPECT_EQ(fired, 1);
    EXPECT_TRUE(child.context().cancelled());
  }
}

}  // namespace
}  // namespace aerie
