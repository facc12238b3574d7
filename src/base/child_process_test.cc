#include "base/child_process.h"

#include <cstdlib>

#include <gtest/gtest.h>

#include "base/process.h"

namespace aerie {
namespace {

Result<ChildOutcome> Shell(const std::string& script, ChildOptions options = {}) {
  options.operation = "run a test";
  return RunChild(Context::Background(), {"/bin/sh", "-c", script}, options);
}

TEST(ChildProcessTest, VariablesAreAddedAndReplaced) {
  ASSERT_EQ(::setenv("AERIE_TEST_KEPT", "kept", 1), 0);
  ASSERT_EQ(::setenv("AERIE_TEST_OLD", "old", 1), 0);
  const auto child = Shell("echo $AERIE_TEST_KEPT $AERIE_TEST_OLD $AERIE_TEST_NEW",
                           {.environment = {"AERIE_TEST_OLD=other", "AERIE_TEST_NEW=a b"}});
  ASSERT_TRUE(child.ok()) << child.status();
  EXPECT_EQ(child->output, "kept other a b\n");
}

TEST(ChildProcessTest, ItsNumberIsToldWhileItRuns) {
  std::int64_t told = 0;
  bool ended = true;
  const auto child = Shell("echo $$; exec sleep 0.2", {.on_started = [&](std::int64_t pid) {
                             told = pid;
                             ended = HasEnded(ProcessOf(pid));
                             return Ok();
                           }});
  ASSERT_TRUE(child.ok()) << child.status();
  EXPECT_EQ(child->output, std::to_string(told) + "\n");
  EXPECT_FALSE(ended);
}

TEST(ChildProcessTest, AnErrorOfWhoeverIsToldKillsIt) {
  ProcessIdentity started;
  const auto child = Shell("exec sleep 100", {.on_started = [&](std::int64_t pid) {
                             started = ProcessOf(pid);
                             return FailedError("no");
                           }});
  EXPECT_EQ(child.status(), FailedError("no"));
  EXPECT_TRUE(HasEnded(started));
}

}  // namespace
}  // namespace aerie
