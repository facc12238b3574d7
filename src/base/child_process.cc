#include "base/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

#include <string.h>

namespace aerie {
namespace {

constexpr int kPollMs = 50;
constexpr int kUnknownExitCode = 255;

class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() { Close(); }
  void Close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

struct Pipe {
  Fd read;
  Fd write;
};

Status StartError(const std::string& operation, int error) {
  return FailedError(operation + ": it cannot be started: " + ::strerror(error));
}

Result<Pipe> MakePipe(const std::string& operation) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return StartError(operation, errno);
  Pipe pipe{Fd(ends[0]), Fd(ends[1])};
  // What a child left behind may keep the other end open for ever.
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  return pipe;
}

// The attributes and file actions of posix_spawn, destroyed in any case.
// With a null at the end, as exec wants them.
std::vector<char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// Whether `variables` set the one of this "NAME=value".
bool IsAmong(std::string_view inherited, const std::vector<std::string>& variables) {
  const std::string_view name = inherited.substr(0, inherited.find('=') + 1);
  return std::any_of(variables.begin(), variables.end(),
                     [&](const std::string& each) { return each.starts_with(name); });
}

class SpawnPlan {
 public:
  SpawnPlan() {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawnattr_init(&attributes_);
  }
  ~SpawnPlan() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  // Returns 0 or an errno.
  int Spawn(pid_t& pid, const std::vector<std::string>& arguments,
            const std::vector<std::string>& variables, int output, int error) {
    std::vector<char*> words = Pointers(arguments);
    std::vector<char*> environment = Pointers(variables);
    environment.pop_back();
    for (char** inherited = environ; *inherited != nullptr; ++inherited) {
      if (!IsAmong(*inherited, variables)) environment.push_back(*inherited);
    }
    environment.push_back(nullptr);
    sigset_t none;
    sigset_t defaults;
    ::sigemptyset(&none);
    ::sigemptyset(&defaults);
    for (const int signal : {SIGPIPE, SIGINT, SIGTERM}) ::sigaddset(&defaults, signal);
    ::posix_spawnattr_setflags(
        &attributes_, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    ::posix_spawnattr_setpgroup(&attributes_, 0);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setsigdefault(&attributes_, &defaults);
    ::posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions_, output, STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions_, error, STDERR_FILENO);
    return ::posix_spawn(&pid, words[0], &actions_, &attributes_, words.data(), environment.data());
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

// A running child; killed with all of its group, and reaped, when destroyed.
class Child {
 public:
  Child(pid_t pid, Fd output, Fd error, const ChildOptions& options)
      : pid_(pid), output_(std::move(output)), error_(std::move(error)), options_(options) {
    outcome_.output.reserve(options.output_bytes);
  }
  ~Child() { Kill(); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  Result<ChildOutcome> Run(const Context& context) {
    while (pid_ != 0) {
      Status status = context.Check(options_.operation);
      if (!status.ok()) return Stopped(std::move(status));
      Poll();
      // In this order: what it printed before its end is there after it.
      Reap(WNOHANG);
      Drain();
      if (outcome_.output_too_long) Kill();
    }
    return std::move(outcome_);
  }

 private:
  void Poll() const {
    std::array<pollfd, 2> wanted{{{.fd = output_.get(), .events = POLLIN, .revents = 0},
                                  {.fd = error_.get(), .events = POLLIN, .revents = 0}}};
    // With both closed the child is about to end.
    ::poll(wanted.data(), wanted.size(), output_.get() < 0 && error_.get() < 0 ? 1 : kPollMs);
  }

  void Reap(int flags) {
    int state = 0;
    const pid_t ended = ::waitpid(pid_, &state, flags);
    if (ended == 0 || (ended < 0 && errno == EINTR)) return;
    pid_ = 0;
    // Somebody else reaped it, as where SIGCHLD is ignored.
    if (ended < 0) outcome_.exit_code = kUnknownExitCode;
    if (ended < 0) return;
    if (WIFEXITED(state)) outcome_.exit_code = WEXITSTATUS(state);
    if (WIFSIGNALED(state)) outcome_.signal = WTERMSIG(state);
  }

  void Drain() {
    std::array<char, 4096> buffer{};
    for (Fd* const from : {&output_, &error_}) {
      ssize_t got = 0;
      while (from->get() >= 0 && !outcome_.output_too_long &&
             (got = ::read(from->get(), buffer.data(), buffer.size())) > 0) {
        Take(from == &output_, {buffer.data(), static_cast<std::size_t>(got)});
      }
      if (got == 0) from->Close();
    }
    ::explicit_bzero(buffer.data(), buffer.size());
  }

  void Take(bool output, std::string_view text) {
    if (output) {
      outcome_.output_too_long = outcome_.output.size() + text.size() > options_.output_bytes;
      if (!outcome_.output_too_long) outcome_.output.append(text);
      return;
    }
    std::string& tail = outcome_.error_tail;
    tail.append(text);
    if (tail.size() > options_.error_bytes) tail.erase(0, tail.size() - options_.error_bytes);
  }

  Status Stopped(Status status) {
    Kill();
    Drain();
    ::explicit_bzero(outcome_.output.data(), outcome_.output.size());
    const std::string said = outcome_.error_tail.empty() ? "" : ": " + outcome_.error_tail;
    return MakeStatus(KindOf(status), std::string(status.message()) + "; it was killed" + said);
  }

  void Kill() {
    if (pid_ == 0) return;
    ::kill(-pid_, SIGKILL);
    while (pid_ != 0) Reap(0);
  }

  pid_t pid_;
  Fd output_;
  Fd error_;
  const ChildOptions& options_;
  ChildOutcome outcome_;
};

}  // namespace

Result<ChildOutcome> RunChild(const Context& context, const std::vector<std::string>& arguments,
                              const ChildOptions& options) {
  AERIE_TRY(context.Check(options.operation));
  AERIE_ASSIGN(Pipe output, MakePipe(options.operation));
  AERIE_ASSIGN(Pipe error, MakePipe(options.operation));
  pid_t pid = 0;
  const int failed =
      SpawnPlan().Spawn(pid, arguments, options.environment, output.write.get(), error.write.get());
  if (failed != 0) return StartError(options.operation, failed);
  output.write.Close();
  error.write.Close();
  Child child(pid, std::move(output.read), std::move(error.read), options);
  if (options.on_started) AERIE_TRY(options.on_started(pid));
  return child.Run(context);
}

}  // namespace aerie
