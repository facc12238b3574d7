#include "repo/rotation.h"

#include <gmock/gmock.h>

#include "base/testing_effort.h"
#include "repo/check_record.h"
#include "repo/damage_record.h"
#include "repo/object_names.h"
#include "repo/prune_testing.h"
#include "repo/repo_keys.h"

namespace aerie::repo {
namespace {

using objects::Effect;
using objects::FaultyStore;
using objects::MemoryStore;
using testing::HasSubstr;

constexpr KdfCost kCheap{1, 8 << 10};

class RotationTest : public PruneTest {
 protected:
  RotationTest() : memory_(std::make_shared<MemoryStore>()) {}

  Result<RotationStart> Begin(const std::shared_ptr<objects::ObjectStore>& store,
                              const Secret& fresh = {}) {
    return BeginRotation(context_, *store, TestPassphrase(), fresh, kCheap);
  }
  void MustBegin() {
    const auto begun = Begin(memory_);
    ASSERT_TRUE(begun.ok()) << begun.status();
  }
  Result<RotationReport> Continue(const std::shared_ptr<objects::ObjectStore>& store) {
    const auto repository = Open(store);
    if (!repository) return FailedError("not opened");
    return ContinueRotation(context_, *repository, RotationOptions{.program = "aerie test"});
  }
  RotationReport MustContinue() {
    auto report = Continue(memory_);
    EXPECT_TRUE(report.ok()) << report.status();
    return report.ok() ? *report : RotationReport{};
  }
  // Runs, a margin apart, until it says that it is finished.
  void Complete() {
    for (int run = 0; run < 5; ++run) {
      if (MustContinue().finished) return;
      clock_.Advance(kMargin);
    }
    FAIL() << "it does not come to an end";
  }
  // What a repository that was never rotated would be opened with: the first master key.
  std::map<std::string, Bytes> Objects() { return AllObjects(*memory_); }

  const std::shared_ptr<MemoryStore> memory_;
};

// Two snapshots that share data, a pin, a verified mark.
class RotationOfSnapshotsTest : public RotationTest {
 protected:
  RotationOfSnapshotsTest() {
    const auto repository = Make(memory_);
    first_ = MustStore(*repository, Rows(0, 300));
    second_ = MustStore(*repository, Rows(0, 400));
    EXPECT_TRUE(PinSnapshot(context_, *repository, first_.id).ok());
    EXPECT_TRUE(RecordVerified(context_, *repository, second_.id).ok());
  }
  void ExpectAllThere(const std::shared_ptr<objects::ObjectStore>& store, const std::string& what) {
    ExpectWhole(store, what);
    const auto repository = Open(store);
    ASSERT_NE(repository, nullptr) << what;
    ExpectSameRows(Rows(0, 300), *Read(*repository, first_));
    ExpectSameRows(Rows(0, 400), *Read(*repository, second_));
    EXPECT_EQ(ListPins(context_, *repository)->count(first_.id), 1U) << what;
    EXPECT_EQ(ListVerified(context_, *repository)->count(second_.id), 1U) << what;
  }

  Snapshot first_;
  Snapshot second_;
};

TEST_F(RotationOfSnapshotsTest, WhatWasStoredBeforeIsReadFromTheFirstMomentToTheLast) {
  const auto before = Objects();
  MustBegin();
  ExpectAllThere(memory_, "begun: ");
  const RotationReport copied = MustContinue();
  EXPECT_FALSE(copied.finished);
  EXPECT_GT(copied.copied.packs, 0U);
  EXPECT_EQ(copied.left.packs, 0U);
  EXPECT_EQ(copied.waiting.packs, copied.copied.packs);
  ExpectAllThere(memory_, "copied: ");
  const RotationReport waiting = MustContinue();
  EXPECT_EQ(waiting.copied.packs, 0U) << "what was copied is not copied again";
  EXPECT_FALSE(waiting.finished);
  clock_.Advance(kMargin);
  const RotationReport last = MustContinue();
  EXPECT_EQ(last.removed.packs, copied.copied.packs);
  EXPECT_TRUE(last.finished);
  ExpectAllThere(memory_, "finished: ");
  EXPECT_TRUE(MustContinue().finished) << "once finished it stays so";
  for (const auto& [key, bytes] : Objects()) {
    const auto old = before.find(key);
    EXPECT_TRUE(old == before.end() || old->second != bytes) << key << " is what it was";
  }
}

// With the former master key and the store as it is now nothing can be read: the proof is that the
// program with that key alone cannot.
TEST_F(RotationOfSnapshotsTest, TheFormerMasterKeyOpensNothingInTheEnd) {
  const auto before = Objects();
  MustBegin();
  Complete();
  auto stolen = Objects();
  for (const auto& [key, bytes] : before) {
    if (key.starts_with(kKeysPrefix) || key == kConfigName) stolen[key] = bytes;
  }
  const auto thief = OpenRepository(context_, StoreWith(stolen), TestPassphrase());
  ASSERT_TRUE(thief.ok()) << "the former key object and config: " << thief.status();
  std::vector<Finding> damaged;
  const auto snapshots = (*thief)->ListSnapshots(context_, &damaged);
  ASSERT_TRUE(snapshots.ok()) << snapshots.status();
  EXPECT_TRUE(snapshots->empty());
  EXPECT_EQ(damaged.size(), 2U);
  const auto stats = (*thief)->Stats(context_);
  ASSERT_TRUE(stats.ok()) << stats.status();
  EXPECT_EQ(stats->blobs, 0U);
}

// What a check remembers outlives the master key as pins do.
TEST_F(RotationOfSnapshotsTest, WhatACheckRememberedIsStillKnownInTheEnd) {
  const KeyRing before = Open(memory_)->core().keys;
  const auto old = Objects();
  MustBegin();
  MustStore(*Open(memory_), Rows(9000, 50));
  ObjectId pack;  // one that stays
  for (const auto& [key, bytes] : Objects()) {
    if (key.starts_with(kPacksPrefix) && !old.contains(key)) pack = *IdOfKey({key}, PackKey);
  }
  const DamagedCopies copies = {{pack, {BlobName{}}}};
  CheckMemory times;
  times.times[pack] = 5;
  DamageMemory damage;
  ASSERT_TRUE(SaveCheckMemory(context_, *memory_, before, {pack}, {}, times).ok());
  ASSERT_TRUE(SaveDamageMemory(context_, *memory_, before, {}, copies, damage).ok());
  const auto expect_known = [&](const std::string& when) {
    const auto repository = Open(memory_);
    const KeyRing& keys = repository->core().keys;
    const auto checked = ReadCheckMemory(context_, *memory_, keys, ToUnixMillis(clock_.Now()));
    EXPECT_EQ(checked->times, (CheckedTimes{{pack, 5}})) << when;
    EXPECT_EQ(ReadDamageMemory(context_, *memory_, keys)->copies, copies) << when;
  };
  expect_known("under way");
  Complete();
  expect_known("finished");
}

TEST_F(RotationOfSnapshotsTest, NewSnapshotsRestOnOldDataBeforeDuringAndAfter) {
  MustBegin();
  const Snapshot during = MustStore(*Open(memory_), Rows(0, 500));
  EXPECT_GT(during.stats.blobs_known, 0U) << "names stay what they were";
  MustContinue();
  const Snapshot between = MustStore(*Open(memory_), Rows(0, 550));
  clock_.Advance(kMargin);
  Complete();
  const Snapshot after = MustStore(*Open(memory_), Rows(0, 400));
  EXPECT_GT(after.stats.blobs_known, 0U);
  ExpectAllThere(memory_, "after: ");
  ExpectSameRows(Rows(0, 500), *Read(*Open(memory_), during));
  ExpectSameRows(Rows(0, 550), *Read(*Open(memory_), between));
}

TEST_F(RotationOfSnapshotsTest, ItStopsWhenItsTimeIsOverAndGoesOnFromThere) {
  MustBegin();
  RotationOptions hasty{.max_duration = Duration::zero(), .program = "aerie test"};
  const auto report = ContinueRotation(context_, *Open(memory_), hasty);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->copied.packs, 0U);
  EXPECT_GT(report->left.packs, 0U);
  EXPECT_FALSE(report->finished);
  ExpectAllThere(memory_, "stopped: ");
  Complete();
  ExpectAllThere(memory_, "completed: ");
}

TEST_F(RotationOfSnapshotsTest, AnOrdinaryPruneInBetweenKeepsTheNewCopies) {
  MustBegin();
  MustContinue();
  clock_.Advance(kMargin);
  MustPrune(*Open(memory_));
  ExpectAllThere(memory_, "pruned: ");
  const RotationReport last = MustContinue();
  EXPECT_EQ(last.copied.packs, 0U);
  EXPECT_TRUE(last.finished);
  ExpectAllThere(memory_, "finished: ");
}

TEST_F(RotationOfSnapshotsTest, ASecondRotationComesAfterTheFirst) {
  MustBegin();
  const auto early = Begin(memory_);
  EXPECT_EQ(KindOf(early.status()), Kind::kRefused);
  EXPECT_THAT(std::string(early.status().message()), HasSubstr("--continue"));
  Complete();
  MustBegin();
  ExpectAllThere(memory_, "begun again: ");
  Complete();
  ExpectAllThere(memory_, "finished again: ");
  EXPECT_GT(MustStore(*Open(memory_), Rows(0, 300)).stats.blobs_known, 0U);
}

// A process that had it open before must not write with the former key any more.
TEST_F(RotationOfSnapshotsTest, AnOlderSessionIsToldToBeginAnew) {
  const auto older = Open(memory_);
  MustBegin();
  const auto stored = Store(*older, Rows(1000, 10));
  EXPECT_EQ(KindOf(stored.status()), Kind::kLocked);
  EXPECT_THAT(std::string(stored.status().message()), HasSubstr("rotated"));
  EXPECT_EQ(KindOf(RunPrune(context_, *older, Options()).status()), Kind::kLocked);
  const auto middle = Open(memory_);
  Complete();
  EXPECT_EQ(KindOf(Store(*middle, Rows(1000, 10)).status()), Kind::kLocked);
  EXPECT_EQ(Count(*memory_, kLocksPrefix), 0U);
  ExpectAllThere(memory_, "after: ");
}

TEST_F(RotationOfSnapshotsTest, ARunningBackupKeepsItAway) {
  const auto writing = Open(memory_);
  auto writer = writing->BeginSnapshot(context_, Info());
  ASSERT_TRUE(writer.ok());
  FakeClock impatient;  // on which waiting for a lock takes no time
  const auto early = BeginRotation(Context(impatient), *memory_, TestPassphrase(), {}, kCheap);
  EXPECT_EQ(KindOf(early.status()), Kind::kLocked) << early.status();
  writer->reset();
  MustBegin();
}

TEST_F(RotationTest, OtherPassphrasesAreCutOffAndToldSo) {
  const Secret other("other");
  const Secret fresh("fresh");
  Make(memory_);
  ASSERT_TRUE(AddKey(context_, *memory_, TestPassphrase(), other, kCheap).ok());
  const auto former = Objects();
  const auto begun = Begin(memory_, fresh);
  ASSERT_TRUE(begun.ok()) << begun.status();
  EXPECT_EQ(begun->removed.size(), 2U);
  const auto entries = ListKeys(context_, *memory_, fresh);
  ASSERT_TRUE(entries.ok()) << entries.status();
  ASSERT_EQ(entries->size(), 1U);
  EXPECT_EQ(entries->at(0).id, begun->key_id);
  EXPECT_EQ(KindOf(OpenRepository(context_, memory_, other).status()), Kind::kWrongKey);
  EXPECT_EQ(KindOf(OpenRepository(context_, memory_, TestPassphrase()).status()), Kind::kWrongKey);
  // A former key object that came back, such as from a copy, opens nothing and is named.
  for (const auto& [key, bytes] : former) {
    if (!key.starts_with(kKeysPrefix)) continue;
    ASSERT_TRUE(memory_->Put(context_, {key}, bytes).ok());
  }
  const auto stale = OpenRepository(context_, memory_, other);
  EXPECT_EQ(KindOf(stale.status()), Kind::kWrongKey);
  EXPECT_THAT(std::string(stale.status().message()),
              HasSubstr("before the master key was rotated"));
  ASSERT_TRUE(AddKey(context_, *memory_, fresh, other, kCheap).ok());
  EXPECT_TRUE(OpenRepository(context_, memory_, other).ok());
}

TEST_F(RotationTest, WithoutEncryptionThereIsNothingToRotate) {
  ASSERT_TRUE(CreateRepository(context_, memory_, CheapOptions(false)).ok());
  EXPECT_EQ(KindOf(BeginRotation(context_, *memory_, Secret(), Secret(), kCheap).status()),
            Kind::kRefused);
}

TEST_F(RotationTest, AConfigWithACarriedKeyFromElsewhereIsDamaged) {
  Make(memory_);
  MustBegin();
  Bytes config = *memory_->Get(context_, ConfigKey(), 0, objects::kToEnd);
  const auto at = std::string(AsText(config)).find("\"names\":\"");
  ASSERT_NE(at, std::string::npos);
  config[at + 9] = config[at + 9] == '0' ? '1' : '0';
  ASSERT_TRUE(memory_->Put(context_, ConfigKey(), config).ok());
  EXPECT_EQ(KindOf(OpenRepository(context_, memory_, TestPassphrase()).status()), Kind::kCorrupt);
}

// At whatever store operation it dies, before or after that was done: the passphrase opens the
// repository, every snapshot is whole, and the same commands again complete the work.
class RotationCrashTest : public RotationOfSnapshotsTest,
                          public testing::WithParamInterface<Effect> {
 protected:
  std::shared_ptr<MemoryStore> CopyOf(const std::map<std::string, Bytes>& objects) {
    auto copy = std::make_shared<MemoryStore>();
    for (const auto& [key, bytes] : objects) EXPECT_TRUE(copy->Put(context_, {key}, bytes).ok());
    return copy;
  }
  void ExpectCompleted(const std::shared_ptr<MemoryStore>& memory) {
    for (int run = 0;; ++run) {
      ASSERT_LT(run, 6);
      const auto report = Continue(memory);
      ASSERT_TRUE(report.ok()) << report.status();
      if (report->finished) break;
      clock_.Advance(kMargin);
    }
    ExpectAllThere(memory, "completed: ");
    EXPECT_EQ(Count(*memory, kKeysPrefix), 1U);
    EXPECT_EQ(Count(*memory, kPrunePrefix), 0U);
    EXPECT_EQ(Count(*memory, kLocksPrefix), 0U);
  }
};

TEST_P(RotationCrashTest, OfTheBeginning) {
  const auto before = Objects();
  for (std::uint64_t n = 1;; ++n) {
    SCOPED_TRACE("operation " + std::to_string(n));
    ASSERT_LT(n, 100U);
    const auto memory = CopyOf(before);
    const auto faulty = std::make_shared<FaultyStore>(memory);
    faulty->CrashAt(n, GetParam());
    const auto begun = Begin(faulty);
    const bool clean = !faulty->crashed();
    clock_.Advance(std::chrono::minutes(11));  // its lock runs out
    ExpectAllThere(memory, "after the crash: ");
    if (const auto again = Begin(memory); !again.ok()) {
      ASSERT_EQ(KindOf(again.status()), Kind::kRefused)
          << "only when it was begun: " << again.status();
    }
    ExpectCompleted(memory);
    ASSERT_FALSE(HasFailure());
    if (clean) {
      ASSERT_TRUE(begun.ok());
      break;
    }
  }
}

TEST_P(RotationCrashTest, OfEachPass) {
  MustBegin();
  auto before = Objects();
  for (int pass = 0; pass < 2; ++pass) {
    for (std::uint64_t n = 1;; n += Effort(1, 1, 13)) {
      SCOPED_TRACE("pass " + std::to_string(pass) + ", operation " + std::to_string(n));
      ASSERT_LT(n, 500U);
      const auto memory = CopyOf(before);
      clock_.Advance(pass == 0 ? Duration() : kMargin);
      const auto faulty = std::make_shared<FaultyStore>(memory);
      faulty->CrashAt(n, GetParam());
      bool clean = false;
      if (auto opened = OpenRepository(context_, faulty, TestPassphrase()); opened.ok()) {
        clean = ContinueRotation(context_, *Hasty(*std::move(opened)),
                                 RotationOptions{.program = "aerie test"})
                    .ok() &&
                !faulty->crashed();
      }
      clock_.Advance(std::chrono::minutes(11));
      ExpectAllThere(memory, "after the crash: ");
      if (clean) before = AllObjects(*memory);
      ExpectCompleted(memory);
      ASSERT_FALSE(HasFailure());
      if (clean) break;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(BeforeAndAfter, RotationCrashTest,
                         testing::Values(Effect::kCrash, Effect::kCrashAfter));

}  // namespace
}  // namespace aerie::repo
