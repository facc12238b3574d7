#include "migrate/preflight.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "migrate/spec.h"

namespace aerie::migrate {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using Verdict = Finding::Verdict;

TEST(PreflightTest, EveryFailureIsNamedUnlessItIsAccepted) {
  const std::vector<Finding> findings = {{"network", Verdict::kWarn, "slow"},
                                         {"rights", Verdict::kFail, "none; ask for them"},
                                         {"collections", Verdict::kFail, "field v differs"},
                                         {"source-health", Verdict::kPass, "well"}};
  const Status refused = Judge(findings, {});
  EXPECT_EQ(KindOf(refused), Kind::kRefused);
  const std::string text(refused.message());
  EXPECT_THAT(text, HasSubstr("rights: none; ask for them"));
  EXPECT_THAT(text, HasSubstr("collections: field v differs"));
  EXPECT_THAT(text, Not(HasSubstr("slow")));
  EXPECT_THAT(std::string(Judge(findings, {"rights"}).message()), Not(HasSubstr("rights")));
  EXPECT_TRUE(Judge(findings, {"rights", "collections"}).ok());
  EXPECT_TRUE(Judge({}, {}).ok());
}

TEST(SpecTest, EveryMemberComesBack) {
  MigrationSpec spec{.from = "a", .to = "b", .collections = {"x", "!y"}, .database = "d"};
  spec.rules = {.strategy = Strategy::kIncremental,
                .auto_cutover = true,
                .max_pause = std::chrono::seconds(7),
                .interval = std::chrono::milliseconds(1500),
                .retry = std::chrono::seconds(3),
                .ready_time = std::chrono::seconds(2),
                .ready_rows = 99};
  spec.fence_command = "f";
  spec.switch_command = "s";
  spec.alert_command = "l";
  spec.fence_by_privileges = true;
  spec.hook_timeout = std::chrono::seconds(11);
  spec.accept = {"rights"};
  const auto back = SpecFromText(ToText(spec));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(ToText(*back), ToText(spec));
  EXPECT_FALSE(back->rules.manual_fence);
  EXPECT_TRUE(Differences(spec, *back).empty());
  spec.fence_command.clear();
  spec.fence_by_privileges = false;
  spec.accept.clear();
  spec.rules.max_pause = std::chrono::seconds(8);
  EXPECT_THAT(Differences(spec, *back),
              ElementsAre("max_pause_ms", "fence_command", "fence_by_privileges"));
  EXPECT_TRUE(SpecFromText(ToText(spec))->rules.manual_fence);
  for (const char* text : {"", "{}", "[]"}) {
    EXPECT_EQ(KindOf(SpecFromText(text).status()), Kind::kCorrupt) << text;
  }
}

}  // namespace
}  // namespace aerie::migrate
