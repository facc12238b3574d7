#include "base/secret.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

namespace aerie {
namespace {

class SecretFile {
 public:
  explicit SecretFile(const std::string& content) {
    std::string path = (std::filesystem::temp_directory_path() / "aerie-secret-XXXXXX").string();
    ::close(::mkstemp(path.data()));
    path_ = path;
    std::ofstream(path_, std::ios::binary) << content;
  }
  ~SecretFile() { std::filesystem::remove(path_); }
  std::string Reference() const { return "${file:" + path_ + "}"; }

 private:
  std::string path_;
};

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

TEST(ResolveSecret, TakesLiterals) {
  for (const char* literal : {"", "plain", "$HOME", "{env:X}", "a${env:X}", "p@ss }"}) {
    const auto secret = ResolveSecret(literal);
    ASSERT_TRUE(secret.ok()) << literal;
    EXPECT_EQ(secret->Reveal(), literal);
  }
}

TEST(ResolveSecret, ReadsTheEnvironment) {
  ::setenv("AERIE_SECRET_TEST", "from env", 1);
  EXPECT_EQ(ResolveSecret("${env:AERIE_SECRET_TEST}")->Reveal(), "from env");
  ::setenv("AERIE_SECRET_TEST", "", 1);
  EXPECT_EQ(KindOf(ResolveSecret("${env:AERIE_SECRET_TEST}").status()), Kind::kInvalid);
  ::unsetenv("AERIE_SECRET_TEST");
  const auto unset = ResolveSecret("${env:AERIE_SECRET_TEST}");
  EXPECT_EQ(KindOf(unset.status()), Kind::kInvalid);
  EXPECT_NE(unset.status().message().find("AERIE_SECRET_TEST is not set"), std::string::npos);
}

TEST(ResolveSecret, ReadsAFileWithoutItsLastNewline) {
  EXPECT_EQ(ResolveSecret(SecretFile("word").Reference())->Reveal(), "word");
  EXPECT_EQ(ResolveSecret(SecretFile("word\n").Reference())->Reveal(), "word");
  EXPECT_EQ(ResolveSecret(SecretFile("word\r\n").Reference())->Reveal(), "word");
  EXPECT_EQ(ResolveSecret(SecretFile("word\r").Reference())->Reveal(), "word\r");
  EXPECT_EQ(ResolveSecret(SecretFile("a\nb\n\n").Reference())->Reveal(), "a\nb\n");
  const std::string largest(64 * 1024, 'k');
  EXPECT_EQ(ResolveSecret(SecretFile(largest).Reference())->Reveal(), largest);
}

TEST(ResolveSecret, RefusesFilesThatCannotBeMeant) {
  EXPECT_EQ(KindOf(ResolveSecret(SecretFile("").Reference()).status()), Kind::kInvalid);
  EXPECT_EQ(KindOf(ResolveSecret(SecretFile("\n").Reference()).status()), Kind::kInvalid);
  EXPECT_EQ(KindOf(ResolveSecret(SecretFile(std::string(64 * 1024 + 1, 'k')).Reference()).status()),
            Kind::kInvalid);
  EXPECT_EQ(KindOf(ResolveSecret("${file:/no/such/secret}").status()), Kind::kNotFound);
  EXPECT_EQ(KindOf(ResolveSecret("${file:/tmp}").status()), Kind::kFailed);
}

TEST(ResolveSecret, NeverQuotesWhatMayBeASecret) {
  for (const char* odd :
       {"${hunter2}", "${env:}", "${file:}", "${env:hunter2", "${vault:hunter2}"}) {
    const auto secret = ResolveSecret(odd);
    EXPECT_EQ(KindOf(secret.status()), Kind::kInvalid) << odd;
    EXPECT_EQ(secret.status().message().find("hunter2"), std::string::npos);
  }
}

}  // namespace
}  // namespace aerie
