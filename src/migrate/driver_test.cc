// The driver against a world in which everything can go wrong, and which it may leave at any point.
#include "migrate/driver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing_effort.h"
#include "migrate/state_json.h"
#include "migrate/world_testing.h"

namespace aerie::migrate {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// What a human says when the driver waits in a phase; the last word again and again.
using Script = std::map<Phase, std::vector<std::string>>;

// A clock whose sleeps are when others speak.
class TellingClock : public FakeClock {
 public:
  std::function<void()> on_sleep;
  bool SleepFor(Duration duration, std::stop_token stop) override {
    if (on_sleep) on_sleep();
    return FakeClock::SleepFor(duration, std::move(stop));
  }
};

// A migration over one catalog: as many drivers, one after the other, as crashes make necessary.
class Stage {
 public:
  explicit Stage(const Rules& rules) : rules_(rules) {
    auto opened = catalog::Catalog::Open(catalog::kInMemory);
    EXPECT_TRUE(opened.ok()) << opened.status();
    catalog_ = *std::move(opened);
    const State state = NewState(rules);
    world.audited_before = rules.strategy != Strategy::kCold;
    EXPECT_TRUE(catalog_
                    ->Create({.id = "m",
                              .spec = "{}",
                              .state = ToText(state),
                              .phase = NameOf(state.phase),
                              .created_ms = 1})
                    .ok());
  }

  // Drives until it ends, through crashes; the state in which it ended.
  State Run(const Script& script) {
    script_ = script;
    clock.on_sleep = [this] { Speak(); };
    for (int drivers = 0; drivers < 10; ++drivers) {
      try {
        const auto state = RunOnce(Context(clock));
        EXPECT_TRUE(state.ok()) << state.status();
        return state.ok() ? *state : State{};
      } catch (const Crash&) {
        ++crashes;
        if (between) between();
      }
    }
    ADD_FAILURE() << "too many crashes";
    return {};
  }

  Result<State> RunOnce(const Context& context) {
    auto lease = catalog_->Take(
        "m", {.process = process, .host = "here", .renewed_ms = ToUnixMillis(clock.Now())});
    EXPECT_TRUE(lease.ok()) << lease.status();
    Approval approval(**lease, NoProgress());
    Driver driver(
        **lease, rules_,
        {.preflight = world, .mover = world, .fence = world, .switcher = world, .alerts = world},
        approval, NoProgress(),
        {.poll = std::chrono::seconds(5), .watch = std::chrono::milliseconds(1)});
    return driver.Run(context, Stored());
  }

  State Stored() {
    const auto state = StateFromText(catalog_->Find("m")->state);
    EXPECT_TRUE(state.ok()) << state.status();
    return *state;
  }
  catalog::Catalog& catalog() { return *catalog_; }

  TellingClock clock;
  World world{clock};
  ProcessIdentity process = ThisProcess();
  int crashes = 0;
  std::function<void()> between;

 private:
  // Called while the driver waits and no action is under way.
  void Speak() {
    const State state = Stored();
    if (world.NobodyTakes() && !state.running) {
      EXPECT_THAT(*catalog_->Alerts("m", true), Not(IsEmpty()))
          << "nobody can write, and nobody was told: " << NameOf(state.phase);
    }
    if (++idle_ > 2'000) throw std::runtime_error("it never ends");
    auto said = script_.find(state.phase);
    if (said == script_.end() || said->second.empty()) return;
    ASSERT_TRUE(catalog_->Say("m", said->second.front(), 0, ToUnixMillis(clock.Now())).ok());
    if (said->second.size() > 1) said->second.erase(said->second.begin());
  }

  const Rules rules_;
  std::unique_ptr<catalog::Catalog> catalog_;
  Script script_;
  int idle_ = 0;
};

Rules RulesOf(Strategy strategy) {
  Rules rules;
  rules.strategy = strategy;
  return rules;
}

const Script kComplete = {{Phase::kReady, {"cutover"}}, {Phase::kWatching, {"complete"}}};
const Script kBack = {{Phase::kReady, {"cutover"}}, {Phase::kWatching, {"rollback"}}};

struct Scenario {
  const char* name;
  Script script;
  std::map<std::string, std::vector<Mishap>> mishaps;
  Phase end;
};

std::vector<Scenario> Scenarios() {
  using M = Mishap;
  return {
      {"all well", kComplete, {}, Phase::kDone},
      {"rolled back", kBack, {}, Phase::kRolledBack},
      {"aborted", {{Phase::kReady, {"abort"}}}, {}, Phase::kAborted},
      {"paused",
       {{Phase::kReady, {"pause", "resume", "cutover"}},
        {Phase::kWatching, {"pause", "resume", "complete"}}},
       {},
       Phase::kDone},
      {"fence fails", kComplete, {{"fence source", {M::kFailsAfter}}}, Phase::kDone},
      {"fence leaks", kComplete, {{"fence source", {M::kLeaks}}}, Phase::kDone},
      {"fence is slow", kComplete, {{"fence source", {M::kSlow}}}, Phase::kDone},
      {"last round is slow",
       kComplete,
       {{"round source", {M::kNone, M::kNone, M::kSlow, M::kSlow}}},
       Phase::kDone},
      {"unfence fails thrice",
       kComplete,
       {{"fence source", {M::kFailsAfter}},
        {"unfence source", {M::kFailsBefore, M::kFailsAfter, M::kFailsBefore}}},
       Phase::kDone},
      {"switch fails before", kComplete, {{"switch target", {M::kFailsBefore}}}, Phase::kDone},
      {"switch fails half way", kComplete, {{"switch target", {M::kFailsHalf}}}, Phase::kDone},
      {"switch fails after",
       kComplete,
       {{"switch target", {M::kFailsAfter}},
        {"fence target", {M::kFailsBefore, M::kLeaks}},
        {"switch source", {M::kFailsHalf}}},
       Phase::kDone},
      {"opening fails",
       kComplete,
       {{"unfence target", {M::kFailsBefore, M::kFailsAfter}}},
       Phase::kDone},
      {"rollback cannot fence",
       {{Phase::kReady, {"cutover"}}, {Phase::kWatching, {"rollback"}}},
       {{"fence target", {M::kFailsAfter}}, {"unfence target", {M::kNone, M::kFailsBefore}}},
       Phase::kRolledBack},
      {"reverse round fails",
       kBack,
       {{"round target", {M::kNone, M::kFailsBefore}}},
       Phase::kRolledBack},
      {"way back is hard",
       kBack,
       {{"switch source", {M::kFailsHalf, M::kFailsBefore}}, {"unfence source", {M::kFailsBefore}}},
       Phase::kRolledBack},
      {"audit fails",
       kComplete,
       {{"audit source", {M::kFailsBefore, M::kFailsAfter}}},
       Phase::kDone},
      {"rounds fail",
       kComplete,
       {{"copy source", {M::kFailsAfter}}, {"round source", {M::kFailsBefore, M::kFailsAfter}}},
       Phase::kDone},
  };
}

class DriverScenario : public ::testing::TestWithParam<Strategy> {};

// Without a crash, then with one at each point that any call passes.
TEST_P(DriverScenario, KilledAtEveryPoint) {
  // The strategies differ before the fence only; one of them in every detail.
  const int stride = GetParam() == Strategy::kHot ? Effort(1, 5, 23) : Effort(3, 7, 31);
  for (const Scenario& scenario : Scenarios()) {
    int points = 1;
    for (int crash_at = 0; crash_at <= points; crash_at += crash_at == 0 ? 1 : stride) {
      SCOPED_TRACE(std::string(scenario.name) + ", crash at " + std::to_string(crash_at));
      Stage stage(RulesOf(GetParam()));
      stage.world.mishaps = scenario.mishaps;
      stage.world.crash_at = crash_at;
      const State end = stage.Run(scenario.script);
      if (crash_at == 0) points = stage.world.points;
      ASSERT_EQ(end.phase, scenario.end) << NameOf(end.phase);
      ASSERT_FALSE(stage.world.NobodyTakes());
      stage.world.CheckRows();
      EXPECT_THAT(*stage.catalog().Alerts("m", true), IsEmpty()) << "all is over";
      EXPECT_EQ(stage.crashes, crash_at == 0 ? 0 : 1);
      if (::testing::Test::HasFailure()) return;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, DriverScenario,
                         ::testing::Values(Strategy::kCold, Strategy::kHot, Strategy::kIncremental),
                         [](const auto& each) { return std::string(NameOf(each.param)); });

TEST(DriverTest, CallsInThisOrder) {
  Stage stage(RulesOf(Strategy::kHot));
  stage.Run(kBack);
  EXPECT_THAT(stage.world.calls,
              ElementsAre("preflight", "copy source", "round source", "audit source",
                          "round source", "fence source", "round source", "prove source",
                          "switch target", "unfence target", "round target", "fence target",
                          "round target", "prove target", "switch source", "unfence source"));
}

TEST(DriverTest, ACrashDoesNotShortenThePause) {
  // Killed with the fence up, and found again a day later.
  Stage stage(RulesOf(Strategy::kHot));
  stage.world.mishaps = {};
  bool crashed = false;
  stage.between = [&] {
    crashed = true;
    EXPECT_TRUE(stage.world.NobodyTakes());
    stage.clock.Advance(std::chrono::hours(24));
  };
  stage.world.crash_at = 18;  // in the round under the fence
  const State end = stage.Run(kComplete);
  ASSERT_TRUE(crashed);
  EXPECT_EQ(end.phase, Phase::kDone);
  EXPECT_THAT(stage.world.told, Contains("raised cutover"));
  EXPECT_THAT(stage.world.told, Contains("resolved cutover"));
  stage.world.CheckRows();
}

TEST(DriverTest, AnInterruptLeavesTheStateForTheNextOne) {
  Stage stage(RulesOf(Strategy::kHot));
  CancelScope scope{Context(stage.clock)};
  stage.clock.on_sleep = [&] { scope.Cancel(); };
  const auto stopped = stage.RunOnce(scope.context());
  ASSERT_TRUE(stopped.ok()) << stopped.status();
  EXPECT_EQ(stopped->phase, Phase::kReady);
  EXPECT_EQ(stage.Run(kComplete).phase, Phase::kDone);
  stage.world.CheckRows();
}

TEST(DriverTest, AnInterruptWhileNobodyCanWriteWaitsUntilSomebodyCan) {
  Rules rules = RulesOf(Strategy::kHot);
  rules.auto_cutover = true;
  Stage stage(rules);
  stage.world.mishaps = {{"unfence target", {Mishap::kFailsBefore}}};
  CancelScope scope{Context(stage.clock)};
  stage.clock.on_sleep = [&] {
    if (stage.Stored().phase == Phase::kOpening) scope.Cancel();
  };
  const auto stopped = stage.RunOnce(scope.context());
  ASSERT_TRUE(stopped.ok()) << stopped.status();
  EXPECT_EQ(stopped->phase, Phase::kWatching);
  EXPECT_TRUE(stage.world.Takes(Side::kTarget));
}

TEST(DriverTest, BlockedEndsTheRunAndTheNextOneTriesAgain) {
  Stage stage(RulesOf(Strategy::kHot));
  stage.world.mishaps = {{"preflight", {Mishap::kFailsBefore}}};
  const State blocked = stage.Run({});
  EXPECT_EQ(blocked.phase, Phase::kBlocked);
  EXPECT_THAT(stage.world.told, Contains("raised blocked"));
  EXPECT_EQ(stage.Run(kComplete).phase, Phase::kDone);
  EXPECT_THAT(stage.world.told, Contains("resolved blocked"));
}

TEST(DriverTest, WordsAreAnswered) {
  Stage stage(RulesOf(Strategy::kCold));
  stage.Run({{Phase::kReady, {"complete", "approve", "sing", "cutover"}},
             {Phase::kWatching, {"abort", "complete"}}});
  std::vector<std::string> refusals;
  for (int number = 1; number <= 6; ++number) {
    const auto command = stage.catalog().FindCommand(number);
    ASSERT_TRUE(command.ok()) << command.status();
    EXPECT_TRUE(command->answered) << command->verb;
    refusals.push_back(command->refusal);
  }
  EXPECT_THAT(refusals,
              ElementsAre(HasSubstr("state ready"), "nothing waits for an approval",
                          "this version does not know it", "", HasSubstr("rollback"), ""));
}

TEST(DriverTest, WhoeverWasTakenOverFromStopsBeforeHeActs) {
  Stage stage(RulesOf(Strategy::kHot));
  stage.process = {.machine = "elsewhere", .pid = 1, .started = 1};
  std::unique_ptr<catalog::Lease> thief;
  std::size_t calls = 0;
  stage.clock.on_sleep = [&] {
    if (thief) return;
    const std::int64_t later_ms = ToUnixMillis(stage.clock.Now()) + 100'000;
    thief = *stage.catalog().Take(
        "m", {.process = ThisProcess(), .host = "here", .renewed_ms = later_ms});
    ASSERT_TRUE(stage.catalog().Say("m", "cutover", 0, later_ms).ok());
    calls = stage.world.calls.size();
  };
  EXPECT_EQ(KindOf(stage.RunOnce(Context(stage.clock)).status()), Kind::kLocked);
  ASSERT_TRUE(thief);
  EXPECT_EQ(stage.world.calls.size(), calls);
  EXPECT_EQ(stage.Stored().phase, Phase::kReady);
  EXPECT_TRUE(thief->Renew(1).ok());
}

TEST(DriverTest, ThePauseIsInTheLog) {
  Stage stage(RulesOf(Strategy::kHot));
  stage.Run(kComplete);
  std::string text;
  const auto log = *stage.catalog().Log("m", 0, 1000);
  for (const auto& entry : log) text += entry.text + "\n";
  EXPECT_THAT(text, HasSubstr("opening: succeeded -> watching; nobody could write for 0 ms"));
}

TEST(StateJsonTest, EveryFieldComesBack) {
  State s;
  s.phase = Phase::kLastReverse;
  s.running = s.paused = s.cutover_wanted = s.rollback_wanted = s.forced = true;
  s.after = Phase::kSyncing;
  s.blocked_at = Phase::kCopying;
  s.due_ms = 1;
  s.pause_began_ms = 2;
  s.last_pause_ms = 3;
  s.rounds = 4;
  s.rounds_behind = 5;
  s.proofs = 6;
  s.open = {Incident::kOutage, Incident::kBehind};
  const auto back = StateFromText(ToText(s));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, s);
  for (const char* text : {"", "{}", "[]", R"({"phase": "nowhere"})"}) {
    EXPECT_EQ(KindOf(StateFromText(text).status()), Kind::kCorrupt) << text;
  }
}

TEST(ObeyWithoutDriver, WhatNeedsNoActionIsDoneAtOnce) {
  Stage stage(RulesOf(Strategy::kHot));
  stage.world.mishaps = {{"preflight", {Mishap::kFailsBefore}}};
  ASSERT_EQ(stage.Run({}).phase, Phase::kBlocked);
  auto lease = *stage.catalog().Take("m", {.process = ThisProcess(), .host = "", .renewed_ms = 1});
  const auto number = *stage.catalog().Say("m", "abort", 0, 1);
  const auto said = ObeyWithoutDriver(*lease, RulesOf(Strategy::kHot), stage.Stored(),
                                      Event::Type::kAbort, number, stage.clock.Now());
  ASSERT_TRUE(said.ok()) << said.status();
  EXPECT_EQ(*said, "");
  EXPECT_EQ(stage.Stored().phase, Phase::kAborted);
  EXPECT_NE(stage.catalog().Find("m")->ended_ms, 0);
}

TEST(ObeyWithoutDriver, WhatNeedsAnActionWaits) {
  Rules rules = RulesOf(Strategy::kHot);
  Stage stage(rules);
  State watching;
  watching.phase = Phase::kWatching;
  watching.running = true;
  auto lease = *stage.catalog().Take("m", {.process = ThisProcess(), .host = "", .renewed_ms = 1});
  const auto obey = [&](Event::Type type) {
    return ObeyWithoutDriver(*lease, rules, watching, type, 0, stage.clock.Now());
  };
  EXPECT_EQ(*obey(Event::Type::kRollback), std::nullopt);
  EXPECT_NE((*obey(Event::Type::kAbort))->find("rollback"), std::string::npos);
  EXPECT_EQ(*obey(Event::Type::kComplete), "");
  EXPECT_EQ(stage.Stored().phase, Phase::kDone);
}

}  // namespace
}  // namespace aerie::migrate
