// What becomes of each time at which a schedule is due, as a pure function: (schedule, what is
// recorded, time) -> (what is to be recorded, when to look again).
//
// A time that is due is decided once: `decided_ms` says up to where that was done, and whoever
// stores a plan stores its records, the jobs that it starts and `decided_ms` in one transaction. So
// no crash loses a time or repeats one. docs/scheduling.md has the rules. Values only; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "jobs/schedule.h"

namespace aerie::jobs {

enum class DueOutcome { kStarted, kWaiting, kMissed, kSkipped };
enum class DueReason {
  kOnTime,
  kLate,      // Aerie was not running, or busy
  kClosed,    // outside the window, or in a blackout
  kOverlap,   // the job of an earlier time had not ended
  kWaiting,   // an earlier time was waiting already
  kChanged,   // the schedule was changed before this time was started
  kDisabled,  // likewise
};

// What became of one time, or of several in a row.
struct DueRecord {
  std::int64_t due_ms = 0;
  std::int64_t last_due_ms = 0;  // the same where it is one
  std::int64_t count = 1;        // of times
  DueOutcome outcome = DueOutcome::kMissed;
  DueReason reason = DueReason::kLate;
  bool operator==(const DueRecord&) const = default;
};

// What is recorded of one schedule.
struct Ledger {
  std::int64_t decided_ms =
      0;                // each time up to it has its record; of a new schedule: its creation
  bool active = false;  // a job of it has not ended
  std::optional<DueRecord> waiting{};
  // Those that are later than the earlier of `decided_ms` and now: the clock was set back.
  std::vector<DueRecord> later{};
};

struct DuePlan {
  // The clock was set back: records of times after `now` that were not started are to be deleted,
  // the one that waits too, and the next step begins from `decided_ms`. Then there is nothing else.
  bool set_back = false;
  std::int64_t decided_ms = 0;
  // In the order of time; the record of a time that waited replaces the one that it had. At most
  // one is kStarted.
  std::vector<DueRecord> records{};
  std::optional<WallTime> wake{};  // when there may be something to do; nullopt: not by time alone
};

struct PlanOptions {
  Duration tolerance = std::chrono::minutes(1);  // a start that is later than this is late
  std::int64_t most = 10'000;                    // times looked at in one step
};

DuePlan PlanDue(const ScheduleSpec& spec, const Ledger& ledger, WallTime now,
                const PlanOptions& options = {});
// What is left of a schedule that is about to be changed, disabled or deleted: each time up to now,
// whether its start was still to come or it waited, is recorded as skipped.
DuePlan RetireDue(const ScheduleSpec& spec, const Ledger& ledger, WallTime now,
                  const PlanOptions& options = {});

// Names as in docs and JSON; nullopt for other words.
const char* NameOf(DueOutcome outcome);
const char* NameOf(DueReason reason);
std::optional<DueOutcome> DueOutcomeOf(std::string_view name);
std::optional<DueReason> DueReasonOf(std::string_view name);
// A sentence for people.
const char* Explain(DueReason reason);

}  // namespace aerie::jobs
