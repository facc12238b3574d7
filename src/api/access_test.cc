// Passwords, random texts, and the limit on tries.
#include "api/access.h"

#include <gtest/gtest.h>

#include "api/service_testing.h"

namespace aerie::api {
namespace {

TEST(Passwords, AreHashedWithArgon2id) {
  const auto hash = HashPassword(Secret("a long password"), kCheap);
  ASSERT_TRUE(hash.ok());
  EXPECT_EQ(hash->rfind("$argon2id$", 0), 0u);
  EXPECT_NE(*hash, *HashPassword(Secret("a long password"), kCheap));  // salted
  EXPECT_TRUE(FitsPassword(Secret("a long password"), *hash));
  EXPECT_FALSE(FitsPassword(Secret("a long passworD"), *hash));
  EXPECT_FALSE(FitsPassword(Secret(""), *hash));
  EXPECT_FALSE(FitsPassword(Secret(""), ""));
  EXPECT_TRUE(CheckPassword(Secret("zwölf Zeichn")).ok());
  EXPECT_FALSE(CheckPassword(Secret("elf Zeichen")).ok());
  EXPECT_FALSE(CheckPassword(Secret(std::string(1025, 'x'))).ok());
}

TEST(RandomTexts, DifferAndNeedNoEscaping) {
  const Secret one = RandomText();
  EXPECT_EQ(one.Reveal().size(), 43u);
  EXPECT_FALSE(one == RandomText());
  EXPECT_EQ(one.Reveal().find_first_not_of(
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
            std::string_view::npos);
}

TEST(TryLimiter, LetsSoManyPassAndThenOneEachSoOften) {
  TryLimiter limiter(3, std::chrono::seconds(10));
  SteadyTime now{};
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(limiter.Try("a", now));
  EXPECT_EQ(limiter.Try("a", now), std::chrono::seconds(10));
  EXPECT_EQ(limiter.Try("a", now), std::chrono::seconds(10));  // what was refused does not count
  EXPECT_FALSE(limiter.Try("b", now));
  now += std::chrono::seconds(10);
  EXPECT_FALSE(limiter.Try("a", now));
  EXPECT_TRUE(limiter.Try("a", now));
  limiter.Clear("a");
  EXPECT_FALSE(limiter.Try("a", now));
  for (int i = 0; i < 20'000; ++i) limiter.Try("name" + std::to_string(i), now);  // bounded
  EXPECT_FALSE(limiter.Try("c", now));
}

TEST(Names, AreOfPlainCharacters) {
  EXPECT_TRUE(CheckAccountName("anna.b@example-1_x").ok());
  for (const char* name : {"", "a b", "a/b", "ü", "a\n"}) EXPECT_FALSE(CheckAccountName(name).ok());
}

}  // namespace
}  // namespace aerie::api
