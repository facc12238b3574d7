// What an operation works with, be it a command or the run of a job.
#pragma once

#include <chrono>
#include <string>

#include "app/session.h"
#include "base/context.h"
#include "base/progress.h"

namespace aerie::app {

// Lives as long as the operation. Used from one thread; what it has is thread-safe but the session.
struct Tools {
  const Context& context;
  const Session& session;
  ProgressSink& progress;
};

// A cluster, and how to log in to it where the command line says so.
struct ClusterArg {
  std::string text;
  ClusterFlags flags = {};
};
// A repository likewise.
struct RepoArg {
  std::string text;
  RepositoryFlags flags = {};
};

// Seconds since `start`.
inline double SecondsSince(const Context& context, SteadyTime start) {
  return std::chrono::duration<double>(context.clock().Steady() - start).count();
}

}  // namespace aerie::app
