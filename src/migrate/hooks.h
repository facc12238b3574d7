// Fences and switches that are commands of the user, and those that a human does by hand.
//
// A command runs by /bin/sh in a process group of its own, with the environment of
// docs/migrating.md; what it prints goes into the migration's log. One that a killed driver left
// behind is waited for, and killed at its timeout, before another is started: a late fence could
// close what was just opened. One call at a time; any thread.
#pragma once

#include <string>
#include <vector>

#include "base/progress.h"
#include "catalog/catalog.h"
#include "migrate/approval.h"
#include "migrate/ports.h"

namespace aerie::migrate {

// What hooks are told.
struct HookContext {
  std::string migration{};
  std::string source{};  // without credentials
  std::string target{};
  std::vector<std::string> collections{};  // at the source
  Duration timeout = std::chrono::seconds(30);
};

class CommandHooks : public Fence, public Switch {
 public:
  CommandHooks(catalog::Lease& lease, HookContext about, std::string fence, std::string switcher)
      : lease_(lease),
        about_(std::move(about)),
        fence_(std::move(fence)),
        switch_(std::move(switcher)) {}

  Result<std::int64_t> Apply(const Context& context, Side side) override;
  Status Lift(const Context& context, Side side) override;
  Status To(const Context& context, Side side) override;

 private:
  Status Call(const Context& context, const std::string& command, const std::string& action,
              Side side);
  Status AwaitEarlier(const Context& context);
  catalog::Lease& lease_;
  const HookContext about_;
  const std::string fence_;
  const std::string switch_;
};

class ManualHooks : public Fence, public Switch {
 public:
  ManualHooks(Approval& approval, HookContext about)
      : approval_(approval), about_(std::move(about)) {}

  Result<std::int64_t> Apply(const Context& context, Side side) override;
  Status Lift(const Context& context, Side side) override;
  Status To(const Context& context, Side side) override;

 private:
  const std::string& Address(Side side) const {
    return side == Side::kSource ? about_.source : about_.target;
  }

  Approval& approval_;
  const HookContext about_;
};

// Alerts to whoever watches, and by a command; empty: none is called.
class CommandAlerts : public AlertSink {
 public:
  CommandAlerts(std::string migration, std::string command, Duration timeout,
                ProgressSink& progress)
      : migration_(std::move(migration)),
        command_(std::move(command)),
        timeout_(timeout),
        progress_(progress) {}
  Status Deliver(const Context& context, const catalog::Alert& alert) override;

 private:
  const std::string migration_;
  const std::string command_;
  const Duration timeout_;
  ProgressSink& progress_;
};

}  // namespace aerie::migrate
