// Where the daemon keeps what it has, and whether one is there: for it, and for whoever talks to
// it.
//
// Free functions; any thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "app/config.h"
#include "base/process.h"
#include "base/status.h"

namespace aerie::app {

// `serve.data_dir`, else the state folder (app/session.h).
Result<std::string> DataFolder(const Config& config);
// The catalog of jobs, schedules and migrations there.
Result<std::string> CatalogPath(const Config& config);

// With a repository `local` in that folder, which is the default one, where none is configured: so
// that it works with nothing configured at all.
Result<Config> WithLocalRepository(Config config);

// The right to be the daemon of a folder. Given back when destroyed, or when the process ends.
class DaemonLock {
 public:
  // Makes the folder where it is not there. kLocked, naming the process that has it.
  static Result<std::unique_ptr<DaemonLock>> Take(const std::string& folder);
  ~DaemonLock();
  DaemonLock(const DaemonLock&) = delete;
  DaemonLock& operator=(const DaemonLock&) = delete;

 private:
  explicit DaemonLock(int fd) : fd_(fd) {}
  const int fd_;
};
// The daemon of that folder, when one runs on this machine.
std::optional<ProcessIdentity> RunningDaemon(const std::string& folder);

}  // namespace aerie::app
