#include "fake_milvus.h"

#include <atomic>
#include <limits>
#include <numeric>
#include <thread>

#include <gmock/gmock.h>
#include <google/protobuf/util/message_differencer.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "aerie_milvus_service.grpc.pb.h"

namespace aerie::fake {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

using Stub = pb::MilvusService::Stub;

std::unique_ptr<Stub> Connect(const FakeMilvus& fake) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return pb::MilvusService::NewStub(
      grpc::CreateCustomChannel(fake.address(), grpc::InsecureChannelCredentials(), arguments));
}

// One call on a connection of its own, waiting for the server where it is not up.
template <class Request, class Answer>
grpc::Status Call1(const FakeMilvus& fake,
                   grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Answer*),
                   const Request& request, Answer* answer, const std::string& token = "") {
  const auto stub = Connect(fake);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
  if (!token.empty()) context.AddMetadata("authorization", token);
  return (stub.get()->*method)(&context, request, answer);
}

std::vector<std::int64_t> Range(std::int64_t first, std::int64_t count) {
  std::vector<std::int64_t> keys(static_cast<std::size_t>(count));
  std::iota(keys.begin(), keys.end(), first);
  return keys;
}

pb::QueryRequest Ask(const std::string& expr, const std::vector<std::string>& fields) {
  pb::QueryRequest request;
  request.set_collection_name("docs");
  request.set_expr(expr);
  for (const auto& field : fields) request.add_output_fields(field);
  return request;
}

void SetParameter(pb::QueryRequest& request, const std::string& key, const std::string& value) {
  common::KeyValuePair* pair = request.add_query_params();
  pair->set_key(key);
  pair->set_value(value);
}

const schema::FieldData& Column(const pb::QueryResults& results, const std::string& name) {
  static const schema::FieldData kNone;
  for (const auto& column : results.fields_data()) {
    if (column.field_name() == name) return column;
  }
  return kNone;
}

std::vector<std::int64_t> Ids(const pb::QueryResults& results) {
  const auto& data = Column(results, "id").scalars().long_data().data();
  return {data.begin(), data.end()};
}

std::int64_t Count(FakeMilvus& fake, const std::string& expr = "") {
  const auto answer = fake.Apply<pb::QueryResults>(Ask(expr, {"count(*)"}));
  EXPECT_EQ(answer.status().code(), 0) << answer.status().reason();
  return Column(answer, "count(*)").scalars().long_data().data(0);
}

// "docs" with the keys 1 to `rows`.
void Fill(FakeMilvus& fake, std::int64_t rows) {
  fake.Create(SimpleSchema("docs"));
  const auto result = fake.Apply<pb::MutationResult>(SimpleRows("docs", Range(1, rows)));
  ASSERT_EQ(result.insert_cnt(), rows) << result.status().reason();
}

void Delete(FakeMilvus& fake, const std::string& expr) {
  pb::DeleteRequest request;
  request.set_collection_name("docs");
  request.set_expr(expr);
  const auto result = fake.Apply<pb::MutationResult>(request);
  ASSERT_EQ(result.status().code(), 0) << result.status().reason();
}

// Keys that paging by key cursor gives.
std::vector<std::int64_t> Page(FakeMilvus& fake, int limit, bool best) {
  std::vector<std::int64_t> all;
  std::int64_t last = 0;
  for (;;) {
    auto request = Ask("id > " + std::to_string(last), {"id"});
    SetParameter(request, "limit", std::to_string(limit));
    if (best) {
      SetParameter(request, "iterator", "True");
      SetParameter(request, "reduce_stop_for_best", "True");
    }
    const auto ids = Ids(fake.Apply<pb::QueryResults>(request));
    if (ids.empty()) return all;
    all.insert(all.end(), ids.begin(), ids.end());
    last = ids.back();
  }
}

TEST(FakeMilvus, AnswersOverTheWire) {
  FakeMilvus fake;
  Fill(fake, 5);
  pb::QueryResults results;
  ASSERT_TRUE(Call1(fake, &Stub::Query, Ask("id >= 2 and id <= 3", {"*"}), &results).ok());
  EXPECT_THAT(Ids(results), ElementsAre(2, 3));
  EXPECT_EQ(Column(results, "vector").vectors().float_vector().data_size(), 8);
  EXPECT_EQ(fake.Calls("Query"), 1);
}

TEST(FakeMilvus, KeepsTheSchemaAsGiven) {
  FakeMilvus fake(Behaviour::Of(Release::k2_6));
  auto schema = SimpleSchema("docs");
  schema.set_enable_dynamic_field(true);
  schema.mutable_fields(1)->set_nullable(true);
  schema.mutable_fields(1)->set_description("a number");
  schema.add_functions()->set_name("f");
  fake.Create(schema);
  pb::DescribeCollectionRequest request;
  request.set_collection_name("docs");
  auto described = fake.Apply<pb::DescribeCollectionResponse>(request).schema();
  EXPECT_EQ(described.fields(0).fieldid(), 100);
  for (auto& field : *described.mutable_fields()) field.clear_fieldid();
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(described, schema));
}

TEST(FakeMilvus, OlderReleasesDropNullableAndHaveFewerCalls) {
  FakeMilvus fake(Behaviour::Of(Release::k2_2));
  auto schema = SimpleSchema("docs");
  schema.mutable_fields(1)->set_nullable(true);
  fake.Create(schema);
  pb::DescribeCollectionRequest describe;
  describe.set_collection_name("docs");
  EXPECT_FALSE(fake.Apply<pb::DescribeCollectionResponse>(describe).schema().fields(1).nullable());
  pb::ListDatabasesResponse databases;
  EXPECT_EQ(Call1(fake, &Stub::ListDatabases, pb::ListDatabasesRequest(), &databases).error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
  describe.set_collection_name("none");
  pb::DescribeCollectionResponse answer;
  ASSERT_TRUE(Call1(fake, &Stub::DescribeCollection, describe, &answer).ok());
  EXPECT_EQ(answer.status().error_code(), common::UnexpectedError);
  EXPECT_EQ(answer.status().code(), 0);
}

TEST(FakeMilvus, CountsCopiesOfKeysThatQueriesShowOnce) {
  FakeMilvus fake;
  Fill(fake, 10);
  fake.Apply<pb::MutationResult>(SimpleRows("docs", Range(1, 10), 100));
  EXPECT_EQ(Count(fake), 20);
  const auto cut = fake.Apply<pb::QueryResults>(Ask("id <= 10", {"value"}));
  EXPECT_THAT(Ids(cut), ElementsAre(1, 2, 3, 4, 5));
  auto whole = Ask("id <= 10", {"value"});
  SetParameter(whole, "limit", "100");
  const auto results = fake.Apply<pb::QueryResults>(whole);
  EXPECT_THAT(Ids(results), SizeIs(10));
  EXPECT_EQ(Column(results, "value").scalars().long_data().data(0), 100);
}

TEST(FakeMilvus, PagingByCursorLosesKeysThatAreStoredSeveralTimes) {
  FakeMilvus fake;
  Fill(fake, 1000);
  for (int copy = 0; copy < 2; ++copy) {
    fake.Apply<pb::MutationResult>(SimpleRows("docs", Range(1, 1000)));
  }
  EXPECT_LT(Page(fake, 100, false).size(), 1000U);
  EXPECT_EQ(Page(fake, 100, true).size(), 1000U);
}

TEST(FakeMilvus, EndsBestPagesWhereAStreamIsDrained) {
  FakeMilvus fake;
  Fill(fake, 100);
  const auto page_rows = [&](const char* limit) {
    auto request = Ask("id > 0", {"id"});
    SetParameter(request, "limit", limit);
    SetParameter(request, "reduce_stop_for_best", "True");
    return Ids(fake.Apply<pb::QueryResults>(request)).size();
  };
  EXPECT_LT(page_rows("1000"), 100U);
  EXPECT_GT(page_rows("20"), 20U);
  EXPECT_THAT(Page(fake, 20, true), SizeIs(100));
}

TEST(FakeMilvus, ReadsAtATimestampWhereTheReleaseCan) {
  FakeMilvus fake(Behaviour::Of(Release::k2_5));
  Fill(fake, 10);
  auto request = Ask("id > 0", {"id"});
  SetParameter(request, "iterator", "True");
  const auto first = fake.Apply<pb::QueryResults>(request);
  ASSERT_GT(first.session_ts(), 0U);
  Delete(fake, "id in [3, 4]");
  fake.Apply<pb::MutationResult>(SimpleRows("docs", {11}));
  EXPECT_THAT(Ids(fake.Apply<pb::QueryResults>(request)), SizeIs(9));
  request.set_guarantee_timestamp(first.session_ts());
  EXPECT_THAT(Ids(fake.Apply<pb::QueryResults>(request)), SizeIs(10));

  fake.With([](FakeCluster& c) { FakeCluster::Compact(*c.Collection("default", "docs")); });
  EXPECT_THAT(Ids(fake.Apply<pb::QueryResults>(request)), SizeIs(8));
}

TEST(FakeMilvus, AlwaysReadsTheNewestStateOnTwoThree) {
  FakeMilvus fake;
  Fill(fake, 10);
  auto request = Ask("id > 0", {"id"});
  SetParameter(request, "iterator", "True");
  request.set_guarantee_timestamp(
      fake.Apply<pb::AllocTimestampResponse>(pb::AllocTimestampRequest()).timestamp());
  fake.Apply<pb::MutationResult>(SimpleRows("docs", {11}));
  const auto results = fake.Apply<pb::QueryResults>(request);
  EXPECT_THAT(Ids(results), SizeIs(11));
  EXPECT_EQ(results.session_ts(), 0U);
}

TEST(FakeMilvus, BoundedReadsMayMissWhatIsNew) {
  FakeMilvus fake;
  fake.Change([](Behaviour& b) { b.stale_reads = true; });
  Fill(fake, 10);
  auto request = Ask("id > 0", {"id"});
  request.set_consistency_level(common::Bounded);
  EXPECT_THAT(Ids(fake.Apply<pb::QueryResults>(request)), IsEmpty());
  request.set_consistency_level(common::Strong);
  EXPECT_THAT(Ids(fake.Apply<pb::QueryResults>(request)), SizeIs(10));
  fake.With([](FakeCluster& cluster) { cluster.AdvanceTime(6'000); });
  request.set_consistency_level(common::Bounded);
  EXPECT_THAT(Ids(fake.Apply<pb::QueryResults>(request)), SizeIs(10));
}

TEST(FakeMilvus, PacksNullsDifferentlyInBothDirections) {
  FakeMilvus fake(Behaviour::Of(Release::k2_6));
  auto schema = SimpleSchema("docs");
  schema.mutable_fields(1)->set_nullable(true);
  schema.mutable_fields(2)->set_nullable(true);
  fake.Create(schema);
  auto rows = SimpleRows("docs", {1, 2, 3}, 7);
  for (int i = 1; i <= 2; ++i) {
    for (const bool valid : {true, false, true}) rows.mutable_fields_data(i)->add_valid_data(valid);
  }
  EXPECT_EQ(fake.Apply<pb::MutationResult>(rows).status().code(), 1100);  // full length
  auto& values = *rows.mutable_fields_data(1)->mutable_scalars()->mutable_long_data();
  values.mutable_data()->Truncate(2);
  auto& floats = *rows.mutable_fields_data(2)->mutable_vectors()->mutable_float_vector();
  floats.mutable_data()->Truncate(8);
  ASSERT_EQ(fake.Apply<pb::MutationResult>(rows).status().code(), 0);
  const auto results = fake.Apply<pb::QueryResults>(Ask("id > 0", {"*"}));
  const schema::FieldData& value = Column(results, "value");
  EXPECT_THAT(value.valid_data(), ElementsAre(true, false, true));
  EXPECT_THAT(value.scalars().long_data().data(), ElementsAre(7, 0, 8));
  EXPECT_EQ(Column(results, "vector").vectors().float_vector().data_size(), 8);
}

TEST(FakeMilvus, CarriesEveryKindOfColumn) {
  FakeMilvus fake(Behaviour::Of(Release::k3_0));
  schema::CollectionSchema schema = SimpleSchema("docs");
  schema.set_enable_dynamic_field(true);
  const auto field = [&](const char* name, schema::DataType type) {
    schema::FieldSchema* added = schema.add_fields();
    added->set_name(name);
    added->set_data_type(type);
    common::KeyValuePair* dim = added->add_type_params();
    dim->set_key("dim");
    dim->set_value("8");
  };
  field("half", schema::Float16Vector);
  field("sparse", schema::SparseFloatVector);
  field("bytes", schema::Int8Vector);
  field("tags", schema::Array);
  schema.mutable_fields(6)->set_element_type(schema::VarChar);
  field("point", schema::Geometry);
  field("odd", static_cast<schema::DataType>(4711));
  fake.Create(schema);
  auto rows = SimpleRows("docs", {1});
  const auto column = [&](const char* name) {
    schema::FieldData* data = rows.add_fields_data();
    data->set_field_name(name);
    return data;
  };
  column("half")->mutable_vectors()->set_float16_vector(std::string(16, 'h'));
  column("sparse")->mutable_vectors()->mutable_sparse_float_vector()->add_contents(
      std::string("\x05\0\0\0\0\0\x80\x3F", 8));
  column("bytes")->mutable_vectors()->set_int8_vector(std::string(8, 'b'));
  column("tags")->mutable_scalars()->mutable_array_data()->add_data()->mutable_string_data();
  column("point")->mutable_scalars()->mutable_geometry_wkt_data()->add_data("POINT (1 2)");
  column("odd")->mutable_scalars()->mutable_bytes_data()->add_data("odd");
  schema::FieldData* meta = column("");
  meta->set_is_dynamic(true);
  meta->mutable_scalars()->mutable_json_data()->add_data(R"({"n":{"a":5}})");
  const auto inserted = fake.Apply<pb::MutationResult>(rows);
  ASSERT_EQ(inserted.status().code(), 0) << inserted.status().reason();

  const auto results = fake.Apply<pb::QueryResults>(Ask("n[\"a\"] == 5", {"*"}));
  ASSERT_EQ(results.status().code(), 0) << results.status().reason();
  EXPECT_EQ(Column(results, "half").vectors().float16_vector(), std::string(16, 'h'));
  EXPECT_EQ(Column(results, "sparse").vectors().sparse_float_vector().dim(), 6);
  EXPECT_EQ(Column(results, "bytes").vectors().int8_vector(), std::string(8, 'b'));
  EXPECT_EQ(Column(results, "tags").scalars().array_data().data(0).data_case(),
            schema::ScalarField::DATA_NOT_SET);
  EXPECT_EQ(Column(results, "point").scalars().geometry_wkt_data().data(0), "POINT (1 2)");
  EXPECT_EQ(Column(results, "odd").scalars().bytes_data().data(0), "odd");
  EXPECT_EQ(Column(results, "$meta").scalars().json_data().data(0), R"({"n":{"a":5}})");
  EXPECT_TRUE(Column(results, "$meta").is_dynamic());
}

TEST(FakeMilvus, CrashesWhereTwoThreeDoes) {
  FakeMilvus fake;
  auto schema = SimpleSchema("docs");
  schema.mutable_fields(1)->mutable_default_value()->set_long_data(9);
  fake.Create(schema);
  auto rows = SimpleRows("docs", {1});
  rows.mutable_fields_data()->DeleteSubrange(1, 1);
  const auto stub = Connect(fake);
  grpc::ClientContext context;
  pb::MutationResult result;
  EXPECT_EQ(stub->Insert(&context, rows, &result).error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_FALSE(fake.running());
  EXPECT_EQ(Call1(fake, &Stub::Insert, rows, &result).error_code(), grpc::StatusCode::UNAVAILABLE);
  const std::string before = fake.uri();
  fake.Restart();
  EXPECT_EQ(fake.uri(), before);
  pb::QueryResults results;
  ASSERT_TRUE(Call1(fake, &Stub::Query, Ask("id > 0", {"id"}), &results).ok());
  EXPECT_THAT(Ids(results), IsEmpty());
}

TEST(FakeMilvus, LosesConnectionsBeforeAndAfterAWrite) {
  FakeMilvus fake;
  fake.Create(SimpleSchema("docs"));
  fake.Inject(Fault::LostBefore("Insert"));
  fake.Inject(Fault::LostAfter("Insert", 2));
  pb::MutationResult result;
  for (const std::int64_t rows : {0, 1, 2}) {
    const auto status = Call1(fake, &Stub::Insert, SimpleRows("docs", {rows}), &result);
    EXPECT_EQ(status.error_code() == grpc::StatusCode::UNAVAILABLE, rows < 2);
    EXPECT_EQ(Count(fake), rows);
  }
}

TEST(FakeMilvus, LimitsTheRate) {
  FakeMilvus fake;
  fake.Create(SimpleSchema("docs"));
  fake.Inject(Fault::RateLimit("Insert", 2));
  for (int i = 0; i < 3; ++i) {
    pb::MutationResult result;
    ASSERT_TRUE(Call1(fake, &Stub::Insert, SimpleRows("docs", {1}), &result).ok());
    EXPECT_EQ(result.status().code(), i < 2 ? 8 : 0);
    EXPECT_EQ(result.status().error_code(), i < 2 ? common::RateLimit : common::Success);
  }
  EXPECT_EQ(Count(fake), 1);
}

TEST(FakeMilvus, HooksRunBetweenCallsAndMayChangeAnswers) {
  FakeMilvus fake;
  Fill(fake, 3);
  fake.Before("Query", [&](const Call& call) {
    if (call.number == 2) fake.Apply<pb::MutationResult>(SimpleRows("docs", {4}));
  });
  fake.After("Query", [](const Call& call, google::protobuf::Message& answer) {
    if (call.number == 3) dynamic_cast<pb::QueryResults&>(answer).clear_fields_data();
  });
  for (const std::size_t rows : {3U, 4U, 0U}) {
    pb::QueryResults results;
    ASSERT_TRUE(Call1(fake, &Stub::Query, Ask("id > 0", {"id"}), &results).ok());
    EXPECT_THAT(Ids(results), SizeIs(rows));
  }
}

TEST(FakeMilvus, RefusesAnswersOverTheLimit) {
  FakeMilvus fake;
  Fill(fake, 100);
  fake.Change([](Behaviour& b) { b.answer_limit_bytes = 1'000; });
  pb::QueryResults results;
  const auto status = Call1(fake, &Stub::Query, Ask("id > 0", {"*"}), &results);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(status.error_message(), HasSubstr("larger than max"));
}

TEST(FakeMilvus, AsksForAPassword) {
  FakeMilvus fake;
  fake.Change([](Behaviour& b) { b.authentication = true; });
  pb::GetVersionResponse version;
  const auto ask = [&](const std::string& token) {
    return Call1(fake, &Stub::GetVersion, pb::GetVersionRequest(), &version, token).error_code();
  };
  EXPECT_EQ(ask(""), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(ask(EncodeBase64("root:wrong")), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(ask(EncodeBase64("root:Milvus")), grpc::StatusCode::OK);
}

TEST(FakeMilvus, CountsInt64MaxButNeverReturnsIt) {
  FakeMilvus fake;
  fake.Create(SimpleSchema("docs"));
  fake.Apply<pb::MutationResult>(SimpleRows("docs", {std::numeric_limits<std::int64_t>::min(), 1,
                                                     std::numeric_limits<std::int64_t>::max()}));
  EXPECT_EQ(Count(fake), 3);
  EXPECT_THAT(Ids(fake.Apply<pb::QueryResults>(Ask("id > 0", {"id"}))), ElementsAre(1));
  EXPECT_THAT(Ids(fake.Apply<pb::QueryResults>(Ask("id < -9223372036854775807", {"id"}))),
              SizeIs(1));
}

TEST(FakeMilvus, LeavesOutReleasedPartitionsWithoutAnError) {
  FakeMilvus fake;
  Fill(fake, 3);
  pb::CreatePartitionRequest create;
  create.set_collection_name("docs");
  create.set_partition_name("p");
  fake.Apply<common::Status>(create);
  auto rows = SimpleRows("docs", {4, 5});
  rows.set_partition_name("p");
  fake.Apply<pb::MutationResult>(rows);
  EXPECT_EQ(Count(fake), 3);
  auto named = Ask("id > 0", {"id"});
  named.add_partition_names("p");
  EXPECT_THAT(fake.Apply<pb::QueryResults>(named).status().reason(),
              HasSubstr("partition not loaded"));
  pb::GetLoadStateRequest state;
  state.set_collection_name("docs");
  EXPECT_EQ(fake.Apply<pb::GetLoadStateResponse>(state).state(), common::LoadStateLoaded);
  state.add_partition_names("p");
  EXPECT_EQ(fake.Apply<pb::GetLoadStateResponse>(state).state(), common::LoadStateNotLoad);
}

TEST(FakeMilvus, RowsExpire) {
  FakeMilvus fake;
  Fill(fake, 3);
  pb::AlterCollectionRequest alter;
  alter.set_collection_name("docs");
  common::KeyValuePair* ttl = alter.add_properties();
  ttl->set_key("collection.ttl.seconds");
  ttl->set_value("60");
  fake.Apply<common::Status>(alter);
  EXPECT_EQ(Count(fake), 3);
  fake.With([](FakeCluster& cluster) { cluster.AdvanceTime(61'000); });
  EXPECT_EQ(Count(fake), 0);
}

TEST(FakeMilvus, RefusesAnotherCollectionThanTheOnePinned) {
  FakeMilvus fake(Behaviour::Of(Release::k2_5));
  Fill(fake, 3);
  std::int64_t id = 0;
  fake.With([&](FakeCluster& cluster) { id = cluster.Collection("default", "docs")->id; });
  auto request = Ask("id > 0", {"id"});
  SetParameter(request, "collection_id", std::to_string(id));
  EXPECT_EQ(fake.Apply<pb::QueryResults>(request).status().code(), 0);
  pb::DropCollectionRequest drop;
  drop.set_collection_name("docs");
  fake.Apply<common::Status>(drop);
  fake.Create(SimpleSchema("docs"));
  EXPECT_EQ(fake.Apply<pb::QueryResults>(request).status().code(), 1100);
}

TEST(FakeMilvus, UpsertReplacesAndDeleteCountsWhatWasAsked) {
  FakeMilvus fake;
  Fill(fake, 3);
  const auto rows = SimpleRows("docs", {3, 4}, 50);
  pb::UpsertRequest upsert;
  upsert.set_collection_name("docs");
  *upsert.mutable_fields_data() = rows.fields_data();
  upsert.set_num_rows(2);
  EXPECT_EQ(fake.Apply<pb::MutationResult>(upsert).upsert_cnt(), 2);
  EXPECT_EQ(Count(fake), 4);
  EXPECT_EQ(Count(fake, "value >= 50"), 2);
  pb::DeleteRequest remove;
  remove.set_collection_name("docs");
  remove.set_expr("id in [1, 99]");
  const auto result = fake.Apply<pb::MutationResult>(remove);
  EXPECT_EQ(result.delete_cnt(), 2);
  EXPECT_EQ(result.timestamp(), 0U);
  EXPECT_EQ(Count(fake), 3);
}

TEST(FakeMilvus, AutomaticKeysAreGivenUnlessAllowed) {
  FakeMilvus fake(Behaviour::Of(Release::k2_6));
  auto schema = SimpleSchema("docs");
  schema.mutable_fields(0)->set_autoid(true);
  fake.Create(schema);
  auto rows = SimpleRows("docs", {1, 2});
  EXPECT_EQ(fake.Apply<pb::MutationResult>(rows).status().code(), 1100);
  pb::AlterCollectionRequest alter;
  alter.set_collection_name("docs");
  common::KeyValuePair* allow = alter.add_properties();
  allow->set_key("allow_insert_auto_id");
  allow->set_value("true");
  fake.Apply<common::Status>(alter);
  EXPECT_THAT(fake.Apply<pb::MutationResult>(rows).ids().int_id().data(), ElementsAre(1, 2));
  rows.mutable_fields_data()->DeleteSubrange(0, 1);
  EXPECT_GT(fake.Apply<pb::MutationResult>(rows).ids().int_id().data(0), 1'000);
}

TEST(FakeMilvus, ServesManyAtOnce) {
  FakeMilvus fake;
  fake.Create(SimpleSchema("docs"));
  std::atomic<int> failed = 0;
  std::vector<std::thread> threads;
  for (std::int64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (std::int64_t i = 0; i < 20; ++i) {
        pb::MutationResult result;
        failed += !Call1(fake, &Stub::Insert, SimpleRows("docs", {t * 100 + i}), &result).ok();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(Count(fake), 80);
}

TEST(FakeMilvus, DiesAndComesBackAgainAndAgain) {
  FakeMilvus fake;
  Fill(fake, 1);
  for (int i = 0; i < 5; ++i) {
    fake.Inject(Fault::CrashAfter("Insert"));
    pb::MutationResult result;
    EXPECT_EQ(Call1(fake, &Stub::Insert, SimpleRows("docs", {i + 2}), &result).error_code(),
              grpc::StatusCode::UNAVAILABLE);
    fake.Restart();
    EXPECT_EQ(Count(fake), i + 2);
    fake.Kill();
    EXPECT_FALSE(fake.running());
    fake.Restart();
  }
}

}  // namespace
}  // namespace aerie::fake
