// Specs against the fake: what no real server of the lab can play.
#include "milvus/collection_admin.h"

#include <gtest/gtest.h>

#include "fake_milvus.h"
#include "milvus/capabilities.h"
#include "milvus/errors.h"
#include "milvus/schema_proto.h"
#include "milvus/spec_reader.h"

namespace aerie::milvus {
namespace {

using fake::Behaviour;
using fake::FakeMilvus;
using fake::Fault;

class CollectionAdminTest : public ::testing::Test {
 protected:
  std::shared_ptr<Client> Open(const FakeMilvus& server) {
    auto client = Client::Open(context_, *ParseClusterUri(server.uri()), {});
    EXPECT_TRUE(client.ok()) << client.status();
    return client.ok() ? *client : nullptr;
  }

  FakeClock clock_;
  const Context context_{clock_};
};

rows::CollectionSpec ModernSpec() {
  rows::CollectionSpec spec;
  spec.name = {"default", "modern"};
  spec.schema = FromProto(fake::SimpleSchema("modern"));
  spec.schema.fields[1].nullable = true;
  rows::FieldSchema sparse;
  sparse.name = "sparse";
  sparse.type = rows::DataType::kSparseFloatVector;
  spec.schema.fields.push_back(sparse);
  rows::FieldSchema half;
  half.name = "half";
  half.type = rows::DataType::kFloat16Vector;
  half.type_params = {{"dim", "8"}};
  spec.schema.fields.push_back(half);
  spec.partitions = {{"_default", {}}};
  spec.indexes = {{"vector", "vector", {{"index_type", "FLAT"}, {"metric_type", "L2"}}}};
  spec.properties = {{"collection.ttl.seconds", "60"}, {"timezone", "UTC"}};
  return spec;
}

TEST_F(CollectionAdminTest, NewerAttributesSurvive) {
  FakeMilvus server(Behaviour::Of(fake::Release::k2_6));
  const auto client = Open(server);
  const rows::CollectionSpec spec = ModernSpec();
  const auto features = Capabilities(client).Features(context_);
  ASSERT_TRUE(features.ok()) << features.status();
  EXPECT_TRUE(Precheck(spec, *features).empty());
  ASSERT_EQ(CreateCollectionFromSpec(context_, *client, spec), Ok());
  const auto lines = CompareRecreated(context_, *client, spec);
  ASSERT_TRUE(lines.ok()) << lines.status();
  EXPECT_EQ(*lines, std::vector<std::string>());
  ASSERT_EQ(CreateIndexes(context_, *client, spec.name, spec.indexes), Ok());
  ASSERT_EQ(AwaitIndexes(context_, *client, spec.name), Ok());
  ASSERT_EQ(ApplyProperties(context_, *client, spec.name, PropertiesToApplyLast(spec)), Ok());
  const auto read = ReadCollectionSpec(context_, *client, spec.name);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(rows::DiffSpecs(spec, read->spec), std::vector<std::string>());
}

TEST_F(CollectionAdminTest, WhatAnOlderServerWillLoseIsSaidBefore) {
  FakeMilvus server(Behaviour::Of(fake::Release::k2_3));
  const auto features = Capabilities(Open(server)).Features(context_);
  ASSERT_TRUE(features.ok()) << features.status();
  const auto lines = Precheck(ModernSpec(), *features);
  EXPECT_EQ(lines.size(), 4u) << "nullable, sparse, 16 bits, three vectors";
}

TEST_F(CollectionAdminTest, AServerWithoutDatabasesHasOne) {
  FakeMilvus server(Behaviour::Of(fake::Release::k2_2));
  server.Change([](Behaviour& b) {
    b.unimplemented.insert({"ListDatabases", "CreateDatabase", "DropDatabase"});
  });
  server.Create(fake::SimpleSchema("docs"));
  const auto client = Open(server);
  const auto listed = ListCollections(context_, *client, {});
  ASSERT_TRUE(listed.ok()) << listed.status();
  EXPECT_EQ(*listed, (std::vector<rows::CollectionName>{{"default", "docs"}}));
  const auto read = ReadCollectionSpec(context_, *client, {"default", "docs"});
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->spec.load_state, rows::LoadState::kLoaded);
  EXPECT_EQ(EnsureDatabase(context_, *client, "default"), Ok());
  EXPECT_EQ(KindOf(EnsureDatabase(context_, *client, "other")), Kind::kUnsupported);
  const auto missing = ReadCollectionSpec(context_, *client, {"default", "none"});
  EXPECT_EQ(KindOf(missing.status()), Kind::kNotFound) << missing.status();
}

TEST_F(CollectionAdminTest, ALostAnswerToCreateIsSettledByLooking) {
  FakeMilvus server;
  const auto client = Open(server);
  rows::CollectionSpec spec;
  spec.name = {"default", "docs"};
  spec.schema = FromProto(fake::SimpleSchema("docs"));
  server.Inject(Fault::LostAfter("CreateCollection"));
  EXPECT_EQ(CreateCollectionFromSpec(context_, *client, spec), Ok());
  spec.name.collection = "more";
  server.Inject(Fault::LostBefore("CreateCollection"));
  EXPECT_EQ(KindOf(CreateCollectionFromSpec(context_, *client, spec)), Kind::kUnknownOutcome);
  spec.name = {"fresh", "docs"};
  server.Inject(Fault::LostAfter("CreateDatabase"));
  EXPECT_EQ(CreateCollectionFromSpec(context_, *client, spec), Ok());
}

TEST_F(CollectionAdminTest, FlushWaitsWhileTheServerAsksForLess) {
  FakeMilvus server;
  server.Create(fake::SimpleSchema("docs"));
  server.Inject(Fault::RateLimit("Flush", 8));
  const auto client = Open(server);
  EXPECT_EQ(Flush(context_, *client, {"default", "docs"}), Ok());
  EXPECT_EQ(server.Calls("Flush"), 9);
}

TEST_F(CollectionAdminTest, LoadWaitsUntilItIsLoadedAndHonoursTheDeadline) {
  FakeMilvus server;
  server.Create(fake::SimpleSchema("docs"));
  const auto client = Open(server);
  ASSERT_EQ(Release(context_, *client, {"default", "docs"}), Ok());
  server.Change([](Behaviour& b) { b.loading_polls = 20; });
  EXPECT_EQ(Load(context_, *client, {"default", "docs"}, {}), Ok());
  ASSERT_EQ(Release(context_, *client, {"default", "docs"}), Ok());
  server.Change([](Behaviour& b) { b.loading_polls = 1'000'000; });
  const Context brief = context_.WithTimeout(std::chrono::minutes(1));
  EXPECT_EQ(KindOf(Load(brief, *client, {"default", "docs"}, {})), Kind::kTimeout);
}

TEST_F(CollectionAdminTest, AnIndexThatCannotBeBuiltIsTold) {
  FakeMilvus server;
  server.Create(fake::SimpleSchema("docs"));
  server.After("DescribeIndex", [](const fake::Call&, google::protobuf::Message& answer) {
    auto& index = *static_cast<pb::DescribeIndexResponse&>(answer).mutable_index_descriptions(0);
    index.set_state(pbcommon::Failed);
    index.set_index_state_fail_reason("out of memory");
  });
  const Status status = AwaitIndexes(context_, *Open(server), {"default", "docs"});
  EXPECT_EQ(KindOf(status), Kind::kFailed);
  EXPECT_NE(std::string(status.message()).find("out of memory"), std::string::npos) << status;
}

}  // namespace
}  // namespace aerie::milvus
