// The kinds of job against a fake Milvus and repositories in folders: what a spec may say, what a
// run leaves, and what one that goes on after a crash does.
#include "app/kinds/kinds.h"

#include <cstdlib>
#include <functional>
#include <map>
#include <mutex>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/alert_facts.h"
#include "app/job_history.h"
#include "app/session.h"
#include "base/temp_folder_testing.h"
#include "base/trace.h"
#include "fake_milvus.h"
#include "repo/pins.h"
#include "repo/repository_core.h"

namespace aerie::app {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

// What a job's run says, kept.
class TestRun : public jobs::JobRun {
 public:
  explicit TestRun(std::string spec, std::string checkpoint = "", std::string schedule = "")
      : spec_(std::move(spec)),
        checkpoint_(std::move(checkpoint)),
        schedule_(std::move(schedule)) {}
  std::int64_t number() const override { return 1000; }
  const std::string& schedule() const override { return schedule_; }
  const std::string& spec() const override { return spec_; }
  const std::string& checkpoint() const override { return checkpoint_; }
  Status SaveCheckpoint(const std::string& checkpoint) override {
    std::lock_guard lock(mutex_);
    checkpoints.push_back(checkpoint);
    return checkpoints.size() == fail_checkpoint ? FailedError("ended here") : Ok();
  }
  void SetProgress(const std::string& text) override {
    std::lock_guard lock(mutex_);
    progress = text;
  }
  Status Log(const std::string& kind, const std::string& text) override {
    std::lock_guard lock(mutex_);
    log.push_back(kind + ": " + text);
    return on_log ? on_log(log.back()) : Ok();
  }

  std::size_t fail_checkpoint = 0;  // the so many-th; 0: none
  std::vector<std::string> checkpoints;
  std::string progress;
  std::vector<std::string> log;
  std::function<Status(const std::string&)> on_log;

 private:
  const std::string spec_, checkpoint_, schedule_;
  std::mutex mutex_;  // a run is told by several threads
};

class KindsTest : public testing::Test {
 protected:
  void SetUp() override {
    setenv("AERIE_STATE_DIR", (folder_ + "/state").c_str(), 1);
    unsetenv("AERIE_PASSWORD");
    config_.clusters["prod"].uri = fake_.uri();
    config_.repositories["main"].url = folder_ + "/repo";
    config_.default_cluster = "prod";
    config_.default_repository = "main";
    auto opened = catalog::Catalog::Open(catalog::kInMemory);
    ASSERT_TRUE(opened.ok()) << opened.status();
    catalog_ = *std::move(opened);
    history_ = std::make_unique<catalog::JobStore>(*catalog_);
    kinds_ = MakeJobKinds({.config = config_, .history = history_.get()});
    // Without a key, which would cost its derivation at each opening.
    RepositoryFlags open;
    open.unencrypted = true;
    ASSERT_TRUE(
        Session(config_).Repository(Context::Background(), "main", open, IfAbsent::kCreate).ok());
    Add("docs", {1, 2, 3});
  }
  void TearDown() override { unsetenv("AERIE_STATE_DIR"); }

  void Add(const std::string& name, const std::vector<std::int64_t>& keys) {
    fake_.Create(fake::SimpleSchema(name));
    fake_.Apply<fake::pb::MutationResult>(fake::SimpleRows(name, keys));
  }
  std::vector<std::string> Collections() {
    fake::pb::ShowCollectionsRequest request;
    const auto answer = fake_.Apply<fake::pb::ShowCollectionsResponse>(request);
    return {answer.collection_names().begin(), answer.collection_names().end()};
  }
  std::string WhyWrong(const std::string& kind, const std::string& spec) {
    const auto plan = kinds_.at(kind)->Plan(Context::Background(), spec);
    if (plan.ok()) return "planned: " + *plan;
    EXPECT_EQ(KindOf(plan.status()), Kind::kInvalid) << plan.status();
    return std::string(plan.status().message());
  }
  std::string PlanOf(const std::string& kind, const std::string& spec) {
    const auto plan = kinds_.at(kind)->Plan(Context::Background(), spec);
    EXPECT_TRUE(plan.ok()) << plan.status();
    return plan.value_or("");
  }
  Json Do(const std::string& kind, TestRun& run, Kind expected = Kind::kOk) {
    const jobs::JobResult result = kinds_.at(kind)->Run(Context::Background(), run);
    EXPECT_EQ(KindOf(result.status), expected) << result.status;
    return ObjectOf(result.result);
  }
  Json Do(const std::string& kind, const std::string& spec, Kind expected = Kind::kOk) {
    TestRun run(spec);
    return Do(kind, run, expected);
  }
  std::unique_ptr<repo::Repository> Open() {
    auto opened = Session(config_).Repository(Context::Background(), "main", {}, IfAbsent::kFail);
    EXPECT_TRUE(opened.ok()) << opened.status();
    return opened.ok() ? std::move(opened->repository) : nullptr;
  }
  std::vector<repo::Snapshot> Snapshots() {
    const auto repository = Open();
    const auto all = repository->ListSnapshots(Context::Background());
    EXPECT_TRUE(all.ok()) << all.status();
    return all.value_or(std::vector<repo::Snapshot>());
  }
  // A job of the past, with what it left.
  std::int64_t Past(const std::string& kind, const std::string& result,
                    const std::string& checkpoint = "") {
    const catalog::Holder me{.process = ThisProcess(), .host = "here", .renewed_ms = 1};
    const auto number = history_->Create(
        {.kind = kind, .spec = "{}", .standing = {.state = "queued", .turn = 1}}, 1);
    EXPECT_TRUE(number.ok()) << number.status();
    const auto job = history_->Claim({kind}, me, [](const catalog::Job&) {
      return std::optional(catalog::JobChange{.standing = {.state = "running", .held = true}});
    });
    const auto lease = catalog::JobStore::LeaseOf(**job);
    EXPECT_TRUE(history_->Checkpoint(lease, checkpoint, 2).ok());
    EXPECT_TRUE(history_
                    ->Change(
                        lease,
                        [&](const catalog::Job&) {
                          return std::optional(catalog::JobChange{
                              .standing = {.state = "failed", .ended = true}, .result = result});
                        },
                        3)
                    .ok());
    return *number;
  }

  const TempFolder temp_;
  const std::string folder_ = temp_.path().string();
  fake::FakeMilvus fake_;
  Config config_;
  std::unique_ptr<catalog::Catalog> catalog_;
  std::unique_ptr<catalog::JobStore> history_;
  jobs::JobKinds kinds_;
};

TEST_F(KindsTest, EachCallToMilvusCarriesTheTraceOfItsJob) {
  const std::string parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  std::mutex mutex;
  std::map<std::string, std::set<std::string>> sent;  // by call
  const auto note = [&](const fake::Call& call) {
    std::lock_guard lock(mutex);
    const auto found = call.metadata.find("traceparent");
    sent[call.rpc].insert(found == call.metadata.end() ? "none" : found->second);
  };
  fake_.Before("*", note);
  {
    const TraceScope scope(*ParseTrace(parent, ""));
    Do("backup", R"({"parallel": 2})");
    Do("restore", R"({"snapshot": "latest", "to": "prod", "suffix": "_new"})");
  }
  EXPECT_GT(sent.size(), 8U);
  for (const auto& [rpc, parents] : sent) {
    EXPECT_EQ(parents, std::set<std::string>{parent}) << rpc;
  }
  sent.clear();
  Do("backup", "{}");
  for (const auto& [rpc, parents] : sent) EXPECT_EQ(parents, std::set<std::string>{"none"}) << rpc;
}

TEST_F(KindsTest, AWrongSpecIsRefusedWithItsKeyAndTheNearestOne) {
  EXPECT_EQ(WhyWrong("backup", "{\"colections\": []}"),
            "backup: 'colections' is not known; did you mean 'collections'?");
  EXPECT_EQ(WhyWrong("backup", "{\"cluster\": \"prud\"}"),
            "backup: 'cluster' names the cluster 'prud', which is neither configured nor an "
            "address; did you mean 'prod'?");
  EXPECT_THAT(WhyWrong("backup", "{\"repository\": \"mian\"}"), HasSubstr("did you mean 'main'?"));
  EXPECT_THAT(WhyWrong("backup", "{\"repository\": \"back/ups\"}"), HasSubstr("begins with /"));
  EXPECT_THAT(WhyWrong("backup", "{\"collections\": 7}"), HasSubstr("must be a list of texts"));
  EXPECT_THAT(WhyWrong("backup", "{\"verify\": \"perhaps\"}"), HasSubstr("must be true or false"));
  EXPECT_THAT(WhyWrong("backup", "{\"parallel\": 0}"), HasSubstr("a number between 1 and 64"));
  EXPECT_THAT(WhyWrong("backup", "{\"parallel\": 1.5}"), HasSubstr("a number between 1 and 64"));
  EXPECT_THAT(WhyWrong("backup", "{\"keep\": {\"dayly\": 7}}"),
              HasSubstr("backup: keep: 'dayly' is not known; did you mean 'daily'?"));
  EXPECT_THAT(WhyWrong("backup", "{\"keep\": {\"within\": \"7\"}}"), HasSubstr("'within'"));
  EXPECT_THAT(WhyWrong("backup", "[]"), HasSubstr("no JSON object"));
  EXPECT_THAT(WhyWrong("backup", "{"), HasSubstr("no JSON object"));
  EXPECT_THAT(WhyWrong("restore", "{}"), HasSubstr("'to' is missing"));
  EXPECT_THAT(WhyWrong("restore", "{\"to\": \"prod\", \"on_conflict\": \"drop\"}"),
              HasSubstr("must be one of fail, replace, merge"));
  EXPECT_THAT(
      WhyWrong("restore", "{\"to\": \"prod\", \"suffix\": \"_a\", \"rename\": {\"a\": \"b\"}}"),
      HasSubstr("not both"));
  EXPECT_THAT(WhyWrong("delete", "{}"), HasSubstr("'snapshots' is missing"));
  EXPECT_THAT(WhyWrong("copy", "{\"from\": \"prod\"}"), HasSubstr("'to' is missing"));
  EXPECT_THAT(WhyWrong("sync", "{\"from\": \"prod\", \"to\": \"prod\", \"audit_every\": \"x\"}"),
              HasSubstr("'audit_every'"));
  EXPECT_THAT(WhyWrong("mirror", "{}"), HasSubstr("'to' is missing"));
  EXPECT_THAT(WhyWrong("verify", "{\"max_duration\": \"30\"}"), HasSubstr("'max_duration'"));
  EXPECT_THAT(WhyWrong("health-check", "{\"clusters\": \"none\"}"), HasSubstr("'clusters'"));
  EXPECT_THAT(WhyWrong("restore-test", "{\"max_bytes\": 0}"), HasSubstr("'max_bytes'"));
}

TEST_F(KindsTest, ASpecHoldsNoSecret) {
  for (const std::string uri :
       {"http://root:kite@127.0.0.1:19530", "https://kite@db.example", "http://kite@[:1"}) {
    const std::string why = WhyWrong("backup", Dump({{"cluster", uri}}));
    EXPECT_THAT(why, AllOf(HasSubstr("'cluster'"), Not(HasSubstr("kite")))) << uri;
  }
  const std::string why = WhyWrong("backup", "{\"repository\": \"s3://key:kite@bucket/x\"}");
  EXPECT_THAT(why, AllOf(HasSubstr("holds no secrets"), Not(HasSubstr("kite"))));
}

TEST_F(KindsTest, APlanIsALine) {
  EXPECT_EQ(PlanOf("backup", "{\"collections\": \"docs,logs_*\", \"exclude\": \"tmp_*\"}"),
            "back up docs, logs_*, !tmp_* of cluster prod into repository main, verify every row");
  EXPECT_EQ(PlanOf("prune", "{\"keep\": {\"last\": \"3\"}, \"dry_run\": \"true\"}"),
            "prune repository main: snapshots that no rule keeps, and data that no snapshot needs "
            "(only shown)");
  EXPECT_EQ(PlanOf("restore", "{\"to\": \"prod\", \"on_conflict\": \"replace\"}"),
            "restore all collections of snapshot latest in repository main to cluster prod, "
            "replacing what is there");
  for (const char* kind : {"verify", "restore-test", "health-check"}) {
    EXPECT_THAT(PlanOf(kind, "{}"), Not(HasSubstr("\n"))) << kind;
  }
}

TEST_F(KindsTest, ABackupIsVerifiedAndGoesOnAfterACrash) {
  TestRun first("{}", "", "nightly");
  const Json result = Do("backup", first);
  EXPECT_EQ(result["status"], "completed");
  EXPECT_EQ(result["rows"], 3);
  EXPECT_EQ(result["verified"], true);
  ASSERT_THAT(Snapshots(), SizeIs(1));
  EXPECT_THAT(Snapshots()[0].tags, ElementsAre("schedule:nightly"));
  EXPECT_EQ(*repo::ListVerified(Context::Background(), *Open()),
            std::set<repo::SnapshotId>{Snapshots()[0].id});
  EXPECT_THAT(first.log, Contains(HasSubstr("snapshot ")));

  // Killed right after the commit, and after the verification.
  for (const std::string& checkpoint : first.checkpoints) {
    TestRun again("{}", checkpoint, "nightly");
    const Json second = Do("backup", again);
    EXPECT_EQ(second["snapshot"], result["snapshot"]);
    EXPECT_EQ(second["rows"], 3);
    EXPECT_EQ(second["verified"], true);
    EXPECT_THAT(Snapshots(), SizeIs(1)) << "made a second one";
  }
  // Somebody deleted it meanwhile.
  TestRun gone("{}", "{\"snapshot\": \"" + std::string(32, 'a') + "\"}");
  EXPECT_EQ(Do("backup", gone)["rows"], 3);
  EXPECT_THAT(Snapshots(), SizeIs(2));
}

TEST_F(KindsTest, ALostLeaseEndsARun) {
  TestRun run("{}");
  run.fail_checkpoint = 1;
  Do("backup", run, Kind::kFailed);
  EXPECT_THAT(run.checkpoints, SizeIs(1)) << "it went on to the verification";
}

TEST_F(KindsTest, ALockIsWaitedFor) {
  FakeClock clock(SystemClock().Now());
  const auto repository = Open();
  auto lock = repository->core().locks.Acquire(Context::Background(), repo::LockMode::kExclusive,
                                               "rotate the key");
  ASSERT_TRUE(lock.ok()) << lock.status();
  TestRun run("{}", "", "nightly");
  int waits = 0;
  run.on_log = [&](const std::string& line) {
    if (line.find("waits: ") == std::string::npos) return Ok();
    if (++waits == 2) lock->reset();
    return Ok();
  };
  const jobs::JobResult result = kinds_.at("backup")->Run(Context(clock), run);
  EXPECT_TRUE(result.status.ok()) << result.status;
  EXPECT_EQ(waits, 2);
  EXPECT_THAT(Snapshots().at(0).tags, ElementsAre("schedule:nightly"));

  // Unless the job is another process's meanwhile.
  lock = repository->core().locks.Acquire(Context::Background(), repo::LockMode::kExclusive, "x");
  ASSERT_TRUE(lock.ok()) << lock.status();
  TestRun lost("{}");
  lost.on_log = [](const std::string&) { return MakeStatus(Kind::kLocked, "taken over"); };
  EXPECT_EQ(KindOf(kinds_.at("prune")->Run(Context(clock), lost).status), Kind::kLocked);
}

TEST_F(KindsTest, RetentionOfAScheduleJudgesItsOwnSnapshotsOnly) {
  Do("backup", "{\"tags\": \"by-hand\", \"verify\": false}");
  const std::string spec = "{\"keep\": {\"last\": 1}, \"verify\": false}";
  for (int i = 0; i < 3; ++i) {
    TestRun nightly(spec, "", "nightly");
    Do("backup", nightly);
    TestRun hourly(spec, "", "hourly");
    Do("backup", hourly);
  }
  std::multiset<std::string> tags;
  for (const auto& snapshot : Snapshots()) tags.insert(snapshot.tags.begin(), snapshot.tags.end());
  EXPECT_THAT(tags, ElementsAre("by-hand", "schedule:hourly", "schedule:nightly"));
}

TEST_F(KindsTest, NothingIsRemovedAfterABackupInPart) {
  TestRun whole("{\"keep\": {\"last\": 1}}");
  Do("backup", whole);
  Add("broken", {1});
  fake_.After("Query", [](const fake::Call& call, google::protobuf::Message& answer) {
    const auto& request = static_cast<const fake::pb::QueryRequest&>(call.request);
    if (request.collection_name() != "broken") return;
    auto& status = *static_cast<fake::pb::QueryResults&>(answer).mutable_status();
    status.set_error_code(fake::common::UnexpectedError);
    status.set_reason("broken");
  });
  TestRun partly("{\"keep\": {\"last\": 1}}");
  const Json result = Do("backup", partly, Kind::kPartial);
  EXPECT_EQ(result["retention"], nullptr);
  EXPECT_THAT(Snapshots(), SizeIs(2));
}

TEST_F(KindsTest, VerifyBeginsWithWhatWasNeverVerifiedAndThenTheOldest) {
  for (int i = 0; i < 3; ++i) Do("backup", "{\"verify\": false}");
  const auto all = Snapshots();  // newest first
  const Json one = Do("verify", "{\"max_duration\": \"0\"}");
  EXPECT_EQ(one["snapshots"].size(), 1U);
  EXPECT_EQ(one["snapshots"][0]["snapshot"], all[0].id.hex);
  EXPECT_EQ(one["remaining"], 2);
  EXPECT_EQ(Do("verify", "{\"max_duration\": \"0\"}")["snapshots"][0]["snapshot"], all[1].id.hex);
  TestRun whole("{}");
  const Json rest = Do("verify", whole);
  EXPECT_EQ(rest["snapshots"][0]["snapshot"], all[2].id.hex);
  EXPECT_EQ(rest["remaining"], 0);

  // A job that verified the oldest-verified one again counts, though its mark is older.
  Past("verify", Dump({{"snapshots", {{{"snapshot", all[0].id.hex}, {"status", "verified"}}}}}));
  TestRun going("{}", whole.checkpoints.front());
  EXPECT_EQ(Do("verify", going)["snapshots"].size(), 3U) << "goes on with the other two";
}

TEST_F(KindsTest, DeleteGoesOnWithWhatItResolved) {
  for (int i = 0; i < 2; ++i) Do("backup", "{\"verify\": false}");
  const auto all = Snapshots();
  TestRun run("{\"snapshots\": \"latest\"}");
  EXPECT_THAT(Do("delete", run)["deleted"], ElementsAre(all[0].id.hex));
  TestRun again("{\"snapshots\": \"latest\"}", run.checkpoints.front());
  EXPECT_THAT(Do("delete", again)["deleted"], ElementsAre(all[0].id.hex));
  EXPECT_THAT(Snapshots(), SizeIs(1)) << "latest was another one the second time";
}

TEST_F(KindsTest, ARestoreGoesOnWithTheSameSnapshot) {
  Do("backup", "{\"verify\": false}");
  TestRun run("{\"to\": \"prod\", \"suffix\": \"_back\"}");
  EXPECT_EQ(Do("restore", run)["rows"], 3);
  fake_.Apply<fake::pb::MutationResult>(fake::SimpleRows("docs", {4}));
  Do("backup", "{\"verify\": false}");
  // Killed after its last collection, before that was recorded.
  TestRun again("{\"to\": \"prod\", \"suffix\": \"_back\"}", run.checkpoints.front());
  const Json result = Do("restore", again);
  EXPECT_EQ(result["rows"], 3);
  EXPECT_EQ(result["snapshot"], ObjectOf(run.checkpoints.front())["snapshot"]);
}

TEST_F(KindsTest, APreviewLooksAndChangesNothing) {
  Do("backup", "{\"verify\": false}");
  const auto preview = [&](const char* kind, const char* spec) {
    const auto found = kinds_.at(kind)->Preview(Context::Background(), spec);
    return found.ok() ? *found : std::string(found.status().message());
  };
  const std::string restore = preview("restore", R"({"to": "prod", "suffix": "_back"})");
  EXPECT_THAT(restore, HasSubstr("restore all collections of snapshot latest"));
  EXPECT_THAT(restore, HasSubstr("default.docs_back"));
  EXPECT_THAT(preview("restore", R"({"to": "prod"})"), HasSubstr("exists: refused"));
  EXPECT_THAT(preview("restore", R"({"to": "prod", "snapshot": "nosuch"})"), HasSubstr("nosuch"));
  EXPECT_THAT(preview("delete", R"({"snapshots": "latest"})"), HasSubstr("would"));
  EXPECT_THAT(preview("restore", R"({"to": "prud"})"), HasSubstr("did you mean 'prod'?"));
  // Without a dry run of its own: the plan's line.
  EXPECT_EQ(preview("verify", "{}"), PlanOf("verify", "{}"));
  EXPECT_THAT(Collections(), ElementsAre("docs"));
  EXPECT_THAT(Snapshots(), SizeIs(1));
}

TEST_F(KindsTest, AlertsLookAgainAtRepositoriesWhenAJobHasEnded) {
  const Session session(config_);
  AlertFacts source(session, *catalog_, {});
  const auto snapshots = [&] {
    const auto facts = source.Read(Context::Background());
    EXPECT_TRUE(facts.ok()) << facts.status();
    return facts.ok() ? facts->repositories.at(0).snapshots : -1;
  };
  EXPECT_EQ(snapshots(), 0);
  Do("backup", "{\"verify\": false}");
  EXPECT_EQ(snapshots(), 0) << "nothing says that it should look so soon";
  Past("backup", "{}");
  EXPECT_EQ(snapshots(), 1);
}

TEST_F(KindsTest, ARestoreTestRotatesAndLeavesNothing) {
  Add("logs", {5, 6});
  Do("backup", "{\"verify\": false}");
  std::set<std::string> tested;
  for (int i = 0; i < 2; ++i) {
    TestRun run("{}");
    const Json result = Do("restore-test", run);
    EXPECT_EQ(result["compared"], true);
    EXPECT_EQ(result["dropped"], true);
    EXPECT_GT(result["seconds"], 0);
    tested.insert(result["collection"].get<std::string>());
    EXPECT_EQ(ObjectOf(run.checkpoints.back())["scratch"], nullptr);
    Past("restore-test", Dump(result));
  }
  EXPECT_THAT(tested, ElementsAre("default.docs", "default.logs"));
  EXPECT_THAT(Collections(), testing::UnorderedElementsAre("docs", "logs"));
}

TEST_F(KindsTest, ARestoreTestDropsWhatACrashLeft) {
  Do("backup", "{\"verify\": false}");
  const auto checkpoint = [](const std::string& name) {
    return Dump({{"snapshot", ""},
                 {"collection", "default.docs"},
                 {"scratch", {{"cluster", "prod"}, {"database", "default"}, {"name", name}}}});
  };
  for (const char* name : {"docs_aerie_test_0000000a", "docs_aerie_test_0000000b"}) {
    fake_.Create(fake::SimpleSchema(name));
  }
  Past("restore-test", "", checkpoint("docs_aerie_test_0000000a"));  // cancelled after a crash
  TestRun going("{}", checkpoint("docs_aerie_test_0000000b"));       // the one that goes on
  Do("restore-test", going);
  EXPECT_THAT(Collections(), ElementsAre("docs"));

  // One that fails drops its own, too.
  fake_.Inject(fake::Fault::Milvus("Insert", 1, false, "broken", 100));
  TestRun failing("{}");
  const jobs::JobResult failed = kinds_.at("restore-test")->Run(Context::Background(), failing);
  EXPECT_EQ(ObjectOf(failed.result)["dropped"], true);
  EXPECT_THAT(Collections(), ElementsAre("docs"));
}

TEST_F(KindsTest, AHealthCheckSaysWhichIsNotWell) {
  EXPECT_EQ(Do("health-check", "{}")["clusters"][0]["status"], "healthy");
  config_.clusters["away"].uri = "http://127.0.0.1:1";
  kinds_ = MakeJobKinds({.config = config_});
  const Json result = Do("health-check", "{}", Kind::kPartial);
  EXPECT_EQ(result["clusters"][0]["cluster"], "away");
  EXPECT_EQ(result["clusters"][0]["status"], "failed");
  EXPECT_EQ(result["clusters"][1]["status"], "healthy");
  EXPECT_EQ(result["repositories"][0]["snapshots"], 0);
}

TEST_F(KindsTest, TheHistoryIsMadeAgainFromSnapshotsOnce) {
  Do("backup", "{}");
  TestRun scheduled("{\"verify\": false}", "", "nightly");
  Do("backup", scheduled);
  const auto rebuild = [&] {
    const auto made = RebuildHistories(Context::Background(), config_, *history_);
    EXPECT_TRUE(made.ok()) << made.status();
    return made.value_or(99);
  };
  EXPECT_EQ(rebuild(), 2U);
  EXPECT_EQ(rebuild(), 0U);
  const auto jobs = *history_->List({.kind = "backup"});
  ASSERT_THAT(jobs, SizeIs(2));
  EXPECT_EQ(jobs[0].schedule, "nightly");
  EXPECT_EQ(jobs[0].standing.state, "completed");
  EXPECT_FALSE(jobs[0].rebuilt.empty());
  EXPECT_EQ(jobs[1].started_ms, Snapshots()[1].created_ms);
  EXPECT_EQ(ObjectOf(jobs[1].result)["verified"], true);
  EXPECT_EQ(ObjectOf(jobs[1].result)["rows"], 3);

  // What a job made is known, whether it has ended or not.
  const Json third = Do("backup", "{\"verify\": false}");
  Past("backup", Dump(third));
  const Json fourth = Do("backup", "{\"verify\": false}");
  Past("backup", "", Dump({{"snapshot", fourth["snapshot"]}}));
  EXPECT_EQ(rebuild(), 0U);
}

}  // namespace
}  // namespace aerie::app
