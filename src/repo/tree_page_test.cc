#include "repo/tree_page.h"

#include <gtest/gtest.h>

#include "repo/leaf_cutter.h"
#include "repo/tree_builder.h"
#include "repo/tree_cursor.h"
#include "repo/tree_testing.h"

namespace aerie::repo {
namespace {

BlobName NameOf(std::uint64_t number) {
  BlobName name;
  std::memcpy(name.bytes.data(), &number, sizeof(number));
  return name;
}

LeafEntry EntryOf(rows::Key first, rows::Key last, std::uint64_t seed) {
  LeafEntry entry;
  entry.range.first = std::move(first);
  entry.range.last = std::move(last);
  entry.range.digest = {{seed * 7, ~seed}, 1 + seed % 9};
  entry.range.bytes = seed * 100;
  entry.base = {{{0, NameOf(seed)}, {1, NameOf(seed + 1)}, {5, NameOf(3)}}, NameOf(seed + 2)};
  for (std::uint64_t i = 0; i < seed % 4; ++i) entry.patches.push_back(NameOf(seed + 10 + i));
  return entry;
}

std::vector<LeafEntry> NumberedEntries(std::int64_t count) {
  std::vector<LeafEntry> entries;
  for (std::int64_t i = 0; i < count; ++i) {
    entries.push_back(EntryOf(i * 10, i * 10 + 5, static_cast<std::uint64_t>(i) + 1));
  }
  return entries;
}

PartitionRoot Build(BlobSink& sink, const std::vector<LeafEntry>& entries,
                    KeyType type = KeyType::kInt64) {
  const Context context = Context::Background();
  TreeBuilder builder(sink, type);
  for (const LeafEntry& entry : entries) EXPECT_TRUE(builder.Add(context, entry).ok());
  const auto root = builder.Finish(context);
  EXPECT_TRUE(root.ok()) << root.status();
  return {"part", root->digest, root->bytes, 4, root->height, root->page};
}

Result<std::vector<LeafEntry>> Walk(BlobSource& source, const PartitionRoot& root,
                                    const std::optional<rows::Key>& after = {}) {
  const Context context = Context::Background();
  TreeCursor cursor(source, root, "partition");
  AERIE_TRY(cursor.Start(context));
  std::vector<LeafEntry> entries;
  for (;;) {
    AERIE_ASSIGN(std::optional<LeafEntry> entry, cursor.NextLeaf(context, after));
    if (!entry) return entries;
    entries.push_back(*std::move(entry));
  }
}

Bytes PageOf(const std::vector<LeafEntry>& entries, KeyType type) {
  Bytes bytes;
  for (const LeafEntry& entry : entries) AppendEntry(entry, bytes);
  return EncodePage(0, type, entries.size(), bytes);
}

TEST(TreePage, ComesBack) {
  const std::vector<LeafEntry> entries = {EntryOf("", "a", 1),
                                          EntryOf("b", std::string(70'000, 'b'), 2),
                                          EntryOf("\xC3\xA4", "\xff", 3)};
  const auto page = DecodePage(PageOf(entries, KeyType::kVarChar));
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_EQ(page->level, 0);
  EXPECT_EQ(page->leaves, entries);

  const PageEntry child{EntryOf(std::int64_t{-5}, std::int64_t{9}, 4).range, 12, NameOf(9)};
  Bytes bytes;
  AppendEntry(child, bytes);
  const auto upper = DecodePage(EncodePage(1, KeyType::kInt64, 1, bytes));
  ASSERT_TRUE(upper.ok()) << upper.status();
  EXPECT_EQ(upper->pages, std::vector{child});
}

TEST(TreePage, NoFlippedBitOrTruncationIsTakenForTheSame) {
  const Bytes plain = PageOf(NumberedEntries(3), KeyType::kInt64);
  const auto whole = DecodePage(plain);
  for (std::size_t i = 0; i < plain.size() * 8; ++i) {
    Bytes flipped = plain;
    flipped[i / 8] ^= static_cast<std::uint8_t>(1U << (i % 8));
    const auto page = DecodePage(flipped);
    if (page.ok()) {
      EXPECT_NE(*page, *whole);
    }
  }
  for (std::size_t size = 0; size < plain.size(); ++size) {
    EXPECT_FALSE(DecodePage(ByteSpan(plain).first(size)).ok());
  }
}

TEST(TreePage, RefusesWhatItsMeaningForbids) {
  const auto kind = [](const Bytes& plain) { return KindOf(DecodePage(plain).status()); };
  EXPECT_EQ(kind(EncodePage(0, KeyType::kInt64, 0, {})), Kind::kCorrupt);
  auto entries = NumberedEntries(2);
  std::swap(entries[0], entries[1]);
  EXPECT_EQ(kind(PageOf(entries, KeyType::kInt64)), Kind::kCorrupt);
  entries = NumberedEntries(2);
  entries[1].range.first = entries[0].range.last;
  EXPECT_EQ(kind(PageOf(entries, KeyType::kInt64)), Kind::kCorrupt);
  entries = NumberedEntries(1);
  entries[0].range.digest.rows = 0;
  EXPECT_EQ(kind(PageOf(entries, KeyType::kInt64)), Kind::kCorrupt);
  entries = NumberedEntries(1);
  std::swap(entries[0].base.columns[0], entries[0].base.columns[1]);
  EXPECT_EQ(kind(PageOf(entries, KeyType::kInt64)), Kind::kCorrupt);
  entries = NumberedEntries(1);
  entries[0].patches.assign(kMaxLeafPatches + 1, NameOf(1));
  EXPECT_EQ(kind(PageOf(entries, KeyType::kInt64)), Kind::kCorrupt);
  entries[0].patches.resize(kMaxLeafPatches);
  EXPECT_EQ(kind(PageOf(entries, KeyType::kInt64)), Kind::kOk);
  Bytes huge = EncodePage(0, KeyType::kInt64, std::size_t{1} << 60, Bytes(100, 1));
  EXPECT_EQ(kind(huge), Kind::kCorrupt);
}

TEST(Tree, AllLeavesComeBackInOrder) {
  for (const std::int64_t count : {0, 1, 2, 3, 64, 65, 256, 257, 5000, 40'000}) {
    MemoryBlobs blobs;
    const auto entries = NumberedEntries(count);
    const PartitionRoot root = Build(blobs, entries);
    EXPECT_EQ(root.root.has_value(), count != 0);
    EXPECT_EQ(root.height == 0, count == 0);
    EXPECT_EQ(root.height == 1, blobs.blobs().size() == 1) << count;
    const auto back = Walk(blobs, root);
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(*back, entries);
  }
}

TEST(Tree, PagesStayWithinTheirLimits) {
  MemoryBlobs blobs;
  Build(blobs, NumberedEntries(40'000));
  for (const auto& [name, blob] : blobs.blobs()) {
    const auto page = DecodePage(blob.plain);
    ASSERT_TRUE(page.ok());
    EXPECT_LE(page->leaves.size() + page->pages.size(), kMaxPageEntries);
  }
  // Long keys: pages end by their bytes.
  std::vector<LeafEntry> entries;
  for (int i = 0; i < 100; ++i) {
    const std::string key = std::to_string(1000 + i) + std::string(65'000, 'x');
    entries.push_back(EntryOf(key + "a", key + "b", 1));
  }
  MemoryBlobs long_keys;
  const PartitionRoot root = Build(long_keys, entries, KeyType::kVarChar);
  for (const auto& [name, blob] : long_keys.blobs()) {
    EXPECT_LE(blob.plain.size(), kMaxPageBytes + 200'000);
  }
  const auto back = Walk(long_keys, root);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, entries);
}

TEST(Tree, HostileKeysDoNotMakeItHigh) {
  // Keys whose hash ends a page on every level that they could reach.
  std::vector<LeafEntry> entries;
  for (std::int64_t key = 0; entries.size() < 40; ++key) {
    if ((KeyHash(key, 1) & 63) == 0 && (KeyHash(key, 2) & 3) == 0) {
      entries.push_back(EntryOf(key, key, 5));
    }
  }
  MemoryBlobs blobs;
  EXPECT_LE(Build(blobs, entries).height, 6U);
}

TEST(Tree, StartsAfterAKeyWithoutReadingWhatIsBefore) {
  MemoryBlobs blobs;
  const auto entries = NumberedEntries(20'000);
  const PartitionRoot root = Build(blobs, entries);
  for (const std::int64_t after : {-1, 0, 4, 5, 6, 77'777, 199'994, 199'995, 300'000}) {
    const auto back = Walk(blobs, root, rows::Key(after));
    ASSERT_TRUE(back.ok()) << back.status();
    std::vector<LeafEntry> expected;
    for (const LeafEntry& entry : entries) {
      if (std::get<std::int64_t>(entry.range.last) > after) expected.push_back(entry);
    }
    EXPECT_EQ(*back, expected);
  }
  const auto before = blobs.loads();
  ASSERT_TRUE(Walk(blobs, root, rows::Key(std::int64_t{199'990})).ok());
  EXPECT_LE(blobs.loads() - before, root.height);
}

TEST(Tree, OneMoreLeafChangesOnePathOnly) {
  MemoryBlobs blobs;
  auto entries = NumberedEntries(20'000);
  const PartitionRoot root = Build(blobs, entries);
  const std::size_t before = blobs.blobs().size();
  entries.insert(entries.begin() + 10'000, EntryOf(std::int64_t{99'997}, std::int64_t{99'998}, 1));
  const PartitionRoot changed = Build(blobs, entries);
  EXPECT_NE(changed.root, root.root);
  EXPECT_LE(blobs.blobs().size() - before, 2 * root.height);
}

TEST(Tree, PagesThatAreNotTheirParentsAreRefused) {
  MemoryBlobs blobs;
  const PartitionRoot root = Build(blobs, NumberedEntries(3000));
  const auto refused = [&](const PartitionRoot& wrong) {
    return KindOf(Walk(blobs, wrong).status()) == Kind::kCorrupt;
  };
  PartitionRoot wrong = root;
  wrong.digest.sum.low ^= 1;
  EXPECT_TRUE(refused(wrong));
  wrong = root;
  ++wrong.bytes;
  EXPECT_TRUE(refused(wrong));
  wrong = root;
  ++wrong.height;
  EXPECT_TRUE(refused(wrong));
  wrong = root;
  wrong.root.reset();
  EXPECT_TRUE(refused(wrong));
  wrong = root;
  wrong.root = NameOf(1);
  EXPECT_TRUE(refused(wrong));

  // Any page in the place of any other is noticed, even when its bytes are whole.
  blobs.verify = false;
  auto& stored = blobs.blobs();
  const Bytes other = stored.rbegin()->second.plain;
  for (auto& [name, blob] : stored) {
    if (blob.plain == other) continue;
    const Bytes kept = std::exchange(blob.plain, other);
    EXPECT_TRUE(refused(root)) << name.ToHex();
    blob.plain = kept;
  }
}

}  // namespace
}  // namespace aerie::repo
