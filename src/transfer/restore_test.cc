#include "transfer/restore.h"

#include <atomic>

#include "transfer/transfer_testing.h"

namespace aerie::transfer {
namespace {

using testing::Contains;
using testing::HasSubstr;

class RestoreTest : public TransferTest {};

// Every type of the 2.6 profile: nullable, sparse, 16-bit and int8 vectors.
TEST_F(RestoreTest, EveryTypeComesBackBitByBit) {
  Behaviour behaviour = Behaviour::Of(Release::k2_6);
  behaviour.max_vector_fields = 20;
  behaviour.hides_int64_max = false;
  Site source(behaviour);
  rows::RowGenerator generator(4);
  rows::CollectionSpec spec;
  spec.name.collection = "docs";
  spec.schema = generator.EveryTypeSchema(rows::DataType::kVarChar);
  spec.schema.name = "docs";
  std::erase_if(spec.schema.fields,
                [](const rows::FieldSchema& field) { return !rows::IsKnownType(field.type); });
  spec.partitions = {{rows::kDefaultPartition, rows::LoadState::kLoaded}};
  for (auto& field : spec.schema.fields) {
    field.default_value.clear();
    if (!rows::IsVector(field.type)) continue;
    spec.indexes.push_back({field.name, field.name, {{"index_type", "FLAT"}}});
  }
  ASSERT_TRUE(milvus::CreateCollectionFromSpec(context_, *source.client, spec).ok());
  ASSERT_TRUE(milvus::CreateIndexes(context_, *source.client, spec.name, spec.indexes).ok());
  ASSERT_TRUE(milvus::Load(context_, *source.client, spec.name, {}).ok());
  const auto reading = milvus::ReadCollectionSpec(context_, *source.client, spec.name);
  ASSERT_TRUE(reading.ok()) << reading.status();
  rows::RowBatch batch = generator.RandomRows(reading->spec.schema, rows::kDefaultPartition, 150);
  // Servers refuse vectors that are not finite.
  for (auto& column : batch.mutable_columns()) {
    if (column.field().type != rows::DataType::kFloatVector) continue;
    rows::Column finite(column.field());
    const Bytes cell(column.width(), 0x3c);
    for (std::size_t row = 0; row < column.rows(); ++row) {
      if (column.IsNull(row)) {
        finite.AppendNull();
      } else {
        finite.Append(cell);
      }
    }
    column = std::move(finite);
  }
  auto writer = milvus::OpenCollectionWriter(context_, source.client, reading->spec, {});
  ASSERT_TRUE(writer.ok()) << writer.status();
  ASSERT_TRUE((*writer)->Write(context_, std::move(batch)).ok());
  const auto receipt = (*writer)->Commit(context_);
  ASSERT_TRUE(receipt.ok()) << receipt.status();

  const repo::Snapshot snapshot = Take(source);
  EXPECT_EQ(snapshot.collections.at(0).digest, receipt->written);
  Site target(behaviour);
  const RestoreResult restored = MustRestore(snapshot, target);
  EXPECT_EQ(restored.collections.at(0).digest, receipt->written);
  ExpectSame(snapshot, target);
}

TEST_F(RestoreTest, TheFinalNameAppearsOnlyAtTheEnd) {
  Site source;
  source.CreateWide("docs", 300);
  const repo::Snapshot snapshot = Take(source);
  Site target;
  std::atomic<bool> early{false};
  std::atomic<bool> staged{false};
  target.server.Before("Insert", [&](const fake::Call&) {
    if (target.Has("docs")) early = true;
    if (target.Has(StagingName("docs"))) staged = true;
  });
  const RestoreResult run = MustRestore(snapshot, target);
  EXPECT_FALSE(early);
  EXPECT_TRUE(staged);
  EXPECT_TRUE(target.Has("docs"));
  EXPECT_FALSE(target.Has(StagingName("docs")));
  EXPECT_EQ(run.collections[0].rows_written, 300u);
  ExpectSame(snapshot, target);
}

TEST_F(RestoreTest, LostConnectionsLeaveEveryRowOnce) {
  Site source;
  source.CreateWide("docs", 300);
  const repo::Snapshot snapshot = Take(source);
  for (int n = 1; n <= 3; ++n) {
    for (const bool applied : {false, true}) {
      SCOPED_TRACE("insert " + std::to_string(n) + (applied ? " applied" : " not applied"));
      Site target;
      target.server.Inject(applied ? Fault::LostAfter("Insert", n)
                                   : Fault::LostBefore("Insert", n));
      MustRestore(snapshot, target);
      EXPECT_EQ(target.RowsOf("docs"), 300u);
      ExpectSame(snapshot, target);
    }
  }
}

// The steps around the rows, each answer of which may be lost.
TEST_F(RestoreTest, LostAnswersOfTheOtherStepsAreSettled) {
  Site source;
  source.Create("docs", 20);
  fake::pb::CreateAliasRequest alias;
  alias.set_collection_name("docs");
  alias.set_alias("current");
  (void)source.server.Apply<fake::common::Status>(alias);
  ASSERT_TRUE(milvus::ApplyProperties(context_, *source.client, {"default", "docs"},
                                      {{"collection.ttl.seconds", "864000"}})
                  .ok());
  const repo::Snapshot snapshot = Take(source);
  for (const char* rpc : {"CreateCollection", "CreateIndex", "LoadCollection", "RenameCollection",
                          "CreateAlias", "AlterCollection", "DropCollection"}) {
    for (const bool applied : {false, true}) {
      SCOPED_TRACE(std::string(rpc) + (applied ? " applied" : " not applied"));
      Site target;
      target.Create("docs", 3);
      RestoreOptions options;
      options.on_conflict = OnConflict::kReplace;
      target.server.Inject(applied ? Fault::LostAfter(rpc) : Fault::LostBefore(rpc));
      auto run = Restore(snapshot, target, options);
      ASSERT_TRUE(run.ok()) << run.status();
      // A step that was certainly not done may fail the run; the same command then completes it.
      if (!run->status.ok() && !applied) run = Restore(snapshot, target, options);
      ASSERT_TRUE(run.ok()) << run.status();
      EXPECT_TRUE(run->status.ok()) << run->status;
      EXPECT_FALSE(target.Has("docs_aerie_old"));
      ExpectSame(snapshot, target);
    }
  }
}

TEST_F(RestoreTest, AnInterruptedRestoreGoesOnWhereItWas) {
  Site source;
  source.CreateWide("docs", 600);
  const repo::Snapshot snapshot = Take(source);
  Site target;
  target.server.Inject(Fault::CrashBefore("Insert", 4));
  const auto broken = Restore(snapshot, target);
  ASSERT_TRUE(broken.ok()) << broken.status();
  EXPECT_FALSE(broken->status.ok());
  target.Restart();
  EXPECT_FALSE(target.Has("docs"));
  ASSERT_GT(target.RowsOf(StagingName("docs")), 0u);
  const RestoreResult run = MustRestore(snapshot, target);
  EXPECT_TRUE(run.collections.at(0).resumed);
  EXPECT_LT(run.collections.at(0).rows_written, 600u);
  EXPECT_EQ(run.collections.at(0).digest.rows, 600u);
  EXPECT_EQ(target.RowsOf("docs"), 600u);
  ExpectSame(snapshot, target);
}

TEST_F(RestoreTest, WhatAnotherSnapshotLeftUnderTheStagingNameIsCleared) {
  Site source;
  source.Create("docs", 100);
  const repo::Snapshot older = Take(source);
  fake::pb::DeleteRequest erase;
  erase.set_collection_name("docs");
  erase.set_expr("id in [0, 1, 50, 51, 98, 99]");
  (void)source.server.Apply<fake::pb::MutationResult>(erase);
  const repo::Snapshot newer = Take(source);
  Site target;
  target.server.Inject(Fault::CrashBefore("RenameCollection"));
  EXPECT_FALSE(Restore(older, target)->status.ok());
  target.Restart();
  ASSERT_EQ(target.RowsOf(StagingName("docs")), 100u);
  MustRestore(newer, target);
  EXPECT_EQ(target.RowsOf("docs"), 94u);
  ExpectSame(newer, target);
}

TEST_F(RestoreTest, APartitionThatAnInterruptedRunDidNotMakeIsMade) {
  Site source;
  source.Create("docs", 10);
  for (const char* name : {"p2", "p3"}) {
    fake::pb::CreatePartitionRequest part;
    part.set_collection_name("docs");
    part.set_partition_name(name);
    (void)source.server.Apply<fake::common::Status>(part);
  }
  const repo::Snapshot snapshot = Take(source);
  Site target;
  target.server.Inject(Fault::CrashBefore("CreatePartition", 2));
  EXPECT_FALSE(Restore(snapshot, target)->status.ok());
  target.Restart();
  MustRestore(snapshot, target);
  ExpectSame(snapshot, target);
}

TEST_F(RestoreTest, ATargetThatChangesAValueIsFoundAndNothingGetsTheName) {
  Site source;
  source.Create("docs", 50);
  const repo::Snapshot snapshot = Take(source);
  Site target;
  target.server.After("Insert", [&](const fake::Call&, google::protobuf::Message&) {
    target.server.With([](fake::FakeCluster& cluster) {
      auto* collection = cluster.Collection("default", StagingName("docs"));
      auto& row = collection->rows.begin()->second.front();
      row.cells.at(*collection->FindColumn("value")) = row.cells.at(collection->key_column);
      auto& other = collection->rows.rbegin()->second.front();
      row.cells.at(*collection->FindColumn("value")) =
          other.cells.at(*collection->FindColumn("value"));
    });
  });
  const auto run = Restore(snapshot, target);
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(KindOf(run->status), Kind::kDifferent) << run->status;
  EXPECT_EQ(ExitCode(KindOf(run->status)), 4);
  EXPECT_THAT(std::string(run->status.message()), HasSubstr("keys ("));
  EXPECT_FALSE(target.Has("docs"));
}

TEST_F(RestoreTest, AnExistingCollectionIsRefusedReplacedOrMergedInto) {
  Site source;
  source.CreateWide("docs", 0);
  source.Insert(WideRows("docs", 100, 50));
  const repo::Snapshot snapshot = Take(source);
  Site target;
  target.CreateWide("docs", 0);
  // Beside, between and equal to the snapshot's keys.
  target.Insert(WideRows("docs", 90, 30, 7));
  const auto refused = Restore(snapshot, target);
  EXPECT_EQ(KindOf(refused.status()), Kind::kRefused);
  EXPECT_EQ(target.RowsOf("docs"), 30u);

  RestoreOptions options;
  options.on_conflict = OnConflict::kMerge;
  MustRestore(snapshot, target, options);
  EXPECT_EQ(target.RowsOf("docs"), 60u) << "ten keys of the target's own stay";
  const auto merged = Compare(snapshot, target);
  EXPECT_EQ(merged.collections.at(0).extra, 10u);
  EXPECT_EQ(merged.collections.at(0).changed + merged.collections.at(0).missing, 0u);

  options.on_conflict = OnConflict::kReplace;
  MustRestore(snapshot, target, options);
  EXPECT_FALSE(target.Has("docs_aerie_old"));
  ExpectSame(snapshot, target);
}

TEST_F(RestoreTest, MergingBetweenForeignKeysComparesOnlyTheSnapshots) {
  Site source;
  source.server.Create(fake::SimpleSchema("docs"));
  source.Insert(fake::SimpleRows("docs", Keys(0, 40, 2)));
  const repo::Snapshot snapshot = Take(source);
  Site target;
  target.server.Create(fake::SimpleSchema("docs"));
  target.Insert(fake::SimpleRows("docs", Keys(1, 40, 2)));
  RestoreOptions options;
  options.on_conflict = OnConflict::kMerge;
  MustRestore(snapshot, target, options);
  EXPECT_EQ(target.RowsOf("docs"), 80u);
}

// A name that was free when the restore was planned and is taken later is somebody else's.
TEST_F(RestoreTest, ACollectionThatAppearsMeanwhileIsNotReplaced) {
  Site source;
  source.Create("a", 10);
  source.Create("b", 10);
  const repo::Snapshot snapshot = Take(source);
  Site target;
  target.server.Before("Insert", [&](const fake::Call& call) {
    if (call.number == 1) target.Create("b", 3);
  });
  RestoreOptions options;
  options.parallel_collections = 1;
  const auto run = Restore(snapshot, target, options);
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(KindOf(run->status), Kind::kPartial);
  EXPECT_EQ(target.RowsOf("a"), 10u);
  EXPECT_EQ(target.RowsOf("b"), 3u);
}

TEST_F(RestoreTest, AReplaceThatDiedBetweenTwoRenamesIsCompleted) {
  Site source;
  source.Create("docs", 10);
  const repo::Snapshot snapshot = Take(source);
  Site target;
  target.Create("docs", 3);
  RestoreOptions options;
  options.on_conflict = OnConflict::kReplace;
  target.server.Inject(Fault::CrashBefore("RenameCollection", 2));
  EXPECT_FALSE(Restore(snapshot, target, options)->status.ok());
  target.Restart();
  EXPECT_EQ(target.RowsOf("docs_aerie_old"), 3u) << "the old rows are still somewhere";
  MustRestore(snapshot, target, options);
  EXPECT_FALSE(target.Has("docs_aerie_old"));
  ExpectSame(snapshot, target);
}

TEST_F(RestoreTest, NamesAndDatabases) {
  Site source;
  source.Create("a", 5);
  source.Create("b", 6);
  const repo::Snapshot snapshot = Take(source);
  Site target;
  RestoreOptions options;
  options.rename = {{"a", "alpha"}};
  MustRestore(snapshot, target, options);
  ExpectRows(snapshot, target, "a", "alpha");
  EXPECT_EQ(target.RowsOf("b"), 6u);
  options = {};
  options.suffix = "_2";
  options.database = "other";
  MustRestore(snapshot, target, options);
  EXPECT_EQ(target.RowsOf("a_2", "other"), 5u);
  options = {};
  options.rename = {{"a", "same"}, {"b", "same"}};
  EXPECT_EQ(KindOf(Restore(snapshot, target, options).status()), Kind::kInvalid);
}

TEST_F(RestoreTest, GeneratedKeysAreKeptWhereTheServerCan) {
  fake::schema::CollectionSchema schema = fake::SimpleSchema("docs");
  schema.mutable_fields(0)->set_autoid(true);
  auto rows = fake::SimpleRows("docs", Keys(0, 30));
  rows.mutable_fields_data()->DeleteSubrange(0, 1);
  Site source(Behaviour::Of(Release::k2_6));
  source.server.Create(schema);
  source.Insert(rows);
  const repo::Snapshot snapshot = Take(source);

  for (const bool flag : {false, true}) {
    Site modern(Behaviour::Of(Release::k2_6));
    RestoreOptions options;
    options.new_keys = flag;
    MustRestore(snapshot, modern, options);
    ExpectRows(snapshot, modern, "docs", "docs");
  }

  Site old;
  EXPECT_EQ(KindOf(Restore(snapshot, old).status()), Kind::kRefused);
  EXPECT_FALSE(old.Has(StagingName("docs")));
  RestoreOptions options;
  options.new_keys = true;
  old.server.Inject(Fault::CrashBefore("RenameCollection"));
  EXPECT_FALSE(Restore(snapshot, old, options)->status.ok());
  old.Restart();
  const RestoreResult run = MustRestore(snapshot, old, options);
  EXPECT_EQ(old.RowsOf("docs"), 30u);
  EXPECT_TRUE(run.collections.at(0).new_keys);
  EXPECT_THAT(run.collections.at(0).warnings, Contains(HasSubstr("generated anew")));
}

// --new-keys must not keep collections with keys of their own from being compared.
TEST_F(RestoreTest, NewKeysChangeNothingForCollectionsWithKeysOfTheirOwn) {
  Site source;
  source.Create("docs", 50);
  const repo::Snapshot snapshot = Take(source);
  Site target;
  target.server.After("Insert", [&](const fake::Call&, google::protobuf::Message&) {
    target.server.With([](fake::FakeCluster& cluster) {
      auto* collection = cluster.Collection("default", StagingName("docs"));
      auto& rows = collection->rows;
      const std::size_t value = *collection->FindColumn("value");
      rows.begin()->second.front().cells.at(value) = rows.rbegin()->second.front().cells.at(value);
    });
  });
  RestoreOptions options;
  options.new_keys = true;
  const auto run = Restore(snapshot, target, options);
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(KindOf(run->status), Kind::kDifferent);
}

TEST_F(RestoreTest, AliasesLoadStateAndTimeToLiveArePutBack) {
  Site source;
  source.Create("docs", 20);
  fake::pb::CreateAliasRequest alias;
  alias.set_collection_name("docs");
  alias.set_alias("current");
  (void)source.server.Apply<fake::common::Status>(alias);
  ASSERT_TRUE(milvus::ApplyProperties(context_, *source.client, {"default", "docs"},
                                      {{"collection.ttl.seconds", "864000"}})
                  .ok());
  ASSERT_TRUE(milvus::Release(context_, *source.client, {"default", "docs"}).ok());
  const repo::Snapshot snapshot = Take(source);
  Site target;
  std::atomic<int> ttl_early{0};
  target.server.Before("AlterCollection", [&](const fake::Call&) {
    if (!target.Has("docs")) ++ttl_early;
  });
  const RestoreResult run = MustRestore(snapshot, target);
  EXPECT_EQ(ttl_early.load(), 0);
  EXPECT_EQ(run.collections.at(0).warnings, std::vector<std::string>());
  target.server.With([](fake::FakeCluster& cluster) {
    auto* docs = cluster.Collection("default", "docs");
    ASSERT_NE(docs, nullptr);
    EXPECT_FALSE(docs->loaded());
    EXPECT_EQ(docs->Property("collection.ttl.seconds"), "864000");
  });
  EXPECT_TRUE(*milvus::CollectionExists(context_, *target.client, {"default", "current"}));
  // An alias that points elsewhere is left there, and said.
  RestoreOptions options;
  options.suffix = "_2";
  const RestoreResult second = MustRestore(snapshot, target, options);
  EXPECT_THAT(second.collections.at(0).warnings, Contains(HasSubstr("alias current")));
}

TEST_F(RestoreTest, WithoutIndexesAndLoad) {
  Site source;
  source.Create("docs", 20);
  const repo::Snapshot snapshot = Take(source);
  Site target;
  RestoreOptions options;
  options.create_indexes = false;
  options.load = false;
  MustRestore(snapshot, target, options);
  target.server.With([](fake::FakeCluster& cluster) {
    auto* docs = cluster.Collection("default", "docs");
    ASSERT_NE(docs, nullptr);
    EXPECT_FALSE(docs->loaded());
    EXPECT_TRUE(docs->indexes.empty());
  });
}

TEST_F(RestoreTest, ManyCollectionsAtOnceAndOneThatFails) {
  Site source;
  for (int i = 0; i < 6; ++i) source.Create("c" + std::to_string(i), 10 + i);
  const repo::Snapshot snapshot = Take(source);
  Site target;
  fake::schema::CollectionSchema other = fake::SimpleSchema(StagingName("c3"));
  other.mutable_fields(1)->set_data_type(fake::schema::Double);
  target.server.Create(other);
  RestoreOptions options;
  options.parallel_collections = 4;
  const auto run = Restore(snapshot, target, options);
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(KindOf(run->status), Kind::kPartial) << run->status;
  EXPECT_EQ(KindOf(run->collections.at(3).status), Kind::kRefused);
  EXPECT_TRUE(target.Has(StagingName("c3"))) << "whoever made it, it was not this run";
  EXPECT_EQ(target.RowsOf("c5"), 15u);
}

}  // namespace
}  // namespace aerie::transfer
