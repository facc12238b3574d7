// Patches in whole repositories: features, crashes, damage, size as stored.
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "base/testing_effort.h"
#include "repo/leaf_cutter.h"
#include "repo/object_names.h"
#include "repo/repository_testing.h"

namespace aerie::repo {
namespace {

using objects::Effect;
using objects::FaultyStore;
using objects::MemoryStore;

const Context kContext = Context::Background();

Repository::CheckOptions ReadData() {
  Repository::CheckOptions options;
  options.read_data = true;
  return options;
}

std::size_t CountPacks(MemoryStore& store) {
  std::size_t packs = 0;
  for (const auto& [key, bytes] : AllObjects(store)) packs += key.starts_with(kPacksPrefix) ? 1 : 0;
  return packs;
}

struct Generations {
  rows::CollectionSpec spec = SmallSpec();
  rows::RowBatch first = NumberedRows(spec, 0, 800, 4);
  rows::RowBatch second = ChangeEvery(40, 7, spec, first, 2);
  rows::RowBatch third = ChangeEvery(40, 20, spec, second, 3);
};

TEST(PatchedRepository, AddsLittleForEachGenerationAndReadsThemAll) {
  for (const bool encrypted : {true, false}) {
    const Generations rows;
    const auto memory = std::make_shared<MemoryStore>();
    auto repository = *CreateRepository(kContext, memory, CheapOptions(encrypted));
    const auto first = StoreNext(*repository, rows.spec, rows.first, {}, InfoAt(1));
    ASSERT_TRUE(first.ok()) << first.status();
    const auto second = StoreNext(*repository, rows.spec, rows.second, *first, InfoAt(2));
    ASSERT_TRUE(second.ok()) << second.status();
    const auto third = StoreNext(*repository, rows.spec, rows.third, *second, InfoAt(3));
    ASSERT_TRUE(third.ok()) << third.status();
    EXPECT_LT(third->stats.stored_bytes, first->stats.stored_bytes / 2);
    auto again = *Reopen(memory);
    ExpectSameRows(*RowsOf(*again, *first), rows.first);
    ExpectSameRows(*RowsOf(*again, *second), rows.second);
    ExpectSameRows(*RowsOf(*again, *third), rows.third);
    EXPECT_TRUE(again->Check(kContext, ReadData())->empty());
  }
}

// A program that does not know the feature must not read on; one that does goes on without where
// the repository was made without.
TEST(PatchedRepository, OneMadeWithoutTheFeatureGoesOnWithout) {
  const Generations rows;
  std::map<bool, std::uint64_t> stored;
  for (const bool patches : {true, false}) {
    const auto memory = std::make_shared<MemoryStore>();
    CreateOptions options = CheapOptions();
    options.patches = patches;
    ASSERT_TRUE(CreateRepository(kContext, memory, options).ok());
    const std::string config(AsText(AllObjects(*memory).at("config")));
    EXPECT_EQ(config.find("\"patches\"") != std::string::npos, patches);
    auto repository = *Reopen(memory);
    const auto first = StoreNext(*repository, rows.spec, rows.first, {}, InfoAt(1));
    ASSERT_TRUE(first.ok()) << first.status();
    const auto second = StoreNext(*repository, rows.spec, rows.second, *first, InfoAt(2));
    ASSERT_TRUE(second.ok()) << second.status();
    ExpectSameRows(*RowsOf(*repository, *second), rows.second);
    stored[patches] = second->stats.stored_bytes;
    EXPECT_EQ(AllObjects(*memory).at("config"), Bytes(config.begin(), config.end()));
  }
  EXPECT_LT(stored[true], stored[false] / 2);
}

void CrashEverywhere(Effect effect) {
  const Generations rows;
  const auto base = std::make_shared<MemoryStore>();
  auto repository = *CreateRepository(kContext, base, CheapOptions());
  const Snapshot first = *StoreNext(*repository, rows.spec, rows.first, {}, InfoAt(1));
  const Snapshot second = *StoreNext(*repository, rows.spec, rows.second, first, InfoAt(2));
  const auto before = AllObjects(*base);
  const std::size_t packs = CountPacks(*base);
  const std::map<SnapshotId, const rows::RowBatch*> earlier = {{first.id, &rows.first},
                                                               {second.id, &rows.second}};
  bool finished = false;
  for (std::uint64_t at = 1; !finished; ++at) {
    const auto memory = StoreWith(before);
    const auto faulty = std::make_shared<FaultyStore>(memory);
    faulty->CrashAt(at, effect);
    if (auto opened = Reopen(faulty); opened.ok()) {
      const auto stored = StoreNext(**opened, rows.spec, rows.third, second, InfoAt(3));
      finished = stored.ok() && !faulty->crashed();
    }
    const bool arrived = CountPacks(*memory) > packs;
    auto again = *Reopen(memory);
    const auto listed = again->ListSnapshots(kContext);
    ASSERT_TRUE(listed.ok()) << at << listed.status();
    for (const Snapshot& snapshot : *listed) {
      const auto known = earlier.find(snapshot.id);
      const auto back = RowsOf(*again, snapshot);
      ASSERT_TRUE(back.ok()) << at << back.status();
      ExpectSameRows(known == earlier.end() ? rows.third : *known->second, *back);
    }
    EXPECT_TRUE(again->Check(kContext, ReadData())->empty()) << at;
    const auto repeated = StoreNext(*again, rows.spec, rows.third, second, InfoAt(4));
    ASSERT_TRUE(repeated.ok()) << at << repeated.status();
    EXPECT_TRUE(!arrived || repeated->stats.blobs_new == 0) << at;
    ExpectSameRows(rows.third, *RowsOf(*again, *repeated));
  }
}

TEST(PatchedRepository, ACrashBeforeAnyOperationOfAnIncrementalLosesNothing) {
  CrashEverywhere(Effect::kCrash);
}
TEST(PatchedRepository, ACrashAfterAnyOperationOfAnIncrementalLosesNothing) {
  CrashEverywhere(Effect::kCrashAfter);
}

class PatchedBits : public ::testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Suites, PatchedBits, ::testing::Values(false, true),
                         [](const auto& suite) { return suite.param ? "Aes" : "None"; });

TEST_P(PatchedBits, EveryByteOfAPatchIsFoundAndItsKeysAreNamed) {
  const rows::CollectionSpec spec = SmallSpec(rows::DataType::kInt64, 2);
  const rows::RowBatch first = NumberedRows(spec, 0, 40, 4);
  const rows::RowBatch second = ChangeEvery(50, 5, spec, first, 2);
  const auto memory = std::make_shared<MemoryStore>();
  std::optional<Snapshot> stored;
  std::map<std::string, Bytes> before;
  {
    auto repository = *CreateRepository(kContext, memory, CheapOptions(GetParam()));
    stored = *StoreNext(*repository, spec, first, {}, InfoAt(1));
    before = AllObjects(*memory);
    stored = *StoreNext(*repository, spec, second, *stored, InfoAt(2));
  }
  constexpr std::size_t kStride = Effort(1, 1, 9);
  std::size_t named = 0;
  for (const auto& [key, good] : AllObjects(*memory)) {
    if (before.contains(key) || !key.starts_with(kPacksPrefix)) continue;
    Bytes bad = good;
    for (std::size_t i = 0; i < good.size(); i += kStride) {
      bad[i] ^= static_cast<std::uint8_t>(1 << i % 8);
      ASSERT_TRUE(memory->Put(kContext, {key}, bad).ok());
      bad[i] = good[i];
      auto opened = *Reopen(memory);
      const auto findings = opened->Check(kContext, ReadData());
      ASSERT_TRUE(findings.ok()) << findings.status();
      EXPECT_FALSE(findings->empty()) << key << " byte " << i;
      for (const Finding& finding : *findings) {
        const bool patch = finding.message.find("patch 1 of 1") != std::string::npos;
        if (patch) {
          EXPECT_NE(finding.where.find("collection default.things, partition \"part\", keys "),
                    std::string::npos);
        }
        named += patch ? 1 : 0;
      }
      const auto back = RowsOf(*opened, *stored);
      if (back.ok()) ExpectSameRows(second, *back);
    }
    ASSERT_TRUE(memory->Put(kContext, {key}, good).ok());
  }
  EXPECT_GT(named * kStride, 50U);
}

// Each leaf is one read of its own; its patches are read with those of its neighbours.
TEST(PatchedRepository, PatchesAddFewReads) {
  const rows::CollectionSpec spec = SmallSpec(rows::DataType::kInt64, 512);
  rows::RowBatch rows = NumberedRows(spec, 0, 4000, 10);
  const auto store = std::make_shared<FaultyStore>(std::make_shared<MemoryStore>());
  auto repository = *CreateRepository(kContext, store, CheapOptions());
  const auto reads = [&](const Snapshot& snapshot) {
    const std::uint64_t before = store->calls(objects::Verb::kGet);
    ExpectSameRows(*RowsOf(*repository, snapshot), rows);
    return store->calls(objects::Verb::kGet) - before;
  };
  std::optional<Snapshot> snapshot = *StoreNext(*repository, spec, rows, {}, InfoAt(1));
  const std::uint64_t plain = reads(*snapshot);
  EXPECT_GT(plain, 100U);
  for (std::int64_t generation = 0; generation < 4; ++generation) {
    const auto number = static_cast<std::size_t>(generation);
    rows = ChangeEvery(150, 11 + 13 * number, spec, rows, number);
    snapshot = *StoreNext(*repository, spec, rows, snapshot, InfoAt(2 + generation));
  }
  EXPECT_LT(reads(*snapshot), plain * 3 / 2);
}

// The promise, as stored: packs, index and snapshot, whatever the size of the leaves.
TEST(PatchedRepository, OnePercentOfRandomChangesStoresAtMostTwo) {
  for (const std::int64_t dim : {4, 64}) {
    const rows::CollectionSpec spec = SmallSpec(rows::DataType::kInt64, dim);
    const rows::RowBatch rows = NumberedRows(spec, 0, dim == 4 ? 60'000 : 20'000, 4);
    const auto bytes_of = [](MemoryStore& store) {
      std::uint64_t bytes = 0;
      for (const auto& [key, object] : AllObjects(store)) bytes += object.size();
      return bytes;
    };
    const auto memory = std::make_shared<MemoryStore>();
    auto repository = *CreateRepository(kContext, memory, CheapOptions());
    const Snapshot full = *StoreSnapshot(*repository, spec, rows);
    const std::uint64_t whole = bytes_of(*memory);
    const rows::RowBatch changed = ChangeEvery(300, 11, spec, rows, 5);
    ASSERT_TRUE(StoreNext(*repository, spec, changed, full, InfoAt(2)).ok());
    EXPECT_LE(bytes_of(*memory) - whole, whole * 2 / 100) << dim;
  }
}

}  // namespace
}  // namespace aerie::repo
