#include "jobs/jobs.h"

#include <optional>
#include <utility>

namespace aerie::jobs {
namespace {

// A job of a kind that this process does not have is treated with all care.
JobTraits TraitsOf(const JobKinds& kinds, const std::string& kind) {
  const auto found = kinds.find(kind);
  if (found == kinds.end()) return {.can_pause = false, .can_resume = false};
  return found->second->traits();
}

std::string Named(const catalog::Job& job) { return "job " + std::to_string(job.number); }

std::string HolderText(const catalog::Job& job) {
  if (!job.holder) return "its process";
  return "process " + std::to_string(job.holder->process.pid) + " on " + job.holder->host;
}

Result<std::optional<catalog::JobChange>> LoseOne(const JobKinds& kinds, const catalog::Job& job) {
  // Another process may serve kinds that this one does not have: it knows what a crash means.
  if (!kinds.contains(job.kind)) return std::optional<catalog::JobChange>();
  const std::int64_t times = job.interruptions + 1;
  const bool stuck = times >= kMostInterruptions && TraitsOf(kinds, job.kind).can_resume &&
                     job.standing.state == NameOf(JobState::kRunning);
  AERIE_ASSIGN(auto change, ChangeOf(kinds, job, stuck ? JobEvent::kStuck : JobEvent::kLost,
                                     HolderText(job) + " ended while it ran"));
  if (!change) return change;
  change->interruptions = times;
  if (stuck) {
    change->error = FailedError(Named(job) + ": interrupted " + std::to_string(times) +
                                " times in a row without getting further; see its log, and why " +
                                "aerie ended, then resume it");
  } else if (change->standing.state == NameOf(JobState::kUnknown)) {
    change->error = UnknownOutcomeError(
        Named(job) + ": " + HolderText(job) +
        " ended while it ran, and what it did is not known; look at it before it is begun again");
  }
  return change;
}

}  // namespace

catalog::JobStanding StandingOf(JobState state) {
  // What was interrupted goes on before anything new of its priority begins.
  const int turn = state == JobState::kInterrupted ? 2 : state == JobState::kQueued ? 1 : 0;
  return {.state = NameOf(state), .ended = IsEnded(state), .held = IsHeld(state), .turn = turn};
}

Result<JobState> StateOf(const catalog::Job& job) {
  const auto state = JobStateOf(job.standing.state);
  if (state) return *state;
  return CorruptError(Named(job) + ": the catalog has state '" + job.standing.state +
                      "', which this version of aerie does not know");
}

Result<std::optional<catalog::JobChange>> ChangeOf(const JobKinds& kinds, const catalog::Job& job,
                                                   JobEvent event, const std::string& note) {
  AERIE_ASSIGN(const JobState state, StateOf(job));
  const JobTransition t = Step(TraitsOf(kinds, job.kind), state, event);
  if (!t.refused.empty()) {
    return RefusedError(std::string(NameOf(event)) + " " + Named(job) + ": " + t.refused);
  }
  if (t.next == state) return std::optional<catalog::JobChange>();
  catalog::JobChange change{.standing = StandingOf(t.next)};
  std::string text = std::string(NameOf(state)) + " -> " + NameOf(t.next);
  if (!note.empty()) text += ": " + note;
  change.log.push_back({.kind = "event", .text = std::move(text)});
  if (event == JobEvent::kResume) {
    change.error = Ok();
    change.interruptions = 0;
  }
  return std::optional(std::move(change));
}

Trace TraceOf(const catalog::Job& job) {
  return ParseTrace(job.traceparent, job.tracestate).value_or(Trace());
}

Result<std::int64_t> Submit(catalog::JobStore& store, const JobKinds& kinds,
                            const catalog::Job& job, std::int64_t now_ms) {
  if (!kinds.contains(job.kind)) {
    std::string names;
    for (const auto& [name, kind] : kinds) names += (names.empty() ? "" : ", ") + name;
    return InvalidError("no jobs of kind '" + job.kind + "' are known; these are: " + names);
  }
  catalog::Job made = job;
  made.standing = StandingOf(JobState::kQueued);
  made.traceparent = CurrentTrace().parent;
  made.tracestate = CurrentTrace().state;
  return store.Create(made, now_ms);
}

Result<std::int64_t> SubmitOf(catalog::JobStore& store, const JobKinds& kinds,
                              const ScheduleSpec& schedule, std::int64_t now_ms) {
  return Submit(store, kinds,
                {.kind = schedule.kind,
                 .spec = schedule.job,
                 .priority = schedule.priority,
                 .schedule = schedule.id},
                now_ms);
}

Result<catalog::Job> Tell(catalog::JobStore& store, const JobKinds& kinds, std::int64_t number,
                          JobEvent event, const catalog::Holder& me) {
  // Nobody would stop what a dead process ran.
  AERIE_TRY(Recover(store, kinds, me).status());
  return store.Change(
      number, [&](const catalog::Job& job) { return ChangeOf(kinds, job, event, "told so"); },
      me.renewed_ms);
}

Result<std::int64_t> Recover(catalog::JobStore& store, const JobKinds& kinds,
                             const catalog::Holder& me) {
  AERIE_ASSIGN(const std::vector<catalog::Job> lost, store.Lost(me));
  std::int64_t moved = 0;
  for (const catalog::Job& job : lost) {
    const auto changed = store.Change(
        catalog::JobStore::LeaseOf(job),
        [&](const catalog::Job& now) -> Result<std::optional<catalog::JobChange>> {
          // It may have renewed meanwhile.
          if (!catalog::MayTakeOver(*now.holder, me, catalog::LeaseTimes().lost_after_ms)) {
            return std::optional<catalog::JobChange>();
          }
          return LoseOne(kinds, now);
        },
        me.renewed_ms);
    // Another process was faster.
    if (KindOf(changed.status()) == Kind::kLocked) continue;
    AERIE_TRY(changed.status());
    if (!changed->standing.held) ++moved;
  }
  return moved;
}

}  // namespace aerie::jobs
