#include "objects/s3_errors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace aerie::objects {
namespace {

using testing::HasSubstr;
using testing::Not;

S3Request Read() {
  return {.operation = "read s3://b/k",
          .bucket = "b",
          .region = "us-east-1",
          .access_key = "AKIA",
          .writes = false,
          .time = FromUnixMillis(1255369830000)};
}
S3Request Write() {
  S3Request request = Read();
  request.writes = true;
  return request;
}

HttpAnswer Answer(int status, const std::string& body = "") {
  HttpAnswer answer;
  answer.status = status;
  answer.body.assign(body.begin(), body.end());
  return answer;
}
HttpAnswer WithCode(int status, const std::string& code, const std::string& more = "") {
  return Answer(status, "<Error><Code>" + code + "</Code>" + more + "</Error>");
}
S3Error Coded(const std::string& code) {
  S3Error error;
  error.code = code;
  return error;
}
Kind ReadKind(const HttpAnswer& answer) { return KindOf(S3Failure(Read(), answer)); }
Kind WriteKind(const HttpAnswer& answer) { return KindOf(S3Failure(Write(), answer)); }
std::string Text(const Status& status) { return std::string(status.message()); }

TEST(S3Errors, TellsABucketFromAKey) {
  EXPECT_EQ(ReadKind(WithCode(404, "NoSuchKey")), Kind::kNotFound);
  const Status bucket = S3Failure(Read(), WithCode(404, "NoSuchBucket"));
  EXPECT_EQ(KindOf(bucket), Kind::kFailed);
  EXPECT_THAT(Text(bucket), HasSubstr("read s3://b/k"));
  EXPECT_THAT(Text(bucket), HasSubstr("make the bucket"));
}

TEST(S3Errors, AWebServersNotFoundIsNoMissingObject) {
  const Status status = S3Failure(Read(), Answer(404, "<html>\n<h1>Not \x01 Found</h1></html>"));
  EXPECT_EQ(KindOf(status), Kind::kFailed);
  EXPECT_THAT(Text(status), HasSubstr("is the endpoint an S3 service?"));
  EXPECT_THAT(Text(status), Not(HasSubstr("\n")));
  EXPECT_EQ(ReadKind(Answer(404)), Kind::kNotFound);
}

TEST(S3Errors, WhoMayNot) {
  for (const char* code : {"AccessDenied", "SignatureDoesNotMatch", "InvalidAccessKeyId",
                           "ExpiredToken", "InvalidToken"}) {
    EXPECT_EQ(ReadKind(WithCode(403, code)), Kind::kDenied) << code;
  }
  EXPECT_EQ(ReadKind(Answer(403)), Kind::kDenied);
  EXPECT_THAT(Text(S3Failure(Read(), WithCode(403, "InvalidAccessKeyId"))),
              HasSubstr("access key AKIA"));
}

TEST(S3Errors, AClockThatIsWrongIsShownWithBothTimes) {
  const Status status = S3Failure(
      Read(),
      WithCode(403, "RequestTimeTooSkewed", "<ServerTime>2009-10-12T19:50:30Z</ServerTime>"));
  EXPECT_EQ(KindOf(status), Kind::kDenied);
  EXPECT_THAT(Text(status), HasSubstr("2009-10-12T17:50:30.000Z"));
  EXPECT_THAT(Text(status), HasSubstr("2009-10-12T19:50:30Z"));
  HttpAnswer dated = WithCode(403, "RequestTimeTooSkewed");
  dated.headers["date"] = "Mon, 12 Oct 2009 19:50:30 GMT";
  EXPECT_THAT(Text(S3Failure(Read(), dated)), HasSubstr("Mon, 12 Oct 2009 19:50:30 GMT"));
}

TEST(S3Errors, AFaultOfAWriteIsUnknownAndOfAReadTransient) {
  for (const int status : {500, 502, 503, 504}) {
    EXPECT_EQ(ReadKind(Answer(status, "upstream")), Kind::kTransient) << status;
    EXPECT_EQ(WriteKind(Answer(status, "upstream")), Kind::kUnknownOutcome) << status;
  }
  EXPECT_EQ(WriteKind(WithCode(500, "InternalError")), Kind::kUnknownOutcome);
  // These were refused before anything was done.
  EXPECT_EQ(WriteKind(WithCode(503, "SlowDown")), Kind::kThrottled);
  EXPECT_EQ(WriteKind(Answer(429)), Kind::kThrottled);
  EXPECT_EQ(WriteKind(WithCode(400, "BadDigest")), Kind::kTransient);
  EXPECT_EQ(WriteKind(WithCode(400, "XAmzContentSHA256Mismatch")), Kind::kTransient);
  EXPECT_EQ(WriteKind(WithCode(400, "RequestTimeout")), Kind::kTransient);
  EXPECT_EQ(WriteKind(WithCode(409, "ConditionalRequestConflict")), Kind::kTransient);
}

TEST(S3Errors, FullStoresAreNoSpace) {
  EXPECT_EQ(WriteKind(WithCode(507, "XMinioStorageFull")), Kind::kNoSpace);
  EXPECT_EQ(WriteKind(WithCode(400, "XMinioAdminBucketQuotaExceeded")), Kind::kNoSpace);
  EXPECT_EQ(WriteKind(Answer(507)), Kind::kNoSpace);
}

TEST(S3Errors, WrongRegionsNameTheRightOne) {
  HttpAnswer moved = WithCode(301, "PermanentRedirect");
  moved.headers["x-amz-bucket-region"] = "eu-central-1";
  EXPECT_EQ(ReadKind(moved), Kind::kInvalid);
  EXPECT_THAT(Text(S3Failure(Read(), moved)), HasSubstr("set `region` to eu-central-1"));
  EXPECT_EQ(BucketRegion(moved), "eu-central-1");
  EXPECT_EQ(BucketRegion(WithCode(403, "AccessDenied", "<Region>eu-west-3</Region>")), "");
  HttpAnswer head = Answer(301);
  head.headers["x-amz-bucket-region"] = "eu-central-1";
  EXPECT_THAT(Text(S3Failure(Read(), head)), HasSubstr("eu-central-1"));
  const auto malformed =
      WithCode(400, "AuthorizationHeaderMalformed", "<Region>eu-west-3</Region>");
  EXPECT_THAT(Text(S3Failure(Read(), malformed)), HasSubstr("set `region` to eu-west-3"));
  EXPECT_THAT(Text(S3Failure(
                  Read(), WithCode(301, "PermanentRedirect", "<Endpoint>b.s3.example</Endpoint>"))),
              HasSubstr("set `endpoint`"));
}

TEST(S3Errors, TheRest) {
  EXPECT_EQ(WriteKind(WithCode(412, "PreconditionFailed")), Kind::kExists);
  EXPECT_EQ(WriteKind(WithCode(501, "NotImplemented")), Kind::kUnsupported);
  EXPECT_EQ(WriteKind(WithCode(400, "EntityTooLarge")), Kind::kTooLarge);
  EXPECT_EQ(ReadKind(WithCode(403, "InvalidObjectState")), Kind::kRefused);
  EXPECT_EQ(ReadKind(WithCode(418, "Teapot")), Kind::kFailed);
  EXPECT_EQ(WriteKind(WithCode(200, "InternalError")), Kind::kUnknownOutcome);
  const auto outcome = [](const HttpAnswer& answer) {
    return KindOf(ExpectS3Outcome(Write(), answer, "CopyObjectResult"));
  };
  EXPECT_EQ(outcome(Answer(200, "<CopyObjectResult/>")), Kind::kOk);
  EXPECT_EQ(outcome(WithCode(200, "SlowDown")), Kind::kThrottled);
  EXPECT_EQ(outcome(WithCode(200, "InternalError")), Kind::kUnknownOutcome);
  EXPECT_EQ(outcome(Answer(200, "<html/>")), Kind::kUnknownOutcome);
  EXPECT_EQ(outcome(Answer(200, "")), Kind::kUnknownOutcome);
  EXPECT_TRUE(IsExpired(WithCode(400, "ExpiredToken")));
  EXPECT_FALSE(IsExpired(WithCode(400, "AccessDenied")));
  EXPECT_FALSE(IsExpired(Answer(400)));
  EXPECT_EQ(KindOf(S3FailureOf("remove k", Coded("InternalError"))), Kind::kUnknownOutcome);
  EXPECT_EQ(KindOf(S3FailureOf("remove k", Coded("AccessDenied"))), Kind::kDenied);
}

}  // namespace
}  // namespace aerie::objects
