// Indexes from packs alone: whatever is wrong with the old ones, and whatever the store does.
#include "repo/index_rebuild.h"

#include <atomic>

#include "repo/object_names.h"
#include "repo/prune_testing.h"

namespace aerie::repo {
namespace {

using objects::Effect;
using objects::FaultRule;
using objects::FaultyStore;
using objects::MemoryStore;
using objects::Verb;

class IndexRebuildTest : public PruneTest {
 protected:
  void SetUp() override {
    repository_ = Make(store_);
    for (int i = 0; i < 5; ++i) MustStore(*repository_, Rows(1000 * i, 150));
  }
  std::vector<std::string> Keys(const std::string& prefix) {
    return KeysUnder(AllObjects(*memory_), prefix);
  }
  IndexRebuild MustRebuild() {
    const auto rebuild = RebuildIndexes(context_, *Open(store_));
    EXPECT_TRUE(rebuild.ok()) << rebuild.status();
    return rebuild.ok() ? *rebuild : IndexRebuild{};
  }

  std::shared_ptr<MemoryStore> memory_ = std::make_shared<MemoryStore>();
  std::shared_ptr<FaultyStore> store_ = std::make_shared<FaultyStore>(memory_);
  std::unique_ptr<Repository> repository_;
};

TEST_F(IndexRebuildTest, ManySmallIndexesBecomeOneAndTheNextRunFindsNothingToDo) {
  EXPECT_EQ(Keys(kIndexPrefix).size(), 5U);
  const auto before = AllObjects(*memory_);
  const auto plan = PlanIndexRebuild(context_, *Open(store_));
  EXPECT_EQ(plan->written, 1U);
  EXPECT_EQ(plan->removed, 5U);
  EXPECT_EQ(AllObjects(*memory_), before) << "a preview";
  const IndexRebuild rebuild = MustRebuild();
  EXPECT_EQ(rebuild.packs, 5U);
  EXPECT_TRUE(rebuild.changed);
  EXPECT_EQ(Keys(kIndexPrefix).size(), 1U);
  ExpectWhole(store_, "merged: ");
  const auto after = AllObjects(*memory_);
  EXPECT_FALSE(MustRebuild().changed);
  EXPECT_EQ(AllObjects(*memory_), after);
}

TEST_F(IndexRebuildTest, WorksWhenAllIndexesAreGoneOrDamaged) {
  for (const bool gone : {true, false}) {
    for (const std::string& key : Keys(kIndexPrefix)) {
      if (gone)
        memory_->Remove(context_, {{key}});
      else
        ASSERT_TRUE(memory_->Put(context_, {key}, Bytes(77)).ok());
    }
    const IndexRebuild rebuild = MustRebuild();
    EXPECT_EQ(rebuild.unreadable, gone ? 0U : 1U);
    EXPECT_EQ(rebuild.packs, 5U);
    EXPECT_EQ(Keys(kIndexPrefix).size(), 1U);
    ExpectWhole(store_, "rebuilt: ");
  }
}

TEST_F(IndexRebuildTest, AnIndexThatNamesWhatIsGoneIsReplaced) {
  memory_->Remove(context_, {{Keys(kPacksPrefix).at(0)}});
  EXPECT_EQ(MustRebuild().packs, 4U);
  EXPECT_FALSE(MustRebuild().changed);
  EXPECT_EQ(Open(store_)->Stats(context_)->damaged_packs, 0U);
}

TEST_F(IndexRebuildTest, ADamagedPackIsNamedAndLeftOutAndTheIndexThatDescribesItStays) {
  const std::string pack = Keys(kPacksPrefix).at(2);
  Bytes bytes = BytesOf(*memory_, pack);
  bytes[bytes.size() - 30] ^= 1;  // in the directory
  ASSERT_TRUE(memory_->Put(context_, {pack}, bytes).ok());
  for (int run = 0; run < 2; ++run) {
    const IndexRebuild rebuild = MustRebuild();
    ASSERT_EQ(rebuild.damaged.size(), 1U);
    EXPECT_EQ(rebuild.damaged[0].object, pack);
    EXPECT_EQ(rebuild.packs, 4U);
    EXPECT_EQ(rebuild.kept, 1U);
    EXPECT_EQ(rebuild.changed, run == 0);
    EXPECT_EQ(Keys(kIndexPrefix).size(), 2U);
  }
  // Its blobs are read as before.
  const auto repository = Open(store_);
  const auto snapshots = repository->ListSnapshots(context_);
  ASSERT_TRUE(snapshots.ok()) << snapshots.status();
  for (const Snapshot& snapshot : *snapshots) {
    EXPECT_TRUE(Read(*repository, snapshot).ok());
  }
}

// Counts bytes read of packs.
class CountingStore : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  Result<Bytes> Get(const Context& c, const objects::ObjectKey& key, std::uint64_t offset,
                    std::uint64_t length) override {
    auto bytes = inner_->Get(c, key, offset, length);
    if (bytes.ok() && key.text.starts_with(kPacksPrefix)) read += bytes->size();
    return bytes;
  }
  std::atomic<std::uint64_t> read{0};
};

TEST_F(IndexRebuildTest, ReadsDirectoriesAndNoData) {
  const rows::CollectionSpec wide = SmallSpec(rows::DataType::kInt64, 512);
  ASSERT_TRUE(StoreSnapshot(*repository_, wide, NumberedRows(wide, 0, 8000)).ok());
  const auto counting = std::make_shared<CountingStore>(store_);
  const auto repository = Open(counting);
  counting->read = 0;
  const auto rebuild = RebuildIndexes(context_, *repository);
  ASSERT_TRUE(rebuild.ok()) << rebuild.status();
  EXPECT_GT(rebuild->pack_bytes, 12'000'000U);
  EXPECT_LT(rebuild->directory_bytes, rebuild->pack_bytes / 100);
  EXPECT_LT(counting->read, rebuild->pack_bytes / 20) << "all of the small packs, twice";
}

// ---- stores that lie ----

TEST_F(IndexRebuildTest, AListingThatFailsOrIsShortChangesNothing) {
  const auto before = AllObjects(*memory_);
  for (const char* prefix : {kPacksPrefix, kIndexPrefix}) {
    const auto repository = Open(store_);
    store_->Add({.effect = Effect::kFail, .verb = Verb::kList, .key_prefix = prefix});
    EXPECT_EQ(KindOf(RebuildIndexes(context_, *repository).status()), Kind::kTransient);
    store_->Revive();
    EXPECT_EQ(AllObjects(*memory_), before);
  }
  for (const std::uint64_t times : {std::uint64_t{1}, FaultRule::kForever}) {
    const auto repository = Open(store_);
    store_->Add({.effect = Effect::kTruncate,
                 .verb = Verb::kList,
                 .key_prefix = kPacksPrefix,
                 .times = times,
                 .at = 3});
    EXPECT_EQ(KindOf(RebuildIndexes(context_, *repository).status()), Kind::kRefused);
    store_->Revive();
    EXPECT_EQ(AllObjects(*memory_), before);
  }
}

TEST_F(IndexRebuildTest, ANewIndexThatIsNotWhatWasWrittenRemovesNothing) {
  const std::size_t before = Keys(kIndexPrefix).size();
  for (const Effect effect : {Effect::kFlipBit, Effect::kLose, Effect::kTruncate}) {
    const auto repository = Open(store_);
    store_->Add(
        {.effect = effect, .verb = Verb::kPutIfAbsent, .key_prefix = kIndexPrefix, .at = 100});
    EXPECT_FALSE(RebuildIndexes(context_, *repository).ok());
    store_->Revive();
    EXPECT_GE(Keys(kIndexPrefix).size(), before);
  }
  MustRebuild();
  EXPECT_EQ(Keys(kIndexPrefix).size(), 1U);
  ExpectWhole(store_, "after all: ");
}

TEST_F(IndexRebuildTest, WaitsForNobodyAndIsRefusedWhileABackupRuns) {
  const auto writer = repository_->BeginSnapshot(context_, Info());
  ASSERT_TRUE(writer.ok());
  EXPECT_EQ(KindOf(RebuildIndexes(context_, *Open(store_)).status()), Kind::kLocked);
}

class RebuildCrash : public IndexRebuildTest, public ::testing::WithParamInterface<Effect> {};
INSTANTIATE_TEST_SUITE_P(Effects, RebuildCrash,
                         ::testing::Values(Effect::kCrash, Effect::kCrashAfter),
                         [](const auto& effect) {
                           return effect.param == Effect::kCrash ? "Before" : "After";
                         });

TEST_P(RebuildCrash, AnywhereLeavesEverySnapshotWholeAndTheWorkIsCompleted) {
  ASSERT_TRUE(memory_->Put(context_, {Keys(kIndexPrefix).at(0)}, Bytes(77)).ok());
  const auto before = AllObjects(*memory_);
  bool finished = false;
  for (std::uint64_t at = 1; !finished; ++at) {
    SCOPED_TRACE("operation " + std::to_string(at));
    const auto memory = StoreWith(before);
    const auto faulty = std::make_shared<FaultyStore>(memory);
    faulty->CrashAt(at, GetParam());
    if (auto opened = OpenRepository(context_, faulty, TestPassphrase()); opened.ok()) {
      finished = RebuildIndexes(context_, *Hasty(*std::move(opened))).ok() && !faulty->crashed();
    }
    clock_.Advance(std::chrono::minutes(11));  // its lock runs out
    const auto again = Open(memory);
    const auto snapshots = again->ListSnapshots(context_);
    ASSERT_TRUE(snapshots.ok());
    ASSERT_EQ(snapshots->size(), 5U);
    for (const Snapshot& snapshot : *snapshots) EXPECT_TRUE(Read(*again, snapshot).ok());
    const auto rebuild = RebuildIndexes(context_, *Open(memory));
    ASSERT_TRUE(rebuild.ok()) << rebuild.status();
    EXPECT_EQ(Count(*memory, kIndexPrefix), 1U);
    EXPECT_EQ(Count(*memory, kLocksPrefix), 0U);
    ExpectWhole(memory, "completed: ");
    ASSERT_FALSE(HasFailure());
    ASSERT_LT(at, 500U);
  }
}

}  // namespace
}  // namespace aerie::repo
