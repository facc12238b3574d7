// Which process wrote something down, and whether it still runs: for leases and the like, whose
// holder may have been killed.
//
// Pure looks at the kernel; safe from any thread.
#pragma once

#include <cstdint>
#include <string>

namespace aerie {

struct ProcessIdentity {
  // Where the process number means this process: the kernel's boot and the namespaces of process
  // numbers and of time. Two containers of one machine differ in it, and so do two boots. Empty:
  // not known.
  std::string machine;
  std::int64_t pid = 0;
  std::int64_t started = 0;  // ticks since the boot, proc(5) starttime; 0: not known
  bool operator==(const ProcessIdentity&) const = default;
};

ProcessIdentity ThisProcess();
// One of this machine that runs, such as a child.
ProcessIdentity ProcessOf(std::int64_t pid);

// True only when it is certain that the process runs no more, with none of its threads: it was of
// this machine, and its number is free, or another process has it, or it is dead but not yet
// collected by its parent. False for processes of other machines, of which nothing can be said.
bool HasEnded(const ProcessIdentity& process);

}  // namespace aerie
