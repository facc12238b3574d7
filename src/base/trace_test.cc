#include "base/trace.h"

#include <mutex>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "base/task_group.h"

namespace aerie {
namespace {

constexpr char kId[] = "0af7651916cd43dd8448eb211c80319c";
constexpr char kParent[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

TEST(Trace, IsReadAsItGoesOn) {
  const auto trace = ParseTrace(kParent, "vendor=a,other=b:c");
  ASSERT_TRUE(trace);
  EXPECT_EQ(trace->id, kId);
  EXPECT_EQ(trace->parent, kParent);
  EXPECT_EQ(trace->state, "vendor=a,other=b:c");
  const auto later = ParseTrace("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", "");
  ASSERT_TRUE(later);
  EXPECT_EQ(later->parent, kParent) << "of a later version only what this one knows";
}

TEST(Trace, WhatIsMalformedIsNone) {
  for (const char* text : {"", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
                           "00-00000000000000000000000000000000-b7ad6b7169203331-01",
                           "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
                           "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                           "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-zz",
                           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
                           "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01x"}) {
    EXPECT_FALSE(ParseTrace(text, "a=b")) << text;
  }
  EXPECT_EQ(ParseTrace(kParent, "a=\x01")->state, "");
  EXPECT_EQ(ParseTrace(kParent, std::string(513, 'a'))->state, "");
}

TEST(Trace, AScopeEndsWhereItBegan) {
  EXPECT_EQ(CurrentTrace().id, "");
  {
    const TraceScope outer(Trace{.id = "a"});
    {
      const TraceScope inner(Trace{.id = "b"});
      EXPECT_EQ(CurrentTrace().id, "b");
    }
    EXPECT_EQ(CurrentTrace().id, "a");
    std::thread([] { EXPECT_EQ(CurrentTrace().id, ""); }).join();
  }
  EXPECT_EQ(CurrentTrace().id, "");
}

TEST(Trace, TasksWorkForWhatTheirOwnerWorksFor) {
  const TraceScope scope(*ParseTrace(kParent, ""));
  std::mutex mutex;
  std::multiset<std::string> seen;
  const auto note = [&] {
    std::lock_guard lock(mutex);
    seen.insert(CurrentTrace().parent);
    return Ok();
  };
  TaskGroup group(Context::Background());
  group.Spawn("outer", [&](const Context& context) {
    return ParallelFor(context, 2, 2, [&](const Context&, std::size_t) { return note(); });
  });
  group.Spawn("other", [&](const Context&) { return note(); });
  ASSERT_TRUE(group.Join().ok());
  EXPECT_EQ(seen, (std::multiset<std::string>{kParent, kParent, kParent}));
}

}  // namespace
}  // namespace aerie
