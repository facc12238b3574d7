#include "repo/repo_keys.h"

#include <gtest/gtest.h>

#include "repo/object_names.h"
#include "repo/repository_testing.h"

namespace aerie::repo {
namespace {

using objects::FaultyStore;
using objects::MemoryStore;

constexpr KdfCost kCheap{1, 8 << 10};

class RepoKeysTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(CreateRepository(context_, store_, CheapOptions()).ok()); }
  bool Opens(const Secret& passphrase) {
    return OpenRepository(context_, memory_, passphrase).ok();
  }
  std::vector<KeyEntry> List(const Secret& passphrase) {
    auto entries = ListKeys(context_, *memory_, passphrase);
    EXPECT_TRUE(entries.ok()) << entries.status();
    return entries.ok() ? *entries : std::vector<KeyEntry>();
  }

  const Context context_ = Context::Background();
  const Secret first_ = TestPassphrase();
  const Secret second_{"second"};
  std::shared_ptr<MemoryStore> memory_ = std::make_shared<MemoryStore>();
  std::shared_ptr<FaultyStore> store_ = std::make_shared<FaultyStore>(memory_);
};

TEST_F(RepoKeysTest, AnAddedPassphraseOpensItToo) {
  const auto id = AddKey(context_, *store_, first_, second_, kCheap);
  ASSERT_TRUE(id.ok()) << id.status();
  EXPECT_TRUE(Opens(first_));
  EXPECT_TRUE(Opens(second_));
  const auto entries = List(second_);
  ASSERT_EQ(entries.size(), 2U);
  for (const KeyEntry& entry : entries) {
    EXPECT_EQ(entry.in_use, entry.id == *id);
    EXPECT_EQ(entry.damage, "");
  }
}

TEST_F(RepoKeysTest, ARemovedPassphraseNoLongerOpensIt) {
  const auto id = AddKey(context_, *store_, first_, second_, kCheap);
  ASSERT_TRUE(id.ok());
  const Status removed = RemoveKey(context_, *store_, first_, id->substr(0, 8));
  ASSERT_TRUE(removed.ok()) << removed;
  EXPECT_TRUE(Opens(first_));
  EXPECT_FALSE(Opens(second_));
  EXPECT_EQ(KindOf(RemoveKey(context_, *store_, first_, *id)), Kind::kNotFound);
}

TEST_F(RepoKeysTest, TheKeyInUseIsNeverRemoved) {
  const std::string id = List(first_).at(0).id;
  const Status removed = RemoveKey(context_, *store_, first_, id);
  EXPECT_EQ(KindOf(removed), Kind::kRefused);
  EXPECT_NE(removed.message().find("key passwd"), std::string::npos) << removed;
  EXPECT_TRUE(Opens(first_));
}

TEST_F(RepoKeysTest, AChangedPassphraseReplacesTheOld) {
  const auto id = ChangePassphrase(context_, *store_, first_, second_, kCheap);
  ASSERT_TRUE(id.ok()) << id.status();
  EXPECT_FALSE(Opens(first_));
  EXPECT_TRUE(Opens(second_));
  EXPECT_EQ(List(second_).size(), 1U);
}

// A change that was cut off and done again leaves two keys with one passphrase.
TEST_F(RepoKeysTest, AChangedPassphraseIsGoneFromEveryKey) {
  ASSERT_TRUE(AddKey(context_, *store_, first_, second_, kCheap).ok());
  ASSERT_TRUE(ChangePassphrase(context_, *store_, first_, second_, kCheap).ok());
  ASSERT_EQ(List(second_).size(), 2U);
  const Secret third("third");
  ASSERT_TRUE(ChangePassphrase(context_, *store_, second_, third, kCheap).ok());
  EXPECT_FALSE(Opens(second_));
  EXPECT_EQ(List(third).size(), 1U);
  ASSERT_TRUE(ChangePassphrase(context_, *store_, third, third, kCheap).ok());
  EXPECT_EQ(List(third).size(), 1U) << "wrapped anew";
}

TEST_F(RepoKeysTest, WhatIsRefused) {
  EXPECT_EQ(KindOf(AddKey(context_, *store_, second_, first_, kCheap).status()), Kind::kWrongKey);
  EXPECT_EQ(KindOf(AddKey(context_, *store_, first_, Secret(), kCheap).status()), Kind::kInvalid);
  EXPECT_EQ(KindOf(RemoveKey(context_, *store_, first_, "abc")), Kind::kInvalid);
  const auto plain = std::make_shared<MemoryStore>();
  ASSERT_TRUE(CreateRepository(context_, plain, CheapOptions(false)).ok());
  EXPECT_EQ(KindOf(AddKey(context_, *plain, Secret(), second_, kCheap).status()), Kind::kRefused);
}

TEST_F(RepoKeysTest, ADamagedKeyIsListedAndCanBeRemoved) {
  const objects::ObjectKey key = KeyFileKey(RandomId());
  ASSERT_TRUE(memory_->Put(context_, key, AsBytes(std::string_view("no key"))).ok());
  const auto entries = List(first_);
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_NE(entries[1].damage, "");
  EXPECT_TRUE(RemoveKey(context_, *store_, first_, entries[1].id).ok());
  EXPECT_EQ(List(first_).size(), 1U);
}

// Whatever store operation it dies at, somebody's passphrase opens the repository, and the same
// command again completes.
TEST_F(RepoKeysTest, ACrashAtEveryOperationLocksNobodyOut) {
  for (std::uint64_t n = 1;; ++n) {
    ASSERT_LT(n, 200U);
    memory_ = std::make_shared<MemoryStore>();
    store_ = std::make_shared<FaultyStore>(memory_);
    ASSERT_TRUE(CreateRepository(context_, memory_, CheapOptions()).ok());
    store_->CrashAt(n);
    const auto crashed = ChangePassphrase(context_, *store_, first_, second_, kCheap);
    const bool clean = !store_->crashed();
    store_->Revive();
    ASSERT_TRUE(Opens(first_) || Opens(second_)) << "operation " << n;
    if (crashed.ok()) {
      ASSERT_TRUE(Opens(second_)) << "operation " << n;
    }
    if (clean) break;
    if (!Opens(first_)) continue;
    // A crash leaves its lock behind; unlocking is the user's, here it is simply taken away.
    std::vector<objects::ObjectKey> locks;
    ASSERT_TRUE(memory_
                    ->List(context_, kLocksPrefix,
                           [&](const objects::ObjectInfo& info) {
                             locks.push_back(info.key);
                             return Ok();
                           })
                    .ok());
    for (const auto& result : memory_->Remove(context_, locks)) ASSERT_TRUE(result.status.ok());
    const auto again = ChangePassphrase(context_, *store_, first_, second_, kCheap);
    ASSERT_TRUE(again.ok()) << "operation " << n << ": " << again.status();
    ASSERT_FALSE(Opens(first_)) << "operation " << n;
    ASSERT_TRUE(Opens(second_)) << "operation " << n;
  }
}

}  // namespace
}  // namespace aerie::repo
