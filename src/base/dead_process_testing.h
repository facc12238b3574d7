// For tests of leases: a process of this machine that certainly runs no more.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include "base/process.h"

namespace aerie {

inline ProcessIdentity DeadProcess() {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(0);
  ProcessIdentity dead = ThisProcess();
  dead.pid = pid;
  dead.started = 0;
  ::waitpid(pid, nullptr, 0);
  return dead;
}

}  // namespace aerie
