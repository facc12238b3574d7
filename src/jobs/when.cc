#include "jobs/when.h"

#include <algorithm>
#include <chrono>
#include <cstdio>

namespace aerie::jobs {
namespace {

constexpr std::int64_t kMinute = 60;
constexpr std::int64_t kDay = 24 * 60 * 60;
constexpr std::int64_t kEnd = 7'258'118'400;  // 2200-01-01

constexpr const char* kWeekdayNames[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                         "Thursday", "Friday", "Saturday"};
constexpr const char* kMonthNames[] = {"",        "January",  "February", "March",  "April",
                                       "May",     "June",     "July",     "August", "September",
                                       "October", "November", "December"};
constexpr std::size_t kTimesNamed = 4;  // the others are counted

std::int64_t FloorDiv(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

// The first minute that is due in [from, to), local seconds.
std::optional<std::int64_t> FirstIn(const When& when, std::int64_t from, std::int64_t to) {
  for (std::int64_t day = FloorDiv(from, kDay); day * kDay < to; ++day) {
    if (!IsDay(when, day)) continue;
    const std::int64_t into = std::max<std::int64_t>(0, from - day * kDay);
    const auto minute =
        std::lower_bound(when.minutes.begin(), when.minutes.end(), (into + kMinute - 1) / kMinute);
    if (minute == when.minutes.end()) continue;
    const std::int64_t found = day * kDay + *minute * kMinute;
    if (found < to) return found;
    return std::nullopt;
  }
  return std::nullopt;
}

// "a, b and c"
std::string Listed(const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " and " : ", ";
    text += words[i];
  }
  return text;
}

std::string Ordinal(int n) {
  const bool teen = n / 10 == 1;
  const char* ending = teen || n % 10 > 3 || n % 10 == 0 ? "th"
                       : n % 10 == 1                     ? "st"
                       : n % 10 == 2                     ? "nd"
                                                         : "rd";
  return std::to_string(n) + ending;
}

std::string TimesText(const When& when) {
  std::vector<std::string> times;
  for (std::size_t i = 0; i < when.minutes.size() && i < kTimesNamed; ++i) {
    char text[16];
    std::snprintf(text, sizeof text, "%02d:%02d", when.minutes[i] / 60, when.minutes[i] % 60);
    times.emplace_back(text);
  }
  if (when.minutes.size() > kTimesNamed) {
    times.push_back(std::to_string(when.minutes.size() - kTimesNamed) + " other times");
  }
  return "at " + Listed(times);
}

// Of a schedule that goes by the wall: "every 15 minutes", "every hour at minute 20".
std::string HourText(const When& when) {
  const std::size_t count = when.minutes.size() / 24;
  if (count == 60) return "every minute";
  bool even = 60 % count == 0;
  for (std::size_t i = 0; i < count && even; ++i) {
    even = when.minutes[i] == static_cast<std::int32_t>(i * (60 / count));
  }
  if (even) return count == 1 ? "every hour" : "every " + std::to_string(60 / count) + " minutes";
  std::vector<std::string> minutes;
  for (std::size_t i = 0; i < count; ++i) minutes.push_back(std::to_string(when.minutes[i]));
  return std::string("every hour at minute") + (count > 1 ? "s " : " ") + Listed(minutes);
}

std::string WeekdaysText(const std::bitset<7>& weekdays) {
  if (weekdays == std::bitset<7>(0b0111110)) return "Monday to Friday";
  std::vector<std::string> names;
  for (std::size_t day = 0; day < 7; ++day) {
    if (weekdays[(day + 1) % 7]) names.emplace_back(kWeekdayNames[(day + 1) % 7]);
  }
  return Listed(names);
}

std::string MonthDaysText(const When& when) {
  std::vector<std::string> names;
  for (int day = 1; day <= 31; ++day) {
    if (when.days[static_cast<std::size_t>(day)]) names.push_back(Ordinal(day));
  }
  if (when.last_day) names.emplace_back("last day");
  return "the " + Listed(names) + " of ";
}

std::string MonthsText(const When& when) {
  std::vector<std::string> names;
  for (std::size_t month = 1; month <= 12; ++month) {
    if (when.months[month]) names.emplace_back(kMonthNames[month]);
  }
  return names.size() == 12 ? "" : Listed(names);
}

// "every day", "every Sunday", "on the 1st of every month and every Sunday", ...
std::string DaysText(const When& when) {
  const bool any_day = when.days.count() == 31;
  const bool any_weekday = when.weekdays.all();
  const std::string months = MonthsText(when);
  if (any_day && any_weekday) return months.empty() ? "every day" : "every day of " + months;
  const std::string weekdays = "every " + WeekdaysText(when.weekdays);
  if (any_day) return weekdays + (months.empty() ? "" : " of " + months);
  std::string of_month = "on " + MonthDaysText(when) + (months.empty() ? "every month" : months);
  if (any_weekday) return of_month;
  if (when.either) return of_month + ", and " + weekdays + (months.empty() ? "" : " of " + months);
  return weekdays + " that is " + of_month.substr(3);
}

}  // namespace

bool IsDay(const When& when, std::int64_t day) {
  namespace chrono = std::chrono;
  const chrono::sys_days date{chrono::days(day)};
  const chrono::year_month_day civil(date);
  if (!when.months[static_cast<unsigned>(civil.month())]) return false;
  const bool of_week = when.weekdays[chrono::weekday(date).c_encoding()];
  const bool of_month =
      when.days[static_cast<unsigned>(civil.day())] ||
      (when.last_day &&
       civil == chrono::year_month_day(civil.year() / civil.month() / chrono::last));
  return when.either ? of_week || of_month : of_week && of_month;
}

std::optional<WallTime> NextDue(const When& when, const Zone& zone, WallTime after) {
  namespace chrono = std::chrono;
  const auto at = [](std::int64_t second) { return WallTime(chrono::seconds(second)); };
  std::int64_t second = chrono::floor<chrono::seconds>(after).time_since_epoch().count() + 1;
  while (second < kEnd) {
    const Span span = zone.SpanAt(second);
    std::int64_t from = second + span.offset;
    if (!when.by_wall) {
      // Local times up to this one came before the span. Where it begins later, those between are
      // made up for at its begin; where it begins earlier, they come a second time.
      const std::int64_t known = span.begin + span.offset_before;
      if (second == span.begin && FirstIn(when, known, from)) return at(second);
      from = std::max(from, known);
    }
    const auto found = FirstIn(when, from, std::min(span.end, kEnd) + span.offset);
    if (found) return at(*found - span.offset);
    second = span.end;
  }
  return std::nullopt;
}

std::string Describe(const When& when) {
  if (!when.by_wall) return DaysText(when) + " " + TimesText(when);
  const std::string days = DaysText(when);
  return days == "every day" ? HourText(when) : HourText(when) + ", " + days;
}

}  // namespace aerie::jobs
