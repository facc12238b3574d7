// The machine's table, every state against every event, and what a table does not show.
#include "migrate/machine.h"

#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace aerie::migrate {
namespace {

using EventType = Event::Type;
using ActionType = Action::Type;
using std::chrono::milliseconds;
using std::chrono::seconds;

const WallTime kStartTime(seconds(1'700'000'000));
const std::int64_t kStartMs = ToUnixMillis(kStartTime);

Rules RulesOf(Strategy strategy) {
  Rules rules;
  rules.strategy = strategy;
  rules.patient_rounds = 3;
  return rules;
}

// A migration in the middle of a phase, one second into its pause where there is one.
State In(Phase phase, Strategy strategy) {
  State state;
  state.phase = phase;
  state.audited_ms = kStartMs - 1000;
  state.running = TraitsOf(phase).action.has_value() &&
                  !(phase == Phase::kReady && strategy == Strategy::kCold);
  const bool open =
      TraitsOf(phase).pause_allowed || TraitsOf(phase).ended || phase == Phase::kBlocked;
  if (!open) state.pause_began_ms = kStartMs - 1000;
  if (phase == Phase::kLifting) state.after = Phase::kSyncing;
  if (!open && phase > Phase::kLifting) state.after = Phase::kRolledBack;
  if (phase == Phase::kBlocked) {
    state.blocked_at = Phase::kCopying;
    state.open = {Incident::kBlocked};
  }
  return state;
}

std::string Render(const State& before, const Transition& t) {
  if (!t.refused.empty()) return "refused";
  std::string text = NameOf(t.next.phase);
  for (const Action& action : t.actions) {
    text += std::string(" ") + NameOf(action.type);
    if (action.type == ActionType::kRaise || action.type == ActionType::kResolve) {
      text += std::string(":") + NameOf(action.incident);
    } else if (action.type != ActionType::kCancel && action.type != ActionType::kPreflight &&
               action.type != ActionType::kCopy) {
      text += std::string(":") + NameOf(action.side);
    }
  }
  if (t.next.due_ms > kStartMs) text += " in " + std::to_string((t.next.due_ms - kStartMs) / 1000);
  if (t.next.paused != before.paused) text += t.next.paused ? " +paused" : " -paused";
  if (t.next.cutover_wanted && !before.cutover_wanted) text += " +cutover";
  if (t.next.rollback_wanted && !before.rollback_wanted) text += " +rollback";
  if (t.next.forced != before.forced) text += t.next.forced ? " +forced" : " -forced";
  if (t.next.audited_ms != before.audited_ms) {
    text += t.next.audited_ms == 0 ? " -audited" : " +audited";
  }
  if (t.next.after != before.after) text += std::string(" after:") + NameOf(t.next.after);
  if (t.next == before && t.actions.empty()) text = ".";
  return text;
}

struct Case {
  const char* name;
  Event event;
  seconds later{0};
};

std::vector<Case> Cases() {
  return {
      {"start", {.type = EventType::kStart}},
      {"succeeded", {.type = EventType::kSucceeded}},
      {"succeeded, much", {.type = EventType::kSucceeded, .rows = 20'000, .source_changed = true}},
      {"failed, passing", {.type = EventType::kFailed, .passing = true, .message = "x"}},
      {"failed", {.type = EventType::kFailed, .passing = false, .message = "x"}},
      {"tick", {.type = EventType::kTick}},
      {"tick, late", {.type = EventType::kTick}, seconds(60)},
      {"cutover", {.type = EventType::kCutover}},
      {"pause", {.type = EventType::kPause}},
      {"resume", {.type = EventType::kResume}},
      {"rollback", {.type = EventType::kRollback}},
      {"complete", {.type = EventType::kComplete}},
      {"abort", {.type = EventType::kAbort}},
  };
}

std::string Lines(const std::string& heading, const Rules& rules, const State& state) {
  std::string text = heading + "\n";
  std::string refused;
  for (const Case& c : Cases()) {
    const Transition t = Step(rules, state, c.event, kStartTime + c.later);
    const std::string said = Render(state, t);
    if (said == "refused") {
      refused += std::string(" ") + c.name;
    } else if (said != ".") {
      text += std::string("  ") + c.name + ": " + said + "\n";
    }
  }
  return refused.empty() ? text : text + "  refused:" + refused + "\n";
}

std::string TableOf(Strategy strategy) {
  const Rules rules = RulesOf(strategy);
  std::string text;
  for (int i = 0; i < kPhases; ++i) {
    const State state = In(static_cast<Phase>(i), strategy);
    text += Lines(NameOf(state.phase), rules, state);
  }
  for (const Phase phase :
       {Phase::kCopying, Phase::kReady, Phase::kOpening, Phase::kLifting, Phase::kSwitchingBack}) {
    State state = In(phase, strategy);
    state.running = false;
    state.due_ms = kStartMs;
    text += Lines(std::string(NameOf(phase)) + ", waits", rules, state);
  }
  for (const Phase phase : {Phase::kSyncing, Phase::kReady}) {
    State state = In(phase, strategy);
    state.audited_ms = 0;
    text += Lines(std::string(NameOf(phase)) + ", not audited", rules, state);
  }
  for (const Phase phase : {Phase::kCopying, Phase::kReady, Phase::kWatching}) {
    State state = In(phase, strategy);
    state.running = false;
    state.paused = true;
    text += Lines(std::string(NameOf(phase)) + ", paused", rules, state);
  }
  for (const Phase phase : {Phase::kFencingTarget, Phase::kLastReverse, Phase::kProvingReverse,
                            Phase::kSwitchingBack, Phase::kOpeningSource}) {
    State state = In(phase, strategy);
    state.forced = true;
    state.after = Phase::kSyncing;
    state.open = {Incident::kOutage, Incident::kCutover};
    text += Lines(std::string(NameOf(phase)) + ", forced", rules, state);
  }
  for (const Phase phase : {Phase::kSwitching, Phase::kOpening}) {
    State state = In(phase, strategy);
    state.rollback_wanted = true;
    text += Lines(std::string(NameOf(phase)) + ", rollback wanted", rules, state);
  }
  return text;
}

std::vector<std::string> Blocks(const std::string& table) {
  std::vector<std::string> blocks;
  std::istringstream lines(table);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] != ' ') blocks.emplace_back();
    blocks.back() += line + "\n";
  }
  return blocks;
}

std::string Differing(Strategy strategy) {
  const auto hot = Blocks(TableOf(Strategy::kHot));
  const auto other = Blocks(TableOf(strategy));
  std::string text;
  for (std::size_t i = 0; i < hot.size(); ++i) {
    if (hot[i] != other[i]) text += other[i];
  }
  return text;
}

// Events that change nothing are left out; so every pair of state and event is here.
constexpr char kHot[] = R"table(
preflight
  start: preflight preflight
  succeeded: copying copy
  succeeded, much: copying copy
  failed, passing: blocked raise:blocked
  failed: blocked raise:blocked
  cutover: preflight +cutover
  pause: preflight cancel +paused
  rollback: aborted cancel
  abort: aborted cancel
  refused: resume complete
copying
  start: copying copy
  succeeded: syncing round:source
  succeeded, much: syncing round:source
  failed, passing: copying raise:copy in 30
  failed: blocked raise:blocked
  cutover: copying +cutover
  pause: copying cancel +paused
  rollback: aborted cancel
  abort: aborted cancel
  refused: resume complete
syncing
  start: syncing round:source
  succeeded: ready in 10
  succeeded, much: syncing round:source
  failed, passing: syncing raise:sync in 30
  failed: blocked raise:blocked
  cutover: syncing +cutover
  pause: syncing cancel +paused
  rollback: aborted cancel
  abort: aborted cancel
  refused: resume complete
auditing
  start: auditing audit:source
  succeeded: syncing round:source +audited
  succeeded, much: syncing round:source +audited
  failed, passing: auditing raise:sync in 30
  failed: blocked raise:blocked
  cutover: auditing +cutover
  pause: auditing cancel +paused
  rollback: aborted cancel
  abort: aborted cancel
  refused: resume complete
ready
  start: ready round:source
  succeeded: ready in 10
  succeeded, much: syncing round:source
  failed, passing: ready raise:sync in 30
  failed: blocked raise:blocked
  cutover: ready +cutover
  pause: ready cancel +paused
  rollback: aborted cancel
  abort: aborted cancel
  refused: resume complete
fencing
  start: fencing fence:source
  succeeded: last-sync round:source
  succeeded, much: last-sync round:source
  failed, passing: lifting raise:cutover unfence:source -audited after:syncing
  failed: lifting raise:cutover unfence:source -audited after:syncing
  tick, late: lifting cancel raise:cutover unfence:source -audited after:syncing
  rollback: lifting cancel unfence:source
  abort: lifting cancel unfence:source
  refused: cutover pause resume complete
copying-fenced
  start: copying-fenced copy
  succeeded: last-sync round:source
  succeeded, much: last-sync round:source
  failed, passing: copying-fenced raise:copy in 30
  failed: lifting raise:cutover unfence:source -audited after:syncing
  tick, late: lifting cancel raise:cutover unfence:source -audited after:syncing
  rollback: lifting cancel unfence:source
  abort: lifting cancel unfence:source
  refused: cutover pause resume complete
last-sync
  start: last-sync round:source
  succeeded: proving prove:source
  succeeded, much: proving prove:source
  failed, passing: lifting raise:cutover unfence:source -audited after:syncing
  failed: lifting raise:cutover unfence:source -audited after:syncing
  tick, late: lifting cancel raise:cutover unfence:source -audited after:syncing
  rollback: lifting cancel unfence:source
  abort: lifting cancel unfence:source
  refused: cutover pause resume complete
proving
  start: proving prove:source
  succeeded: switching switch:target
  succeeded, much: lifting raise:cutover unfence:source -audited after:syncing
  failed, passing: lifting raise:cutover unfence:source -audited after:syncing
  failed: lifting raise:cutover unfence:source -audited after:syncing
  tick, late: lifting cancel raise:cutover unfence:source -audited after:syncing
  rollback: lifting cancel unfence:source
  abort: lifting cancel unfence:source
  refused: cutover pause resume complete
switching
  start: switching switch:target
  succeeded: opening unfence:target
  succeeded, much: opening unfence:target
  failed, passing: fencing-target raise:outage raise:cutover fence:target +forced -audited after:syncing
  failed: fencing-target raise:outage raise:cutover fence:target +forced -audited after:syncing
  tick, late: switching raise:outage
  rollback: switching +rollback
  refused: cutover pause resume complete abort
opening
  start: opening unfence:target
  succeeded: watching round:target
  succeeded, much: watching round:target
  failed, passing: opening raise:outage in 30
  failed: opening raise:outage in 30
  tick, late: opening raise:outage
  rollback: opening +rollback
  refused: cutover pause resume complete abort
watching
  start: watching round:target
  succeeded: watching in 10
  succeeded, much: watching in 10
  failed, passing: watching raise:reverse in 30
  failed: watching raise:reverse in 30
  pause: watching cancel +paused
  rollback: fencing-target cancel fence:target after:rolled-back
  complete: done cancel
  refused: cutover resume abort
lifting
  start: lifting unfence:source
  succeeded: syncing round:source
  succeeded, much: syncing round:source
  failed, passing: lifting raise:outage in 30
  failed: lifting raise:outage in 30
  tick, late: lifting raise:outage
  rollback: lifting after:aborted
  abort: lifting after:aborted
  refused: cutover pause resume complete
fencing-target
  start: fencing-target fence:target
  succeeded: last-reverse round:target
  succeeded, much: last-reverse round:target
  failed, passing: lifting-target raise:cutover unfence:target
  failed: lifting-target raise:cutover unfence:target
  tick, late: lifting-target cancel raise:cutover unfence:target
  refused: cutover pause resume rollback complete abort
last-reverse
  start: last-reverse round:target
  succeeded: proving-reverse prove:target
  succeeded, much: proving-reverse prove:target
  failed, passing: lifting-target raise:cutover unfence:target
  failed: lifting-target raise:cutover unfence:target
  tick, late: lifting-target cancel raise:cutover unfence:target
  refused: cutover pause resume rollback complete abort
proving-reverse
  start: proving-reverse prove:target
  succeeded: switching-back switch:source
  succeeded, much: lifting-target raise:cutover unfence:target
  failed, passing: lifting-target raise:cutover unfence:target
  failed: lifting-target raise:cutover unfence:target
  tick, late: lifting-target cancel raise:cutover unfence:target
  refused: cutover pause resume rollback complete abort
switching-back
  start: switching-back switch:source
  succeeded: opening-source unfence:source
  succeeded, much: opening-source unfence:source
  failed, passing: switching-back raise:outage in 30
  failed: switching-back raise:outage in 30
  tick, late: switching-back raise:outage
  refused: cutover pause resume rollback complete abort
opening-source
  start: opening-source unfence:source
  succeeded: rolled-back
  succeeded, much: rolled-back
  failed, passing: opening-source raise:outage in 30
  failed: opening-source raise:outage in 30
  tick, late: opening-source raise:outage
  refused: cutover pause resume rollback complete abort
lifting-target
  start: lifting-target unfence:target
  succeeded: watching round:target
  succeeded, much: watching round:target
  failed, passing: lifting-target raise:outage in 30
  failed: lifting-target raise:outage in 30
  tick, late: lifting-target raise:outage
  refused: cutover pause resume rollback complete abort
blocked
  start: copying resolve:blocked copy
  resume: copying resolve:blocked copy
  rollback: aborted resolve:blocked
  abort: aborted resolve:blocked
  refused: cutover pause complete
done
  refused: cutover pause resume rollback complete abort
rolled-back
  refused: cutover pause resume rollback complete abort
aborted
  refused: cutover pause resume rollback complete abort
copying, waits
  tick: copying copy
  tick, late: copying copy
  cutover: copying +cutover
  pause: copying +paused
  resume: copying copy
  rollback: aborted
  abort: aborted
  refused: complete
ready, waits
  tick: ready round:source
  tick, late: ready round:source
  cutover: fencing fence:source
  pause: ready +paused
  resume: ready round:source
  rollback: aborted
  abort: aborted
  refused: complete
opening, waits
  tick: opening unfence:target
  tick, late: opening raise:outage unfence:target
  resume: opening unfence:target
  rollback: fencing-target fence:target +forced after:rolled-back
  refused: cutover pause complete abort
lifting, waits
  tick: lifting unfence:source
  tick, late: lifting raise:outage unfence:source
  resume: lifting unfence:source
  rollback: lifting after:aborted
  abort: lifting after:aborted
  refused: cutover pause complete
switching-back, waits
  tick: switching-back switch:source
  tick, late: switching-back raise:outage switch:source
  cutover: switching switch:target
  resume: switching-back switch:source
  refused: pause rollback complete abort
syncing, not audited
  start: syncing round:source
  succeeded: auditing audit:source
  succeeded, much: syncing round:source
  failed, passing: syncing raise:sync in 30
  failed: blocked raise:blocked
  cutover: syncing +cutover
  pause: syncing cancel +paused
  rollback: aborted cancel
  abort: aborted cancel
  refused: resume complete
ready, not audited
  start: ready round:source
  succeeded: auditing audit:source
  succeeded, much: syncing round:source
  failed, passing: ready raise:sync in 30
  failed: blocked raise:blocked
  cutover: ready +cutover
  pause: ready cancel +paused
  rollback: aborted cancel
  abort: aborted cancel
  refused: resume complete
copying, paused
  resume: copying copy -paused
  rollback: aborted -paused
  abort: aborted -paused
  refused: cutover pause complete
ready, paused
  resume: ready round:source -paused
  rollback: aborted -paused
  abort: aborted -paused
  refused: cutover pause complete
watching, paused
  resume: watching round:target -paused
  rollback: fencing-target fence:target -paused after:rolled-back
  complete: done -paused
  refused: cutover pause abort
fencing-target, forced
  start: fencing-target fence:target
  succeeded: last-reverse round:target
  succeeded, much: last-reverse round:target
  failed, passing: fencing-target in 30
  failed: fencing-target in 30
  rollback: fencing-target after:rolled-back
  abort: fencing-target after:aborted
  refused: cutover pause resume complete
last-reverse, forced
  start: last-reverse round:target
  succeeded: proving-reverse prove:target
  succeeded, much: proving-reverse prove:target
  failed, passing: last-reverse in 30
  failed: last-reverse in 30
  rollback: last-reverse after:rolled-back
  abort: last-reverse after:aborted
  refused: cutover pause resume complete
proving-reverse, forced
  start: proving-reverse prove:target
  succeeded: switching-back switch:source
  succeeded, much: fencing-target in 30
  failed, passing: proving-reverse in 30
  failed: proving-reverse in 30
  rollback: proving-reverse after:rolled-back
  abort: proving-reverse after:aborted
  refused: cutover pause resume complete
switching-back, forced
  start: switching-back switch:source
  succeeded: opening-source unfence:source
  succeeded, much: opening-source unfence:source
  failed, passing: switching-back in 30
  failed: switching-back in 30
  rollback: switching-back after:rolled-back
  abort: switching-back after:aborted
  refused: cutover pause resume complete
opening-source, forced
  start: opening-source unfence:source
  succeeded: syncing resolve:outage round:source -forced
  succeeded, much: syncing resolve:outage round:source -forced
  failed, passing: opening-source in 30
  failed: opening-source in 30
  rollback: opening-source after:rolled-back
  abort: opening-source after:aborted
  refused: cutover pause resume complete
switching, rollback wanted
  start: switching switch:target
  succeeded: fencing-target fence:target +forced after:rolled-back
  succeeded, much: fencing-target fence:target +forced after:rolled-back
  failed, passing: fencing-target raise:outage fence:target +forced -audited after:rolled-back
  failed: fencing-target raise:outage fence:target +forced -audited after:rolled-back
  tick, late: switching raise:outage
  refused: cutover pause resume complete abort
opening, rollback wanted
  start: opening unfence:target
  succeeded: fencing-target fence:target after:rolled-back
  succeeded, much: fencing-target fence:target after:rolled-back
  failed, passing: fencing-target fence:target +forced after:rolled-back
  failed: fencing-target fence:target +forced after:rolled-back
  tick, late: opening raise:outage
  refused: cutover pause resume complete abort
)table";

// What differs from hot; the blocks of all other states are the same.
constexpr char kColdDiffers[] = R"table(
preflight
  start: preflight preflight
  succeeded: ready
  succeeded, much: ready
  failed, passing: blocked raise:blocked
  failed: blocked raise:blocked
  cutover: preflight +cutover
  pause: preflight cancel +paused
  rollback: aborted cancel
  abort: aborted cancel
  refused: resume complete
syncing
  start: syncing round:source
  succeeded: ready
  succeeded, much: syncing in 10
  failed, passing: syncing raise:sync in 30
  failed: blocked raise:blocked
  cutover: syncing +cutover
  pause: syncing cancel +paused
  rollback: aborted cancel
  abort: aborted cancel
  refused: resume complete
ready
  cutover: fencing fence:source
  pause: ready +paused
  rollback: aborted
  abort: aborted
  refused: resume complete
fencing
  start: fencing fence:source
  succeeded: copying-fenced copy
  succeeded, much: copying-fenced copy
  failed, passing: lifting raise:cutover unfence:source -audited after:ready
  failed: lifting raise:cutover unfence:source -audited after:ready
  tick, late: lifting cancel raise:cutover unfence:source -audited after:ready
  rollback: lifting cancel unfence:source
  abort: lifting cancel unfence:source
  refused: cutover pause resume complete
copying-fenced
  start: copying-fenced copy
  succeeded: last-sync round:source
  succeeded, much: last-sync round:source
  failed, passing: copying-fenced raise:copy in 30
  failed: lifting raise:cutover unfence:source -audited after:ready
  tick, late: lifting cancel raise:cutover unfence:source -audited after:ready
  rollback: lifting cancel unfence:source
  abort: lifting cancel unfence:source
  refused: cutover pause resume complete
last-sync
  start: last-sync round:source
  succeeded: proving prove:source
  succeeded, much: proving prove:source
  failed, passing: lifting raise:cutover unfence:source -audited after:ready
  failed: lifting raise:cutover unfence:source -audited after:ready
  tick, late: lifting cancel raise:cutover unfence:source -audited after:ready
  rollback: lifting cancel unfence:source
  abort: lifting cancel unfence:source
  refused: cutover pause resume complete
proving
  start: proving prove:source
  succeeded: switching switch:target
  succeeded, much: lifting raise:cutover unfence:source -audited after:ready
  failed, passing: lifting raise:cutover unfence:source -audited after:ready
  failed: lifting raise:cutover unfence:source -audited after:ready
  tick, late: lifting cancel raise:cutover unfence:source -audited after:ready
  rollback: lifting cancel unfence:source
  abort: lifting cancel unfence:source
  refused: cutover pause resume complete
switching
  start: switching switch:target
  succeeded: opening unfence:target
  succeeded, much: opening unfence:target
  failed, passing: fencing-target raise:outage raise:cutover fence:target +forced -audited after:ready
  failed: fencing-target raise:outage raise:cutover fence:target +forced -audited after:ready
  tick, late: switching raise:outage
  rollback: switching +rollback
  refused: cutover pause resume complete abort
syncing, not audited
  start: syncing round:source
  succeeded: ready
  succeeded, much: syncing in 10
  failed, passing: syncing raise:sync in 30
  failed: blocked raise:blocked
  cutover: syncing +cutover
  pause: syncing cancel +paused
  rollback: aborted cancel
  abort: aborted cancel
  refused: resume complete
ready, not audited
  cutover: fencing fence:source
  pause: ready +paused
  rollback: aborted
  abort: aborted
  refused: resume complete
ready, paused
  resume: ready -paused
  rollback: aborted -paused
  abort: aborted -paused
  refused: cutover pause complete
)table";
constexpr char kIncrementalDiffers[] = R"table(
syncing
  start: syncing round:source
  succeeded: ready in 10
  succeeded, much: syncing in 10
  failed, passing: syncing raise:sync in 30
  failed: blocked raise:blocked
  cutover: syncing +cutover
  pause: syncing cancel +paused
  rollback: aborted cancel
  abort: aborted cancel
  refused: resume complete
ready
  start: ready round:source
  succeeded: ready in 10
  succeeded, much: syncing in 10
  failed, passing: ready raise:sync in 30
  failed: blocked raise:blocked
  cutover: ready +cutover
  pause: ready cancel +paused
  rollback: aborted cancel
  abort: aborted cancel
  refused: resume complete
syncing, not audited
  start: syncing round:source
  succeeded: auditing audit:source
  succeeded, much: syncing in 10
  failed, passing: syncing raise:sync in 30
  failed: blocked raise:blocked
  cutover: syncing +cutover
  pause: syncing cancel +paused
  rollback: aborted cancel
  abort: aborted cancel
  refused: resume complete
ready, not audited
  start: ready round:source
  succeeded: auditing audit:source
  succeeded, much: syncing in 10
  failed, passing: ready raise:sync in 30
  failed: blocked raise:blocked
  cutover: ready +cutover
  pause: ready cancel +paused
  rollback: aborted cancel
  abort: aborted cancel
  refused: resume complete
)table";

TEST(MachineTest, HotEveryStateAndEvent) { EXPECT_EQ("\n" + TableOf(Strategy::kHot), kHot); }
TEST(MachineTest, ColdDiffersOnlyHere) {
  EXPECT_EQ("\n" + Differing(Strategy::kCold), kColdDiffers);
}
TEST(MachineTest, IncrementalDiffersOnlyHere) {
  EXPECT_EQ("\n" + Differing(Strategy::kIncremental), kIncrementalDiffers);
}

Event Ok() { return {.type = EventType::kSucceeded}; }

TEST(MachineTest, ThePauseIsMeasuredFromTheFenceToTheOpening) {
  const Rules rules = RulesOf(Strategy::kHot);
  State state = In(Phase::kReady, Strategy::kHot);
  state.running = false;
  WallTime now = kStartTime;
  state = Step(rules, state, {.type = EventType::kCutover}, now).next;
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(state.last_pause_ms, -1);
    now += milliseconds(300);
    state = Step(rules, state, Ok(), now).next;
  }
  EXPECT_EQ(state.phase, Phase::kWatching);
  EXPECT_EQ(state.last_pause_ms, 1500);
  EXPECT_EQ(state.pause_began_ms, 0);
}

TEST(MachineTest, APauseByHandBeginsWhenItIsApproved) {
  Rules rules = RulesOf(Strategy::kHot);
  rules.manual_fence = true;
  State state = In(Phase::kReady, Strategy::kHot);
  state.running = false;
  state = Step(rules, state, {.type = EventType::kCutover}, kStartTime).next;
  EXPECT_EQ(NextWake(rules, state), std::nullopt) << "a human may take his time";
  const WallTime later = kStartTime + std::chrono::hours(2);
  Event approved = Ok();
  approved.fenced_ms = ToUnixMillis(later) - 1000;
  state = Step(rules, state, approved, later).next;
  EXPECT_EQ(state.phase, Phase::kLastSync);
  EXPECT_EQ(NextWake(rules, state), later - seconds(1) + rules.max_pause);
}

TEST(MachineTest, AnUndoneCutoverDoesNotComeAgainByItself) {
  Rules rules = RulesOf(Strategy::kHot);
  rules.auto_cutover = true;
  State state = NewState(rules);
  state = Step(rules, state, {.type = EventType::kStart}, kStartTime).next;
  for (int i = 0; i < 5; ++i) state = Step(rules, state, Ok(), kStartTime).next;
  ASSERT_EQ(state.phase, Phase::kFencing) << "by itself the first time";
  state = Step(rules, state, {.type = EventType::kFailed, .message = "no"}, kStartTime).next;
  for (int i = 0; i < 4; ++i) state = Step(rules, state, Ok(), kStartTime).next;
  EXPECT_EQ(state.phase, Phase::kReady);
  EXPECT_TRUE(state.open.contains(Incident::kCutover));
  state.running = false;
  const Transition again = Step(rules, state, {.type = EventType::kCutover}, kStartTime);
  EXPECT_EQ(again.next.phase, Phase::kFencing);
  EXPECT_FALSE(again.next.open.contains(Incident::kCutover));
}

TEST(MachineTest, RoundsThatNeverGetSmallAreToldOnceAndSlowDown) {
  const Rules rules = RulesOf(Strategy::kHot);
  State state = In(Phase::kSyncing, Strategy::kHot);
  const Event much{.type = EventType::kSucceeded, .rows = rules.ready_rows + 1};
  int told = 0;
  for (int i = 0; i < 6; ++i) {
    const Transition t = Step(rules, state, much, kStartTime);
    for (const Action& a : t.actions) told += a.type == ActionType::kRaise ? 1 : 0;
    EXPECT_EQ(t.next.running, i < 2) << i;
    state = t.next;
    state.running = true;
  }
  EXPECT_EQ(told, 1);
  const Transition small = Step(rules, state, Ok(), kStartTime);
  EXPECT_EQ(Render(state, small), "ready resolve:behind in 10");
}

TEST(MachineTest, ARoundOfFewRowsThatTakesLongIsNotSmall) {
  const Rules rules = RulesOf(Strategy::kHot);
  const State state = In(Phase::kSyncing, Strategy::kHot);
  Event slow = Ok();
  slow.took_ms = 15'001;
  EXPECT_EQ(Step(rules, state, slow, kStartTime).next.phase, Phase::kSyncing);
  slow.took_ms = 15'000;
  EXPECT_EQ(Step(rules, state, slow, kStartTime).next.phase, Phase::kReady);
}

TEST(MachineTest, AProofThatRepairedTheTargetIsMadeAgainThreeTimes) {
  const Rules rules = RulesOf(Strategy::kHot);
  State state = In(Phase::kProving, Strategy::kHot);
  Event repaired = Ok();
  repaired.target_differed = 2;
  for (int i = 0; i < 2; ++i) {
    state = Step(rules, state, repaired, kStartTime).next;
    ASSERT_EQ(state.phase, Phase::kProving);
  }
  EXPECT_EQ(Step(rules, state, Ok(), kStartTime).next.phase, Phase::kSwitching);
  EXPECT_EQ(Step(rules, state, repaired, kStartTime).next.phase, Phase::kLifting);
}

TEST(MachineTest, AProofThatComesTooLateDoesNotSwitch) {
  const Rules rules = RulesOf(Strategy::kHot);
  const State state = In(Phase::kProving, Strategy::kHot);
  const Transition t = Step(rules, state, Ok(), kStartTime + seconds(59));
  EXPECT_EQ(Render(state, t), "lifting raise:cutover unfence:source -audited after:syncing");
}

TEST(MachineTest, AnAuditThatIsLongAgoIsMadeAgain) {
  const Rules rules = RulesOf(Strategy::kHot);
  State state = In(Phase::kReady, Strategy::kHot);
  state.audited_ms = kStartMs;
  const auto after = [&](Duration age) {
    return Step(rules, state, Ok(), kStartTime + age).next.phase;
  };
  EXPECT_EQ(after(rules.audit_every - milliseconds(1)), Phase::kReady);
  EXPECT_EQ(after(rules.audit_every), Phase::kAuditing);
  EXPECT_EQ(after(milliseconds(-1)), Phase::kAuditing) << "the clock was set back";
}

TEST(MachineTest, WakesForWhatIsDueAndForTheEndOfThePause) {
  const Rules rules = RulesOf(Strategy::kHot);
  EXPECT_EQ(NextWake(rules, In(Phase::kCopying, Strategy::kHot)), std::nullopt);
  EXPECT_EQ(NextWake(rules, In(Phase::kDone, Strategy::kHot)), std::nullopt);
  State state = In(Phase::kWatching, Strategy::kHot);
  state.running = false;
  state.due_ms = kStartMs + 5000;
  EXPECT_EQ(NextWake(rules, state), kStartTime + seconds(5));
  state.paused = true;
  EXPECT_EQ(NextWake(rules, state), std::nullopt);
  state = In(Phase::kSwitching, Strategy::kHot);
  EXPECT_EQ(NextWake(rules, state), kStartTime + seconds(59));
  state.open = {Incident::kOutage};
  EXPECT_EQ(NextWake(rules, state), std::nullopt) << "told already";
}

TEST(MachineTest, NamesAreUniqueAndReadBack) {
  for (int i = 0; i < kPhases; ++i) {
    EXPECT_EQ(PhaseOf(NameOf(static_cast<Phase>(i))), static_cast<Phase>(i));
  }
  for (int i = 0; i < kIncidents; ++i) {
    EXPECT_EQ(IncidentOf(NameOf(static_cast<Incident>(i))), static_cast<Incident>(i));
  }
  for (const Strategy s : {Strategy::kCold, Strategy::kHot, Strategy::kIncremental}) {
    EXPECT_EQ(StrategyOf(NameOf(s)), s);
  }
  EXPECT_EQ(PhaseOf("nowhere"), std::nullopt);
}

}  // namespace
}  // namespace aerie::migrate
