#include "base/glob.h"

#include <gtest/gtest.h>

namespace aerie {
namespace {

TEST(Glob, MatchesTheWholeText) {
  struct Case {
    const char* pattern;
    const char* text;
    bool matches;
  };
  const Case cases[] = {
      {"", "", true},           {"", "a", false},
      {"*", "", true},          {"*", "anything", true},
      {"a", "a", true},         {"a", "A", false},
      {"a", "ab", false},       {"?", "", false},
      {"?", "x", true},         {"a?c", "abc", true},
      {"a*c", "ac", true},      {"a*c", "abbbc", true},
      {"a*c", "abbbd", false},  {"*a*b*", "xxaxxbxx", true},
      {"*ab", "aab", true},     {"**", "x", true},
      {"a**b", "ab", true},     {"[abc]", "b", true},
      {"[abc]", "d", false},    {"[a-c]x", "bx", true},
      {"[!a-c]", "b", false},   {"[^a-c]", "d", true},
      {"[]]", "]", true},       {"[!]]", "]", false},
      {"[]-a]", "^", true},     {"[a-]", "-", true},
      {"[-a]", "-", true},      {"[a-c-e]", "-", true},
      {"[*]", "*", true},       {"[*]", "x", false},
      {"\\*", "*", true},       {"\\*", "x", false},
      {"\\\\", "\\", true},     {"a.b", "axb", false},
      {"db/*", "db/c", true},   {"*", "a/b", true},
      {"[", "[", false},        {"[z-a]", "m", false},
      {"!a", "!a", true},       {"[a-c]", "", false},
      {"*[0-9]", "run7", true}, {"*[0-9]", "run7x", false},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(GlobMatches(c.pattern, c.text), c.matches) << c.pattern << " on " << c.text;
  }
  // Bytes above 127 take part in ranges as unsigned numbers.
  EXPECT_TRUE(GlobMatches("[\x80-\xff]", "\xc3"));
  EXPECT_TRUE(GlobMatches("caf\xc3\xa9*", "caf\xc3\xa9s"));
}

TEST(Glob, ManyStarsStayQuick) {
  std::string pattern;
  for (int i = 0; i < 50; ++i) pattern += "a*";
  EXPECT_FALSE(GlobMatches(pattern + "b", std::string(5000, 'a')));
}

TEST(Glob, ChecksPatterns) {
  for (const char* good : {"*", "a", "!a", "[a-z]*", "[]]", "\\[", "!*", "[!a]"}) {
    EXPECT_TRUE(CheckGlob(good).ok()) << good;
  }
  for (const char* bad : {"", "!", "[", "[a", "a[z-a]", "a\\", "[]", "[!]"}) {
    const Status status = CheckGlob(bad);
    EXPECT_EQ(KindOf(status), Kind::kInvalid) << bad;
    EXPECT_NE(status.message().find("\"" + std::string(bad) + "\""), std::string::npos) << status;
  }
}

TEST(Matches, ChoosesByPatternsAndExceptions) {
  EXPECT_TRUE(Matches({}, "x"));
  EXPECT_TRUE(Matches({"a*", "b*"}, "bee"));
  EXPECT_FALSE(Matches({"a*", "b*"}, "sea"));
  EXPECT_FALSE(Matches({"*", "!tmp_*"}, "tmp_1"));
  EXPECT_TRUE(Matches({"*", "!tmp_*"}, "docs"));
  EXPECT_TRUE(Matches({"!tmp_*"}, "docs"));
  EXPECT_FALSE(Matches({"!tmp_*"}, "tmp_1"));
  // The order is of no account.
  EXPECT_FALSE(Matches({"!tmp_*", "tmp_1"}, "tmp_1"));
}

}  // namespace
}  // namespace aerie
