#include "jobs/schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace aerie::jobs {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

ScheduleSpec Parsed(const std::string& json) {
  auto spec = ScheduleFromText("nightly", json);
  EXPECT_TRUE(spec.ok()) << spec.status();
  return spec.ok() ? *std::move(spec) : ScheduleSpec{};
}
WallTime Utc(int year, unsigned month, unsigned day, int hour = 0, int minute = 0) {
  return std::chrono::sys_days(std::chrono::year(year) / std::chrono::month(month) /
                               std::chrono::day(day)) +
         std::chrono::hours(hour) + std::chrono::minutes(minute);
}

TEST(ScheduleText, EveryMemberComesBack) {
  const std::string text =
      R"({"when":"daily at 02:00","zone":"Europe/Berlin","jitter":"600s","window":"22:00-06:00",)"
      R"("blackouts":["Mon-Fri 03:00-04:00","2026-12-24..2026-12-26"],"missed":"skip",)"
      R"("overlap":"skip","priority":-3,"enabled":false,"kind":"backup","job":{"cluster":"a"}})";
  EXPECT_EQ(ToText(Parsed(text)), text);
  EXPECT_EQ(ToText(Parsed(ToText(Parsed(R"({"when":"@daily"})")))),
            ToText(Parsed(R"({"when":"@daily","zone":"UTC","missed":"run-once"})")));
}

TEST(ScheduleText, MistakesNameTheMember) {
  const std::pair<const char*, const char*> kMistakes[] = {
      {"[]", "JSON object"},
      {R"({})", "daily at 02:00"},
      {R"({"when":5})", "'when' must be a text"},
      {R"({"when":"daily","zone":"Mars"})", "IANA"},
      {R"({"when":"daily","jitter":"soon"})", "jitter"},
      {R"({"when":"daily","jitter":"25h"})", "24h"},
      {R"({"when":"daily","window":"22-6"})", "22:00-06:00"},
      {R"({"when":"daily at 12:00","window":"22:00-06:00"})", "lies in its window"},
      {R"({"when":"daily","blackouts":["Mo-Fr 08:00-09:00"]})", "Mon-Fri"},
      {R"({"when":"daily","blackouts":["2026-12-26..2026-12-24"]})", "blackout"},
      {R"({"when":"daily","blackouts":["2026-02-30..2026-03-01"]})", "blackout"},
      {R"({"when":"daily","blackouts":["08:00-08:00"]})", "blackout"},
      {R"({"when":"daily","blackouts":"08:00-09:00"})", "a list"},
      {R"({"when":"daily","missed":"later"})", "run-once or skip"},
      {R"({"when":"daily","overlap":"kill"})", "queue or skip"},
      {R"({"when":"daily","priority":"high"})", "a number"},
      {R"({"when":"daily","enabled":1})", "true or false"},
      {R"({"when":"daily","job":[]})", "an object"},
      {R"({"when":"daily","wen":1})", "'wen' is not known"},
  };
  for (const auto& [text, remedy] : kMistakes) {
    const auto spec = ScheduleFromText("nightly", text);
    EXPECT_EQ(KindOf(spec.status()), Kind::kInvalid) << text;
    EXPECT_THAT(std::string(spec.status().message()), HasSubstr(remedy));
  }
}

TEST(ScheduleText, IsDescribed) {
  const WallTime now = Utc(2026, 11, 28, 12);
  EXPECT_EQ(Describe(Parsed(R"({"when":"0 2 * * *","zone":"Europe/Berlin"})"), now),
            "every day at 02:00 Europe/Berlin, next Sun 29 Nov 2026 02:00 +01:00");
  EXPECT_EQ(Describe(Parsed(R"({"when":"hourly","zone":"America/St_Johns"})"), now),
            "every hour America/St_Johns, next Sat 28 Nov 2026 09:00 -03:30");
  EXPECT_EQ(Describe(Parsed(R"({"when":"hourly","enabled":false})"), now),
            "every hour UTC, disabled");
}

TEST(ScheduleOpen, HoursOverMidnightBelongToTheDayTheyBeginOn) {
  const ScheduleSpec spec =
      Parsed(R"({"when":"hourly","window":"22:00-06:00","blackouts":["Fri 23:00-02:00"]})");
  EXPECT_TRUE(IsOpen(spec, Utc(2026, 11, 26, 23, 30))) << "Thursday";
  EXPECT_FALSE(IsOpen(spec, Utc(2026, 11, 27, 6)));
  EXPECT_TRUE(IsOpen(spec, Utc(2026, 11, 27, 22)));
  EXPECT_FALSE(IsOpen(spec, Utc(2026, 11, 27, 23)));
  EXPECT_FALSE(IsOpen(spec, Utc(2026, 11, 28, 1, 59))) << "still Friday's";
  EXPECT_TRUE(IsOpen(spec, Utc(2026, 11, 28, 2)));
  EXPECT_EQ(NextOpen(spec, Utc(2026, 11, 27, 23, 0)), Utc(2026, 11, 28, 2));
  EXPECT_EQ(NextOpen(spec, Utc(2026, 11, 28, 12)), Utc(2026, 11, 28, 22));
}

TEST(ScheduleOpen, WholeDaysAreOfTheZone) {
  const ScheduleSpec spec =
      Parsed(R"({"when":"hourly","zone":"Asia/Kolkata","blackouts":["2026-12-24..2026-12-26"]})");
  EXPECT_EQ(NextOpen(spec, Utc(2026, 12, 24)), Utc(2026, 12, 26, 18, 30));
  EXPECT_TRUE(IsOpen(spec, Utc(2026, 12, 23, 18, 29)));
  EXPECT_FALSE(IsOpen(spec, Utc(2026, 12, 23, 18, 30)));
  const ScheduleSpec never = Parsed(R"({"when":"hourly","blackouts":["00:00-24:00"]})");
  EXPECT_EQ(NextOpen(never, Utc(2026, 1, 1)), std::nullopt);
}

// The window begins where the clock on the wall first shows its begin or what comes after it.
TEST(ScheduleOpen, AnHourThatDoesNotExist) {
  const ScheduleSpec spec =
      Parsed(R"({"when":"daily at 03:30","zone":"Europe/Berlin","window":"02:30-04:00"})");
  EXPECT_EQ(NextOpen(spec, Utc(2026, 3, 29, 0)), Utc(2026, 3, 29, 1));
}

TEST(ScheduleJitter, DependsOnTheScheduleAndTheTimeAlone) {
  ScheduleSpec spec = Parsed(R"({"when":"daily at 02:00","jitter":"10m"})");
  std::set<std::int64_t> delays;
  for (WallTime due = *NextDue(spec, Utc(2026, 1, 1)); due < Utc(2026, 3, 1);
       due = *NextDue(spec, due)) {
    const WallTime start = StartOf(spec, due);
    EXPECT_GE(start, due);
    EXPECT_LE(start, due + 10min);
    EXPECT_EQ(start, StartOf(spec, due));
    delays.insert(ToUnixMillis(start) - ToUnixMillis(due));
  }
  EXPECT_GT(delays.size(), 50U) << "they are spread";
  ScheduleSpec other = spec;
  other.id = "another";
  const WallTime due = Utc(2026, 1, 1, 2);
  EXPECT_NE(StartOf(spec, due), StartOf(other, due));
}

TEST(ScheduleJitter, NeverReachesBeyondTheNextTime) {
  const ScheduleSpec spec = Parsed(R"({"when":"every 5 minutes","jitter":"24h"})");
  for (WallTime due = Utc(2026, 1, 1); due < Utc(2026, 1, 2); due += 5min) {
    EXPECT_LE(StartOf(spec, due), due + 5min);
  }
}

}  // namespace
}  // namespace aerie::jobs
