// Patches against plain models: the blob's format, the plan, and whole histories of changes.
#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include <gtest/gtest.h>

#include "base/testing_effort.h"
#include "repo/leaf_access.h"
#include "repo/leaf_cutter.h"
#include "repo/patch_blob.h"
#include "repo/patch_plan.h"
#include "repo/tree_cursor.h"
#include "repo/tree_diff.h"
#include "repo/tree_testing.h"

namespace aerie::repo {
namespace {

using rows::DataType;
using rows::Key;
using rows::RowBatch;
using rows::RowGenerator;

const Context kContext = Context::Background();

// ---- the blob ----

// Each column in two pieces; those that `keeps` says without the rows that `keepers` says.
std::vector<PatchColumn> ColumnsOf(const RowBatch& rows, const std::vector<bool>& keeps = {},
                                   const std::vector<std::uint32_t>& keepers = {}) {
  std::vector<PatchColumn> columns;
  for (const rows::Column& column : rows.columns()) {
    const std::size_t middle = rows.rows() / 2;
    PatchColumn& made = columns.emplace_back();
    made.pieces = {{&column, 0, middle}, {&column, middle, rows.rows()}};
    made.keeps = columns.size() <= keeps.size() && keeps[columns.size() - 1];
    if (!made.keeps) continue;
    made.pieces = {{&column, 0, 0}};
    for (std::uint32_t row = 0; row < rows.rows(); ++row) {
      if (std::ranges::count(keepers, row) == 0) made.pieces.push_back({&column, row, row + 1});
    }
  }
  return columns;
}

std::vector<std::uint32_t> RandomNumbers(RowGenerator& random, std::size_t count, std::size_t end) {
  std::set<std::uint32_t> numbers;
  while (numbers.size() < count) numbers.insert(static_cast<std::uint32_t>(random.Below(end)));
  return {numbers.begin(), numbers.end()};
}

struct SomePatch {
  rows::CollectionSpec spec;
  RowBatch rows;
  RowChanges changes;
  std::vector<rows::Digest128> digests;
  std::vector<bool> keeps;
  Bytes plain;
  EncodingHint hint;
};

SomePatch MakePatch(std::uint64_t seed) {
  RowGenerator random(seed);
  SomePatch patch;
  patch.spec = SpecOf(random.Chance(50) ? random.EveryTypeSchema(DataType::kVarChar)
                                        : random.RandomSchema());
  patch.rows = random.RandomRows(patch.spec.schema, "part", random.Below(20));
  patch.changes.rows_below = random.Below(500);
  const std::size_t removed = random.Below(patch.changes.rows_below + 1);
  patch.changes.removed = RandomNumbers(random, removed, patch.changes.rows_below);
  patch.changes.places = RandomNumbers(random, patch.rows.rows(),
                                       patch.changes.rows_below - removed + patch.rows.rows());
  EXPECT_TRUE(
      rows::RowDigester(patch.spec.schema.Columns()).DigestRows(patch.rows, patch.digests).ok());
  if (removed > 0 && random.Chance(50)) {
    const std::size_t keepers = random.Below(std::min(removed, patch.rows.rows()) + 1);
    patch.changes.keepers = RandomNumbers(random, keepers, patch.rows.rows());
    patch.changes.kept = RandomNumbers(random, keepers, patch.changes.rows_below);
  }
  for (const rows::Column& column : patch.rows.columns()) {
    patch.keeps.push_back(patch.rows.rows() > 0 && !column.field().primary_key &&
                          random.Chance(40));
  }
  patch.hint = EncodePatch(patch.changes, patch.digests,
                           ColumnsOf(patch.rows, patch.keeps, patch.changes.keepers), patch.plain);
  return patch;
}

TEST(PatchBlob, ComesBack) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    const SomePatch made = MakePatch(seed);
    const auto columns = made.spec.schema.Columns();
    const auto patch = DecodePatch(columns, made.plain);
    ASSERT_TRUE(patch.ok()) << patch.status();
    EXPECT_EQ(patch->changes, made.changes);
    EXPECT_EQ(patch->digests, made.digests);
    EXPECT_EQ(patch->bytes, made.plain.size());
    EXPECT_EQ(patch->keeps, made.keeps);
    for (std::size_t i = 0; i < columns.size(); ++i) {
      rows::Column expected(columns[i]);
      for (std::uint32_t row = 0; row < made.rows.rows(); ++row) {
        const bool kept = made.keeps[i] && std::ranges::count(made.changes.keepers, row) != 0;
        if (!kept) expected.AppendRange(made.rows.columns()[i], row, row + 1);
      }
      EXPECT_EQ(patch->columns[i].data(), expected.data());
      EXPECT_EQ(patch->columns[i].offsets(), expected.offsets());
      EXPECT_EQ(patch->columns[i].validity(), expected.validity());
    }
    ASSERT_LE(made.hint.prefix, made.plain.size());
    if (made.hint.element_width != 0) {
      EXPECT_EQ((made.plain.size() - made.hint.prefix) % made.hint.element_width, 0U);
      // A copy finds it again.
      EXPECT_EQ(HintOfPatch(columns, made.plain).element_width, made.hint.element_width);
      EXPECT_EQ(HintOfPatch(columns, made.plain).prefix, made.hint.prefix);
    }
  }
}

TEST(PatchBlob, BytesAreThoseOfTheSpecification) {
  const auto spec = SmallSpec(DataType::kInt64, 1);
  RowBatch rows = RowBatch::Empty(spec.schema, "part");
  const std::int64_t key = 7;
  Bytes bytes;
  ByteWriter(bytes).Fixed(key);
  rows.mutable_columns()[0].Append(bytes);
  rows.mutable_columns()[1].Append(Bytes{1, 2, 3, 4});
  Bytes plain;
  const std::vector<rows::Digest128> digests = {{0x11, 0x22}};
  EncodingHint hint = EncodePatch({5, {0, 3}, {2}, {}, {}}, digests, ColumnsOf(rows), plain);
  // Below, removed, places, keepers, digest; then the columns, the one of more bytes last.
  EXPECT_EQ(ToHex(plain),
            "05020002010200"
            "11000000000000002200000000000000"
            "02020201000400020100080102030407"
            "00000000000000");
  EXPECT_EQ(hint.element_width, 8U);
  EXPECT_EQ(hint.prefix, plain.size() - 8);
  // The row keeps the vector of row 3.
  hint =
      EncodePatch({5, {0, 3}, {2}, {0}, {3}}, digests, ColumnsOf(rows, {false, true}, {0}), plain);
  EXPECT_EQ(ToHex(plain),
            "0502000201020100"
            "0311000000000000002200000000000000"
            "020302000000000201000807"
            "00000000000000");
}

TEST(PatchBlob, EveryCutIsRefused) {
  for (std::uint64_t seed = 1; seed <= Effort<std::uint64_t>(6, 6, 1); ++seed) {
    const SomePatch made = MakePatch(seed);
    for (std::size_t size = 0; size < made.plain.size(); ++size) {
      const auto patch = DecodePatch(made.spec.schema.Columns(), ByteSpan(made.plain).first(size));
      EXPECT_EQ(KindOf(patch.status()), Kind::kCorrupt) << size;
    }
  }
}

// Whatever comes, it is either refused or can be applied without leaving its bounds.
void MustNotBreak(const std::vector<rows::FieldSchema>& columns, ByteSpan plain) {
  const auto patch = DecodePatch(columns, plain);
  if (!patch.ok()) return;
  EXPECT_EQ(patch->digests.size(), patch->changes.places.size());
  if (patch->changes.rows_below > 10'000) return;
  LayeredRows layered(patch->changes.rows_below);
  ASSERT_TRUE(layered.Apply(patch->changes).ok());
  EXPECT_EQ(layered.rows(), patch->changes.rows_below - patch->changes.removed.size() +
                                patch->changes.places.size());
  const std::vector<rows::Digest128> below(patch->changes.rows_below);
  const std::vector<const std::vector<rows::Digest128>*> layers = {&below, &patch->digests};
  EXPECT_EQ(layered.Gather(layers).size(), layered.rows());
}

TEST(PatchBlob, RandomAndMutatedBytesNeverBreakTheDecoder) {
  RowGenerator random(77);
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    const SomePatch made = MakePatch(seed);
    const auto columns = made.spec.schema.Columns();
    for (int round = 0; round < 200; ++round) {
      Bytes bytes = made.plain;
      for (std::uint64_t flips = 1 + random.Below(4); flips > 0; --flips) {
        bytes[random.Below(bytes.size())] = static_cast<std::uint8_t>(random.Next());
      }
      MustNotBreak(columns, bytes);
    }
    Bytes noise(random.Below(300));
    for (std::uint8_t& byte : noise) byte = static_cast<std::uint8_t>(random.Below(6));
    MustNotBreak(columns, noise);
  }
}

// ---- rows in layers ----

TEST(LayeredRows, RefusesAPatchForAnotherLeaf) {
  LayeredRows rows(4);
  EXPECT_EQ(KindOf(rows.Apply({5, {}, {}, {}, {}})), Kind::kCorrupt);
  EXPECT_TRUE(rows.Apply({4, {1}, {0, 4}, {}, {}}).ok());
  EXPECT_EQ(rows.rows(), 5U);
  EXPECT_EQ(KindOf(rows.Apply({4, {}, {}, {}, {}})), Kind::kCorrupt);
}

TEST(LayeredRows, EqualAPlainListOfRows) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    RowGenerator random(seed);
    std::vector<std::vector<rows::Digest128>> layers(1);
    for (std::uint64_t i = random.Below(50); i > 0; --i) layers[0].push_back({random.Next(), 0});
    std::vector<rows::Digest128> model = layers[0];
    LayeredRows rows(model.size());
    for (std::uint64_t layer = random.Below(6); layer > 0; --layer) {
      RowChanges changes;
      changes.rows_below = model.size();
      changes.removed = RandomNumbers(random, random.Below(model.size() + 1), model.size());
      for (auto at = changes.removed.rbegin(); at != changes.removed.rend(); ++at) {
        model.erase(model.begin() + *at);
      }
      const std::size_t placed = random.Below(10);
      changes.places = RandomNumbers(random, placed, model.size() + placed);
      auto& fresh = layers.emplace_back();
      for (const std::uint32_t place : changes.places) {
        fresh.push_back({random.Next(), layer});
        model.insert(model.begin() + place, fresh.back());
      }
      ASSERT_TRUE(rows.Apply(changes).ok());
    }
    std::vector<const std::vector<rows::Digest128>*> pointers;
    for (const auto& layer : layers) pointers.push_back(&layer);
    EXPECT_EQ(rows.Gather(pointers), model);
  }
}

// ---- the plan ----

TEST(PatchPlan, ChainsStayShortAndRowsAreStoredFewTimes) {
  // More than a leaf's patches may come to before it is stored whole.
  constexpr std::size_t kMostChanges = 4000;
  for (std::size_t fan = 4; fan <= 11; ++fan) {
    RowGenerator random(fan);
    std::vector<std::size_t> chain;
    std::size_t changed = 0;
    std::size_t stored = 0;
    for (int generation = 0; generation < 2000; ++generation) {
      std::size_t size = 1 + random.Below(9);
      changed += size;
      const std::size_t keep = PatchesToKeep(chain, size, fan);
      ASSERT_LE(keep, chain.size());
      for (; chain.size() > keep; chain.pop_back()) size += chain.back();
      chain.push_back(size);
      stored += size;
      if (std::accumulate(chain.begin(), chain.end(), std::size_t{0}) > kMostChanges) chain.clear();
      EXPECT_LE(chain.size(), 16U);
      EXPECT_TRUE(std::is_sorted(chain.rbegin(), chain.rend(), [&](std::size_t a, std::size_t b) {
        return a * fan < b;  // ascending but for sizes of one class
      }));
    }
    EXPECT_LT(stored, changed * 8) << fan;
  }
}

TEST(PatchPlan, WhatIsMostlyPatchesIsStoredWhole) {
  const PatchLimits limits{.fan = 8, .share = 64};
  LayeredSize size{.patch_bytes = 250, .stored_rows = 12, .rows = 10, .bytes = 1000};
  EXPECT_FALSE(TooLayered(size, limits));
  size.patch_bytes = 251;
  EXPECT_TRUE(TooLayered(size, limits));
  size.patch_bytes = 0;
  size.stored_rows = 13;
  EXPECT_TRUE(TooLayered(size, limits));
}

// ---- histories ----

RowBatch Merge(const rows::CollectionSpec& spec, const RowBatch& old, const std::set<Key>& gone,
               const RowBatch& fresh) {
  RowBatch merged = RowBatch::Empty(spec.schema, "part");
  std::size_t at = 0;
  for (std::size_t row = 0; row < old.rows(); ++row) {
    const Key key = old.KeyAt(row);
    for (; at < fresh.rows() && fresh.KeyAt(at) < key; ++at) merged.AppendRows(fresh, at, at + 1);
    const bool changed = at < fresh.rows() && fresh.KeyAt(at) == key;
    if (changed) {
      merged.AppendRows(fresh, at, at + 1);
      ++at;
    } else if (!gone.contains(key)) {
      merged.AppendRows(old, row, row + 1);
    }
  }
  merged.AppendRows(fresh, at, fresh.rows());
  return merged;
}

// The rows with the fixed-width cells other than keys and vectors of about one row of `every` new.
RowBatch ChangeSmallCells(RowGenerator& random, const rows::CollectionSpec& spec,
                          const RowBatch& rows, std::size_t every) {
  std::set<std::size_t> chosen;
  std::vector<Key> keys;
  for (std::size_t row = 0; row < rows.rows(); ++row) {
    if (random.Below(every) == 0) chosen.insert(row);
    keys.push_back(rows.KeyAt(row));
  }
  const RowBatch fresh = random.RowsWithKeys(spec.schema, "part", keys);
  std::vector<rows::Column> columns;
  for (std::size_t i = 0; i < rows.columns().size(); ++i) {
    const rows::FieldSchema& field = rows.columns()[i].field();
    const bool small =
        !field.primary_key && !rows::IsVector(field.type) && rows::CellWidth(field) != 0;
    rows::Column& column = columns.emplace_back(field);
    for (std::size_t row = 0; row < rows.rows(); ++row) {
      const bool change = small && chosen.contains(row);
      column.AppendRange((change ? fresh : rows).columns()[i], row, row + 1);
    }
  }
  return RowBatch("part", std::move(columns));
}

// A way in which a collection goes on from one snapshot to the next.
RowBatch NextGeneration(RowGenerator& random, const rows::CollectionSpec& spec,
                        const RowBatch& rows, std::uint32_t leaf_bits) {
  const DataType key_type = spec.schema.fields[0].type;
  std::set<Key> gone;
  std::set<Key> fresh;
  const auto key_at = [&](std::size_t row) { return rows.KeyAt(row); };
  const std::uint64_t way = random.Below(13);
  if (way == 0) {  // boundaries go
    for (std::size_t row = 0; row < rows.rows(); ++row) {
      if (EndsLeaf(key_at(row), leaf_bits) && random.Chance(30)) gone.insert(key_at(row));
    }
  } else if (way == 1 && rows.rows() > 0) {  // a range goes, leaves and all
    const std::size_t begin = random.Below(rows.rows());
    const std::size_t end = std::min(rows.rows(), begin + random.Below(400));
    for (std::size_t row = begin; row < end; ++row) gone.insert(key_at(row));
  } else if (way == 2 && rows.rows() > 0) {  // both ends
    gone.insert(key_at(0));
    gone.insert(key_at(rows.rows() - 1));
  } else if (way == 3) {  // a cloud of new rows
    for (std::uint64_t i = random.Below(600); i > 0; --i) fresh.insert(random.RandomKey(key_type));
  } else if (way == 4 && random.Chance(20)) {  // everything goes
    for (std::size_t row = 0; row < rows.rows(); ++row) gone.insert(key_at(row));
  } else if (way == 5 && random.Chance(40)) {  // everything changes
    for (std::size_t row = 0; row < rows.rows(); ++row) fresh.insert(key_at(row));
  } else if (way >= 9) {  // small cells change, the large ones stay
    return ChangeSmallCells(random, spec, rows, 10 + random.Below(90));
  } else if (way != 6) {  // a few of each, here and there
    for (std::size_t row = 0; row < rows.rows(); ++row) {
      const std::uint64_t dice = random.Below(100);
      if (dice == 0) gone.insert(key_at(row));
      if (dice == 1) fresh.insert(key_at(row));
      if (dice == 2) fresh.insert(random.RandomKey(key_type));
    }
  }
  const std::vector<Key> keys(fresh.begin(), fresh.end());
  return Merge(spec, rows, gone, random.RowsWithKeys(spec.schema, "part", keys));
}

std::vector<LeafEntry> LeavesOf(BlobSource& source, const PartitionRoot& root) {
  TreeCursor cursor(source, root, "partition");
  EXPECT_TRUE(cursor.Start(kContext).ok());
  std::vector<LeafEntry> leaves;
  for (;;) {
    auto leaf = cursor.NextLeaf(kContext);
    EXPECT_TRUE(leaf.ok()) << leaf.status();
    if (!leaf.ok() || !*leaf) return leaves;
    leaves.push_back(**std::move(leaf));
  }
}

std::map<Key, rows::Digest128> DigestsByKey(const rows::CollectionSpec& spec,
                                            const RowBatch& rows) {
  std::vector<rows::Digest128> digests;
  EXPECT_TRUE(rows::RowDigester(spec.schema.Columns()).DigestRows(rows, digests).ok());
  std::map<Key, rows::Digest128> by_key;
  for (std::size_t row = 0; row < rows.rows(); ++row) by_key[rows.KeyAt(row)] = digests[row];
  return by_key;
}

// What TreeDiff and LoadDigests find must be all that differs.
void ExpectDiff(MemoryBlobs& blobs, const rows::CollectionSpec& spec, const PartitionRoot& old_root,
                const RowBatch& old_rows, const PartitionRoot& root, const RowBatch& rows) {
  TreeDiff diff({blobs, old_root, "old"}, {blobs, root, "new"});
  ASSERT_TRUE(diff.Start(kContext).ok());
  LeafLoader loader(blobs, spec.schema.Columns(), "part", "here");
  auto left = DigestsByKey(spec, old_rows);
  auto right = DigestsByKey(spec, rows);
  for (;;) {
    const auto group = diff.Next(kContext);
    ASSERT_TRUE(group.ok()) << group.status();
    if (!*group) break;
    const auto take = [&](const std::vector<LeafEntry>& leaves, auto& from) {
      for (const LeafEntry& leaf : leaves) {
        const auto digests = loader.LoadDigests(kContext, leaf);
        ASSERT_TRUE(digests.ok()) << digests.status();
        for (std::size_t i = 0; i < digests->digests.size(); ++i) {
          const auto at = from.find(digests->keys.KeyAt(i));
          ASSERT_NE(at, from.end());
          EXPECT_EQ(at->second, digests->digests[i]);
          from.erase(at);
        }
      }
    };
    take((*group)->left, left);
    take((*group)->right, right);
  }
  EXPECT_EQ(left, right);
}

struct HistoryFigures {
  std::size_t longest = 0;
  std::size_t folds = 0;
};

void RunHistory(std::uint64_t seed, DataType key_type, int generations, HistoryFigures& figures) {
  RowGenerator random(seed);
  const auto spec = SpecOf(random.EveryTypeSchema(key_type));
  MemoryBlobs blobs;
  MemoryBlobs twin;  // the same, in other batches and threads
  std::optional<PartitionRoot> before = PartitionRoot{};
  before->leaf_bits = 4 + static_cast<std::uint32_t>(seed % 3);
  RowBatch rows = random.RandomRows(spec.schema, "part", 600);
  RowBatch old_rows = RowBatch::Empty(spec.schema, "part");
  for (int generation = 0; generation < generations; ++generation) {
    const auto number = static_cast<std::uint64_t>(generation);
    const auto root = StorePatched(blobs, spec, rows, 300, number, before);
    ASSERT_TRUE(root.ok()) << root.status();
    const auto again = StorePatched(twin, spec, rows, 37 + 400 * number, number + 9, before, 1);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(root->root, again->root);
    const auto back = ReadBack(blobs, ManifestOf(spec, *root));
    ASSERT_TRUE(back.ok()) << back.status();
    ExpectSameRows(*back, rows);
    ExpectDiff(blobs, spec, *before, old_rows, *root, rows);
    for (const LeafEntry& leaf : LeavesOf(blobs, *root)) {
      figures.longest = std::max(figures.longest, leaf.patches.size());
      EXPECT_LE(leaf.patches.size(), 16U);
    }
    const auto ends = LeafBoundaries(kContext, blobs, *root);
    ASSERT_TRUE(ends.ok());
    EXPECT_TRUE(std::is_sorted(ends->begin(), ends->end()));
    before = *root;
    old_rows = rows;
    rows = NextGeneration(random, spec, rows, root->leaf_bits);
  }
  EXPECT_EQ(blobs.blobs().size(), twin.blobs().size());
}

TEST(PatchHistory, EveryGenerationIsWhatItsRowsWere) {
  HistoryFigures figures;
  for (std::uint64_t seed = 1; seed <= Effort<std::uint64_t>(8, 8, 1); ++seed) {
    RunHistory(seed, seed % 2 == 0 ? DataType::kInt64 : DataType::kVarChar, 30, figures);
    if (HasFatalFailure()) return;
  }
  EXPECT_GE(figures.longest, 4U);
}

// Random changes of single rows only, so that chains grow as far as they may.
TEST(PatchHistory, LongChainsAreMergedAndFolded) {
  const auto spec = SmallSpec();
  RowGenerator random(5);
  MemoryBlobs blobs;
  PartitionRoot before;
  before.leaf_bits = 9;
  RowBatch rows = NumberedRows(spec, 0, 20'000, 3);
  std::size_t longest = 0;
  std::set<BlobName> bases;
  std::uint64_t full = 0;
  std::uint64_t later = 0;
  std::size_t leaves = 0;
  constexpr int kGenerations = 60;
  for (int generation = 0; generation < kGenerations; ++generation) {
    const auto stored = blobs.stored_bytes();
    const auto root = StorePatched(blobs, spec, rows, 3000, 1, before);
    ASSERT_TRUE(root.ok()) << root.status();
    (generation == 0 ? full : later) += blobs.stored_bytes() - stored;
    leaves = 0;
    for (const LeafEntry& leaf : LeavesOf(blobs, *root)) {
      longest = std::max(longest, leaf.patches.size());
      bases.insert(leaf.base.digests);
      ++leaves;
    }
    if (generation % 10 == 9) {
      const auto back = ReadBack(blobs, ManifestOf(spec, *root));
      ASSERT_TRUE(back.ok()) << back.status();
      ExpectSameRows(*back, rows);
    }
    before = *root;
    std::set<Key> fresh;
    for (int i = 0; i < 200; ++i) fresh.insert(rows.KeyAt(random.Below(rows.rows())));
    rows = Merge(spec, rows, {},
                 random.RowsWithKeys(spec.schema, "part", {fresh.begin(), fresh.end()}));
  }
  EXPECT_GE(longest, 6U);
  EXPECT_LE(longest, 16U);
  EXPECT_GT(bases.size(), leaves + leaves / 2);  // folded
  EXPECT_LT(later / (kGenerations - 1), full * 7 / 100);
}

// ---- what is stored ----

struct Change {
  int inserted = 0;
  int changed = 0;
  int removed = 0;
};

RowBatch ChangeSome(RowGenerator& random, const rows::CollectionSpec& spec, const RowBatch& rows,
                    const Change& change) {
  std::set<Key> gone;
  std::set<Key> fresh;
  const auto any = [&] { return std::get<std::int64_t>(rows.KeyAt(random.Below(rows.rows()))); };
  for (int i = 0; i < change.inserted; ++i) fresh.insert(any() + 1);
  for (int i = 0; i < change.changed; ++i) fresh.insert(any());
  for (int i = 0; i < change.removed; ++i) gone.insert(any());
  return Merge(spec, rows, gone,
               random.RowsWithKeys(spec.schema, "part", {fresh.begin(), fresh.end()}));
}

// Plain bytes here; bench_repo_write has them as they are stored.
TEST(PatchSize, OnePercentOfRandomChangesStoresAtMostTwo) {
  for (const std::int64_t dim : Effort<std::vector<std::int64_t>>({8, 128}, {8, 128}, {8})) {
    for (const int rows : {6'000, 24'000}) {
      for (const Change& share :
           {Change{1, 1, 1}, Change{3, 0, 0}, Change{0, 3, 0}, Change{0, 0, 3}}) {
        RowGenerator random(static_cast<std::uint64_t>(rows + dim));
        const auto spec = SmallSpec(DataType::kInt64, dim);
        const RowBatch before = NumberedRows(spec, 0, static_cast<std::size_t>(rows), 5);
        MemoryBlobs blobs;
        PartitionRoot start;
        start.leaf_bits = dim == 8 ? 10 : 0;
        const auto root = StorePatched(blobs, spec, before, 20'000, 1, start);
        ASSERT_TRUE(root.ok()) << root.status();
        const auto full = blobs.stored_bytes();
        const int unit = rows / 300;
        const RowBatch after =
            ChangeSome(random, spec, before,
                       {share.inserted * unit, share.changed * unit, share.removed * unit});
        ASSERT_TRUE(StorePatched(blobs, spec, after, 20'000, 1, *root).ok());
        EXPECT_LE(blobs.stored_bytes() - full, full * 2 / 100)
            << dim << " floats, " << rows << " rows, " << share.inserted << share.changed
            << share.removed;
      }
    }
  }
}

class PatchOver : public testing::Test {
 protected:
  PatchOver() {
    PartitionRoot start;
    start.leaf_bits = 6;
    root_ = *StorePatched(blobs_, spec_, rows_, 500, 1, start);
  }
  Result<PartitionRoot> StoreNext(const RowBatch& rows) {
    return StorePatched(blobs_, spec_, rows, 500, 1, root_);
  }
  std::size_t CountPatched(const PartitionRoot& root) {
    const auto leaves = LeavesOf(blobs_, root);
    return static_cast<std::size_t>(std::count_if(
        leaves.begin(), leaves.end(), [](const auto& leaf) { return !leaf.patches.empty(); }));
  }
  void ExpectRows(const PartitionRoot& root, const RowBatch& rows) {
    const auto back = ReadBack(blobs_, ManifestOf(spec_, root));
    ASSERT_TRUE(back.ok()) << back.status();
    ExpectSameRows(*back, rows);
  }

  RowGenerator random_{3};
  const rows::CollectionSpec spec_ = SmallSpec();
  const RowBatch rows_ = NumberedRows(spec_, 0, 5000, 4);
  const RowBatch next_ = ChangeSome(random_, spec_, rows_, {10, 10, 10});
  MemoryBlobs blobs_;
  PartitionRoot root_;
};

TEST_F(PatchOver, ReadsOnlyKeysAndDigestsOfWhatChanged) {
  std::set<BlobName> others;
  for (const LeafEntry& leaf : LeavesOf(blobs_, root_)) others.insert(leaf.base.columns[1].name);
  blobs_.before_load = [&](const BlobRef& ref) {
    EXPECT_FALSE(others.contains(ref.name));
    return Ok();
  };
  const auto loads = blobs_.loads();
  ASSERT_TRUE(StoreNext(rows_).ok());
  const auto unchanged = blobs_.loads() - loads;
  EXPECT_LT(unchanged, 10U);  // tree pages
  const auto root = StoreNext(next_);
  ASSERT_TRUE(root.ok());
  blobs_.before_load = nullptr;
  EXPECT_GT(CountPatched(*root), 10U);
  ExpectRows(*root, next_);
}

TEST_F(PatchOver, AnUpdateOfSmallCellsDoesNotStoreTheVectorsAgain) {
  rows::CollectionSpec spec = SmallSpec(DataType::kInt64, 256);
  spec.schema.fields.push_back(PlainField("price", DataType::kDouble));
  spec.schema.fields.push_back(PlainField("text", DataType::kVarChar));
  RowBatch rows = NumberedRows(spec, 0, 5000, 4);
  PartitionRoot before;
  before.leaf_bits = 8;
  before = *StorePatched(blobs_, spec, rows, 500, 1, before);
  for (int generation = 0; generation < Effort(12, 12, 3); ++generation) {
    // In between vectors change too, so that they stand in several layers.
    rows = generation % 3 == 2 ? ChangeSome(random_, spec, rows, {20, 20, 20})
                               : ChangeSmallCells(random_, spec, rows, 50);
    const auto stored = blobs_.stored_bytes();
    before = *StorePatched(blobs_, spec, rows, 500, 1, before);
    if (generation < 2) {
      EXPECT_LT(blobs_.stored_bytes() - stored, 100 * 256U);
    }
    const auto back = ReadBack(blobs_, ManifestOf(spec, before));
    ASSERT_TRUE(back.ok()) << back.status();
    ExpectSameRows(*back, rows);
  }
}

TEST_F(PatchOver, AnUnchangedPatchedPartitionStoresNothing) {
  root_ = *StoreNext(next_);
  const auto stored = blobs_.stored_bytes();
  const auto root = StoreNext(next_);
  ASSERT_TRUE(root.ok());
  EXPECT_EQ(root->root, root_.root);
  EXPECT_EQ(blobs_.stored_bytes(), stored);
}

TEST_F(PatchOver, RestsOnNothingThatIsGoneOrDamaged) {
  for (const bool gone : {true, false}) {
    std::vector<BlobName> names;
    for (const LeafEntry& leaf : LeavesOf(blobs_, root_)) {
      names.push_back(gone ? leaf.base.columns[1].name : leaf.base.digests);
    }
    for (const BlobName& name : names) {
      if (gone)
        blobs_.blobs().erase(name);
      else
        blobs_.blobs().at(name).plain.back() ^= 1;
    }
    const auto root = StoreNext(next_);
    ASSERT_TRUE(root.ok()) << root.status();
    EXPECT_EQ(CountPatched(*root), 0U);
    if (gone) ExpectRows(*root, next_);
  }
}

TEST_F(PatchOver, GoesOnWhereTheTreeBeforeIsDamaged) {
  std::vector<Bytes*> pages;
  for (auto& [name, blob] : blobs_.blobs()) {
    if (blob.kind == BlobKind::kTreePage) pages.push_back(&blob.plain);
  }
  for (Bytes* page : pages) page->back() ^= 1;
  const auto root = StoreNext(next_);
  ASSERT_TRUE(root.ok()) << root.status();
  // A page that is the same again is not stored again.
  for (Bytes* page : pages) page->back() ^= 1;
  EXPECT_EQ(CountPatched(*root), 0U);
  ExpectRows(*root, next_);
}

TEST_F(PatchOver, AStoreThatCannotBeReadIsAnError) {
  blobs_.before_load = [](const BlobRef& ref) {
    return ref.kind == BlobKind::kRowDigests ? MakeStatus(Kind::kTransient, "connection lost")
                                             : Ok();
  };
  EXPECT_EQ(KindOf(StoreNext(next_).status()), Kind::kTransient);
}

TEST_F(PatchOver, ColumnsThatChangedAreStoredWhole) {
  rows::CollectionSpec wider = spec_;
  wider.schema.fields.push_back(PlainField("extra", DataType::kInt32));
  const RowBatch rows = NumberedRows(wider, 0, 5000, 4);
  const auto root = StorePatched(blobs_, wider, rows, 500, 1, root_);
  ASSERT_TRUE(root.ok()) << root.status();
  EXPECT_EQ(CountPatched(*root), 0U);
  const auto back = ReadBack(blobs_, ManifestOf(wider, *root));
  ASSERT_TRUE(back.ok()) << back.status();
  ExpectSameRows(*back, rows);
}

TEST_F(PatchOver, ManySmallAppendsDoNotLeaveManySmallLeaves) {
  RowBatch rows = rows_;
  const std::size_t leaves = LeavesOf(blobs_, root_).size();
  constexpr int kAppends = Effort(300, 300, 100);
  for (int i = 0; i < kAppends; ++i) {
    rows.Append(NumberedRows(spec_, 30'000 + i, 1));
    root_ = *StoreNext(rows);
  }
  ExpectRows(root_, rows);
  EXPECT_LT(LeavesOf(blobs_, root_).size(), leaves + kAppends / 16);
}

TEST_F(PatchOver, WhatDeletesLeaveOfLeavesIsPutTogether) {
  const std::size_t leaves = LeavesOf(blobs_, root_).size();
  RowBatch rows = RowBatch::Empty(spec_.schema, "part");
  for (std::size_t row = 0; row < rows_.rows(); row += 40) rows.AppendRows(rows_, row, row + 1);
  root_ = *StoreNext(rows);
  EXPECT_GT(LeavesOf(blobs_, root_).size(), leaves / 2);
  root_ = *StoreNext(rows);
  EXPECT_LT(LeavesOf(blobs_, root_).size(), leaves / 4);
  ExpectRows(root_, rows);
  const auto stored = blobs_.stored_bytes();
  ASSERT_TRUE(StoreNext(rows).ok());
  EXPECT_EQ(blobs_.stored_bytes(), stored);
}

TEST_F(PatchOver, DamageNamesThePatch) {
  const auto root = StoreNext(next_);
  ASSERT_TRUE(root.ok());
  LeafLoader loader(blobs_, spec_.schema.Columns(), "part", "here");
  for (const LeafEntry& leaf : LeavesOf(blobs_, *root)) {
    if (leaf.patches.empty()) continue;
    for (const bool verify : {true, false}) {
      blobs_.verify = verify;
      Bytes& plain = blobs_.blobs().at(leaf.patches[0]).plain;
      for (std::size_t at = 0; at < plain.size(); ++at) {
        plain[at] ^= 0x10;
        for (const Status& status : {loader.Load(kContext, leaf).status(),
                                     verify ? loader.LoadDigests(kContext, leaf).status()
                                            : loader.Load(kContext, leaf).status()}) {
          EXPECT_EQ(KindOf(status), Kind::kCorrupt) << at;
          const std::string message(status.message());
          EXPECT_NE(message.find(RangeText(leaf.range.first, leaf.range.last)), std::string::npos);
          if (verify) {
            EXPECT_NE(message.find("patch 1 of 1"), std::string::npos) << message;
          }
        }
        plain[at] ^= 0x10;
      }
    }
    return;
  }
  FAIL() << "no leaf has a patch";
}

}  // namespace
}  // namespace aerie::repo
