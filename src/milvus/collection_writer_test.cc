#include "milvus/collection_writer.h"

#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "milvus/collection_admin.h"
#include "milvus/fake_testing.h"
#include "rows/digest.h"
#include "rows/row_generator.h"

namespace aerie::milvus {
namespace {

using fake::Behaviour;
using fake::FakeMilvus;
using fake::Fault;
using fake::Release;
using rows::DataType;
using rows::Key;
using rows::RowBatch;
using testing::HasSubstr;

rows::FieldSchema Field(const std::string& name, DataType type) {
  rows::FieldSchema field;
  field.name = name;
  field.type = type;
  return field;
}

// "id" Int64 key, "value" Int64, "vector" of 4 floats.
rows::CollectionSpec SimpleSpec() {
  rows::CollectionSpec spec;
  spec.name.collection = "docs";
  spec.schema.name = "docs";
  auto key = Field("id", DataType::kInt64);
  key.primary_key = true;
  auto vector = Field("vector", DataType::kFloatVector);
  vector.type_params = {{"dim", "4"}};
  spec.schema.fields = {key, Field("value", DataType::kInt64), vector};
  spec.partitions = {{rows::kDefaultPartition, rows::LoadState::kLoaded}};
  spec.indexes = {{"vector", "vector", {{"index_type", "FLAT"}, {"metric_type", "L2"}}}};
  return spec;
}

class WriterTest : public testing::Test {
 protected:
  void Begin(const rows::CollectionSpec& spec, Behaviour behaviour = Behaviour::Of(Release::k2_3),
             bool load = true) {
    // Random keys include the largest, which is the reader's matter.
    behaviour.hides_int64_max = false;
    server_ = std::make_unique<FakeMilvus>(std::move(behaviour));
    client_ = OpenFake(*server_);
    const Status created = CreateCollectionFromSpec(context_, *client_, spec);
    ASSERT_TRUE(created.ok()) << created;
    const Status indexed = CreateIndexes(context_, *client_, spec.name, spec.indexes);
    ASSERT_TRUE(indexed.ok()) << indexed;
    if (load) {
      const Status loaded = Load(context_, *client_, spec.name, {});
      ASSERT_TRUE(loaded.ok()) << loaded;
    }
    auto reading = ReadCollectionSpec(context_, *client_, spec.name);
    ASSERT_TRUE(reading.ok()) << reading.status();
    target_ = reading->spec;
  }
  std::unique_ptr<rows::RowWriter> Open(WriterOptions options = {}) {
    options.call_bytes = std::min<std::size_t>(options.call_bytes, 4096);
    auto writer = OpenCollectionWriter(context_, client_, target_, options);
    EXPECT_TRUE(writer.ok()) << writer.status();
    return writer.ok() ? std::move(*writer) : nullptr;
  }
  RowBatch Rows(std::size_t count, std::uint64_t seed = 1) {
    rows::RowGenerator generator(seed);
    RowBatch batch = generator.RandomRows(target_.schema, rows::kDefaultPartition, count);
    // Servers refuse vectors that are not finite.
    for (auto& column : batch.mutable_columns()) {
      if (column.field().type != DataType::kFloatVector) continue;
      rows::Column finite(column.field());
      std::vector<float> cell(column.width() / 4, 0.5F);
      for (std::size_t row = 0; row < column.rows(); ++row) {
        cell[0] = static_cast<float>(row);
        if (column.IsNull(row)) {
          finite.AppendNull();
        } else {
          finite.Append({reinterpret_cast<const std::uint8_t*>(cell.data()), column.width()});
        }
      }
      column = std::move(finite);
    }
    return batch;
  }
  rows::RangeDigest DigestOf(const RowBatch& batch) {
    return *rows::RowDigester(target_.schema.Columns()).DigestRange(batch);
  }
  // What is stored, read back by Aerie's own reader.
  rows::RangeDigest Stored(rows::ReadReport* report = nullptr) {
    auto source = OpenCollectionSource(context_, client_, target_.name, {});
    EXPECT_TRUE(source.ok()) << source.status();
    rows::RangeDigest digest;
    if (!source.ok()) return digest;
    for (const std::string& partition : (*source)->ReadPartitions()) {
      const ReadResult read = ReadPartition(**source, partition);
      EXPECT_TRUE(read.status.ok()) << read.status;
      for (const RowBatch& batch : read.batches) digest.Add(DigestOf(batch));
      if (report != nullptr) *report = read.report;
    }
    EXPECT_TRUE((*source)->Close(context_).ok());
    return digest;
  }
  void ExpectStoredOnce(const RowBatch& batch) {
    rows::ReadReport report;
    EXPECT_EQ(Stored(&report), DigestOf(batch));
    EXPECT_EQ(report.counted, batch.rows());
  }

  const Context context_ = Context::Background();
  std::unique_ptr<FakeMilvus> server_;
  std::shared_ptr<Client> client_;
  rows::CollectionSpec target_;
};

TEST_F(WriterTest, RowsArriveAndTheReceiptProvesIt) {
  Begin(SimpleSpec());
  const RowBatch batch = Rows(1000);
  auto writer = Open();
  for (std::size_t at = 0; at < 1000; at += 10) {
    ASSERT_TRUE(writer->Write(context_, batch.Slice(at, at + 10)).ok());
  }
  const auto receipt = writer->Commit(context_);
  ASSERT_TRUE(receipt.ok()) << receipt.status();
  EXPECT_EQ(receipt->written, DigestOf(batch));
  EXPECT_EQ(receipt->reconciled_batches, 0u);
  EXPECT_GT(receipt->write_ts, 0u);
  ExpectStoredOnce(batch);
  // Small batches travel together, large ones in several calls.
  EXPECT_LT(server_->Calls("Insert"), 30);
  EXPECT_GT(server_->Calls("Insert"), 5);
}

TEST_F(WriterTest, NothingWrittenCommitsEmpty) {
  Begin(SimpleSpec());
  auto writer = Open();
  const auto receipt = writer->Commit(context_);
  ASSERT_TRUE(receipt.ok());
  EXPECT_EQ(receipt->written.rows, 0u);
}

// Section 7: Insert again after a lost connection would store rows twice.
TEST_F(WriterTest, ConnectionLostAfterItWasAppliedStoresOnce) {
  Begin(SimpleSpec());
  const RowBatch batch = Rows(1000);
  server_->Inject(Fault::LostAfter("Insert", 3, 2));
  auto writer = Open();
  ASSERT_TRUE(writer->Write(context_, batch.Slice(0, 1000)).ok());
  const auto receipt = writer->Commit(context_);
  ASSERT_TRUE(receipt.ok()) << receipt.status();
  EXPECT_EQ(receipt->reconciled_batches, 2u);
  EXPECT_EQ(receipt->written, DigestOf(batch));
  EXPECT_EQ(server_->Calls("Upsert"), 0);
  ExpectStoredOnce(batch);
}

TEST_F(WriterTest, ConnectionLostBeforeItWasAppliedStoresOnce) {
  Begin(SimpleSpec());
  const RowBatch batch = Rows(1000);
  server_->Inject(Fault::LostBefore("Insert", 2, 3));
  auto writer = Open();
  ASSERT_TRUE(writer->Write(context_, batch.Slice(0, 1000)).ok());
  const auto receipt = writer->Commit(context_);
  ASSERT_TRUE(receipt.ok()) << receipt.status();
  EXPECT_EQ(receipt->written, DigestOf(batch));
  ExpectStoredOnce(batch);
}

// The call that was given up for lost is applied after all, when it was already settled.
TEST_F(WriterTest, CallAppliedLateIsFoundAndItsCopiesRemoved) {
  Begin(SimpleSpec());
  const RowBatch batch = Rows(50);
  pb::InsertRequest lost;
  server_->Before("Insert", [&](const fake::Call& call) {
    lost = dynamic_cast<const pb::InsertRequest&>(call.request);
  });
  server_->Inject(Fault::LostBefore("Insert"));
  bool late = false;
  server_->After("Upsert", [&](const fake::Call&, google::protobuf::Message&) {
    if (!late) server_->Apply<pb::MutationResult>(lost);
    late = true;
  });
  auto writer = Open();
  ASSERT_TRUE(writer->Write(context_, batch.Slice(0, 50)).ok());
  const auto receipt = writer->Commit(context_);
  ASSERT_TRUE(receipt.ok()) << receipt.status();
  EXPECT_TRUE(late);
  ExpectStoredOnce(batch);
}

TEST_F(WriterTest, AnswerThatNamesFewerRowsIsSettledByKey) {
  Begin(SimpleSpec());
  const RowBatch batch = Rows(50);
  server_->After("Insert", [&](const fake::Call& call, google::protobuf::Message& answer) {
    if (call.number == 1) dynamic_cast<pb::MutationResult&>(answer).set_insert_cnt(49);
  });
  auto writer = Open();
  ASSERT_TRUE(writer->Write(context_, batch.Slice(0, 50)).ok());
  const auto receipt = writer->Commit(context_);
  ASSERT_TRUE(receipt.ok()) << receipt.status();
  EXPECT_EQ(receipt->reconciled_batches, 1u);
  ExpectStoredOnce(batch);
}

TEST_F(WriterTest, CollectionThatIsNotLoadedIsSettledWithoutLooking) {
  Begin(SimpleSpec(), Behaviour::Of(Release::k2_3), false);
  const RowBatch batch = Rows(50);
  server_->Inject(Fault::LostAfter("Insert"));
  auto writer = Open();
  ASSERT_TRUE(writer->Write(context_, batch.Slice(0, 50)).ok());
  const auto receipt = writer->Commit(context_);
  ASSERT_TRUE(receipt.ok()) << receipt.status();
  EXPECT_EQ(server_->Calls("Upsert"), 1);
  ExpectStoredOnce(batch);
}

TEST_F(WriterTest, ServerThatStaysDeadLeavesTheOutcomeUnknown) {
  Begin(SimpleSpec());
  server_->Inject(Fault::CrashAfter("Insert", 2));
  auto writer = Open();
  Status status = writer->Write(context_, Rows(2000));
  if (status.ok()) status = writer->Commit(context_).status();
  EXPECT_TRUE(KindOf(status) == Kind::kUnknownOutcome || KindOf(status) == Kind::kTransient)
      << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("docs"));
}

TEST_F(WriterTest, ResumedRunUpsertsWhatMayBeThere) {
  Begin(SimpleSpec());
  const RowBatch batch = Rows(400);
  auto first = Open();
  ASSERT_TRUE(first->Write(context_, batch.Slice(0, 250)).ok());
  ASSERT_TRUE(first->Commit(context_).ok());
  auto second = Open({.start = WriteStart::kResumed});
  ASSERT_TRUE(second->Write(context_, batch.Slice(0, 400)).ok());
  const auto receipt = second->Commit(context_);
  ASSERT_TRUE(receipt.ok()) << receipt.status();
  EXPECT_EQ(receipt->written, DigestOf(batch));
  ExpectStoredOnce(batch);
}

TEST_F(WriterTest, UpsertLostHalfWayIsSettledToo) {
  Begin(SimpleSpec());
  const RowBatch batch = Rows(400);
  server_->Inject(Fault::LostAfter("Upsert", 1));
  server_->Inject(Fault::LostBefore("Upsert", 3));
  auto writer = Open({.start = WriteStart::kResumed});
  ASSERT_TRUE(writer->Write(context_, batch.Slice(0, 400)).ok());
  const auto receipt = writer->Commit(context_);
  ASSERT_TRUE(receipt.ok()) << receipt.status();
  ExpectStoredOnce(batch);
}

TEST_F(WriterTest, RateLimitIsWaitedFor) {
  Begin(SimpleSpec());
  const RowBatch batch = Rows(300);
  server_->Inject(Fault::RateLimit("Insert", 3));
  auto writer = Open();
  ASSERT_TRUE(writer->Write(context_, batch.Slice(0, 300)).ok());
  ASSERT_TRUE(writer->Commit(context_).ok());
  ExpectStoredOnce(batch);
}

TEST_F(WriterTest, DeleteComesAfterWhatWasWrittenBefore) {
  Begin(SimpleSpec());
  const RowBatch batch = Rows(100);
  auto writer = Open();
  ASSERT_TRUE(writer->Write(context_, batch.Slice(0, 100)).ok());
  std::vector<Key> keys;
  for (std::size_t row = 40; row < 100; ++row) keys.push_back(batch.KeyAt(row));
  server_->Inject(Fault::LostAfter("Delete"));
  ASSERT_TRUE(writer->Delete(context_, rows::kDefaultPartition, keys).ok());
  const auto receipt = writer->Commit(context_);
  ASSERT_TRUE(receipt.ok()) << receipt.status();
  EXPECT_EQ(receipt->deleted_keys, 60u);
  ExpectStoredOnce(batch.Slice(0, 40));
}

// Protocol 2.4: the server names no row when it refuses a vector with NaN; the writer does.
TEST_F(WriterTest, VectorThatIsNotFiniteIsNamedByItsKey) {
  Begin(SimpleSpec());
  RowBatch batch = RowBatch::Empty(target_.schema, rows::kDefaultPartition);
  for (std::int64_t id = 0; id < 3; ++id) {
    const float vector[4] = {1, 2, 3, id == 1 ? std::numeric_limits<float>::quiet_NaN() : 4.0F};
    for (auto& column : batch.mutable_columns()) {
      if (column.field().name == "vector") {
        column.Append({reinterpret_cast<const std::uint8_t*>(vector), 16});
      } else {
        column.Append({reinterpret_cast<const std::uint8_t*>(&id), 8});
      }
    }
  }
  server_->Inject(Fault::Milvus("Insert", 65535, false, "value 'NaN' is not a number or infinity"));
  auto writer = Open();
  Status status = writer->Write(context_, std::move(batch));
  if (status.ok()) status = writer->Commit(context_).status();
  EXPECT_EQ(KindOf(status), Kind::kRefused);
  EXPECT_THAT(std::string(status.message()), HasSubstr("key 1 "));
  EXPECT_THAT(std::string(status.message()), HasSubstr("vector"));
}

// --- Protocol 2.5: generated keys ---

rows::CollectionSpec GeneratedSpec() {
  rows::CollectionSpec spec = SimpleSpec();
  spec.schema.auto_id = true;
  spec.schema.fields[0].auto_id = true;
  return spec;
}

TEST_F(WriterTest, GeneratedKeysAreKeptWhereTheServerAllows) {
  Behaviour behaviour = Behaviour::Of(Release::k2_6);
  behaviour.allows_insert_auto_id = true;
  Begin(GeneratedSpec(), behaviour);
  const RowBatch batch = Rows(200);
  server_->Inject(Fault::LostAfter("Insert", 1));
  server_->Inject(Fault::LostBefore("Insert", 1));
  auto writer = Open();
  ASSERT_TRUE(writer->Write(context_, batch.Slice(0, 200)).ok());
  const auto receipt = writer->Commit(context_);
  ASSERT_TRUE(receipt.ok()) << receipt.status();
  ExpectStoredOnce(batch);
  const auto after = ReadCollectionSpec(context_, *client_, target_.name);
  EXPECT_EQ(rows::FindValue(after->spec.properties, "allow_insert_auto_id"), nullptr);
}

TEST_F(WriterTest, ResumedRunWithGeneratedKeysStoresOnce) {
  Behaviour behaviour = Behaviour::Of(Release::k2_6);
  behaviour.allows_insert_auto_id = true;
  Begin(GeneratedSpec(), behaviour);
  const RowBatch batch = Rows(300);
  auto first = Open();
  ASSERT_TRUE(first->Write(context_, batch.Slice(0, 150)).ok());
  ASSERT_TRUE(first->Commit(context_).ok());
  auto second = Open({.start = WriteStart::kResumed});
  ASSERT_TRUE(second->Write(context_, batch.Slice(0, 300)).ok());
  ASSERT_TRUE(second->Commit(context_).ok());
  ExpectStoredOnce(batch);
}

TEST_F(WriterTest, GeneratedKeysThatTheServerRefusesAreSaid) {
  Begin(GeneratedSpec());
  const Status status = OpenCollectionWriter(context_, client_, target_, {}).status();
  EXPECT_EQ(KindOf(status), Kind::kRefused) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("new keys"));
  EXPECT_EQ(server_->Calls("AlterCollection"), 0);
}

TEST_F(WriterTest, GeneratedKeysRefusedAgainstTheVersionAreSaidAtTheWrite) {
  Behaviour behaviour = Behaviour::Of(Release::k2_6);
  behaviour.allows_insert_auto_id = false;
  Begin(GeneratedSpec(), behaviour);
  auto writer = Open();
  Status status = writer->Write(context_, Rows(20));
  if (status.ok()) status = writer->Commit(context_).status();
  EXPECT_EQ(KindOf(status), Kind::kRefused) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("new keys"));
  writer.reset();
  const auto after = ReadCollectionSpec(context_, *client_, target_.name);
  EXPECT_EQ(rows::FindValue(after->spec.properties, "allow_insert_auto_id"), nullptr);
}

TEST_F(WriterTest, NewKeysOnRequest) {
  Begin(GeneratedSpec());
  auto writer = Open({.generated_keys = GeneratedKeys::kNew});
  ASSERT_TRUE(writer->Write(context_, Rows(20)).ok());
  ASSERT_TRUE(writer->Commit(context_).ok());
  EXPECT_EQ(Stored().rows, 20u);
  // What is not known stays so.
  server_->Inject(Fault::LostAfter("Insert"));
  auto second = Open({.generated_keys = GeneratedKeys::kNew});
  Status status = second->Write(context_, Rows(20));
  if (status.ok()) status = second->Commit(context_).status();
  EXPECT_EQ(KindOf(status), Kind::kUnknownOutcome);
  WriterOptions resumed{.generated_keys = GeneratedKeys::kNew, .start = WriteStart::kResumed};
  EXPECT_EQ(KindOf(OpenCollectionWriter(context_, client_, target_, resumed).status()),
            Kind::kRefused);
}

// --- Protocol 2.2 to 2.4: every type there and back ---

class EveryTypeRoundTrip : public WriterTest, public testing::WithParamInterface<DataType> {};

TEST_P(EveryTypeRoundTrip, RowsComeBackBitByBit) {
  rows::RowGenerator generator(4);
  rows::CollectionSpec spec;
  spec.name.collection = "docs";
  spec.schema = generator.EveryTypeSchema(GetParam());
  spec.schema.name = "docs";
  std::erase_if(spec.schema.fields, IsOpaque);
  spec.partitions = {{rows::kDefaultPartition, rows::LoadState::kLoaded}};
  for (auto& field : spec.schema.fields) {
    field.default_value.clear();
    if (!rows::IsVector(field.type)) continue;
    spec.indexes.push_back({field.name, field.name, {{"index_type", "FLAT"}}});
  }
  Behaviour behaviour = Behaviour::Of(Release::k2_6);
  behaviour.max_vector_fields = 20;
  Begin(spec, behaviour);
  const RowBatch batch = Rows(150, 12);
  auto writer = Open();
  ASSERT_TRUE(writer->Write(context_, batch.Slice(0, 150)).ok());
  const auto receipt = writer->Commit(context_);
  ASSERT_TRUE(receipt.ok()) << receipt.status();
  EXPECT_EQ(receipt->written, DigestOf(batch));
  ExpectStoredOnce(batch);
}

INSTANTIATE_TEST_SUITE_P(Keys, EveryTypeRoundTrip,
                         testing::Values(DataType::kInt64, DataType::kVarChar));

// Empty arrays and columns with defaults, on a server that dies of either done wrong.
TEST_F(WriterTest, EmptyArraysAndDefaultsDoNotKillTheServer) {
  rows::CollectionSpec spec = SimpleSpec();
  auto tags = Field("tags", DataType::kArray);
  tags.element_type = DataType::kVarChar;
  tags.type_params = {{"max_capacity", "8"}, {"max_length", "16"}};
  auto level = Field("level", DataType::kInt64);
  wire::schema::ValueField value;
  value.set_long_data(5);
  const std::string bytes = value.SerializeAsString();
  level.default_value.assign(bytes.begin(), bytes.end());
  spec.schema.fields.push_back(tags);
  spec.schema.fields.push_back(level);
  spec.schema.enable_dynamic_field = true;
  Behaviour behaviour = Behaviour::Of(Release::k2_3);
  behaviour.crashes_on_missing_default = true;
  behaviour.crashes_on_untyped_array = true;
  Begin(spec, behaviour);
  const RowBatch batch = Rows(60);
  auto writer = Open();
  ASSERT_TRUE(writer->Write(context_, batch.Slice(0, 60)).ok());
  const auto receipt = writer->Commit(context_);
  ASSERT_TRUE(receipt.ok()) << receipt.status();
  EXPECT_TRUE(server_->running());
  ExpectStoredOnce(batch);
}

TEST_F(WriterTest, PartitionsAreKept) {
  rows::CollectionSpec spec = SimpleSpec();
  spec.partitions.push_back({"p2", rows::LoadState::kLoaded});
  Begin(spec);
  RowBatch here = Rows(30);
  rows::RowGenerator generator(9);
  RowBatch there("p2", std::vector<rows::Column>(here.columns()));
  auto writer = Open();
  ASSERT_TRUE(writer->Write(context_, here.Slice(0, 30)).ok());
  ASSERT_TRUE(writer->Write(context_, std::move(there)).ok());
  ASSERT_TRUE(writer->Commit(context_).ok());
  auto source = OpenCollectionSource(context_, client_, target_.name, {});
  ASSERT_TRUE(source.ok());
  EXPECT_EQ(ReadPartition(**source, "p2").values.size(), 30u);
  EXPECT_EQ(ReadPartition(**source, rows::kDefaultPartition).values.size(), 30u);
}

TEST_F(WriterTest, NullsWhereTheTargetTakesNoneAreRefused) {
  rows::CollectionSpec spec = SimpleSpec();
  Begin(spec);
  RowBatch batch = Rows(5);
  for (auto& column : batch.mutable_columns()) {
    if (column.field().name != "value") continue;
    rows::FieldSchema nullable = column.field();
    nullable.nullable = true;
    rows::Column with_null(nullable);
    for (std::size_t row = 0; row < 5; ++row) with_null.AppendNull();
    column = std::move(with_null);
  }
  auto writer = Open();
  Status status = writer->Write(context_, std::move(batch));
  if (status.ok()) status = writer->Commit(context_).status();
  EXPECT_EQ(KindOf(status), Kind::kRefused);
  EXPECT_THAT(std::string(status.message()), HasSubstr("value"));
}

TEST_F(WriterTest, AbortAndCancelEndItsThreads) {
  Begin(SimpleSpec());
  CancelScope scope(context_);
  WriterOptions options;
  options.call_bytes = 4096;
  auto writer = OpenCollectionWriter(scope.context(), client_, target_, options);
  ASSERT_TRUE(writer.ok());
  ASSERT_TRUE((*writer)->Write(scope.context(), Rows(100)).ok());
  scope.Cancel();
  EXPECT_EQ(KindOf((*writer)->Commit(scope.context()).status()), Kind::kCancelled);
  (*writer)->Abort();
  auto second = Open();
  ASSERT_TRUE(second->Write(context_, Rows(100)).ok());
  second->Abort();
  EXPECT_FALSE(second->Write(context_, Rows(1)).ok());
}

}  // namespace
}  // namespace aerie::milvus
