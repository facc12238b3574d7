// A kind of job that is an operation of this room: its spec is read into the same request that the
// command line fills, and what it answers is what the command prints (docs/decisions/0025).
//
// Thread-safe, as jobs::JobKind wants it.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "app/config.h"
#include "app/kinds/spec_reader.h"
#include "app/kinds/tools.h"
#include "app/result.h"
#include "catalog/job_store.h"
#include "jobs/kind.h"

namespace aerie::app {

// What the kinds of a process share.
struct KindSetup {
  Config config;
  // What was done before: a kind that goes in turn looks there. null: nothing is known, as for
  // whoever only checks specs. Outlives the kinds.
  catalog::JobStore* history = nullptr;
};

// The object that a run left: of its checkpoint, its result. An empty one where there is none.
Json ObjectOf(const std::string& text);

// Runs `work` with what a job has: a session of its own that asks nobody, progress that the job
// shows, warnings and results in its log.
jobs::JobResult RunAsJob(const Context& context, const Config& config, jobs::JobRun& run,
                         const std::function<CommandResult(const Tools&)>& work);

// What `work` finds by looking only, as lines.
Result<std::string> PreviewText(
    const Context& context, const Config& config, const std::string& spec,
    const std::function<CommandResult(const Tools&, jobs::JobRun&)>& work);

template <class Request>
class RequestKind : public jobs::JobKind {
 public:
  RequestKind(std::string name, std::shared_ptr<const KindSetup> setup)
      : name_(std::move(name)), setup_(std::move(setup)) {}

  // Each can be stopped and begun again: what is stored or written already is not so twice.
  jobs::JobTraits traits() const override { return {.can_pause = true, .can_resume = true}; }

  Result<std::string> Plan(const Context&, const std::string& spec) override {
    AERIE_ASSIGN(const Request request, Parse(spec));
    return Describe(request);
  }

  // By a dry run, where the kind has one.
  Result<std::string> Preview(const Context& context, const std::string& spec) override {
    AERIE_ASSIGN(const std::string plan, Plan(context, spec));
    Json dry = Json::parse(spec);  // an object: it was read
    dry["dry_run"] = true;
    auto request = Parse(Dump(dry));
    if (!request.ok()) return plan;
    AERIE_ASSIGN(const std::string found, PreviewText(context, setup_->config, Dump(dry),
                                                      [&](const Tools& tools, jobs::JobRun& run) {
                                                        return Work(tools, *request, run);
                                                      }));
    return plan + "\n" + found;
  }

  jobs::JobResult Run(const Context& context, jobs::JobRun& run) override {
    const auto request = Parse(run.spec());
    if (!request.ok()) return {.status = request.status()};
    return RunAsJob(context, setup_->config, run, [&](const Tools& tools) {
      Request mine = *request;  // asked again when something was locked
      return Work(tools, mine, run);
    });
  }

 protected:
  virtual void Read(SpecReader& spec, Request& request) const = 0;
  // A line: "back up cluster prod into repository main".
  virtual std::string Describe(const Request& request) const = 0;
  virtual CommandResult Work(const Tools& tools, Request& request, jobs::JobRun& run) const = 0;

  const KindSetup& setup() const { return *setup_; }

 private:
  Result<Request> Parse(const std::string& text) const {
    Request request;
    SpecReader spec(setup_->config, name_, text);
    Read(spec, request);
    AERIE_TRY(spec.Finish());
    return request;
  }

  const std::string name_;
  const std::shared_ptr<const KindSetup> setup_;
};

// "cluster prod", or of the default; "collections docs, !tmp_*", or all of them.
std::string NamedOr(const std::string& name, const std::string& configured);
std::string SelectionText(const transfer::Selection& selection);
// For an end of a plan line that is only so.
inline std::string DryRunText(bool dry_run) { return dry_run ? " (only shown)" : ""; }

}  // namespace aerie::app
