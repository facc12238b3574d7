// Specs on the real Milvus 2.3.5: read, recreated, compared; load state put back; names and drops.
#include <algorithm>
#include <fstream>

#include <gtest/gtest.h>

#include "milvus/collection_admin.h"
#include "milvus/errors.h"
#include "milvus/schema_proto.h"
#include "milvus/spec_reader.h"
#include "real_milvus.h"

namespace aerie::milvus {
namespace {

using rows::CollectionName;
using rows::CollectionSpec;
using rows::DataType;
using rows::FieldSchema;
using rows::LoadState;

// Sanitizer builds share two cores with everything else.
const Context kContext = Context::Background().WithTimeout(std::chrono::minutes(5));

std::shared_ptr<Client> Connect(const ClientOptions& options = {}) {
  auto& server = test::RealMilvus::Shared();
  const auto uri = ParseClusterUri(server.uri());
  auto client = Client::Open(kContext, *uri, options);
  EXPECT_TRUE(client.ok()) << client.status();
  return client.ok() ? *client : nullptr;
}

FieldSchema Field(const std::string& name, DataType type, rows::KeyValues params = {}) {
  FieldSchema field;
  field.name = name;
  field.description = "about " + name;
  field.type = type;
  field.type_params = std::move(params);
  return field;
}

Bytes DefaultValue(const std::function<void(pbschema::ValueField&)>& fill) {
  pbschema::ValueField value;
  fill(value);
  const std::string text = value.SerializeAsString();
  return {text.begin(), text.end()};
}

// Everything that 2.3.5 keeps of a collection without a partition key.
CollectionSpec RichSpec(const CollectionName& name) {
  CollectionSpec spec;
  spec.name = name;
  spec.schema.name = name.collection;
  spec.schema.description = "every attribute \"quoted\" and ünïcode";
  spec.schema.enable_dynamic_field = true;
  FieldSchema key = Field("id", DataType::kVarChar, {{"max_length", "512"}});
  key.primary_key = true;
  FieldSchema array =
      Field("tags", DataType::kArray, {{"max_capacity", "16"}, {"max_length", "64"}});
  array.element_type = DataType::kVarChar;
  FieldSchema count = Field("count", DataType::kInt64);
  count.default_value = DefaultValue([](auto& v) { v.set_long_data(0); });
  FieldSchema label = Field("label", DataType::kVarChar, {{"max_length", "32"}});
  label.default_value = DefaultValue([](auto& v) { v.set_string_data("n/a"); });
  FieldSchema ratio = Field("ratio", DataType::kDouble);
  ratio.default_value = DefaultValue([](auto& v) { v.set_double_data(0.5); });
  spec.schema.fields = {key,
                        Field("flag", DataType::kBool),
                        Field("i8", DataType::kInt8),
                        Field("i16", DataType::kInt16),
                        Field("i32", DataType::kInt32),
                        count,
                        Field("f", DataType::kFloat),
                        ratio,
                        label,
                        Field("doc", DataType::kJson),
                        array,
                        Field("vector", DataType::kFloatVector, {{"dim", "8"}})};
  spec.partitions = {{"_default", {}}, {"p1", {}}, {"p2", {}}};
  spec.indexes = {{"count", "by_count", {{"index_type", "STL_SORT"}}},
                  {"label", "label_idx", {{"index_type", "Trie"}}},
                  {"vector",
                   "vec",
                   {{"index_type", "HNSW"},
                    {"metric_type", "COSINE"},
                    {"params", R"({"M":8,"efConstruction":32})"}}}};
  spec.properties = {
      {"collection.ttl.seconds", "86400"}, {"mmap.enabled", "false"}, {"team", "söarch"}};
  spec.shards = 2;
  spec.consistency = rows::ConsistencyLevel::kStrong;
  return spec;
}

class CollectionAdminReal : public ::testing::Test {
 protected:
  void SetUp() override {
    client_ = Connect();
    ASSERT_NE(client_, nullptr);
  }

  SpecReading Read(const CollectionName& name) {
    auto reading = ReadCollectionSpec(kContext, *client_, name);
    EXPECT_TRUE(reading.ok()) << reading.status();
    return reading.ok() ? *std::move(reading) : SpecReading();
  }

  void Make(const CollectionSpec& spec) {
    ASSERT_EQ(CreateCollectionFromSpec(kContext, *client_, spec), Ok());
    ASSERT_EQ(CreateIndexes(kContext, *client_, spec.name, spec.indexes), Ok());
    ASSERT_EQ(AwaitIndexes(kContext, *client_, spec.name), Ok());
  }

  std::shared_ptr<Client> client_;
};

TEST_F(CollectionAdminReal, EveryAttributeSurvivesReadAndRecreate) {
  CollectionSpec spec = RichSpec({"second_db", "rich"});
  Make(spec);
  const auto lines = CompareRecreated(kContext, *client_, spec);
  ASSERT_TRUE(lines.ok()) << lines.status();
  EXPECT_EQ(*lines, std::vector<std::string>());
  EXPECT_EQ(rows::FindValue(Read(spec.name).spec.properties, kTtlProperty), nullptr)
      << "rows would expire while they are written";
  ASSERT_TRUE(ApplyProperties(kContext, *client_, spec.name, PropertiesToApplyLast(spec)).ok());
  ASSERT_TRUE(
      CreateAliases(kContext, *client_, spec.name, {"b_alias", "a_alias"}, AliasConflict::kFail)
          .ok());

  const CollectionSpec first = Read(spec.name).spec;
  spec.aliases = {"a_alias", "b_alias"};
  EXPECT_EQ(rows::DiffSpecs(spec, first), std::vector<std::string>());
  EXPECT_EQ(first.properties.size(), 3u);

  CollectionSpec copy = first;
  copy.name = {"default", "rich_copy"};
  copy.aliases.clear();
  Make(copy);
  ASSERT_TRUE(ApplyProperties(kContext, *client_, copy.name, PropertiesToApplyLast(first)).ok());
  const CollectionSpec second = Read(copy.name).spec;
  EXPECT_EQ(rows::DiffSpecs(copy, second), std::vector<std::string>());
  EXPECT_EQ(second.schema.fields.size(), first.schema.fields.size());
  EXPECT_EQ(second.schema.fields[5].default_value, first.schema.fields[5].default_value);
  EXPECT_EQ(second.consistency, rows::ConsistencyLevel::kStrong);
  EXPECT_EQ(second.shards, 2);
}

TEST_F(CollectionAdminReal, PartitionKeyKeepsItsNumberOfPartitions) {
  CollectionSpec spec;
  spec.name = {"default", "keyed"};
  FieldSchema key = Field("id", DataType::kInt64);
  key.primary_key = key.auto_id = true;
  FieldSchema tenant = Field("tenant", DataType::kInt64);
  tenant.partition_key = true;
  spec.schema.fields = {key, tenant, Field("v", DataType::kBinaryVector, {{"dim", "16"}})};
  spec.schema.auto_id = true;
  spec.num_partitions = 7;
  spec.consistency = rows::ConsistencyLevel::kEventually;
  Make(spec);
  const CollectionSpec made = Read(spec.name).spec;
  EXPECT_EQ(made.num_partitions, 7);
  EXPECT_EQ(made.partitions.size(), 7u);
  EXPECT_TRUE(made.schema.auto_id);
  EXPECT_TRUE(made.schema.fields[0].auto_id);
  EXPECT_TRUE(made.schema.fields[1].partition_key);
  CollectionSpec again = made;
  again.name.collection = "keyed_copy";
  Make(again);
  EXPECT_EQ(rows::DiffSpecs(made, Read(again.name).spec), std::vector<std::string>());
}

TEST_F(CollectionAdminReal, AnAliasIsResolvedAndARenamedCollectionKeepsItsDatabase) {
  CollectionSpec spec = RichSpec({"names_db", "before"});
  Make(spec);
  ASSERT_TRUE(CreateAliases(kContext, *client_, spec.name, {"nick"}, AliasConflict::kFail).ok());
  const SpecReading by_alias = Read({"names_db", "nick"});
  EXPECT_EQ(by_alias.spec.name, spec.name);
  EXPECT_EQ(by_alias.remarks,
            std::vector<std::string>{"names_db.nick is an alias of names_db.before"});
  EXPECT_TRUE(Read(spec.name).remarks.empty());

  pb::RenameCollectionRequest rename;
  rename.set_db_name("names_db");
  rename.set_oldname("before");
  rename.set_newname("after");
  ASSERT_TRUE(client_->RenameCollection(kContext, rename).ok());
  const SpecReading renamed = Read({"names_db", "after"});
  EXPECT_EQ(renamed.spec.name, (CollectionName{"names_db", "after"}));
  EXPECT_TRUE(renamed.remarks.empty());

  const auto listed = ListCollections(kContext, *client_, {"names_*"});
  ASSERT_TRUE(listed.ok()) << listed.status();
  EXPECT_EQ(*listed, (std::vector<CollectionName>{{"names_db", "after"}}));

  const Status by_nick = DropCollection(kContext, *client_, {"names_db", "nick"});
  EXPECT_EQ(KindOf(by_nick), Kind::kRefused) << by_nick;
  EXPECT_TRUE(DropCollection(kContext, *client_, renamed.spec.name).ok());
  const Status again = DropCollection(kContext, *client_, renamed.spec.name);
  EXPECT_EQ(KindOf(again), Kind::kNotFound) << again;
  const auto alias = DescribeCollection(kContext, *client_, {"names_db", "nick"});
  EXPECT_EQ(KindOf(alias.status()), Kind::kNotFound) << alias.status();
}

TEST_F(CollectionAdminReal, AnAliasThatIsTakenIsRefusedMovedOrLeft) {
  CollectionSpec one = RichSpec({"default", "alias_one"});
  CollectionSpec two = RichSpec({"default", "alias_two"});
  Make(one);
  Make(two);
  const auto point = [&](const CollectionSpec& spec, const std::string& alias, AliasConflict how) {
    return CreateAliases(kContext, *client_, spec.name, {alias}, how);
  };
  ASSERT_TRUE(point(one, "shared", AliasConflict::kFail).ok());
  EXPECT_TRUE(point(one, "shared", AliasConflict::kFail).ok()) << "it is there already";
  EXPECT_EQ(KindOf(point(two, "shared", AliasConflict::kFail).status()), Kind::kExists);
  const auto left = point(two, "shared", AliasConflict::kSkip);
  ASSERT_TRUE(left.ok());
  EXPECT_EQ(left->size(), 1u);
  EXPECT_EQ(Read({"default", "shared"}).spec.name, one.name);
  EXPECT_TRUE(point(two, "shared", AliasConflict::kMove).ok());
  EXPECT_EQ(Read({"default", "shared"}).spec.name, two.name);
  EXPECT_EQ(KindOf(point(two, "alias_one", AliasConflict::kMove).status()), Kind::kExists);
}

TEST_F(CollectionAdminReal, CreatingWhatIsThereIsRefused) {
  const CollectionSpec spec = RichSpec({"default", "twice"});
  Make(spec);
  const Status again = CreateCollectionFromSpec(kContext, *client_, spec);
  EXPECT_EQ(KindOf(again), Kind::kExists) << again;
}

TEST_F(CollectionAdminReal, LoadStateIsPutBackToThePartition) {
  const CollectionSpec spec = RichSpec({"default", "loads"});
  Make(spec);
  const CollectionSpec described = Read(spec.name).spec;
  EXPECT_EQ(described.load_state, LoadState::kNotLoaded);
  const auto states = [&] {
    std::vector<LoadState> found;
    for (const auto& partition : Read(spec.name).spec.partitions) {
      found.push_back(partition.load_state);
    }
    return found;
  };
  const auto not_loaded = LoadState::kNotLoaded;
  const auto loaded = LoadState::kLoaded;
  const auto read = CountRows(kContext, *client_, spec.name, {});
  EXPECT_TRUE(IsNotLoaded(read.status())) << read.status();

  int percent = -1;
  LoadOptions options;
  options.on_progress = [&](int now) { percent = now; };
  ASSERT_TRUE(Load(kContext, *client_, spec.name, options).ok());
  EXPECT_EQ(percent, 100);
  EXPECT_EQ(states(), (std::vector{loaded, loaded, loaded}));
  EXPECT_EQ(Read(spec.name).spec.replicas, 1);
  EXPECT_EQ(CountRows(kContext, *client_, spec.name, {}).value_or(-1), 0);

  pb::ReleasePartitionsRequest release;
  release.set_collection_name("loads");
  release.add_partition_names("p1");
  ASSERT_TRUE(client_->ReleasePartitions(kContext, release).ok());
  const CollectionSpec part = Read(spec.name).spec;
  EXPECT_EQ(part.load_state, loaded) << "the collection hides a released partition";
  EXPECT_EQ(states(), (std::vector{loaded, not_loaded, loaded}));
  const LoadSnapshot before = LoadSnapshotOf(part);

  ASSERT_TRUE(Load(kContext, *client_, spec.name, {}).ok());
  EXPECT_EQ(states(), (std::vector{loaded, loaded, loaded}));
  auto lines = PutBackLoadState(kContext, *client_, described, before);
  ASSERT_TRUE(lines.ok()) << lines.status();
  EXPECT_EQ(states(), (std::vector{loaded, not_loaded, loaded}));

  ASSERT_TRUE(Release(kContext, *client_, spec.name).ok());
  ASSERT_TRUE(PutBackLoadState(kContext, *client_, described, before).ok());
  EXPECT_EQ(states(), (std::vector{loaded, not_loaded, loaded}));

  ASSERT_TRUE(PutBackLoadState(kContext, *client_, described, LoadSnapshotOf(described)).ok());
  EXPECT_EQ(states(), (std::vector{not_loaded, not_loaded, not_loaded}));

  LoadSnapshot two = before;
  two.replicas = 2;
  lines = PutBackLoadState(kContext, *client_, described, two);
  ASSERT_TRUE(lines.ok()) << lines.status();
  EXPECT_EQ(lines->size(), 1u) << "one query node cannot hold two replicas";
  EXPECT_EQ(states(), (std::vector{loaded, not_loaded, loaded}));
}

TEST_F(CollectionAdminReal, LoadingWithoutAnIndexSaysWhatIsMissing) {
  CollectionSpec spec = RichSpec({"default", "unindexed"});
  ASSERT_TRUE(CreateCollectionFromSpec(kContext, *client_, spec).ok());
  EXPECT_TRUE(Read(spec.name).spec.indexes.empty());
  const Status status = Load(kContext, *client_, spec.name, {});
  EXPECT_TRUE(HasCode(status, code::kIndexNotFound)) << status;
  EXPECT_NE(std::string(status.message()).find("create an index"), std::string::npos) << status;
}

TEST_F(CollectionAdminReal, RowsAreCountedAndFlushed) {
  CollectionSpec spec;
  spec.name = {"second_db", "counted"};
  FieldSchema key = Field("id", DataType::kInt64);
  key.primary_key = true;
  spec.schema.fields = {key, Field("v", DataType::kFloatVector, {{"dim", "2"}})};
  spec.partitions = {{"_default", {}}, {"other", {}}};
  spec.indexes = {{"v", "v", {{"index_type", "FLAT"}, {"metric_type", "L2"}}}};
  Make(spec);
  ASSERT_TRUE(Load(kContext, *client_, spec.name, {}).ok());
  pb::InsertRequest insert;
  insert.set_db_name("second_db");
  insert.set_collection_name("counted");
  insert.set_partition_name("other");
  insert.set_num_rows(3);
  auto* ids = insert.add_fields_data();
  ids->set_field_name("id");
  ids->set_type(pbschema::Int64);
  for (const int id : {1, 2, 2}) ids->mutable_scalars()->mutable_long_data()->add_data(id);
  auto* vectors = insert.add_fields_data();
  vectors->set_field_name("v");
  vectors->set_type(pbschema::FloatVector);
  vectors->mutable_vectors()->set_dim(2);
  for (int i = 0; i < 6; ++i) {
    vectors->mutable_vectors()->mutable_float_vector()->add_data(static_cast<float>(i));
  }
  const auto inserted = client_->Insert(kContext, insert);
  ASSERT_TRUE(inserted.ok()) << inserted.status();
  EXPECT_EQ(inserted->insert_cnt(), 3);
  EXPECT_GT(inserted->timestamp(), 0u);
  const auto count = [&](const std::string& partition, const std::string& filter,
                         std::optional<std::uint64_t> ts) {
    const auto counted = CountRows(kContext, *client_, spec.name, {partition, filter, ts});
    EXPECT_TRUE(counted.ok()) << counted.status();
    return counted.value_or(-1);
  };
  EXPECT_EQ(count("", "", std::nullopt), 3) << "equal keys count";
  EXPECT_EQ(count("other", "", inserted->timestamp()), 3);
  EXPECT_EQ(count("_default", "", std::nullopt), 0);
  EXPECT_EQ(count("", "id > 1", std::nullopt), 2);
  const Status flushed = Flush(kContext, *client_, spec.name);
  EXPECT_TRUE(flushed.ok()) << flushed;
  EXPECT_EQ(count("", "", std::nullopt), 3);
}

TEST_F(CollectionAdminReal, WhatIsNotThereIsNamed) {
  const auto collection = DescribeCollection(kContext, *client_, {"default", "no_such"});
  EXPECT_EQ(KindOf(collection.status()), Kind::kNotFound) << collection.status();
  EXPECT_NE(std::string(collection.status().message()).find("default.no_such"), std::string::npos);
  const auto odd = DescribeCollection(kContext, *client_, {"default", "odd name"});
  EXPECT_EQ(KindOf(odd.status()), Kind::kInvalid) << odd.status();
  const auto database = DescribeCollection(kContext, *client_, {"no_db", "x"});
  EXPECT_EQ(KindOf(database.status()), Kind::kNotFound) << database.status();
}

TEST_F(CollectionAdminReal, CapabilitiesAreThoseOf23) {
  Capabilities capabilities(client_);
  EXPECT_EQ(capabilities.version(), (ServerVersion{2, 3, 5, false}));
  EXPECT_TRUE(capabilities.Databases(kContext).value_or(false));
  EXPECT_TRUE(capabilities.ListAliases(kContext).value_or(false));
  EXPECT_TRUE(capabilities.DescribeAlias(kContext).value_or(false));
  EXPECT_TRUE(capabilities.Upsert(kContext).value_or(false));
  EXPECT_FALSE(capabilities.Has(kContext, "DescribeDatabase").value_or(true));
  EXPECT_EQ(capabilities.read_timestamps(), Answer::kUnknown);
  const auto features = capabilities.Features(kContext);
  ASSERT_TRUE(features.ok()) << features.status();
  EXPECT_EQ(features->arrays, Answer::kYes);
  EXPECT_EQ(features->nullable, Answer::kNo);
  EXPECT_EQ(features->several_vectors, Answer::kNo);
  EXPECT_EQ(features->auto_id_insert, Answer::kNo);
}

TEST_F(CollectionAdminReal, WhatTheServerDropsInSilenceIsFound) {
  CollectionSpec spec = RichSpec({"default", "silent"});
  spec.schema.fields[2].nullable = true;
  ASSERT_TRUE(CreateCollectionFromSpec(kContext, *client_, spec).ok());
  const auto lines = CompareRecreated(kContext, *client_, spec);
  ASSERT_TRUE(lines.ok()) << lines.status();
  ASSERT_EQ(lines->size(), 1u);
  EXPECT_NE(lines->front().find("nullable"), std::string::npos) << lines->front();
}

// milvus-lite speaks the messages of later versions.
TEST(CollectionAdminLite, NullableAndDefaultsSurviveAsFarAsItKeepsThem) {
  test::RealMilvusOptions options;
  options.kind = "lite";
  const auto server = test::RealMilvus::Launch(options);
  ASSERT_TRUE(server.ok()) << server.status();
  const auto opened = Client::Open(kContext, *ParseClusterUri((*server)->uri()), {});
  ASSERT_TRUE(opened.ok()) << opened.status();
  Client& client = **opened;
  CollectionSpec spec;
  spec.name = {"default", "lite"};
  FieldSchema key = Field("id", DataType::kInt64);
  key.primary_key = true;
  FieldSchema maybe = Field("maybe", DataType::kInt64);
  maybe.nullable = true;
  FieldSchema filled = Field("filled", DataType::kInt64);
  filled.default_value = DefaultValue([](auto& v) { v.set_long_data(7); });
  FieldSchema vector = Field("v", DataType::kFloatVector, {{"dim", "4"}});
  // It drops the descriptions of fields, and every collection is strongly consistent.
  key.description = filled.description = vector.description = "";
  spec.consistency = rows::ConsistencyLevel::kStrong;
  spec.schema.fields = {key, maybe, filled, vector};
  spec.schema.enable_dynamic_field = true;
  spec.partitions = {{"_default", {}}, {"more", {}}};
  spec.indexes = {{"v", "v", {{"index_type", "FLAT"}, {"metric_type", "L2"}}}};
  Capabilities capabilities(*opened);
  const auto features = capabilities.Features(kContext);
  ASSERT_TRUE(features.ok()) << features.status();
  EXPECT_TRUE(capabilities.version().lite);
  for (const PrecheckLine& line : Precheck(spec, *features)) ADD_FAILURE() << line.text;
  ASSERT_EQ(CreateCollectionFromSpec(kContext, client, spec), Ok());
  const auto lines = CompareRecreated(kContext, client, spec);
  ASSERT_TRUE(lines.ok()) << lines.status();
  EXPECT_EQ(
      *lines,
      (std::vector<std::string>{"field maybe: description \"about maybe\" here, \"\" there"}));
  ASSERT_EQ(CreateIndexes(kContext, client, spec.name, spec.indexes), Ok());
  ASSERT_EQ(AwaitIndexes(kContext, client, spec.name), Ok());
  ASSERT_EQ(Load(kContext, client, spec.name, {}), Ok());
  EXPECT_EQ(CountRows(kContext, client, spec.name, {}).value_or(-1), 0);
  EXPECT_EQ(Flush(kContext, client, spec.name), Ok());
  const auto read = ReadCollectionSpec(kContext, client, spec.name);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->spec.load_state, LoadState::kLoaded);
  EXPECT_EQ(DropCollection(kContext, client, spec.name), Ok());
}

}  // namespace
}  // namespace aerie::milvus
