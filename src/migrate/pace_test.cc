#include "migrate/pace.h"

#include <gtest/gtest.h>

namespace aerie::migrate {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Pace Reading(std::int64_t rows, std::int64_t total) {
  Pace pace;
  pace.work = {
      .kind = "round", .begun_ms = 10'000, .seen_ms = 12'000, .rows = rows, .rows_total = total};
  return pace;
}

TEST(PaceTest, TheLagIsTheAgeOfTheLastRoundsBeginning) {
  Pace pace;
  EXPECT_EQ(LagMs(pace, Side::kSource, 50), std::nullopt);
  pace.done = {.from = Side::kSource, .begun_ms = 1'000};
  EXPECT_EQ(LagMs(pace, Side::kSource, 4'000), 3'000);
  EXPECT_EQ(LagMs(pace, Side::kSource, 500), 0) << "a clock that was set back";
  EXPECT_EQ(LagMs(pace, Side::kTarget, 4'000), std::nullopt) << "nothing was brought back yet";
}

TEST(PaceTest, TheEndComesFromWhatIsLeftAndTheSpeed) {
  EXPECT_DOUBLE_EQ(RowsASecond(Reading(400, 1'000).work), 200);
  EXPECT_EQ(EstimatedEndMs(Reading(400, 1'000), -1), 15'000);
  EXPECT_EQ(EstimatedEndMs(Reading(400, 1'000), 2'000), 20'000) << "collections not begun yet";
  EXPECT_EQ(EstimatedEndMs(Reading(1'200, 1'000), -1), 12'000) << "more than was thought";
  EXPECT_EQ(EstimatedEndMs({}, 1'000), std::nullopt) << "nothing is under way";
}

TEST(PaceTest, ASlowBeginningIsNotTakenForTheSpeedOfAllOfIt) {
  Pace pace = Reading(400, 1'000);
  pace.took_ms["round"] = 3'000;
  EXPECT_EQ(EstimatedEndMs(pace, -1), 13'000);
  pace.work.rows = 500;
  EXPECT_EQ(EstimatedEndMs(pace, -1), 14'000) << "half of it is done";
  pace = Reading(400, 1'000);
  pace.took_ms["round"] = 1'000;
  EXPECT_EQ(EstimatedEndMs(pace, -1), 15'000) << "it takes longer already than the last one";
}

TEST(PaceTest, ElseFromTheLastOfItsKind) {
  EXPECT_EQ(EstimatedEndMs(Reading(0, 1'000), -1), std::nullopt);
  Pace pace = Reading(0, -1);
  pace.took_ms = {{"round", 7'000}, {"copy", 1}};
  EXPECT_EQ(EstimatedEndMs(pace, -1), 17'000);
}

TEST(PaceTest, ItComesBackAndWhatIsNotUnderstoodIsNothing) {
  Pace pace = Reading(4, 5);
  pace.work.from = Side::kTarget;
  pace.done = {.from = Side::kTarget, .begun_ms = 3};
  pace.took_ms["copy"] = 9;
  EXPECT_EQ(PaceFromText(ToText(pace)), pace);
  for (const char* text : {"", "[]", "{}", "{\"kind\":1}"}) EXPECT_EQ(PaceFromText(text), Pace());
}

// Rows that come in two collections, while the clock runs.
class FakeMover : public Mover {
 public:
  explicit FakeMover(FakeClock& clock) : clock_(clock) {}
  Result<CopyReport> Copy(const Context&, Haste) override { return CopyReport{}; }
  Result<RoundReport> Round(const Context&, Side, Haste) override {
    for (int i = 1; i <= 4; ++i) {
      clock_.Advance(seconds(1));
      for (const char* name : {"a", "b"}) {
        sink->OnProgress({.collection = name, .rows_done = i * 50, .rows_total = 400});
      }
      if (look) look();
    }
    if (fails) return FailedError("no");
    return RoundReport{};
  }
  Result<RoundReport> Audit(const Context&, Side) override { return RoundReport{}; }
  Result<ProofReport> Prove(const Context&, Side) override { return ProofReport{}; }
  ProgressSink* sink = nullptr;
  std::function<void()> look;
  bool fails = false;

 private:
  FakeClock& clock_;
};

TEST(PaceTest, AnotherProcessSeesItGrow) {
  FakeClock clock;
  const auto catalog = *catalog::Catalog::Open(catalog::kInMemory);
  ASSERT_TRUE(catalog->Create({.id = "m", .spec = "{}", .state = "{}", .phase = "syncing"}).ok());
  const auto lease = *catalog->Take("m", {.process = ThisProcess(), .host = "here"});
  const auto kept = [&] { return PaceFromText(*catalog->Kept("m", kPaceKey)); };
  FakeMover mover(clock);
  const std::int64_t begun_ms = ToUnixMillis(clock.Now());
  {
    PaceKeeper keeper(clock, *lease, NoProgress());
    mover.sink = &keeper;
    PacedMover paced(mover, keeper);
    std::vector<std::int64_t> rows;
    mover.look = [&] { rows.push_back(kept().work.rows); };
    ASSERT_TRUE(paced.Round(Context(clock), Side::kSource, Haste::kNone).ok());
    // What came within a second of the last time is in the next one.
    EXPECT_EQ(rows, (std::vector<std::int64_t>{50, 150, 250, 350}));
    EXPECT_TRUE(kept().work.kind.empty());
    EXPECT_EQ(kept().took_ms.at("round"), 4'000);
    mover.fails = true;
    ASSERT_FALSE(paced.Round(Context(clock), Side::kSource, Haste::kNone).ok());
    EXPECT_EQ(kept().done.begun_ms, begun_ms) << "one that failed brought nothing certain over";
    keeper.Begin("copy", Side::kSource);  // and is killed
  }
  PaceKeeper next(clock, *lease, NoProgress());
  next.Begin("round", Side::kSource);
  EXPECT_EQ(kept().done.begun_ms, begun_ms);
  EXPECT_EQ(kept().work.kind, "round");
}

}  // namespace
}  // namespace aerie::migrate
