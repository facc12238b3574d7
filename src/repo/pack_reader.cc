#include "repo/pack_reader.h"

#include <algorithm>
#include <numeric>
#include <string>

#include "base/log.h"
#include "repo/blob_codec.h"
#include "repo/object_names.h"
#include "repo/pack_format.h"
#include "repo/raw_bytes.h"

namespace aerie::repo {
namespace {

// Enough for the directory of most packs.
constexpr std::uint64_t kTailBytes = std::uint64_t{64} << 10;
constexpr std::uint64_t kMaxRunBytes = std::uint64_t{8} << 20;
// To read over a gap of this many bytes is cheaper than to ask again.
constexpr std::uint64_t kMaxGapBytes = std::uint64_t{64} << 10;
constexpr char kRemedy[] =
    "; copy this object back from another copy of the repository, or use another snapshot";

Status PackError(const ObjectId& id, const std::string& what) {
  return CorruptError("read " + PackKey(id).text + ": " + what + kRemedy);
}

// An answer of the store about a pack that ought to be there.
Status StoreError(const ObjectId& id, const Status& status) {
  if (KindOf(status) == Kind::kNotFound) return PackError(id, "the pack is missing");
  if (KindOf(status) == Kind::kCorrupt) return PackError(id, "the pack is cut off");
  return status;
}

bool AboutBytes(const Status& status) { return KindOf(status) == Kind::kCorrupt; }

std::string BlobText(const WantedBlob& blob) {
  return "blob " + blob.name.ToHex().substr(0, 8) + " at byte " +
         std::to_string(blob.location.offset);
}

// With whichever key fits, which then comes first: all blobs of a pack have the same.
bool UnsealWithAny(const KeyRing& keys, std::vector<SecretKey>& pack_keys, const WantedBlob& blob,
                   ByteSpan sealed, RawBytes& encoded) {
  const BlobLocation& at = blob.location;
  for (SecretKey& pack_key : pack_keys) {
    if (!UnsealBlob(keys, pack_key, at.number, at.kind, blob.name, sealed, encoded).ok()) continue;
    if (&pack_key != pack_keys.data()) std::swap(pack_key, pack_keys.front());
    return true;
  }
  return false;
}

// `encoded` gets the encoded form.
Result<Bytes> OpenBlob(const KeyRing& keys, std::vector<SecretKey>& pack_keys,
                       const WantedBlob& blob, ByteSpan sealed, RawBytes& encoded) {
  const BlobLocation& at = blob.location;
  encoded.resize(sealed.size() - kTagBytes);
  if (!UnsealWithAny(keys, pack_keys, blob, sealed, encoded)) {
    return PackError(at.pack, BlobText(blob) + " is damaged");
  }
  Bytes plain(at.plain);
  const Status decoded = DecodeBlob(encoded, plain);
  if (KindOf(decoded) == Kind::kUnsupported) return decoded;
  if (!decoded.ok()) {
    return PackError(at.pack, BlobText(blob) + ": " + std::string(decoded.message()));
  }
  // Without encryption the sealing key is no secret, so only the name vouches for the bytes.
  if (keys.suite == Suite::kNone && NameBlob(keys.names, at.kind, plain) != blob.name) {
    return PackError(at.pack, BlobText(blob) + " does not fit its name");
  }
  return plain;
}

// Blobs of one pack that are read by one ranged get: places in an ascending order.
struct Run {
  std::size_t first = 0;
  std::size_t count = 0;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

std::vector<std::size_t> OrderByPlace(const std::vector<WantedBlob>& wanted) {
  std::vector<std::size_t> order(wanted.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
    const BlobLocation& x = wanted[a].location;
    const BlobLocation& y = wanted[b].location;
    return std::tie(x.pack, x.offset) < std::tie(y.pack, y.offset);
  });
  return order;
}

std::vector<Run> MakeRuns(const std::vector<WantedBlob>& wanted,
                          const std::vector<std::size_t>& order) {
  std::vector<Run> runs;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const BlobLocation& at = wanted[order[i]].location;
    const std::uint64_t end = std::uint64_t{at.offset} + at.sealed;
    if (!runs.empty()) {
      Run& run = runs.back();
      const bool near = wanted[order[run.first]].location.pack == at.pack &&
                        at.offset <= run.end + kMaxGapBytes && end - run.begin <= kMaxRunBytes;
      if (near) {
        run.end = std::max(run.end, end);
        ++run.count;
        continue;
      }
    }
    runs.push_back({.first = i, .count = 1, .begin = at.offset, .end = end});
  }
  return runs;
}

}  // namespace

Result<PackRecord> ReadPackDirectory(const Context& context, objects::ObjectStore& store,
                                     const KeyRing& keys, const ObjectId& id, std::uint64_t size) {
  const objects::ObjectKey key = PackKey(id);
  if (size < kPackHeadBytes + kPackTrailerBytes + kTagBytes || size > kMaxPackBytes) {
    return PackError(id, "it has not the size of a pack");
  }
  const std::uint64_t tail_size = std::min(size, kTailBytes);
  auto tail = store.Get(context, key, size - tail_size, tail_size);
  if (!tail.ok()) return StoreError(id, tail.status());
  const auto length = ReadTrailer(ByteSpan(*tail).last(kPackTrailerBytes), size);
  if (!length.ok()) return PackError(id, std::string(length.status().message()));
  const std::uint64_t needed = *length + kPackTrailerBytes;
  if (needed > tail_size) {
    tail = store.Get(context, key, size - needed, needed);
    if (!tail.ok()) return StoreError(id, tail.status());
  }
  const ByteSpan sealed = ByteSpan(*tail).last(static_cast<std::size_t>(needed)).first(*length);
  Result<std::vector<PackEntry>> entries = CorruptError("");
  for (const SecretKey& pack_key : PackKeysToTry(keys, key.text)) {
    entries = UnsealDirectory(keys, pack_key, sealed, size - needed);
    if (KindOf(entries.status()) != Kind::kCorrupt) break;
  }
  if (KindOf(entries.status()) == Kind::kUnsupported) {
    return Annotate(entries.status(), "read " + key.text);
  }
  if (!entries.ok()) return PackError(id, std::string(entries.status().message()));
  return PackRecord{.id = id, .size = size, .entries = *std::move(entries)};
}

WantedBlob BlobOfPack(const PackRecord& pack, std::uint32_t number) {
  const PackEntry& entry = pack.entries[number];
  return {.name = entry.name,
          .location = {.pack = pack.id,
                       .kind = entry.kind,
                       .number = number,
                       .offset = entry.offset,
                       .sealed = entry.sealed,
                       .plain = entry.plain}};
}

namespace {

// Plain and encoded bytes of each wanted blob, or what is wrong with it.
Status ReadRuns(const Context& context, objects::ObjectStore& store, const KeyRing& keys,
                const std::vector<WantedBlob>& wanted,
                const std::function<Status(std::size_t, Result<Bytes>, ByteSpan encoded)>& visit) {
  thread_local RawBytes encoded;
  const std::vector<std::size_t> order = OrderByPlace(wanted);
  for (const Run& run : MakeRuns(wanted, order)) {
    AERIE_TRY(context.Check("read blobs"));
    const ObjectId& pack = wanted[order[run.first]].location.pack;
    const objects::ObjectKey key = PackKey(pack);
    std::vector<SecretKey> pack_keys = PackKeysToTry(keys, key.text);
    const auto bytes = store.Get(context, key, run.begin, run.end - run.begin);
    const Status got = bytes.ok() ? Ok() : StoreError(pack, bytes.status());
    if (!got.ok() && !AboutBytes(got)) return got;
    for (std::size_t i = run.first; i < run.first + run.count; ++i) {
      const WantedBlob& blob = wanted[order[i]];
      if (!got.ok()) {
        AERIE_TRY(visit(order[i], got, {}));
        continue;
      }
      const ByteSpan sealed = ByteSpan(*bytes).subspan(
          static_cast<std::size_t>(blob.location.offset - run.begin), blob.location.sealed);
      Result<Bytes> plain = OpenBlob(keys, pack_keys, blob, sealed, encoded);
      AERIE_TRY(visit(order[i], std::move(plain), encoded));
    }
  }
  return Ok();
}

}  // namespace

Status ReadBlobs(const Context& context, objects::ObjectStore& store, const KeyRing& keys,
                 const std::vector<WantedBlob>& wanted,
                 const std::function<Status(std::size_t, Result<Bytes>)>& visit) {
  return ReadRuns(context, store, keys, wanted, [&](std::size_t i, Result<Bytes> plain, ByteSpan) {
    return visit(i, std::move(plain));
  });
}

Status ReadEncodedBlobs(const Context& context, objects::ObjectStore& store, const KeyRing& keys,
                        const std::vector<WantedBlob>& wanted,
                        const std::function<Status(std::size_t, ByteSpan encoded)>& visit) {
  return ReadRuns(context, store, keys, wanted,
                  [&](std::size_t i, const Result<Bytes>& plain, ByteSpan encoded) -> Status {
                    AERIE_TRY(plain.status());
                    if (NameBlob(keys.names, wanted[i].location.kind, *plain) != wanted[i].name) {
                      return PackError(wanted[i].location.pack,
                                       BlobText(wanted[i]) + " does not fit its name");
                    }
                    return visit(i, encoded);
                  });
}

Result<Bytes> PackReader::Load(const Context& context, const BlobRef& ref) {
  AERIE_ASSIGN(std::vector<Bytes> loaded, LoadMany(context, {ref}));
  return std::move(loaded.front());
}

Result<std::vector<Bytes>> PackReader::LoadMany(const Context& context,
                                                const std::vector<BlobRef>& refs) {
  std::vector<WantedBlob> wanted;
  std::vector<std::vector<BlobLocation>> places;
  wanted.reserve(refs.size());
  places.reserve(refs.size());
  for (const BlobRef& ref : refs) {
    AERIE_ASSIGN(places.emplace_back(), locate_(context, ref.name));
    const BlobLocation& first = places.back().front();
    if (first.kind != ref.kind) {
      return PackError(first.pack, "blob " + ref.name.ToHex().substr(0, 8) + " is of another kind");
    }
    wanted.push_back({.name = ref.name, .location = first});
  }
  std::vector<Bytes> plain(refs.size());
  const auto take = [&](std::size_t i, Result<Bytes> bytes) -> Status {
    if (bytes.ok()) {
      if (observer_) observer_(wanted[i].location);
    } else if (AboutBytes(bytes.status()) && places[i].size() > 1) {
      bytes = LoadCopy(context, wanted[i].name, places[i], bytes.status());
    }
    AERIE_ASSIGN(plain[i], std::move(bytes));
    return Ok();
  };
  AERIE_TRY(ReadBlobs(context, store_, keys_, wanted, take));
  return plain;
}

Result<Bytes> PackReader::LoadCopy(const Context& context, const BlobName& name,
                                   const std::vector<BlobLocation>& places, const Status& first) {
  log::Warn("damaged blob, reading another copy of it", {{"reason", std::string(first.message())}});
  Result<Bytes> loaded = first;
  for (std::size_t i = 1; i < places.size() && !loaded.ok(); ++i) {
    const auto take = [&](std::size_t, Result<Bytes> bytes) -> Status {
      if (bytes.ok() && observer_) observer_(places[i]);
      if (bytes.ok()) loaded = std::move(bytes);
      return Ok();
    };
    AERIE_TRY(ReadBlobs(context, store_, keys_, {{.name = name, .location = places[i]}}, take));
  }
  return loaded;
}

}  // namespace aerie::repo
