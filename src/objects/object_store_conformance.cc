#include "objects/object_store_conformance.h"

#include <algorithm>
#include <atomic>
#include <thread>

namespace aerie::objects {

std::string ObjectStoreConformance::GetText(const std::string& key) {
  const auto bytes = store_->Get(context_, {key});
  return bytes.ok() ? std::string(AsText(*bytes)) : std::string(bytes.status().message());
}

std::vector<std::string> ObjectStoreConformance::Keys(const std::string& prefix) {
  std::vector<std::string> keys;
  const Status status = store_->List(context_, prefix, [&](const ObjectInfo& info) {
    keys.push_back(info.key.text);
    return Ok();
  });
  EXPECT_TRUE(status.ok()) << status;
  return keys;
}

using Texts = std::vector<std::string>;

TEST_P(ObjectStoreConformance, GivesBackWhatWasPut) {
  ASSERT_TRUE(store_->Put(context_, {"packs/ab/one"}, AsBytes("hello")).ok());
  EXPECT_EQ(GetText("packs/ab/one"), "hello");
  const auto info = store_->Stat(context_, {"packs/ab/one"});
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->key.text, "packs/ab/one");
  EXPECT_EQ(info->size, 5U);
  // The store's clock, not ours: within a day of it.
  const auto off = info->modified_ms - ToUnixMillis(SystemClock().Now());
  EXPECT_LT(std::abs(off), 24 * 3600 * 1000);
}

TEST_P(ObjectStoreConformance, KeepsEveryByteAndTheEmptyObject) {
  Bytes all(3 * 1024 * 1024 + 7);
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i] = static_cast<std::uint8_t>(i * 131 + i / 256);
  }
  ASSERT_TRUE(store_->Put(context_, {"big"}, all).ok());
  const auto back = store_->Get(context_, {"big"});
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_TRUE(*back == all);
  ASSERT_TRUE(store_->Put(context_, {"empty"}, {}).ok());
  EXPECT_EQ(GetText("empty"), "");
  EXPECT_EQ(store_->Stat(context_, {"empty"})->size, 0U);
}

TEST_P(ObjectStoreConformance, PutReplaces) {
  ASSERT_TRUE(store_->Put(context_, {"k"}, AsBytes("a longer first one")).ok());
  ASSERT_TRUE(store_->Put(context_, {"k"}, AsBytes("second")).ok());
  EXPECT_EQ(GetText("k"), "second");
  EXPECT_EQ(Keys(""), Texts{"k"});
}

TEST_P(ObjectStoreConformance, PutIfAbsentNeverReplaces) {
  ASSERT_TRUE(store_->PutIfAbsent(context_, {"locks/a"}, AsBytes("first")).ok());
  const Status second = store_->PutIfAbsent(context_, {"locks/a"}, AsBytes("second"));
  EXPECT_EQ(KindOf(second), Kind::kExists) << second;
  EXPECT_EQ(GetText("locks/a"), "first");
  EXPECT_EQ(Keys(""), Texts{"locks/a"});
  // Free again once removed.
  ASSERT_TRUE(store_->Remove(context_, {{"locks/a"}})[0].status.ok());
  EXPECT_TRUE(store_->PutIfAbsent(context_, {"locks/a"}, AsBytes("third")).ok());
}

TEST_P(ObjectStoreConformance, OneOfManyPutIfAbsentWins) {
  constexpr int kThreads = 6;
  constexpr int kRounds = 12;
  for (int round = 0; round < kRounds; ++round) {
    const ObjectKey key{"race/" + std::to_string(round)};
    std::atomic<int> won{0};
    std::atomic<int> winner{-1};
    std::atomic<int> wrong{0};
    {
      std::vector<std::jthread> threads;
      for (int t = 0; t < kThreads; ++t) {
        threads.emplace_back([&, t] {
          const Status status = store_->PutIfAbsent(context_, key, AsBytes(std::to_string(t)));
          if (status.ok()) {
            ++won;
            winner = t;
          } else if (KindOf(status) != Kind::kExists) {
            ++wrong;
          }
        });
      }
    }
    EXPECT_EQ(won, 1);
    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(GetText(key.text), std::to_string(winner.load()));
  }
}

TEST_P(ObjectStoreConformance, ReadersSeeOneWholeVersion) {
  const std::string a(100'000, 'a');
  const std::string b(150'000, 'b');
  ASSERT_TRUE(store_->Put(context_, {"v"}, AsBytes(a)).ok());
  std::atomic<bool> failed{false};
  {
    std::jthread writer([&] {
      for (int i = 0; i < 20; ++i) {
        if (!store_->Put(context_, {"v"}, AsBytes(i % 2 == 0 ? b : a)).ok()) failed = true;
      }
    });
    for (int i = 0; i < 40; ++i) {
      const std::string text = GetText("v");
      if (text != a && text != b) failed = true;
    }
  }
  EXPECT_FALSE(failed);
}

TEST_P(ObjectStoreConformance, GetsRanges) {
  ASSERT_TRUE(store_->Put(context_, {"r"}, AsBytes("0123456789")).ok());
  const auto get = [&](std::uint64_t offset, std::uint64_t length) {
    const auto bytes = store_->Get(context_, {"r"}, offset, length);
    return bytes.ok() ? std::string(AsText(*bytes)) : std::string(KindName(KindOf(bytes.status())));
  };
  EXPECT_EQ(get(0, 10), "0123456789");
  EXPECT_EQ(get(3, 4), "3456");
  EXPECT_EQ(get(7, kToEnd), "789");
  EXPECT_EQ(get(10, kToEnd), "");
  EXPECT_EQ(get(10, 0), "");
  EXPECT_EQ(get(4, 0), "");
  EXPECT_EQ(get(8, 3), "corrupt");
  EXPECT_EQ(get(11, 0), "corrupt");
  EXPECT_EQ(get(11, kToEnd), "corrupt");
  EXPECT_EQ(get(2, kToEnd - 1), "corrupt");  // offset + length wraps around
}

TEST_P(ObjectStoreConformance, SaysWhatIsNotThere) {
  for (const char* key : {"nothing", "no/such/folder/object"}) {
    const auto bytes = store_->Get(context_, {key});
    EXPECT_EQ(KindOf(bytes.status()), Kind::kNotFound) << bytes.status();
    EXPECT_NE(bytes.status().message().find(key), std::string::npos) << bytes.status();
    EXPECT_EQ(KindOf(store_->Stat(context_, {key}).status()), Kind::kNotFound);
  }
  EXPECT_EQ(Keys(""), Texts{});
  EXPECT_EQ(Keys("no/such"), Texts{});
  // The folder of an object is no object.
  ASSERT_TRUE(store_->Put(context_, {"f/o"}, AsBytes("x")).ok());
  EXPECT_EQ(KindOf(store_->Get(context_, {"f"}).status()), Kind::kNotFound);
  EXPECT_EQ(KindOf(store_->Stat(context_, {"f"}).status()), Kind::kNotFound);
  EXPECT_EQ(KindOf(store_->Get(context_, {"f/o/below"}).status()), Kind::kNotFound);
}

TEST_P(ObjectStoreConformance, ListsSortedOnceAndByPrefix) {
  // '-' and '.' sort before '/', digits and letters after it: folder-wise order is not key order.
  const Texts sorted = {"a-b", "a.b", "a/1", "a/b/c", "a/b0", "a0", "aa", "b/x/y/z", "b/xx"};
  Texts shuffled = sorted;
  std::reverse(shuffled.begin(), shuffled.end());
  std::swap(shuffled[1], shuffled[6]);
  for (const auto& key : shuffled) ASSERT_TRUE(store_->Put(context_, {key}, AsBytes(key)).ok());
  EXPECT_EQ(Keys(""), sorted);
  EXPECT_TRUE(std::is_sorted(sorted.begin(), sorted.end()));
  EXPECT_EQ(Keys("a/"), (Texts{"a/1", "a/b/c", "a/b0"}));
  EXPECT_EQ(Keys("a/b"), (Texts{"a/b/c", "a/b0"}));
  EXPECT_EQ(Keys("a"), (Texts{"a-b", "a.b", "a/1", "a/b/c", "a/b0", "a0", "aa"}));
  EXPECT_EQ(Keys("b/x/y/z"), Texts{"b/x/y/z"});
  EXPECT_EQ(Keys("b/x/y/z/"), Texts{});
  EXPECT_EQ(Keys("c"), Texts{});
  std::vector<std::uint64_t> sizes;
  ASSERT_TRUE(store_
                  ->List(context_, "b",
                         [&](const ObjectInfo& info) {
                           sizes.push_back(info.size);
                           return Ok();
                         })
                  .ok());
  EXPECT_EQ(sizes, (std::vector<std::uint64_t>{7, 4}));
}

TEST_P(ObjectStoreConformance, ListStopsWithTheVisitorsError) {
  for (const char* key : {"a", "b", "c"}) ASSERT_TRUE(store_->Put(context_, {key}, {}).ok());
  // A retryable kind, too: it is the visitor's, not the store's to repeat.
  int visits = 0;
  const Status status = store_->List(context_, "", [&](const ObjectInfo&) {
    return ++visits == 2 ? MakeStatus(Kind::kTransient, "enough") : Ok();
  });
  EXPECT_EQ(KindOf(status), Kind::kTransient);
  EXPECT_EQ(status.message(), "enough");
  EXPECT_EQ(visits, 2);
}

TEST_P(ObjectStoreConformance, ListVisitorMayCallTheStore) {
  for (const char* key : {"d/a", "d/b", "e"}) ASSERT_TRUE(store_->Put(context_, {key}, {}).ok());
  const Status status = store_->List(context_, "", [&](const ObjectInfo& info) {
    AERIE_TRY(store_->Stat(context_, info.key).status());
    return store_->Remove(context_, {info.key})[0].status;
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(Keys(""), Texts{});
}

TEST_P(ObjectStoreConformance, RemoveAnswersForEachKey) {
  for (const char* key : {"d/a", "d/b", "d/c"}) ASSERT_TRUE(store_->Put(context_, {key}, {}).ok());
  const std::vector<ObjectKey> keys = {{"d/a"}, {"gone"}, {"../x"}, {"d/b"}, {"d/a"}, {"d"}};
  const auto results = store_->Remove(context_, keys);
  ASSERT_EQ(results.size(), keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    EXPECT_EQ(results[i].key, keys[i]);
    EXPECT_EQ(KindOf(results[i].status), i == 2 ? Kind::kInvalid : Kind::kOk) << results[i].status;
  }
  EXPECT_EQ(Keys(""), Texts{"d/c"});
  EXPECT_TRUE(store_->Remove(context_, {}).empty());
}

TEST_P(ObjectStoreConformance, CopiesWhereItSaysSo) {
  ASSERT_TRUE(store_->Put(context_, {"from"}, AsBytes("text")).ok());
  const Status status = store_->Copy(context_, {"from"}, {"to/there"});
  if (!store_->capabilities().server_side_copy) {
    EXPECT_EQ(KindOf(status), Kind::kUnsupported) << status;
    EXPECT_EQ(Keys(""), Texts{"from"});
    return;
  }
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(GetText("to/there"), "text");
  EXPECT_EQ(GetText("from"), "text");
  EXPECT_EQ(KindOf(store_->Copy(context_, {"nothing"}, {"x"})), Kind::kNotFound);
}

TEST_P(ObjectStoreConformance, RefusesBadKeys) {
  const std::string long_key(513, 'k');
  for (const std::string& bad :
       {std::string(), std::string("/a"), std::string("a/"), std::string("a//b"), std::string(".."),
        std::string("a/../b"), std::string("./a"), std::string("a b"), std::string("a\\b"),
        std::string("a\0b", 3), std::string("\xc3\xa9"), std::string("a~tmp"), long_key,
        std::string(256, 'k')}) {
    const ObjectKey key{bad};
    EXPECT_EQ(KindOf(store_->Put(context_, key, {})), Kind::kInvalid) << bad;
    EXPECT_EQ(KindOf(store_->PutIfAbsent(context_, key, {})), Kind::kInvalid) << bad;
    EXPECT_EQ(KindOf(store_->Get(context_, key).status()), Kind::kInvalid) << bad;
    EXPECT_EQ(KindOf(store_->Stat(context_, key).status()), Kind::kInvalid) << bad;
  }
  for (const char* prefix : {"../", "a/../", "/", "a//", "x y"}) {
    const Status status = store_->List(context_, prefix, [](const ObjectInfo&) { return Ok(); });
    EXPECT_EQ(KindOf(status), Kind::kInvalid) << prefix;
  }
  EXPECT_EQ(Keys(""), Texts{});
}

TEST_P(ObjectStoreConformance, TakesTheLongestKey) {
  const std::string longest = std::string(255, 'a') + "/" + std::string(254, 'b') + "/c";
  ASSERT_EQ(longest.size(), 512U);
  ASSERT_TRUE(store_->Put(context_, {longest}, AsBytes("x")).ok());
  EXPECT_EQ(Keys(""), Texts{longest});
  EXPECT_EQ(GetText(longest), "x");
}

TEST_P(ObjectStoreConformance, HonoursCancelAndDeadline) {
  ASSERT_TRUE(store_->Put(context_, {"k"}, AsBytes("x")).ok());
  CancelScope scope(context_);
  scope.Cancel();
  const Context late = context_.WithTimeout(Duration::zero());
  const auto check = [&](const Context& context, Kind kind) {
    EXPECT_EQ(KindOf(store_->Put(context, {"new"}, AsBytes("y"))), kind);
    EXPECT_EQ(KindOf(store_->PutIfAbsent(context, {"new"}, AsBytes("y"))), kind);
    EXPECT_EQ(KindOf(store_->Get(context, {"k"}).status()), kind);
    EXPECT_EQ(KindOf(store_->Stat(context, {"k"}).status()), kind);
    EXPECT_EQ(KindOf(store_->List(context, "", [](const ObjectInfo&) { return Ok(); })), kind);
    EXPECT_EQ(KindOf(store_->Remove(context, {{"k"}})[0].status), kind);
  };
  check(scope.context(), Kind::kCancelled);
  check(late, Kind::kTimeout);
  EXPECT_EQ(Keys(""), Texts{"k"});
}

TEST_P(ObjectStoreConformance, RetainsOrSaysThatItCannot) {
  ASSERT_TRUE(store_->Put(context_, {"k"}, AsBytes("x")).ok());
  EXPECT_EQ(*store_->RetainedUntil(context_, {"k"}), 0);
  EXPECT_EQ(KindOf(store_->RetainedUntil(context_, {"none"}).status()), Kind::kNotFound);
  const std::int64_t until = ToUnixMillis(context_.clock().Now()) + 60'000;
  const Status able = store_->CheckRetention(context_);
  if (!able.ok()) {
    EXPECT_TRUE(KindOf(able) == Kind::kUnsupported || KindOf(able) == Kind::kRefused) << able;
    EXPECT_FALSE(store_->Retain(context_, {"k"}, until).ok());
    return;
  }
  ASSERT_TRUE(store_->Retain(context_, {"k"}, until).ok());
  const std::int64_t kept = *store_->RetainedUntil(context_, {"k"});
  EXPECT_GE(kept, until);
  EXPECT_LE(kept, until + 1'000) << "rounded by more than a second";
  EXPECT_TRUE(store_->Retain(context_, {"k"}, until - 20'000).ok());
  EXPECT_EQ(*store_->RetainedUntil(context_, {"k"}), kept) << "shortened";
  ASSERT_TRUE(store_->Retain(context_, {"k"}, until + 20'000).ok());
  EXPECT_GE(*store_->RetainedUntil(context_, {"k"}), until + 20'000);
  EXPECT_EQ(KindOf(store_->Retain(context_, {"none"}, until)), Kind::kNotFound);
}

TEST_P(ObjectStoreConformance, WorksFromManyThreads) {
  std::atomic<int> failures{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 15; ++i) {
          const std::string text = std::to_string(i % 3) + "/" + std::to_string(t * 100 + i);
          failures += !store_->Put(context_, {text}, AsBytes(text)).ok();
          failures += GetText(text) != text;
          failures += !store_->List(context_, "1/", [](const ObjectInfo&) { return Ok(); }).ok();
          if (i % 2 == 0) failures += !store_->Remove(context_, {{text}})[0].status.ok();
        }
      });
    }
  }
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(Keys("").size(), 4U * 7U);
}

}  // namespace aerie::objects
