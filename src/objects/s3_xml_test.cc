#include "objects/s3_xml.h"

#include <gtest/gtest.h>

namespace aerie::objects {
namespace {

constexpr char kHead[] = R"(<?xml version="1.0" encoding="UTF-8"?>)";

std::string Listing(const std::string& rest, const std::string& count = "2") {
  return std::string(kHead) +
         R"(<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name>)"
         "<EncodingType>url</EncodingType><KeyCount>" +
         count +
         "</KeyCount><Contents><Key>a%2Fx%20y</Key><Size>5</Size>"
         "<LastModified>2009-10-12T17:50:30.120Z</LastModified></Contents>"
         "<Contents><Key>b</Key><Size>0</Size>"
         "<LastModified>2009-10-12T17:50:30.000Z</LastModified></Contents>" +
         rest + "</ListBucketResult>";
}

Kind PageKind(const std::string& text) { return KindOf(ParseS3Page(AsBytes(text)).status()); }

TEST(S3Xml, ReadsAPage) {
  const auto page = ParseS3Page(AsBytes(Listing(
      "<IsTruncated>true</IsTruncated><NextContinuationToken>t&amp;1</NextContinuationToken>")));
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->objects.size(), 2U);
  EXPECT_EQ(page->objects[0].key, "a/x y");
  EXPECT_EQ(page->objects[0].size, 5U);
  EXPECT_EQ(page->objects[0].modified_ms, 1255369830120);
  EXPECT_EQ(page->objects[1].key, "b");
  EXPECT_EQ(page->next, "t&1");
  std::string plain = Listing("<IsTruncated>false</IsTruncated>");
  EXPECT_EQ(ParseS3Page(AsBytes(plain))->next, "");
  plain.erase(plain.find("<EncodingType>"), sizeof("<EncodingType>url</EncodingType>") - 1);
  EXPECT_EQ(ParseS3Page(AsBytes(plain))->objects[0].key, "a%2Fx%20y");
}

TEST(S3Xml, APageThatMayBeShortIsAnError) {
  EXPECT_EQ(PageKind(Listing("")), Kind::kCorrupt);
  EXPECT_EQ(PageKind(Listing("<IsTruncated>true</IsTruncated>")), Kind::kCorrupt);
  EXPECT_EQ(PageKind(Listing("<IsTruncated>perhaps</IsTruncated>")), Kind::kCorrupt);
  EXPECT_EQ(PageKind(Listing("<IsTruncated>false</IsTruncated>", "3")), Kind::kCorrupt);
  EXPECT_EQ(
      PageKind(Listing("<IsTruncated>false</IsTruncated><Contents><Key>c</Key></Contents>", "3")),
      Kind::kCorrupt);
  EXPECT_EQ(PageKind(""), Kind::kCorrupt);
  EXPECT_EQ(PageKind("<Other/>"), Kind::kCorrupt);
  // Cut anywhere, it is no page.
  const std::string whole = Listing("<IsTruncated>false</IsTruncated>");
  ASSERT_EQ(PageKind(whole), Kind::kOk);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(PageKind(whole.substr(0, size)), Kind::kCorrupt) << size;
  }
}

TEST(S3Xml, ReadsErrors) {
  const auto error = ParseS3Error(
      AsBytes(std::string("  \n") + kHead +
              "<Error><Code>SlowDown</Code><Message>Please "
              "&lt;reduce&gt;</Message><Region>eu-west-1</Region>"
              "<ServerTime>2009-10-12T17:50:30Z</ServerTime><RequestId>42</RequestId></Error>"));
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code, "SlowDown");
  EXPECT_EQ(error->message, "Please <reduce>");
  EXPECT_EQ(error->region, "eu-west-1");
  EXPECT_EQ(error->server_time, "2009-10-12T17:50:30Z");
  EXPECT_EQ(error->request_id, "42");
  const auto wrapped = ParseS3Error(
      AsBytes("<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>"));
  EXPECT_EQ(wrapped->code, "AccessDenied");
  EXPECT_FALSE(ParseS3Error(AsBytes("<html><body>404</body></html>")));
  EXPECT_FALSE(ParseS3Error(AsBytes("not found")));
  EXPECT_FALSE(ParseS3Error({}));
}

TEST(S3Xml, TakesNoDocumentTypesAndNoDepth) {
  EXPECT_FALSE(ParseS3Error(
      AsBytes(R"(<!DOCTYPE e [<!ENTITY x "SlowDown">]><Error><Code>&x;</Code></Error>)")));
  std::string deep;
  for (int i = 0; i < 10000; ++i) deep += "<Error>";
  EXPECT_FALSE(ParseS3Error(AsBytes(deep)));
}

TEST(S3Xml, ReadsRemovals) {
  const auto removed =
      ParseS3Removed(AsBytes("<DeleteResult><Deleted><Key>a</Key></Deleted><Error><Key>b&amp;</Key>"
                             "<Code>AccessDenied</Code></Error></DeleteResult>"));
  ASSERT_TRUE(removed.ok());
  ASSERT_EQ(removed->size(), 2U);
  EXPECT_EQ(removed->at(0).key, "a");
  EXPECT_FALSE(removed->at(0).error);
  EXPECT_EQ(removed->at(1).key, "b&");
  EXPECT_EQ(removed->at(1).error->code, "AccessDenied");
  EXPECT_EQ(KindOf(ParseS3Removed(AsBytes("<x/>")).status()), Kind::kCorrupt);
}

TEST(S3Xml, ReadsUploads) {
  EXPECT_EQ(*ParseS3UploadId(AsBytes("<InitiateMultipartUploadResult><UploadId>u</UploadId>"
                                     "</InitiateMultipartUploadResult>")),
            "u");
  EXPECT_EQ(KindOf(ParseS3UploadId(AsBytes("<InitiateMultipartUploadResult/>")).status()),
            Kind::kCorrupt);
  EXPECT_TRUE(ExpectS3Result(AsBytes("<CopyObjectResult/>"), "CopyObjectResult").ok());
  EXPECT_EQ(KindOf(ExpectS3Result(AsBytes("<Error/>"), "CopyObjectResult")), Kind::kCorrupt);
}

TEST(S3Xml, WritesRequests) {
  EXPECT_EQ(
      WriteS3Delete({"a", "b<&\">"}),
      "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Object><Key>a</Key></Object>"
      "<Object><Key>b&lt;&amp;&quot;&gt;</Key></Object></Delete>");
  EXPECT_EQ(
      WriteS3Complete({"\"e\""}),
      "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Part>"
      "<PartNumber>1</PartNumber><ETag>&quot;e&quot;</ETag></Part></CompleteMultipartUpload>");
}

TEST(S3Xml, RetentionIsRoundedUpToSeconds) {
  EXPECT_EQ(WriteS3Retention("COMPLIANCE", 1255369829001),
            "<Retention xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Mode>COMPLIANCE</Mode>"
            "<RetainUntilDate>2009-10-12T17:50:30Z</RetainUntilDate></Retention>");
  EXPECT_EQ(WriteS3Retention("GOVERNANCE", 1255369830000),
            WriteS3Retention("GOVERNANCE", 1255369829001));
}

TEST(S3Xml, ReadsObjectLock) {
  const auto enabled = [](const std::string& inside) {
    return ParseS3ObjectLock(
        AsBytes("<ObjectLockConfiguration>" + inside + "</ObjectLockConfiguration>"));
  };
  EXPECT_TRUE(*enabled("<ObjectLockEnabled>Enabled</ObjectLockEnabled>"));
  EXPECT_FALSE(*enabled(""));
  EXPECT_EQ(KindOf(ParseS3ObjectLock(AsBytes("<html/>")).status()), Kind::kCorrupt);
}

TEST(S3Xml, ReadsTimes) {
  EXPECT_EQ(ParseS3Time("2009-10-12T17:50:30Z"), 1255369830000);
  EXPECT_EQ(ParseS3Time("2009-10-12T17:50:30.5Z"), 1255369830500);
  EXPECT_EQ(ParseS3Time("2009-10-12T17:50:30.123456Z"), 1255369830123);
  EXPECT_EQ(ParseS3Time("Mon, 12 Oct 2009 17:50:30 GMT"), 1255369830000);
  for (const char* bad : {"", "yesterday", "2009-10-12", "2009-10-12T17:50:30",
                          "2009-10-12T17:50:30.xZ", "Mon, 12 Oct 2009 17:50:30"}) {
    EXPECT_FALSE(ParseS3Time(bad)) << bad;
  }
}

}  // namespace
}  // namespace aerie::objects
