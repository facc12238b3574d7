#include "base/progress.h"

#include <gtest/gtest.h>

namespace aerie {
namespace {

TEST(NoProgress, IsOneSinkThatDropsEverything) {
  EXPECT_EQ(&NoProgress(), &NoProgress());
  ProgressEvent event;
  event.message = "nobody hears this";
  NoProgress().OnProgress(event);
}

TEST(ProgressEvent, StartsWithNothingKnown) {
  const ProgressEvent event;
  EXPECT_EQ(event.rows_done, 0);
  EXPECT_EQ(event.rows_total, -1);
}

}  // namespace
}  // namespace aerie
