#include <mutex>

#include <gtest/gtest.h>

#include "repo/tree_testing.h"

namespace aerie::repo {
namespace {

// Two snapshots of one collection, the second with rows added at the end.
class CheckTreesTest : public testing::Test {
 protected:
  CheckTreesTest() {
    PartitionRoot before;
    before.leaf_bits = 5;
    for (const std::size_t rows : {3000, 3300}) {
      const auto root = Store(blobs_, spec_, NumberedRows(spec_, 0, rows), 700, rows, before);
      EXPECT_TRUE(root.ok()) << root.status();
      AddSnapshot(ManifestOf(spec_, *root));
    }
    options_.read_data = true;
    options_.fault = [this](const NeededBlob& blob) {
      return blobs_.Knows(blob.ref) ? std::string() : std::string("is in no pack");
    };
  }

  void AddSnapshot(const CollectionManifest& manifest) {
    const auto plain = EncodeManifest(manifest);
    ASSERT_TRUE(plain.ok()) << plain.status();
    const auto added = blobs_.Add(Context::Background(), BlobKind::kManifest, *plain, {});
    Snapshot snapshot;
    snapshot.id.hex =
        std::string(8, static_cast<char>('a' + snapshots_.size())) + std::string(24, '0');
    SnapshotCollection collection;
    collection.name = spec_.name;
    collection.manifest = added->name;
    for (const PartitionRoot& root : manifest.partitions) {
      collection.digest.Add(root.digest);
      collection.bytes += root.bytes;
    }
    snapshot.collections = {collection};
    snapshots_.push_back(snapshot);
  }

  std::vector<Finding> Check() {
    auto findings = CheckTrees(Context::Background(), blobs_, snapshots_, options_);
    EXPECT_TRUE(findings.ok()) << findings.status();
    return findings.ok() ? *findings : std::vector<Finding>();
  }

  const rows::CollectionSpec spec_ = SmallSpec();
  MemoryBlobs blobs_;
  std::vector<Snapshot> snapshots_;
  CheckTreesOptions options_;
};

TEST_F(CheckTreesTest, AWholeRepositoryHasNoFindings) {
  EXPECT_TRUE(Check().empty());
  options_.read_data = false;
  EXPECT_TRUE(Check().empty());
}

TEST_F(CheckTreesTest, WhatSnapshotsShareIsReadOnce) {
  const auto loads = blobs_.loads();
  Check();
  EXPECT_EQ(blobs_.loads() - loads, blobs_.blobs().size());
}

TEST_F(CheckTreesTest, StructureReadsNoColumns) {
  options_.read_data = false;
  blobs_.before_load = [](const BlobRef& ref) {
    EXPECT_TRUE(ref.kind == BlobKind::kManifest || ref.kind == BlobKind::kTreePage);
    return Ok();
  };
  EXPECT_TRUE(Check().empty());
}

TEST_F(CheckTreesTest, ProgressReachesTheTotal) {
  std::uint64_t last = 0;
  std::uint64_t total = 0;
  options_.progress = [&](std::uint64_t done, std::uint64_t all) {
    EXPECT_GE(done, last);
    last = done;
    total = all;
  };
  Check();
  EXPECT_GT(total, 0U);
  EXPECT_EQ(last, total);
}

TEST_F(CheckTreesTest, AnyDamagedBlobIsFoundInEverySnapshotThatNeedsIt) {
  rows::RowGenerator random(41);
  std::size_t shared = 0;
  for (const bool verify : {true, false}) {
    blobs_.verify = verify;
    for (auto& [name, blob] : blobs_.blobs()) {
      // A manifest's own meaning is proved by its name alone.
      if (!verify && blob.kind == BlobKind::kManifest) continue;
      const std::size_t bit = random.Below(blob.plain.size() * 8);
      blob.plain[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
      const auto findings = Check();
      blob.plain[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
      ASSERT_FALSE(findings.empty()) << static_cast<int>(blob.kind) << " bit " << bit;
      EXPECT_LE(findings.size(), 2U);
      shared += findings.size() == 2 ? 1 : 0;
      for (const Finding& finding : findings) {
        EXPECT_NE(finding.where.find("collection default.things"), std::string::npos);
        EXPECT_FALSE(finding.message.empty());
        if (blob.kind == BlobKind::kManifest) continue;
        EXPECT_NE(finding.where.find("partition \"part\", "), std::string::npos);
        if (blob.kind == BlobKind::kTreePage) continue;
        EXPECT_NE(finding.where.find("keys "), std::string::npos) << finding.where;
      }
      if (findings.size() == 2) {
        EXPECT_NE(findings[0].where.substr(0, 20), findings[1].where.substr(0, 20));
      }
    }
  }
  EXPECT_GT(shared, 100U);
}

TEST_F(CheckTreesTest, MissingBlobsAreFoundWithoutReadingData) {
  options_.read_data = false;
  for (const BlobName& name : blobs_.order()) {
    auto node = blobs_.blobs().extract(name);
    EXPECT_FALSE(Check().empty());
    blobs_.blobs().insert(std::move(node));
  }
}

TEST_F(CheckTreesTest, GoesOnAfterAFinding) {
  int damaged = 0;
  for (auto& [name, blob] : blobs_.blobs()) {
    if (blob.kind != BlobKind::kRowDigests || damaged == 5) continue;
    blob.plain.back() ^= 1;
    ++damaged;
  }
  EXPECT_GE(Check().size(), 5U);
}

TEST_F(CheckTreesTest, AManifestOfOtherRowsIsFound) {
  snapshots_[0].collections[0].digest.sum.low ^= 1;
  EXPECT_EQ(Check().size(), 1U);
  std::swap(snapshots_[0].collections[0].manifest, snapshots_[1].collections[0].manifest);
  EXPECT_EQ(Check().size(), 2U);
}

TEST_F(CheckTreesTest, AStoreThatCannotBeReadIsAnError) {
  for (const BlobKind kind :
       {BlobKind::kManifest, BlobKind::kTreePage, BlobKind::kColumn, BlobKind::kRowDigests}) {
    blobs_.before_load = [kind](const BlobRef& ref) {
      return ref.kind == kind ? MakeStatus(Kind::kTransient, "connection lost") : Ok();
    };
    const auto findings = CheckTrees(Context::Background(), blobs_, snapshots_, options_);
    EXPECT_EQ(KindOf(findings.status()), Kind::kTransient);
  }
}

TEST_F(CheckTreesTest, CancelEndsIt) {
  CancelScope scope(Context::Background());
  blobs_.before_load = [&](const BlobRef& ref) {
    if (ref.kind == BlobKind::kColumn) scope.Cancel();
    return Ok();
  };
  const auto findings = CheckTrees(scope.context(), blobs_, snapshots_, options_);
  EXPECT_EQ(KindOf(findings.status()), Kind::kCancelled);
}

}  // namespace
}  // namespace aerie::repo
