#include "app/systemd.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "base/log.h"

namespace aerie::app {
namespace {

std::string Taken(const char* name) {
  const char* value = std::getenv(name);
  const std::string text = value == nullptr ? "" : value;
  ::unsetenv(name);
  return text;
}

template <class N>
std::optional<N> NumberOf(const std::string& text) {
  N number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

SystemdNotifier SystemdNotifier::FromEnvironment() {
  SystemdNotifier notifier;
  notifier.socket_ = Taken("NOTIFY_SOCKET");
  const auto usec = NumberOf<std::int64_t>(Taken("WATCHDOG_USEC"));
  const auto pid = NumberOf<pid_t>(Taken("WATCHDOG_PID"));
  // Another process of this unit may be the one that is watched.
  if (usec && *usec > 0 && (!pid || *pid == ::getpid())) {
    notifier.watchdog_ = std::chrono::microseconds(*usec);
  }
  return notifier;
}

void SystemdNotifier::Send(const std::string& state) const {
  if (socket_.empty()) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const auto failed = [&](const char* why) {
    log::Warn("tell systemd", {{"state", state}, {"why", why}});
  };
  if (socket_.size() >= sizeof address.sun_path) return failed("NOTIFY_SOCKET is too long");
  std::memcpy(address.sun_path, socket_.data(), socket_.size());
  // An abstract one is written with @ and begins with a zero byte.
  if (socket_.front() == '@') address.sun_path[0] = '\0';
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return failed(std::strerror(errno));
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
  if (::sendto(fd, state.data(), state.size(), MSG_NOSIGNAL,
               reinterpret_cast<const sockaddr*>(&address), size) < 0) {
    failed(std::strerror(errno));
  }
  ::close(fd);
}

}  // namespace aerie::app
