#include "transfer/bundle.h"

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "base/testing_effort.h"
#include "objects/faulty_store.h"
#include "objects/memory_store.h"
#include "objects/retrying_store.h"
#include "repo/repository_testing.h"
#include "rows/row_generator.h"
#include "transfer/backup.h"
#include "transfer/diff.h"
#include "transfer/memory_endpoint_testing.h"

namespace aerie::transfer {
namespace {

using files::BundleManifest;
using objects::Effect;
using objects::FaultyStore;
using objects::MemoryStore;
using objects::ObjectStore;
using objects::Verb;
using testing::HasSubstr;

using StorePtr = std::shared_ptr<ObjectStore>;

// What is put, and counted.
class CountingStore final : public FaultyStore {
 public:
  using FaultyStore::FaultyStore;
  Status Put(const Context& context, const objects::ObjectKey& key, ByteSpan bytes) override {
    {
      std::lock_guard lock(mutex_);
      puts[key.text] += 1;
      sent += bytes.size();
    }
    return FaultyStore::Put(context, key, bytes);
  }
  Result<std::optional<std::uint64_t>> FreeBytes(const Context&) override { return free; }

  std::map<std::string, int> puts;
  std::uint64_t sent = 0;
  std::optional<std::uint64_t> free;

 private:
  std::mutex mutex_;  // parts are put by several threads
};

class BundleTest : public testing::Test {
 protected:
  // Of locks that a crashed process leaves.
  BundleTest() { log::Configure(log::Level::kError, log::Format::kText); }
  ~BundleTest() override { log::Configure(log::Level::kWarn, log::Format::kText); }
  void SetUp() override { Fill(200); }

  void Fill(std::size_t rows) {
    rows::RowGenerator random(7);
    auto& collection = from_.Add(SpecOf("every", random.EveryTypeSchema(rows::DataType::kInt64)));
    const auto batch = random.RandomRows(collection.spec().schema, "_default", rows);
    ASSERT_TRUE(collection.Put(batch).ok());
    from_.script.batch_rows = {100};
  }

  // As the command does it.
  Result<BundleManifest> Pack(const StorePtr& store) {
    std::unique_ptr<repo::Repository> repository;
    const auto open = [&](const Context& context, const auto&) -> Result<repo::Repository*> {
      AERIE_ASSIGN(const bool there, repo::RepositoryExists(context, *store));
      AERIE_TRY(BeginBundle(context, *store, "test"));
      if (there) {
        AERIE_ASSIGN(repository, repo::Reopen(store));
      } else {
        AERIE_ASSIGN(repository, repo::CreateRepository(context, store, repo::CheapOptions()));
      }
      return repository.get();
    };
    BackupOptions options;
    options.program = "test";
    options.cluster_label = "memory";
    options.pack_bytes = part_bytes_;
    AERIE_ASSIGN(const auto run, RunBackup(context_, from_, open, options, NoProgress()));
    AERIE_TRY(run.status);
    return FinishBundle(context_, *store, *repository, *run.snapshot, "test", NoProgress());
  }
  std::shared_ptr<MemoryStore> Packed() {
    auto store = std::make_shared<MemoryStore>("bundle");
    const auto manifest = Pack(store);
    EXPECT_TRUE(manifest.ok()) << manifest.status();
    return store;
  }

  Bytes ReadAll(ObjectStore& store, const std::string& name) {
    auto bytes = store.Get(context_, {name});
    EXPECT_TRUE(bytes.ok()) << bytes.status();
    return bytes.ok() ? *std::move(bytes) : Bytes();
  }

  Result<SendResult> Send(ObjectStore& from, ObjectStore& to,
                          SendOptions options = {.parallel = 1}) {
    return SendBundle(context_, from, to, options, NoProgress());
  }

  // The bundle is whole, and its rows are those of the source.
  void ExpectWhole(const StorePtr& store) {
    const auto manifest = ReadBundle(context_, *store);
    ASSERT_TRUE(manifest.ok()) << manifest.status();
    const auto damage = CheckBundle(context_, *store, *manifest, NoProgress());
    ASSERT_TRUE(damage.ok()) << damage.status();
    for (const auto& one : *damage) ADD_FAILURE() << one.part.name << one.status;
    auto repository = repo::Reopen(store);
    ASSERT_TRUE(repository.ok()) << repository.status();
    const auto snapshot = (*repository)->FindSnapshot(context_, manifest->snapshot);
    ASSERT_TRUE(snapshot.ok()) << snapshot.status();
    const auto there = MakeSnapshotEndpoint(**repository, *snapshot);
    const auto diff = RunDiff(context_, from_, *there, {}, NoProgress());
    ASSERT_TRUE(diff.ok()) << diff.status();
    for (const auto& one : diff->collections) EXPECT_TRUE(one.same()) << one.status;
  }
  // Not a byte of it says that a bundle is there.
  static void ExpectNone(ObjectStore& store) {
    const auto manifest = ReadBundle(Context::Background(), store);
    EXPECT_TRUE(KindOf(manifest.status()) == Kind::kNotFound ||
                KindOf(manifest.status()) == Kind::kRefused)
        << manifest.status();
  }

  // However something was killed: it is not told apart from a bundle only when it is one.
  void ExpectNoneOrWhole(const StorePtr& store) {
    ReadBundle(context_, *store).ok() ? ExpectWhole(store) : ExpectNone(*store);
  }

  const Context context_ = Context::Background();
  MemoryEndpoint from_;
  std::uint64_t part_bytes_ = 5'000;
};

TEST_F(BundleTest, PacksSendsAndChecks) {
  const auto here = Packed();
  ExpectWhole(here);
  const auto manifest = ReadBundle(context_, *here);
  EXPECT_EQ(manifest->rows, 200U);
  EXPECT_GT(manifest->parts.size(), 8U) << "small parts were asked for";
  EXPECT_GT(manifest->plain_bytes, manifest->packed_bytes() / 2);
  EXPECT_TRUE(manifest->encrypted);
  const auto there = std::make_shared<MemoryStore>("there");
  const auto sent = Send(*here, *there);
  ASSERT_TRUE(sent.ok()) << sent.status();
  EXPECT_EQ(sent->parts_sent, manifest->parts.size());
  EXPECT_EQ(sent->bytes_sent, manifest->packed_bytes());
  ExpectWhole(there);
  // Nothing else is sent: locks and marks are of the place.
  std::set<std::string> names;
  ASSERT_TRUE(there
                  ->List(context_, "",
                         [&](const auto& info) {
                           names.insert(info.key.text);
                           return Ok();
                         })
                  .ok());
  EXPECT_EQ(names.size(), manifest->parts.size() + 1);
  const auto again = Send(*here, *there);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->parts_sent, 0U);
  EXPECT_EQ(again->parts_there, manifest->parts.size());
}

TEST_F(BundleTest, PackedAgainOnlyWhatIsNewIsSent) {
  const auto here = Packed();
  const auto there = std::make_shared<MemoryStore>("there");
  const auto first = Send(*here, *there);
  ASSERT_TRUE(first.ok()) << first.status();
  rows::RowGenerator random(8);
  auto& more = from_.Add(SpecOf("more", random.EveryTypeSchema(rows::DataType::kVarChar)));
  ASSERT_TRUE(more.Put(random.RandomRows(more.spec().schema, "_default", 5)).ok());
  const auto manifest = Pack(here);
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  const auto second = Send(*here, *there);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_LT(second->bytes_sent, first->bytes_sent / 4);
  EXPECT_EQ(second->parts_there, first->parts_sent);
  ExpectWhole(there);
}

// Killed at any call, packing is gone on with by the same command, and what is there meanwhile is
// no bundle to anybody.
TEST_F(BundleTest, APackThatIsKilledAnywhereGoesOn) {
  const auto whole = std::make_shared<FaultyStore>(std::make_shared<MemoryStore>("count"));
  ASSERT_TRUE(Pack(whole).ok());
  const std::uint64_t calls = whole->calls();
  for (std::uint64_t at = 1; at <= calls; at += Effort<std::uint64_t>(1, 5, 17)) {
    SCOPED_TRACE(at);
    const auto inner = std::make_shared<MemoryStore>("bundle");
    const auto store = std::make_shared<FaultyStore>(inner);
    store->CrashAt(at, at % 2 == 0 ? Effect::kCrash : Effect::kCrashAfter);
    const auto first = Pack(store);
    ExpectNoneOrWhole(inner);
    const auto second = Pack(inner);
    ASSERT_TRUE(second.ok()) << second.status();
    ExpectWhole(inner);
  }
}

// Nor does one that would add to a bundle make it any worse.
TEST_F(BundleTest, ABundleIsWholeWhileSomethingIsAddedToIt) {
  const auto here = Packed();
  const auto before = ReadBundle(context_, *here);
  rows::RowGenerator random(8);
  auto& more = from_.Add(SpecOf("more", random.EveryTypeSchema(rows::DataType::kVarChar)));
  ASSERT_TRUE(more.Put(random.RandomRows(more.spec().schema, "_default", 5)).ok());
  for (const std::uint64_t at : {2, 6, 10, 14, 18, 22}) {
    SCOPED_TRACE(at);
    const auto store = std::make_shared<FaultyStore>(here);
    store->CrashAt(at);
    EXPECT_FALSE(Pack(store).ok());
    const auto after = ReadBundle(context_, *here);
    ASSERT_TRUE(after.ok()) << after.status();
    EXPECT_EQ(*after, *before);
    const auto there = std::make_shared<MemoryStore>("there");
    EXPECT_TRUE(Send(*here, *there).ok());
  }
  ASSERT_TRUE(Pack(here).ok());
  ExpectWhole(here);
}

TEST_F(BundleTest, ASendThatIsKilledAnywhereGoesOn) {
  const auto here = Packed();
  const auto counted = std::make_shared<FaultyStore>(std::make_shared<MemoryStore>("count"));
  ASSERT_TRUE(Send(*here, *counted).ok());
  for (std::uint64_t at = 1; at <= counted->calls(); at += Effort<std::uint64_t>(2, 5, 17)) {
    SCOPED_TRACE(at);
    const auto inner = std::make_shared<MemoryStore>("there");
    FaultyStore there(inner);
    there.CrashAt(at, at % 4 == 1 ? Effect::kCrash : Effect::kCrashAfter);
    const auto first = Send(*here, there);
    EXPECT_FALSE(first.ok());
    ExpectNoneOrWhole(inner);
    const auto second = Send(*here, *inner);
    ASSERT_TRUE(second.ok()) << second.status();
    EXPECT_LE(second->parts_sent, second->manifest.parts.size());
    ExpectWhole(inner);
  }
}

// The promise of the design: ten cuts at random moments cost less than 5 % where a part is taken
// whole or not at all, of a bundle of 200 parts and more.
TEST_F(BundleTest, TenCutsCostLessThanFivePercent) {
  Fill(12'000);
  part_bytes_ = 40'000;
  const auto here = Packed();
  const auto manifest = ReadBundle(context_, *here);
  ASSERT_GT(manifest->parts.size(), 200U);
  const auto faulty = std::make_shared<CountingStore>(std::make_shared<MemoryStore>("there"));
  std::mt19937 random(5);
  for (int cut = 0; cut < 10; ++cut) {
    faulty->Add({.effect = Effect::kTorn,
                 .kind = Kind::kUnknownOutcome,
                 .verb = Verb::kPut,
                 .skip = random() % manifest->parts.size(),
                 .at = 1});
  }
  RetryPolicy policy;
  policy.max_attempts = 15;
  policy.first_delay = policy.max_delay = std::chrono::microseconds(10);
  objects::RetryingStore there(faulty, policy);
  const auto sent = Send(*here, there, {.parallel = 2});
  ASSERT_TRUE(sent.ok()) << sent.status();
  const auto again = std::count_if(faulty->puts.begin(), faulty->puts.end(),
                                   [](const auto& put) { return put.second > 1; });
  EXPECT_GE(again, 5) << "it was cut";
  EXPECT_LT(faulty->sent, manifest->packed_bytes() * 105 / 100);
  EXPECT_EQ(faulty->puts.rbegin()->first, "snapshots/" + manifest->snapshot);
}

TEST_F(BundleTest, AFlippedByteInAnyPartIsFoundAndOnlyThatSentAgain) {
  const auto here = Packed();
  const auto inner = std::make_shared<MemoryStore>("there");
  CountingStore there(inner);
  ASSERT_TRUE(Send(*here, there).ok());
  const auto manifest = ReadBundle(context_, *here);
  for (const auto& part : manifest->parts) {
    SCOPED_TRACE(part.name);
    Bytes bytes = ReadAll(*inner, part.name);
    bytes[bytes.size() / 2] ^= 1;
    ASSERT_TRUE(inner->Put(context_, {part.name}, bytes).ok());
    const auto damage = CheckBundle(context_, there, *manifest, NoProgress());
    ASSERT_TRUE(damage.ok()) << damage.status();
    ASSERT_EQ(damage->size(), 1U);
    EXPECT_EQ(damage->front().part, part);
    EXPECT_THAT(damage->front().status.message(), HasSubstr(part.name));
    there.puts.clear();
    const auto mended = Send(*here, there, {.read_back = ReadBack::kAll, .parallel = 1});
    ASSERT_TRUE(mended.ok()) << mended.status();
    EXPECT_EQ(mended->mended, std::vector<std::string>{part.name});
    EXPECT_EQ(mended->parts_sent, 1U);
    EXPECT_THAT(there.puts, testing::UnorderedElementsAre(testing::Pair(part.name, 1),
                                                          testing::Pair(files::kBundlePath, 1)));
  }
  ExpectWhole(inner);
}

TEST_F(BundleTest, AMissingOrShortPartIsSentAgainByItself) {
  const auto here = Packed();
  const auto there = std::make_shared<MemoryStore>("there");
  ASSERT_TRUE(Send(*here, *there).ok());
  const auto manifest = ReadBundle(context_, *here);
  const auto& gone = manifest->parts[3].name;
  const auto& cut = manifest->parts[5].name;
  ASSERT_TRUE(there->Remove(context_, {{gone}})[0].status.ok());
  ASSERT_TRUE(there->Put(context_, {cut}, AsBytes("short")).ok());
  const auto damage = CheckBundle(context_, *there, *manifest, NoProgress());
  ASSERT_EQ(damage->size(), 2U);
  EXPECT_EQ(KindOf(damage->front().status), Kind::kNotFound);
  EXPECT_THAT(damage->back().status.message(), HasSubstr("5 bytes instead of"));
  const auto again = Send(*here, *there);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->parts_sent, 2U);
  ExpectWhole(there);
}

TEST_F(BundleTest, WhatDoesNotComeBackIsSentOnceMoreThenSaid) {
  const auto here = Packed();
  CountingStore there(std::make_shared<MemoryStore>("there"));
  there.Add({.effect = Effect::kFlipBit, .verb = Verb::kPut, .key_prefix = "packs/", .at = 77});
  const auto sent = Send(*here, there);
  ASSERT_TRUE(sent.ok()) << sent.status();
  CountingStore bad(std::make_shared<MemoryStore>("bad"));
  bad.Add({.effect = Effect::kFlipBit,
           .verb = Verb::kPut,
           .key_prefix = "packs/",
           .times = objects::FaultRule::kForever,
           .at = 77});
  const auto failed = Send(*here, bad);
  EXPECT_EQ(KindOf(failed.status()), Kind::kCorrupt);
  EXPECT_THAT(failed.status().message(), HasSubstr("sent twice"));
  ExpectNone(bad);
  // Unless nobody looks.
  EXPECT_TRUE(Send(*here, bad, {.read_back = ReadBack::kNone}).ok());
}

TEST_F(BundleTest, DamageHereIsNamedAndNeverSent) {
  const auto here = Packed();
  const auto manifest = ReadBundle(context_, *here);
  const auto& part = manifest->parts.at(4);
  Bytes bytes = ReadAll(*here, part.name);
  bytes[0] ^= 4;
  ASSERT_TRUE(here->Put(context_, {part.name}, bytes).ok());
  const auto there = std::make_shared<MemoryStore>("there");
  const auto sent = Send(*here, *there);
  EXPECT_EQ(KindOf(sent.status()), Kind::kCorrupt);
  EXPECT_THAT(sent.status().message(), HasSubstr(part.name));
  EXPECT_THAT(sent.status().message(), HasSubstr("pack the bundle anew"));
  EXPECT_EQ(KindOf(there->Stat(context_, {part.name}).status()), Kind::kNotFound);
}

TEST_F(BundleTest, NothingOfOthersIsTouched) {
  const auto here = Packed();
  // Files, a repository, another bundle, and the bundle itself.
  MemoryStore files("files");
  ASSERT_TRUE(files.Put(context_, {"letter"}, AsBytes("dear")).ok());
  EXPECT_THAT(Send(*here, files).status().message(), HasSubstr("it has letter"));
  EXPECT_EQ(KindOf(Send(*here, files).status()), Kind::kRefused);
  EXPECT_EQ(KindOf(BeginBundle(context_, files, "test")), Kind::kRefused);
  const auto repository = std::make_shared<MemoryStore>("repository");
  ASSERT_TRUE(repo::CreateRepository(context_, repository, repo::CheapOptions()).ok());
  EXPECT_EQ(KindOf(Send(*here, *repository).status()), Kind::kRefused);
  EXPECT_EQ(KindOf(BeginBundle(context_, *repository, "test")), Kind::kRefused);
  const auto other = std::make_shared<MemoryStore>("other");
  ASSERT_TRUE(Pack(other).ok());
  for (const ReadBack read_back : {ReadBack::kNew, ReadBack::kAll}) {
    const auto onto_other = Send(*here, *other, {.read_back = read_back});
    EXPECT_EQ(KindOf(onto_other.status()), Kind::kRefused);
    EXPECT_THAT(onto_other.status().message(), HasSubstr("another repository or bundle"));
  }
  EXPECT_EQ(KindOf(Send(*here, *here).status()), Kind::kRefused);
  ExpectWhole(other);
  EXPECT_EQ(KindOf(ReadBundle(context_, files).status()), Kind::kNotFound);
}

TEST_F(BundleTest, TooLittleSpaceIsSaidBeforeAnythingIsSent) {
  const auto here = Packed();
  const auto manifest = ReadBundle(context_, *here);
  CountingStore there(std::make_shared<MemoryStore>("there"));
  there.free = manifest->packed_bytes() - 1;
  const auto sent = Send(*here, there);
  EXPECT_EQ(KindOf(sent.status()), Kind::kNoSpace);
  EXPECT_THAT(sent.status().message(), HasSubstr(std::to_string(*there.free)));
  EXPECT_TRUE(there.puts.empty());
  const auto plan = PlanSend(context_, *here, there, {});
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->bytes, manifest->packed_bytes());
  EXPECT_EQ(plan->free_bytes, there.free);
  there.free = manifest->packed_bytes();
  EXPECT_TRUE(Send(*here, there).ok());
  there.free = 0;  // and nothing is needed any more
  EXPECT_TRUE(Send(*here, there).ok());
  // A disk that fills up on the way: what arrived stays, and is not sent again.
  CountingStore filling(std::make_shared<MemoryStore>("filling"));
  filling.SetCapacity(manifest->packed_bytes() / 2);
  EXPECT_EQ(KindOf(Send(*here, filling).status()), Kind::kNoSpace);
  ExpectNone(filling);
  filling.Revive();
  const auto rest = Send(*here, filling);
  ASSERT_TRUE(rest.ok()) << rest.status();
  EXPECT_GT(rest->parts_there, 0U);
}

}  // namespace
}  // namespace aerie::transfer
