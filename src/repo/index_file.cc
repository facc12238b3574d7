#include "repo/index_file.h"

#include <algorithm>

namespace aerie::repo {
namespace {

constexpr std::size_t kMinPackBytes = sizeof(ObjectId) + sizeof(std::uint64_t) + 1;

Result<PackRecord> DecodePack(ByteReader& reader) {
  PackRecord pack;
  ByteSpan id;
  AERIE_TRY(reader.Raw(pack.id.bytes.size(), id));
  AERIE_TRY(reader.Fixed(pack.size));
  AERIE_ASSIGN(pack.entries, DecodeEntries(reader));
  std::copy(id.begin(), id.end(), pack.id.bytes.begin());
  if (pack.size != PackBytes(pack.entries)) {
    return CorruptError("index: the size of pack " + pack.id.ToHex() + " does not fit its blobs");
  }
  return pack;
}

}  // namespace

Bytes EncodeIndex(const std::vector<PackRecord>& packs) {
  Bytes body;
  ByteWriter writer(body);
  writer.Varint(packs.size());
  for (const PackRecord& pack : packs) {
    writer.Raw(pack.id.bytes);
    writer.Fixed(pack.size);
    EncodeEntries(pack.entries, body);
  }
  return body;
}

Result<std::vector<PackRecord>> DecodeIndex(ByteSpan body) {
  ByteReader reader(body, "index");
  std::uint64_t count = 0;
  AERIE_TRY(reader.VarintUpTo(reader.remaining() / kMinPackBytes, count));
  std::vector<PackRecord> packs;
  packs.reserve(static_cast<std::size_t>(count));
  for (std::uint64_t i = 0; i < count; ++i) {
    AERIE_ASSIGN(PackRecord pack, DecodePack(reader));
    packs.push_back(std::move(pack));
  }
  AERIE_TRY(reader.ExpectEnd());
  return packs;
}

}  // namespace aerie::repo
