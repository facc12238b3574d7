#include "objects/retrying_store.h"

#include <gtest/gtest.h>

#include "objects/faulty_store.h"
#include "objects/memory_store.h"

namespace aerie::objects {
namespace {

class RetryingStoreTest : public testing::Test {
 protected:
  std::string Below(const std::string& key) {
    const auto bytes = memory_->Get(context_, {key}, 0, kToEnd);
    return bytes.ok() ? std::string(AsText(*bytes)) : "(none)";
  }
  Kind PutIfAbsent(const std::string& text) {
    return KindOf(store_.PutIfAbsent(context_, {"k"}, AsBytes(text)));
  }

  FakeClock clock_;
  Context context_{clock_};
  std::shared_ptr<MemoryStore> memory_ = std::make_shared<MemoryStore>();
  std::shared_ptr<FaultyStore> faulty_ = std::make_shared<FaultyStore>(memory_);
  RetryingStore store_{faulty_};
};

constexpr std::uint64_t kForever = FaultRule::kForever;

TEST_F(RetryingStoreTest, RepeatsEachVerb) {
  ASSERT_TRUE(memory_->Put(context_, {"k"}, AsBytes("x")).ok());
  for (std::size_t v = 0; v < kVerbs; ++v) {
    faulty_->Add({.kind = v % 2 == 0 ? Kind::kTransient : Kind::kThrottled,
                  .verb = static_cast<Verb>(v),
                  .times = 2});
  }
  EXPECT_TRUE(store_.Put(context_, {"p"}, {}).ok());
  EXPECT_TRUE(store_.PutIfAbsent(context_, {"q"}, {}).ok());
  EXPECT_TRUE(store_.Get(context_, {"k"}, 0, kToEnd).ok());
  EXPECT_TRUE(store_.Stat(context_, {"k"}).ok());
  EXPECT_TRUE(store_.List(context_, "", [](const ObjectInfo&) { return Ok(); }).ok());
  EXPECT_TRUE(store_.Copy(context_, {"k"}, {"k2"}).ok());
  EXPECT_TRUE(store_.Remove(context_, {{"k"}})[0].status.ok());
  EXPECT_TRUE(store_.Retain(context_, {"k2"}, ToUnixMillis(clock_.Now()) + 60'000).ok());
  EXPECT_TRUE(store_.RetainedUntil(context_, {"k2"}).ok());
  for (std::size_t v = 0; v < kVerbs; ++v) EXPECT_EQ(faulty_->calls(static_cast<Verb>(v)), 3U);
}

TEST_F(RetryingStoreTest, GivesFinalErrorsAtOnce) {
  for (const Kind kind : {Kind::kDenied, Kind::kNoSpace, Kind::kCorrupt, Kind::kFailed}) {
    faulty_->Add({.kind = kind});
    EXPECT_EQ(KindOf(store_.Put(context_, {"k"}, {})), kind);
  }
  EXPECT_EQ(faulty_->calls(), 4U);
  EXPECT_EQ(clock_.slept(), Duration::zero());
}

TEST_F(RetryingStoreTest, ARetentionInDoubtIsRepeatedAndStaysInDoubt) {
  const std::int64_t until = ToUnixMillis(clock_.Now()) + 3'600'000;
  ASSERT_TRUE(store_.Put(context_, {"k"}, AsBytes("x")).ok());
  faulty_->Add({.effect = Effect::kFailAfter, .kind = Kind::kUnknownOutcome});
  EXPECT_TRUE(store_.Retain(context_, {"k"}, until).ok());
  EXPECT_EQ(*store_.RetainedUntil(context_, {"k"}), until);
  faulty_->Add({.kind = Kind::kUnknownOutcome});
  faulty_->Add({.kind = Kind::kDenied});
  EXPECT_EQ(KindOf(store_.Retain(context_, {"k"}, until)), Kind::kUnknownOutcome);
  EXPECT_TRUE(store_.CheckRetention(context_).ok());
}

TEST_F(RetryingStoreTest, APutInDoubtIsRepeated) {
  faulty_->Add({.effect = Effect::kTorn, .kind = Kind::kUnknownOutcome, .at = 1});
  EXPECT_TRUE(store_.Put(context_, {"k"}, AsBytes("text")).ok());
  EXPECT_EQ(Below("k"), "text");
}

TEST_F(RetryingStoreTest, APutThatStaysInDoubtSaysSo) {
  faulty_->Add({.effect = Effect::kFailAfter, .kind = Kind::kUnknownOutcome, .times = kForever});
  EXPECT_EQ(KindOf(store_.Put(context_, {"k"}, AsBytes("x"))), Kind::kUnknownOutcome);
  faulty_->Revive();
  // A definite failure of a later attempt does not tell what the earlier one did.
  faulty_->Add({.effect = Effect::kFailAfter, .kind = Kind::kUnknownOutcome});
  faulty_->Add({.kind = Kind::kNoSpace, .times = kForever});
  const Status status = store_.Put(context_, {"k"}, AsBytes("y"));
  EXPECT_EQ(KindOf(status), Kind::kUnknownOutcome) << status;
}

TEST_F(RetryingStoreTest, PutIfAbsentInDoubtIsOursWhenTheBytesAre) {
  faulty_->Add({.effect = Effect::kFailAfter, .kind = Kind::kUnknownOutcome});
  EXPECT_EQ(PutIfAbsent("mine"), Kind::kOk);
  EXPECT_EQ(faulty_->calls(Verb::kPutIfAbsent), 1U);
  EXPECT_EQ(faulty_->calls(Verb::kGet), 1U);
}

TEST_F(RetryingStoreTest, PutIfAbsentInDoubtThatDidNotArriveIsRepeated) {
  faulty_->Add({.effect = Effect::kFail, .kind = Kind::kUnknownOutcome});
  EXPECT_EQ(PutIfAbsent("mine"), Kind::kOk);
  EXPECT_EQ(Below("k"), "mine");
}

TEST_F(RetryingStoreTest, PutIfAbsentInDoubtBesideAnotherIsTheirs) {
  ASSERT_TRUE(memory_->Put(context_, {"k"}, AsBytes("theirs")).ok());
  faulty_->Add({.effect = Effect::kFail, .kind = Kind::kUnknownOutcome});
  EXPECT_EQ(PutIfAbsent("mine"), Kind::kExists);
  EXPECT_EQ(Below("k"), "theirs");
}

TEST_F(RetryingStoreTest, PutIfAbsentWhoseReadFailsStaysInDoubt) {
  faulty_->Add({.effect = Effect::kFailAfter, .kind = Kind::kUnknownOutcome});
  faulty_->Add({.kind = Kind::kDenied, .verb = Verb::kGet, .times = kForever});
  EXPECT_EQ(PutIfAbsent("mine"), Kind::kUnknownOutcome);
  faulty_->Revive();
  ASSERT_TRUE(memory_->Remove(context_, {{"k"}})[0].status.ok());
  faulty_->Add({.effect = Effect::kFailAfter, .kind = Kind::kUnknownOutcome});
  faulty_->Add({.kind = Kind::kTransient, .verb = Verb::kGet, .times = 2});
  EXPECT_EQ(PutIfAbsent("mine"), Kind::kOk);
}

TEST_F(RetryingStoreTest, PutIfAbsentRefusedAfterARetryableErrorIsTheirs) {
  ASSERT_TRUE(memory_->Put(context_, {"k"}, AsBytes("mine")).ok());
  faulty_->Add({.kind = Kind::kTransient});
  EXPECT_EQ(PutIfAbsent("mine"), Kind::kExists);
}

TEST_F(RetryingStoreTest, AListingGoesOnWhereItBroke) {
  for (const char* key : {"a", "b", "c", "d"}) {
    ASSERT_TRUE(memory_->Put(context_, {key}, {}).ok());
  }
  faulty_->Add({.effect = Effect::kTorn, .at = 2});
  faulty_->Add({.effect = Effect::kTorn, .at = 3});
  std::string seen;
  EXPECT_TRUE(store_
                  .List(context_, "",
                        [&](const ObjectInfo& info) {
                          seen += info.key.text;
                          return Ok();
                        })
                  .ok());
  EXPECT_EQ(seen, "abcd");
  EXPECT_EQ(faulty_->calls(Verb::kList), 3U);
}

TEST_F(RetryingStoreTest, OnlyWhatFailedIsRemovedAgain) {
  for (const char* key : {"a", "b", "c"}) ASSERT_TRUE(memory_->Put(context_, {key}, {}).ok());
  faulty_->Add({.effect = Effect::kTorn, .kind = Kind::kUnknownOutcome, .at = 1});
  const auto results = store_.Remove(context_, {{"a"}, {"b"}, {"../"}, {"c"}});
  ASSERT_EQ(results.size(), 4U);
  EXPECT_TRUE(results[0].status.ok());
  EXPECT_TRUE(results[1].status.ok());
  EXPECT_EQ(KindOf(results[2].status), Kind::kInvalid);
  EXPECT_TRUE(results[3].status.ok());
  EXPECT_EQ(Below("c"), "(none)");
  EXPECT_EQ(faulty_->calls(Verb::kRemove), 2U);
}

TEST_F(RetryingStoreTest, RemovalsThatNeverSucceedSayWhy) {
  faulty_->Add({.kind = Kind::kTransient, .verb = Verb::kRemove, .times = kForever});
  EXPECT_EQ(KindOf(store_.Remove(context_, {{"a"}})[0].status), Kind::kTransient);
  EXPECT_EQ(faulty_->calls(Verb::kRemove), static_cast<std::uint64_t>(RetryPolicy{}.max_attempts));
}

TEST_F(RetryingStoreTest, StoresOfAJobShareTheirRetries) {
  const auto budget = std::make_shared<RetryBudget>(3);
  RetryingStore one(faulty_, {}, budget);
  RetryingStore two(faulty_, {}, budget);
  faulty_->Add({.times = kForever});
  EXPECT_FALSE(one.Get(context_, {"k"}, 0, kToEnd).ok());
  EXPECT_FALSE(two.Get(context_, {"k"}, 0, kToEnd).ok());
  EXPECT_EQ(faulty_->calls(), 5U);
}

}  // namespace
}  // namespace aerie::objects
