#include "jobs/machine.h"

#include <array>

namespace aerie::jobs {
namespace {

constexpr std::array<const char*, kJobStates> kStateNames = {
    "queued",    "running", "pausing", "paused",    "cancelling", "interrupted",
    "completed", "partial", "failed",  "cancelled", "unknown"};
constexpr std::array<const char*, kJobEvents> kEventNames = {
    "start", "completed", "partial", "failed", "unknown", "stopped",
    "lost",  "stuck",     "cancel",  "pause",  "resume"};

JobTransition To(JobState state) { return {.next = state}; }
JobTransition Stop(JobState state) { return {.next = state, .stop = true}; }
JobTransition Stay(JobState state) { return {.next = state}; }
JobTransition Refuse(JobState state, const std::string& why) {
  return {.next = state, .refused = why};
}

// How a run ended by itself, whatever it was told meanwhile.
std::optional<JobState> EndOf(JobEvent event) {
  switch (event) {
    case JobEvent::kCompleted: return JobState::kCompleted;
    case JobEvent::kPartial: return JobState::kPartial;
    case JobEvent::kFailed: return JobState::kFailed;
    case JobEvent::kUnknown: return JobState::kUnknown;
    default: return std::nullopt;
  }
}

// Where a run that did not end by itself leads: what was wanted of it, or to be started again.
JobState AfterStop(JobState state) {
  switch (state) {
    case JobState::kPausing: return JobState::kPaused;
    case JobState::kCancelling: return JobState::kCancelled;
    default: return JobState::kInterrupted;
  }
}

JobTransition StepHeld(const JobTraits& traits, JobState state, JobEvent event) {
  if (const auto end = EndOf(event)) return To(*end);
  switch (event) {
    case JobEvent::kStopped: return To(AfterStop(state));
    case JobEvent::kLost: return To(traits.can_resume ? AfterStop(state) : JobState::kUnknown);
    case JobEvent::kStuck: return To(JobState::kFailed);
    case JobEvent::kCancel: return Stop(JobState::kCancelling);
    case JobEvent::kPause:
      if (state == JobState::kCancelling) return Refuse(state, "it is being cancelled");
      if (!traits.can_pause) {
        return Refuse(state, "jobs of this kind cannot pause; cancel it, and resume it later");
      }
      return Stop(JobState::kPausing);
    case JobEvent::kResume:
      if (state == JobState::kRunning) return Refuse(state, "it is running");
      return Refuse(state, "it is about to stop; resume it when it has");
    default: return Stay(state);
  }
}

// Queued, interrupted and paused ones: nobody runs them.
JobTransition StepWaiting(JobState state, JobEvent event) {
  switch (event) {
    case JobEvent::kStart: return state == JobState::kPaused ? Stay(state) : To(JobState::kRunning);
    case JobEvent::kCancel: return To(JobState::kCancelled);
    case JobEvent::kPause: return To(JobState::kPaused);
    case JobEvent::kResume:
      return state == JobState::kPaused ? To(JobState::kQueued)
                                        : Refuse(state, "it starts when there is a place");
    default: return Stay(state);
  }
}

JobTransition StepEnded(const JobTraits& traits, JobState state, JobEvent event) {
  switch (event) {
    case JobEvent::kCancel:
    case JobEvent::kPause: return Refuse(state, std::string("it has ended: ") + NameOf(state));
    case JobEvent::kResume:
      if (state == JobState::kCompleted) return Refuse(state, "it is completed");
      if (!traits.can_resume) {
        return Refuse(state, "jobs of this kind cannot go on; look at what it did, and begin anew");
      }
      return To(JobState::kQueued);
    default: return Stay(state);
  }
}

}  // namespace

JobTransition Step(const JobTraits& traits, JobState state, JobEvent event) {
  if (IsHeld(state)) return StepHeld(traits, state, event);
  if (IsEnded(state)) return StepEnded(traits, state, event);
  return StepWaiting(state, event);
}

bool IsEnded(JobState state) { return state >= JobState::kCompleted; }
bool IsHeld(JobState state) {
  return state == JobState::kRunning || state == JobState::kPausing ||
         state == JobState::kCancelling;
}
bool IsWaiting(JobState state) {
  return state == JobState::kQueued || state == JobState::kInterrupted;
}

const char* NameOf(JobState state) { return kStateNames[static_cast<std::size_t>(state)]; }
const char* NameOf(JobEvent event) { return kEventNames[static_cast<std::size_t>(event)]; }
std::optional<JobState> JobStateOf(std::string_view name) {
  for (int i = 0; i < kJobStates; ++i) {
    if (name == kStateNames[static_cast<std::size_t>(i)]) return static_cast<JobState>(i);
  }
  return std::nullopt;
}

}  // namespace aerie::jobs
