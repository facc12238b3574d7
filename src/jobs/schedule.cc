#include "jobs/schedule.h"

#include <algorithm>
#include <chrono>
#include <cstdio>

#include <xxhash.h>

namespace aerie::jobs {
namespace {

namespace chrono = std::chrono;

constexpr std::int64_t kDay = 24 * 60 * 60;
constexpr std::int64_t kFarthestOpening = 400 * kDay;

std::int64_t FloorDiv(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

std::int64_t SecondOf(WallTime time) {
  return chrono::floor<chrono::seconds>(time).time_since_epoch().count();
}
WallTime TimeOf(std::int64_t second) { return WallTime(chrono::seconds(second)); }

bool IsDayOf(const Stretch& stretch, std::int64_t day) {
  if (day < stretch.first_day || day > stretch.last_day) return false;
  return stretch.weekdays[chrono::weekday(chrono::sys_days(chrono::days(day))).c_encoding()];
}

bool Holds(const Stretch& stretch, std::int64_t local) {
  const std::int64_t day = FloorDiv(local, kDay);
  const std::int64_t minute = (local - day * kDay) / 60;
  if (stretch.from < stretch.to) {
    return minute >= stretch.from && minute < stretch.to && IsDayOf(stretch, day);
  }
  return (minute >= stretch.from && IsDayOf(stretch, day)) ||
         (minute < stretch.to && IsDayOf(stretch, day - 1));
}

bool IsOpenAt(const ScheduleSpec& spec, std::int64_t local) {
  if (spec.window && !Holds(*spec.window, local)) return false;
  return std::none_of(spec.blackouts.begin(), spec.blackouts.end(),
                      [&](const Stretch& blackout) { return Holds(blackout, local); });
}

Status BadStretch(const std::string& text, const std::string& what) {
  return InvalidError(what + " '" + text +
                      "': write hours as 22:00-06:00, with days before them as Mon-Fri "
                      "08:00-18:00, or dates as 2026-12-24..2026-12-26");
}

}  // namespace

std::optional<std::int64_t> ParseDate(const std::string& text) {
  int year = 0, month = 0, day = 0, read = 0;
  if (text.size() != 10 ||
      std::sscanf(text.c_str(), "%4d-%2d-%2d%n", &year, &month, &day, &read) != 3 || read != 10) {
    return std::nullopt;
  }
  const chrono::year_month_day date{chrono::year(year), chrono::month(static_cast<unsigned>(month)),
                                    chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  return chrono::sys_days(date).time_since_epoch().count();
}

Result<Stretch> ParseStretch(const std::string& text, const std::string& what) {
  Stretch stretch;
  stretch.text = text;
  if (const std::size_t dots = text.find(".."); dots != std::string::npos) {
    const auto first = ParseDate(text.substr(0, dots)), last = ParseDate(text.substr(dots + 2));
    if (!first || !last || *first > *last) return BadStretch(text, what);
    stretch.first_day = *first;
    stretch.last_day = *last;
    return stretch;
  }
  const std::size_t blank = text.rfind(' ');
  const std::string hours = blank == std::string::npos ? text : text.substr(blank + 1);
  if (blank != std::string::npos) {
    AERIE_ASSIGN(stretch.weekdays, ParseWeekdays(text.substr(0, blank), what));
  }
  const std::size_t dash = hours.find('-');
  if (dash == std::string::npos) return BadStretch(text, what);
  const auto from = ParseTimeOfDay(hours.substr(0, dash)),
             to = ParseTimeOfDay(hours.substr(dash + 1));
  if (!from || !to || *from == kMinutesOfDay || *from == *to) return BadStretch(text, what);
  stretch.from = *from;
  stretch.to = *to;
  return stretch;
}

Status Check(const ScheduleSpec& spec) {
  if (spec.jitter < Duration::zero() || spec.jitter > chrono::hours(24)) {
    return InvalidError("schedule '" + spec.id + "': a jitter is at most 24h");
  }
  if (!spec.window) return Ok();
  const Stretch& window = *spec.window;
  const bool inside =
      std::any_of(spec.when.minutes.begin(), spec.when.minutes.end(), [&](std::int32_t minute) {
        return window.from < window.to ? minute >= window.from && minute < window.to
                                       : minute >= window.from || minute < window.to;
      });
  if (inside) return Ok();
  return InvalidError("schedule '" + spec.id + "': no time of '" + spec.when.text +
                      "' lies in its window " + window.text + "; change one of them");
}

std::optional<WallTime> NextDue(const ScheduleSpec& spec, WallTime after) {
  return NextDue(spec.when, spec.zone, after);
}

WallTime StartOf(const ScheduleSpec& spec, WallTime due) {
  const auto jitter = chrono::duration_cast<chrono::milliseconds>(spec.jitter).count();
  if (jitter <= 0) return due;
  const std::string key = spec.id + '\n' + std::to_string(ToUnixMillis(due));
  const std::uint64_t hash = XXH3_64bits(key.data(), key.size());
  const WallTime start =
      due + chrono::milliseconds(hash % (static_cast<std::uint64_t>(jitter) + 1));
  const auto next = NextDue(spec, due);
  return next ? std::min(start, *next) : start;
}

bool IsOpen(const ScheduleSpec& spec, WallTime at) {
  const std::int64_t second = SecondOf(at);
  return IsOpenAt(spec, second + spec.zone.SpanAt(second).offset);
}

std::optional<WallTime> NextOpen(const ScheduleSpec& spec, WallTime from) {
  if (IsOpen(spec, from)) return from;
  std::int64_t second = SecondOf(from);
  const std::int64_t end = second + kFarthestOpening;
  while (second < end) {
    const Span span = spec.zone.SpanAt(second);
    while (second < span.end && second < end) {
      const std::int64_t local = second + span.offset;
      if (IsOpenAt(spec, local)) return TimeOf(second);
      second += 60 - (local - FloorDiv(local, 60) * 60);
    }
    second = std::min(second, span.end);
  }
  return std::nullopt;
}

std::string LocalText(const Zone& zone, WallTime time) {
  constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::int64_t second = SecondOf(time);
  const std::int64_t offset = zone.SpanAt(second).offset;
  const std::int64_t day = FloorDiv(second + offset, kDay);
  const auto minute = static_cast<int>((second + offset - day * kDay) / 60);
  const chrono::sys_days date{chrono::days(day)};
  const chrono::year_month_day civil(date);
  const auto east = static_cast<int>(offset < 0 ? -offset : offset) / 60;
  char text[96];
  std::snprintf(text, sizeof text, "%s %u %s %d %02d:%02d %c%02d:%02d",
                kDays[chrono::weekday(date).c_encoding()], static_cast<unsigned>(civil.day()),
                kMonths[static_cast<unsigned>(civil.month()) - 1], static_cast<int>(civil.year()),
                minute / 60, minute % 60, offset < 0 ? '-' : '+', east / 60, east % 60);
  return text;
}

std::string Describe(const ScheduleSpec& spec, WallTime now) {
  std::string text = Describe(spec.when) + " " + spec.zone.name();
  if (!spec.enabled) return text + ", disabled";
  const auto due = NextDue(spec, now);
  if (!due) return text + ", never again";
  return text + ", next " + LocalText(spec.zone, *due);
}

const char* NameOf(MissedPolicy policy) {
  return policy == MissedPolicy::kRunOnce ? "run-once" : "skip";
}
const char* NameOf(OverlapPolicy policy) {
  return policy == OverlapPolicy::kQueue ? "queue" : "skip";
}

}  // namespace aerie::jobs
