#include "base/clock.h"

#include <limits>
#include <thread>

#include <gtest/gtest.h>

namespace aerie {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(FakeClock, StandsStillUntilTold) {
  FakeClock clock;
  const WallTime wall = clock.Now();
  const SteadyTime steady = clock.Steady();
  EXPECT_EQ(ToUnixMillis(wall), 1'700'000'000'000);
  clock.Advance(seconds(3));
  EXPECT_EQ(clock.Now() - wall, seconds(3));
  EXPECT_EQ(clock.Steady() - steady, seconds(3));
  EXPECT_EQ(clock.slept(), Duration::zero());
}

TEST(FakeClock, SleepsAtOnceAndInFull) {
  FakeClock clock;
  EXPECT_TRUE(clock.SleepFor(std::chrono::hours(1), {}));
  EXPECT_EQ(clock.slept(), std::chrono::hours(1));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(clock.SleepFor(seconds(1), stop.get_token()));
  EXPECT_EQ(clock.slept(), std::chrono::hours(1));
}

TEST(SystemClock, SleepEndsWithStop) {
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  EXPECT_FALSE(SystemClock().SleepFor(std::chrono::hours(1), stop.get_token()));
}

TEST(SystemClock, SleepsNoLessThanAsked) {
  const SteadyTime before = SystemClock().Steady();
  EXPECT_TRUE(SystemClock().SleepFor(milliseconds(2), {}));
  EXPECT_GE(SystemClock().Steady() - before, milliseconds(2));
}

TEST(FormatUtc, IsIsoWithMilliseconds) {
  EXPECT_EQ(FormatUtc(FromUnixMillis(0)), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(FormatUtc(FromUnixMillis(1'795'232'400'123)), "2026-11-21T03:40:00.123Z");
  EXPECT_EQ(FormatUtc(FromUnixMillis(951'782'400'000)), "2000-02-29T00:00:00.000Z");
  EXPECT_EQ(FormatUtc(FromUnixMillis(-1)), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(FormatUtc(FromUnixMillis(-1000)), "1969-12-31T23:59:59.000Z");
}

TEST(UnixMillis, RoundTripsAndFloors) {
  for (const std::int64_t ms : {std::int64_t{0}, std::int64_t{1}, std::int64_t{-1},
                                std::int64_t{1'795'232'400'123}, std::int64_t{-86'400'001}}) {
    EXPECT_EQ(ToUnixMillis(FromUnixMillis(ms)), ms);
  }
  EXPECT_EQ(ToUnixMillis(WallTime(std::chrono::nanoseconds(-1))), -1);
}

TEST(UnixMillis, SaturatesForDamagedTimes) {
  constexpr auto kMax = std::numeric_limits<std::int64_t>::max();
  constexpr auto kMin = std::numeric_limits<std::int64_t>::min();
  EXPECT_EQ(FormatUtc(FromUnixMillis(kMax)).substr(0, 4), "2262");
  EXPECT_EQ(FormatUtc(FromUnixMillis(kMin)).substr(0, 4), "1677");
}

}  // namespace
}  // namespace aerie
