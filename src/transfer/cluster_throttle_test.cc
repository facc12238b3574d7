#include "transfer/cluster_throttle.h"

#include <algorithm>
#include <atomic>

#include "transfer/transfer_testing.h"

namespace aerie::transfer {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

class Listener : public ProgressSink {
 public:
  void OnProgress(const ProgressEvent& event) override {
    std::lock_guard lock(mutex_);
    if (!event.message.empty()) messages.push_back(event.message);
  }
  std::vector<std::string> messages;

 private:
  std::mutex mutex_;
};

// A cluster that answers in `latency_` and gives a batch of 1 MB every 100 ms.
class ClusterThrottleTest : public TransferTest {
 protected:
  static constexpr std::uint64_t kBatch = 1'000'000;

  std::shared_ptr<rows::Pacer> Begin(const ThrottleOptions& options) {
    throttle_ = ClusterThrottle::Make(options, listener_);
    return throttle_->PacerFor(context_, [this](const Context&) -> Result<Duration> {
      ++probes_;
      AERIE_TRY(trouble_);
      clock_.Advance(latency_);
      return latency_;
    });
  }
  // How long `batches` of them take.
  Duration Read(rows::Pacer& pacer, int batches) {
    const SteadyTime start = clock_.Steady();
    for (int i = 0; i < batches; ++i) {
      clock_.Advance(milliseconds(100));
      EXPECT_TRUE(pacer.Pass(context_, 1000, kBatch).ok());
    }
    return clock_.Steady() - start;
  }

  Duration latency_ = milliseconds(4);
  Status trouble_;
  int probes_ = 0;
  Listener listener_;
  std::shared_ptr<ClusterThrottle> throttle_;
};

TEST_F(ClusterThrottleTest, RowsASecondAreExact) {
  const auto pacer = Begin({.rows = 500, .adaptive = false});
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(pacer->Pass(context_, 1000, 1).ok());
  EXPECT_EQ(clock_.slept(), 4 * seconds(2));
  EXPECT_EQ(probes_, 0);
  EXPECT_EQ(throttle_->report().held_back, Duration::zero());
  CancelScope scope(context_);
  scope.Cancel();
  EXPECT_EQ(KindOf(pacer->Pass(scope.context(), 1, 1)), Kind::kCancelled);
}

TEST_F(ClusterThrottleTest, AQuickClusterIsReadAtFullSpeed) {
  const auto pacer = Begin({});
  Read(*pacer, 500);
  EXPECT_EQ(clock_.slept(), Duration::zero());
  EXPECT_GT(probes_, 100);
  EXPECT_THAT(listener_.messages, ElementsAre());
}

TEST_F(ClusterThrottleTest, SlowsDownWithTheClusterSaysSoAndRecovers) {
  const auto pacer = Begin({});
  const Duration usual = Read(*pacer, 50);
  latency_ = milliseconds(84);
  Read(*pacer, 30);
  EXPECT_GT(Read(*pacer, 50), 8 * usual);
  EXPECT_THAT(listener_.messages,
              ElementsAre("slowing down: the cluster answers in 84 ms, 4.0 ms at the start"));
  const ThrottleReport slow = throttle_->report();
  EXPECT_GT(slow.held_back, 7 * usual);
  EXPECT_EQ(slow.slowdowns, 1U);
  EXPECT_EQ(slow.at_start, milliseconds(4));
  EXPECT_EQ(slow.worst, milliseconds(84));
  latency_ = milliseconds(4);
  Read(*pacer, 100);
  const Duration held = throttle_->report().held_back;
  const Duration slept = clock_.slept();
  Read(*pacer, 50);
  EXPECT_EQ(clock_.slept(), slept);
  EXPECT_EQ(throttle_->report().held_back, held);
  EXPECT_THAT(listener_.messages.back(), HasSubstr("at full speed again"));
}

// However slow it is, a reader gets a sixteenth of what it had when that began.
TEST_F(ClusterThrottleTest, NeverStandsStill) {
  const auto pacer = Begin({});
  const Duration usual = Read(*pacer, 50);
  latency_ = milliseconds(200);
  Read(*pacer, 30);
  const Duration slow = Read(*pacer, 50);
  EXPECT_GT(slow, 12 * usual);
  EXPECT_LT(slow, 30 * usual);
}

TEST_F(ClusterThrottleTest, SwitchedOffItAsksNothing) {
  const auto pacer = Begin({.adaptive = false});
  EXPECT_FALSE(throttle_->active());
  latency_ = seconds(1);
  Read(*pacer, 50);
  EXPECT_EQ(probes_, 0);
  EXPECT_EQ(clock_.slept(), Duration::zero());
}

TEST_F(ClusterThrottleTest, ATargetHoldsWhateverTheLatencyWasAtTheStart) {
  latency_ = milliseconds(60);
  const auto pacer = Begin({.latency_target = milliseconds(50)});
  Read(*pacer, 50);
  EXPECT_GT(throttle_->report().held_back, seconds(1));
}

TEST_F(ClusterThrottleTest, WhatCannotBeMeasuredHoldsNothingBack) {
  const auto pacer = Begin({});
  Read(*pacer, 50);
  latency_ = milliseconds(200);
  Read(*pacer, 30);
  trouble_ = UnsupportedError("no such call");
  Read(*pacer, 20);
  const int asked = probes_;
  const Duration slept = clock_.slept();
  Read(*pacer, 50);
  EXPECT_EQ(probes_, asked);
  EXPECT_EQ(clock_.slept(), slept);
}

TEST_F(ClusterThrottleTest, AProbeThatTimesOutIsASlowAnswer) {
  const auto pacer = Begin({});
  Read(*pacer, 50);
  trouble_ = MakeStatus(Kind::kTimeout, "deadline passed");
  Read(*pacer, 30);
  EXPECT_EQ(throttle_->report().worst, seconds(5));
}

TEST_F(ClusterThrottleTest, AWaitIsCancelledAtOnce) {
  const auto pacer = Begin({.latency_target = milliseconds(1)});
  Read(*pacer, 30);
  CancelScope scope(context_);
  scope.Cancel();
  EXPECT_EQ(KindOf(pacer->Pass(scope.context(), 1, 1 << 30)), Kind::kCancelled);
}

bool IsProbe(const fake::Call& call) {
  const auto* request = dynamic_cast<const fake::pb::QueryRequest*>(&call.request);
  return request != nullptr && request->guarantee_timestamp() == 1;
}

// Time passes with each batch that is taken, in the thread that takes it.
class Ticking : public ProgressSink {
 public:
  explicit Ticking(FakeClock& clock) : clock_(clock) {}
  void OnProgress(const ProgressEvent& event) override {
    if (event.type == ProgressEvent::Type::kCounts) clock_.Advance(milliseconds(300));
  }

 private:
  FakeClock& clock_;
};

// A whole backup from a cluster that has other work to do.
TEST_F(ClusterThrottleTest, ABackupSlowsDownWithItsCluster) {
  Site site;
  site.CreateWide("docs", 2400);
  std::atomic<int> probes = 0;
  site.server.Before("Query", [&](const fake::Call& call) {
    if (IsProbe(call)) ++probes;
    if (IsProbe(call)) clock_.Advance(milliseconds(30));
  });
  ClusterEndpointOptions options;
  options.throttle = ClusterThrottle::Make({.latency_target = milliseconds(20)}, listener_);
  const auto from = MakeClusterEndpoint(site.client, options);
  BackupOptions backup;
  backup.streams = 1;
  Ticking ticking(clock_);
  const auto run = RunBackup(context_, *from, *repository_, backup, ticking);
  ASSERT_TRUE(run.ok() && run->status.ok()) << run.status();
  EXPECT_EQ(run->snapshot->collections.at(0).digest.rows, 2400U);
  EXPECT_GE(probes, 5);
  EXPECT_EQ(from->Throttled()->slowdowns, 1U);
  EXPECT_GT(from->Throttled()->held_back, Duration::zero());
  ASSERT_FALSE(listener_.messages.empty());
  EXPECT_THAT(listener_.messages.front(), HasSubstr("slowing down: the cluster answers in"));
}

TEST_F(ClusterThrottleTest, ABackupKeepsToItsRowsASecond) {
  Site site;
  site.CreateWide("docs", 600);
  ClusterEndpointOptions options;
  options.throttle = ClusterThrottle::Make({.rows = 10, .adaptive = false}, listener_);
  const auto from = MakeClusterEndpoint(site.client, options);
  const auto run = RunBackup(context_, *from, *repository_, {}, NoProgress());
  ASSERT_TRUE(run.ok() && run->status.ok()) << run.status();
  // All but the last batch have been waited for.
  EXPECT_LE(clock_.slept(), seconds(60));
  EXPECT_GE(clock_.slept(), seconds(30));
}

}  // namespace
}  // namespace aerie::transfer
