#include "jobs/planner.h"

#include <algorithm>
#include <array>

namespace aerie::jobs {
namespace {

struct OutcomeName {
  DueOutcome outcome;
  const char* name;
};
constexpr std::array<OutcomeName, 4> kOutcomes = {{{DueOutcome::kStarted, "started"},
                                                   {DueOutcome::kWaiting, "waiting"},
                                                   {DueOutcome::kMissed, "missed"},
                                                   {DueOutcome::kSkipped, "skipped"}}};

struct ReasonName {
  DueReason reason;
  const char* name;
  const char* text;
};
constexpr std::array<ReasonName, 7> kReasons = {
    {{DueReason::kOnTime, "on-time", "as planned"},
     {DueReason::kLate, "late", "aerie was not running, or busy, when it was due"},
     {DueReason::kClosed, "closed", "it was outside the window, or in a blackout"},
     {DueReason::kOverlap, "overlap", "the job of an earlier time had not ended"},
     {DueReason::kWaiting, "waiting", "an earlier time was waiting already"},
     {DueReason::kChanged, "changed", "the schedule was changed before it was started"},
     {DueReason::kDisabled, "disabled", "the schedule is disabled"}}};

WallTime TimeOf(std::int64_t ms) { return FromUnixMillis(ms); }

bool StartedBefore(const Ledger& ledger, std::int64_t due_ms) {
  return std::any_of(ledger.later.begin(), ledger.later.end(), [&](const DueRecord& record) {
    return record.due_ms == due_ms && record.outcome == DueOutcome::kStarted;
  });
}

// One step over one schedule.
class Planner {
 public:
  Planner(const ScheduleSpec& spec, const Ledger& ledger, WallTime now, const PlanOptions& options)
      : spec_(spec), ledger_(ledger), now_(now), options_(options) {
    plan_.decided_ms = ledger.decided_ms;
    waiting_ = ledger.waiting;
  }

  DuePlan Plan() {
    if (ToUnixMillis(now_) < ledger_.decided_ms) return SetBack();
    if (!spec_.enabled) return Retire(DueReason::kDisabled);
    bool active = ledger_.active;
    if (waiting_ && !active && IsOpen(spec_, now_)) {
      waiting_->outcome = DueOutcome::kStarted;
      Replace(*waiting_);
      waiting_.reset();
      active = true;
    }
    const std::vector<std::int64_t> due =
        Due([this](WallTime time) { return StartOf(spec_, time) <= now_; });
    const std::size_t old = due.empty() || more_ ? due.size() : due.size() - 1;
    for (std::size_t i = 0; i < old; ++i) {
      Record({.due_ms = due[i], .last_due_ms = due[i]});
    }
    if (old < due.size()) {
      Newest(due.back(), active);
      active = active || plan_.records.back().outcome == DueOutcome::kStarted;
    }
    plan_.wake = Wake(active);
    return std::move(plan_);
  }

  DuePlan Retire(DueReason reason) {
    if (ToUnixMillis(now_) < ledger_.decided_ms) return SetBack();
    if (waiting_) {
      waiting_->outcome = DueOutcome::kSkipped;
      waiting_->reason = reason;
      Replace(*waiting_);
    }
    if (!spec_.enabled) return std::move(plan_);  // nothing was due
    for (const std::int64_t due : Due([this](WallTime time) { return time <= now_; })) {
      Record(
          {.due_ms = due, .last_due_ms = due, .outcome = DueOutcome::kSkipped, .reason = reason});
    }
    plan_.wake = more_ ? std::optional(now_) : std::nullopt;
    return std::move(plan_);
  }

 private:
  // Begins again where what was wrongly recorded began, at the latest now.
  DuePlan SetBack() {
    plan_.set_back = true;
    plan_.decided_ms = ToUnixMillis(now_);
    for (const DueRecord& record : ledger_.later) {
      if (record.outcome == DueOutcome::kStarted) continue;
      plan_.decided_ms = std::min(plan_.decided_ms, record.due_ms - 1);
    }
    plan_.wake = now_;
    return std::move(plan_);
  }

  // The times that are not decided yet and for which `reached` holds, but those that were started
  // before the clock was set back; more_ when there are more than one step looks at.
  template <class Reached>
  std::vector<std::int64_t> Due(Reached reached) {
    std::vector<std::int64_t> due;
    for (std::int64_t seen = 0;; ++seen) {
      next_ = NextDue(spec_, TimeOf(plan_.decided_ms));
      if (!next_ || !reached(*next_)) return due;
      if (seen == options_.most) {
        more_ = true;
        return due;
      }
      plan_.decided_ms = ToUnixMillis(*next_);
      if (!StartedBefore(ledger_, plan_.decided_ms)) due.push_back(plan_.decided_ms);
    }
  }

  void Newest(std::int64_t due_ms, bool active) {
    DueRecord record{.due_ms = due_ms, .last_due_ms = due_ms};
    const WallTime start = StartOf(spec_, TimeOf(due_ms));
    const bool late = now_ - start > options_.tolerance;
    const bool open = IsOpen(spec_, late ? now_ : start);
    // A time that finds another one waiting is covered by that one.
    const auto wait = [&](DueReason reason) {
      record.outcome = waiting_ ? DueOutcome::kSkipped : DueOutcome::kWaiting;
      record.reason = waiting_ ? DueReason::kWaiting : reason;
      if (!waiting_) waiting_ = record;
    };
    const auto skip = [&](DueReason reason) {
      record.outcome = DueOutcome::kSkipped;
      record.reason = reason;
    };
    if (late && spec_.missed == MissedPolicy::kSkip) {
      record.outcome = DueOutcome::kMissed;
    } else if (!open) {
      spec_.missed == MissedPolicy::kSkip ? skip(DueReason::kClosed) : wait(DueReason::kClosed);
    } else if (active || waiting_) {
      spec_.overlap == OverlapPolicy::kSkip ? skip(DueReason::kOverlap) : wait(DueReason::kOverlap);
    } else {
      record.outcome = DueOutcome::kStarted;
      record.reason = late ? DueReason::kLate : DueReason::kOnTime;
    }
    Record(record);
  }

  // The record of a time that waited takes the place of the one that it had.
  void Replace(const DueRecord& record) {
    plan_.records.push_back(record);
    joins_from_ = plan_.records.size();
  }
  // Times in a row that were not started, for one reason, are one record.
  void Record(const DueRecord& record) {
    if (plan_.records.size() > joins_from_ && Joins(plan_.records.back(), record)) {
      plan_.records.back().last_due_ms = record.last_due_ms;
      ++plan_.records.back().count;
    } else {
      plan_.records.push_back(record);
    }
  }
  bool Joins(const DueRecord& last, const DueRecord& record) const {
    const bool alike =
        last.outcome == record.outcome && last.reason == record.reason &&
        (record.outcome == DueOutcome::kMissed || record.outcome == DueOutcome::kSkipped);
    return alike && std::none_of(ledger_.later.begin(), ledger_.later.end(), [&](const auto& each) {
             return each.due_ms > last.last_due_ms && each.due_ms < record.due_ms;
           });
  }

  std::optional<WallTime> Wake(bool active) const {
    if (more_) return now_;
    std::optional<WallTime> wake;
    if (next_) wake = StartOf(spec_, *next_);
    if (waiting_ && !active) {
      const auto open = NextOpen(spec_, now_);
      if (open && (!wake || *open < *wake)) wake = open;
    }
    return wake;
  }

  const ScheduleSpec& spec_;
  const Ledger& ledger_;
  const WallTime now_;
  const PlanOptions options_;
  DuePlan plan_;
  std::optional<DueRecord> waiting_;
  std::optional<WallTime> next_;  // the first time that is not decided
  bool more_ = false;
  std::size_t joins_from_ = 0;
};

}  // namespace

DuePlan PlanDue(const ScheduleSpec& spec, const Ledger& ledger, WallTime now,
                const PlanOptions& options) {
  return Planner(spec, ledger, now, options).Plan();
}

DuePlan RetireDue(const ScheduleSpec& spec, const Ledger& ledger, WallTime now,
                  const PlanOptions& options) {
  return Planner(spec, ledger, now, options).Retire(DueReason::kChanged);
}

const char* NameOf(DueOutcome outcome) { return kOutcomes[static_cast<std::size_t>(outcome)].name; }
const char* NameOf(DueReason reason) { return kReasons[static_cast<std::size_t>(reason)].name; }
const char* Explain(DueReason reason) { return kReasons[static_cast<std::size_t>(reason)].text; }

std::optional<DueOutcome> DueOutcomeOf(std::string_view name) {
  for (const auto& each : kOutcomes) {
    if (name == each.name) return each.outcome;
  }
  return std::nullopt;
}
std::optional<DueReason> DueReasonOf(std::string_view name) {
  for (const auto& each : kReasons) {
    if (name == each.name) return each.reason;
  }
  return std::nullopt;
}

}  // namespace aerie::jobs
