#include "base/process.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace aerie {
namespace {

// A child that waits to be killed; its identity is taken in it.
class Child {
 public:
  Child() {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    pid_ = fork();
    if (pid_ == 0) {
      const std::int64_t started = ThisProcess().started;
      if (write(ends[1], &started, sizeof started) != sizeof started) _exit(1);
      for (;;) pause();
    }
    identity_ = ThisProcess();
    identity_.pid = pid_;
    EXPECT_EQ(read(ends[0], &identity_.started, sizeof identity_.started),
              static_cast<ssize_t>(sizeof identity_.started));
    close(ends[0]);
    close(ends[1]);
  }
  ~Child() {
    if (pid_ == 0) return;
    Kill();
    Collect();
  }
  // Returns once it is dead, which its parent has not yet been told.
  void Kill() const {
    kill(pid_, SIGKILL);
    siginfo_t info;
    EXPECT_EQ(waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT), 0);
  }
  void Collect() {
    EXPECT_EQ(waitpid(pid_, nullptr, 0), pid_);
    pid_ = 0;
  }
  const ProcessIdentity& identity() const { return identity_; }

 private:
  pid_t pid_ = 0;
  ProcessIdentity identity_;
};

TEST(Process, KnowsItself) {
  const ProcessIdentity self = ThisProcess();
  EXPECT_FALSE(self.machine.empty());
  EXPECT_EQ(self.pid, getpid());
  EXPECT_GT(self.started, 0);
  EXPECT_EQ(ThisProcess(), self);
  EXPECT_FALSE(HasEnded(self));
}

TEST(Process, HasEndedOnceItIsKilledCollectedOrNot) {
  Child child;
  EXPECT_FALSE(HasEnded(child.identity()));
  child.Kill();
  EXPECT_TRUE(HasEnded(child.identity())) << "dead, not collected";
  child.Collect();
  EXPECT_TRUE(HasEnded(child.identity())) << "collected";
}

TEST(Process, ANumberThatAnotherProcessHasNowMeansAnEnd) {
  ProcessIdentity earlier = ThisProcess();
  --earlier.started;
  EXPECT_TRUE(HasEnded(earlier));
}

TEST(Process, OfOtherMachinesNothingIsKnown) {
  const Child child;
  child.Kill();
  for (const std::string& machine :
       {std::string(), std::string("another"), child.identity().machine + "x"}) {
    ProcessIdentity elsewhere = child.identity();
    elsewhere.machine = machine;
    EXPECT_FALSE(HasEnded(elsewhere)) << machine;
  }
  ProcessIdentity undated = ThisProcess();
  undated.started = 0;
  EXPECT_FALSE(HasEnded(undated));
}

}  // namespace
}  // namespace aerie
