// From a request to its answer: the checks that every route has in common, in one place and one
// order, and what watches the catalog for those who listen.
//
// No sockets here: tests give it requests. Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "api/call.h"
#include "api/guards.h"
#include "api/http_message.h"
#include "base/context.h"

namespace aerie::api {

struct ServiceOptions {
  GuardOptions guard{};
  AccessOptions access{};
  std::string version{};
  std::string listen{};
  bool tls = false;
  // A handler may work so long; what takes longer is a job.
  Duration handler_limit = std::chrono::seconds(60);
  // A compatible call waits so long for its job.
  Duration longest_wait = std::chrono::hours(1);
};

class Service {
 public:
  // What they refer to outlives it.
  Service(catalog::Catalog& catalog, const jobs::JobKinds& kinds, const Ports& ports,
          const ServiceOptions& options);
  ~Service();

  using Done = std::function<void(HttpResponse)>;
  // Calls `done` once, at once or later, from any thread.
  void Handle(const Context& context, HttpRequest request, const Done& done);

  // To be called about twice a second, by one thread: looks at the catalog for those who listen,
  // and for the ends of jobs that compatible calls wait for.
  void Tick(const Context& context);
  // About four times a minute.
  void Beat() { parts_.hub.Beat(); }
  // Ends streams; answers those who wait for jobs.
  void Close();

  Parts& parts() { return parts_; }

 private:
  static constexpr std::size_t kMostWaiting = 64;

  // What is known of a request while it is worked on.
  struct Progress;
  struct Waiting;

  HttpResponse AssetAnswer(const HttpRequest& request, const std::string& path);
  Result<Reply> Route(Progress& progress, const Context& context);
  Result<Reply> Admit(Progress& progress, const RouteMatch& match);
  Result<Reply> ReadParameters(Progress& progress, const RouteMatch& match, Call& call);
  Result<Reply> ReadBody(Progress& progress, Call& call);
  Result<Reply> RunKeyed(Progress& progress, Call& call);
  Result<Reply> RunAudited(Progress& progress, Call& call);
  void NoteRefusal(const Progress& progress, int status, const std::string& detail);
  void EndAudit(std::int64_t seq, const std::string& object, const Result<Reply>& reply);
  HttpResponse Finish(const Progress& progress, Result<Reply> reply);
  void AddSecurityHeaders(const HttpRequest& request, HttpResponse& response) const;
  bool AddWaiting(Waiting waiting);
  void AnswerWaiting(std::int64_t now_ms);

  Status WatchJobs();
  Result<std::vector<catalog::Job>> NewJobs();
  Status WatchSchedules();
  Status WatchMigrations(std::int64_t now_ms);
  Status WatchAlerts();

  const ServiceOptions options_;
  Parts parts_;

  std::mutex waiting_mutex_;
  bool closed_ = false;
  std::list<Waiting> waiting_;

  // Of the thread that ticks: what listeners were told last.
  bool watching_ = false;
  std::int64_t newest_job_ = 0;
  std::map<std::int64_t, std::string> open_jobs_;  // number -> what was said of it
  std::map<std::string, std::string> schedules_;
  std::map<std::string, std::string> open_migrations_;  // id -> what was said of it
  std::int64_t alerts_version_ = -1;
};

}  // namespace aerie::api
