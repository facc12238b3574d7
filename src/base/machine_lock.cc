#include "base/machine_lock.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace aerie {
namespace {

// FNV-1a, since an address has 107 bytes only; one of two names with the same hash waits in vain.
std::uint64_t HashOf(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

struct Address {
  sockaddr_un at{};
  socklen_t size = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&at); }
};

// The hash, and the end of the name for whoever looks into /proc/net/unix.
Address AddressOf(const std::string& name) {
  Address address;
  address.at.sun_family = AF_UNIX;
  const std::string prefix = "aerie/" + std::to_string(HashOf(name)) + "/";
  const std::size_t room = sizeof address.at.sun_path - 1 - prefix.size();
  const std::string text = prefix + name.substr(name.size() - std::min(name.size(), room));
  // It begins with a zero byte, which makes it abstract: no file.
  std::memcpy(address.at.sun_path + 1, text.data(), text.size());
  address.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + text.size());
  return address;
}

int Socket() { return ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0); }

// Who listens there, as the kernel knows it.
std::string HolderText(const Address& address) {
  ucred peer{};
  socklen_t size = sizeof peer;
  const int fd = Socket();
  const bool known = fd >= 0 && ::connect(fd, address.get(), address.size) == 0 &&
                     ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid > 0;
  if (fd >= 0) ::close(fd);
  if (!known) return "another process";
  return peer.pid == ::getpid() ? "this process" : "process " + std::to_string(peer.pid);
}

}  // namespace

Result<MachineLock> MachineLock::Take(const std::string& name) {
  const int fd = Socket();
  if (fd < 0) return FailedError(std::string("make a socket: ") + std::strerror(errno));
  MachineLock lock(fd);
  const Address address = AddressOf(name);
  if (::bind(fd, address.get(), address.size) == 0) {
    // Nobody is ever answered; the kernel tells those who connect who it is.
    if (::listen(fd, SOMAXCONN) == 0) return lock;
  } else if (errno == EADDRINUSE) {
    return MakeStatus(Kind::kLocked, HolderText(address));
  }
  return FailedError(std::string("bind a socket: ") + std::strerror(errno));
}

MachineLock::~MachineLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace aerie
