#include "base/spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

#include <string.h>

namespace aerie {
namespace {

Status StartError(const std::string& operation, int error) {
  return MakeStatus(error == ENOENT ? Kind::kNotFound : Kind::kFailed,
                    operation + ": it cannot be started: " + ::strerror(error));
}

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

// The attributes and file actions of posix_spawn, destroyed in any case.
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
  int Start(pid_t& pid, const std::vector<std::string>& arguments, const SpawnOptions& options) {
    std::vector<char*> words = Pointers(arguments);
    std::vector<char*> environment = Pointers(options.environment);
    environment.pop_back();
    for (char** inherited = environ; *inherited != nullptr; ++inherited) {
      if (!IsAmong(*inherited, options.environment)) environment.push_back(*inherited);
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
    if (options.input < 0) {
      ::posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    } else {
      ::posix_spawn_file_actions_adddup2(&actions_, options.input, STDIN_FILENO);
    }
    ::posix_spawn_file_actions_adddup2(&actions_, options.output, STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions_, options.error, STDERR_FILENO);
    return ::posix_spawnp(&pid, words[0], &actions_, &attributes_, words.data(),
                          environment.data());
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

}  // namespace

void Fd::Close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Result<Pipe> MakePipe(const std::string& operation) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return StartError(operation, errno);
  Pipe pipe{Fd(ends[0]), Fd(ends[1])};
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  return pipe;
}

Result<pid_t> Spawn(const std::string& operation, const std::vector<std::string>& arguments,
                    const SpawnOptions& options) {
  pid_t pid = 0;
  const int failed = SpawnPlan().Start(pid, arguments, options);
  if (failed != 0) return StartError(operation, failed);
  return pid;
}

}  // namespace aerie
