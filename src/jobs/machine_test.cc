// The whole table of a job's life: every state and event, and what holds of all of them.
#include "jobs/machine.h"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace aerie::jobs {
namespace {

using ::testing::HasSubstr;

constexpr JobTraits kAble{.can_pause = true, .can_resume = true};
constexpr JobTraits kPlain{.can_pause = false, .can_resume = true};
constexpr JobTraits kUnable{.can_pause = false, .can_resume = false};

std::string Shown(const JobTransition& t, JobState from) {
  if (!t.refused.empty()) return "refused";
  std::string text = t.next == from ? "-" : NameOf(t.next);
  return t.stop ? text + "!" : text;
}

// A row for each state, a column for each event in their order: start, completed, partial, failed,
// unknown, stopped, lost, stuck, cancel, pause, resume. "-": nothing changes; "!": it is to stop.
struct Line {
  JobState state;
  const char* cells;
};

void CheckTable(const JobTraits& traits, const std::vector<Line>& table) {
  ASSERT_EQ(table.size(), static_cast<std::size_t>(kJobStates));
  for (const Line& line : table) {
    std::istringstream cells(line.cells);
    for (int event = 0; event < kJobEvents; ++event) {
      std::string wanted;
      ASSERT_TRUE(cells >> wanted);
      const auto e = static_cast<JobEvent>(event);
      EXPECT_EQ(Shown(Step(traits, line.state, e), line.state), wanted)
          << NameOf(line.state) << ", " << NameOf(e);
    }
  }
}

TEST(JobMachine, EveryStateAndEvent) {
  using S = JobState;
  CheckTable(kAble,
             {{S::kQueued, "running - - - - - - - cancelled paused refused"},
              {S::kRunning,
               "- completed partial failed unknown interrupted interrupted failed cancelling! "
               "pausing! refused"},
              {S::kPausing,
               "- completed partial failed unknown paused paused failed cancelling! -! refused"},
              {S::kPaused, "- - - - - - - - cancelled - queued"},
              {S::kCancelling,
               "- completed partial failed unknown cancelled cancelled failed -! refused refused"},
              {S::kInterrupted, "running - - - - - - - cancelled paused refused"},
              {S::kCompleted, "- - - - - - - - refused refused refused"},
              {S::kPartial, "- - - - - - - - refused refused queued"},
              {S::kFailed, "- - - - - - - - refused refused queued"},
              {S::kCancelled, "- - - - - - - - refused refused queued"},
              {S::kUnknown, "- - - - - - - - refused refused queued"}});
}

TEST(JobMachine, AKindThatCannotGoOn) {
  using S = JobState;
  CheckTable(
      kUnable,
      {{S::kQueued, "running - - - - - - - cancelled paused refused"},
       {S::kRunning,
        "- completed partial failed unknown interrupted unknown failed cancelling! refused "
        "refused"},
       {S::kPausing,
        "- completed partial failed unknown paused unknown failed cancelling! refused refused"},
       {S::kPaused, "- - - - - - - - cancelled - queued"},
       {S::kCancelling,
        "- completed partial failed unknown cancelled unknown failed -! refused refused"},
       {S::kInterrupted, "running - - - - - - - cancelled paused refused"},
       {S::kCompleted, "- - - - - - - - refused refused refused"},
       {S::kPartial, "- - - - - - - - refused refused refused"},
       {S::kFailed, "- - - - - - - - refused refused refused"},
       {S::kCancelled, "- - - - - - - - refused refused refused"},
       {S::kUnknown, "- - - - - - - - refused refused refused"}});
}

TEST(JobMachine, RefusalsSayWhatToDo) {
  EXPECT_THAT(Step(kPlain, JobState::kRunning, JobEvent::kPause).refused, HasSubstr("cancel it"));
  EXPECT_THAT(Step(kAble, JobState::kCompleted, JobEvent::kCancel).refused, HasSubstr("completed"));
  EXPECT_THAT(Step(kUnable, JobState::kUnknown, JobEvent::kResume).refused, HasSubstr("anew"));
}

// Whatever is said in whatever order.
TEST(JobMachine, WhatHoldsOfAllTransitions) {
  for (const JobTraits& traits : {kAble, kPlain, kUnable}) {
    for (int s = 0; s < kJobStates; ++s) {
      for (int e = 0; e < kJobEvents; ++e) {
        const auto state = static_cast<JobState>(s);
        const auto event = static_cast<JobEvent>(e);
        const JobTransition t = Step(traits, state, event);
        SCOPED_TRACE(std::string(NameOf(state)) + ", " + NameOf(event));
        EXPECT_TRUE(t.refused.empty() || t.next == state);
        EXPECT_TRUE(!t.stop || (IsHeld(state) && IsHeld(t.next)));
        // Only a start gives a job to a process, and a crash never calls it done or failed.
        EXPECT_TRUE(!IsHeld(t.next) || IsHeld(state) || event == JobEvent::kStart);
        if (event == JobEvent::kLost && IsHeld(state)) {
          EXPECT_FALSE(IsHeld(t.next));
          EXPECT_NE(t.next, JobState::kFailed);
          EXPECT_NE(t.next, JobState::kCompleted);
        }
        // What has ended is begun again by people alone.
        EXPECT_TRUE(!IsEnded(state) || IsEnded(t.next) || event == JobEvent::kResume);
        // Saying the same twice is the same as saying it once.
        if (t.refused.empty() && event >= JobEvent::kCancel) {
          const JobTransition again = Step(traits, t.next, event);
          EXPECT_TRUE(again.next == t.next || !again.refused.empty());
        }
      }
    }
  }
}

TEST(JobMachine, EveryStateIsOneOfThese) {
  std::set<std::string> names;
  for (int s = 0; s < kJobStates; ++s) {
    const auto state = static_cast<JobState>(s);
    EXPECT_LE((IsEnded(state) ? 1 : 0) + (IsHeld(state) ? 1 : 0) + (IsWaiting(state) ? 1 : 0), 1);
    EXPECT_EQ(JobStateOf(NameOf(state)), state);
    names.insert(NameOf(state));
  }
  EXPECT_EQ(names.size(), static_cast<std::size_t>(kJobStates));
  EXPECT_EQ(JobStateOf("done"), std::nullopt);
}

}  // namespace
}  // namespace aerie::jobs
