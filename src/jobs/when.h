// At which times of the calendar something is due: cron expressions and plain words, as one set of
// days and minutes. docs/scheduling.md has the grammar and the rule for daylight saving.
//
// Values and pure functions; any thread.
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "jobs/zone.h"

namespace aerie::jobs {

inline constexpr int kMinutesOfDay = 24 * 60;

struct When {
  std::string text{};                   // as it was said
  std::vector<std::int32_t> minutes{};  // of the day, ascending, not empty
  std::bitset<32> days{};               // of the month, 1 to 31
  bool last_day = false;                // of the month, whichever that is
  std::bitset<13> months{};             // 1 to 12
  std::bitset<7> weekdays{};            // 0 is Sunday
  bool either = false;   // a day of `days` or one of `weekdays`; else it must be both
  bool by_wall = false;  // the same minutes in every hour of the day: goes by the clock on the wall
};

// kInvalid, naming the place and what to write instead.
Result<When> ParseWhen(const std::string& text);
// "Mon-Fri,Sun", as in cron, for other texts that name days; `what` leads the error.
Result<std::bitset<7>> ParseWeekdays(const std::string& text, const std::string& what);
// "02:00", "midnight", "noon"; nullopt for anything else. "24:00" is kMinutesOfDay.
std::optional<std::int32_t> ParseTimeOfDay(const std::string& text);

// For people: "every day at 02:00".
std::string Describe(const When& when);

// The first time after `after` that is due; nullopt: none before the year 2200.
std::optional<WallTime> NextDue(const When& when, const Zone& zone, WallTime after);

// Whether something is due on a day, counted from 1970-01-01.
bool IsDay(const When& when, std::int64_t day);

}  // namespace aerie::jobs
