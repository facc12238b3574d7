#include "transfer/import.h"

#include <fstream>
#include <string>

#include "base/temp_folder_testing.h"
#include "transfer/transfer_testing.h"

namespace aerie::transfer {
namespace {

using testing::HasSubstr;

class FileImportTest : public TransferTest {
 protected:
  std::string Write(const std::string& name, const std::string& text) {
    const std::string path = folder_.path() / name;
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }

  // Of the collection "docs": id, value, vector of 4.
  static std::string Row(int id, int value) {
    return std::to_string(id) + "," + std::to_string(value) + ",\"[" + std::to_string(value) +
           ", 0.5, -1, " + std::to_string(id) + "]\"\n";
  }

  Result<std::unique_ptr<FileImport>> Open(Site& site, const std::string& path) {
    AERIE_ASSIGN(const auto input, files::FindForeignInput(path));
    options_.name.collection = "docs";
    options_.spool.folder = folder_.path();
    options_.spool.run_bytes = 4000;
    options_.restore.verb = "import";
    return FileImport::Open(context_, *input, site.client, options_);
  }
  Result<RestoreResult> Import(Site& site, const std::string& path) {
    AERIE_ASSIGN(const auto import, Open(site, path));
    return import->Run(context_, NoProgress());
  }
  std::string Why(Site& site, const std::string& path) {
    const auto run = Import(site, path);
    EXPECT_EQ(KindOf(run.status()), Kind::kRefused) << run.status();
    return std::string(run.status().message());
  }

  TempFolder folder_;
  ImportOptions options_;
};

constexpr char kHeader[] = "id,value,vector\n";

// The mapping for a new collection, as a user writes it for CSV.
files::ImportMapping NewDocs() {
  files::ImportMapping mapping;
  const auto field = [&](const std::string& name, rows::DataType type, rows::KeyValues params) {
    auto& mapped = mapping.fields.emplace_back();
    mapped.field.name = name;
    mapped.field.type = type;
    mapped.field.type_params = std::move(params);
  };
  field("id", rows::DataType::kInt64, {});
  field("value", rows::DataType::kInt64, {});
  field("vector", rows::DataType::kFloatVector, {{"dim", "4"}});
  return mapping;
}

TEST_F(FileImportTest, RowsOfAnyOrderMakeANewCollection) {
  Site site;
  std::string text = kHeader;
  for (int i = 0; i < 500; ++i) text += Row((i * 7919) % 500 - 250, i);
  options_.mapping = NewDocs();
  const auto run = Import(site, Write("docs.csv", text));
  ASSERT_TRUE(run.ok()) << run.status();
  ASSERT_TRUE(run->status.ok()) << run->status;
  EXPECT_EQ(run->collections[0].digest.rows, 500u);
  EXPECT_EQ(site.RowsOf("docs"), 500u);
}

TEST_F(FileImportTest, ABadRowIsNamedBeforeTheClusterIsTouched) {
  Site site;
  std::string text = kHeader;
  for (int i = 0; i < 300; ++i) text += Row(i, i);
  options_.mapping = NewDocs();
  EXPECT_THAT(Why(site, Write("docs.csv", text + "300,NaN,\"[1,2,3,4]\"\n")),
              HasSubstr("docs.csv, row 301 (line 302): column value: \"NaN\" is no Int64; nothing "
                        "was written"));
  EXPECT_THAT(Why(site, Write("docs.csv", text + Row(17, 1))),
              testing::AllOf(HasSubstr("the key 17 comes twice, in "), HasSubstr("row 18 and in "),
                             HasSubstr("row 301; nothing was written")));
  EXPECT_FALSE(site.Has("docs"));
  EXPECT_FALSE(site.Has(StagingName("docs")));
}

TEST_F(FileImportTest, MergesIntoWhatIsThere) {
  Site site;
  site.Create("docs", 100);
  const std::string path = Write("docs.csv", kHeader + Row(150, 1) + Row(50, 2) + Row(101, 3));
  EXPECT_THAT(Why(site, path), HasSubstr("give --on-conflict merge"));
  EXPECT_EQ(site.RowsOf("docs"), 100u);
  options_.restore.on_conflict = OnConflict::kMerge;
  for (int again = 0; again < 2; ++again) {
    const auto run = Import(site, path);
    ASSERT_TRUE(run.ok()) << run.status();
    ASSERT_TRUE(run->status.ok()) << run->status;
    EXPECT_EQ(site.RowsOf("docs"), 102u);
  }
  EXPECT_THAT(Why(site, Write("docs.csv", "id,value\n1,2\n")),
              HasSubstr("field vector comes from no column"));
}

TEST_F(FileImportTest, ReplacesWhatIsThereByRowsOfItsSchema) {
  Site site;
  site.Create("docs", 100);
  options_.restore.on_conflict = OnConflict::kReplace;
  const auto run = Import(site, Write("docs.csv", kHeader + Row(1, 1) + Row(-1, 2)));
  ASSERT_TRUE(run.ok()) << run.status();
  ASSERT_TRUE(run->status.ok()) << run->status;
  EXPECT_EQ(site.RowsOf("docs"), 2u);
}

TEST_F(FileImportTest, KeysOfTheServerAreCountedAndNeverMerged) {
  Site site;
  options_.mapping = NewDocs();
  options_.mapping.fields[0].field.auto_id = true;
  options_.mapping.fields[0].field.primary_key = true;
  const std::string path = Write("docs.csv", "value,vector\n1,\"[1,2,3,4]\"\n2,\"[1,2,3,4]\"\n");
  const auto run = Import(site, path);
  ASSERT_TRUE(run.ok()) << run.status();
  ASSERT_TRUE(run->status.ok()) << run->status;
  EXPECT_EQ(site.RowsOf("docs"), 2u);
  options_.restore.on_conflict = OnConflict::kMerge;
  EXPECT_THAT(Why(site, path), HasSubstr("would double the rows"));
}

// The server dies at each step in turn; the same command makes it whole.
TEST_F(FileImportTest, GoesOnWhereItWasCutOff) {
  std::string text = kHeader;
  for (int i = 200; i-- > 0;) text += Row(i, i);
  const std::string path = Write("docs.csv", text);
  options_.mapping = NewDocs();
  for (const char* const call :
       {"CreateCollection", "LoadCollection", "Insert", "RenameCollection"}) {
    Site site;
    site.server.Inject(Fault::CrashBefore(call));
    const auto cut = Import(site, path);
    EXPECT_FALSE(cut.ok() && cut->status.ok()) << call;
    EXPECT_FALSE(site.Has("docs")) << call;
    site.Restart();
    const auto run = Import(site, path);
    ASSERT_TRUE(run.ok()) << call << run.status();
    ASSERT_TRUE(run->status.ok()) << call << run->status;
    EXPECT_EQ(site.RowsOf("docs"), 200u);
  }
}

}  // namespace
}  // namespace aerie::transfer
