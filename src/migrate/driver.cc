#include "migrate/driver.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "migrate/state_json.h"
#include "migrate/words.h"

namespace aerie::migrate {
namespace {

// Time may heal these; all else would fail again in the same way.
bool IsPassing(const Status& status) {
  switch (KindOf(status)) {
    case Kind::kTransient:
    case Kind::kThrottled:
    case Kind::kTimeout:
    case Kind::kUnknownOutcome:
    case Kind::kLocked:
    case Kind::kNoSpace: return true;
    default: return false;
  }
}

Event Failed(const Status& status) {
  return {.type = Event::Type::kFailed,
          .passing = IsPassing(status),
          .message = std::string(status.message())};
}

std::string LogText(const State& before, const Event& event, const Transition& t) {
  std::string text = std::string(NameOf(before.phase)) + ": " + NameOf(event.type);
  if (!event.message.empty()) text += ": " + event.message;
  if (event.rows > 0) text += " (" + std::to_string(event.rows) + " rows)";
  if (!t.refused.empty()) return text + ", refused: " + t.refused;
  if (t.next.phase != before.phase) text += std::string(" -> ") + NameOf(t.next.phase);
  if (t.next.last_pause_ms != before.last_pause_ms) {
    text += "; nobody could write for " + std::to_string(t.next.last_pause_ms) + " ms";
  }
  return text;
}

catalog::StepRecord RecordOf(const State& before, const Event& event, const Transition& t,
                             std::int64_t command) {
  catalog::StepRecord record{.state = ToText(t.next),
                             .phase = NameOf(t.next.phase),
                             .ended = TraitsOf(t.next.phase).ended,
                             .answered = command,
                             .refusal = t.refused};
  // A tick that changes nothing is no event.
  if (event.type != Event::Type::kTick || !(t.next == before)) {
    record.log.push_back({.kind = "event", .text = LogText(before, event, t)});
  }
  for (const Action& action : t.actions) {
    if (action.type != Action::Type::kRaise && action.type != Action::Type::kResolve) continue;
    const bool raised = action.type == Action::Type::kRaise;
    record.alerts.push_back(
        {.incident = NameOf(action.incident), .text = action.text, .raised = raised});
    record.log.push_back({.kind = "alert",
                          .text = std::string(NameOf(action.incident)) +
                                  (raised ? " raised: " + action.text : " resolved")});
  }
  return record;
}

bool TakesTime(const Action& action) { return action.type <= Action::Type::kSwitch; }

}  // namespace

Driver::Driver(catalog::Lease& lease, const Rules& rules, Ports ports, Approval& approval,
               ProgressSink& progress, const DriverOptions& options)
    : lease_(lease),
      rules_(rules),
      ports_(ports),
      approval_(approval),
      progress_(progress),
      options_(options) {}

Driver::~Driver() { StopWork(); }

std::int64_t Driver::NowMs() const { return ToUnixMillis(clock_->Now()); }

Result<State> Driver::Run(const Context& context, const State& state) {
  clock_ = &context.clock();
  state_ = state;
  renewed_ = clock_->Now();
  deliverer_ = std::jthread([this](const std::stop_token& stop) { DeliverAlerts(stop); });
  Status status;
  try {
    status = Loop(context);
  } catch (...) {
    StopWork();
    deliverer_ = {};
    throw;
  }
  StopWork();
  deliverer_ = {};  // stopped and joined
  if (!status.ok()) return status;
  // What was raised at the very end.
  DeliverWaiting(Context(*clock_));
  if (thrown_) std::rethrow_exception(std::exchange(thrown_, nullptr));
  return state_;
}

Status Driver::Loop(const Context& context) {
  AERIE_TRY(Apply({.type = Event::Type::kStart}));
  bool told = false;
  while (!TraitsOf(state_.phase).ended && state_.phase != Phase::kBlocked) {
    if (context.cancelled() && state_.pause_began_ms == 0) break;
    if (context.cancelled() && !std::exchange(told, true)) {
      progress_.OnProgress({.type = ProgressEvent::Type::kWarning,
                            .message = "interrupted while nobody can write: going on until "
                                       "somebody can (once more ends it at once, and leaves the "
                                       "writes stopped)"});
    }
    AERIE_TRY(TakeOutcome());
    AERIE_TRY(Obey());
    AERIE_TRY(Pass());
    Wait(context);
  }
  return Ok();
}

Status Driver::Apply(const Event& event, std::int64_t command) {
  const Transition t = Step(rules_, state_, event, clock_->Now());
  const Status stored = lease_.Store(RecordOf(state_, event, t, command), NowMs());
  if (!stored.ok()) {
    return state_.pause_began_ms == 0
               ? stored
               : Annotate(stored, std::string("nobody can write, and the migration cannot go on "
                                              "from state ") +
                                      NameOf(state_.phase) + "; mend this and run it again");
  }
  const bool entered = t.next.phase != state_.phase || event.type == Event::Type::kStart;
  state_ = t.next;
  if (entered) {
    progress_.OnProgress({.type = ProgressEvent::Type::kPhase,
                          .phase = NameOf(state_.phase),
                          .message = TraitsOf(state_.phase).about});
  }
  for (const Action& action : t.actions) {
    if (action.type == Action::Type::kCancel) {
      StopWork();
    } else if (TakesTime(action)) {
      StartWork(action);
    } else {
      AlertsChanged();
    }
  }
  return Ok();
}

void Driver::AlertsChanged() {
  std::lock_guard lock(mutex_);
  alerts_changed_ = true;
  changed_.notify_all();
}

Status Driver::TakeOutcome() {
  std::optional<Event> outcome;
  {
    std::lock_guard lock(mutex_);
    if (thrown_) std::rethrow_exception(std::exchange(thrown_, nullptr));
    outcome = std::exchange(outcome_, std::nullopt);
  }
  return outcome ? Apply(*outcome) : Ok();
}

Status Driver::Obey() {
  AERIE_ASSIGN(const auto commands, lease_.Commands());
  for (const catalog::Command& command : commands) {
    if (const auto type = EventOf(command.verb)) {
      AERIE_TRY(Apply({.type = *type}, command.number));
    } else if (command.verb == "approve") {
      AERIE_TRY(
          lease_.Answer(command.number, approval_.Approve(command.request, NowMs()), NowMs()));
    } else {
      AERIE_TRY(lease_.Answer(command.number, "this version does not know it", NowMs()));
    }
  }
  return Ok();
}

Status Driver::Pass() {
  const WallTime now = clock_->Now();
  const auto wake = NextWake(rules_, state_);
  if (wake && *wake <= now) AERIE_TRY(Apply({.type = Event::Type::kTick}));
  if (now - renewed_ < options_.renew && now >= renewed_) return Ok();
  renewed_ = now;
  return lease_.Renew(ToUnixMillis(now));
}

void Driver::Wait(const Context& context) {
  Duration time = state_.running ? options_.watch : options_.poll;
  if (const auto wake = NextWake(rules_, state_)) {
    time = std::clamp<Duration>(*wake - clock_->Now(), Duration::zero(), time);
  }
  if (!state_.running) {
    clock_->SleepFor(time, context.cancelled() ? std::stop_token() : context.stop());
    return;
  }
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, time, [this] { return outcome_.has_value() || thrown_ != nullptr; });
}

// --- The worker ---

void Driver::StartWork(const Action& action) {
  if (worker_.joinable()) worker_.join();  // its outcome was taken
  // Not a child of Run's context: who interrupts wants it to end well.
  scope_ = std::make_unique<CancelScope>(Context(*clock_));
  const Haste haste = state_.pause_began_ms != 0 ? Haste::kPause : Haste::kNone;
  worker_ = std::jthread([this, action, haste, context = scope_->context()] {
    std::optional<Event> event;
    std::exception_ptr thrown;
    try {
      event = Perform(context, action, haste);
    } catch (...) {
      thrown = std::current_exception();
    }
    std::lock_guard lock(mutex_);
    outcome_ = std::move(event);
    if (thrown) thrown_ = thrown;
    changed_.notify_all();
  });
}

void Driver::StopWork() {
  if (!worker_.joinable()) return;
  scope_->Cancel();
  worker_.join();
  std::lock_guard lock(mutex_);
  outcome_.reset();
}

Event Driver::Perform(const Context& context, const Action& action, Haste haste) {
  Event ok{.type = Event::Type::kSucceeded};
  switch (action.type) {
    case Action::Type::kPreflight: {
      const Status status = ports_.preflight.Check(context);
      return status.ok() ? ok : Failed(status);
    }
    case Action::Type::kCopy: {
      const auto copied = ports_.mover.Copy(context, haste);
      if (!copied.ok()) return Failed(copied.status());
      ok.rows = copied->rows;
      return ok;
    }
    case Action::Type::kRound:
    case Action::Type::kAudit: {
      const SteadyTime begun = clock_->Steady();
      const auto round = action.type == Action::Type::kRound
                             ? ports_.mover.Round(context, action.side, haste)
                             : ports_.mover.Audit(context, action.side);
      if (!round.ok()) return Failed(round.status());
      ok.rows = round->inserted + round->updated + round->deleted;
      ok.took_ms =
          std::chrono::duration_cast<std::chrono::milliseconds>(clock_->Steady() - begun).count();
      return ok;
    }
    case Action::Type::kProve: {
      const auto proof = ports_.mover.Prove(context, action.side);
      if (!proof.ok()) return Failed(proof.status());
      ok.source_changed = proof->source_changed;
      ok.target_differed = proof->repaired;
      ok.message = proof->what;
      return ok;
    }
    case Action::Type::kFence: {
      const auto since = ports_.fence.Apply(context, action.side);
      if (!since.ok()) return Failed(since.status());
      ok.fenced_ms = *since;
      return ok;
    }
    case Action::Type::kUnfence: {
      const Status status = ports_.fence.Lift(context, action.side);
      return status.ok() ? ok : Failed(status);
    }
    case Action::Type::kSwitch: {
      const Status status = ports_.switcher.To(context, action.side);
      return status.ok() ? ok : Failed(status);
    }
    case Action::Type::kCancel:
    case Action::Type::kRaise:
    case Action::Type::kResolve: break;
  }
  return Failed(InternalError("no action that takes time"));
}

// --- Alerts, on a thread of their own: a slow sink must not keep a fence up ---

void Driver::DeliverAlerts(const std::stop_token& stop) {
  CancelScope scope{Context(*clock_)};
  const std::stop_callback cancel(stop, [&scope] { scope.Cancel(); });
  bool left = true;  // of an earlier driver
  while (!stop.stop_requested()) {
    {
      std::unique_lock lock(mutex_);
      if (!left) changed_.wait(lock, stop, [this] { return alerts_changed_; });
      alerts_changed_ = false;
    }
    if (stop.stop_requested()) return;
    try {
      left = !DeliverWaiting(scope.context());
    } catch (...) {
      std::lock_guard lock(mutex_);
      thrown_ = std::current_exception();
      changed_.notify_all();
      return;
    }
    if (left) clock_->SleepFor(options_.redeliver, stop);
  }
}

bool Driver::DeliverOne(const Context& context, const catalog::Alert& alert) {
  const Status delivered = ports_.alerts.Deliver(context, alert);
  if (!delivered.ok()) {
    log::Warn("alert not delivered",
              {{"incident", alert.incident}, {"why", std::string(delivered.message())}});
    return false;
  }
  return lease_.Delivered(alert, ToUnixMillis(context.clock().Now())).ok();
}

// Whether none is left.
bool Driver::DeliverWaiting(const Context& context) {
  const auto waiting = lease_.Undelivered();
  if (!waiting.ok()) return false;
  for (const catalog::Alert& alert : *waiting) {
    // What began and was over before anybody could be told is told whole.
    if (!alert.raise_delivered) {
      catalog::Alert begun = alert;
      begun.resolved_ms = 0;
      if (!DeliverOne(context, begun)) return false;
    }
    if (alert.resolved_ms != 0 && !DeliverOne(context, alert)) return false;
  }
  return true;
}

Result<std::optional<std::string>> ObeyWithoutDriver(catalog::Lease& lease, const Rules& rules,
                                                     const State& state, Event::Type command,
                                                     std::int64_t number, WallTime now) {
  // What was under way died with its driver.
  State still = state;
  still.running = false;
  const Event event{.type = command};
  const Transition t = Step(rules, still, event, now);
  if (!t.actions.empty() && TakesTime(t.actions.back())) return std::optional<std::string>();
  State next = t.next;
  // The action that was under way is made by the next driver.
  if (t.refused.empty() && next.phase == state.phase && !next.paused) next.running = state.running;
  Transition stored = t;
  stored.next = t.refused.empty() ? next : state;
  AERIE_TRY(lease.Store(RecordOf(state, event, stored, number), ToUnixMillis(now)));
  return std::optional<std::string>(t.refused);
}

}  // namespace aerie::migrate
