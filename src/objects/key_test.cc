#include <gtest/gtest.h>

#include "objects/object_store.h"

namespace aerie::objects {
namespace {

TEST(Key, TakesWhatTheRuleAllows) {
  for (const char* good : {"a", "A-z_0.9", "packs/ab/0123", "...", "..a", "a..", ".hidden", "-"}) {
    EXPECT_TRUE(CheckKey({good}).ok()) << good;
  }
  EXPECT_TRUE(CheckKey({std::string(255, 'k')}).ok());
}

TEST(Key, NamesTheFault) {
  EXPECT_EQ(CheckKey({"a//b"}).message(), "object key \"a//b\": an empty, \".\" or \"..\" segment");
  EXPECT_EQ(CheckKey({"a*"}).message(),
            "object key \"a*\": only letters, digits and . _ - / are allowed");
  EXPECT_EQ(KindOf(CheckKey({""})), Kind::kInvalid);
  EXPECT_EQ(KindOf(CheckKey({"a/.."})), Kind::kInvalid);
  EXPECT_EQ(KindOf(CheckKey({std::string(256, 'k')})), Kind::kInvalid);
  EXPECT_EQ(KindOf(CheckKey({std::string(600, 'k')})), Kind::kInvalid);
}

TEST(Prefix, IsTheBeginningOfAKey) {
  for (const char* good : {"", "a", "a/", "a/b", ".", "..", "a/."}) {
    EXPECT_TRUE(CheckPrefix(good).ok()) << good;
  }
  for (const char* bad : {"/", "../", "a/./", "a//", "a b", "*"}) {
    EXPECT_EQ(KindOf(CheckPrefix(bad)), Kind::kInvalid) << bad;
  }
}

TEST(Range, IsWithinTheObject) {
  const auto resolve = [](std::uint64_t size, std::uint64_t offset, std::uint64_t length) {
    const Status status = ResolveRange("memory:", {"k"}, size, offset, length);
    return status.ok() ? std::to_string(length) : std::string(KindName(KindOf(status)));
  };
  EXPECT_EQ(resolve(10, 0, kToEnd), "10");
  EXPECT_EQ(resolve(10, 10, kToEnd), "0");
  EXPECT_EQ(resolve(10, 4, 6), "6");
  EXPECT_EQ(resolve(10, 4, 7), "corrupt");
  EXPECT_EQ(resolve(10, 11, 0), "corrupt");
  EXPECT_EQ(resolve(10, 5, kToEnd - 2), "corrupt");
}

}  // namespace
}  // namespace aerie::objects
