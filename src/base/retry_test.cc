#include "base/retry.h"

#include <gtest/gtest.h>

namespace aerie {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class RetryTest : public testing::Test {
 protected:
  // Fails `times` times with `kind`, then succeeds.
  std::function<Status()> FailsTimes(int times, Kind kind = Kind::kTransient) {
    return [this, times, kind] { return ++calls_ <= times ? MakeStatus(kind, "peer away") : Ok(); };
  }
  Status Run(const std::function<Status()>& fn, RetryBudget* budget = nullptr) {
    return RetryCall(Context(clock_), policy_, budget, "ask peer", fn);
  }

  FakeClock clock_;
  RetryPolicy policy_;
  int calls_ = 0;
};

constexpr int kAlways = 1'000'000;

TEST_F(RetryTest, SucceedsAtOnceWithoutSleeping) {
  EXPECT_TRUE(Run(FailsTimes(0)).ok());
  EXPECT_EQ(calls_, 1);
  EXPECT_EQ(clock_.slept(), Duration::zero());
}

TEST_F(RetryTest, RepeatsWhatMayPass) {
  EXPECT_TRUE(Run(FailsTimes(3)).ok());
  EXPECT_EQ(calls_, 4);
  // 50 + 100 + 200 ms, each drawn from its upper half.
  EXPECT_GE(clock_.slept(), milliseconds(175));
  EXPECT_LE(clock_.slept(), milliseconds(350));
}

TEST_F(RetryTest, TellsOfWaitsOfASecondAndMore) {
  std::vector<std::string> lines;
  policy_.on_long_wait = [&](const std::string& line) { lines.push_back(line); };
  policy_.first_delay = milliseconds(999);
  EXPECT_TRUE(Run(FailsTimes(1)).ok());
  EXPECT_TRUE(lines.empty());
  calls_ = 0;
  policy_.first_delay = seconds(4);
  EXPECT_TRUE(Run(FailsTimes(2)).ok());
  ASSERT_EQ(lines.size(), 2U);
  for (const std::string& line : lines) {
    EXPECT_EQ(line.find("retrying in "), 0U) << line;
    EXPECT_NE(line.find(" s: peer away"), std::string::npos) << line;
  }
}

TEST_F(RetryTest, GivesUpAfterTheLastAttemptAndSaysSo) {
  const Status status = Run(FailsTimes(kAlways));
  EXPECT_EQ(KindOf(status), Kind::kTransient);
  EXPECT_EQ(status.message(), "peer away (after 6 attempts)");
  EXPECT_EQ(calls_, 6);
}

TEST_F(RetryTest, NeverRepeatsWhatIsFinalOrInDoubt) {
  for (const Kind kind : {Kind::kFailed, Kind::kInvalid, Kind::kCorrupt, Kind::kUnknownOutcome,
                          Kind::kTimeout, Kind::kNoSpace, Kind::kDenied}) {
    calls_ = 0;
    const Status status = Run(FailsTimes(kAlways, kind));
    EXPECT_EQ(KindOf(status), kind);
    EXPECT_EQ(status.message(), "peer away");
    EXPECT_EQ(calls_, 1);
  }
}

TEST_F(RetryTest, AThrottledCallWaitsLongerAndMoreOften) {
  EXPECT_TRUE(Run(FailsTimes(1, Kind::kThrottled)).ok());
  EXPECT_GE(clock_.slept(), milliseconds(250));
  calls_ = 0;
  RetryBudget none(0);
  EXPECT_TRUE(Run(FailsTimes(policy_.max_throttled - 1, Kind::kThrottled), &none).ok());
  calls_ = 0;
  const Status status = Run(FailsTimes(kAlways, Kind::kThrottled), &none);
  EXPECT_EQ(KindOf(status), Kind::kThrottled);
  EXPECT_EQ(calls_, policy_.max_throttled);
}

TEST_F(RetryTest, DelaysAreCapped) {
  policy_.max_attempts = 20;
  (void)Run(FailsTimes(kAlways));
  EXPECT_LE(clock_.slept(), 19 * policy_.max_delay);
}

TEST_F(RetryTest, ASharedBudgetBoundsTheWhole) {
  RetryBudget budget(3);
  const Status status = Run(FailsTimes(kAlways), &budget);
  EXPECT_EQ(calls_, 4);
  EXPECT_EQ(status.message(), "peer away (after 4 attempts, the job's retries are spent)");
  calls_ = 0;
  EXPECT_EQ(Run(FailsTimes(kAlways), &budget).message(),
            "peer away (after 1 attempt, the job's retries are spent)");
  // Ten successes earn one repeat back.
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(Run([] { return Ok(); }, &budget).ok());
  calls_ = 0;
  EXPECT_TRUE(Run(FailsTimes(1), &budget).ok());
}

TEST_F(RetryTest, BudgetNeverGrowsBeyondItsStart) {
  RetryBudget budget(1);
  for (int i = 0; i < 100; ++i) budget.OnSuccess();
  EXPECT_TRUE(budget.TryTake());
  EXPECT_FALSE(budget.TryTake());
}

TEST_F(RetryTest, ADeadlineEndsTheWaitAndQuotesWhatStoodInTheWay) {
  const Context context = Context(clock_).WithTimeout(milliseconds(10));
  const Status status = RetryCall(context, policy_, nullptr, "ask peer", FailsTimes(kAlways));
  EXPECT_EQ(KindOf(status), Kind::kTimeout);
  EXPECT_EQ(status.message(), "ask peer: deadline passed while waiting to repeat: peer away");
  EXPECT_EQ(calls_, 1);
}

TEST_F(RetryTest, CancelEndsIt) {
  CancelScope scope{Context(clock_)};
  const Status status = RetryCall(scope.context(), policy_, nullptr, "ask peer", [&] {
    ++calls_;
    scope.Cancel();
    return MakeStatus(Kind::kTransient, "peer away");
  });
  EXPECT_EQ(KindOf(status), Kind::kCancelled);
  EXPECT_EQ(calls_, 1);
  EXPECT_EQ(KindOf(RetryCall(scope.context(), policy_, nullptr, "x", FailsTimes(0))),
            Kind::kCancelled);
  EXPECT_EQ(calls_, 1);
}

TEST_F(RetryTest, ResultsAreRepeatedToo) {
  const auto third_time = [&]() -> Result<int> {
    if (++calls_ < 3) return MakeStatus(Kind::kTransient, "away");
    return 42;
  };
  const auto result = RetryResult<int>(Context(clock_), policy_, nullptr, "count", third_time);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(*result, 42);
  const auto failed = RetryResult<int>(Context(clock_), policy_, nullptr, "count",
                                       []() -> Result<int> { return NotFoundError("gone"); });
  EXPECT_EQ(KindOf(failed.status()), Kind::kNotFound);
}

}  // namespace
}  // namespace aerie
