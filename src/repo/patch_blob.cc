#include "repo/patch_blob.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

namespace aerie::repo {
namespace {

using rows::Column;
using rows::Digest128;
using rows::FieldSchema;

constexpr char kWhat[] = "patch blob";
constexpr std::size_t kMaxRows = std::numeric_limits<std::uint32_t>::max();
constexpr std::array<std::uint32_t, 3> kWidths = {4, 8, 2};

// ---- lists of ascending numbers ----

void WriteNumbers(std::span<const std::uint32_t> numbers, ByteWriter& writer) {
  std::uint64_t next = 0;
  for (const std::uint32_t number : numbers) {
    writer.Varint(number - next);
    next = std::uint64_t{number} + 1;
  }
}

// `count` numbers below `end`, which bounds them; their number is bounded by the bytes there are.
Status ReadNumbers(std::uint64_t count, std::uint64_t end, ByteReader& reader,
                   std::vector<std::uint32_t>& numbers) {
  numbers.resize(count);
  std::uint64_t next = 0;
  for (std::uint32_t& number : numbers) {
    std::uint64_t gap = 0;
    AERIE_TRY(reader.Varint(gap));
    if (next >= end || gap >= end - next) {
      return CorruptError("patch blob: a row number beyond the last row");
    }
    number = static_cast<std::uint32_t>(next + gap);
    next += gap + 1;
  }
  return Ok();
}

// ---- columns ----

struct EncodedColumn {
  std::uint32_t number = 0;
  bool keeps = false;
  Bytes plain;
  EncodingHint hint;
  std::size_t rest() const { return plain.size() - hint.prefix; }
};

// The element width that most bytes have; 0 when none has one.
std::uint32_t MainWidth(std::span<const EncodedColumn> columns) {
  std::uint32_t best = 0;
  std::size_t most = 0;
  for (const std::uint32_t width : kWidths) {
    std::size_t bytes = 0;
    for (const EncodedColumn& column : columns) {
      if (column.hint.element_width == width) bytes += column.rest();
    }
    if (bytes <= most) continue;
    best = width;
    most = bytes;
  }
  return best;
}

EncodingHint WriteColumns(std::vector<EncodedColumn> columns, Bytes& out) {
  const std::uint32_t width = MainWidth(columns);
  const auto main = std::stable_partition(
      columns.begin(), columns.end(),
      [&](const EncodedColumn& c) { return width == 0 || c.hint.element_width != width; });
  ByteWriter writer(out);
  writer.Varint(columns.size());
  for (const EncodedColumn& column : columns) {
    writer.Varint(std::uint64_t{column.number} * 2 + (column.keeps ? 1 : 0));
    writer.Sized(ByteSpan(column.plain).first(column.hint.prefix));
    writer.Varint(column.rest());
  }
  EncodingHint hint;
  for (auto column = columns.begin(); column != columns.end(); ++column) {
    if (column == main) hint = {width, static_cast<std::uint32_t>(out.size())};
    writer.Raw(ByteSpan(column->plain).subspan(column->hint.prefix));
  }
  return hint;
}

struct StoredColumn {
  std::size_t number = 0;
  bool keeps = false;
  ByteSpan head;
  std::size_t rest = 0;
};

Result<std::vector<StoredColumn>> ReadColumnTable(std::size_t columns, ByteReader& reader) {
  std::uint64_t count = 0;
  AERIE_TRY(reader.Varint(count));
  if (count != columns) return CorruptError("patch blob: it has not the collection's columns");
  std::vector<StoredColumn> stored(columns);
  std::vector<bool> seen(columns);
  for (StoredColumn& column : stored) {
    std::uint64_t number = 0;
    std::uint64_t rest = 0;
    AERIE_TRY(reader.VarintUpTo(columns * 2 - 1, number));
    column.number = number / 2;
    column.keeps = number % 2 != 0;
    if (seen[column.number]) return CorruptError("patch blob: a column is there twice");
    seen[column.number] = true;
    AERIE_TRY(reader.Sized(column.head));
    AERIE_TRY(reader.VarintUpTo(reader.remaining(), rest));
    column.rest = rest;
  }
  return stored;
}

Status ReadColumns(const std::vector<FieldSchema>& fields, ByteReader& reader, Patch& patch) {
  patch.columns = std::vector<Column>(fields.begin(), fields.end());
  patch.keeps.resize(fields.size());
  if (patch.digests.empty()) return Ok();
  AERIE_ASSIGN(const auto stored, ReadColumnTable(fields.size(), reader));
  for (const StoredColumn& column : stored) {
    const FieldSchema& field = fields[column.number];
    ByteSpan rest;
    AERIE_TRY(reader.Raw(column.rest, rest));
    Bytes plain(column.head.begin(), column.head.end());
    plain.insert(plain.end(), rest.begin(), rest.end());
    auto decoded = DecodeColumn(field, std::move(plain));
    if (!decoded.ok()) return Annotate(decoded.status(), "column " + field.name);
    const std::size_t rows =
        patch.digests.size() - (column.keeps ? patch.changes.keepers.size() : 0);
    if (decoded->rows() != rows || (column.keeps && field.primary_key)) {
      return CorruptError("patch blob: column " + field.name + " has " +
                          std::to_string(decoded->rows()) + " rows of " + std::to_string(rows));
    }
    patch.columns[column.number] = *std::move(decoded);
    patch.keeps[column.number] = column.keeps;
  }
  return Ok();
}

Status ReadChanges(ByteReader& reader, RowChanges& changes) {
  std::uint64_t below = 0;
  std::uint64_t count = 0;
  AERIE_TRY(reader.VarintUpTo(kMaxRows, below));
  AERIE_TRY(reader.VarintUpTo(std::min<std::uint64_t>(below, reader.remaining()), count));
  changes.rows_below = below;
  AERIE_TRY(ReadNumbers(count, below, reader, changes.removed));
  const std::uint64_t stay = below - count;
  AERIE_TRY(reader.VarintUpTo(std::min<std::uint64_t>(kMaxRows - stay, reader.remaining()), count));
  AERIE_TRY(ReadNumbers(count, stay + count, reader, changes.places));
  AERIE_TRY(reader.VarintUpTo(count, count));
  AERIE_TRY(ReadNumbers(count, changes.places.size(), reader, changes.keepers));
  return ReadNumbers(count, below, reader, changes.kept);
}

}  // namespace

EncodingHint EncodePatch(const RowChanges& changes, std::span<const Digest128> digests,
                         std::span<const PatchColumn> columns, Bytes& out) {
  out.clear();
  ByteWriter writer(out);
  writer.Varint(changes.rows_below);
  writer.Varint(changes.removed.size());
  WriteNumbers(changes.removed, writer);
  writer.Varint(changes.places.size());
  WriteNumbers(changes.places, writer);
  writer.Varint(changes.keepers.size());
  WriteNumbers(changes.keepers, writer);
  WriteNumbers(changes.kept, writer);
  for (const Digest128& digest : digests) {
    writer.Fixed(digest.low);
    writer.Fixed(digest.high);
  }
  if (changes.places.empty()) return {};
  std::vector<EncodedColumn> encoded(columns.size());
  for (std::size_t i = 0; i < columns.size(); ++i) {
    encoded[i].number = static_cast<std::uint32_t>(i);
    encoded[i].keeps = columns[i].keeps;
    encoded[i].hint = EncodeColumn(columns[i].pieces, encoded[i].plain);
  }
  return WriteColumns(std::move(encoded), out);
}

EncodingHint HintOfPatch(const std::vector<FieldSchema>& columns, ByteSpan plain) {
  ByteReader reader(plain, kWhat);
  RowChanges changes;
  ByteSpan digests;
  if (!ReadChanges(reader, changes).ok() || changes.places.empty() ||
      !reader.Raw(changes.places.size() * sizeof(Digest128), digests).ok()) {
    return {};
  }
  const auto table = ReadColumnTable(columns.size(), reader);
  if (!table.ok() || table->empty()) return {};
  // Columns of the main width, where there are any, are the last ones, and all of them.
  const auto width_of = [&](const StoredColumn& column) {
    return HintOfColumn(columns[column.number], column.head).element_width;
  };
  const std::uint32_t width = width_of(table->back());
  if (width == 0) return {};
  std::size_t prefix = plain.size() - reader.remaining();
  for (const StoredColumn& column : *table) {
    if (width_of(column) == width) break;
    prefix += column.rest;
  }
  return {width, static_cast<std::uint32_t>(prefix)};
}

Result<Patch> DecodePatch(const std::vector<FieldSchema>& columns, ByteSpan plain) {
  ByteReader reader(plain, kWhat);
  Patch patch;
  patch.bytes = plain.size();
  AERIE_TRY(ReadChanges(reader, patch.changes));
  const std::size_t rows = patch.changes.places.size();
  if (rows > reader.remaining() / sizeof(Digest128)) {
    return CorruptError("patch blob: it ends within the digests");
  }
  patch.digests.resize(rows);
  for (Digest128& digest : patch.digests) {
    AERIE_TRY(reader.Fixed(digest.low));
    AERIE_TRY(reader.Fixed(digest.high));
  }
  AERIE_TRY(ReadColumns(columns, reader, patch));
  AERIE_TRY(reader.ExpectEnd());
  return patch;
}

LayeredRows::LayeredRows(std::size_t base_rows) : rows_(base_rows) {
  for (std::size_t i = 0; i < base_rows; ++i) rows_[i].row = static_cast<std::uint32_t>(i);
}

Status LayeredRows::Apply(const RowChanges& changes, Cells cells) {
  if (changes.rows_below != rows_.size()) {
    return CorruptError("the patch is for a leaf of " + std::to_string(changes.rows_below) +
                        " rows, the one below has " + std::to_string(rows_.size()));
  }
  const std::size_t rows = rows_.size() - changes.removed.size() + changes.places.size();
  std::vector<Place> result;
  result.reserve(rows);
  auto gone = changes.removed.begin();
  std::size_t below = 0;
  const auto keep_until = [&](std::size_t size) {
    for (; result.size() < size && below < rows_.size(); ++below) {
      if (gone != changes.removed.end() && *gone == below)
        ++gone;
      else
        result.push_back(rows_[below]);
    }
  };
  std::size_t keeper = cells == Cells::kKept ? 0 : changes.keepers.size();
  std::uint32_t own = 0;  // cells of the patch that are placed
  for (std::size_t i = 0; i < changes.places.size(); ++i) {
    keep_until(changes.places[i]);
    if (keeper < changes.keepers.size() && changes.keepers[keeper] == i)
      result.push_back(rows_[changes.kept[keeper++]]);
    else
      result.push_back({layers_, own++});
  }
  keep_until(rows);
  ++layers_;
  rows_ = std::move(result);
  return Ok();
}

Column LayeredRows::Gather(std::span<const Column* const> layers) const {
  Column column(layers[0]->field());
  std::size_t bytes = 0;
  for (const Column* layer : layers) bytes += layer->data().size();
  column.Reserve(rows_.size(), bytes);
  for (std::size_t begin = 0; begin < rows_.size();) {
    const Place first = rows_[begin];
    std::size_t end = begin + 1;
    while (end < rows_.size() && rows_[end].layer == first.layer &&
           rows_[end].row == first.row + (end - begin)) {
      ++end;
    }
    column.AppendRange(*layers[first.layer], first.row, first.row + (end - begin));
    begin = end;
  }
  return column;
}

std::vector<Digest128> LayeredRows::Gather(
    std::span<const std::vector<Digest128>* const> layers) const {
  std::vector<Digest128> digests;
  digests.reserve(rows_.size());
  for (const Place& place : rows_) digests.push_back((*layers[place.layer])[place.row]);
  return digests;
}

}  // namespace aerie::repo
