// Couriers and the monitor over a real catalog: channels that fail and come back, clocks that are
// ours, and a process that ends at every operation of its store.
#include "alerts/delivery.h"

#include <deque>
#include <fstream>
#include <map>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "alerts/monitor.h"
#include "base/temp_folder_testing.h"
#include "base/testing_effort.h"

namespace aerie::alerts {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Takes what comes, or says what the script says.
class Scripted : public Channel {
 public:
  Attempt Send(const Context&, const Message& message, bool repeated) override {
    sent.push_back(message.key);
    if (repeated) again.push_back(message.key);
    if (script.empty()) return {.status = Ok()};
    Attempt next = script.front();
    script.pop_front();
    return next;
  }
  std::deque<Attempt> script;
  std::vector<std::string> sent;
  std::vector<std::string> again;
};

Attempt Fails(const Status& status = MakeStatus(Kind::kTransient, "refused")) {
  return {.status = status};
}

class Facts1 : public FactSource {
 public:
  Result<Facts> Read(const Context&) override {
    if (!trouble.ok()) return trouble;
    return facts;
  }
  Facts facts;
  Status trouble;
};

class DeliveryTest : public ::testing::Test {
 protected:
  DeliveryTest() { Renew(); }
  void Renew() {
    auto opened = catalog::Catalog::Open(catalog::kInMemory);
    EXPECT_TRUE(opened.ok()) << opened.status();
    store_.reset();
    catalog_ = *std::move(opened);
    store_ = std::make_unique<catalog::AlertStore>(*catalog_);
    Take();
  }
  void Take() {
    const auto lease = store_->Take({.process = ThisProcess(), .host = "here"});
    EXPECT_TRUE(lease.ok()) << lease.status();
    lease_ = lease.value_or(catalog::AlertLease{});
  }
  std::int64_t NowMs() const { return ToUnixMillis(clock_.Now()); }
  // An incident with so many messages in the channel "c".
  void Queue(std::int64_t incident, int messages) {
    catalog::AlertDecision decision;
    decision.put.push_back({.number = incident,
                            .rule = "job-failed",
                            .about = std::to_string(incident),
                            .severity = "error",
                            .state = "{}",
                            .opened_ms = 1});
    for (int i = 1; i <= messages; ++i) {
      Message message{.key = std::to_string(incident) + "-" + std::to_string(i),
                      .incident = incident};
      decision.deliver.push_back(
          {.channel = "c", .incident = incident, .key = message.key, .message = ToText(message)});
    }
    EXPECT_TRUE(store_
                    ->Step(lease_, NowMs(),
                           [&](const auto&) { return Result<catalog::AlertDecision>(decision); })
                    .ok());
  }
  // Attempts until nothing is due: how many.
  int Work() {
    Courier courier(*store_, lease_, "c", channel_, seconds(1), options_);
    int attempts = 0;
    for (;;) {
      const auto did = courier.Once(Context(clock_));
      EXPECT_TRUE(did.ok()) << did.status();
      if (!did.value_or(false)) return attempts;
      ++attempts;
    }
  }
  std::vector<catalog::AlertDelivery> DeliveriesOf(std::int64_t incident) {
    auto all = store_->Deliveries(incident);
    EXPECT_TRUE(all.ok()) << all.status();
    return all.ok() ? *std::move(all) : std::vector<catalog::AlertDelivery>();
  }
  std::vector<catalog::AlertIncident> ListOf(bool open_only, std::int64_t before,
                                             std::size_t limit) {
    auto all = store_->List(open_only, before, limit);
    EXPECT_TRUE(all.ok()) << all.status();
    return all.ok() ? *std::move(all) : std::vector<catalog::AlertIncident>();
  }
  catalog::AlertChannel Stats() {
    const auto view = store_->View(NowMs());
    EXPECT_TRUE(view.ok()) << view.status();
    return view->channels.empty() ? catalog::AlertChannel{} : view->channels[0];
  }

  FakeClock clock_;
  std::unique_ptr<catalog::Catalog> catalog_;
  std::unique_ptr<catalog::AlertStore> store_;
  catalog::AlertLease lease_;
  Scripted channel_;
  DeliveryOptions options_;
};

TEST_F(DeliveryTest, TriesAgainLaterAndLaterUntilItIsTaken) {
  Queue(1, 1);
  channel_.script = {Fails(), Fails(), Fails(UnknownOutcomeError("no answer"))};
  std::vector<std::int64_t> waited;
  EXPECT_EQ(Work(), 1);
  while (Stats().waiting > 0) {
    const std::int64_t from = NowMs();
    while (Work() == 0) clock_.Advance(std::chrono::milliseconds(100));
    waited.push_back((NowMs() - from) / 1000);
  }
  ASSERT_THAT(waited, SizeIs(3));
  for (std::size_t i = 0; i < waited.size(); ++i) {
    EXPECT_GE(waited[i], (5 << i) * 8 / 10 - 1);
    EXPECT_LE(waited[i], 5 << i);
  }
  EXPECT_THAT(channel_.sent, ElementsAre("1-1", "1-1", "1-1", "1-1"));
  EXPECT_THAT(channel_.again, SizeIs(3));
  EXPECT_EQ(Stats().delivered, 1);
  EXPECT_EQ(Stats().failed, 3);
  clock_.Advance(minutes(60));
  EXPECT_EQ(Work(), 0);
}

TEST_F(DeliveryTest, OneThatIsNotDigestedHoldsUpNoOtherIncident) {
  Queue(1, 2);
  Queue(2, 2);
  channel_.script = {Fails()};
  EXPECT_EQ(Work(), 5);
  // The channel took another one after that, so the first is tried again at once.
  EXPECT_THAT(channel_.sent, ElementsAre("1-1", "2-1", "2-2", "1-1", "1-2"));
  EXPECT_EQ(Work(), 0);
}

TEST_F(DeliveryTest, GivesUpWhatIsTooOldAndWhatIsRefusedForGood) {
  Queue(1, 2);
  channel_.script = {Fails(InvalidError("answered 400"))};
  EXPECT_EQ(Work(), 2);
  EXPECT_THAT(channel_.sent, ElementsAre("1-1", "1-2"));
  EXPECT_EQ(Stats().given_up, 1);
  Queue(2, 1);
  for (int i = 0; i < 1000; ++i) channel_.script.push_back(Fails());
  Work();
  for (int i = 0; i < 24 * 60 + 10 && Stats().waiting > 0; ++i) {
    clock_.Advance(minutes(1));
    Work();
  }
  EXPECT_EQ(Stats().waiting, 0);
  EXPECT_EQ(Stats().given_up, 2);
  EXPECT_GT(Stats().failed, 24 * 60 / 5);
}

TEST_F(DeliveryTest, AReceiverMayAskForTime) {
  Queue(1, 1);
  channel_.script = {{.status = MakeStatus(Kind::kThrottled, "429"), .retry_after = minutes(30)},
                     {.status = MakeStatus(Kind::kThrottled, "429"), .retry_after = minutes(999)}};
  EXPECT_EQ(Work(), 1);
  clock_.Advance(minutes(29));
  EXPECT_EQ(Work(), 0);
  clock_.Advance(minutes(1));
  EXPECT_EQ(Work(), 1);
  clock_.Advance(minutes(60));  // an hour at most
  EXPECT_EQ(Work(), 1);
  EXPECT_EQ(Stats().delivered, 1);
}

TEST_F(DeliveryTest, WhoeverLostTheLeaseStops) {
  Queue(1, 1);
  const catalog::AlertLease old = lease_;
  ASSERT_TRUE(store_->GiveBack(lease_).ok());
  Take();
  Courier courier(*store_, old, "c", channel_, seconds(1), options_);
  EXPECT_EQ(KindOf(courier.Run(Context(clock_))), Kind::kLocked);
  EXPECT_THAT(channel_.sent, IsEmpty());
}

// --- The monitor ---

ChannelOptions CommandTo(const std::string& name, const std::string& command) {
  return {.audience = {.channel = name}, .timeout = seconds(10), .how = CommandOptions{command}};
}

class MonitorTest : public DeliveryTest {
 protected:
  MonitorTest() {
    monitor_options_.channels = {CommandTo("c", "true")};
    source_.facts.raised = {{.about = "m/outage", .text = "nobody can write"}};
  }
  std::unique_ptr<Monitor> Make() {
    return std::make_unique<Monitor>(*catalog_, source_, monitor_options_);
  }

  Facts1 source_;
  MonitorOptions monitor_options_;
  Status others_;
};

TEST_F(MonitorTest, AnIncidentAndItsMessagesAreOneAndLiveOnInTheNextProcess) {
  auto monitor = Make();
  EXPECT_FALSE(monitor->Health(clock_.Now()).ok());
  ASSERT_TRUE(monitor->Evaluate(Context(clock_), lease_).ok());
  EXPECT_TRUE(monitor->Health(clock_.Now()).ok());
  ASSERT_TRUE(monitor->Evaluate(Context(clock_), lease_).ok());
  monitor = Make();
  ASSERT_TRUE(monitor->Evaluate(Context(clock_), lease_).ok());
  EXPECT_THAT(DeliveriesOf(1), SizeIs(1));
  source_.facts.raised.clear();
  ASSERT_TRUE(monitor->Evaluate(Context(clock_), lease_).ok());
  const auto all = DeliveriesOf(1);
  ASSERT_THAT(all, SizeIs(2));
  EXPECT_THAT(all[1].message, HasSubstr(R"("event":"resolved")"));
  EXPECT_THAT(ListOf(true, 0, 10), IsEmpty());
}

TEST_F(MonitorTest, HealthNeedsYoungFactsAndAChannelThatTakesMessages) {
  monitor_options_.healthy = [this] { return others_; };
  auto monitor = Make();
  ASSERT_TRUE(monitor->Evaluate(Context(clock_), lease_).ok());
  EXPECT_TRUE(monitor->Health(clock_.Now()).ok());
  others_ = FailedError("the runner has stopped");
  EXPECT_EQ(monitor->Health(clock_.Now()).message(), "the runner has stopped");
  others_ = Ok();
  clock_.Advance(minutes(4));
  EXPECT_FALSE(monitor->Health(clock_.Now()).ok());
  source_.trouble = FailedError("catalog full");
  EXPECT_FALSE(monitor->Evaluate(Context(clock_), lease_).ok());
  EXPECT_FALSE(monitor->Health(clock_.Now()).ok());
  source_.trouble = Ok();
  // The only channel fails: after a quarter of an hour nobody can be told any more.
  channel_.script.assign(100, Fails());
  // The message is four minutes old by now.
  for (int minute = 4; minute < 20; ++minute) {
    ASSERT_TRUE(monitor->Evaluate(Context(clock_), lease_).ok());
    EXPECT_EQ(monitor->Health(clock_.Now()).ok(), minute < 15) << minute;
    Work();
    clock_.Advance(minutes(1));
  }
}

TEST_F(MonitorTest, ADeadChannelIsToldByTheOthers) {
  monitor_options_.channels.push_back(CommandTo("d", "true"));
  auto monitor = Make();
  channel_.script.assign(100, Fails());
  for (int minute = 0; minute < 20; ++minute) {
    ASSERT_TRUE(monitor->Evaluate(Context(clock_), lease_).ok());
    Work();
    clock_.Advance(minutes(1));
  }
  const auto open = ListOf(true, 0, 10);
  ASSERT_THAT(open, SizeIs(2));
  EXPECT_EQ(open.front().rule, "delivery-failed");
  const auto told = DeliveriesOf(open.front().number);
  ASSERT_THAT(told, SizeIs(1));
  EXPECT_EQ(told.front().channel, "d");
}

TEST_F(MonitorTest, HistoryOfStoragesIsKeptByTheHour) {
  source_.facts.storages = {{.name = "main", .used_bytes = 10, .limit_bytes = 100}};
  auto monitor = Make();
  for (int minute = 0; minute < 150; ++minute) {
    ASSERT_TRUE(monitor->Evaluate(Context(clock_), lease_).ok());
    clock_.Advance(minutes(1));
  }
  EXPECT_THAT(*store_->Samples("main", 0), SizeIs(3));
  EXPECT_THAT(monitor->watched().facts.storages[0].history, SizeIs(3));
}

// Runs on real time, with a channel that takes a moment: told while it runs, and it ends when told.
TEST_F(MonitorTest, RunsUntilItIsStopped) {
  const TempFolder folder;
  const std::string told = (folder.path() / "told").string();
  ASSERT_TRUE(store_->GiveBack(lease_).ok());
  monitor_options_.channels = {
      CommandTo("c", "echo \"$AERIE_ALERT $AERIE_ALERT_STATE $AERIE_ALERT_KEY\" >> " + told),
      CommandTo("dead", "sleep 100")};
  monitor_options_.interval = std::chrono::milliseconds(20);
  monitor_options_.delivery.poll = std::chrono::milliseconds(10);
  const auto monitor = Make();
  CancelScope scope(Context::Background());
  std::jthread runs([&] { EXPECT_TRUE(monitor->Run(scope.context()).ok()); });
  const auto until = std::chrono::steady_clock::now() + seconds(20);
  while (Stats().delivered < 1 && std::chrono::steady_clock::now() < until) {
    std::this_thread::yield();
  }
  scope.Cancel();
  runs.join();
  std::ifstream in(told);
  std::string line;
  std::getline(in, line);
  EXPECT_THAT(line, HasSubstr("migration raised "));
  EXPECT_FALSE(std::getline(in, line));
  EXPECT_TRUE(store_->Take({.process = {.machine = "m", .pid = 1}, .host = "m"}).ok())
      << "not given back";
}

// The process ends before or after each call of its store, whatever that does, and the next one
// goes on. Nothing that was acknowledged comes again; everything comes; nothing comes under two
// keys; and only what was under way at the end comes twice.
TEST_F(MonitorTest, EndsAtEveryOperationOfItsStore) {
  int operations = 0;
  for (int fail_at = 1;; ++fail_at) {
    Renew();
    clock_.Advance(minutes(1));
    source_.facts.raised = {{.about = "a", .text = "a"}, {.about = "b", .text = "b"}};
    Scripted channel;
    int call = 0;
    bool ended = false;
    catalog_->FailCalls([&]() -> Status {
      if (ended || ++call == fail_at) ended = true;
      return ended ? FailedError("the process has ended") : Ok();
    });
    const auto live = [&] {
      Monitor monitor(*catalog_, source_, monitor_options_);
      Courier courier(*store_, lease_, "c", channel, seconds(1), options_);
      for (int round = 0; round < 3 && !ended; ++round) {
        if (round == 2) source_.facts.raised.clear();
        monitor.Evaluate(Context(clock_), lease_).IgnoreError();
        while (!ended && courier.Once(Context(clock_)).value_or(false)) {
        }
        clock_.Advance(minutes(1));
      }
    };
    live();
    const bool was_ended = ended;
    const std::vector<std::string> before = channel.sent;
    std::set<std::string> acknowledged;
    catalog_->FailCalls(nullptr);
    for (const std::int64_t incident : {1, 2}) {
      for (const auto& each : DeliveriesOf(incident)) {
        if (each.state == catalog::DeliveryState::kDelivered) acknowledged.insert(each.key);
      }
    }
    if (was_ended) {
      ended = false;
      ASSERT_TRUE(store_->GiveBack(lease_).ok());
      Take();
      source_.facts.raised = {};
      live();
    }
    std::map<std::string, int> times;
    for (const std::string& key : channel.sent) ++times[key];
    int twice = 0;
    for (const auto& [key, count] : times) {
      EXPECT_LE(count, 2) << key << " at " << fail_at;
      twice += count - 1;
    }
    EXPECT_LE(twice, 1) << "at " << fail_at;
    for (std::size_t i = before.size(); i < channel.sent.size(); ++i) {
      EXPECT_FALSE(acknowledged.contains(channel.sent[i])) << channel.sent[i] << " at " << fail_at;
    }
    // Whatever began was told, and its end; all that waited is delivered, in its order.
    for (const auto& incident : ListOf(false, 0, 10)) {
      EXPECT_NE(incident.resolved_ms, 0) << "at " << fail_at;
      const auto all = DeliveriesOf(incident.number);
      ASSERT_THAT(all, SizeIs(2)) << "at " << fail_at;
      for (const auto& each : all) {
        EXPECT_EQ(each.state, catalog::DeliveryState::kDelivered) << each.key;
        EXPECT_GE(times[each.key], 1) << each.key << " at " << fail_at;
      }
    }
    if (HasFailure()) return;
    if (!was_ended) {
      operations = call;
      break;
    }
  }
  EXPECT_GT(operations, 30);
}

}  // namespace
}  // namespace aerie::alerts
