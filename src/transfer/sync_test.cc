#include "transfer/sync.h"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <random>

#include "base/temp_folder_testing.h"
#include "base/testing_effort.h"
#include "transfer/transfer_testing.h"

namespace aerie::transfer {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;
using How = SyncOutcome::How;

class SyncTest : public TransferTest {
 protected:
  void SetUp() override {
    TransferTest::SetUp();
    Watch();
  }
  // Counts what the target is asked to write.
  void Watch() {
    target_.server.Before("Insert", [this](const fake::Call& call) {
      written_ += static_cast<const fake::pb::InsertRequest&>(call.request).num_rows();
    });
    target_.server.Before("Upsert", [this](const fake::Call& call) {
      written_ += static_cast<const fake::pb::UpsertRequest&>(call.request).num_rows();
    });
  }

  std::string StateFolder() const { return (folder_.path() / "state").string(); }
  SyncState State() const { return SyncState(StateFolder()); }
  // The folder of the only pair.
  std::filesystem::path PairFolder() const {
    const std::filesystem::directory_iterator first(StateFolder() + "/sync");
    return first->path();
  }

  Result<SyncResult> Sync(const SyncOptions& options = {}) { return Sync(context_, options); }
  Result<SyncResult> Sync(const Context& context, const SyncOptions& options = {}) {
    written_ = 0;
    SyncState state = State();
    return RunSync(context, *source_.endpoint(), target_.client, options, state, NoProgress());
  }
  SyncResult MustSync(const SyncOptions& options = {}) {
    const auto run = Sync(options);
    EXPECT_TRUE(run.ok()) << run.status();
    if (!run.ok()) return {};
    EXPECT_TRUE(run->status.ok()) << run->status;
    return *run;
  }
  // Of the only collection.
  SyncOutcome MustSyncOne(const SyncOptions& options = {}) {
    const SyncResult run = MustSync(options);
    EXPECT_EQ(run.collections.size(), 1u);
    return run.collections.empty() ? SyncOutcome{} : run.collections.front();
  }
  SyncResult MustPlan(const SyncOptions& options = {}) {
    SyncState state = State();
    const auto plan =
        PlanSync(context_, *source_.endpoint(), target_.client, options, state, NoProgress());
    EXPECT_TRUE(plan.ok()) << plan.status();
    return plan.ok() ? *plan : SyncResult{};
  }
  void ExpectEqual() { TransferTest::ExpectEqual(source_, target_); }

  static void ExpectCounts(const SyncOutcome& outcome, std::uint64_t inserted,
                           std::uint64_t updated, std::uint64_t deleted) {
    EXPECT_EQ(outcome.inserted, inserted);
    EXPECT_EQ(outcome.updated, updated);
    EXPECT_EQ(outcome.deleted, deleted);
  }

  static void MakePartition(Site& site, const std::string& name) {
    fake::pb::CreatePartitionRequest part;
    part.set_collection_name("docs");
    part.set_partition_name(name);
    (void)site.server.Apply<fake::common::Status>(part);
    fake::pb::LoadCollectionRequest load;
    load.set_collection_name("docs");
    (void)site.server.Apply<fake::common::Status>(load);
  }
  static void DropPartition(Site& site, const std::string& name) {
    fake::pb::ReleasePartitionsRequest release;
    release.set_collection_name("docs");
    release.add_partition_names(name);
    (void)site.server.Apply<fake::common::Status>(release);
    fake::pb::DropPartitionRequest drop;
    drop.set_collection_name("docs");
    drop.set_partition_name(name);
    const auto answer = site.server.Apply<fake::common::Status>(drop);
    EXPECT_EQ(answer.code(), 0) << answer.reason();
  }
  static void UpsertInto(Site& site, const std::string& partition,
                         const fake::pb::InsertRequest& rows) {
    fake::pb::UpsertRequest request;
    request.set_collection_name(rows.collection_name());
    request.set_partition_name(partition);
    *request.mutable_fields_data() = rows.fields_data();
    request.set_num_rows(rows.num_rows());
    const auto answer = site.server.Apply<fake::pb::MutationResult>(request);
    EXPECT_EQ(answer.status().code(), 0) << answer.status().reason();
  }
  static void DeleteFrom(Site& site, const std::string& partition, std::int64_t key) {
    fake::pb::DeleteRequest erase;
    erase.set_collection_name("docs");
    erase.set_partition_name(partition);
    erase.set_expr("id in [" + std::to_string(key) + "]");
    (void)site.server.Apply<fake::pb::MutationResult>(erase);
  }
  static void Alias(Site& site, const std::string& alias, const std::string& collection) {
    fake::pb::CreateAliasRequest make;
    make.set_alias(alias);
    make.set_collection_name(collection);
    if (site.server.Apply<fake::common::Status>(make).code() == 0) return;
    fake::pb::AlterAliasRequest move;
    move.set_alias(alias);
    move.set_collection_name(collection);
    EXPECT_EQ(site.server.Apply<fake::common::Status>(move).code(), 0);
  }
  static void DropAlias(Site& site, const std::string& alias) {
    fake::pb::DropAliasRequest drop;
    drop.set_alias(alias);
    EXPECT_EQ(site.server.Apply<fake::common::Status>(drop).code(), 0);
  }
  static void DropCollection(Site& site, const std::string& name) {
    fake::pb::DropCollectionRequest drop;
    drop.set_collection_name(name);
    (void)site.server.Apply<fake::common::Status>(drop);
  }
  std::string LeadsTo(Site& site, const std::string& alias) {
    const auto there = milvus::DescribeCollection(context_, *site.client, {"default", alias});
    return there.ok() ? there->spec.name.collection : "";
  }

  TempFolder folder_;
  Site source_;
  Site target_;
  std::atomic<std::uint64_t> written_{0};
};

// --- Rounds ---

TEST_F(SyncTest, TheFirstRoundCopiesAndReadsTheSourceOnce) {
  source_.CreateWide("docs", 300);
  int reads = 0;
  source_.server.Before("Query", [&](const fake::Call& call) {
    const auto& query = static_cast<const fake::pb::QueryRequest&>(call.request);
    reads += query.output_fields_size() > 0 && query.output_fields(0) == "*" ? 1 : 0;
  });
  const SyncOutcome first = MustSyncOne();
  EXPECT_EQ(first.how, How::kCopied);
  ExpectCounts(first, 300, 0, 0);
  EXPECT_EQ(first.as_of_ms, ToUnixMillis(clock_.Now()));
  const int once = reads;
  ExpectEqual();
  reads = 0;
  const SyncOutcome second = MustSyncOne();
  EXPECT_EQ(second.how, How::kDigests);
  ExpectCounts(second, 0, 0, 0);
  EXPECT_EQ(second.digest, first.digest);
  EXPECT_EQ(reads, once) << "as many as the round after it, which reads the source once";
  EXPECT_EQ(written_, 0u);
}

TEST_F(SyncTest, OnlyDifferencesAreWrittenAndTheTargetIsNotRead) {
  source_.Create("docs", 2000);
  MustSyncOne();
  Upsert(source_, fake::SimpleRows("docs", {3, 500, 1999}, 7'000'000));
  source_.Insert(fake::SimpleRows("docs", {5000, -4}));
  Delete(source_, "docs", "id in [0, 1, 700]");
  std::atomic<std::int64_t> read{0};
  target_.server.After("Query", [&](const fake::Call&, google::protobuf::Message& answer) {
    const auto& results = static_cast<const fake::pb::QueryResults&>(answer);
    for (const auto& field : results.fields_data()) {
      if (field.field_name() == "id") read += field.scalars().long_data().data_size();
    }
  });
  const SyncOutcome round = MustSyncOne();
  EXPECT_EQ(round.how, How::kDigests);
  ExpectCounts(round, 2, 3, 3);
  EXPECT_EQ(written_, 5u);
  EXPECT_LE(read, 5 + 1) << "those that were written, and one to choose the time";
  ExpectEqual();
}

TEST_F(SyncTest, TextKeysAndEmptyCollections) {
  source_.server.Create(fake::SimpleTextSchema("docs"));
  MustSyncOne();
  source_.Insert(fake::SimpleTextRows("docs", {"", "a\"b\\c\n", "z", "é"}));
  ExpectCounts(MustSyncOne(), 4, 0, 0);
  ExpectEqual();
  Delete(source_, "docs", "id in [\"z\", \"\"]");
  source_.Insert(fake::SimpleTextRows("docs", {std::string(60'000, 'k')}));
  ExpectCounts(MustSyncOne(), 1, 0, 2);
  ExpectEqual();
  Delete(source_, "docs", "id >= \"\"");
  ExpectCounts(MustSyncOne(), 0, 0, 3);
  ExpectEqual();
}

TEST_F(SyncTest, ARowThatMovesBetweenPartitionsIsThereBeforeItGoes) {
  source_.Create("docs", 20);
  MakePartition(source_, "p2");
  MustSyncOne();
  DeleteFrom(source_, "_default", 7);
  UpsertInto(source_, "p2", fake::SimpleRows("docs", {7}));
  std::size_t least = 20;
  target_.server.After("Delete", [&](const fake::Call&, google::protobuf::Message&) {
    least = std::min(least, target_.RowsOf("docs"));
  });
  target_.server.Before("Delete",
                        [&](const fake::Call&) { EXPECT_EQ(target_.RowsOf("docs"), 21u); });
  ExpectCounts(MustSyncOne(), 1, 0, 1);
  EXPECT_EQ(least, 20u);
  ExpectEqual();
}

TEST_F(SyncTest, PartitionKeysAreSyncedAsOneStream) {
  auto schema = fake::SimpleSchema("docs");
  schema.mutable_fields(1)->set_is_partition_key(true);
  source_.server.Create(schema);
  source_.Insert(fake::SimpleRows("docs", Keys(0, 100)));
  MustSyncOne();
  Upsert(source_, fake::SimpleRows("docs", {5, 6}, 90));  // another partition
  Delete(source_, "docs", "id in [8]");
  ExpectCounts(MustSyncOne(), 0, 2, 1);
  EXPECT_EQ(target_.RowsOf("docs"), 99u);
  ExpectEqual();
}

TEST_F(SyncTest, EachCollectionForItself) {
  source_.Create("a", 10);
  source_.Create("b", 10);
  auto other = fake::SimpleSchema("b");
  other.mutable_fields(1)->set_data_type(fake::schema::Double);
  target_.server.Create(other);
  const auto run = Sync();
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(KindOf(run->status), Kind::kPartial);
  EXPECT_TRUE(run->collections.at(0).status.ok());
  EXPECT_EQ(KindOf(run->collections.at(1).status), Kind::kRefused);
  EXPECT_THAT(std::string(run->collections.at(1).status.message()),
              AllOf(HasSubstr("field value"), HasSubstr("aerie copy --on-conflict replace")));
}

TEST_F(SyncTest, WithinOneClusterUnderAnotherName) {
  source_.Create("docs", 10);
  SyncOptions options;
  options.suffix = "_copy";
  SyncState state = State();
  for (const std::uint64_t written : {10u, 0u}) {
    const auto run =
        RunSync(context_, *source_.endpoint(), source_.client, options, state, NoProgress());
    ASSERT_TRUE(run.ok()) << run.status();
    ASSERT_TRUE(run->status.ok()) << run->status;
    ASSERT_EQ(run->collections.size(), 1u) << "the copy is not copied";
    EXPECT_EQ(run->collections[0].inserted, written);
  }
  const auto onto_itself =
      RunSync(context_, *source_.endpoint(), source_.client, {}, state, NoProgress());
  EXPECT_EQ(KindOf(onto_itself.status()), Kind::kRefused) << onto_itself.status();
}

// --- Who owns what is there ---

TEST_F(SyncTest, AStrangersRowsAreNotTouched) {
  source_.Create("docs", 10);
  target_.Create("docs", 12);
  Upsert(target_, fake::SimpleRows("docs", {3}, 500));
  const auto before = ValuesIn(target_, "docs");
  const auto run = Sync();
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(KindOf(run->status), Kind::kRefused) << run->status;
  EXPECT_THAT(std::string(run->status.message()),
              AllOf(HasSubstr("2 rows that the source has not and 1 that"), HasSubstr("--adopt")));
  EXPECT_EQ(ValuesIn(target_, "docs"), before);
  EXPECT_EQ(written_, 0u);
  EXPECT_EQ(target_.server.Calls("Delete"), 0);

  SyncOptions adopt;
  adopt.strangers = SyncOptions::Strangers::kAdopt;
  const SyncOutcome round = MustSyncOne(adopt);
  EXPECT_EQ(round.how, How::kAudited);
  ExpectCounts(round, 0, 1, 2);
  ExpectEqual();
  EXPECT_EQ(MustSyncOne().how, How::kDigests);
}

TEST_F(SyncTest, WhatOnlyLacksRowsIsTakenOver) {
  source_.Create("docs", 10);
  target_.Create("docs", 4);
  const SyncOutcome round = MustSyncOne();
  ExpectCounts(round, 6, 0, 0);
  EXPECT_EQ(written_, 6u);
  ExpectEqual();
}

TEST_F(SyncTest, ACollectionMadeAnewInTheTargetIsNobodysAndOneInTheSourceIsAudited) {
  source_.Create("docs", 10);
  MustSyncOne();
  DropCollection(source_, "docs");
  source_.Create("docs", 5);
  Upsert(source_, fake::SimpleRows("docs", {1}, 900));
  const SyncOutcome anew = MustSyncOne();
  EXPECT_EQ(anew.how, How::kAudited);
  EXPECT_THAT(anew.why, HasSubstr("made anew"));
  ExpectCounts(anew, 0, 1, 5);
  ExpectEqual();

  DropCollection(target_, "docs");
  target_.Create("docs", 20);
  const auto run = Sync();
  ASSERT_TRUE(run.ok());
  EXPECT_EQ(KindOf(run->status), Kind::kRefused) << run->status;
  EXPECT_EQ(target_.RowsOf("docs"), 20u);

  DropCollection(target_, "docs");
  EXPECT_EQ(MustSyncOne().how, How::kCopied);
  ExpectEqual();
}

TEST_F(SyncTest, AFirstCopyThatWasKilledBehindItsNameIsKnownAsOurs) {
  source_.Create("docs", 40);
  target_.server.Inject(Fault::CrashAfter("RenameCollection"));
  EXPECT_FALSE(Sync()->status.ok());
  target_.Restart();
  ASSERT_TRUE(target_.Has("docs"));
  Delete(source_, "docs", "id in [1, 2]");
  const SyncOutcome round = MustSyncOne();
  EXPECT_EQ(round.how, How::kAudited);
  ExpectCounts(round, 0, 0, 2);
  ExpectEqual();
}

// --- Foreign writes, audits ---

TEST_F(SyncTest, AForeignWriteIsFoundByTheCountAndPutRight) {
  source_.Create("docs", 50);
  MustSyncOne();
  target_.Insert(fake::SimpleRows("docs", {900}));
  Upsert(target_, fake::SimpleRows("docs", {5}, 333));
  const SyncOutcome round = MustSyncOne();
  EXPECT_EQ(round.how, How::kAudited);
  EXPECT_THAT(round.why, HasSubstr("51 rows instead of 50"));
  ExpectCounts(round, 0, 1, 1);
  EXPECT_THAT(round.warnings, Contains(HasSubstr("2 rows right")));
  ExpectEqual();
  EXPECT_EQ(MustSyncOne().how, How::kDigests);
}

TEST_F(SyncTest, OneThatKeepsTheCountIsFoundByTheAuditThatIsDue) {
  source_.Create("docs", 50);
  MustSyncOne();
  Upsert(target_, fake::SimpleRows("docs", {5}, 333));
  ExpectCounts(MustSyncOne(), 0, 0, 0);
  clock_.Advance(std::chrono::hours(24 * 6));
  EXPECT_EQ(MustSyncOne().how, How::kDigests);
  clock_.Advance(std::chrono::hours(25));
  SyncOptions never;
  never.audit_every = Duration::zero();
  EXPECT_EQ(MustSyncOne(never).how, How::kDigests);
  const SyncOutcome audit = MustSyncOne();
  EXPECT_EQ(audit.how, How::kAudited);
  ExpectCounts(audit, 0, 1, 0);
  EXPECT_EQ(written_, 1u);
  ExpectEqual();
  EXPECT_EQ(MustSyncOne().how, How::kDigests) << "not due again";
  SyncOptions always;
  always.audit = SyncOptions::Audit::kAlways;
  EXPECT_EQ(MustSyncOne(always).how, How::kAudited);
}

TEST_F(SyncTest, RowsThatSomebodyStoredASecondTimeAreThereOnceAgain) {
  source_.CreateWide("docs", 400);
  MustSyncOne();
  target_.Insert(WideRows("docs", 100, 3));
  target_.Insert(WideRows("docs", 101, 1, 77));
  ASSERT_EQ(target_.RowsOf("docs"), 404u);
  const SyncOutcome round = MustSyncOne();
  EXPECT_EQ(round.how, How::kAudited);
  EXPECT_LT(round.updated, 300u) << "not all of them";
  EXPECT_EQ(target_.RowsOf("docs"), 400u);
  ExpectEqual();
}

TEST_F(SyncTest, WhoeverWritesAllTheTimeIsNamed) {
  source_.Create("docs", 50);
  MustSyncOne();
  std::int64_t next = 1000;
  target_.server.After("Query", [&](const fake::Call&, google::protobuf::Message&) {
    (void)target_.server.Apply<fake::pb::MutationResult>(fake::SimpleRows("docs", {next++}));
  });
  const auto run = Sync();
  ASSERT_TRUE(run.ok());
  EXPECT_EQ(KindOf(run->status), Kind::kDifferent) << run->status;
  EXPECT_THAT(std::string(run->status.message()), HasSubstr("somebody writes to"));
  target_.server.After("Query", {});
  EXPECT_EQ(MustSyncOne().how, How::kAudited) << "it is not forgotten";
  ExpectEqual();
}

TEST_F(SyncTest, ATargetThatKeepsOtherValuesIsNeverInStep) {
  source_.Create("docs", 50);
  MustSyncOne();
  Upsert(source_, fake::SimpleRows("docs", {5}, 1000));
  target_.server.After("Query", [](const fake::Call&, google::protobuf::Message& answer) {
    auto& results = static_cast<fake::pb::QueryResults&>(answer);
    for (auto& field : *results.mutable_fields_data()) {
      if (field.field_name() != "value") continue;
      for (auto& value : *field.mutable_scalars()->mutable_long_data()->mutable_data()) value ^= 1;
    }
  });
  const auto run = Sync();
  EXPECT_EQ(KindOf(run->status), Kind::kDifferent) << run->status;
  target_.server.After("Query", {});
  ExpectCounts(MustSyncOne(), 0, 1, 0);
  ExpectEqual();
}

// --- What is kept ---

TEST_F(SyncTest, WhateverIsDamagedIsNotBelieved) {
  source_.Create("docs", 300);
  MustSyncOne();
  const auto rows_file = PairFolder() / "rows.1";
  ASSERT_TRUE(std::filesystem::exists(rows_file));
  std::ifstream in(rows_file, std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(in), {}};
  const auto write = [](const std::filesystem::path& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  };
  const std::filesystem::path copy = folder_.path() / "copy";
  std::filesystem::copy(StateFolder(), copy, std::filesystem::copy_options::recursive);
  std::mt19937 random(3);
  for (int i = 0; i < 12; ++i) {
    std::filesystem::remove_all(StateFolder());
    std::filesystem::copy(copy, StateFolder(), std::filesystem::copy_options::recursive);
    std::string damaged = whole;
    if (i % 3 == 0) {
      damaged.resize(random() % whole.size());
    } else {
      damaged[random() % whole.size()] ^= static_cast<char>(1 + random() % 255);
    }
    write(PairFolder() / "rows.1", damaged);
    // Believed, this would stay so.
    Upsert(target_, fake::SimpleRows("docs", {17}, 100 + i));
    const SyncOutcome round = MustSyncOne();
    EXPECT_EQ(round.how, How::kAudited);
    ExpectCounts(round, 0, 1, 0);
  }
  ExpectEqual();
  std::filesystem::remove(PairFolder() / "rows.2");
  EXPECT_EQ(MustSyncOne().how, How::kAudited);
  // Without the record nobody knows whose the collection is.
  write(PairFolder() / "record", "{}\n0000000000000000\n");
  Delete(source_, "docs", "id in [1]");
  EXPECT_EQ(KindOf(Sync()->status), Kind::kRefused);
  EXPECT_EQ(target_.RowsOf("docs"), 300u);
}

TEST_F(SyncTest, ARecordIsReadBackAsItWasWritten) {
  SyncRecord record;
  record.from = {"http://a:1", {"db", "docs"}, 1234567890123456789};
  record.to = {"http://b:2", {"other", "docs_2"}, -5};
  record.made = true;
  record.round = 7;
  record.rows_file = "rows.7";
  record.audit = "because \"of\" it";
  record.columns = {"id 5 0", "vector 101 0"};
  record.as_of_ms = 1'700'000'000'123;
  record.audited_ms = 4;
  record.digest = {{~std::uint64_t{0}, 1}, 99};
  record.spec.name = {"db", "docs"};
  record.spec.aliases = {"current"};
  record.load_back = milvus::LoadSnapshot{
      rows::LoadState::kLoaded, {{"p", rows::LoadState::kNotLoaded}}, 2, {"rg"}, {"id"}};
  const std::string text = EncodeRecord(record);
  const auto read = DecodeRecord(text);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(EncodeRecord(*read), text);
  EXPECT_EQ(read->to, record.to);
  EXPECT_EQ(read->digest, record.digest);
  EXPECT_EQ(read->load_back->partitions, record.load_back->partitions);
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string damaged = text;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    EXPECT_EQ(KindOf(DecodeRecord(damaged).status()), Kind::kCorrupt) << i;
    EXPECT_FALSE(DecodeRecord(text.substr(0, i)).ok()) << i;
  }
}

TEST_F(SyncTest, OneAtATime) {
  source_.Create("docs", 5);
  const SyncEnd from{source_.client->cluster(), {"default", "docs"}};
  const SyncEnd to{target_.client->cluster(), {"default", "docs"}};
  SyncState state = State();
  {
    const auto held = state.Open(context_, from, to);
    ASSERT_TRUE(held.ok()) << held.status();
    const auto run = Sync();
    ASSERT_TRUE(run.ok());
    EXPECT_EQ(ExitCode(KindOf(run->status)), 5) << run->status;
    EXPECT_THAT(std::string(run->status.message()),
                HasSubstr("process " + std::to_string(getpid())));
    EXPECT_FALSE(target_.Has("docs"));
  }
  MustSyncOne();
  using std::filesystem::perms;
  EXPECT_EQ(std::filesystem::status(PairFolder()).permissions(), perms::owner_all);
  for (const char* file : {"rows.1", "record", "lock"}) {
    EXPECT_EQ(std::filesystem::status(PairFolder() / file).permissions(),
              perms::owner_read | perms::owner_write)
        << file;
  }
}

TEST_F(SyncTest, ADryRunChangesNothingAnywhere) {
  source_.Create("docs", 10);
  source_.Create("fresh", 3);
  SyncOptions docs;
  docs.selection.collections = {"docs"};
  MustSync(docs);
  Upsert(source_, fake::SimpleRows("docs", {1}, 50));
  Delete(source_, "docs", "id in [2, 3]");
  source_.Insert(fake::SimpleRows("docs", {77}));
  Alias(source_, "now", "docs");
  const int calls = target_.server.Calls("Upsert") + target_.server.Calls("Delete");
  const SyncResult plan = MustPlan();
  ASSERT_EQ(plan.collections.size(), 2u);
  EXPECT_EQ(plan.collections[0].how, How::kDigests);
  ExpectCounts(plan.collections[0], 1, 1, 2);
  EXPECT_THAT(plan.collections[0].schema, ElementsAre("alias now: made"));
  EXPECT_EQ(plan.collections[1].how, How::kCopied);
  ExpectCounts(plan.collections[1], 3, 0, 0);
  EXPECT_EQ(target_.server.Calls("Upsert") + target_.server.Calls("Delete"), calls);
  EXPECT_EQ(LeadsTo(target_, "now"), "");
  EXPECT_FALSE(target_.Has("fresh"));
  const SyncResult run = MustSync();
  ExpectCounts(run.collections.at(0), 1, 1, 2);
}

// --- Schema ---

TEST_F(SyncTest, PartitionsComeAndGo) {
  source_.Create("docs", 10);
  MustSyncOne();
  MakePartition(source_, "p2");
  UpsertInto(source_, "p2", fake::SimpleRows("docs", Keys(100, 5)));
  SyncOutcome round = MustSyncOne();
  EXPECT_THAT(round.schema, ElementsAre("partition p2: made"));
  ExpectCounts(round, 5, 0, 0);
  ExpectEqual();
  DropPartition(source_, "p2");
  MakePartition(target_, "own");
  round = MustSyncOne();
  EXPECT_THAT(round.schema, ElementsAre("partition p2: dropped"));
  EXPECT_THAT(round.warnings, Contains(HasSubstr("partition own")));
  EXPECT_EQ(target_.RowsOf("docs"), 10u);
}

TEST_F(SyncTest, AliasesAreSetWhenAllIsInStep) {
  source_.Create("v1", 5);
  Alias(source_, "current", "v1");
  Alias(source_, "old", "v1");
  MustSync();
  EXPECT_EQ(LeadsTo(target_, "current"), "v1");
  source_.Create("v2", 8);
  Alias(source_, "current", "v2");
  DropAlias(source_, "old");
  Alias(target_, "users", "v1");
  const SyncResult run = MustSync();
  EXPECT_EQ(LeadsTo(target_, "current"), "v2");
  EXPECT_EQ(LeadsTo(target_, "old"), "");
  EXPECT_EQ(LeadsTo(target_, "users"), "v1") << "one that the source never had";
  EXPECT_THAT(run.collections.at(0).schema, ElementsAre("alias old: removed"));
  EXPECT_THAT(run.collections.at(1).schema,
              ElementsAre("alias current: moved here from default.v1"));
  // One that leads to somebody else's collection is left there.
  target_.Create("theirs", 1);
  Alias(target_, "mine", "theirs");
  Alias(source_, "mine", "v1");
  const SyncResult third = MustSync();
  EXPECT_EQ(LeadsTo(target_, "mine"), "theirs");
  EXPECT_THAT(third.collections.at(0).warnings, Contains(HasSubstr("alias mine")));
}

TEST_F(SyncTest, IndexesAndProperties) {
  source_.Create("docs", 5);
  MustSyncOne();
  fake::pb::CreateIndexRequest index;
  index.set_collection_name("docs");
  index.set_field_name("value");
  index.set_index_name("by_value");
  (void)source_.server.Apply<fake::common::Status>(index);
  fake::pb::AlterCollectionRequest alter;
  alter.set_collection_name("docs");
  auto* property = alter.add_properties();
  property->set_key("collection.ttl.seconds");
  property->set_value("3600");
  (void)source_.server.Apply<fake::common::Status>(alter);
  EXPECT_THAT(MustSyncOne().schema,
              UnorderedElementsAre("property collection.ttl.seconds: set to 3600",
                                   "index by_value on value: made"));
  ExpectEqual();

  ASSERT_TRUE(milvus::Release(context_, *source_.client, {"default", "docs"}).ok());
  fake::pb::DropIndexRequest drop;
  drop.set_collection_name("docs");
  drop.set_field_name("value");
  drop.set_index_name("by_value");
  ASSERT_EQ(source_.server.Apply<fake::common::Status>(drop).code(), 0);
  const SyncOutcome told = MustSyncOne();
  EXPECT_THAT(told.schema, IsEmpty());
  EXPECT_THAT(told.warnings, Contains(HasSubstr("--rebuild-indexes")));
  SyncOptions rebuild;
  rebuild.indexes = IndexRebuild::kRelease;
  EXPECT_THAT(MustSyncOne(rebuild).schema, ElementsAre("index by_value on value: dropped"));
  bool loaded = false;
  target_.server.With([&](fake::FakeCluster& cluster) {
    loaded = cluster.Collection("default", "docs")->loaded();
  });
  EXPECT_TRUE(loaded) << "put back";
}

TEST_F(SyncTest, AChangeOfIndexesThatWasKilledIsLoadedAgain) {
  source_.Create("docs", 5);
  MustSyncOne();
  fake::pb::CreateIndexRequest index;
  index.set_collection_name("docs");
  index.set_field_name("value");
  index.set_index_name("own");
  (void)target_.server.Apply<fake::common::Status>(index);
  index.set_index_name("by_value");
  (void)source_.server.Apply<fake::common::Status>(index);
  SyncOptions rebuild;
  rebuild.indexes = IndexRebuild::kRelease;
  target_.server.Inject(Fault::CrashAfter("ReleaseCollection"));
  EXPECT_FALSE(Sync(rebuild)->status.ok());
  target_.Restart();
  MustSyncOne(rebuild);
  bool loaded = false;
  target_.server.With([&](fake::FakeCluster& cluster) {
    loaded = cluster.Collection("default", "docs")->loaded();
  });
  EXPECT_TRUE(loaded);
}

TEST_F(SyncTest, GoneCollectionsAreReportedAndDroppedWhenAsked) {
  source_.Create("kept", 3);
  source_.Create("made", 3);
  source_.Create("adopted", 3);
  target_.Create("adopted", 3);
  target_.Create("theirs", 3);
  MustSync();
  DropCollection(source_, "made");
  DropCollection(source_, "adopted");
  SyncResult run = MustSync();
  ASSERT_EQ(run.collections.size(), 3u);
  EXPECT_EQ(run.collections[1].how, How::kGone);
  EXPECT_EQ(run.collections[2].how, How::kGone);
  EXPECT_TRUE(target_.Has("made"));
  SyncOptions prune;
  prune.gone = SyncOptions::Gone::kDrop;
  EXPECT_EQ(MustPlan(prune).collections.at(2).how, How::kDropped);
  EXPECT_TRUE(target_.Has("made"));
  run = MustSync(prune);
  EXPECT_EQ(run.collections.at(1).how, How::kGone) << "adopted";
  EXPECT_EQ(run.collections.at(2).how, How::kDropped);
  EXPECT_FALSE(target_.Has("made"));
  EXPECT_TRUE(target_.Has("adopted"));
  EXPECT_TRUE(target_.Has("theirs"));
  EXPECT_EQ(MustSync(prune).collections.size(), 2u);
  DropCollection(target_, "adopted");
  EXPECT_EQ(MustSync().collections.size(), 1u) << "gone on both sides by other hands";
}

TEST_F(SyncTest, AListingThatFailsDropsNothing) {
  source_.Create("a", 3);
  source_.Create("b", 3);
  MustSync();
  SyncOptions prune;
  prune.gone = SyncOptions::Gone::kDrop;
  source_.server.Inject(Fault::Milvus("ShowCollections", 1, false, "no quorum", /*times=*/100));
  EXPECT_FALSE(Sync(prune).ok());
  EXPECT_TRUE(target_.Has("a") && target_.Has("b"));
}

class ModernSyncTest : public SyncTest {
 protected:
  ModernSyncTest() {
    for (Site* site : {&source_, &target_}) {
      site->server.Change([](Behaviour& behaviour) { behaviour = Behaviour::Of(Release::k2_6); });
      site->Restart();
    }
  }
};

TEST_F(ModernSyncTest, AnAddedFieldIsAddedAndItsValuesFollow) {
  source_.Create("docs", 20);
  MustSyncOne();
  fake::schema::FieldSchema field;
  field.set_name("extra");
  field.set_data_type(fake::schema::Int64);
  field.set_nullable(true);
  fake::pb::AddCollectionFieldRequest add;
  add.set_collection_name("docs");
  add.set_schema(field.SerializeAsString());
  ASSERT_EQ(source_.server.Apply<fake::common::Status>(add).code(), 0);
  auto rows = fake::SimpleRows("docs", {50});
  auto* extra = rows.add_fields_data();
  extra->set_field_name("extra");
  extra->set_type(fake::schema::Int64);
  extra->mutable_scalars()->mutable_long_data()->add_data(7);
  extra->add_valid_data(true);
  source_.Insert(rows);
  const SyncOutcome round = MustSyncOne();
  EXPECT_THAT(round.schema, ElementsAre("field extra: added"));
  EXPECT_EQ(round.how, How::kAudited);
  ExpectCounts(round, 1, 0, 0);
  ExpectEqual();
}

TEST_F(SyncTest, AnAddedFieldThatTheServerCannotAddIsRefusedByItself) {
  Site modern(Behaviour::Of(Release::k2_6));
  modern.Create("docs", 20);
  modern.Create("other", 20);
  SyncState state = State();
  ASSERT_TRUE(
      RunSync(context_, *modern.endpoint(), target_.client, {}, state, NoProgress())->status.ok());
  fake::schema::FieldSchema field;
  field.set_name("extra");
  field.set_data_type(fake::schema::Int64);
  field.set_nullable(true);
  fake::pb::AddCollectionFieldRequest add;
  add.set_collection_name("docs");
  add.set_schema(field.SerializeAsString());
  ASSERT_EQ(modern.server.Apply<fake::common::Status>(add).code(), 0);
  const auto run = RunSync(context_, *modern.endpoint(), target_.client, {}, state, NoProgress());
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(KindOf(run->collections.at(0).status), Kind::kRefused) << run->collections[0].status;
  EXPECT_THAT(std::string(run->collections.at(0).status.message()),
              AllOf(HasSubstr("extra"), HasSubstr("copy --on-conflict replace")));
  EXPECT_TRUE(run->collections.at(1).status.ok());
}

// --- Killed ---

// A process that is killed at a call of the target: what it has on its disk by then is all that the
// next one finds. Nothing is asked of the target behind the kill.
class KilledSyncTest : public SyncTest {
 protected:
  // False: the round was through before that.
  bool SyncKilledAt(int call, const SyncOptions& options = {}) {
    const std::filesystem::path copy = folder_.path() / "killed";
    std::filesystem::remove_all(copy);
    CancelScope process(context_);
    // A call that was under way may come to the hook when all here is over: it owns what it uses.
    struct Kill {
      std::mutex mutex;
      int calls = 0;
      CancelScope* process = nullptr;  // null: over
    };
    const auto kill = std::make_shared<Kill>();
    kill->process = &process;
    const auto hook = [this, kill, call, copy](const fake::Call&) {
      const std::lock_guard lock(kill->mutex);
      if (kill->process == nullptr || ++kill->calls != call) return;
      kill->process->Cancel();
      CopyState(copy);
    };
    target_.server.Before("Insert", {});
    target_.server.Before("Upsert", {});
    target_.server.Before("*", hook);
    const auto run = Sync(process.context(), options);
    target_.server.Before("*", {});
    Watch();
    {
      const std::lock_guard lock(kill->mutex);  // the copy is whole
      kill->process = nullptr;
    }
    if (!std::filesystem::exists(copy)) return false;
    std::filesystem::remove_all(StateFolder());
    std::filesystem::rename(copy, StateFolder());
    return true;
  }

  // As it is at one moment, though files may go meanwhile: the record comes last, since whatever it
  // names is there before it and goes after it.
  void CopyState(const std::filesystem::path& to) const {
    namespace fs = std::filesystem;
    fs::create_directories(to / "sync");
    std::error_code gone;
    for (const auto& pair : fs::directory_iterator(StateFolder() + "/sync", gone)) {
      const fs::path into = to / "sync" / pair.path().filename();
      fs::create_directories(into);
      for (const auto& file : fs::directory_iterator(pair.path())) {
        if (file.path().filename() == "record") continue;
        fs::copy_file(file.path(), into / file.path().filename(), gone);
      }
      fs::copy_file(pair.path() / "record", into / "record", gone);
    }
  }
};

TEST_F(KilledSyncTest, AtEveryCallARowThatWentThereAndBackIsNotMissed) {
  source_.Create("docs", 60);
  MustSyncOne();
  const auto rows = ValuesIn(source_, "docs");
  const int stride = Effort(1, 3, 9);
  int kills = 0;
  for (int call = 1;; call += stride) {
    SCOPED_TRACE("killed at call " + std::to_string(call));
    // 3 changes, 1000 comes, 5 goes; and all of it is taken back when the round was killed.
    Upsert(source_, fake::SimpleRows("docs", {3}, 1000 + call));
    source_.Insert(fake::SimpleRows("docs", {1000}));
    Delete(source_, "docs", "id in [5]");
    SyncOptions options;
    options.writers = 1;
    const bool killed = SyncKilledAt(call, options);
    Delete(source_, "docs", "id in [1000]");
    for (const std::int64_t key : {3, 5}) {
      Upsert(source_, fake::SimpleRows("docs", {key}, rows.at(key)));
    }
    MustSyncOne();
    EXPECT_EQ(ValuesIn(target_, "docs"), rows);
    if (!killed) break;
    ++kills;
  }
  EXPECT_GE(kills, 20 / stride) << "the last one was never reached";
}

TEST_F(KilledSyncTest, AtEveryCallOfAFirstCopyAndOfAnAudit) {
  const int stride = Effort(7, 13, 29);
  for (int call = 1;; call += stride) {
    SCOPED_TRACE("killed at call " + std::to_string(call));
    DropCollection(source_, "docs");
    DropCollection(target_, "docs");
    DropCollection(target_, StagingName("docs"));
    source_.Create("docs", 30);
    const bool in_copy = SyncKilledAt(call);
    Delete(source_, "docs", "id in [0]");
    MustSyncOne();
    ExpectEqual();
    Upsert(target_, fake::SimpleRows("docs", {7}, 99));
    target_.Insert(fake::SimpleRows("docs", {500}));
    Upsert(source_, fake::SimpleRows("docs", {9}, 77));
    const bool in_audit = SyncKilledAt(call);
    Upsert(source_, fake::SimpleRows("docs", {9}));
    MustSyncOne();
    ExpectEqual();
    if (!in_copy && !in_audit) break;
  }
}

TEST_F(KilledSyncTest, RoundsThatBreakOffAgainAndAgainEndInAnAudit) {
  source_.Create("docs", 30);
  MustSyncOne();
  for (int i = 0; i < 12; ++i) {
    Upsert(source_, fake::SimpleRows("docs", {i}, 100 + i));
    target_.server.Inject(Fault::CrashBefore("Upsert"));
    EXPECT_FALSE(Sync()->status.ok());
    target_.Restart();
  }
  const SyncOutcome round = MustSyncOne();
  EXPECT_EQ(round.how, How::kAudited);
  EXPECT_THAT(round.why, HasSubstr("broke off"));
  ExpectEqual();
}

// Random histories. What a round wrote is never more than what differs, and after a round that was
// through both sides are the same.
class RandomSyncTest : public KilledSyncTest, public testing::WithParamInterface<unsigned> {
 protected:
  void Change() {
    for (int i = static_cast<int>(random_() % 12); i >= 0; --i) {
      const std::string partition = random_() % 3 == 0 ? "p2" : "_default";
      const std::int64_t key = static_cast<std::int64_t>(random_() % 80) * 7 - 100;
      switch (random_() % 4) {
        case 0: DeleteFrom(source_, partition, key); break;
        case 1: {  // moves, or is in both
          const std::string other = partition == "p2" ? "_default" : "p2";
          if (random_() % 4 != 0) DeleteFrom(source_, other, key);
          [[fallthrough]];
        }
        default:
          UpsertInto(source_, partition,
                     fake::SimpleRows("docs", {key}, static_cast<std::int64_t>(random_() % 5)));
      }
    }
  }
  using State = std::map<std::pair<std::string, rows::Key>, std::int64_t>;
  State StateOfSource() {
    State state;
    const auto source =
        milvus::OpenCollectionSource(context_, source_.client, {"default", "docs"}, {});
    for (const auto& partition : (*source)->ReadPartitions()) {
      for (const auto& [key, value] : milvus::ReadPartition(**source, partition).values) {
        state[{partition, key}] = value;
      }
    }
    EXPECT_TRUE((*source)->Close(context_).ok());
    return state;
  }
  static std::uint64_t Differing(const State& before, const State& now) {
    std::uint64_t rows = 0;
    for (const auto& [key, value] : now) {
      const auto was = before.find(key);
      rows += was == before.end() || was->second != value ? 1 : 0;
    }
    return rows;
  }

  std::mt19937 random_{GetParam()};
};

TEST_P(RandomSyncTest, TheTargetEqualsTheSourceAfterEveryRound) {
  source_.Create("docs", 0);
  MakePartition(source_, "p2");
  Change();
  MustSyncOne();
  State synced = StateOfSource();
  bool exact = true;  // nothing broke off since
  for (int step = 0; step < 20; ++step) {
    SCOPED_TRACE("step " + std::to_string(step));
    Change();
    SyncOptions options;
    if (random_() % 8 == 0) options.audit = SyncOptions::Audit::kAlways;
    if (random_() % 2 == 0 && SyncKilledAt(static_cast<int>(random_() % 30) + 1, options)) {
      exact = false;
      continue;
    }
    const SyncOutcome round = MustSyncOne(options);
    const State now = StateOfSource();
    // The one that was to be killed may have been through.
    if (exact && written_ > 0) {
      EXPECT_LE(written_, Differing(synced, now));
    }
    EXPECT_EQ(written_, round.inserted + round.updated);
    synced = now;
    exact = true;
    ExpectEqual();
    if (HasFailure()) return;
  }
}
INSTANTIATE_TEST_SUITE_P(Seeds, RandomSyncTest, testing::Range(1U, Effort(6U, 4U, 3U)));

// --- A source that is written to ---

TEST_F(SyncTest, WhatWasWrittenMeanwhileComesWithTheNextRound) {
  source_.CreateWide("docs", 400);
  MustSyncOne();
  std::atomic<int> step{0};
  std::atomic<bool> writing{true};
  source_.server.After("Query", [&](const fake::Call& call, google::protobuf::Message&) {
    if (!writing || call.number % 2 != 0) return;
    const int now = ++step;
    Upsert(source_, WideRows("docs", (now * 37) % 400, 1, 5000 + now));
    Delete(source_, "docs", "id in [" + std::to_string((now * 91) % 400) + "]");
  });
  MustSyncOne();
  EXPECT_GT(step, 2);
  writing = false;
  MustSyncOne();
  ExpectEqual();
}

TEST_F(SyncTest, NothingIsDeletedForASourceThatWasDroppedMeanwhile) {
  source_.CreateWide("docs", 400);
  MustSyncOne();
  Delete(source_, "docs", "id in [1]");
  std::atomic<bool> once{false};
  source_.server.After("Query", [&](const fake::Call& call, google::protobuf::Message&) {
    const auto& query = static_cast<const fake::pb::QueryRequest&>(call.request);
    if (query.output_fields_size() == 0 || query.output_fields(0) != "*" || once.exchange(true)) {
      return;
    }
    DropCollection(source_, "docs");
    source_.server.Create(WideSchema("docs"));  // and made anew, empty
  });
  const auto run = Sync();
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_FALSE(run->status.ok());
  EXPECT_EQ(target_.RowsOf("docs"), 400u);
  EXPECT_EQ(target_.server.Calls("Delete"), 0);
}

}  // namespace
}  // namespace aerie::transfer
