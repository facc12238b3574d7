#include "transfer/mirror.h"

#include <algorithm>
#include <atomic>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing_effort.h"
#include "repo/object_names.h"
#include "repo/pins.h"
#include "repo/repository_testing.h"
#include "repo/snapshot_delete.h"

namespace aerie::transfer {
namespace {

using objects::Effect;
using objects::FaultyStore;
using objects::MemoryStore;
using repo::AllObjects;
using repo::InfoAt;
using repo::Repository;
using repo::Snapshot;
using testing::HasSubstr;

const Context kContext = Context::Background();
const Secret kOtherPassphrase("hawk");

Result<std::unique_ptr<Repository>> OpenTarget(std::shared_ptr<objects::ObjectStore> store) {
  return repo::OpenRepository(kContext, std::move(store), kOtherPassphrase);
}

std::unique_ptr<Repository> MakeTarget(std::shared_ptr<MemoryStore> store, bool patches = true) {
  repo::CreateOptions options = repo::CheapOptions();
  options.passphrase = kOtherPassphrase;
  options.patches = patches;
  return *repo::CreateRepository(kContext, std::move(store), options);
}

MirrorOptions Only(const std::string& collection) {
  MirrorOptions options;
  options.selection.collections = {collection};
  return options;
}

// Counts the bytes that are read.
class Meter : public FaultyStore {
 public:
  using FaultyStore::FaultyStore;
  Result<Bytes> Get(const Context& context, const objects::ObjectKey& key, std::uint64_t offset,
                    std::uint64_t length) override {
    auto bytes = FaultyStore::Get(context, key, offset, length);
    if (bytes.ok() && key.text.starts_with(repo::kPacksPrefix)) read_ += bytes->size();
    return bytes;
  }
  std::uint64_t Taken() { return read_.exchange(0); }

 private:
  std::atomic<std::uint64_t> read_ = 0;
};

std::size_t CountPacks(MemoryStore& store) {
  std::size_t packs = 0;
  for (const auto& [key, bytes] : AllObjects(store)) {
    packs += key.starts_with(repo::kPacksPrefix) ? 1 : 0;
  }
  return packs;
}

class MirrorTest : public testing::Test {
 protected:
  MirrorTest() {
    from_ = *repo::CreateRepository(kContext, here_, repo::CheapOptions());
    to_ = MakeTarget(there_);
  }

  Snapshot Store(const rows::RowBatch& rows, std::int64_t created_ms,
                 const std::optional<Snapshot>& before) {
    Snapshot info = InfoAt(created_ms);
    info.tags = {"t" + std::to_string(created_ms)};
    info.host = "host";
    info.server_version = "v2.3.5";
    if (before) info.parent = before->id;
    auto stored = repo::StoreNext(*from_, spec_, rows, before, info);
    EXPECT_TRUE(stored.ok()) << stored.status();
    return *stored;
  }
  // Three generations of patches.
  void StoreAll() {
    snapshots_.push_back(Store(first_, 1000, {}));
    snapshots_.push_back(Store(second_, 2000, snapshots_.back()));
    snapshots_.push_back(Store(third_, 3000, snapshots_.back()));
  }

  Result<MirrorResult> Run(const MirrorOptions& options = {}) {
    return RunMirror(kContext, *from_, *to_, options, NoProgress());
  }
  MirrorResult MustRun(const MirrorOptions& options = {}) {
    auto run = Run(options);
    EXPECT_TRUE(run.ok()) << run.status();
    if (!run.ok()) return {};
    EXPECT_TRUE(run->status.ok()) << run->status;
    return *std::move(run);
  }
  const rows::RowBatch& RowsAt(std::int64_t created_ms) const {
    return created_ms == 1000 ? first_ : created_ms == 2000 ? second_ : third_;
  }
  void ExpectWhole(Repository& repository, std::size_t snapshots) {
    const auto listed = repository.ListSnapshots(kContext);
    ASSERT_TRUE(listed.ok()) << listed.status();
    EXPECT_EQ(listed->size(), snapshots);
    for (const Snapshot& snapshot : *listed) {
      const auto rows = repo::RowsOf(repository, snapshot);
      ASSERT_TRUE(rows.ok()) << rows.status();
      repo::ExpectSameRows(*rows, RowsAt(snapshot.created_ms));
    }
    Repository::CheckOptions options;
    options.read_data = true;
    const auto findings = repository.Check(kContext, options);
    ASSERT_TRUE(findings.ok()) << findings.status();
    for (const auto& finding : *findings) ADD_FAILURE() << finding.object << finding.message;
  }

  const rows::CollectionSpec spec_ = repo::SmallSpec(rows::DataType::kInt64, 64);
  const rows::RowBatch first_ = repo::NumberedRows(spec_, 0, 800, 4);
  const rows::RowBatch second_ = repo::ChangeEvery(40, 7, spec_, first_, 2);
  const rows::RowBatch third_ = repo::ChangeEvery(40, 20, spec_, second_, 3);
  std::shared_ptr<MemoryStore> here_ = std::make_shared<MemoryStore>();
  std::shared_ptr<MemoryStore> there_ = std::make_shared<MemoryStore>();
  std::unique_ptr<Repository> from_;
  std::unique_ptr<Repository> to_;
  std::vector<Snapshot> snapshots_;
};

TEST_F(MirrorTest, CopiesAreImmutableWhenTheyAreAskedToBe) {
  StoreAll();
  MustRun({.last = 1});
  const MirrorResult run = MustRun({.immutable_for = std::chrono::hours(24)});
  ASSERT_EQ(run.snapshots.size(), 3U);
  for (const MirrorOutcome& outcome : run.snapshots) {
    ASSERT_TRUE(outcome.copy);
    EXPECT_EQ(outcome.copy->immutable_until_ms.has_value(), !outcome.item.there);
  }
}

TEST_F(MirrorTest, CopiesEverySnapshotWithEveryRowAndWhatIsSaidOfIt) {
  StoreAll();
  const MirrorResult run = MustRun();
  ASSERT_EQ(run.snapshots.size(), 3U);
  to_ = *OpenTarget(there_);
  ExpectWhole(*to_, 3);
  const auto copies = *to_->ListSnapshots(kContext);
  for (std::size_t i = 0; i < 3; ++i) {
    const Snapshot& original = snapshots_[2 - i];
    const Snapshot& copy = copies[i];
    EXPECT_EQ(copy.origin, (repo::SnapshotOrigin{from_->id(), original.id}));
    EXPECT_NE(copy.id, original.id);
    EXPECT_EQ(copy.created_ms, original.created_ms);
    EXPECT_EQ(copy.finished_ms, original.finished_ms);
    EXPECT_EQ(copy.tags, original.tags);
    EXPECT_EQ(copy.cluster, original.cluster);
    EXPECT_EQ(copy.server_version, original.server_version);
    EXPECT_EQ(copy.host, original.host);
    EXPECT_EQ(copy.program, original.program);
    EXPECT_EQ(copy.complete, original.complete);
    EXPECT_EQ(copy.stats.plain_bytes, original.stats.plain_bytes);
    EXPECT_EQ(copy.collections[0].digest, original.collections[0].digest);
    EXPECT_EQ(copy.parent.has_value(), i < 2);
    if (i < 2) {
      EXPECT_EQ(copy.parent, copies[i + 1].id);
    }
  }
  EXPECT_EQ(to_->FindSnapshot(kContext, "latest")->origin->snapshot, snapshots_[2].id);
}

// Patches stay patches, encoded as they were: a copy costs what the original costs.
TEST_F(MirrorTest, ACopyCostsWhatItsOriginalCosts) {
  StoreAll();
  MustRun();
  const auto copies = *to_->ListSnapshots(kContext);
  for (std::size_t i = 0; i < 3; ++i) {
    const auto copied = static_cast<double>(copies[i].stats.stored_bytes);
    const auto original = static_cast<double>(snapshots_[2 - i].stats.stored_bytes);
    EXPECT_NEAR(copied / original, 1, 0.02) << i;
  }
}

TEST_F(MirrorTest, AnotherRunStoresNothing) {
  StoreAll();
  MustRun();
  const auto before = AllObjects(*there_);
  to_ = *OpenTarget(there_);
  for (const auto& outcome : MustRun().snapshots) {
    EXPECT_TRUE(outcome.item.there.has_value());
    EXPECT_EQ(outcome.rows, 0U);
  }
  EXPECT_EQ(AllObjects(*there_), before);
}

TEST_F(MirrorTest, ReadsAndStoresOnlyWhatIsNew) {
  const auto meter = std::make_shared<Meter>(here_);
  from_ = *repo::Reopen(meter);
  snapshots_.push_back(Store(first_, 1000, {}));
  meter->Taken();
  const std::uint64_t all = MustRun().snapshots[0].copy->stats.stored_bytes;
  const std::uint64_t all_read = meter->Taken();
  snapshots_.push_back(Store(second_, 2000, snapshots_.back()));
  snapshots_.push_back(Store(second_, 3000, snapshots_.back()));
  meter->Taken();
  const MirrorResult run = MustRun();
  ASSERT_EQ(run.snapshots.size(), 3U);
  EXPECT_LT(run.snapshots[1].copy->stats.stored_bytes, all / 2);
  // Keys and digests of the leaves that changed, and what changed of them.
  EXPECT_LT(meter->Taken(), all_read / 3);
  EXPECT_EQ(run.snapshots[2].leaves_known, run.snapshots[2].leaves);
  EXPECT_EQ(run.snapshots[2].copy->stats.blobs_new, 0U);
}

// Where the one before was deleted, its copy still tells which rows are there.
TEST_F(MirrorTest, TheSnapshotBeforeMayBeGoneFromTheSource) {
  StoreAll();
  MustRun({.snapshots = {snapshots_[0].id.hex}});
  const std::vector<repo::SnapshotId> old = {snapshots_[0].id, snapshots_[1].id};
  ASSERT_TRUE(repo::DeleteSnapshots(kContext, *from_, old).ok());
  from_ = *repo::Reopen(here_);
  const MirrorResult run = MustRun();
  ASSERT_EQ(run.snapshots.size(), 1U);
  EXPECT_LT(run.snapshots[0].copy->stats.stored_bytes, snapshots_[0].stats.stored_bytes / 2);
  ExpectWhole(*to_, 2);
}

TEST_F(MirrorTest, NewestFirstIsRightToo) {
  StoreAll();
  for (const auto& snapshot : {snapshots_[2], snapshots_[0], snapshots_[1]}) {
    MustRun({.snapshots = {snapshot.id.Short()}});
  }
  ExpectWhole(*to_, 3);
}

TEST_F(MirrorTest, OneRepositoryIsNotItsOwnMirror) {
  StoreAll();
  const auto again = *repo::Reopen(here_);
  const auto run = RunMirror(kContext, *from_, *again, {}, NoProgress());
  EXPECT_EQ(KindOf(run.status()), Kind::kRefused);
  EXPECT_THAT(run.status().message(), HasSubstr("the same repository"));
}

TEST_F(MirrorTest, ChoosesByNumberTagClusterAndName) {
  StoreAll();
  const auto copied = [](const MirrorResult& run) {
    std::vector<std::int64_t> times;
    for (const auto& outcome : run.snapshots) times.push_back(outcome.item.snapshot.created_ms);
    return times;
  };
  EXPECT_EQ(copied(MustRun({.last = 1})), std::vector<std::int64_t>{3000});
  EXPECT_EQ(copied(MustRun({.tags = {"t2000"}})), std::vector<std::int64_t>{2000});
  EXPECT_EQ(copied(MustRun({.snapshots = {"latest", snapshots_[0].id.Short()}})),
            (std::vector<std::int64_t>{1000, 3000}));
  EXPECT_EQ(KindOf(Run({.cluster = "another"}).status()), Kind::kNotFound);
  EXPECT_EQ(KindOf(Run({.tags = {"none"}}).status()), Kind::kNotFound);
  EXPECT_EQ(KindOf(Run({.snapshots = {"0123456789abcdef"}}).status()), Kind::kNotFound);
  EXPECT_EQ(KindOf(Run(Only("none")).status()), Kind::kNotFound);
}

TEST_F(MirrorTest, APlanChangesNothing) {
  StoreAll();
  MustRun({.last = 1});
  const auto before = AllObjects(*there_);
  const auto plan = PlanMirror(kContext, *from_, *to_, {});
  ASSERT_TRUE(plan.ok()) << plan.status();
  ASSERT_EQ(plan->size(), 3U);
  EXPECT_FALSE((*plan)[0].there.has_value());
  EXPECT_TRUE((*plan)[2].there.has_value());
  EXPECT_EQ(AllObjects(*there_), before);
}

TEST_F(MirrorTest, SomeCollectionsFirstAndAllOfThemLater) {
  auto writer = *from_->BeginSnapshot(kContext, InfoAt(1000));
  for (const char* name : {"a", "b"}) {
    rows::CollectionSpec spec = spec_;
    spec.name.collection = name;
    auto partition = *writer->OpenPartition(kContext, spec, "part", {});
    ASSERT_TRUE(partition->Write(kContext, first_.Slice(0, first_.rows())).ok());
    ASSERT_TRUE(partition->Commit(kContext).ok());
    ASSERT_TRUE(
        writer->AddCollection(kContext, repo::ManifestOf(spec, partition->root()), {}).ok());
  }
  ASSERT_TRUE(writer->Commit(kContext, true).ok());
  const MirrorResult some = MustRun(Only("a"));
  EXPECT_EQ(some.snapshots.at(0).copy->collections.size(), 1U);
  const MirrorResult all = MustRun();
  EXPECT_FALSE(all.snapshots.at(0).item.there.has_value());
  EXPECT_EQ(all.snapshots.at(0).copy->collections.size(), 2U);
  EXPECT_TRUE(MustRun(Only("b")).snapshots.at(0).item.there);
}

TEST_F(MirrorTest, PinsWhereAsked) {
  StoreAll();
  ASSERT_TRUE(repo::PinSnapshot(kContext, *from_, snapshots_[1].id).ok());
  MustRun();
  EXPECT_TRUE(repo::ListPins(kContext, *to_)->empty());
  const MirrorResult run = MustRun({.pins = true});
  const std::set<repo::SnapshotId> pinned = {run.snapshots.at(1).copy->id};
  EXPECT_EQ(*repo::ListPins(kContext, *to_), pinned);
  MustRun({.pins = true});
}

// a to b, b to c: c has a's snapshots; and what went round is there already.
TEST_F(MirrorTest, AMirrorOfAMirrorKnowsWhereItsSnapshotsWereMade) {
  StoreAll();
  MustRun();
  const auto third_store = std::make_shared<MemoryStore>();
  const auto third = MakeTarget(third_store);
  ASSERT_TRUE(RunMirror(kContext, *to_, *third, {}, NoProgress())->status.ok());
  ExpectWhole(*third, 3);
  EXPECT_EQ(third->ListSnapshots(kContext)->at(0).origin,
            (repo::SnapshotOrigin{from_->id(), snapshots_[2].id}));
  const auto back = RunMirror(kContext, *third, *from_, {}, NoProgress());
  ASSERT_TRUE(back.ok()) << back.status();
  ASSERT_EQ(back->snapshots.size(), 3U);
  for (const auto& outcome : back->snapshots) {
    EXPECT_TRUE(outcome.item.there.has_value());
  }
  EXPECT_EQ(from_->ListSnapshots(kContext)->size(), 3U);
}

TEST_F(MirrorTest, BackupsOfTheTargetItselfServeToCompareWith) {
  StoreAll();
  ASSERT_TRUE(repo::StoreNext(*to_, spec_, second_, {}, InfoAt(2000)).ok());
  const MirrorResult run = MustRun();
  EXPECT_EQ(run.snapshots.size(), 3U);
  ExpectWhole(*to_, 4);
}

TEST_F(MirrorTest, ATargetWithoutPatchesIsToldApart) {
  StoreAll();
  to_ = MakeTarget(std::make_shared<MemoryStore>(), false);
  const auto run = Run();
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(KindOf(run->status), Kind::kPartial);
  EXPECT_TRUE(run->snapshots.at(0).status.ok());
  EXPECT_EQ(KindOf(run->snapshots.at(1).status), Kind::kUnsupported);
}

// A pack that only the second and third snapshot need: they fail and say what is damaged.
TEST_F(MirrorTest, DamageStopsOnlyTheSnapshotsItIsIn) {
  snapshots_.push_back(Store(first_, 1000, {}));
  const auto old = AllObjects(*here_);
  snapshots_.push_back(Store(second_, 2000, snapshots_.back()));
  std::string damaged;
  for (auto [key, bytes] : AllObjects(*here_)) {
    if (!key.starts_with(repo::kPacksPrefix) || old.contains(key)) continue;
    damaged = key;
    for (std::size_t at = 8; at < bytes.size() - 4096 && at < bytes.size(); at += 97) {
      bytes[at] ^= 0x10;
    }
    bytes[20] ^= 0x10;
    ASSERT_TRUE(here_->Put(kContext, {key}, bytes).ok());
  }
  ASSERT_FALSE(damaged.empty());
  from_ = *repo::Reopen(here_);
  const auto run = Run();
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(KindOf(run->status), Kind::kPartial) << run->status;
  ASSERT_EQ(run->snapshots.size(), 2U);
  EXPECT_TRUE(run->snapshots[0].status.ok());
  EXPECT_EQ(KindOf(run->snapshots[1].status), Kind::kCorrupt);
  EXPECT_THAT(run->snapshots[1].status.message(), HasSubstr(damaged.substr(9, 8)));
  EXPECT_THAT(run->snapshots[1].status.message(), HasSubstr(snapshots_[1].id.Short()));
  ExpectWhole(*to_, 1);
}

TEST_F(MirrorTest, ASnapshotObjectThatCannotBeReadIsAFailureToo) {
  StoreAll();
  const std::string key = std::string(repo::kSnapshotsPrefix) + snapshots_[2].id.hex;
  ASSERT_TRUE(here_->Put(kContext, {key}, AsBytes("rubbish")).ok());
  from_ = *repo::Reopen(here_);
  const auto run = Run();
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(KindOf(run->status), Kind::kPartial);
  ExpectWhole(*to_, 2);
}

TEST_F(MirrorTest, AFullTargetEndsTheRun) {
  StoreAll();
  const auto full = std::make_shared<FaultyStore>(there_);
  to_ = *OpenTarget(full);
  full->Add({.kind = Kind::kNoSpace, .key_prefix = "packs/", .times = 1000});
  const auto run = Run();
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(KindOf(run->status), Kind::kNoSpace);
  EXPECT_EQ(run->snapshots.size(), 1U);
  EXPECT_TRUE(to_->ListSnapshots(kContext)->empty());
}

// Fails at every operation of one of the two stores: whatever is in the target afterwards is
// whole, and the next run completes it without storing again what arrived.
class MirrorCrash : public MirrorTest,
                    public testing::WithParamInterface<std::pair<bool, Effect>> {};

TEST_P(MirrorCrash, LeavesWholeSnapshotsAndIsCompletedByTheNextRun) {
  const auto [at_source, effect] = GetParam();
  StoreAll();
  MustRun({.snapshots = {snapshots_[0].id.hex}});
  const auto source_before = AllObjects(*here_);
  const auto target_before = AllObjects(*there_);
  bool finished = false;
  std::uint64_t at = 0;
  std::set<std::size_t> packs;
  while (!finished) {
    at += Effort(1, 1, 5);
    const auto source = repo::StoreWith(source_before);
    const auto target = repo::StoreWith(target_before);
    const auto faulty = std::make_shared<FaultyStore>(at_source ? source : target);
    faulty->CrashAt(at, effect);
    {
      auto from = repo::Reopen(at_source ? faulty : std::shared_ptr<objects::ObjectStore>(source));
      auto to = OpenTarget(at_source ? std::shared_ptr<objects::ObjectStore>(target) : faulty);
      if (from.ok() && to.ok()) {
        const auto run = RunMirror(kContext, **from, **to, {}, NoProgress());
        finished = run.ok() && run->status.ok() && !faulty->crashed();
      }
    }
    const auto from = *repo::Reopen(source);
    auto to = *OpenTarget(target);
    const std::size_t there = to->ListSnapshots(kContext)->size();
    ASSERT_GE(there, 1U) << at;
    ASSERT_LE(there, 3U) << at;
    ExpectWhole(*to, there);
    const auto again = RunMirror(kContext, *from, *to, {}, NoProgress());
    ASSERT_TRUE(again.ok() && again->status.ok()) << at << again.status() << again->status;
    to = *OpenTarget(target);
    ExpectWhole(*to, 3);
    packs.insert(CountPacks(*target));
    if (testing::Test::HasFailure()) FAIL() << "at operation " << at;
  }
  EXPECT_GT(at, 10U);
  // What arrived before a crash was not stored again after it.
  EXPECT_EQ(packs.size(), 1U);
}

INSTANTIATE_TEST_SUITE_P(Stores, MirrorCrash,
                         testing::Values(std::pair{true, Effect::kCrash},
                                         std::pair{false, Effect::kCrash},
                                         std::pair{true, Effect::kCrashAfter},
                                         std::pair{false, Effect::kCrashAfter}));

}  // namespace
}  // namespace aerie::transfer
