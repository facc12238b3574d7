#include "jobs/runner.h"

#include <algorithm>
#include <exception>
#include <optional>
#include <thread>
#include <utility>

#include "base/log.h"
#include "jobs/jobs.h"

namespace aerie::jobs {

// A job that this runner has: its thread, and what that one says.
class Runner::Held : public JobRun {
 public:
  Held(Runner& runner, const catalog::Job& job, std::shared_ptr<JobKind> kind)
      : runner_(runner),
        job_(job),
        lease_(catalog::JobStore::LeaseOf(job)),
        kind_(std::move(kind)),
        scope_(Context(*runner.clock_)) {}

  void Start() {
    thread_ = std::jthread([this] {
      const TraceScope scope(TraceOf(job_));
      JobResult result = RunKind();
      std::lock_guard lock(runner_.mutex_);
      result_ = std::move(result);
      runner_.changed_.notify_all();
    });
  }
  void Stop() { scope_.Cancel(); }
  bool stopped() const { return scope_.context().cancelled(); }
  // With the runner's mutex.
  bool has_ended() const { return result_.has_value(); }
  const JobResult& result() const { return *result_; }
  void Join() {
    if (thread_.joinable()) thread_.join();
  }

  const catalog::Job& job() const { return job_; }
  const catalog::JobLease& lease() const { return lease_; }
  const JobKind& kind() const { return *kind_; }
  std::optional<std::string> TakeProgress() {
    std::lock_guard lock(runner_.mutex_);
    return std::exchange(progress_, std::nullopt);
  }

  bool taken_over = false;  // another process has it now
  SteadyTime renewed{};

  std::int64_t number() const override { return job_.number; }
  const std::string& schedule() const override { return job_.schedule; }
  const std::string& spec() const override { return job_.spec; }
  const std::string& checkpoint() const override { return job_.checkpoint; }
  Status SaveCheckpoint(const std::string& checkpoint) override {
    return runner_.store_.Checkpoint(lease_, checkpoint, runner_.NowMs());
  }
  void SetProgress(const std::string& progress) override {
    std::lock_guard lock(runner_.mutex_);
    progress_ = progress;
  }
  Status Log(const std::string& kind, const std::string& text) override {
    return runner_.store_.Append(lease_, {.kind = kind, .text = text}, runner_.NowMs());
  }

 private:
  JobResult RunKind() {
    try {
      const auto plan = kind_->Plan(scope_.context(), job_.spec);
      if (!plan.ok()) return {.status = plan.status()};
      const Status logged = Log("plan", *plan);
      if (!logged.ok()) return {.status = logged};
      return kind_->Run(scope_.context(), *this);
    } catch (const std::exception& error) {
      return {.status = InternalError("job " + std::to_string(job_.number) + ": " + error.what())};
    }
  }

  Runner& runner_;
  const catalog::Job job_;
  const catalog::JobLease lease_;
  const std::shared_ptr<JobKind> kind_;
  CancelScope scope_;
  std::optional<JobResult> result_;
  std::optional<std::string> progress_;
  std::jthread thread_;
};

namespace {

// A run that was told to stop and did not get to its end has stopped, whatever error that was.
JobEvent EventOf(const Status& status, bool stopped, const JobTraits& traits, bool told) {
  if (status.ok()) return JobEvent::kCompleted;
  if (KindOf(status) == Kind::kPartial) return JobEvent::kPartial;
  if (KindOf(status) == Kind::kUnknownOutcome) return JobEvent::kUnknown;
  return stopped && (told || traits.can_resume) ? JobEvent::kStopped : JobEvent::kFailed;
}

}  // namespace

Runner::Runner(catalog::JobStore& store, const JobKinds& kinds, const RunnerOptions& options)
    : store_(store), kinds_(kinds), options_(options) {}

Runner::~Runner() = default;

std::int64_t Runner::NowMs() const { return ToUnixMillis(clock_->Now()); }

catalog::Holder Runner::Me() const {
  return {.process = options_.process, .host = options_.host, .renewed_ms = NowMs()};
}

void Runner::Wake() {
  std::lock_guard lock(mutex_);
  woken_ = true;
  changed_.notify_all();
}

Status Runner::Run(const Context& context) {
  clock_ = &context.clock();
  recovered_once_ = false;
  Status status = Loop(context);
  // After an error nothing more can be stored: whoever comes next finds them interrupted.
  for (const auto& held : held_) held->Stop();
  for (const auto& held : held_) held->Join();
  held_.clear();
  return status;
}

Status Runner::Loop(const Context& context) {
  for (;;) {
    AERIE_TRY(Collect());
    if (context.cancelled()) {
      if (held_.empty()) return Ok();
      for (const auto& held : held_) held->Stop();
    } else {
      AERIE_TRY(RecoverAtTimes());
      AERIE_TRY(StartWaiting(context));
      if (options_.until_idle && held_.empty()) {
        AERIE_ASSIGN(const bool idle, IsIdle());
        if (idle) return Ok();
      }
    }
    Wait(context);
    AERIE_TRY(Watch());
  }
}

Status Runner::Collect() {
  for (std::size_t i = 0; i < held_.size();) {
    {
      std::lock_guard lock(mutex_);
      if (!held_[i]->has_ended()) {
        ++i;
        continue;
      }
    }
    held_[i]->Join();
    const Status stored = Finish(*held_[i]);
    // Another process has it: how it ends is that one's to say.
    if (KindOf(stored) != Kind::kLocked) AERIE_TRY(stored);
    held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(i));
  }
  return Ok();
}

Status Runner::Finish(Held& held) {
  const TraceScope scope(TraceOf(held.job()));
  const JobResult& result = held.result();
  const Status& end = result.status;
  log::Info("job ends", {{"job", held.job().number},
                         {"kind", held.job().kind},
                         {"status", end.ok() ? "ok" : std::string(end.message())}});
  const auto progress = held.TakeProgress();
  if (progress) AERIE_TRY(store_.Progress(held.lease(), *progress, NowMs()));
  return store_
      .Change(
          held.lease(),
          [&](const catalog::Job& job) -> Result<std::optional<catalog::JobChange>> {
            const bool told = job.standing.state != NameOf(JobState::kRunning);
            const JobEvent event =
                EventOf(result.status, held.stopped(), held.kind().traits(), told);
            AERIE_ASSIGN(auto change,
                         ChangeOf(kinds_, job, event, std::string(result.status.message())));
            if (!change) return change;
            if (!result.result.empty()) change->result = result.result;
            change->error = event == JobEvent::kStopped ? Ok() : result.status;
            return change;
          },
          NowMs())
      .status();
}

// What others say to the jobs that run here, and that they are still ours.
Status Runner::Watch() {
  for (const auto& held : held_) {
    Status status = WatchOne(*held);
    if (KindOf(status) == Kind::kLocked) {
      const TraceScope scope(TraceOf(held->job()));
      log::Warn("job taken over by another process", {{"job", held->job().number}});
      held->taken_over = true;
      held->Stop();
    } else if (!status.ok()) {
      return status;
    }
  }
  return Ok();
}

Status Runner::WatchOne(Held& held) {
  if (held.taken_over) return Ok();
  const auto progress = held.TakeProgress();
  const SteadyTime now = clock_->Steady();
  if (progress) {
    AERIE_TRY(store_.Progress(held.lease(), *progress, NowMs()));
    held.renewed = now;
  } else if (now - held.renewed >= options_.renew) {
    AERIE_TRY(store_.Renew(held.lease(), NowMs()));
    held.renewed = now;
  }
  AERIE_ASSIGN(const catalog::Job job, store_.Find(held.job().number));
  if (job.standing.state != NameOf(JobState::kRunning)) held.Stop();
  return Ok();
}

Status Runner::RecoverAtTimes() {
  const SteadyTime now = clock_->Steady();
  if (recovered_once_ && now - recovered_ < options_.recover) return Ok();
  recovered_ = now;
  recovered_once_ = true;
  return Recover(store_, kinds_, Me()).status();
}

Status Runner::StartWaiting(const Context& context) {
  std::vector<std::string> names;
  for (const auto& [name, kind] : kinds_) names.push_back(name);
  while (held_.size() < options_.places && !context.cancelled()) {
    const auto start = [&](const catalog::Job& each) {
      return ChangeOf(kinds_, each, JobEvent::kStart,
                      "process " + std::to_string(options_.process.pid) + " on " + options_.host);
    };
    AERIE_ASSIGN(const auto job, store_.Claim(names, Me(), start, options_.only));
    if (!job) return Ok();
    Start(*job);
  }
  return Ok();
}

void Runner::Start(const catalog::Job& job) {
  const TraceScope scope(TraceOf(job));
  log::Info("job starts", {{"job", job.number}, {"kind", job.kind}, {"schedule", job.schedule}});
  auto held = std::make_unique<Held>(*this, job, kinds_.at(job.kind));
  held->renewed = clock_->Steady();
  held_.push_back(std::move(held));
  held_.back()->Start();
}

// Whether nothing is left that this runner could start.
Result<bool> Runner::IsIdle() {
  AERIE_ASSIGN(const auto open, store_.List({.open_only = true}));
  return std::none_of(open.begin(), open.end(), [&](const catalog::Job& job) {
    return job.standing.turn > 0 && kinds_.contains(job.kind) &&
           (options_.only == 0 || options_.only == job.number);
  });
}

void Runner::Wait(const Context& context) {
  std::unique_lock lock(mutex_);
  const auto ready = [this] {
    return woken_ || std::any_of(held_.begin(), held_.end(),
                                 [](const auto& held) { return held->has_ended(); });
  };
  // Once the context is cancelled there is nothing left to be woken for but the ends of runs.
  const std::stop_token stop = context.cancelled() ? std::stop_token() : context.stop();
  changed_.wait_for(lock, stop, options_.poll, ready);
  woken_ = false;
}

}  // namespace aerie::jobs
