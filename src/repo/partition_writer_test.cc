#include <atomic>
#include <map>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "repo/leaf_cutter.h"
#include "repo/tree_cursor.h"
#include "repo/tree_testing.h"

namespace aerie::repo {
namespace {

using rows::DataType;

std::vector<LeafEntry> LeavesOf(BlobSource& source, const PartitionRoot& root) {
  const Context context = Context::Background();
  TreeCursor cursor(source, root, "partition");
  EXPECT_TRUE(cursor.Start(context).ok());
  std::vector<LeafEntry> leaves;
  for (;;) {
    auto leaf = cursor.NextLeaf(context);
    EXPECT_TRUE(leaf.ok()) << leaf.status();
    if (!leaf.ok() || !*leaf) return leaves;
    leaves.push_back(**std::move(leaf));
  }
}

std::map<BlobName, Bytes> PlainOf(MemoryBlobs& blobs) {
  std::map<BlobName, Bytes> plain;
  for (const auto& [name, blob] : blobs.blobs()) plain.emplace(name, blob.plain);
  return plain;
}

TEST(PartitionWriter, BatchesAndThreadsDoNotMatter) {
  rows::RowGenerator random(21);
  const auto spec = SpecOf(random.EveryTypeSchema(DataType::kInt64));
  const rows::RowBatch rows = random.RandomRows(spec.schema, "part", 4000);
  MemoryBlobs whole;
  const auto root = Store(whole, spec, rows, 1'000'000, 1, {}, 1);
  ASSERT_TRUE(root.ok()) << root.status();
  for (std::uint64_t seed = 1; seed < 4; ++seed) {
    MemoryBlobs blobs;
    const auto again = Store(blobs, spec, rows, seed == 1 ? 1 : 900, seed, {}, seed);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(again->root, root->root);
    EXPECT_EQ(again->leaf_bits, root->leaf_bits);
    EXPECT_EQ(PlainOf(blobs), PlainOf(whole));
  }
}

TEST(PartitionWriter, AnUnchangedPartitionStoresNothing) {
  const auto spec = SmallSpec();
  const rows::RowBatch rows = NumberedRows(spec, 0, 60'000);
  MemoryBlobs blobs;
  const auto root = Store(blobs, spec, rows, 9000);
  ASSERT_TRUE(root.ok()) << root.status();
  const auto stored = blobs.stored_bytes();
  const auto again = Store(blobs, spec, rows, 5000, 2, *root);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->root, root->root);
  EXPECT_EQ(blobs.stored_bytes(), stored);
  // And without the parent: the same leaf bits are chosen from the same rows.
  ASSERT_TRUE(Store(blobs, spec, rows, 7000, 3).ok());
  EXPECT_EQ(blobs.stored_bytes(), stored);
}

TEST(PartitionWriter, AppendedRowsStoreLittleMoreThanThemselves) {
  const auto spec = SmallSpec(DataType::kInt64, 32);
  const rows::RowBatch rows = NumberedRows(spec, 0, 300'000);
  const rows::RowBatch more = NumberedRows(spec, 0, 303'000);
  MemoryBlobs blobs;
  PartitionRoot before;
  before.leaf_bits = 10;  // leaves of the usual number, with less data
  const auto root = Store(blobs, spec, rows, 20'000, 1, before);
  ASSERT_TRUE(root.ok()) << root.status();
  const auto stored = blobs.stored_bytes();
  ASSERT_TRUE(Store(blobs, spec, more, 20'000, 1, *root).ok());
  EXPECT_LT(blobs.stored_bytes() - stored, stored * 3 / 100);
}

TEST(PartitionWriter, LeafBitsOfTheParentAreKept) {
  const auto spec = SmallSpec();
  MemoryBlobs blobs;
  PartitionRoot before;
  before.leaf_bits = 5;
  const auto root = Store(blobs, spec, NumberedRows(spec, 0, 3000), 500, 1, before);
  ASSERT_TRUE(root.ok());
  EXPECT_EQ(root->leaf_bits, 5U);
  EXPECT_GT(LeavesOf(blobs, *root).size(), 50U);
  // A parent without rows had nothing to choose from.
  const auto chosen = Store(blobs, spec, NumberedRows(spec, 0, 3000), 500, 1, PartitionRoot{});
  ASSERT_TRUE(chosen.ok());
  EXPECT_EQ(chosen->leaf_bits, kMaxLeafBits);
}

TEST(PartitionWriter, TheBlobsOfALeafAreStoredSideBySide) {
  rows::RowGenerator random(22);
  const auto spec = SpecOf(random.EveryTypeSchema(DataType::kVarChar));
  MemoryBlobs blobs;
  PartitionRoot before;
  before.leaf_bits = 6;
  const auto root =
      Store(blobs, spec, random.RandomRows(spec.schema, "part", 3000), 400, 1, before, 3);
  ASSERT_TRUE(root.ok()) << root.status();
  std::map<BlobName, std::size_t> position;
  for (const BlobName& name : blobs.order()) position.emplace(name, position.size());
  for (const LeafEntry& leaf : LeavesOf(blobs, *root)) {
    std::set<std::size_t> places = {position.at(leaf.base.digests)};
    std::size_t shared = 0;  // equal columns of small leaves are stored once
    for (const ColumnBlob& column : leaf.base.columns) {
      const std::size_t place = position.at(column.name);
      if (place >= *places.begin())
        places.insert(place);
      else
        ++shared;
    }
    EXPECT_LE(*places.rbegin() - *places.begin(), leaf.base.columns.size());
    EXPECT_LT(shared, leaf.base.columns.size());
  }
}

TEST(PartitionWriter, ColumnsMayComeInAnyOrder) {
  const auto spec = SmallSpec();
  const rows::RowBatch rows = NumberedRows(spec, 0, 100);
  std::vector<rows::Column> columns = rows.columns();
  std::swap(columns[0], columns[1]);
  MemoryBlobs straight;
  MemoryBlobs turned;
  const auto root = Store(straight, spec, rows, 100);
  const Context context = Context::Background();
  LeafPool pool(turned);
  auto writer = OpenPartitionWriter(pool, spec, "part", {});
  ASSERT_TRUE(writer.ok());
  ASSERT_TRUE((*writer)->Write(context, rows::RowBatch("part", std::move(columns))).ok());
  ASSERT_TRUE((*writer)->Commit(context).ok());
  EXPECT_EQ((*writer)->root().root, root->root);
}

TEST(PartitionWriter, KeysThatDoNotAscendAreRefused) {
  const Context context = Context::Background();
  const auto spec = SmallSpec();
  MemoryBlobs blobs;
  LeafPool pool(blobs);
  const auto second = [&](rows::RowBatch batch) {
    auto writer = OpenPartitionWriter(pool, spec, "part", {});
    EXPECT_TRUE(writer.ok());
    EXPECT_TRUE((*writer)->Write(context, NumberedRows(spec, 0, 10)).ok());
    const Status status = (*writer)->Write(context, std::move(batch));
    (*writer)->Abort();
    return KindOf(status);
  };
  EXPECT_EQ(second(NumberedRows(spec, 9, 5)), Kind::kCorrupt);  // the last key again
  EXPECT_EQ(second(NumberedRows(spec, 3, 1)), Kind::kCorrupt);
  rows::RowBatch twice = NumberedRows(spec, 20, 2);
  twice.Append(NumberedRows(spec, 21, 1));
  EXPECT_EQ(second(std::move(twice)), Kind::kCorrupt);
  EXPECT_EQ(second(NumberedRows(spec, 10, 1)), Kind::kOk);
}

TEST(PartitionWriter, RowsOfAnotherShapeAreRefused) {
  const Context context = Context::Background();
  const auto spec = SmallSpec();
  MemoryBlobs blobs;
  LeafPool pool(blobs);
  const auto write = [&](const rows::CollectionSpec& other) {
    auto writer = OpenPartitionWriter(pool, spec, "part", {});
    EXPECT_TRUE(writer.ok());
    return KindOf((*writer)->Write(context, NumberedRows(other, 0, 10)));
  };
  rows::CollectionSpec other = spec;
  other.schema.fields.pop_back();
  EXPECT_EQ(write(other), Kind::kInvalid);
  other.schema.fields.push_back(VectorField("vector", 16));
  EXPECT_EQ(write(other), Kind::kInvalid);
  auto writer = OpenPartitionWriter(pool, spec, "another", {});
  ASSERT_TRUE(writer.ok());
  EXPECT_EQ(KindOf((*writer)->Write(context, NumberedRows(spec, 0, 1))), Kind::kInternal);
  EXPECT_EQ(KindOf((*writer)->Delete(context, "another", {})), Kind::kUnsupported);
  other = spec;
  other.schema.fields[0].primary_key = false;
  EXPECT_EQ(KindOf(OpenPartitionWriter(pool, other, "part", {}).status()), Kind::kInvalid);
}

TEST(PartitionWriter, AFailingSinkFailsTheCommit) {
  const Context context = Context::Background();
  const auto spec = SmallSpec();
  const rows::RowBatch rows = NumberedRows(spec, 0, 20'000);
  for (int allowed = 0; allowed < 40; allowed += 3) {
    MemoryBlobs blobs;
    std::atomic<int> calls = 0;
    blobs.before_add = [&]() -> Status {
      return ++calls > allowed ? MakeStatus(Kind::kNoSpace, "disk full") : Ok();
    };
    LeafPool pool(blobs);
    PartitionRoot before;
    before.leaf_bits = 8;
    auto writer = OpenPartitionWriter(pool, spec, "part", before);
    ASSERT_TRUE(writer.ok());
    Status status = Ok();
    for (std::size_t at = 0; status.ok() && at < rows.rows(); at += 1000) {
      status = (*writer)->Write(context, rows.Slice(at, at + 1000));
    }
    if (status.ok()) status = (*writer)->Commit(context).status();
    EXPECT_EQ(KindOf(status), Kind::kNoSpace);
    EXPECT_NE(std::string(status.message()).find("default.things"), std::string::npos);
    (*writer)->Abort();
  }
}

TEST(PartitionWriter, CancelEndsIt) {
  const auto spec = SmallSpec();
  MemoryBlobs blobs;
  LeafPool pool(blobs);
  CancelScope scope(Context::Background());
  auto writer = OpenPartitionWriter(pool, spec, "part", {});
  ASSERT_TRUE(writer.ok());
  ASSERT_TRUE((*writer)->Write(scope.context(), NumberedRows(spec, 0, 5000)).ok());
  scope.Cancel();
  EXPECT_EQ(KindOf((*writer)->Commit(scope.context()).status()), Kind::kCancelled);
}

TEST(PartitionWriter, ManyShareOnePool) {
  const auto spec = SmallSpec();
  MemoryBlobs blobs;
  LeafPool pool(blobs, {.threads = 2, .queue_bytes = 1 << 16});
  std::vector<std::string> failures;
  std::mutex mutex;
  std::vector<PartitionRoot> roots(4);
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < roots.size(); ++i) {
      threads.emplace_back([&, i] {
        const Context context = Context::Background();
        PartitionRoot before;
        before.leaf_bits = 7;
        auto writer = OpenPartitionWriter(pool, spec, "part", before);
        Status status = writer.status();
        for (std::int64_t at = 0; status.ok() && at < 20'000; at += 1000) {
          status = (*writer)->Write(context, NumberedRows(spec, at, 1000, 1, i));
        }
        if (status.ok()) status = (*writer)->Commit(context).status();
        std::lock_guard lock(mutex);
        if (!status.ok())
          failures.push_back(status.ToString());
        else
          roots[i] = (*writer)->root();
      });
    }
  }
  EXPECT_TRUE(failures.empty()) << failures.front();
  for (const PartitionRoot& root : roots) {
    const auto back = ReadBack(blobs, ManifestOf(spec, root));
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(back->rows(), 20'000U);
  }
}

}  // namespace
}  // namespace aerie::repo
