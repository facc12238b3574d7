// The daemon's own parts: its folder, its services, what it tells systemd, the schedules of the
// configuration. Whole, against a real server: test/acceptance/serve_test.py.
#include "app/daemon.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <future>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/kinds/kinds.h"
#include "app/systemd.h"
#include "base/temp_folder_testing.h"
#include "objects/http_client.h"

namespace aerie::app {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

Config ConfigOf(const std::string& yaml) {
  auto config = ParseConfig(yaml, "aerie.yaml");
  EXPECT_TRUE(config.ok()) << config.status();
  return config.value_or(Config{});
}

constexpr char kNightly[] =
    "clusters: {prod: {uri: 'http://127.0.0.1:1'}}\n"
    "schedules:\n"
    "  nightly:\n"
    "    when: daily at 02:00\n"
    "    kind: backup\n"
    "    job: {cluster: prod, keep: {daily: 7}}\n";

class DaemonTest : public testing::Test {
 protected:
  Config In(const std::string& yaml) const {
    Config config = ConfigOf(yaml);
    config.serve.data_dir = folder_;
    config.api.port = 0;
    return config;
  }
  Result<std::unique_ptr<Daemon>> Open(const std::string& yaml) const {
    return Daemon::Open(Context::Background(), In(yaml), {});
  }

  const TempFolder temp_;
  const std::string folder_ = (temp_.path() / "data").string();
};

TEST_F(DaemonTest, AFolderHasOneDaemon) {
  EXPECT_FALSE(RunningDaemon(folder_));
  {
    const auto lock = DaemonLock::Take(folder_);
    ASSERT_TRUE(lock.ok()) << lock.status();
    for (int i = 0; i < 2; ++i) {
      const auto second = DaemonLock::Take(folder_);
      EXPECT_EQ(KindOf(second.status()), Kind::kLocked);
      EXPECT_THAT(std::string(second.status().message()),
                  HasSubstr("process " + std::to_string(getpid())));
    }
    ASSERT_TRUE(RunningDaemon(folder_));
    EXPECT_EQ(RunningDaemon(folder_)->pid, getpid());
  }
  EXPECT_FALSE(RunningDaemon(folder_));
  EXPECT_TRUE(DaemonLock::Take(folder_).ok());
}

TEST_F(DaemonTest, AServiceThatFailsStopsTheOthers) {
  std::atomic<bool> stopped = false;
  const Status status =
      RunServices(Context::Background(),
                  {{"waits",
                    [&](const Context& context) {
                      stopped = !context.Sleep(std::chrono::hours(1), "wait").ok();
                      return Ok();
                    }},
                   {"quick", [](const Context&) { return Ok(); }},
                   {"broken", [](const Context&) { return FailedError("the disk is gone"); }}});
  EXPECT_EQ(status.message(), "broken: the disk is gone");
  EXPECT_TRUE(stopped);
}

TEST_F(DaemonTest, WorksWithNothingConfigured) {
  const auto daemon = Open("");
  ASSERT_TRUE(daemon.ok()) << daemon.status();
  EXPECT_EQ((*daemon)->config().default_repository, "local");
  EXPECT_EQ((*daemon)->config().repositories.at("local").url, folder_ + "/repository");
  EXPECT_EQ((*daemon)->catalog_path(), folder_ + "/catalog.db");
}

TEST_F(DaemonTest, SaysThatItServesWhenItIsReadyToAnswer) {
  const auto daemon = Open("");
  ASSERT_TRUE(daemon.ok()) << daemon.status();
  objects::HttpClient client;
  const auto readyz = [&] {
    const auto answer = client.Send(Context::Background(), {.method = "GET",
                                                            .url = (*daemon)->url() + "/readyz",
                                                            .headers = {},
                                                            .body = {},
                                                            .operation = "ask",
                                                            .direct = true});
    return answer.ok() ? answer->status : 0;
  };
  EXPECT_EQ(readyz(), 503);
  CancelScope scope(Context::Background());
  int at_once = 0;
  const Status ran = (*daemon)->Run(scope.context(), [&] {
    at_once = readyz();
    scope.Cancel();
  });
  EXPECT_TRUE(ran.ok()) << ran;
  EXPECT_EQ(at_once, 200);
}

TEST_F(DaemonTest, SaysNothingWhenItIsStoppedBefore) {
  const auto daemon = Open("");
  ASSERT_TRUE(daemon.ok()) << daemon.status();
  CancelScope scope(Context::Background());
  scope.Cancel();
  bool said = false;
  EXPECT_TRUE((*daemon)->Run(scope.context(), [&] { said = true; }).ok());
  EXPECT_FALSE(said);
}

TEST_F(DaemonTest, SchedulesOfTheConfigurationAreItsOwn) {
  {
    const auto daemon = Open(kNightly);
    ASSERT_TRUE(daemon.ok()) << daemon.status();
    const auto all = *(*daemon)->schedules().List();
    ASSERT_EQ(all.size(), 1U);
    EXPECT_EQ(all[0].origin, "configuration");
    jobs::Scheduler scheduler((*daemon)->schedules());
    auto spec = *jobs::ScheduleFromText("nightly", all[0].spec);
    spec.enabled = false;
    const WallTime now = SystemClock().Now();
    EXPECT_EQ(KindOf(scheduler.Put(spec, now)), Kind::kRefused);
    EXPECT_EQ(KindOf(scheduler.Remove("nightly", now)), Kind::kRefused);
    spec.id = "mine";
    EXPECT_TRUE(scheduler.Put(spec, now).ok());
  }
  {
    // Unchanged, it keeps what it has decided.
    const auto daemon = Open(kNightly);
    ASSERT_TRUE(daemon.ok()) << daemon.status();
    const auto found = *(*daemon)->schedules().Find("nightly");
    EXPECT_EQ(found.updated_ms, found.created_ms);
  }
  std::string other = kNightly;
  other.replace(other.find("nightly"), 7, "mine");
  const auto clash = Open(other);
  EXPECT_EQ(KindOf(clash.status()), Kind::kRefused) << clash.status();
  const auto daemon = Open("");
  ASSERT_TRUE(daemon.ok()) << daemon.status();
  const auto left = *(*daemon)->schedules().List();
  ASSERT_EQ(left.size(), 1U) << "the one of the configuration went with it, the other stayed";
  EXPECT_EQ(left[0].id, "mine");
}

TEST_F(DaemonTest, AWrongJobOfAScheduleIsNamedByItsLine) {
  std::string wrong = kNightly;
  wrong.replace(wrong.find("keep"), 4, "kepe");
  const auto daemon = Open(wrong);
  EXPECT_EQ(KindOf(daemon.status()), Kind::kInvalid);
  EXPECT_THAT(std::string(daemon.status().message()),
              StartsWith("aerie.yaml:6: schedules.nightly: backup: 'kepe' is not known; did you "
                         "mean 'keep'?"));
  wrong = kNightly;
  wrong.replace(wrong.find("backup"), 6, "bakcup");
  EXPECT_THAT(std::string(Open(wrong).status().message()), HasSubstr("did you mean 'backup'?"));
}

// What a service said to systemd, one message each.
class SystemdTest : public testing::Test {
 protected:
  void SetUp() override {
    fd_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    const timeval limit{.tv_sec = 10, .tv_usec = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setenv("NOTIFY_SOCKET", path_.c_str(), 1);
  }
  void TearDown() override {
    ::close(fd_);
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) ::unsetenv(name);
  }
  std::string Next() const {
    char text[256];
    const ssize_t size = ::recv(fd_, text, sizeof text, 0);
    return size < 0 ? "nothing" : std::string(text, static_cast<std::size_t>(size));
  }

  const TempFolder temp_;
  const std::string path_ = (temp_.path() / "notify").string();
  int fd_ = -1;
};

TEST_F(SystemdTest, TheDaemonSaysWhereItIs) {
  ::setenv("WATCHDOG_USEC", "20000", 1);
  Config config;
  config.serve.data_dir = (temp_.path() / "data").string();
  config.api.port = 0;
  const auto daemon = Daemon::Open(Context::Background(), config, {});
  ASSERT_TRUE(daemon.ok()) << daemon.status();
  EXPECT_EQ(std::getenv("NOTIFY_SOCKET"), nullptr) << "its children would speak for it";
  CancelScope scope(Context::Background());
  auto ran = std::async(std::launch::async, [&] { return (*daemon)->Run(scope.context()); });
  EXPECT_THAT(Next(), StartsWith("READY=1"));
  EXPECT_EQ(Next(), "WATCHDOG=1");
  EXPECT_EQ(Next(), "WATCHDOG=1");
  scope.Cancel();
  std::string last;
  do {
    last = Next();
  } while (last == "WATCHDOG=1");
  EXPECT_THAT(last, StartsWith("STOPPING=1"));
  EXPECT_TRUE(ran.get().ok());
}

TEST_F(SystemdTest, AWatchdogOfAnotherProcessIsNotOurs) {
  ::setenv("WATCHDOG_USEC", "20000", 1);
  ::setenv("WATCHDOG_PID", "1", 1);
  EXPECT_FALSE(SystemdNotifier::FromEnvironment().watchdog());
  ::setenv("WATCHDOG_USEC", "20000", 1);
  ::setenv("WATCHDOG_PID", std::to_string(getpid()).c_str(), 1);
  EXPECT_EQ(SystemdNotifier::FromEnvironment().watchdog(), std::chrono::milliseconds(20));
  ::setenv("WATCHDOG_USEC", "soon", 1);
  EXPECT_FALSE(SystemdNotifier::FromEnvironment().watchdog());
}

TEST_F(SystemdTest, NobodyListens) {
  ::unsetenv("NOTIFY_SOCKET");
  SystemdNotifier::FromEnvironment().Send("READY=1");
  ::setenv("NOTIFY_SOCKET", "/nowhere/notify", 1);
  SystemdNotifier::FromEnvironment().Send("READY=1");
}

}  // namespace
}  // namespace aerie::app
