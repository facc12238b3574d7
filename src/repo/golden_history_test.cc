// A repository with a history, as this version of the program left it: testdata/README.md says what
// is in it. It must be read, and worked on, by every later version. Nobody may change it; to add
// one for a new version, once:
//   AERIE_WRITE_GOLDEN=src/repo/testdata/NAME repo_store_test --gtest_filter='GoldenHistory*Read*'
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "objects/filesystem_store.h"
#include "repo/check_record.h"
#include "repo/damage_record.h"
#include "repo/doom.h"
#include "repo/object_names.h"
#include "repo/prune_testing.h"
#include "repo/repo_check.h"
#include "repo/repo_keys.h"
#include "repo/rotation.h"

namespace aerie::repo {
namespace {

using objects::MemoryStore;

constexpr KdfCost kCheap{1, 8 << 10};
constexpr std::chrono::hours kDay(24);

class GoldenHistory : public PruneTest {
 protected:
  using Objects = std::map<std::string, Bytes>;

  static std::string Folder() {
    return std::string(AERIE_SOURCE_DIR) + "/src/repo/testdata/v1-history";
  }

  // ---- how it was made ----

  void Write(const std::string& folder) {
    const auto memory = std::make_shared<MemoryStore>();
    Snapshot pinned = WriteDoomAndRepack(memory);
    ASSERT_TRUE(PinSnapshot(context_, *Open(memory), pinned.id).ok());
    WriteNotes(memory);
    ASSERT_TRUE(BeginRotation(context_, *memory, TestPassphrase(), {}, kCheap).ok());
    ASSERT_TRUE(AddKey(context_, *memory, TestPassphrase(), second_, kCheap).ok());
    snapshot_options_.immutable_for = 365 * kDay;
    MustStore(*Open(memory), Rows(0, 130));
    objects::FilesystemStore golden(folder);
    for (const auto& [key, bytes] : AllObjects(*memory)) {
      ASSERT_TRUE(golden.Put(context_, {key}, bytes).ok()) << key;
    }
    const auto repository = Open(memory);
    const std::vector<Snapshot> snapshots = *repository->ListSnapshots(context_);
    for (const Snapshot& snapshot : snapshots) {
      std::cout << snapshot.collections.at(0).digest.sum.ToHex() << "\n";
    }
  }

  // A pack that held mostly what a deleted snapshot needed is stored again in part, and doomed.
  Snapshot WriteDoomAndRepack(const std::shared_ptr<MemoryStore>& memory) {
    const auto repository = Make(memory);
    const Snapshot large = MustStore(*repository, Rows(0, 600));
    const Snapshot small = MustStore(*repository, Rows(0, 100));
    EXPECT_TRUE(DeleteSnapshots(context_, *repository, {large.id}).ok());
    PruneOptions options = Options();
    options.repack_above = 0.1;
    const PruneReport pruned = MustPrune(*repository, options);
    EXPECT_GT(pruned.repacked.packs, 0U);
    EXPECT_GT(pruned.doomed.packs, 0U);
    return small;
  }

  // A check reads while a pack is damaged, which is then copied back; the backup after it stores
  // what was noted a second time.
  void WriteNotes(const std::shared_ptr<MemoryStore>& memory) {
    const std::vector<std::string> before = KeysUnder(AllObjects(*memory), kPacksPrefix);
    over_latest_ = true;
    const Snapshot verified = MustStore(*Open(memory), Rows(0, 120));
    ASSERT_TRUE(RecordVerified(context_, *Open(memory), verified.id).ok());
    for (const auto& [key, sound] : AllObjects(*memory)) {
      if (!key.starts_with(kPacksPrefix) || std::ranges::count(before, key) != 0) continue;
      Bytes damaged = sound;
      damaged.at(100) ^= 1;
      ASSERT_TRUE(memory->Put(context_, {key}, damaged).ok());
      CheckRepositoryOptions options;
      options.data = DataSelection{};
      options.program = "aerie test";
      options.host = "here";
      const auto checked = CheckRepository(context_, *Open(memory), options);
      ASSERT_TRUE(checked.ok()) << checked.status();
      EXPECT_FALSE(checked->findings.empty());
      ASSERT_TRUE(memory->Put(context_, {key}, sound).ok());
    }
    const Snapshot again = MustStore(*Open(memory), Rows(0, 120));
    EXPECT_GT(again.stats.blobs_new, 0U) << "nothing was noted";
  }

  // ---- how it is read ----

  // In memory, since readers write locks; put there at a time after all that it tells of.
  std::shared_ptr<MemoryStore> Load() {
    clock_.Advance(10 * kDay);
    objects::FilesystemStore golden(Folder());
    const auto memory = std::make_shared<MemoryStore>();
    for (const auto& [key, bytes] : AllObjects(golden)) {
      EXPECT_TRUE(memory->Put(context_, {key}, bytes).ok()) << key;
    }
    return memory;
  }

  void ExpectRows(const std::shared_ptr<MemoryStore>& memory) {
    const auto repository = Open(memory);
    ASSERT_NE(repository, nullptr);
    const auto snapshots = repository->ListSnapshots(context_);
    ASSERT_TRUE(snapshots.ok()) << snapshots.status();
    ASSERT_EQ(snapshots->size(), digests_.size());
    for (std::size_t i = 0; i < digests_.size(); ++i) {
      const auto rows = Read(*repository, snapshots->at(i));
      ASSERT_TRUE(rows.ok()) << rows.status();
      rows::RowDigester digester(spec_.schema.Columns());
      EXPECT_EQ(digester.DigestRange(*rows)->sum.ToHex(), digests_[i]) << "snapshot " << i;
    }
    ExpectWhole(memory, "");
  }

  const Secret second_ = Secret("falcon");
  // Newest first.
  const std::vector<std::string> digests_ = {
      "24db8d48d6341291dc193b8576bbb859", "d20def2796c9e04419583784021deaa2",
      "d20def2796c9e04419583784021deaa2", "bb9f6ea0a963eb8fd2ac7441e1515d0e"};
};

TEST_F(GoldenHistory, IsReadWithAllThatItTells) {
  if (const char* const folder = std::getenv("AERIE_WRITE_GOLDEN")) return Write(folder);
  const auto memory = Load();
  ExpectRows(memory);
  EXPECT_TRUE(OpenRepository(context_, memory, second_).ok()) << "the second passphrase";
  const auto repository = Open(memory);
  const RepositoryCore core = repository->core();
  ASSERT_TRUE(core.config.rotation);
  EXPECT_EQ(core.config.rotation->generation, 1U);
  EXPECT_TRUE(core.config.rotation->former) << "both master keys are in use";
  EXPECT_EQ(Count(*memory, kKeysPrefix), 2U);

  const std::vector<Snapshot> snapshots = *repository->ListSnapshots(context_);
  EXPECT_EQ(snapshots.at(0).immutable_until_ms,
            snapshots.at(0).finished_ms + std::chrono::milliseconds(365 * kDay).count());
  EXPECT_EQ(*ListPins(context_, *repository), std::set{snapshots.at(3).id});
  EXPECT_EQ(*ListVerified(context_, *repository), std::set{snapshots.at(2).id});
  const auto dooms = ReadDooms(context_, core.store, core.keys);
  ASSERT_TRUE(dooms.ok()) << dooms.status();
  ASSERT_EQ(dooms->readable.size(), 1U);
  EXPECT_EQ(dooms->readable[0].record.packs.size(), 1U);
  EXPECT_TRUE(dooms->damaged.empty());
  EXPECT_EQ(ReadDamageMemory(context_, core.store, core.keys)->copies.size(), 1U);
  const auto checked = ReadCheckMemory(context_, core.store, core.keys, ToUnixMillis(clock_.Now()));
  ASSERT_TRUE(checked.ok()) << checked.status();
  EXPECT_FALSE(checked->times.empty());
  EXPECT_TRUE(checked->unreadable.empty());
}

TEST_F(GoldenHistory, IsWorkedOnToItsEnd) {
  const auto memory = Load();
  const auto repository = Open(memory);
  const std::vector<Snapshot> snapshots = *repository->ListSnapshots(context_);
  EXPECT_EQ(KindOf(DeleteSnapshots(context_, *repository, {snapshots.at(0).id}).status()),
            Kind::kRefused)
      << "immutable";
  EXPECT_EQ(KindOf(DeleteSnapshots(context_, *repository, {snapshots.at(3).id}).status()),
            Kind::kRefused)
      << "pinned";
  RotationReport report;
  for (int run = 0; run < 5 && !report.finished; ++run) {
    const auto rotated =
        ContinueRotation(context_, *Open(memory), RotationOptions{.program = "aerie test"});
    ASSERT_TRUE(rotated.ok()) << rotated.status();
    report = *rotated;
    ExpectRows(memory);
    clock_.Advance(run == 0 ? 400 * kDay : kMargin);
  }
  EXPECT_TRUE(report.finished);
  EXPECT_EQ(Count(*memory, kPrunePrefix), 0U) << "what was doomed is removed";
}

}  // namespace
}  // namespace aerie::repo
