// A name that one holder on this machine has at a time, until the lock is destroyed or its process
// ends, however it ends: nothing is left that a later one would have to clean up.
//
// It is a socket in Linux's abstract namespace, so it holds for all users and folders, and not for
// containers with a network of their own. Locks of one process exclude each other like those of
// two. Movable; any thread.
#pragma once

#include <string>
#include <utility>

#include "base/status.h"

namespace aerie {

class MachineLock {
 public:
  // `name`: any text, of any length; names of this program alone. kLocked, whose message is who has
  // it ("process 7", "this process"), without an operation or a remedy; kFailed.
  static Result<MachineLock> Take(const std::string& name);

  MachineLock(MachineLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  MachineLock& operator=(MachineLock&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~MachineLock();

 private:
  explicit MachineLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace aerie
