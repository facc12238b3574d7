// Immutable snapshots on a store that keeps what it promised to keep.
#include "repo/retain.h"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "repo/index_rebuild.h"
#include "repo/object_names.h"
#include "repo/prune_testing.h"
#include "repo/reachable.h"
#include "repo/repair.h"

namespace aerie::repo {
namespace {

using objects::Effect;
using objects::FaultyStore;
using objects::MemoryStore;
using objects::Verb;
using testing::HasSubstr;

constexpr std::chrono::hours kDay(24);

class RetainTest : public PruneTest {
 protected:
  RetainTest() { snapshot_options_.immutable_for = 30 * kDay; }

  std::int64_t Until(objects::ObjectStore& store, const std::string& key) {
    const auto until = store.RetainedUntil(context_, {key});
    EXPECT_TRUE(until.ok()) << until.status();
    return until.value_or(-1);
  }

  // What reading the snapshot takes, by the trees that a fresh process reads.
  std::vector<std::string> NeedsOf(const std::shared_ptr<objects::ObjectStore>& store,
                                   const Snapshot& snapshot) {
    const auto repository = Open(store);
    const RepositoryCore core = repository->core();
    EXPECT_TRUE(core.catalog.Reconcile(context_).ok());
    std::set<std::string> needs = {kConfigName};
    const auto blobs = ReachableBlobs(context_, core.blobs, {snapshot});
    EXPECT_TRUE(blobs.ok()) << blobs.status();
    for (const BlobName& name : *blobs) {
      needs.insert(PackKey(core.catalog.Locate(context_, name)->front().pack).text);
    }
    for (const auto& [key, bytes] : AllObjects(*store)) {
      if (key.starts_with(kKeysPrefix)) needs.insert(key);
    }
    return {needs.begin(), needs.end()};
  }
  void ExpectKept(const std::shared_ptr<objects::ObjectStore>& store, const Snapshot& snapshot) {
    for (const std::string& key : NeedsOf(store, snapshot)) {
      EXPECT_GE(Until(*store, key), *snapshot.immutable_until_ms) << key;
    }
  }

  const std::shared_ptr<MemoryStore> memory_ = std::make_shared<MemoryStore>();
};

TEST_F(RetainTest, NothingItNeedsCanBeRemovedEarly) {
  const auto repository = Make(memory_);
  const Snapshot snapshot = MustStore(*repository, Rows(0, 200));
  ASSERT_TRUE(snapshot.immutable_until_ms);
  ExpectKept(memory_, snapshot);
  EXPECT_EQ(Until(*memory_, SnapshotKey(*ObjectId::Parse(snapshot.id.hex)).text),
            *snapshot.immutable_until_ms);
  EXPECT_EQ(Open(memory_)->FindSnapshot(context_, "latest")->immutable_until_ms,
            snapshot.immutable_until_ms);

  clock_.Advance(29 * kDay);
  for (const auto& [key, bytes] : AllObjects(*memory_)) {
    const Status removed = memory_->Remove(context_, {{key}})[0].status;
    const bool index = key.starts_with(kIndexPrefix);  // packs say the same
    EXPECT_EQ(KindOf(removed), index ? Kind::kOk : Kind::kDenied) << key;
  }
  ExpectSameRows(Rows(0, 200), *Read(*Open(memory_), snapshot));
}

TEST_F(RetainTest, MarksLocksAndWhatWasNotAskedForAreNotRetained) {
  snapshot_options_ = {};
  const auto repository = Make(memory_);
  const Snapshot plain = MustStore(*repository, Rows(0, 50));
  EXPECT_FALSE(plain.immutable_until_ms);
  for (const auto& [key, bytes] : AllObjects(*memory_)) EXPECT_EQ(Until(*memory_, key), 0) << key;
  snapshot_options_.immutable_for = kDay;
  const Snapshot kept = MustStore(*repository, Rows(0, 50));
  ASSERT_TRUE(PinSnapshot(context_, *repository, kept.id).ok());
  ASSERT_TRUE(RecordVerified(context_, *repository, kept.id).ok());
  std::set<std::string> retained;
  for (const auto& [key, bytes] : AllObjects(*memory_)) {
    if (Until(*memory_, key) != 0) retained.insert(key.substr(0, key.find('/')));
  }
  EXPECT_EQ(retained, (std::set<std::string>{"config", "keys", "packs", "snapshots"}));
}

TEST_F(RetainTest, APackThatIsUsedAgainIsKeptLongerAndNeverShorter) {
  const auto repository = Make(memory_);
  MustStore(*repository, Rows(0, 200));
  clock_.Advance(29 * kDay);
  const Snapshot second = MustStore(*repository, Rows(0, 200));
  EXPECT_EQ(second.stats.blobs_new, 0U) << "it rests on the packs of the first";
  ExpectKept(memory_, second);
  snapshot_options_.immutable_for = kDay;
  const Snapshot third = MustStore(*repository, Rows(0, 200));
  EXPECT_LT(*third.immutable_until_ms, *second.immutable_until_ms);
  ExpectKept(memory_, second);
}

TEST_F(RetainTest, ItIsNotDeletedBeforeItsTimeAndIsAfter) {
  const auto repository = Make(memory_);
  const Snapshot snapshot = MustStore(*repository, Rows(0, 50));
  const Status refused = DeleteSnapshots(context_, *repository, {snapshot.id}).status();
  EXPECT_EQ(KindOf(refused), Kind::kRefused) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("immutable until 2023-12-14T"));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("nothing was deleted"));
  clock_.Advance(30 * kDay);
  const auto deleted = DeleteSnapshots(context_, *repository, {snapshot.id});
  ASSERT_TRUE(deleted.ok()) << deleted.status();
  EXPECT_TRUE(deleted->at(0).status.ok()) << deleted->at(0).status;
}

TEST_F(RetainTest, PruneKeepsItAndSaysWhy) {
  const auto repository = Make(memory_);
  const Snapshot old = MustStore(*repository, Rows(0, 50));
  MustStore(*repository, Rows(0, 60));
  PruneOptions options = Options();
  options.policy.keep_last = 1;
  const PruneReport report = MustPrune(*repository, options);
  ASSERT_EQ(report.decisions.at(1).id, old.id);
  EXPECT_TRUE(report.decisions.at(1).keep);
  EXPECT_THAT(report.decisions.at(1).reasons.at(0), HasSubstr("immutable until 2023-12-14T"));
  EXPECT_EQ(report.immutable.packs, report.kept.packs);
  clock_.Advance(31 * kDay);
  EXPECT_FALSE(MustPrune(*repository, options).decisions.at(1).keep);
  ExpectWhole(memory_, "after: ");
}

// The copy would not be retained.
TEST_F(RetainTest, APackThatItNeedsIsNotRepackedBeforeItsTime) {
  snapshot_options_ = {};
  const auto repository = Make(memory_);
  const Snapshot large = MustStore(*repository, Rows(0, 600));
  snapshot_options_.immutable_for = 30 * kDay;
  const Snapshot small = MustStore(*repository, Rows(0, 60));
  ASSERT_TRUE(DeleteSnapshots(context_, *repository, {large.id}).ok());
  clock_.Advance(2 * kMargin);
  PruneOptions options = Options();
  options.repack_above = 0.1;
  const auto preview = PlanPrune(context_, *repository, options);
  ASSERT_TRUE(preview.ok()) << preview.status();
  const PruneReport early = MustPrune(*repository, options);
  EXPECT_EQ(early.repacked.packs + early.doomed.packs + early.removed.packs, 0U);
  EXPECT_GT(early.immutable.packs, 0U);
  EXPECT_EQ(preview->immutable.packs, early.immutable.packs);
  EXPECT_EQ(preview->repacked.packs, 0U);
  ExpectKept(memory_, small);
  clock_.Advance(30 * kDay);
  const PruneReport late = MustPrune(*repository, options);
  EXPECT_GT(late.repacked.packs, 0U);
  EXPECT_EQ(late.immutable.packs, 0U);
  ExpectWhole(memory_, "after: ");
}

TEST_F(RetainTest, WhatADeadBackupLeftRetainedIsKeptAndIsNoFailureOfPrune) {
  const auto faulty = std::make_shared<FaultyStore>(memory_);
  const auto repository = Make(faulty);
  faulty->Add({.kind = Kind::kDenied, .verb = Verb::kPutIfAbsent, .key_prefix = kSnapshotsPrefix});
  EXPECT_EQ(KindOf(Store(*repository, Rows(0, 100)).status()), Kind::kDenied);
  clock_.Advance(2 * kMargin);
  EXPECT_GT(MustPrune(*repository).doomed.packs, 0U);
  clock_.Advance(2 * kMargin);
  const PruneReport early = MustPrune(*repository);
  EXPECT_GT(early.retained.packs, 0U);
  EXPECT_EQ(early.removed.packs, 0U);
  clock_.Advance(30 * kDay);
  const PruneReport late = MustPrune(*repository);
  EXPECT_EQ(late.removed.packs, early.retained.packs);
  EXPECT_EQ(late.retained.packs, 0U);
}

TEST_F(RetainTest, ADamagedOneIsRepairedBesideItAndNotReplaced) {
  const Snapshot snapshot = MustStore(*Make(memory_), Rows(0, 200));
  auto objects = AllObjects(*memory_);
  objects[KeysUnder(objects, kPacksPrefix).at(0)].at(100) ^= 1;
  const auto damaged = StoreWith(objects);
  RepairOptions options;
  options.replace = true;
  const auto report = RunRepair(context_, *Open(damaged), options);
  ASSERT_TRUE(report.ok()) << report.status();
  ASSERT_EQ(report->snapshots.size(), 1U);
  EXPECT_TRUE(report->snapshots[0].repaired);
  EXPECT_FALSE(report->snapshots[0].replaced);
  EXPECT_THAT(report->snapshots[0].not_replaced, HasSubstr("immutable until"));
  EXPECT_TRUE(Open(damaged)->FindSnapshot(context_, snapshot.id.hex).ok());
}

TEST_F(RetainTest, IndexesAreRebuiltBesideWhatIsRetained) {
  const Snapshot snapshot = MustStore(*Make(memory_), Rows(0, 200));
  for (const std::string& key : KeysUnder(AllObjects(*memory_), kIndexPrefix)) {
    ASSERT_TRUE(memory_->Remove(context_, {{key}})[0].status.ok()) << key;
  }
  const auto rebuilt = RebuildIndexes(context_, *Open(memory_));
  ASSERT_TRUE(rebuilt.ok()) << rebuilt.status();
  EXPECT_TRUE(rebuilt->changed);
  EXPECT_GT(Count(*memory_, kIndexPrefix), 0U);
  ExpectKept(memory_, snapshot);
  ExpectWhole(memory_, "");
}

TEST_F(RetainTest, ACopyIsNotImmutableBecauseItsOriginalIs) {
  snapshot_options_ = {};
  Snapshot info = Info();
  info.immutable_until_ms = ToUnixMillis(clock_.Now()) + 1'000'000;
  const auto repository = Make(memory_);
  auto writer = repository->BeginSnapshot(context_, info);
  ASSERT_TRUE(writer.ok()) << writer.status();
  const auto copy = (*writer)->Commit(context_, true);
  ASSERT_TRUE(copy.ok()) << copy.status();
  EXPECT_FALSE(copy->immutable_until_ms);
}

// ---- what can go wrong ----

class NoRetention : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  Status CheckRetention(const Context&) override { return RefusedError("the bucket has none"); }
};

TEST_F(RetainTest, AStoreThatCannotIsToldAtOnce) {
  const auto repository = Make(std::make_shared<NoRetention>(memory_));
  const auto before = AllObjects(*memory_);
  const Status begun = repository->BeginSnapshot(context_, Info(), snapshot_options_).status();
  EXPECT_EQ(KindOf(begun), Kind::kRefused) << begun;
  EXPECT_EQ(AllObjects(*memory_), before);
  snapshot_options_ = {};
  EXPECT_TRUE(Store(*repository, Rows(0, 10)).ok());
}

TEST_F(RetainTest, AFailureBeforeTheSnapshotCommitsNothing) {
  const auto faulty = std::make_shared<FaultyStore>(memory_);
  const auto repository = Make(faulty);
  for (const char* const prefix : {kConfigName, kKeysPrefix, kPacksPrefix}) {
    SCOPED_TRACE(prefix);
    for (const Kind kind : {Kind::kDenied, Kind::kUnknownOutcome}) {
      clock_.Advance(std::chrono::minutes(1));  // what the runs before retained is not enough
      faulty->Add({.kind = kind, .verb = Verb::kRetain, .key_prefix = prefix});
      const Status failed = Store(*repository, Rows(0, 100)).status();
      EXPECT_EQ(KindOf(failed), kind == Kind::kDenied ? kind : Kind::kFailed) << failed;
      EXPECT_EQ(Count(*memory_, kSnapshotsPrefix), 0U);
    }
  }
  ExpectKept(memory_, MustStore(*repository, Rows(0, 100)));
}

TEST_F(RetainTest, AnUnknownOutcomeIsSettledByReading) {
  const auto faulty = std::make_shared<FaultyStore>(memory_);
  const auto repository = Make(faulty);
  faulty->Add({.effect = Effect::kFailAfter,
               .kind = Kind::kUnknownOutcome,
               .verb = Verb::kRetain,
               .times = objects::FaultRule::kForever});
  const auto stored = Store(*repository, Rows(0, 100));
  ASSERT_TRUE(stored.ok()) << stored.status();
  ExpectKept(memory_, *stored);

  faulty->Revive();
  faulty->Add({.kind = Kind::kUnknownOutcome, .verb = Verb::kRetain, .key_prefix = kPacksPrefix});
  faulty->Add({.kind = Kind::kDenied, .verb = Verb::kRetention, .key_prefix = kPacksPrefix});
  EXPECT_EQ(KindOf(Store(*repository, Rows(0, 120)).status()), Kind::kUnknownOutcome);
  EXPECT_EQ(Count(*memory_, kSnapshotsPrefix), 1U);
}

TEST_F(RetainTest, ASnapshotThatCouldNotBeRetainedItselfIsNotCalledDone) {
  const auto faulty = std::make_shared<FaultyStore>(memory_);
  const auto repository = Make(faulty);
  faulty->Add({.kind = Kind::kDenied, .verb = Verb::kRetain, .key_prefix = kSnapshotsPrefix});
  const Status failed = Store(*repository, Rows(0, 100)).status();
  EXPECT_EQ(KindOf(failed), Kind::kDenied) << failed;
  EXPECT_THAT(std::string(failed.message()), HasSubstr("stored and whole, but not known to be"));
  EXPECT_EQ(Count(*memory_, kSnapshotsPrefix), 1U);
  ExpectWhole(memory_, "");
}

// Its own object is retained last: who dies or fails before leaves one that is not immutable.
TEST_F(RetainTest, OnlyWhatTheStoreConfirmsIsCalledImmutable) {
  const auto faulty = std::make_shared<FaultyStore>(memory_);
  const auto repository = Make(faulty);
  const Snapshot sound = MustStore(*repository, Rows(0, 50));
  faulty->Add({.kind = Kind::kDenied, .verb = Verb::kRetain, .key_prefix = kSnapshotsPrefix});
  ASSERT_FALSE(Store(*repository, Rows(0, 60)).ok());
  const auto listed = repository->ListSnapshots(context_);
  ASSERT_TRUE(listed.ok()) << listed.status();
  ASSERT_EQ(listed->size(), 2U);
  const std::set<SnapshotId> only = {sound.id};
  EXPECT_EQ(*ConfirmedImmutable(context_, *Open(memory_), *listed), only);
  const auto copied = StoreWith(AllObjects(*memory_));
  EXPECT_TRUE(ConfirmedImmutable(context_, *Open(copied), *listed)->empty())
      << "a copy promised nothing";
  clock_.Advance(30 * kDay);
  EXPECT_TRUE(ConfirmedImmutable(context_, *Open(memory_), *listed)->empty()) << "its time is over";
}

TEST_F(RetainTest, AStoreThatSaysItRetainsAndDoesNotIsNotBelieved) {
  const auto faulty = std::make_shared<FaultyStore>(memory_);
  const auto repository = Make(faulty);
  for (const char* const prefix : {kConfigName, kKeysPrefix, kPacksPrefix}) {
    SCOPED_TRACE(prefix);
    clock_.Advance(std::chrono::minutes(1));
    faulty->Add({.effect = Effect::kLose,
                 .verb = Verb::kRetain,
                 .key_prefix = prefix,
                 .times = objects::FaultRule::kForever});
    const Status failed = Store(*repository, Rows(0, 100)).status();
    EXPECT_THAT(std::string(failed.message()), HasSubstr("does not keep it so long"));
    EXPECT_EQ(Count(*memory_, kSnapshotsPrefix), 0U);
    faulty->Revive();
  }
}

TEST_F(RetainTest, WhoMayNotRetainIsToldBeforeARowIsRead) {
  const auto faulty = std::make_shared<FaultyStore>(memory_);
  const auto repository = Make(faulty);
  faulty->Add({.kind = Kind::kDenied, .verb = Verb::kRetain});
  const Status begun = repository->BeginSnapshot(context_, Info(), snapshot_options_).status();
  EXPECT_EQ(KindOf(begun), Kind::kDenied) << begun;
  EXPECT_EQ(Count(*memory_, kLocksPrefix), 0U);
}

TEST_F(RetainTest, OneThatCannotBeReadIsNotDeletedWhileTheStoreRetainsIt) {
  auto objects = [&] {
    MustStore(*Make(memory_), Rows(0, 50));
    return AllObjects(*memory_);
  }();
  const std::string key = KeysUnder(objects, kSnapshotsPrefix).at(0);
  objects[key].back() ^= 1;
  const auto damaged = StoreWith(objects);
  ASSERT_TRUE(damaged->Retain(context_, {key}, ToUnixMillis(clock_.Now()) + 60'000).ok());
  const SnapshotId id{IdOfKey({key}, SnapshotKey)->ToHex()};
  const Status refused = DeleteSnapshots(context_, *Open(damaged), {id}).status();
  EXPECT_EQ(KindOf(refused), Kind::kRefused) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("the store retains it"));
  clock_.Advance(std::chrono::minutes(2));
  EXPECT_TRUE(DeleteSnapshots(context_, *Open(damaged), {id}).ok());
}

class RetainCrashes : public RetainTest, public testing::WithParamInterface<Effect> {};

TEST_P(RetainCrashes, AtAnyOperationWhatIsCommittedIsKeptAndTheNextRunCompletes) {
  bool finished = false;
  for (std::uint64_t at = 1; !finished; ++at) {
    SCOPED_TRACE("operation " + std::to_string(at));
    const auto memory = std::make_shared<MemoryStore>();
    MustStore(*Make(memory), Rows(0, 150));
    const auto faulty = std::make_shared<FaultyStore>(memory);
    faulty->CrashAt(at, GetParam());
    if (auto opened = OpenRepository(context_, faulty, TestPassphrase()); opened.ok()) {
      finished = Store(*Hasty(*std::move(opened)), Rows(0, 220)).ok() && !faulty->crashed();
    }
    clock_.Advance(std::chrono::minutes(11));  // its lock runs out
    const auto again = Open(memory);
    const auto committed = again->ListSnapshots(context_);
    ASSERT_TRUE(committed.ok()) << committed.status();
    for (const Snapshot& snapshot : *committed) ExpectKept(memory, snapshot);
    const Snapshot completed = MustStore(*again, Rows(0, 220));
    ExpectKept(memory, completed);
    EXPECT_EQ(Until(*memory, SnapshotKey(*ObjectId::Parse(completed.id.hex)).text),
              *completed.immutable_until_ms);
    ExpectWhole(memory, "completed: ");
    ASSERT_FALSE(HasFailure());
    ASSERT_LT(at, 200U);
  }
}

INSTANTIATE_TEST_SUITE_P(Effects, RetainCrashes,
                         testing::Values(Effect::kCrash, Effect::kCrashAfter),
                         [](const auto& effect) {
                           return effect.param == Effect::kCrash ? "Before" : "After";
                         });

}  // namespace
}  // namespace aerie::repo
