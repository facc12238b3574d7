// Repositories written by released versions stay readable: testdata/ holds one folder for each,
// which nobody may change. To add one for a new version, give WriteGolden its folder, once:
//   AERIE_WRITE_GOLDEN=src/repo/testdata/NAME repo_store_test --gtest_filter='Golden*WithPatches*'
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "objects/filesystem_store.h"
#include "repo/repository_testing.h"

namespace aerie::repo {
namespace {

const Context kContext = Context::Background();

std::string TestData(const std::string& name) {
  return std::string(AERIE_SOURCE_DIR) + "/src/repo/testdata/" + name;
}

rows::RowBatch GoldenRows(const rows::CollectionSpec& spec, std::size_t rows) {
  std::vector<rows::Key> keys;
  for (std::size_t i = 0; i < rows; ++i) keys.emplace_back(static_cast<std::int64_t>(i * i) - 50);
  return rows::RowGenerator(7).RowsWithKeys(spec.schema, "part", keys);
}

rows::CollectionSpec GoldenSpec() {
  return SpecOf(rows::RowGenerator(6).EveryTypeSchema(rows::DataType::kInt64));
}

// Two snapshots, the second with more rows.
void WriteGolden(const std::string& folder, bool encrypted) {
  const auto store = std::make_shared<objects::FilesystemStore>(folder);
  auto repository = CreateRepository(kContext, store, CheapOptions(encrypted));
  ASSERT_TRUE(repository.ok()) << repository.status();
  const rows::CollectionSpec spec = GoldenSpec();
  for (const std::size_t rows : {20, 40}) {
    const auto stored = StoreSnapshot(**repository, spec, GoldenRows(spec, rows),
                                      InfoAt(1'700'000'000'000 + static_cast<std::int64_t>(rows)));
    ASSERT_TRUE(stored.ok()) << stored.status();
  }
}

// The rows with the numbers of row `from` in row `to`, which keeps its key, vectors and texts.
rows::RowBatch CopyNumbers(const rows::RowBatch& rows, std::size_t from, std::size_t to) {
  std::vector<rows::Column> columns;
  for (const rows::Column& old : rows.columns()) {
    const rows::FieldSchema& field = old.field();
    const bool number = !field.primary_key && !rows::IsVector(field.type) && old.fixed();
    rows::Column& column = columns.emplace_back(field);
    for (std::size_t row = 0; row < rows.rows(); ++row) {
      const std::size_t source = number && row == to ? from : row;
      column.AppendRange(old, source, source + 1);
    }
  }
  return rows::RowBatch(rows.partition(), std::move(columns));
}

// A chain of snapshots, each with a few rows changed, deleted and inserted since the one before.
void WritePatchedGolden(const std::string& folder, bool encrypted) {
  const auto store = std::make_shared<objects::FilesystemStore>(folder);
  auto repository = CreateRepository(kContext, store, CheapOptions(encrypted));
  ASSERT_TRUE(repository.ok()) << repository.status();
  const rows::CollectionSpec spec = GoldenSpec();
  std::vector<rows::Key> keys;
  for (std::int64_t i = 0; i < 60; ++i) keys.emplace_back(i * 10 - 50);
  rows::RowBatch rows = rows::RowGenerator(7).RowsWithKeys(spec.schema, "part", keys);
  std::optional<Snapshot> earlier;
  for (std::size_t generation = 0; generation < 4; ++generation) {
    const auto at = static_cast<std::int64_t>(1'700'000'000'000 + generation);
    auto stored = StoreNext(**repository, spec, rows, earlier, InfoAt(at));
    ASSERT_TRUE(stored.ok()) << stored.status();
    EXPECT_TRUE(!earlier || stored->stats.blobs_new < 10) << stored->stats.blobs_new;
    earlier = *std::move(stored);
    rows = ChangeEvery(50, 3 + 9 * generation, spec, rows, generation);
    rows = CopyNumbers(rows, 1, 9 + generation);
  }
}

void ExpectReads(const std::string& folder, const std::vector<std::string>& digests) {
  // A copy, since readers write locks.
  objects::FilesystemStore golden(folder);
  auto repository = Reopen(StoreWith(AllObjects(golden)));
  ASSERT_TRUE(repository.ok()) << repository.status();
  const auto findings =
      (*repository)->Check(kContext, {.read_data = true, .only = {}, .progress = {}});
  ASSERT_TRUE(findings.ok()) << findings.status();
  for (const Finding& finding : *findings) ADD_FAILURE() << finding.object << finding.message;
  const auto snapshots = (*repository)->ListSnapshots(kContext);
  ASSERT_TRUE(snapshots.ok()) << snapshots.status();
  ASSERT_EQ(snapshots->size(), digests.size());
  for (std::size_t i = 0; i < digests.size(); ++i) {
    const Snapshot& snapshot = (*snapshots)[i];
    const auto rows = RowsOf(**repository, snapshot);
    ASSERT_TRUE(rows.ok()) << rows.status();
    const auto manifest = (*repository)->LoadManifest(kContext, snapshot.collections.at(0));
    ASSERT_TRUE(manifest.ok()) << manifest.status();
    rows::RowDigester digester(manifest->spec.schema.Columns());
    const auto digest = digester.DigestRange(*rows);
    ASSERT_TRUE(digest.ok());
    EXPECT_EQ(digest->sum.ToHex(), digests[i]) << folder;
    EXPECT_EQ(*digest, snapshot.collections[0].digest);
  }
}

TEST(GoldenRepository, OfVersion1AreStillRead) {
  if (const char* const folder = std::getenv("AERIE_WRITE_GOLDEN")) {
    WriteGolden(folder + std::string("-encrypted"), true);
    WriteGolden(folder + std::string("-plain"), false);
    return;
  }
  const std::vector<std::string> digests = {"fdfa0b193ac1f1d5a8e6219dd82fb1a2",
                                            "7c5a0d070000e3bf92ae2b14675762d0"};
  ExpectReads(TestData("v1-encrypted"), digests);
  ExpectReads(TestData("v1-plain"), digests);
}

TEST(GoldenRepository, WithPatchesIsStillRead) {
  if (const char* const folder = std::getenv("AERIE_WRITE_GOLDEN")) {
    WritePatchedGolden(folder + std::string("-encrypted"), true);
    WritePatchedGolden(folder + std::string("-plain"), false);
    return;
  }
  const std::vector<std::string> digests = {
      "aa0225475642a21c0e80140f78f5f39b", "095d065134b607db6bf12cf3db784817",
      "2007c7be1b20f07bde71298cbdec052c", "660e89b64d206a1cab78f7ba9542962c"};
  ExpectReads(TestData("v1-patches-encrypted"), digests);
  ExpectReads(TestData("v1-patches-plain"), digests);
}

}  // namespace
}  // namespace aerie::repo
