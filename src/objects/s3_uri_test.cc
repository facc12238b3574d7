#include "objects/s3_uri.h"

#include <gtest/gtest.h>

namespace aerie::objects {
namespace {

std::string Parsed(const std::string& text) {
  const auto uri = ParseS3Uri(text);
  return uri.ok() ? uri->bucket + " " + uri->prefix : std::string(KindName(KindOf(uri.status())));
}

TEST(S3Uri, SplitsBucketAndPrefix) {
  EXPECT_EQ(Parsed("s3://backups"), "backups ");
  EXPECT_EQ(Parsed("s3://backups/"), "backups ");
  EXPECT_EQ(Parsed("S3://my.backups-2/milvus/prod//"), "my.backups-2 milvus/prod");
  EXPECT_EQ(ParseS3Uri("s3://backups/a/b/")->ToString(), "s3://backups/a/b");
  EXPECT_EQ(ParseS3Uri("s3://backups/")->ToString(), "s3://backups");
}

TEST(S3Uri, RefusesWhatCannotBe) {
  for (const std::string& bad :
       {std::string("s3://"), std::string("s3:///x"), std::string("s3://ab"),
        std::string("s3://Backups"), std::string("s3://a_b_c"), std::string("s3://-abc"),
        std::string("s3://abc."), std::string("s3://a..b"), std::string("s3://bucket//x"),
        std::string("s3://bucket/../x"), std::string("s3://bucket/a b"),
        std::string("s3://bucket/x?region=y"), "s3://" + std::string(64, 'a'),
        "s3://bucket/" + std::string(200, 'a') + "/" + std::string(200, 'b'),
        std::string("http://x"), std::string("")}) {
    EXPECT_EQ(Parsed(bad), "invalid") << bad;
  }
}

TEST(S3Uri, NeverQuotesCredentials) {
  const auto uri = ParseS3Uri("s3://AKIA:hunter2@bucket/x");
  EXPECT_EQ(KindOf(uri.status()), Kind::kInvalid);
  EXPECT_EQ(uri.status().message().find("hunter2"), std::string::npos);
  EXPECT_NE(uri.status().message().find("secret_key"), std::string::npos);
}

TEST(S3Uri, PercentEncoding) {
  EXPECT_EQ(PercentEncode("a/b c+\xc3\xa9~"), "a%2Fb%20c%2B%C3%A9~");
  EXPECT_EQ(PercentEncodePath("/a/b c"), "/a/b%20c");
  for (int byte = 1; byte < 256; ++byte) {
    const std::string text(1, static_cast<char>(byte));
    EXPECT_EQ(*PercentDecode(PercentEncode(text)), text);
  }
  EXPECT_EQ(KindOf(PercentDecode("a%2").status()), Kind::kInvalid);
  EXPECT_EQ(KindOf(PercentDecode("%zz").status()), Kind::kInvalid);
}

}  // namespace
}  // namespace aerie::objects
