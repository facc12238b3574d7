#include "repo/tree_page.h"

#include <algorithm>

namespace aerie::repo {
namespace {

constexpr char kWhat[] = "tree page";
constexpr std::size_t kNameBytes = 32;
constexpr std::size_t kMaxKeyText = 80;
// Shortest entry: two keys, rows, digest, bytes and a name or more.
constexpr std::size_t kMinEntryBytes = 1 + 1 + 1 + 16 + 1 + kNameBytes;

void WriteKey(const rows::Key& key, ByteWriter& writer) {
  if (const auto* number = std::get_if<std::int64_t>(&key))
    writer.Fixed(*number);
  else
    writer.Sized(std::string_view(std::get<std::string>(key)));
}

Status ReadKey(KeyType type, ByteReader& reader, rows::Key& key) {
  if (type == KeyType::kInt64) {
    std::int64_t number = 0;
    AERIE_TRY(reader.Fixed(number));
    key = number;
    return Ok();
  }
  std::string text;
  AERIE_TRY(reader.Sized(text));
  key = std::move(text);
  return Ok();
}

void WriteRange(const RowRange& range, ByteWriter& writer) {
  WriteKey(range.first, writer);
  WriteKey(range.last, writer);
  writer.Varint(range.digest.rows);
  writer.Fixed(range.digest.sum.low);
  writer.Fixed(range.digest.sum.high);
  writer.Varint(range.bytes);
}

Status ReadRange(KeyType type, ByteReader& reader, RowRange& range) {
  AERIE_TRY(ReadKey(type, reader, range.first));
  AERIE_TRY(ReadKey(type, reader, range.last));
  AERIE_TRY(reader.Varint(range.digest.rows));
  AERIE_TRY(reader.Fixed(range.digest.sum.low));
  AERIE_TRY(reader.Fixed(range.digest.sum.high));
  AERIE_TRY(reader.Varint(range.bytes));
  if (range.digest.rows == 0) return CorruptError("tree page: an entry without rows");
  if (range.last < range.first) return CorruptError("tree page: an entry ends before it begins");
  return Ok();
}

Status ReadName(ByteReader& reader, BlobName& name) {
  ByteSpan bytes;
  AERIE_TRY(reader.Raw(kNameBytes, bytes));
  std::copy(bytes.begin(), bytes.end(), name.bytes.begin());
  return Ok();
}

Status ReadBase(ByteReader& reader, LeafLayer& base) {
  std::uint64_t columns = 0;
  AERIE_TRY(reader.VarintUpTo(reader.remaining() / (1 + kNameBytes), columns));
  base.columns.resize(columns);
  std::uint64_t next = 0;
  for (ColumnBlob& column : base.columns) {
    std::uint64_t number = 0;
    AERIE_TRY(reader.VarintUpTo(UINT32_MAX, number));
    if (number < next) return CorruptError("tree page: the columns of a leaf are out of order");
    next = number + 1;
    column.column = static_cast<std::uint32_t>(number);
    AERIE_TRY(ReadName(reader, column.name));
  }
  return ReadName(reader, base.digests);
}

Status ReadPatch(ByteReader& reader, BlobName& patch) {
  std::uint64_t columns = 0;
  AERIE_TRY(reader.Varint(columns));
  if (columns != 0) {
    return UnsupportedError("tree page: a patch of " + std::to_string(columns) +
                            " columns; this repository needs a newer aerie");
  }
  return ReadName(reader, patch);
}

Status ReadEntry(KeyType type, ByteReader& reader, LeafEntry& entry) {
  AERIE_TRY(ReadRange(type, reader, entry.range));
  std::uint64_t layers = 0;
  AERIE_TRY(reader.VarintUpTo(1 + kMaxLeafPatches, layers));
  if (layers == 0) return CorruptError("tree page: a leaf without layers");
  AERIE_TRY(ReadBase(reader, entry.base));
  entry.patches.resize(layers - 1);
  for (BlobName& patch : entry.patches) AERIE_TRY(ReadPatch(reader, patch));
  return Ok();
}

Status ReadEntry(KeyType type, ByteReader& reader, PageEntry& entry) {
  AERIE_TRY(ReadRange(type, reader, entry.range));
  AERIE_TRY(reader.Varint(entry.leaves));
  return ReadName(reader, entry.page);
}

template <class Entry>
Status ReadEntries(KeyType type, std::uint64_t count, ByteReader& reader,
                   std::vector<Entry>& entries) {
  entries.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    AERIE_TRY(ReadEntry(type, reader, entries.emplace_back()));
    if (i != 0 && entries[i].range.first <= entries[i - 1].range.last) {
      return CorruptError("tree page: the key ranges of two entries overlap");
    }
  }
  return Ok();
}

template <class Entry>
RowRange SummarizeEntries(const std::vector<Entry>& entries) {
  RowRange all;
  if (entries.empty()) return all;
  all.first = entries.front().range.first;
  all.last = entries.back().range.last;
  for (const Entry& entry : entries) {
    all.digest.Add(entry.range.digest);
    all.bytes += entry.range.bytes;
  }
  return all;
}

std::string ShortKeyText(const rows::Key& key) {
  std::string text = rows::KeyToText(key);
  if (text.size() <= kMaxKeyText) return text;
  std::size_t end = kMaxKeyText;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + "...\"";
}

}  // namespace

KeyType KeyTypeOf(const rows::FieldSchema& primary_key) {
  return primary_key.type == rows::DataType::kInt64 ? KeyType::kInt64 : KeyType::kVarChar;
}

void AppendEntry(const LeafEntry& entry, Bytes& out) {
  ByteWriter writer(out);
  WriteRange(entry.range, writer);
  writer.Varint(1 + entry.patches.size());
  writer.Varint(entry.base.columns.size());
  for (const ColumnBlob& column : entry.base.columns) {
    writer.Varint(column.column);
    writer.Raw(column.name.bytes);
  }
  writer.Raw(entry.base.digests.bytes);
  for (const BlobName& patch : entry.patches) {
    writer.Varint(0);
    writer.Raw(patch.bytes);
  }
}

void AppendEntry(const PageEntry& entry, Bytes& out) {
  ByteWriter writer(out);
  WriteRange(entry.range, writer);
  writer.Varint(entry.leaves);
  writer.Raw(entry.page.bytes);
}

Bytes EncodePage(std::uint8_t level, KeyType key_type, std::size_t entries, ByteSpan bytes) {
  Bytes page;
  page.reserve(bytes.size() + 12);
  ByteWriter writer(page);
  writer.Fixed(level);
  writer.Fixed(key_type);
  writer.Varint(entries);
  writer.Raw(bytes);
  return page;
}

Result<TreePage> DecodePage(ByteSpan plain) {
  ByteReader reader(plain, kWhat);
  TreePage page;
  std::uint8_t type = 0;
  AERIE_TRY(reader.Fixed(page.level));
  AERIE_TRY(reader.Fixed(type));
  if (page.level >= kMaxTreeHeight) {
    return CorruptError("tree page: level " + std::to_string(page.level) + " is too high");
  }
  page.key_type = static_cast<KeyType>(type);
  if (page.key_type != KeyType::kInt64 && page.key_type != KeyType::kVarChar) {
    return CorruptError("tree page: unknown key type " + std::to_string(type));
  }
  std::uint64_t count = 0;
  AERIE_TRY(reader.VarintUpTo(plain.size() / kMinEntryBytes, count));
  if (count == 0) return CorruptError("tree page: no entries");
  if (page.level == 0) {
    AERIE_TRY(ReadEntries(page.key_type, count, reader, page.leaves));
  } else {
    AERIE_TRY(ReadEntries(page.key_type, count, reader, page.pages));
  }
  AERIE_TRY(reader.ExpectEnd());
  return page;
}

RowRange Summarize(const TreePage& page) {
  return page.level == 0 ? SummarizeEntries(page.leaves) : SummarizeEntries(page.pages);
}

std::uint64_t CountLeaves(const TreePage& page) {
  std::uint64_t leaves = page.leaves.size();
  for (const PageEntry& entry : page.pages) leaves += entry.leaves;
  return leaves;
}

std::string RangeText(const rows::Key& first, const rows::Key& last) {
  return ShortKeyText(first) + ".." + ShortKeyText(last);
}

}  // namespace aerie::repo
