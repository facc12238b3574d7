#include "repo/retention.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <map>
#include <utility>

#include "repo/retain.h"

namespace aerie::repo {
namespace {

using Days = std::chrono::sys_days;

Days DayOf(std::int64_t ms) {
  return std::chrono::floor<std::chrono::days>(
      std::chrono::sys_time<std::chrono::milliseconds>(std::chrono::milliseconds(ms)));
}

std::string DayText(Days day) { return FormatUtc(WallTime(day)).substr(0, 10); }

std::string HourText(std::int64_t ms) { return FormatUtc(FromUnixMillis(ms)).substr(0, 13) + "h"; }

Days MondayOf(Days day) { return day - (std::chrono::weekday(day) - std::chrono::Monday); }

// A rule of the calendar: which of its pieces a time is in, such as "2026-11".
struct CalendarRule {
  const char* name;
  std::uint32_t keep;
  std::function<std::string(std::int64_t ms)> piece;
};

std::vector<CalendarRule> RulesOf(const RetentionPolicy& policy) {
  return {
      {"hourly", policy.keep_hourly, HourText},
      {"daily", policy.keep_daily, [](std::int64_t ms) { return DayText(DayOf(ms)); }},
      {"weekly", policy.keep_weekly,
       [](std::int64_t ms) { return "week of " + DayText(MondayOf(DayOf(ms))); }},
      {"monthly", policy.keep_monthly,
       [](std::int64_t ms) { return DayText(DayOf(ms)).substr(0, 7); }},
      {"yearly", policy.keep_yearly,
       [](std::int64_t ms) { return DayText(DayOf(ms)).substr(0, 4); }},
  };
}

using GroupKey = std::pair<std::string, std::set<std::string>>;  // cluster, collections
using CollectionKey = std::pair<std::string, std::string>;       // cluster, collection

GroupKey GroupOf(const Snapshot& snapshot) {
  GroupKey key{snapshot.cluster, {}};
  for (const auto& collection : snapshot.collections) {
    key.second.insert(collection.name.ToString());
  }
  return key;
}

class Decider {
 public:
  Decider(const std::vector<Snapshot>& snapshots, const SnapshotMarks& marks,
          const RetentionPolicy& policy, WallTime now)
      : snapshots_(snapshots),
        marks_(marks),
        policy_(policy),
        now_ms_(ToUnixMillis(now)),
        reasons_(snapshots.size()) {
    for (std::size_t i = 0; i < snapshots.size(); ++i) newest_first_.push_back(i);
    std::ranges::sort(newest_first_, [&](std::size_t a, std::size_t b) {
      return std::tie(snapshots[b].created_ms, snapshots[b].id) <
             std::tie(snapshots[a].created_ms, snapshots[a].id);
    });
  }

  std::vector<RetentionDecision> Decide() {
    newest_ = Protect("newest complete of ", [](std::size_t) { return true; });
    Protect("newest verified of ",
            [&](std::size_t i) { return marks_.verified.contains(snapshots_[i].id); });
    for (const auto& [key, members] : Groups()) KeepOfGroup(members);
    for (std::size_t i = 0; i < snapshots_.size(); ++i) KeepAlone(i);
    std::vector<RetentionDecision> decisions;
    for (std::size_t i = 0; i < snapshots_.size(); ++i) {
      const bool keep = !reasons_[i].empty();
      if (!keep) {
        reasons_[i].push_back(snapshots_[i].complete
                                  ? "no rule keeps it"
                                  : "incomplete, and newer complete ones have its collections");
      }
      decisions.push_back({snapshots_[i].id, keep, std::move(reasons_[i])});
    }
    return decisions;
  }

 private:
  bool InFuture(std::size_t i) const { return snapshots_[i].created_ms > now_ms_; }
  bool Counts(std::size_t i) const { return snapshots_[i].complete && !InFuture(i); }
  void Keep(std::size_t i, std::string why) { reasons_[i].push_back(std::move(why)); }

  using NewestOf = std::map<CollectionKey, std::size_t>;

  // Keeps, and returns, the newest complete one of each collection that `accept`s.
  NewestOf Protect(const std::string& why, const std::function<bool(std::size_t)>& accept) {
    NewestOf newest;
    std::map<std::size_t, std::string> protects;
    for (const std::size_t i : newest_first_) {
      if (!Counts(i) || !accept(i)) continue;
      for (const auto& collection : snapshots_[i].collections) {
        const std::string name = collection.name.ToString();
        if (!newest.try_emplace({snapshots_[i].cluster, name}, i).second) continue;
        std::string& names = protects[i];
        names += (names.empty() ? "" : ", ") + name;
      }
    }
    for (const auto& [i, names] : protects) Keep(i, why + names);
    return newest;
  }

  // Complete ones of each group, newest first.
  std::map<GroupKey, std::vector<std::size_t>> Groups() const {
    std::map<GroupKey, std::vector<std::size_t>> groups;
    for (const std::size_t i : newest_first_) {
      if (Counts(i)) groups[GroupOf(snapshots_[i])].push_back(i);
    }
    return groups;
  }

  void KeepOfGroup(const std::vector<std::size_t>& members) {
    KeepFirst(members, policy_.keep_last, "last ");
    KeepFirst(members, policy_.min_redundancy, "minimum redundancy ");
    for (const CalendarRule& rule : RulesOf(policy_)) KeepByCalendar(members, rule);
  }

  void KeepFirst(const std::vector<std::size_t>& members, std::uint32_t keep, const char* rule) {
    for (std::size_t n = 0; n < std::min<std::size_t>(keep, members.size()); ++n) {
      Keep(members[n], rule + std::to_string(n + 1) + " of " + std::to_string(keep));
    }
  }

  void KeepByCalendar(const std::vector<std::size_t>& members, const CalendarRule& rule) {
    std::uint32_t kept = 0;
    std::string last;
    for (const std::size_t i : members) {
      if (kept == rule.keep) return;
      const std::string piece = rule.piece(snapshots_[i].created_ms);
      if (piece == std::exchange(last, piece)) continue;
      ++kept;
      Keep(i, std::string(rule.name) + " " + piece);
    }
  }

  void KeepAlone(std::size_t i) {
    const Snapshot& snapshot = snapshots_[i];
    if (marks_.pins.contains(snapshot.id)) Keep(i, "pinned");
    if (snapshot.immutable_until_ms.value_or(0) > now_ms_) Keep(i, ImmutableText(snapshot));
    if (policy_.empty()) Keep(i, "no retention rule was given");
    for (const std::string& tag : policy_.keep_tags) {
      if (std::ranges::count(snapshot.tags, tag) != 0) Keep(i, "tag " + tag);
    }
    if (InFuture(i)) Keep(i, "its time is in the future; check the clocks");
    if (policy_.keep_within && WithinReach(snapshot.created_ms)) Keep(i, "within the time given");
    if (!snapshot.complete && !Superseded(snapshot)) {
      Keep(i, "incomplete, but no newer complete one has all its collections");
    }
  }

  bool WithinReach(std::int64_t created_ms) const {
    const auto within = std::chrono::duration_cast<std::chrono::milliseconds>(*policy_.keep_within);
    return created_ms >= now_ms_ - within.count();
  }

  bool Superseded(const Snapshot& snapshot) const {
    return std::ranges::all_of(snapshot.collections, [&](const auto& collection) {
      const auto newest = newest_.find({snapshot.cluster, collection.name.ToString()});
      return newest != newest_.end() && snapshots_[newest->second].created_ms > snapshot.created_ms;
    });
  }

  const std::vector<Snapshot>& snapshots_;
  const SnapshotMarks& marks_;
  const RetentionPolicy& policy_;
  const std::int64_t now_ms_;
  std::vector<std::vector<std::string>> reasons_;
  std::vector<std::size_t> newest_first_;
  NewestOf newest_;
};

}  // namespace

bool RetentionPolicy::empty() const {
  return keep_last == 0 && keep_hourly == 0 && keep_daily == 0 && keep_weekly == 0 &&
         keep_monthly == 0 && keep_yearly == 0 && !keep_within && keep_tags.empty();
}

std::vector<RetentionDecision> DecideRetention(const std::vector<Snapshot>& snapshots,
                                               const SnapshotMarks& marks,
                                               const RetentionPolicy& policy, WallTime now) {
  return Decider(snapshots, marks, policy, now).Decide();
}

}  // namespace aerie::repo
