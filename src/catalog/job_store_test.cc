#include "catalog/job_store.h"

#include <tuple>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/temp_folder_testing.h"
#include "catalog/schema.h"

namespace aerie::catalog {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr char kWord[] = "waiting";

ChangeJob To(JobStanding standing) {
  return [standing](const Job&) -> Result<std::optional<JobChange>> {
    return std::optional(JobChange{.standing = standing});
  };
}
const ChangeJob kRun = To({.state = "running", .held = true});
const ChangeJob kEnd = To({.state = "done", .ended = true});

class JobStoreTest : public ::testing::Test {
 protected:
  JobStoreTest() {
    auto opened = Catalog::Open(kInMemory);
    EXPECT_TRUE(opened.ok()) << opened.status();
    catalog_ = *std::move(opened);
  }
  std::int64_t Make(const std::string& spec, std::int32_t priority = 0, int turn = 1,
                    std::int64_t now_ms = 1000) {
    const auto number = JobStore(*catalog_).Create({.kind = "k",
                                                    .spec = spec,
                                                    .standing = {.state = kWord, .turn = turn},
                                                    .priority = priority},
                                                   now_ms);
    EXPECT_TRUE(number.ok()) << number.status();
    return number.value_or(0);
  }
  static Holder Me(std::int64_t now_ms = 2000) {
    return {.process = ThisProcess(), .host = "here", .renewed_ms = now_ms};
  }
  static Holder Elsewhere(std::int64_t now_ms = 2000) {
    return {.process = {.machine = "another boot", .pid = 1, .started = 1},
            .host = "there",
            .renewed_ms = now_ms};
  }
  Job Claimed(const Holder& holder) {
    auto job = JobStore(*catalog_).Claim({"k"}, holder, kRun);
    EXPECT_TRUE(job.ok() && *job) << job.status();
    return job.ok() && *job ? **std::move(job) : Job{};
  }

  std::unique_ptr<Catalog> catalog_;
};

TEST_F(JobStoreTest, WhatWasMadeIsThere) {
  JobStore store(*catalog_);
  const auto number = store.Create({.kind = "backup",
                                    .spec = "{}",
                                    .standing = {.state = kWord, .turn = 2},
                                    .priority = -5,
                                    .schedule = "nightly",
                                    .due_ms = 77},
                                   1000);
  ASSERT_TRUE(number.ok()) << number.status();
  const Job job = *store.Find(*number);
  EXPECT_EQ(job.kind, "backup");
  EXPECT_EQ(job.standing.state, kWord);
  EXPECT_EQ(job.standing.turn, 2);
  EXPECT_EQ(job.priority, -5);
  EXPECT_EQ(job.schedule, "nightly");
  EXPECT_EQ(job.due_ms, 77);
  EXPECT_EQ(job.created_ms, 1000);
  EXPECT_EQ(job.ended_ms, 0);
  EXPECT_EQ(KindOf(store.Find(99).status()), Kind::kNotFound);
}

TEST_F(JobStoreTest, TheNextOneIsTheFirstByPriorityTurnAndTime) {
  for (const auto& [spec, priority, turn, at] : {std::tuple{"late", 0, 1, 3000},
                                                 {"early", 0, 1, 1000},
                                                 {"again", 0, 2, 4000},
                                                 {"urgent", 9, 1, 5000},
                                                 {"never", 99, 0, 1}}) {
    Make(spec, priority, turn, at);
  }
  std::vector<std::string> specs;
  for (int i = 0; i < 4; ++i) specs.push_back(Claimed(Me()).spec);
  EXPECT_THAT(specs, ElementsAre("urgent", "again", "early", "late"));
  EXPECT_FALSE(*JobStore(*catalog_).Claim({"k"}, Me(), kRun));
  Make("x");
  EXPECT_FALSE(*JobStore(*catalog_).Claim({"other"}, Me(), kRun)) << "of another kind";
}

TEST_F(JobStoreTest, AreCountedByKindAndState) {
  JobStore store(*catalog_);
  EXPECT_TRUE(store.Counts()->empty());
  Make("a");
  Make("b");
  Claimed(Me());
  const auto counts = store.Counts();
  ASSERT_TRUE(counts.ok()) << counts.status();
  EXPECT_EQ(counts->size(), 2U);
  EXPECT_EQ(counts->at({"k", kWord}), 1);
  EXPECT_EQ(counts->at({"k", "running"}), 1);
}

TEST_F(JobStoreTest, OnlyTheHolderWrites) {
  JobStore store(*catalog_);
  const auto number = Make("a");
  const JobLease first = JobStore::LeaseOf(Claimed(Elsewhere(2000)));
  ASSERT_TRUE(store.Checkpoint(first, "1", 3000).ok());
  ASSERT_TRUE(store.Progress(first, "10 %", 3000).ok());
  EXPECT_THAT(*store.Lost(Me(63'000)), SizeIs(0));
  EXPECT_THAT(*store.Lost(Me(63'001)), SizeIs(1));
  ASSERT_TRUE(store.Change(first, To({.state = kWord, .turn = 2}), 4000).ok()) << "taken from it";
  const JobLease second = JobStore::LeaseOf(Claimed(Me()));
  for (const Status& status :
       {store.Checkpoint(first, "2", 5000), store.Progress(first, "20 %", 5000),
        store.Renew(first, 5000), store.Append(first, {.kind = "info", .text = "I"}, 5000),
        store.Change(first, kEnd, 5000).status()}) {
    EXPECT_EQ(KindOf(status), Kind::kLocked);
  }
  EXPECT_EQ(store.Find(number)->checkpoint, "1");
  EXPECT_TRUE(store.Checkpoint(second, "2", 5000).ok());
  EXPECT_TRUE(store.Change(second, kEnd, 6000).ok());
  EXPECT_EQ(KindOf(store.Renew(second, 7000)), Kind::kLocked) << "it has ended";
  EXPECT_EQ(store.Find(number)->ended_ms, 6000);
}

TEST_F(JobStoreTest, ACheckpointThatMovesEndsTheCountOfInterruptions) {
  JobStore store(*catalog_);
  const auto number = Make("a");
  const JobLease lease = JobStore::LeaseOf(Claimed(Me()));
  const auto interrupted = [](const Job& job) -> Result<std::optional<JobChange>> {
    return std::optional(JobChange{.standing = job.standing, .interruptions = 3});
  };
  ASSERT_TRUE(store.Checkpoint(lease, "1", 1).ok());
  ASSERT_TRUE(store.Change(lease, interrupted, 1).ok());
  ASSERT_TRUE(store.Checkpoint(lease, "1", 1).ok());
  EXPECT_EQ(store.Find(number)->interruptions, 3);
  ASSERT_TRUE(store.Checkpoint(lease, "2", 1).ok());
  EXPECT_EQ(store.Find(number)->interruptions, 0);
}

TEST_F(JobStoreTest, AChangeIsWholeOrNotAtAll) {
  JobStore store(*catalog_);
  const auto number = Make("a");
  EXPECT_EQ(KindOf(store
                       .Change(
                           number,
                           [](const Job&) -> Result<std::optional<JobChange>> {
                             return RefusedError("no");
                           },
                           1)
                       .status()),
            Kind::kRefused);
  EXPECT_EQ(KindOf(store.Change(number, kRun, 1).status()), Kind::kInternal)
      << "only a claim gives it to a process";
  const auto changed = store.Change(
      number,
      [](const Job&) -> Result<std::optional<JobChange>> {
        return std::optional(JobChange{.standing = {.state = "failed", .ended = true},
                                       .result = "{}",
                                       .error = NotFoundError("gone"),
                                       .log = {{.kind = "event", .text = "waiting -> failed"}}});
      },
      5000);
  ASSERT_TRUE(changed.ok()) << changed.status();
  EXPECT_EQ(changed->standing.state, "failed");
  EXPECT_EQ(changed->error, "gone");
  EXPECT_EQ(changed->error_kind, "not_found");
  EXPECT_EQ(changed->logged, 2);
  EXPECT_THAT(*store.Log(number, 0, 10), SizeIs(2));
}

TEST_F(JobStoreTest, TheLogIsBounded) {
  JobStore store(*catalog_);
  const auto number = Make("a");
  const JobLease lease = JobStore::LeaseOf(Claimed(Me()));
  const std::string umlauts = "\xc3\xa4";
  std::string text = "x";
  while (text.size() < 40'000) text += umlauts;
  ASSERT_TRUE(store.Append(lease, {.kind = "info", .text = text}, 1).ok());
  const std::string kept = store.Log(number, 0, 10)->back().text;
  EXPECT_LT(kept.size(), 17'000U);
  EXPECT_EQ(kept.substr(kept.size() - 8), umlauts + " (cut)") << "between two characters";
  for (int i = 0; i < 11'000; ++i) {
    ASSERT_TRUE(store.Append(lease, {.kind = "info", .text = std::to_string(i)}, 1).ok());
  }
  const auto log = *store.Log(number, 0, 20'000);
  EXPECT_GE(log.size(), 10'000U);
  EXPECT_LE(log.size(), 10'500U);
  EXPECT_EQ(log.back().text, "10999");
  EXPECT_EQ(store.Find(number)->logged, 11'002);
}

TEST_F(JobStoreTest, ListsAndForgets) {
  JobStore store(*catalog_);
  for (int i = 0; i < 5; ++i) Make(std::to_string(i));
  ASSERT_TRUE(store.Change(2, kEnd, 5000).ok());
  ASSERT_TRUE(store.Change(4, kEnd, 6000).ok());
  const auto numbers = [&](const JobFilter& filter) {
    std::vector<std::int64_t> all;
    const auto jobs = store.List(filter);
    EXPECT_TRUE(jobs.ok()) << jobs.status();
    for (const Job& job : *jobs) all.push_back(job.number);
    return all;
  };
  EXPECT_THAT(numbers({}), ElementsAre(5, 4, 3, 2, 1));
  EXPECT_THAT(numbers({.open_only = true}), ElementsAre(5, 3, 1));
  EXPECT_THAT(numbers({.before = 4, .limit = 2}), ElementsAre(3, 2));
  EXPECT_THAT(numbers({.kind = "none"}), SizeIs(0));
  EXPECT_EQ(*store.Forget(6000), 1);
  EXPECT_THAT(numbers({}), ElementsAre(5, 4, 3, 1));
  EXPECT_THAT(*store.Log(2, 0, 10), SizeIs(0));
  EXPECT_EQ(Make("new"), 6) << "numbers are not given twice";
}

TEST_F(JobStoreTest, OneThatWasNamedIsClaimedBeforeItsTurn) {
  JobStore store(*catalog_);
  Make("first", 9);
  const std::int64_t second = Make("second");
  const auto claim = [&](std::int64_t only) { return *store.Claim({"k"}, Me(), kRun, only); };
  EXPECT_FALSE(claim(99));
  EXPECT_EQ(claim(second)->spec, "second");
  EXPECT_FALSE(claim(second)) << "it runs already";
  EXPECT_EQ(claim(0)->spec, "first");
}

TEST_F(JobStoreTest, WhatIsMadeAgainComesOnce) {
  JobStore store(*catalog_);
  Job job{.kind = "backup",
          .spec = "{}",
          .standing = {.state = "completed", .ended = true},
          .schedule = "nightly",
          .created_ms = 10,
          .started_ms = 10,
          .ended_ms = 20,
          .result = "{\"snapshot\": \"aa\"}",
          .rebuilt = "aa"};
  const auto number = store.CreateRebuilt(job, 5000);
  ASSERT_TRUE(number.ok() && *number) << number.status();
  const Job made = *store.Find(**number);
  EXPECT_EQ(std::tie(made.created_ms, made.started_ms, made.ended_ms), std::tuple(10, 10, 20));
  EXPECT_EQ(std::tie(made.result, made.rebuilt, made.schedule),
            std::tie(job.result, job.rebuilt, job.schedule));
  EXPECT_EQ(*store.CreateRebuilt(job, 6000), std::nullopt);
  EXPECT_THAT(*store.List({}), SizeIs(1));
  job.standing = {.state = kWord, .turn = 1};
  EXPECT_EQ(KindOf(store.CreateRebuilt(job, 6000).status()), Kind::kInternal);
}

TEST(CatalogUpgrade, AnOlderCatalogGetsTheTablesAndKeepsWhatItHas) {
  const TempFolder folder;
  const std::string path = (folder.path() / "catalog.db").string();
  {
    auto db = *Database::Open(path, std::chrono::seconds(1));
    ASSERT_TRUE(db->RunScript(kChanges[0]).ok());
    ASSERT_TRUE(db->Run("PRAGMA user_version = 1").ok());
    ASSERT_TRUE(db->Run("INSERT INTO migrations (id, spec, state, phase, created_ms, updated_ms) "
                        "VALUES ('m', '{}', '{}', 'ready', 1, 1)")
                    .ok());
  }
  auto catalog = Catalog::Open(path);
  ASSERT_TRUE(catalog.ok()) << catalog.status();
  EXPECT_EQ((*catalog)->Find("m")->phase, "ready");
  EXPECT_THAT(*JobStore(**catalog).List({}), SizeIs(0));
}

TEST(CatalogUpgrade, AJobOfAnOlderCatalogHasNoTrace) {
  const TempFolder folder;
  const std::string path = (folder.path() / "catalog.db").string();
  {
    auto db = *Database::Open(path, std::chrono::seconds(1));
    for (int i = 0; i < 6; ++i) ASSERT_TRUE(db->RunScript(kChanges[i]).ok());
    ASSERT_TRUE(db->Run("PRAGMA user_version = 6").ok());
    ASSERT_TRUE(db->Run("INSERT INTO jobs (kind, spec, state, ended, turn, priority, schedule, "
                        "due_ms, created_ms, queued_ms) "
                        "VALUES ('backup', '{}', 'queued', 0, 1, 0, '', 0, 1, 1)")
                    .ok());
  }
  auto catalog = Catalog::Open(path);
  ASSERT_TRUE(catalog.ok()) << catalog.status();
  JobStore store(**catalog);
  EXPECT_EQ(store.Find(1)->traceparent, "");
  const auto made = store.Create({.kind = "backup",
                                  .spec = "{}",
                                  .standing = {.state = "queued", .turn = 1},
                                  .traceparent = "00-aa-bb-01",
                                  .tracestate = "a=b"},
                                 2);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(store.Find(*made)->traceparent, "00-aa-bb-01");
  EXPECT_EQ(store.Find(*made)->tracestate, "a=b");
}

}  // namespace
}  // namespace aerie::catalog
