#include "jobs/when.h"

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing_effort.h"
#include "jobs/naive_testing.h"

namespace aerie::jobs {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

When Parsed(const std::string& text) {
  auto when = ParseWhen(text);
  EXPECT_TRUE(when.ok()) << when.status();
  return when.ok() ? *std::move(when) : When{};
}
std::string ErrorOf(const std::string& text) {
  const auto when = ParseWhen(text);
  EXPECT_EQ(KindOf(when.status()), Kind::kInvalid) << text;
  return std::string(when.status().message());
}
Zone ZoneOf(const std::string& name) {
  auto zone = Zone::Load(name);
  EXPECT_TRUE(zone.ok()) << zone.status();
  return zone.ok() ? *std::move(zone) : Zone();
}
// "2026-03-29T01:00:00.000Z" without what is always the same.
std::string Short(WallTime time) { return FormatUtc(time).substr(0, 16); }
WallTime Utc(int year, int month, int day, int hour = 0, int minute = 0) {
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  return std::chrono::sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute);
}
std::vector<std::string> Next(const std::string& text, const std::string& zone, WallTime after,
                              int count) {
  const When when = Parsed(text);
  const Zone where = ZoneOf(zone);
  std::vector<std::string> times;
  for (int i = 0; i < count; ++i) {
    const auto due = NextDue(when, where, after);
    if (!due) break;
    times.push_back(Short(*due));
    after = *due;
  }
  return times;
}
using Times = std::vector<std::string>;

// --- Words ---

TEST(WhenWords, MeanTheSameAsCron) {
  const std::pair<const char*, const char*> kSame[] = {
      {"every minute", "* * * * *"},
      {"every 15 minutes", "*/15 * * * *"},
      {"every 60 minutes", "0 * * * *"},
      {"hourly", "@hourly"},
      {"every hour", "0 0-23 * * *"},
      {"hourly at minute 20", "20 * * * *"},
      {"every 6 hours", "0 0,6,12,18 * * *"},
      {"every 1 hours", "0 * * * *"},
      {"daily", "@midnight"},
      {"daily at 02:00", "0 2 * * *"},
      {"Every Day At 2:00", "0 2 * * *"},
      {"daily at noon, midnight", "0 */12 * * *"},
      {"weekly", "@weekly"},
      {"weekly on Sunday at 03:30", "30 3 * * 7"},
      {"every Mon, Thursday and sat at 22:05", "5 22 * * SAT,1,thu"},
      {"every weekday at 22:00", "0 22 * * MON-FRI"},
      {"every weekend at 10:00", "0 10 * * SAT-SUN"},
      {"monthly", "@monthly"},
      {"monthly on the 1st at 04:00", "0 4 1 * *"},
      {"monthly on 2nd, the 3rd and 11th", "0 0 2-3,11 * *"},
      {"every month at 04:00", "0 4 */31 * *"},
  };
  for (const auto& [words, cron] : kSame) {
    const When a = Parsed(words), b = Parsed(cron);
    EXPECT_EQ(a.minutes, b.minutes) << words;
    EXPECT_EQ(a.days, b.days) << words;
    EXPECT_EQ(a.months, b.months) << words;
    EXPECT_EQ(a.weekdays, b.weekdays) << words;
    EXPECT_EQ(a.by_wall, b.by_wall) << words;
    EXPECT_EQ(a.text, words);
  }
}

TEST(WhenWords, ByTheWallIsWhatComesInEveryHour) {
  for (const char* text : {"* * * * *", "*/15 * * * *", "5 0-23 * * *", "every hour"}) {
    EXPECT_TRUE(Parsed(text).by_wall) << text;
  }
  for (const char* text : {"*/10 2 * * *", "0 1-23 * * *", "every 2 hours", "daily at 02:00"}) {
    EXPECT_FALSE(Parsed(text).by_wall) << text;
  }
}

TEST(WhenWords, AreDescribed) {
  const std::pair<const char*, const char*> kTold[] = {
      {"0 2 * * *", "every day at 02:00"},
      {"*/15 * * * *", "every 15 minutes"},
      {"* * * * *", "every minute"},
      {"0 * * * *", "every hour"},
      {"7 * * * *", "every hour at minute 7"},
      {"7,30 * * * 6", "every hour at minutes 7 and 30, every Saturday"},
      {"30 3 * * 0", "every Sunday at 03:30"},
      {"0 22 * * 1-5", "every Monday to Friday at 22:00"},
      {"0 4 1,15 * *", "on the 1st and 15th of every month at 04:00"},
      {"0 4 1 * MON", "on the 1st of every month, and every Monday at 04:00"},
      {"0 0 1 1 *", "on the 1st of January at 00:00"},
      {"monthly on the last day at 04:00", "on the last day of every month at 04:00"},
      {"*/10 2 * * *", "every day at 02:00, 02:10, 02:20, 02:30 and 2 other times"},
  };
  for (const auto& [text, told] : kTold) {
    EXPECT_EQ(Describe(Parsed(text)), told);
  }
  EXPECT_THAT(Describe(Parsed("0 0 */15 * 1")),
              HasSubstr("every Monday that is the 1st, 16th and 31st"));
}

struct Mistake {
  const char* text;
  int character;
  const char* remedy;
};

TEST(WhenMistakes, NameThePlaceAndTheRemedy) {
  const Mistake kMistakes[] = {
      {"dailly at 02:00", 1, "daily at 02:00"},
      {"daily at 25:00", 10, "00:00 to 23:59"},
      {"daily at 24:00", 10, "00:00 to 23:59"},
      {"daily at", 9, "a time of day"},
      {"daily at 02:00 or so", 16, "nothing more"},
      {"daily at 02:00 and", 19, "a time of day"},
      {"every 25 minutes", 7, "20, 30"},
      {"every 0 minutes", 7, "1, 2"},
      {"every 5 hours", 7, "4, 6"},
      {"every 3 days", 9, "cron"},
      {"every", 6, "how often"},
      {"weekly on Funday", 11, "Sunday"},
      {"hourly at 20", 11, "minute 20"},
      {"hourly at minute 60", 18, "0 to 59"},
      {"monthly on the 31st at 04:00", 16, "last day"},
      {"monthly on the 0th", 16, "1st"},
      {"monthly on the last Friday", 21, "last day"},
      {"60 * * * *", 1, "0 to 59"},
      {"0 24 * * *", 3, "0 to 23"},
      {"0 0 0 * *", 5, "1 to 31"},
      {"0 0 L * *", 5, "monthly on the last day"},
      {"0 0 ? * 1", 5, "write *"},
      {"0 0 15W * *", 5, "1 to 31"},
      {"0 0 * * 1#2", 10, "lists"},
      {"0 0 * FOO *", 7, "JAN to DEC"},
      {"0 0 * * 8", 9, "SUN to SAT"},
      {"0 0 * * 5-1", 9, "5-7,0-1"},
      {"0 22-6 * * *", 3, "22-23,0-6"},
      {"*/0 * * * *", 3, "1 to 59"},
      {"*/90 * * * *", 3, "1 to 59"},
      {"5/15 * * * *", 1, "5-59/15"},
      {"0,,5 * * * *", 3, "0 to 59"},
      {"0 2 * *", 8, "5 fields"},
      {"0 0 2 * * *", 11, "seconds"},
      {"0 0 30 2 *", 5, "never comes"},
      {"0 0 31 4,6,9,11 *", 5, "never comes"},
      {"@reboot", 1, "no time"},
      {"@often", 1, "@daily"},
      {"@daily at 02:00", 8, "nothing follows"},
  };
  for (const Mistake& mistake : kMistakes) {
    const std::string error = ErrorOf(mistake.text);
    EXPECT_THAT(error, HasSubstr("', character " + std::to_string(mistake.character) + ": "));
    EXPECT_THAT(error, HasSubstr(mistake.remedy)) << error;
  }
  EXPECT_THAT(ErrorOf(""), HasSubstr("daily at 02:00"));
  EXPECT_THAT(ErrorOf(std::string(501, 'x')), HasSubstr("500"));
}

TEST(WhenMistakes, NoTextCrashesIt) {
  std::mt19937 random(1);
  const std::string kPieces[] = {
      "daily", "at", "every", "02:00", " ",   " ", " ", "*",    "/",
      "-",     ",",  "on",    "the",   "1st", "5", "0", "7",    "sun",
      "L",     "#",  "and",   "last",  "day", ":", "@", "\x80", "every 15 minutes"};
  for (int i = 0; i < Effort(20'000, 5'000, 2'000); ++i) {
    std::string text;
    for (std::size_t n = random() % 12; n > 0; --n) text += kPieces[random() % std::size(kPieces)];
    const auto when = ParseWhen(text);
    if (!when.ok()) {
      EXPECT_EQ(KindOf(when.status()), Kind::kInvalid) << text;
      continue;
    }
    EXPECT_TRUE(NextDue(*when, Zone(), Utc(2026, 1, 1))) << text;
    EXPECT_THAT(Describe(*when), ::testing::Not(IsEmpty()));
  }
}

// --- Zones ---

TEST(ZoneTest, UnknownOnesAreRefused) {
  for (const char* name : {"", "Europe/Berlinn", "../../etc/passwd", "/etc/localtime", "localtime",
                           "file:/etc/localtime", "europe/berlin"}) {
    const auto zone = Zone::Load(name);
    EXPECT_EQ(KindOf(zone.status()), Kind::kInvalid) << name;
    EXPECT_THAT(std::string(zone.status().message()), HasSubstr("IANA"));
  }
}

// --- Daylight saving: the table of docs/scheduling.md ---

TEST(WhenDaylight, ATimeThatDoesNotExistRunsRightAfterTheGap) {
  const WallTime before = Utc(2026, 3, 28, 12);
  EXPECT_EQ(Next("daily at 01:30", "Europe/Berlin", before, 2),
            (Times{"2026-03-29T00:30", "2026-03-29T23:30"}));
  EXPECT_EQ(Next("daily at 02:30", "Europe/Berlin", before, 2),
            (Times{"2026-03-29T01:00", "2026-03-30T00:30"}));
  EXPECT_EQ(Next("daily at 02:00 and 02:30", "Europe/Berlin", before, 2),
            (Times{"2026-03-29T01:00", "2026-03-30T00:00"}));
  EXPECT_EQ(Next("daily at 02:59, 03:00", "Europe/Berlin", before, 2),
            (Times{"2026-03-29T01:00", "2026-03-30T00:59"}));
}

TEST(WhenDaylight, ATimeThatExistsTwiceRunsTheFirstTime) {
  const WallTime before = Utc(2026, 10, 24, 12);
  EXPECT_EQ(Next("daily at 02:30", "Europe/Berlin", before, 2),
            (Times{"2026-10-25T00:30", "2026-10-26T01:30"}));
  EXPECT_EQ(Next("daily at 03:00", "Europe/Berlin", before, 1), (Times{"2026-10-25T02:00"}));
  EXPECT_EQ(Next("every 6 hours", "Europe/Berlin", Utc(2026, 10, 24, 22), 1),
            (Times{"2026-10-25T05:00"}));
  // Asked between the two.
  EXPECT_EQ(Next("daily at 02:30", "Europe/Berlin", Utc(2026, 10, 25, 1, 10), 1),
            (Times{"2026-10-26T01:30"}));
}

TEST(WhenDaylight, WhatComesEveryHourGoesByTheWall) {
  const auto count = [](const char* text, WallTime from, WallTime to) {
    const When when = Parsed(text);
    const Zone zone = ZoneOf("Europe/Berlin");
    int found = 0;
    for (auto due = NextDue(when, zone, from - 1s); due && *due < to;
         due = NextDue(when, zone, *due)) {
      ++found;
    }
    return found;
  };
  EXPECT_EQ(count("every 15 minutes", Utc(2026, 3, 28, 23), Utc(2026, 3, 29, 22)), 92);
  EXPECT_EQ(count("every 15 minutes", Utc(2026, 10, 24, 22), Utc(2026, 10, 25, 23)), 100);
  EXPECT_EQ(count("every hour", Utc(2026, 10, 24, 22), Utc(2026, 10, 25, 23)), 25);
}

TEST(WhenDaylight, OddZones) {
  // Half an hour: 02:00 becomes 02:30.
  EXPECT_EQ(Next("daily at 02:15", "Australia/Lord_Howe", Utc(2026, 10, 3, 0), 2),
            (Times{"2026-10-03T15:30", "2026-10-04T15:15"}));
  // At midnight: 24:00 becomes 01:00, 24:00 becomes 23:00.
  EXPECT_EQ(Next("daily", "America/Santiago", Utc(2026, 9, 5, 12), 2),
            (Times{"2026-09-06T04:00", "2026-09-07T03:00"}));
  EXPECT_EQ(Next("daily at 23:30", "America/Santiago", Utc(2026, 4, 4, 12), 2),
            (Times{"2026-04-05T02:30", "2026-04-06T03:30"}));
  // A day that there never was: 30 December 2011.
  EXPECT_EQ(Next("daily at 02:00", "Pacific/Apia", Utc(2011, 12, 29, 0), 3),
            (Times{"2011-12-29T12:00", "2011-12-30T10:00", "2011-12-30T12:00"}));
}

TEST(WhenCalendar, LeapDaysAndLastDays) {
  EXPECT_EQ(Next("0 12 29 2 *", "UTC", Utc(2026, 1, 1), 2),
            (Times{"2028-02-29T12:00", "2032-02-29T12:00"}));
  EXPECT_EQ(Next("0 12 29 2 *", "UTC", Utc(2096, 3, 1), 1), (Times{"2104-02-29T12:00"}));
  EXPECT_EQ(Next("monthly on the last day at 04:00", "UTC", Utc(2028, 1, 31, 4), 3),
            (Times{"2028-02-29T04:00", "2028-03-31T04:00", "2028-04-30T04:00"}));
  EXPECT_EQ(Next("0 0 29 2 */7", "UTC", Utc(2026, 1, 1), 1), (Times{"2032-02-29T00:00"}))
      << "a Sunday";
  EXPECT_THAT(Next("0 0 * * *", "UTC", Utc(2199, 12, 31), 1), IsEmpty());
}

// --- Against minutes, one after another, with the C library's clock ---

struct WallYear {
  const char* zone;
  int year;
};
class WhenModel : public ::testing::TestWithParam<WallYear> {};

TEST_P(WhenModel, AYearMinuteByMinute) {
  const Zone zone = ZoneOf(GetParam().zone);
  std::mt19937 random(7);
  const std::int64_t from = ToUnixMillis(Utc(GetParam().year, 1, 1)) / 1000;
  const std::int64_t to = from + 366 * std::int64_t{86'400};
  const NaiveWall wall(GetParam().zone, from, to);
  for (int i = 0; i < Effort(12, 4, 2); ++i) {
    const NaiveCron cron = RandomCron(random);
    SCOPED_TRACE(cron.Text());
    const When when = Parsed(cron.Text());
    std::vector<std::int64_t> mine;
    for (auto due = NextDue(when, zone, FromUnixMillis(from * 1000));
         due && ToUnixMillis(*due) <= to * 1000; due = NextDue(when, zone, *due)) {
      mine.push_back(ToUnixMillis(*due) / 1000);
    }
    ASSERT_EQ(mine, wall.Due(cron));
  }
}

// 2028 has a leap day; 2061 the zones' files only describe by a rule.
INSTANTIATE_TEST_SUITE_P(
    Walls, WhenModel,
    ::testing::Values(WallYear{"Europe/Berlin", 2028}, WallYear{"Europe/Berlin", 2061},
                      WallYear{"America/New_York", 2061}, WallYear{"Australia/Lord_Howe", 2028},
                      WallYear{"America/Santiago", 2028}, WallYear{"Africa/Casablanca", 2028},
                      WallYear{"Asia/Kolkata", 2028}),
    [](const auto& each) {
      std::string name = each.param.zone + std::to_string(each.param.year);
      std::replace(name.begin(), name.end(), '/', '_');
      return name;
    });

}  // namespace
}  // namespace aerie::jobs
