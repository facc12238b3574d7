#include "milvus/collection_source.h"

#include <atomic>
#include <limits>
#include <random>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "milvus/fake_testing.h"

namespace aerie::milvus {
namespace {

using fake::Behaviour;
using fake::FakeMilvus;
using fake::Fault;
using fake::Release;
using fake::SimpleRows;
using fake::SimpleSchema;
using fake::SimpleTextRows;
using fake::SimpleTextSchema;
using rows::Key;
using testing::HasSubstr;

constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
const rows::CollectionName kDocs{"default", "docs"};

Key Int(std::int64_t number) { return number; }

std::vector<std::int64_t> Numbers(std::int64_t begin, std::int64_t end, std::int64_t step = 1) {
  std::vector<std::int64_t> out;
  for (std::int64_t i = begin; i < end; i += step) out.push_back(i);
  return out;
}

void Insert(FakeMilvus& server, const pb::InsertRequest& request) {
  const auto result = server.Apply<pb::MutationResult>(request);
  ASSERT_EQ(result.status().error_code(), 0) << result.status().reason();
}

void Delete(FakeMilvus& server, const std::string& expr) {
  pb::DeleteRequest request;
  request.set_collection_name("docs");
  request.set_expr(expr);
  const auto result = server.Apply<pb::MutationResult>(request);
  ASSERT_EQ(result.status().error_code(), 0) << result.status().reason();
}

// A fake with `rows` rows, keys 0, 1, ... and a client to it.
class SourceTest : public testing::Test {
 protected:
  void Begin(Behaviour behaviour = Behaviour::Of(Release::k2_3)) {
    server_ = std::make_unique<FakeMilvus>(std::move(behaviour));
    client_ = OpenFake(*server_);
  }
  void BeginWithRows(std::int64_t rows, Behaviour behaviour = Behaviour::Of(Release::k2_3)) {
    Begin(std::move(behaviour));
    server_->Create(SimpleSchema("docs"));
    if (rows > 0) Insert(*server_, SimpleRows("docs", Numbers(0, rows)));
  }
  std::unique_ptr<MilvusSource> Open(const rows::CollectionName& name = kDocs,
                                     const SourceOptions& options = {}) {
    auto source = OpenCollectionSource(Context::Background(), client_, name, options);
    EXPECT_TRUE(source.ok()) << source.status();
    return source.ok() ? std::move(*source) : nullptr;
  }
  Status CloseSource(MilvusSource& source) { return source.Close(Context::Background()); }

  std::unique_ptr<FakeMilvus> server_;
  std::shared_ptr<Client> client_;
};

TEST_F(SourceTest, EveryRowOnceInOrderOverManyRanges) {
  BeginWithRows(3000);
  auto source = Open();
  EXPECT_EQ(source->EstimatedRows(), 3000);
  EXPECT_EQ(source->ReadPartitions(), std::vector<std::string>{"_default"});
  const ReadResult read = ReadPartition(*source, "_default", SmallRanges());
  ASSERT_TRUE(read.status.ok()) << read.status;
  EXPECT_EQ(read.values.size(), 3000u);
  EXPECT_GT(read.batches.size(), 20u);
  EXPECT_EQ(read.report.rows, 3000u);
  EXPECT_EQ(read.report.counted, 3000u);
  EXPECT_EQ(read.report.duplicate_keys, 0u);
  EXPECT_EQ(read.report.reread_ranges, 0u);
  EXPECT_TRUE(read.report.fuzzy);
  EXPECT_EQ(read.report.read_ts, 0u);
  EXPECT_GT(read.report.finished_ms, 0);
  EXPECT_THAT(read.report.warnings, testing::IsEmpty());
  EXPECT_TRUE(CloseSource(*source).ok());
}

TEST_F(SourceTest, NoRowsAndOneRow) {
  BeginWithRows(0);
  auto source = Open();
  EXPECT_TRUE(ReadPartition(*source, "_default").values.empty());
  Insert(*server_, SimpleRows("docs", {7}));
  EXPECT_EQ(ReadPartition(*source, "_default").values.size(), 1u);
  EXPECT_TRUE(CloseSource(*source).ok());
}

// Protocol 3.2: equal keys stored several times cost a paging reader rows.
TEST_F(SourceTest, EqualKeysStoredSeveralTimesLoseNothing) {
  Begin();
  server_->Create(SimpleSchema("docs"));
  for (int copy = 0; copy < 3; ++copy) {
    Insert(*server_, SimpleRows("docs", Numbers(0, 500), copy));
  }
  Insert(*server_, SimpleRows("docs", Numbers(500, 1000)));
  auto source = Open();
  const ReadResult read = ReadPartition(*source, "_default", SmallRanges());
  ASSERT_TRUE(read.status.ok()) << read.status;
  EXPECT_EQ(read.values.size(), 1000u);
  EXPECT_EQ(read.report.counted, 2000u);
  EXPECT_EQ(read.report.duplicate_keys, 1000u);
  EXPECT_EQ(read.report.reread_ranges, 0u);
  EXPECT_THAT(read.Warnings(), HasSubstr("1000 surplus copies"));
}

// Tried on 2.3.5: a range without a limit lacks a row at its end for each surplus copy.
TEST_F(SourceTest, RowsLeftOutForCopiesAreReadAfterAll) {
  Behaviour behaviour = Behaviour::Of(Release::k2_3);
  behaviour.copies_cut_answers = true;
  Begin(behaviour);
  server_->Create(SimpleSchema("docs"));
  Insert(*server_, SimpleRows("docs", Numbers(0, 1000)));
  std::uint64_t surplus = 0;
  for (const std::int64_t step : {2, 7, 100, 999}) {
    std::vector<std::int64_t> again;
    for (std::int64_t key = 0; key < 1000; key += step) again.push_back(key);
    surplus += again.size();
    Insert(*server_, SimpleRows("docs", again, step));
  }
  for (const rows::ReadOptions& options : {rows::ReadOptions{}, SmallRanges()}) {
    auto source = Open();
    const ReadResult read = ReadPartition(*source, "_default", options);
    ASSERT_TRUE(read.status.ok()) << read.status;
    EXPECT_EQ(read.values.size(), 1000u);
    EXPECT_EQ(read.report.counted, 1000 + surplus);
    EXPECT_EQ(read.report.duplicate_keys, surplus);
  }
}

// The same with more copies than any limit may ask for.
TEST_F(SourceTest, RowsLeftOutForCopiesInALargeRangeAreReadByHalves) {
  BeginWithRows(12000);
  Insert(*server_, SimpleRows("docs", Numbers(0, 6000)));
  auto source = Open();
  const ReadResult read = ReadPartition(*source, "_default");
  ASSERT_TRUE(read.status.ok()) << read.status;
  EXPECT_EQ(read.values.size(), 12000u);
  EXPECT_EQ(read.report.duplicate_keys, 6000u);
}

TEST_F(SourceTest, ExampleOfADuplicateIsItsKey) {
  BeginWithRows(300);
  Insert(*server_, SimpleRows("docs", {123}));
  auto source = Open();
  const ReadResult read = ReadPartition(*source, "_default");
  EXPECT_EQ(read.report.duplicate_keys, 1u);
  EXPECT_THAT(read.Warnings(), HasSubstr("(122, 123]"));
}

// Protocol 3.2: pages that are short, held back or capped are no end.
TEST_F(SourceTest, ShortPagesLoseNothing) {
  Behaviour behaviour = Behaviour::Of(Release::k2_3);
  behaviour.page_rows = 7;
  behaviour.hold_back_last_row = true;
  BeginWithRows(700, behaviour);
  auto source = Open();
  const ReadResult read = ReadPartition(*source, "_default", SmallRanges());
  ASSERT_TRUE(read.status.ok()) << read.status;
  EXPECT_EQ(read.values.size(), 700u);
}

// Protocol 3.3.
TEST_F(SourceTest, EndsOfTheKeySpace) {
  Behaviour behaviour = Behaviour::Of(Release::k2_5);
  BeginWithRows(0, behaviour);
  Insert(*server_, SimpleRows("docs", {kMin, kMin + 1, -1, 0, 1, kMax - 1, kMax}));
  auto source = Open();
  const ReadResult read = ReadPartition(*source, "_default");
  ASSERT_TRUE(read.status.ok()) << read.status;
  EXPECT_EQ(read.values.size(), 7u);
  EXPECT_EQ(read.report.unreadable_keys, 0u);
  rows::ReadOptions cut;
  cut.boundaries = {Int(kMin), Int(0), Int(kMax)};
  EXPECT_EQ(ReadPartition(*source, "_default", cut).values.size(), 7u);
}

TEST_F(SourceTest, LargestKeyThatIsNeverReturnedIsReported) {
  Behaviour behaviour = Behaviour::Of(Release::k2_3);
  behaviour.hides_int64_max = true;
  BeginWithRows(100, behaviour);
  Insert(*server_, SimpleRows("docs", {kMin, kMax}));
  auto source = Open();
  const ReadResult read = ReadPartition(*source, "_default", SmallRanges());
  ASSERT_TRUE(read.status.ok()) << read.status;
  EXPECT_EQ(read.values.size(), 101u);
  EXPECT_EQ(read.report.unreadable_keys, 1u);
  EXPECT_EQ(read.report.duplicate_keys, 0u);
  EXPECT_EQ(read.report.reread_ranges, 0u);
  EXPECT_THAT(read.Warnings(), HasSubstr("9223372036854775807"));
}

TEST_F(SourceTest, TextKeysOfAllKinds) {
  Begin();
  server_->Create(SimpleTextSchema("docs"));
  const std::vector<std::string> keys{"",
                                      "a",
                                      "a\\b",
                                      "say \"x\"",
                                      "line\nbreak",
                                      "it's",
                                      "\t",
                                      "\xc3\xa9",
                                      "\xe6\xbc\xa2",
                                      std::string(60000, 'k'),
                                      std::string(60000, 'k') + "z"};
  Insert(*server_, SimpleTextRows("docs", keys));
  auto source = Open();
  for (const std::size_t bytes : {1024u, 1u << 20}) {
    rows::ReadOptions options;
    options.batch_bytes = bytes;
    const ReadResult read = ReadPartition(*source, "_default", options);
    ASSERT_TRUE(read.status.ok()) << read.status;
    EXPECT_EQ(read.values.size(), keys.size());
  }
  rows::ReadOptions cut;
  for (const auto& key : keys) cut.boundaries.emplace_back(key);
  EXPECT_EQ(ReadPartition(*source, "_default", cut).values.size(), keys.size());
}

TEST_F(SourceTest, ResumesRightAfterAKey) {
  BeginWithRows(1000);
  auto source = Open();
  rows::ReadOptions options = SmallRanges();
  options.after = Int(499);
  const ReadResult read = ReadPartition(*source, "_default", options);
  EXPECT_EQ(read.values.size(), 500u);
  EXPECT_EQ(read.values.begin()->first, Int(500));
  options.after = Int(kMax);
  EXPECT_TRUE(ReadPartition(*source, "_default", options).values.empty());
}

TEST_F(SourceTest, ProposedBoundariesNeverDecideWhatIsRead) {
  BeginWithRows(2000);
  auto source = Open();
  std::mt19937_64 random(3);
  for (int round = 0; round < 10; ++round) {
    rows::ReadOptions options = SmallRanges();
    for (std::uint64_t i = 0; i < random() % 30; ++i) {
      options.boundaries.push_back(Int(static_cast<std::int64_t>(random() % 3000) - 500));
    }
    if (round % 2 == 0) std::sort(options.boundaries.begin(), options.boundaries.end());
    const ReadResult read = ReadPartition(*source, "_default", options);
    ASSERT_TRUE(read.status.ok()) << read.status;
    EXPECT_EQ(read.values.size(), 2000u);
  }
}

// However keys lie: what is guessed is only where to cut.
TEST_F(SourceTest, BurstsGapsAndEndsOfKeys) {
  std::mt19937_64 random(8);
  for (int round = 0; round < 8; ++round) {
    BeginWithRows(0, Behaviour::Of(Release::k2_5));
    std::set<std::int64_t> keys{kMin, kMax, 0};
    while (keys.size() < 3000) {
      const auto start = static_cast<std::int64_t>(random());
      const std::uint64_t length = random() % 700;
      const std::uint64_t step = round % 2 == 0 ? 1 : random() % 1000 + 1;
      for (std::uint64_t i = 0; i < length; ++i) {
        keys.insert(static_cast<std::int64_t>(static_cast<std::uint64_t>(start) + i * step));
      }
    }
    Insert(*server_, SimpleRows("docs", {keys.begin(), keys.end()}));
    auto source = Open();
    const ReadResult read = ReadPartition(*source, "_default", SmallRanges());
    ASSERT_TRUE(read.status.ok()) << read.status;
    EXPECT_EQ(read.values.size(), keys.size());
    EXPECT_EQ(read.report.reread_ranges, 0u);
    for (const auto& batch : read.batches) EXPECT_LE(batch.rows(), 96u * 3);
  }
}

TEST_F(SourceTest, EvenlySpacedKeysAreCountedSomeRangesAtOnce) {
  Begin();
  server_->Create(SimpleSchema("docs"));
  Insert(*server_, SimpleRows("docs", Numbers(-50'000, 50'000, 10)));
  auto source = Open();
  const int before = server_->Calls("Query");
  const ReadResult read = ReadPartition(*source, "_default", SmallRanges());
  EXPECT_EQ(read.values.size(), 10'000u);
  const int calls = server_->Calls("Query") - before;
  EXPECT_LT(calls, static_cast<int>(read.batches.size()) * 5 / 4 + 15);
}

TEST_F(SourceTest, BoundariesOfTextKeysAreCountedSomeAtOnce) {
  Begin();
  server_->Create(SimpleTextSchema("docs"));
  std::vector<std::string> texts;
  rows::ReadOptions options = SmallRanges();
  for (int i = 10'000; i < 14'000; ++i) {
    texts.push_back(std::to_string(i));
    if (i % 50 == 0) options.boundaries.emplace_back(texts.back());
  }
  Insert(*server_, SimpleTextRows("docs", texts));
  auto source = Open();
  const int before = server_->Calls("Query");
  const ReadResult read = ReadPartition(*source, "_default", options);
  ASSERT_TRUE(read.status.ok()) << read.status;
  EXPECT_EQ(read.values.size(), texts.size());
  EXPECT_LT(server_->Calls("Query") - before, 80 * 5 / 4 + 15);
}

// Ranges that were counted together are counted one by one when their sum is wrong, and only what
// really changed is read again.
TEST_F(SourceTest, WriteIntoRangesCountedTogetherReadsOneOfThemAgain) {
  Begin();
  server_->Create(SimpleSchema("docs"));
  Insert(*server_, SimpleRows("docs", Numbers(0, 100'000, 10)));
  auto source = Open();
  std::atomic<int> reads = 0;
  server_->After("Query", [&](const fake::Call& call, google::protobuf::Message&) {
    const auto& query = dynamic_cast<const pb::QueryRequest&>(call.request);
    const int number = query.output_fields(0) == "*" ? ++reads : 0;
    if (number < 30 || number > 33) return;
    // Everywhere, and four times: some ranges are read by then, and others of their group are not.
    Insert(*server_, SimpleRows("docs", Numbers(number - 29, 100'000, 1000)));
  });
  const ReadResult read = ReadPartition(*source, "_default", SmallRanges());
  ASSERT_TRUE(read.status.ok()) << read.status;
  for (std::int64_t key = 0; key < 100'000; key += 10) {
    ASSERT_EQ(read.values.count(Int(key)), 1u) << key;
  }
  EXPECT_EQ(read.report.duplicate_keys, 0u);
  EXPECT_GT(read.report.reread_ranges, 0u);
  EXPECT_LT(reads, static_cast<int>(read.batches.size()) + 4 * 7);
}

TEST_F(SourceTest, AnswerOverTheLimitAmongRangesCountedTogether) {
  Behaviour behaviour = Behaviour::Of(Release::k2_3);
  behaviour.answer_limit_bytes = 9000;
  Begin(behaviour);
  server_->Create(SimpleSchema("docs"));
  Insert(*server_, SimpleRows("docs", Numbers(0, 3000)));
  rows::ReadOptions options = SmallRanges();
  for (std::int64_t block = 0; block < 3000; block += 500) {
    for (const std::int64_t row : {10, 20, 30, 499}) options.boundaries.push_back(Int(block + row));
  }
  auto source = Open();
  std::atomic<int> refused = 0;
  server_->After("Query", [&](const fake::Call&, google::protobuf::Message& answer) {
    refused += answer.ByteSizeLong() > 9000;
  });
  const ReadResult read = ReadPartition(*source, "_default", options);
  ASSERT_TRUE(read.status.ok()) << read.status;
  EXPECT_EQ(read.values.size(), 3000u);
  EXPECT_GT(refused, 0);
}

TEST_F(SourceTest, FilterIsObeyed) {
  BeginWithRows(1000);
  auto source = Open();
  rows::ReadOptions options = SmallRanges();
  options.filter = "id < 10 or id >= 990";
  const ReadResult read = ReadPartition(*source, "_default", options);
  ASSERT_TRUE(read.status.ok()) << read.status;
  EXPECT_EQ(read.values.size(), 20u);
  EXPECT_EQ(read.report.counted, 20u);
}

// Protocol 3.4: servers that answer read timestamps give one instant.
TEST_F(SourceTest, OneInstantWhereTheServerHasReadTimestamps) {
  BeginWithRows(2000, Behaviour::Of(Release::k2_5));
  auto source = Open();
  ASSERT_EQ(source->read_point().mode, ReadPoint::Mode::kSnapshot);
  std::atomic<int> writes = 0;
  server_->Before("Query", [&](const fake::Call& call) {
    if (call.number % 3 != 0 || writes > 20) return;
    ++writes;
    Delete(*server_, "id in [" + std::to_string(call.number * 40) + "]");
    Insert(*server_, SimpleRows("docs", {10'000 + call.number, -call.number}));
  });
  const ReadResult read = ReadPartition(*source, "_default", SmallRanges());
  server_->Before("Query", {});
  ASSERT_TRUE(read.status.ok()) << read.status;
  EXPECT_GT(writes, 5);
  EXPECT_EQ(read.values.size(), 2000u);
  EXPECT_EQ(read.values.begin()->first, Int(0));
  EXPECT_EQ(read.values.rbegin()->first, Int(1999));
  EXPECT_FALSE(read.report.fuzzy);
  EXPECT_EQ(read.report.read_ts, source->read_point().ts);
}

// Rows written, updated and deleted while it is read: untouched keys exactly, touched ones in one
// of the states they had, none twice (Drain checks), none lost.
TEST_F(SourceTest, WritesDuringALiveRead) {
  for (unsigned seed = 1; seed <= 5; ++seed) {
    BeginWithRows(2000);
    auto source = Open();
    std::mutex mutex;
    std::mt19937 random(seed);
    std::set<std::int64_t> touched;
    std::map<std::int64_t, std::set<std::int64_t>> versions;
    std::set<std::int64_t> inserted;
    server_->Before("Query", [&](const fake::Call&) {
      std::lock_guard lock(mutex);
      if (random() % 4 != 0) return;
      const auto key = static_cast<std::int64_t>(random() % 2000);
      switch (random() % 3) {
        case 0:
          touched.insert(key);
          Delete(*server_, "id in [" + std::to_string(key) + "]");
          break;
        case 1: {
          touched.insert(key);
          const auto rows = SimpleRows("docs", {key}, 777);
          pb::UpsertRequest upsert;
          upsert.set_collection_name("docs");
          *upsert.mutable_fields_data() = rows.fields_data();
          upsert.set_num_rows(1);
          server_->Apply<pb::MutationResult>(upsert);
          break;
        }
        default: {
          const std::int64_t fresh = 5000 + static_cast<std::int64_t>(inserted.size());
          inserted.insert(fresh);
          Insert(*server_, SimpleRows("docs", {fresh}));
        }
      }
    });
    const ReadResult read = ReadPartition(*source, "_default", SmallRanges());
    server_->Before("Query", {});
    ASSERT_TRUE(read.status.ok()) << read.status;
    EXPECT_TRUE(read.report.fuzzy);
    EXPECT_EQ(read.report.duplicate_keys, 0u) << read.Warnings();
    for (std::int64_t key = 0; key < 2000; ++key) {
      const auto it = read.values.find(Int(key));
      if (touched.count(key) != 0) {
        EXPECT_TRUE(it == read.values.end() || it->second == 777 || it->second == key);
        continue;
      }
      ASSERT_NE(it, read.values.end()) << key;
      EXPECT_EQ(it->second, key);
    }
    for (const auto& [key, value] : read.values) {
      const auto number = std::get<std::int64_t>(key);
      EXPECT_TRUE(number < 2000 || inserted.count(number) != 0);
    }
  }
}

// A write between count and read of a range is told from duplicates by asking again.
TEST_F(SourceTest, InsertBetweenCountAndReadIsNoDuplicate) {
  BeginWithRows(100);
  auto source = Open();
  std::atomic<int> reads = 0;
  server_->Before("Query", [&](const fake::Call& call) {
    const auto& query = dynamic_cast<const pb::QueryRequest&>(call.request);
    if (query.output_fields(0) == "*" && ++reads == 1) {
      Insert(*server_, SimpleRows("docs", {1000}));
    }
  });
  const ReadResult read = ReadPartition(*source, "_default");
  EXPECT_EQ(read.values.size(), 101u);
  EXPECT_EQ(read.report.duplicate_keys, 0u);
  EXPECT_EQ(read.report.counted, 101u);
}

TEST_F(SourceTest, DeleteAfterTheReadIsReadAgain) {
  BeginWithRows(100);
  auto source = Open();
  std::atomic<int> reads = 0;
  server_->After("Query", [&](const fake::Call& call, google::protobuf::Message&) {
    const auto& query = dynamic_cast<const pb::QueryRequest&>(call.request);
    if (query.output_fields(0) != "*") return;
    const int number = ++reads;
    if (number == 1) Insert(*server_, SimpleRows("docs", {1000, 1001}));
    if (number == 2) Delete(*server_, "id in [5]");
  });
  const ReadResult read = ReadPartition(*source, "_default");
  ASSERT_TRUE(read.status.ok());
  EXPECT_EQ(read.report.duplicate_keys, 0u);
  EXPECT_GE(read.values.size(), 100u);
}

TEST_F(SourceTest, CountsThatNeverAgreeAreReported) {
  Behaviour behaviour = Behaviour::Of(Release::k2_3);
  behaviour.count_error = -2;
  BeginWithRows(100, behaviour);
  auto source = Open();
  const ReadResult read = ReadPartition(*source, "_default");
  ASSERT_TRUE(read.status.ok()) << read.status;
  EXPECT_EQ(read.values.size(), 100u);
  EXPECT_THAT(read.Warnings(), HasSubstr("differed every time"));
}

TEST_F(SourceTest, TimeToLiveDuringTheRead) {
  Begin();
  auto schema = SimpleSchema("docs");
  server_->Create(schema);
  pb::AlterCollectionRequest ttl;
  ttl.set_collection_name("docs");
  auto* property = ttl.add_properties();
  property->set_key("collection.ttl.seconds");
  property->set_value("60");
  server_->Apply<fake::common::Status>(ttl);
  Insert(*server_, SimpleRows("docs", Numbers(0, 500)));
  server_->With([](fake::FakeCluster& cluster) { cluster.AdvanceTime(50'000); });
  Insert(*server_, SimpleRows("docs", Numbers(500, 1000)));
  auto source = Open();
  std::atomic<bool> expired = false;
  server_->Before("Query", [&](const fake::Call& call) {
    if (call.number < 8 || expired.exchange(true)) return;
    server_->With([](fake::FakeCluster& cluster) { cluster.AdvanceTime(15'000); });
  });
  const ReadResult read = ReadPartition(*source, "_default", SmallRanges());
  ASSERT_TRUE(read.status.ok()) << read.status;
  for (std::int64_t key = 500; key < 1000; ++key) EXPECT_EQ(read.values.count(Int(key)), 1u);
  EXPECT_EQ(read.report.duplicate_keys, 0u);
}

// Protocol 3.5.
TEST_F(SourceTest, AnswersOverTheLimitHalveTheRange) {
  Behaviour behaviour = Behaviour::Of(Release::k2_3);
  behaviour.answer_limit_bytes = 8000;
  BeginWithRows(3000, behaviour);
  auto source = Open();
  rows::ReadOptions options;
  options.boundaries = {Int(1500)};
  options.batch_bytes = 40'000;
  const ReadResult read = ReadPartition(*source, "_default", options);
  ASSERT_TRUE(read.status.ok()) << read.status;
  EXPECT_EQ(read.values.size(), 3000u);
}

TEST_F(SourceTest, RowLargerThanAnAnswerIsNamed) {
  Begin();
  server_->Create(SimpleTextSchema("docs"));
  Insert(*server_, SimpleTextRows("docs", {"a", std::string(5000, 'b'), "c"}));
  server_->Change([](Behaviour& behaviour) { behaviour.answer_limit_bytes = 2000; });
  auto source = Open();
  const ReadResult read = ReadPartition(*source, "_default");
  ASSERT_FALSE(read.status.ok());
  EXPECT_EQ(KindOf(read.status), Kind::kTooLarge);
}

TEST_F(SourceTest, RowsAndColumnsInAnyOrder) {
  Behaviour behaviour = Behaviour::Of(Release::k2_5);
  behaviour.shuffle_rows = true;
  BeginWithRows(1000, behaviour);
  auto source = Open();
  EXPECT_EQ(ReadPartition(*source, "_default", SmallRanges()).values.size(), 1000u);
}

// Protocol 2.4: 2.2 leaves vectors out of "*".
TEST_F(SourceTest, VectorsAreNamedWhereTheStarLeavesThemOut) {
  BeginWithRows(100, Behaviour::Of(Release::k2_2));
  auto source = Open();
  const ReadResult read = ReadPartition(*source, "_default");
  ASSERT_TRUE(read.status.ok()) << read.status;
  ASSERT_EQ(read.values.size(), 100u);
  EXPECT_NE(read.batches[0].Find("vector"), nullptr);
}

TEST_F(SourceTest, ServerWithoutTimestampsIsReadStrongly) {
  Behaviour behaviour = Behaviour::Of(Release::k2_3);
  behaviour.unimplemented.insert("AllocTimestamp");
  behaviour.stale_reads = true;
  BeginWithRows(100, behaviour);
  auto source = Open();
  EXPECT_EQ(source->read_point().mode, ReadPoint::Mode::kStrong);
  EXPECT_EQ(ReadPartition(*source, "_default").values.size(), 100u);
}

// Section 7: rows written right before are seen, although the collection's own level is bounded.
TEST_F(SourceTest, RowsWrittenRightBeforeAreSeen) {
  Behaviour behaviour = Behaviour::Of(Release::k2_3);
  behaviour.stale_reads = true;
  BeginWithRows(500, behaviour);
  auto source = Open();
  EXPECT_EQ(ReadPartition(*source, "_default").values.size(), 500u);
}

TEST_F(SourceTest, PartitionsAreReadOneByOne) {
  BeginWithRows(10);
  pb::CreatePartitionRequest create;
  create.set_collection_name("docs");
  create.set_partition_name("p2");
  server_->Apply<fake::common::Status>(create);
  pb::LoadPartitionsRequest load;
  load.set_collection_name("docs");
  load.add_partition_names("p2");
  server_->Apply<fake::common::Status>(load);
  auto rows = SimpleRows("docs", Numbers(5, 25));
  rows.set_partition_name("p2");
  Insert(*server_, rows);
  auto source = Open();
  EXPECT_THAT(source->ReadPartitions(), testing::UnorderedElementsAre("_default", "p2"));
  EXPECT_EQ(ReadPartition(*source, "_default").values.size(), 10u);
  const ReadResult second = ReadPartition(*source, "p2");
  EXPECT_EQ(second.values.size(), 20u);
  EXPECT_EQ(second.report.duplicate_keys, 0u);
}

// Protocol 3.3: a released partition makes a server answer fewer rows without a word.
TEST_F(SourceTest, ReleasedPartitionIsLoadedAndPutBackOrRefused) {
  BeginWithRows(10);
  pb::CreatePartitionRequest create;
  create.set_collection_name("docs");
  create.set_partition_name("p2");
  server_->Apply<fake::common::Status>(create);
  auto rows = SimpleRows("docs", Numbers(100, 120));
  rows.set_partition_name("p2");
  Insert(*server_, rows);
  pb::ReleasePartitionsRequest release;
  release.set_collection_name("docs");
  release.add_partition_names("p2");
  server_->Apply<fake::common::Status>(release);
  const auto refused = OpenCollectionSource(Context::Background(), client_, kDocs,
                                            {.when_not_loaded = WhenNotLoaded::kRefuse});
  EXPECT_EQ(KindOf(refused.status()), Kind::kRefused);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("p2"));

  auto source = Open();
  EXPECT_EQ(ReadPartition(*source, "p2").values.size(), 20u);
  EXPECT_EQ(ReadPartition(*source, "_default").values.size(), 10u);
  ASSERT_TRUE(CloseSource(*source).ok());
  server_->With([](fake::FakeCluster& cluster) {
    auto* docs = cluster.Collection("default", "docs");
    EXPECT_TRUE(docs->FindPartition("_default")->loaded);
    EXPECT_FALSE(docs->FindPartition("p2")->loaded);
  });
}

// What a server says of a loaded collection for some seconds after it was restarted: it was taken
// for not loaded, and what was made of it stayed so.
TEST_F(SourceTest, ALoadUnderWayIsWaitedForAndIsNotOurs) {
  BeginWithRows(10);
  server_->With(
      [](fake::FakeCluster& cluster) { cluster.Collection("default", "docs")->loading_polls = 4; });
  auto source = Open(kDocs, {.when_not_loaded = WhenNotLoaded::kRefuse});
  EXPECT_EQ(source->spec().load_state, rows::LoadState::kLoaded);
  EXPECT_EQ(source->spec().replicas, 1);
  EXPECT_EQ(ReadPartition(*source, "_default").values.size(), 10u);
  ASSERT_TRUE(CloseSource(*source).ok());
  server_->With([](fake::FakeCluster& cluster) {
    EXPECT_TRUE(cluster.Collection("default", "docs")->loaded());
  });
}

TEST_F(SourceTest, CollectionIsLoadedAndReleasedAgainAlsoAfterAnError) {
  BeginWithRows(10);
  pb::ReleaseCollectionRequest release;
  release.set_collection_name("docs");
  server_->Apply<fake::common::Status>(release);
  const auto loaded = [&] {
    bool is = false;
    server_->With(
        [&](fake::FakeCluster& cluster) { is = cluster.Collection("default", "docs")->loaded(); });
    return is;
  };
  const auto refused = OpenCollectionSource(Context::Background(), client_, kDocs,
                                            {.when_not_loaded = WhenNotLoaded::kRefuse});
  EXPECT_EQ(KindOf(refused.status()), Kind::kRefused);
  EXPECT_FALSE(loaded());
  {
    auto source = Open();
    EXPECT_TRUE(loaded());
    EXPECT_EQ(ReadPartition(*source, "_default").values.size(), 10u);
    EXPECT_TRUE(CloseSource(*source).ok());
    EXPECT_FALSE(loaded());
  }
  {
    auto source = Open();
    server_->Inject(Fault::Milvus("Query", 5, false, "internal", 1000));
    EXPECT_FALSE(ReadPartition(*source, "_default").status.ok());
    CancelScope scope(Context::Background());
    scope.Cancel();
    (void)source->Close(scope.context());
    EXPECT_FALSE(loaded());
  }
}

TEST_F(SourceTest, PartitionKeyCollectionsAreReadWithoutNames) {
  Begin();
  auto schema = SimpleSchema("docs");
  for (auto& field : *schema.mutable_fields()) {
    if (field.name() == "value") field.set_is_partition_key(true);
  }
  server_->Create(schema);
  Insert(*server_, SimpleRows("docs", Numbers(0, 400)));
  auto source = Open();
  EXPECT_EQ(source->ReadPartitions(), std::vector<std::string>{""});
  const ReadResult read = ReadPartition(*source, "", SmallRanges());
  ASSERT_TRUE(read.status.ok()) << read.status;
  EXPECT_EQ(read.values.size(), 400u);
}

// Section 7: a name that comes to mean another collection in the middle.
TEST_F(SourceTest, CollectionCreatedAnewInTheMiddleIsRefused) {
  BeginWithRows(2000);
  auto source = Open();
  std::atomic<bool> done = false;
  server_->Before("Query", [&](const fake::Call& call) {
    if (call.number < 12 || done.exchange(true)) return;
    pb::DropCollectionRequest drop;
    drop.set_collection_name("docs");
    server_->Apply<fake::common::Status>(drop);
    server_->Create(SimpleSchema("docs"));
    Insert(*server_, SimpleRows("docs", Numbers(0, 2000), 5));
  });
  const ReadResult read = ReadPartition(*source, "_default", SmallRanges());
  EXPECT_EQ(KindOf(read.status), Kind::kRefused) << read.status;
  // "... and its name given to another one", or, where it is looked for in between, "... or
  // renamed".
  EXPECT_THAT(std::string(read.status.message()), HasSubstr("the collection was dropped"));
  EXPECT_EQ(KindOf(CloseSource(*source)), Kind::kRefused);
}

TEST_F(SourceTest, CollectionDroppedInTheMiddleIsRefused) {
  BeginWithRows(2000);
  auto source = Open();
  server_->Before("Query", [&](const fake::Call& call) {
    if (call.number != 12) return;
    pb::DropCollectionRequest drop;
    drop.set_collection_name("docs");
    server_->Apply<fake::common::Status>(drop);
  });
  const ReadResult read = ReadPartition(*source, "_default", SmallRanges());
  EXPECT_EQ(KindOf(read.status), Kind::kRefused) << read.status;
  EXPECT_THAT(std::string(read.status.message()), HasSubstr("dropped"));
}

TEST_F(SourceTest, AliasMovedInTheMiddleChangesNothing) {
  BeginWithRows(1000);
  server_->Create(SimpleSchema("other"));
  Insert(*server_, SimpleRows("other", Numbers(5000, 5010)));
  pb::CreateAliasRequest create;
  create.set_collection_name("docs");
  create.set_alias("current");
  server_->Apply<fake::common::Status>(create);
  auto source = Open({"default", "current"});
  EXPECT_EQ(source->spec().name.collection, "docs");
  server_->Before("Query", [&](const fake::Call& call) {
    if (call.number != 8) return;
    pb::AlterAliasRequest alter;
    alter.set_collection_name("other");
    alter.set_alias("current");
    server_->Apply<fake::common::Status>(alter);
  });
  const ReadResult read = ReadPartition(*source, "_default", SmallRanges());
  ASSERT_TRUE(read.status.ok()) << read.status;
  EXPECT_EQ(read.values.size(), 1000u);
  EXPECT_EQ(read.values.rbegin()->first, Int(999));
  EXPECT_TRUE(CloseSource(*source).ok());
}

TEST_F(SourceTest, LostConnectionsAndLimitsAreRiddenOut) {
  BeginWithRows(1000);
  auto source = Open();
  server_->Inject(Fault::LostBefore("Query", 3, 2));
  server_->Inject(Fault::RateLimit("Query", 3));
  const ReadResult read = ReadPartition(*source, "_default", SmallRanges());
  ASSERT_TRUE(read.status.ok()) << read.status;
  EXPECT_EQ(read.values.size(), 1000u);
}

TEST_F(SourceTest, ServerThatDiesEndsTheReadWithItsError) {
  BeginWithRows(2000);
  auto source = Open();
  server_->Inject(Fault::CrashBefore("Query", 10));
  const ReadResult read = ReadPartition(*source, "_default", SmallRanges());
  EXPECT_EQ(KindOf(read.status), Kind::kTransient) << read.status;
}

TEST_F(SourceTest, CancelEndsTheReadAtOnce) {
  BeginWithRows(5000);
  auto source = Open();
  CancelScope scope(Context::Background());
  auto reader = source->OpenReader(scope.context(), "_default", SmallRanges());
  ASSERT_TRUE(reader.ok());
  ASSERT_TRUE((*reader)->Next(scope.context()).ok());
  scope.Cancel();
  Result<std::optional<rows::RowBatch>> next = (*reader)->Next(scope.context());
  while (next.ok() && *next) next = (*reader)->Next(scope.context());
  EXPECT_EQ(KindOf(next.status()), Kind::kCancelled);
}

TEST_F(SourceTest, ReaderGivenUpHalfWayEndsQuietly) {
  BeginWithRows(5000);
  auto source = Open();
  auto reader = source->OpenReader(Context::Background(), "_default", SmallRanges());
  ASSERT_TRUE((*reader)->Next(Context::Background()).ok());
  reader->reset();
  EXPECT_TRUE(CloseSource(*source).ok());
}

TEST_F(SourceTest, CollectionThatIsNotThereIsNamed) {
  Begin();
  const auto source = OpenCollectionSource(Context::Background(), client_, {"default", "nope"}, {});
  EXPECT_EQ(KindOf(source.status()), Kind::kNotFound);
  EXPECT_THAT(std::string(source.status().message()), HasSubstr("nope"));
}

}  // namespace
}  // namespace aerie::milvus
