#include "catalog/schedule_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace aerie::catalog {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

class ScheduleStoreTest : public ::testing::Test {
 protected:
  ScheduleStoreTest() {
    auto opened = Catalog::Open(kInMemory);
    EXPECT_TRUE(opened.ok()) << opened.status();
    catalog_ = *std::move(opened);
    store_ = std::make_unique<ScheduleStore>(*catalog_);
    EXPECT_TRUE(store_->Create("s", "{}", 1000).ok());
  }
  Status Decide(std::int64_t now_ms, const ScheduleDecision& decision) {
    return store_->Decide("s", now_ms, [&](const ScheduleView& view) {
      view_ = view;
      return Result<std::optional<ScheduleDecision>>(decision);
    });
  }
  ScheduleView View(std::int64_t now_ms) {
    EXPECT_TRUE(store_
                    ->Decide("s", now_ms,
                             [&](const ScheduleView& view) {
                               view_ = view;
                               return Result<std::optional<ScheduleDecision>>(std::nullopt);
                             })
                    .ok());
    return view_;
  }
  static ScheduleDecision::Record Started(std::int64_t due_ms) {
    return {.run = {.due_ms = due_ms, .last_due_ms = due_ms, .outcome = "started"},
            .job = Job{.kind = "k", .standing = {.state = "queued", .turn = 1}, .schedule = "s"}};
  }
  static ScheduleDecision::Record Other(std::int64_t due_ms, std::int64_t last_due_ms,
                                        bool waiting = false) {
    return {.run = {.due_ms = due_ms,
                    .last_due_ms = last_due_ms,
                    .times = 2,
                    .outcome = waiting ? "waiting" : "missed",
                    .waiting = waiting}};
  }
  std::vector<std::int64_t> Due() {
    std::vector<std::int64_t> due;
    const auto runs = store_->Runs("s", 0, 100);
    EXPECT_TRUE(runs.ok()) << runs.status();
    for (const ScheduleRun& run : *runs) due.push_back(run.due_ms);
    return due;
  }

  std::unique_ptr<Catalog> catalog_;
  std::unique_ptr<ScheduleStore> store_;
  ScheduleView view_;
};

TEST_F(ScheduleStoreTest, ATimeAndItsJobAreOne) {
  ASSERT_TRUE(Decide(2000, {.decided_ms = 2000, .records = {Started(2000)}}).ok());
  const ScheduleRun run = store_->Runs("s", 0, 1)->at(0);
  EXPECT_EQ(JobStore(*catalog_).Find(run.job)->schedule, "s");
  EXPECT_EQ(run.at_ms, 2000);
  EXPECT_EQ(store_->Find("s")->decided_ms, 2000);
  EXPECT_TRUE(View(2500).active);
}

TEST_F(ScheduleStoreTest, NoTimeIsRecordedTwice) {
  ASSERT_TRUE(Decide(2000, {.decided_ms = 2000, .records = {Started(2000)}}).ok());
  EXPECT_EQ(KindOf(Decide(3000, {.decided_ms = 3000, .records = {Started(3000), Started(2000)}})),
            Kind::kInternal);
  EXPECT_THAT(Due(), ElementsAre(2000)) << "nothing of it is stored";
  EXPECT_THAT(*JobStore(*catalog_).List({}), SizeIs(1));
  EXPECT_EQ(store_->Find("s")->decided_ms, 2000);
}

TEST_F(ScheduleStoreTest, WhatWaitedIsReplaced) {
  ASSERT_TRUE(Decide(2000, {.decided_ms = 2000, .records = {Other(2000, 2000, true)}}).ok());
  EXPECT_EQ(View(2500).waiting->due_ms, 2000);
  ASSERT_TRUE(Decide(3000, {.decided_ms = 2000, .records = {Started(2000)}}).ok());
  EXPECT_EQ(View(3500).waiting, std::nullopt);
  EXPECT_THAT(Due(), ElementsAre(2000));
}

TEST_F(ScheduleStoreTest, SetBackOnlyWhatWasStartedStays) {
  ASSERT_TRUE(Decide(9000, {.decided_ms = 9000,
                            .records = {Other(2000, 3000), Started(4000), Other(5000, 7000),
                                        Started(8000), Other(9000, 9000, true)}})
                  .ok());
  const ScheduleView view = View(6000);
  EXPECT_THAT(view.later, SizeIs(3));
  ASSERT_TRUE(Decide(6000, {.decided_ms = 4999, .set_back = true}).ok());
  EXPECT_THAT(Due(), ElementsAre(8000, 4000, 2000));
  EXPECT_EQ(View(6000).waiting, std::nullopt);
  EXPECT_THAT(View(6000).later, SizeIs(1)) << "8000 is not to be started again";
}

TEST_F(ScheduleStoreTest, UnknownTwiceAndGone) {
  EXPECT_EQ(KindOf(store_->Create("s", "{}", 1)), Kind::kExists);
  EXPECT_EQ(KindOf(store_->Find("t").status()), Kind::kNotFound);
  EXPECT_EQ(KindOf(store_->Decide("t", 1,
                                  [](const ScheduleView&) {
                                    return Result<std::optional<ScheduleDecision>>(std::nullopt);
                                  })),
            Kind::kNotFound);
  ASSERT_TRUE(store_->Create("a", "{}", 1).ok());
  EXPECT_EQ(store_->List()->at(0).id, "a");
  ASSERT_TRUE(Decide(2000, {.decided_ms = 2000, .records = {Started(2000)}}).ok());
  ASSERT_TRUE(Decide(2000, {.remove = true}).ok());
  EXPECT_THAT(*store_->List(), SizeIs(1));
  EXPECT_THAT(*JobStore(*catalog_).List({}), SizeIs(1)) << "its jobs are history";
}

TEST_F(ScheduleStoreTest, Forgets) {
  ASSERT_TRUE(Decide(9000, {.decided_ms = 5000,
                            .records = {Started(2000), Other(3000, 5000), Other(2500, 2500, true),
                                        Started(8000)}})
                  .ok());
  EXPECT_EQ(*store_->Forget(9000), 2);
  EXPECT_THAT(Due(), ElementsAre(8000, 2500)) << "one may be needed again, one waits";
}

}  // namespace
}  // namespace aerie::catalog
