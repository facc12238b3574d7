// The runner against kinds that count their steps, killed at every operation of its store.
#include "jobs/runner.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/dead_process_testing.h"
#include "base/temp_folder_testing.h"
#include "base/testing_effort.h"
#include "base/trace.h"
#include "jobs/jobs.h"

namespace aerie::jobs {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// Work in so many steps, a checkpoint after each. What was done is outside the catalog, as rows in
// a cluster would be.
class Steps : public JobKind {
 public:
  static constexpr int kSteps = 4;
  explicit Steps(const JobTraits& traits = {.can_pause = true, .can_resume = true})
      : traits_(traits) {}

  JobTraits traits() const override { return traits_; }
  Result<std::string> Plan(const Context&, const std::string& spec) override {
    if (spec == "wrong") return InvalidError("the spec is wrong; mend it");
    return "4 steps for " + spec;
  }
  JobResult Run(const Context& context, JobRun& run) override {
    {
      std::lock_guard lock(mutex);
      EXPECT_TRUE(running.insert(run.spec()).second) << run.spec() << " runs twice at once";
      order.push_back(run.spec());
    }
    JobResult result = Walk(context, run);
    std::lock_guard lock(mutex);
    running.erase(run.spec());
    return result;
  }

  std::function<Status(const Context&, int step, JobRun&)> on_step;
  std::mutex mutex;
  std::set<std::string> running;
  std::vector<std::string> order;                  // specs, as they were begun
  std::map<std::string, std::multiset<int>> done;  // steps, by spec

 private:
  JobResult Walk(const Context& context, JobRun& run) {
    int step = run.checkpoint().empty() ? 0 : std::stoi(run.checkpoint());
    for (; step < kSteps; ++step) {
      const Status go = context.Check("step");
      if (!go.ok()) return {.status = go};
      if (on_step) {
        const Status said = on_step(context, step, run);
        if (!said.ok()) return {.status = said, .result = "{}"};
      }
      {
        std::lock_guard lock(mutex);
        done[run.spec()].insert(step);
      }
      run.SetProgress(std::to_string(step + 1) + " of 4");
      const Status saved = run.SaveCheckpoint(std::to_string(step + 1));
      if (!saved.ok()) return {.status = saved};
    }
    return {.status = Ok(), .result = R"({"steps":4})"};
  }

  const JobTraits traits_;
};

class RunnerTest : public ::testing::Test {
 protected:
  RunnerTest() { Renew(); }
  // An empty catalog, and nothing done.
  void Renew() {
    auto opened = catalog::Catalog::Open(catalog::kInMemory);
    EXPECT_TRUE(opened.ok()) << opened.status();
    store_.reset();
    catalog_ = *std::move(opened);
    store_ = std::make_unique<catalog::JobStore>(*catalog_);
    steps_ = std::make_shared<Steps>();
    kinds_ = {{"steps", steps_}};
  }
  std::int64_t Queue(const std::string& spec, std::int32_t priority = 0,
                     const std::string& kind = "steps") {
    const auto number =
        Submit(*store_, kinds_, {.kind = kind, .spec = spec, .priority = priority}, ++now_ms_);
    EXPECT_TRUE(number.ok()) << number.status();
    return number.value_or(0);
  }
  RunnerOptions Options() const {
    return {.places = 1,
            .poll = std::chrono::milliseconds(1),
            .until_idle = true,
            .process = process_,
            .host = "here"};
  }
  Status RunAll() {
    Runner runner(*store_, kinds_, Options());
    return runner.Run(Context(clock_));
  }
  catalog::Job At(std::int64_t number) {
    const auto job = store_->Find(number);
    EXPECT_TRUE(job.ok()) << job.status();
    return job.value_or(catalog::Job{});
  }
  std::string StateAt(std::int64_t number) { return At(number).standing.state; }
  std::vector<std::string> LogOf(std::int64_t number) {
    std::vector<std::string> lines;
    const auto log = store_->Log(number, 0, 1000);
    EXPECT_TRUE(log.ok()) << log.status();
    for (const auto& entry : *log) lines.push_back(entry.text);
    return lines;
  }
  catalog::Holder Me() const {
    return {.process = ThisProcess(), .host = "here", .renewed_ms = ToUnixMillis(clock_.Now())};
  }

  FakeClock clock_;
  std::unique_ptr<catalog::Catalog> catalog_;
  std::unique_ptr<catalog::JobStore> store_;
  std::shared_ptr<Steps> steps_;
  JobKinds kinds_;
  ProcessIdentity process_ = ThisProcess();
  std::int64_t now_ms_ = 1000;
};

TEST_F(RunnerTest, RunsAJobAndKeepsWhatItSaid) {
  const auto number = Queue("a");
  ASSERT_TRUE(RunAll().ok());
  const catalog::Job job = At(number);
  EXPECT_EQ(job.standing.state, "completed");
  EXPECT_EQ(job.result, R"({"steps":4})");
  EXPECT_EQ(job.progress, "4 of 4");
  EXPECT_EQ(job.error, "");
  EXPECT_NE(job.ended_ms, 0);
  EXPECT_FALSE(job.holder);
  EXPECT_THAT(LogOf(number), ElementsAre("queued", HasSubstr("queued -> running: process"),
                                         "4 steps for a", "running -> completed"));
}

TEST_F(RunnerTest, AJobRunsForTheTraceOfWhoMadeIt) {
  const std::string parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  std::map<std::string, Trace> seen;
  steps_->on_step = [&](const Context&, int, JobRun& run) {
    std::lock_guard lock(steps_->mutex);
    seen[run.spec()] = CurrentTrace();
    return Ok();
  };
  {
    const TraceScope scope(*ParseTrace(parent, "vendor=a"));
    Queue("traced");
  }
  Queue("bare");
  ASSERT_TRUE(RunAll().ok());
  EXPECT_EQ(seen["traced"].parent, parent);
  EXPECT_EQ(seen["traced"].state, "vendor=a");
  EXPECT_EQ(seen["bare"].id, "");
}

TEST_F(RunnerTest, HigherPriorityFirstThenTheOldest) {
  Queue("low", -1);
  Queue("first");
  Queue("second");
  Queue("high", 5);
  ASSERT_TRUE(RunAll().ok());
  EXPECT_THAT(steps_->order, ElementsAre("high", "first", "second", "low"));
}

TEST_F(RunnerTest, AsManyAtOnceAsThereArePlaces) {
  for (const char* spec : {"a", "b", "c", "d", "e"}) Queue(spec);
  std::atomic<std::size_t> most{0};
  steps_->on_step = [&](const Context&, int, JobRun&) {
    std::lock_guard lock(steps_->mutex);
    most = std::max<std::size_t>(most, steps_->running.size());
    return Ok();
  };
  RunnerOptions options = Options();
  options.places = 2;
  ASSERT_TRUE(Runner(*store_, kinds_, options).Run(Context(clock_)).ok());
  EXPECT_LE(most, 2U);
  EXPECT_THAT(steps_->order, SizeIs(5));
}

TEST_F(RunnerTest, HowARunEndsIsHowTheJobEnds) {
  const std::pair<Status, const char*> kEnds[] = {
      {FailedError("no"), "failed"},
      {MakeStatus(Kind::kPartial, "some"), "partial"},
      {UnknownOutcomeError("who knows"), "unknown"},
      {MakeStatus(Kind::kCancelled, "by itself"), "failed"},
  };
  for (const auto& [status, state] : kEnds) {
    steps_->on_step = [status = status](const Context&, int, JobRun&) { return status; };
    const auto number = Queue(state);
    ASSERT_TRUE(RunAll().ok());
    EXPECT_EQ(StateAt(number), state);
    EXPECT_EQ(At(number).error, status.message());
    EXPECT_EQ(At(number).error_kind, KindName(KindOf(status)));
  }
}

TEST_F(RunnerTest, AWrongSpecFailsBeforeItRuns) {
  const auto number = Queue("wrong");
  ASSERT_TRUE(RunAll().ok());
  EXPECT_EQ(StateAt(number), "failed");
  EXPECT_THAT(steps_->order, SizeIs(0));
  EXPECT_EQ(KindOf(Submit(*store_, kinds_, {.kind = "dance"}, 1).status()), Kind::kInvalid);
}

TEST_F(RunnerTest, AnExceptionIsAFailure) {
  steps_->on_step = [](const Context&, int, JobRun&) -> Status { throw std::runtime_error("oh"); };
  const auto number = Queue("a");
  ASSERT_TRUE(RunAll().ok());
  EXPECT_EQ(StateAt(number), "failed");
  EXPECT_THAT(At(number).error, HasSubstr("oh"));
}

// Says a word from within the run, as another process would, and waits until it is stopped for it.
Status SayAndWait(catalog::JobStore& store, const JobKinds& kinds, JobEvent event,
                  const catalog::Holder& me, const Context& context) {
  EXPECT_TRUE(Tell(store, kinds, 1, event, me).ok());
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::condition_variable_any never;
  return context.Wait(never, lock, "work", [] { return false; });
}

TEST_F(RunnerTest, PausedItGoesOnWhereItWas) {
  const auto number = Queue("a");
  bool said = false;
  steps_->on_step = [&](const Context& context, int step, JobRun&) {
    if (step != 2 || std::exchange(said, true)) return Ok();
    return SayAndWait(*store_, kinds_, JobEvent::kPause, Me(), context);
  };
  ASSERT_TRUE(RunAll().ok());
  EXPECT_EQ(StateAt(number), "paused");
  EXPECT_EQ(At(number).checkpoint, "2");
  EXPECT_EQ(At(number).error, "");
  ASSERT_TRUE(RunAll().ok());
  EXPECT_EQ(StateAt(number), "paused") << "until somebody says so";
  ASSERT_TRUE(Tell(*store_, kinds_, number, JobEvent::kResume, Me()).ok());
  ASSERT_TRUE(RunAll().ok());
  EXPECT_EQ(StateAt(number), "completed");
  EXPECT_THAT(steps_->done["a"], ElementsAre(0, 1, 2, 3));
}

TEST_F(RunnerTest, CancelledAndResumed) {
  const auto number = Queue("a");
  bool said = false;
  steps_->on_step = [&](const Context& context, int step, JobRun&) {
    if (step != 1 || std::exchange(said, true)) return Ok();
    return SayAndWait(*store_, kinds_, JobEvent::kCancel, Me(), context);
  };
  ASSERT_TRUE(RunAll().ok());
  EXPECT_EQ(StateAt(number), "cancelled");
  EXPECT_EQ(KindOf(Tell(*store_, kinds_, number, JobEvent::kCancel, Me()).status()),
            Kind::kRefused);
  ASSERT_TRUE(Tell(*store_, kinds_, number, JobEvent::kResume, Me()).ok());
  ASSERT_TRUE(RunAll().ok());
  EXPECT_EQ(StateAt(number), "completed");
  EXPECT_THAT(steps_->done["a"], ElementsAre(0, 1, 2, 3));
}

TEST_F(RunnerTest, AQueuedOneIsCancelledAtOnceByWhoeverSaysSo) {
  const auto number = Queue("a");
  const auto told = Tell(*store_, kinds_, number, JobEvent::kCancel, Me());
  ASSERT_TRUE(told.ok()) << told.status();
  EXPECT_EQ(told->standing.state, "cancelled");
  ASSERT_TRUE(RunAll().ok());
  EXPECT_THAT(steps_->order, SizeIs(0));
  EXPECT_EQ(KindOf(Tell(*store_, kinds_, 99, JobEvent::kCancel, Me()).status()), Kind::kNotFound);
}

TEST_F(RunnerTest, WhenTheRunnerIsStoppedItsJobsGoOnLater) {
  const auto number = Queue("a");
  CancelScope scope{Context(clock_)};
  steps_->on_step = [&](const Context&, int step, JobRun&) {
    if (step == 1) scope.Cancel();
    return Ok();
  };
  RunnerOptions options = Options();
  options.until_idle = false;
  ASSERT_TRUE(Runner(*store_, kinds_, options).Run(scope.context()).ok());
  const std::string state = StateAt(number);
  EXPECT_TRUE(state == "interrupted" || state == "completed") << state;
  steps_->on_step = nullptr;
  ASSERT_TRUE(RunAll().ok());
  EXPECT_EQ(StateAt(number), "completed");
  EXPECT_THAT(steps_->done["a"], ElementsAre(0, 1, 2, 3));
}

// A holder that died while it ran job 1.
void LeaveBehind(catalog::JobStore& store, const JobKinds& kinds, const ProcessIdentity& process) {
  const auto job = store.Claim(
      {"steps"}, {.process = process, .host = "gone", .renewed_ms = 1},
      [&](const catalog::Job& each) { return ChangeOf(kinds, each, JobEvent::kStart, ""); });
  ASSERT_TRUE(job.ok() && *job) << job.status();
}

TEST_F(RunnerTest, AKindThatCannotGoOnIsUnknownAfterACrash) {
  kinds_["steps"] = std::make_shared<Steps>(JobTraits{.can_pause = false, .can_resume = false});
  const auto number = Queue("a");
  LeaveBehind(*store_, kinds_, DeadProcess());
  ASSERT_TRUE(RunAll().ok());
  EXPECT_EQ(StateAt(number), "unknown");
  EXPECT_THAT(At(number).error, HasSubstr("not known"));
  EXPECT_EQ(At(number).error_kind, "unknown_outcome");
}

TEST_F(RunnerTest, WhoKillsItsProcessAgainAndAgainHasFailed) {
  const auto number = Queue("a");
  for (int crash = 1; crash <= kMostInterruptions; ++crash) {
    LeaveBehind(*store_, kinds_, DeadProcess());
    ASSERT_TRUE(Recover(*store_, kinds_, Me()).ok());
    EXPECT_EQ(StateAt(number), crash < kMostInterruptions ? "interrupted" : "failed");
  }
  EXPECT_THAT(At(number).error, HasSubstr("5 times"));
  ASSERT_TRUE(Tell(*store_, kinds_, number, JobEvent::kResume, Me()).ok());
  ASSERT_TRUE(RunAll().ok());
  EXPECT_EQ(StateAt(number), "completed");
}

TEST_F(RunnerTest, WhatADeadProcessRanIsCancelledAtOnce) {
  const auto number = Queue("a");
  LeaveBehind(*store_, kinds_, DeadProcess());
  ASSERT_TRUE(Tell(*store_, kinds_, number, JobEvent::kCancel, Me()).ok());
  EXPECT_EQ(StateAt(number), "cancelled");
}

TEST_F(RunnerTest, WhatWasInterruptedGoesFirst) {
  Queue("a");
  LeaveBehind(*store_, kinds_, DeadProcess());
  Queue("b");
  ASSERT_TRUE(RunAll().ok());
  EXPECT_THAT(steps_->order, ElementsAre("a", "b"));
}

TEST_F(RunnerTest, WhoWasTakenOverFromStoresNothingMore) {
  process_ = {.machine = "elsewhere", .pid = 7, .started = 7};
  const auto number = Queue("a");
  bool stolen = false;
  steps_->on_step = [&](const Context&, int step, JobRun&) {
    if (step != 2 || std::exchange(stolen, true)) return Ok();
    catalog::Holder thief = Me();
    thief.renewed_ms += 100'000;
    EXPECT_EQ(*Recover(*store_, kinds_, thief), 1);
    EXPECT_TRUE(Tell(*store_, kinds_, number, JobEvent::kCancel, thief).ok());
    return Ok();
  };
  ASSERT_TRUE(RunAll().ok());
  EXPECT_EQ(StateAt(number), "cancelled");
  EXPECT_EQ(At(number).checkpoint, "2");
}

// --- Crashes ---

// The n-th look of the store is where the process ends: nothing is stored from there on.
TEST_F(RunnerTest, KilledAtEveryOperationOfTheStore) {
  const ProcessIdentity dead = DeadProcess();  // what whoever comes next will find
  int looks = 1;
  for (int crash_at = 0; crash_at <= looks; crash_at += Effort(1, 3, 7)) {
    SCOPED_TRACE("crash at " + std::to_string(crash_at));
    Renew();
    const auto a = Queue("a"), b = Queue("b");
    process_ = dead;
    int seen = 0;
    catalog_->FailCalls([&, crash_at] {
      return ++seen < crash_at || crash_at == 0 ? Ok() : FailedError("the process has ended here");
    });
    const Status first = RunAll();
    catalog_->FailCalls(nullptr);
    if (crash_at == 0) looks = seen;
    EXPECT_EQ(first.ok(), crash_at == 0 || seen < crash_at) << first;
    ASSERT_TRUE(steps_->running.empty());
    // The next one.
    ASSERT_TRUE(RunAll().ok());
    for (const auto& [number, spec] : {std::pair{a, "a"}, std::pair{b, "b"}}) {
      ASSERT_EQ(StateAt(number), "completed");
      EXPECT_EQ(At(number).checkpoint, "4");
      // Each step was done; again only those whose checkpoint had not arrived.
      const auto& done = steps_->done[spec];
      EXPECT_EQ(std::set<int>(done.begin(), done.end()), (std::set{0, 1, 2, 3}));
      EXPECT_LE(done.size(), 5U);
      // The history is whole: each line goes on where the one before ended.
      std::string state = "queued";
      for (const std::string& line : LogOf(number)) {
        const std::size_t arrow = line.find(" -> ");
        if (arrow == std::string::npos) continue;
        EXPECT_EQ(line.substr(0, arrow), state);
        state = line.substr(arrow + 4, line.find(':', arrow) - arrow - 4);
      }
      EXPECT_EQ(state, "completed");
    }
    if (HasFailure()) return;
  }
  EXPECT_GT(looks, 40);
}

// A process that runs all there is, and says a byte after each step, until it is killed.
[[noreturn]] void RunUntilKilled(const std::string& path, int said) {
  auto steps = std::make_shared<Steps>();
  steps->on_step = [said](const Context&, int, JobRun&) {
    return ::write(said, "x", 1) == 1 ? Ok() : FailedError("nobody listens");
  };
  const JobKinds kinds = {{"steps", steps}};
  auto opened = catalog::Catalog::Open(path);
  if (!opened.ok()) ::_exit(1);
  catalog::JobStore store(**opened);
  const Status status =
      Runner(store, kinds, {.poll = std::chrono::milliseconds(1), .until_idle = true})
          .Run(Context::Background());
  ::_exit(status.ok() ? 0 : 1);
}

// SIGKILL, on a real file: the next process goes on at once with what that one ran.
TEST_F(RunnerTest, KilledProcessesAreFollowedByOthers) {
  const TempFolder folder;
  const std::string path = (folder.path() / "catalog.db").string();
  constexpr int kJobs = 6;
  {
    auto opened = catalog::Catalog::Open(path);
    ASSERT_TRUE(opened.ok()) << opened.status();
    catalog::JobStore store(**opened);
    for (int i = 0; i < kJobs; ++i) {
      ASSERT_TRUE(Submit(store, kinds_, {.kind = "steps", .spec = std::to_string(i)}, i).ok());
    }
  }
  // The thread sanitizer starts no threads in a child.
  const int kills = Effort(5, 3, 0);
  for (int round = 0; round < kills; ++round) {
    int fds[2];
    ASSERT_EQ(::pipe(fds), 0);
    const pid_t pid = ::fork();
    if (pid == 0) RunUntilKilled(path, fds[1]);
    ::close(fds[1]);
    char byte = 0;
    for (int step = 0; step <= round; ++step) ASSERT_EQ(::read(fds[0], &byte, 1), 1);
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    ::close(fds[0]);
  }
  auto opened = catalog::Catalog::Open(path);
  ASSERT_TRUE(opened.ok()) << opened.status();
  catalog::JobStore store(**opened);
  ASSERT_TRUE(Runner(store, kinds_, Options()).Run(Context(clock_)).ok());
  const auto jobs = store.List({});
  ASSERT_TRUE(jobs.ok()) << jobs.status();
  ASSERT_THAT(*jobs, SizeIs(kJobs));
  for (const catalog::Job& job : *jobs) {
    EXPECT_EQ(job.standing.state, "completed") << job.number;
    EXPECT_EQ(job.checkpoint, "4");
  }
}

// Two processes on one file: every job is run, none twice.
TEST_F(RunnerTest, TwoRunnersOfOneCatalog) {
  const TempFolder folder;
  const std::string path = (folder.path() / "catalog.db").string();
  auto opened = catalog::Catalog::Open(path);
  ASSERT_TRUE(opened.ok()) << opened.status();
  catalog::JobStore store(**opened);
  constexpr int kJobs = 12;
  for (int i = 0; i < kJobs; ++i) {
    ASSERT_TRUE(Submit(store, kinds_, {.kind = "steps", .spec = std::to_string(i)}, i).ok());
  }
  std::vector<std::jthread> processes;
  for (int i = 0; i < 2; ++i) {
    processes.emplace_back([&] {
      auto mine = catalog::Catalog::Open(path);
      ASSERT_TRUE(mine.ok()) << mine.status();
      catalog::JobStore my_store(**mine);
      Runner runner(my_store, kinds_, Options());
      const Status status = runner.Run(Context::Background());
      EXPECT_TRUE(status.ok()) << status;
    });
  }
  processes.clear();
  const auto open = store.List({.open_only = true});
  ASSERT_TRUE(open.ok()) << open.status();
  EXPECT_THAT(*open, SizeIs(0));
  EXPECT_THAT(steps_->order, SizeIs(kJobs)) << "each was begun once";
}

}  // namespace
}  // namespace aerie::jobs
