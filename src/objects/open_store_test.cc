#include "objects/open_store.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "base/clock.h"

namespace aerie::objects {
namespace {

std::string Described(const std::string& location) {
  const auto store = OpenStore(location);
  return store.ok() ? (*store)->Describe() : std::string(KindName(KindOf(store.status())));
}

TEST(OpenStore, TakesFolders) {
  EXPECT_EQ(Described("/srv/aerie"), "file:///srv/aerie");
  EXPECT_EQ(Described("/srv//aerie/./x/../"), "file:///srv/aerie");
  EXPECT_EQ(Described("./backups"),
            "file://" + (std::filesystem::current_path() / "backups").string());
  EXPECT_EQ(Described("backups"), Described("./backups/"));
  EXPECT_EQ(Described("file:///srv/a%20b"), "file:///srv/a b");
  EXPECT_EQ(Described("file://localhost/srv"), "file:///srv");
  EXPECT_EQ(Described("FILE:///srv"), "file:///srv");
  // A colon or percent sign alone makes no URI.
  EXPECT_EQ(Described("/srv/100%:a"), "file:///srv/100%:a");
}

TEST(OpenStore, TakesMemory) {
  const Context context = Context::Background();
  const auto one = OpenStore("memory:open-store-test");
  ASSERT_TRUE(one.ok());
  ASSERT_TRUE((*one)->Put(context, {"k"}, {}).ok());
  EXPECT_TRUE((*OpenStore("memory:open-store-test"))->Stat(context, {"k"}).ok());
}

TEST(OpenStore, TakesS3) {
  EXPECT_EQ(Described("s3://bucket/prefix/"), "s3://bucket/prefix");
  EXPECT_EQ(Described("S3://bucket"), "s3://bucket");
  EXPECT_GT(RetryPolicyFor("s3://bucket").max_attempts, RetryPolicyFor("/srv").max_attempts);
  FakeClock clock;
  const auto away = [] { return MakeStatus(Kind::kTransient, "away"); };
  const Status status =
      RetryCall(Context(clock), RetryPolicyFor("s3://bucket"), nullptr, "read", away);
  EXPECT_EQ(KindOf(status), Kind::kTransient);
  EXPECT_GT(clock.slept(), std::chrono::seconds(30)) << "however the dice fall";
}

TEST(OpenStore, RefusesTheRestWithARemedy) {
  EXPECT_EQ(Described(""), "invalid");
  EXPECT_EQ(Described("ftp://host/x"), "invalid");
  EXPECT_EQ(Described("file://relative/x"), "invalid");
  EXPECT_EQ(Described("file:///a%zz"), "invalid");
  EXPECT_EQ(Described("file:///a%00"), "invalid");
  EXPECT_EQ(Described("file:///a%2"), "invalid");
  EXPECT_EQ(Described(std::string("/a\0b", 4)), "invalid");
  EXPECT_EQ(Described("s3://no_bucket/x"), "invalid");
}

TEST(OpenStore, TouchesNothing) {
  const auto folder = std::filesystem::temp_directory_path() / "aerie-open-store-untouched";
  ASSERT_FALSE(std::filesystem::exists(folder));
  const auto store = OpenStore(folder.string());
  ASSERT_TRUE(store.ok());
  EXPECT_EQ(KindOf((*store)->Get(Context::Background(), {"config"}).status()), Kind::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(folder));
}

}  // namespace
}  // namespace aerie::objects
