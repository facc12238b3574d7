#include "base/token_bucket.h"

#include <gtest/gtest.h>

namespace aerie {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class TokenBucketTest : public testing::Test {
 protected:
  void Take(TokenBucket& bucket, double amount) {
    EXPECT_TRUE(bucket.Take(context_, amount, "take").ok());
  }

  FakeClock clock_;
  Context context_{clock_};
};

TEST_F(TokenBucketTest, EachWaitsForWhatWasTakenBeforeIt) {
  TokenBucket bucket(1000);
  Take(bucket, 5000);
  EXPECT_EQ(clock_.slept(), seconds(0));
  Take(bucket, 1);
  EXPECT_EQ(clock_.slept(), seconds(5));
  Take(bucket, 250);
  EXPECT_EQ(clock_.slept(), milliseconds(5001));
  EXPECT_EQ(bucket.Wait(context_), milliseconds(250));
}

TEST_F(TokenBucketTest, IdleTimeIsNotSavedUp) {
  TokenBucket bucket(10);
  Take(bucket, 10);
  clock_.Advance(seconds(60));
  for (int i = 0; i < 11; ++i) Take(bucket, 1);
  EXPECT_EQ(clock_.slept(), seconds(1));
}

TEST_F(TokenBucketTest, WhatHasPassedAlreadyIsPaidByTheNext) {
  TokenBucket bucket(100);
  bucket.Charge(context_, 300);
  Take(bucket, 1);
  EXPECT_EQ(clock_.slept(), seconds(3));
}

TEST_F(TokenBucketTest, ANewRateHoldsForWhatIsOwed) {
  TokenBucket bucket(100);
  Take(bucket, 400);
  bucket.SetRate(context_, 200);
  EXPECT_EQ(bucket.Wait(context_), seconds(2));
  bucket.SetRate(context_, 50);
  EXPECT_EQ(bucket.Wait(context_), seconds(8));
}

TEST_F(TokenBucketTest, WhoGivesUpHasTakenNothing) {
  TokenBucket bucket(1);
  Take(bucket, 10);
  const Context limited = context_.WithTimeout(seconds(4));
  EXPECT_EQ(KindOf(bucket.Take(limited, 1000, "take")), Kind::kTimeout);
  EXPECT_EQ(bucket.Wait(context_), seconds(6));
  CancelScope scope(context_);
  scope.Cancel();
  EXPECT_EQ(KindOf(bucket.Take(scope.context(), 1000, "take")), Kind::kCancelled);
  EXPECT_EQ(bucket.Wait(context_), seconds(6));
}

TEST_F(TokenBucketTest, ARateOfNextToNothingDoesNotOverflow) {
  TokenBucket bucket(1e-3);
  for (int i = 0; i < 10; ++i) bucket.Charge(context_, 1e15);
  EXPECT_GT(bucket.Wait(context_), seconds(3600));
  EXPECT_LE(bucket.Wait(context_), std::chrono::hours(24 * 3651));
}

}  // namespace
}  // namespace aerie
