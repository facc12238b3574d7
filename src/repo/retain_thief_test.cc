// What a thief who has every right leaves of a store with versions, such as S3 with object lock: of
// each object the newest version that is retained. An immutable snapshot must be readable from
// that, whatever was done to the repository in the meantime.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "repo/object_names.h"
#include "repo/prune_testing.h"
#include "repo/repo_keys.h"
#include "repo/retain.h"
#include "repo/rotation.h"
#include "repo/snapshot_copy.h"

namespace aerie::repo {
namespace {

using objects::FaultyStore;
using objects::MemoryStore;
using objects::ObjectKey;
using objects::Verb;
using testing::HasSubstr;

constexpr std::chrono::hours kDay(24);
constexpr KdfCost kCheap{1, 8 << 10};

// Keeps the versions that a Put or a removal takes out of sight, and the retention of each.
class VersionedStore : public ForwardingStore {
 public:
  VersionedStore() : ForwardingStore(std::make_shared<MemoryStore>()) {}

  Status Put(const Context& c, const ObjectKey& key, ByteSpan bytes) override {
    Hide(c, key);
    return inner_->Put(c, key, bytes);
  }
  std::vector<objects::RemoveResult> Remove(const Context& c,
                                            const std::vector<ObjectKey>& keys) override {
    for (const ObjectKey& key : keys) Hide(c, key);
    return inner_->Remove(c, keys);
  }
  Status Retain(const Context& c, const ObjectKey& key, std::int64_t until_ms) override {
    AERIE_TRY(inner_->Stat(c, key).status());
    std::lock_guard lock(mutex_);
    until_[key] = std::max(until_[key], until_ms);
    return Ok();
  }
  Result<std::int64_t> RetainedUntil(const Context& c, const ObjectKey& key) override {
    AERIE_TRY(inner_->Stat(c, key).status());
    std::lock_guard lock(mutex_);
    return until_[key];
  }

  std::shared_ptr<MemoryStore> AfterTheThief(const Context& c) {
    const std::map<std::string, Bytes> now = AllObjects(*inner_);
    std::lock_guard lock(mutex_);
    std::map<std::string, Bytes> left;
    for (const auto& [key, version] : hidden_) {
      if (version.until_ms > ToUnixMillis(c.clock().Now())) left[key.text] = version.bytes;
    }
    for (const auto& [key, bytes] : now) {
      if (until_[{key}] > ToUnixMillis(c.clock().Now())) left[key] = bytes;
    }
    return StoreWith(left);
  }

 private:
  struct Version {
    Bytes bytes;
    std::int64_t until_ms = 0;
  };
  void Hide(const Context& c, const ObjectKey& key) {
    const auto bytes = inner_->Get(c, key);
    std::lock_guard lock(mutex_);
    const auto until = until_.find(key);
    if (bytes.ok() && until != until_.end() && until->second > 0) {
      hidden_[key] = {*bytes, until->second};
    }
    until_.erase(key);
  }

  std::mutex mutex_;
  std::map<ObjectKey, std::int64_t> until_;
  std::map<ObjectKey, Version> hidden_;  // the newest of each that was retained
};

class ThiefTest : public PruneTest {
 protected:
  ThiefTest() { Fill(); }

  void Fill() {
    store_ = std::make_shared<VersionedStore>();
    const auto repository = Make(store_);
    MustStore(*repository, Rows(0, 200));
    snapshot_options_.immutable_for = 30 * kDay;
    kept_ = MustStore(*repository, Rows(0, 300));
    snapshot_options_ = {};
    MustStore(*repository, Rows(0, 350));
  }

  void ExpectRead(const Secret& passphrase, const std::string& what) {
    SCOPED_TRACE(what);
    const auto left = store_->AfterTheThief(context_);
    const auto repository = OpenRepository(context_, left, passphrase);
    ASSERT_TRUE(repository.ok()) << repository.status();
    const auto rows = Read(**repository, kept_);
    ASSERT_TRUE(rows.ok()) << rows.status();
    ExpectSameRows(Rows(0, 300), *rows);
    ASSERT_TRUE((*repository)->FindSnapshot(context_, kept_.id.hex).ok());
  }
  RotationReport MustContinue(const Secret& passphrase) {
    auto opened = OpenRepository(context_, store_, passphrase);
    EXPECT_TRUE(opened.ok()) << opened.status();
    if (!opened.ok()) return {};
    const auto repository = Hasty(*std::move(opened));
    auto report = ContinueRotation(context_, *repository, RotationOptions{.program = "aerie test"});
    EXPECT_TRUE(report.ok()) << report.status();
    return report.ok() ? *report : RotationReport{};
  }
  Status Begin(objects::ObjectStore& store) {
    return BeginRotation(context_, store, TestPassphrase(), new_, kCheap).status();
  }

  const Secret new_ = Secret("falcon");
  std::shared_ptr<VersionedStore> store_;
  Snapshot kept_;
};

TEST_F(ThiefTest, TheSnapshotIsReadFromWhatIsRetained) {
  ExpectRead(TestPassphrase(), "at once");
  EXPECT_EQ((*Open(store_->AfterTheThief(context_))->ListSnapshots(context_)).size(), 1U)
      << "the others were not immutable";
}

TEST_F(ThiefTest, AfterEverythingElseWasDeletedAndPruned) {
  const auto repository = Open(store_);
  PruneOptions options = Options();
  options.policy.keep_last = 1;
  options.repack_above = 0.01;
  for (int day = 0; day < 5; ++day) {
    MustPrune(*repository, options);
    ExpectRead(TestPassphrase(), "day " + std::to_string(day));
    clock_.Advance(2 * kMargin);
  }
  clock_.Advance(30 * kDay);
  EXPECT_FALSE(MustPrune(*repository, options).decisions.at(1).keep);
  ExpectWhole(store_, "after its time: ");
}

TEST_F(ThiefTest, WithAPassphraseThatCameLater) {
  ASSERT_TRUE(AddKey(context_, *store_, TestPassphrase(), new_, kCheap).ok());
  ExpectRead(new_, "added");
  const Secret changed("hawk");
  ASSERT_TRUE(ChangePassphrase(context_, *store_, TestPassphrase(), changed, kCheap).ok());
  ExpectRead(changed, "changed");
}

TEST_F(ThiefTest, AKeyThatCannotBeRetainedReplacesNoOther) {
  const auto faulty = std::make_shared<FaultyStore>(store_);
  faulty->Add({.kind = Kind::kDenied, .verb = Verb::kRetain, .key_prefix = kKeysPrefix});
  const Status failed =
      ChangePassphrase(context_, *faulty, TestPassphrase(), new_, kCheap).status();
  EXPECT_EQ(KindOf(failed), Kind::kDenied) << failed;
  EXPECT_THAT(std::string(failed.message()), HasSubstr("not retained as immutable snapshots"));
  EXPECT_TRUE(OpenRepository(context_, store_, TestPassphrase()).ok());
}

TEST_F(ThiefTest, ThroughoutARotationWhichFinishesOnlyAfterItsTime) {
  ASSERT_TRUE(Begin(*store_).ok());
  ExpectRead(new_, "begun");
  const RotationReport copied = MustContinue(new_);
  EXPECT_GT(copied.copied.packs, 0U);
  EXPECT_GT(copied.immutable.packs, 0U);
  for (int run = 0; run < 3; ++run) {
    clock_.Advance(kMargin);
    const RotationReport report = MustContinue(new_);
    EXPECT_FALSE(report.finished);
    EXPECT_EQ(report.immutable.packs, copied.immutable.packs);
    EXPECT_EQ(report.copied.packs, 0U) << "it is not stored again each time";
    ExpectRead(new_, "run " + std::to_string(run));
  }
  clock_.Advance(30 * kDay);
  EXPECT_EQ(MustContinue(new_).immutable.packs, 0U);
  clock_.Advance(kMargin);
  EXPECT_TRUE(MustContinue(new_).finished);
}

TEST_F(ThiefTest, ARotationGoesOnWhereItDiedBeforeItRetained) {
  const auto faulty = std::make_shared<FaultyStore>(store_);
  // The first time it is the config before.
  faulty->Add({.effect = objects::Effect::kCrash,
               .verb = Verb::kRetain,
               .key_prefix = kConfigName,
               .skip = 1});
  EXPECT_FALSE(Begin(*faulty).ok());
  clock_.Advance(std::chrono::minutes(11));  // its lock runs out
  MustContinue(new_);
  ExpectRead(new_, "gone on");
}

// The snapshots say that they are immutable, and a store that cannot retain promised nothing.
TEST_F(ThiefTest, AKeyIsAddedAndRotatedInACopyOnAStoreWithoutRetention) {
  class Folder : public ForwardingStore {
   public:
    using ForwardingStore::ForwardingStore;
    Status Retain(const Context&, const ObjectKey&, std::int64_t) override {
      return UnsupportedError("a folder cannot");
    }
  };
  const auto copy = std::make_shared<Folder>(StoreWith(AllObjects(*store_)));
  EXPECT_TRUE(AddKey(context_, *copy, TestPassphrase(), Secret("hawk"), kCheap).ok());
  ASSERT_TRUE(Begin(*copy).ok());
  const auto repository = OpenRepository(context_, copy, new_);
  ASSERT_TRUE(repository.ok()) << repository.status();
  const auto report = ContinueRotation(context_, **repository, RotationOptions{});
  EXPECT_TRUE(report.ok()) << report.status();
}

// Wherever the beginning of a rotation dies: with the former passphrase or with the new one.
TEST_F(ThiefTest, WhereverARotationDied) {
  for (const auto effect : {objects::Effect::kCrash, objects::Effect::kCrashAfter}) {
    bool begun = false;
    for (std::uint64_t at = 1; !begun; ++at) {
      SCOPED_TRACE("operation " + std::to_string(at));
      Fill();
      const auto faulty = std::make_shared<FaultyStore>(store_);
      faulty->CrashAt(at, effect);
      begun = Begin(*faulty).ok() && !faulty->crashed();
      const auto left = store_->AfterTheThief(context_);
      const bool renewed = OpenRepository(context_, left, new_).ok();
      ExpectRead(renewed ? new_ : TestPassphrase(), "what is left");
      ASSERT_FALSE(HasFailure());
      ASSERT_LT(at, 100U);
    }
  }
}

TEST_F(ThiefTest, OfACopyThatIsImmutableInTheOtherRepository) {
  const auto repository = Open(store_);
  const auto there = std::make_shared<VersionedStore>();
  const auto to = Make(there);
  SnapshotCopyOptions options;
  for (const SnapshotCollection& collection : kept_.collections) {
    options.collections.push_back({.collection = collection, .there = {}, .here = {}});
  }
  const auto plain = CopySnapshot(context_, *repository, kept_, *to, options);
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_FALSE(plain->immutable_until_ms) << "by the original's time";
  EXPECT_TRUE(AllObjects(*there->AfterTheThief(context_)).empty());
  options.snapshot.immutable_for = kDay;
  const auto copy = CopySnapshot(context_, *repository, kept_, *to, options);
  ASSERT_TRUE(copy.ok()) << copy.status();
  ASSERT_TRUE(copy->immutable_until_ms);
  const auto left = Open(there->AfterTheThief(context_));
  ASSERT_NE(left, nullptr);
  ExpectSameRows(Rows(0, 300), *Read(*left, *copy));
}

}  // namespace
}  // namespace aerie::repo
