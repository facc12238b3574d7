#include "repo/blob_codec.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <optional>
#include <string>

// For ZSTD_c_literalCompressionMode.
#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>
#include <zstd_errors.h>

#include "repo/byte_planes.h"

namespace aerie::repo {
namespace {

constexpr std::size_t kMaxVarint = 10;
constexpr int kLevel = 1;
// Looks for next to no repetitions.
constexpr int kNoMatchesLevel = -1000;
constexpr std::uint8_t kPlaneRaw = 0;
constexpr std::uint8_t kPlaneZstd = 1;
// Below this a plane is compressed at once; above it a sample of this size decides.
constexpr std::size_t kSampleBytes = 4096;
constexpr std::size_t kSamplePieces = 4;
// Planes of a power of two would all meet in the same cache sets.
constexpr std::size_t kPlaneGap = 192;
// Scratch above this is given back after use.
constexpr std::size_t kKeptScratch = std::size_t{32} << 20;
// A sample that keeps more than this many 256ths is not worth the time to compress and decompress.
constexpr std::size_t kWorthwhile = 246;

struct ZstdDeleter {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

// What a frame is made for.
enum class Search {
  // Measured on prices, keys and JSON: level 3 takes up to twice the time and saves nothing more.
  kMatches,
  // Entropy coding alone, for bytes that are skewed and never repeat, as the exponents of floats
  // are: 1000 MB/s and 34 % left, where looking for matches takes 200 MB/s and leaves 39 %.
  kNone,
};

ZSTD_CCtx* Compressor(Search search) {
  thread_local const std::unique_ptr<ZSTD_CCtx, ZstdDeleter> context(ZSTD_createCCtx());
  if (context == nullptr) return nullptr;
  const bool none = search == Search::kNone;
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, none ? kNoMatchesLevel : kLevel);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_literalCompressionMode,
                         none ? ZSTD_ps_enable : ZSTD_ps_auto);
  return context.get();
}

ZSTD_DCtx* Decompressor() {
  thread_local const std::unique_ptr<ZSTD_DCtx, ZstdDeleter> context(ZSTD_createDCtx());
  return context.get();
}

class Scratch {
 public:
  explicit Scratch(RawBytes& bytes, std::size_t size) : bytes_(bytes) {
    if (bytes_.size() < size) bytes_.resize(size);
  }
  ~Scratch() {
    if (bytes_.size() > kKeptScratch) RawBytes().swap(bytes_);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  std::uint8_t* data() { return bytes_.data(); }

 private:
  RawBytes& bytes_;
};

RawBytes& PlaneScratch() {
  thread_local RawBytes bytes;
  return bytes;
}

// Writes one frame to `out`; its size, or 0 when it would not be smaller than `limit`.
std::size_t Compress(ByteSpan plain, std::span<std::uint8_t> out, Search search) {
  ZSTD_CCtx* const context = Compressor(search);
  if (context == nullptr) return 0;
  const std::size_t size =
      ZSTD_compress2(context, out.data(), out.size(), plain.data(), plain.size());
  return ZSTD_isError(size) != 0 ? 0 : size;
}

Status Decompress(ByteSpan frame, std::span<std::uint8_t> plain) {
  if (ZSTD_getFrameContentSize(frame.data(), frame.size()) != plain.size() ||
      ZSTD_findFrameCompressedSize(frame.data(), frame.size()) != frame.size()) {
    return CorruptError("decode blob: the zstd frame has not the length it should have");
  }
  ZSTD_DCtx* const context = Decompressor();
  if (context == nullptr) return FailedError("decode blob: no memory for zstd; free some");
  const std::size_t size =
      ZSTD_decompressDCtx(context, plain.data(), plain.size(), frame.data(), frame.size());
  if (ZSTD_isError(size) != 0) {
    return CorruptError(std::string("decode blob: zstd: ") + ZSTD_getErrorName(size));
  }
  if (size != plain.size()) return CorruptError("decode blob: the zstd frame is short");
  return Ok();
}

void PutVarint(RawBytes& out, std::uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<std::uint8_t>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<std::uint8_t>(value));
}

// Appends varint length and one frame of `plain`; false, and nothing appended, when that takes
// `limit` bytes or more.
bool PutFrame(RawBytes& out, ByteSpan plain, std::size_t limit, Search search) {
  // A destination of less than the bound lets zstd give up early.
  const std::size_t room = std::min(limit, ZSTD_compressBound(plain.size()));
  const std::size_t at = out.size();
  out.resize(at + kMaxVarint + room);
  const std::size_t size = Compress(plain, std::span(out).subspan(at + kMaxVarint, room), search);
  out.resize(at);
  if (size == 0) return false;
  PutVarint(out, size);
  const std::size_t begin = out.size();
  if (begin - at + size >= limit) {
    out.resize(at);
    return false;
  }
  out.resize(begin + size);
  std::memmove(out.data() + begin, out.data() + at + kMaxVarint, size);
  return true;
}

// How a plane is best compressed, by a sample of it; none: not at all.
std::optional<Search> BestSearch(ByteSpan plane) {
  if (plane.size() <= 2 * kSampleBytes) return Search::kMatches;
  std::array<std::uint8_t, kSampleBytes> sample;
  constexpr std::size_t kPiece = kSampleBytes / kSamplePieces;
  const std::size_t stride = (plane.size() - kPiece) / (kSamplePieces - 1);
  for (std::size_t i = 0; i < kSamplePieces; ++i) {
    std::memcpy(sample.data() + i * kPiece, plane.data() + i * stride, kPiece);
  }
  std::array<std::uint8_t, kSampleBytes * kWorthwhile / 256> compressed;
  const std::size_t matched = Compress(sample, compressed, Search::kMatches);
  const std::size_t plain = Compress(sample, compressed, Search::kNone);
  if (matched == 0 && plain == 0) return std::nullopt;
  // A sample shows few of the repetitions that the whole has, so these count for more.
  const bool clearly = plain != 0 && (matched == 0 || plain + plain / 32 < matched);
  return clearly ? Search::kNone : Search::kMatches;
}

void PutPlane(RawBytes& out, ByteSpan plane) {
  if (const auto search = BestSearch(plane)) {
    out.push_back(kPlaneZstd);
    if (PutFrame(out, plane, plane.size(), *search)) return;
    out.resize(out.size() - 1);
  }
  out.push_back(kPlaneRaw);
  PutVarint(out, plane.size());
  out.append(plane);
}

bool HintFits(const EncodingHint& hint, std::size_t size) {
  const std::size_t w = hint.element_width;
  return (w == 2 || w == 4 || w == 8) && hint.prefix < size && (size - hint.prefix) % w == 0;
}

// False when there is no memory to compress the prefix.
bool PutPlanes(RawBytes& out, ByteSpan plain, const EncodingHint& hint) {
  const std::size_t width = hint.element_width;
  const ByteSpan numbers = plain.subspan(hint.prefix);
  const std::size_t count = numbers.size() / width;
  Scratch scratch(PlaneScratch(), numbers.size() + kMaxPlanes * kPlaneGap);
  std::array<std::uint8_t*, kMaxPlanes> planes{};
  for (std::size_t j = 0; j < width; ++j) planes[j] = scratch.data() + j * (count + kPlaneGap);
  SplitPlanes(numbers.data(), count, width, planes);

  out.push_back(static_cast<std::uint8_t>(BlobMethod::kPlanes));
  PutVarint(out, width);
  PutVarint(out, hint.prefix);
  if (hint.prefix == 0) {
    PutVarint(out, 0);
  } else if (!PutFrame(out, plain.first(hint.prefix), SIZE_MAX, Search::kMatches)) {
    return false;
  }
  for (std::size_t j = 0; j < width; ++j) PutPlane(out, {planes[j], count});
  return true;
}

// One plane of `count` bytes: where it stands in the encoded form, or decompressed to `scratch`.
Result<const std::uint8_t*> TakePlane(ByteReader& reader, std::size_t count,
                                      std::uint8_t* scratch) {
  std::uint8_t method = 0;
  ByteSpan bytes;
  AERIE_TRY(reader.Fixed(method));
  AERIE_TRY(reader.Sized(bytes));
  if (method == kPlaneRaw) {
    if (bytes.size() != count) return CorruptError("decode blob: a plane has a wrong length");
    return bytes.data();
  }
  if (method != kPlaneZstd) {
    return UnsupportedError("decode blob: unknown plane method " + std::to_string(method) +
                            "; a newer aerie is needed");
  }
  AERIE_TRY(Decompress(bytes, {scratch, count}));
  return scratch;
}

Status DecodePlanes(ByteSpan encoded, std::span<std::uint8_t> plain) {
  ByteReader reader(encoded, "decode blob");
  std::uint64_t width = 0;
  std::uint64_t prefix = 0;
  ByteSpan frame;
  AERIE_TRY(reader.VarintUpTo(kMaxPlanes, width));
  AERIE_TRY(reader.VarintUpTo(plain.size(), prefix));
  AERIE_TRY(reader.Sized(frame));
  const std::size_t rest = plain.size() - static_cast<std::size_t>(prefix);
  if ((width != 2 && width != 4 && width != 8) || rest % width != 0) {
    return CorruptError("decode blob: the element width does not fit");
  }
  if (prefix == 0) {
    if (!frame.empty()) return CorruptError("decode blob: bytes stand for an empty prefix");
  } else {
    AERIE_TRY(Decompress(frame, plain.first(static_cast<std::size_t>(prefix))));
  }
  const std::size_t count = rest / width;
  Scratch scratch(PlaneScratch(), rest + kMaxPlanes * kPlaneGap);
  std::array<const std::uint8_t*, kMaxPlanes> planes{};
  for (std::size_t j = 0; j < width; ++j) {
    AERIE_ASSIGN(planes[j], TakePlane(reader, count, scratch.data() + j * (count + kPlaneGap)));
  }
  AERIE_TRY(reader.ExpectEnd());
  JoinPlanes(planes, count, static_cast<std::size_t>(width), plain.data() + prefix);
  return Ok();
}

}  // namespace

Status EncodeBlob(ByteSpan plain, const EncodingHint& hint, RawBytes& out) {
  if (plain.size() > kMaxBlobBytes) {
    return MakeStatus(Kind::kTooLarge, "encode blob: " + std::to_string(plain.size()) +
                                           " bytes exceed the limit of " +
                                           std::to_string(kMaxBlobBytes) + "; cut the rows");
  }
  const std::size_t at = out.size();
  out.reserve(at + plain.size() + kMaxVarint * (kMaxPlanes + 3));
  if (HintFits(hint, plain.size())) {
    if (PutPlanes(out, plain, hint) && out.size() - at <= plain.size()) return Ok();
  } else if (!plain.empty()) {
    out.resize(at + 1 + plain.size());
    out[at] = static_cast<std::uint8_t>(BlobMethod::kZstd);
    // One byte less than the plain bytes: a frame that saves nothing is not wanted.
    const std::size_t size =
        Compress(plain, std::span(out).subspan(at + 1, plain.size() - 1), Search::kMatches);
    if (size != 0) {
      out.resize(at + 1 + size);
      return Ok();
    }
  }
  out.resize(at);
  out.push_back(static_cast<std::uint8_t>(BlobMethod::kRaw));
  out.append(plain);
  return Ok();
}

Status DecodeBlob(ByteSpan encoded, std::span<std::uint8_t> plain) {
  if (encoded.empty()) return CorruptError("decode blob: it is empty");
  const ByteSpan body = encoded.subspan(1);
  switch (static_cast<BlobMethod>(encoded.front())) {
    case BlobMethod::kRaw:
      if (body.size() != plain.size()) {
        return CorruptError("decode blob: it has not the length it should have");
      }
      if (!body.empty()) std::memcpy(plain.data(), body.data(), body.size());
      return Ok();
    case BlobMethod::kZstd: return Decompress(body, plain);
    case BlobMethod::kPlanes: return DecodePlanes(body, plain);
  }
  return UnsupportedError("decode blob: unknown method " + std::to_string(encoded.front()) +
                          "; a newer aerie is needed");
}

}  // namespace aerie::repo
