#include "catalog/alert_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/dead_process_testing.h"
#include "base/temp_folder_testing.h"

namespace aerie::catalog {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class AlertStoreTest : public ::testing::Test {
 protected:
  AlertStoreTest() {
    auto opened = Catalog::Open(kInMemory);
    EXPECT_TRUE(opened.ok()) << opened.status();
    catalog_ = *std::move(opened);
    store_ = std::make_unique<AlertStore>(*catalog_);
    auto lease = store_->Take(Me());
    EXPECT_TRUE(lease.ok()) << lease.status();
    lease_ = *lease;
  }
  static Holder Me(std::int64_t renewed_ms = 0) {
    return {.process = ThisProcess(), .host = "here", .renewed_ms = renewed_ms};
  }
  void Step(const AlertDecision& decision, std::int64_t now_ms = 1000) {
    const Status status = store_->Step(
        lease_, now_ms, [&](const AlertView&) { return Result<AlertDecision>(decision); });
    EXPECT_TRUE(status.ok()) << status;
  }
  static AlertIncident Open(std::int64_t number, const std::string& about = "prod") {
    return {.number = number,
            .rule = "r",
            .about = about + std::to_string(number),
            .severity = "error",
            .state = "{}",
            .opened_ms = 5};
  }
  static AlertDelivery To(const std::string& channel, std::int64_t incident,
                          const std::string& key) {
    return {.channel = channel, .incident = incident, .key = key, .message = "m"};
  }
  std::string DueKey(const std::string& channel, std::int64_t now_ms = 1000) {
    const auto due = store_->Due(channel, now_ms);
    EXPECT_TRUE(due.ok()) << due.status();
    return due->has_value() ? (*due)->key : "";
  }
  std::int64_t DueNumber(const std::string& channel, std::int64_t now_ms = 1000) {
    const auto due = store_->Due(channel, now_ms);
    return due.ok() && due->has_value() ? (*due)->number : 0;
  }
  AlertView View(std::int64_t now_ms = 1000) {
    const auto view = store_->View(now_ms);
    EXPECT_TRUE(view.ok()) << view.status();
    return view.value_or(AlertView{});
  }

  std::unique_ptr<Catalog> catalog_;
  std::unique_ptr<AlertStore> store_;
  AlertLease lease_;
};

TEST_F(AlertStoreTest, OneProcessWatches) {
  const ProcessIdentity other{.machine = "elsewhere", .pid = 9, .started = 1};
  const auto refused = store_->Take({.process = other, .host = "there", .renewed_ms = 1});
  EXPECT_EQ(KindOf(refused.status()), Kind::kLocked);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("on here"));
  // Given back, it is anybody's; and what the first one writes then is refused.
  ASSERT_TRUE(store_->GiveBack(lease_).ok());
  const auto taken = store_->Take({.process = DeadProcess(), .host = "x"});
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_EQ(KindOf(store_->Renew(lease_, 1)), Kind::kLocked);
  EXPECT_EQ(KindOf(store_->Begin(lease_, 1)), Kind::kLocked);
  // That one has ended.
  const auto again = store_->Take(Me());
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(KindOf(store_->Renew(*taken, 1)), Kind::kLocked);
  EXPECT_TRUE(store_->Renew(*again, 1).ok());
}

TEST_F(AlertStoreTest, AStepIsStoredWholeOrNotAtAll) {
  EXPECT_EQ(View().next_number, 1);
  EXPECT_THAT(View().installation, SizeIs(16));
  Step({.put = {Open(1)},
        .deliver = {To("a", 1, "k1"), To("b", 1, "k1")},
        .seen = {{{"prod", 7}}},
        .samples = {{.storage = "main", .at_ms = 900, .used_bytes = 1, .limit_bytes = 2}}});
  const AlertView view = View();
  EXPECT_EQ(view.next_number, 2);
  ASSERT_THAT(view.incidents, SizeIs(1));
  EXPECT_EQ(view.incidents[0].about, "prod1");
  EXPECT_THAT(view.channels, SizeIs(2));
  EXPECT_EQ(view.channels[0].waiting, 1);
  EXPECT_EQ(view.channels[0].oldest_waiting_ms, 1000);
  EXPECT_EQ(view.seen.at("prod"), 7);
  EXPECT_THAT(view.samples, SizeIs(1));

  // The second message has the key of the first: nothing of that step is stored.
  const Status twice = store_->Step(lease_, 2000, [&](const AlertView&) {
    return Result<AlertDecision>(
        AlertDecision{.put = {Open(2)}, .deliver = {To("a", 2, "k2"), To("a", 2, "k2")}});
  });
  EXPECT_FALSE(twice.ok());
  EXPECT_THAT(View().incidents, SizeIs(1));
  const Status refused = store_->Step(
      lease_, 2000, [&](const AlertView&) { return Result<AlertDecision>(FailedError("no")); });
  EXPECT_EQ(refused.message(), "no");
}

TEST_F(AlertStoreTest, PendingOnesAreShownToNobodyAndMayGo) {
  AlertIncident pending = Open(1);
  pending.opened_ms = 0;
  Step({.put = {pending}});
  EXPECT_THAT(*store_->List(true, 0, 10), IsEmpty());
  EXPECT_EQ(KindOf(store_->Find(1).status()), Kind::kNotFound);
  EXPECT_EQ(KindOf(store_->Acknowledge(1, "eva", 5).status()), Kind::kNotFound);
  Step({.drop = {1}});
  EXPECT_THAT(View().incidents, IsEmpty());
  EXPECT_EQ(View().next_number, 2);  // no number comes twice
}

TEST_F(AlertStoreTest, MessagesOfAnIncidentComeInOrderAndHoldUpNoOther) {
  Step({.put = {Open(1), Open(2)},
        .deliver = {To("a", 1, "1-1"), To("a", 1, "1-2"), To("a", 2, "2-1"), To("b", 1, "1-1")}});
  EXPECT_EQ(DueKey("a"), "1-1");
  const std::int64_t first = DueNumber("a");
  ASSERT_TRUE(store_->Begin(lease_, first).ok());
  ASSERT_TRUE(store_->Failed(lease_, first, "refused", 1500).ok());
  EXPECT_EQ(DueKey("a"), "2-1");
  ASSERT_TRUE(store_->Begin(lease_, DueNumber("a")).ok());
  ASSERT_TRUE(store_->Failed(lease_, DueNumber("a"), "refused", 1600).ok());
  EXPECT_EQ(DueKey("a"), "");
  EXPECT_EQ(DueKey("b"), "1-1");
  EXPECT_EQ(DueKey("a", 1500), "1-1");
  EXPECT_EQ(View().channels[0].error, "refused");
  EXPECT_EQ(View().channels[0].failed, 2);

  // One that is taken makes the others due at once: the channel is back.
  ASSERT_TRUE(store_->Delivered(lease_, first, "note", 1500).ok());
  EXPECT_EQ(DueKey("a", 1500), "1-2");  // tried least
  ASSERT_TRUE(store_->Delivered(lease_, DueNumber("a", 1500), "", 1500).ok());
  EXPECT_EQ(DueKey("a", 1500), "2-1");
  ASSERT_TRUE(store_->GiveUp(lease_, DueNumber("a", 1500), "never", 1700).ok());
  EXPECT_EQ(DueKey("a", 9000), "");
  const AlertChannel a = View().channels[0];
  EXPECT_EQ(a.delivered, 2);
  EXPECT_EQ(a.given_up, 1);
  EXPECT_EQ(a.given_up_ms, 1700);
  EXPECT_EQ(a.waiting, 0);
  const auto of_first = store_->Deliveries(1);
  ASSERT_TRUE(of_first.ok());
  ASSERT_THAT(*of_first, SizeIs(3));
  EXPECT_EQ(of_first->front().state, DeliveryState::kDelivered);
  EXPECT_EQ(of_first->front().attempts, 1);
  EXPECT_EQ(of_first->front().error, "note");
}

TEST_F(AlertStoreTest, AClockSetBackDoesNotStopWhatWaits) {
  constexpr std::int64_t kYear = std::int64_t{365} * 24 * 3'600'000;
  Step({.put = {Open(1)}, .deliver = {To("a", 1, "k")}}, kYear);
  ASSERT_TRUE(store_->Failed(lease_, DueNumber("a", kYear), "x", kYear + 300'000).ok());
  EXPECT_EQ(DueKey("a", kYear), "");
  EXPECT_EQ(DueKey("a", 1000), "k");
}

TEST_F(AlertStoreTest, ChannelsThatAreGoneAreGivenUp) {
  Step({.put = {Open(1)}, .deliver = {To("a", 1, "k"), To("b", 1, "k"), To("c", 1, "k")}});
  EXPECT_EQ(store_->GiveUpOthers(lease_, {"b"}, 2000).value_or(-1), 2);
  EXPECT_EQ(DueKey("a"), "");
  EXPECT_EQ(DueKey("b"), "k");
  EXPECT_EQ(store_->GiveUpOthers(lease_, {}, 2000).value_or(-1), 1);
}

TEST_F(AlertStoreTest, AcknowledgedOnceAndOnlyWhileOpen) {
  Step({.put = {Open(1)}});
  const std::int64_t version = store_->Version().value_or(-1);
  EXPECT_EQ(store_->OpenCount().value_or(-1), 1);
  EXPECT_EQ(store_->Acknowledge(1, "eva", 50)->acknowledged_by, "eva");
  EXPECT_EQ(store_->Version().value_or(-1), version + 1);
  EXPECT_EQ(store_->Acknowledge(1, "adam", 60)->acknowledged_by, "eva");
  // A step does not take it back.
  AlertIncident over = Open(1);
  over.resolved_ms = 70;
  Step({.put = {over}});
  EXPECT_EQ(store_->Find(1)->acknowledged_ms, 50);
  EXPECT_EQ(KindOf(store_->Acknowledge(1, "eva", 80).status()), Kind::kRefused);
  EXPECT_EQ(KindOf(store_->Acknowledge(7, "eva", 80).status()), Kind::kNotFound);
  EXPECT_EQ(store_->OpenCount().value_or(-1), 0);
}

TEST_F(AlertStoreTest, SilencesEndByTimeOrByWord) {
  const auto a = store_->AddSilence({.rule = "*", .about = "x", .until_ms = 2000}, 1000);
  const auto b = store_->AddSilence({.rule = "r", .about = "*", .until_ms = 3000}, 1000);
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_THAT(View(1999).silences, SizeIs(2));
  EXPECT_THAT(View(2000).silences, SizeIs(1));
  EXPECT_TRUE(store_->RemoveSilence(*b).ok());
  EXPECT_THAT(View(2000).silences, IsEmpty());
  EXPECT_EQ(KindOf(store_->RemoveSilence(*b)), Kind::kNotFound);
}

TEST_F(AlertStoreTest, SamplesAreKeptForThirtyDaysAndNotOfTheFuture) {
  constexpr std::int64_t kDay = 24 * 3'600'000;
  for (const std::int64_t at : {1 * kDay, 50 * kDay, 40 * kDay}) {
    Step({.samples = {{.storage = "main", .at_ms = at, .used_bytes = at, .limit_bytes = 9}}});
  }
  const auto kept = store_->Samples("main", 0);
  ASSERT_TRUE(kept.ok());
  ASSERT_THAT(*kept, SizeIs(1));
  EXPECT_EQ(kept->front().at_ms, 40 * kDay);
  EXPECT_THAT(View(45 * kDay).samples, SizeIs(1));
  EXPECT_THAT(View(48 * kDay).samples, IsEmpty());
}

TEST_F(AlertStoreTest, ForgetsWhatIsOverAndWaitsForNobody) {
  AlertIncident over = Open(1), waits = Open(2);
  over.resolved_ms = waits.resolved_ms = 10;
  Step({.put = {over, waits, Open(3)}, .deliver = {To("a", 1, "1"), To("b", 2, "2")}});
  ASSERT_TRUE(store_->Delivered(lease_, DueNumber("a"), "", 20).ok());
  EXPECT_EQ(store_->Forget(10).value_or(-1), 0);
  EXPECT_EQ(store_->Forget(11).value_or(-1), 1);
  const auto left = store_->List(false, 0, 10);
  ASSERT_TRUE(left.ok());
  EXPECT_THAT(*left, SizeIs(2));
  EXPECT_EQ(left->front().number, 3);
  EXPECT_THAT(*store_->Deliveries(1), IsEmpty());
  EXPECT_THAT(*store_->List(false, 3, 10), SizeIs(1));
  EXPECT_THAT(*store_->List(true, 0, 10), SizeIs(1));
}

}  // namespace
}  // namespace aerie::catalog
