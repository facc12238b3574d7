#include "jobs/scheduler.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/log.h"
#include "jobs/jobs.h"

namespace aerie::jobs {
namespace {

Result<DueRecord> FromRun(const catalog::ScheduleRun& run) {
  const auto outcome = DueOutcomeOf(run.outcome);
  const auto reason = DueReasonOf(run.reason);
  if (!outcome || !reason) {
    return CorruptError("the catalog has the outcome '" + run.outcome + "' (" + run.reason +
                        "), which this version of aerie does not know");
  }
  return DueRecord{.due_ms = run.due_ms,
                   .last_due_ms = run.last_due_ms,
                   .count = run.times,
                   .outcome = *outcome,
                   .reason = *reason};
}

Result<Ledger> LedgerOf(const catalog::ScheduleView& view) {
  Ledger ledger{.decided_ms = view.schedule.decided_ms, .active = view.active};
  if (view.waiting) {
    AERIE_ASSIGN(ledger.waiting, FromRun(*view.waiting));
  }
  for (const catalog::ScheduleRun& run : view.later) {
    AERIE_ASSIGN(DueRecord record, FromRun(run));
    ledger.later.push_back(record);
  }
  return ledger;
}

catalog::ScheduleDecision DecisionOf(const ScheduleSpec& spec, const DuePlan& plan) {
  catalog::ScheduleDecision decision{.decided_ms = plan.decided_ms, .set_back = plan.set_back};
  for (const DueRecord& record : plan.records) {
    catalog::ScheduleDecision::Record stored{
        .run = {.due_ms = record.due_ms,
                .last_due_ms = record.last_due_ms,
                .times = record.count,
                .outcome = NameOf(record.outcome),
                .reason = NameOf(record.reason),
                .waiting = record.outcome == DueOutcome::kWaiting}};
    if (record.outcome == DueOutcome::kStarted) {
      stored.job = catalog::Job{.kind = spec.kind,
                                .spec = spec.job,
                                .standing = StandingOf(JobState::kQueued),
                                .priority = spec.priority,
                                .schedule = spec.id,
                                .due_ms = record.due_ms};
    }
    decision.records.push_back(std::move(stored));
  }
  return decision;
}

}  // namespace

Result<std::optional<WallTime>> Scheduler::DecideOne(const std::string& id, WallTime now) {
  std::optional<WallTime> wake;
  AERIE_TRY(store_.Decide(
      id, ToUnixMillis(now),
      [&](const catalog::ScheduleView& view) -> Result<std::optional<catalog::ScheduleDecision>> {
        AERIE_ASSIGN(const ScheduleSpec spec, ScheduleFromText(id, view.schedule.spec));
        AERIE_ASSIGN(const Ledger ledger, LedgerOf(view));
        const DuePlan plan = PlanDue(spec, ledger, now, options_.plan);
        wake = plan.wake;
        if (plan.records.empty() && !plan.set_back && plan.decided_ms == ledger.decided_ms) {
          return std::optional<catalog::ScheduleDecision>();
        }
        return std::optional(DecisionOf(spec, plan));
      }));
  return wake;
}

Result<std::optional<WallTime>> Scheduler::Tick(WallTime now) {
  AERIE_ASSIGN(const std::vector<catalog::Schedule> all, store_.List());
  std::optional<WallTime> wake;
  for (const catalog::Schedule& schedule : all) {
    std::optional<WallTime> next;
    do {
      auto decided = DecideOne(schedule.id, now);
      const Kind kind = KindOf(decided.status());
      if (kind == Kind::kInvalid || kind == Kind::kCorrupt) {
        log::Error("schedule cannot be read",
                   {{"schedule", schedule.id}, {"why", std::string(decided.status().message())}});
        next.reset();
        break;
      }
      if (kind == Kind::kNotFound) break;  // removed meanwhile
      AERIE_TRY(decided.status());
      next = *decided;
    } while (next && *next <= now);
    if (next && (!wake || *next < *wake)) wake = next;
  }
  return wake;
}

Status Scheduler::Run(const Context& context) {
  Clock& clock = context.clock();
  while (!context.cancelled()) {
    AERIE_ASSIGN(const std::optional<WallTime> wake, Tick(clock.Now()));
    Duration sleep = options_.longest_sleep;
    if (wake) sleep = std::clamp<Duration>(*wake - clock.Now(), Duration::zero(), sleep);
    clock.SleepFor(sleep, context.stop());
  }
  return Ok();
}

Status Scheduler::Replace(const std::string& id, const std::string& spec, WallTime now) {
  for (bool whole = false; !whole;) {
    AERIE_TRY(store_.Decide(
        id, ToUnixMillis(now),
        [&](const catalog::ScheduleView& view) -> Result<std::optional<catalog::ScheduleDecision>> {
          // Of one that cannot be read nothing is known to be due.
          const auto old = ScheduleFromText(id, view.schedule.spec);
          catalog::ScheduleDecision decision;
          whole = true;
          if (old.ok()) {
            AERIE_ASSIGN(const Ledger ledger, LedgerOf(view));
            const DuePlan plan = RetireDue(*old, ledger, now, options_.plan);
            decision = DecisionOf(*old, plan);
            whole = !plan.wake;
          }
          if (!whole) return std::optional(std::move(decision));
          decision.decided_ms = ToUnixMillis(now);
          decision.spec = spec;
          return std::optional(std::move(decision));
        }));
  }
  return Ok();
}

const char* NameOf(ScheduleAuthor author) {
  return author == ScheduleAuthor::kPerson ? "" : "configuration";
}

Status Scheduler::CheckAuthor(const std::string& id, ScheduleAuthor author) {
  AERIE_ASSIGN(const catalog::Schedule found, store_.Find(id));
  if (found.origin == NameOf(author)) return Ok();
  if (author == ScheduleAuthor::kPerson) {
    return RefusedError("schedule '" + id +
                        "' is of the configuration; change it there, and start aerie serve again");
  }
  return RefusedError("schedule '" + id +
                      "' of the configuration: a command made one of that name; delete that one, "
                      "or give this one another name");
}

Status Scheduler::Put(const ScheduleSpec& spec, WallTime now, ScheduleAuthor author) {
  AERIE_TRY(Check(spec));
  const std::string text = ToText(spec);
  Status created = store_.Create(spec.id, text, ToUnixMillis(now), NameOf(author));
  if (KindOf(created) != Kind::kExists) return created;
  AERIE_TRY(CheckAuthor(spec.id, author));
  AERIE_ASSIGN(const catalog::Schedule there, store_.Find(spec.id));
  if (there.spec == text) return Ok();
  AERIE_TRY(Tick(now).status());
  return Replace(spec.id, text, now);
}

Status Scheduler::Remove(const std::string& id, WallTime now, ScheduleAuthor author) {
  AERIE_TRY(CheckAuthor(id, author));
  return store_.Decide(id, ToUnixMillis(now), [](const catalog::ScheduleView&) {
    return Result<std::optional<catalog::ScheduleDecision>>(
        catalog::ScheduleDecision{.remove = true});
  });
}

Status Scheduler::PutConfigured(const std::vector<ScheduleSpec>& specs, WallTime now) {
  Status first;
  const auto note = [&](const Status& status) {
    if (first.ok()) first = status;
  };
  AERIE_ASSIGN(const std::vector<catalog::Schedule> all, store_.List());
  for (const catalog::Schedule& there : all) {
    if (there.origin != NameOf(ScheduleAuthor::kConfiguration)) continue;
    const bool stays = std::any_of(specs.begin(), specs.end(),
                                   [&](const ScheduleSpec& spec) { return spec.id == there.id; });
    if (!stays) note(Remove(there.id, now, ScheduleAuthor::kConfiguration));
  }
  for (const ScheduleSpec& spec : specs) note(Put(spec, now, ScheduleAuthor::kConfiguration));
  return first;
}

}  // namespace aerie::jobs
