#include "base/machine_lock.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <optional>

#include <gtest/gtest.h>

namespace aerie {
namespace {

// Of this test alone, on this machine.
std::string NameOf(const std::string& end) { return std::to_string(getpid()) + "/" + end; }

TEST(MachineLock, HasOneHolderUntilItIsDestroyed) {
  auto first = MachineLock::Take(NameOf("one"));
  ASSERT_TRUE(first.ok()) << first.status();
  for (int i = 0; i < 3; ++i) {
    const auto second = MachineLock::Take(NameOf("one"));
    EXPECT_EQ(KindOf(second.status()), Kind::kLocked);
    EXPECT_EQ(second.status().message(), "this process");
  }
  EXPECT_TRUE(MachineLock::Take(NameOf("two")).ok());
  std::optional<MachineLock> moved(*std::move(first));
  EXPECT_FALSE(MachineLock::Take(NameOf("one")).ok());
  moved.reset();
  EXPECT_TRUE(MachineLock::Take(NameOf("one")).ok());
  EXPECT_TRUE(MachineLock::Take(NameOf("one")).ok()) << "the one before was let go at once";
}

TEST(MachineLock, LongNamesDifferAnywhere) {
  const std::string tail(300, 'x');
  const auto held = MachineLock::Take(NameOf("a" + tail));
  ASSERT_TRUE(held.ok()) << held.status();
  EXPECT_TRUE(MachineLock::Take(NameOf("b" + tail)).ok());
  EXPECT_EQ(KindOf(MachineLock::Take(NameOf("a" + tail)).status()), Kind::kLocked);
}

TEST(MachineLock, GoesWithItsProcessHoweverThatEnds) {
  const std::string name = NameOf("killed");
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    const auto held = MachineLock::Take(name);
    const char said = held.ok() ? 'y' : 'n';
    [[maybe_unused]] const auto wrote = write(ready[1], &said, 1);
    pause();
    _exit(0);
  }
  char said = 0;
  ASSERT_EQ(read(ready[0], &said, 1), 1);
  EXPECT_EQ(said, 'y');
  const auto second = MachineLock::Take(name);
  EXPECT_EQ(KindOf(second.status()), Kind::kLocked);
  EXPECT_EQ(second.status().message(), "process " + std::to_string(child));
  kill(child, SIGKILL);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  EXPECT_TRUE(MachineLock::Take(name).ok());
  close(ready[0]);
  close(ready[1]);
}

}  // namespace
}  // namespace aerie
