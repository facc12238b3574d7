// A schedule: when something is due, and the rules between that and its start.
//
// Values and pure functions; any thread. docs/scheduling.md says what each rule means.
#pragma once

#include <bitset>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "jobs/when.h"
#include "jobs/zone.h"

namespace aerie::jobs {

// What becomes of a time at which nothing could be started.
enum class MissedPolicy { kRunOnce, kSkip };
// What becomes of one while the job of an earlier one has not ended.
enum class OverlapPolicy { kQueue, kSkip };

// A part of the calendar: a part of each of some days, or whole days from one date to another.
struct Stretch {
  std::string text{};  // as it was said
  std::bitset<7> weekdays = std::bitset<7>(0x7f);
  std::int32_t from = 0;            // minute of the day
  std::int32_t to = kMinutesOfDay;  // the first one outside; before `from`: of the next day
  std::int64_t first_day = std::numeric_limits<std::int64_t>::min();  // days since 1970-01-01
  std::int64_t last_day = std::numeric_limits<std::int64_t>::max();
};

struct ScheduleSpec {
  std::string id{};  // jitter depends on it
  When when{};
  Zone zone{};
  Duration jitter{};  // at most a day
  std::optional<Stretch> window{};
  std::vector<Stretch> blackouts{};
  MissedPolicy missed = MissedPolicy::kRunOnce;
  OverlapPolicy overlap = OverlapPolicy::kQueue;
  std::int32_t priority = 0;
  bool enabled = true;
  // What is run: a kind of job, and its own JSON.
  std::string kind{};
  std::string job{};
};

// "2026-12-24", in days since 1970-01-01; nullopt for anything else.
std::optional<std::int64_t> ParseDate(const std::string& text);
// "22:00-06:00", "Mon-Fri 08:00-18:00", "2026-12-24..2026-12-26". kInvalid, led by `what`.
Result<Stretch> ParseStretch(const std::string& text, const std::string& what);

// kInvalid when the parts do not fit: such as a time of day that lies outside the window each day.
Status Check(const ScheduleSpec& spec);

// The first time after `after` that is due, by the calendar alone; nullopt: none before 2200.
std::optional<WallTime> NextDue(const ScheduleSpec& spec, WallTime after);
// When a run that is due then starts: later by its jitter, never later than the next one is due.
WallTime StartOf(const ScheduleSpec& spec, WallTime due);
// Whether something may be started: in the window, and in no blackout.
bool IsOpen(const ScheduleSpec& spec, WallTime at);
// The first time from `from` on at which it is; nullopt: not within 400 days.
std::optional<WallTime> NextOpen(const ScheduleSpec& spec, WallTime from);

// For people: "every day at 02:00 Europe/Berlin, next Sun 29 Nov 02:00".
std::string Describe(const ScheduleSpec& spec, WallTime now);
// "Sun 29 Nov 2026 02:00 +01:00", as clocks there show it.
std::string LocalText(const Zone& zone, WallTime time);

// As the catalog keeps it, JSON. FromText: kInvalid, naming the member and what may stand there;
// it takes whatever a user may write, and checks it whole.
std::string ToText(const ScheduleSpec& spec);
Result<ScheduleSpec> ScheduleFromText(const std::string& id, const std::string& text);

const char* NameOf(MissedPolicy policy);
const char* NameOf(OverlapPolicy policy);

}  // namespace aerie::jobs
