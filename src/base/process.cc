#include "base/process.h"

#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

namespace aerie {
namespace {

std::string FirstLine(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::string LinkTarget(const char* path) {
  std::array<char, 128> target{};
  const ssize_t size = readlink(path, target.data(), target.size());
  return size < 0 ? std::string() : std::string(target.data(), static_cast<std::size_t>(size));
}

// Empty when a part of it cannot be told.
std::string Machine() {
  const std::string boot = FirstLine("/proc/sys/kernel/random/boot_id");
  const std::string pids = LinkTarget("/proc/self/ns/pid");
  if (boot.empty() || pids.empty()) return {};
  return boot + " " + pids + " " + LinkTarget("/proc/self/ns/time");
}

struct TaskState {
  char state = 0;
  std::int64_t started = 0;
};

// Of proc(5) stat. The name, second and in parentheses, may have spaces and parentheses itself.
std::optional<TaskState> ReadStat(const std::string& path) {
  const std::string line = FirstLine(path);
  const std::size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(line.substr(name_end + 1));
  TaskState task;
  fields >> task.state;
  constexpr int kStateField = 3, kStartField = 22;
  std::string skipped;
  for (int field = kStateField + 1; field < kStartField; ++field) fields >> skipped;
  fields >> task.started;
  return fields ? std::optional(task) : std::nullopt;
}

bool IsDead(const TaskState& task) { return task.state == 'Z' || task.state == 'X'; }

// The first thread may be dead while another still waits for a disk, and writes after that.
bool AllThreadsDead(const std::string& folder) {
  std::error_code error;
  std::filesystem::directory_iterator thread(folder + "/task", error);
  for (; !error && thread != std::filesystem::directory_iterator(); thread.increment(error)) {
    const auto task = ReadStat(thread->path().string() + "/stat");
    if (!task || !IsDead(*task)) return false;
  }
  return !error;
}

}  // namespace

ProcessIdentity ThisProcess() {
  const auto self = ReadStat("/proc/self/stat");
  return {.machine = Machine(), .pid = getpid(), .started = self ? self->started : 0};
}

ProcessIdentity ProcessOf(std::int64_t pid) {
  const auto found = ReadStat("/proc/" + std::to_string(pid) + "/stat");
  return {.machine = Machine(), .pid = pid, .started = found ? found->started : 0};
}

bool HasEnded(const ProcessIdentity& process) {
  if (process.machine.empty() || process.machine != Machine() || process.pid <= 0) return false;
  // By a signal and not by /proc, which may hide the processes of others.
  if (kill(static_cast<pid_t>(process.pid), 0) != 0 && errno == ESRCH) return true;
  const std::string folder = "/proc/" + std::to_string(process.pid);
  const auto found = ReadStat(folder + "/stat");
  if (!found) return false;
  if (process.started != 0 && found->started != process.started) return true;
  return IsDead(*found) && AllThreadsDead(folder);
}

}  // namespace aerie
