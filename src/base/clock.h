// SEAM. Time, injected. Nothing in Aerie reads the system clock but SystemClock.
//
// A Clock outlives whoever holds a reference; all methods may be called from any thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <stop_token>
#include <string>

namespace aerie {

using WallTime = std::chrono::system_clock::time_point;
using SteadyTime = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual WallTime Now() const = 0;
  virtual SteadyTime Steady() const = 0;
  // Returns when `duration` has passed or `stop` was requested; true if it slept in full.
  virtual bool SleepFor(Duration duration, std::stop_token stop) = 0;
};

// The machine's clocks. Process-wide singleton.
Clock& SystemClock();

// A clock that stands still until told. SleepFor advances it by the full duration and returns at
// once, so retry and back-off tests take no time; the total slept is recorded.
class FakeClock : public Clock {
 public:
  explicit FakeClock(WallTime start = WallTime(std::chrono::seconds(1'700'000'000)))
      : start_(start) {}
  WallTime Now() const override;
  SteadyTime Steady() const override;
  bool SleepFor(Duration duration, std::stop_token stop) override;
  void Advance(Duration duration);
  Duration slept() const;

 private:
  mutable std::mutex mutex_;
  const WallTime start_;
  Duration elapsed_{};
  Duration slept_{};
};

// "2026-11-21T03:40:00.123Z", always UTC with milliseconds.
std::string FormatUtc(WallTime time);
// Milliseconds since the Unix epoch, the unit of every stored time.
std::int64_t ToUnixMillis(WallTime time);
// Saturates at the ends of WallTime.
WallTime FromUnixMillis(std::int64_t millis);

}  // namespace aerie
