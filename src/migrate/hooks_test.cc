#include "migrate/hooks.h"

#include <fstream>
#include <sstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/child_process.h"
#include "base/temp_folder_testing.h"

namespace aerie::migrate {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class HooksTest : public ::testing::Test {
 protected:
  HooksTest() {
    EXPECT_TRUE(
        catalog_->Create({.id = "m", .spec = "{}", .state = "{}", .phase = "preflight"}).ok());
    lease_ = *catalog_->Take("m", {.process = ThisProcess(), .host = "here"});
  }
  CommandHooks Hooks(const std::string& fence, const std::string& switcher = "true") {
    return {*lease_,
            {.migration = "m",
             .source = "http://a:1",
             .target = "http://b:2",
             .collections = {"default.x", "default.y"},
             .timeout = timeout_},
            fence,
            switcher};
  }
  std::string LogText() {
    std::string text;
    const auto log = *catalog_->Log("m", 0, 1000);
    for (const auto& entry : log) text += entry.kind + ": " + entry.text + "\n";
    return text;
  }
  std::string FileText(const std::string& name) {
    std::ifstream file(folder_.path() / name);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }
  std::string Path(const std::string& name) { return (folder_.path() / name).string(); }

  TempFolder folder_;
  std::unique_ptr<catalog::Catalog> catalog_ = *catalog::Catalog::Open(catalog::kInMemory);
  std::unique_ptr<catalog::Lease> lease_;
  Duration timeout_ = std::chrono::seconds(20);
  const Context context_ = Context::Background();
};

TEST_F(HooksTest, ACommandIsToldWhatToDo) {
  CommandHooks hooks = Hooks("env | grep ^AERIE_ | sort > " + Path("fence"),
                             "echo $AERIE_ACTION $AERIE_CLUSTER > " + Path("switch"));
  ASSERT_TRUE(hooks.Apply(context_, Side::kSource).ok());
  EXPECT_THAT(FileText("fence"), HasSubstr("AERIE_ACTION=fence\n"));
  EXPECT_THAT(FileText("fence"), HasSubstr("AERIE_CLUSTER=source\n"));
  EXPECT_THAT(FileText("fence"), HasSubstr("AERIE_COLLECTIONS=default.x\n"));
  EXPECT_THAT(FileText("fence"), HasSubstr("AERIE_MIGRATION=m\n"));
  EXPECT_THAT(FileText("fence"), HasSubstr("AERIE_SOURCE=http://a:1\nAERIE_"));
  EXPECT_THAT(FileText("fence"), HasSubstr("AERIE_TARGET=http://b:2\n"));
  ASSERT_TRUE(hooks.Lift(context_, Side::kTarget).ok());
  EXPECT_THAT(FileText("fence"), HasSubstr("AERIE_ACTION=unfence\n"));
  EXPECT_THAT(FileText("fence"), HasSubstr("AERIE_CLUSTER=target\n"));
  ASSERT_TRUE(hooks.To(context_, Side::kTarget).ok());
  EXPECT_EQ(FileText("switch"), "switch-to-target target\n");
  ASSERT_TRUE(hooks.To(context_, Side::kSource).ok());
  EXPECT_EQ(FileText("switch"), "switch-to-source source\n");
}

TEST_F(HooksTest, AFailureSaysWhyAndAllOfItIsInTheLog) {
  const Status failed = Hooks("echo first; echo 'no such service' >&2; exit 3")
                            .Apply(context_, Side::kSource)
                            .status();
  EXPECT_EQ(KindOf(failed), Kind::kFailed);
  EXPECT_THAT(std::string(failed.message()), HasSubstr("exit code 3: no such service"));
  EXPECT_THAT(LogText(), HasSubstr("first\nno such service\n"));
}

TEST_F(HooksTest, WhoPrintsMuchIsNotKilledForIt) {
  EXPECT_TRUE(Hooks("seq 1 100000").Apply(context_, Side::kSource).ok());
  EXPECT_THAT(LogText(), HasSubstr("\n100000\n"));
}

TEST_F(HooksTest, OneThatHangsIsKilledAndForgotten) {
  timeout_ = std::chrono::milliseconds(200);
  const Status failed = Hooks("sleep 100").Apply(context_, Side::kSource).status();
  EXPECT_EQ(KindOf(failed), Kind::kTimeout);
  EXPECT_EQ(*lease_->Child(), std::nullopt);
}

// What a killed driver leaves: a hook that goes on by itself.
TEST_F(HooksTest, OneLeftBehindIsWaitedForBeforeAnother) {
  std::jthread orphan([&] {
    RunChild(context_, {"/bin/sh", "-c", "sleep 0.5; echo fenced >> " + Path("order")},
             {.operation = "old",
              .on_started = [&](std::int64_t pid) { return lease_->NoteChild(ProcessOf(pid)); }})
        .IgnoreError();
  });
  while (!*lease_->Child()) std::this_thread::yield();
  ASSERT_TRUE(Hooks("echo unfenced >> " + Path("order")).Lift(context_, Side::kSource).ok());
  EXPECT_EQ(FileText("order"), "fenced\nunfenced\n");
}

TEST_F(HooksTest, OneLeftBehindThatHangsIsKilled) {
  timeout_ = std::chrono::milliseconds(300);
  Result<ChildOutcome> outcome = InternalError("not yet");
  std::jthread orphan([&] {
    outcome = RunChild(context_, {"/bin/sleep", "100"},
                       {.operation = "old", .on_started = [&](std::int64_t pid) {
                          return lease_->NoteChild(ProcessOf(pid));
                        }});
  });
  while (!*lease_->Child()) std::this_thread::yield();
  EXPECT_TRUE(Hooks("true").Lift(context_, Side::kSource).ok());
  orphan.join();
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(outcome->signal, 9);
}

TEST_F(HooksTest, AHumanIsAskedAndHisWordIsForWhatHeSaw) {
  Approval approval(*lease_, NoProgress());
  ManualHooks hooks(approval, {.migration = "m", .source = "http://a:1", .target = "http://b:2"});
  EXPECT_EQ(approval.Approve(1, 5), "nothing waits for an approval");
  Result<std::int64_t> fenced = InternalError("not yet");
  std::jthread worker([&] { fenced = hooks.Apply(context_, Side::kSource); });
  while (catalog_->Find("m")->request.number == 0) std::this_thread::yield();
  const auto request = catalog_->Find("m")->request;
  EXPECT_THAT(request.text, HasSubstr("source (http://a:1)"));
  EXPECT_THAT(approval.Approve(request.number + 1, 5), HasSubstr("not what is asked now"));
  EXPECT_EQ(approval.Approve(request.number, 1234), "");
  worker.join();
  ASSERT_TRUE(fenced.ok()) << fenced.status();
  EXPECT_EQ(*fenced, 1234);
  EXPECT_EQ(catalog_->Find("m")->request.number, 0) << "nothing is asked any more";
}

TEST_F(HooksTest, WhatIsCancelledIsNotAskedAnyMore) {
  Approval approval(*lease_, NoProgress());
  ManualHooks hooks(approval, {.source = "http://a:1", .target = "http://b:2"});
  CancelScope scope(context_);
  Status cancelled;
  std::jthread worker([&] { cancelled = hooks.To(scope.context(), Side::kTarget); });
  while (catalog_->Find("m")->request.number == 0) std::this_thread::yield();
  scope.Cancel();
  worker.join();
  EXPECT_EQ(KindOf(cancelled), Kind::kCancelled);
  EXPECT_EQ(catalog_->Find("m")->request.number, 0);
}

TEST_F(HooksTest, AlertsByACommand) {
  CommandAlerts alerts(
      "m",
      "echo $AERIE_MIGRATION $AERIE_ALERT $AERIE_ALERT_STATE: $AERIE_ALERT_TEXT > " + Path("alert"),
      std::chrono::seconds(20), NoProgress());
  ASSERT_TRUE(alerts.Deliver(context_, {.incident = "outage", .text = "nobody writes"}).ok());
  EXPECT_EQ(FileText("alert"), "m outage raised: nobody writes\n");
  ASSERT_TRUE(alerts.Deliver(context_, {.incident = "outage", .text = "x", .resolved_ms = 1}).ok());
  EXPECT_EQ(FileText("alert"), "m outage resolved: x\n");
  CommandAlerts broken("m", "exit 4", std::chrono::seconds(20), NoProgress());
  EXPECT_FALSE(broken.Deliver(context_, {.incident = "outage"}).ok());
  CommandAlerts none("m", "", std::chrono::seconds(20), NoProgress());
  EXPECT_TRUE(none.Deliver(context_, {.incident = "outage"}).ok());
}

}  // namespace
}  // namespace aerie::migrate
