// Repair: every readable row is kept, none is made up, and what is gone is said.
#include "repo/repair.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/testing_effort.h"
#include "repo/leaf_access.h"
#include "repo/leaf_salvage.h"
#include "repo/object_names.h"
#include "repo/prune_testing.h"
#include "repo/repo_check.h"
#include "repo/tree_cursor.h"

namespace aerie::repo {
namespace {

using objects::Effect;
using objects::FaultyStore;
using objects::MemoryStore;
using objects::Verb;

std::int64_t KeyOf(const rows::RowBatch& rows, std::size_t row) {
  return std::get<std::int64_t>(rows.KeyAt(row));
}

// Whether every row of `part` is one of `all`, bit for bit.
void ExpectSubset(const rows::RowBatch& part, const rows::RowBatch& all) {
  std::size_t at = 0;
  for (std::size_t row = 0; row < part.rows(); ++row) {
    while (at < all.rows() && all.KeyAt(at) < part.KeyAt(row)) ++at;
    ASSERT_LT(at, all.rows());
    ExpectSameRows(part.Slice(row, row + 1), all.Slice(at, at + 1));
  }
}

bool Covers(const std::vector<LostRows>& lost, std::int64_t key) {
  return std::ranges::any_of(lost, [&](const LostRows& range) {
    return !range.keys ||
           (range.keys->first <= rows::Key(key) && rows::Key(key) <= range.keys->second);
  });
}

// Snapshots of one collection, each a few rows changed after the one before, kept as patches.
class RepairTest : public PruneTest {
 protected:
  static constexpr std::size_t kGenerations = 3;

  void SetUp() override {
    repository_ = Make(store_);
    rows::RowBatch rows = NumberedRows(spec_, 0, 400, 10);
    std::optional<Snapshot> before;
    for (std::size_t i = 0; i < kGenerations; ++i) {
      if (i > 0) rows = ChangeEvery(23, i, spec_, rows, i);
      auto stored = StoreNext(*repository_, spec_, rows, before, Info());
      ASSERT_TRUE(stored.ok()) << stored.status();
      clock_.Advance(std::chrono::minutes(1));
      before = *stored;
      rows_.emplace(stored->id, rows);
      if (i == 0) {
        for (const auto& [key, bytes] : AllObjects(*memory_)) {
          if (key.starts_with(kPacksPrefix)) first_pack_ = key;
        }
      }
    }
    good_ = AllObjects(*memory_);
  }

  RepairOptions Options() const {
    RepairOptions options;
    options.program = "aerie test";
    return options;
  }
  std::vector<std::string> Keys(const std::string& prefix) { return KeysUnder(good_, prefix); }

  // A bit of the first pack without which rows of several snapshots are gone.
  void FlipWhereItCosts(std::map<std::string, Bytes>& all) {
    Bytes& pack = all.at(first_pack_);
    for (std::size_t at = 40; at < pack.size(); at += 40) {
      pack[at] ^= 1;
      const auto plan = PlanRepair(context_, *Open(StoreWith(all)), Options());
      ASSERT_TRUE(plan.ok()) << plan.status();
      if (plan->snapshots.size() > 1 && plan->snapshots[0].rows_lost > 0) return;
      pack[at] ^= 1;
    }
    FAIL() << "no byte costs a row";
  }

  // Everything that must hold of a repair of the store with some damage.
  void ExpectRightRepair(const std::shared_ptr<objects::ObjectStore>& store,
                         const RepairReport& report) {
    const auto repository = Open(store);
    for (const SnapshotRepair& repair : report.snapshots) {
      if (repair.earlier || repair.whole) continue;
      const rows::RowBatch& all = rows_.at(repair.damaged.id);
      EXPECT_EQ(repair.rows_kept + repair.rows_lost, all.rows());
      std::uint64_t lost = 0;
      for (const LostRows& range : repair.lost) {
        lost += range.rows;
        EXPECT_GT(range.rows, 0U);
        EXPECT_FALSE(range.reason.empty());
      }
      EXPECT_EQ(lost, repair.rows_lost);
      if (!repair.repaired) {
        EXPECT_EQ(repair.rows_kept, 0U);
        continue;
      }
      ExpectRightSnapshot(*repository, repair, all);
    }
  }
  void ExpectRightSnapshot(Repository& repository, const SnapshotRepair& repair,
                           const rows::RowBatch& all) {
    const auto found = repository.FindSnapshot(context_, repair.repaired->id.hex);
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_EQ(found->repaired_from, repair.damaged.id);
    EXPECT_EQ(found->created_ms, repair.damaged.created_ms);
    EXPECT_EQ(found->complete, repair.rows_lost == 0);
    const auto kept = Read(repository, *found);
    ASSERT_TRUE(kept.ok()) << kept.status();
    EXPECT_EQ(kept->rows(), repair.rows_kept);
    ExpectSubset(*kept, all);
    std::set<std::int64_t> keys;
    for (std::size_t row = 0; row < kept->rows(); ++row) keys.insert(KeyOf(*kept, row));
    for (std::size_t row = 0; row < all.rows(); ++row) {
      const std::int64_t key = KeyOf(all, row);
      EXPECT_NE(keys.contains(key) ? 1 : 0, Covers(repair.lost, key) && !keys.contains(key) ? 1 : 0)
          << key;
    }
  }

  std::shared_ptr<MemoryStore> memory_ = std::make_shared<MemoryStore>();
  std::shared_ptr<FaultyStore> store_ = std::make_shared<FaultyStore>(memory_);
  std::unique_ptr<Repository> repository_;
  std::map<SnapshotId, rows::RowBatch> rows_;
  std::map<std::string, Bytes> good_;
  std::string first_pack_;  // of the first generation, which the others rest on
};

TEST_F(RepairTest, NothingIsToBeDoneWithoutDamage) {
  const auto report = RunRepair(context_, *Open(store_), Options());
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->looked_at, kGenerations);
  EXPECT_TRUE(report->snapshots.empty());
  EXPECT_EQ(AllObjects(*memory_), good_);
}

TEST_F(RepairTest, APreviewSaysWhatTheRunDoesAndChangesNothing) {
  auto all = good_;
  all.erase(first_pack_);
  const auto memory = StoreWith(all);
  const auto plan = PlanRepair(context_, *Open(memory), Options());
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(AllObjects(*memory), all);
  const auto run = RunRepair(context_, *Open(memory), Options());
  ASSERT_TRUE(run.ok()) << run.status();
  ASSERT_EQ(plan->snapshots.size(), run->snapshots.size());
  for (std::size_t i = 0; i < plan->snapshots.size(); ++i) {
    EXPECT_EQ(plan->snapshots[i].rows_lost, run->snapshots[i].rows_lost);
    EXPECT_EQ(plan->snapshots[i].lost.size(), run->snapshots[i].lost.size());
  }
}

// A flipped bit here and there in every pack: never a wrong row, and the account is exact.
TEST_F(RepairTest, ADamagedByteAnywhereCostsNoMoreThanWhatCannotBeProven) {
  std::size_t repaired = 0;
  for (const std::string& pack : Keys(kPacksPrefix)) {
    const std::size_t size = good_.at(pack).size();
    for (std::size_t at = 8; at < size; at += 1 + size / 60) {
      SCOPED_TRACE(pack + " byte " + std::to_string(at));
      auto all = good_;
      all.at(pack)[at] ^= 16;
      const auto memory = StoreWith(all);
      const auto report = RunRepair(context_, *Open(memory), Options());
      ASSERT_TRUE(report.ok()) << report.status();
      repaired += report->snapshots.size();
      ExpectRightRepair(memory, *report);
      for (const auto& [key, bytes] : all) {
        EXPECT_TRUE(BytesOf(*memory, key) == bytes) << key << " was changed";
      }
      const auto latest = Open(memory)->FindSnapshot(context_, "latest");
      ASSERT_TRUE(latest.ok());
      EXPECT_TRUE(latest->complete);
      const auto again = RunRepair(context_, *Open(memory), Options());
      ASSERT_TRUE(again.ok()) << again.status();
      for (const SnapshotRepair& repair : again->snapshots) {
        EXPECT_TRUE(repair.earlier || !repair.repaired) << "once is enough";
      }
      ASSERT_FALSE(HasFailure());
    }
  }
  EXPECT_GT(repaired, 50U);
}

TEST_F(RepairTest, LostPacksCutPacksAndSwappedPacksNeverGiveAWrongRow) {
  const auto packs = Keys(kPacksPrefix);
  const auto run = [&](const std::map<std::string, Bytes>& all) {
    const auto memory = StoreWith(all);
    const auto report = RunRepair(context_, *Open(memory), Options());
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_FALSE(report->snapshots.empty());
    ExpectRightRepair(memory, *report);
  };
  for (const std::string& pack : packs) {
    SCOPED_TRACE(pack);
    auto all = good_;
    all.erase(pack);
    run(all);
    all[pack] = good_.at(pack);
    all[pack].resize(all[pack].size() / 2);
    run(all);
  }
  auto all = good_;
  std::swap(all.at(packs[0]), all.at(packs[1]));
  run(all);
}

// A blob that was stored a second time elsewhere: nothing is lost, nothing is to be done.
TEST_F(RepairTest, ASecondCopyIsUsedFirst) {
  auto all = good_;
  const std::string pack = first_pack_;
  all.erase(pack);
  const auto memory = StoreWith(all);
  const Snapshot oldest = repository_->ListSnapshots(context_)->back();
  {
    const auto repository = Open(memory);  // stores the missing blobs again
    ASSERT_TRUE(StoreNext(*repository, spec_, rows_.at(oldest.id), {}, Info()).ok());
  }
  Bytes damaged = good_.at(pack);
  damaged[50] ^= 1;
  ASSERT_TRUE(memory->Put(context_, {pack}, damaged).ok());
  const auto report = RunRepair(context_, *Open(memory), Options());
  ASSERT_TRUE(report.ok()) << report.status();
  for (const SnapshotRepair& repair : report->snapshots) EXPECT_NE(repair.damaged.id, oldest.id);
}

TEST_F(RepairTest, ReplaceDeletesWhatWasRepairedButNoPinnedOne) {
  auto all = good_;
  all.at(first_pack_)[40] ^= 1;
  for (const bool pinned : {false, true}) {
    const auto memory = StoreWith(all);
    const auto repository = Open(memory);
    const SnapshotId oldest = repository->ListSnapshots(context_)->back().id;
    if (pinned) {
      ASSERT_TRUE(PinSnapshot(context_, *repository, oldest).ok());
    }
    RepairOptions options = Options();
    options.replace = true;
    options.only = {oldest};
    const auto report = RunRepair(context_, *repository, options);
    ASSERT_TRUE(report.ok()) << report.status();
    ASSERT_EQ(report->snapshots.size(), 1U);
    const SnapshotRepair& repair = report->snapshots[0];
    ASSERT_TRUE(repair.repaired);
    EXPECT_EQ(repair.replaced, !pinned);
    EXPECT_EQ(repair.not_replaced.empty(), !pinned);
    EXPECT_EQ(repository->FindSnapshot(context_, oldest.hex).ok(), pinned);
    EXPECT_TRUE(repository->FindSnapshot(context_, repair.repaired->id.hex).ok());
  }
}

TEST_F(RepairTest, AnUnreadableSnapshotIsReportedAndTheOthersAreLookedAt) {
  auto all = good_;
  const std::string key = Keys(kSnapshotsPrefix).at(0);
  all.at(key)[40] ^= 1;
  const auto report = RunRepair(context_, *Open(StoreWith(all)), Options());
  ASSERT_TRUE(report.ok()) << report.status();
  ASSERT_EQ(report->unreadable.size(), 1U);
  EXPECT_EQ(report->unreadable[0].object, key);
  EXPECT_EQ(report->looked_at, kGenerations - 1);
}

class RepairCrash : public RepairTest, public ::testing::WithParamInterface<Effect> {};
INSTANTIATE_TEST_SUITE_P(Effects, RepairCrash,
                         ::testing::Values(Effect::kCrash, Effect::kCrashAfter),
                         [](const auto& effect) {
                           return effect.param == Effect::kCrash ? "Before" : "After";
                         });

// The first generation is damaged (and with it the leaves that the later ones share); one more
// collection of rows is whole, and must stay so.
TEST_P(RepairCrash, AnywhereLeavesTheRestWholeAndTheWorkIsCompleted) {
  const Snapshot whole = MustStore(*repository_, Rows(90'000, 100));
  auto all = AllObjects(*memory_);
  FlipWhereItCosts(all);
  bool finished = false;
  for (std::uint64_t at = 1; !finished; at += Effort(1, 1, 13)) {
    SCOPED_TRACE("operation " + std::to_string(at));
    const auto memory = StoreWith(all);
    const auto faulty = std::make_shared<FaultyStore>(memory);
    faulty->CrashAt(at, GetParam());
    if (auto opened = OpenRepository(context_, faulty, TestPassphrase()); opened.ok()) {
      finished =
          RunRepair(context_, *Hasty(*std::move(opened)), Options()).ok() && !faulty->crashed();
    }
    clock_.Advance(std::chrono::minutes(11));
    for (const auto& [key, bytes] : all) {
      EXPECT_TRUE(BytesOf(*memory, key) == bytes) << key << " was changed";
    }
    ExpectSameRows(Rows(90'000, 100), *Read(*Open(memory), whole));
    const auto report = RunRepair(context_, *Open(memory), Options());
    ASSERT_TRUE(report.ok()) << report.status();
    ExpectRightRepair(memory, *report);
    const auto repository = Open(memory);
    std::map<SnapshotId, int> repairs;
    const auto snapshots = repository->ListSnapshots(context_);
    ASSERT_TRUE(snapshots.ok()) << snapshots.status();
    for (const Snapshot& snapshot : *snapshots) {
      if (!snapshot.repaired_from) continue;
      ++repairs[*snapshot.repaired_from];
      EXPECT_TRUE(Read(*repository, snapshot).ok());
    }
    EXPECT_EQ(repairs.size(), report->snapshots.size());
    for (const auto& [id, count] : repairs) EXPECT_EQ(count, 1);
    ASSERT_FALSE(HasFailure());
    ASSERT_LT(at, 500U);
  }
}

// ---- single leaves ----

// A leaf with patches, whose blobs are taken away in every combination.
TEST(SalvageLeaf, KeepsWhatIsProvenWhateverBlobsAreGone) {
  const rows::CollectionSpec spec = SmallSpec(rows::DataType::kInt64, 2);
  MemoryBlobs blobs;
  rows::RowBatch rows = NumberedRows(spec, 0, 60, 10);
  PartitionRoot first;
  first.leaf_bits = 13;
  std::optional<PartitionRoot> root = first;
  for (std::size_t i = 0; i < 3; ++i) {
    if (i > 0) rows = ChangeEvery(19, i, spec, rows, i);
    root = *StorePatched(blobs, spec, rows, 1000, 1, root);
  }
  const Context context = Context::Background();
  TreeCursor cursor(blobs, *root, "here");
  ASSERT_TRUE(cursor.Start(context).ok());
  const LeafEntry entry = *cursor.NextLeaf(context).value();
  ASSERT_EQ(entry.range.digest.rows, rows.rows()) << "one leaf";
  ASSERT_GE(entry.patches.size(), 1U);
  const auto columns = spec.schema.Columns();
  const auto refs = LeafBlobs(entry, columns);
  std::set<std::uint64_t> kept_counts;
  for (std::uint32_t gone = 0; gone < 1U << refs.size(); ++gone) {
    SCOPED_TRACE(gone);
    blobs.before_load = [&](const BlobRef& ref) {
      for (std::size_t i = 0; i < refs.size(); ++i) {
        if (refs[i].name == ref.name && (gone >> i & 1) != 0) return CorruptError("gone");
      }
      return Ok();
    };
    const auto leaf = SalvageLeaf(context, blobs, columns, "part", entry);
    ASSERT_TRUE(leaf.ok()) << leaf.status();
    ExpectSubset(leaf->rows, rows);
    std::uint64_t lost = 0;
    for (const LostRange& range : leaf->lost) lost += range.rows;
    EXPECT_EQ(leaf->rows.rows() + lost, rows.rows());
    if (gone == 0) {
      EXPECT_EQ(lost, 0U);
    }
    if (gone == 1) {
      EXPECT_EQ(lost, 0U) << "the digests of the base: the sum proves the rows";
    }
    if (gone == 1U << (refs.size() - 1)) {
      EXPECT_EQ(leaf->rows.rows(), 0U) << "the last patch";
    }
    kept_counts.insert(leaf->rows.rows());
  }
  EXPECT_GE(kept_counts.size(), 3U) << "all, none, and the rows of patches";
}

}  // namespace
}  // namespace aerie::repo
