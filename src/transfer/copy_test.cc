#include "transfer/copy.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <future>
#include <mutex>
#include <random>

#include "base/testing_effort.h"
#include "transfer/transfer_testing.h"

namespace aerie::transfer {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

class CopyTest : public TransferTest {
 protected:
  Result<RestoreResult> Copy(Site& from, Site& to, const RestoreOptions& options = {}) {
    return RunCopy(context_, *from.endpoint(), to.client, options, NoProgress());
  }
  // A copy that must succeed whole.
  RestoreResult MustCopy(Site& from, Site& to, const RestoreOptions& options = {}) {
    const auto run = Copy(from, to, options);
    EXPECT_TRUE(run.ok()) << run.status();
    if (!run.ok()) return {};
    EXPECT_TRUE(run->status.ok()) << run->status;
    return *run;
  }
};

TEST_F(CopyTest, CollectionsWithAllThatTheyAre) {
  Site source;
  source.CreateWide("wide", 300);
  source.Create("docs", 50);
  source.Create("empty", 0);
  fake::pb::CreateAliasRequest alias;
  alias.set_collection_name("docs");
  alias.set_alias("current");
  (void)source.server.Apply<fake::common::Status>(alias);
  ASSERT_TRUE(milvus::Release(context_, *source.client, {"default", "empty"}).ok());
  Site target;
  const RestoreResult run = MustCopy(source, target);
  ASSERT_EQ(run.collections.size(), 3u);
  for (const auto& outcome : run.collections) {
    EXPECT_FALSE(outcome.was_there);
    EXPECT_TRUE(outcome.report.fuzzy) << "2.3 has no read timestamps";
    EXPECT_EQ(outcome.warnings, std::vector<std::string>());
  }
  EXPECT_TRUE(*milvus::CollectionExists(context_, *target.client, {"default", "current"}));
  ExpectEqual(source, target);
}

TEST_F(CopyTest, ASourceWithReadTimestampsIsCopiedAsOfOneInstant) {
  Site source(Behaviour::Of(Release::k2_6));
  source.Create("docs", 50);
  Site target(Behaviour::Of(Release::k2_6));
  const RestoreResult run = MustCopy(source, target);
  EXPECT_FALSE(run.collections.at(0).report.fuzzy);
  EXPECT_GT(run.collections.at(0).report.read_ts, 0u);
}

TEST_F(CopyTest, WithOtherNumbersOfShardsAndReplicas) {
  Site source;
  source.Create("docs", 50);
  Site target;
  RestoreOptions options;
  options.layout = {.shards = 4, .replicas = 3};
  std::int32_t shards = 0;
  std::int32_t replicas = 0;
  target.server.Before("CreateCollection", [&](const fake::Call& call) {
    shards = static_cast<const fake::pb::CreateCollectionRequest&>(call.request).shards_num();
  });
  target.server.Before("LoadCollection", [&](const fake::Call& call) {
    replicas = static_cast<const fake::pb::LoadCollectionRequest&>(call.request).replica_number();
  });
  const RestoreResult run = MustCopy(source, target, options);
  EXPECT_EQ(shards, 4);
  EXPECT_EQ(replicas, 3);
  EXPECT_EQ(run.collections.at(0).warnings, std::vector<std::string>());
}

TEST_F(CopyTest, LargestFirst) {
  Site source;
  source.Create("a", 10);
  source.Create("b", 30);
  source.CreateWide("c", 5);
  source.Create("d", 20);
  Site target;
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> order;
  // One moves its rows and one is made ready: which of the two comes first is not told, so that
  // each waits for the other.
  target.server.Before("CreateCollection", [&](const fake::Call& call) {
    std::unique_lock lock(mutex);
    order.push_back(
        static_cast<const fake::pb::CreateCollectionRequest&>(call.request).collection_name());
    changed.notify_all();
    const std::size_t both = (order.size() + 1) / 2 * 2;
    EXPECT_TRUE(
        changed.wait_for(lock, std::chrono::seconds(30), [&] { return order.size() >= both; }));
  });
  RestoreOptions options;
  options.parallel_collections = 1;
  const RestoreResult run = MustCopy(source, target, options);
  std::lock_guard lock(mutex);
  ASSERT_EQ(order.size(), 4U);
  std::sort(order.begin(), order.begin() + 2);
  std::sort(order.begin() + 2, order.end());
  EXPECT_THAT(order,
              ElementsAre(StagingName("b"), StagingName("c"), StagingName("a"), StagingName("d")));
  EXPECT_EQ(run.collections.at(0).name.collection, "a") << "the result is in order of names";
}

TEST_F(CopyTest, OneAfterTheOtherTheRowsOfTheLargestMoveFirstThoughTheNextIsReadyBefore) {
  Site source;
  for (int i = 1; i <= 4; ++i) source.Create("c" + std::to_string(i), 10 * i);
  source.Create("refused", 45);
  Site target;
  target.Create("refused", 1);  // its name is taken: not waited for
  std::mutex mutex;
  std::condition_variable changed;
  bool ready = false;
  std::vector<std::string> order;
  target.server.Before("CreateIndex", [&](const fake::Call& call) {
    const auto& index = static_cast<const fake::pb::CreateIndexRequest&>(call.request);
    if (index.collection_name() != StagingName("c4")) return;
    std::unique_lock lock(mutex);
    EXPECT_TRUE(changed.wait_for(lock, std::chrono::seconds(30), [&] { return ready; }));
  });
  target.server.After("LoadCollection", [&](const fake::Call& call, google::protobuf::Message&) {
    const auto& load = static_cast<const fake::pb::LoadCollectionRequest&>(call.request);
    std::lock_guard lock(mutex);
    ready |= load.collection_name() == StagingName("c3");
    changed.notify_all();
  });
  target.server.Before("Insert", [&](const fake::Call& call) {
    const auto& insert = static_cast<const fake::pb::InsertRequest&>(call.request);
    std::lock_guard lock(mutex);
    if (order.empty() || order.back() != insert.collection_name()) {
      order.push_back(insert.collection_name());
    }
  });
  RestoreOptions options;
  options.parallel_collections = 1;
  const auto run = Copy(source, target, options);
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(KindOf(run->status), Kind::kPartial) << run->status;
  EXPECT_THAT(order, ElementsAre(StagingName("c4"), StagingName("c3"), StagingName("c2"),
                                 StagingName("c1")));
}

TEST_F(CopyTest, TheNextIsMadeReadyWhileRowsOfTwoMove) {
  Site source;
  for (int i = 0; i < 4; ++i) source.Create("c" + std::to_string(i), 10 + i);
  Site target;
  std::mutex mutex;
  std::condition_variable changed;
  int made = 0;
  bool in_time = true;
  target.server.Before("CreateCollection", [&](const fake::Call&) {
    std::lock_guard lock(mutex);
    ++made;
    changed.notify_all();
  });
  target.server.Before("Insert", [&](const fake::Call&) {
    std::unique_lock lock(mutex);
    in_time &= changed.wait_for(lock, std::chrono::seconds(30), [&] { return made >= 3; });
  });
  RestoreOptions options;
  options.parallel_collections = 2;
  MustCopy(source, target, options);
  EXPECT_TRUE(in_time) << "a third one was not made while the rows of two were on their way";
  ExpectEqual(source, target);
}

TEST_F(CopyTest, WhatChangesBetweenPreparingAndReadingIsSeen) {
  for (const bool anew : {false, true}) {
    Site source;
    source.Create("docs", 10);
    Site target;
    target.server.Before("LoadCollection", [&](const fake::Call& call) {
      if (call.number != 1) return;
      if (anew) {
        ASSERT_TRUE(milvus::DropCollection(context_, *source.client, {"default", "docs"}).ok());
        source.CreateWide("docs", 3);
      } else {
        fake::pb::CreatePartitionRequest request;
        request.set_collection_name("docs");
        request.set_partition_name("late");
        (void)source.server.Apply<fake::common::Status>(request);
      }
    });
    const RestoreResult run = MustCopy(source, target);
    EXPECT_EQ(run.collections.at(0).warnings, std::vector<std::string>());
    EXPECT_FALSE(run.collections.at(0).resumed);
    ExpectEqual(source, target);
  }
}

TEST_F(CopyTest, SealedTogetherWhenAllRowsAreThere) {
  Site source;
  for (const char* name : {"a", "b", "c"}) source.Create(name, 10);
  Site target;
  std::atomic<int> named = 0;
  std::atomic<int> named_before = -1;
  target.server.Before("RenameCollection", [&](const fake::Call&) { ++named; });
  target.server.Before("Flush", [&](const fake::Call& call) {
    named_before = named.load();
    EXPECT_EQ(static_cast<const fake::pb::FlushRequest&>(call.request).collection_names_size(), 3);
  });
  MustCopy(source, target);
  EXPECT_EQ(named_before, 3);
  EXPECT_EQ(target.server.Calls("Flush"), 1);
}

TEST_F(CopyTest, OneThatFailsLeavesTheOthersAlone) {
  Site source;
  for (int i = 0; i < 6; ++i) source.Create("c" + std::to_string(i), 10 + i);
  Site target;
  target.server.Create([] {
    auto other = fake::SimpleSchema("c3");
    other.mutable_fields(1)->set_data_type(fake::schema::Double);
    return other;
  }());
  const auto run = Copy(source, target);
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(KindOf(run->status), Kind::kPartial) << run->status;
  EXPECT_EQ(ExitCode(KindOf(run->status)), 3);
  EXPECT_EQ(KindOf(run->collections.at(3).status), Kind::kRefused);
  EXPECT_THAT(std::string(run->collections.at(3).status.message()), HasSubstr("field value"));
  for (int i : {0, 1, 2, 4, 5}) {
    EXPECT_TRUE(run->collections.at(static_cast<std::size_t>(i)).status.ok());
    EXPECT_EQ(target.RowsOf("c" + std::to_string(i)), static_cast<std::size_t>(10 + i));
  }
}

TEST_F(CopyTest, MergingIntoAnotherSchemaSaysEachFieldThatDiffers) {
  Site source;
  source.Create("docs", 10);
  Site target;
  auto other = fake::SimpleSchema("docs");
  other.mutable_fields(1)->set_data_type(fake::schema::Double);
  other.mutable_fields(2)->mutable_type_params(0)->set_value("8");
  target.server.Create(other);
  RestoreOptions options;
  options.on_conflict = OnConflict::kMerge;
  const auto run = Copy(source, target, options);
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(KindOf(run->status), Kind::kRefused) << run->status;
  EXPECT_THAT(std::string(run->status.message()), HasSubstr("field value"));
  EXPECT_THAT(std::string(run->status.message()), HasSubstr("field vector"));
  EXPECT_EQ(target.server.Calls("Upsert") + target.server.Calls("Insert"), 0);
}

// --- Run again ---

TEST_F(CopyTest, AKilledCopyGoesOnAndDuplicatesNothing) {
  for (int n = 1; n <= 12; n += Effort(1, 1, 3)) {
    SCOPED_TRACE("crash at insert " + std::to_string(n));
    Site source;
    source.CreateWide("large", 400);
    source.CreateWide("small", 150);
    source.Create("tiny", 10);
    Site target;
    RestoreOptions options;
    options.parallel_collections = 1;
    target.server.Inject(n % 2 == 0 ? Fault::CrashBefore("Insert", n)
                                    : Fault::CrashAfter("Insert", n));
    const auto broken = Copy(source, target, options);
    ASSERT_TRUE(broken.ok()) << broken.status();
    if (!target.server.running()) {
      EXPECT_FALSE(broken->status.ok());
      target.Restart();
    }
    const RestoreResult run = MustCopy(source, target, options);
    EXPECT_EQ(target.RowsOf("large"), 400u);
    EXPECT_EQ(target.RowsOf("small"), 150u);
    ExpectEqual(source, target);
    for (const auto& outcome : run.collections) {
      EXPECT_FALSE(outcome.was_there && outcome.rows_written > 0);
    }
  }
}

TEST_F(CopyTest, OfTwoAtOnceIntoOneNameTheSecondIsRefused) {
  Site source;
  source.Create("docs", 300);
  Site target;
  std::promise<void> writes, go_on;
  std::atomic<bool> first_call{true};
  target.server.Before("Insert", [&, resume = go_on.get_future().share()](const fake::Call&) {
    if (!first_call.exchange(false)) return;
    writes.set_value();
    resume.wait();
  });
  auto first = std::async(std::launch::async, [&] { return Copy(source, target); });
  writes.get_future().wait();
  for (const OnConflict conflict : {OnConflict::kFail, OnConflict::kReplace, OnConflict::kMerge}) {
    RestoreOptions options;
    options.on_conflict = conflict;
    const auto second = Copy(source, target, options);
    EXPECT_EQ(KindOf(second.ok() ? second->status : second.status()), Kind::kLocked);
    EXPECT_EQ(second.ok() ? second->status.message() : "",
              "copy default.docs to default.docs: this process is at work on "
              "default.docs_aerie_restore already; wait until that has ended, or copy under "
              "another name (--suffix, --rename)");
  }
  go_on.set_value();
  const auto run = first.get();
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_TRUE(run->status.ok()) << run->status;
  EXPECT_FALSE(run->collections.at(0).resumed);
  EXPECT_TRUE(MustCopy(source, target).collections.at(0).was_there);
  ExpectEqual(source, target);
}

// By another machine, which no lock of this one keeps out.
TEST_F(CopyTest, AStagingCollectionThatGoesMeanwhileIsSaidInALine) {
  Site source;
  source.Create("docs", 300);
  Site target;
  std::atomic<bool> renamed{false};
  target.server.Before("Insert", [&](const fake::Call&) {
    if (renamed.exchange(true)) return;
    fake::pb::RenameCollectionRequest rename;
    rename.set_oldname(StagingName("docs"));
    rename.set_newname("docs");
    (void)target.server.Apply<fake::common::Status>(rename);
  });
  const auto run = Copy(source, target);
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_THAT(std::string(run->status.message()),
              HasSubstr("copy default.docs to default.docs: default.docs_aerie_restore is gone, "
                        "renamed or dropped while it was written"));
}

TEST_F(CopyTest, WhatAKilledReplaceLeftGoesWhenTheOldCollectionIsEqual) {
  Site source;
  source.Create("docs", 300);
  Site target;
  MustCopy(source, target);
  target.Create(StagingName("docs"), 100);
  RestoreOptions options;
  options.on_conflict = OnConflict::kReplace;
  EXPECT_TRUE(MustCopy(source, target, options).collections.at(0).was_there);
  EXPECT_FALSE(target.Has(StagingName("docs")));
  ExpectEqual(source, target);
}

TEST_F(CopyTest, WhatIsThereAlreadyIsDoneOnlyIfEveryRowIsTheSame) {
  Site source;
  source.Create("same", 30);
  source.Create("changed", 30);
  source.Create("shorter", 30);
  Site target;
  MustCopy(source, target);
  Upsert(target, fake::SimpleRows("changed", {7}, 1000));
  Delete(target, "shorter", "id in [29]");
  const int inserts = target.server.Calls("Insert");
  const auto again = Copy(source, target);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(KindOf(again->status), Kind::kPartial);
  EXPECT_EQ(KindOf(again->collections.at(0).status), Kind::kRefused) << "changed";
  EXPECT_THAT(std::string(again->collections.at(0).status.message()), HasSubstr("key 7 "));
  EXPECT_TRUE(again->collections.at(1).was_there);
  EXPECT_EQ(again->collections.at(1).digest.rows, 30u);
  EXPECT_EQ(KindOf(again->collections.at(2).status), Kind::kRefused) << "shorter";
  EXPECT_EQ(target.server.Calls("Insert"), inserts);
  EXPECT_EQ(target.RowsOf("shorter"), 29u);

  RestoreOptions options;
  options.on_conflict = OnConflict::kReplace;
  const RestoreResult replaced = MustCopy(source, target, options);
  EXPECT_TRUE(replaced.collections.at(1).was_there);
  ExpectEqual(source, target);
}

TEST_F(CopyTest, PartitionsOfAnEarlierRunThatAreNotSelectedAreEmptied) {
  Site source;
  source.Create("docs", 10);
  fake::pb::CreatePartitionRequest part;
  part.set_collection_name("docs");
  part.set_partition_name("p2");
  (void)source.server.Apply<fake::common::Status>(part);
  fake::pb::LoadCollectionRequest load;
  load.set_collection_name("docs");
  (void)source.server.Apply<fake::common::Status>(load);
  auto rows = fake::SimpleRows("docs", Keys(100, 10));
  rows.set_partition_name("p2");
  source.Insert(rows);
  Site target;
  target.server.Inject(Fault::CrashBefore("RenameCollection"));
  EXPECT_FALSE(Copy(source, target)->status.ok());
  target.Restart();
  ASSERT_EQ(target.RowsOf(StagingName("docs")), 20u);
  RestoreOptions options;
  options.selection.partitions = {"p2"};
  MustCopy(source, target, options);
  EXPECT_EQ(target.RowsOf("docs"), 10u);
}

// --- A source that is written to ---

// Somebody writes to the source's "docs" between its answers: every version that a key had since
// the run began is remembered.
class LiveCopyTest : public CopyTest {
 protected:
  static constexpr std::int64_t kGone = -1;
  static constexpr std::int64_t kRows = 600;

  void SetUp() override {
    CopyTest::SetUp();
    source_.CreateWide("docs", kRows);
    for (const auto& [key, value] : ValuesIn(source_, "docs")) versions_[key] = {value};
    source_.server.After("Query", [this](const fake::Call& call, google::protobuf::Message&) {
      if (writing_ && call.number % 2 == 0) WriteSome();
    });
  }

  void WriteSome() {
    std::lock_guard lock(mutex_);
    // A few keys again and again, some of them new.
    const std::int64_t number = static_cast<std::int64_t>(random_() % 50) * 9;
    auto& versions = versions_[number];
    const bool there = !versions.empty() && versions.back() != kGone;
    if (versions.empty()) versions.push_back(kGone);
    ++step_;
    if (there && step_ % 3 == 0) {
      versions.push_back(kGone);
      Delete(source_, "docs", "id in [" + std::to_string(number) + "]");
    } else {
      versions.push_back(1'000'000 + step_);
      Upsert(source_, WideRows("docs", number, 1, versions.back()));
    }
  }

  // From here on only the newest versions count.
  void BeginRun() {
    std::lock_guard lock(mutex_);
    for (auto& [key, versions] : versions_) versions = {versions.back()};
    begun_at_ = step_;
    writing_ = true;
  }

  // Every untouched key as it was, every touched one in a version that it had; nothing else.
  void ExpectOneOfItsVersions(Site& target, const std::map<rows::Key, std::int64_t>& beside = {}) {
    writing_ = false;
    EXPECT_GT(step_, begun_at_) << "nobody wrote";
    std::map<rows::Key, std::int64_t> found = ValuesIn(target, "docs");
    EXPECT_EQ(target.RowsOf("docs"), found.size());
    for (const auto& [key, value] : beside) {
      EXPECT_EQ(found[key], value);
      found.erase(key);
    }
    for (const auto& [key, versions] : versions_) {
      const auto at = found.find(key);
      EXPECT_THAT(versions, Contains(at == found.end() ? kGone : at->second))
          << rows::KeyToText(key);
    }
    for (const auto& [key, value] : found) {
      EXPECT_TRUE(versions_.contains(key)) << rows::KeyToText(key);
    }
  }

  Site source_;
  std::mutex mutex_;
  std::atomic<bool> writing_{false};
  std::mt19937 random_{11};
  std::int64_t step_ = 0;
  std::int64_t begun_at_ = 0;
  std::map<rows::Key, std::vector<std::int64_t>> versions_;
};

TEST_F(LiveCopyTest, EveryKeyHasAVersionThatItHad) {
  Site target;
  BeginRun();
  const RestoreResult run = MustCopy(source_, target);
  EXPECT_TRUE(run.collections.at(0).report.fuzzy);
  ExpectOneOfItsVersions(target);
}

TEST_F(LiveCopyTest, AlsoWhenARunThatWasKilledGoesOn) {
  for (int n = 2; n <= 6; n += 2) {
    SCOPED_TRACE("crash at insert " + std::to_string(n));
    Site target;
    BeginRun();
    // Memory shared out among so many calls makes each small, so that there are more than n.
    RestoreOptions options;
    options.writers = 24;
    options.streams = 8;
    target.server.Inject(Fault::CrashAfter("Insert", n));
    EXPECT_FALSE(Copy(source_, target, options)->status.ok());
    target.Restart();
    BeginRun();
    const RestoreResult run = MustCopy(source_, target, options);
    EXPECT_TRUE(run.collections.at(0).resumed);
    ExpectOneOfItsVersions(target);
  }
}

TEST_F(LiveCopyTest, AlsoWhenItIsMergedIntoWhatIsThere) {
  Site target;
  target.CreateWide("docs", 0);
  target.Insert(WideRows("docs", 1000, 20, 5));
  const auto own = ValuesIn(target, "docs");
  target.Insert(WideRows("docs", 50, 20, 7));
  BeginRun();
  RestoreOptions options;
  options.on_conflict = OnConflict::kMerge;
  const auto run = Copy(source_, target, options);
  ASSERT_TRUE(run.ok()) << run.status();
  ASSERT_TRUE(run->status.ok()) << run->status;
  // A key that the target had and the source loses meanwhile stays: merging deletes nothing.
  for (auto& [key, versions] : versions_) {
    const std::int64_t number = std::get<std::int64_t>(key);
    if (number >= 50 && number < 70) versions.push_back(number - 50 + 7);
  }
  ExpectOneOfItsVersions(target, own);
}

TEST_F(LiveCopyTest, ACollectionDroppedInTheMiddleFailsAloneAndKeepsWhatWasRead) {
  source_.CreateWide("other", 200);
  Site target;
  std::atomic<bool> dropped{false};
  target.server.After("Insert", [&](const fake::Call& call, google::protobuf::Message&) {
    const auto& insert = static_cast<const fake::pb::InsertRequest&>(call.request);
    if (insert.collection_name() != StagingName("docs") || dropped.exchange(true)) return;
    fake::pb::DropCollectionRequest drop;
    drop.set_collection_name("docs");
    (void)source_.server.Apply<fake::common::Status>(drop);
  });
  const auto run = Copy(source_, target);
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(KindOf(run->status), Kind::kPartial) << run->status;
  EXPECT_THAT(std::string(run->collections.at(0).status.message()),
              HasSubstr("dropped or renamed while it was read"));
  EXPECT_FALSE(target.Has("docs"));
  EXPECT_GT(target.RowsOf(StagingName("docs")), 0u);
  EXPECT_TRUE(run->collections.at(1).status.ok());
  EXPECT_EQ(target.RowsOf("other"), 200u);
}

// --- Many rows of others ---

TEST_F(CopyTest, MergingBetweenMoreForeignRowsThanAnAnswerHolds) {
  Site source;
  source.CreateWide("docs", 1);
  source.Insert(WideRows("docs", 500, 1, 3));
  Site target;
  target.CreateWide("docs", 0);
  target.Insert(WideRows("docs", 1, 300, 7));
  const auto own = ValuesIn(target, "docs");
  target.server.Change([](Behaviour& behaviour) { behaviour.answer_limit_bytes = 4 << 20; });
  RestoreOptions options;
  options.on_conflict = OnConflict::kMerge;
  MustCopy(source, target, options);
  auto expected = own;
  expected.merge(ValuesIn(source, "docs"));
  EXPECT_EQ(ValuesIn(target, "docs"), expected);
}

TEST_F(CopyTest, MoreStaleRowsThanAnAnswerHoldsAreDeleted) {
  Site source;
  source.CreateWide("docs", 1);
  source.Insert(WideRows("docs", 500, 1, 3));
  Site target;
  target.CreateWide(StagingName("docs"), 0);
  target.Insert(WideRows(StagingName("docs"), 1, 300, 7));
  target.Insert(WideRows(StagingName("docs"), 600, 100, 7));
  target.server.Change([](Behaviour& behaviour) { behaviour.answer_limit_bytes = 4 << 20; });
  MustCopy(source, target);
  EXPECT_EQ(target.RowsOf("docs"), 2u);
  ExpectEqual(source, target);
}

// --- One cluster under two names ---

TEST_F(CopyTest, ACollectionIsNeverCopiedOntoItself) {
  Site source;
  source.Create("docs", 10);
  Site same(Behaviour::Of(Release::k2_3));
  same.client = milvus::OpenFake(source.server);
  for (const OnConflict conflict : {OnConflict::kFail, OnConflict::kReplace, OnConflict::kMerge}) {
    RestoreOptions options;
    options.on_conflict = conflict;
    const auto run = Copy(source, same, options);
    EXPECT_EQ(KindOf(run.status()), Kind::kRefused) << run.status();
    EXPECT_THAT(std::string(run.status().message()), HasSubstr("is that collection itself"));
    EXPECT_EQ(source.RowsOf("docs"), 10u);
  }
}

TEST_F(CopyTest, WithinOneClusterUnderOtherNames) {
  Site source;
  source.Create("a", 10);
  source.Create("b", 20);
  Site same;
  same.client = milvus::OpenFake(source.server);
  RestoreOptions options;
  options.suffix = "_2";
  MustCopy(source, same, options);
  EXPECT_EQ(source.RowsOf("b_2"), 20u);
  // Again: its own copies are not copied.
  const RestoreResult again = MustCopy(source, same, options);
  ASSERT_EQ(again.collections.size(), 2u);
  EXPECT_TRUE(again.collections.at(0).was_there);
  EXPECT_FALSE(source.Has("a_2_2"));

  options = {};
  options.rename = {{"a", "b"}, {"b", "c"}};
  options.selection.collections = {"a", "b"};
  options.on_conflict = OnConflict::kReplace;
  EXPECT_EQ(KindOf(Copy(source, same, options).status()), Kind::kRefused);
  EXPECT_EQ(source.RowsOf("b"), 20u);
}

TEST_F(CopyTest, WhatAKilledCopyLeftWithinOneClusterIsNotCopied) {
  Site source;
  source.Create("docs", 10);
  Site same;
  same.client = milvus::OpenFake(source.server);
  RestoreOptions options;
  options.suffix = "_2";
  source.server.Inject(Fault::CrashBefore("RenameCollection"));
  EXPECT_FALSE(Copy(source, same, options)->status.ok());
  source.Restart();
  same.client = milvus::OpenFake(source.server);
  const RestoreResult run = MustCopy(source, same, options);
  ASSERT_EQ(run.collections.size(), 1u);
  EXPECT_TRUE(run.collections.at(0).resumed);
}

// Two fakes that did the same have the same ids and times, as a cluster has that was cloned from
// another one's disks; only their nodes were started at different times.
TEST_F(CopyTest, AClonedClusterIsAnotherOne) {
  Site source;
  source.Create("docs", 10);
  Site clone;
  clone.Create("docs", 10);
  EXPECT_TRUE(MustCopy(source, clone).collections.at(0).was_there);
  // Where they do not tell, it is refused.
  clone.server.After("GetMetrics", [](const fake::Call&, google::protobuf::Message& answer) {
    static_cast<fake::pb::GetMetricsResponse&>(answer).set_response("");
  });
  EXPECT_EQ(KindOf(Copy(source, clone).status()), Kind::kRefused);
}

// --- Planning ---

TEST_F(CopyTest, APlanMeasuresAndChangesNothing) {
  Site source;
  source.CreateWide("wide", 200);
  source.Create("docs", 1000);
  source.Create("released", 100);
  ASSERT_TRUE(milvus::Release(context_, *source.client, {"default", "released"}).ok());
  Site target;
  target.Create("docs", 3);
  int writes = 0;
  for (Site* site : {&source, &target}) {
    for (const char* rpc : {"Insert", "Upsert", "Delete", "CreateCollection", "LoadCollection",
                            "RenameCollection", "DropCollection"}) {
      site->server.Before(rpc, [&](const fake::Call&) { ++writes; });
    }
  }
  const auto plan = PlanCopy(context_, *source.endpoint(), target.client, {}, 0);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(writes, 0);
  ASSERT_EQ(plan->items.size(), 3u);
  EXPECT_EQ(plan->items[0].from.collection, "wide") << "largest first";
  EXPECT_EQ(plan->items[0].rows, 200);
  EXPECT_TRUE(plan->items[0].sampled);
  EXPECT_NEAR(static_cast<double>(plan->items[0].bytes), 200.0 * (kWideDim * 4 + 16), 1000);
  EXPECT_TRUE(plan->items[1].exists);
  EXPECT_FALSE(plan->items[2].sampled) << "it is not loaded";
  EXPECT_EQ(plan->items[2].rows, -1);
  EXPECT_EQ(plan->rows, 1200);
  EXPECT_GT(plan->sample.rows, 0u);
  EXPECT_LE(plan->sample.rows, 1700u);
}

TEST_F(CopyTest, ALimitOfTheSourceBoundsTheEstimate) {
  Site source;
  source.Create("docs", 1000);
  Site target;
  const auto real = Context::Background();
  const auto plan = PlanCopy(real, *source.endpoint(), target.client, {}, 10);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_GE(plan->seconds, 100);
}

}  // namespace
}  // namespace aerie::transfer
