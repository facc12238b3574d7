// The life of a job as a pure function: (traits, state, event) -> (state, what is to be done).
//
// The state is the command: who cancels stores the state that follows, and whoever runs the job
// sees it there (docs/decisions/0024). Values only; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace aerie::jobs {

enum class JobState {
  kQueued,
  kRunning,
  kPausing,  // told to stop at its next safe point, to go on later
  kPaused,
  kCancelling,   // told to stop
  kInterrupted,  // its process ended while it ran; it goes on from its checkpoint
  kCompleted,
  kPartial,  // completed in part: its result says which
  kFailed,
  kCancelled,
  kUnknown,  // what it did is not known
};
inline constexpr int kJobStates = static_cast<int>(JobState::kUnknown) + 1;

enum class JobEvent {
  // --- Of whoever runs it ---
  kStart,
  kCompleted,
  kPartial,
  kFailed,
  kUnknown,  // it ended without knowing what became of its work
  kStopped,  // it ended because it was told to, and can go on from its checkpoint
  kLost,     // its process has ended without a word
  kStuck,    // lost again and again without getting further
  // --- Of people ---
  kCancel,
  kPause,
  kResume,
};
inline constexpr int kJobEvents = static_cast<int>(JobEvent::kResume) + 1;

// What a kind of job can.
struct JobTraits {
  bool can_pause = false;  // stops within seconds, with a checkpoint
  // It goes on from its checkpoint, or begins again without harm, however it ended. Else an
  // interrupted one is kUnknown.
  bool can_resume = true;
};

struct JobTransition {
  JobState next = JobState::kQueued;
  bool stop = false;      // whoever runs it is to stop it
  std::string refused{};  // of people's events: why, and what to do instead; then nothing changes
};

// Events of a runner that do not belong to the state change nothing: it was late.
JobTransition Step(const JobTraits& traits, JobState state, JobEvent event);

bool IsEnded(JobState state);
// A process has it: queued, paused and ended ones have none.
bool IsHeld(JobState state);
// It is to be started when there is a place.
bool IsWaiting(JobState state);

// Names as in docs and JSON; nullopt for other words.
const char* NameOf(JobState state);
const char* NameOf(JobEvent event);
std::optional<JobState> JobStateOf(std::string_view name);

}  // namespace aerie::jobs
