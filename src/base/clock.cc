#include "base/clock.h"

#include <algorithm>
#include <cstdio>
#include <ctime>

namespace aerie {
namespace {

class RealClock : public Clock {
 public:
  WallTime Now() const override { return std::chrono::system_clock::now(); }
  SteadyTime Steady() const override { return std::chrono::steady_clock::now(); }
  bool SleepFor(Duration duration, std::stop_token stop) override {
    std::mutex mutex;
    std::condition_variable_any wake;
    std::unique_lock lock(mutex);
    wake.wait_for(lock, stop, duration, [] { return false; });
    return !stop.stop_requested();
  }
};

}  // namespace

Clock& SystemClock() {
  static RealClock clock;
  return clock;
}

WallTime FakeClock::Now() const {
  std::lock_guard lock(mutex_);
  return start_ + std::chrono::duration_cast<WallTime::duration>(elapsed_);
}

SteadyTime FakeClock::Steady() const {
  std::lock_guard lock(mutex_);
  return SteadyTime(elapsed_);
}

bool FakeClock::SleepFor(Duration duration, std::stop_token stop) {
  if (stop.stop_requested()) return false;
  std::lock_guard lock(mutex_);
  elapsed_ += duration;
  slept_ += duration;
  return true;
}

void FakeClock::Advance(Duration duration) {
  std::lock_guard lock(mutex_);
  elapsed_ += duration;
}

Duration FakeClock::slept() const {
  std::lock_guard lock(mutex_);
  return slept_;
}

std::string FormatUtc(WallTime time) {
  const std::int64_t millis = ToUnixMillis(time);
  // Floor, so that times before 1970 keep a non-negative millisecond part.
  std::int64_t seconds = millis / 1000;
  std::int64_t rest = millis % 1000;
  if (rest < 0) {
    rest += 1000;
    --seconds;
  }
  const std::time_t t = static_cast<std::time_t>(seconds);
  std::tm tm{};
  gmtime_r(&t, &tm);
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900,
                tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
                static_cast<int>(rest));
  return text;
}

std::int64_t ToUnixMillis(WallTime time) {
  return std::chrono::floor<std::chrono::milliseconds>(time).time_since_epoch().count();
}

WallTime FromUnixMillis(std::int64_t millis) {
  // Saturates at the ends of WallTime (nanoseconds: the years 1677 and 2262): a stored time may be
  // damaged, and overflow is undefined.
  constexpr auto kMin = std::chrono::ceil<std::chrono::milliseconds>(WallTime::duration::min());
  constexpr auto kMax = std::chrono::floor<std::chrono::milliseconds>(WallTime::duration::max());
  return WallTime(std::chrono::duration_cast<WallTime::duration>(
      std::clamp(std::chrono::milliseconds(millis), kMin, kMax)));
}

}  // namespace aerie
