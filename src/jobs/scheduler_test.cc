// Schedules through the catalog: what is due becomes jobs, once, whatever ends in between.
#include "jobs/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "jobs/jobs.h"

namespace aerie::jobs {
namespace {

using ::testing::SizeIs;
using namespace std::chrono_literals;

WallTime Utc(int year, unsigned month, unsigned day, int hour = 0, int minute = 0) {
  return std::chrono::sys_days(std::chrono::year(year) / std::chrono::month(month) /
                               std::chrono::day(day)) +
         std::chrono::hours(hour) + std::chrono::minutes(minute);
}
ScheduleSpec Parsed(const std::string& id, const std::string& json) {
  auto spec = ScheduleFromText(id, json);
  EXPECT_TRUE(spec.ok()) << spec.status();
  return spec.ok() ? *std::move(spec) : ScheduleSpec{};
}

// A clock whose sleeps are when the test looks.
class StoppingClock : public FakeClock {
 public:
  using FakeClock::FakeClock;
  std::function<void()> on_sleep;
  bool SleepFor(Duration duration, std::stop_token stop) override {
    on_sleep();
    return FakeClock::SleepFor(duration, std::move(stop));
  }
};

class SchedulerTest : public ::testing::Test {
 protected:
  SchedulerTest() { Renew(); }
  void Renew() {
    auto opened = catalog::Catalog::Open(catalog::kInMemory);
    EXPECT_TRUE(opened.ok()) << opened.status();
    catalog_ = *std::move(opened);
    jobs_ = std::make_unique<catalog::JobStore>(*catalog_);
    store_ = std::make_unique<catalog::ScheduleStore>(*catalog_);
    scheduler_ = std::make_unique<Scheduler>(*store_);
  }
  std::optional<WallTime> Tick(WallTime now) {
    const auto wake = scheduler_->Tick(now);
    EXPECT_TRUE(wake.ok()) << wake.status();
    return wake.value_or(std::nullopt);
  }
  std::vector<catalog::Job> Jobs(bool open_only = false) {
    const auto jobs = jobs_->List({.open_only = open_only});
    EXPECT_TRUE(jobs.ok()) << jobs.status();
    return jobs.value_or(std::vector<catalog::Job>());
  }
  void EndJobs(WallTime now) {
    for (const catalog::Job& job : Jobs(true)) {
      EXPECT_TRUE(jobs_
                      ->Change(
                          job.number,
                          [](const catalog::Job&) {
                            return Result<std::optional<catalog::JobChange>>(
                                catalog::JobChange{.standing = StandingOf(JobState::kCompleted)});
                          },
                          ToUnixMillis(now))
                      .ok());
    }
  }
  std::vector<std::string> Runs(const std::string& id) {
    const auto runs = store_->Runs(id, 0, 1000);
    EXPECT_TRUE(runs.ok()) << runs.status();
    std::vector<std::string> lines;
    for (const auto& run : *runs) {
      lines.push_back(FormatUtc(FromUnixMillis(run.due_ms)).substr(5, 11) + " " + run.outcome +
                      " " + run.reason + " " + std::to_string(run.times));
    }
    return lines;
  }

  std::unique_ptr<catalog::Catalog> catalog_;
  std::unique_ptr<catalog::JobStore> jobs_;
  std::unique_ptr<catalog::ScheduleStore> store_;
  std::unique_ptr<Scheduler> scheduler_;
};

TEST_F(SchedulerTest, WhatIsDueBecomesAJob) {
  const ScheduleSpec spec = Parsed(
      "nightly", R"({"when":"daily at 02:00","priority":3,"kind":"backup","job":{"cluster":"a"}})");
  ASSERT_TRUE(scheduler_->Put(spec, Utc(2026, 1, 1)).ok());
  EXPECT_EQ(Tick(Utc(2026, 1, 1)), Utc(2026, 1, 1, 2));
  EXPECT_THAT(Jobs(), SizeIs(0));
  EXPECT_EQ(Tick(Utc(2026, 1, 1, 2)), Utc(2026, 1, 2, 2));
  Tick(Utc(2026, 1, 1, 2));
  ASSERT_THAT(Jobs(), SizeIs(1));
  const catalog::Job job = Jobs()[0];
  EXPECT_EQ(job.kind, "backup");
  EXPECT_EQ(job.spec, R"({"cluster":"a"})");
  EXPECT_EQ(job.priority, 3);
  EXPECT_EQ(job.schedule, "nightly");
  EXPECT_EQ(job.due_ms, ToUnixMillis(Utc(2026, 1, 1, 2)));
  EXPECT_EQ(job.standing.state, "queued");
}

TEST_F(SchedulerTest, OneWaitsWhileTheJobBeforeIsOpen) {
  ASSERT_TRUE(
      scheduler_->Put(Parsed("h", R"({"when":"hourly","kind":"k"})"), Utc(2026, 1, 1)).ok());
  for (int hour = 1; hour <= 4; ++hour) Tick(Utc(2026, 1, 1, hour));
  EXPECT_THAT(Jobs(), SizeIs(1));
  EndJobs(Utc(2026, 1, 1, 4, 30));
  Tick(Utc(2026, 1, 1, 4, 30));
  EXPECT_THAT(Jobs(), SizeIs(2));
  EXPECT_THAT(Runs("h"), ::testing::ElementsAre(
                             "01-01T04:00 skipped waiting 1", "01-01T03:00 skipped waiting 1",
                             "01-01T02:00 started overlap 1", "01-01T01:00 started on-time 1"));
}

TEST_F(SchedulerTest, AChangeTakesTheNextTimeOfTheNewOne) {
  ASSERT_TRUE(
      scheduler_->Put(Parsed("h", R"({"when":"hourly","kind":"old"})"), Utc(2026, 1, 1)).ok());
  // 01:00 is due, and was not decided when it is changed.
  ASSERT_TRUE(
      scheduler_
          ->Put(Parsed("h", R"({"when":"every 30 minutes","kind":"new"})"), Utc(2026, 1, 1, 1))
          .ok());
  ASSERT_THAT(Jobs(), SizeIs(1));
  EXPECT_EQ(Jobs()[0].kind, "old");
  EndJobs(Utc(2026, 1, 1, 1, 10));
  Tick(Utc(2026, 1, 1, 1, 30));
  ASSERT_THAT(Jobs(), SizeIs(2));
  EXPECT_EQ(Jobs()[0].kind, "new");
}

TEST_F(SchedulerTest, OneThatCannotBeReadStopsNoOtherAndCanBeMended) {
  ASSERT_TRUE(store_->Create("a", R"({"when":"whenever"})", ToUnixMillis(Utc(2026, 1, 1))).ok());
  ASSERT_TRUE(
      scheduler_->Put(Parsed("b", R"({"when":"hourly","kind":"k"})"), Utc(2026, 1, 1)).ok());
  EXPECT_EQ(Tick(Utc(2026, 1, 1, 1)), Utc(2026, 1, 1, 2));
  EXPECT_THAT(Jobs(), SizeIs(1));
  ASSERT_TRUE(
      scheduler_->Put(Parsed("a", R"({"when":"hourly","kind":"k"})"), Utc(2026, 1, 1, 1)).ok());
  Tick(Utc(2026, 1, 1, 2));
  EXPECT_THAT(Runs("a"), SizeIs(1));
  ASSERT_TRUE(scheduler_->Remove("a", Utc(2026, 1, 1, 2)).ok());
  EXPECT_EQ(KindOf(store_->Find("a").status()), Kind::kNotFound);
  EXPECT_EQ(KindOf(scheduler_->Remove("a", Utc(2026, 1, 1, 2))), Kind::kNotFound);
}

TEST_F(SchedulerTest, RunSleepsUntilSomethingIsDue) {
  ASSERT_TRUE(
      scheduler_->Put(Parsed("h", R"({"when":"hourly","kind":"k"})"), Utc(2026, 1, 1)).ok());
  StoppingClock clock(Utc(2026, 1, 1));
  CancelScope scope{Context(clock)};
  clock.on_sleep = [&] {
    if (!Jobs().empty()) scope.Cancel();
  };
  ASSERT_TRUE(scheduler_->Run(scope.context()).ok());
  ASSERT_THAT(Jobs(), SizeIs(1));
  EXPECT_EQ(Jobs()[0].created_ms, ToUnixMillis(Utc(2026, 1, 1, 1))) << "to the moment";
}

// Six weeks over the end of daylight saving, with stops and clocks that are set, the process ending
// at every so many-th operation of the store: the records are those of an undisturbed run.
TEST_F(SchedulerTest, KilledAtEveryOperationOfTheStore) {
  const auto run = [&](int crash_every) {
    Renew();
    WallTime now = Utc(2026, 10, 20);
    EXPECT_TRUE(scheduler_
                    ->Put(Parsed("n", R"({"when":"daily at 02:30","zone":"Europe/Berlin",
                                          "kind":"k","jitter":"5m"})"),
                          now)
                    .ok());
    EXPECT_TRUE(scheduler_
                    ->Put(Parsed("h", R"({"when":"every 4 hours","zone":"America/New_York",
                                          "kind":"k","blackouts":["Sat-Sun 00:00-24:00"]})"),
                          now)
                    .ok());
    int seen = 0;
    bool alive = true;  // as long as the test itself looks and acts
    catalog_->FailCalls([&] {
      if (alive || crash_every == 0 || ++seen % crash_every != 0) return Ok();
      return FailedError("the process has ended here");
    });
    const auto tick = [&](WallTime at) {
      for (int tries = 0; tries < 20; ++tries) {
        alive = false;
        const bool through = Scheduler(*store_).Tick(at).ok();
        alive = true;
        if (through) return;
      }
      ADD_FAILURE() << "never through";
    };
    for (int step = 0; step < 6 * 7 * 24; ++step) {
      tick(now);
      if (step % 3 == 0) EndJobs(now);
      now += step == 200 ? 72h + 5min : step == 400 ? -5h : 1h;
    }
    catalog_->FailCalls(nullptr);
    std::vector<std::string> lines = Runs("n");
    for (std::string& line : Runs("h")) lines.push_back(std::move(line));
    EXPECT_EQ(Jobs().size(), static_cast<std::size_t>(std::count_if(
                                 lines.begin(), lines.end(), [](const std::string& line) {
                                   return line.find(" started ") != std::string::npos;
                                 })));
    return lines;
  };
  const std::vector<std::string> undisturbed = run(0);
  EXPECT_GT(undisturbed.size(), 100U);
  for (const int crash_every : {11, 7, 13}) EXPECT_EQ(run(crash_every), undisturbed) << crash_every;
}

TEST_F(SchedulerTest, OnlyWhoMadeAScheduleChangesIt) {
  const WallTime now = Utc(2026, 5, 1, 12);
  const auto spec = [](const std::string& id, const std::string& when) {
    return Parsed(id, R"({"when": ")" + when + R"(", "kind": "k"})");
  };
  ASSERT_TRUE(scheduler_->Put(spec("mine", "daily"), now).ok());
  ASSERT_TRUE(scheduler_->PutConfigured({spec("a", "daily"), spec("b", "daily")}, now).ok());
  EXPECT_EQ(KindOf(scheduler_->Put(spec("a", "hourly"), now)), Kind::kRefused);
  EXPECT_EQ(KindOf(scheduler_->Remove("a", now)), Kind::kRefused);
  EXPECT_EQ(KindOf(scheduler_->Remove("none", now)), Kind::kNotFound);
  const auto ids = [&] {
    std::vector<std::string> all;
    const auto there = store_->List();
    EXPECT_TRUE(there.ok()) << there.status();
    for (const auto& one : *there) all.push_back(one.id + " " + one.origin);
    return all;
  };
  // One that leaves the configuration is gone, a clash is told, and the rest is done all the same.
  EXPECT_EQ(KindOf(scheduler_->PutConfigured({spec("mine", "hourly"), spec("c", "daily")}, now)),
            Kind::kRefused);
  EXPECT_THAT(ids(), ::testing::ElementsAre("c configuration", "mine "));
  EXPECT_TRUE(scheduler_->PutConfigured({}, now).ok());
  EXPECT_THAT(ids(), ::testing::ElementsAre("mine "));
}

TEST_F(SchedulerTest, OneThatSaysTheSameKeepsWhatWasMissed) {
  const WallTime now = Utc(2026, 5, 1, 12);
  const ScheduleSpec spec = Parsed("n", R"({"when": "daily at 02:00", "kind": "k"})");
  ASSERT_TRUE(scheduler_->PutConfigured({spec}, now).ok());
  // The daemon was down for three days, and comes back with the same configuration.
  ASSERT_TRUE(scheduler_->PutConfigured({spec}, now + 72h).ok());
  Tick(now + 72h);
  EXPECT_THAT(Jobs(), SizeIs(1));
}

}  // namespace
}  // namespace aerie::jobs
