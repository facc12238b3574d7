#include "rows/memory_collection.h"

#include <limits>
#include <thread>

#include <gtest/gtest.h>

#include "rows/counting_writer.h"
#include "rows/digesting_reader.h"
#include "rows/filtering_source.h"
#include "rows/row_generator.h"

namespace aerie::rows {
namespace {

constexpr std::uint64_t kSeed = 21;

CollectionSpec SpecOf(CollectionSchema schema) {
  CollectionSpec spec;
  spec.name.collection = schema.name;
  spec.schema = std::move(schema);
  spec.partitions = {{"_default", LoadState::kLoaded}, {"p1", LoadState::kLoaded}};
  return spec;
}

class MemoryCollectionTest : public ::testing::Test {
 protected:
  // Reads a partition to its end; the batches joined.
  Result<RowBatch> ReadAll(CollectionSource& source, const std::string& partition,
                           const ReadOptions& options = {}) {
    AERIE_ASSIGN(auto reader, source.OpenReader(context_, partition, options));
    RowBatch all = RowBatch::Empty(source.spec().schema, partition);
    for (;;) {
      AERIE_ASSIGN(const std::optional<RowBatch> batch, reader->Next(context_));
      if (!batch) return all;
      EXPECT_GT(batch->rows(), 0U);
      all.Append(*batch);
      EXPECT_TRUE(all.Validate().ok());
      EXPECT_EQ(*reader->position(), all.KeyAt(all.rows() - 1));
    }
  }
  RangeDigest DigestOf(const RowBatch& batch) {
    return *RowDigester(schema_.Columns()).DigestRange(batch);
  }

  FakeClock clock_;
  const Context context_{clock_};
  RowGenerator random_{kSeed};
  const CollectionSchema schema_ = random_.EveryTypeSchema(DataType::kVarChar);
  MemoryCollection collection_{SpecOf(schema_)};
};

TEST_F(MemoryCollectionTest, RowsGoThroughUnchanged) {
  const RowBatch rows = random_.RandomRows(schema_, "_default", 60);
  auto writer = collection_.OpenWriter();
  ASSERT_TRUE(writer->Write(context_, rows.Slice(20, 60)).ok());
  ASSERT_TRUE(writer->Write(context_, rows.Slice(0, 20)).ok());
  const auto receipt = writer->Commit(context_);
  ASSERT_TRUE(receipt.ok());
  EXPECT_EQ(receipt->written, DigestOf(rows));
  EXPECT_EQ(collection_.rows(), 60U);
  EXPECT_EQ(collection_.rows("p1"), 0U);
  EXPECT_EQ(collection_.Digest(), DigestOf(rows));

  auto source = collection_.OpenSource();
  EXPECT_EQ(source->ReadPartitions(), (std::vector<std::string>{"_default", "p1"}));
  EXPECT_EQ(source->EstimatedRows(), 60);
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{5000}, std::size_t{1} << 30}) {
    ReadOptions options;
    options.batch_bytes = bytes;
    const auto read = ReadAll(*source, "_default", options);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(DigestOf(*read), DigestOf(rows));
  }
  EXPECT_EQ(ReadAll(*source, "p1")->rows(), 0U);
  EXPECT_TRUE(source->Close(context_).ok());
}

TEST_F(MemoryCollectionTest, ResumesRightAfterAnyKey) {
  const RowBatch rows = random_.RandomRows(schema_, "p1", 20);
  ASSERT_TRUE(collection_.Put(rows).ok());
  auto source = collection_.OpenSource();
  for (std::size_t row = 0; row < rows.rows(); ++row) {
    ReadOptions options;
    options.after = rows.KeyAt(row);
    EXPECT_EQ(DigestOf(*ReadAll(*source, "p1", options)), DigestOf(rows.Slice(row + 1, 20)));
  }
}

TEST_F(MemoryCollectionTest, DeliversTheScriptedBatches) {
  ASSERT_TRUE(collection_.Put(random_.RandomRows(schema_, "p1", 20)).ok());
  MemorySourceScript script;
  script.batch_rows = {3, 1, 7};
  auto source = collection_.OpenSource(std::move(script));
  auto reader = *source->OpenReader(context_, "p1", {});
  for (const std::size_t rows : {3, 1, 7, 7, 2}) {
    EXPECT_EQ((*reader->Next(context_))->rows(), rows);
  }
  EXPECT_FALSE(reader->Next(context_)->has_value());
  EXPECT_EQ(reader->report().rows, 20U);
  EXPECT_EQ(reader->report().counted, 20U);
  EXPECT_FALSE(reader->report().fuzzy);
  EXPECT_NE(reader->report().started_ms, 0);
}

TEST_F(MemoryCollectionTest, FailsAfterExactlyAsManyRows) {
  ASSERT_TRUE(collection_.Put(random_.RandomRows(schema_, "_default", 10)).ok());
  ASSERT_TRUE(collection_.Put(random_.RandomRows(schema_, "p1", 10)).ok());
  MemorySourceScript script;
  script.fail_after_rows = 13;
  auto source = collection_.OpenSource(std::move(script));
  EXPECT_EQ(ReadAll(*source, "_default")->rows(), 10U);
  auto reader = *source->OpenReader(context_, "p1", {});
  EXPECT_EQ((*reader->Next(context_))->rows(), 3U);
  EXPECT_EQ(KindOf(reader->Next(context_).status()), Kind::kTransient);
}

TEST_F(MemoryCollectionTest, ChangesUnderTheReaderShowOnlyInALiveView) {
  using View = MemorySourceScript::View;
  for (const View view : {View::kOneInstant, View::kLive}) {
    MemoryCollection collection(SpecOf(schema_));
    const RowBatch rows = random_.RandomRows(schema_, "p1", 10);
    ASSERT_TRUE(collection.Put(rows.Slice(0, 8)).ok());
    MemorySourceScript script;
    script.view = view;
    script.batch_rows = {4};
    script.before_batch = [&](MemoryCollection& changed, std::uint64_t delivered) {
      if (delivered != 4) return;
      EXPECT_TRUE(changed.Put(rows.Slice(8, 10)).ok());
      EXPECT_TRUE(changed.Erase("p1", rows.KeyAt(5)));
      EXPECT_FALSE(changed.Erase("p1", rows.KeyAt(5)));
    };
    auto source = collection.OpenSource(std::move(script));
    const bool live = view == View::kLive;
    EXPECT_EQ(ReadAll(*source, "p1")->rows(), live ? 9U : 8U);
    auto reader = *source->OpenReader(context_, "p1", {});
    while ((*reader->Next(context_)).has_value()) {
    }
    EXPECT_EQ(reader->report().fuzzy, live);
  }
}

TEST_F(MemoryCollectionTest, FiltersOnlyAsScripted) {
  const RowBatch rows = random_.RandomRows(schema_, "p1", 10);
  ASSERT_TRUE(collection_.Put(rows).ok());
  ReadOptions options;
  options.filter = "one";
  auto plain = collection_.OpenSource();
  EXPECT_EQ(KindOf(plain->OpenReader(context_, "p1", options).status()), Kind::kUnsupported);
  MemorySourceScript script;
  script.batch_rows = {1};
  script.filter = [&](const std::string& filter, const Key& key) {
    EXPECT_EQ(filter, "one");
    return key == rows.KeyAt(6);
  };
  auto source = collection_.OpenSource(std::move(script));
  EXPECT_EQ(DigestOf(*ReadAll(*source, "p1", options)), DigestOf(rows.Slice(6, 7)));
}

TEST_F(MemoryCollectionTest, ClosingNoticesAnotherCollection) {
  auto source = collection_.OpenSource();
  CollectionSpec spec = collection_.spec();
  spec.id += 1;
  collection_.set_spec(spec);
  EXPECT_FALSE(source->Close(context_).ok());
  MemorySourceScript script;
  script.close_status = FailedError("x");
  EXPECT_FALSE(collection_.OpenSource(std::move(script))->Close(context_).ok());
}

TEST_F(MemoryCollectionTest, WritersFailAsScripted) {
  using FailingBatch = MemoryWriterScript::FailingBatch;
  for (const FailingBatch fate : {FailingBatch::kDropped, FailingBatch::kStored}) {
    MemoryCollection collection(SpecOf(schema_));
    const RowBatch rows = random_.RandomRows(schema_, "p1", 10);
    MemoryWriterScript script;
    script.fail_after_rows = 7;
    script.failing_batch = fate;
    script.failure = UnknownOutcomeError("write: the answer was lost");
    auto writer = collection.OpenWriter(std::move(script));
    ASSERT_TRUE(writer->Write(context_, rows.Slice(0, 7)).ok());
    EXPECT_EQ(KindOf(writer->Write(context_, rows.Slice(7, 10))), Kind::kUnknownOutcome);
    writer->Abort();
    EXPECT_EQ(collection.rows(), fate == FailingBatch::kStored ? 10U : 7U);
  }
}

TEST_F(MemoryCollectionTest, WritersRefuseWhatDoesNotFit) {
  auto writer = collection_.OpenWriter();
  EXPECT_EQ(KindOf(writer->Write(context_, random_.RandomRows(schema_, "nowhere", 1))),
            Kind::kNotFound);
  CollectionSchema narrow = schema_;
  narrow.fields.resize(2);
  EXPECT_EQ(KindOf(writer->Write(context_, random_.RandomRows(narrow, "p1", 1))), Kind::kInvalid);
  CancelScope scope(context_);
  scope.Cancel();
  EXPECT_EQ(KindOf(writer->Write(scope.context(), random_.RandomRows(schema_, "p1", 1))),
            Kind::kCancelled);
}

TEST_F(MemoryCollectionTest, DeletesAndReplacesByKey) {
  const RowBatch first = random_.RandomRows(schema_, "p1", 3);
  const std::vector<Key> keys = {first.KeyAt(0), first.KeyAt(1), first.KeyAt(2)};
  const RowBatch second = random_.RowsWithKeys(schema_, "p1", keys);
  auto writer = collection_.OpenWriter();
  ASSERT_TRUE(writer->Write(context_, first).ok());
  ASSERT_TRUE(writer->Write(context_, second).ok());
  EXPECT_EQ(collection_.Digest(), DigestOf(second));
  ASSERT_TRUE(writer->Delete(context_, "p1", {keys[1]}).ok());
  EXPECT_EQ(collection_.rows(), 2U);
  EXPECT_EQ(writer->Commit(context_)->deleted_keys, 1U);
}

TEST_F(MemoryCollectionTest, ManyThreadsMayWriteAndRead) {
  std::vector<RowBatch> batches;
  for (int i = 0; i < 4; ++i) batches.push_back(random_.RandomRows(schema_, "p1", 30));
  RowBatch all = batches[0];
  for (int i = 1; i < 4; ++i) all.Append(batches[static_cast<std::size_t>(i)]);
  SortAndDeduplicate(all);
  {
    std::vector<std::jthread> threads;
    for (const RowBatch& batch : batches) {
      threads.emplace_back([&] {
        for (std::size_t row = 0; row < batch.rows(); ++row) {
          EXPECT_TRUE(collection_.Put(batch.Slice(row, row + 1)).ok());
          (void)collection_.ReadAfter("p1", std::nullopt, 5, 1 << 20);
        }
      });
    }
  }
  EXPECT_EQ(collection_.rows(), all.rows());
}

TEST_F(MemoryCollectionTest, DigestingReaderSumsWhatPasses) {
  const RowBatch rows = random_.RandomRows(schema_, "p1", 25);
  ASSERT_TRUE(collection_.Put(rows).ok());
  MemorySourceScript script;
  script.batch_rows = {4};
  auto source = collection_.OpenSource(std::move(script));
  DigestingReader reader(*source->OpenReader(context_, "p1", {}), schema_.Columns());
  EXPECT_EQ(reader.partition(), "p1");
  for (;;) {
    const auto batch = reader.Next(context_);
    ASSERT_TRUE(batch.ok());
    if (!*batch) break;
    EXPECT_EQ(reader.row_digests().size(), (*batch)->rows());
  }
  EXPECT_TRUE(reader.row_digests().empty());
  EXPECT_EQ(reader.digest(), DigestOf(rows));
  EXPECT_EQ(reader.report().rows, 25U);
  EXPECT_EQ(reader.position(), rows.KeyAt(24));
}

TEST_F(MemoryCollectionTest, CountingWriterCountsWhatWasAccepted) {
  const RowBatch rows = random_.RandomRows(schema_, "p1", 25);
  std::uint64_t told = 0;
  MemoryWriterScript script;
  script.fail_after_rows = 20;
  CountingWriter writer(collection_.OpenWriter(std::move(script)),
                        [&](std::uint64_t count, std::uint64_t) { told += count; });
  ASSERT_TRUE(writer.Write(context_, rows.Slice(0, 10)).ok());
  ASSERT_TRUE(writer.Write(context_, rows.Slice(10, 20)).ok());
  EXPECT_FALSE(writer.Write(context_, rows.Slice(20, 25)).ok());
  ASSERT_TRUE(writer.Delete(context_, "p1", {rows.KeyAt(0)}).ok());
  EXPECT_EQ(writer.rows(), 20U);
  EXPECT_EQ(told, 20U);
  EXPECT_EQ(writer.batches(), 2U);
  EXPECT_EQ(writer.bytes(), rows.Slice(0, 10).ByteSize() + rows.Slice(10, 20).ByteSize());
  EXPECT_EQ(writer.deleted_keys(), 1U);
}

TEST_F(MemoryCollectionTest, FilteringSourceNarrowsThePartitions) {
  ASSERT_TRUE(collection_.Put(random_.RandomRows(schema_, "p1", 5)).ok());
  auto source = *FilteringSource::Make(context_, collection_.OpenSource(), {"p1"});
  EXPECT_EQ(source->ReadPartitions(), std::vector<std::string>{"p1"});
  EXPECT_EQ(source->spec(), collection_.spec());
  EXPECT_EQ(source->EstimatedRows(), -1);
  EXPECT_EQ(ReadAll(*source, "p1")->rows(), 5U);
  EXPECT_EQ(KindOf(source->OpenReader(context_, "_default", {}).status()), Kind::kNotFound);
  EXPECT_TRUE(source->Close(context_).ok());

  auto all = *FilteringSource::Make(context_, collection_.OpenSource(), {"p1", "_default"});
  EXPECT_EQ(all->ReadPartitions(), (std::vector<std::string>{"_default", "p1"}));
  EXPECT_EQ(all->EstimatedRows(), 5);
}

TEST_F(MemoryCollectionTest, FilteringSourceRefusesWhatIsNotThere) {
  const auto kind = [&](MemoryCollection& collection, std::vector<std::string> partitions) {
    return KindOf(FilteringSource::Make(context_, collection.OpenSource(), partitions).status());
  };
  EXPECT_EQ(kind(collection_, {"p1", "p2"}), Kind::kNotFound);
  EXPECT_EQ(kind(collection_, {}), Kind::kInvalid);
  CollectionSpec keyed = collection_.spec();
  keyed.schema.fields[1].partition_key = true;
  MemoryCollection by_key(keyed);
  EXPECT_EQ(kind(by_key, {"p1"}), Kind::kRefused);
}

TEST_F(MemoryCollectionTest, APartitionKeyHidesThePartitions) {
  CollectionSpec keyed = collection_.spec();
  keyed.schema.fields[1].partition_key = true;
  MemoryCollection collection(keyed);
  const RowBatch rows = random_.RandomRows(schema_, "", 4);
  ASSERT_TRUE(collection.Put(rows).ok());
  EXPECT_EQ(KindOf(collection.Put(random_.RandomRows(schema_, "p1", 1))), Kind::kNotFound);
  auto source = collection.OpenSource();
  EXPECT_EQ(source->ReadPartitions(), std::vector<std::string>{""});
  EXPECT_EQ(DigestOf(*ReadAll(*source, "")), DigestOf(rows));
}

TEST(RowGenerator, IsTheSameForASeedForEver) {
  const auto digest = [](std::uint64_t seed) {
    RowGenerator random(seed);
    const CollectionSchema schema = random.EveryTypeSchema(DataType::kVarChar);
    return RowDigester(schema.Columns()).DigestRange(random.RandomRows(schema, "p", 200))->sum;
  };
  EXPECT_EQ(digest(1).ToHex(), "d27af0fb9da315eef77283a880a35d20");
  EXPECT_NE(digest(1), digest(2));
}

TEST(RowGenerator, ReachesTheNastyValues) {
  RowGenerator random(1);
  const CollectionSchema schema = random.EveryTypeSchema(DataType::kInt64);
  const RowBatch rows = random.RandomRows(schema, "p", 3000);
  EXPECT_EQ(rows.KeyAt(0), Key(std::numeric_limits<std::int64_t>::min()));
  EXPECT_EQ(rows.KeyAt(2999), Key(std::numeric_limits<std::int64_t>::max()));
  for (const Column& column : rows.columns()) {
    EXPECT_EQ(column.has_nulls_column(), column.field().nullable) << column.field().name;
    if (column.fixed() || column.field().type == DataType::kJson ||
        column.field().type == DataType::kTimestamptz ||
        column.field().type == DataType::kGeometry || column.field().nullable) {
      continue;
    }
    bool empty = false;
    for (std::size_t row = 0; row < rows.rows(); ++row) {
      const ByteSpan cell = column.Cell(row);
      empty = empty || cell.empty() ||
              (column.field().type == DataType::kArray && cell.size() == 1 && cell[0] == 0);
    }
    EXPECT_TRUE(empty) << column.field().name;
  }
}

}  // namespace
}  // namespace aerie::rows
