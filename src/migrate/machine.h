// The migration as a pure function: (rules, state, event, time) -> (state, actions).
//
// docs/migrating.md has the table for operators; this is what it says, for all three strategies. A
// state implies the one action that is under way in it, so whoever stores the state before acting
// has stored the intent, and after a crash kStart makes that action again. Values only; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace aerie::migrate {

enum class Strategy { kCold, kHot, kIncremental };
enum class Side { kSource, kTarget };

enum class Phase {
  kPreflight,
  kCopying,
  kSyncing,
  kAuditing,
  kReady,
  kFencing,
  kCopyingFenced,
  kLastSync,
  kProving,
  kSwitching,
  kOpening,
  kWatching,
  kLifting,
  kFencingTarget,
  kLastReverse,
  kProvingReverse,
  kSwitchingBack,
  kOpeningSource,
  kLiftingTarget,
  kBlocked,
  kDone,
  kRolledBack,
  kAborted,
};
inline constexpr int kPhases = static_cast<int>(Phase::kAborted) + 1;

// What is told once when it begins and once when it is over.
enum class Incident {
  kBlocked,  // a human must act before anything goes on
  kCopy,     // this work fails and is tried again
  kSync,
  kReverse,
  kBehind,   // rounds do not catch up
  kCutover,  // a cutover or rollback was undone
  kOutage,   // nobody can write, for too long or because an action failed
};
inline constexpr int kIncidents = static_cast<int>(Incident::kOutage) + 1;

// What the machine needs to know of the user's wishes.
struct Rules {
  Strategy strategy = Strategy::kHot;
  bool auto_cutover = false;
  bool manual_fence = false;  // a human fences: the pause begins when he says that he did
  Duration max_pause = std::chrono::seconds(60);
  Duration interval = std::chrono::seconds(10);    // between rounds
  Duration retry = std::chrono::seconds(30);       // before what failed is tried again
  Duration ready_time = std::chrono::seconds(15);  // a round that took longer is not small
  std::uint64_t ready_rows = 10'000;               // nor one that wrote more
  Duration audit_every = std::chrono::hours(24);   // while it waits for a cutover; not cold
  std::uint64_t patient_rounds = 20;  // without being ready, before it is told and rounds slow down
};

struct State {
  Phase phase = Phase::kPreflight;
  bool running = false;  // the action of the phase was ordered and its outcome is not known
  bool paused = false;
  bool cutover_wanted = false;    // begin when ready
  bool rollback_wanted = false;   // begin when the action that cannot be cut short has ended
  bool forced = false;            // going back, and the target is not open: there is no other way
  Phase after = Phase::kAborted;  // where kLifting, or a way back, leads
  Phase blocked_at = Phase::kPreflight;  // what kBlocked goes on with
  std::int64_t due_ms = 0;               // the action of the phase is to be made then; 0: never
  std::int64_t pause_began_ms = 0;       // 0: clients can write
  std::int64_t audited_ms = 0;           // the target was proven then; 0: it may be otherwise
  std::int64_t last_pause_ms = -1;       // how long they could not, the last time; -1: never yet
  std::uint64_t rounds = 0;              // of the present direction
  std::uint64_t rounds_behind = 0;       // that were not small, in a row
  int proofs = 0;                        // that found the target different, in a row
  std::set<Incident> open;
  bool operator==(const State&) const = default;
};

struct Event {
  enum class Type {
    kStart,      // a driver begins or goes on; no action is under way but what a dead one left
    kSucceeded,  // of the action of the phase
    kFailed,
    kTick,  // time has passed; see NextWake
    kCutover,
    kPause,
    kResume,
    kRollback,
    kComplete,
    kAbort,
  };
  Type type = Type::kTick;
  // --- kSucceeded ---
  std::uint64_t rows = 0;       // a round: rows written and deleted there
  std::int64_t took_ms = 0;     // a round
  bool source_changed = false;  // a proof: the side that is read is not as in the round before
  std::uint64_t target_differed = 0;  // a proof: rows that it had to repair on the other side
  std::int64_t fenced_ms = 0;         // a manual fence: when it was approved
  // --- kFailed ---
  bool passing = false;   // time may heal it
  std::string message{};  // one line; also of what kSucceeded has to say for an alert
};
inline constexpr int kEventTypes = static_cast<int>(Event::Type::kAbort) + 1;

struct Action {
  enum class Type {
    kPreflight,
    kCopy,
    kRound,    // side: which is read
    kAudit,    // side: which is read first, and is right
    kProve,    // side: which is read
    kFence,    // side: which is closed to clients
    kUnfence,  // side: which is opened
    kSwitch,   // side: where clients go
    kCancel,   // the action under way; its outcome is of no interest any more
    kRaise,
    kResolve,
  };
  Type type = Type::kPreflight;
  Side side = Side::kSource;
  Incident incident = Incident::kBlocked;
  std::string text{};  // of an alert
  bool operator==(const Action&) const = default;
};

struct Transition {
  State next;
  std::vector<Action> actions;  // in this order; at most one of them takes time, and it is the last
  std::string refused{};        // of a command: why, and what to do instead; then nothing changes
};

// The state of a migration that has not begun.
State NewState(const Rules& rules);

// kSucceeded and kFailed are of the action under way: they are ignored when there is none.
Transition Step(const Rules& rules, const State& state, const Event& event, WallTime now);

// When kTick is due at the latest; nullopt: nothing waits for time.
std::optional<WallTime> NextWake(const Rules& rules, const State& state);

// The phases of the way that it is on, first to last: to the target, back to the source, or the
// short one on which a step of either is undone. `at` is where it is, or what a blocked one goes on
// with; one that was aborted is on none but its end.
struct Way {
  std::vector<Phase> phases;
  std::size_t at = 0;
};
Way WayOf(const Rules& rules, const State& state);

// What a phase is, whatever the strategy.
struct PhaseTraits {
  const char* name;                    // "last-sync"
  const char* about;                   // "last sync round, nobody writes"
  std::optional<Action::Type> action;  // none: nothing is made in it
  Side side;                           // of the action
  bool pause_allowed;                  // by `pause`: nobody's writes wait for it
  bool bounded;                        // undone when the pause grows over the limit
  bool ended;
};
const PhaseTraits& TraitsOf(Phase phase);

// Names as in docs and JSON; nullopt for other words.
const char* NameOf(Strategy strategy);
const char* NameOf(Phase phase);
const char* NameOf(Incident incident);
const char* NameOf(Side side);
const char* NameOf(Event::Type type);
const char* NameOf(Action::Type type);
std::optional<Strategy> StrategyOf(std::string_view name);
std::optional<Phase> PhaseOf(std::string_view name);
std::optional<Incident> IncidentOf(std::string_view name);
Side Other(Side side);

}  // namespace aerie::migrate
