#include "jobs/planner.h"

#include <map>
#include <random>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing_effort.h"
#include "jobs/naive_testing.h"

namespace aerie::jobs {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

using O = DueOutcome;
using R = DueReason;

WallTime Utc(int year, unsigned month, unsigned day, int hour = 0, int minute = 0) {
  return std::chrono::sys_days(std::chrono::year(year) / std::chrono::month(month) /
                               std::chrono::day(day)) +
         std::chrono::hours(hour) + std::chrono::minutes(minute);
}
ScheduleSpec Parsed(const std::string& json) {
  auto spec = ScheduleFromText("s", json);
  EXPECT_TRUE(spec.ok()) << spec.status();
  return spec.ok() ? *std::move(spec) : ScheduleSpec{};
}

// What a catalog would record of one schedule.
class Book {
 public:
  Book(ScheduleSpec spec, WallTime created) : spec_(std::move(spec)) {
    decided_ms_ = ToUnixMillis(created);
  }

  // Until nothing is left to decide at `now`; the records of this, in order.
  std::vector<DueRecord> Tick(WallTime now, const PlanOptions& options = {}) {
    std::vector<DueRecord> all;
    for (int step = 0;; ++step) {
      EXPECT_LT(step, 1000) << "it never ends";
      const DuePlan plan = PlanDue(spec_, LedgerAt(now), now, options);
      Apply(plan, now);
      all.insert(all.end(), plan.records.begin(), plan.records.end());
      wake = plan.wake;
      if (!wake || *wake > now || step >= 1000) return all;
    }
  }
  void Change(ScheduleSpec spec, WallTime now) {
    Apply(RetireDue(spec_, LedgerAt(now), now), now);
    decided_ms_ = ToUnixMillis(now);
    spec_ = std::move(spec);
  }

  const ScheduleSpec& spec() const { return spec_; }
  const std::map<std::int64_t, DueRecord>& records() const { return records_; }
  bool active = false;
  std::optional<WallTime> wake;
  std::vector<std::int64_t> starts;  // due times, in the order in which they were started

 private:
  Ledger LedgerAt(WallTime now) const {
    Ledger ledger{.decided_ms = decided_ms_, .active = active};
    for (const auto& [due, record] : records_) {
      if (record.outcome == O::kWaiting) ledger.waiting = record;
      if (record.last_due_ms > std::min(decided_ms_, ToUnixMillis(now))) {
        ledger.later.push_back(record);
      }
    }
    return ledger;
  }
  void Apply(const DuePlan& plan, WallTime now) {
    decided_ms_ = plan.decided_ms;
    if (plan.set_back) {
      EXPECT_THAT(plan.records, IsEmpty());
      std::erase_if(records_, [&](const auto& each) {
        return each.second.outcome != O::kStarted && each.second.last_due_ms > ToUnixMillis(now);
      });
    }
    for (const DueRecord& record : plan.records) {
      const auto old = records_.find(record.due_ms);
      EXPECT_TRUE(old == records_.end() || old->second.outcome == O::kWaiting) << "decided twice";
      records_[record.due_ms] = record;
      if (record.outcome != O::kStarted) continue;
      EXPECT_FALSE(active) << "two at once";
      EXPECT_LE(record.due_ms, ToUnixMillis(now));
      active = true;
      starts.push_back(record.due_ms);
    }
  }

  ScheduleSpec spec_;
  std::int64_t decided_ms_ = 0;
  std::map<std::int64_t, DueRecord> records_;
};

DueRecord Made(WallTime due, O outcome, R reason) {
  return {.due_ms = ToUnixMillis(due),
          .last_due_ms = ToUnixMillis(due),
          .outcome = outcome,
          .reason = reason};
}
DueRecord Range(WallTime first, WallTime last, std::int64_t count, O outcome, R reason) {
  DueRecord record = Made(first, outcome, reason);
  record.last_due_ms = ToUnixMillis(last);
  record.count = count;
  return record;
}

constexpr char kNightly[] = R"({"when":"daily at 02:00"})";

TEST(PlannerTest, StartsWhatIsDue) {
  Book book(Parsed(kNightly), Utc(2026, 1, 1, 12));
  EXPECT_THAT(book.Tick(Utc(2026, 1, 1, 12)), IsEmpty());
  EXPECT_EQ(book.wake, Utc(2026, 1, 2, 2));
  EXPECT_THAT(book.Tick(Utc(2026, 1, 2, 2)),
              ElementsAre(Made(Utc(2026, 1, 2, 2), O::kStarted, R::kOnTime)));
  EXPECT_THAT(book.Tick(Utc(2026, 1, 2, 2)), IsEmpty());
  EXPECT_EQ(book.wake, Utc(2026, 1, 3, 2));
}

TEST(PlannerTest, DownForAWeek) {
  for (const char* policy : {"run-once", "skip"}) {
    Book book(Parsed(std::string(R"({"when":"daily at 02:00","missed":")") + policy + "\"}"),
              Utc(2026, 1, 1));
    const auto records = book.Tick(Utc(2026, 1, 8, 9));
    if (std::string(policy) == "skip") {
      EXPECT_THAT(records, ElementsAre(Range(Utc(2026, 1, 1, 2), Utc(2026, 1, 8, 2), 8, O::kMissed,
                                             R::kLate)));
    } else {
      EXPECT_THAT(records, ElementsAre(Range(Utc(2026, 1, 1, 2), Utc(2026, 1, 7, 2), 7, O::kMissed,
                                             R::kLate),
                                       Made(Utc(2026, 1, 8, 2), O::kStarted, R::kLate)));
    }
  }
}

TEST(PlannerTest, ALongStopIsLookedAtInSteps) {
  Book book(Parsed(R"({"when":"every minute"})"), Utc(2026, 1, 1));
  const auto records = book.Tick(Utc(2026, 1, 2), {.most = 100});
  std::int64_t count = 0;
  for (const DueRecord& record : records) count += record.count;
  EXPECT_EQ(count, 24 * 60);
  EXPECT_EQ(book.starts, (std::vector{ToUnixMillis(Utc(2026, 1, 2))}));
}

TEST(PlannerTest, OneWaitsForTheEndOfTheJobBefore) {
  Book book(Parsed(R"({"when":"hourly"})"), Utc(2026, 1, 1));
  book.Tick(Utc(2026, 1, 1, 1));
  EXPECT_THAT(book.Tick(Utc(2026, 1, 1, 2)),
              ElementsAre(Made(Utc(2026, 1, 1, 2), O::kWaiting, R::kOverlap)));
  EXPECT_THAT(book.Tick(Utc(2026, 1, 1, 3)),
              ElementsAre(Made(Utc(2026, 1, 1, 3), O::kSkipped, R::kWaiting)));
  book.active = false;
  EXPECT_THAT(book.Tick(Utc(2026, 1, 1, 3, 10)),
              ElementsAre(Made(Utc(2026, 1, 1, 2), O::kStarted, R::kOverlap)));
}

TEST(PlannerTest, OrIsSkipped) {
  Book book(Parsed(R"({"when":"hourly","overlap":"skip"})"), Utc(2026, 1, 1));
  book.Tick(Utc(2026, 1, 1, 1));
  EXPECT_THAT(book.Tick(Utc(2026, 1, 1, 2)),
              ElementsAre(Made(Utc(2026, 1, 1, 2), O::kSkipped, R::kOverlap)));
}

TEST(PlannerTest, ALateRunWaitsForTheWindow) {
  Book book(Parsed(R"({"when":"daily at 02:00","window":"22:00-06:00"})"), Utc(2026, 1, 1));
  EXPECT_THAT(book.Tick(Utc(2026, 1, 1, 9)),
              ElementsAre(Made(Utc(2026, 1, 1, 2), O::kWaiting, R::kClosed)));
  EXPECT_EQ(book.wake, Utc(2026, 1, 1, 22));
  EXPECT_THAT(book.Tick(Utc(2026, 1, 1, 22)),
              ElementsAre(Made(Utc(2026, 1, 1, 2), O::kStarted, R::kClosed)));
}

TEST(PlannerTest, OneRunAfterABlackout) {
  Book book(Parsed(R"({"when":"hourly","blackouts":["08:00-10:30"]})"), Utc(2026, 1, 1, 7, 30));
  EXPECT_THAT(book.Tick(Utc(2026, 1, 1, 8)),
              ElementsAre(Made(Utc(2026, 1, 1, 8), O::kWaiting, R::kClosed)));
  EXPECT_THAT(book.Tick(Utc(2026, 1, 1, 9)),
              ElementsAre(Made(Utc(2026, 1, 1, 9), O::kSkipped, R::kWaiting)));
  book.Tick(Utc(2026, 1, 1, 10));
  EXPECT_EQ(book.wake, Utc(2026, 1, 1, 10, 30));
  EXPECT_THAT(book.Tick(Utc(2026, 1, 1, 10, 30)),
              ElementsAre(Made(Utc(2026, 1, 1, 8), O::kStarted, R::kClosed)));
  Book skips(Parsed(R"({"when":"hourly","missed":"skip","blackouts":["08:00-10:30"]})"),
             Utc(2026, 1, 1, 7, 30));
  EXPECT_THAT(skips.Tick(Utc(2026, 1, 1, 8)),
              ElementsAre(Made(Utc(2026, 1, 1, 8), O::kSkipped, R::kClosed)));
}

TEST(PlannerTest, SetBackByAnHourNothingRunsTwice) {
  Book book(Parsed(R"({"when":"every 30 minutes"})"), Utc(2026, 1, 1));
  for (int minute = 0; minute <= 120; minute += 30) {
    book.Tick(Utc(2026, 1, 1) + std::chrono::minutes(minute));
    book.active = false;
  }
  EXPECT_EQ(book.starts.size(), 4U);
  for (int minute = 60; minute <= 150; minute += 30) {
    book.Tick(Utc(2026, 1, 1) + std::chrono::minutes(minute));
    book.active = false;
  }
  EXPECT_EQ(book.starts.size(), 5U);
  EXPECT_EQ(book.starts.back(), ToUnixMillis(Utc(2026, 1, 1, 2, 30)));
}

TEST(PlannerTest, AClockWrongByYearsAndPutRightCostsNoRun) {
  Book book(Parsed(kNightly), Utc(2026, 1, 1));
  book.Tick(Utc(2026, 1, 1, 2));
  book.active = false;
  book.Tick(Utc(2036, 1, 1, 12));  // wrong
  book.active = false;
  book.starts.clear();
  for (unsigned day = 1; day <= 5; ++day) {
    book.Tick(Utc(2026, 1, day, 3));
    book.Tick(Utc(2026, 1, day + 1, 2));
    book.active = false;
  }
  EXPECT_THAT(book.starts,
              ElementsAre(ToUnixMillis(Utc(2026, 1, 2, 2)), ToUnixMillis(Utc(2026, 1, 3, 2)),
                          ToUnixMillis(Utc(2026, 1, 4, 2)), ToUnixMillis(Utc(2026, 1, 5, 2)),
                          ToUnixMillis(Utc(2026, 1, 6, 2))));
}

TEST(PlannerTest, DisabledNothingIsDueAndWhatWaitedIsSkipped) {
  Book book(Parsed(R"({"when":"hourly"})"), Utc(2026, 1, 1));
  book.Tick(Utc(2026, 1, 1, 1));
  book.Tick(Utc(2026, 1, 1, 2));
  ScheduleSpec off = book.spec();
  off.enabled = false;
  book.Change(off, Utc(2026, 1, 1, 2, 5));
  EXPECT_EQ(book.records().at(ToUnixMillis(Utc(2026, 1, 1, 2))),
            Made(Utc(2026, 1, 1, 2), O::kSkipped, R::kChanged));
  book.active = false;
  EXPECT_THAT(book.Tick(Utc(2026, 1, 1, 9)), IsEmpty());
  EXPECT_EQ(book.wake, std::nullopt);
  book.Change(Parsed(R"({"when":"hourly"})"), Utc(2026, 1, 1, 9, 30));
  EXPECT_THAT(book.Tick(Utc(2026, 1, 1, 10)),
              ElementsAre(Made(Utc(2026, 1, 1, 10), O::kStarted, R::kOnTime)));
}

TEST(PlannerTest, AChangeRecordsWhatWasAboutToStart) {
  Book book(Parsed(R"({"when":"daily at 02:00","jitter":"60m"})"), Utc(2026, 1, 1));
  const WallTime due = Utc(2026, 1, 1, 2);
  ASSERT_GT(StartOf(book.spec(), due), due + 1s);
  book.Tick(due);
  book.Change(Parsed(kNightly), due + 1s);
  EXPECT_EQ(book.records().at(ToUnixMillis(due)), Made(due, O::kSkipped, R::kChanged));
}

// --- A year of anything ---

struct Stretched {
  WallTime from, to;
};

// One schedule over a year in which the program is down, the clock is set, jobs take long.
class Year {
 public:
  Year(ScheduleSpec spec, std::vector<std::int64_t> due, std::uint32_t seed)
      : due_(due.begin(), due.end()), random_(seed), book_(std::move(spec), kBegin) {}

  void Run() {
    WallTime now = kBegin;
    WallTime event = now + Hours(24 * 40);
    WallTime job_ends = WallTime::max();
    while (now < kEnd) {
      const bool was_active = book_.active;
      Check(book_.Tick(now), now);
      if (::testing::Test::HasFailure()) return;
      if (book_.active && !was_active) job_ends = now + JobLength();
      WallTime next = std::min({book_.wake.value_or(kEnd), event, job_ends, kEnd});
      now = std::max(next, now);
      if (now == event) {
        // A job goes on in its own time, whatever the clock shows.
        const Duration left = job_ends == WallTime::max() ? Duration::zero() : job_ends - now;
        const WallTime before = now;
        now = Trouble(now);
        if (job_ends != WallTime::max()) {
          job_ends = std::max(now, (now < before ? now : before) + left);
        }
        event = now + Hours(24 * 50);
      }
      if (now >= job_ends) {
        book_.active = false;
        job_ends = WallTime::max();
      }
    }
    book_.Tick(kEnd);
    CheckWhole(kEnd);
  }
  std::size_t starts() const { return book_.starts.size(); }

  static inline const WallTime kBegin = Utc(2028, 1, 1);
  static inline const WallTime kEnd = Utc(2028, 12, 31);

 private:
  Duration Hours(int most) {
    return std::chrono::minutes(random_() % static_cast<unsigned>(most * 60) + 1);
  }
  Duration JobLength() { return random_() % 8 == 0 ? Hours(48) : Duration(Hours(1)); }

  WallTime Trouble(WallTime now) {
    switch (random_() % 3) {
      case 0: {  // down, for up to ten days
        const WallTime up = now + Hours(240);
        disturbed_.push_back({now, up});
        return up;
      }
      case 1: {  // set forward, looked at, and set back again
        const WallTime wrong = now + Hours(72);
        disturbed_.push_back({now, wrong});
        Check(book_.Tick(wrong), wrong);
        return now;
      }
      default: {
        const WallTime back = std::max(kBegin, now - Hours(30));
        disturbed_.push_back({back, now});
        return back;
      }
    }
  }

  // Of each record when it is made.
  void Check(const std::vector<DueRecord>& records, WallTime now) {
    for (const DueRecord& record : records) {
      SCOPED_TRACE(FormatUtc(FromUnixMillis(record.due_ms)) + " " + NameOf(record.outcome) + " " +
                   NameOf(record.reason) + " at " + FormatUtc(now));
      const WallTime due = FromUnixMillis(record.due_ms);
      const WallTime start = StartOf(book_.spec(), due);
      ASSERT_TRUE(due_.contains(record.due_ms)) << "was not due";
      ASSERT_TRUE(due_.contains(record.last_due_ms)) << "was not due";
      ASSERT_LE(start, now);
      ASSERT_TRUE(record.reason != R::kOnTime || now - start <= 1min);
      if (record.outcome == O::kStarted) {
        ASSERT_TRUE(IsOpen(book_.spec(), record.reason == R::kOnTime ? start : now));
      }
      if (record.outcome == O::kMissed) {
        ASSERT_TRUE(std::any_of(disturbed_.begin(), disturbed_.end(), [&](const Stretched& each) {
          return each.from <= start + 1min && start <= each.to;
        })) << "missed without a reason";
      }
    }
  }

  // Every time that was due by now has exactly one record, and no record has anything else.
  void CheckWhole(WallTime now) {
    std::set<std::int64_t> started(book_.starts.begin(), book_.starts.end());
    ASSERT_EQ(started.size(), book_.starts.size()) << "started twice";
    std::map<std::int64_t, int> records_of;
    for (const auto& [due_ms, record] : book_.records()) {
      std::int64_t times = 0;
      for (auto due = due_.lower_bound(due_ms); due != due_.end() && *due <= record.last_due_ms;
           ++due) {
        if (record.outcome != O::kStarted && started.contains(*due)) continue;
        ++records_of[*due];
        ++times;
      }
      ASSERT_EQ(times, record.count);
    }
    for (const std::int64_t due : due_) {
      if (StartOf(book_.spec(), FromUnixMillis(due)) > now) {
        EXPECT_LE(records_of[due], 1);
      } else {
        ASSERT_EQ(records_of[due], 1) << FormatUtc(FromUnixMillis(due));
      }
    }
  }

  const std::set<std::int64_t> due_;
  std::mt19937 random_;
  Book book_;
  std::vector<Stretched> disturbed_;
};

std::string RandomRules(std::mt19937& random, const std::string& when, const char* zone) {
  const auto pick = [&](std::initializer_list<const char*> all) {
    return std::string(*(all.begin() + random() % all.size()));
  };
  std::string json = R"({"when":")" + when + R"(","zone":")" + zone + "\"";
  json += R"(,"jitter":")" + pick({"0", "0", "5m", "2h"}) + "\"";
  json += R"(,"missed":")" + pick({"run-once", "run-once", "skip"}) + "\"";
  json += R"(,"overlap":")" + pick({"queue", "skip"}) + "\"";
  json += R"(,"blackouts":[)" +
          pick({"", "", R"("Mon-Fri 08:00-18:00")", R"("2028-03-20..2028-04-02","23:30-02:30")"}) +
          "]}";
  return json;
}

class YearModel : public ::testing::TestWithParam<const char*> {};

TEST_P(YearModel, EveryTimeHasOneEnd) {
  const auto second = [](WallTime time) { return ToUnixMillis(time) / 1000; };
  const NaiveWall wall(GetParam(), second(Year::kBegin), second(Year::kEnd) + 20 * 86'400);
  std::mt19937 random(11);
  std::size_t starts = 0;
  for (std::uint32_t i = 0; i < Effort(12U, 4U, 2U); ++i) {
    const NaiveCron cron = RandomCron(random);
    const std::string json = RandomRules(random, cron.Text(), GetParam());
    SCOPED_TRACE(json + ", seed " + std::to_string(i));
    std::vector<std::int64_t> due = wall.Due(cron);
    for (std::int64_t& time : due) time *= 1000;
    Year year(Parsed(json), std::move(due), i);
    year.Run();
    ASSERT_FALSE(HasFailure());
    starts += year.starts();
  }
  EXPECT_GT(starts, 100U);
}

INSTANTIATE_TEST_SUITE_P(Zones, YearModel,
                         ::testing::Values("Europe/Berlin", "America/New_York",
                                           "Australia/Lord_Howe", "America/Santiago", "UTC"),
                         [](const auto& each) {
                           std::string name = each.param;
                           std::replace(name.begin(), name.end(), '/', '_');
                           return name;
                         });

}  // namespace
}  // namespace aerie::jobs
