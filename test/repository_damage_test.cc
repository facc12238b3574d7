// Every byte of a small repository, damaged: one bit flipped, and the object cut there. A check
// that reads the data finds each, and says what it hit; a reader gets the right rows or an error,
// never wrong rows.
#include <string>

#include <gtest/gtest.h>

#include "base/log.h"
#include "base/testing_effort.h"
#include "repo/repository_testing.h"

namespace aerie::repo {
namespace {

constexpr std::size_t kRows = 120;

constexpr std::size_t kStep = Effort(1, 5, 50);  // every byte, and not

class RepositoryDamageTest : public testing::TestWithParam<bool> {
 protected:
  RepositoryDamageTest() : store_(std::make_shared<objects::MemoryStore>()) {
    // Thousands of warnings about damage that is meant.
    log::Configure(log::Level::kError, log::Format::kText);
    spec_.schema.fields.push_back(PlainField("text", rows::DataType::kVarChar));
    spec_.schema.fields.push_back(PlainField("number", rows::DataType::kDouble));
    auto made = CreateRepository(Context::Background(), store_, CheapOptions(GetParam()));
    EXPECT_TRUE(made.ok()) << made.status();
    rows_ = NumberedRows(spec_, -50, kRows);
    auto snapshot = StoreSnapshot(**made, spec_, *rows_);
    EXPECT_TRUE(snapshot.ok()) << snapshot.status();
    snapshot_ = *snapshot;
    whole_ = AllObjects(*store_);
  }

  // What a user is told of a repository in this state, through a fresh open: the error that kept it
  // from being opened or listed, or the findings, one a line. Empty: no damage seen.
  std::string Told(bool read_data = true) {
    auto opened = Reopen(store_);
    if (!opened.ok()) return std::string(opened.status().message());
    Repository::CheckOptions options;
    options.read_data = read_data;
    auto findings = (*opened)->Check(Context::Background(), options);
    if (!findings.ok()) return std::string(findings.status().message());
    std::string text;
    for (const Finding& finding : *findings) {
      text += finding.object + " | " + finding.where + " | " + finding.message + "\n";
    }
    return text;
  }

  // Reads the snapshot as a restore does. Returns the error, or an empty text when it gave all rows
  // as they were stored; wrong rows fail the test.
  std::string Read() {
    auto opened = Reopen(store_);
    if (!opened.ok()) return std::string(opened.status().message());
    auto found = (*opened)->FindSnapshot(Context::Background(), snapshot_.id.hex);
    if (!found.ok()) return std::string(found.status().message());
    auto rows = RowsOf(**opened, *found);
    if (!rows.ok()) return std::string(rows.status().message());
    ExpectSameRows(*rows, *rows_);
    return "";
  }

  // One damaged state of `key`.
  void Judge(const std::string& key, const Bytes& damaged, const std::string& what) {
    ASSERT_TRUE(store_->Put(Context::Background(), {key}, damaged).ok());
    const std::string told = Told();
    const std::string read = Read();
    ASSERT_TRUE(store_->Put(Context::Background(), {key}, whole_.at(key)).ok());
    ++judged_;
    ASSERT_FALSE(told.empty()) << key << ": " << what << " was not found";
    EXPECT_TRUE(told.find(key) != std::string::npos || !key.starts_with("packs/"))
        << key << ": " << what << " told as: " << told;
    if (read.find("keys ") != std::string::npos) {
      // Rows were hit: which of which collection of which snapshot is said.
      ++hit_rows_;
      EXPECT_NE(told.find(snapshot_.id.Short()), std::string::npos) << told;
      EXPECT_NE(told.find("default.things"), std::string::npos) << told;
      EXPECT_NE(told.find("keys "), std::string::npos) << told;
    }
  }

  rows::CollectionSpec spec_ = SmallSpec(rows::DataType::kInt64, 4);
  const std::shared_ptr<objects::MemoryStore> store_;
  std::optional<rows::RowBatch> rows_;
  Snapshot snapshot_;
  std::map<std::string, Bytes> whole_;
  std::size_t judged_ = 0;
  std::size_t hit_rows_ = 0;
};

TEST_P(RepositoryDamageTest, WholeItHasNoDamage) {
  EXPECT_EQ(Told(), "");
  EXPECT_EQ(Read(), "");
}

TEST_P(RepositoryDamageTest, AnyFlippedBitIsFound) {
  std::size_t pack_bytes = 0;
  for (const auto& [key, bytes] : whole_) {
    if (key.starts_with("packs/")) pack_bytes += bytes.size();
    for (std::size_t i = 0; i < bytes.size(); i += kStep) {
      Bytes damaged = bytes;
      damaged[i] ^= static_cast<std::uint8_t>(1U << ((i * 5 + 3) % 8));
      Judge(key, damaged, "a flipped bit in byte " + std::to_string(i));
      if (HasFatalFailure()) return;
    }
  }
  RecordProperty("judged", static_cast<int>(judged_));
  EXPECT_GT(hit_rows_ * 2 * kStep, pack_bytes);
}

TEST_P(RepositoryDamageTest, AnyTruncationIsFound) {
  for (const auto& [key, bytes] : whole_) {
    for (std::size_t size = 0; size < bytes.size(); size += size < 64 ? 1 : 7 * kStep) {
      Judge(key, Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)),
            "cut to " + std::to_string(size) + " bytes");
      if (HasFatalFailure()) return;
    }
    for (const std::size_t left : {1, 2, 3, 16}) {
      Judge(key, Bytes(bytes.begin(), bytes.end() - static_cast<std::ptrdiff_t>(left)),
            std::to_string(left) + " bytes short");
    }
    Bytes longer = bytes;
    longer.push_back(0);
    Judge(key, longer, "a byte too many");
    if (HasFatalFailure()) return;
  }
}

TEST_P(RepositoryDamageTest, AMissingObjectIsFound) {
  for (const auto& [key, bytes] : whole_) {
    // Without its only key or its config there is no repository to check; without its snapshot
    // nothing says that there was one.
    if (key.starts_with("snapshots/")) continue;
    auto fewer = whole_;
    fewer.erase(key);
    const auto store = StoreWith(fewer);
    auto opened = Reopen(store);
    if (!opened.ok()) continue;
    auto findings = (*opened)->Check(Context::Background(), {});
    ASSERT_TRUE(findings.ok()) << findings.status();
    // An index is a convenience: packs say themselves what is in them.
    EXPECT_TRUE(key.starts_with("index/") || !findings->empty()) << key;
    auto rows = RowsOf(**opened, snapshot_);
    if (rows.ok()) ExpectSameRows(*rows, *rows_);
  }
}

TEST_P(RepositoryDamageTest, SwappedObjectsAreFound) {
  auto opened = Reopen(store_);
  ASSERT_TRUE(opened.ok());
  ASSERT_TRUE(StoreSnapshot(**opened, spec_, NumberedRows(spec_, 5000, kRows), InfoAt(2000)).ok());
  whole_ = AllObjects(*store_);
  for (const auto& [a, bytes_a] : whole_) {
    for (const auto& [b, bytes_b] : whole_) {
      if (a >= b || a.substr(0, 4) != b.substr(0, 4)) continue;
      auto swapped = whole_;
      std::swap(swapped[a], swapped[b]);
      const auto store = StoreWith(swapped);
      auto damaged = Reopen(store);
      ASSERT_TRUE(damaged.ok()) << damaged.status();
      Repository::CheckOptions options;
      options.read_data = true;
      auto findings = (*damaged)->Check(Context::Background(), options);
      EXPECT_TRUE(!findings.ok() || !findings->empty()) << a << " and " << b;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Both, RepositoryDamageTest, testing::Values(true, false),
                         [](const auto& param) { return param.param ? "Encrypted" : "Plain"; });

}  // namespace
}  // namespace aerie::repo
