#include "transfer/row_sizes.h"

#include <string>

#include "base/clock.h"
#include "transfer/copy_sample.h"
#include "transfer/transfer_testing.h"

namespace aerie::transfer {
namespace {

using From = SizeAbout::From;

class RowSizesTest : public TransferTest {
 protected:
  Endpoint::Seen Seen(const std::string& name) {
    return *site_.endpoint()->Inspect(context_, {"default", name});
  }
  std::optional<SizeAbout> Of(const Endpoint::Seen& seen,
                              const std::optional<RowSizes::Stored>& stored = {}) {
    return sizes_.Of(clocked_, site_.client, seen, stored);
  }
  // Its keys are texts, which differ in size.
  void CreateVaried(const std::string& name, std::int64_t rows) {
    site_.server.Create(fake::SimpleTextSchema(name));
    std::vector<std::string> keys;
    for (std::int64_t i = 0; i < rows; ++i) keys.push_back("k" + std::to_string(100'000 + i));
    if (rows > 0) site_.Insert(fake::SimpleTextRows(name, keys));
  }
  int Queries() { return site_.server.Calls("Query"); }

  Site site_;
  FakeClock clock_;
  const Context clocked_{clock_};
  RowSizes sizes_;
};

TEST_F(RowSizesTest, RowsOfOneWidthNeedNoReading) {
  site_.Create("docs", 50);
  const auto seen = Seen("docs");
  const int before = Queries();
  const auto size = Of(seen, RowSizes::Stored{.rows = 1, .bytes = 1'000'000});
  ASSERT_TRUE(size);
  EXPECT_EQ(size->from, From::kSchema);
  std::size_t row = 0;
  for (const auto& field : seen.spec.schema.Columns()) row += rows::CellWidth(field);
  ASSERT_GT(row, 0U);
  EXPECT_EQ(size->bytes, static_cast<std::int64_t>(50 * row));
  EXPECT_EQ(Queries(), before);
}

TEST_F(RowSizesTest, ABackupTellsWhatARowTakes) {
  CreateVaried("notes", 50);
  const auto seen = Seen("notes");
  const int before = Queries();
  const auto size = Of(seen, RowSizes::Stored{.rows = 20, .bytes = 2'010});
  ASSERT_TRUE(size);
  EXPECT_EQ(size->from, From::kSnapshot);
  EXPECT_EQ(size->bytes, 5'025);
  EXPECT_EQ(Queries(), before);
}

TEST_F(RowSizesTest, WithoutOneRowsAreSampledOnceADay) {
  CreateVaried("notes", 50);
  auto seen = Seen("notes");
  const int before = Queries();
  const auto size = Of(seen, RowSizes::Stored{});  // a backup without rows says nothing
  ASSERT_TRUE(size);
  EXPECT_EQ(size->from, From::kSample);
  const auto sample = *SampleRows(context_, site_.client, seen.spec, {});
  EXPECT_EQ(size->bytes, static_cast<std::int64_t>(sample.bytes)) << "all 50 are in the sample";

  const int sampled = Queries();
  EXPECT_GT(sampled, before);
  seen.rows_about = 75;
  EXPECT_NEAR(static_cast<double>(Of(seen)->bytes), 1.5 * static_cast<double>(size->bytes), 1);
  EXPECT_EQ(Queries(), sampled);
  seen.rows_about = 100;  // twice as many
  EXPECT_TRUE(Of(seen));
  EXPECT_GT(Queries(), sampled);
  const int again = Queries();
  clock_.Advance(std::chrono::hours(25));
  EXPECT_TRUE(Of(seen));
  EXPECT_GT(Queries(), again);
}

TEST_F(RowSizesTest, WhatIsNotKnownIsNotGuessed) {
  CreateVaried("empty", 0);
  const auto none = Of(Seen("empty"));
  ASSERT_TRUE(none);
  EXPECT_EQ(none->bytes, 0);

  CreateVaried("notes", 50);
  auto seen = Seen("notes");
  seen.rows_about = -1;
  EXPECT_FALSE(Of(seen, RowSizes::Stored{.rows = 20, .bytes = 2'000}));

  fake::pb::FlushRequest flush;
  flush.add_collection_names("notes");
  (void)site_.server.Apply<fake::pb::FlushResponse>(flush);
  ASSERT_TRUE(milvus::Release(context_, *site_.client, {"default", "notes"}).ok());
  ASSERT_EQ(Seen("notes").rows_about, 50);
  EXPECT_FALSE(Of(Seen("notes"))) << "what is not loaded cannot be sampled";

  CreateVaried("broken", 50);
  seen = Seen("broken");
  site_.server.Inject(Fault::Milvus("Query", 1, false, "broken", 100));
  EXPECT_FALSE(Of(seen));
}

}  // namespace
}  // namespace aerie::transfer
