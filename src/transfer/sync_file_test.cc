#include "transfer/sync_file.h"

#include <sys/stat.h>

#include <fstream>
#include <random>

#include <gtest/gtest.h>

#include "base/temp_folder_testing.h"
#include "base/testing_effort.h"
#include "transfer/known_rows.h"

namespace aerie::transfer {
namespace {

using Rows = std::vector<std::pair<std::string, SyncEntry>>;

class SyncFileTest : public testing::Test {
 protected:
  std::string Path(const std::string& name) const { return (folder_.path() / name).string(); }

  std::string Write(SyncFileKind kind, const Rows& rows, const std::string& name = "file") {
    const std::string path = Path(name);
    auto writer = SyncFileWriter::Create(kind, path);
    EXPECT_TRUE(writer.ok()) << writer.status();
    std::string partition = "none";
    for (const auto& [in, entry] : rows) {
      if (in != partition) {
        EXPECT_TRUE((*writer)->BeginPartition(in).ok());
      }
      partition = in;
      EXPECT_TRUE((*writer)->Add(entry).ok());
    }
    EXPECT_TRUE((kind == SyncFileKind::kRows ? (*writer)->Finish() : (*writer)->Sync()).ok());
    return path;
  }
  static std::string BytesOf(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static Result<Rows> Drain(SyncFileReader& reader) {
    Rows rows;
    for (;;) {
      AERIE_ASSIGN(const SyncEntry* entry, reader.Next());
      if (entry == nullptr) return rows;
      rows.emplace_back(reader.partition(), *entry);
    }
  }
  static Result<Rows> Read(SyncFileKind kind, const std::string& path) {
    AERIE_ASSIGN(const auto reader, SyncFileReader::Open(kind, path));
    return Drain(*reader);
  }
  static Result<Rows> Decode(SyncFileKind kind, const std::string& bytes) {
    AERIE_ASSIGN(const auto reader, SyncFileReader::OfBytes(kind, AsBytes(bytes)));
    return Drain(*reader);
  }
  static void ExpectSame(const Result<Rows>& read, const Rows& rows) {
    ASSERT_TRUE(read.ok()) << read.status();
    ASSERT_EQ(read->size(), rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      EXPECT_EQ((*read)[i].first, rows[i].first);
      EXPECT_EQ((*read)[i].second.key, rows[i].second.key);
      EXPECT_EQ((*read)[i].second.digest, rows[i].second.digest);
      EXPECT_EQ((*read)[i].second.change, rows[i].second.change);
    }
  }
  static Rows Numbers(int count, const std::string& partition = "_default") {
    Rows rows;
    for (int i = 0; i < count; ++i) {
      const auto number = static_cast<std::uint64_t>(i);
      rows.push_back({partition, {.key = std::int64_t{i} * 3 - 7, .digest = {number, ~number}}});
    }
    return rows;
  }

  TempFolder folder_;
};

TEST_F(SyncFileTest, RowsComeBackAsTheyWere) {
  Rows rows = Numbers(30'000, "a");  // several blocks
  for (const auto& row : Numbers(10, "b")) rows.push_back(row);
  const std::string path = Write(SyncFileKind::kRows, rows);
  ExpectSame(Read(SyncFileKind::kRows, path), rows);
  EXPECT_LT(BytesOf(path).size(), rows.size() * 25);
  struct stat info {};
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  ExpectSame(Read(SyncFileKind::kRows, Write(SyncFileKind::kRows, {}, "empty")), {});
}

TEST_F(SyncFileTest, LongTextKeysAndChanges) {
  Rows rows;
  for (int i = 0; i < 40; ++i) {
    std::string key(65'535, static_cast<char>('a' + i % 26));
    key[0] = static_cast<char>('A' + i);
    rows.push_back(
        {"",
         {.key = key, .digest = {}, .change = i % 3 == 0 ? Change::kDeleted : Change::kWritten}});
  }
  ExpectSame(Read(SyncFileKind::kJournal, Write(SyncFileKind::kJournal, rows)), rows);
}

TEST_F(SyncFileTest, WhateverIsChangedOrMissingIsNoticed) {
  Rows rows = Numbers(40, "a");
  rows.push_back({"b", {.key = std::int64_t{1}, .digest = {5, 6}}});
  const std::string bytes = BytesOf(Write(SyncFileKind::kRows, rows));
  ExpectSame(Decode(SyncFileKind::kRows, bytes), rows);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ (1 << (i % 8)));
    EXPECT_EQ(KindOf(Decode(SyncFileKind::kRows, damaged).status()), Kind::kCorrupt) << i;
    EXPECT_EQ(KindOf(Decode(SyncFileKind::kRows, bytes.substr(0, i)).status()), Kind::kCorrupt)
        << i;
  }
  EXPECT_EQ(KindOf(Decode(SyncFileKind::kRows, bytes + "x").status()), Kind::kCorrupt);
  EXPECT_EQ(KindOf(Decode(SyncFileKind::kJournal, bytes).status()), Kind::kCorrupt);
}

TEST_F(SyncFileTest, ABlockMissingOrDoubledIsNoticed) {
  const std::string path = Path("file");
  auto writer = SyncFileWriter::Create(SyncFileKind::kJournal, path);
  ASSERT_TRUE(writer.ok());
  ASSERT_TRUE((*writer)->BeginPartition("p").ok());
  std::vector<std::size_t> ends = {};
  for (std::int64_t i = 0; i < 3; ++i) {
    ASSERT_TRUE((*writer)->Add({.key = i, .digest = {}}).ok());
    ASSERT_TRUE((*writer)->Sync().ok());
    ends.push_back(BytesOf(path).size());
  }
  const std::string bytes = BytesOf(path);
  const std::string second = bytes.substr(ends[0], ends[1] - ends[0]);
  EXPECT_TRUE(Decode(SyncFileKind::kJournal, bytes).ok());
  EXPECT_TRUE(Decode(SyncFileKind::kJournal, bytes.substr(0, ends[1])).ok())
      << "a journal ends where its process did";
  EXPECT_FALSE(
      Decode(SyncFileKind::kJournal, bytes.substr(0, ends[0]) + bytes.substr(ends[1])).ok());
  EXPECT_FALSE(
      Decode(SyncFileKind::kJournal, bytes.substr(0, ends[1]) + second + bytes.substr(ends[1]))
          .ok());
}

TEST_F(SyncFileTest, KeptRowsAreThoseOfTheFileAndDoubtfulByJournals) {
  const auto key = [](std::int64_t number) {
    return SyncEntry{.key = number, .digest = {static_cast<std::uint64_t>(number), 0}};
  };
  const std::string rows = Write(
      SyncFileKind::kRows, {{"a", key(1)}, {"a", key(3)}, {"b", key(2)}, {"c", key(9)}}, "rows");
  const std::string one = Write(SyncFileKind::kJournal, {{"a", key(2)}, {"a", key(3)}}, "one");
  const std::string two = Write(SyncFileKind::kJournal, {{"a", key(2)}, {"c", key(4)}}, "two");
  auto known = KeptRows(rows, {one, two});
  ASSERT_TRUE(known.ok()) << known.status();
  const Context context = Context::Background();
  const auto in = [&](const std::string& partition) {
    std::string text;
    EXPECT_TRUE((*known)->Begin(context, partition).ok());
    while (const KnownRow* row = (*known)->row()) {
      text += rows::KeyToText(row->key) + (row->kept ? "k" : "") + (row->doubtful ? "?" : "") + " ";
      EXPECT_TRUE((*known)->Advance(context).ok());
    }
    return text;
  };
  EXPECT_EQ(in("a"), "1k 2? 3k? ");
  EXPECT_EQ(in("aa"), "");
  EXPECT_EQ(in("c"), "4? 9k ") << "b is passed over";
  EXPECT_EQ(in("d"), "");
}

}  // namespace
}  // namespace aerie::transfer
