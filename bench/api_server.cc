// The API over a catalog and repositories that are full: what bench/api_load measures, and what
// schemathesis is run against. Prints its address, and serves until it is interrupted.
//
//     build/dev/aerie_api_server [JOBS] [SNAPSHOTS] [PORT]
#include <signal.h>

#include <cstdio>
#include <cstdlib>
#include <thread>

#include "api/server.h"
#include "api/service_testing.h"

namespace aerie::api {
namespace {

int Main(int jobs, int snapshots, int port) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);

  World world;
  const std::int64_t now_ms = ToUnixMillis(SystemClock().Now());
  std::vector<SnapshotView> views;
  for (int i = 0; i < snapshots; ++i) {
    char id[33];
    std::snprintf(id, sizeof id, "%032x", i);
    views.push_back(ASnapshot(id, now_ms - i * std::int64_t{3'600'000}, {"nightly"}));
    for (int n = 0; n < 9; ++n) {
      repo::SnapshotCollection more = views.back().snapshot.collections.front();
      more.name.collection = "c" + std::to_string(n);
      views.back().snapshot.collections.push_back(more);
    }
  }
  world.backend.SetSnapshots(std::move(views));
  const std::string kinds[] = {"backup", "verify", "restore"};
  for (int i = 0; i < jobs; ++i) {
    const std::int64_t number = world.AddJob(kinds[i % 3], {{"cluster", "prod"}});
    if (i < jobs - 20) world.EndJob(number, i % 50 == 0 ? "failed" : "completed", {{"rows", i}});
  }
  auto server = Server::Make(
      *world.catalog, world.kinds, {.backend = &world.backend, .alerts = &world.alerts},
      {.http = {.port = static_cast<std::uint16_t>(port)}, .version = "0.1.0"});
  CancelScope scope(Context::Background());
  const Status listens = (*server)->Listen(scope.context());
  if (!listens.ok()) {
    std::fprintf(stderr, "%s\n", std::string(listens.message()).c_str());
    return 1;
  }
  std::printf("%s\n", (*server)->url().c_str());
  std::fflush(stdout);
  std::jthread run([&] { (void)(*server)->Run(scope.context()); });
  // A job that makes progress, for those who listen.
  std::jthread busy([&](const std::stop_token& stop) {
    while (SystemClock().SleepFor(std::chrono::milliseconds(700), stop)) {
      world.EndJob(world.AddJob("backup"), "completed");
    }
  });
  int number = 0;
  sigwait(&set, &number);
  scope.Cancel();
  return 0;
}

}  // namespace
}  // namespace aerie::api

int main(int argc, char** argv) {
  const auto number = [&](int at, int otherwise) {
    return argc > at ? std::atoi(argv[at]) : otherwise;
  };
  return aerie::api::Main(number(1, 10'000), number(2, 5'000), number(3, 0));
}
