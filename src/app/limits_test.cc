#include "app/limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace aerie::app {
namespace {

using testing::HasSubstr;

TEST(Limits, OfAStore) {
  const auto limits = StoreLimitsOf({"20MB/s", "1GiB", "100/s", "4"}, {});
  ASSERT_TRUE(limits.ok()) << limits.status();
  EXPECT_DOUBLE_EQ(limits->upload, 20e6);
  EXPECT_DOUBLE_EQ(limits->download, 1 << 30);
  EXPECT_DOUBLE_EQ(limits->requests, 100);
  EXPECT_EQ(limits->connections, 4);
  EXPECT_FALSE(StoreLimitsOf({}, {})->any());
}

TEST(Limits, WhatIsSaidGoesBeforeWhatIsConfigured) {
  const StoreLimitTexts configured = {"1MB/s", "2MB/s", "3/s", "4"};
  const auto limits = StoreLimitsOf({"off", "5MB/s", "0", ""}, configured);
  ASSERT_TRUE(limits.ok()) << limits.status();
  EXPECT_EQ(limits->upload, 0);
  EXPECT_EQ(limits->download, 5e6);
  EXPECT_EQ(limits->requests, 0);
  EXPECT_EQ(limits->connections, 4);
}

TEST(Limits, AWrongOneIsNamedAsItWasWritten) {
  EXPECT_THAT(StoreLimitsOf({"20", "", "", ""}, {}).status().message(),
              HasSubstr("--limit-upload 20: give"));
  EXPECT_THAT(StoreLimitsOf({}, {"", "x", "", ""}).status().message(),
              HasSubstr("limit_download x: give"));
  for (const char* text : {"x", "-1", "1001", "4x", "1.5"}) {
    EXPECT_THAT(StoreLimitsOf({"", "", "", text}, {}).status().message(),
                HasSubstr("--limit-connections"));
  }
}

TEST(Limits, OfACluster) {
  using std::chrono::milliseconds;
  EXPECT_TRUE(ThrottleOf({}, {})->adaptive);
  EXPECT_FALSE(ThrottleOf({"", "", "false"}, {})->adaptive);
  EXPECT_FALSE(ThrottleOf({}, {"", "", "false"})->adaptive);
  const auto options = ThrottleOf({"", "1.5s", ""}, {"30/m", "20ms", "false"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_DOUBLE_EQ(options->rows, 0.5);
  EXPECT_EQ(options->latency_target, milliseconds(1500));
  EXPECT_TRUE(options->adaptive);
  EXPECT_EQ(ThrottleOf({}, {"", "20ms", ""})->latency_target, milliseconds(20));
  for (const char* text : {"50", "0ms", "61s", "x", "ms", "-5ms", "1m"}) {
    EXPECT_EQ(KindOf(ThrottleOf({"", text, ""}, {}).status()), Kind::kInvalid) << text;
  }
}

}  // namespace
}  // namespace aerie::app
