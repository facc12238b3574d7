// Listings with a cache: what is asked of the store, and that nothing kept here can make one wrong.
#include "repo/snapshot_cache.h"

#include <filesystem>
#include <fstream>
#include <set>

#include <gtest/gtest.h>

#include "repo/object_names.h"
#include "repo/repository_testing.h"

namespace aerie::repo {
namespace {

using objects::FaultyStore;
using objects::MemoryStore;
using objects::Verb;

class SnapshotCacheTest : public testing::Test {
 protected:
  static constexpr std::size_t kSnapshots = 20;

  void SetUp() override {
    std::filesystem::remove_all(folder_);
    auto created = CreateRepository(context_, store_, CheapOptions());
    ASSERT_TRUE(created.ok()) << created.status();
    repository_ = *std::move(created);
    for (std::size_t i = 0; i < kSnapshots; ++i) Add();
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void Add() {
    const auto stored = StoreSnapshot(*repository_, spec_, NumberedRows(spec_, 0, 3, 1, 1),
                                      InfoAt(static_cast<std::int64_t>(++made_)));
    ASSERT_TRUE(stored.ok()) << stored.status();
    ids_.insert(stored->id.hex);
  }
  void Drop() {
    const auto id = ObjectId::Parse(*ids_.begin());
    ASSERT_TRUE(memory_->Remove(context_, {SnapshotKey(*id)}).at(0).status.ok());
    ids_.erase(ids_.begin());
  }
  // A new process: what it lists, which must be right, and how many reads that took more than the
  // listing of none would.
  std::uint64_t Reads() {
    auto opened = OpenRepository(context_, store_, TestPassphrase(), {.cache_folder = folder_});
    EXPECT_TRUE(opened.ok()) << opened.status();
    const std::uint64_t before = store_->calls(Verb::kGet);
    const auto listed = (*opened)->ListSnapshots(context_);
    EXPECT_TRUE(listed.ok()) << listed.status();
    std::set<std::string> found;
    for (const Snapshot& snapshot : *listed) found.insert(snapshot.id.hex);
    EXPECT_EQ(found, ids_);
    return store_->calls(Verb::kGet) - before;
  }
  std::string File() const { return std::filesystem::directory_iterator(folder_)->path().string(); }

  const Context context_ = Context::Background();
  const std::string folder_ = testing::TempDir() + "snapshot_cache_test";
  const rows::CollectionSpec spec_ = SmallSpec(rows::DataType::kInt64, 2);
  std::shared_ptr<MemoryStore> memory_ = std::make_shared<MemoryStore>();
  std::shared_ptr<FaultyStore> store_ = std::make_shared<FaultyStore>(memory_);
  std::unique_ptr<Repository> repository_;
  std::set<std::string> ids_;
  std::size_t made_ = 0;
};

TEST_F(SnapshotCacheTest, OnlyWhatIsNewIsRead) {
  EXPECT_EQ(Reads(), kSnapshots);
  EXPECT_EQ(Reads(), 0U);
  Add();
  Add();
  EXPECT_EQ(Reads(), 2U);
  EXPECT_EQ(Reads(), 0U);
  const auto size = std::filesystem::file_size(File());
  Drop();
  EXPECT_EQ(Reads(), 0U);
  EXPECT_LT(std::filesystem::file_size(File()), size) << "what is gone is forgotten";
}

TEST_F(SnapshotCacheTest, WhateverIsInTheFileTheListingIsRight) {
  EXPECT_EQ(Reads(), kSnapshots);
  const auto size = std::filesystem::file_size(File());
  for (std::uintmax_t at = 0; at < size; at += 61) {
    std::fstream file(File(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(at));
    const int old = file.get();
    file.seekp(static_cast<std::streamoff>(at));
    file.put(static_cast<char>(old ^ 0x10));
    file.close();
    EXPECT_GE(Reads(), 1U) << "byte " << at;
    EXPECT_EQ(Reads(), 0U) << "mended, byte " << at;
  }
  std::filesystem::resize_file(File(), size / 2);
  EXPECT_GE(Reads(), kSnapshots / 2 - 1);
}

TEST_F(SnapshotCacheTest, AFolderThatCannotBeWrittenCostsReadsOnly) {
  std::ofstream(folder_).put('x');
  EXPECT_EQ(Reads(), kSnapshots);
  EXPECT_EQ(Reads(), kSnapshots);
}

}  // namespace
}  // namespace aerie::repo
