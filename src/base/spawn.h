// Starting other programs: descriptors that close themselves, pipes, posix_spawn.
//
// Free functions, safe from any thread; an Fd belongs to one at a time.
#pragma once

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "base/status.h"

namespace aerie {

// Owns a file descriptor, or none (-1).
class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() { Close(); }
  void Close();
  int get() const { return fd_; }

 private:
  int fd_;
};

struct Pipe {
  Fd read;  // does not block: what a child left behind may keep the other end open for ever
  Fd write;
};

// Both ends are closed in children. `operation` leads the message of a failure, which is kFailed.
Result<Pipe> MakePipe(const std::string& operation);

// What a child gets: descriptors as its own (input -1: empty), and variables, "NAME=value", beside
// or instead of those of this process.
struct SpawnOptions {
  int input = -1;
  int output = -1;
  int error = -1;
  std::vector<std::string> environment = {};
};

// Starts arguments[0], a path or a name to be found in PATH, in a process group of its own, with
// no signal blocked. kFailed, and kNotFound when there is no such program.
Result<pid_t> Spawn(const std::string& operation, const std::vector<std::string>& arguments,
                    const SpawnOptions& options);

}  // namespace aerie
