#include "migrate/machine.h"

#include <algorithm>
#include <array>
#include <utility>

namespace aerie::migrate {
namespace {

using EventType = Event::Type;
using ActionType = Action::Type;

constexpr int kMaxProofs = 3;

constexpr Side kS = Side::kSource;
constexpr Side kT = Side::kTarget;

// In the order of Phase.
constexpr std::array<PhaseTraits, kPhases> kTraits = {{
    {"preflight", "checks before anything is changed", ActionType::kPreflight, kS, true, false,
     false},
    {"copying", "first copy, while the source is written to", ActionType::kCopy, kS, true, false,
     false},
    {"syncing", "sync rounds until the rest is small", ActionType::kRound, kS, true, false, false},
    {"auditing", "both clusters are read and compared, the source is written to",
     ActionType::kAudit, kS, true, false, false},
    {"ready", "waits for cutover", ActionType::kRound, kS, true, false, false},
    {"fencing", "the source is being closed to clients", ActionType::kFence, kS, false, true,
     false},
    {"copying-fenced", "copy, nobody writes", ActionType::kCopy, kS, false, true, false},
    {"last-sync", "last sync round, nobody writes", ActionType::kRound, kS, false, true, false},
    {"proving", "the source is read again, nobody writes", ActionType::kProve, kS, false, true,
     false},
    {"switching", "clients are being sent to the target", ActionType::kSwitch, kT, false, false,
     false},
    {"opening", "the target is being opened to clients", ActionType::kUnfence, kT, false, false,
     false},
    {"watching", "clients use the target, the source is kept in step", ActionType::kRound, kT, true,
     false, false},
    {"lifting", "the source is being opened again", ActionType::kUnfence, kS, false, false, false},
    {"fencing-target", "the target is being closed to clients", ActionType::kFence, kT, false, true,
     false},
    {"last-reverse", "last round from target to source, nobody writes", ActionType::kRound, kT,
     false, true, false},
    {"proving-reverse", "both clusters are read and compared, nobody writes", ActionType::kProve,
     kT, false, true, false},
    {"switching-back", "clients are being sent back to the source", ActionType::kSwitch, kS, false,
     false, false},
    {"opening-source", "the source is being opened to clients", ActionType::kUnfence, kS, false,
     false, false},
    {"lifting-target", "the target is being opened again", ActionType::kUnfence, kT, false, false,
     false},
    {"blocked", "waits for a human", std::nullopt, kS, false, false, false},
    {"done", "migrated", std::nullopt, kS, false, false, true},
    {"rolled-back", "clients use the source again", std::nullopt, kS, false, false, true},
    {"aborted", "ended before the switch", std::nullopt, kS, false, false, true},
}};

bool SendsBack(Phase phase) {
  return phase == Phase::kFencingTarget || phase == Phase::kLastReverse ||
         phase == Phase::kProvingReverse || phase == Phase::kSwitchingBack ||
         phase == Phase::kOpeningSource;
}

bool BeforeFence(Phase phase) {
  return phase == Phase::kPreflight || phase == Phase::kCopying || phase == Phase::kSyncing ||
         phase == Phase::kAuditing || phase == Phase::kReady || phase == Phase::kBlocked;
}

// Of the way to the target: while these last the source can simply be opened again.
bool FencedBeforeSwitch(Phase phase) {
  return phase == Phase::kFencing || phase == Phase::kCopyingFenced || phase == Phase::kLastSync ||
         phase == Phase::kProving;
}

// The cutover or rollback was undone, which was told, and the cluster is being opened this moment.
bool OpensAgain(const State& state) {
  return (state.phase == Phase::kLifting || state.phase == Phase::kLiftingTarget) &&
         state.running && state.open.contains(Incident::kCutover);
}

class Stepper {
 public:
  Stepper(const Rules& rules, const State& state, WallTime now)
      : rules_(rules), before_(state), s_(state), now_ms_(ToUnixMillis(now)) {}

  Transition Run(const Event& event) {
    Dispatch(event);
    if (!refused_.empty()) return {.next = before_, .actions = {}, .refused = refused_};
    // What takes time comes last, so that alerts and cancels are not behind it.
    if (order_) actions_.push_back(*order_);
    return {.next = std::move(s_), .actions = std::move(actions_), .refused = {}};
  }

 private:
  const PhaseTraits& traits() const { return TraitsOf(s_.phase); }
  bool HasAction() const {
    return traits().action.has_value() &&
           !(s_.phase == Phase::kReady && rules_.strategy == Strategy::kCold);
  }

  // --- What a step is made of ---
  void Order() {
    s_.running = true;
    s_.due_ms = 0;
    order_ = Action{.type = *traits().action, .side = traits().side};
  }
  void Cancel() {
    if (s_.running) actions_.push_back({.type = ActionType::kCancel});
    s_.running = false;
    s_.due_ms = 0;
  }
  void Go(Phase phase) {
    s_.phase = phase;
    s_.running = false;
    s_.due_ms = 0;
    order_.reset();
    if (traits().ended) return End();
    if (HasAction()) Order();
  }
  void Later(Duration delay) {
    s_.running = false;
    s_.due_ms = now_ms_ + Millis(delay);
  }
  void Raise(Incident incident, std::string text) {
    if (!s_.open.insert(incident).second) return;
    actions_.push_back({.type = ActionType::kRaise, .incident = incident, .text = std::move(text)});
  }
  void Resolve(Incident incident) {
    if (s_.open.erase(incident) == 0) return;
    actions_.push_back({.type = ActionType::kResolve, .incident = incident});
  }
  void Refuse(std::string why) { refused_ = std::move(why); }
  void RefuseHere(const std::string& what) {
    Refuse(what + " is not possible in state " + NameOf(s_.phase) + " (" + traits().about + ")");
  }
  static std::int64_t Millis(Duration duration) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  }

  bool Late() const {
    return s_.pause_began_ms != 0 && now_ms_ - s_.pause_began_ms >= Millis(rules_.max_pause);
  }
  std::string LateText() const {
    return "nobody could write for " + std::to_string((now_ms_ - s_.pause_began_ms) / 1000) +
           " s, more than --max-pause allows";
  }
  std::int64_t FencedAt(const Event& event) const {
    return event.fenced_ms != 0 ? event.fenced_ms : now_ms_;
  }
  bool PauseIsBounded() const { return traits().bounded && !s_.forced; }
  Phase BeforeCutover() const {
    return rules_.strategy == Strategy::kCold ? Phase::kReady : Phase::kSyncing;
  }

  void End() {
    s_.paused = s_.cutover_wanted = s_.rollback_wanted = s_.forced = false;
    for (int i = 0; i < kIncidents; ++i) Resolve(static_cast<Incident>(i));
  }

  // The proof under the fence reads the source alone, but for a cold one: before the fence the
  // target must have been read.
  bool AuditIsDue() const {
    if (rules_.strategy == Strategy::kCold) return false;
    const std::int64_t age = now_ms_ - s_.audited_ms;  // of a clock that was set back: nothing
    return s_.audited_ms == 0 || age < 0 || age >= Millis(rules_.audit_every);
  }

  // --- The turns of the way ---
  void BeReady() {
    s_.rounds_behind = 0;
    Resolve(Incident::kBehind);
    if (AuditIsDue()) return Go(Phase::kAuditing);
    if (s_.cutover_wanted) return BeginCutover();
    s_.phase = Phase::kReady;
    s_.running = false;
    s_.due_ms = 0;
    if (HasAction()) Later(rules_.interval);
  }
  void BeginCutover() {
    s_.cutover_wanted = false;
    s_.rollback_wanted = false;
    s_.proofs = 0;
    s_.pause_began_ms = rules_.manual_fence ? 0 : now_ms_;
    Go(Phase::kFencing);
  }
  void BeginRollback() {
    s_.rollback_wanted = s_.paused = false;
    s_.proofs = 0;
    // Where the target is not open there is nothing to return to.
    s_.forced = s_.pause_began_ms != 0;
    s_.after = Phase::kRolledBack;
    if (s_.pause_began_ms == 0 && !rules_.manual_fence) s_.pause_began_ms = now_ms_;
    Go(Phase::kFencingTarget);
  }
  // The source is opened again; the target has taken no write.
  void UndoCutover(const std::string& why) {
    Cancel();
    s_.audited_ms = 0;
    Resolve(Incident::kCopy);
    Raise(Incident::kCutover,
          "the cutover was undone: " + why + "; when that is mended: aerie migrate cutover");
    s_.after = BeforeCutover();
    Go(Phase::kLifting);
  }
  void UndoRollback(const std::string& why) {
    Cancel();
    Raise(Incident::kCutover, "the rollback was undone and the target is used on: " + why +
                                  "; when that is mended: aerie migrate rollback");
    Go(Phase::kLiftingTarget);
  }
  void BackBySwitch(const std::string& why) {
    Raise(Incident::kOutage,
          "the switch to the target failed, so it is not known who was sent "
          "there; going back to the source: " +
              why);
    s_.forced = true;
    s_.audited_ms = 0;  // clients may write there
    s_.after = s_.rollback_wanted ? Phase::kRolledBack : BeforeCutover();
    s_.rollback_wanted = false;
    s_.proofs = 0;
    if (s_.after != Phase::kRolledBack) {
      Raise(Incident::kCutover, "the cutover was undone: the switch failed: " + why +
                                    "; when that is mended: aerie migrate cutover");
    }
    Go(Phase::kFencingTarget);
  }
  void WritesAreOpen() {
    if (s_.pause_began_ms != 0) s_.last_pause_ms = now_ms_ - s_.pause_began_ms;
    s_.pause_began_ms = 0;
    Resolve(Incident::kOutage);
  }
  void GoAfter() {
    s_.forced = false;
    if (s_.after == Phase::kReady) return BeReady();
    Go(s_.after);
  }
  void Block(const std::string& why) {
    Raise(Incident::kBlocked, why + "; when that is mended, run it again");
    s_.blocked_at = s_.phase;
    Go(Phase::kBlocked);
  }
  void Retry(Incident incident, const std::string& why) {
    Raise(incident, std::string(traits().about) + ": " + why);
    Later(rules_.retry);
  }

  // --- Events ---
  void Dispatch(const Event& event) {
    switch (event.type) {
      case EventType::kStart: return OnStart();
      case EventType::kSucceeded: return s_.running ? OnSucceeded(event) : void();
      case EventType::kFailed: return s_.running ? OnFailed(event) : void();
      case EventType::kTick: return OnTick();
      case EventType::kCutover: return OnCutover();
      case EventType::kPause: return OnPause();
      case EventType::kResume: return OnResume();
      case EventType::kRollback: return OnRollback();
      case EventType::kComplete: return OnComplete();
      case EventType::kAbort: return OnAbort();
    }
  }

  void OnStart() {
    if (s_.phase == Phase::kBlocked) return Unblock();
    if (traits().ended || s_.paused || !HasAction()) return;
    if (PauseIsBounded() && Late()) return OnTick();
    if (s_.running || s_.due_ms == 0) Order();
  }

  void OnSucceeded(const Event& event) {
    s_.running = false;
    switch (s_.phase) {
      case Phase::kPreflight:
        return rules_.strategy == Strategy::kCold ? BeReady() : Go(Phase::kCopying);
      case Phase::kCopying: Resolve(Incident::kCopy); return Go(Phase::kSyncing);
      case Phase::kSyncing:
      case Phase::kReady: return RoundDone(event);
      case Phase::kAuditing:
        Resolve(Incident::kSync);
        s_.audited_ms = now_ms_;
        // What was written while it lasted.
        return Go(Phase::kSyncing);
      case Phase::kFencing:
        if (s_.pause_began_ms == 0) s_.pause_began_ms = FencedAt(event);
        return Go(rules_.strategy == Strategy::kCold ? Phase::kCopyingFenced : Phase::kLastSync);
      case Phase::kCopyingFenced: Resolve(Incident::kCopy); return Go(Phase::kLastSync);
      case Phase::kLastSync: ++s_.rounds; return Go(Phase::kProving);
      case Phase::kProving: return Proven(event);
      case Phase::kSwitching: return s_.rollback_wanted ? BeginRollback() : Go(Phase::kOpening);
      case Phase::kOpening: return Opened();
      case Phase::kWatching:
        ++s_.rounds;
        Resolve(Incident::kReverse);
        return Later(rules_.interval);
      case Phase::kLifting: WritesAreOpen(); return GoAfter();
      case Phase::kFencingTarget:
        if (s_.pause_began_ms == 0) s_.pause_began_ms = FencedAt(event);
        return Go(Phase::kLastReverse);
      case Phase::kLastReverse: ++s_.rounds; return Go(Phase::kProvingReverse);
      case Phase::kProvingReverse: return Proven(event);
      case Phase::kSwitchingBack: return Go(Phase::kOpeningSource);
      case Phase::kOpeningSource: WritesAreOpen(); return GoAfter();
      case Phase::kLiftingTarget: WritesAreOpen(); return Go(Phase::kWatching);
      case Phase::kBlocked:
      case Phase::kDone:
      case Phase::kRolledBack:
      case Phase::kAborted: return;
    }
  }

  void RoundDone(const Event& event) {
    ++s_.rounds;
    Resolve(Incident::kSync);
    const bool small =
        event.rows <= rules_.ready_rows && event.took_ms <= Millis(rules_.ready_time);
    if (small) return BeReady();
    s_.phase = Phase::kSyncing;
    if (++s_.rounds_behind >= rules_.patient_rounds) {
      Raise(Incident::kBehind, "after " + std::to_string(s_.rounds_behind) +
                                   " rounds the rest is still " + std::to_string(event.rows) +
                                   " rows and a round takes " +
                                   std::to_string(event.took_ms / 1000) +
                                   " s; write less, or allow more: --ready-rows, --ready-time");
    } else if (rules_.strategy == Strategy::kHot) {
      return Order();
    }
    Later(rules_.interval);
  }

  // Of either direction.
  void Proven(const Event& event) {
    const bool back = SendsBack(s_.phase);
    if (event.source_changed) {
      return NotProven("the fence leaks: the " + std::string(NameOf(traits().side)) +
                       " changed while nobody should write there: " + event.message);
    }
    if (event.target_differed > 0) {
      if (++s_.proofs < kMaxProofs) return Order();
      s_.proofs = 0;
      return NotProven("the " + std::string(NameOf(Other(traits().side))) +
                       " was found different " + std::to_string(kMaxProofs) +
                       " times though it was written; who else writes there?");
    }
    s_.proofs = 0;
    if (PauseIsBounded() && Late()) return NotProven(LateText());
    Go(back ? Phase::kSwitchingBack : Phase::kSwitching);
  }
  void NotProven(const std::string& why) {
    if (s_.phase == Phase::kProving) return UndoCutover(why);
    if (!s_.forced) return UndoRollback(why);
    // From the fence on, which may be what was mended.
    s_.phase = Phase::kFencingTarget;
    Retry(Incident::kOutage, why);
  }

  void Opened() {
    WritesAreOpen();
    Resolve(Incident::kCutover);
    if (s_.rollback_wanted) return BeginRollback();
    s_.rounds = 0;
    Go(Phase::kWatching);
  }

  void OnFailed(const Event& event) {
    s_.running = false;
    switch (s_.phase) {
      case Phase::kPreflight: return Block(event.message);
      case Phase::kCopying:
        return event.passing ? Retry(Incident::kCopy, event.message) : Block(event.message);
      case Phase::kSyncing:
      case Phase::kAuditing:
      case Phase::kReady:
        return event.passing ? Retry(Incident::kSync, event.message) : Block(event.message);
      case Phase::kCopyingFenced:
        return event.passing ? Retry(Incident::kCopy, event.message) : UndoCutover(event.message);
      case Phase::kFencing:
      case Phase::kLastSync:
      case Phase::kProving: return UndoCutover(event.message);
      case Phase::kSwitching: return BackBySwitch(event.message);
      case Phase::kOpening:
        if (s_.rollback_wanted) return BeginRollback();
        return Retry(Incident::kOutage, event.message);
      case Phase::kWatching: return Retry(Incident::kReverse, event.message);
      case Phase::kFencingTarget:
      case Phase::kLastReverse:
      case Phase::kProvingReverse:
        return s_.forced ? Retry(Incident::kOutage, event.message) : UndoRollback(event.message);
      case Phase::kLifting:
      case Phase::kSwitchingBack:
      case Phase::kOpeningSource:
      case Phase::kLiftingTarget: return Retry(Incident::kOutage, event.message);
      case Phase::kBlocked:
      case Phase::kDone:
      case Phase::kRolledBack:
      case Phase::kAborted: return;
    }
  }

  void OnTick() {
    if (Late()) {
      if (FencedBeforeSwitch(s_.phase)) return UndoCutover(LateText());
      if (PauseIsBounded()) return UndoRollback(LateText());
      if (!OpensAgain(s_)) {
        Raise(Incident::kOutage,
              LateText() + "; state " + NameOf(s_.phase) + " (" + traits().about + ")");
      }
    }
    if (s_.due_ms != 0 && s_.due_ms <= now_ms_ && !s_.running && !s_.paused) Order();
  }

  void OnCutover() {
    if (s_.paused) return Refuse("the migration is paused; first: aerie migrate resume");
    // Not on a rest of which the last round knew nothing.
    if (s_.phase == Phase::kReady && !s_.running && !s_.open.contains(Incident::kSync)) {
      Resolve(Incident::kCutover);
      return BeginCutover();
    }
    if (s_.phase == Phase::kSwitchingBack && !s_.running) {
      // Both are fenced and the proof of a moment ago holds: the target is as good as before.
      s_.forced = false;
      return Go(Phase::kSwitching);
    }
    if (!BeforeFence(s_.phase) || s_.phase == Phase::kBlocked) return RefuseHere("a cutover");
    Resolve(Incident::kCutover);
    s_.cutover_wanted = true;
  }

  void OnPause() {
    if (!traits().pause_allowed) return RefuseHere("a pause");
    if (s_.paused) return Refuse("the migration is paused already");
    Cancel();
    s_.paused = true;
  }

  void OnResume() {
    if (s_.phase == Phase::kBlocked) return Unblock();
    if (s_.paused) {
      s_.paused = false;
      if (HasAction()) return Order();
      // A cold migration that waits; cutover is refused while it is paused, so none is wanted.
      return;
    }
    if (s_.due_ms != 0 && !s_.running) return Order();
    Refuse("nothing is paused, blocked or waiting to be tried again");
  }
  void Unblock() {
    Resolve(Incident::kBlocked);
    Go(s_.blocked_at);
  }

  void OnRollback() {
    if (s_.forced && SendsBack(s_.phase)) {
      s_.after = Phase::kRolledBack;
      return;
    }
    switch (s_.phase) {
      case Phase::kSwitching: s_.rollback_wanted = true; return;
      case Phase::kOpening:
        if (!s_.running) return BeginRollback();
        s_.rollback_wanted = true;
        return;
      case Phase::kWatching: Cancel(); return BeginRollback();
      default: break;
    }
    if (SendsBack(s_.phase)) return Refuse("the rollback is under way already");
    if (s_.phase == Phase::kLiftingTarget || traits().ended) return RefuseHere("a rollback");
    OnAbort();
  }

  void OnComplete() {
    if (s_.phase != Phase::kWatching) return RefuseHere("complete");
    Cancel();
    Go(Phase::kDone);
  }

  void OnAbort() {
    if (s_.forced && SendsBack(s_.phase)) {
      s_.after = Phase::kAborted;
      return;
    }
    if (BeforeFence(s_.phase)) {
      Cancel();
      return Go(Phase::kAborted);
    }
    if (FencedBeforeSwitch(s_.phase)) {
      Cancel();
      s_.after = Phase::kAborted;
      return Go(Phase::kLifting);
    }
    if (s_.phase == Phase::kLifting) {
      s_.after = Phase::kAborted;
      return;
    }
    if (traits().ended) return RefuseHere("an abort");
    Refuse(std::string("clients may have been sent to the target already (state ") +
           NameOf(s_.phase) + "); to go back without losing a write: aerie migrate rollback");
  }

  const Rules& rules_;
  const State& before_;
  State s_;
  const std::int64_t now_ms_;
  std::vector<Action> actions_;
  std::optional<Action> order_;
  std::string refused_;
};

template <class T, std::size_t N>
std::optional<T> Named(const std::array<const char*, N>& names, std::string_view name) {
  for (std::size_t i = 0; i < N; ++i) {
    if (name == names[i]) return static_cast<T>(i);
  }
  return std::nullopt;
}

constexpr std::array<const char*, 3> kStrategyNames = {"cold", "hot", "incremental"};
constexpr std::array<const char*, kIncidents> kIncidentNames = {
    "blocked", "copy", "sync", "reverse", "behind", "cutover", "outage"};
constexpr std::array<const char*, kEventTypes> kEventNames = {
    "start", "succeeded", "failed",   "tick",     "cutover",
    "pause", "resume",    "rollback", "complete", "abort"};
constexpr std::array<const char*, 11> kActionNames = {"preflight", "copy",  "round",   "audit",
                                                      "prove",     "fence", "unfence", "switch",
                                                      "cancel",    "raise", "resolve"};

}  // namespace

State NewState(const Rules& rules) {
  State state;
  state.cutover_wanted = rules.auto_cutover;
  return state;
}

Transition Step(const Rules& rules, const State& state, const Event& event, WallTime now) {
  return Stepper(rules, state, now).Run(event);
}

std::optional<WallTime> NextWake(const Rules& rules, const State& state) {
  std::optional<WallTime> wake;
  const PhaseTraits& traits = TraitsOf(state.phase);
  if (traits.ended) return wake;
  if (state.due_ms != 0 && !state.running && !state.paused) wake = FromUnixMillis(state.due_ms);
  const bool undone = traits.bounded && !state.forced;
  const bool told = state.open.contains(Incident::kOutage) || OpensAgain(state);
  if (state.pause_began_ms != 0 && (undone || !told)) {
    const WallTime late = FromUnixMillis(state.pause_began_ms) + rules.max_pause;
    wake = wake ? std::min(*wake, late) : late;
  }
  return wake;
}

Way WayOf(const Rules& rules, const State& state) {
  const Phase phase = state.phase == Phase::kBlocked ? state.blocked_at : state.phase;
  Way way;
  if (phase == Phase::kLifting) {
    way.phases = {Phase::kLifting, state.after};
  } else if (phase == Phase::kLiftingTarget) {
    way.phases = {Phase::kLiftingTarget, Phase::kWatching};
  } else if (phase == Phase::kAborted) {
    way.phases = {Phase::kAborted};
  } else if (SendsBack(phase) || phase == Phase::kRolledBack) {
    way.phases = {Phase::kFencingTarget, Phase::kLastReverse,   Phase::kProvingReverse,
                  Phase::kSwitchingBack, Phase::kOpeningSource, state.after};
  } else if (rules.strategy == Strategy::kCold) {
    way.phases = {Phase::kPreflight, Phase::kReady,   Phase::kFencing,   Phase::kCopyingFenced,
                  Phase::kLastSync,  Phase::kProving, Phase::kSwitching, Phase::kOpening,
                  Phase::kWatching,  Phase::kDone};
  } else {
    way.phases = {Phase::kPreflight, Phase::kCopying, Phase::kSyncing,  Phase::kAuditing,
                  Phase::kReady,     Phase::kFencing, Phase::kLastSync, Phase::kProving,
                  Phase::kSwitching, Phase::kOpening, Phase::kWatching, Phase::kDone};
  }
  const auto at = std::find(way.phases.begin(), way.phases.end(), phase);
  way.at = static_cast<std::size_t>(at - way.phases.begin());
  return way;
}

const PhaseTraits& TraitsOf(Phase phase) { return kTraits[static_cast<std::size_t>(phase)]; }

const char* NameOf(Strategy strategy) { return kStrategyNames[static_cast<std::size_t>(strategy)]; }
const char* NameOf(Phase phase) { return TraitsOf(phase).name; }
const char* NameOf(Incident incident) { return kIncidentNames[static_cast<std::size_t>(incident)]; }
const char* NameOf(Side side) { return side == Side::kSource ? "source" : "target"; }
const char* NameOf(Event::Type type) { return kEventNames[static_cast<std::size_t>(type)]; }
const char* NameOf(Action::Type type) { return kActionNames[static_cast<std::size_t>(type)]; }

std::optional<Strategy> StrategyOf(std::string_view name) {
  return Named<Strategy>(kStrategyNames, name);
}
std::optional<Phase> PhaseOf(std::string_view name) {
  for (int i = 0; i < kPhases; ++i) {
    if (name == NameOf(static_cast<Phase>(i))) return static_cast<Phase>(i);
  }
  return std::nullopt;
}
std::optional<Incident> IncidentOf(std::string_view name) {
  return Named<Incident>(kIncidentNames, name);
}
Side Other(Side side) { return side == Side::kSource ? Side::kTarget : Side::kSource; }

}  // namespace aerie::migrate
