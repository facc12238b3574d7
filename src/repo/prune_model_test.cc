// Random backups, deletions, pins, prunes, crashes and restores against a model in memory that
// knows only what a user knows: which snapshots there must be, and their rows.
#include <cstdlib>
#include <map>
#include <set>
#include <string>

#include "base/testing_effort.h"
#include "repo/prune_testing.h"

namespace aerie::repo {
namespace {

using objects::Effect;
using objects::FaultyStore;
using objects::MemoryStore;

constexpr int kSeeds = 5;
constexpr int kSteps = Effort(2000, 1000, 80);  // of each seed

// What a snapshot's rows are made from.
struct RowsKey {
  std::int64_t first = 0;
  std::size_t count = 0;
  std::uint64_t seed = 0;
};

struct Known {
  RowsKey rows;
  std::int64_t created_ms = 0;
  bool pinned = false;
};

class PruneModel : public PruneTest, public ::testing::WithParamInterface<int> {
 protected:
  void Start(std::uint64_t seed) {
    random_ = rows::RowGenerator(seed);
    memory_ = std::make_shared<MemoryStore>();
    store_ = std::make_shared<FaultyStore>(memory_);
    over_latest_ = true;
    repository_ = Make(store_);
  }

  std::size_t Below(std::size_t n) { return random_.Below(n); }

  void Step() {
    const std::size_t dice = Below(100);
    clock_.Advance(std::chrono::minutes(Below(30)));
    if (dice < 30) return Backup();
    if (dice < 42) return Delete();
    if (dice < 52) return PinOrUnpin();
    if (dice < 70) return Prune();
    if (dice < 82) return Crash();
    if (dice < 95) return Restore();
    if (dice < 98) return Reopen();
    clock_.Advance(std::chrono::hours(30));
  }

  RowsKey RandomRows() {
    return {.first = static_cast<std::int64_t>(Below(20) * 10),
            .count = Below(20) * 10,
            .seed = 1 + Below(3)};
  }
  rows::RowBatch Made(const RowsKey& key) const { return Rows(key.first, key.count, key.seed); }

  void Backup() {
    const RowsKey rows = RandomRows();
    const std::int64_t now_ms = ToUnixMillis(clock_.Now());
    const auto stored = Store(*repository_, Made(rows));
    ASSERT_TRUE(stored.ok()) << stored.status();
    known_[stored->id] = {rows, now_ms, false};
  }

  SnapshotId Any() {
    return std::next(known_.begin(), static_cast<std::ptrdiff_t>(Below(known_.size())))->first;
  }

  void Delete() {
    if (known_.empty()) return;
    const SnapshotId id = Any();
    const auto results = DeleteSnapshots(context_, *repository_, {id});
    if (known_[id].pinned) {
      EXPECT_EQ(KindOf(results.status()), Kind::kRefused);
      return;
    }
    ASSERT_TRUE(results.ok()) << results.status();
    ASSERT_TRUE(results->at(0).status.ok()) << results->at(0).status;
    known_.erase(id);
  }

  void PinOrUnpin() {
    if (known_.empty()) return;
    const SnapshotId id = Any();
    const bool pin = !known_[id].pinned;
    const Status done =
        pin ? PinSnapshot(context_, *repository_, id) : UnpinSnapshot(context_, *repository_, id);
    ASSERT_TRUE(done.ok()) << done;
    known_[id].pinned = pin;
  }

  PruneOptions RandomPrune() {
    PruneOptions options = Options(std::chrono::hours(Below(3)));
    if (Below(3) == 0) options.policy.keep_last = static_cast<std::uint32_t>(1 + Below(6));
    options.repack_above.reset();
    if (Below(2) == 0) options.repack_above = static_cast<double>(Below(3)) / 4;
    return options;
  }

  // All are of one group: the pinned and the newest stay.
  std::set<SnapshotId> MayGo(const PruneOptions& options) const {
    std::set<SnapshotId> gone;
    if (options.policy.keep_last == 0) return gone;
    std::vector<std::pair<std::int64_t, SnapshotId>> by_time;
    for (const auto& [id, known] : known_) by_time.emplace_back(known.created_ms, id);
    std::ranges::sort(by_time, std::greater());
    for (std::size_t i = options.policy.keep_last; i < by_time.size(); ++i) {
      if (!known_.at(by_time[i].second).pinned) gone.insert(by_time[i].second);
    }
    return gone;
  }

  void Prune() {
    const PruneOptions options = RandomPrune();
    const std::set<SnapshotId> gone = MayGo(options);
    const auto preview = PlanPrune(context_, *repository_, options);
    ASSERT_TRUE(preview.ok()) << preview.status();
    const auto report = RunPrune(context_, *repository_, options);
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_EQ(preview->removed.packs, report->removed.packs);
    for (const SnapshotId& id : gone) known_.erase(id);
  }

  // One of the acts dies at a random store operation; what it left is what it might have left.
  void Crash() {
    const std::size_t act = Below(3);
    const RowsKey rows = RandomRows();
    const PruneOptions options = RandomPrune();
    const std::int64_t now_ms = ToUnixMillis(clock_.Now());
    std::set<SnapshotId> may_go;
    if (act == 1 && !known_.empty()) may_go.insert(Any());
    if (act == 1) std::erase_if(may_go, [&](const auto& id) { return known_[id].pinned; });
    if (act == 2) may_go = MayGo(options);
    static constexpr Effect kEffects[] = {Effect::kCrash, Effect::kCrashAfter};
    store_->CrashAt(1 + Below(40), kEffects[Below(2)]);
    std::optional<SnapshotId> acknowledged;
    if (act == 0) {
      if (const auto stored = Store(*repository_, Made(rows)); stored.ok()) {
        acknowledged = stored->id;
      }
    } else if (act == 1) {
      (void)DeleteSnapshots(context_, *repository_, {may_go.begin(), may_go.end()});
    } else {
      (void)RunPrune(context_, *repository_, options);
    }
    repository_.reset();  // while dead: its lock stays
    store_->Revive();
    clock_.Advance(std::chrono::minutes(11));
    repository_ = Open(store_);
    const auto listed = repository_->ListSnapshots(context_);
    ASSERT_TRUE(listed.ok()) << listed.status();
    std::set<SnapshotId> there;
    for (const Snapshot& snapshot : *listed) {
      there.insert(snapshot.id);
      if (known_.contains(snapshot.id)) continue;
      ASSERT_EQ(act, 0U) << "a snapshot nobody made";
      known_[snapshot.id] = {rows, now_ms, false};
    }
    EXPECT_TRUE(!acknowledged || there.contains(*acknowledged));
    for (const SnapshotId& id : may_go) {
      if (!there.contains(id)) known_.erase(id);
    }
  }

  void Restore() {
    if (known_.empty()) return;
    const SnapshotId id = Any();
    const auto snapshot = repository_->FindSnapshot(context_, id.hex);
    ASSERT_TRUE(snapshot.ok()) << snapshot.status();
    const auto rows = Read(*repository_, *snapshot);
    ASSERT_TRUE(rows.ok()) << rows.status();
    ExpectSameRows(Made(known_[id].rows), *rows);
  }

  void Reopen() { repository_ = Open(store_); }

  void ExpectKnown() {
    const auto listed = repository_->ListSnapshots(context_);
    ASSERT_TRUE(listed.ok()) << listed.status();
    ASSERT_EQ(listed->size(), known_.size());
    for (const Snapshot& snapshot : *listed) ASSERT_TRUE(known_.contains(snapshot.id));
  }

  // With every snapshot deleted, nothing is left but config and key.
  void ExpectNoLeak() {
    for (auto& [id, known] : known_) {
      if (known.pinned) {
        ASSERT_TRUE(UnpinSnapshot(context_, *repository_, id).ok());
      }
      ASSERT_TRUE(DeleteSnapshots(context_, *repository_, {id}).ok());
    }
    for (int i = 0; i < 3; ++i) {
      clock_.Advance(2 * kMargin);
      MustPrune(*repository_);
    }
    const auto left = AllObjects(*memory_);
    EXPECT_EQ(left.size(), 2U);
    for (const auto& [key, bytes] : left) {
      EXPECT_TRUE(key == "config" || key.starts_with("keys/")) << key;
    }
  }

  rows::RowGenerator random_{0};
  std::shared_ptr<MemoryStore> memory_;
  std::shared_ptr<FaultyStore> store_;
  std::unique_ptr<Repository> repository_;
  std::map<SnapshotId, Known> known_;
};

TEST_P(PruneModel, HoldsForRandomActs) {
  const char* const given = std::getenv("AERIE_MODEL_SEED");
  const auto seed = given != nullptr ? std::strtoull(given, nullptr, 10)
                                     : static_cast<unsigned long long>(GetParam());
  std::printf("AERIE_MODEL_SEED=%llu\n", seed);
  Start(seed);
  for (int step = 0; step < kSteps; ++step) {
    SCOPED_TRACE("seed " + std::to_string(seed) + ", step " + std::to_string(step));
    Step();
    ExpectKnown();
    if (step % 100 == 99) ExpectWhole(store_, "check: ");
    if (HasFailure()) return;
  }
  ExpectNoLeak();
}

INSTANTIATE_TEST_SUITE_P(Seeds, PruneModel, ::testing::Range(1, kSeeds + 1));

}  // namespace
}  // namespace aerie::repo
