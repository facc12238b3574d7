// Deletion: two phases, crashes anywhere, stores and clocks that lie, writers beside.
#include "repo/prune.h"

#include <cstdlib>
#include <map>
#include <optional>
#include <set>
#include <thread>

#include "repo/doom.h"
#include "repo/inventory.h"
#include "repo/object_names.h"
#include "repo/prune_testing.h"

namespace aerie::repo {
namespace {

using objects::Effect;
using objects::FaultyStore;
using objects::MemoryStore;
using objects::Verb;

// Two snapshots that share half of their rows, and one of other rows.
struct Three {
  Snapshot first, second, third;
};

class PruneRunTest : public PruneTest {
 protected:
  void SetUp() override { repository_ = Make(store_); }

  Three MakeThree() {
    return {MustStore(*repository_, Rows(0, 200)), MustStore(*repository_, Rows(0, 400)),
            MustStore(*repository_, Rows(5000, 300))};
  }
  void MustDelete(const SnapshotId& id) {
    const auto results = DeleteSnapshots(context_, *repository_, {id});
    ASSERT_TRUE(results.ok()) << results.status();
    ASSERT_TRUE(results->at(0).status.ok()) << results->at(0).status;
  }

  std::shared_ptr<MemoryStore> memory_ = std::make_shared<MemoryStore>();
  std::shared_ptr<FaultyStore> store_ = std::make_shared<FaultyStore>(memory_);
  std::unique_ptr<Repository> repository_;
};

// ---- leftovers ----

TEST_F(PruneRunTest, LeftoversAreSweptUnderTheExclusiveLockAndNotInAPreview) {
  MakeThree();
  PruneOptions options = Options();
  std::vector<Duration> ages;
  options.sweep_leftovers = [&](const Context&, Duration age) -> Result<Leftovers> {
    ages.push_back(age);
    const auto other = Open(memory_);
    EXPECT_EQ(KindOf(other->BeginSnapshot(context_, Info()).status()), Kind::kLocked);
    return Leftovers{2, 30};
  };
  ASSERT_TRUE(PlanPrune(context_, *repository_, options).ok());
  EXPECT_TRUE(ages.empty());
  EXPECT_EQ(MustPrune(*repository_, options).leftovers.bytes, 30U);
  options.margin = {};
  EXPECT_EQ(MustPrune(*repository_, options).leftovers.files, 2U);
  EXPECT_EQ(ages, (std::vector<Duration>{kMargin, std::chrono::hours(1)}));
}

TEST_F(PruneRunTest, LeftoversThatCannotBeSweptMakeItPartial) {
  MakeThree();
  PruneOptions options = Options();
  options.sweep_leftovers = [](const Context&, Duration) -> Result<Leftovers> {
    return MakeStatus(Kind::kDenied, "no");
  };
  EXPECT_EQ(KindOf(RunPrune(context_, *repository_, options).status()), Kind::kPartial);
  ExpectWhole(store_, "after prune: ");
}

// ---- delete and pin ----

TEST_F(PruneRunTest, DeletingRemovesTheSnapshotObjectAndNothingElse) {
  const Three three = MakeThree();
  auto before = AllObjects(*memory_);
  MustDelete(three.second.id);
  before.erase(SnapshotKey(*ObjectId::Parse(three.second.id.hex)).text);
  EXPECT_EQ(AllObjects(*memory_), before);
  ExpectWhole(store_, "after delete: ");
}

TEST_F(PruneRunTest, APinnedSnapshotIsDeletedByNobody) {
  const Three three = MakeThree();
  ASSERT_TRUE(PinSnapshot(context_, *repository_, three.first.id).ok());
  ASSERT_TRUE(PinSnapshot(context_, *repository_, three.first.id).ok()) << "twice";
  EXPECT_EQ(*ListPins(context_, *repository_), std::set<SnapshotId>{three.first.id});
  const Status refused =
      DeleteSnapshots(context_, *repository_, {three.second.id, three.first.id}).status();
  EXPECT_EQ(KindOf(refused), Kind::kRefused);
  EXPECT_NE(std::string(refused.message()).find("unpin"), std::string::npos) << refused;
  EXPECT_EQ(repository_->ListSnapshots(context_)->size(), 3U) << "all or nothing";
  PruneOptions options = Options();
  options.policy.keep_last = 1;
  const PruneReport report = MustPrune(*repository_, options);
  EXPECT_EQ(repository_->ListSnapshots(context_)->size(), 2U);
  ASSERT_TRUE(UnpinSnapshot(context_, *repository_, three.first.id).ok());
  MustPrune(*repository_, options);
  EXPECT_EQ(repository_->ListSnapshots(context_)->size(), 1U);
}

TEST_F(PruneRunTest, TheLastVerifiedOneIsKeptAndItsRecordGoesWithIt) {
  const Snapshot verified = MustStore(*repository_, Rows(0, 100));
  const Snapshot newer = MustStore(*repository_, Rows(0, 200));
  ASSERT_TRUE(RecordVerified(context_, *repository_, verified.id).ok());
  ASSERT_TRUE(RecordVerified(context_, *repository_, verified.id).ok()) << "twice";
  PruneOptions options = Options();
  options.policy.keep_last = 1;
  MustPrune(*repository_, options);
  EXPECT_EQ(repository_->ListSnapshots(context_)->size(), 2U);
  ASSERT_TRUE(RecordVerified(context_, *repository_, newer.id).ok());
  MustPrune(*repository_, options);
  EXPECT_EQ(repository_->ListSnapshots(context_)->size(), 1U);
  EXPECT_EQ(*ListVerified(context_, *repository_), std::set<SnapshotId>{newer.id});
  EXPECT_EQ(KindOf(RecordVerified(context_, *repository_, verified.id)), Kind::kNotFound);
}

TEST_F(PruneRunTest, PinningWhatIsNotThereSaysSo) {
  EXPECT_EQ(KindOf(PinSnapshot(context_, *repository_, {ObjectId{}.ToHex()})), Kind::kNotFound);
  EXPECT_TRUE(ListPins(context_, *repository_)->empty());
}

TEST_F(PruneRunTest, ADeleteThatReportsFailureAndSucceededIsDoneAndTheReverseIsNot) {
  const Three three = MakeThree();
  store_->Add({.effect = Effect::kFailAfter,
               .kind = Kind::kTimeout,
               .verb = Verb::kRemove,
               .key_prefix = kSnapshotsPrefix});
  auto results = DeleteSnapshots(context_, *repository_, {three.first.id});
  EXPECT_TRUE(results->at(0).status.ok()) << results->at(0).status;
  store_->Add({.effect = Effect::kLose, .verb = Verb::kRemove, .key_prefix = kSnapshotsPrefix});
  results = DeleteSnapshots(context_, *repository_, {three.second.id});
  EXPECT_EQ(KindOf(results->at(0).status), Kind::kFailed);
  store_->Add({.effect = Effect::kFail,
               .kind = Kind::kTransient,
               .verb = Verb::kStat,
               .key_prefix = kSnapshotsPrefix});
  results = DeleteSnapshots(context_, *repository_, {three.third.id});
  EXPECT_EQ(KindOf(results->at(0).status), Kind::kUnknownOutcome);
}

// ---- two phases ----

TEST_F(PruneRunTest, GarbageIsDoomedFirstAndRemovedAfterTheMargin) {
  const Three three = MakeThree();
  MustDelete(three.third.id);
  const std::size_t packs = Count(*memory_, kPacksPrefix);
  PruneReport report = MustPrune(*repository_);
  EXPECT_EQ(report.doomed.packs, 1U);
  EXPECT_EQ(report.removed.packs, 0U);
  EXPECT_EQ(Count(*memory_, kPacksPrefix), packs);
  EXPECT_EQ(Count(*memory_, kPrunePrefix), 1U);

  clock_.Advance(kMargin - std::chrono::minutes(5));
  report = MustPrune(*repository_);
  EXPECT_EQ(report.waiting.packs, 1U);
  EXPECT_EQ(report.doomed.packs, 0U);
  EXPECT_EQ(Count(*memory_, kPacksPrefix), packs);

  clock_.Advance(std::chrono::minutes(5));
  const auto preview = PlanPrune(context_, *repository_, Options());
  EXPECT_EQ(preview->removed.packs, 1U);
  report = MustPrune(*repository_);
  EXPECT_EQ(report.removed.packs, 1U);
  EXPECT_EQ(preview->removed.bytes, report.removed.bytes);
  EXPECT_EQ(Count(*memory_, kPacksPrefix), packs - 1);
  EXPECT_EQ(Count(*memory_, kPrunePrefix), 0U);
  ExpectWhole(store_, "after the sweep: ");
  ExpectSameRows(Rows(0, 400), *Read(*Open(store_), three.second));
}

TEST_F(PruneRunTest, EvenWithoutAMarginOnlyALaterRunRemoves) {
  const Three three = MakeThree();
  MustDelete(three.third.id);
  EXPECT_EQ(MustPrune(*repository_, Options({})).removed.packs, 0U);
  EXPECT_EQ(MustPrune(*repository_, Options({})).removed.packs, 1U);
}

TEST_F(PruneRunTest, APreviewChangesNothing) {
  const Three three = MakeThree();
  MustDelete(three.third.id);
  const auto before = AllObjects(*memory_);
  PruneOptions options = Options();
  options.policy.keep_last = 1;
  const auto report = PlanPrune(context_, *repository_, options);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->decisions.size(), 2U);
  EXPECT_FALSE(report->decisions[1].keep);
  EXPECT_EQ(AllObjects(*memory_), before);
}

TEST_F(PruneRunTest, PacksOfAnInterruptedBackupAreKeptAsLongAsTheMargin) {
  MustStore(*repository_, Rows(0, 100));
  store_->Add({.effect = Effect::kFail,
               .kind = Kind::kNoSpace,
               .verb = Verb::kPutIfAbsent,
               .key_prefix = kIndexPrefix});
  EXPECT_FALSE(Store(*repository_, Rows(7000, 300)).ok());
  EXPECT_EQ(MustPrune(*repository_).young.packs, 1U);
  const auto stored = Store(*repository_, Rows(7000, 300));
  ASSERT_TRUE(stored.ok());
  EXPECT_EQ(stored->stats.blobs_new, 0U) << "invariant 7";
  MustDelete(stored->id);
  clock_.Advance(kMargin);
  EXPECT_EQ(MustPrune(*repository_).doomed.packs, 1U);
}

TEST_F(PruneRunTest, ABackupDoesNotRestOnDoomedPacks) {
  const Three three = MakeThree();
  MustDelete(three.third.id);
  MustPrune(*repository_);
  for (const bool same_process : {true, false}) {
    if (!same_process) repository_ = Open(store_);
    const auto stored = Store(*repository_, Rows(5000, 300));
    ASSERT_TRUE(stored.ok()) << stored.status();
    EXPECT_EQ(stored->stats.blobs_new > 5, same_process) << "stored again, once";
  }
  clock_.Advance(kMargin);
  EXPECT_EQ(MustPrune(*repository_).removed.packs, 1U);
  ExpectWhole(store_, "after the sweep: ");
}

TEST_F(PruneRunTest, ADoomedPackThatIsNeededAgainStays) {
  const Three three = MakeThree();
  const auto key = SnapshotKey(*ObjectId::Parse(three.third.id.hex));
  const Bytes object = *memory_->Get(context_, key, 0, objects::kToEnd);
  MustDelete(three.third.id);
  MustPrune(*repository_);
  ASSERT_TRUE(memory_->Put(context_, key, object).ok());  // copied back
  clock_.Advance(kMargin);
  const PruneReport report = MustPrune(*Open(store_));
  EXPECT_EQ(report.needed.packs, 1U);
  EXPECT_EQ(report.removed.packs, 0U);
  EXPECT_EQ(Count(*memory_, kPrunePrefix), 0U);
  ExpectWhole(store_, "needed again: ");
  const auto stored = Store(*Open(store_), Rows(5000, 300));
  EXPECT_EQ(stored->stats.blobs_new, 0U) << "it is a pack like others again";
}

// ---- repacking ----

TEST_F(PruneRunTest, PacksThatAreMostlyGarbageAreStoredAgainWithoutIt) {
  const Snapshot big = MustStore(*repository_, Rows(0, 2000));
  const Snapshot small = MustStore(*repository_, Rows(0, 200));
  MustDelete(big.id);
  const std::uint64_t before = repository_->Stats(context_)->pack_bytes;
  PruneOptions options = Options();
  options.repack_above = 0.5;
  PruneReport report = MustPrune(*repository_, options);
  EXPECT_EQ(report.repacked.packs, 1U);
  EXPECT_EQ(report.doomed.packs, 1U);
  ExpectWhole(store_, "between: ");
  EXPECT_EQ(MustPrune(*repository_, options).repacked.packs, 0U) << "once";
  clock_.Advance(kMargin);
  report = MustPrune(*repository_, options);
  EXPECT_EQ(report.removed.packs, 1U);
  EXPECT_EQ(report.garbage_bytes < report.kept.bytes / 2, true);
  EXPECT_LT(repository_->Stats(context_)->pack_bytes, before / 2);
  ExpectWhole(store_, "after: ");
  ExpectSameRows(Rows(0, 200), *Read(*repository_, small));
  EXPECT_EQ(Store(*repository_, Rows(0, 200))->stats.blobs_new, 0U);
}

TEST_F(PruneRunTest, ThresholdAndLimitDecideWhatIsRepacked) {
  const Snapshot big = MustStore(*repository_, Rows(0, 2000));
  MustStore(*repository_, Rows(0, 200));
  MustDelete(big.id);
  PruneOptions options = Options();
  options.repack_above.reset();
  EXPECT_EQ(MustPrune(*repository_, options).repacked.packs, 0U);
  options.repack_above = 0.99;
  EXPECT_EQ(MustPrune(*repository_, options).repacked.packs, 0U);
  options.repack_above = 0.5;
  options.max_repack_bytes = 10;
  EXPECT_EQ(MustPrune(*repository_, options).repacked.packs, 0U);
}

TEST_F(PruneRunTest, DamageInTheSurvivingCopyIsFoundBeforeTheOtherGoes) {
  const Snapshot big = MustStore(*repository_, Rows(0, 2000));
  MustStore(*repository_, Rows(0, 200));
  MustDelete(big.id);
  std::set<std::string> before;
  for (const auto& [key, bytes] : AllObjects(*memory_)) before.insert(key);
  ASSERT_EQ(MustPrune(*repository_).repacked.packs, 1U);
  for (const auto& [key, bytes] : AllObjects(*memory_)) {
    if (!key.starts_with(kPacksPrefix) || before.contains(key)) continue;
    Bytes bad = bytes;
    bad[30] ^= 1;
    ASSERT_TRUE(memory_->Put(context_, {key}, bad).ok());
  }
  clock_.Advance(kMargin);
  const std::size_t packs = Count(*memory_, kPacksPrefix);
  EXPECT_EQ(KindOf(RunPrune(context_, *Open(store_), Options()).status()), Kind::kCorrupt);
  EXPECT_EQ(Count(*memory_, kPacksPrefix), packs);
}

// Counts what is read of packs.
class ReadCounter : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  Result<Bytes> Get(const Context& c, const objects::ObjectKey& key, std::uint64_t offset,
                    std::uint64_t length) override {
    auto bytes = inner_->Get(c, key, offset, length);
    if (bytes.ok() && key.text.starts_with(kPacksPrefix)) read_ += bytes->size();
    return bytes;
  }
  std::atomic<std::uint64_t> read_{0};
};

TEST_F(PruneRunTest, RemovingWholePacksReadsNoRowsThatStay) {
  const rows::CollectionSpec wide = SmallSpec(rows::DataType::kInt64, 256);
  const auto store = [&](std::int64_t first) {
    auto stored = StoreSnapshot(*repository_, wide, NumberedRows(wide, first, 3000), Info());
    clock_.Advance(std::chrono::minutes(1));
    return stored->id;
  };
  store(0);
  const SnapshotId gone = store(100'000);
  store(200'000);
  MustDelete(gone);
  const auto counter = std::make_shared<ReadCounter>(memory_);
  const auto repository = Open(counter);
  EXPECT_EQ(MustPrune(*repository).doomed.packs, 1U);
  clock_.Advance(kMargin);
  EXPECT_EQ(MustPrune(*repository).removed.packs, 1U);
  EXPECT_LT(counter->read_.load(), 20'000U) << "manifests and tree pages, of megabytes of rows";
}

// Remembers which bytes of packs are read.
class ReadLog : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  Result<Bytes> Get(const Context& c, const objects::ObjectKey& key, std::uint64_t offset,
                    std::uint64_t length) override {
    auto bytes = inner_->Get(c, key, offset, length);
    ++gets_;
    if (const auto id = IdOfKey(key, PackKey); bytes.ok() && id) {
      std::lock_guard lock(mutex_);
      ranges_[*id].emplace_back(offset, offset + bytes->size());
    }
    return bytes;
  }
  std::uint64_t gets() const { return gets_; }
  // Sealed bytes of the blobs of which anything was read, by kind.
  std::map<BlobKind, std::uint64_t> Read(const Inventory& inventory) const {
    std::map<BlobKind, std::uint64_t> read;
    for (const StoredPack& pack : inventory.packs) {
      const auto ranges = ranges_.find(pack.record.id);
      if (ranges == ranges_.end()) continue;
      for (const PackEntry& entry : pack.record.entries) {
        const bool touched = std::ranges::any_of(ranges->second, [&](const auto& range) {
          return range.first < entry.offset + entry.sealed && entry.offset < range.second;
        });
        if (touched) read[entry.kind] += entry.sealed;
      }
    }
    return read;
  }

 private:
  std::atomic<std::uint64_t> gets_{0};
  std::mutex mutex_;
  std::map<ObjectId, std::vector<std::pair<std::uint64_t, std::uint64_t>>> ranges_;
};

// bench/README.md has the figures of AERIE_MANY_SNAPSHOTS=10000. All rest on rows that the first
// one stored, which goes, and each has some rows of its own.
TEST_F(PruneRunTest, OfTheOldestHundredthReadsNoDataThatStays) {
  const char* const asked = std::getenv("AERIE_MANY_SNAPSHOTS");
  const std::size_t count = asked == nullptr ? 300 : std::strtoul(asked, nullptr, 10);
  for (std::size_t i = 0; i < count; ++i) {
    const auto number = static_cast<std::int64_t>(i);
    rows::RowBatch rows = Rows(0, 200);
    rows.Append(Rows(1'000'000 + 1000 * number, 20, i + 2));
    const Snapshot info = InfoAt((number + 1) * 3'600'000);
    const auto stored = StoreNext(*repository_, spec_, rows, std::nullopt, info);
    ASSERT_TRUE(stored.ok()) << stored.status();
  }
  const RepositoryCore core = repository_->core();
  const auto inventory = TakeInventory(context_, core.store, core.keys);
  ASSERT_TRUE(inventory.ok()) << inventory.status();
  const auto log = std::make_shared<ReadLog>(memory_);
  PruneOptions options = Options();
  options.policy.keep_last = static_cast<std::uint32_t>(count - count / 100);
  options.repack_above.reset();
  const PruneReport first = MustPrune(*Open(log), options);
  EXPECT_EQ(std::ranges::count(first.decisions, false, &RetentionDecision::keep), count / 100);
  EXPECT_GT(first.doomed.packs, 0U);
  clock_.Advance(kMargin);
  EXPECT_EQ(MustPrune(*Open(log), options).removed.packs, first.doomed.packs);
  const auto read = log->Read(*inventory);
  for (const auto& [kind, bytes] : read) {
    EXPECT_TRUE(kind == BlobKind::kTreePage || kind == BlobKind::kManifest)
        << bytes << " bytes of kind " << static_cast<int>(kind);
    RecordProperty("bytes_of_kind_" + std::to_string(static_cast<int>(kind)),
                   std::to_string(bytes));
  }
  RecordProperty("gets", std::to_string(log->gets()));
  RecordProperty("kept_bytes", std::to_string(first.kept.bytes));
}

// ---- crashes ----

class PruneCrash : public PruneTest, public ::testing::WithParamInterface<Effect> {};
INSTANTIATE_TEST_SUITE_P(Effects, PruneCrash,
                         ::testing::Values(Effect::kCrash, Effect::kCrashAfter),
                         [](const auto& effect) {
                           return effect.param == Effect::kCrash ? "Before" : "After";
                         });

// Deletes, dooms, repacks and sweeps; dies at every operation in turn; then a new process finds
// every remaining snapshot whole and completes the work.
TEST_P(PruneCrash, AnywhereLeavesEverySnapshotWholeAndTheWorkIsCompleted) {
  const auto base = std::make_shared<MemoryStore>();
  auto repository = Make(base);
  const rows::RowBatch kept_rows = Rows(0, 200);
  const Snapshot big = MustStore(*repository, Rows(0, 1000));
  const Snapshot other = MustStore(*repository, Rows(5000, 300));
  MustStore(*repository, Rows(9000, 300));
  ASSERT_TRUE(DeleteSnapshots(context_, *repository, {other.id}).ok());
  MustPrune(*repository);  // dooms the pack of `other`
  clock_.Advance(kMargin);
  const Snapshot kept = MustStore(*repository, kept_rows);
  const auto before = AllObjects(*base);
  PruneOptions options = Options();
  options.policy.keep_last = 1;  // goes: the big one and the one at 9000

  bool finished = false;
  for (std::uint64_t at = 1; !finished; ++at) {
    SCOPED_TRACE("operation " + std::to_string(at));
    const auto memory = std::make_shared<MemoryStore>();
    for (const auto& [key, bytes] : before) {
      const Duration age = kMargin + std::chrono::hours(1);
      clock_.Advance(-age);  // as old as they were
      ASSERT_TRUE(memory->Put(context_, {key}, bytes).ok());
      clock_.Advance(age);
    }
    const auto faulty = std::make_shared<FaultyStore>(memory);
    faulty->CrashAt(at, GetParam());
    if (auto opened = OpenRepository(context_, faulty, TestPassphrase()); opened.ok()) {
      finished = RunPrune(context_, *Hasty(*std::move(opened)), options).ok() && !faulty->crashed();
    }
    clock_.Advance(std::chrono::minutes(11));  // its lock runs out
    ExpectWhole(memory, "after the crash: ");
    auto again = Open(memory);
    const auto found = again->FindSnapshot(context_, kept.id.hex);
    ASSERT_TRUE(found.ok()) << found.status();
    ExpectSameRows(kept_rows, *Read(*again, *found));
    PruneReport last;
    for (int run = 0; run < 4; ++run) {
      last = MustPrune(*again, options);
      clock_.Advance(kMargin);
    }
    ExpectWhole(memory, "completed: ");
    EXPECT_EQ(Count(*memory, kSnapshotsPrefix), 1U);
    EXPECT_EQ(Count(*memory, kPacksPrefix), last.kept.packs) << "no garbage, doomed or not";
    EXPECT_EQ(last.repacked.packs + last.removed.packs, 0U);
    EXPECT_EQ(Count(*memory, kPrunePrefix), 0U);
    EXPECT_EQ(Count(*memory, kLocksPrefix), 0U);
    ASSERT_FALSE(HasFailure());
    ASSERT_LT(at, 500U);
  }
}

// ---- stores that lie ----

TEST_F(PruneRunTest, AFailedListingRemovesNothing) {
  const Three three = MakeThree();
  MustDelete(three.third.id);
  MustPrune(*repository_);
  clock_.Advance(kMargin);
  for (const char* const prefix :
       {kSnapshotsPrefix, kPacksPrefix, kIndexPrefix, kPinsPrefix, kPrunePrefix, kLocksPrefix}) {
    for (std::uint64_t skip = 0; skip < 3; ++skip) {
      const auto repository = Open(store_);
      const std::size_t packs = Count(*memory_, kPacksPrefix);
      store_->Add({.effect = Effect::kTorn,
                   .kind = Kind::kTransient,
                   .verb = Verb::kList,
                   .key_prefix = prefix,
                   .skip = skip});
      const auto report = RunPrune(context_, *repository, Options());
      store_->Revive();
      if (!report.ok() && skip == 0) {
        EXPECT_EQ(Count(*memory_, kPacksPrefix), packs) << prefix;
      }
      if (skip == 0) {
        EXPECT_FALSE(report.ok()) << prefix;
      }
      ExpectWhole(store_, prefix);
    }
  }
}

TEST_F(PruneRunTest, AShortListingOfSnapshotsIsFoundOutAndRemovesNothing) {
  const Three three = MakeThree();
  MustDelete(three.third.id);
  MustPrune(*repository_);
  clock_.Advance(kMargin);
  const auto liar = std::make_shared<ShortStore>(store_);
  const std::string hidden = kSnapshotsPrefix + three.first.id.hex;
  liar->shows = [&](const objects::ObjectInfo& info) { return info.key.text != hidden; };
  const auto before = AllObjects(*memory_);
  const Status status = RunPrune(context_, *Open(liar), Options()).status();
  EXPECT_EQ(KindOf(status), Kind::kRefused) << status;
  EXPECT_NE(std::string(status.message()).find(hidden), std::string::npos) << status;
  EXPECT_EQ(AllObjects(*memory_), before);
  // One that is short only now and then differs from the next.
  std::atomic<int> calls{0};
  liar->shows = [&](const objects::ObjectInfo& info) {
    return info.key.text != hidden || ++calls != 2;
  };
  EXPECT_EQ(KindOf(RunPrune(context_, *Open(liar), Options()).status()), Kind::kRefused);
  EXPECT_EQ(AllObjects(*memory_), before);
}

TEST_F(PruneRunTest, AListingThatWasNeverTrueDoomsAndIsForgivenByTheNext) {
  // No earlier prune, no parent, no pin knows of the hidden snapshot.
  const Three three = MakeThree();
  const auto liar = std::make_shared<ShortStore>(store_);
  const std::string hidden = kSnapshotsPrefix + three.third.id.hex;
  liar->shows = [&](const objects::ObjectInfo& info) { return info.key.text != hidden; };
  MustPrune(*Open(liar));
  clock_.Advance(kMargin);
  EXPECT_EQ(MustPrune(*Open(store_)).needed.packs, 1U);
  ExpectWhole(store_, "forgiven: ");
}

TEST_F(PruneRunTest, AShortListingOfPacksIsFoundOut) {
  MakeThree();
  const auto liar = std::make_shared<ShortStore>(store_);
  const auto before = AllObjects(*memory_);
  const std::string hidden = before.lower_bound(kPacksPrefix)->first;
  liar->shows = [&](const objects::ObjectInfo& info) { return info.key.text != hidden; };
  EXPECT_FALSE(RunPrune(context_, *Open(liar), Options()).ok());
  EXPECT_EQ(AllObjects(*memory_), before);
}

TEST_F(PruneRunTest, RemovalsThatLieAreSeenAndMadeGood) {
  const Three three = MakeThree();
  MustDelete(three.third.id);
  MustPrune(*repository_);
  clock_.Advance(kMargin);
  store_->Add({.effect = Effect::kLose, .verb = Verb::kRemove, .key_prefix = kIndexPrefix});
  EXPECT_FALSE(RunPrune(context_, *repository_, Options()).ok());
  ExpectWhole(store_, "the old index stayed: ");
  store_->Revive();
  store_->Add({.effect = Effect::kLose, .verb = Verb::kRemove, .key_prefix = kPacksPrefix});
  EXPECT_EQ(KindOf(RunPrune(context_, *Open(store_), Options()).status()), Kind::kPartial);
  EXPECT_EQ(Count(*memory_, kPrunePrefix), 1U) << "still doomed";
  ExpectWhole(store_, "the pack stayed: ");
  store_->Add({.effect = Effect::kFailAfter,
               .kind = Kind::kTimeout,
               .verb = Verb::kRemove,
               .key_prefix = kPacksPrefix});
  EXPECT_EQ(MustPrune(*Open(store_)).removed.packs, 1U);
  EXPECT_EQ(Count(*memory_, kPrunePrefix), 0U);
  ExpectWhole(store_, "made good: ");
}

TEST_F(PruneRunTest, WhatCannotBeReadStopsThePruneBeforeItRemoves) {
  const Three three = MakeThree();
  MustDelete(three.third.id);
  MustPrune(*repository_);
  clock_.Advance(kMargin);
  const auto before = AllObjects(*memory_);
  for (const auto& [key, bytes] : before) {
    if (!key.starts_with(kSnapshotsPrefix)) continue;
    Bytes bad = bytes;
    bad[40] ^= 1;
    ASSERT_TRUE(memory_->Put(context_, {key}, bad).ok());
    PruneOptions options = Options();
    options.policy.keep_last = 1;
    EXPECT_EQ(KindOf(RunPrune(context_, *Open(store_), options).status()), Kind::kCorrupt);
    ASSERT_TRUE(memory_->Put(context_, {key}, bytes).ok());
    EXPECT_EQ(AllObjects(*memory_), before);
  }
  // A pack that a snapshot needs is gone: no other snapshot may go because of the policy.
  for (const auto& [key, bytes] : before) {
    if (!key.starts_with(kPacksPrefix)) continue;
    memory_->Remove(context_, {{key}});
    PruneOptions options = Options();
    options.policy.keep_last = 1;
    const auto report = RunPrune(context_, *Open(store_), options);
    if (!report.ok()) {
      EXPECT_EQ(Count(*memory_, kSnapshotsPrefix), 2U);
    }
    for (const auto& [old_key, old_bytes] : before) {
      ASSERT_TRUE(memory_->Put(context_, {old_key}, old_bytes).ok());
    }
  }
}

TEST_F(PruneRunTest, ADamagedPruneObjectDoomsNothingAndIsRemoved) {
  const Three three = MakeThree();
  MustDelete(three.third.id);
  MustPrune(*repository_);
  for (const auto& [key, bytes] : AllObjects(*memory_)) {
    if (!key.starts_with(kPrunePrefix)) continue;
    Bytes bad = bytes;
    bad[bad.size() / 2] ^= 1;
    ASSERT_TRUE(memory_->Put(context_, {key}, bad).ok());
  }
  clock_.Advance(kMargin);
  EXPECT_FALSE(Open(store_)->Check(context_, {})->empty());
  EXPECT_TRUE(Store(*Open(store_), Rows(5000, 300)).ok());
  const PruneReport report = MustPrune(*Open(store_));
  EXPECT_EQ(report.removed.packs, 0U);
  EXPECT_EQ(Count(*memory_, kPrunePrefix), 0U);
  ExpectWhole(store_, "damaged prune object: ");
}

TEST_F(PruneRunTest, AClockThatIsOffIsRefusedByWhateverDeletes) {
  const Three three = MakeThree();
  const auto before = AllObjects(*memory_);
  for (const Duration off : {Duration(std::chrono::hours(3)), Duration(-std::chrono::hours(3))}) {
    const auto repository = Open(std::make_shared<SkewedStore>(memory_, off));
    const Status pruned = RunPrune(context_, *repository, Options()).status();
    EXPECT_EQ(KindOf(pruned), Kind::kRefused) << pruned;
    EXPECT_NE(std::string(pruned.message()).find("NTP"), std::string::npos);
    EXPECT_EQ(KindOf(DeleteSnapshots(context_, *repository, {three.first.id}).status()),
              Kind::kRefused);
    EXPECT_EQ(AllObjects(*memory_), before);
    EXPECT_TRUE(PinSnapshot(context_, *repository, three.first.id).ok());
    EXPECT_TRUE(UnpinSnapshot(context_, *repository, three.first.id).ok());
  }
  EXPECT_TRUE(RunPrune(context_,
                       *Open(std::make_shared<SkewedStore>(memory_, std::chrono::seconds(60))),
                       Options())
                  .ok());
}

// ---- others beside ----

TEST_F(PruneRunTest, APruneWaitsForBackupsAndRestores) {
  const Three three = MakeThree();
  auto writer = *repository_->BeginSnapshot(context_, Info());
  const Status pruned = RunPrune(context_, *Open(store_), Options()).status();
  EXPECT_EQ(KindOf(pruned), Kind::kLocked);
  EXPECT_EQ(ExitCode(KindOf(pruned)), 5);
  EXPECT_NE(std::string(pruned.message()).find("backup"), std::string::npos) << pruned;
  writer.reset();
  auto source = repository_->OpenCollection(context_, three.first.collections[0]);
  ASSERT_TRUE(source.ok());
  EXPECT_EQ(KindOf(RunPrune(context_, *Open(store_), Options()).status()), Kind::kLocked);
  source->reset();
  MustPrune(*Open(store_));
}

TEST_F(PruneRunTest, ReadingGoesOnWhereNothingCanBeWritten) {
  const Three three = MakeThree();
  for (const Kind kind : {Kind::kDenied, Kind::kNoSpace}) {
    store_->Add({.effect = Effect::kFail,
                 .kind = kind,
                 .verb = Verb::kPutIfAbsent,
                 .times = objects::FaultRule::kForever});
    ExpectSameRows(Rows(0, 400), *Read(*Open(store_), three.second));
    ExpectWhole(store_, "read only: ");
    EXPECT_EQ(KindOf(RunPrune(context_, *Open(store_), Options()).status()), kind);
    store_->Revive();
  }
}

// A deterministic schedule for every moment of a backup: its lock is broken, a prune dooms, and
// another one sweeps, a margin later or (but for the very write that commits) at once. Whatever was
// committed must be whole for ever.
class BrokenLocks : public PruneRunTest, public ::testing::WithParamInterface<bool> {};
INSTANTIATE_TEST_SUITE_P(Sweeps, BrokenLocks, ::testing::Bool(),
                         [](const auto& at_once) { return at_once.param ? "AtOnce" : "Later"; });

TEST_P(BrokenLocks, APruneAtAnyMomentOfABackupBreaksNoSnapshot) {
  const Three three = MakeThree();
  MustDelete(three.third.id);
  const auto before = AllObjects(*memory_);
  bool through = false;
  std::set<Kind> outcomes;
  for (std::uint64_t nth = 1; !through; ++nth) {
    SCOPED_TRACE("operation " + std::to_string(nth));
    const auto memory = StoreWith({});
    for (const auto& [key, bytes] : before) {
      ASSERT_TRUE(memory->Put(context_, {key}, bytes).ok());
    }
    const auto hooked = std::make_shared<HookStore>(memory);
    const auto writer = Open(hooked);
    hooked->Before(nth, [&](const std::string& key) {
      if (GetParam() && key.starts_with(kSnapshotsPrefix)) return;
      BreakLocks(*memory);
      const Duration margin = GetParam() ? Duration() : kMargin;
      MustPrune(*Open(memory), Options(margin));
      if (GetParam()) MustPrune(*Open(memory), Options(margin));
    });
    const auto stored = Store(*writer, Rows(5000, 300));
    through = hooked->calls() < nth;
    outcomes.insert(KindOf(stored.status()));
    for (int run = 0; run < 2; ++run) {
      clock_.Advance(kMargin);
      MustPrune(*Open(memory));
    }
    ExpectWhole(memory, "after the sweep: ");
    if (!stored.ok()) continue;
    ExpectSameRows(Rows(5000, 300), *Read(*Open(memory), *stored));
  }
  EXPECT_TRUE(outcomes.contains(Kind::kOk));
  EXPECT_TRUE(outcomes.contains(Kind::kLocked)) << "it came too late to commit";
}

TEST_F(PruneRunTest, TwoWritersAndAPrunerAtOnce) {
  const auto work = [&](std::uint64_t seed) {
    const auto repository = Open(store_);
    for (int i = 0; i < 15; ++i) {
      const auto stored =
          Store(*repository, Rows(static_cast<std::int64_t>(seed) * 100, 200 + i % 3 * 50, seed));
      if (!stored.ok()) {
        EXPECT_EQ(KindOf(stored.status()), Kind::kLocked) << stored.status();
      }
    }
  };
  std::atomic<bool> done{false};
  {
    std::jthread pruner([&] {
      const auto repository = Open(store_);
      PruneOptions options = Options({});
      options.policy.keep_last = 2;
      options.repack_above = 0.1;
      while (!done) {
        const auto report = RunPrune(context_, *repository, options);
        if (!report.ok()) {
          EXPECT_EQ(KindOf(report.status()), Kind::kLocked) << report.status();
        }
      }
    });
    {
      std::jthread one(work, 1);
      std::jthread two(work, 2);
    }
    done = true;
  }
  ExpectWhole(store_, "three at once: ");
  const auto listed = repository_->ListSnapshots(context_);
  ASSERT_TRUE(listed.ok());
  for (const Snapshot& snapshot : *listed) {
    EXPECT_TRUE(Read(*repository_, snapshot).ok());
  }
}

TEST_F(PruneRunTest, AnOpenRepositoryFollowsAPruneOfAnother) {
  const Three three = MakeThree();
  const auto reader = Open(store_);
  ASSERT_TRUE(Read(*reader, three.second).ok());
  MustDelete(three.third.id);
  MustPrune(*repository_);
  clock_.Advance(kMargin);
  MustPrune(*repository_);
  ExpectSameRows(Rows(0, 400), *Read(*reader, three.second));
  const auto stored = Store(*reader, Rows(5000, 300));
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_GT(stored->stats.blobs_new, 5U);
  ExpectWhole(store_, "an old process wrote: ");
}

}  // namespace
}  // namespace aerie::repo
