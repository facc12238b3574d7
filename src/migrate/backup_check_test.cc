#include "migrate/backup_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "transfer/backup.h"

namespace aerie::migrate {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Verdict = Finding::Verdict;

constexpr std::int64_t kHour = 3'600'000;
const WallTime kNow = FromUnixMillis(1'000 * kHour);
const rows::CollectionName kDocs{"default", "docs"}, kUsers{"default", "users"};

repo::Snapshot Made(const std::string& id, std::int64_t hours_ago,
                    const std::vector<rows::CollectionName>& names,
                    const std::string& cluster = "old") {
  repo::Snapshot snapshot;
  snapshot.id.hex = id + std::string(32 - id.size(), '0');
  snapshot.created_ms = (1'000 - hours_ago) * kHour;
  snapshot.cluster = cluster;
  for (const auto& name : names) snapshot.collections.emplace_back().name = name;
  return snapshot;
}

class BackupCheckTest : public ::testing::Test {
 protected:
  // `marks`: which of them were verified.
  Finding Judge(const std::vector<repo::Snapshot>& snapshots, const std::set<std::size_t>& marks,
                const std::vector<rows::CollectionName>& names = {kDocs, kUsers}) {
    std::set<repo::SnapshotId> verified;
    for (const std::size_t i : marks) verified.insert(snapshots[i].id);
    return JudgeBackup(wish_, names, snapshots, verified, kNow);
  }
  BackupWish wish_{.max_age = std::chrono::hours(24), .clusters = {"old", "http://old:19530"}};
};

TEST_F(BackupCheckTest, EveryCollectionMustBeInAVerifiedOneThatIsNotOld) {
  const auto both = Made("a1", 24, {kDocs, kUsers});
  EXPECT_EQ(Judge({both}, {0}).verdict, Verdict::kPass);
  EXPECT_EQ(Judge({both}, {0}).check, kBackupCheck);
  EXPECT_EQ(
      Judge({Made("a1", 3, {kDocs}), Made("a2", 5, {kUsers}, "http://old:19530")}, {0, 1}).verdict,
      Verdict::kPass)
      << "each in one of its own, under either name of the cluster";
  const Finding half = Judge({Made("a1", 3, {kDocs})}, {0});
  EXPECT_EQ(half.verdict, Verdict::kFail);
  EXPECT_THAT(half.text, HasSubstr("default.users is in no snapshot"));
  EXPECT_THAT(half.text, Not(HasSubstr("default.docs")));
  EXPECT_THAT(half.text, HasSubstr("aerie backup create"));
}

TEST_F(BackupCheckTest, AnOldOneAndOneThatWasNotVerifiedAreNone) {
  const Finding old = Judge({Made("a1", 25, {kDocs})}, {0}, {kDocs});
  EXPECT_EQ(old.verdict, Verdict::kFail);
  EXPECT_THAT(old.text, HasSubstr("25 h ago, in snapshot a1000000"));
  const Finding fresh = Judge({Made("b2", 1, {kDocs}), Made("a1", 90, {kDocs})}, {1}, {kDocs});
  EXPECT_EQ(fresh.verdict, Verdict::kFail);
  EXPECT_THAT(fresh.text, HasSubstr("snapshot b2000000, which was not verified"));
  EXPECT_EQ(Judge({Made("b2", 1, {kDocs}), Made("a1", 9, {kDocs})}, {1}, {kDocs}).verdict,
            Verdict::kPass)
      << "the older one was verified and is not too old";
}

TEST_F(BackupCheckTest, OnlyTheSourcesOwnCount) {
  const Finding other = Judge({Made("a1", 1, {kDocs}, "new")}, {0}, {kDocs});
  EXPECT_EQ(other.verdict, Verdict::kFail);
  EXPECT_THAT(other.text, HasSubstr("its snapshots are of new"));
  auto repaired = Made("a1", 1, {kDocs});
  repaired.repaired_from = repo::SnapshotId{"x"};
  EXPECT_EQ(Judge({repaired}, {0}, {kDocs}).verdict, Verdict::kFail) << "rows may be missing";
}

// One made with a filter or of some partitions: the other rows are nowhere.
TEST_F(BackupCheckTest, OneOfSelectedRowsIsNone) {
  auto selected = Made("a1", 1, {kDocs});
  selected.tags = {"mine", transfer::kSelectedRowsTag};
  const Finding only = Judge({selected}, {0}, {kDocs});
  EXPECT_EQ(only.verdict, Verdict::kFail);
  EXPECT_THAT(only.text, HasSubstr("default.docs is with all its rows in no snapshot of the source "
                                   "(snapshot a1000000 has selected rows)"));
  const auto whole = Made("b2", 2, {kDocs});
  EXPECT_EQ(Judge({selected, whole}, {0, 1}, {kDocs}).verdict, Verdict::kPass);
  const Finding unverified = Judge({selected, whole}, {0}, {kDocs});
  EXPECT_EQ(unverified.verdict, Verdict::kFail);
  EXPECT_THAT(unverified.text, HasSubstr("snapshot b2000000, which was not verified"));
}

TEST_F(BackupCheckTest, OfManyTheFirstAreNamed) {
  std::vector<rows::CollectionName> names;
  for (int i = 0; i < 9; ++i) names.push_back({"default", "c" + std::to_string(i)});
  const std::string text = Judge({}, {}, names).text;
  EXPECT_THAT(text, HasSubstr("default.c2"));
  EXPECT_THAT(text, HasSubstr("and 6 more"));
  EXPECT_THAT(text, Not(HasSubstr("default.c3")));
}

TEST_F(BackupCheckTest, WithoutARepositoryItIsAWarning) {
  const Finding none = CheckBackup(Context::Background(), {}, {kDocs});
  EXPECT_EQ(none.verdict, Verdict::kWarn);
  EXPECT_THAT(none.text, HasSubstr("--repo"));
}

}  // namespace
}  // namespace aerie::migrate
