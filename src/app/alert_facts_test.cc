// What the catalog and the disk say, without any cluster; what clusters and repositories say is
// seen in test/acceptance/alert_test.py.
#include "app/alert_facts.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "alerts/rules.h"
#include "base/temp_folder_testing.h"
#include "jobs/schedule.h"

namespace aerie::app {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::int64_t kHour = 3'600'000;

class AlertFactsTest : public ::testing::Test {
 protected:
  AlertFactsTest() {
    auto opened = catalog::Catalog::Open(catalog::kInMemory);
    EXPECT_TRUE(opened.ok()) << opened.status();
    catalog_ = *std::move(opened);
    now_ms_ = ToUnixMillis(clock_.Now());
  }
  alerts::Facts Read(const Config& config = {}) {
    const Session session(config);
    AlertFacts source(session, *catalog_, {.catalog_folder = folder_.path().string()});
    auto facts = source.Read(Context(clock_));
    EXPECT_TRUE(facts.ok()) << facts.status();
    return facts.ok() ? *std::move(facts) : alerts::Facts();
  }
  // A job that ended in that state, so many hours ago.
  void Ended(const std::string& kind, const std::string& state, std::int64_t hours_ago,
             const std::string& schedule = "", const std::string& result = "") {
    catalog::JobStore store(*catalog_);
    const std::int64_t at_ms = now_ms_ - hours_ago * kHour;
    const auto number = store.Create({.kind = kind,
                                      .spec = R"({"cluster":"prod"})",
                                      .standing = {.state = "queued", .turn = 1},
                                      .schedule = schedule},
                                     at_ms - 10);
    ASSERT_TRUE(number.ok()) << number.status();
    const auto run = [](const catalog::Job&) {
      return Result<std::optional<catalog::JobChange>>(
          catalog::JobChange{.standing = {.state = "running", .held = true}});
    };
    ASSERT_TRUE(
        store.Claim({kind}, {.process = ThisProcess(), .host = "h", .renewed_ms = at_ms - 5}, run)
            .ok());
    ASSERT_TRUE(store
                    .Change(
                        *number,
                        [&](const catalog::Job&) {
                          return Result<std::optional<catalog::JobChange>>(catalog::JobChange{
                              .standing = {.state = state, .ended = true}, .result = result});
                        },
                        at_ms)
                    .ok());
  }
  void Schedule(const std::string& id, const std::string& kind, std::int64_t decided_hours_ago) {
    jobs::ScheduleSpec spec{.id = id, .kind = kind, .job = "{}"};
    const auto when = jobs::ParseWhen("hourly");
    ASSERT_TRUE(when.ok());
    spec.when = *when;
    ASSERT_TRUE(catalog::ScheduleStore(*catalog_)
                    .Create(id, ToText(spec), now_ms_ - decided_hours_ago * kHour)
                    .ok());
  }

  const TempFolder folder_;
  FakeClock clock_;
  std::int64_t now_ms_ = 0;
  std::unique_ptr<catalog::Catalog> catalog_;
};

TEST_F(AlertFactsTest, TheLastJobOfEachKindAndSubjectCounts) {
  Ended("backup", "failed", 3);
  Ended("backup", "completed", 2, "", R"({"rows":7,"bytes":9})");
  Ended("backup", "cancelled", 1);
  Ended("verify", "failed", 1);
  const alerts::Facts facts = Read();
  ASSERT_THAT(facts.jobs, SizeIs(2));
  EXPECT_EQ(facts.jobs[0].kind, "verify");
  EXPECT_EQ(facts.jobs[0].state, "failed");
  EXPECT_EQ(facts.jobs[1].state, "completed");
  EXPECT_EQ(facts.jobs[1].about, "cluster prod");
  EXPECT_EQ(facts.jobs[1].rows, 7);
  EXPECT_EQ(facts.jobs[1].bytes, 9);
  EXPECT_EQ(facts.job_counts.at({"backup", "failed"}), 1);
  EXPECT_THAT(facts.storages, SizeIs(1));
  EXPECT_EQ(facts.storages[0].name, "state");
  EXPECT_GT(facts.storages[0].limit_bytes, facts.storages[0].used_bytes);
}

TEST_F(AlertFactsTest, SchedulesSayWhatWasMissedAndWhatIsDue) {
  Schedule("idle", "backup", 5);  // nothing decides for it
  Schedule("standby", "sync", 0);
  Ended("sync", "completed", 4, "standby");
  Ended("sync", "failed", 1, "standby");
  Ended("sync", "failed", 1, "removed");
  ASSERT_TRUE(catalog::ScheduleStore(*catalog_)
                  .Decide("standby", now_ms_,
                          [&](const catalog::ScheduleView&) {
                            catalog::ScheduleDecision decision{.decided_ms = now_ms_};
                            decision.records = {{.run = {.due_ms = now_ms_ - 3 * kHour,
                                                         .last_due_ms = now_ms_ - 2 * kHour,
                                                         .times = 2,
                                                         .outcome = "missed"}}};
                            return Result<std::optional<catalog::ScheduleDecision>>(decision);
                          })
                  .ok());
  const alerts::Facts facts = Read();
  ASSERT_THAT(facts.schedules, SizeIs(2));
  const auto& idle = facts.schedules[0];
  EXPECT_EQ(idle.id, "idle");
  EXPECT_GT(idle.overdue_ms, 0);
  EXPECT_LE(idle.overdue_ms, now_ms_ - 4 * kHour);
  EXPECT_EQ(idle.period_ms, kHour);
  EXPECT_GT(idle.next_ms, now_ms_);
  const auto& standby = facts.schedules[1];
  EXPECT_EQ(standby.overdue_ms, 0);
  EXPECT_EQ(standby.missed_times, 2);
  EXPECT_EQ(standby.missed_since_good, 2);
  EXPECT_EQ(standby.missed_ms, now_ms_ - 2 * kHour);
  EXPECT_EQ(standby.good_ended_ms, now_ms_ - 4 * kHour);
  // Jobs of a schedule that is gone concern nobody.
  ASSERT_THAT(facts.jobs, SizeIs(1));
  EXPECT_EQ(facts.jobs[0].about, "schedule standby");
  std::vector<std::string> rules;
  for (const auto& c : alerts::Judge({}, facts, clock_.Now())) {
    rules.push_back(std::string(alerts::NameOf(c.rule)) + " " + c.about);
  }
  EXPECT_THAT(rules, ::testing::IsSupersetOf(
                         {"job-failed sync schedule standby", "schedule-missed schedule idle",
                          "schedule-missed schedule standby", "sync-lag schedule standby"}));
}

TEST_F(AlertFactsTest, OpenAlertsOfMigrationsAreRaised) {
  ASSERT_TRUE(catalog_->Create({.id = "m1", .spec = "{}", .state = "{}", .phase = "copying"}).ok());
  auto lease = catalog_->Take("m1", {.process = ThisProcess(), .host = "h"});
  ASSERT_TRUE(lease.ok());
  ASSERT_TRUE((*lease)
                  ->Store({.state = "{}",
                           .phase = "copying",
                           .alerts = {{.incident = "outage", .text = "nobody can write"}}},
                          now_ms_)
                  .ok());
  const alerts::Facts facts = Read();
  ASSERT_THAT(facts.raised, SizeIs(1));
  EXPECT_EQ(facts.raised[0].about, "m1/outage");
  EXPECT_THAT(facts.raised[0].text, HasSubstr("nobody can write"));
}

TEST_F(AlertFactsTest, ARepositoryThatIsNotThereIsSaid) {
  Config config;
  config.repositories["main"].url = (folder_.path() / "nothing").string();
  const alerts::Facts facts = Read(config);
  ASSERT_THAT(facts.repositories, SizeIs(1));
  EXPECT_THAT(facts.repositories[0].trouble, HasSubstr("nothing"));
  ASSERT_THAT(facts.storages, SizeIs(2));
  EXPECT_EQ(facts.storages[0].name, "main");
  EXPECT_THAT(facts.storages[0].trouble, IsEmpty());
}

}  // namespace
}  // namespace aerie::app
