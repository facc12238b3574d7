// The S3 store against a scripted peer: what no good server does, and what requests look like.
// s3_store_real_test.cc has the conformance suite on a real server.
#include "objects/s3_store.h"

#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "objects/http_peer_testing.h"
#include "objects/retrying_store.h"

namespace aerie::objects {
namespace {

using testing::HasSubstr;
using Then = PeerTurn::Then;

constexpr char kAbsent[] = "<Error><Code>NoSuchKey</Code></Error>";

std::string Failure(const std::string& code) { return "<Error><Code>" + code + "</Code></Error>"; }

class S3StoreTest : public testing::Test {
 protected:
  S3StoreTest() { Open({}); }

  void Open(const S3Limits& limits, const std::string& prefix = "/p") {
    options_.endpoint = peer_.url();
    options_.access_key = "AKIA";
    options_.secret_key = Secret("secret");
    const auto environment = [this](const std::string& name) -> std::optional<std::string> {
      const auto it = environment_.find(name);
      return it == environment_.end() ? std::nullopt : std::optional(it->second);
    };
    auto opened = S3Store::Open("s3://bucket" + prefix, options_, environment, limits);
    ASSERT_TRUE(opened.ok()) << opened.status();
    store_ = *std::move(opened);
  }
  Kind GetKind(std::uint64_t offset = 0, std::uint64_t length = kToEnd) {
    return KindOf(store_->Get(context_, {"k"}, offset, length).status());
  }
  Kind PutKind() { return KindOf(store_->Put(context_, {"k"}, AsBytes("text"))); }
  // The server's conditional put is known to work.
  void Honour() {
    peer_.Say(412, Failure("PreconditionFailed"));
    peer_.Say(200, "");
    ASSERT_TRUE(store_->PutIfAbsent(context_, {"first"}, {}).ok());
  }
  Status ListAll(std::vector<std::string>& keys) {
    return store_->List(context_, "", [&](const ObjectInfo& info) {
      keys.push_back(info.key.text);
      return Ok();
    });
  }
  void SayPage(const std::vector<std::string>& keys, const std::string& rest) {
    std::string text = "<ListBucketResult>";
    for (const std::string& key : keys) {
      text += "<Contents><Key>" + key + "</Key><Size>1</Size>" +
              "<LastModified>2009-10-12T17:50:30Z</LastModified></Contents>";
    }
    peer_.Say(200, text + rest + "</ListBucketResult>");
  }
  std::string Line(std::size_t i) { return peer_.requests().at(i).Line(); }

  const Context context_ = Context::Background();
  HttpPeer peer_;
  S3Options options_;
  std::map<std::string, std::string> environment_;
  std::shared_ptr<S3Store> store_;
};

constexpr char kLast[] = "<IsTruncated>false</IsTruncated>";

// ------------------------------------------------------------------------------- what is asked for

TEST_F(S3StoreTest, NewObjectsCarryTheirClassAndEncryptionAndSum) {
  options_.storage_class = "STANDARD_IA";
  options_.sse = "aws:kms";
  options_.sse_kms_key = "key-1";
  options_.session_token = Secret("token");
  Open({});
  peer_.Say(200, "");
  ASSERT_TRUE(store_->Put(context_, {"a/b"}, AsBytes("abc")).ok());
  const PeerRequest got = peer_.requests().at(0);
  EXPECT_EQ(got.Line(), "PUT /bucket/p/a/b HTTP/1.1");
  EXPECT_TRUE(got.Has("x-amz-storage-class: STANDARD_IA\r\n"));
  EXPECT_TRUE(got.Has("x-amz-server-side-encryption: aws:kms\r\n"));
  EXPECT_TRUE(got.Has("x-amz-server-side-encryption-aws-kms-key-id: key-1\r\n"));
  EXPECT_TRUE(got.Has("x-amz-security-token: token\r\n"));
  EXPECT_TRUE(
      got.Has("x-amz-content-sha256: "
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\r\n"));
  EXPECT_FALSE(got.Has("secret"));
}

TEST_F(S3StoreTest, RangesAreAskedForInBytes) {
  peer_.Say(206, "3456", "Content-Range: bytes 3-6/10\r\n");
  EXPECT_EQ(AsText(*store_->Get(context_, {"k"}, 3, 4)), "3456");
  EXPECT_TRUE(peer_.requests().at(0).Has("range: bytes=3-6\r\n"));
  peer_.Say(206, "789", "Content-Range: bytes 7-9/10\r\n");
  EXPECT_EQ(AsText(*store_->Get(context_, {"k"}, 7, kToEnd)), "789");
  EXPECT_TRUE(peer_.requests().at(1).Has("range: bytes=7-\r\n"));
}

TEST_F(S3StoreTest, ManyAreRemovedAtOnce) {
  peer_.Say(200,
            "<DeleteResult><Deleted><Key>p/a</Key></Deleted><Error><Key>p/b</Key>"
            "<Code>AccessDenied</Code></Error><Error><Key>p/c</Key><Code>NoSuchKey</Code></Error>"
            "</DeleteResult>");
  const auto results = store_->Remove(context_, {{"a"}, {"b"}, {"c"}, {"d"}});
  EXPECT_EQ(KindOf(results[0].status), Kind::kOk);
  EXPECT_EQ(KindOf(results[1].status), Kind::kDenied);
  EXPECT_THAT(std::string(results[1].status.message()), HasSubstr("s3://bucket/p/b"));
  EXPECT_EQ(KindOf(results[2].status), Kind::kOk);
  EXPECT_EQ(KindOf(results[3].status), Kind::kUnknownOutcome);
  EXPECT_TRUE(peer_.requests().at(0).Has("content-md5: "));
}

// ------------------------------------------------------------------------------ answers gone wrong

TEST_F(S3StoreTest, AShortOrForeignAnswerIsNeverAnObject) {
  peer_.Say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234", Then::kHangUp);
  EXPECT_EQ(GetKind(), Kind::kTransient);
  // Neither length nor chunks: its end cannot be told from a loss.
  peer_.Say("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n01234", Then::kHangUp);
  EXPECT_EQ(GetKind(), Kind::kTransient);
  // The whole object, another range, or fewer bytes than the range has.
  peer_.Say(200, "0123456789");
  EXPECT_EQ(GetKind(3, 4), Kind::kTransient);
  peer_.Say(200, "0123");
  EXPECT_EQ(GetKind(3, 4), Kind::kTransient);
  peer_.Say(206, "4567", "Content-Range: bytes 4-7/10\r\n");
  EXPECT_EQ(GetKind(3, 4), Kind::kTransient);
  peer_.Say(206, "345", "Content-Range: bytes 3-6/10\r\n");
  EXPECT_EQ(GetKind(3, 4), Kind::kTransient);
  for (const char* nonsense : {"bytes 6-3/10", "bytes 3-6/*", "3-6/10", "bytes 3-6/5", ""}) {
    peer_.Say(206, "3456", std::string("Content-Range: ") + nonsense + "\r\n");
    EXPECT_EQ(GetKind(3, 4), Kind::kTransient) << nonsense;
  }
  // The object really ends there.
  peer_.Say(206, "345", "Content-Range: bytes 3-5/6\r\n");
  EXPECT_EQ(GetKind(3, 4), Kind::kCorrupt);
}

TEST_F(S3StoreTest, AWebPageIsNoMissingObject) {
  peer_.Say(404, "<html>Not Found</html>");
  EXPECT_EQ(GetKind(), Kind::kFailed);
  peer_.Say(404, kAbsent);
  EXPECT_EQ(GetKind(), Kind::kNotFound);
  // Also when the answer is longer than what was asked for.
  peer_.Say(404, kAbsent);
  EXPECT_EQ(GetKind(0, 1), Kind::kNotFound);
}

TEST_F(S3StoreTest, AWebServersOkStoresNothing) {
  peer_.Say(200, "<html>hello</html>", "");
  EXPECT_EQ(PutKind(), Kind::kUnknownOutcome);
}

TEST_F(S3StoreTest, ALostAnswerToAPutIsUnknown) {
  peer_.Say("", Then::kHangUp);
  EXPECT_EQ(PutKind(), Kind::kUnknownOutcome);
  peer_.Say(503, "no backend");
  EXPECT_EQ(PutKind(), Kind::kUnknownOutcome);
  peer_.Say(503, Failure("SlowDown"));
  EXPECT_EQ(PutKind(), Kind::kThrottled);
  peer_.Say(507, Failure("XMinioStorageFull"));
  EXPECT_EQ(PutKind(), Kind::kNoSpace);
}

TEST_F(S3StoreTest, HeadIsExplainedByGet) {
  // The first object that is not there also says that the bucket is; the next needs one request.
  peer_.Say(404, "", "");
  peer_.Say(404, kAbsent);
  EXPECT_EQ(KindOf(store_->Stat(context_, {"k"}).status()), Kind::kNotFound);
  peer_.Say(404, "", "");
  EXPECT_EQ(KindOf(store_->Stat(context_, {"k"}).status()), Kind::kNotFound);
  EXPECT_EQ(peer_.requests().size(), 3U);
  peer_.Say(403, "", "");
  peer_.Say(403, Failure("InvalidAccessKeyId"));
  const Status denied = store_->Stat(context_, {"k"}).status();
  EXPECT_EQ(KindOf(denied), Kind::kDenied);
  EXPECT_THAT(std::string(denied.message()), HasSubstr("AKIA"));
}

// ---- retention ----

class S3RetentionTest : public S3StoreTest {
 protected:
  void SayHead(const std::string& mode, const std::string& until) {
    std::string headers;
    if (!mode.empty()) headers += "x-amz-object-lock-mode: " + mode + "\r\n";
    if (!until.empty()) headers += "x-amz-object-lock-retain-until-date: " + until + "\r\n";
    peer_.Say(200, "", headers);
  }
  Status RetainUntil2100() {
    return store_->Retain(context_, {"k"}, *ParseS3Time("2100-01-01T00:00:00Z"));
  }
  std::size_t Requests() { return peer_.requests().size(); }
};

TEST_F(S3RetentionTest, WhatIsKeptLongEnoughIsLeftAlone) {
  SayHead("COMPLIANCE", "2100-01-01T00:00:00Z");
  EXPECT_TRUE(RetainUntil2100().ok());
  SayHead("COMPLIANCE", "2101-01-01T00:00:00.000Z");
  EXPECT_TRUE(RetainUntil2100().ok());
  EXPECT_EQ(Requests(), 2U);
}

TEST_F(S3RetentionTest, WhatIsKeptLessIsExtendedAndNothingShortened) {
  const auto asked = [&] { return peer_.requests().back(); };
  for (const auto& [mode, until] :
       std::vector<std::pair<std::string, std::string>>{{"", ""},
                                                        {"GOVERNANCE", "2099-01-01T00:00:00Z"},
                                                        {"COMPLIANCE", "2001-01-01T00:00:00Z"}}) {
    SayHead(mode, until);
    peer_.Say(200, "");
    ASSERT_TRUE(RetainUntil2100().ok());
    EXPECT_TRUE(asked().Line().starts_with("PUT /bucket/p/k?retention"));
    EXPECT_TRUE(asked().Has("content-md5: "));
    EXPECT_THAT(asked().body, HasSubstr("<Mode>COMPLIANCE</Mode>"));
    EXPECT_THAT(asked().body, HasSubstr("<RetainUntilDate>2100-01-01T00:00:00Z<"));
  }
  SayHead("GOVERNANCE", "2101-01-01T00:00:00Z");
  peer_.Say(200, "");
  ASSERT_TRUE(RetainUntil2100().ok());
  EXPECT_THAT(asked().body, HasSubstr("<RetainUntilDate>2101-01-01T00:00:00Z<"))
      << "made strict, not shorter";
}

TEST_F(S3RetentionTest, WhatSomebodyBesideExtendedFurtherIsNoFailure) {
  SayHead("", "");
  peer_.Say(403, Failure("AccessDenied"));
  SayHead("COMPLIANCE", "2101-01-01T00:00:00Z");
  EXPECT_TRUE(RetainUntil2100().ok());
  SayHead("", "");
  peer_.Say(403, Failure("AccessDenied"));
  SayHead("GOVERNANCE", "2101-01-01T00:00:00Z");
  EXPECT_EQ(KindOf(RetainUntil2100()), Kind::kDenied) << "kept less strictly than it is to be";
}

TEST_F(S3RetentionTest, SaysWhatIsMissing) {
  SayHead("", "");
  peer_.Say(403, Failure("AccessDenied"));
  SayHead("", "");
  const Status denied = RetainUntil2100();
  EXPECT_EQ(KindOf(denied), Kind::kDenied);
  EXPECT_THAT(std::string(denied.message()), HasSubstr("s3:PutObjectRetention"));
  SayHead("", "");
  peer_.Say("", Then::kHangUp);
  EXPECT_EQ(KindOf(RetainUntil2100()), Kind::kUnknownOutcome);
  SayHead("COMPLIANCE", "");
  EXPECT_EQ(KindOf(RetainUntil2100()), Kind::kTransient) << "a mode without a time";
  peer_.Say(404, Failure("ObjectLockConfigurationNotFoundError"));
  EXPECT_EQ(KindOf(store_->CheckRetention(context_)), Kind::kRefused);
  peer_.Say(403, Failure("AccessDenied"));
  const Status unseen = store_->CheckRetention(context_);
  EXPECT_EQ(KindOf(unseen), Kind::kDenied);
  EXPECT_THAT(std::string(unseen.message()), HasSubstr("s3:GetBucketObjectLockConfiguration"));
}

TEST_F(S3StoreTest, ADeadlineEndsASlowBody) {
  peer_.Say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0", Then::kStaySilent);
  const Context limited = context_.WithTimeout(std::chrono::milliseconds(50));
  EXPECT_EQ(KindOf(store_->Get(limited, {"k"}, 0, kToEnd).status()), Kind::kTimeout);
}

// -------------------------------------------------------------------------------------- listings

TEST_F(S3StoreTest, ListsPageByPageAndPassesOverWhatIsNoKey) {
  SayPage({"p/a", "p/aerie~conditional", "p/b/"},
          "<IsTruncated>true</IsTruncated><NextContinuationToken>t/1</NextContinuationToken>");
  SayPage({"p/c"}, kLast);
  std::vector<std::string> keys;
  ASSERT_TRUE(ListAll(keys).ok());
  EXPECT_EQ(keys, (std::vector<std::string>{"a", "c"}));
  EXPECT_EQ(Line(0), "GET /bucket/?encoding-type=url&list-type=2&prefix=p%2F HTTP/1.1");
  EXPECT_THAT(Line(1), HasSubstr("continuation-token=t%2F1"));
}

TEST_F(S3StoreTest, AListingThatIsCutIsAnError) {
  std::vector<std::string> keys;
  const auto fails = [&](Kind kind) {
    keys.clear();
    const Status status = ListAll(keys);
    EXPECT_EQ(KindOf(status), kind) << status;
  };
  const std::string more =
      "<IsTruncated>true</IsTruncated><NextContinuationToken>t"
      "</NextContinuationToken>";
  peer_.Say(200, "<ListBucketResult><Contents><Key>p/a</Key>");
  fails(Kind::kTransient);
  peer_.Say(200, "");
  fails(Kind::kTransient);
  peer_.Say(200, "<html>hello</html>");
  fails(Kind::kTransient);
  SayPage({"p/a"}, "");
  fails(Kind::kTransient);
  SayPage({"p/a"}, more);
  peer_.Say(500, Failure("InternalError"));
  fails(Kind::kTransient);
  EXPECT_EQ(keys, std::vector<std::string>{"a"});
  SayPage({"p/a"}, more);
  SayPage({"p/b"}, more);
  fails(Kind::kTransient);  // the same page for ever
  SayPage({"p/b", "p/a"}, kLast);
  fails(Kind::kUnsupported);
  SayPage({"q/a"}, kLast);
  fails(Kind::kTransient);
  peer_.Say(404, Failure("NoSuchBucket"));
  fails(Kind::kFailed);
}

// --------------------------------------------------------------------------- conditional puts

TEST_F(S3StoreTest, PutIfAbsentIsConditional) {
  Honour();
  EXPECT_TRUE(peer_.requests().at(0).Has("if-none-match: *\r\n"));
  EXPECT_EQ(Line(0), "PUT /bucket/p/aerie~conditional HTTP/1.1");
  EXPECT_TRUE(peer_.requests().at(1).Has("if-none-match: *\r\n"));
  EXPECT_TRUE(store_->capabilities().put_if_absent_atomic);
  peer_.Say(412, Failure("PreconditionFailed"));
  EXPECT_EQ(KindOf(store_->PutIfAbsent(context_, {"k"}, {})), Kind::kExists);
}

TEST_F(S3StoreTest, AStoreThatIgnoresTheConditionIsFoundOutAndAskedFirst) {
  peer_.Say(200, "");  // made, or made again: not known
  peer_.Say(200, "");  // made again
  peer_.Say(200, "", "Last-Modified: Mon, 12 Oct 2009 17:50:30 GMT\r\n");
  EXPECT_EQ(KindOf(store_->PutIfAbsent(context_, {"k"}, AsBytes("x"))), Kind::kExists);
  EXPECT_FALSE(store_->capabilities().put_if_absent_atomic);
  EXPECT_EQ(Line(2), "HEAD /bucket/p/k HTTP/1.1");
  peer_.Say(404, "");
  peer_.Say(200, "");
  EXPECT_TRUE(store_->PutIfAbsent(context_, {"k"}, AsBytes("x")).ok());
  EXPECT_FALSE(peer_.requests().back().Has("if-none-match"));
}

TEST_F(S3StoreTest, AStoreThatRefusesTheConditionIsAskedFirstToo) {
  peer_.Say(501, Failure("NotImplemented"));
  peer_.Say(404, "", "");
  peer_.Say(404, kAbsent);
  peer_.Say(200, "");
  EXPECT_TRUE(store_->PutIfAbsent(context_, {"k"}, AsBytes("x")).ok());
  EXPECT_FALSE(store_->capabilities().put_if_absent_atomic);
}

TEST_F(S3StoreTest, ALostAnswerToAPutIfAbsentIsSettledByTheRetries) {
  Honour();
  RetryPolicy quick;
  quick.first_delay = std::chrono::microseconds(1);
  RetryingStore retried(store_, quick);
  peer_.Say("", Then::kHangUp);  // applied, and not told
  peer_.Say(200, "mine");
  EXPECT_TRUE(retried.PutIfAbsent(context_, {"k"}, AsBytes("mine")).ok());
  peer_.Say("", Then::kHangUp);
  peer_.Say(200, "theirs");
  EXPECT_EQ(KindOf(retried.PutIfAbsent(context_, {"k"}, AsBytes("mine"))), Kind::kExists);
}

// -------------------------------------------------------------------------------------- uploads

class S3UploadTest : public S3StoreTest {
 protected:
  S3UploadTest() { Open({.single_put_bytes = 4, .part_bytes = 3}); }
  void Begin() {
    peer_.Say(200,
              "<InitiateMultipartUploadResult><UploadId>u</UploadId>"
              "</InitiateMultipartUploadResult>");
  }
  Kind UploadKind() { return KindOf(store_->Put(context_, {"k"}, AsBytes("abcde"))); }
};

TEST_F(S3UploadTest, PartsAndTheirEnd) {
  Begin();
  peer_.Say(200, "", "ETag: \"1\"\r\n");
  peer_.Say(200, "", "ETag: \"2\"\r\n");
  peer_.Say(200, "<CompleteMultipartUploadResult/>");
  EXPECT_EQ(UploadKind(), Kind::kOk);
  EXPECT_EQ(Line(0), "POST /bucket/p/k?uploads= HTTP/1.1");
  EXPECT_EQ(Line(1), "PUT /bucket/p/k?partNumber=1&uploadId=u HTTP/1.1");
  EXPECT_EQ(peer_.requests().at(2).body, "de");
  EXPECT_THAT(peer_.requests().at(3).body, HasSubstr("<PartNumber>2</PartNumber>"));
}

TEST_F(S3UploadTest, AFailedUploadIsAborted) {
  Begin();
  peer_.Say(200, "");
  peer_.Say("", Then::kHangUp);
  peer_.Say(204, "");
  EXPECT_EQ(UploadKind(), Kind::kTransient);
  EXPECT_EQ(Line(3), "DELETE /bucket/p/k?uploadId=u HTTP/1.1");

  Begin();
  peer_.Say(200, "");
  peer_.Say(200, "");
  peer_.Say(200, Failure("InternalError"));  // a 200 that is none
  peer_.Say(204, "");
  EXPECT_EQ(UploadKind(), Kind::kUnknownOutcome);
  EXPECT_EQ(Line(8), "DELETE /bucket/p/k?uploadId=u HTTP/1.1");
}

TEST_F(S3UploadTest, ACancelledUploadIsAbortedToo) {
  Begin();
  CancelScope scope(context_);
  peer_.Say("", Then::kStaySilent);
  peer_.Say(204, "");
  std::jthread cancel([&] {
    while (peer_.requests().size() < 2) std::this_thread::yield();
    scope.Cancel();
  });
  EXPECT_EQ(KindOf(store_->Put(scope.context(), {"k"}, AsBytes("abcde"))), Kind::kCancelled);
  EXPECT_EQ(Line(2), "DELETE /bucket/p/k?uploadId=u HTTP/1.1");
}

// ------------------------------------------------------------------------ credentials and regions

TEST_F(S3StoreTest, ExpiredCredentialsAreReadAnew) {
  options_ = {};
  environment_ = {{"AWS_ACCESS_KEY_ID", "old"}, {"AWS_SECRET_ACCESS_KEY", "x"}};
  options_.endpoint = peer_.url();
  const auto environment = [this](const std::string& name) -> std::optional<std::string> {
    const auto it = environment_.find(name);
    return it == environment_.end() ? std::nullopt : std::optional(it->second);
  };
  store_ = *S3Store::Open("s3://bucket", options_, environment);
  peer_.Say(400, Failure("ExpiredToken"));
  EXPECT_EQ(GetKind(), Kind::kDenied);
  environment_["AWS_ACCESS_KEY_ID"] = "new";
  peer_.Say(400, Failure("ExpiredToken"));
  EXPECT_EQ(GetKind(), Kind::kTransient);
  peer_.Say(200, "x");
  EXPECT_EQ(GetKind(), Kind::kOk);
  EXPECT_TRUE(peer_.requests().at(2).Has("Credential=new/"));
}

TEST_F(S3StoreTest, ARegionNobodyNamedIsTheBuckets) {
  const std::string moved = "<Error><Code>PermanentRedirect</Code></Error>";
  peer_.Say(301, moved, "x-amz-bucket-region: eu-west-3\r\n");
  EXPECT_EQ(GetKind(), Kind::kTransient);
  peer_.Say(200, "x");
  EXPECT_EQ(GetKind(), Kind::kOk);
  EXPECT_TRUE(peer_.requests().at(1).Has("/eu-west-3/s3/aws4_request"));
  options_.region = "us-west-2";
  Open({});
  peer_.Say(301, moved, "x-amz-bucket-region: eu-west-3\r\n");
  EXPECT_EQ(GetKind(), Kind::kInvalid);
}

TEST_F(S3StoreTest, CopiesInTheBucket) {
  peer_.Say(200, "<CopyObjectResult/>");
  EXPECT_TRUE(store_->Copy(context_, {"a"}, {"b"}).ok());
  EXPECT_TRUE(peer_.requests().at(0).Has("x-amz-copy-source: /bucket/p/a\r\n"));
  peer_.Say(200, Failure("SlowDown"));
  EXPECT_EQ(KindOf(store_->Copy(context_, {"a"}, {"b"})), Kind::kThrottled);
}

}  // namespace
}  // namespace aerie::objects
