#include "objects/limited_store.h"

#include <atomic>
#include <latch>
#include <thread>

#include <gtest/gtest.h>

#include "objects/faulty_store.h"
#include "objects/memory_store.h"
#include "objects/retrying_store.h"

namespace aerie::objects {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kLarge = 1'000'000;

class LimitedStoreTest : public testing::Test {
 protected:
  std::shared_ptr<LimitedStore> Limited(const StoreLimits& limits) {
    return std::make_shared<LimitedStore>(memory_, limits);
  }
  Duration Slept(const std::function<void()>& work) {
    const Duration before = clock_.slept();
    work();
    return clock_.slept() - before;
  }

  FakeClock clock_;
  Context context_{clock_};
  std::shared_ptr<MemoryStore> memory_ = std::make_shared<MemoryStore>("limited");
};

TEST_F(LimitedStoreTest, BytesUpAreExact) {
  const auto store = Limited({.upload = 500'000});
  const Bytes bytes(kLarge);
  EXPECT_EQ(Slept([&] {
              for (int i = 0; i < 5; ++i) {
                EXPECT_TRUE(store->PutIfAbsent(context_, {"p" + std::to_string(i)}, bytes).ok());
              }
            }),
            seconds(4 * 2));
  EXPECT_EQ(Slept([&] { EXPECT_TRUE(store->Get(context_, {"p0"}, 0, kLarge).ok()); }), seconds(0));
}

TEST_F(LimitedStoreTest, BytesDownAreExactWhetherTheSizeIsKnownOrNot) {
  ASSERT_TRUE(memory_->Put(context_, {"p"}, Bytes(kLarge)).ok());
  for (const std::uint64_t length : {std::uint64_t{kLarge}, kToEnd}) {
    const auto store = Limited({.download = 250'000});
    EXPECT_EQ(Slept([&] {
                for (int i = 0; i < 3; ++i) {
                  EXPECT_TRUE(store->Get(context_, {"p"}, 0, length).ok());
                }
              }),
              seconds(2 * 4));
  }
}

TEST_F(LimitedStoreTest, RequestsOfEveryKindAreCounted) {
  const auto store = Limited({.requests = 4});
  EXPECT_EQ(Slept([&] {
              EXPECT_TRUE(store->Put(context_, {"a"}, Bytes(10)).ok());
              EXPECT_TRUE(store->PutIfAbsent(context_, {"b"}, Bytes(10)).ok());
              EXPECT_TRUE(store->Get(context_, {"a"}, 0, kToEnd).ok());
              EXPECT_TRUE(store->Stat(context_, {"a"}).ok());
              EXPECT_TRUE(store->List(context_, "", [](const ObjectInfo&) { return Ok(); }).ok());
              EXPECT_TRUE(store->Copy(context_, {"a"}, {"c"}).ok());
              EXPECT_TRUE(store->Remove(context_, {{"a"}, {"b"}})[0].status.ok());
            }),
            6 * milliseconds(250));
}

TEST_F(LimitedStoreTest, ALongListingIsSeveralRequests) {
  for (int i = 0; i < 2500; ++i) {
    ASSERT_TRUE(memory_->Put(context_, {"k" + std::to_string(i)}, {}).ok());
  }
  const auto store = Limited({.requests = 1});
  EXPECT_EQ(Slept([&] {
              EXPECT_TRUE(store->List(context_, "", [](const ObjectInfo&) { return Ok(); }).ok());
            }),
            seconds(2));
}

// A lock of a few bytes must not wait until a pack has gone up; and yet it is paid for.
TEST_F(LimitedStoreTest, SmallOnesDoNotWaitBehindLargeOnesAndCount) {
  const auto store = Limited({.upload = 10'000});
  ASSERT_TRUE(store->Put(context_, {"large"}, Bytes(kLarge)).ok());
  EXPECT_EQ(Slept([&] { EXPECT_TRUE(store->Put(context_, {"lock"}, Bytes(50'000)).ok()); }),
            seconds(0));
  EXPECT_EQ(Slept([&] { EXPECT_TRUE(store->Put(context_, {"lock"}, Bytes(1)).ok()); }), seconds(5));
  // 100 s for the large one and 5.0001 s for the small ones, of which 5 s have passed.
  EXPECT_EQ(Slept([&] { EXPECT_TRUE(store->Put(context_, {"large"}, Bytes(kLarge)).ok()); }),
            milliseconds(100'000) + std::chrono::microseconds(100));
}

TEST_F(LimitedStoreTest, RepeatsCount) {
  const auto faulty = std::make_shared<FaultyStore>(memory_);
  faulty->Add({.times = 2});
  RetryPolicy at_once;
  at_once.first_delay = at_once.max_delay = Duration::zero();
  RetryingStore store(std::make_shared<LimitedStore>(faulty, StoreLimits{.requests = 1}), at_once);
  EXPECT_EQ(Slept([&] { EXPECT_TRUE(store.Put(context_, {"k"}, {}).ok()); }), seconds(2));
}

TEST_F(LimitedStoreTest, AWaitCanBeCancelledAndCostsNothing) {
  const auto store = Limited({.upload = 1000});
  ASSERT_TRUE(store->Put(context_, {"a"}, Bytes(kLarge)).ok());
  const Context limited = context_.WithTimeout(seconds(1));
  EXPECT_EQ(KindOf(store->Put(limited, {"b"}, Bytes(kLarge))), Kind::kTimeout);
  EXPECT_EQ(KindOf(memory_->Stat(context_, {"b"}).status()), Kind::kNotFound);
  CancelScope scope(context_);
  scope.Cancel();
  EXPECT_EQ(KindOf(store->Put(scope.context(), {"b"}, Bytes(kLarge))), Kind::kCancelled);
  EXPECT_EQ(KindOf(store->Remove(scope.context(), {{"a"}})[0].status), Kind::kCancelled);
  EXPECT_EQ(Slept([&] { EXPECT_TRUE(store->Put(context_, {"b"}, Bytes(kLarge)).ok()); }),
            seconds(999));
}

// Lets calls in only while `most` are not under way, and counts how many are.
class CountingStore : public FaultyStore {
 public:
  using FaultyStore::FaultyStore;
  Result<ObjectInfo> Stat(const Context& context, const ObjectKey& key) override {
    const int now = ++under_way_;
    int seen = most_.load();
    while (now > seen && !most_.compare_exchange_weak(seen, now)) {
    }
    std::this_thread::yield();
    auto info = FaultyStore::Stat(context, key);
    --under_way_;
    return info;
  }
  int most() const { return most_; }

 private:
  std::atomic<int> under_way_ = 0;
  std::atomic<int> most_ = 0;
};

TEST_F(LimitedStoreTest, NeverMoreThanSoManyRequestsAtATime) {
  const auto counting = std::make_shared<CountingStore>(memory_);
  LimitedStore store(counting, {.connections = 3});
  ASSERT_TRUE(store.Put(context_, {"k"}, {}).ok());
  std::latch start(8);
  std::vector<std::jthread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      start.arrive_and_wait();
      for (int i = 0; i < 200; ++i) EXPECT_TRUE(store.Stat(context_, {"k"}).ok());
    });
  }
  threads.clear();
  EXPECT_LE(counting->most(), 3);
  EXPECT_GE(counting->most(), 1);
}

TEST_F(LimitedStoreTest, AVisitorMayCallTheStoreThroughTheOnlyPlace) {
  const auto store = Limited({.connections = 1});
  for (const char* key : {"a", "b", "c"}) ASSERT_TRUE(store->Put(context_, {key}, {}).ok());
  int seen = 0;
  EXPECT_TRUE(store
                  ->List(context_, "",
                         [&](const ObjectInfo& info) -> Status {
                           ++seen;
                           return store->Stat(context_, info.key).status();
                         })
                  .ok());
  EXPECT_EQ(seen, 3);
  EXPECT_EQ(KindOf(store->List(context_, "", [](const ObjectInfo&) { return RefusedError("no"); })),
            Kind::kRefused);
  EXPECT_TRUE(store->Stat(context_, {"a"}).ok());
}

TEST_F(LimitedStoreTest, WhoWaitsForAPlaceCanBeCancelled) {
  const auto store = Limited({.connections = 1});
  ASSERT_TRUE(store->Put(context_, {"a"}, {}).ok());
  CancelScope scope(context_);
  std::latch inside(1);
  std::latch leave(1);
  // A listing holds the place between its visits only; a put holds it all the time.
  class Blocking : public FaultyStore {
   public:
    Blocking(std::shared_ptr<ObjectStore> inner, std::latch& in, std::latch& out)
        : FaultyStore(std::move(inner)), in_(in), out_(out) {}
    Status Put(const Context&, const ObjectKey&, ByteSpan) override {
      in_.count_down();
      out_.wait();
      return Ok();
    }

   private:
    std::latch& in_;
    std::latch& out_;
  };
  LimitedStore blocked(std::make_shared<Blocking>(memory_, inside, leave), {.connections = 1});
  std::jthread holder([&] { EXPECT_TRUE(blocked.Put(context_, {"x"}, {}).ok()); });
  inside.wait();
  std::jthread waiter(
      [&] { EXPECT_EQ(KindOf(blocked.Stat(scope.context(), {"a"}).status()), Kind::kCancelled); });
  scope.Cancel();
  waiter.join();
  leave.count_down();
  holder.join();
  EXPECT_TRUE(blocked.Stat(context_, {"a"}).ok());
}

}  // namespace
}  // namespace aerie::objects
