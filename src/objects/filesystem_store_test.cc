#include "objects/filesystem_store.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include <gtest/gtest.h>

#include "base/temp_folder_testing.h"

namespace aerie::objects {
namespace {

namespace fs = std::filesystem;

class FilesystemStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    // Others must reach it, for the tests that give up being root.
    fs::permissions(folder_, fs::perms::all);
  }

  std::vector<std::string> FilesBelow(const fs::path& top) {
    std::vector<std::string> files;
    if (!fs::exists(top)) return files;
    for (const auto& entry : fs::recursive_directory_iterator(top)) {
      if (!entry.is_directory()) files.push_back(entry.path().filename().string());
    }
    std::sort(files.begin(), files.end());
    return files;
  }
  Result<std::vector<std::string>> Keys(FilesystemStore& store) {
    std::vector<std::string> keys;
    AERIE_TRY(store.List(context_, "", [&](const ObjectInfo& info) {
      keys.push_back(info.key.text);
      return Ok();
    }));
    return keys;
  }
  static void WriteFile(const fs::path& path, const std::string& text) {
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }

  Context context_ = Context::Background();
  const TempFolder temp_;
  const fs::path& folder_ = temp_.path();
  const fs::path root_ = folder_ / "repo";
};

// Gives up root for a while: nothing is denied to root.
class AsNobody {
 public:
  AsNobody() : was_root_(::geteuid() == 0) {
    if (was_root_ && ::seteuid(65534) != 0) std::abort();
  }
  ~AsNobody() {
    if (was_root_ && ::seteuid(0) != 0) std::abort();
  }

 private:
  const bool was_root_;
};

TEST_F(FilesystemStoreTest, MakesItsRootAtTheFirstPutAndForItsOwnerOnly) {
  FilesystemStore store(root_.string());
  EXPECT_TRUE(Keys(store)->empty());
  EXPECT_EQ(KindOf(store.Get(context_, {"k"}, 0, kToEnd).status()), Kind::kNotFound);
  EXPECT_TRUE(store.Remove(context_, {{"k"}})[0].status.ok());
  EXPECT_FALSE(fs::exists(root_));
  ASSERT_TRUE(store.Put(context_, {"a/b"}, AsBytes("x")).ok());
  struct stat st {};
  ASSERT_EQ(::stat((root_ / "a/b").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0600U);
  ASSERT_EQ(::stat((root_ / "a").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0700U);
  EXPECT_EQ(FilesBelow(root_), std::vector<std::string>{"b"});
}

TEST_F(FilesystemStoreTest, FindsWhatAnotherStoreWrote) {
  FilesystemStore one(root_.string());
  FilesystemStore two(root_.string() + "/");
  ASSERT_TRUE(one.Put(context_, {"a/b"}, AsBytes("x")).ok());
  EXPECT_TRUE(two.Stat(context_, {"a/b"}).ok());
  EXPECT_EQ(KindOf(two.PutIfAbsent(context_, {"a/b"}, {})), Kind::kExists);
  ASSERT_TRUE(two.PutIfAbsent(context_, {"a/c"}, {}).ok());
  EXPECT_EQ(Keys(one)->size(), 2U);
}

TEST_F(FilesystemStoreTest, ARootThatDisappearsIsNoEmptyStore) {
  FilesystemStore store(root_.string());
  ASSERT_TRUE(store.Put(context_, {"k"}, AsBytes("x")).ok());
  fs::remove_all(root_);
  EXPECT_EQ(KindOf(Keys(store).status()), Kind::kFailed);
  EXPECT_EQ(KindOf(store.Put(context_, {"k"}, AsBytes("x"))), Kind::kFailed);
  EXPECT_FALSE(fs::exists(root_));
}

TEST_F(FilesystemStoreTest, AFolderThatDisappearsIsMadeAgain) {
  FilesystemStore store(root_.string());
  ASSERT_TRUE(store.Put(context_, {"a/b/c"}, AsBytes("x")).ok());
  fs::remove_all(root_ / "a");
  ASSERT_TRUE(store.Put(context_, {"a/b/c"}, AsBytes("y")).ok());
  EXPECT_EQ(Keys(store)->size(), 1U);
}

TEST_F(FilesystemStoreTest, ACrashedPutLeavesNothingVisible) {
  FilesystemStore store(root_.string());
  ASSERT_TRUE(store.Put(context_, {"a/k"}, AsBytes("x")).ok());
  WriteFile(root_ / "a/12-ab~tmp", "half of an obj");
  WriteFile(root_ / "34-cd~tmp", "another");
  EXPECT_EQ(*Keys(store), std::vector<std::string>{"a/k"});
  EXPECT_EQ(store.SweepTemporaries(context_)->files, 0U);

  FakeClock clock(SystemClock().Now());
  clock.Advance(std::chrono::hours(25));
  const auto same = FilesystemStore::FromDescription(store.Describe());
  ASSERT_NE(same, nullptr);
  EXPECT_EQ(same->root(), store.root());
  EXPECT_EQ(FilesystemStore::FromDescription("s3://bucket/prefix"), nullptr);
  const auto swept = same->SweepTemporaries(Context(clock));
  ASSERT_TRUE(swept.ok()) << swept.status();
  EXPECT_EQ(swept->files, 2U);
  EXPECT_EQ(swept->bytes, 21U);
  EXPECT_EQ(FilesBelow(root_), std::vector<std::string>{"k"});
  EXPECT_EQ(store.SweepTemporaries(Context(clock))->files, 0U);
}

TEST_F(FilesystemStoreTest, SweepingWhereNothingIsIsNoError) {
  FilesystemStore store(root_.string());
  EXPECT_EQ(store.SweepTemporaries(context_)->files, 0U);
}

TEST_F(FilesystemStoreTest, AProcessKilledWhileWritingLeavesWholeObjectsOnly) {
  int told[2];
  ASSERT_EQ(::pipe(told), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    FilesystemStore store(root_.string());
    for (int i = 0;; ++i) {
      const std::string text(20'000 + i, static_cast<char>('a' + i % 26));
      const bool ok =
          store
              .Put(context_, {"d" + std::to_string(i % 3) + "/" + std::to_string(i)}, AsBytes(text))
              .ok();
      if (!ok || ::write(told[1], "x", 1) != 1) ::_exit(1);
    }
  }
  ::close(told[1]);
  char byte = 0;
  int acknowledged = 0;
  while (acknowledged < 20 && ::read(told[0], &byte, 1) == 1) ++acknowledged;
  ::kill(child, SIGKILL);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status));
  while (::read(told[0], &byte, 1) == 1) ++acknowledged;
  ::close(told[0]);

  FilesystemStore store(root_.string());
  const auto keys = Keys(store);
  ASSERT_TRUE(keys.ok()) << keys.status();
  EXPECT_GE(static_cast<int>(keys->size()), acknowledged);
  for (const auto& key : *keys) {
    const int i = std::stoi(key.substr(3));
    const auto bytes = store.Get(context_, {key}, 0, kToEnd);
    ASSERT_TRUE(bytes.ok());
    EXPECT_EQ(AsText(*bytes), std::string(20'000 + i, static_cast<char>('a' + i % 26)));
  }
}

TEST_F(FilesystemStoreTest, DoesNotFollowLinksBelowItsRoot) {
  FilesystemStore store(root_.string());
  ASSERT_TRUE(store.Put(context_, {"a/k"}, AsBytes("x")).ok());
  WriteFile(folder_ / "outside/secret", "do not touch");
  fs::create_directory_symlink(folder_ / "outside", root_ / "out");
  EXPECT_EQ(KindOf(store.Get(context_, {"out/secret"}, 0, kToEnd).status()), Kind::kRefused);
  EXPECT_EQ(KindOf(store.Stat(context_, {"out/secret"}).status()), Kind::kRefused);
  EXPECT_EQ(KindOf(store.Put(context_, {"out/secret"}, AsBytes("y"))), Kind::kRefused);
  EXPECT_EQ(KindOf(store.PutIfAbsent(context_, {"out/new"}, AsBytes("y"))), Kind::kRefused);
  EXPECT_EQ(KindOf(store.Remove(context_, {{"out/secret"}})[0].status), Kind::kRefused);
  // A listing that passed over the link would be short.
  const auto keys = Keys(store);
  EXPECT_EQ(KindOf(keys.status()), Kind::kRefused);
  EXPECT_NE(keys.status().message().find((root_ / "out").string()), std::string::npos)
      << keys.status();
  fs::remove(root_ / "out");
  fs::create_symlink(folder_ / "outside/secret", root_ / "link");
  EXPECT_EQ(KindOf(store.Get(context_, {"link"}, 0, kToEnd).status()), Kind::kRefused);
  EXPECT_EQ(KindOf(store.Stat(context_, {"link"}).status()), Kind::kRefused);
  std::ifstream secret(folder_ / "outside/secret");
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(secret), {}), "do not touch");
  EXPECT_EQ(FilesBelow(folder_ / "outside").size(), 1U);
}

TEST_F(FilesystemStoreTest, ItsRootMayBeALink) {
  fs::create_directories(folder_ / "disk");
  fs::create_directory_symlink(folder_ / "disk", root_);
  FilesystemStore store(root_.string());
  ASSERT_TRUE(store.Put(context_, {"a/k"}, AsBytes("x")).ok());
  EXPECT_EQ(*Keys(store), std::vector<std::string>{"a/k"});
}

TEST_F(FilesystemStoreTest, PassesOverWhatIsNoObject) {
  FilesystemStore store(root_.string());
  ASSERT_TRUE(store.Put(context_, {"k"}, AsBytes("x")).ok());
  fs::create_directories(root_ / "lost+found/deep");
  WriteFile(root_ / "a b", "a name no key has");
  ASSERT_EQ(::mkfifo((root_ / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(*Keys(store), std::vector<std::string>{"k"});
  EXPECT_EQ(KindOf(store.Get(context_, {"pipe"}, 0, kToEnd).status()), Kind::kNotFound);
}

TEST_F(FilesystemStoreTest, SaysWhenItsPathIsAFile) {
  WriteFile(root_, "a file");
  FilesystemStore file(root_.string());
  EXPECT_EQ(KindOf(file.Put(context_, {"k"}, {})), Kind::kInvalid);
  EXPECT_EQ(KindOf(file.Get(context_, {"k"}, 0, kToEnd).status()), Kind::kInvalid);
  EXPECT_EQ(KindOf(Keys(file).status()), Kind::kInvalid);
  FilesystemStore below(root_.string() + "/sub/repo");
  EXPECT_EQ(KindOf(below.Put(context_, {"k"}, {})), Kind::kInvalid);
}

TEST_F(FilesystemStoreTest, AReadOnlyFolderIsDeniedWithARemedy) {
  fs::create_directories(root_);
  ASSERT_EQ(::chmod(root_.c_str(), 0555), 0);
  Status put;
  Status made;
  {
    const AsNobody nobody;
    FilesystemStore store(root_.string());
    put = store.Put(context_, {"k"}, AsBytes("x"));
    FilesystemStore below((root_ / "sub").string());
    made = below.Put(context_, {"k"}, AsBytes("x"));
  }
  EXPECT_EQ(KindOf(put), Kind::kDenied) << put;
  EXPECT_NE(put.message().find((root_ / "k").string()), std::string::npos) << put;
  EXPECT_NE(put.message().find("choose another folder"), std::string::npos) << put;
  EXPECT_EQ(KindOf(made), Kind::kDenied) << made;
  EXPECT_TRUE(FilesBelow(root_).empty());
  fs::permissions(root_, fs::perms::owner_all);
}

TEST_F(FilesystemStoreTest, AFolderThatMayNotBeReadIsNoEmptyOne) {
  FilesystemStore writer(root_.string());
  ASSERT_TRUE(writer.Put(context_, {"a/k"}, AsBytes("x")).ok());
  fs::permissions(root_, fs::perms::all);
  fs::permissions(root_ / "a", fs::perms::none);
  Status listed;
  Status got;
  {
    const AsNobody nobody;
    FilesystemStore store(root_.string());
    listed = Keys(store).status();
    got = store.Get(context_, {"a/k"}, 0, kToEnd).status();
  }
  EXPECT_EQ(KindOf(listed), Kind::kDenied) << listed;
  EXPECT_EQ(KindOf(got), Kind::kDenied) << got;
  fs::permissions(root_ / "a", fs::perms::owner_all);
}

// The limit of file sizes stands in for a full disk: the write fails in the middle of the object.
TEST_F(FilesystemStoreTest, AWriteThatFailsHalfWayLeavesNothingBehind) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{100'000, 100'000};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) ::_exit(10);
    FilesystemStore store(root_.string());
    if (!store.Put(context_, {"k"}, AsBytes("old")).ok()) ::_exit(11);
    const Status status = store.Put(context_, {"k"}, Bytes(200'000));
    ::_exit(KindOf(status) == Kind::kTooLarge ? 0 : 12);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(FilesBelow(root_), std::vector<std::string>{"k"});
  FilesystemStore store(root_.string());
  EXPECT_EQ(AsText(*store.Get(context_, {"k"}, 0, kToEnd)), "old");
}

TEST_F(FilesystemStoreTest, ACancelledPutLeavesNothingBehind) {
  FilesystemStore store(root_.string());
  ASSERT_TRUE(store.Put(context_, {"k"}, AsBytes("old")).ok());
  for (int round = 0; round < 5; ++round) {
    CancelScope scope(context_);
    std::jthread canceller([&] { scope.Cancel(); });
    const Status status = store.Put(scope.context(), {"k"}, Bytes(8 << 20));
    EXPECT_TRUE(status.ok() || KindOf(status) == Kind::kCancelled) << status;
  }
  EXPECT_EQ(FilesBelow(root_), std::vector<std::string>{"k"});
}

TEST_F(FilesystemStoreTest, AKeyThatIsAFolderIsRefusedAsAnObject) {
  FilesystemStore store(root_.string());
  ASSERT_TRUE(store.Put(context_, {"a/b"}, AsBytes("x")).ok());
  EXPECT_FALSE(store.Put(context_, {"a"}, AsBytes("y")).ok());
  EXPECT_EQ(KindOf(store.PutIfAbsent(context_, {"a"}, AsBytes("y"))), Kind::kExists);
  EXPECT_FALSE(store.Put(context_, {"a/b/c"}, AsBytes("y")).ok());
  EXPECT_EQ(*Keys(store), std::vector<std::string>{"a/b"});
  EXPECT_EQ(FilesBelow(root_).size(), 1U);
}

}  // namespace
}  // namespace aerie::objects
