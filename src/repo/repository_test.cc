#include "repo/repository.h"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "base/testing_effort.h"
#include "objects/filesystem_store.h"
#include "repo/object_names.h"
#include "repo/repository_testing.h"

namespace aerie::repo {
namespace {

using objects::Effect;
using objects::FaultyStore;
using objects::MemoryStore;
using objects::Verb;

const Context kContext = Context::Background();

class RepositoryTest : public ::testing::Test {
 protected:
  RepositoryTest() {
    auto created = CreateRepository(kContext, store_, CheapOptions());
    EXPECT_TRUE(created.ok()) << created.status();
    if (created.ok()) repository_ = *std::move(created);
  }

  Snapshot MustStore(const rows::RowBatch& rows, Snapshot info = InfoAt(1000)) {
    auto snapshot = StoreSnapshot(*repository_, spec_, rows, std::move(info));
    EXPECT_TRUE(snapshot.ok()) << snapshot.status();
    return snapshot.ok() ? *snapshot : Snapshot{};
  }

  std::shared_ptr<MemoryStore> memory_ = std::make_shared<MemoryStore>();
  std::shared_ptr<FaultyStore> store_ = std::make_shared<FaultyStore>(memory_);
  std::unique_ptr<Repository> repository_;
  const rows::CollectionSpec spec_ = SmallSpec();
};

std::size_t CountObjects(objects::ObjectStore& store, const std::string& prefix) {
  const auto all = AllObjects(store);
  return static_cast<std::size_t>(std::ranges::count_if(
      all, [&](const auto& object) { return object.first.starts_with(prefix); }));
}

// ---- create and open ----

TEST_F(RepositoryTest, WhatWasStoredIsReadAfterOpeningAgain) {
  const rows::RowBatch rows = NumberedRows(spec_, -500, 3000);
  const Snapshot stored = MustStore(rows);
  EXPECT_EQ(stored.collections.at(0).digest.rows, 3000U);
  auto again = Reopen(memory_);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ((*again)->id(), repository_->id());
  EXPECT_TRUE((*again)->encrypted());
  const auto found = (*again)->FindSnapshot(kContext, "latest");
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->id, stored.id);
  EXPECT_EQ(found->stats.stored_bytes, stored.stats.stored_bytes);
  const auto read = RowsOf(**again, *found);
  ASSERT_TRUE(read.ok()) << read.status();
  ExpectSameRows(rows, *read);
}

TEST_F(RepositoryTest, AnUnencryptedOneNeedsNoPassphrase) {
  const auto store = std::make_shared<MemoryStore>();
  const auto created = CreateRepository(kContext, store, CheapOptions(false));
  ASSERT_TRUE(created.ok()) << created.status();
  const rows::RowBatch rows = NumberedRows(spec_, 0, 100);
  ASSERT_TRUE(StoreSnapshot(**created, spec_, rows).ok());
  const auto opened = OpenRepository(kContext, store, Secret());
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_FALSE((*opened)->encrypted());
  ExpectSameRows(rows, *RowsOf(**opened, *(*opened)->FindSnapshot(kContext, "latest")));
}

TEST_F(RepositoryTest, WrongAndMissingPassphrasesAreToldApartFromDamage) {
  for (const char* const passphrase : {"", "kitf"}) {
    const Status status = OpenRepository(kContext, memory_, Secret(passphrase)).status();
    EXPECT_EQ(KindOf(status), Kind::kWrongKey) << status;
    EXPECT_NE(std::string(status.message()).find("--password-file"), std::string::npos);
    EXPECT_NE(std::string(status.message()).find(memory_->Describe()), std::string::npos);
  }
  CreateOptions options = CheapOptions();
  options.passphrase = Secret();
  const auto empty = std::make_shared<MemoryStore>();
  EXPECT_EQ(KindOf(CreateRepository(kContext, empty, options).status()), Kind::kWrongKey);
  EXPECT_TRUE(AllObjects(*empty).empty());
}

TEST_F(RepositoryTest, WhetherItHoldsSnapshotsIsToldByNames) {
  EXPECT_FALSE(*HoldsSnapshots(kContext, *memory_));
  ASSERT_TRUE(memory_->Put(kContext, {"snapshots/notes.txt"}, {}).ok());
  EXPECT_FALSE(*HoldsSnapshots(kContext, *memory_)) << "not the name of one";
  ASSERT_TRUE(memory_->Put(kContext, SnapshotKey(ObjectId()), {}).ok());
  EXPECT_TRUE(*HoldsSnapshots(kContext, *memory_)) << "whatever it is, whoever may read it";
}

TEST_F(RepositoryTest, CreatingTwiceIsRefusedAndSoIsCreatingOverARuin) {
  EXPECT_EQ(KindOf(CreateRepository(kContext, memory_, CheapOptions()).status()), Kind::kExists);
  MustStore(NumberedRows(spec_, 0, 10));
  EXPECT_TRUE(*RepositoryExists(kContext, *memory_));
  memory_->Remove(kContext, {ConfigKey()});
  EXPECT_FALSE(*RepositoryExists(kContext, *memory_));
  EXPECT_EQ(KindOf(CreateRepository(kContext, memory_, CheapOptions()).status()), Kind::kRefused);
  EXPECT_EQ(KindOf(Reopen(memory_).status()), Kind::kNotFound);
}

TEST_F(RepositoryTest, ACrashAnywhereInCreateLeavesAPlaceThatCanBeCreated) {
  for (std::uint64_t at = 1;; ++at) {
    const auto inner = std::make_shared<MemoryStore>();
    const auto faulty = std::make_shared<FaultyStore>(inner);
    faulty->CrashAt(at);
    const bool created = CreateRepository(kContext, faulty, CheapOptions()).ok();
    if (!*RepositoryExists(kContext, *inner)) {
      EXPECT_FALSE(created);
      ASSERT_TRUE(CreateRepository(kContext, inner, CheapOptions()).ok()) << at;
    }
    EXPECT_TRUE(Reopen(inner).ok()) << at;
    if (created) break;
  }
}

TEST_F(RepositoryTest, AConfigOfANewerFormatIsNamed) {
  const std::string newer =
      "{\"aerie\":\"repository\",\"version\":7}\n" + std::string(64, '0') + "\n";
  ASSERT_TRUE(memory_->Put(kContext, ConfigKey(), AsBytes(newer)).ok());
  const Status status = Reopen(memory_).status();
  EXPECT_EQ(KindOf(status), Kind::kUnsupported);
  EXPECT_NE(std::string(status.message()).find("newer aerie"), std::string::npos);
}

// ---- listing ----

TEST_F(RepositoryTest, SnapshotsAreListedNewestFirstAndFoundByPrefix) {
  const rows::RowBatch rows = NumberedRows(spec_, 0, 10);
  const Snapshot old = MustStore(rows, InfoAt(1000));
  const Snapshot newest = MustStore(rows, InfoAt(3000));
  const Snapshot middle = MustStore(rows, InfoAt(2000));
  auto again = *Reopen(memory_);
  const auto listed = again->ListSnapshots(kContext);
  ASSERT_TRUE(listed.ok()) << listed.status();
  ASSERT_EQ(listed->size(), 3U);
  EXPECT_EQ((*listed)[0].id, newest.id);
  EXPECT_EQ((*listed)[1].id, middle.id);
  EXPECT_EQ((*listed)[2].id, old.id);
  EXPECT_EQ(again->FindSnapshot(kContext, old.id.hex.substr(0, 12))->id, old.id);
  EXPECT_EQ(again->FindSnapshot(kContext, "latest")->id, newest.id);
  EXPECT_EQ(
      again->FindSnapshot(kContext, "latest", [&](const Snapshot& s) { return s.id != newest.id; })
          ->id,
      middle.id);
  for (const char* const odd : {"", "abc", "LATEST", "zzzz", "0123456789abcdef0123456789abcdef0"}) {
    EXPECT_EQ(KindOf(again->FindSnapshot(kContext, odd).status()), Kind::kInvalid) << odd;
  }
  std::string other = old.id.hex.substr(0, 12);
  other.back() = other.back() == '0' ? '1' : '0';
  EXPECT_EQ(KindOf(again->FindSnapshot(kContext, other).status()), Kind::kNotFound);
}

TEST_F(RepositoryTest, AnAmbiguousPrefixIsInvalid) {
  MustStore(NumberedRows(spec_, 0, 10));
  const std::string id = MustStore(NumberedRows(spec_, 0, 10)).id.hex;
  std::string twin = id;
  twin.back() = twin.back() == '0' ? '1' : '0';
  ASSERT_TRUE(memory_->Put(kContext, {kSnapshotsPrefix + twin}, Bytes(3)).ok());
  EXPECT_EQ(KindOf(repository_->FindSnapshot(kContext, id.substr(0, 31)).status()), Kind::kInvalid);
  EXPECT_EQ(repository_->FindSnapshot(kContext, id)->id.hex, id);
}

TEST_F(RepositoryTest, AnEmptyRepositoryHasNoLatest) {
  EXPECT_TRUE(repository_->ListSnapshots(kContext)->empty());
  EXPECT_EQ(KindOf(repository_->FindSnapshot(kContext, "latest").status()), Kind::kNotFound);
}

TEST_F(RepositoryTest, ADamagedSnapshotIsAnErrorOrAFindingButNeverLeftOut) {
  const Snapshot good = MustStore(NumberedRows(spec_, 0, 10));
  const Snapshot bad = MustStore(NumberedRows(spec_, 0, 10), InfoAt(2000));
  const auto key = SnapshotKey(*ObjectId::Parse(bad.id.hex));
  Bytes bytes = *memory_->Get(kContext, key, 0, objects::kToEnd);
  bytes[40] ^= 1;
  ASSERT_TRUE(memory_->Put(kContext, key, bytes).ok());
  auto again = *Reopen(memory_);
  EXPECT_EQ(KindOf(again->ListSnapshots(kContext).status()), Kind::kCorrupt);
  EXPECT_EQ(KindOf(again->FindSnapshot(kContext, "latest").status()), Kind::kCorrupt);
  EXPECT_EQ(again->FindSnapshot(kContext, good.id.hex)->id, good.id);
  std::vector<Finding> damaged;
  const auto listed = again->ListSnapshots(kContext, &damaged);
  ASSERT_TRUE(listed.ok());
  ASSERT_EQ(listed->size(), 1U);
  ASSERT_EQ(damaged.size(), 1U);
  EXPECT_EQ(damaged[0].object, key.text);
}

TEST_F(RepositoryTest, AListingThatFailedIsNeverAnEmptyOne) {
  MustStore(NumberedRows(spec_, 0, 10));
  for (const char* const prefix : {kSnapshotsPrefix, kPacksPrefix, kIndexPrefix}) {
    auto again = *Reopen(store_);
    store_->Add({.effect = Effect::kTorn,
                 .kind = Kind::kTransient,
                 .verb = Verb::kList,
                 .key_prefix = prefix,
                 .at = 0});
    if (std::string(prefix) == kSnapshotsPrefix) {
      EXPECT_FALSE(again->ListSnapshots(kContext).ok());
    } else {
      EXPECT_FALSE(again->BeginSnapshot(kContext, {}).ok()) << prefix;
    }
    store_->Revive();
  }
}

TEST_F(RepositoryTest, AThousandSnapshotsAreListedWithOneReadEach) {
  const rows::RowBatch rows = NumberedRows(spec_, 0, 1);
  MustStore(rows);
  for (int i = 0; i < 999; ++i) {
    auto writer = *repository_->BeginSnapshot(kContext, InfoAt(2000 + i));
    ASSERT_TRUE(writer->Commit(kContext, true).ok());
  }
  auto again = *Reopen(store_);
  const std::uint64_t before = store_->calls();
  EXPECT_EQ(again->ListSnapshots(kContext)->size(), 1000U);
  EXPECT_EQ(store_->calls(), before + 1001);
  EXPECT_EQ(again->ListSnapshots(kContext)->size(), 1000U);
  EXPECT_EQ(store_->calls(), before + 1002);
}

// ---- writing ----

TEST_F(RepositoryTest, TheSameRowsAgainStoreNothingButTheSnapshot) {
  const rows::RowBatch rows = NumberedRows(spec_, 0, 5000);
  MustStore(rows);
  const std::size_t packs = CountObjects(*memory_, kPacksPrefix);
  const std::size_t indexes = CountObjects(*memory_, kIndexPrefix);
  repository_ = *Reopen(memory_);
  const Snapshot second = MustStore(rows, InfoAt(2000));
  EXPECT_EQ(second.stats.stored_bytes, 0U);
  EXPECT_EQ(second.stats.blobs_new, 0U);
  EXPECT_GT(second.stats.blobs_known, 0U);
  EXPECT_EQ(CountObjects(*memory_, kPacksPrefix), packs);
  EXPECT_EQ(CountObjects(*memory_, kIndexPrefix), indexes);
}

TEST_F(RepositoryTest, PacksComeBeforeTheIndexAndTheIndexBeforeTheSnapshot) {
  const rows::RowBatch rows = NumberedRows(spec_, 0, 500);
  for (const char* const prefix : {kPacksPrefix, kIndexPrefix, kSnapshotsPrefix}) {
    const auto memory = std::make_shared<MemoryStore>();
    const auto faulty = std::make_shared<FaultyStore>(memory);
    auto repository = *CreateRepository(kContext, faulty, CheapOptions());
    faulty->Add({.effect = Effect::kFail,
                 .kind = Kind::kNoSpace,
                 .verb = Verb::kPutIfAbsent,
                 .key_prefix = prefix,
                 .times = objects::FaultRule::kForever});
    EXPECT_EQ(KindOf(StoreSnapshot(*repository, spec_, rows).status()), Kind::kNoSpace);
    const bool packs = CountObjects(*memory, kPacksPrefix) != 0;
    const bool indexes = CountObjects(*memory, kIndexPrefix) != 0;
    EXPECT_EQ(packs, std::string(prefix) != kPacksPrefix);
    EXPECT_EQ(indexes, std::string(prefix) == kSnapshotsPrefix);
    EXPECT_EQ(CountObjects(*memory, kSnapshotsPrefix), 0U);
  }
}

// The design's second promise, for this room: whatever operation is the last one of a process.
void CrashEverywhere(Effect effect) {
  const rows::CollectionSpec spec = SmallSpec();
  const rows::RowBatch first = NumberedRows(spec, 0, 800);
  const rows::RowBatch second = NumberedRows(spec, 0, 1600);
  const auto base = std::make_shared<MemoryStore>();
  auto repository = *CreateRepository(kContext, base, CheapOptions());
  const Snapshot earlier = *StoreSnapshot(*repository, spec, first);
  const auto before = AllObjects(*base);

  bool finished = false;
  for (std::uint64_t at = 1; !finished; ++at) {
    const auto memory = StoreWith(before);
    const auto faulty = std::make_shared<FaultyStore>(memory);
    faulty->CrashAt(at, effect);
    std::optional<Snapshot> acknowledged;
    if (auto opened = Reopen(faulty); opened.ok()) {
      auto stored = StoreSnapshot(**opened, spec, second, InfoAt(2000));
      if (stored.ok()) acknowledged = *stored;
    }
    finished = acknowledged && !faulty->crashed();
    const std::size_t arrived = CountObjects(*memory, kPacksPrefix);
    const std::size_t committed = CountObjects(*memory, kSnapshotsPrefix);

    auto again = Reopen(memory);
    ASSERT_TRUE(again.ok()) << at;
    const auto listed = (*again)->ListSnapshots(kContext);
    ASSERT_TRUE(listed.ok()) << at << listed.status();
    EXPECT_EQ(committed, acknowledged ? 2U : committed) << at;
    for (const Snapshot& snapshot : *listed) {
      const auto rows = RowsOf(**again, snapshot);
      ASSERT_TRUE(rows.ok()) << at << rows.status();
      ExpectSameRows(snapshot.id == earlier.id ? first : second, *rows);
    }
    const auto findings =
        (*again)->Check(kContext, {.read_data = true, .only = {}, .progress = {}});
    ASSERT_TRUE(findings.ok()) << findings.status();
    EXPECT_TRUE(findings->empty()) << at;

    const auto repeated = StoreSnapshot(**again, spec, second, InfoAt(3000));
    ASSERT_TRUE(repeated.ok()) << at << repeated.status();
    const bool all_arrived = arrived > CountObjects(*StoreWith(before), kPacksPrefix);
    EXPECT_TRUE(!all_arrived || repeated->stats.blobs_new == 0) << at;
    ExpectSameRows(second, *RowsOf(**again, *repeated));
  }
}

TEST(RepositoryCrash, BeforeAnyOperation) { CrashEverywhere(Effect::kCrash); }
TEST(RepositoryCrash, AfterAnyOperation) { CrashEverywhere(Effect::kCrashAfter); }

TEST_F(RepositoryTest, AnInterruptedSnapshotOfManyPacksStoresNoneOfThemAgain) {
  // About 30 MiB that do not compress: two full packs and the rest.
  const rows::CollectionSpec spec = SmallSpec(rows::DataType::kInt64, 512);
  rows::RowGenerator random(3);
  rows::RowBatch rows = NumberedRows(spec, 0, 15'000);
  for (rows::Column& column : rows.mutable_columns()) {
    if (column.field().name != "vector") continue;
    Bytes noise(column.data().size());
    for (auto& byte : noise) byte = static_cast<std::uint8_t>(random.Next());
    column = *rows::Column::FromBuffers(column.field(), column.rows(), std::move(noise), {}, {});
  }
  store_->Add({.effect = Effect::kCrash,
               .verb = Verb::kPutIfAbsent,
               .key_prefix = kPacksPrefix,
               .skip = 1});
  EXPECT_FALSE(StoreSnapshot(*repository_, spec, rows).ok());
  store_->Revive();
  std::uint64_t arrived = 0;
  for (const auto& [key, bytes] : AllObjects(*memory_)) {
    if (key.starts_with(kPacksPrefix)) arrived += bytes.size();
  }
  EXPECT_GT(arrived, 8U << 20);
  repository_ = *Reopen(store_);
  EXPECT_EQ(repository_->Stats(kContext)->unindexed_packs, CountObjects(*memory_, kPacksPrefix));
  const auto stored = StoreSnapshot(*repository_, spec, rows);
  ASSERT_TRUE(stored.ok()) << stored.status();
  const std::uint64_t plain = rows.ByteSize();
  EXPECT_LT(stored->stats.stored_bytes, plain - arrived + plain / 10);
  EXPECT_EQ(repository_->Stats(kContext)->unindexed_packs, 0U);
  const auto again = Reopen(memory_);
  ExpectSameRows(rows, *RowsOf(**again, *stored));
}

TEST_F(RepositoryTest, TwoWritersAtOnceBothCommitWhole) {
  for (const bool two_processes : {false, true}) {
    const auto memory = std::make_shared<MemoryStore>();
    const std::shared_ptr<Repository> one = *CreateRepository(kContext, memory, CheapOptions());
    const std::shared_ptr<Repository> two =
        two_processes ? std::shared_ptr<Repository>(*Reopen(memory)) : one;
    const rows::RowBatch left = NumberedRows(spec_, 0, 20'000);
    const rows::RowBatch right = NumberedRows(spec_, 5'000, 20'000);
    Result<Snapshot> left_stored = Snapshot{};
    Result<Snapshot> right_stored = Snapshot{};
    {
      std::jthread a([&] { left_stored = StoreSnapshot(*one, spec_, left); });
      std::jthread b([&] { right_stored = StoreSnapshot(*two, spec_, right); });
    }
    ASSERT_TRUE(left_stored.ok()) << left_stored.status();
    ASSERT_TRUE(right_stored.ok()) << right_stored.status();
    auto again = *Reopen(memory);
    ExpectSameRows(left, *RowsOf(*again, *left_stored));
    ExpectSameRows(right, *RowsOf(*again, *right_stored));
    EXPECT_TRUE(again->Check(kContext, {.read_data = true, .only = {}, .progress = {}})->empty());
  }
}

TEST_F(RepositoryTest, AnAbandonedWritersPacksAreNamedByTheIndexOfWhoRestsOnThem) {
  const rows::RowBatch rows = NumberedRows(spec_, 0, 1000);
  {
    auto writer = *repository_->BeginSnapshot(kContext, InfoAt(1));
    auto partition = *writer->OpenPartition(kContext, spec_, "part", {});
    ASSERT_TRUE(partition->Write(kContext, rows.Slice(0, rows.rows())).ok());
    ASSERT_TRUE(partition->Commit(kContext).ok());
    CollectionManifest manifest = ManifestOf(spec_, partition->root());
    ASSERT_TRUE(writer->AddCollection(kContext, manifest, {}).ok());
    store_->Add({.effect = Effect::kFail,
                 .kind = Kind::kNoSpace,
                 .verb = Verb::kPutIfAbsent,
                 .key_prefix = kIndexPrefix});
    EXPECT_FALSE(writer->Commit(kContext, true).ok());
  }
  const Snapshot snapshot = MustStore(rows);
  EXPECT_EQ(snapshot.stats.blobs_new, 0U);
  EXPECT_EQ(CountObjects(*memory_, kIndexPrefix), 1U);
  auto again = *Reopen(memory_);
  ExpectSameRows(rows, *RowsOf(*again, snapshot));
}

TEST_F(RepositoryTest, ACollectionTwiceInOneSnapshotIsRefused) {
  auto writer = *repository_->BeginSnapshot(kContext, InfoAt(1));
  PartitionRoot empty;
  empty.name = "part";
  ASSERT_TRUE(writer->AddCollection(kContext, ManifestOf(spec_, empty), {}).ok());
  EXPECT_EQ(KindOf(writer->AddCollection(kContext, ManifestOf(spec_, empty), {})), Kind::kInvalid);
}

TEST_F(RepositoryTest, AnUnknownOutcomeOfTheCommitIsSettledByLooking) {
  const rows::RowBatch rows = NumberedRows(spec_, 0, 50);
  const auto commit_with = [&](Effect effect, bool blind) {
    store_->Revive();
    store_->Add({.effect = effect,
                 .kind = Kind::kUnknownOutcome,
                 .verb = Verb::kPutIfAbsent,
                 .key_prefix = kSnapshotsPrefix});
    if (blind) {
      store_->Add({.effect = Effect::kFail,
                   .kind = Kind::kTransient,
                   .verb = Verb::kStat,
                   .key_prefix = kSnapshotsPrefix,
                   .times = objects::FaultRule::kForever});
    }
    return StoreSnapshot(*repository_, spec_, rows).status();
  };
  EXPECT_TRUE(commit_with(Effect::kFailAfter, false).ok());
  EXPECT_EQ(CountObjects(*memory_, kSnapshotsPrefix), 1U);
  EXPECT_EQ(KindOf(commit_with(Effect::kFail, false)), Kind::kFailed);
  EXPECT_EQ(CountObjects(*memory_, kSnapshotsPrefix), 1U);
  EXPECT_EQ(KindOf(commit_with(Effect::kFail, true)), Kind::kUnknownOutcome);
  EXPECT_EQ(KindOf(commit_with(Effect::kFailAfter, true)), Kind::kUnknownOutcome);
}

// ---- damage ----

TEST_F(RepositoryTest, ADamagedIndexIsReplacedByThePacksThemselves) {
  const rows::RowBatch rows = NumberedRows(spec_, 0, 500);
  const Snapshot snapshot = MustStore(rows);
  auto all = AllObjects(*memory_);
  for (auto& [key, bytes] : all) {
    if (key.starts_with(kIndexPrefix)) bytes[50] ^= 1;
  }
  auto again = *Reopen(StoreWith(all));
  ExpectSameRows(rows, *RowsOf(*again, snapshot));
  EXPECT_FALSE(again->Check(kContext, {})->empty());
}

TEST_F(RepositoryTest, BlobsOfAMissingPackAreStoredAgain) {
  const rows::RowBatch rows = NumberedRows(spec_, 0, 500);
  const Snapshot lost = MustStore(rows);
  for (const auto& [key, bytes] : AllObjects(*memory_)) {
    if (key.starts_with(kPacksPrefix)) memory_->Remove(kContext, {{key}});
  }
  repository_ = *Reopen(memory_);
  EXPECT_EQ(KindOf(RowsOf(*repository_, lost).status()), Kind::kCorrupt);
  const Snapshot stored = MustStore(rows, InfoAt(2000));
  EXPECT_GT(stored.stats.blobs_new, 0U);
  ExpectSameRows(rows, *RowsOf(*repository_, stored));
  // The lost snapshot is whole again too: the blobs have the same names.
  auto again = *Reopen(memory_);
  ExpectSameRows(rows, *RowsOf(*again, stored));
}

TEST_F(RepositoryTest, ADamagedUnindexedPackIsPassedOverAndCounted) {
  MustStore(NumberedRows(spec_, 0, 100));
  const ObjectId id = RandomId();
  ASSERT_TRUE(memory_->Put(kContext, PackKey(id), Bytes(500, 7)).ok());
  repository_ = *Reopen(memory_);
  MustStore(NumberedRows(spec_, 0, 200), InfoAt(2000));
  EXPECT_EQ(repository_->Stats(kContext)->damaged_packs, 1U);
  const auto findings = repository_->Check(kContext, {});
  ASSERT_EQ(findings->size(), 1U);
  EXPECT_EQ(findings->front().object, PackKey(id).text);
}

TEST_F(RepositoryTest, StatsCountWhatIsThere) {
  MustStore(NumberedRows(spec_, 0, 100));
  MustStore(NumberedRows(spec_, 0, 200), InfoAt(2000));
  const auto stats = (*Reopen(memory_))->Stats(kContext);
  ASSERT_TRUE(stats.ok()) << stats.status();
  EXPECT_EQ(stats->snapshots, 2U);
  EXPECT_EQ(stats->packs, 2U);
  EXPECT_EQ(stats->indexes, 2U);
  EXPECT_GT(stats->blobs, 5U);
  EXPECT_GT(stats->blob_plain_bytes, 200U * 40);
  EXPECT_EQ(stats->unindexed_packs, 0U);
  std::uint64_t bytes = 0;
  for (const auto& [key, object] : AllObjects(*memory_)) {
    if (key.starts_with(kPacksPrefix)) bytes += object.size();
  }
  EXPECT_EQ(stats->pack_bytes, bytes);
}

// Promise 1, by brute force: no bit of any object of a repository may change unseen.
class RepositoryBits : public ::testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Suites, RepositoryBits, ::testing::Values(false, true),
                         [](const auto& suite) { return suite.param ? "Aes" : "None"; });

TEST_P(RepositoryBits, EveryByteAndEveryCutOfEveryObjectIsFound) {
  const auto memory = std::make_shared<MemoryStore>();
  const rows::CollectionSpec spec = SmallSpec(rows::DataType::kInt64, 2);
  const rows::RowBatch rows = NumberedRows(spec, 0, 12);
  {
    auto repository = *CreateRepository(kContext, memory, CheapOptions(GetParam()));
    ASSERT_TRUE(StoreSnapshot(*repository, spec, rows).ok());
  }
  // Found: it does not open, or the check says so; and restoring never gives wrong rows.
  const auto expect_found = [&](const std::string& key, ByteSpan bytes, const std::string& what) {
    ASSERT_TRUE(memory->Put(kContext, {key}, bytes).ok());
    auto opened = Reopen(memory);
    if (!opened.ok()) {
      EXPECT_NE(KindOf(opened.status()), Kind::kWrongKey) << what << opened.status();
      return;
    }
    const auto findings =
        (*opened)->Check(kContext, {.read_data = true, .only = {}, .progress = {}});
    ASSERT_TRUE(findings.ok()) << what << findings.status();
    EXPECT_FALSE(findings->empty()) << what;
    std::vector<Finding> damaged;
    const auto listed = (*opened)->ListSnapshots(kContext, &damaged);
    ASSERT_TRUE(listed.ok()) << what;
    EXPECT_EQ(listed->size() + damaged.size(), 1U) << what;
    for (const Snapshot& snapshot : *listed) {
      const auto read = RowsOf(**opened, snapshot);
      if (read.ok()) ExpectSameRows(rows, *read);
    }
  };
  for (const auto& [key, good] : AllObjects(*memory)) {
    Bytes bad = good;
    for (std::size_t i = 0; i < good.size(); i += Effort(1, 1, 17)) {
      bad[i] ^= static_cast<std::uint8_t>(1 << i % 8);
      expect_found(key, bad, key + " byte " + std::to_string(i));
      bad[i] = good[i];
    }
    for (std::size_t size = 0; size < good.size(); size += 1 + good.size() / 100) {
      expect_found(key, ByteSpan(good).first(size), key + " cut to " + std::to_string(size));
    }
    memory->Remove(kContext, {{key}});
    const auto opened = Reopen(memory);
    if (opened.ok() && !key.starts_with(kSnapshotsPrefix) && !key.starts_with(kIndexPrefix)) {
      EXPECT_FALSE((*opened)->Check(kContext, {})->empty()) << key << " removed";
    }
    ASSERT_TRUE(memory->Put(kContext, {key}, good).ok());
  }
}

TEST_F(RepositoryTest, ACheckFindsDamageInGarbageToo) {
  const rows::RowBatch rows = NumberedRows(spec_, 0, 100);
  const Snapshot gone = MustStore(rows);
  memory_->Remove(kContext, {SnapshotKey(*ObjectId::Parse(gone.id.hex))});
  auto all = AllObjects(*memory_);
  for (auto& [key, bytes] : all) {
    if (key.starts_with(kPacksPrefix)) bytes[20] ^= 1;
  }
  auto again = *Reopen(StoreWith(all));
  EXPECT_TRUE(again->Check(kContext, {})->empty());
  EXPECT_EQ(again->Check(kContext, {.read_data = true, .only = {}, .progress = {}})->size(), 1U);
}

TEST_F(RepositoryTest, AStoreThatCannotBeReadIsAnErrorNotAFinding) {
  MustStore(NumberedRows(spec_, 0, 100));
  auto again = *Reopen(store_);
  for (const Verb verb : {Verb::kGet, Verb::kList}) {
    store_->Revive();
    store_->Add({.effect = Effect::kFail,
                 .kind = Kind::kTransient,
                 .verb = verb,
                 .skip = 3,
                 .times = objects::FaultRule::kForever});
    EXPECT_EQ(KindOf(again->Check(kContext, {}).status()), Kind::kTransient);
  }
}

TEST_F(RepositoryTest, AFolderHoldsARepositoryToo) {
  const std::string folder = ::testing::TempDir() + "aerie_repository_" + RandomId().ToHex();
  const auto store = std::make_shared<objects::FilesystemStore>(folder);
  const rows::RowBatch rows = NumberedRows(spec_, 0, 300);
  {
    auto repository = *CreateRepository(kContext, store, CheapOptions());
    ASSERT_TRUE(StoreSnapshot(*repository, spec_, rows).ok());
  }
  auto again = *Reopen(std::make_shared<objects::FilesystemStore>(folder));
  ExpectSameRows(rows, *RowsOf(*again, *again->FindSnapshot(kContext, "latest")));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace aerie::repo
