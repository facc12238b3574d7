#include "alerts/rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace aerie::alerts {
namespace {

using std::chrono::hours;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::int64_t kHour = 3'600'000;
constexpr std::int64_t kNow = 1'000'000 * kHour;

std::vector<Condition> JudgeAt(const Facts& facts, const Policy& policy = {},
                               std::int64_t now_ms = kNow) {
  return Judge(policy, facts, FromUnixMillis(now_ms));
}

// "rule about severity", or "rule about ?".
std::vector<std::string> Said(const Facts& facts, const Policy& policy = {}) {
  std::vector<std::string> said;
  for (const Condition& c : JudgeAt(facts, policy)) {
    said.push_back(std::string(NameOf(c.rule)) + " " + c.about + " " +
                   (c.undecided ? "?" : NameOf(c.severity)));
  }
  return said;
}

ClusterFact Cluster(std::vector<CollectionFact> collections) {
  return {.name = "prod", .collections = std::move(collections)};
}

TEST(AgeOfBackups, IsJudgedPerCollectionAndTellsOfNoneAtAll) {
  const Facts facts{.clusters = {Cluster({
                        {.name = "default.young", .newest_verified_ms = kNow - 23 * kHour},
                        {.name = "default.old",
                         .newest_backup_ms = kNow - 25 * kHour,
                         .newest_verified_ms = kNow - 25 * kHour},
                        {.name = "default.unverified", .newest_backup_ms = kNow - kHour},
                        {.name = "default.none"},
                        {.name = "default.new", .first_seen_ms = kNow - kHour},
                    })}};
  const auto said = JudgeAt(facts);
  ASSERT_THAT(said, SizeIs(1));
  EXPECT_EQ(said[0].rule, Rule::kVerifiedBackupOld);
  EXPECT_EQ(said[0].severity, Severity::kCritical);
  EXPECT_THAT(said[0].things, ElementsAre("default.old", "default.unverified", "default.none"));
  EXPECT_THAT(said[0].summary, HasSubstr("3 of 5 collections"));
  EXPECT_THAT(said[0].details, ElementsAre(HasSubstr("verified backup 25 h old"),
                                           HasSubstr("newest backup 1 h old, none was ever"),
                                           HasSubstr("no backup at all")));
}

TEST(AgeOfBackups, BeginsExactlyAtTheLimit) {
  for (const auto& [age, holds] : {std::pair{24 * kHour - 1, false}, {24 * kHour, true}}) {
    const Facts facts{.clusters = {Cluster({{.name = "d.c", .newest_verified_ms = kNow - age}})}};
    EXPECT_EQ(!JudgeAt(facts).empty(), holds) << age;
  }
}

TEST(AgeOfBackups, IsNotKnownWhereARepositoryOrTheClusterIsNot) {
  ClusterFact cluster = Cluster({{.name = "d.young", .newest_verified_ms = kNow - 1}});
  cluster.repositories_read = false;
  EXPECT_THAT(Said({.clusters = {cluster}}), IsEmpty());
  cluster.collections.push_back({.name = "d.old"});
  EXPECT_THAT(Said({.clusters = {cluster}}), ElementsAre("verified-backup-old prod ?"));
  cluster.trouble = "connection refused";
  EXPECT_THAT(Said({.clusters = {cluster}}),
              ElementsAre("verified-backup-old prod ?", "cluster-unreachable prod error"));
}

TEST(AgeOfBackups, NamesTwentyAndLeavesOutWhatIsExcluded) {
  ClusterFact cluster = Cluster({});
  for (int i = 0; i < 30; ++i) {
    cluster.collections.push_back({.name = (i < 5 ? "tmp.c" : "d.c") + std::to_string(i)});
  }
  Policy policy;
  policy.exclude = {"*/tmp.*"};
  const auto said = JudgeAt({.clusters = {cluster}}, policy);
  ASSERT_THAT(said, SizeIs(1));
  EXPECT_THAT(said[0].things, SizeIs(25));
  EXPECT_THAT(said[0].details, SizeIs(21));
  EXPECT_EQ(said[0].details.back(), "and 5 more");
}

TEST(AgeOfBackups, OfANewCollectionCountsFromWhenItWasSeen) {
  Facts facts{.clusters = {Cluster({{.name = "d.a"}, {.name = "d.b"}})}};
  SeenTimes seen = ObserveCollections(facts, {}, 100);
  EXPECT_EQ(seen, (SeenTimes{{"prod", 100}, {"prod/d.a", 0}, {"prod/d.b", 0}}));
  facts.clusters[0].collections = {{.name = "d.b"}, {.name = "d.new"}};
  seen = ObserveCollections(facts, seen, 200);
  EXPECT_EQ(seen, (SeenTimes{{"prod", 100}, {"prod/d.b", 0}, {"prod/d.new", 200}}));
  EXPECT_EQ(facts.clusters[0].collections[1].first_seen_ms, 200);
  // One that does not answer has lost nothing; one that is not configured any more is forgotten.
  Facts silent{.clusters = {{.name = "prod", .trouble = "no answer"}}};
  EXPECT_EQ(ObserveCollections(silent, seen, 300), seen);
  Facts none;
  EXPECT_THAT(ObserveCollections(none, seen, 300), IsEmpty());
}

JobFact Ended(const std::string& kind, const std::string& state) {
  return {.number = 7,
          .kind = kind,
          .about = "cluster prod",
          .state = state,
          .ended = true,
          .error = "disk full"};
}

TEST(EndedJobs, TellByKindAndState) {
  const std::vector<std::pair<JobFact, std::vector<std::string>>> cases = {
      {Ended("backup", "completed"), {}},
      {Ended("backup", "failed"), {"backup-failed cluster prod error"}},
      {Ended("backup", "partial"), {"backup-failed cluster prod warning"}},
      {Ended("backup", "unknown"), {"backup-failed cluster prod error"}},
      {Ended("verify", "failed"), {"verification-failed cluster prod critical"}},
      {Ended("verify", "partial"), {"verification-failed cluster prod critical"}},
      {Ended("restore-test", "failed"), {"restore-test-failed cluster prod critical"}},
      {Ended("health-check", "failed"), {"health-check-failed cluster prod error"}},
      {Ended("prune", "failed"), {"job-failed prune cluster prod error"}},
      {Ended("prune", "partial"), {"job-failed prune cluster prod warning"}},
      {Ended("sync", "cancelled"), {}},
  };
  for (const auto& [job, wanted] : cases) {
    EXPECT_EQ(Said({.jobs = {job}}), wanted) << job.kind << " " << job.state;
  }
  EXPECT_THAT(JudgeAt({.jobs = {Ended("backup", "failed")}})[0].summary, HasSubstr("disk full"));
}

TEST(OpenJobs, AreStuckWhenNobodyRunsThemOrTheyTakeTooLong) {
  const auto open = [](JobFact job) {
    job.number = 3, job.kind = "sync", job.about = "x";
    return Said({.jobs = {std::move(job)}});
  };
  const auto stuck = ElementsAre("job-stuck job 3 error");
  constexpr std::int64_t kMinute = 60'000;
  EXPECT_THAT(open({.state = "running", .started_ms = kNow - kHour, .heard_ms = kNow - kMinute}),
              IsEmpty());
  EXPECT_THAT(open({.state = "running", .started_ms = kNow - kHour, .heard_ms = kNow - kHour}),
              stuck);
  EXPECT_THAT(open({.state = "running", .started_ms = kNow - 25 * kHour, .heard_ms = kNow}), stuck);
  EXPECT_THAT(open({.state = "queued", .queued_ms = kNow - kHour}), IsEmpty());
  EXPECT_THAT(open({.state = "queued", .queued_ms = kNow - 25 * kHour}), stuck);
  EXPECT_THAT(open({.state = "paused", .queued_ms = kNow - 25 * kHour}), IsEmpty());
}

TEST(Schedules, AreMissedUntilALaterRunEndsWell) {
  ScheduleFact s{
      .id = "nightly", .kind = "backup", .missed_ms = kNow - kHour, .missed_since_good = 1};
  EXPECT_THAT(Said({.schedules = {s}}), ElementsAre("schedule-missed schedule nightly warning"));
  s.good_ended_ms = kNow - 2 * kHour;
  EXPECT_THAT(Said({.schedules = {s}}), SizeIs(1));
  s.good_ended_ms = kNow - 1;
  EXPECT_THAT(Said({.schedules = {s}}), IsEmpty());
  s.overdue_ms = kNow - 60'000;
  EXPECT_THAT(Said({.schedules = {s}}), IsEmpty());
  s.overdue_ms = kNow - kHour;
  EXPECT_THAT(Said({.schedules = {s}}), SizeIs(1));
  s.enabled = false;
  EXPECT_THAT(Said({.schedules = {s}}), IsEmpty());
}

TEST(Schedules, OfSyncsMayLagByTwoPeriodsOrTheLimit) {
  ScheduleFact s{.id = "standby",
                 .kind = "sync",
                 .created_ms = kNow - 100 * kHour,
                 .period_ms = kHour,
                 .good_started_ms = kNow - 2 * kHour};
  EXPECT_THAT(Said({.schedules = {s}}), IsEmpty());
  s.good_started_ms -= 1;
  EXPECT_THAT(Said({.schedules = {s}}), ElementsAre("sync-lag schedule standby error"));
  Policy policy;
  policy.of(Rule::kSyncLag).limit = hours(3);
  EXPECT_THAT(Said({.schedules = {s}}, policy), IsEmpty());
  s.good_started_ms = 0;  // never: since it was made
  EXPECT_THAT(Said({.schedules = {s}}, policy), SizeIs(1));
  s.kind = "backup";
  EXPECT_THAT(Said({.schedules = {s}}, policy), IsEmpty());
}

TEST(Storage, WarnsThenIsCriticalThenComesBackByTwoPoints) {
  const auto at = [](std::int64_t percent_tenths) {
    return Said(
        {.storages = {{.name = "main", .used_bytes = percent_tenths, .limit_bytes = 1000}}});
  };
  EXPECT_THAT(at(780), IsEmpty());
  EXPECT_THAT(at(790), ElementsAre("storage-full main ?"));
  EXPECT_THAT(at(800), ElementsAre("storage-full main ?"));
  EXPECT_THAT(at(801), ElementsAre("storage-full main warning"));
  EXPECT_THAT(at(900), ElementsAre("storage-full main warning"));
  EXPECT_THAT(at(901), ElementsAre("storage-full main critical"));
  EXPECT_THAT(Said({.storages = {{.name = "main", .trouble = "denied"}}}),
              ElementsAre("storage-full main ?"));
  EXPECT_THAT(Said({.storages = {{.name = "main", .used_bytes = 5}}}), IsEmpty());
}

StorageFact Growing(int days, std::int64_t per_day) {
  StorageFact storage{.name = "main", .used_bytes = 1000, .limit_bytes = 2000};
  for (int h = 24 * days; h > 0; --h) {
    storage.history.push_back({.at_ms = kNow - h * kHour, .used_bytes = 1000 - per_day * h / 24});
  }
  return storage;
}

TEST(Storage, ForecastIsThePaceOfTheLastDays) {
  const auto full = FullAt(Growing(3, 100), FromUnixMillis(kNow));
  ASSERT_TRUE(full);
  EXPECT_NEAR(static_cast<double>(ToUnixMillis(*full) - kNow), 10.0 * 24 * kHour, kHour);
  EXPECT_EQ(Said({.storages = {Growing(3, 200)}}),
            std::vector<std::string>{"storage-full main warning"});
  EXPECT_THAT(Said({.storages = {Growing(3, 100)}}), IsEmpty());
  EXPECT_FALSE(FullAt(Growing(3, 0), FromUnixMillis(kNow)));
  EXPECT_FALSE(FullAt(Growing(3, -100), FromUnixMillis(kNow)));
  StorageFact young = Growing(1, 900);
  young.history.erase(young.history.begin());
  EXPECT_FALSE(FullAt(young, FromUnixMillis(kNow)));
}

TEST(Storage, APruneDoesNotHideTheGrowth) {
  StorageFact storage = Growing(7, 200);
  // The day before yesterday it gave back what four days had brought.
  for (StorageSample& sample : storage.history) {
    if (sample.at_ms < kNow - 48 * kHour) sample.used_bytes += 800;
  }
  const auto full = FullAt(storage, FromUnixMillis(kNow));
  ASSERT_TRUE(full);
  EXPECT_LT(*full - FromUnixMillis(kNow), hours(20 * 24));
}

TEST(Others, AreTold) {
  const Facts facts{.repositories = {{.name = "main", .trouble = "denied"}, {.name = "fine"}},
                    .raised = {{.about = "m1/outage", .text = "nobody can write"}},
                    .channels = {{.name = "fine", .waiting = 3},
                                 {.name = "dead", .waiting = 3, .error = "refused"},
                                 {.name = "gave", .given_up_ms = 5, .delivered_ms = 4},
                                 {.name = "back", .given_up_ms = 5, .delivered_ms = 6}}};
  EXPECT_THAT(
      Said(facts),
      ElementsAre("not-watched repository main error", "migration m1/outage error",
                  "delivery-failed channel dead error", "delivery-failed channel gave error"));
  Policy policy;
  policy.of(Rule::kMigration).enabled = false;
  policy.of(Rule::kDeliveryFailed).severity = Severity::kInfo;
  policy.of(Rule::kNotWatched).enabled = false;
  EXPECT_THAT(Said(facts, policy), ElementsAre("delivery-failed channel dead info",
                                               "delivery-failed channel gave info"));
}

TEST(Policy, KnowsEveryNameBothWays) {
  for (const std::string& name : RuleNames()) {
    const auto rule = RuleOf(name);
    ASSERT_TRUE(rule) << name;
    EXPECT_EQ(NameOf(*rule), name);
  }
  EXPECT_EQ(RuleNames().size(), kRules);
  for (const char* name : {"info", "warning", "error", "critical"}) {
    EXPECT_STREQ(NameOf(*SeverityOf(name)), name);
  }
  EXPECT_FALSE(RuleOf("nonsense"));
  EXPECT_FALSE(SeverityOf("fatal"));
}

}  // namespace
}  // namespace aerie::alerts
