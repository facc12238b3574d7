// Every state that the machine can reach, against a model of two clusters, their clients, and
// actions that fail before, after and half way through their work, are cancelled, or are under way
// when the process is killed.
#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "migrate/machine.h"

namespace aerie::migrate {
namespace {

using EventType = Event::Type;
using ActionType = Action::Type;

constexpr std::int64_t kNow = 1'000'000'000;
constexpr std::int64_t kMaxPauseMs = 60'000;

struct Cluster {
  bool fenced = false;
  bool leaks = false;   // the fence is up, and clients write all the same
  bool routed = false;  // clients are sent there
  bool ahead = false;   // has writes that the other lacks
  bool doubted = true;  // the target: clients may have written there since both were read
  bool Takes() const { return routed && (!fenced || leaks); }
  auto operator<=>(const Cluster&) const = default;
};

struct World {
  Cluster source{.routed = true, .ahead = true};
  Cluster target;
  Cluster& at(Side side) { return side == Side::kSource ? source : target; }
  bool NobodyTakes() const { return !source.Takes() && !target.Takes(); }
  void Write() {
    source.ahead |= source.Takes();
    target.ahead |= target.Takes();
    target.doubted |= target.Takes();
  }
  auto operator<=>(const World&) const = default;
};

struct Node {
  State state;
  World world;
};

// One way that an action can have gone: what it did to the world, and what is said of it.
struct Happening {
  World world;
  Event event;
};

std::string Key(const Node& node) {
  const State& s = node.state;
  std::string key;
  for (const int part :
       {static_cast<int>(s.phase), static_cast<int>(s.after), static_cast<int>(s.blocked_at),
        s.proofs, static_cast<int>(s.rounds_behind), static_cast<int>(s.due_ms != 0),
        static_cast<int>(s.audited_ms != 0),
        static_cast<int>(s.pause_began_ms == 0          ? 0
                         : s.pause_began_ms == kNow - 1 ? 1
                                                        : 2)}) {
    key += static_cast<char>('a' + part);
  }
  for (const bool bit : {s.running, s.paused, s.cutover_wanted, s.rollback_wanted, s.forced}) {
    key += bit ? '1' : '0';
  }
  for (const Incident incident : s.open) key += static_cast<char>('A' + static_cast<int>(incident));
  for (const Cluster& c : {node.world.source, node.world.target}) {
    for (const bool bit : {c.fenced, c.leaks, c.routed, c.ahead, c.doubted}) key += bit ? '+' : '-';
  }
  return key;
}

class Model {
 public:
  explicit Model(Rules rules) : rules_(rules) {
    rules_.max_pause = std::chrono::milliseconds(kMaxPauseMs);
    rules_.patient_rounds = 2;
  }

  void Explore() {
    const Node root{.state = NewState(rules_), .world = {}};
    Move(root, root.world, {.type = EventType::kStart}, kNow, "start");
    while (!queue_.empty() && !::testing::Test::HasFailure()) {
      const std::string key = queue_.front();
      queue_.pop_front();
      Expand(key);
    }
    CheckEnds();
  }
  std::size_t size() const { return graph_.size(); }

 private:
  struct Known {
    Node node;
    std::set<std::string> next;
    std::string from, by;
  };

  // --- What may happen next ---
  void Expand(const std::string& key) {
    const Node node = graph_.at(key).node;
    now_at_ = key;
    if (TraitsOf(node.state.phase).ended) return;
    for (const Happening& h : Happenings(node)) {
      for (const std::int64_t now : {kNow, kNow + kMaxPauseMs}) {
        Move(node, h.world, h.event, now, "outcome");
      }
      // Killed after it happened, and before anybody knew.
      Move(node, h.world, {.type = EventType::kStart}, kNow, "crash");
      Move(node, h.world, {.type = EventType::kStart}, kNow + kMaxPauseMs, "late crash");
    }
    Move(node, node.world, {.type = EventType::kStart}, kNow, "crash");
    Move(node, node.world, {.type = EventType::kTick}, kNow + 100, "tick");
    Move(node, node.world, {.type = EventType::kTick}, kNow + kMaxPauseMs, "late tick");
    for (const EventType command :
         {EventType::kCutover, EventType::kPause, EventType::kResume, EventType::kRollback,
          EventType::kComplete, EventType::kAbort}) {
      Move(node, node.world, {.type = command}, kNow, NameOf(command));
      // What a command cancels may have happened.
      for (const Happening& h : Happenings(node)) {
        Move(node, h.world, {.type = command}, kNow, std::string(NameOf(command)) + ", too late");
      }
    }
  }

  std::vector<Happening> Happenings(const Node& node) const {
    std::vector<Happening> all;
    if (!node.state.running) return all;
    const PhaseTraits& traits = TraitsOf(node.state.phase);
    World done = node.world;
    Cluster& side = done.at(traits.side);
    Cluster& other = done.at(Other(traits.side));
    Event ok{.type = EventType::kSucceeded, .fenced_ms = kNow - 1};
    const auto fails = [&](const World& world) {
      all.push_back({world, {.type = EventType::kFailed, .passing = true, .message = "x"}});
      all.push_back({world, {.type = EventType::kFailed, .passing = false, .message = "x"}});
    };
    fails(node.world);
    switch (*traits.action) {
      case ActionType::kPreflight: all.push_back({done, ok}); break;
      case ActionType::kCopy:
      case ActionType::kRound:
        EXPECT_FALSE(other.ahead) << "writes of the other side are written over";
        if (!side.Takes()) side.ahead = false;
        all.push_back({done, ok});
        ok.rows = rules_.ready_rows + 1;
        all.push_back({done, ok});
        break;
      case ActionType::kAudit:
        EXPECT_FALSE(other.ahead) << "writes of the other side are written over";
        other.doubted = false;
        all.push_back({done, ok});
        break;
      case ActionType::kProve:
        EXPECT_FALSE(other.ahead) << "writes of the other side are written over";
        if (traits.side == Side::kSource && rules_.strategy != Strategy::kCold) {
          EXPECT_FALSE(other.doubted) << "the target was not read since clients wrote there";
        }
        ok.source_changed = side.ahead;
        if (!side.Takes()) side.ahead = false;
        all.push_back({done, ok});
        ok.target_differed = 1;
        all.push_back({done, ok});
        break;
      case ActionType::kFence:
        side.fenced = true;
        side.leaks = false;
        all.push_back({done, ok});
        fails(done);
        side.leaks = true;
        all.push_back({done, ok});
        break;
      case ActionType::kUnfence:
        side.fenced = side.leaks = false;
        all.push_back({done, ok});
        fails(done);
        break;
      case ActionType::kSwitch:
        side.routed = true;
        fails(done);  // some clients here, some there
        other.routed = false;
        all.push_back({done, ok});
        fails(done);
        break;
      default: ADD_FAILURE();
    }
    return all;
  }

  // --- One step of both ---
  void Move(const Node& node, World world, const Event& event, std::int64_t now,
            const std::string& by) {
    world.Write();
    const Transition t = Step(rules_, node.state, event, FromUnixMillis(now));
    CheckActions(node.state, event, t, by);
    Visit({.state = Canonical(t.next, now), .world = world}, by);
  }

  // Times only as far as they matter, so that there are finitely many states.
  State Canonical(State s, std::int64_t now) const {
    if (s.due_ms != 0) s.due_ms = kNow + 100;
    if (s.pause_began_ms != 0) {
      s.pause_began_ms = now - s.pause_began_ms >= kMaxPauseMs ? kNow - kMaxPauseMs : kNow - 1;
    }
    s.last_pause_ms = -1;
    if (s.audited_ms != 0) s.audited_ms = kNow;
    s.rounds = 0;
    s.rounds_behind = std::min(s.rounds_behind, rules_.patient_rounds);
    return s;
  }

  void Visit(const Node& node, const std::string& by) {
    const std::string key = Key(node);
    if (!now_at_.empty()) graph_.at(now_at_).next.insert(key);
    if (!graph_.try_emplace(key, Known{.node = node, .next = {}, .from = now_at_, .by = by})
             .second) {
      return;
    }
    queue_.push_back(key);
    CheckNode(node, key);
  }

  // --- What must hold ---
  static void CheckActions(const State& before, const Event& event, const Transition& t,
                           const std::string& by) {
    int orders = 0;
    bool cancels = false;
    for (std::size_t i = 0; i < t.actions.size(); ++i) {
      const ActionType type = t.actions[i].type;
      cancels |= type == ActionType::kCancel;
      if (type > ActionType::kSwitch) continue;
      ++orders;
      EXPECT_EQ(i + 1, t.actions.size()) << "what takes time comes last";
    }
    EXPECT_LE(orders, 1);
    const bool had_ended = event.type == EventType::kStart || event.type == EventType::kSucceeded ||
                           event.type == EventType::kFailed;
    if (before.running && orders == 1 && !had_ended) {
      EXPECT_TRUE(cancels) << "two actions at once: " << NameOf(before.phase) << ", " << by;
    }
    if (cancels && event.type != EventType::kStart) {
      const auto action = TraitsOf(before.phase).action;
      EXPECT_TRUE(action != ActionType::kSwitch && action != ActionType::kUnfence)
          << "half a switch: " << NameOf(before.phase) << ", " << by;
    }
    if (event.type == EventType::kStart) {
      EXPECT_EQ(t.next.running, orders == 1) << "nobody makes it: " << NameOf(before.phase);
    } else if (before.running && !had_ended) {
      EXPECT_TRUE(cancels || (t.next.running && orders == 0)) << "left behind: " << by;
    } else {
      EXPECT_EQ(t.next.running, orders == 1) << by;
    }
  }

  void CheckNode(const Node& node, const std::string& key) {
    const State& s = node.state;
    World w = node.world;
    EXPECT_FALSE(w.source.Takes() && w.target.Takes()) << "both take writes" << Story(key);
    EXPECT_FALSE(w.target.Takes() && w.source.ahead) << "the target lacks writes" << Story(key);
    EXPECT_FALSE(w.source.Takes() && w.target.ahead) << "the source lacks writes" << Story(key);
    if (TraitsOf(s.phase).ended) {
      EXPECT_TRUE(s.phase == Phase::kDone ? w.target.Takes() : w.source.Takes()) << Story(key);
      EXPECT_TRUE(s.open.empty() && !s.running) << Story(key);
    }
    if (!s.running && !s.due_ms && s.phase != Phase::kBlocked && !TraitsOf(s.phase).ended) {
      EXPECT_TRUE(s.paused || s.phase == Phase::kReady) << "stands still" << Story(key);
    }
    const Way way = WayOf(rules_, s);
    EXPECT_LT(way.at, way.phases.size()) << "on no way" << Story(key);
    EXPECT_TRUE(s.phase != Phase::kBlocked || s.open.contains(Incident::kBlocked)) << Story(key);
    if (!w.NobodyTakes()) return;
    EXPECT_TRUE(rules_.manual_fence || s.pause_began_ms != 0) << "not measured" << Story(key);
    EXPECT_FALSE(s.paused) << Story(key);
    EXPECT_TRUE(s.running || !s.open.empty()) << "nobody was told" << Story(key);
    const std::string& by = graph_.at(key).by;
    if (s.pause_began_ms == kNow - kMaxPauseMs && by == "late tick") {
      EXPECT_TRUE(s.open.contains(Incident::kOutage) || s.open.contains(Incident::kCutover))
          << "nobody was told that the pause is too long" << Story(key);
      EXPECT_FALSE(TraitsOf(s.phase).bounded && !s.forced) << "it was not undone" << Story(key);
    }
  }

  // From everywhere an end can be reached.
  void CheckEnds() {
    std::map<std::string, std::vector<std::string>> back;
    std::deque<std::string> todo;
    std::set<std::string> reaches;
    for (const auto& [key, known] : graph_) {
      for (const std::string& next : known.next) back[next].push_back(key);
      if (TraitsOf(known.node.state.phase).ended && reaches.insert(key).second) todo.push_back(key);
    }
    while (!todo.empty()) {
      const std::string key = todo.front();
      todo.pop_front();
      for (const std::string& before : back[key]) {
        if (reaches.insert(before).second) todo.push_back(before);
      }
    }
    for (const auto& [key, known] : graph_) {
      ASSERT_TRUE(reaches.contains(key)) << "never ends" << Story(key);
    }
  }

  // How the model came there, for a failure's message.
  std::string Story(const std::string& key) const {
    std::string story;
    for (std::string at = key; !at.empty();) {
      const Known& known = graph_.at(at);
      story = "\n  " + known.by + " -> " + NameOf(known.node.state.phase) +
              (known.node.state.running ? "" : ", waits") +
              (known.node.state.forced ? ", forced" : "") + story;
      at = known.from;
    }
    return story;
  }

  Rules rules_;
  std::map<std::string, Known> graph_;
  std::deque<std::string> queue_;
  std::string now_at_;
};

class ModelTest : public ::testing::TestWithParam<std::tuple<Strategy, bool, bool>> {};

TEST_P(ModelTest, NoReachableStateLosesWritesOrLeavesNobodyTold) {
  Rules rules;
  std::tie(rules.strategy, rules.auto_cutover, rules.manual_fence) = GetParam();
  Model model(rules);
  model.Explore();
  RecordProperty("states", static_cast<int>(model.size()));
  EXPECT_GT(model.size(), 500U);
}

using Case = std::tuple<Strategy, bool, bool>;
INSTANTIATE_TEST_SUITE_P(All, ModelTest,
                         ::testing::Values(Case{Strategy::kCold, false, false},
                                           Case{Strategy::kCold, true, true},
                                           Case{Strategy::kHot, false, false},
                                           Case{Strategy::kHot, true, true},
                                           Case{Strategy::kIncremental, false, false}));

}  // namespace
}  // namespace aerie::migrate
