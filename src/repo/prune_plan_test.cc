// The plan of a prune, as a table and as properties; and the object that records what is doomed.
#include "repo/prune_plan.h"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "repo/doom.h"
#include "rows/row_generator.h"

namespace aerie::repo {
namespace {

constexpr std::int64_t kNowMs = 1'000'000;
constexpr std::int64_t kMarginMs = 1000;
const PlanOptions kOptions = {.now_ms = kNowMs, .margin_ms = kMarginMs, .repack_above = 0.5};

BlobName Blob(char c) {
  BlobName name;
  name.bytes.fill(static_cast<std::uint8_t>(c));
  return name;
}
ObjectId Pack(int number) {
  ObjectId id;
  id.bytes[0] = static_cast<std::uint8_t>(number);
  return id;
}

// A pack with a blob of 100 bytes for each letter.
StoredPack Stored(int number, const std::string& blobs, bool indexed = true,
                  std::int64_t age_ms = 1'000'000) {
  StoredPack pack;
  pack.record.id = Pack(number);
  pack.indexed = indexed;
  pack.modified_ms = kNowMs - age_ms;
  for (const char c : blobs) {
    pack.record.entries.push_back({.kind = BlobKind::kColumn, .name = Blob(c), .sealed = 100});
  }
  pack.record.size = PackBytes(pack.record.entries);
  return pack;
}

BlobSet Needed(const std::string& blobs) {
  BlobSet needed;
  for (const char c : blobs) needed.insert(Blob(c));
  return needed;
}

// One letter a pack: k young repack doom waiting needed sweep -> kyrdwns.
std::string Fates(const PrunePlan& plan) {
  static const std::map<PackFate, char> kLetters = {
      {PackFate::kKeep, 'k'}, {PackFate::kYoung, 'y'},   {PackFate::kRepack, 'r'},
      {PackFate::kDoom, 'd'}, {PackFate::kWaiting, 'w'}, {PackFate::kNeeded, 'n'},
      {PackFate::kSweep, 's'}};
  std::string fates;
  for (const PackPlan& pack : plan.packs) fates += kLetters.at(pack.fate);
  return fates;
}

std::string Fates(std::vector<StoredPack> packs, const std::string& needed,
                  const std::map<ObjectId, DoomAge>& dooms = {},
                  const PlanOptions& options = kOptions) {
  Inventory inventory;
  inventory.packs = std::move(packs);
  return Fates(MakePrunePlan(inventory, Needed(needed), dooms, options));
}

TEST(PrunePlan, WhatIsNeededStaysAndTheRestIsDoomed) {
  EXPECT_EQ(Fates({Stored(1, "ab"), Stored(2, "cd"), Stored(3, "")}, "ab"), "kdd");
  EXPECT_EQ(Fates({}, ""), "");
}

TEST(PrunePlan, MostlyGarbageIsRepackedAboveTheThresholdOnly) {
  EXPECT_EQ(Fates({Stored(1, "abcd"), Stored(2, "efgh"), Stored(3, "ijkl")}, "abegijk"), "kkk")
      << "half is not more than half";
  EXPECT_EQ(Fates({Stored(1, "abcd")}, "a"), "r");
  PlanOptions options = kOptions;
  options.repack_above.reset();
  EXPECT_EQ(Fates({Stored(1, "abcd")}, "a", {}, options), "k");
  options.repack_above = 0;
  EXPECT_EQ(Fates({Stored(1, "abcd"), Stored(2, "ef")}, "abcef", {}, options), "rk");
}

TEST(PrunePlan, TheLimitOfRepackingGoesToWhatFreesMost) {
  PlanOptions options = kOptions;
  options.max_repack_bytes = 250;
  EXPECT_EQ(Fates({Stored(1, "abcdefg"), Stored(2, "hijklmnop")}, "abchi", {}, options), "kr");
}

TEST(PrunePlan, PacksWithoutAnIndexHaveTheMarginToBeComeBackFor) {
  EXPECT_EQ(Fates({Stored(1, "a", false, kMarginMs - 1), Stored(2, "a", false, kMarginMs),
                   Stored(3, "a", true, 0)},
                  ""),
            "ydd");
}

TEST(PrunePlan, DoomedPacksWaitAndThenGoUnlessTheyAreNeeded) {
  const std::map<ObjectId, DoomAge> dooms = {
      {Pack(1), DoomAge::kWaiting}, {Pack(2), DoomAge::kRipe}, {Pack(3), DoomAge::kRipe}};
  EXPECT_EQ(Fates({Stored(1, "a"), Stored(2, "b"), Stored(3, "c")}, "ac", dooms), "wsn");
  EXPECT_EQ(Fates({Stored(1, "a"), Stored(2, "b"), Stored(3, "c"), Stored(4, "ac")}, "ac", dooms),
            "wssk")
      << "a copy elsewhere is kept instead";
}

TEST(PrunePlan, WhatARepackedPackKeptIsKeptByTheNewOne) {
  const std::map<ObjectId, DoomAge> moved = {{Pack(1), DoomAge::kMoved}};
  EXPECT_EQ(Fates({Stored(1, "abcd"), Stored(2, "a")}, "a", moved), "dk");
  EXPECT_EQ(Fates({Stored(1, "abcd"), Stored(2, "a")}, "a"), "dk") << "also after a crash";
  EXPECT_EQ(Fates({Stored(1, "abcd"), Stored(2, "a", false, 0)}, "a"), "dk");
  EXPECT_EQ(Fates({Stored(1, "ab"), Stored(2, "ab")}, "ab", moved), "dk");
}

TEST(PrunePlan, BlobsInNoPackAreSaid) {
  Inventory inventory;
  inventory.packs = {Stored(1, "a")};
  const PrunePlan plan = MakePrunePlan(inventory, Needed("ab"), {}, kOptions);
  EXPECT_EQ(plan.lost, std::vector{Blob('b')});
}

// Whatever stands where: after what the plan removes, every needed blob has a place left.
TEST(PrunePlan, NothingNeededIsEverLost) {
  rows::RowGenerator random(11);
  for (int round = 0; round < 5000; ++round) {
    Inventory inventory;
    std::map<ObjectId, DoomAge> dooms;
    std::string everything;
    const int packs = 1 + static_cast<int>(random.Below(6));
    for (int i = 0; i < packs; ++i) {
      std::string blobs;
      for (char c = 'a'; c < 'k'; ++c) {
        if (random.Below(3) == 0) blobs += c;
      }
      everything += blobs;
      inventory.packs.push_back(Stored(i, blobs, random.Below(2) == 0,
                                       static_cast<std::int64_t>(random.Below(2 * kMarginMs))));
      const auto age = static_cast<DoomAge>(random.Below(6));
      if (age <= DoomAge::kRipe) dooms[Pack(i)] = age;
    }
    std::string wanted;
    for (const char c : everything) {
      if (random.Below(2) == 0) wanted += c;
    }
    const BlobSet needed = Needed(wanted);
    PlanOptions options = kOptions;
    options.repack_above = static_cast<double>(random.Below(4)) / 4;
    const PrunePlan plan = MakePrunePlan(inventory, needed, dooms, options);
    EXPECT_TRUE(plan.lost.empty());
    BlobSet left;
    for (std::size_t i = 0; i < plan.packs.size(); ++i) {
      const PackPlan& pack = plan.packs[i];
      const auto& entries = inventory.packs[i].record.entries;
      if (pack.fate == PackFate::kRepack) {
        for (const auto number : pack.kept) left.insert(entries[number].name);
      } else if (pack.fate != PackFate::kDoom && pack.fate != PackFate::kSweep &&
                 pack.fate != PackFate::kYoung) {
        for (const auto& entry : entries) left.insert(entry.name);
      }
    }
    for (const BlobName& name : needed) ASSERT_TRUE(left.contains(name)) << round;
    for (const PackPlan& pack : plan.packs) {
      for (const WantedBlob& blob : pack.replaced) {
        const auto keeper = std::ranges::find(plan.packs, blob.location.pack, &PackPlan::id);
        ASSERT_TRUE(keeper->fate != PackFate::kDoom && keeper->fate != PackFate::kSweep);
      }
    }
  }
}

TEST(DoomFile, ComesBackAndRefusesWhatItDoesNotKnow) {
  const DoomRecord record = {.created_ms = 5,
                             .program = "aerie",
                             .host = "h\"ost",
                             .packs = {{Pack(1), 100}, {Pack(2), ~std::uint64_t{0}}},
                             .snapshots = {Pack(3)}};
  const Bytes body = EncodeDoom(record);
  EXPECT_EQ(*DecodeDoom(body), record);
  for (std::size_t size = 0; size < body.size(); ++size) {
    EXPECT_EQ(KindOf(DecodeDoom(ByteSpan(body).first(size)).status()), Kind::kCorrupt);
  }
  EXPECT_EQ(KindOf(DecodeDoom(AsBytes(R"({"created_ms":1,"program":"","host":"","packs":[1],)"
                                      R"("snapshots":[]})"))
                       .status()),
            Kind::kCorrupt);
}

}  // namespace
}  // namespace aerie::repo
