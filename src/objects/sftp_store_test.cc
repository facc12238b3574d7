// The driver against the real sftp-server, without ssh between; what every driver must do is in the
// conformance suite, what ssh says in sftp_uri_test.cc.
#include "objects/sftp_store.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/temp_folder_testing.h"
#include "base/testing_effort.h"
#include "objects/retrying_store.h"
#include "objects/sftp_wire.h"

namespace aerie::objects {
namespace {

using testing::HasSubstr;
using Command = std::vector<std::string>;

constexpr char kServer[] = "/usr/lib/openssh/sftp-server";

Bytes Noise(std::size_t size, std::uint32_t seed) {
  std::mt19937 random(seed);
  Bytes bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
  return bytes;
}

class SftpStoreTest : public testing::Test {
 protected:
  std::string Path(const std::string& name) const { return (folder_.path() / name).string(); }

  std::shared_ptr<SftpStore> Store(Command command = {kServer}) const {
    SftpUri uri;
    uri.host = "here";
    uri.path = Path("root");
    return std::make_shared<SftpStore>(uri, SftpOptions{.command = std::move(command)});
  }

  // A server whose n-th connection takes so many bytes and is gone then; later ones take all. What
  // left the client is counted.
  Command Cutting(const std::vector<std::size_t>& limits) const {
    std::ofstream lines(Path("limits"));
    for (const std::size_t limit : limits) lines << limit << "\n";
    std::ofstream(Path("cut.py")) << R"(
import os, subprocess, sys
folder, server = sys.argv[1:]
with open(folder + '/number', 'a+') as file:
    file.write('.')
    number = file.tell()
limits = open(folder + '/limits').read().split() + [str(1 << 60)]
left = int(limits[min(number, len(limits)) - 1])
child = subprocess.Popen([server], stdin=subprocess.PIPE)
with open(folder + '/sent', 'ab', buffering=0) as sent:
    while left > 0:
        data = os.read(0, 1 << 16)
        if not data:
            break
        sent.write(data)
        child.stdin.write(data[:left])
        child.stdin.flush()
        left -= len(data)
child.stdin.close()
child.wait()
)";
    return {"/usr/bin/python3", Path("cut.py"), folder_.path().string(), kServer};
  }
  std::uintmax_t SentBytes() const { return std::filesystem::file_size(Path("sent")); }
  std::uintmax_t Connections() const { return std::filesystem::file_size(Path("number")); }

  Bytes ReadAll(ObjectStore& store, const std::string& key) const {
    auto bytes = store.Get(context_, {key});
    EXPECT_TRUE(bytes.ok()) << bytes.status();
    return bytes.ok() ? *std::move(bytes) : Bytes();
  }

  std::vector<std::filesystem::path> Temporaries() const {
    std::vector<std::filesystem::path> found;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(Path("root"))) {
      if (entry.path().string().ends_with("~tmp")) found.push_back(entry.path());
    }
    return found;
  }

  static RetryPolicy Quick() {
    RetryPolicy policy;
    policy.max_attempts = 15;
    policy.first_delay = policy.max_delay = std::chrono::microseconds(10);
    return policy;
  }

  const TempFolder folder_;
  const Context context_ = Context::Background();
};

TEST_F(SftpStoreTest, WhatACutCostsIsWhatWasOnItsWay) {
  constexpr std::size_t kBytes = std::size_t{40} << 20;
  const Bytes bytes = Noise(kBytes, 1);
  std::mt19937 random(2);
  std::vector<std::size_t> limits;
  for (int cut = 0; cut < 10; ++cut) limits.push_back(1000 + random() % (kBytes / 12));
  RetryingStore store(Store(Cutting(limits)), Quick());
  const Status status = store.Put(context_, {"packs/ab/one"}, bytes);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(ReadAll(store, "packs/ab/one"), bytes);
  EXPECT_EQ(Connections(), 11U) << "each limit cut one";
  EXPECT_GE(SentBytes(), kBytes);
  EXPECT_LT(SentBytes(), kBytes * 105 / 100);
  EXPECT_TRUE(Temporaries().empty());
}

TEST_F(SftpStoreTest, AnotherProcessGoesOnToo) {
  const Bytes bytes = Noise(3 << 20, 3);
  ASSERT_EQ(KindOf(Store(Cutting({2 << 20}))->Put(context_, {"a"}, bytes)), Kind::kTransient);
  ASSERT_EQ(Temporaries().size(), 1U);
  const auto there = std::filesystem::file_size(Temporaries()[0]);
  EXPECT_GT(there, 1U << 20);
  const auto before = SentBytes();
  ASSERT_TRUE(Store(Cutting({}))->Put(context_, {"a"}, bytes).ok());
  EXPECT_LT(SentBytes() - before, bytes.size() - there + 100'000);
  EXPECT_EQ(ReadAll(*Store(), "a"), bytes);
}

// Whatever was on its way: nothing is said to be missing, refused or done that is not.
TEST_F(SftpStoreTest, CutAnywhereAPutIsToBeMadeAgain) {
  const Bytes bytes = Noise(300, 6);
  const std::size_t step = static_cast<std::size_t>(Effort(23, 41, 97));
  for (const bool exclusive : {false, true}) {
    bool whole = false;
    // From behind the greeting: a server that never answered is one that is not there.
    for (std::size_t limit = 20; !whole; limit += step) {
      SCOPED_TRACE("cut after " + std::to_string(limit) + " bytes");
      for (const char* left : {"root", "number", "sent"}) std::filesystem::remove_all(Path(left));
      const auto put = [&](ObjectStore& store) {
        const ObjectKey key{"new/folder/a"};
        return exclusive ? store.PutIfAbsent(context_, key, bytes)
                         : store.Put(context_, key, bytes);
      };
      const Kind kind = KindOf(put(*Store(Cutting({limit}))));
      whole = kind == Kind::kOk;
      ASSERT_TRUE(whole || kind == Kind::kTransient || kind == Kind::kUnknownOutcome)
          << KindName(kind);
      const Kind again = KindOf(put(*Store()));
      ASSERT_TRUE(again == Kind::kOk || (exclusive && again == Kind::kExists)) << KindName(again);
      EXPECT_EQ(ReadAll(*Store(), "new/folder/a"), bytes);
    }
  }
}

// The server that was cut off is slow: it does the renaming that it was asked for while another
// connection has begun to do the same.
TEST_F(SftpStoreTest, ARenamingThatCameLateIsNoError) {
  std::ofstream(Path("late.py")) << R"(
import glob, os, subprocess, sys
act, target, server = sys.argv[1:]
child = subprocess.Popen([server], stdin=subprocess.PIPE)
while data := os.read(0, 1 << 16):
    if b'posix-rename@openssh.com' in data:
        [temporary] = glob.glob(os.path.dirname(target) + '/*~tmp')
        if act == 'rename':
            os.rename(temporary, target)
        else:
            os.remove(temporary)
    child.stdin.write(data)
    child.stdin.flush()
)";
  const auto late = [&](const char* act) {
    return Store({"/usr/bin/python3", Path("late.py"), act, Path("root/a"), kServer});
  };
  const Bytes bytes = Noise(100'000, 9);
  EXPECT_EQ(KindOf(late("remove")->Put(context_, {"a"}, bytes)), Kind::kTransient)
      << "nothing there";
  const Status done = late("rename")->Put(context_, {"a"}, bytes);
  EXPECT_TRUE(done.ok()) << done;
  EXPECT_EQ(ReadAll(*Store(), "a"), bytes);
  const Bytes other = Noise(100'000, 10);
  EXPECT_EQ(KindOf(late("remove")->Put(context_, {"a"}, other)), Kind::kTransient)
      << "others there";
  EXPECT_EQ(KindOf(late("remove")->Put(context_, {"a"}, Noise(200'000, 11))), Kind::kTransient);
}

TEST_F(SftpStoreTest, WhatIsOthersIsNotGoneOnWith) {
  const Bytes bytes = Noise(1 << 20, 4);
  const Command cut = Cutting({600'000});
  ASSERT_FALSE(Store(cut)->Put(context_, {"a"}, bytes).ok());
  {
    // Its end is another now, as after a crash of that machine.
    std::fstream file(Temporaries().at(0), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-10, std::ios::end);
    file << "0123456789";
  }
  ASSERT_TRUE(Store()->Put(context_, {"a"}, bytes).ok());
  EXPECT_EQ(ReadAll(*Store(), "a"), bytes);
  // Longer than it can be.
  std::filesystem::remove(Path("number"));
  ASSERT_FALSE(Store(cut)->Put(context_, {"b"}, bytes).ok());
  std::filesystem::resize_file(Temporaries().at(0), 5 << 20);
  ASSERT_TRUE(Store()->Put(context_, {"b"}, bytes).ok());
  EXPECT_EQ(ReadAll(*Store(), "b"), bytes);
}

TEST_F(SftpStoreTest, OtherBytesForTheSameKeyBeginAnew) {
  ASSERT_FALSE(Store(Cutting({600'000}))->Put(context_, {"a"}, Noise(1 << 20, 5)).ok());
  const Bytes other = Noise(1 << 20, 6);
  ASSERT_TRUE(Store()->Put(context_, {"a"}, other).ok());
  EXPECT_EQ(ReadAll(*Store(), "a"), other);
}

TEST_F(SftpStoreTest, AnAnswerThatIsNoneIsSaid) {
  struct Case {
    Command command;
    Kind kind;
    const char* words;
  };
  for (const Case& c : {
           Case{
               {"/bin/echo", "Welcome to this fine machine"}, Kind::kFailed, "does not speak SFTP"},
           Case{{"/bin/cat"}, Kind::kFailed, "does not speak SFTP"},
           Case{{"/bin/true"}, Kind::kFailed, "the connection is lost"},
           Case{{"/bin/sh", "-c", "echo 'Permission denied (publickey).' >&2; exit 255"},
                Kind::kDenied,
                "--ssh-key"},
           Case{{"no-such-program-anywhere"}, Kind::kFailed, "install openssh-client"},
       }) {
    const Status status = Store(c.command)->Put(context_, {"a"}, AsBytes("x"));
    EXPECT_EQ(KindOf(status), c.kind) << status;
    EXPECT_THAT(status.message(), HasSubstr(c.words));
    EXPECT_THAT(status.message(), HasSubstr("write sftp://here"));
  }
}

TEST_F(SftpStoreTest, ASilentServerIsLeftInTime) {
  const auto store = Store({"/bin/sleep", "100"});
  const Context soon = context_.WithTimeout(std::chrono::milliseconds(100));
  EXPECT_EQ(KindOf(store->Put(soon, {"a"}, AsBytes("x"))), Kind::kTimeout);
}

TEST_F(SftpStoreTest, AWriteThatTheServerRefusesIsSaidInItsWords) {
  const auto store =
      Store({"/bin/sh", "-c", std::string("trap '' XFSZ; ulimit -f 1000; exec ") + kServer});
  const Status status = store->Put(context_, {"a"}, Noise(4 << 20, 7));
  EXPECT_EQ(KindOf(status), Kind::kFailed) << status;
  EXPECT_THAT(status.message(), HasSubstr("the server says: Failure"));
  EXPECT_EQ(KindOf(store->Stat(context_, {"a"}).status()), Kind::kNotFound);
  // And the store goes on.
  EXPECT_TRUE(store->Put(context_, {"b"}, AsBytes("x")).ok());
}

TEST_F(SftpStoreTest, LinksAreNotFollowedAndSpaceIsKnown) {
  const auto store = Store();
  const auto before = store->FreeBytes(context_);
  ASSERT_TRUE(before.ok()) << before.status();
  EXPECT_GT(before->value_or(0), 0U) << "of the folder above, since the root is not there yet";
  ASSERT_TRUE(store->Put(context_, {"a/b"}, AsBytes("x")).ok());
  EXPECT_GT(store->FreeBytes(context_)->value_or(0), 0U);
  std::filesystem::create_symlink("/etc/passwd", Path("root/a/link"));
  const Status listed = store->List(context_, "", [](const ObjectInfo&) { return Ok(); });
  EXPECT_EQ(KindOf(listed), Kind::kRefused) << listed;
  const auto mode = std::filesystem::status(Path("root/a/b")).permissions();
  EXPECT_EQ(mode, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST_F(SftpStoreTest, TheRateIsKept) {
  SftpUri uri;
  uri.host = "here";
  uri.path = Path("root");
  FakeClock clock;
  SftpStore store(uri, {.max_send_rate = 1 << 20, .command = {kServer}});
  ASSERT_TRUE(store.Put(Context(clock), {"a"}, Noise(4 << 20, 8)).ok());
  EXPECT_GT(clock.slept(), std::chrono::milliseconds(3900));
  EXPECT_LT(clock.slept(), std::chrono::milliseconds(4100));
}

TEST(SftpWire, AShortAnswerIsCorruptNotRead) {
  sftp::Writer whole;
  // Size, owner, permissions, times, one extension.
  whole.U32(0x8000000F).U64(7).U32(1).U32(2).U32(0100644).U32(3).U32(4).U32(1).Text("a").Text("b");
  sftp::Attributes attributes;
  ASSERT_TRUE(sftp::Reader(whole.bytes()).Read(attributes).ok());
  EXPECT_EQ(attributes.size, 7U);
  EXPECT_EQ(attributes.modified_s, 4);
  EXPECT_TRUE(attributes.IsFile());
  for (std::size_t size = 0; size < whole.bytes().size(); ++size) {
    const auto status = sftp::Reader(ByteSpan(whole.bytes()).first(size)).Read(attributes);
    EXPECT_EQ(KindOf(status), Kind::kCorrupt) << size;
  }
}

}  // namespace
}  // namespace aerie::objects
