// What a service tells systemd about itself, by datagrams to $NOTIFY_SOCKET (sd_notify(3)); nothing
// where systemd did not start it.
//
// Thread-safe.
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"

namespace aerie::app {

class SystemdNotifier {
 public:
  // What the environment says; takes it out of there, so that no child speaks for this process.
  static SystemdNotifier FromEnvironment();

  // "READY=1", "STOPPING=1", "WATCHDOG=1"; several lines are one message. One that cannot be sent
  // is logged: whoever waits for it acts by itself.
  void Send(const std::string& state) const;
  // How long systemd waits for a WATCHDOG=1 before it kills; nullopt: for ever.
  std::optional<Duration> watchdog() const { return watchdog_; }

 private:
  std::string socket_;  // empty: nobody listens
  std::optional<Duration> watchdog_;
};

}  // namespace aerie::app
