#include "objects/ssh_channel.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string_view>
#include <utility>

#include "base/clock.h"

namespace aerie::objects {
namespace {

constexpr int kPollMs = 50;
constexpr std::size_t kReadBytes = std::size_t{64} << 10;
constexpr std::size_t kSaidBytes = 4096;  // the end is kept
constexpr auto kLastWords = std::chrono::seconds(2);
constexpr std::string_view kHostKey = "debug1: Server host key: ";

Status Ended(const std::string& operation) {
  return MakeStatus(Kind::kTransient, operation + ": the connection is lost");
}

}  // namespace

Result<std::unique_ptr<SshChannel>> SshChannel::Start(const std::string& operation,
                                                      const std::vector<std::string>& command) {
  // A socket, not two pipes: writing to one that is closed can be told not to raise SIGPIPE.
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return FailedError(operation + ": " + std::strerror(errno));
  }
  Fd ours(ends[0]);
  const Fd theirs(ends[1]);
  ::fcntl(ours.get(), F_SETFL, O_NONBLOCK);
  AERIE_ASSIGN(Pipe error, MakePipe(operation));
  AERIE_ASSIGN(const pid_t pid,
               Spawn(operation, command,
                     {.input = theirs.get(), .output = theirs.get(), .error = error.write.get()}));
  return std::unique_ptr<SshChannel>(new SshChannel(pid, std::move(ours), std::move(error.read)));
}

SshChannel::~SshChannel() {
  ::kill(-pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void SshChannel::Wait(short events) {
  std::array<pollfd, 2> wanted{{{.fd = stream_.get(), .events = events, .revents = 0},
                                {.fd = error_.get(), .events = POLLIN, .revents = 0}}};
  ::poll(wanted.data(), wanted.size(), kPollMs);
  CollectSaid();
}

bool SshChannel::Collect() {
  if (taken_ == in_.size()) {
    in_.clear();
    taken_ = 0;
  }
  for (;;) {
    const std::size_t at = in_.size();
    in_.resize(at + kReadBytes);
    const ssize_t got = ::recv(stream_.get(), in_.data() + at, kReadBytes, 0);
    in_.resize(at + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got == 0) return false;
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    if (static_cast<std::size_t>(got) < kReadBytes) return true;
  }
}

Status SshChannel::Write(const SshCall& call, ByteSpan bytes) {
  while (!bytes.empty()) {
    AERIE_TRY(call.context.Check(call.operation));
    const ssize_t put = ::send(stream_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (put > 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(put));
      continue;
    }
    if (errno != EAGAIN && errno != EINTR) return Ended(call.operation);
    Wait(POLLOUT | POLLIN);
    if (!Collect()) return Ended(call.operation);
  }
  return Ok();
}

Status SshChannel::Read(const SshCall& call, std::span<std::uint8_t> out) {
  while (!out.empty()) {
    const std::size_t there = std::min(out.size(), in_.size() - taken_);
    std::copy_n(in_.begin() + static_cast<std::ptrdiff_t>(taken_), there, out.begin());
    taken_ += there;
    out = out.subspan(there);
    if (out.empty()) break;
    AERIE_TRY(call.context.Check(call.operation));
    const bool open = Collect();
    if (taken_ < in_.size()) continue;
    if (!open) return Ended(call.operation);
    Wait(POLLIN);
  }
  return Ok();
}

void SshChannel::TakeLine(std::string line) {
  std::erase(line, '\r');
  if (line.starts_with(kHostKey)) said_.host_key = line.substr(kHostKey.size());
  // What ssh says of its own doings at this level of its log.
  for (const std::string_view own :
       {"debug", "OpenSSH_", "Authenticated to", "Transferred: sent", "Bytes per second"}) {
    if (line.starts_with(own)) return;
  }
  if (line.empty()) return;
  said_.text += line + "\n";
  if (said_.text.size() > kSaidBytes) said_.text.erase(0, said_.text.size() - kSaidBytes);
}

void SshChannel::CollectSaid() {
  std::array<char, 4096> buffer{};
  ssize_t got = 0;
  while (error_.get() >= 0 && (got = ::read(error_.get(), buffer.data(), buffer.size())) > 0) {
    said_part_.append(buffer.data(), static_cast<std::size_t>(got));
    std::size_t end = 0;
    while ((end = said_part_.find('\n')) != std::string::npos) {
      TakeLine(said_part_.substr(0, end));
      said_part_.erase(0, end + 1);
    }
    if (said_part_.size() > kSaidBytes) said_part_.clear();
  }
  if (got == 0) error_.Close();
}

SshChannel::Said SshChannel::LastWords() {
  const SteadyTime until = SystemClock().Steady() + kLastWords;
  while (error_.get() >= 0 && SystemClock().Steady() < until) {
    pollfd wanted{.fd = error_.get(), .events = POLLIN, .revents = 0};
    ::poll(&wanted, 1, kPollMs);
    CollectSaid();
  }
  if (!said_part_.empty()) TakeLine(std::exchange(said_part_, {}));
  return said_;
}

}  // namespace aerie::objects
