// Packs, their writer and reader, and the index in memory.
#include <algorithm>
#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "objects/faulty_store.h"
#include "objects/memory_store.h"
#include "repo/blob_index.h"
#include "repo/object_names.h"
#include "repo/pack_catalog.h"
#include "repo/pack_format.h"
#include "repo/pack_reader.h"
#include "repo/pack_writer.h"
#include "rows/row_generator.h"

namespace aerie::repo {
namespace {

using objects::Effect;
using objects::Verb;

class PackTest : public ::testing::TestWithParam<Suite> {
 protected:
  PackTest() : keys_(DeriveKeys(SecretKey(), GetParam(), RandomId())) {}

  std::unique_ptr<PackWriter> NewWriter(PackWriterOptions options = {}) {
    return std::make_unique<PackWriter>(context_, *store_, keys_, catalog_.index(), options);
  }

  Bytes Noise(std::size_t size) {
    Bytes bytes(size);
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random_.Next());
    return bytes;
  }

  BlobRef MustAdd(PackWriter& writer, const Bytes& plain, BlobKind kind = BlobKind::kColumn) {
    const auto added = writer.Add(context_, kind, plain, {});
    EXPECT_TRUE(added.ok()) << added.status();
    return {kind, added->name};
  }

  PackReader Reader() {
    return PackReader(*store_, keys_, [this](const Context& context, const BlobName& name) {
      return catalog_.Locate(context, name);
    });
  }

  std::vector<objects::ObjectInfo> Packs() {
    std::vector<objects::ObjectInfo> packs;
    EXPECT_TRUE(store_
                    ->List(context_, kPacksPrefix,
                           [&](const objects::ObjectInfo& info) {
                             packs.push_back(info);
                             return Ok();
                           })
                    .ok());
    return packs;
  }

  const Context context_ = Context::Background();
  std::shared_ptr<objects::FaultyStore> store_ =
      std::make_shared<objects::FaultyStore>(std::make_shared<objects::MemoryStore>());
  const KeyRing keys_;
  PackCatalog catalog_{*store_, keys_};
  rows::RowGenerator random_{1};
};

INSTANTIATE_TEST_SUITE_P(Suites, PackTest, ::testing::Values(Suite::kNone, Suite::kAes256Gcm),
                         [](const auto& suite) {
                           return suite.param == Suite::kNone ? "None" : "Aes";
                         });

TEST_P(PackTest, BlobsOfManySizesComeBackInTheOrderAsked) {
  const auto writer = NewWriter({.pack_bytes = 100'000});
  std::vector<Bytes> blobs;
  std::vector<BlobRef> refs;
  for (std::size_t i = 0; i < 300; ++i) {
    blobs.push_back(i % 50 == 0 ? Noise(150'000) : Noise(random_.Below(3000)));
    refs.push_back(MustAdd(*writer, blobs.back(), static_cast<BlobKind>(1 + i % 4)));
  }
  ASSERT_TRUE(writer->Flush(context_).ok());
  EXPECT_GT(Packs().size(), 6U);
  PackReader reader = Reader();
  const auto loaded = reader.LoadMany(context_, refs);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(*loaded, blobs);
  std::ranges::reverse(refs);
  std::ranges::reverse(blobs);
  refs.push_back(refs.front());
  blobs.push_back(blobs.front());
  EXPECT_EQ(*reader.LoadMany(context_, refs), blobs);
}

TEST_P(PackTest, PacksStayWithinTheirSizeAndCarryTheirOwnDirectory) {
  const auto writer = NewWriter({.pack_bytes = 20'000});
  for (int i = 0; i < 200; ++i) MustAdd(*writer, Noise(500));
  ASSERT_TRUE(writer->Flush(context_).ok());
  std::size_t blobs = 0;
  for (const auto& info : Packs()) {
    EXPECT_LE(info.size, 20'000U);
    const auto id = IdOfKey(info.key, PackKey);
    const auto pack = ReadPackDirectory(context_, *store_, keys_, *id, info.size);
    ASSERT_TRUE(pack.ok()) << pack.status();
    EXPECT_EQ(info.size, PackBytes(pack->entries));
    blobs += pack->entries.size();
  }
  EXPECT_EQ(blobs, 200U);
  EXPECT_EQ(writer->stats().blobs_new, 200U);
}

TEST_P(PackTest, ABlobIsStoredOnceWhoeverAddsIt) {
  const auto writer = NewWriter({.pack_bytes = 50'000});
  std::vector<Bytes> blobs;
  for (int i = 0; i < 100; ++i) blobs.push_back(Noise(2000));
  std::atomic<int> stored{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (const Bytes& blob : blobs) {
          const auto added = writer->Add(context_, BlobKind::kColumn, blob, {});
          ASSERT_TRUE(added.ok());
          stored += added->stored ? 1 : 0;
        }
      });
    }
  }
  ASSERT_TRUE(writer->Flush(context_).ok());
  EXPECT_EQ(stored, 100);
  EXPECT_EQ(catalog_.index().totals().blobs, 100U);
  std::uint64_t bytes = 0;
  for (const auto& info : Packs()) bytes += info.size;
  EXPECT_EQ(writer->stats().stored_bytes, bytes);
  EXPECT_EQ(writer->stats().blobs_known, 300U);
  // The same bytes as another kind are another blob.
  EXPECT_TRUE(writer->Add(context_, BlobKind::kManifest, blobs[0], {})->stored);
}

TEST_P(PackTest, TheBlobsOfOneCallStandTogetherAndCostOneRead) {
  const auto writer = NewWriter();
  std::vector<std::vector<Bytes>> leaves(40);
  for (auto& leaf : leaves) {
    for (int i = 0; i < 5; ++i) leaf.push_back(Noise(20'000));
  }
  std::vector<std::vector<BlobRef>> refs(leaves.size());
  {
    std::atomic<std::size_t> next{0};
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (std::size_t i = next++; i < leaves.size(); i = next++) {
          std::vector<BlobItem> items;
          for (const Bytes& blob : leaves[i]) items.push_back({BlobKind::kColumn, blob, {}});
          const auto added = writer->AddMany(context_, items);
          ASSERT_TRUE(added.ok());
          for (const AddResult& result : *added)
            refs[i].push_back({BlobKind::kColumn, result.name});
        }
      });
    }
  }
  ASSERT_TRUE(writer->Flush(context_).ok());
  PackReader reader = Reader();
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    const std::uint64_t before = store_->calls(Verb::kGet);
    EXPECT_EQ(*reader.LoadMany(context_, refs[i]), leaves[i]);
    EXPECT_EQ(store_->calls(Verb::kGet), before + 1);
  }
}

TEST_P(PackTest, ReadsGoOverSmallGapsButNotOverLargeOnes) {
  const auto writer = NewWriter();
  std::vector<BlobRef> refs;
  for (const std::size_t size : {1000, 60'000, 1000, 70'000, 1000}) {
    refs.push_back(MustAdd(*writer, Noise(size)));
  }
  ASSERT_TRUE(writer->Flush(context_).ok());
  PackReader reader = Reader();
  const std::uint64_t before = store_->calls(Verb::kGet);
  ASSERT_TRUE(reader.LoadMany(context_, {refs[0], refs[2], refs[4]}).ok());
  EXPECT_EQ(store_->calls(Verb::kGet), before + 2);
}

TEST_P(PackTest, EveryDamagedByteOfAPackIsFoundAndThePackNamed) {
  const auto writer = NewWriter();
  std::vector<BlobRef> refs;
  for (int i = 0; i < 3; ++i) refs.push_back(MustAdd(*writer, Noise(30)));
  ASSERT_TRUE(writer->Flush(context_).ok());
  const objects::ObjectInfo info = Packs().at(0);
  const ObjectId id = *IdOfKey(info.key, PackKey);
  const Bytes good = *store_->Get(context_, info.key, 0, objects::kToEnd);
  const auto look = [&](ByteSpan bytes) -> Status {
    AERIE_TRY(store_->Put(context_, info.key, bytes));
    AERIE_TRY(ReadPackDirectory(context_, *store_, keys_, id, bytes.size()).status());
    return Reader().LoadMany(context_, refs).status();
  };
  ASSERT_TRUE(look(good).ok());
  Bytes bad = good;
  for (std::size_t i = kPackHeadBytes; i < good.size(); ++i) {
    bad[i] ^= 0x10;
    const Status status = look(bad);
    EXPECT_EQ(KindOf(status), Kind::kCorrupt) << i;
    EXPECT_NE(std::string(status.message()).find(info.key.text), std::string::npos) << status;
    bad[i] = good[i];
  }
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_EQ(KindOf(look(ByteSpan(good).first(size))), Kind::kCorrupt) << size;
  }
}

TEST_P(PackTest, AMissingPackIsDamageAndAnUnknownBlobIsNotFound) {
  const auto writer = NewWriter();
  const BlobRef ref = MustAdd(*writer, Noise(100));
  ASSERT_TRUE(writer->Flush(context_).ok());
  EXPECT_EQ(KindOf(Reader().Load(context_, {BlobKind::kColumn, {}}).status()), Kind::kNotFound);
  EXPECT_EQ(KindOf(Reader().Load(context_, {BlobKind::kManifest, ref.name}).status()),
            Kind::kCorrupt);
  store_->Remove(context_, {Packs().at(0).key});
  EXPECT_EQ(KindOf(Reader().Load(context_, ref).status()), Kind::kCorrupt);
}

TEST_P(PackTest, ADamagedBlobIsReadFromItsOtherCopy) {
  const Bytes blob = Noise(1000);
  BlobIndex apart;  // two writers that do not know of each other
  BlobRef ref;
  for (BlobIndex* const index : {&catalog_.index(), &apart}) {
    PackWriter writer(context_, *store_, keys_, *index);
    ref = MustAdd(writer, blob);
    ASSERT_TRUE(writer.Flush(context_).ok());
  }
  ASSERT_TRUE(catalog_.Reconcile(context_).ok());
  EXPECT_EQ(catalog_.index().Find(ref.name).size(), 2U);
  for (const bool remove : {false, true}) {
    for (const auto& info : Packs()) {
      const Bytes good = *store_->Get(context_, info.key, 0, objects::kToEnd);
      Bytes bad = good;
      bad[100] ^= 1;
      ASSERT_TRUE(store_->Put(context_, info.key, bad).ok());
      if (remove) store_->Remove(context_, {info.key});
      const auto loaded = Reader().Load(context_, ref);
      ASSERT_TRUE(loaded.ok()) << loaded.status();
      EXPECT_EQ(*loaded, blob);
      ASSERT_TRUE(store_->Put(context_, info.key, good).ok());
    }
  }
}

TEST_P(PackTest, AFailedUploadSurfacesAndNothingOfItEntersTheIndex) {
  store_->Add({.effect = Effect::kFail, .kind = Kind::kNoSpace, .verb = Verb::kPutIfAbsent});
  const auto writer = NewWriter({.pack_bytes = 10'000});
  Status status;
  for (int i = 0; i < 1000 && status.ok(); ++i) {
    status = writer->Add(context_, BlobKind::kColumn, Noise(1000), {}).status();
  }
  EXPECT_EQ(KindOf(status), Kind::kNoSpace);
  EXPECT_EQ(KindOf(writer->Flush(context_)), Kind::kNoSpace);
  EXPECT_EQ(KindOf(writer->Add(context_, BlobKind::kColumn, Bytes{1}, {}).status()),
            Kind::kNoSpace);
  EXPECT_LE(catalog_.index().totals().blobs, Packs().size() * 10);
}

TEST_P(PackTest, CancelEndsAWriterThatWaits) {
  // Nobody uploads, so the first full pack waits for ever.
  CancelScope scope(context_);
  const auto writer = NewWriter({.pack_bytes = 10'000, .uploads = 0});
  Status status;
  std::jthread adder([&] {
    for (int i = 0; i < 1000 && status.ok(); ++i) {
      status = writer->Add(scope.context(), BlobKind::kColumn, Noise(1000), {}).status();
    }
  });
  scope.Cancel();
  adder.join();
  EXPECT_EQ(KindOf(status), Kind::kCancelled);
}

TEST_P(PackTest, AnUnknownOutcomeIsSettledByLooking) {
  store_->Add(
      {.effect = Effect::kFailAfter, .kind = Kind::kUnknownOutcome, .verb = Verb::kPutIfAbsent});
  const auto writer = NewWriter();
  const Bytes blob = Noise(100);
  const BlobRef ref = MustAdd(*writer, blob);
  ASSERT_TRUE(writer->Flush(context_).ok());
  EXPECT_EQ(*Reader().Load(context_, ref), blob);
}

TEST_P(PackTest, ABlobBeyondTheLimitIsRefused) {
  const auto writer = NewWriter();
  const Bytes huge(kMaxBlobBytes + 1);
  EXPECT_EQ(KindOf(writer->Add(context_, BlobKind::kColumn, huge, {}).status()), Kind::kTooLarge);
}

TEST(BlobIndex, FindsEverythingAndForgetsNothingThroughGrowth) {
  BlobIndex index;
  std::vector<PackRecord> packs(50);
  for (PackRecord& pack : packs) {
    pack.id = RandomId();
    pack.entries.resize(200);
    std::uint32_t offset = kPackHeadBytes;
    for (PackEntry& entry : pack.entries) {
      FillRandom(entry.name.bytes);
      entry.offset = offset;
      entry.sealed = 20;
      entry.plain = 2;
      offset += 20;
    }
    pack.size = PackBytes(pack.entries);
    index.AddPack(pack, false);
  }
  EXPECT_EQ(index.totals().blobs, 10'000U);
  EXPECT_EQ(index.totals().plain_bytes, 20'000U);
  EXPECT_EQ(index.totals().unindexed_packs, 50U);
  for (const PackRecord& pack : packs) {
    EXPECT_EQ(index.PackSize(pack.id), pack.size);
    for (std::uint32_t i = 0; i < pack.entries.size(); ++i) {
      const auto found = index.Find(pack.entries[i].name);
      ASSERT_EQ(found.size(), 1U);
      EXPECT_EQ(found[0].pack, pack.id);
      EXPECT_EQ(found[0].number, i);
      EXPECT_EQ(found[0].offset, pack.entries[i].offset);
    }
  }
  EXPECT_TRUE(index.Find(BlobName{}).empty());
  index.MarkIndexed(packs);
  EXPECT_TRUE(index.Unindexed().empty());
}

TEST(BlobIndex, AMissingPackIsNotCountedOnAndItsBlobsAreFoundElsewhere) {
  BlobIndex index;
  PackRecord first{.id = RandomId(), .size = 1, .entries = {PackEntry{}}};
  FillRandom(first.entries[0].name.bytes);
  PackRecord second = first;
  second.id = RandomId();
  const BlobName name = first.entries[0].name;
  index.AddPack(first, true);
  index.SetMissing(first.id, true);
  EXPECT_FALSE(index.Has(name));
  EXPECT_EQ(index.Find(name).size(), 1U);
  index.AddPack(second, true);
  EXPECT_TRUE(index.Has(name));
  ASSERT_EQ(index.Find(name).size(), 2U);
  EXPECT_EQ(index.Find(name)[0].pack, second.id);
  index.SetMissing(second.id, true);
  EXPECT_FALSE(index.Has(name));
  index.SetMissing(first.id, false);
  EXPECT_EQ(index.Find(name)[0].pack, first.id);
  EXPECT_EQ(index.totals().blobs, 1U);
}

}  // namespace
}  // namespace aerie::repo
