// SEAM. Kinds of job: the rooms above fill them (backup, verify, prune, ...).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "base/context.h"
#include "base/status.h"
#include "jobs/machine.h"

namespace aerie::jobs {

// What a running job works with. Thread-safe; lives as long as its run.
class JobRun {
 public:
  virtual ~JobRun() = default;
  virtual std::int64_t number() const = 0;
  // Empty: of none.
  virtual const std::string& schedule() const = 0;
  // What is to be done, JSON.
  virtual const std::string& spec() const = 0;
  // Where an earlier run of this job was, JSON of its kind; empty: this is the first one, or none
  // of them got so far.
  virtual const std::string& checkpoint() const = 0;
  // On the disk when it returns; an error means that the job is another process's now, or that the
  // catalog cannot be written, and that the run is to end.
  virtual Status SaveCheckpoint(const std::string& checkpoint) = 0;
  // JSON for whoever looks at the job; only the last one counts, and it costs nothing to say often.
  virtual void SetProgress(const std::string& progress) = 0;
  // A line for people. Kinds of lines: "info", "warning", ...
  virtual Status Log(const std::string& kind, const std::string& text) = 0;
};

// How a run ended. The kind of the status decides: Ok, completed; kPartial, in part;
// kUnknownOutcome, not known; kCancelled after the context was cancelled, stopped where it can go
// on; any other, failed.
struct JobResult {
  Status status;
  std::string result{};  // JSON; empty: none
};

// Stateless: one object serves all jobs of its kind, at the same time.
class JobKind {
 public:
  virtual ~JobKind() = default;
  virtual JobTraits traits() const = 0;
  // What a run would do, in a line; changes nothing. kInvalid when the spec is wrong.
  virtual Result<std::string> Plan(const Context& context, const std::string& spec) = 0;
  // The same, found by looking: reads repositories and clusters, changes nothing; several lines.
  // Blocks while it looks. The errors that a run would meet now, too.
  virtual Result<std::string> Preview(const Context& context, const std::string& spec) {
    return Plan(context, spec);
  }
  // Blocks. Stops soon when the context is cancelled, at a place from where it can go on.
  virtual JobResult Run(const Context& context, JobRun& run) = 0;
};

// By name, such as "backup".
using JobKinds = std::map<std::string, std::shared_ptr<JobKind>>;

}  // namespace aerie::jobs
