#include "base/secret_source.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/temp_folder_testing.h"

namespace aerie {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class SecretFile {
 public:
  explicit SecretFile(const std::string& content) {
    std::ofstream(path_, std::ios::binary) << content;
  }
  const std::string& path() const { return path_; }

 private:
  const TempFolder folder_;
  const std::string path_ = (folder_.path() / "secret").string();
};

const Context& Now() {
  static const Context context = Context::Background();
  return context;
}

Result<Secret> Resolve(const std::string& text) { return ResolveSecret(Now(), text); }
Result<Secret> FromFile(const std::string& content) {
  return SecretFromFile(SecretFile(content).path());
}
Result<Secret> FromCommand(const std::string& command) { return SecretFromCommand(Now(), command); }
// Through a pipe whose writer has written all and is gone.
Result<Secret> FromPipe(const std::string& content) {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe(ends.data()), 0);
  EXPECT_EQ(::write(ends[1], content.data(), content.size()), static_cast<ssize_t>(content.size()));
  ::close(ends[1]);
  auto secret = SecretFromDescriptor(Now(), ends[0]);
  ::close(ends[0]);
  return secret;
}
Result<Secret> FromVariable(const std::string& content) {
  ::setenv("AERIE_SECRET_TEST", content.c_str(), 1);
  auto secret = SecretFromVariable("AERIE_SECRET_TEST");
  ::unsetenv("AERIE_SECRET_TEST");
  return secret;
}
Result<Secret> FromPrinting(const std::string& content) {
  const SecretFile file(content);
  return FromCommand("cat " + file.path());
}

std::string MessageOf(const Result<Secret>& secret) {
  return std::string(secret.status().message());
}

TEST(SecretSource, EverySourceDropsOneNewlineAtTheEndAndNothingElse) {
  for (const auto& from : {FromVariable, FromFile, FromPrinting, FromPipe}) {
    EXPECT_EQ(from("word")->Reveal(), "word");
    EXPECT_EQ(from("word\n")->Reveal(), "word");
    EXPECT_EQ(from("word\r\n")->Reveal(), "word");
    EXPECT_EQ(from("word\r")->Reveal(), "word\r");
    EXPECT_EQ(from("a\nb\n\n")->Reveal(), "a\nb\n");
    EXPECT_EQ(from(" spaces \t")->Reveal(), " spaces \t");
    EXPECT_EQ(KindOf(from("").status()), Kind::kInvalid);
    EXPECT_EQ(KindOf(from("\n").status()), Kind::kInvalid);
    EXPECT_EQ(KindOf(from("\r\n").status()), Kind::kInvalid);
  }
}

TEST(SecretSource, TheLongestFitsAndOneMoreIsRefused) {
  const std::string largest(64 * 1024, 'k');
  for (const auto& from : {FromFile, FromPrinting}) {
    EXPECT_EQ(from(largest)->Reveal(), largest);
    const auto refused = from(largest + "k");
    EXPECT_EQ(KindOf(refused.status()), Kind::kInvalid);
    EXPECT_THAT(MessageOf(refused), HasSubstr("64 KiB"));
  }
}

TEST(SecretSource, VariablesAndFilesThatAreNotThere) {
  ::unsetenv("AERIE_SECRET_TEST");
  const auto unset = SecretFromVariable("AERIE_SECRET_TEST");
  EXPECT_EQ(KindOf(unset.status()), Kind::kInvalid);
  EXPECT_THAT(MessageOf(unset), HasSubstr("AERIE_SECRET_TEST is not set"));
  EXPECT_EQ(KindOf(SecretFromFile("/no/such/secret").status()), Kind::kNotFound);
  EXPECT_EQ(KindOf(SecretFromFile("/tmp").status()), Kind::kFailed);
}

TEST(SecretSource, ACommandIsOneOfTheShell) {
  EXPECT_EQ(FromCommand("printf '%s' \"two  words\" | tr a-z A-Z")->Reveal(), "TWO  WORDS");
  ::setenv("AERIE_SECRET_TEST", "seen", 1);
  EXPECT_EQ(FromCommand("echo $AERIE_SECRET_TEST")->Reveal(), "seen");
  ::unsetenv("AERIE_SECRET_TEST");
  EXPECT_EQ(FromCommand("cat; echo nothing to read")->Reveal(), "nothing to read");
}

TEST(SecretSource, ACommandThatFailsSaysWhyAndItsOutputIsNotQuoted) {
  const auto failed = FromCommand("echo hunter2; echo the vault is sealed >&2; exit 3");
  EXPECT_EQ(KindOf(failed.status()), Kind::kFailed);
  EXPECT_THAT(MessageOf(failed), AllOf(HasSubstr("exit code 3"), HasSubstr("the vault is sealed"),
                                       Not(HasSubstr("hunter2"))));
  EXPECT_THAT(MessageOf(FromCommand("kill -9 $$")), HasSubstr("signal 9"));
  EXPECT_THAT(MessageOf(FromCommand("/no/such/program")), HasSubstr("exit code 127"));
  EXPECT_THAT(MessageOf(FromCommand("false")), HasSubstr("said nothing"));
}

TEST(SecretSource, ALongComplaintIsCutToItsEnd) {
  const auto failed =
      FromCommand("head -c 1000000 /dev/zero | tr '\\0' x >&2; echo at last >&2; exit 1");
  EXPECT_THAT(MessageOf(failed), HasSubstr("at last"));
  EXPECT_LT(MessageOf(failed).size(), 2000U);
}

TEST(SecretSource, ACommandThatPrintsForEverIsStopped) {
  const auto endless = FromCommand("yes");
  EXPECT_EQ(KindOf(endless.status()), Kind::kInvalid);
  EXPECT_THAT(MessageOf(endless), HasSubstr("64 KiB"));
}

TEST(SecretSource, ACommandThatHangsIsKilledWithAllThatItStarted) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const auto hung =
      SecretFromCommand(Now(), "echo waiting for the vault >&2; sleep 1000 & sleep 1000",
                        {.time = std::chrono::milliseconds(300)});
  EXPECT_EQ(KindOf(hung.status()), Kind::kTimeout);
  EXPECT_THAT(MessageOf(hung), HasSubstr("killed"));
  // They inherited the end for writing: the pipe ends when the last of them does.
  ::close(ends[1]);
  char byte = 0;
  EXPECT_EQ(::read(ends[0], &byte, 1), 0);
  ::close(ends[0]);
}

TEST(SecretSource, ACancelledCommandIsKilled) {
  CancelScope scope(Now());
  scope.Cancel();
  EXPECT_EQ(KindOf(SecretFromCommand(scope.context(), "sleep 1000").status()), Kind::kCancelled);
}

// As agents do that a password manager starts on the way.
TEST(SecretSource, WhatACommandLeavesRunningIsNotWaitedFor) {
  EXPECT_EQ(FromCommand("sleep 5 & echo word")->Reveal(), "word");
}

TEST(SecretSource, DescriptorsThatCannotBeRead) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const auto endless = SecretFromDescriptor(Now(), ends[0], {.time = std::chrono::milliseconds(1)});
  EXPECT_EQ(KindOf(endless.status()), Kind::kTimeout);
  EXPECT_EQ(KindOf(SecretFromDescriptor(Now(), ends[1]).status()), Kind::kInvalid)
      << "open for writing only";
  ::close(ends[0]);
  ::close(ends[1]);
  const auto closed = SecretFromDescriptor(Now(), ends[0]);
  EXPECT_EQ(KindOf(closed.status()), Kind::kInvalid);
  EXPECT_THAT(MessageOf(closed), HasSubstr("not open"));
  EXPECT_EQ(KindOf(SecretFromDescriptor(Now(), 1'000'000).status()), Kind::kInvalid);

  const int zeros = ::open("/dev/zero", O_RDONLY);
  EXPECT_THAT(MessageOf(SecretFromDescriptor(Now(), zeros)), HasSubstr("64 KiB"));
  ::close(zeros);
}

TEST(ResolveSecret, TakesLiterals) {
  for (const char* literal : {"", "plain", "$HOME", "{env:X}", "a${env:X}", "p@ss }"}) {
    const auto secret = Resolve(literal);
    ASSERT_TRUE(secret.ok()) << literal;
    EXPECT_EQ(secret->Reveal(), literal);
  }
}

TEST(ResolveSecret, FollowsReferences) {
  ::setenv("AERIE_SECRET_TEST", "from env", 1);
  EXPECT_EQ(Resolve("${env:AERIE_SECRET_TEST}")->Reveal(), "from env");
  ::unsetenv("AERIE_SECRET_TEST");
  const SecretFile file("from file\n");
  EXPECT_EQ(Resolve("${file:" + file.path() + "}")->Reveal(), "from file");
  EXPECT_EQ(Resolve("${command:cat " + file.path() + " | { cat; }}")->Reveal(), "from file");
  const int fd = ::open(file.path().c_str(), O_RDONLY);
  const std::string reference = "${fd:" + std::to_string(fd) + "}";
  EXPECT_EQ(Resolve(reference)->Reveal(), "from file");
  EXPECT_THAT(MessageOf(Resolve(reference)), HasSubstr("read once")) << "it was read to its end";
  ::close(fd);
}

TEST(ResolveSecret, NeverQuotesWhatMayBeASecret) {
  for (const char* odd :
       {"${hunter2}", "${env:}", "${file:}", "${env:hunter2", "${vault:hunter2}", "${command:}",
        "${fd:hunter2}", "${fd:-1}", "${fd:}", "${fd:3hunter2}", "${fd:99999999999}"}) {
    const auto secret = Resolve(odd);
    EXPECT_EQ(KindOf(secret.status()), Kind::kInvalid) << odd;
    EXPECT_EQ(secret.status().message().find("hunter2"), std::string::npos);
  }
  const auto failed = Resolve("${command:exit 1 # hunter2}");
  EXPECT_EQ(failed.status().message().find("hunter2"), std::string::npos);
}

}  // namespace
}  // namespace aerie
