#include "app/session.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/temp_folder_testing.h"
#include "fake_milvus.h"
#include "repo/repo_keys.h"

namespace aerie::app {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class SessionTest : public testing::Test {
 protected:
  void SetUp() override {
    setenv("AERIE_KEY_DIR", (folder_ + "/keys").c_str(), 1);
    unsetenv("AERIE_PASSWORD");
  }
  void TearDown() override {
    unsetenv("AERIE_KEY_DIR");
    unsetenv("AERIE_PASSWORD");
  }
  std::string File(const std::string& name, const std::string& text) {
    std::ofstream(folder_ + "/" + name) << text;
    return folder_ + "/" + name;
  }
  Result<OpenedRepository> Open(const RepositoryFlags& flags, IfAbsent absent = IfAbsent::kFail) {
    return Session(config_).Repository(Context::Background(), folder_ + "/repo", flags, absent);
  }
  Status TryWith(const RepositoryFlags& flags) { return Open(flags).status(); }

  const TempFolder temp_;
  const std::string folder_ = temp_.path().string();
  Config config_;
};

TEST_F(SessionTest, Targets) {
  const auto check = [](const std::string& text, const std::string& thing,
                        const std::string& collection) {
    const Target target = ParseTarget(text);
    EXPECT_EQ(target.thing, thing) << text;
    EXPECT_EQ(target.collection ? target.collection->ToString() : "", collection) << text;
  };
  check("latest", "latest", "");
  check("latest/default.docs", "latest", "default.docs");
  check("prod/other.docs", "prod", "other.docs");
  check("http://db.example:19530", "http://db.example:19530", "");
  check("http://db.example:19530/default.docs", "http://db.example:19530", "default.docs");
  check("http://127.0.0.1:19530/mydb", "http://127.0.0.1:19530/mydb", "");
}

// Of the configuration, unless the command line says otherwise; whatever medium it is.
TEST_F(SessionTest, LimitsHoldForWhateverIsAskedOfTheStore) {
  config_.repositories["main"] = {.url = folder_ + "/repo", .password = "kite"};
  config_.repositories["main"].limits.requests = "1/s";
  const Session session(config_);
  RepositoryFlags unlimited;
  unlimited.limits.requests = "off";
  ASSERT_TRUE(session.Repository(Context::Background(), "main", unlimited, IfAbsent::kCreate).ok());
  FakeClock clock;
  ASSERT_TRUE(session.Repository(Context(clock), "main", unlimited, IfAbsent::kFail).ok());
  EXPECT_EQ(clock.slept(), Duration::zero());
  ASSERT_TRUE(session.Repository(Context(clock), "main", {}, IfAbsent::kFail).ok());
  EXPECT_GE(clock.slept(), std::chrono::seconds(3));
  RepositoryFlags wrong;
  wrong.limits.upload = "20";
  EXPECT_EQ(KindOf(session.Repository(Context(clock), "main", wrong, IfAbsent::kFail).status()),
            Kind::kInvalid);
}

TEST_F(SessionTest, KeysOfS3AreResolvedBeforeAnythingIsAsked) {
  config_.repositories["cloud"].url = "s3://bucket/prefix";
  config_.repositories["cloud"].s3.access_key = "AKIA";
  config_.repositories["cloud"].s3.secret_key = "${env:AERIE_TEST_NOT_SET}";
  const auto opened =
      Session(config_).Repository(Context::Background(), "cloud", {}, IfAbsent::kFail);
  EXPECT_EQ(KindOf(opened.status()), Kind::kInvalid);
  EXPECT_THAT(std::string(opened.status().message()), HasSubstr("AERIE_TEST_NOT_SET"));
}

TEST_F(SessionTest, WhatLooksLikeACluster) {
  config_.clusters["prod"].uri = "http://db:19530";
  const Session session(config_);
  EXPECT_TRUE(session.LooksLikeCluster("prod"));
  EXPECT_TRUE(session.LooksLikeCluster("127.0.0.1:19530"));
  EXPECT_TRUE(session.LooksLikeCluster("milvus+tls://db"));
  EXPECT_FALSE(session.LooksLikeCluster("latest"));
  EXPECT_FALSE(session.LooksLikeCluster("1f2e3d4c"));
}

TEST_F(SessionTest, AMistakenClusterNameIsOneClearLine) {
  config_.clusters["prod"].uri = "http://db:19530";
  const auto opened = Session(config_).Cluster(Context::Background(), "prud", {});
  EXPECT_EQ(KindOf(opened.status()), Kind::kInvalid);
  EXPECT_THAT(std::string(opened.status().message()), HasSubstr("did you mean 'prod'?"));
  EXPECT_EQ(KindOf(Session({}).Cluster(Context::Background(), "", {}).status()), Kind::kInvalid);
}

TEST_F(SessionTest, UrisAreShownWithoutTheirSecrets) {
  const std::string shown = RedactedUri("milvus://root:geheim@db:19530");
  EXPECT_THAT(shown, HasSubstr("db"));
  EXPECT_THAT(shown, testing::Not(HasSubstr("geheim")));
}

TEST_F(SessionTest, ARepositoryThatIsNotThereIsNotMadeUnasked) {
  EXPECT_EQ(KindOf(TryWith({})), Kind::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/repo/config"));
  EXPECT_EQ(KindOf(Session({}).Repository(Context::Background(), "", {}, IfAbsent::kFail).status()),
            Kind::kInvalid);
}

// Flag before configuration before environment.
TEST_F(SessionTest, ThePassphraseThatIsNamedMostCloselyWins) {
  RepositoryFlags right;
  right.password.file = File("right", "kite\n");
  ASSERT_TRUE(Open(right, IfAbsent::kCreate).ok());
  RepositoryFlags flags;
  EXPECT_FALSE(TryWith(flags).ok());
  flags.password.file = File("wrong", "raven\n");
  EXPECT_EQ(KindOf(TryWith(flags)), Kind::kWrongKey);
  flags.password.file.clear();
  flags.password.command = "echo kite";
  setenv("AERIE_PASSWORD", "raven", 1);
  EXPECT_TRUE(TryWith(flags).ok()) << "flag before environment";
  flags.password.command = "false";
  EXPECT_EQ(KindOf(TryWith(flags)), Kind::kFailed) << "no falling back behind a failure";
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  ASSERT_EQ(write(ends[1], "kite\n", 5), 5);
  close(ends[1]);
  flags.password.command.clear();
  flags.password.fd = ends[0];
  EXPECT_TRUE(TryWith(flags).ok()) << "flag before environment";
  close(ends[0]);
  EXPECT_EQ(KindOf(TryWith({})), Kind::kWrongKey);
  config_.repositories["main"] = {folder_ + "/repo", "kite"};
  EXPECT_TRUE(Session(config_).Repository(Context::Background(), "main", {}, IfAbsent::kFail).ok())
      << "configuration before environment";
  setenv("AERIE_PASSWORD", "kite", 1);
  EXPECT_TRUE(TryWith({}).ok());
  config_.repositories["main"].password.clear();
  EXPECT_TRUE(Session(config_).Repository(Context::Background(), "main", {}, IfAbsent::kFail).ok());
  unsetenv("AERIE_PASSWORD");
  for (const char* kept : {"${file:", "${command:cat "}) {
    config_.repositories["main"].password = kept + right.password.file + "}";
    EXPECT_TRUE(
        Session(config_).Repository(Context::Background(), "main", {}, IfAbsent::kFail).ok());
  }
}

TEST_F(SessionTest, OfTwoFlagsForOneSecretNoneWins) {
  const std::string file = File("right", "kite\n");
  const auto check = [](const SecretFlags& flags, const std::string& one, const std::string& two) {
    const auto secret = SecretOf(Context::Background(), flags, "--token");
    EXPECT_EQ(KindOf(secret.status()), Kind::kInvalid);
    EXPECT_THAT(std::string(secret.status().message()), AllOf(HasSubstr(one), HasSubstr(two)));
  };
  check({file, "echo kite", {}}, "--token-file", "--token-command");
  check({file, "", 0}, "--token-file", "--token-fd");
  check({"", "echo kite", 0}, "--token-command", "--token-fd");
  EXPECT_FALSE(*SecretOf(Context::Background(), {}, "--token"));
  const auto failed = SecretOf(Context::Background(), {"/no/such", "", {}}, "--token");
  EXPECT_THAT(std::string(failed.status().message()), HasSubstr("--token-file"));
}

// Each of two clusters has flags and variables of its own: no password reaches the wrong one.
TEST_F(SessionTest, TheSecretsOfASecondClusterHaveOtherNames) {
  fake::FakeMilvus server;
  server.Change([](fake::Behaviour& behaviour) { behaviour.authentication = true; });
  ClusterFlags second;
  second.stem = "--to-";
  second.variable_prefix = "MILVUS_TO_";
  second.user = "root";
  const auto kind = [&](const ClusterFlags& flags) {
    return KindOf(Session(config_).Cluster(Context::Background(), server.uri(), flags).status());
  };
  setenv("MILVUS_PASSWORD", "Milvus", 1);
  ClusterFlags first;
  first.user = "root";
  EXPECT_EQ(kind(first), Kind::kOk);
  EXPECT_EQ(kind(second), Kind::kDenied);
  unsetenv("MILVUS_PASSWORD");
  setenv("MILVUS_TO_PASSWORD", "Milvus", 1);
  EXPECT_EQ(kind(second), Kind::kOk);
  EXPECT_EQ(kind(first), Kind::kDenied);
  unsetenv("MILVUS_TO_PASSWORD");

  second.token.file = File("token", "raven\n");
  second.token.command = "echo kite";
  const Status two = Session(config_).Cluster(Context::Background(), server.uri(), second).status();
  EXPECT_THAT(std::string(two.message()),
              AllOf(HasSubstr("--to-token-file"), HasSubstr("--to-token-command")));
}

TEST_F(SessionTest, AGeneratedPassphraseIsKeptForThisUserOnlyAndFoundAgain) {
  if (isatty(STDIN_FILENO) != 0 && isatty(STDERR_FILENO) != 0) {
    ASSERT_NE(freopen("/dev/null", "r", stdin), nullptr);
  }
  auto made = Open({}, IfAbsent::kCreate);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_TRUE(made->created);
  EXPECT_TRUE(made->repository->encrypted());
  EXPECT_EQ(made->key_file, folder_ + "/keys/" + made->repository->id());
  struct stat info {};
  ASSERT_EQ(stat(made->key_file.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  ASSERT_EQ(stat((folder_ + "/keys").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0700U);
  auto again = Open({}, IfAbsent::kCreate);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_FALSE(again->created);
  EXPECT_EQ(again->key_file, "");
}

// What a crash leaves between making a repository and giving its key its name.
TEST_F(SessionTest, AKeyThatDidNotGetItsNameIsFoundByTrying) {
  auto made = Open({}, IfAbsent::kCreate);
  ASSERT_TRUE(made.ok()) << made.status();
  const std::string kept = made->key_file;
  std::filesystem::rename(kept, folder_ + "/keys/new-00ff");
  File("keys/new-0000", "of another repository\n");
  ASSERT_TRUE(Open({}).ok());
  EXPECT_TRUE(std::filesystem::exists(kept));
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/keys/new-00ff"));
  EXPECT_TRUE(std::filesystem::exists(folder_ + "/keys/new-0000"));
  EXPECT_TRUE(Open({}).ok());
}

// It is not passed over for a generated one, but the error says what would fit.
TEST_F(SessionTest, WhatIsGivenAndDoesNotFitHidesNoGeneratedPassphrase) {
  auto made = Open({}, IfAbsent::kCreate);
  ASSERT_TRUE(made.ok()) << made.status();
  const std::string kept = made->key_file;
  const auto line = [&](const std::string& source, const std::string& remedy) {
    return "open repository file://" + folder_ + "/repo: " + source +
           " does not fit; the passphrase that was generated for it does, but what is given goes " +
           "before: " + remedy + ", or use --password-file " + kept;
  };
  const auto check = [&](const Status& status, const std::string& expected) {
    EXPECT_EQ(KindOf(status), Kind::kWrongKey);
    EXPECT_EQ(status.message(), expected);
  };
  setenv("AERIE_PASSWORD", "raven", 1);
  check(TryWith({}), line("AERIE_PASSWORD", "unset it"));
  RepositoryFlags flags;
  flags.unfit = "not said, since there is more to say";
  flags.password.file = File("wrong", "raven\n");
  check(TryWith(flags), line("--password-file", "leave it out"));
  flags.password.file = kept;
  EXPECT_TRUE(TryWith(flags).ok()) << "the remedy is one";
  config_.repositories["main"] = {folder_ + "/repo", "raven"};
  check(Session(config_).Repository(Context::Background(), "main", {}, IfAbsent::kFail).status(),
        line("the password in the configuration", "take it out"));

  // What is done to keys says the same.
  auto access = Session(config_).Access(Context::Background(), folder_ + "/repo", {});
  ASSERT_TRUE(access.ok()) << access.status();
  check(access->explain(
            repo::ListKeys(Context::Background(), *access->store, access->passphrase).status()),
        line("AERIE_PASSWORD", "unset it"));
  EXPECT_TRUE(access->explain(Ok()).ok());
  EXPECT_EQ(access->explain(NotFoundError("gone")).message(), "gone");

  // One that would not fit either is not recommended.
  File("keys/" + made->repository->id(), "hawk\n");
  EXPECT_EQ(std::string(TryWith({}).message()).find("generated"), std::string::npos);
  flags.password.file = File("wrong", "raven\n");
  EXPECT_EQ(TryWith(flags).message(), flags.unfit);
}

TEST_F(SessionTest, PermissionsOfAFolderThatWasThereStay) {
  std::filesystem::create_directories(folder_ + "/keys");
  ASSERT_EQ(chmod((folder_ + "/keys").c_str(), 0755), 0);
  ASSERT_TRUE(Open({}, IfAbsent::kCreate).ok());
  struct stat info {};
  ASSERT_EQ(stat((folder_ + "/keys").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0755U);
}

TEST_F(SessionTest, UnencryptedIsAChoice) {
  RepositoryFlags flags;
  flags.unencrypted = true;
  const auto made = Open(flags, IfAbsent::kCreate);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_FALSE(made->repository->encrypted());
  EXPECT_EQ(made->key_file, "");
  EXPECT_TRUE(TryWith({}).ok());
}

}  // namespace
}  // namespace aerie::app
