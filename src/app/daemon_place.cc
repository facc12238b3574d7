#include "app/daemon_place.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "app/result.h"
#include "app/session.h"

namespace aerie::app {
namespace {

std::string LockPath(const std::string& folder) { return folder + "/serve.lock"; }

Status MakeFolder(const std::string& folder) {
  std::error_code error;
  const bool made = std::filesystem::create_directories(folder, error);
  if (error) return FailedError("make folder " + folder + ": " + error.message());
  // One that was there is the user's: its permissions are not ours to change.
  if (made) ::chmod(folder.c_str(), 0700);
  return Ok();
}

std::string TextOf(const ProcessIdentity& process) {
  return Dump({{"machine", process.machine}, {"pid", process.pid}, {"started", process.started}}) +
         "\n";
}

}  // namespace

Result<std::string> DataFolder(const Config& config) {
  if (!config.serve.data_dir.empty()) return config.serve.data_dir;
  return StateFolder();
}

Result<std::string> CatalogPath(const Config& config) {
  AERIE_ASSIGN(const std::string folder, DataFolder(config));
  return folder + "/catalog.db";
}

Result<Config> WithLocalRepository(Config config) {
  if (!config.repositories.empty()) return config;
  AERIE_ASSIGN(const std::string folder, DataFolder(config));
  config.repositories["local"].url = std::filesystem::absolute(folder + "/repository").string();
  config.default_repository = "local";
  return config;
}

Result<std::unique_ptr<DaemonLock>> DaemonLock::Take(const std::string& folder) {
  AERIE_TRY(MakeFolder(folder));
  const std::string path = LockPath(folder);
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return FailedError("lock folder " + folder + ": " + std::strerror(errno));
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    ::close(fd);
    const auto other = RunningDaemon(folder);
    return MakeStatus(
        Kind::kLocked,
        "serve: another aerie serve" +
            (other ? " (process " + std::to_string(other->pid) + ")" : std::string()) +
            " has the folder " + folder +
            "; stop it, or give this one a folder of its own by --data-dir");
  }
  std::unique_ptr<DaemonLock> lock(new DaemonLock(fd));
  const std::string text = TextOf(ThisProcess());
  if (::ftruncate(fd, 0) != 0 ||
      ::pwrite(fd, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    return FailedError("write " + path + ": " + std::strerror(errno));
  }
  return lock;
}

DaemonLock::~DaemonLock() {
  // Nothing rests on it: one that stays names a process that has ended.
  [[maybe_unused]] const int emptied = ::ftruncate(fd_, 0);
  ::close(fd_);
}

std::optional<ProcessIdentity> RunningDaemon(const std::string& folder) {
  std::ifstream in(LockPath(folder));
  std::ostringstream text;
  text << in.rdbuf();
  const Json json = Json::parse(text.str(), nullptr, false);
  if (!json.is_object()) return std::nullopt;
  const ProcessIdentity process{.machine = json.value("machine", ""),
                                .pid = json.value("pid", std::int64_t{0}),
                                .started = json.value("started", std::int64_t{0})};
  if (process.machine != ThisProcess().machine || HasEnded(process)) return std::nullopt;
  return process;
}

}  // namespace aerie::app
