#include "base/child_process.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

#include <string.h>

#include "base/spawn.h"

namespace aerie {
namespace {

constexpr int kPollMs = 50;
constexpr int kUnknownExitCode = 255;

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
  AERIE_ASSIGN(const pid_t pid, Spawn(options.operation, arguments,
                                      {.output = output.write.get(),
                                       .error = error.write.get(),
                                       .environment = options.environment}));
  output.write.Close();
  error.write.Close();
  Child child(pid, std::move(output.read), std::move(error.read), options);
  if (options.on_started) AERIE_TRY(options.on_started(pid));
  return child.Run(context);
}

}  // namespace aerie
