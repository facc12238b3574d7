// Pages of a partition's tree as plain bytes (docs/format.md, Trees), and back. Values and pure
// functions; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "repo/blob.h"
#include "rows/batch.h"
#include "rows/digest.h"

namespace aerie::repo {

// The numbers are those of the protocol's types; keys of other string types are kVarChar.
enum class KeyType : std::uint8_t { kInt64 = 5, kVarChar = 21 };
KeyType KeyTypeOf(const rows::FieldSchema& primary_key);

struct ColumnBlob {
  std::uint32_t column = 0;  // position in the manifest's column list
  BlobName name;
  bool operator==(const ColumnBlob&) const = default;
};

// A leaf stored whole, as it is or under patches.
struct LeafLayer {
  std::vector<ColumnBlob> columns;
  BlobName digests;
  bool operator==(const LeafLayer&) const = default;
};

// What both kinds of entries say of the rows below them.
struct RowRange {
  rows::Key first;
  rows::Key last;
  rows::RangeDigest digest;
  std::uint64_t bytes = 0;  // plain, see PlainBytes in column_blob.h
  bool operator==(const RowRange&) const = default;
};

struct LeafEntry {
  RowRange range;  // of the rows that the patches come to
  LeafLayer base;
  std::vector<BlobName> patches;  // lowest first, see patch_blob.h
  bool operator==(const LeafEntry&) const = default;
};

struct PageEntry {
  RowRange range;
  std::uint64_t leaves = 0;
  BlobName page;
  bool operator==(const PageEntry&) const = default;
};

struct TreePage {
  std::uint8_t level = 0;  // 0: `leaves`, above: `pages`; the other one is empty
  KeyType key_type = KeyType::kInt64;
  std::vector<LeafEntry> leaves;
  std::vector<PageEntry> pages;
  bool operator==(const TreePage&) const = default;
};

// Limits of one page, after which it ends whatever the hash says.
inline constexpr std::size_t kMaxPageEntries = 256;
inline constexpr std::size_t kMaxPageBytes = std::size_t{1} << 20;
inline constexpr std::uint32_t kMaxTreeHeight = 64;
// Of a leaf, as a reader accepts them; a writer stays below.
inline constexpr std::size_t kMaxLeafPatches = 64;

void AppendEntry(const LeafEntry& entry, Bytes& out);
void AppendEntry(const PageEntry& entry, Bytes& out);
// A page's plain bytes from its entries' bytes.
Bytes EncodePage(std::uint8_t level, KeyType key_type, std::size_t entries, ByteSpan bytes);

// Refuses, besides malformed bytes: no entries, ranges that are empty or do not ascend. A layer
// that is neither a whole leaf nor a patch is kUnsupported (a newer format), everything else
// kCorrupt.
Result<TreePage> DecodePage(ByteSpan plain);

// What a page's parent must say of it.
RowRange Summarize(const TreePage& page);
std::uint64_t CountLeaves(const TreePage& page);

// "1..99" for messages; long keys are cut short.
std::string RangeText(const rows::Key& first, const rows::Key& last);

}  // namespace aerie::repo
