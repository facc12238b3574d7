#include "objects/memory_store.h"

#include <gtest/gtest.h>

namespace aerie::objects {
namespace {

TEST(MemoryStore, NamedStoresAreSharedByName) {
  const Context context = Context::Background();
  ASSERT_TRUE(MemoryStore::Named("one")->Put(context, {"k"}, AsBytes("x")).ok());
  EXPECT_TRUE(MemoryStore::Named("one")->Get(context, {"k"}, 0, kToEnd).ok());
  EXPECT_EQ(KindOf(MemoryStore::Named("two")->Stat(context, {"k"}).status()), Kind::kNotFound);
  EXPECT_EQ(MemoryStore::Named("one")->Describe(), "memory:one");
}

TEST(MemoryStore, StampsWithTheContextsClock) {
  FakeClock clock;
  const Context context(clock);
  MemoryStore store;
  ASSERT_TRUE(store.Put(context, {"k"}, AsBytes("x")).ok());
  clock.Advance(std::chrono::seconds(5));
  ASSERT_TRUE(store.Copy(context, {"k"}, {"k2"}).ok());
  EXPECT_EQ(store.Stat(context, {"k"})->modified_ms, 1'700'000'000'000);
  EXPECT_EQ(store.Stat(context, {"k2"})->modified_ms, 1'700'000'005'000);
}

TEST(MemoryStore, CopiesOntoItself) {
  const Context context = Context::Background();
  MemoryStore store;
  ASSERT_TRUE(store.Put(context, {"k"}, AsBytes("x")).ok());
  ASSERT_TRUE(store.Copy(context, {"k"}, {"k"}).ok());
  EXPECT_EQ(AsText(*store.Get(context, {"k"}, 0, kToEnd)), "x");
}

TEST(MemoryStore, RetainsUntilItsTimeByTheContextsClock) {
  FakeClock clock;
  const Context context(clock);
  const std::int64_t now = ToUnixMillis(clock.Now());
  MemoryStore store;
  ASSERT_TRUE(store.Put(context, {"k"}, AsBytes("x")).ok());
  EXPECT_EQ(KindOf(store.Retain(context, {"k"}, now)), Kind::kInvalid) << "over already";
  ASSERT_TRUE(store.Retain(context, {"k"}, now + 5'000).ok());
  clock.Advance(std::chrono::milliseconds(4'999));
  EXPECT_EQ(KindOf(store.Remove(context, {{"k"}})[0].status), Kind::kDenied);
  EXPECT_EQ(KindOf(store.Put(context, {"k"}, AsBytes("y"))), Kind::kDenied);
  ASSERT_TRUE(store.Put(context, {"other"}, AsBytes("y")).ok());
  EXPECT_EQ(KindOf(store.Copy(context, {"other"}, {"k"})), Kind::kDenied);
  EXPECT_EQ(AsText(*store.Get(context, {"k"}, 0, kToEnd)), "x");
  clock.Advance(std::chrono::milliseconds(1));
  EXPECT_TRUE(store.Remove(context, {{"k"}})[0].status.ok());
}

}  // namespace
}  // namespace aerie::objects
