#include "objects/s3_credentials.h"

#include <filesystem>
#include <fstream>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "objects/http_peer_testing.h"

namespace aerie::objects {
namespace {

using testing::HasSubstr;

class S3CredentialsTest : public testing::Test {
 protected:
  S3CredentialsTest() { environment_["AWS_EC2_METADATA_DISABLED"] = "true"; }
  ~S3CredentialsTest() override { std::filesystem::remove_all(folder_); }

  std::string File(const std::string& name, const std::string& text) {
    std::filesystem::create_directories(folder_);
    std::ofstream(folder_ + "/" + name) << text;
    return folder_ + "/" + name;
  }
  // The access key, secret and token that are found; or the kind of the error.
  std::string Found() {
    if (!chain_) Make();
    const auto got = chain_->Get(context_);
    if (!got.ok()) {
      error_ = std::string(got.status().message());
      return KindName(KindOf(got.status()));
    }
    return got->access_key + "/" + std::string(got->secret_key.Reveal()) + "/" +
           std::string(got->session_token.Reveal());
  }
  void Make() {
    const Environment environment = [this](const std::string& name) -> std::optional<std::string> {
      const auto it = environment_.find(name);
      return it == environment_.end() ? std::nullopt : std::optional(it->second);
    };
    auto profile = AwsProfile::Load(options_.profile, environment);
    ASSERT_TRUE(profile.ok()) << profile.status();
    chain_ = std::make_unique<S3CredentialChain>(options_, environment, *profile, "us-east-1");
  }
  std::string FoundAnew() {
    chain_.reset();
    return Found();
  }
  std::string Json(const std::string& key, Duration lasts) {
    return R"({"Code":"Success","AccessKeyId":")" + key +
           R"(","SecretAccessKey":"s","Token":"t","Expiration":")" +
           FormatUtc(clock_.Now() + std::chrono::duration_cast<WallTime::duration>(lasts)) + "\"}";
  }

  const std::string folder_ = testing::TempDir() + "/s3_credentials_test";
  FakeClock clock_;
  const Context context_{clock_};
  HttpPeer peer_;
  S3Options options_;
  std::map<std::string, std::string> environment_;
  std::unique_ptr<S3CredentialChain> chain_;
  std::string error_;
};

TEST_F(S3CredentialsTest, TheOrderOfTheSources) {
  EXPECT_EQ(FoundAnew(), "denied");
  EXPECT_THAT(error_, HasSubstr("AWS_ACCESS_KEY_ID"));
  environment_["AWS_SHARED_CREDENTIALS_FILE"] =
      File("credentials",
           "[default]\naws_access_key_id=p\naws_secret_access_key=ps\n[other]\n"
           "aws_access_key_id=o\naws_secret_access_key=os\naws_session_token=ot\n");
  EXPECT_EQ(FoundAnew(), "p/ps/");
  environment_["AWS_PROFILE"] = "other";
  EXPECT_EQ(FoundAnew(), "o/os/ot");
  environment_["AWS_ACCESS_KEY_ID"] = "e";
  environment_["AWS_SECRET_ACCESS_KEY"] = "es";
  environment_["AWS_SESSION_TOKEN"] = "et";
  EXPECT_EQ(FoundAnew(), "e/es/et");
  // A profile that the configuration names goes before the environment's keys.
  options_.profile = "default";
  EXPECT_EQ(FoundAnew(), "p/ps/");
  options_.access_key = "c";
  options_.secret_key = Secret("cs");
  EXPECT_EQ(FoundAnew(), "c/cs/");
}

TEST_F(S3CredentialsTest, HalfAPairIsAnError) {
  environment_["AWS_ACCESS_KEY_ID"] = "e";
  EXPECT_EQ(FoundAnew(), "invalid");
  environment_ = {{"AWS_SECRET_ACCESS_KEY", "es"}};
  EXPECT_EQ(FoundAnew(), "invalid");
  environment_ = {{"AWS_ROLE_ARN", "arn"}};
  EXPECT_EQ(FoundAnew(), "invalid");
  environment_ = {};
  options_.access_key = "c";
  EXPECT_EQ(FoundAnew(), "invalid");
  options_ = {};
  environment_["AWS_CONFIG_FILE"] = File("config", "[default]\nsso_session = x\n");
  EXPECT_EQ(FoundAnew(), "unsupported");
  EXPECT_THAT(error_, HasSubstr("export-credentials"));
}

TEST_F(S3CredentialsTest, WebIdentityIsExchangedAtSts) {
  environment_["AWS_WEB_IDENTITY_TOKEN_FILE"] = File("token", "jwt+1\n");
  environment_["AWS_ROLE_ARN"] = "arn:aws:iam::1:role/r";
  environment_["AWS_ENDPOINT_URL_STS"] = peer_.url();
  const auto answer = [&](const std::string& key) {
    peer_.Say(200,
              "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>"
              "<AccessKeyId>" +
                  key + "</AccessKeyId><SecretAccessKey>s</SecretAccessKey>" +
                  "<SessionToken>t</SessionToken><Expiration>" +
                  FormatUtc(clock_.Now() + std::chrono::hours(1)) +
                  "</Expiration></Credentials></AssumeRoleWithWebIdentityResult>"
                  "</AssumeRoleWithWebIdentityResponse>");
  };
  answer("w1");
  EXPECT_EQ(Found(), "w1/s/t");
  EXPECT_THAT(peer_.requests().at(0).body,
              HasSubstr("RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr&RoleSessionName=aerie&"));
  EXPECT_THAT(peer_.requests().at(0).body, HasSubstr("WebIdentityToken=jwt%2B1"));
  // Kept until five minutes before their end.
  clock_.Advance(std::chrono::minutes(50));
  EXPECT_EQ(Found(), "w1/s/t");
  EXPECT_EQ(peer_.requests().size(), 1U);
  clock_.Advance(std::chrono::minutes(6));
  answer("w2");
  EXPECT_EQ(Found(), "w2/s/t");
  // STS is away: the old ones last a little longer, and then no more.
  clock_.Advance(std::chrono::minutes(57));
  peer_.Say(500, "");
  EXPECT_EQ(Found(), "w2/s/t");
  clock_.Advance(std::chrono::minutes(3));
  peer_.Say(500, "");
  EXPECT_EQ(Found(), "transient");
  peer_.Say(403, "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>");
  EXPECT_EQ(Found(), "denied");
}

TEST_F(S3CredentialsTest, AContainersAreFetchedWithItsToken) {
  environment_["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = peer_.url() + "/creds";
  environment_["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = File("auth", "let me in");
  peer_.Say(200, Json("c1", std::chrono::hours(1)));
  EXPECT_EQ(Found(), "c1/s/t");
  EXPECT_EQ(peer_.requests().at(0).Line(), "GET /creds HTTP/1.1");
  EXPECT_TRUE(peer_.requests().at(0).Has("Authorization: let me in\r\n"));
  chain_.reset();
  peer_.Say(200, "{\"AccessKeyId\":1}");
  EXPECT_EQ(Found(), "transient");
  peer_.Say(403, "no");
  EXPECT_EQ(Found(), "denied");
}

TEST_F(S3CredentialsTest, AnInstancesAreFetchedWithASession) {
  environment_ = {{"AWS_EC2_METADATA_SERVICE_ENDPOINT", peer_.url()}};
  peer_.Say(200, "session");
  peer_.Say(200, "my-role\n");
  peer_.Say(200, Json("i1", std::chrono::hours(1)));
  EXPECT_EQ(Found(), "i1/s/t");
  EXPECT_EQ(peer_.requests().at(0).Line(), "PUT /latest/api/token HTTP/1.1");
  EXPECT_EQ(peer_.requests().at(2).Line(),
            "GET /latest/meta-data/iam/security-credentials/my-role HTTP/1.1");
  EXPECT_TRUE(peer_.requests().at(2).Has("X-aws-ec2-metadata-token: session\r\n"));
  // No instance, or one without a role.
  chain_.reset();
  peer_.Say(404, "");
  EXPECT_EQ(Found(), "denied");
  peer_.Say(200, "session");
  peer_.Say(404, "");
  EXPECT_EQ(Found(), "denied");
}

TEST_F(S3CredentialsTest, RenewalSaysWhetherThereAreOthers) {
  environment_["AWS_SHARED_CREDENTIALS_FILE"] =
      File("credentials", "[default]\naws_access_key_id=a\naws_secret_access_key=s\n");
  ASSERT_EQ(Found(), "a/s/");
  const S3Credentials used = *chain_->Get(context_);
  EXPECT_FALSE(*chain_->Renew(context_, used));
  File("credentials", "[default]\naws_access_key_id=b\naws_secret_access_key=s\n");
  EXPECT_TRUE(*chain_->Renew(context_, used));
  EXPECT_EQ(Found(), "b/s/");
  // Another thread was faster.
  EXPECT_TRUE(*chain_->Renew(context_, used));
}

}  // namespace
}  // namespace aerie::objects
