// The conformance suite on the S3 driver, against a real server of scripts/lab that checks
// signatures; and what only a real server can say of the driver.
#include <unistd.h>

#include <atomic>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "objects/object_store_conformance.h"
#include "objects/retrying_store.h"
#include "objects/s3_store.h"
#include "real_milvus.h"

namespace aerie::objects {
namespace {

using testing::HasSubstr;

struct Where {
  std::string endpoint;
  std::string bucket;
  std::string locked_bucket;  // one with object lock
  std::string access_key;
  std::string secret_key;
};

std::string Variable(const std::string& name) { return ProcessEnvironment()(name).value_or(""); }

Where OfTheLab() {
  static const auto server = [] {
    test::RealMilvusOptions options;
    options.kind = "s3";
    auto launched = test::RealMilvus::Launch(options);
    if (!launched.ok()) {
      std::fprintf(stderr, "no S3 server: %s\n", launched.status().ToString().c_str());
      std::exit(1);
    }
    return *std::move(launched);
  }();
  return {server->uri(), server->Get("bucket"), server->Get("locked_bucket"),
          server->Get("access_key"), server->Get("secret_key")};
}

// By hand against another server: AERIE_TEST_S3_ENDPOINT, _BUCKET and _LOCKED_BUCKET, and the AWS
// variables.
const Where& Server() {
  static const Where where = [] {
    const std::string endpoint = Variable("AERIE_TEST_S3_ENDPOINT");
    if (endpoint.empty()) return OfTheLab();
    return Where{endpoint, Variable("AERIE_TEST_S3_BUCKET"),
                 Variable("AERIE_TEST_S3_LOCKED_BUCKET"), Variable("AWS_ACCESS_KEY_ID"),
                 Variable("AWS_SECRET_ACCESS_KEY")};
  }();
  return where;
}

S3Options Keys() {
  S3Options options;
  options.endpoint = Server().endpoint;
  options.region = "us-east-1";
  options.access_key = Server().access_key;
  options.secret_key = Secret(Server().secret_key);
  return options;
}

Environment NoEnvironment() {
  return [](const std::string&) -> std::optional<std::string> { return std::nullopt; };
}

Result<std::shared_ptr<S3Store>> OpenBelow(const std::string& prefix, const S3Options& options,
                                           const S3Limits& limits = {}) {
  return S3Store::Open("s3://" + Server().bucket + prefix, options, NoEnvironment(), limits);
}

std::string FreshPrefix() {
  static std::atomic<int> next{0};
  return "/test-" + std::to_string(::getpid()) + "/" + std::to_string(next++);
}

std::shared_ptr<ObjectStore> InBucket() { return *OpenBelow(FreshPrefix(), Keys()); }

std::shared_ptr<ObjectStore> Retried() { return std::make_shared<RetryingStore>(InBucket()); }

// Every page and part as small as a server allows.
std::shared_ptr<ObjectStore> InSmallSteps() {
  return *OpenBelow(FreshPrefix(), Keys(),
                    {.single_put_bytes = 1 << 20, .part_bytes = 5 << 20, .remove_keys = 2});
}

std::shared_ptr<S3Store> Locked(const std::string& mode = "") {
  S3Options options = Keys();
  options.retention_mode = mode;
  return *S3Store::Open("s3://" + Server().locked_bucket + FreshPrefix(), options, NoEnvironment());
}

std::shared_ptr<ObjectStore> InLockedBucket() { return Locked(); }

// bucket.localhost, which every resolver knows.
std::shared_ptr<ObjectStore> AtItsOwnHost() {
  S3Options options = Keys();
  options.endpoint = "http://localhost" + options.endpoint.substr(options.endpoint.rfind(':'));
  options.path_style = false;
  return *OpenBelow(FreshPrefix(), options);
}

INSTANTIATE_TEST_SUITE_P(S3, ObjectStoreConformance,
                         testing::Values(StoreMaker{"Bucket", InBucket},
                                         StoreMaker{"Locked", InLockedBucket},
                                         StoreMaker{"Retried", Retried},
                                         StoreMaker{"VirtualHost", AtItsOwnHost},
                                         StoreMaker{"SmallSteps", InSmallSteps}),
                         StoreMakerName);

class S3Real : public testing::Test {
 protected:
  const Context context_ = Context::Background();
};

TEST_F(S3Real, SeveralPartsAreOneObject) {
  const auto store =
      *OpenBelow(FreshPrefix(), Keys(), {.single_put_bytes = 1 << 20, .part_bytes = 5 << 20});
  Bytes bytes((11 << 20) + 3);
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::uint8_t>(i * 7 + i / 999);
  ASSERT_TRUE(store->Put(context_, {"big"}, bytes).ok());
  EXPECT_TRUE(*store->Get(context_, {"big"}, 0, kToEnd) == bytes);
  EXPECT_EQ(KindOf(store->PutIfAbsent(context_, {"big"}, bytes)), Kind::kExists);
  ASSERT_TRUE(store->PutIfAbsent(context_, {"new"}, bytes).ok());
  EXPECT_EQ(store->Stat(context_, {"new"})->size, bytes.size());
}

TEST_F(S3Real, ListsMoreThanOnePage) {
  const auto store = *OpenBelow(FreshPrefix(), Keys());
  for (int i = 0; i < 1005; ++i) {
    ASSERT_TRUE(store->Put(context_, {"k/" + std::to_string(i)}, {}).ok());
  }
  std::vector<ObjectKey> keys;
  ASSERT_TRUE(store
                  ->List(context_, "k/",
                         [&](const ObjectInfo& info) {
                           keys.push_back(info.key);
                           return Ok();
                         })
                  .ok());
  ASSERT_EQ(keys.size(), 1005U);
  EXPECT_TRUE(std::is_sorted(keys.begin(), keys.end()));
  for (const RemoveResult& removed : store->Remove(context_, keys)) {
    EXPECT_TRUE(removed.status.ok()) << removed.status;
  }
  EXPECT_TRUE(
      store->List(context_, "", [](const ObjectInfo&) { return FailedError("left"); }).ok());
}

TEST_F(S3Real, FindsThatConditionsAreHonoured) {
  const auto store = *OpenBelow(FreshPrefix(), Keys());
  EXPECT_FALSE(store->capabilities().put_if_absent_atomic);
  ASSERT_TRUE(store->PutIfAbsent(context_, {"k"}, {}).ok());
  EXPECT_TRUE(store->capabilities().put_if_absent_atomic);
}

TEST_F(S3Real, ABucketWithoutObjectLockIsExplained) {
  const Status status = (*OpenBelow(FreshPrefix(), Keys()))->CheckRetention(context_);
  EXPECT_EQ(KindOf(status), Kind::kRefused) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("--object-lock-enabled-for-bucket"));
  const auto nowhere = *S3Store::Open("s3://no-such-bucket", Keys(), NoEnvironment());
  EXPECT_FALSE(nowhere->CheckRetention(context_).ok());
}

TEST_F(S3Real, ComplianceIsNotWeakenedToGovernance) {
  const auto strict = Locked();
  ASSERT_TRUE(strict->CheckRetention(context_).ok());
  const std::int64_t until = ToUnixMillis(context_.clock().Now()) + 60'000;
  ASSERT_TRUE(strict->Put(context_, {"k"}, AsBytes("x")).ok());
  ASSERT_TRUE(strict->Retain(context_, {"k"}, until).ok());
  S3Options options = Keys();
  options.retention_mode = "GOVERNANCE";
  const auto lax = *S3Store::Open(strict->Describe(), options, NoEnvironment());
  EXPECT_TRUE(lax->Retain(context_, {"k"}, until).ok());
  EXPECT_TRUE(lax->Retain(context_, {"k"}, until + 20'000).ok());
  EXPECT_GE(*lax->RetainedUntil(context_, {"k"}), until + 20'000);
}

// The removal hides it: the key is free, what it named is kept as an older version.
TEST_F(S3Real, ARetainedObjectIsHiddenByARemoval) {
  const auto store = Locked("GOVERNANCE");
  const std::int64_t until = ToUnixMillis(context_.clock().Now()) + 60'000;
  ASSERT_TRUE(store->Put(context_, {"k"}, AsBytes("x")).ok());
  ASSERT_TRUE(store->Retain(context_, {"k"}, until).ok());
  EXPECT_TRUE(store->Remove(context_, {{"k"}})[0].status.ok());
  EXPECT_EQ(KindOf(store->Stat(context_, {"k"}).status()), Kind::kNotFound);
  EXPECT_EQ(KindOf(store->RetainedUntil(context_, {"k"}).status()), Kind::kNotFound);
}

TEST_F(S3Real, TlsTrustsTheAuthorityThatIsNamedAndNoOther) {
  test::RealMilvusOptions secure;
  secure.kind = "s3";
  secure.tls = true;
  const auto server = test::RealMilvus::Launch(secure);
  ASSERT_TRUE(server.ok()) << server.status();
  S3Options options;
  options.endpoint = (*server)->uri();
  options.region = "us-east-1";
  options.access_key = (*server)->Get("access_key");
  options.secret_key = Secret((*server)->Get("secret_key"));
  const std::string location = "s3://" + (*server)->Get("bucket");
  auto store = *S3Store::Open(location, options, NoEnvironment());
  const Status untrusted = store->Put(context_, {"k"}, AsBytes("x"));
  EXPECT_EQ(KindOf(untrusted), Kind::kFailed) << untrusted;
  EXPECT_THAT(std::string(untrusted.message()), HasSubstr("`ca`"));
  options.ca = (*server)->Get("ca");
  store = *S3Store::Open(location, options, NoEnvironment());
  EXPECT_TRUE(store->Put(context_, {"k"}, AsBytes("x")).ok());
  options.ca = "/nowhere.pem";
  store = *S3Store::Open(location, options, NoEnvironment());
  EXPECT_EQ(KindOf(store->Put(context_, {"k"}, AsBytes("x"))), Kind::kInvalid);
}

TEST_F(S3Real, WrongKeysAreDenied) {
  S3Options options = Keys();
  options.secret_key = Secret("wrong");
  auto store = *OpenBelow("/x", options);
  const Status read = store->Get(context_, {"k"}, 0, kToEnd).status();
  EXPECT_EQ(KindOf(read), Kind::kDenied) << read;
  EXPECT_THAT(std::string(read.message()), HasSubstr("SignatureDoesNotMatch"));
  // The answer to HEAD has no words; they are asked for.
  const Status looked = store->Stat(context_, {"k"}).status();
  EXPECT_EQ(KindOf(looked), Kind::kDenied) << looked;
  EXPECT_THAT(std::string(looked.message()), HasSubstr("SignatureDoesNotMatch"));
  EXPECT_EQ(KindOf(store->Put(context_, {"k"}, {})), Kind::kDenied);
  EXPECT_EQ(KindOf(store->Remove(context_, {{"a"}, {"b"}})[1].status), Kind::kDenied);

  options = Keys();
  options.access_key = "AKIANOBODY";
  store = *OpenBelow("/x", options);
  const Status unknown = store->List(context_, "", [](const ObjectInfo&) { return Ok(); });
  EXPECT_EQ(KindOf(unknown), Kind::kDenied) << unknown;
  EXPECT_THAT(std::string(unknown.message()), HasSubstr("AKIANOBODY"));
}

TEST_F(S3Real, ABucketThatIsNotThereIsNoEmptyStore) {
  const auto store = *S3Store::Open("s3://no-such-bucket", Keys(), NoEnvironment());
  const auto is_told = [](const Status& status) {
    EXPECT_EQ(KindOf(status), Kind::kFailed) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("make the bucket"));
  };
  is_told(store->Stat(context_, {"k"}).status());
  is_told(store->Get(context_, {"k"}, 0, kToEnd).status());
  is_told(store->List(context_, "", [](const ObjectInfo&) { return Ok(); }));
  is_told(store->Put(context_, {"k"}, {}));
  is_told(store->Remove(context_, {{"a"}})[0].status);
  is_told(store->Remove(context_, {{"a"}, {"b"}})[0].status);
}

}  // namespace
}  // namespace aerie::objects
