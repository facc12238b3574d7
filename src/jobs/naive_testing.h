// A second opinion on what is due, for tests: a year minute by minute, with the C library's clock
// and cron as the book has it. It shares no code with when.cc or zone.cc.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <random>
#include <string>
#include <vector>

namespace aerie::jobs {

// Five fields; an empty one is *.
struct NaiveCron {
  std::vector<int> minutes, hours, days, months, weekdays;

  std::string Text() const {
    return List(minutes) + " " + List(hours) + " " + List(days) + " " + List(months) + " " +
           List(weekdays);
  }
  bool IsEveryHour() const { return hours.empty(); }
  bool Matches(const std::tm& t) const {
    if (!In(minutes, t.tm_min) || !In(hours, t.tm_hour) || !In(months, t.tm_mon + 1)) return false;
    const bool of_month = In(days, t.tm_mday), of_week = In(weekdays, t.tm_wday);
    return days.empty() || weekdays.empty() ? of_month && of_week : of_month || of_week;
  }

 private:
  static std::string List(const std::vector<int>& values) {
    std::string text;
    for (const int value : values) text += (text.empty() ? "" : ",") + std::to_string(value);
    return text.empty() ? "*" : text;
  }
  static bool In(const std::vector<int>& values, int value) {
    return values.empty() || std::find(values.begin(), values.end(), value) != values.end();
  }
};

inline NaiveCron RandomCron(std::mt19937& random) {
  const auto some = [&](int low, int high, unsigned most) {
    std::vector<int> values;
    for (unsigned n = 1 + random() % most; n > 0; --n) {
      values.push_back(low + static_cast<int>(random() % static_cast<unsigned>(high - low + 1)));
    }
    return values;
  };
  NaiveCron cron;
  cron.minutes = some(0, 59, 3);
  // The hours at which clocks are set are the ones that matter.
  if (random() % 4 != 0) cron.hours = some(0, random() % 2 == 0 ? 3 : 22, 3);
  if (random() % 3 == 0) cron.days = some(1, 28, 4);
  if (random() % 5 == 0) cron.months = some(1, 12, 6);
  if (random() % 3 == 0) cron.weekdays = some(0, 6, 3);
  return cron;
}

// What the clock on the wall of a zone shows, each minute from `from` (seconds since the epoch) on.
class NaiveWall {
 public:
  NaiveWall(const char* zone, std::int64_t from, std::int64_t to) : from_(from - kLead) {
    ::setenv("TZ", zone, 1);
    ::tzset();
    for (std::int64_t second = from_; second <= to; second += 60) {
      const auto time = static_cast<std::time_t>(second);
      std::tm local{};
      ::localtime_r(&time, &local);
      std::tm copy = local;
      shown_.push_back({local, ::timegm(&copy) / 60});
    }
    ::unsetenv("TZ");
    ::tzset();
  }

  // All times after `from` that are due, in seconds since the epoch.
  std::vector<std::int64_t> Due(const NaiveCron& cron) const {
    std::vector<std::int64_t> due;
    std::int64_t latest = shown_.front().minute;
    for (std::size_t i = 1; i < shown_.size(); ++i) {
      const Shown& now = shown_[i];
      bool is_due = false;
      if (cron.IsEveryHour() || now.minute == latest + 1) {
        is_due = cron.Matches(now.local);
      } else {
        // What the wall jumped over; nothing while it shows again what it has shown.
        for (std::int64_t m = latest + 1; m <= now.minute && !is_due; ++m) {
          is_due = cron.Matches(Local(m));
        }
      }
      latest = std::max(latest, now.minute);
      const std::int64_t second = from_ + static_cast<std::int64_t>(i) * 60;
      if (is_due && second > from_ + kLead) due.push_back(second);
    }
    return due;
  }

 private:
  static constexpr std::int64_t kLead = 86'400;  // so that the first minutes are known
  struct Shown {
    std::tm local;
    std::int64_t minute;  // of local time since 1970, as if it were UTC
  };
  static std::tm Local(std::int64_t minute) {
    const auto time = static_cast<std::time_t>(minute * 60);
    std::tm local{};
    ::gmtime_r(&time, &local);
    return local;
  }

  const std::int64_t from_;
  std::vector<Shown> shown_;
};

}  // namespace aerie::jobs
