#include "transfer/export.h"

#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing_effort.h"
#include "files/jsonl_format.h"
#include "objects/digests.h"
#include "objects/faulty_store.h"
#include "objects/filesystem_store.h"
#include "objects/memory_store.h"
#include "rows/row_generator.h"
#include "transfer/memory_endpoint_testing.h"
#include "transfer/transfer_testing.h"

namespace aerie::transfer {
namespace {

using objects::Effect;
using objects::FaultyStore;
using objects::MemoryStore;
using objects::ObjectKey;
using testing::HasSubstr;

class ExportTest : public testing::Test {
 protected:
  explicit ExportTest(std::size_t rows = 120) : rows_(rows) {}

  void SetUp() override {
    rows::RowGenerator random(11);
    Fill(random, "every", random.EveryTypeSchema(rows::DataType::kInt64), rows_);
    Fill(random, "text_keys", random.EveryTypeSchema(rows::DataType::kVarChar), rows_ / 4 * 3);
    Fill(random, "empty", random.EveryTypeSchema(rows::DataType::kInt64), 0);
    options_.source = "memory";
    options_.program = "test";
    options_.file_bytes = 20'000;
    options_.parallel_collections = 1;
  }

  void Fill(rows::RowGenerator& random, const std::string& name, rows::CollectionSchema schema,
            std::size_t rows) {
    auto& collection = from_.Add(SpecOf(name, std::move(schema)));
    for (const auto& partition : collection.spec().partitions) {
      if (rows == 0) continue;
      const auto batch = random.RandomRows(collection.spec().schema, partition.name, rows);
      ASSERT_TRUE(collection.Put(batch).ok());
    }
    from_.script.batch_rows = {7};
  }

  Result<ExportResult> Export(std::shared_ptr<objects::ObjectStore> to) {
    return RunExport(context_, from_, std::move(to), *format_, options_, NoProgress());
  }
  void MustExport(const std::shared_ptr<objects::ObjectStore>& to) {
    const auto run = Export(to);
    ASSERT_TRUE(run.ok()) << run.status();
    ASSERT_TRUE(run->status.ok()) << run->status;
  }
  // Every row, and nothing but the files of the manifest.
  void ExpectWhole(const std::shared_ptr<objects::ObjectStore>& store) {
    auto there = OpenExportEndpoint(context_, store);
    ASSERT_TRUE(there.ok()) << there.status();
    const auto diff = RunDiff(context_, from_, **there, {}, NoProgress());
    ASSERT_TRUE(diff.ok()) << diff.status();
    EXPECT_EQ(diff->collections.size(), 3U);
    for (const auto& one : diff->collections) EXPECT_TRUE(one.same()) << one.left.ToString();
    std::set<std::string> wanted = {files::kManifestPath};
    for (const auto& file : FilesOf(*store)) wanted.insert(file.path);
    std::set<std::string> found;
    ASSERT_TRUE(store
                    ->List(context_, "",
                           [&](const objects::ObjectInfo& info) {
                             found.insert(info.key.text);
                             return Ok();
                           })
                    .ok());
    EXPECT_EQ(found, wanted);
  }
  std::vector<files::ExportedFile> FilesOf(objects::ObjectStore& store) {
    const auto manifest = files::ReadExportManifest(context_, store);
    EXPECT_TRUE(manifest.ok()) << manifest.status();
    std::vector<files::ExportedFile> files;
    if (!manifest.ok()) return files;
    for (const auto& collection : manifest->collections) {
      for (const auto& partition : collection.partitions) {
        files.insert(files.end(), partition.files.begin(), partition.files.end());
      }
    }
    return files;
  }
  Result<Bytes> Read(objects::ObjectStore& store, const std::string& path) {
    return store.Get(context_, ObjectKey{path});
  }
  // The error that reading every collection meets.
  Status ReadAll(const std::shared_ptr<objects::ObjectStore>& store) {
    AERIE_ASSIGN(auto there, OpenExportEndpoint(context_, store));
    AERIE_ASSIGN(const auto names, there->List(context_));
    for (const auto& name : names) {
      AERIE_ASSIGN(auto source, there->Open(context_, name));
      for (const auto& partition : source->ReadPartitions()) {
        AERIE_ASSIGN(auto reader, source->OpenReader(context_, partition, {}));
        for (;;) {
          AERIE_ASSIGN(const auto batch, reader->Next(context_));
          if (!batch) break;
        }
      }
    }
    return Ok();
  }

  const std::size_t rows_;
  FakeClock clock_;
  const Context context_{clock_};
  MemoryEndpoint from_;
  std::shared_ptr<const files::TableFormat> format_ = files::MakeJsonlFormat();
  ExportOptions options_;
};

TEST_F(ExportTest, HoldsEveryRowOfEveryType) {
  const auto store = std::make_shared<MemoryStore>();
  const auto run = Export(store);
  ASSERT_TRUE(run.ok()) << run.status();
  ASSERT_TRUE(run->status.ok()) << run->status;
  ExpectWhole(store);
  ASSERT_EQ(run->collections.size(), 3U);
  for (const auto& outcome : run->collections) {
    EXPECT_EQ(outcome.digest, from_.at(outcome.name.collection).Digest());
  }
  EXPECT_GT(run->collections[1].files, 4U);
  const auto files = FilesOf(*store);
  EXPECT_EQ(files.front().path, "default/every/partition-_default/part-00000.jsonl");
  for (const auto& file : files) {
    const auto bytes = Read(*store, file.path);
    ASSERT_TRUE(bytes.ok()) << file.path;
    EXPECT_EQ(ToHex(objects::Sha256(*bytes)), file.sha256);
  }
}

TEST_F(ExportTest, ReadsFromAnyKeyOn) {
  const auto store = std::make_shared<MemoryStore>();
  MustExport(store);
  auto there = OpenExportEndpoint(context_, store);
  ASSERT_TRUE(there.ok()) << there.status();
  for (const char* name : {"every", "text_keys"}) {
    auto source = (*there)->Open(context_, {"default", name});
    ASSERT_TRUE(source.ok());
    const auto all = from_.at(name).Read("_default");
    for (std::size_t row = 0; row < all.rows(); ++row) {
      rows::ReadOptions options;
      options.after = all.KeyAt(row);
      auto reader = (*source)->OpenReader(context_, "_default", options);
      ASSERT_TRUE(reader.ok());
      std::size_t at = row + 1;
      for (;;) {
        const auto batch = (*reader)->Next(context_);
        ASSERT_TRUE(batch.ok()) << batch.status();
        if (!*batch) break;
        for (std::size_t i = 0; i < (*batch)->rows(); ++i, ++at) {
          ASSERT_LT(at, all.rows());
          EXPECT_EQ((*batch)->KeyAt(i), all.KeyAt(at));
        }
      }
      EXPECT_EQ(at, all.rows());
      EXPECT_EQ((*reader)->position(), all.KeyAt(all.rows() - 1));
    }
  }
}

struct Crash {
  Effect effect;
  files::Earlier earlier;
};

class ExportCrashTest : public ExportTest, public testing::WithParamInterface<Crash> {
 protected:
  ExportCrashTest() : ExportTest(32) {}
};

// After a crash at any call there is no export, or a whole one; the same command makes it whole.
TEST_P(ExportCrashTest, RunAgainIsWhole) {
  options_.earlier = GetParam().earlier;
  constexpr std::uint64_t kStride = Effort(1, 2, 11);
  bool clean = false;
  std::uint64_t kept = 0;
  std::uint64_t crashes = 0;
  for (std::uint64_t at = 1; !clean; at += kStride) {
    const auto inner = std::make_shared<MemoryStore>();
    const auto faulty = std::make_shared<FaultyStore>(inner);
    faulty->CrashAt(at, GetParam().effect);
    const auto first = Export(faulty);
    clean = first.ok() && first->status.ok();
    crashes += clean ? 0 : 1;
    faulty->Revive();
    const auto before = OpenExportEndpoint(context_, inner);
    if (before.ok()) {
      ASSERT_TRUE(ReadAll(inner).ok()) << "crash at call " << at;
    } else {
      const Kind kind = KindOf(before.status());
      ASSERT_TRUE(kind == Kind::kRefused || kind == Kind::kNotFound) << before.status();
    }
    if (clean) break;
    const auto second = Export(faulty);
    // Died after the last step: there is nothing left to do, and the folder says so.
    if (!second.ok() && before.ok()) {
      EXPECT_EQ(KindOf(second.status()), Kind::kRefused) << second.status();
    } else {
      ASSERT_TRUE(second.ok()) << "crash at call " << at << ": " << second.status();
      ASSERT_TRUE(second->status.ok()) << "crash at call " << at << ": " << second->status;
      for (const auto& outcome : second->collections) kept += outcome.rows_kept;
    }
    ExpectWhole(inner);
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(crashes * kStride, 30U);
  if (GetParam().earlier == files::Earlier::kGoOn) {
    EXPECT_GT(kept * kStride, 500U);
  }
}

INSTANTIATE_TEST_SUITE_P(Effects, ExportCrashTest,
                         testing::Values(Crash{Effect::kCrash, files::Earlier::kGoOn},
                                         Crash{Effect::kCrashAfter, files::Earlier::kGoOn},
                                         Crash{Effect::kCrash, files::Earlier::kBeginAnew},
                                         Crash{Effect::kCrashAfter, files::Earlier::kBeginAnew}));

// A cluster may have changed: what an interrupted run wrote is not mixed with what is there now.
TEST_F(ExportTest, BeginsAnewWhenTheSourceMayHaveChanged) {
  const auto inner = std::make_shared<MemoryStore>();
  const auto faulty = std::make_shared<FaultyStore>(inner);
  faulty->CrashAt(20);
  EXPECT_FALSE(Export(faulty)->status.ok());
  auto& collection = from_.at("every");
  const auto rows = collection.Read("_default");
  for (std::size_t row = 0; row + 10 < rows.rows(); ++row) {
    collection.Erase("_default", rows.KeyAt(row));
  }
  faulty->Revive();
  MustExport(inner);
  ExpectWhole(inner);
}

TEST_F(ExportTest, RefusesFoldersWithSomethingElse) {
  const auto store = std::make_shared<MemoryStore>();
  ASSERT_TRUE(store->Put(context_, {"photo.jpg"}, AsBytes("x")).ok());
  auto run = Export(store);
  EXPECT_EQ(KindOf(run.status()), Kind::kRefused);
  EXPECT_THAT(std::string(run.status().message()), HasSubstr("photo.jpg"));
  EXPECT_TRUE(store->Stat(context_, {"photo.jpg"}).ok());

  const auto done = std::make_shared<MemoryStore>();
  MustExport(done);
  run = Export(done);
  EXPECT_EQ(KindOf(run.status()), Kind::kRefused);
  EXPECT_THAT(std::string(run.status().message()), HasSubstr("finished export of memory"));

  const auto inner = std::make_shared<MemoryStore>();
  const auto faulty = std::make_shared<FaultyStore>(inner);
  faulty->CrashAt(20);
  EXPECT_FALSE(Export(faulty)->status.ok());
  options_.selection.collections = {"every"};
  run = Export(inner);
  EXPECT_EQ(KindOf(run.status()), Kind::kRefused);
  EXPECT_THAT(std::string(run.status().message()), HasSubstr("unfinished export of memory"));
}

TEST_F(ExportTest, PlanTouchesNothing) {
  const auto store = std::make_shared<MemoryStore>();
  const auto plan = PlanExport(context_, from_, *store, *format_, options_);
  ASSERT_TRUE(plan.ok()) << plan.status();
  ASSERT_EQ(plan->items.size(), 3U);
  EXPECT_EQ(plan->items[1].name.collection, "every");
  EXPECT_EQ(plan->items[1].rows, 240);
  EXPECT_EQ(plan->rows_there, 0U);
  EXPECT_EQ(KindOf(ReadAll(store)), Kind::kNotFound);
}

TEST_F(ExportTest, NamesTheDamagedFile) {
  const auto store = std::make_shared<MemoryStore>();
  MustExport(store);
  const auto files = FilesOf(*store);
  for (std::size_t i = 0; i < files.size(); i += Effort(1, 3, 7)) {
    const auto& file = files[i];
    const auto whole = Read(*store, file.path);
    ASSERT_TRUE(whole.ok());
    Bytes flipped = *whole;
    flipped[flipped.size() / 2] ^= 4;
    for (const Bytes& damaged : {flipped, Bytes(whole->begin(), whole->end() - 1), Bytes()}) {
      ASSERT_TRUE(store->Put(context_, {file.path}, damaged).ok());
      const Status status = ReadAll(store);
      EXPECT_EQ(KindOf(status), Kind::kCorrupt) << status;
      EXPECT_THAT(std::string(status.message()), HasSubstr(file.path));
    }
    store->Remove(context_, {{file.path}});
    const Status status = ReadAll(store);
    EXPECT_EQ(KindOf(status), Kind::kNotFound) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(file.path));
    ASSERT_TRUE(store->Put(context_, {file.path}, *whole).ok());
  }
  EXPECT_TRUE(ReadAll(store).ok());
}

// Rows that were changed together with their checksum are still not the rows of the manifest.
TEST_F(ExportTest, FindsForgedRows) {
  const auto store = std::make_shared<MemoryStore>();
  MustExport(store);
  auto manifest = files::ReadExportManifest(context_, *store);
  ASSERT_TRUE(manifest.ok());
  auto& files = manifest->collections[1].partitions[0].files;
  const auto second = Read(*store, files[1].path);
  ASSERT_TRUE(second.ok());
  ASSERT_TRUE(store->Put(context_, {files[0].path}, *second).ok());
  files[0].sha256 = files[1].sha256;
  files[0].bytes = files[1].bytes;
  const std::string text = files::EncodeExportManifest(*manifest);
  ASSERT_TRUE(store->Put(context_, {files::kManifestPath}, AsBytes(text)).ok());
  const Status status = ReadAll(store);
  EXPECT_EQ(KindOf(status), Kind::kCorrupt) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(files[0].path));
}

TEST_F(ExportTest, RefusesManifestsOfLaterVersions) {
  const auto store = std::make_shared<MemoryStore>();
  MustExport(store);
  const auto bytes = Read(*store, files::kManifestPath);
  std::string text(AsText(*bytes));
  const auto replaced = [&](const std::string& from, const std::string& to) {
    std::string other = text;
    other.replace(other.find(from), from.size(), to);
    EXPECT_TRUE(store->Put(context_, {files::kManifestPath}, AsBytes(other)).ok());
    return ReadAll(store);
  };
  Status status = replaced("\"aerie_export\": 1", "\"aerie_export\": 2");
  EXPECT_EQ(KindOf(status), Kind::kUnsupported) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("version 2"));
  status = replaced("\"rows\": 120", "\"rows\": 121");
  EXPECT_EQ(KindOf(status), Kind::kCorrupt) << status;
  status = replaced("default/every/partition-_default/part-00000.jsonl",
                    "../../../etc/part-00000.jsonl");
  EXPECT_EQ(KindOf(status), Kind::kCorrupt) << status;
  status = replaced("{", "[");
  EXPECT_EQ(KindOf(status), Kind::kCorrupt) << status;
}

TEST_F(ExportTest, ManifestKeepsAnything) {
  rows::RowGenerator random(12);
  for (int i = 0; i < 100; ++i) {
    files::ExportManifest manifest;
    manifest.request = {
        "jsonl", random.RandomText(20), {{random.RandomText(9), "\xff"}}, {"a*"}, "x > 1"};
    manifest.program = "test";
    manifest.created_ms = static_cast<std::int64_t>(random.Below(1'000'000));
    files::ExportedCollection collection;
    do {
      collection.spec = random.RandomSpec();
    } while (collection.spec.schema.primary_key() == nullptr);
    collection.warnings = {random.RandomText(30)};
    files::ExportedFile file{files::PartPath(collection.spec.name, "p", 7, "jsonl"),
                             12,
                             "00ff",
                             {},
                             random.RandomKey(rows::DataType::kInt64),
                             random.RandomKey(rows::DataType::kVarChar)};
    file.digest.Add(rows::Digest128{random.Next(), random.Next()});
    collection.partitions = {{"p", true, {file}}, {random.RandomText(9), false, {}}};
    manifest.collections = {collection};
    const auto read = files::DecodeExportManifest(files::EncodeExportManifest(manifest));
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(*read, manifest);
  }
}

TEST_F(ExportTest, NamesOfAnyKindHavePaths) {
  std::set<std::string> seen;
  for (const char* name : {"a", "A", "_", "-", "-2d", ".", "..", "a/b", "a-2fb", "\u00e9", ""}) {
    EXPECT_TRUE(seen.insert(files::EscapedName(name)).second) << name;
    const std::string path = files::PartPath({"d", "c"}, name, 123456, "parquet");
    EXPECT_TRUE(files::IsPartPath(path)) << path;
    EXPECT_TRUE(objects::CheckKey({path}).ok()) << path;
  }
  for (const char* path :
       {"manifest.json", "part-00000.jsonl", "a/part-00000.jsonl", "a/b/c/d/part-00000.jsonl",
        "a/../part-00000.jsonl", "/a/part-00000.jsonl", "a/b/part-0.jsonl", "a/b/part-00000.txt",
        "a/b/note"}) {
    EXPECT_FALSE(files::IsPartPath(path)) << path;
  }
}

TEST_F(ExportTest, FullDiskIsSaidAndGoneOnFrom) {
  const auto inner = std::make_shared<MemoryStore>();
  const auto faulty = std::make_shared<FaultyStore>(inner);
  options_.earlier = files::Earlier::kGoOn;
  faulty->SetCapacity(600'000);
  const auto run = Export(faulty);
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(KindOf(run->status), Kind::kNoSpace) << run->status;
  MustExport(inner);
  ExpectWhole(inner);
}

TEST_F(ExportTest, LeavesNoTemporaries) {
  const std::filesystem::path root = testing::TempDir() + "aerie_export_temporaries";
  std::filesystem::remove_all(root);
  const auto inner = std::make_shared<objects::FilesystemStore>(root.string());
  const auto faulty = std::make_shared<FaultyStore>(inner);
  options_.earlier = files::Earlier::kGoOn;
  faulty->CrashAt(12);
  EXPECT_FALSE(Export(faulty)->status.ok());
  const auto left = root / "default" / "every" / "partition-_default" / "1-2-3~tmp";
  std::ofstream(left) << "half a file";
  // Temporaries are as old as the file system says.
  const Context context(SystemClock());
  const auto run = RunExport(context, from_, inner, *format_, options_, NoProgress());
  ASSERT_TRUE(run.ok() && run->status.ok()) << run->status;
  EXPECT_FALSE(std::filesystem::exists(left));
  ExpectWhole(inner);
  std::filesystem::remove_all(root);
}

// One collection that cannot be read does not cost the others; the same command goes on.
TEST_F(ExportTest, GoesOnWithTheRest) {
  const auto store = std::make_shared<MemoryStore>();
  options_.earlier = files::Earlier::kGoOn;
  from_.script.fail_after_rows = 200;
  from_.script.failure = FailedError("read: scripted");
  auto run = Export(store);
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(KindOf(run->status), Kind::kPartial) << run->status;
  EXPECT_TRUE(run->collections[0].status.ok());
  EXPECT_FALSE(run->collections[1].status.ok());
  EXPECT_TRUE(run->collections[2].status.ok());
  from_.script.fail_after_rows.reset();
  run = Export(store);
  ASSERT_TRUE(run.ok() && run->status.ok());
  EXPECT_EQ(run->collections[2].rows_kept, 180U);
  EXPECT_GT(run->collections[1].rows_kept, 0U);
  ExpectWhole(store);
}

class ImportTest : public TransferTest {};

TEST_F(ImportTest, ClusterToFilesToCluster) {
  Site from;
  Site to;
  from.Create("books", 500);
  from.Create("films", 30);
  const auto store = std::make_shared<MemoryStore>();
  const auto format = files::MakeJsonlFormat();
  ExportOptions options;
  options.file_bytes = 4000;
  const auto source = from.endpoint();
  const auto run = RunExport(context_, *source, store, *format, options, NoProgress());
  ASSERT_TRUE(run.ok()) << run.status();
  ASSERT_TRUE(run->status.ok()) << run->status;

  const auto files = OpenExportEndpoint(context_, store);
  ASSERT_TRUE(files.ok()) << files.status();
  const auto restored = RunRestore(context_, **files, to.client, {}, NoProgress());
  ASSERT_TRUE(restored.ok()) << restored.status();
  ASSERT_TRUE(restored->status.ok()) << restored->status;
  const auto left = from.endpoint();
  const auto right = to.endpoint();
  const auto diff = RunDiff(context_, *left, *right, {}, NoProgress());
  ASSERT_TRUE(diff.ok()) << diff.status();
  EXPECT_EQ(diff->collections.size(), 2U);
  for (const auto& one : diff->collections) EXPECT_TRUE(one.same()) << one.left.ToString();
  EXPECT_EQ(to.RowsOf("books"), 500U);
}

// An interrupted export of a snapshot goes on; KnownDigest of the snapshot is compared.
TEST_F(ImportTest, SnapshotGoesOn) {
  Site site;
  site.Create("books", 300);
  const auto snapshot = Take(site);
  const auto from = MakeSnapshotEndpoint(*repository_, snapshot);
  const auto inner = std::make_shared<MemoryStore>();
  const auto faulty = std::make_shared<FaultyStore>(inner);
  faulty->CrashAt(9);
  const auto format = files::MakeJsonlFormat();
  ExportOptions options;
  options.file_bytes = 1;
  options.earlier = files::Earlier::kGoOn;
  auto run = RunExport(context_, *from, faulty, *format, options, NoProgress());
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_FALSE(run->status.ok());
  faulty->Revive();
  run = RunExport(context_, *from, faulty, *format, options, NoProgress());
  ASSERT_TRUE(run.ok() && run->status.ok()) << run->status;
  const auto files = OpenExportEndpoint(context_, inner);
  ASSERT_TRUE(files.ok()) << files.status();
  const auto diff = RunDiff(context_, *from, **files, {}, NoProgress());
  ASSERT_TRUE(diff.ok()) << diff.status();
  ASSERT_EQ(diff->collections.size(), 1U);
  EXPECT_TRUE(diff->collections[0].same()) << diff->collections[0].status;
}

}  // namespace
}  // namespace aerie::transfer
