#include "objects/s3_settings.h"

#include <filesystem>
#include <fstream>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace aerie::objects {
namespace {

using testing::HasSubstr;

class S3SettingsTest : public testing::Test {
 protected:
  ~S3SettingsTest() override { std::filesystem::remove_all(folder_); }

  void File(const char* variable, const std::string& name, const std::string& text) {
    std::filesystem::create_directories(folder_);
    std::ofstream(folder_ + "/" + name) << text;
    environment_[variable] = folder_ + "/" + name;
  }
  Environment Env() {
    return [this](const std::string& name) -> std::optional<std::string> {
      const auto it = environment_.find(name);
      return it == environment_.end() ? std::nullopt : std::optional(it->second);
    };
  }
  Result<S3Settings> Resolve(const std::string& uri = "s3://bucket/p") {
    AERIE_ASSIGN(const AwsProfile profile, AwsProfile::Load(options_.profile, Env()));
    return ResolveS3Settings(*ParseS3Uri(uri), options_, Env(), profile);
  }
  Kind ResolvedKind() { return KindOf(Resolve().status()); }

  const std::string folder_ = testing::TempDir() + "/s3_settings_test";
  S3Options options_;
  std::map<std::string, std::string> environment_;
};

TEST_F(S3SettingsTest, AwsNeedsNothing) {
  const auto settings = Resolve();
  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_EQ(settings->origin, "https://bucket.s3.us-east-1.amazonaws.com");
  EXPECT_EQ(settings->host, "bucket.s3.us-east-1.amazonaws.com");
  EXPECT_EQ(settings->path_prefix, "");
  EXPECT_TRUE(settings->aws);
  EXPECT_FALSE(settings->region_given);
  // The certificate covers no dot.
  EXPECT_EQ(Resolve("s3://my.bucket")->origin, "https://s3.us-east-1.amazonaws.com");
  EXPECT_EQ(Resolve("s3://my.bucket")->path_prefix, "/my.bucket");
}

TEST_F(S3SettingsTest, TheRegionsOrder) {
  File("AWS_CONFIG_FILE", "config", "[default]\nregion = eu-north-1\n");
  EXPECT_EQ(Resolve()->region, "eu-north-1");
  environment_["AWS_DEFAULT_REGION"] = "eu-west-1";
  EXPECT_EQ(Resolve()->region, "eu-west-1");
  environment_["AWS_REGION"] = "eu-west-2";
  EXPECT_EQ(Resolve()->region, "eu-west-2");
  options_.region = "cn-north-1";
  EXPECT_EQ(Resolve()->host, "bucket.s3.cn-north-1.amazonaws.com.cn");
  EXPECT_TRUE(Resolve()->region_given);
  options_.region = "EU/west";
  EXPECT_EQ(ResolvedKind(), Kind::kInvalid);
}

TEST_F(S3SettingsTest, OtherEndpoints) {
  File("AWS_CONFIG_FILE", "config", "[default]\nendpoint_url = http://profile:1\n");
  EXPECT_EQ(Resolve()->origin, "http://profile:1");
  EXPECT_EQ(Resolve()->path_prefix, "/bucket");
  EXPECT_FALSE(Resolve()->aws);
  environment_["AWS_ENDPOINT_URL"] = "http://general:2";
  EXPECT_EQ(Resolve()->origin, "http://general:2");
  environment_["AWS_ENDPOINT_URL_S3"] = "http://s3:3/";
  EXPECT_EQ(Resolve()->origin, "http://s3:3");
  options_.endpoint = "https://minio.example:443";
  EXPECT_EQ(Resolve()->host, "minio.example");
  options_.path_style = false;
  EXPECT_EQ(Resolve()->origin, "https://bucket.minio.example");
  EXPECT_EQ(Resolve()->path_prefix, "");
  options_.endpoint = "https://s3.eu-west-1.amazonaws.com";
  EXPECT_TRUE(Resolve()->aws);
  for (const char* bad : {"minio:9000", "ftp://x", "http://", "http://x/base", "http://u:p@x"}) {
    options_.endpoint = bad;
    EXPECT_EQ(ResolvedKind(), Kind::kInvalid) << bad;
  }
  EXPECT_EQ(Resolve().status().message().find("u:p"), std::string::npos);
}

TEST_F(S3SettingsTest, AuthoritiesAndEncryption) {
  environment_["AWS_CA_BUNDLE"] = "env.pem";
  EXPECT_EQ(Resolve()->ca, "env.pem");
  options_.ca = "own.pem";
  EXPECT_EQ(Resolve()->ca, "own.pem");
  options_.sse = "aws:kms";
  options_.sse_kms_key = "k";
  EXPECT_EQ(Resolve()->sse_kms_key, "k");
  options_.sse = "AES256";
  EXPECT_EQ(ResolvedKind(), Kind::kInvalid);
  options_.sse_kms_key = "";
  EXPECT_EQ(ResolvedKind(), Kind::kOk);
  options_.sse = "rot13";
  EXPECT_EQ(ResolvedKind(), Kind::kInvalid);
  options_.sse = "";
  EXPECT_EQ(Resolve()->retention_mode, "COMPLIANCE");
  options_.retention_mode = "GOVERNANCE";
  EXPECT_EQ(Resolve()->retention_mode, "GOVERNANCE");
  options_.retention_mode = "governance";
  EXPECT_EQ(ResolvedKind(), Kind::kInvalid);
}

TEST_F(S3SettingsTest, Profiles) {
  File("AWS_CONFIG_FILE", "config",
       "# a comment\n[default]\nregion=a\n[profile  other]\nregion=b\n\n[profile work]\n"
       "region = eu-west-3 \naws_access_key_id = from-config\ns3 =\n  region = nested\n");
  File("AWS_SHARED_CREDENTIALS_FILE", "credentials",
       "[default]\naws_access_key_id=d\n[work]\naws_access_key_id = W=1\r\n");
  auto profile = AwsProfile::Load("work", Env());
  ASSERT_TRUE(profile.ok()) << profile.status();
  EXPECT_EQ(profile->Value("region"), "eu-west-3");
  EXPECT_EQ(profile->Value("aws_access_key_id"), "W=1");
  EXPECT_EQ(profile->Value("nothing"), "");
  EXPECT_EQ(AwsProfile::Load("", Env())->Value("aws_access_key_id"), "d");
  environment_["AWS_PROFILE"] = "work";
  EXPECT_EQ(AwsProfile::Load("", Env())->Value("region"), "eu-west-3");
  const Status status = AwsProfile::Load("wrok", Env()).status();
  EXPECT_EQ(KindOf(status), Kind::kInvalid);
  EXPECT_THAT(std::string(status.message()), HasSubstr("wrok"));
  environment_.clear();
  environment_["HOME"] = "/nowhere";
  EXPECT_TRUE(AwsProfile::Load("", Env()).ok());
}

}  // namespace
}  // namespace aerie::objects
