#include "objects/faulty_store.h"

#include <gtest/gtest.h>

#include "objects/memory_store.h"

namespace aerie::objects {
namespace {

class FaultyStoreTest : public testing::Test {
 protected:
  Status Put(const std::string& key, const std::string& text) {
    return store_.Put(context_, {key}, AsBytes(text));
  }
  // What the store below really holds.
  std::string Below(const std::string& key) {
    const auto bytes = memory_->Get(context_, {key}, 0, kToEnd);
    return bytes.ok() ? std::string(AsText(*bytes)) : "(none)";
  }
  std::string Get(const std::string& key) {
    const auto bytes = store_.Get(context_, {key}, 0, kToEnd);
    return bytes.ok() ? std::string(AsText(*bytes)) : KindName(KindOf(bytes.status()));
  }
  Kind List(int& count) {
    count = 0;
    return KindOf(store_.List(context_, "", [&](const ObjectInfo&) {
      ++count;
      return Ok();
    }));
  }

  FakeClock clock_;
  Context context_{clock_};
  std::shared_ptr<MemoryStore> memory_ = std::make_shared<MemoryStore>();
  FaultyStore store_{memory_};
};

TEST_F(FaultyStoreTest, CountsCallsByVerb) {
  int count = 0;
  ASSERT_TRUE(Put("a", "x").ok());
  ASSERT_TRUE(store_.PutIfAbsent(context_, {"b"}, {}).ok());
  (void)Get("a");
  (void)store_.Stat(context_, {"a"});
  (void)List(count);
  (void)store_.Remove(context_, {{"a"}, {"b"}});
  (void)store_.Copy(context_, {"a"}, {"c"});
  (void)store_.Retain(context_, {"c"}, ToUnixMillis(clock_.Now()) + 1'000);
  (void)store_.RetainedUntil(context_, {"c"});
  for (std::size_t v = 0; v < kVerbs; ++v) EXPECT_EQ(store_.calls(static_cast<Verb>(v)), 1U);
  EXPECT_EQ(store_.calls(), kVerbs);
}

TEST_F(FaultyStoreTest, StrikesTheCallsThatTheRuleNames) {
  store_.Add(
      {.kind = Kind::kThrottled, .verb = Verb::kPut, .key_prefix = "p/", .skip = 1, .times = 2});
  EXPECT_TRUE(Put("p/1", "x").ok());
  EXPECT_TRUE(Put("q/1", "x").ok());
  EXPECT_EQ(Get("p/1"), "x");
  EXPECT_EQ(KindOf(Put("p/2", "x")), Kind::kThrottled);
  EXPECT_EQ(KindOf(Put("p/2", "x")), Kind::kThrottled);
  EXPECT_EQ(Below("p/2"), "(none)");
  EXPECT_TRUE(Put("p/2", "x").ok());
}

TEST_F(FaultyStoreTest, WritesLieTearAndRot) {
  store_.Add({.effect = Effect::kFailAfter, .kind = Kind::kUnknownOutcome});
  EXPECT_EQ(KindOf(Put("after", "text")), Kind::kUnknownOutcome);
  EXPECT_EQ(Below("after"), "text");

  store_.Add({.effect = Effect::kLose});
  EXPECT_TRUE(Put("lost", "text").ok());
  EXPECT_EQ(Below("lost"), "(none)");

  store_.Add({.effect = Effect::kTorn, .kind = Kind::kUnknownOutcome, .at = 2});
  EXPECT_EQ(KindOf(Put("torn", "text")), Kind::kUnknownOutcome);
  EXPECT_EQ(Below("torn"), "te");

  store_.Add({.effect = Effect::kTruncate, .at = 3});
  EXPECT_TRUE(Put("short", "text").ok());
  EXPECT_EQ(Below("short"), "tex");

  store_.Add({.effect = Effect::kFlipBit, .at = 8 * 5 + 1});  // modulo 4 bytes: byte 1, bit 1
  EXPECT_TRUE(Put("rot", "text").ok());
  EXPECT_EQ(Below("rot"), "tgxt");
}

TEST_F(FaultyStoreTest, PutIfAbsentStaysHonestAboutATakenKey) {
  ASSERT_TRUE(Put("k", "theirs").ok());
  store_.Add({.effect = Effect::kFailAfter, .kind = Kind::kUnknownOutcome});
  EXPECT_EQ(KindOf(store_.PutIfAbsent(context_, {"k"}, AsBytes("mine"))), Kind::kExists);
  EXPECT_EQ(Below("k"), "theirs");
}

TEST_F(FaultyStoreTest, ReadsRotAndEndEarly) {
  ASSERT_TRUE(Put("k", "text").ok());
  store_.Add({.effect = Effect::kFlipBit, .verb = Verb::kGet, .at = 0});
  EXPECT_EQ(Get("k"), "uext");
  store_.Add({.effect = Effect::kTruncate, .verb = Verb::kGet, .at = 1});
  EXPECT_EQ(Get("k"), "t");
  store_.Add({.kind = Kind::kTimeout, .verb = Verb::kGet});
  EXPECT_EQ(Get("k"), "timeout");
  store_.Add({.kind = Kind::kDenied, .verb = Verb::kStat});
  EXPECT_EQ(KindOf(store_.Stat(context_, {"k"}).status()), Kind::kDenied);
  EXPECT_EQ(Get("k"), "text");
}

TEST_F(FaultyStoreTest, ListingsEndEarlyWithAndWithoutSayingSo) {
  for (const char* key : {"a", "b", "c"}) ASSERT_TRUE(Put(key, "").ok());
  int count = 0;
  store_.Add({.effect = Effect::kTruncate, .verb = Verb::kList, .at = 2});
  EXPECT_EQ(List(count), Kind::kOk);
  EXPECT_EQ(count, 2);
  store_.Add({.effect = Effect::kTorn, .verb = Verb::kList, .at = 1});
  EXPECT_EQ(List(count), Kind::kTransient);
  EXPECT_EQ(count, 1);
  store_.Add({.kind = Kind::kFailed, .verb = Verb::kList});
  EXPECT_EQ(List(count), Kind::kFailed);
  EXPECT_EQ(count, 0);
}

TEST_F(FaultyStoreTest, RemovalsFailInPart) {
  for (const char* key : {"a", "b", "c"}) ASSERT_TRUE(Put(key, "").ok());
  store_.Add({.effect = Effect::kTorn, .verb = Verb::kRemove, .at = 1});
  auto results = store_.Remove(context_, {{"a"}, {"b"}, {"c"}});
  ASSERT_EQ(results.size(), 3U);
  EXPECT_TRUE(results[0].status.ok());
  EXPECT_EQ(KindOf(results[2].status), Kind::kTransient);
  EXPECT_EQ(Below("a"), "(none)");
  EXPECT_EQ(Below("c"), "");

  store_.Add({.effect = Effect::kFailAfter, .kind = Kind::kUnknownOutcome});
  results = store_.Remove(context_, {{"b"}});
  EXPECT_EQ(KindOf(results[0].status), Kind::kUnknownOutcome);
  EXPECT_EQ(Below("b"), "(none)");

  store_.Add({.effect = Effect::kLose});
  EXPECT_TRUE(store_.Remove(context_, {{"c"}})[0].status.ok());
  EXPECT_EQ(Below("c"), "");
}

TEST_F(FaultyStoreTest, ACrashEndsEverythingUntilRevived) {
  store_.CrashAt(3);
  EXPECT_TRUE(Put("1", "x").ok());
  EXPECT_EQ(Get("1"), "x");
  EXPECT_EQ(KindOf(Put("2", "x")), Kind::kFailed);
  EXPECT_TRUE(store_.crashed());
  int count = 0;
  EXPECT_EQ(Get("1"), "failed");
  EXPECT_EQ(List(count), Kind::kFailed);
  EXPECT_EQ(KindOf(store_.Stat(context_, {"1"}).status()), Kind::kFailed);
  EXPECT_EQ(KindOf(store_.Copy(context_, {"1"}, {"2"})), Kind::kFailed);
  EXPECT_EQ(KindOf(store_.Remove(context_, {{"1"}})[0].status), Kind::kFailed);
  store_.Revive();
  EXPECT_FALSE(store_.crashed());
  EXPECT_EQ(Get("1"), "x");
  EXPECT_EQ(Get("2"), "not_found");
}

TEST_F(FaultyStoreTest, ACrashMayComeAfterOrInTheMiddle) {
  store_.CrashAt(1, Effect::kCrashAfter);
  EXPECT_EQ(KindOf(Put("after", "text")), Kind::kFailed);
  EXPECT_EQ(Below("after"), "text");
  EXPECT_EQ(Get("after"), "failed");
  store_.Revive();
  store_.Add({.effect = Effect::kCrashTorn, .verb = Verb::kPut, .at = 2});
  EXPECT_EQ(KindOf(Put("torn", "text")), Kind::kFailed);
  EXPECT_EQ(Below("torn"), "te");
  EXPECT_TRUE(store_.crashed());
}

TEST_F(FaultyStoreTest, FillsUp) {
  store_.SetCapacity(10);
  EXPECT_TRUE(Put("a", "12345678").ok());
  EXPECT_EQ(KindOf(Put("b", "123")), Kind::kNoSpace);
  EXPECT_EQ(Below("b"), "(none)");
  EXPECT_TRUE(Put("b", "12").ok());
  EXPECT_EQ(KindOf(store_.PutIfAbsent(context_, {"c"}, AsBytes("1"))), Kind::kNoSpace);
  EXPECT_EQ(Get("a"), "12345678");
  store_.Revive();
  EXPECT_TRUE(Put("c", "1").ok());
}

TEST_F(FaultyStoreTest, LatencyPassesOnTheContextsClock) {
  store_.SetLatency(std::chrono::seconds(2));
  EXPECT_TRUE(Put("a", "x").ok());
  EXPECT_EQ(clock_.slept(), std::chrono::seconds(2));
  const Context brief = context_.WithTimeout(std::chrono::seconds(1));
  EXPECT_EQ(KindOf(store_.Get(brief, {"a"}, 0, kToEnd).status()), Kind::kTimeout);
}

}  // namespace
}  // namespace aerie::objects
