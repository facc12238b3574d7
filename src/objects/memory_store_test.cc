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

}  // namespace
}  // namespace aerie::objects
