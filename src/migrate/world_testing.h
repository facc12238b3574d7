// Two clusters, their clients and the ports of a migration between them, for tests: every call can
// be made to fail before, in the middle of or after its work, to be slow, or to crash the driver.
// At each point that a call passes clients write wherever they can, and what must hold is checked.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "migrate/ports.h"

namespace aerie::migrate {

struct Crash {};

// What one call is to do.
enum class Mishap {
  kNone,
  kFailsBefore,
  kFailsAfter,
  kFailsHalf,  // a switch: some clients here, some there
  kLeaks,      // a fence: it says that it is up
  kSlow,       // longer than any pause may be
};

class World : public Preflight, public Mover, public Fence, public Switch, public AlertSink {
 public:
  explicit World(FakeClock& clock) : clock_(clock) {
    for (int key = 0; key < 20; ++key) WriteTo(Side::kSource, key, 1);
  }

  // --- How the test has its way ---
  std::map<std::string, std::vector<Mishap>> mishaps;  // "fence source" -> of its 1st, 2nd... call
  int crash_at = 0;                                    // at the n-th point; 0: never
  int points = 0;
  bool audited_before = true;  // as SyncMoverOptions
  std::vector<std::string> calls;
  std::set<std::string> told;  // "raised cutover", "resolved cutover"

  bool Takes(Side side) const {
    const Cluster& c = at(side);
    return c.routed && (!c.fenced || c.leaks);
  }
  bool NobodyTakes() const { return !Takes(Side::kSource) && !Takes(Side::kTarget); }
  // The side that clients use now has exactly what was acknowledged.
  void CheckRows() const {
    const Side side = Takes(Side::kSource) ? Side::kSource : Side::kTarget;
    EXPECT_EQ(at(side).rows, acknowledged_) << NameOf(side);
  }

  // --- Ports ---
  Status Check(const Context&) override {
    return Call("preflight", [](Mishap) {});
  }
  Result<CopyReport> Copy(const Context& context, Haste haste) override {
    CheckHaste(haste);
    AERIE_TRY(Move(context, "copy", Side::kSource, Reads::kBoth));
    return CopyReport{.rows = at(Side::kTarget).rows.size()};
  }
  Result<RoundReport> Round(const Context& context, Side from, Haste haste) override {
    CheckHaste(haste);
    AERIE_TRY(Move(context, "round", from, Reads::kOne));
    return RoundReport{.updated = 3};
  }
  Result<RoundReport> Audit(const Context& context, Side from) override {
    AERIE_TRY(Move(context, "audit", from, Reads::kBoth));
    return RoundReport{.updated = 3};
  }
  Result<ProofReport> Prove(const Context& context, Side from) override {
    ProofReport report;
    const auto seen = seen_;
    const bool both = from == Side::kTarget || !audited_before;
    AERIE_TRY(Move(context, "prove", from, both ? Reads::kBoth : Reads::kOne));
    report.source_changed = seen != seen_;
    return report;
  }
  Result<std::int64_t> Apply(const Context& context, Side side) override {
    AERIE_TRY(Call("fence " + std::string(NameOf(side)), [&](Mishap mishap) {
      at(side).fenced = true;
      at(side).leaks = mishap == Mishap::kLeaks;
      Late(context, mishap);
    }));
    return 0;
  }
  Status Lift(const Context& context, Side side) override {
    return Call("unfence " + std::string(NameOf(side)), [&](Mishap mishap) {
      at(side).fenced = at(side).leaks = false;
      Late(context, mishap);
    });
  }
  Status To(const Context& context, Side side) override {
    return Call("switch " + std::string(NameOf(side)), [&](Mishap mishap) {
      at(side).routed = true;
      if (mishap != Mishap::kFailsHalf) at(Other(side)).routed = false;
      Late(context, mishap);
    });
  }
  // From another thread than all others.
  Status Deliver(const Context&, const catalog::Alert& alert) override {
    std::lock_guard lock(told_mutex_);
    told.insert((alert.resolved_ms != 0 ? "resolved " : "raised ") + alert.incident);
    return Ok();
  }

 private:
  // Nothing of the clients' suffers, and they never wait longer than they must.
  void CheckHaste(Haste haste) const {
    if (NobodyTakes()) {
      EXPECT_EQ(haste, Haste::kPause) << "after " << calls.size() << " calls";
    } else if (haste == Haste::kPause) {
      EXPECT_TRUE(source_.fenced || target_.fenced) << "after " << calls.size() << " calls";
    }
  }
  using Rows = std::map<int, int>;
  enum class Reads { kOne, kBoth };
  struct Cluster {
    Rows rows;
    bool fenced = false;
    bool leaks = false;
    bool routed = false;
  };
  Cluster& at(Side side) { return side == Side::kSource ? source_ : target_; }
  const Cluster& at(Side side) const { return side == Side::kSource ? source_ : target_; }

  void WriteTo(Side side, int key, int version) {
    if (version == 0) {
      at(side).rows.erase(key);
      acknowledged_.erase(key);
    } else {
      at(side).rows[key] = acknowledged_[key] = version;
    }
  }
  // Clients insert, update and delete wherever they are let.
  void ClientsWrite() {
    for (const Side side : {Side::kSource, Side::kTarget}) {
      if (!Takes(side)) continue;
      for (int i = 0; i < 3; ++i) {
        ++writes_;
        WriteTo(side, (writes_ * 7) % 31, writes_ % 5 == 0 ? 0 : writes_);
      }
    }
  }
  void Point() {
    EXPECT_FALSE(Takes(Side::kSource) && Takes(Side::kTarget)) << "both take writes";
    ClientsWrite();
    if (++points == crash_at) throw Crash{};
  }
  template <class Work>
  Status Call(const std::string& name, Work work) {
    calls.push_back(name);
    Point();
    auto& planned = mishaps[name];
    const Mishap mishap = planned.empty() ? Mishap::kNone : planned.front();
    if (!planned.empty()) planned.erase(planned.begin());
    if (mishap != Mishap::kFailsBefore) work(mishap);
    Point();
    const bool fails = mishap == Mishap::kFailsBefore || mishap == Mishap::kFailsAfter ||
                       mishap == Mishap::kFailsHalf;
    return fails ? MakeStatus(Kind::kTransient, name + " fails") : Ok();
  }
  // As a sync does it: what it knows of the other side is what it wrote there itself, unless it
  // reads it. The first round of a direction always does.
  Status Move(const Context& context, const std::string& name, Side from, Reads reads) {
    return Call(name + " " + NameOf(from), [&](Mishap mishap) {
      const Rows read = at(from).rows;
      Point();
      Late(context, mishap);
      const auto kept = kept_.find(from);
      Rows& other = at(Other(from)).rows;
      const Rows known = reads == Reads::kBoth || kept == kept_.end() ? other : kept->second;
      for (const auto& [key, version] : known) {
        if (!read.contains(key)) other.erase(key);
      }
      for (const auto& [key, version] : read) {
        const auto there = known.find(key);
        if (there == known.end() || there->second != version) other[key] = version;
      }
      kept_[from] = seen_ = read;
    });
  }
  void Late(const Context& context, Mishap mishap) {
    if (mishap != Mishap::kSlow) return;
    clock_.Advance(std::chrono::hours(24));
    if (!NobodyTakes()) return;
    // Until it is cancelled for it.
    std::mutex mutex;
    std::unique_lock lock(mutex);
    std::condition_variable_any never;
    context.Wait(never, lock, "be late", [] { return false; }).IgnoreError();
  }

  FakeClock& clock_;
  Cluster source_{.rows = {}, .routed = true};
  Cluster target_;
  Rows acknowledged_;
  Rows seen_;  // by the last reading
  std::map<Side, Rows> kept_;
  int writes_ = 0;
  std::mutex told_mutex_;
};

}  // namespace aerie::migrate
