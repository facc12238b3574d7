// Drives one migration: does what the machine says, through the ports, and stores each state in the
// catalog before its action is made.
//
// Run blocks until the migration has ended, is blocked, or the context is cancelled; commands that
// others leave in the catalog are obeyed meanwhile. A driver that dies at any instant is followed
// by another one from the same catalog, which makes the action of the stored state again. Used by
// one thread; all that it refers to must outlive it.
#pragma once

#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/context.h"
#include "base/progress.h"
#include "catalog/catalog.h"
#include "migrate/approval.h"
#include "migrate/machine.h"
#include "migrate/ports.h"

namespace aerie::migrate {

struct Ports {
  Preflight& preflight;
  Mover& mover;
  Fence& fence;
  Switch& switcher;
  AlertSink& alerts;
};

struct DriverOptions {
  Duration poll = std::chrono::milliseconds(100);   // for commands of others
  Duration watch = std::chrono::milliseconds(100);  // the same, and time, while work is under way
  Duration renew = std::chrono::seconds(10);        // of the lease
  Duration redeliver = std::chrono::seconds(10);    // an alert that could not be delivered
};

class Driver {
 public:
  Driver(catalog::Lease& lease, const Rules& rules, Ports ports, Approval& approval,
         ProgressSink& progress, const DriverOptions& options = {});
  ~Driver();
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  // Goes on from `state`, as the catalog has it. The state in which it stops: an ended one,
  // kBlocked, or any when the context was cancelled (which is then the caller's to say). Cancelled
  // while nobody can write, it goes on until somebody can.
  // Errors: the catalog's; kLocked when another process has taken over.
  Result<State> Run(const Context& context, const State& state);
  // That others stored alerts, to be delivered. Any thread.
  void AlertsChanged();

 private:
  Status Loop(const Context& context);
  Status Apply(const Event& event, std::int64_t command = 0);
  Status TakeOutcome();
  Status Obey();
  Status Pass();  // of time
  void Wait(const Context& context);
  std::int64_t NowMs() const;

  void StartWork(const Action& action);
  void StopWork();
  Event Perform(const Context& context, const Action& action, Haste haste);
  void DeliverAlerts(const std::stop_token& stop);
  bool DeliverWaiting(const Context& context);
  bool DeliverOne(const Context& context, const catalog::Alert& alert);

  catalog::Lease& lease_;
  const Rules rules_;
  const Ports ports_;
  Approval& approval_;
  ProgressSink& progress_;
  const DriverOptions options_;
  Clock* clock_ = nullptr;
  State state_;
  WallTime renewed_{};

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::optional<Event> outcome_;  // of the work under way
  std::exception_ptr thrown_;     // by a port: ours to pass on
  bool alerts_changed_ = false;
  std::unique_ptr<CancelScope> scope_;
  std::jthread worker_;
  std::jthread deliverer_;
};

// Obeys one command where no driver runs, if that needs no action: such as the abort of a migration
// that is blocked. nullopt: it needs one, so the command waits for a driver. Else why it is
// refused, or "". Errors: the catalog's.
Result<std::optional<std::string>> ObeyWithoutDriver(catalog::Lease& lease, const Rules& rules,
                                                     const State& state, Event::Type command,
                                                     std::int64_t number, WallTime now);

}  // namespace aerie::migrate
