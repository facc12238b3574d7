#include "repo/tree_diff.h"

#include <map>

#include <gtest/gtest.h>

#include "base/testing_effort.h"
#include "repo/leaf_access.h"
#include "repo/tree_testing.h"

namespace aerie::repo {
namespace {

using Digests = std::map<rows::Key, rows::Digest128>;

Digests DigestsOf(const rows::CollectionSpec& spec, const rows::RowBatch& rows) {
  rows::RowDigester digester(spec.schema.Columns());
  std::vector<rows::Digest128> digests;
  EXPECT_TRUE(digester.DigestRows(rows, digests).ok());
  Digests all;
  for (std::size_t i = 0; i < digests.size(); ++i) all.emplace(rows.KeyAt(i), digests[i]);
  return all;
}

Digests Load(BlobSource& source, const rows::CollectionSpec& spec,
             const std::vector<LeafEntry>& leaves) {
  LeafLoader loader(source, spec.schema.Columns(), "part", "partition");
  Digests all;
  for (const LeafEntry& leaf : leaves) {
    const auto digests = loader.LoadDigests(Context::Background(), leaf);
    EXPECT_TRUE(digests.ok()) << digests.status();
    for (std::size_t i = 0; digests.ok() && i < digests->digests.size(); ++i) {
      all.emplace(digests->keys.KeyAt(i), digests->digests[i]);
    }
  }
  return all;
}

// Keys that are on one side only or differ.
std::vector<rows::Key> Differing(const Digests& left, const Digests& right) {
  std::map<rows::Key, int> keys;
  for (const auto& item : left) {
    const auto other = right.find(item.first);
    if (other == right.end() || other->second != item.second) keys[item.first];
  }
  for (const auto& item : right) {
    if (!left.contains(item.first)) keys[item.first];
  }
  std::vector<rows::Key> list;
  for (const auto& item : keys) list.push_back(item.first);
  return list;
}

// What the diff of two stored partitions comes to; `leaves` counts the leaves in its groups.
std::vector<rows::Key> DiffOf(const rows::CollectionSpec& spec, MemoryBlobs& left_blobs,
                              const PartitionRoot& left, MemoryBlobs& right_blobs,
                              const PartitionRoot& right, std::size_t& leaves) {
  const Context context = Context::Background();
  TreeDiff diff({left_blobs, left, "left"}, {right_blobs, right, "right"});
  EXPECT_TRUE(diff.Start(context).ok());
  std::vector<rows::Key> all;
  std::optional<rows::Key> last;
  leaves = 0;
  for (;;) {
    const auto group = diff.Next(context);
    EXPECT_TRUE(group.ok()) << group.status();
    if (!group.ok() || !*group) return all;
    leaves += (*group)->left.size() + (*group)->right.size();
    for (const auto* side : {&(*group)->left, &(*group)->right}) {
      if (side->empty()) continue;
      EXPECT_TRUE(!last || side->front().range.first > *last);
    }
    const Digests l = Load(left_blobs, spec, (*group)->left);
    const Digests r = Load(right_blobs, spec, (*group)->right);
    last = std::max(l.empty() ? r.rbegin()->first : l.rbegin()->first,
                    r.empty() ? l.rbegin()->first : r.rbegin()->first);
    for (const rows::Key& key : Differing(l, r)) all.push_back(key);
  }
}

PartitionRoot Put(MemoryBlobs& blobs, const rows::CollectionSpec& spec, const rows::RowBatch& rows,
                  std::uint32_t bits = 4) {
  PartitionRoot before;
  before.leaf_bits = bits;
  const auto root = Store(blobs, spec, rows, 1000, 1, before);
  EXPECT_TRUE(root.ok()) << root.status();
  return *root;
}

TEST(TreeDiff, FindsExactlyWhatDiffers) {
  const auto spec = SmallSpec();
  const rows::RowBatch rows = NumberedRows(spec, 0, 20'000, 3);
  for (std::uint64_t seed = Effort(1, 1, 4); seed <= 6; ++seed) {
    rows::RowGenerator random(seed);
    rows::RowBatch other = rows.Slice(0, 0);
    const std::uint64_t changes = seed == 6 ? 2 : 400;  // in how many rows one is changed
    for (std::size_t i = 0; i < rows.rows(); ++i) {
      const auto change = random.Below(changes);
      const std::int64_t key = std::get<std::int64_t>(rows.KeyAt(i));
      if (change == 0 && seed % 2 == 0) continue;  // gone
      if (change == 0)
        other.Append(random.RowsWithKeys(spec.schema, "part", {key}));
      else
        other.AppendRows(rows, i, i + 1);
      if (change == 1) other.Append(random.RowsWithKeys(spec.schema, "part", {key + 1}));
    }
    MemoryBlobs left_blobs;
    MemoryBlobs right_blobs;  // another repository: names say nothing about equality
    const PartitionRoot left = Put(left_blobs, spec, rows);
    const PartitionRoot right = Put(right_blobs, spec, other, seed == 5 ? 6 : 4);
    std::size_t leaves = 0;
    EXPECT_EQ(DiffOf(spec, left_blobs, left, right_blobs, right, leaves),
              Differing(DigestsOf(spec, rows), DigestsOf(spec, other)));
    EXPECT_EQ(DiffOf(spec, right_blobs, right, left_blobs, left, leaves),
              Differing(DigestsOf(spec, rows), DigestsOf(spec, other)));
  }
}

TEST(TreeDiff, EqualSubtreesAreNotRead) {
  const auto spec = SmallSpec();
  MemoryBlobs blobs;
  const rows::RowBatch rows = NumberedRows(spec, 0, 40'000, 2);
  rows::RowGenerator random(51);
  rows::RowBatch other = rows.Slice(0, 30'000);
  other.Append(random.RowsWithKeys(spec.schema, "part", {rows::Key(std::int64_t{59'999})}));
  other.AppendRows(rows, 30'000, rows.rows());
  const PartitionRoot left = Put(blobs, spec, rows);
  const PartitionRoot right = Put(blobs, spec, other);
  const auto loads = blobs.loads();
  std::size_t leaves = 0;
  const auto keys = DiffOf(spec, blobs, left, blobs, right, leaves);
  EXPECT_EQ(keys, std::vector{rows::Key(std::int64_t{59'999})});
  EXPECT_LE(leaves, 3U);
  // Pages along one path on each side, then digests and keys of the leaves.
  EXPECT_LE(blobs.loads() - loads, 4U * left.height + 2 * leaves);
}

TEST(TreeDiff, EmptyAndEqualSides) {
  const auto spec = SmallSpec();
  MemoryBlobs blobs;
  const rows::RowBatch rows = NumberedRows(spec, 0, 1000);
  const PartitionRoot full = Put(blobs, spec, rows);
  const PartitionRoot empty = Put(blobs, spec, rows.Slice(0, 0));
  std::size_t leaves = 0;
  EXPECT_EQ(DiffOf(spec, blobs, full, blobs, empty, leaves).size(), 1000U);
  EXPECT_EQ(DiffOf(spec, blobs, empty, blobs, full, leaves).size(), 1000U);
  EXPECT_TRUE(DiffOf(spec, blobs, empty, blobs, empty, leaves).empty());
  const auto loads = blobs.loads();
  EXPECT_TRUE(DiffOf(spec, blobs, full, blobs, full, leaves).empty());
  EXPECT_EQ(blobs.loads(), loads);
}

}  // namespace
}  // namespace aerie::repo
