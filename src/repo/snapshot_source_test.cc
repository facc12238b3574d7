#include <gtest/gtest.h>

#include "base/testing_effort.h"
#include "repo/leaf_access.h"
#include "repo/leaf_cutter.h"
#include "repo/tree_cursor.h"
#include "repo/tree_testing.h"

namespace aerie::repo {
namespace {

using rows::DataType;

// A stored partition of many small leaves.
struct Stored {
  explicit Stored(rows::CollectionSpec collection, rows::RowBatch batch)
      : spec(std::move(collection)), rows(std::move(batch)) {
    PartitionRoot before;
    before.leaf_bits = 5;
    auto root = Store(blobs, spec, rows, 500, 1, before);
    EXPECT_TRUE(root.ok()) << root.status();
    manifest = ManifestOf(spec, *root);
  }
  rows::CollectionSpec spec;
  rows::RowBatch rows;
  MemoryBlobs blobs;
  CollectionManifest manifest;
};

TEST(RoundTrip, EveryTypeComesBackBitForBit) {
  for (const DataType key : {DataType::kInt64, DataType::kVarChar}) {
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
      rows::RowGenerator random(seed);
      const auto spec = SpecOf(random.EveryTypeSchema(key));
      const rows::RowBatch rows = random.RandomRows(spec.schema, "part", 1 + random.Below(3000));
      MemoryBlobs blobs;
      const auto root = Store(blobs, spec, rows, 700, seed);
      ASSERT_TRUE(root.ok()) << root.status();
      const auto back = ReadBack(blobs, ManifestOf(spec, *root));
      ASSERT_TRUE(back.ok()) << back.status();
      ExpectSameRows(*back, rows);
    }
  }
}

TEST(RoundTrip, RandomSchemasComeBack) {
  for (std::uint64_t seed = 100; seed < 130; ++seed) {
    rows::RowGenerator random(seed);
    const auto spec = SpecOf(random.RandomSchema());
    Stored stored(spec, random.RandomRows(spec.schema, "part", random.Below(400)));
    const auto back = ReadBack(stored.blobs, stored.manifest);
    ASSERT_TRUE(back.ok()) << back.status();
    ExpectSameRows(*back, stored.rows);
  }
}

TEST(RoundTrip, NoRowsAndOneRow) {
  for (const std::size_t rows : {0, 1}) {
    Stored stored(SmallSpec(), NumberedRows(SmallSpec(), 5, rows));
    EXPECT_EQ(stored.manifest.partitions[0].root.has_value(), rows != 0);
    const auto back = ReadBack(stored.blobs, stored.manifest);
    ASSERT_TRUE(back.ok()) << back.status();
    ExpectSameRows(*back, stored.rows);
    const auto keys =
        LeafBoundaries(Context::Background(), stored.blobs, stored.manifest.partitions[0]);
    ASSERT_TRUE(keys.ok());
    EXPECT_EQ(keys->size(), rows);
  }
}

TEST(RoundTrip, LongKeysAndLargeRows) {
  rows::CollectionSchema schema;
  schema.fields = {KeyField(DataType::kVarChar), PlainField("doc", DataType::kJson)};
  const auto spec = SpecOf(schema);
  rows::RowBatch rows = rows::RowBatch::Empty(schema, "part");
  for (int i = 0; i < 40; ++i) {
    const std::string key = std::to_string(100 + i) + std::string(65'530, 'k');
    rows.mutable_columns()[0].Append(AsBytes(key));
    rows.mutable_columns()[1].Append(Bytes(i % 10 == 0 ? 10 << 20 : 100, '7'));
  }
  Stored stored(spec, std::move(rows));
  const auto back = ReadBack(stored.blobs, stored.manifest);
  ASSERT_TRUE(back.ok()) << back.status();
  ExpectSameRows(*back, stored.rows);
}

TEST(SnapshotSource, ResumesAfterAnyKeyWithoutReadingWhatIsBefore) {
  const auto spec = SmallSpec();
  Stored stored(spec, NumberedRows(spec, 0, 8000, 2));
  for (const std::int64_t after : {-1, 0, 1, 7777, 7778, 15'997, 15'998, 20'000}) {
    rows::ReadOptions options;
    options.after = rows::Key(after);
    const auto back = ReadBack(stored.blobs, stored.manifest, options);
    ASSERT_TRUE(back.ok()) << back.status();
    std::size_t begin = 0;
    while (begin < stored.rows.rows() && stored.rows.KeyAt(begin) <= *options.after) ++begin;
    ExpectSameRows(*back, stored.rows.Slice(begin, stored.rows.rows()));
  }
  const auto loads = stored.blobs.loads();
  rows::ReadOptions options;
  options.after = rows::Key(std::int64_t{15'990});
  ASSERT_TRUE(ReadBack(stored.blobs, stored.manifest, options).ok());
  EXPECT_LE(stored.blobs.loads() - loads, 3U * 3 + stored.manifest.partitions[0].height);
}

TEST(SnapshotSource, PositionAndReportFollowTheBatches) {
  const Context context = Context::Background();
  const auto spec = SmallSpec();
  Stored stored(spec, NumberedRows(spec, 0, 2000));
  for (const int streams : {1, 2, 7, 100}) {
    const auto source = OpenCollectionSource(stored.blobs, stored.manifest);
    EXPECT_EQ(source->EstimatedRows(), 2000);
    EXPECT_EQ(source->spec().name.ToString(), "default.things");
    rows::ReadOptions options;
    options.streams = streams;
    auto reader = source->OpenReader(context, "part", options);
    ASSERT_TRUE(reader.ok()) << reader.status();
    EXPECT_EQ((*reader)->position(), std::nullopt);
    std::uint64_t rows = 0;
    std::vector<rows::Key> ends;
    for (;;) {
      const auto batch = (*reader)->Next(context);
      ASSERT_TRUE(batch.ok()) << batch.status();
      if (!*batch) break;
      rows += (*batch)->rows();
      ends.push_back((*batch)->KeyAt((*batch)->rows() - 1));
      EXPECT_EQ((*reader)->position(), ends.back());
    }
    EXPECT_EQ((*reader)->report().rows, rows);
    EXPECT_EQ(rows, 2000U);
    const repo::PartitionRoot& root = stored.manifest.partitions[0];
    EXPECT_EQ(*LeafBoundaries(context, stored.blobs, root), ends);
    const auto some = *LeafBoundaries(context, stored.blobs, root, root.bytes / 4);
    EXPECT_LT(some.size(), 7U);
    EXPECT_GT(some.size(), 2U);
    EXPECT_EQ(some.back(), ends.back());
    EXPECT_TRUE(std::includes(ends.begin(), ends.end(), some.begin(), some.end()));
    // The end stays the end.
    EXPECT_FALSE((*(*reader)->Next(context)).has_value());
  }
}

TEST(SnapshotSource, UnknownPartitionsAndFiltersAreRefused) {
  const Context context = Context::Background();
  Stored stored(SmallSpec(), NumberedRows(SmallSpec(), 0, 10));
  const auto source = OpenCollectionSource(stored.blobs, stored.manifest);
  EXPECT_EQ(KindOf(source->OpenReader(context, "other", {}).status()), Kind::kNotFound);
  rows::ReadOptions options;
  options.filter = "id > 5";
  EXPECT_EQ(KindOf(source->OpenReader(context, "part", options).status()), Kind::kUnsupported);
}

TEST(SnapshotSource, AReaderMayBeLeftAtAnyTime) {
  const Context context = Context::Background();
  Stored stored(SmallSpec(), NumberedRows(SmallSpec(), 0, 5000));
  const auto source = OpenCollectionSource(stored.blobs, stored.manifest);
  for (int batches = 0; batches < 5; ++batches) {
    auto reader = source->OpenReader(context, "part", {});
    ASSERT_TRUE(reader.ok());
    for (int i = 0; i < batches; ++i) ASSERT_TRUE((*reader)->Next(context).ok());
  }
  CancelScope scope(context);
  auto reader = source->OpenReader(scope.context(), "part", {});
  ASSERT_TRUE(reader.ok());
  scope.Cancel();
  Status status = Ok();
  while (status.ok()) status = (*reader)->Next(context).status();
  EXPECT_EQ(KindOf(status), Kind::kCancelled);
}

TEST(SnapshotSource, AFailingStoreIsNotDamage) {
  Stored stored(SmallSpec(), NumberedRows(SmallSpec(), 0, 5000));
  stored.blobs.before_load = [](const BlobRef& ref) {
    return ref.kind == BlobKind::kColumn ? MakeStatus(Kind::kTransient, "connection lost") : Ok();
  };
  EXPECT_EQ(KindOf(ReadBack(stored.blobs, stored.manifest).status()), Kind::kTransient);
}

// Everything delivered before the error, and the error.
Status ReadUntilError(BlobSource& source, const CollectionManifest& manifest,
                      rows::RowBatch& delivered) {
  const Context context = Context::Background();
  const auto collection = OpenCollectionSource(source, manifest);
  AERIE_ASSIGN(auto reader, collection->OpenReader(context, "part", {}));
  for (;;) {
    AERIE_ASSIGN(std::optional<rows::RowBatch> batch, reader->Next(context));
    if (!batch) return Ok();
    delivered.Append(*batch);
  }
}

// With the source's own verification off: what trees and digests alone notice.
TEST(SnapshotSource, AnyFlippedBitOfAnyBlobIsNoticedAndNeverDelivered) {
  rows::RowGenerator random(31);
  const auto spec = SpecOf(random.EveryTypeSchema(DataType::kInt64));
  Stored stored(spec, random.RandomRows(spec.schema, "part", 100));
  stored.blobs.verify = false;
  for (auto& [name, blob] : stored.blobs.blobs()) {
    for (int i = 0; i < Effort(6, 6, 1); ++i) {
      const std::size_t bit = random.Below(blob.plain.size() * 8);
      const auto flip = [&, at = &blob.plain] {
        (*at)[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
      };
      flip();
      rows::RowBatch delivered = rows::RowBatch::Empty(spec.schema, "part");
      const Status status = ReadUntilError(stored.blobs, stored.manifest, delivered);
      EXPECT_TRUE(KindOf(status) == Kind::kCorrupt || KindOf(status) == Kind::kUnsupported)
          << static_cast<int>(blob.kind) << " bit " << bit << ": " << status;
      EXPECT_NE(status.message().find("default.things"), std::string::npos) << status;
      if (blob.kind == BlobKind::kColumn) {
        EXPECT_NE(status.message().find("partition \"part\", keys "), std::string::npos) << status;
      }
      ExpectSameRows(delivered, stored.rows.Slice(0, delivered.rows()));
      flip();
    }
  }
}

TEST(SnapshotSource, AMissingBlobIsDamage) {
  Stored stored(SmallSpec(), NumberedRows(SmallSpec(), 0, 200));
  auto& blobs = stored.blobs.blobs();
  for (const BlobName& name : stored.blobs.order()) {
    auto node = blobs.extract(name);
    rows::RowBatch delivered = rows::RowBatch::Empty(stored.spec.schema, "part");
    EXPECT_EQ(KindOf(ReadUntilError(stored.blobs, stored.manifest, delivered)), Kind::kCorrupt);
    blobs.insert(std::move(node));
  }
}

TEST(LeafAccess, DigestsComeWithoutTheOtherColumns) {
  const Context context = Context::Background();
  rows::RowGenerator random(32);
  const auto spec = SpecOf(random.EveryTypeSchema(DataType::kVarChar));
  Stored stored(spec, random.RandomRows(spec.schema, "part", 1000));
  LeafLoader loader(stored.blobs, spec.schema.Columns(), "part", "partition");
  TreeCursor cursor(stored.blobs, stored.manifest.partitions[0], "partition");
  ASSERT_TRUE(cursor.Start(context).ok());
  rows::RowDigester digester(spec.schema.Columns());
  for (;;) {
    const auto entry = cursor.NextLeaf(context);
    ASSERT_TRUE(entry.ok());
    if (!*entry) break;
    const auto loads = stored.blobs.loads();
    const auto leaf = loader.LoadDigests(context, **entry);
    ASSERT_TRUE(leaf.ok()) << leaf.status();
    EXPECT_EQ(stored.blobs.loads() - loads, 2U);
    const auto rows = loader.Load(context, **entry);
    ASSERT_TRUE(rows.ok()) << rows.status();
    std::vector<rows::Digest128> digests;
    ASSERT_TRUE(digester.DigestRows(*rows, digests).ok());
    EXPECT_EQ(leaf->digests, digests);
    for (std::size_t i = 0; i < digests.size(); ++i) {
      EXPECT_EQ(leaf->keys.KeyAt(i), rows->KeyAt(i));
    }
  }
}

TEST(Manifest, ComesBack) {
  rows::RowGenerator random(33);
  for (int i = 0; i < 50; ++i) {
    CollectionManifest manifest;
    manifest.spec = random.RandomSpec();
    if (manifest.spec.schema.primary_key() == nullptr) continue;
    manifest.columns = manifest.spec.schema.Columns();
    PartitionRoot root{"a \"name\"", {{1, ~std::uint64_t{0}}, 77}, 1 << 20, 9, 2, BlobName{}};
    root.root->bytes[5] = 0xab;
    manifest.partitions = {root, PartitionRoot{"empty", {}, 0, 0, 0, {}}};
    const auto plain = EncodeManifest(manifest);
    ASSERT_TRUE(plain.ok()) << plain.status();
    const auto back = DecodeManifest(*plain);
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(back->columns, manifest.columns);
    EXPECT_TRUE(rows::DiffSpecs(back->spec, manifest.spec).empty());
    ASSERT_EQ(back->partitions.size(), 2U);
    EXPECT_EQ(back->partitions[0].root, root.root);
    EXPECT_EQ(back->partitions[0].digest, root.digest);
    EXPECT_EQ(*EncodeManifest(*back), *plain);
  }
}

TEST(Manifest, RefusesWhatDoesNotFitTogether) {
  const auto plain = EncodeManifest(ManifestOf(SmallSpec(), PartitionRoot{"p", {}, 0, 0, 0, {}}));
  ASSERT_TRUE(plain.ok()) << plain.status();
  const std::string text(AsText(*plain));
  ASSERT_TRUE(DecodeManifest(AsBytes(text)).ok());
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string other = text;
    const auto at = other.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    other.replace(at, from.size(), to);
    return KindOf(DecodeManifest(AsBytes(other)).status());
  };
  EXPECT_EQ(changed("\"rows\":0", "\"rows\":1"), Kind::kCorrupt);
  EXPECT_EQ(changed("\"rows\":0", "\"rows\":-1"), Kind::kCorrupt);
  EXPECT_EQ(changed("\"rows\":0", "\"rows\":\"0\""), Kind::kCorrupt);
  EXPECT_EQ(changed("\"height\":0", "\"height\":65"), Kind::kCorrupt);
  EXPECT_EQ(changed("\"leaf_bits\":0", "\"leaf_bits\":14"), Kind::kCorrupt);
  EXPECT_EQ(changed("\"leaf_bits\":0", "\"leaf_bits\":3"), Kind::kCorrupt);
  EXPECT_EQ(changed("\"root\":null", "\"root\":\"ab\""), Kind::kCorrupt);
  EXPECT_EQ(changed("\"columns\":[\"id\"", "\"columns\":[\"vector\""), Kind::kCorrupt);
  EXPECT_EQ(changed("\"columns\":[\"id\",", "\"columns\":["), Kind::kCorrupt);
  EXPECT_EQ(changed("\"columns\":[\"id\"", "\"columns\":[\"who\""), Kind::kCorrupt);
  EXPECT_EQ(changed("{", ""), Kind::kCorrupt);
  for (std::size_t size = 0; size < text.size(); ++size) {
    EXPECT_EQ(KindOf(DecodeManifest(AsBytes(text).first(size)).status()), Kind::kCorrupt);
  }
  CollectionManifest other = ManifestOf(SmallSpec(), {});
  std::swap(other.columns[0], other.columns[1]);
  EXPECT_EQ(KindOf(EncodeManifest(other).status()), Kind::kInternal);
}

}  // namespace
}  // namespace aerie::repo
