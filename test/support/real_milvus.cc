#include "real_milvus.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <nlohmann/json.hpp>

extern char** environ;

namespace aerie::test {
namespace {

using nlohmann::json;
using std::chrono::steady_clock;

// lab itself gives up after 180 s.
constexpr auto kAnswerLimit = std::chrono::seconds(240);

}  // namespace

struct RealMilvus::Impl {
  pid_t pid = -1;
  int to_lab = -1;
  int from_lab = -1;
  std::string buffer;
  json ready;

  ~Impl() {
    if (to_lab >= 0) close(to_lab);
    // lab kills its server and removes its folder before it closes its output.
    if (from_lab >= 0) {
      char rest[256];
      while (read(from_lab, rest, sizeof rest) > 0) {
      }
      close(from_lab);
    }
    if (pid > 0) waitpid(pid, nullptr, 0);
  }

  Status Spawn(const RealMilvusOptions& options) {
    std::vector<std::string> words = {std::string(AERIE_SOURCE_DIR) + "/scripts/lab", options.kind};
    if (options.auth) words.push_back("--auth");
    if (options.mutual_tls) {
      words.push_back("--mtls");
    } else if (options.tls) {
      words.push_back("--tls");
    }
    for (const std::string& item : options.config) {
      words.push_back("--config");
      words.push_back(item);
    }
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    int in[2];
    int out[2];
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) return Errno("make pipes");
    to_lab = in[1];
    from_lab = out[0];
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    const int error = posix_spawn(&pid, words[0].c_str(), &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    close(in[0]);
    close(out[1]);
    if (error != 0) {
      errno = error;
      pid = -1;
      return Errno("start " + words[0]);
    }
    return TakeReadyLine();
  }

  static Status Errno(const std::string& what) {
    return FailedError(what + ": " + std::strerror(errno));
  }

  Result<json> ReadLine() {
    const auto end = steady_clock::now() + kAnswerLimit;
    for (;;) {
      if (const auto newline = buffer.find('\n'); newline != std::string::npos) {
        json line = json::parse(buffer.substr(0, newline), nullptr, false);
        buffer.erase(0, newline + 1);
        if (line.is_discarded()) return FailedError("scripts/lab: a line that is no JSON");
        return line;
      }
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(end - steady_clock::now());
      pollfd poller{from_lab, POLLIN, 0};
      const int got = poll(&poller, 1, static_cast<int>(std::max<long>(0, left.count())));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return FailedError("scripts/lab: no answer; see its log above");
      char chunk[4096];
      const ssize_t n = read(from_lab, chunk, sizeof chunk);
      if (n <= 0) return FailedError("scripts/lab: it ended; run scripts/setup, see above why");
      buffer.append(chunk, static_cast<std::size_t>(n));
    }
  }

  // The next line that is an answer; a server that died unasked is told in between.
  Result<json> ReadAnswer() {
    for (;;) {
      AERIE_ASSIGN(json line, ReadLine());
      if (line.contains("died")) continue;
      if (line.contains("error")) return FailedError(line["error"].get<std::string>());
      return line;
    }
  }

  Status TakeReadyLine() {
    AERIE_ASSIGN(ready, ReadAnswer());
    return Ok();
  }

  Status Tell(const std::string& word) const {
    const std::string line = word + "\n";
    if (write(to_lab, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
      return Errno("tell scripts/lab to " + word);
    }
    return Ok();
  }

  Status Command(const std::string& word) {
    AERIE_TRY(Tell(word));
    return ReadAnswer().status();
  }
};

RealMilvus::RealMilvus(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RealMilvus::~RealMilvus() = default;

Result<std::unique_ptr<RealMilvus>> RealMilvus::Launch(const RealMilvusOptions& options) {
  signal(SIGPIPE, SIG_IGN);
  auto impl = std::make_unique<Impl>();
  AERIE_TRY(impl->Spawn(options));
  return std::unique_ptr<RealMilvus>(new RealMilvus(std::move(impl)));
}

RealMilvus& RealMilvus::Shared() {
  static const std::unique_ptr<RealMilvus> server = [] {
    auto launched = Launch({});
    if (!launched.ok()) {
      std::fprintf(stderr, "no real Milvus: %s\n", launched.status().ToString().c_str());
      std::exit(1);
    }
    return *std::move(launched);
  }();
  return *server;
}

std::string RealMilvus::Get(const std::string& key) const {
  const auto found = impl_->ready.find(key);
  if (found == impl_->ready.end()) return "";
  return found->is_string() ? found->get<std::string>() : found->dump();
}

Status RealMilvus::Kill() { return impl_->Command("kill"); }
Status RealMilvus::Pause() { return impl_->Command("pause"); }
Status RealMilvus::Resume() { return impl_->Command("resume"); }

Status RealMilvus::Start() {
  AERIE_TRY(impl_->Tell("start"));
  return impl_->TakeReadyLine();
}

}  // namespace aerie::test
