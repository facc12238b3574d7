#include "repo/blob_codec.h"

#include <cmath>
#include <cstring>
#include <vector>

#include <gtest/gtest.h>

#include "repo/byte_planes.h"
#include "repo/crypto.h"
#include "rows/row_generator.h"

namespace aerie::repo {
namespace {

Bytes RandomBytes(rows::RowGenerator& random, std::size_t size) {
  Bytes bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random.Next());
  return bytes;
}

// Bytes of a kind that a column may have: noise, zeros, ascending numbers, text.
Bytes RandomPlain(rows::RowGenerator& random, std::size_t size) {
  Bytes bytes(size);
  const std::uint64_t style = random.Below(4);
  for (std::size_t i = 0; i < size; ++i) {
    if (style == 0) bytes[i] = static_cast<std::uint8_t>(random.Next());
    if (style == 1) bytes[i] = 0;
    if (style == 2)
      bytes[i] = static_cast<std::uint8_t>(i % 8 == 0 ? i / 8 : i % 8 == 1 ? i / 2048 : 0);
    if (style == 3) bytes[i] = static_cast<std::uint8_t>("kite and aerie "[random.Below(15)]);
  }
  return bytes;
}

Bytes UnitVectors(std::size_t rows, std::size_t dim) {
  rows::RowGenerator random(7);
  Bytes bytes(8);
  for (std::size_t row = 0; row < rows; ++row) {
    std::vector<float> vector(dim);
    double square = 0;
    for (float& x : vector) {
      double sum = 0;  // nearly normal
      for (int i = 0; i < 12; ++i) sum += static_cast<double>(random.Below(1 << 20)) / (1 << 20);
      x = static_cast<float>(sum - 6);
      square += static_cast<double>(x) * x;
    }
    for (float& x : vector) x = static_cast<float>(x / std::sqrt(square));
    const auto* const raw = reinterpret_cast<const std::uint8_t*>(vector.data());
    bytes.insert(bytes.end(), raw, raw + dim * sizeof(float));
  }
  return bytes;
}

RawBytes Encoded(ByteSpan plain, const EncodingHint& hint) {
  RawBytes encoded;
  EXPECT_TRUE(EncodeBlob(plain, hint, encoded).ok());
  return encoded;
}

TEST(BytePlanes, SplitIsTheTextbookTranspositionAndJoinItsInverse) {
  rows::RowGenerator random(1);
  for (const std::size_t width : {2, 4, 8}) {
    for (const std::size_t count : {0, 1, 15, 16, 17, 63, 64, 1000}) {
      const Bytes numbers = RandomBytes(random, count * width);
      Bytes planes(count * width);
      std::array<std::uint8_t*, kMaxPlanes> out{};
      std::array<const std::uint8_t*, kMaxPlanes> in{};
      for (std::size_t j = 0; j < width; ++j) in[j] = out[j] = planes.data() + j * count;
      SplitPlanes(numbers.data(), count, width, out);
      for (std::size_t i = 0; i < count; ++i) {
        for (std::size_t j = 0; j < width; ++j) ASSERT_EQ(in[j][i], numbers[i * width + j]);
      }
      Bytes joined(numbers.size());
      JoinPlanes(in, count, width, joined.data());
      EXPECT_EQ(joined, numbers);
    }
  }
}

TEST(BlobCodec, EverythingComesBackAndNothingGrowsByMoreThanItsMethod) {
  rows::RowGenerator random(2);
  for (int round = 0; round < 400; ++round) {
    const Bytes plain = RandomPlain(random, random.Below(round % 10 == 0 ? 100'000 : 300));
    const EncodingHint hint = {.element_width = static_cast<std::uint32_t>(random.Below(10)),
                               .prefix = static_cast<std::uint32_t>(random.Below(20))};
    const RawBytes encoded = Encoded(plain, hint);
    EXPECT_LE(encoded.size(), plain.size() + 1);
    Bytes decoded(plain.size());
    ASSERT_TRUE(DecodeBlob(encoded, decoded).ok());
    EXPECT_EQ(decoded, plain);
  }
}

TEST(BlobCodec, AppendsToWhatIsThere) {
  RawBytes out;
  out.push_back(42);
  ASSERT_TRUE(EncodeBlob(Bytes(100), {.element_width = 4}, out).ok());
  EXPECT_EQ(out[0], 42);
  Bytes decoded(100, 1);
  ASSERT_TRUE(DecodeBlob(ByteSpan(out).subspan(1), decoded).ok());
  EXPECT_EQ(decoded, Bytes(100));
}

TEST(BlobCodec, UnitVectorsTake84PercentAndPlainZstdMore) {
  const Bytes plain = UnitVectors(4096, 128);
  const double planes =
      static_cast<double>(Encoded(plain, {.element_width = 4, .prefix = 8}).size()) /
      static_cast<double>(plain.size());
  const double whole =
      static_cast<double>(Encoded(plain, {}).size()) / static_cast<double>(plain.size());
  EXPECT_LT(planes, 0.85);
  EXPECT_GT(whole, 0.91);
}

TEST(BlobCodec, TheGoldenFormsOfEachMethod) {
  const Bytes noise = {1, 2, 3};
  EXPECT_EQ(ToHex(Encoded(noise, {})), "00010203");
  // Four numbers of two bytes: both planes are too short to compress.
  const Bytes numbers = {0x11, 0xa1, 0x12, 0xa2, 0x13, 0xa3, 0x14, 0xa4};
  EXPECT_EQ(ToHex(Encoded(numbers, {.element_width = 2})), "0011a112a213a314a4");
  const Bytes planes = *FromHex("020200000004111213140004a1a2a3a4");
  Bytes decoded(8);
  ASSERT_TRUE(DecodeBlob(planes, decoded).ok());
  EXPECT_EQ(decoded, numbers);
}

TEST(BlobCodec, NoDamageGoesOutsideOrPassesForAnotherLength) {
  rows::RowGenerator random(3);
  for (int round = 0; round < 300; ++round) {
    const Bytes plain = RandomPlain(random, 1 + random.Below(2000));
    const EncodingHint hint = {.element_width = 1U << random.Below(4),
                               .prefix = static_cast<std::uint32_t>(plain.size() % 8)};
    const RawBytes encoded = Encoded(plain, hint);
    Bytes decoded(plain.size());
    for (std::size_t size = 0; size < encoded.size(); size += 1 + random.Below(40)) {
      EXPECT_FALSE(DecodeBlob(ByteSpan(encoded).first(size), decoded).ok());
    }
    Bytes longer(plain.size() + 1);
    EXPECT_FALSE(DecodeBlob(encoded, longer).ok());
    EXPECT_FALSE(DecodeBlob(encoded, std::span(decoded).first(plain.size() - 1)).ok());
    Bytes flipped(encoded.begin(), encoded.end());
    for (int i = 0; i < 20; ++i) {
      flipped[random.Below(flipped.size())] ^= static_cast<std::uint8_t>(1 << random.Below(8));
      const Status status = DecodeBlob(flipped, decoded);  // may be ok: sealing is what finds flips
      if (!status.ok()) {
        EXPECT_TRUE(KindOf(status) == Kind::kCorrupt || KindOf(status) == Kind::kUnsupported);
      }
    }
  }
}

TEST(BlobCodec, AnUnknownMethodAsksForANewerProgram) {
  Bytes decoded(2);
  const Status status = DecodeBlob(Bytes{3, 0, 0}, decoded);
  EXPECT_EQ(KindOf(status), Kind::kUnsupported);
  EXPECT_NE(std::string(status.message()).find("newer aerie"), std::string::npos);
}

}  // namespace
}  // namespace aerie::repo
