// What is said to a migration with and without a process that drives it, and where it then is.
#include "migrate/words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "migrate/approval.h"
#include "migrate/standing.h"
#include "migrate/state_json.h"

namespace aerie::migrate {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class WordsTest : public ::testing::Test {
 protected:
  void Make(const State& state) {
    MigrationSpec spec;
    spec.from = "old";
    spec.to = "new";
    spec.rules.strategy = Strategy::kHot;
    ASSERT_TRUE(catalog_
                    ->Create({.id = "m",
                              .spec = ToText(spec),
                              .state = ToText(state),
                              .phase = NameOf(state.phase),
                              .created_ms = 1})
                    .ok());
  }
  Result<Said> Tell(const std::string& verb, std::int64_t request = 0) {
    return Say(*catalog_, "m", verb, request, me_, now_);
  }
  Standing Now() { return *StandingOf(*catalog_, *catalog_->Find("m"), now_); }
  std::vector<std::string> Allowed() { return AllowedWords(*catalog_->Find("m"), Now(), now_); }
  std::unique_ptr<catalog::Lease> Drive() { return *catalog_->Take("m", me_); }

  const std::unique_ptr<catalog::Catalog> catalog_ = *catalog::Catalog::Open(catalog::kInMemory);
  const catalog::Holder me_ = {.process = ThisProcess(), .host = "here", .renewed_ms = 1};
  const WallTime now_ = FromUnixMillis(1'700'000'000'000);
};

TEST_F(WordsTest, WhatNeedsNoActionIsObeyedWhereNobodyDrives) {
  Make({.phase = Phase::kReady, .due_ms = 1, .open = {}});
  const auto said = Tell("abort");
  ASSERT_TRUE(said.ok()) << said.status();
  EXPECT_TRUE(said->answered);
  EXPECT_EQ(said->refusal, "");
  EXPECT_TRUE(catalog_->FindCommand(said->number)->answered);
  EXPECT_EQ(catalog_->FindCommand(said->number)->migration, "m");
  EXPECT_EQ(Now().state.phase, Phase::kAborted);
  EXPECT_FALSE(catalog_->Find("m")->holder) << "nobody is taken for its driver";
  EXPECT_EQ(KindOf(Tell("abort").status()), Kind::kRefused) << "it has ended";
}

TEST_F(WordsTest, WhatIsRefusedSaysWhy) {
  Make({.phase = Phase::kCopying, .running = true, .open = {}});
  const auto said = Tell("complete");
  ASSERT_TRUE(said.ok()) << said.status();
  EXPECT_TRUE(said->answered);
  EXPECT_THAT(said->refusal, HasSubstr("complete is not possible in state copying"));
  EXPECT_EQ(Now().state.phase, Phase::kCopying);
}

TEST_F(WordsTest, WhatNeedsAnActionWaitsForWhoDrives) {
  Make({.phase = Phase::kWatching, .running = true, .open = {}});
  const auto said = Tell("rollback");
  ASSERT_TRUE(said.ok()) << said.status();
  EXPECT_FALSE(said->answered);
  EXPECT_FALSE(said->driven);
  ASSERT_EQ(Now().waiting.size(), 1u);
  EXPECT_EQ(Now().waiting[0].verb, "rollback");
}

TEST_F(WordsTest, WhoDrivesIsToldAndAnswers) {
  Make({.phase = Phase::kCopying, .running = true, .open = {}});
  const auto lease = Drive();
  const auto said = Tell("pause");
  ASSERT_TRUE(said.ok()) << said.status();
  EXPECT_TRUE(said->driven);
  EXPECT_FALSE(said->answered);
  EXPECT_EQ(lease->Commands()->at(0).number, said->number);
  ASSERT_TRUE(lease->Answer(said->number, "no", 2).ok());
  EXPECT_EQ(catalog_->FindCommand(said->number)->refusal, "no");
  EXPECT_TRUE(Now().waiting.empty());
}

TEST_F(WordsTest, OnlyWhatIsAskedNowCanBeApproved) {
  Make({.phase = Phase::kFencing, .running = true, .open = {}});
  const auto lease = Drive();
  EXPECT_THAT(std::string(Tell("approve").status().message()), HasSubstr(kNothingToApprove));
  const std::int64_t first = *lease->Ask("stop the writes", 1);
  EXPECT_THAT(Allowed(), ElementsAre("approve", "rollback", "abort"));
  const std::int64_t second = *lease->Ask("stop the writes again", 2);
  EXPECT_EQ(KindOf(Tell("approve", first).status()), Kind::kRefused);
  EXPECT_TRUE(lease->Commands()->empty()) << "nothing was said";
  EXPECT_TRUE(Tell("approve", second).ok());
  EXPECT_EQ(lease->Commands()->at(0).request, second);
}

TEST_F(WordsTest, TheWordsOfAPhaseAreThoseThatTheMachineTakes) {
  Make({.phase = Phase::kWatching, .due_ms = 1, .open = {}});
  const auto lease = Drive();
  EXPECT_THAT(Allowed(), ElementsAre("pause", "resume", "rollback", "complete"));
}

TEST_F(WordsTest, WhatNobodyDoesIsNotUnderWay) {
  Make({.phase = Phase::kCopying, .running = true, .open = {}});
  auto lease = Drive();
  Pace pace;
  pace.work = {.kind = "copy", .begun_ms = 1'000, .seen_ms = 3'000, .rows = 500, .rows_total = 600};
  pace.done = {.from = Side::kSource, .begun_ms = ToUnixMillis(now_) - 7'000};
  ASSERT_TRUE(lease->Keep(kPaceKey, ToText(pace)).ok());
  ASSERT_TRUE(lease->Append({.at_ms = 5, .source_rows = 1'000, .target_rows = 400}).ok());
  const Standing standing = Now();
  ASSERT_TRUE(standing.work);
  EXPECT_EQ(standing.work->rows_total, 1'000) << "also of collections that it has not come to";
  EXPECT_EQ(standing.work->rows_per_second, 250);
  EXPECT_EQ(standing.work->estimated_end_ms, 5'000);
  EXPECT_EQ(standing.lag_ms, 7'000);
  lease.reset();
  EXPECT_FALSE(Now().driven);
  EXPECT_FALSE(Now().work);
}

}  // namespace
}  // namespace aerie::migrate
