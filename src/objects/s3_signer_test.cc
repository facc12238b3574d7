#include "objects/s3_signer.h"

#include <chrono>

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "objects/digests.h"

namespace aerie::objects {
namespace {

// The examples of "Signature Calculations for the Authorization Header" in the S3 API reference.
const S3Credentials kExample{"AKIAIOSFODNN7EXAMPLE",
                             Secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), Secret()};
const WallTime kExampleTime{std::chrono::seconds(1369353600)};  // 2013-05-24T00:00:00Z

SignInput Example(const std::string& method, const std::string& path) {
  return {.method = method,
          .path = path,
          .query = {},
          .headers = {{"Host", "examplebucket.s3.amazonaws.com"}},
          .payload_sha256 = ToHex(Sha256({})),
          .region = "us-east-1",
          .time = kExampleTime};
}

std::string SignatureOf(const SignInput& input, const S3Credentials& credentials = kExample) {
  const auto headers = SignV4(input, credentials);
  const std::string& value = headers.back().second;
  return value.substr(value.rfind('=') + 1);
}

TEST(S3Signer, SignsAsInTheReference) {
  SignInput get = Example("GET", "/test.txt");
  get.headers.emplace_back("Range", "bytes=0-9");
  EXPECT_EQ(SignatureOf(get), "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");

  SignInput put = Example("PUT", "/test$file.text");
  put.payload_sha256 = ToHex(Sha256(AsBytes("Welcome to Amazon S3.")));
  put.headers.emplace_back("Date", "Fri, 24 May 2013 00:00:00 GMT");
  put.headers.emplace_back("x-amz-storage-class", "REDUCED_REDUNDANCY");
  EXPECT_EQ(SignatureOf(put), "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");

  SignInput lifecycle = Example("GET", "/");
  lifecycle.query = {{"lifecycle", ""}};
  EXPECT_EQ(SignatureOf(lifecycle),
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");

  SignInput list = Example("GET", "/");
  list.query = {{"prefix", "J"}, {"max-keys", "2"}};
  EXPECT_EQ(SignatureOf(list), "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

TEST(S3Signer, NamesWhatItSigned) {
  const auto headers = SignV4(Example("GET", "/test.txt"), kExample);
  EXPECT_EQ(headers.back().first, "authorization");
  EXPECT_TRUE(headers.back().second.starts_with(
      "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
      "SignedHeaders=host;x-amz-content-sha256;x-amz-date,Signature="));
}

TEST(S3Signer, SignsTheToken) {
  const SignInput input = Example("GET", "/test.txt");
  S3Credentials temporary = kExample;
  temporary.session_token = Secret("token");
  const auto headers = SignV4(input, temporary);
  EXPECT_NE(headers.back().second.find("x-amz-date;x-amz-security-token,"), std::string::npos);
  EXPECT_NE(SignatureOf(input, temporary), SignatureOf(input));
}

TEST(S3Signer, EveryPartOfTheRequestCounts) {
  const SignInput input = Example("GET", "/a/b c");
  const std::string signature = SignatureOf(input);
  const auto changed = [&](auto change) {
    SignInput other = input;
    change(other);
    return SignatureOf(other);
  };
  EXPECT_NE(changed([](SignInput& i) { i.method = "PUT"; }), signature);
  EXPECT_NE(changed([](SignInput& i) { i.path = "/a/b+c"; }), signature);
  EXPECT_NE(changed([](SignInput& i) { i.query = {{"x", "y"}}; }), signature);
  EXPECT_NE(changed([](SignInput& i) { i.headers[0].second = "other"; }), signature);
  EXPECT_NE(changed([](SignInput& i) { i.payload_sha256 = ToHex(Sha256(AsBytes("x"))); }),
            signature);
  EXPECT_NE(changed([](SignInput& i) { i.region = "eu-west-1"; }), signature);
  EXPECT_NE(changed([](SignInput& i) { i.time += std::chrono::seconds(1); }), signature);
}

TEST(S3Signer, QueriesAreEncodedAndSorted) {
  EXPECT_EQ(CanonicalQuery({}), "");
  EXPECT_EQ(CanonicalQuery({{"prefix", "a/b c~"}, {"delete", ""}, {"list-type", "2"}}),
            "delete=&list-type=2&prefix=a%2Fb%20c~");
}

TEST(S3Signer, Digests) {
  EXPECT_EQ(ToHex(Md5(AsBytes("abc"))), "900150983cd24fb0d6963f7d28e17f72");
  EXPECT_EQ(ToHex(Sha256({})), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  // RFC 4231, test case 2.
  EXPECT_EQ(ToHex(HmacSha256(AsBytes("Jefe"), AsBytes("what do ya want for nothing?"))),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(Base64(AsBytes("f")), "Zg==");
  EXPECT_EQ(Base64(AsBytes("foobar")), "Zm9vYmFy");
  EXPECT_EQ(Base64({}), "");
}

}  // namespace
}  // namespace aerie::objects
