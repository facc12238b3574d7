#include "transfer/backup.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <set>

#include "base/testing_effort.h"
#include "objects/faulty_store.h"
#include "transfer/transfer_testing.h"

namespace aerie::transfer {
namespace {

using testing::HasSubstr;

class BackupTest : public TransferTest {};

TEST_F(BackupTest, AnUnchangedClusterStoresNothingAgain) {
  Site site;
  site.CreateWide("docs", 500);
  const repo::Snapshot first = Take(site);
  const repo::Snapshot second = Take(site);
  EXPECT_EQ(first.collections[0].digest, second.collections[0].digest);
  EXPECT_EQ(second.collections[0].digest.rows, 500u);
  EXPECT_EQ(second.parent, first.id);
  EXPECT_LT(second.stats.stored_bytes, first.stats.stored_bytes / 100);
  ExpectWhole(*repository_);
}

// protocol.md 3.4: every range is read at one timestamp, so writes in between leave no trace.
TEST_F(BackupTest, WithReadTimestampsTheSnapshotIsOneInstant) {
  Site site(Behaviour::Of(Release::k2_6));
  site.CreateWide("docs", 400);
  std::atomic<int> written{0};
  std::atomic<bool> started{false};
  site.server.Before("Query", [&](const fake::Call& call) {
    const auto& request = static_cast<const fake::pb::QueryRequest&>(call.request);
    const bool reads_rows = request.output_fields_size() == 1 && request.output_fields(0) == "*";
    if (!reads_rows && !started) return;
    started = true;
    const std::int64_t key = 1000 + written++;
    fake::pb::DeleteRequest erase;
    erase.set_collection_name("docs");
    erase.set_expr("id in [" + std::to_string(key - 1000) + "]");
    (void)site.server.Apply<fake::pb::MutationResult>(erase);
    site.Insert(WideRows("docs", key, 1, 77));
  });
  const repo::Snapshot snapshot = Take(site);
  site.server.Before("Query", {});
  ASSERT_GT(written.load(), 1);
  EXPECT_FALSE(snapshot.collections[0].report.fuzzy);
  EXPECT_GT(snapshot.collections[0].report.read_ts, 0u);
  const auto values = ValuesOf(snapshot);
  EXPECT_EQ(values.size(), 400u);
  for (std::int64_t key = 0; key < 400; ++key) {
    ASSERT_TRUE(values.contains(key)) << key;
    EXPECT_EQ(values.at(key), key);
  }
}

TEST_F(BackupTest, WithoutReadTimestampsItIsFuzzyAndUntouchedKeysAreThereOnce) {
  Site site;
  site.CreateWide("docs", 400);
  std::atomic<int> calls{0};
  site.server.Before("Query", [&](const fake::Call&) {
    const std::int64_t n = calls++;
    if (n >= 12) return;
    fake::pb::DeleteRequest erase;
    erase.set_collection_name("docs");
    erase.set_expr("id in [" + std::to_string(n * 30) + "]");
    (void)site.server.Apply<fake::pb::MutationResult>(erase);
    site.Insert(WideRows("docs", 1000 + n, 1));
  });
  const repo::Snapshot snapshot = Take(site);
  EXPECT_TRUE(snapshot.collections[0].report.fuzzy);
  EXPECT_LE(snapshot.collections[0].report.started_ms, snapshot.collections[0].report.finished_ms);
  const auto values = ValuesOf(snapshot);
  EXPECT_EQ(values.size(), snapshot.collections[0].digest.rows);
  for (std::int64_t key = 0; key < 400; ++key) {
    if (key % 30 == 0 && key < 360) continue;
    ASSERT_TRUE(values.contains(key)) << key;
    EXPECT_EQ(values.at(key), key);
  }
}

// Deriving a key takes some tenths of a second. Of a new repository it is known before that nothing
// is there to go on from, so rows are on their way meanwhile.
TEST_F(BackupTest, OfAnEmptyRepositoryRowsAreReadBeforeItIsOpen) {
  Site site;
  site.CreateWide("docs", 100);
  std::mutex mutex;
  std::condition_variable changed;
  bool has_rows = false;
  site.server.After("Query", [&](const fake::Call& call, google::protobuf::Message&) {
    const auto& request = static_cast<const fake::pb::QueryRequest&>(call.request);
    std::lock_guard lock(mutex);
    has_rows |= request.output_fields(0) != "count(*)";
    changed.notify_all();
  });
  const auto open = [&](const Context&,
                        const std::function<void()>& is_empty) -> Result<repo::Repository*> {
    is_empty();
    std::unique_lock lock(mutex);
    EXPECT_TRUE(changed.wait_for(lock, std::chrono::seconds(30), [&] { return has_rows; }));
    return repository_.get();
  };
  const auto from = site.endpoint();
  const auto run = RunBackup(context_, *from, open, {}, NoProgress());
  ASSERT_TRUE(run.ok()) << run.status();
  ASSERT_TRUE(run->status.ok()) << run->status;
  EXPECT_EQ(run->snapshot->collections.at(0).digest.rows, 100u);
  ExpectWhole(*repository_);
}

TEST_F(BackupTest, ARepositoryThatWasEmptyAndDoesNotOpenEndsTheJob) {
  Site site;
  site.CreateWide("docs", 100);
  const auto open = [&](const Context&,
                        const std::function<void()>& is_empty) -> Result<repo::Repository*> {
    is_empty();
    return MakeStatus(Kind::kWrongKey, "no such passphrase");
  };
  const auto from = site.endpoint();
  const auto run = RunBackup(context_, *from, open, {}, NoProgress());
  EXPECT_EQ(KindOf(run.status()), Kind::kWrongKey) << run.status();
}

TEST_F(BackupTest, OneFailingCollectionLeavesTheOthersInAnIncompleteSnapshot) {
  Site site;
  for (const char* name : {"a", "b", "c"}) site.Create(name, 20);
  // Created anew while it is read.
  site.server.Before("Query", [&](const fake::Call& call) {
    const auto& request = static_cast<const fake::pb::QueryRequest&>(call.request);
    if (request.collection_name() != "b") return;
    site.server.With([](fake::FakeCluster& cluster) { ++cluster.Collection("default", "b")->id; });
  });
  const auto run = Backup(site);
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(KindOf(run->status), Kind::kPartial);
  EXPECT_EQ(ExitCode(KindOf(run->status)), 3);
  ASSERT_TRUE(run->snapshot);
  EXPECT_FALSE(run->snapshot->complete);
  ASSERT_EQ(run->snapshot->collections.size(), 2u);
  EXPECT_THAT(std::string(run->collections[1].status.message()), HasSubstr("default.b"));
  const auto latest = repository_->FindSnapshot(context_, "latest");
  EXPECT_EQ(KindOf(latest.status()), Kind::kNotFound) << "an incomplete snapshot is not the latest";
  ExpectWhole(*repository_);
}

// Each timestamp would cost a wait for a time tick.
TEST_F(BackupTest, OneTimestampServesAllCollectionsOfAServerWithoutReadTimestamps) {
  for (const Release release : {Release::k2_3, Release::k2_5}) {
    Site site(Behaviour::Of(release));
    for (const char* name : {"a", "b", "c"}) site.Create(name, 20);
    std::set<std::uint64_t> guarantees;
    site.server.Before("Query", [&](const fake::Call& call) {
      guarantees.insert(
          static_cast<const fake::pb::QueryRequest&>(call.request).guarantee_timestamp());
    });
    const int before = site.server.Calls("AllocTimestamp");
    const auto from = MakeClusterEndpoint(
        site.client, {.load_if_needed = true, .database = "", .as_of_list = true});
    BackupOptions options;
    options.parallel_collections = 1;
    const auto run = RunBackup(context_, *from, *repository_, options, NoProgress());
    ASSERT_TRUE(run.ok()) << run.status();
    ASSERT_TRUE(run->snapshot);
    const bool instants = release == Release::k2_5;
    EXPECT_EQ(site.server.Calls("AllocTimestamp") - before, instants ? 3 : 1);
    EXPECT_EQ(guarantees.count(0), instants ? 1u : 0u);
    EXPECT_EQ(guarantees.size(), instants ? 4u : 1u);
    for (const auto& collection : run->snapshot->collections) {
      EXPECT_EQ(collection.digest.rows, 20u);
      EXPECT_EQ(collection.report.read_ts != 0, instants);
    }
  }
}

TEST_F(BackupTest, AClusterThatDiesLeavesNothingCommitted) {
  Site site;
  for (const char* name : {"a", "b"}) site.CreateWide(name, 300);
  site.server.Inject(Fault::CrashBefore("Query", 5));
  const auto run = Backup(site);
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_FALSE(run->status.ok());
  EXPECT_EQ(ExitCode(KindOf(run->status)), 1);
  EXPECT_FALSE(run->snapshot);
  EXPECT_TRUE(repository_->ListSnapshots(context_)->empty());
  site.Restart();
  const repo::Snapshot again = Take(site);
  EXPECT_EQ(again.collections.size(), 2u);
  ExpectSame(again, site);
}

// Invariants 1, 2 and 7: whatever store call fails, nothing half-made is to be seen, earlier
// snapshots stay whole, and the same backup run again completes.
TEST_F(BackupTest, AStoreThatFailsAtAnyCallHarmsNothing) {
  Site site;
  site.Create("a", 40);
  site.Create("b", 40);
  const repo::Snapshot before = Take(site);
  site.Insert(fake::SimpleRows("a", Keys(1000, 30)));
  site.Insert(fake::SimpleRows("b", Keys(1000, 30)));
  const auto start = repo::AllObjects(*store_);
  for (const auto effect :
       {objects::Effect::kCrash, objects::Effect::kCrashAfter, objects::Effect::kFail}) {
    for (std::uint64_t n = 1;; n += Effort(1, 1, 5)) {
      SCOPED_TRACE("store call " + std::to_string(n));
      const auto inner = repo::StoreWith(start);
      const auto faulty = std::make_shared<objects::FaultyStore>(inner);
      auto opened = repo::Reopen(faulty);
      ASSERT_TRUE(opened.ok()) << opened.status();
      if (effect == objects::Effect::kFail) {
        objects::FaultRule rule;
        rule.effect = effect;
        rule.kind = Kind::kFailed;
        rule.skip = n - 1;
        faulty->Add(rule);
      } else {
        faulty->CrashAt(n, effect);
      }
      const auto calls = faulty->calls();
      const auto run = BackupTo(**opened, site);
      const bool survived = faulty->calls() - calls < n;
      auto reopened = repo::Reopen(inner);
      ASSERT_TRUE(reopened.ok()) << reopened.status();
      const auto snapshots = (*reopened)->ListSnapshots(context_);
      ASSERT_TRUE(snapshots.ok()) << snapshots.status();
      ExpectWhole(**reopened);
      const bool said_done = run.ok() && run->status.ok();
      EXPECT_TRUE(!said_done || snapshots->size() == 2u) << "done, and yet not there";
      EXPECT_TRUE(std::any_of(snapshots->begin(), snapshots->end(),
                              [&](const auto& one) { return one.id == before.id; }));
      const auto again = BackupTo(**reopened, site);
      ASSERT_TRUE(again.ok()) << again.status();
      EXPECT_TRUE(again->status.ok()) << again->status;
      if (survived) break;
    }
  }
}

TEST_F(BackupTest, ADamagedEarlierSnapshotDoesNotKeepFromMakingANewOne) {
  Site site;
  site.Create("docs", 50);
  Take(site);
  auto objects = repo::AllObjects(*store_);
  for (auto& [key, bytes] : objects) {
    if (key.starts_with("snapshots/")) bytes[bytes.size() / 2] ^= 1;
  }
  store_ = repo::StoreWith(objects);
  auto opened = repo::Reopen(store_);
  ASSERT_TRUE(opened.ok()) << opened.status();
  const auto run = BackupTo(**opened, site);
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_TRUE(run->status.ok()) << run->status;
}

TEST_F(BackupTest, ACollectionThatIsNotLoadedIsLoadedAndPutBackOrRefused) {
  Site site;
  site.Create("docs", 30);
  ASSERT_TRUE(milvus::Release(context_, *site.client, {"default", "docs"}).ok());
  const auto refusing = MakeClusterEndpoint(
      site.client, {.load_if_needed = false, .database = "", .as_of_list = false});
  const auto refused = RunBackup(context_, *refusing, *repository_, {}, NoProgress());
  ASSERT_TRUE(refused.ok()) << refused.status();
  EXPECT_EQ(KindOf(refused->status), Kind::kRefused);
  EXPECT_FALSE(refused->snapshot);

  const int loads = site.server.Calls("LoadCollection");
  const auto endpoint = site.endpoint();
  const auto plan = PlanBackup(context_, *endpoint, {});
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_FALSE(plan->items.at(0).loaded);
  EXPECT_EQ(site.server.Calls("LoadCollection"), loads) << "a plan changes nothing";

  EXPECT_EQ(Take(site).collections[0].digest.rows, 30u);
  EXPECT_GT(site.server.Calls("LoadCollection"), loads);
  site.server.With([](fake::FakeCluster& cluster) {
    EXPECT_FALSE(cluster.Collection("default", "docs")->loaded());
  });
}

TEST_F(BackupTest, PartitionsAndFiltersTakePartOfTheRows) {
  Site site;
  site.Create("docs", 10);
  fake::pb::CreatePartitionRequest part;
  part.set_collection_name("docs");
  part.set_partition_name("p2");
  (void)site.server.Apply<fake::common::Status>(part);
  ASSERT_TRUE(milvus::Load(context_, *site.client, {"default", "docs"}, {}).ok());
  auto rows = fake::SimpleRows("docs", Keys(100, 5));
  rows.set_partition_name("p2");
  site.Insert(rows);
  BackupOptions options;
  options.selection.partitions = {"p*"};
  EXPECT_EQ(Take(site, options).collections[0].digest.rows, 5u);
  options.selection = {};
  options.selection.filter = "value >= 7";
  const repo::Snapshot some = Take(site, options);
  EXPECT_EQ(some.collections[0].digest.rows, 3u);
  EXPECT_FALSE(some.complete) << "what latest means must hold every row";
  EXPECT_THAT(some.tags, testing::Contains(kSelectedRowsTag));
  options.selection.filter.clear();
  options.selection.partitions = {"p3"};
  const auto none = Backup(site, options);
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_EQ(KindOf(none->status), Kind::kNotFound) << "not an empty backup in silence";
  EXPECT_THAT(std::string(none->status.message()), HasSubstr("p2"));
}

TEST_F(BackupTest, ACollectionThatIsNotThereIsNamedWithWhatIs) {
  Site site;
  site.Create("docs", 1);
  BackupOptions options;
  options.selection.collections = {"dogs"};
  const auto run = Backup(site, options);
  EXPECT_EQ(KindOf(run.status()), Kind::kNotFound);
  EXPECT_THAT(std::string(run.status().message()), HasSubstr("default.docs"));
}

TEST_F(BackupTest, ManyCollectionsAtOnce) {
  Site site;
  for (int i = 0; i < 9; ++i) site.Create("c" + std::to_string(i), 10 + i);
  BackupOptions options;
  options.parallel_collections = 4;
  const repo::Snapshot snapshot = Take(site, options);
  ASSERT_EQ(snapshot.collections.size(), 9u);
  ExpectSame(snapshot, site);
  ExpectWhole(*repository_);
}

TEST_F(BackupTest, ACancelledBackupCommitsNothing) {
  Site site;
  site.Create("docs", 50);
  CancelScope scope(context_);
  site.server.Before("Query", [&](const fake::Call&) { scope.Cancel(); });
  const auto from = site.endpoint();
  const auto run = RunBackup(scope.context(), *from, *repository_, {}, NoProgress());
  // Whether the snapshot had begun by then is between the cluster's answer and the repository's.
  const Status status = run.ok() ? run->status : run.status();
  EXPECT_EQ(KindOf(status), Kind::kCancelled) << status;
  EXPECT_TRUE(repository_->ListSnapshots(context_)->empty());
}

}  // namespace
}  // namespace aerie::transfer
