#include "base/duration.h"

#include <gtest/gtest.h>

namespace aerie {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

TEST(AgeText, IsCutOffAndSaysDaysFromTheSecondOn) {
  EXPECT_EQ(AgeText(seconds(-5)), "0 s");
  EXPECT_EQ(AgeText(seconds(59)), "59 s");
  EXPECT_EQ(AgeText(seconds(60)), "1 min");
  EXPECT_EQ(AgeText(minutes(59) + seconds(59)), "59 min");
  EXPECT_EQ(AgeText(hours(1)), "1 h");
  EXPECT_EQ(AgeText(hours(47) + minutes(59)), "47 h");
  EXPECT_EQ(AgeText(hours(48)), "2 days");
  EXPECT_EQ(AgeText(hours(24 * 400)), "400 days");
}

}  // namespace
}  // namespace aerie
