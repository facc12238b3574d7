// Retention as tables and as properties.
#include "repo/retention.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "rows/row_generator.h"

namespace aerie::repo {
namespace {

constexpr std::int64_t kHourMs = 3'600'000;
constexpr std::int64_t kDayMs = 24 * kHourMs;
// 2023-11-14 22:13:20 UTC, a Tuesday.
constexpr std::int64_t kNowMs = 1'700'000'000'000;

Snapshot Made(const std::string& name, std::int64_t age_ms, const std::string& collections = "a",
              bool complete = true, const std::string& cluster = "here") {
  Snapshot snapshot;
  snapshot.id.hex = name;
  snapshot.created_ms = kNowMs - age_ms;
  snapshot.cluster = cluster;
  snapshot.complete = complete;
  for (const char c : collections) {
    SnapshotCollection collection;
    collection.name.collection = std::string(1, c);
    snapshot.collections.push_back(collection);
  }
  return snapshot;
}

std::vector<RetentionDecision> Decide(const std::vector<Snapshot>& snapshots,
                                      const RetentionPolicy& policy,
                                      const std::set<SnapshotId>& pins = {},
                                      const std::set<SnapshotId>& verified = {}) {
  return DecideRetention(snapshots, {pins, verified}, policy, FromUnixMillis(kNowMs));
}

// Names of the kept, in the order of the snapshots.
std::string Kept(const std::vector<Snapshot>& snapshots, const RetentionPolicy& policy,
                 const std::set<SnapshotId>& pins = {}, const std::set<SnapshotId>& verified = {}) {
  std::string kept;
  for (const RetentionDecision& decision : Decide(snapshots, policy, pins, verified)) {
    EXPECT_FALSE(decision.reasons.empty());
    if (decision.keep) kept += decision.id.hex;
  }
  return kept;
}

RetentionPolicy Last(std::uint32_t n) {
  RetentionPolicy policy;
  policy.keep_last = n;
  return policy;
}

TEST(Retention, WithoutARuleEverythingStays) {
  const std::vector<Snapshot> all = {Made("1", 0), Made("2", 900 * kDayMs),
                                     Made("3", kDayMs, "a", false)};
  EXPECT_EQ(Kept(all, {}), "123");
  RetentionPolicy floor;
  floor.min_redundancy = 1;
  EXPECT_EQ(Kept(all, floor), "123") << "a floor is no rule";
}

TEST(Retention, LastCountsPerClusterAndSetOfCollections) {
  const std::vector<Snapshot> all = {Made("1", 1),
                                     Made("2", 2),
                                     Made("3", 3),
                                     Made("4", 4, "ab"),
                                     Made("5", 5, "ba"),
                                     Made("6", 6, "a", true, "there"),
                                     Made("7", 7, "a", true, "there")};
  EXPECT_EQ(Kept(all, Last(1)), "146");
  EXPECT_EQ(Kept(all, Last(2)), "124567");
}

TEST(Retention, TheCalendarIsUtcAndWeeksBeginOnMonday) {
  // Ages from Tuesday 22:13.
  const std::vector<Snapshot> all = {
      Made("a", 0),             // Tuesday 22:13
      Made("b", 10 * 60'000),   // 22:03
      Made("c", 20 * 60'000),   // 21:53
      Made("d", 22 * kHourMs),  // 00:13
      Made("e", 23 * kHourMs),  // Monday 23:13
      Made("f", 46 * kHourMs),  // Monday 00:13
      Made("g", 47 * kHourMs),  // Sunday 23:13
      Made("h", 14 * kDayMs),   // 31 October
      Made("i", 400 * kDayMs),  // 2022
  };
  const auto with = [](auto member, std::uint32_t n) {
    RetentionPolicy policy;
    policy.*member = n;
    return policy;
  };
  EXPECT_EQ(Kept(all, with(&RetentionPolicy::keep_hourly, 3)), "acd");
  EXPECT_EQ(Kept(all, with(&RetentionPolicy::keep_daily, 3)), "aeg");
  EXPECT_EQ(Kept(all, with(&RetentionPolicy::keep_weekly, 2)), "ag");
  EXPECT_EQ(Kept(all, with(&RetentionPolicy::keep_monthly, 2)), "ah");
  EXPECT_EQ(Kept(all, with(&RetentionPolicy::keep_yearly, 9)), "ai");
  RetentionPolicy within;
  within.keep_within = std::chrono::hours(22);
  EXPECT_EQ(Kept(all, within), "abcd");
}

TEST(Retention, ReasonsAreSaid) {
  const std::vector<Snapshot> all = {Made("1", 0), Made("2", kDayMs), Made("3", 2 * kDayMs)};
  RetentionPolicy policy = Last(1);
  policy.keep_daily = 2;
  const auto decided = Decide(all, policy);
  EXPECT_EQ(decided[0].reasons, (std::vector<std::string>{"newest complete of default.a",
                                                          "last 1 of 1", "daily 2023-11-14"}));
  EXPECT_EQ(decided[1].reasons, (std::vector<std::string>{"daily 2023-11-13"}));
  EXPECT_FALSE(decided[2].keep);
  EXPECT_EQ(decided[2].reasons, (std::vector<std::string>{"no rule keeps it"}));
}

TEST(Retention, WhatNoPolicyRemoves) {
  const std::vector<Snapshot> all = {
      Made("1", 1, "a"),
      Made("2", 2, "ab"),
      Made("3", 3, "ab"),
      Made("4", 4, "a"),
      Made("5", -kDayMs, "a"),    // from the future: stays, and does not count
      Made("6", 5, "c", false),   // no complete one has c
      Made("7", 6, "ab", false),  // superseded
      Made("8", 7, "b", true, "x"),
  };
  RetentionPolicy policy;
  policy.keep_tags = {"none has it"};
  EXPECT_EQ(Kept(all, policy), "12568") << "the newest of a, of b, of b at x; future; incomplete";
  EXPECT_EQ(Kept(all, policy, {{"4"}}), "124568");
  policy.min_redundancy = 2;
  EXPECT_EQ(Kept(all, policy), "1234568");
}

TEST(Retention, AnIncompleteOneNeitherCountsNorStandsForACompleteOne) {
  const std::vector<Snapshot> all = {Made("1", 1, "a", false), Made("2", 2), Made("3", 3),
                                     Made("4", 4, "a", false)};
  EXPECT_EQ(Kept(all, Last(1)), "12");
}

TEST(Retention, TheNewestVerifiedOneOfEveryCollectionStays) {
  const std::vector<Snapshot> all = {Made("1", 1), Made("2", 2),       Made("3", 3),
                                     Made("4", 4), Made("5", 5, "ab"), Made("6", 6, "ab", false)};
  EXPECT_EQ(Kept(all, Last(1), {}, {{"3"}, {"4"}}), "135");
  EXPECT_EQ(Kept(all, Last(1), {}, {{"1"}, {"5"}, {"6"}}), "15");
}

TEST(Retention, TagsKeep) {
  std::vector<Snapshot> all = {Made("1", 1), Made("2", 2), Made("3", 3)};
  all[2].tags = {"gold", "x"};
  RetentionPolicy policy;
  policy.keep_tags = {"gold"};
  EXPECT_EQ(Kept(all, policy), "13");
}

// ---- properties ----

std::vector<Snapshot> RandomSnapshots(rows::RowGenerator& random) {
  static const char* const kCollections[] = {"a", "b", "ab", "abc"};
  static const char* const kClusters[] = {"here", "there"};
  std::vector<Snapshot> all;
  const std::size_t count = random.Below(40);
  for (std::size_t i = 0; i < count; ++i) {
    const auto age = static_cast<std::int64_t>(random.Below(60)) * 7 * kHourMs - kDayMs;
    all.push_back(Made(std::to_string(i), age, kCollections[random.Below(4)], random.Below(4) != 0,
                       kClusters[random.Below(2)]));
    if (random.Below(8) == 0) all.back().tags = {"gold"};
  }
  return all;
}

RetentionPolicy RandomPolicy(rows::RowGenerator& random) {
  RetentionPolicy policy;
  for (auto member :
       {&RetentionPolicy::keep_last, &RetentionPolicy::keep_hourly, &RetentionPolicy::keep_daily,
        &RetentionPolicy::keep_weekly, &RetentionPolicy::keep_monthly,
        &RetentionPolicy::keep_yearly, &RetentionPolicy::min_redundancy}) {
    if (random.Below(3) == 0) policy.*member = static_cast<std::uint32_t>(random.Below(5));
  }
  if (random.Below(3) == 0) policy.keep_within = std::chrono::hours(random.Below(200));
  if (random.Below(3) == 0) policy.keep_tags = {"gold"};
  return policy;
}

RetentionPolicy More(RetentionPolicy policy, rows::RowGenerator& random) {
  for (auto member :
       {&RetentionPolicy::keep_last, &RetentionPolicy::keep_hourly, &RetentionPolicy::keep_daily,
        &RetentionPolicy::keep_weekly, &RetentionPolicy::keep_monthly,
        &RetentionPolicy::keep_yearly, &RetentionPolicy::min_redundancy}) {
    policy.*member += static_cast<std::uint32_t>(random.Below(3));
  }
  if (policy.keep_within) *policy.keep_within += std::chrono::hours(random.Below(50));
  return policy;
}

class RetentionProperties : public ::testing::Test {
 protected:
  void ForMany(const std::function<void()>& check) {
    for (int i = 0; i < 2000 && !HasFailure(); ++i) {
      all_ = RandomSnapshots(random_);
      policy_ = RandomPolicy(random_);
      pins_.clear();
      verified_.clear();
      for (const Snapshot& snapshot : all_) {
        if (random_.Below(10) == 0) pins_.insert(snapshot.id);
        if (random_.Below(4) == 0) verified_.insert(snapshot.id);
      }
      decisions_ = Decide(all_, policy_, pins_, verified_);
      ASSERT_EQ(decisions_.size(), all_.size());
      check();
    }
  }
  bool Keeps(std::size_t i) const { return decisions_[i].keep; }

  rows::RowGenerator random_{7};
  std::vector<Snapshot> all_;
  RetentionPolicy policy_;
  std::set<SnapshotId> pins_;
  std::set<SnapshotId> verified_;
  std::vector<RetentionDecision> decisions_;
};

TEST_F(RetentionProperties, TheNewestCompleteOneOfEveryCollectionStays) {
  ForMany([&] {
    for (std::size_t i = 0; i < all_.size(); ++i) {
      if (!all_[i].complete || all_[i].created_ms > kNowMs) continue;
      for (const auto& collection : all_[i].collections) {
        const bool newer_kept = std::ranges::any_of(decisions_, [&](const auto& decision) {
          const Snapshot& other = all_[static_cast<std::size_t>(&decision - decisions_.data())];
          return decision.keep && other.complete && other.cluster == all_[i].cluster &&
                 other.created_ms >= all_[i].created_ms && other.created_ms <= kNowMs &&
                 std::ranges::any_of(other.collections,
                                     [&](const auto& c) { return c.name == collection.name; });
        });
        EXPECT_TRUE(Keeps(i) || newer_kept) << all_[i].id.hex;
      }
    }
  });
}

TEST_F(RetentionProperties, PinnedOnesStay) {
  ForMany([&] {
    for (std::size_t i = 0; i < all_.size(); ++i) {
      EXPECT_TRUE(Keeps(i) || !pins_.contains(all_[i].id));
    }
  });
}

TEST_F(RetentionProperties, DecidingAgainKeepsAllThatWasKept) {
  ForMany([&] {
    std::vector<Snapshot> kept;
    for (std::size_t i = 0; i < all_.size(); ++i) {
      if (Keeps(i)) kept.push_back(all_[i]);
    }
    for (const auto& decision : Decide(kept, policy_, pins_, verified_)) EXPECT_TRUE(decision.keep);
  });
}

TEST_F(RetentionProperties, APolicyThatSaysMoreKeepsNoLess) {
  ForMany([&] {
    if (policy_.empty()) return;  // keeps everything
    const auto more = Decide(all_, More(policy_, random_), pins_, verified_);
    for (std::size_t i = 0; i < all_.size(); ++i) EXPECT_TRUE(more[i].keep || !Keeps(i));
  });
}

TEST_F(RetentionProperties, TheOrderOfTheListingDoesNotMatter) {
  ForMany([&] {
    std::vector<Snapshot> reversed(all_.rbegin(), all_.rend());
    const auto other = Decide(reversed, policy_, pins_, verified_);
    for (std::size_t i = 0; i < all_.size(); ++i) {
      EXPECT_EQ(other[all_.size() - 1 - i].keep, Keeps(i));
    }
  });
}

}  // namespace
}  // namespace aerie::repo
