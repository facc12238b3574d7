#include "base/secret.h"

#include <algorithm>
#include <sstream>

#include <gtest/gtest.h>

namespace aerie {
namespace {

TEST(Secret, NeverPrints) {
  const Secret secret("hunter2");
  std::ostringstream out;
  out << secret << testing::PrintToString(secret);
  EXPECT_EQ(out.str(), "******");
  EXPECT_EQ(secret.Reveal(), "hunter2");
}

TEST(Secret, CopiesMovesAndCompares) {
  Secret a("one");
  Secret b = a;
  EXPECT_TRUE(a == b);
  const Secret c = std::move(b);
  EXPECT_EQ(c.Reveal(), "one");
  EXPECT_TRUE(b.empty());  // NOLINT(bugprone-use-after-move): moved-from secrets are empty
  b = c;
  EXPECT_EQ(b.Reveal(), "one");
  Secret& self = b;
  b = self;
  EXPECT_EQ(b.Reveal(), "one");
  a = Secret("two");
  EXPECT_FALSE(a == c);
  EXPECT_FALSE(a == Secret("twos"));
  EXPECT_TRUE(Secret() == Secret(""));
  EXPECT_TRUE(Secret().empty());
}

TEST(Secret, TakeFromZeroesItsSource) {
  std::string text = "a long enough secret to live on the heap";
  const char* where = text.data();
  const std::size_t size = text.size();
  const Secret secret = Secret::TakeFrom(text);
  EXPECT_TRUE(text.empty());
  EXPECT_EQ(secret.Reveal().size(), size);
  ASSERT_EQ(text.data(), where);
  // The string still owns the buffer, so that it may be looked at.
  ASSERT_GE(text.capacity(), size);
  EXPECT_EQ(std::count(where, where + size, '\0'), static_cast<std::ptrdiff_t>(size));
  EXPECT_EQ(secret.Reveal(), "a long enough secret to live on the heap");
}

}  // namespace
}  // namespace aerie
