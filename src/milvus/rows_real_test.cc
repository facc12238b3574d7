// Rows into and out of the real Milvus 2.3.5: every type it has, hard keys, traps of its queries,
// writes during a read, and its death in the middle of a write.
#include <atomic>
#include <limits>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "milvus/collection_admin.h"
#include "milvus/collection_source.h"
#include "milvus/collection_writer.h"
#include "real_milvus.h"
#include "rows/digest.h"
#include "rows/row_generator.h"

namespace aerie::milvus {
namespace {

using rows::CollectionSpec;
using rows::DataType;
using rows::FieldSchema;
using rows::Key;
using rows::RowBatch;
using testing::HasSubstr;

// Sanitizer builds share two cores with everything else.
const Context kContext = Context::Background().WithTimeout(std::chrono::minutes(8));
constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();

std::shared_ptr<Client> Connect(test::RealMilvus& server) {
  const auto uri = ParseClusterUri(server.uri());
  auto client = Client::Open(kContext, *uri, ClientOptions());
  EXPECT_TRUE(client.ok()) << client.status();
  return client.ok() ? *client : nullptr;
}

FieldSchema Field(const std::string& name, DataType type) {
  FieldSchema field;
  field.name = name;
  field.type = type;
  return field;
}

CollectionSpec SpecOf(const std::string& name, rows::CollectionSchema schema) {
  CollectionSpec spec;
  spec.name.collection = name;
  spec.schema = std::move(schema);
  spec.schema.name = name;
  spec.schema.description.clear();
  spec.partitions = {{rows::kDefaultPartition, rows::LoadState::kLoaded}};
  for (const auto& field : spec.schema.fields) {
    if (!rows::IsVector(field.type)) continue;
    spec.indexes.push_back(
        {field.name, field.name, {{"index_type", "FLAT"}, {"metric_type", "L2"}}});
  }
  spec.shards = 2;
  return spec;
}

// "id" key, "value" Int64, "vector" of 4 floats.
CollectionSpec SimpleSpec(const std::string& name, DataType key_type = DataType::kInt64) {
  rows::CollectionSchema schema;
  auto key = Field("id", key_type);
  key.primary_key = true;
  if (key_type == DataType::kVarChar) key.type_params = {{"max_length", "65535"}};
  auto vector = Field("vector", DataType::kFloatVector);
  vector.type_params = {{"dim", "4"}};
  schema.fields = {key, Field("value", DataType::kInt64), vector};
  return SpecOf(name, schema);
}

// Every field type and array element type that 2.3.5 has, with one float vector.
CollectionSpec EveryTypeSpec(const std::string& name, DataType key_type) {
  rows::RowGenerator generator(17);
  rows::CollectionSchema schema = generator.EveryTypeSchema(key_type);
  std::set<std::string> seen;
  std::erase_if(schema.fields, [&](FieldSchema& field) {
    field.nullable = false;
    field.default_value.clear();
    field.clustering_key = false;
    field.function_output = false;
    field.unknown.clear();
    switch (field.type) {
      case DataType::kBool:
      case DataType::kInt8:
      case DataType::kInt16:
      case DataType::kInt32:
      case DataType::kInt64:
      case DataType::kFloat:
      case DataType::kDouble:
      case DataType::kVarChar:
      case DataType::kJson:
      case DataType::kFloatVector: break;
      case DataType::kArray:
        if (!IsOpaque(field) && field.element_type != DataType::kString) break;
        return true;
      default: return true;
    }
    const auto kind = rows::TypeName(field.type) + rows::TypeName(field.element_type);
    return !field.primary_key && !seen.insert(kind).second;
  });
  schema.functions.clear();
  schema.enable_dynamic_field = true;
  schema.enable_namespace = false;
  schema.properties.clear();
  schema.unknown.clear();
  return SpecOf(name, schema);
}

RowBatch FiniteVectors(RowBatch batch) {
  for (auto& column : batch.mutable_columns()) {
    if (column.field().type != DataType::kFloatVector) continue;
    rows::Column finite(column.field());
    std::vector<float> cell(column.width() / 4, -0.0F);
    for (std::size_t row = 0; row < column.rows(); ++row) {
      cell[0] = static_cast<float>(row) * 1e-40F;  // denormal
      finite.Append({reinterpret_cast<const std::uint8_t*>(cell.data()), column.width()});
    }
    column = std::move(finite);
  }
  return batch;
}

class RealRowsTest : public testing::Test {
 protected:
  RealRowsTest() : client_(Connect(test::RealMilvus::Shared())) {}

  CollectionSpec Make(const CollectionSpec& spec, Client& client) {
    (void)DropCollection(kContext, client, spec.name);
    const Status created = CreateCollectionFromSpec(kContext, client, spec);
    EXPECT_TRUE(created.ok()) << created;
    const Status indexed = CreateIndexes(kContext, client, spec.name, spec.indexes);
    EXPECT_TRUE(indexed.ok()) << indexed;
    const Status loaded = Load(kContext, client, spec.name, {});
    EXPECT_TRUE(loaded.ok()) << loaded;
    auto reading = ReadCollectionSpec(kContext, client, spec.name);
    EXPECT_TRUE(reading.ok()) << reading.status();
    return reading.ok() ? reading->spec : spec;
  }
  CollectionSpec Make(const CollectionSpec& spec) { return Make(spec, *client_); }

  static Status Write(const std::shared_ptr<Client>& client, const CollectionSpec& spec,
                      const std::vector<RowBatch>& batches, const WriterOptions& options = {}) {
    auto writer = OpenCollectionWriter(kContext, client, spec, options);
    if (!writer.ok()) return writer.status();
    for (const RowBatch& batch : batches) {
      AERIE_TRY((*writer)->Write(kContext, batch.Slice(0, batch.rows())));
    }
    return (*writer)->Commit(kContext).status();
  }

  struct Stored {
    rows::RangeDigest digest;
    rows::ReadReport report;
    std::map<Key, std::int64_t> values;  // of the column "value"
  };
  static Stored ReadAll(const std::shared_ptr<Client>& client, const rows::CollectionName& name,
                        const std::string& partition, std::size_t batch_bytes = 16384) {
    Stored out;
    auto source = OpenCollectionSource(kContext, client, name, {});
    EXPECT_TRUE(source.ok()) << source.status();
    if (!source.ok()) return out;
    rows::ReadOptions options;
    options.batch_bytes = batch_bytes;
    auto reader = (*source)->OpenReader(kContext, partition, options);
    EXPECT_TRUE(reader.ok()) << reader.status();
    rows::RowDigester digester((*source)->spec().schema.Columns());
    while (true) {
      auto batch = (*reader)->Next(kContext);
      EXPECT_TRUE(batch.ok()) << batch.status();
      if (!batch.ok() || !*batch) break;
      out.digest.Add(*digester.DigestRange(**batch));
      const rows::Column* value = (*batch)->Find("value");
      for (std::size_t row = 0; value != nullptr && row < (*batch)->rows(); ++row) {
        std::int64_t number = 0;
        std::memcpy(&number, value->Cell(row).data(), 8);
        EXPECT_TRUE(out.values.emplace((*batch)->KeyAt(row), number).second);
      }
    }
    out.report = (*reader)->report();
    reader->reset();
    EXPECT_TRUE((*source)->Close(kContext).ok());
    return out;
  }

  static RowBatch SimpleRows(const CollectionSpec& spec, const std::vector<Key>& keys,
                             std::int64_t value = 0,
                             const std::string& partition = rows::kDefaultPartition) {
    RowBatch batch = RowBatch::Empty(spec.schema, partition);
    const float vector[4] = {1, 2, 3, 4};
    for (const Key& key : keys) {
      auto& columns = batch.mutable_columns();
      if (const auto* number = std::get_if<std::int64_t>(&key)) {
        columns[0].Append({reinterpret_cast<const std::uint8_t*>(number), 8});
      } else {
        columns[0].Append(AsBytes(std::get<std::string>(key)));
      }
      columns[1].Append({reinterpret_cast<const std::uint8_t*>(&value), 8});
      columns[2].Append({reinterpret_cast<const std::uint8_t*>(vector), 16});
    }
    return batch;
  }
  static std::vector<Key> IntKeys(std::int64_t begin, std::int64_t end) {
    std::vector<Key> keys;
    for (std::int64_t key = begin; key < end; ++key) keys.emplace_back(key);
    return keys;
  }

  std::shared_ptr<Client> client_;
};

TEST_F(RealRowsTest, EveryTypeThereAndBackBitByBit) {
  for (const DataType key_type : {DataType::kInt64, DataType::kVarChar}) {
    CollectionSpec wanted = EveryTypeSpec("wire_every_type", key_type);
    wanted.partitions.push_back({"second", rows::LoadState::kLoaded});
    const CollectionSpec spec = Make(wanted);
    rows::RowGenerator generator(23);
    rows::RowDigester digester(spec.schema.Columns());
    for (const std::string partition : {rows::kDefaultPartition, "second"}) {
      RowBatch batch = FiniteVectors(generator.RandomRows(spec.schema, partition, 500));
      // Counted but never returned by this server: has a test of its own.
      if (batch.KeyAt(499) == Key(kMax)) batch = batch.Slice(0, 499);
      const Status written = Write(client_, spec, {batch}, {.call_bytes = 65536});
      ASSERT_TRUE(written.ok()) << written;
      const Stored stored = ReadAll(client_, spec.name, partition);
      EXPECT_EQ(stored.digest, *digester.DigestRange(batch));
      EXPECT_EQ(stored.report.duplicate_keys, 0u);
      EXPECT_THAT(stored.report.warnings, testing::IsEmpty());
    }
    EXPECT_TRUE(DropCollection(kContext, *client_, spec.name).ok());
  }
}

TEST_F(RealRowsTest, HardTextKeys) {
  const CollectionSpec spec = Make(SimpleSpec("wire_text_keys", DataType::kVarChar));
  std::set<Key> keys;
  for (int c = 0; c < 128; ++c) keys.insert(std::string("k") + static_cast<char>(c) + "z");
  for (const char* text : {"", "\\", "\\\\", "\"", "'", "%", "a\\nb", "\xc3\xa9",
                           "\xf0\x9f\xa6\x85", "\\u0041", "{x}", "a\"] or id in [\""}) {
    keys.insert(std::string(text));
  }
  keys.insert(std::string(65535, 'k'));
  keys.insert(std::string(65534, 'k') + "l");
  const std::vector<Key> ascending(keys.begin(), keys.end());
  const RowBatch batch = SimpleRows(spec, ascending, 5);
  const Status written = Write(client_, spec, {batch});
  ASSERT_TRUE(written.ok()) << written;
  // Ranges so small that nearly every key becomes a boundary.
  const Stored stored = ReadAll(client_, spec.name, rows::kDefaultPartition, 1);
  EXPECT_EQ(stored.values.size(), keys.size());
  EXPECT_EQ(stored.report.reread_ranges, 0u);
  rows::RowDigester digester(spec.schema.Columns());
  EXPECT_EQ(stored.digest, *digester.DigestRange(batch));
  // A resumed run finds all of them by key.
  ASSERT_TRUE(Write(client_, spec, {batch}, {.start = WriteStart::kResumed}).ok());
  EXPECT_EQ(ReadAll(client_, spec.name, rows::kDefaultPartition).report.counted, keys.size());
}

TEST_F(RealRowsTest, EqualKeysThreeTimesLoseNothing) {
  const CollectionSpec spec = Make(SimpleSpec("wire_duplicates"));
  const auto keys = IntKeys(0, 1000);
  ASSERT_TRUE(Write(client_, spec, {SimpleRows(spec, keys, 1)}).ok());
  ASSERT_TRUE(Flush(kContext, *client_, spec.name).ok());
  ASSERT_TRUE(Write(client_, spec, {SimpleRows(spec, keys, 2)}).ok());
  ASSERT_TRUE(Write(client_, spec, {SimpleRows(spec, keys, 3)}).ok());
  const Stored stored = ReadAll(client_, spec.name, rows::kDefaultPartition, 4096);
  EXPECT_EQ(stored.values.size(), 1000u);
  EXPECT_EQ(stored.report.counted, 3000u);
  EXPECT_EQ(stored.report.duplicate_keys, 2000u);
  ASSERT_EQ(stored.report.warnings.size(), 1u);
}

TEST_F(RealRowsTest, EndsOfTheInt64Keys) {
  const CollectionSpec spec = Make(SimpleSpec("wire_int_ends"));
  ASSERT_TRUE(
      Write(client_, spec,
            {SimpleRows(spec, {kMin, kMin + 1, std::int64_t{-1}, std::int64_t{0}, kMax - 1, kMax})})
          .ok());
  const Stored stored = ReadAll(client_, spec.name, rows::kDefaultPartition, 1);
  EXPECT_EQ(stored.values.size(), 5u);
  EXPECT_EQ(stored.report.counted, 6u);
  EXPECT_EQ(stored.report.unreadable_keys, 1u);
  EXPECT_EQ(stored.report.duplicate_keys, 0u);
}

TEST_F(RealRowsTest, ReleasedPartitionAndUnloadedCollection) {
  CollectionSpec wanted = SimpleSpec("wire_load");
  wanted.partitions.push_back({"p2", rows::LoadState::kLoaded});
  const CollectionSpec spec = Make(wanted);
  ASSERT_TRUE(Write(client_, spec,
                    {SimpleRows(spec, IntKeys(0, 10)), SimpleRows(spec, IntKeys(0, 20), 1, "p2")})
                  .ok());
  pb::ReleasePartitionsRequest release;
  release.set_collection_name(spec.name.collection);
  release.add_partition_names("p2");
  ASSERT_TRUE(client_->ReleasePartitions(kContext, release).ok());
  const auto refused = OpenCollectionSource(kContext, client_, spec.name,
                                            {.when_not_loaded = WhenNotLoaded::kRefuse});
  EXPECT_EQ(KindOf(refused.status()), Kind::kRefused);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("p2"));
  EXPECT_EQ(ReadAll(client_, spec.name, "p2").values.size(), 20u);
  auto reading = ReadCollectionSpec(kContext, *client_, spec.name);
  ASSERT_TRUE(reading.ok());
  for (const auto& partition : reading->spec.partitions) {
    EXPECT_EQ(partition.load_state == rows::LoadState::kLoaded, partition.name != "p2");
  }
  ASSERT_TRUE(Release(kContext, *client_, spec.name).ok());
  EXPECT_EQ(ReadAll(client_, spec.name, rows::kDefaultPartition).values.size(), 10u);
  reading = ReadCollectionSpec(kContext, *client_, spec.name);
  EXPECT_EQ(reading->spec.load_state, rows::LoadState::kNotLoaded);
}

TEST_F(RealRowsTest, PartitionKey) {
  CollectionSpec wanted = SimpleSpec("wire_partition_key");
  wanted.schema.fields[1].partition_key = true;
  wanted.num_partitions = 7;
  wanted.partitions.clear();
  const CollectionSpec spec = Make(wanted);
  std::vector<RowBatch> batches;
  for (int i = 0; i < 10; ++i) {
    batches.push_back(SimpleRows(spec, IntKeys(i * 50, i * 50 + 50), i, ""));
  }
  const Status written = Write(client_, spec, batches);
  ASSERT_TRUE(written.ok()) << written;
  EXPECT_EQ(ReadAll(client_, spec.name, "", 4096).values.size(), 500u);
}

TEST_F(RealRowsTest, GeneratedKeysAreRefusedByThisServer) {
  CollectionSpec wanted = SimpleSpec("wire_generated");
  wanted.schema.auto_id = true;
  wanted.schema.fields[0].auto_id = true;
  const CollectionSpec spec = Make(wanted);
  const Status kept = Write(client_, spec, {SimpleRows(spec, IntKeys(0, 10))});
  EXPECT_EQ(KindOf(kept), Kind::kRefused) << kept;
  const Status made = Write(client_, spec, {SimpleRows(spec, IntKeys(0, 10))},
                            {.generated_keys = GeneratedKeys::kNew});
  EXPECT_TRUE(made.ok()) << made;
  EXPECT_EQ(ReadAll(client_, spec.name, rows::kDefaultPartition).values.size(), 10u);
}

TEST_F(RealRowsTest, VectorThatIsNotFiniteIsNamed) {
  const CollectionSpec spec = Make(SimpleSpec("wire_nan"));
  RowBatch batch = SimpleRows(spec, IntKeys(0, 5));
  rows::Column vectors(batch.columns()[2].field());
  for (int row = 0; row < 5; ++row) {
    const float cell[4] = {1, 2, 3, row == 3 ? std::numeric_limits<float>::infinity() : 4};
    vectors.Append({reinterpret_cast<const std::uint8_t*>(cell), 16});
  }
  batch.mutable_columns()[2] = std::move(vectors);
  const Status status = Write(client_, spec, {batch});
  EXPECT_EQ(KindOf(status), Kind::kRefused) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("key 3 "));
}

TEST_F(RealRowsTest, WritesByAnotherClientDuringTheRead) {
  const CollectionSpec spec = Make(SimpleSpec("wire_live"));
  constexpr std::int64_t kRows = 20'000;
  ASSERT_TRUE(Write(client_, spec, {SimpleRows(spec, IntKeys(0, kRows), 1)}).ok());
  std::atomic<bool> stop = false;
  std::set<std::int64_t> touched;
  std::thread other([&] {
    const auto client = Connect(test::RealMilvus::Shared());
    for (std::int64_t i = 0; !stop; ++i) {
      const std::int64_t key = i * 37 % kRows;
      touched.insert(key);
      std::vector<RowBatch> rows;
      rows.push_back(SimpleRows(spec, {key}, 2));
      rows.push_back(SimpleRows(spec, {kRows + i}, 3));
      EXPECT_TRUE(Write(client, spec, rows, {.start = WriteStart::kResumed}).ok());
      if (i % 3 == 0) {
        pb::DeleteRequest request;
        request.set_collection_name(spec.name.collection);
        request.set_expr("id in [" + std::to_string(key) + "]");
        EXPECT_TRUE(client->Delete(kContext, request).ok());
      }
    }
  });
  for (int round = 0; round < 3; ++round) {
    const Stored stored = ReadAll(client_, spec.name, rows::kDefaultPartition, 8192);
    EXPECT_EQ(stored.report.duplicate_keys, 0u);
    EXPECT_TRUE(stored.report.fuzzy);
    if (round < 2) continue;
    stop = true;
    other.join();
    for (std::int64_t key = 0; key < kRows; ++key) {
      const auto it = stored.values.find(Key(key));
      if (touched.count(key) != 0) {
        EXPECT_TRUE(it == stored.values.end() || it->second == 1 || it->second == 2);
        continue;
      }
      ASSERT_NE(it, stored.values.end()) << key;
      EXPECT_EQ(it->second, 1);
    }
  }
}

// A server of its own, since it is killed.
TEST_F(RealRowsTest, ServerKilledInTheMiddleOfAWriteThenResumed) {
  auto server = test::RealMilvus::Launch({});
  ASSERT_TRUE(server.ok()) << server.status();
  auto client = Connect(**server);
  const CollectionSpec spec = Make(SimpleSpec("wire_killed"), *client);
  std::vector<RowBatch> batches;
  for (int i = 0; i < 200; ++i) {
    batches.push_back(SimpleRows(spec, IntKeys(i * 100, i * 100 + 100), i));
  }
  auto writer = OpenCollectionWriter(kContext, client, spec, {.call_bytes = 3000});
  ASSERT_TRUE(writer.ok());
  Status status;
  for (std::size_t i = 0; i < batches.size() && status.ok(); ++i) {
    if (i == 50) {
      ASSERT_TRUE((*server)->Kill().ok());
    }
    status = (*writer)->Write(kContext, batches[i].Slice(0, 100));
  }
  if (status.ok()) status = (*writer)->Commit(kContext).status();
  EXPECT_FALSE(status.ok());
  writer->reset();
  ASSERT_TRUE((*server)->Start().ok());
  client = Connect(**server);
  ASSERT_TRUE(Load(kContext, *client, spec.name, {}).ok());
  const Status resumed =
      Write(client, spec, batches, {.call_bytes = 30'000, .start = WriteStart::kResumed});
  ASSERT_TRUE(resumed.ok()) << resumed;
  const Stored stored = ReadAll(client, spec.name, rows::kDefaultPartition);
  EXPECT_EQ(stored.values.size(), 20'000u);
  EXPECT_EQ(stored.report.duplicate_keys, 0u);
}

}  // namespace
}  // namespace aerie::milvus
