#include "base/bytes.h"

#include <limits>
#include <random>

#include <gtest/gtest.h>

namespace aerie {
namespace {

// A fixed seed: every run sees the same cases.
std::mt19937_64 Random() { return std::mt19937_64(20261121); }

Bytes SomeBytes(std::mt19937_64& random, std::size_t size) {
  Bytes bytes(size);
  for (auto& b : bytes) b = static_cast<std::uint8_t>(random());
  return bytes;
}

// Numbers of every length in bits.
std::uint64_t SomeNumber(std::mt19937_64& random) { return random() >> (random() % 64); }

TEST(Hex, RoundTrips) {
  auto random = Random();
  for (std::size_t size = 0; size < 100; ++size) {
    const Bytes bytes = SomeBytes(random, size);
    const std::string hex = ToHex(bytes);
    EXPECT_EQ(hex.size(), size * 2);
    const auto back = FromHex(hex);
    ASSERT_TRUE(back.ok());
    EXPECT_EQ(*back, bytes);
  }
  EXPECT_EQ(ToHex(Bytes{0x00, 0x0f, 0xa5, 0xff}), "000fa5ff");
  EXPECT_EQ(*FromHex("AaFf"), (Bytes{0xaa, 0xff}));
}

TEST(Hex, RefusesWhatIsNone) {
  for (const char* bad : {"a", "abc", "0g", "g0", "0x", " 0", "0 ", "\xff\xff"}) {
    EXPECT_EQ(KindOf(FromHex(bad).status()), Kind::kInvalid) << bad;
  }
}

TEST(Varint, RoundTripsEveryLength) {
  auto random = Random();
  std::vector<std::uint64_t> numbers = {
      0, 1, 127, 128, 16383, 16384, std::numeric_limits<std::uint64_t>::max()};
  for (int i = 0; i < 2000; ++i) numbers.push_back(SomeNumber(random));
  Bytes out;
  ByteWriter writer(out);
  for (const auto n : numbers) writer.Varint(n);
  ByteReader reader(out, "numbers");
  for (const auto n : numbers) {
    std::uint64_t back = 0;
    ASSERT_TRUE(reader.Varint(back).ok());
    EXPECT_EQ(back, n);
  }
  EXPECT_TRUE(reader.ExpectEnd().ok());
}

TEST(Varint, KnownBytes) {
  Bytes out;
  ByteWriter(out).Varint(300);
  EXPECT_EQ(out, (Bytes{0xac, 0x02}));
}

TEST(Varint, RefusesMoreThan64Bits) {
  const auto read = [](const Bytes& bytes) {
    std::uint64_t value = 0;
    return KindOf(ByteReader(bytes, "n").Varint(value));
  };
  Bytes longest(9, 0xff);
  longest.push_back(0x01);
  EXPECT_EQ(read(longest), Kind::kOk);
  longest.back() = 0x02;
  EXPECT_EQ(read(longest), Kind::kCorrupt);
  EXPECT_EQ(read(Bytes(11, 0x80)), Kind::kCorrupt);
  EXPECT_EQ(read(Bytes(200, 0xff)), Kind::kCorrupt);
  EXPECT_EQ(read({}), Kind::kCorrupt);
}

TEST(Varint, UpToRefusesMore) {
  Bytes out;
  ByteWriter(out).Varint(1000);
  std::uint64_t value = 0;
  EXPECT_TRUE(ByteReader(out, "n").VarintUpTo(1000, value).ok());
  const Status over = ByteReader(out, "row count").VarintUpTo(999, value);
  EXPECT_EQ(KindOf(over), Kind::kCorrupt);
  EXPECT_EQ(over.message(), "row count: number 1000 exceeds its limit 999");
}

TEST(ByteReader, ReadsWhatByteWriterWrote) {
  auto random = Random();
  for (int round = 0; round < 100; ++round) {
    const Bytes raw = SomeBytes(random, random() % 40);
    const std::string text(AsText(SomeBytes(random, random() % 300)));
    const auto i = static_cast<std::int64_t>(random());
    const double d = static_cast<double>(random()) / 3;
    Bytes out;
    ByteWriter writer(out);
    writer.Fixed(i);
    writer.Raw(raw);
    writer.Fixed(d);
    writer.Sized(text);
    writer.Sized(ByteSpan(raw));

    std::int64_t i_back = 0;
    double d_back = 0;
    ByteSpan raw_back;
    ByteSpan sized_back;
    std::string text_back;
    ByteReader reader(out, "record");
    ASSERT_TRUE(reader.Fixed(i_back).ok());
    ASSERT_TRUE(reader.Raw(raw.size(), raw_back).ok());
    ASSERT_TRUE(reader.Fixed(d_back).ok());
    ASSERT_TRUE(reader.Sized(text_back).ok());
    EXPECT_EQ(reader.remaining(), reader.rest().size());
    ASSERT_TRUE(reader.Sized(sized_back).ok());
    EXPECT_TRUE(reader.ExpectEnd().ok());
    EXPECT_EQ(i_back, i);
    EXPECT_EQ(d_back, d);
    EXPECT_EQ(Bytes(raw_back.begin(), raw_back.end()), raw);
    EXPECT_EQ(Bytes(sized_back.begin(), sized_back.end()), raw);
    EXPECT_EQ(text_back, text);

    // Cut anywhere, the same reads fail with kCorrupt and leave the span alone.
    const std::size_t cut = random() % out.size();
    ByteReader short_reader(ByteSpan(out).first(cut), "record");
    const auto read_all = [&]() -> Status {
      AERIE_TRY(short_reader.Fixed(i_back));
      AERIE_TRY(short_reader.Raw(raw.size(), raw_back));
      AERIE_TRY(short_reader.Fixed(d_back));
      AERIE_TRY(short_reader.Sized(text_back));
      return short_reader.Sized(sized_back);
    };
    const Status status = read_all();
    EXPECT_EQ(KindOf(status), Kind::kCorrupt);
    EXPECT_TRUE(std::string(status.message()).starts_with("record: "));
  }
}

TEST(ByteReader, ALengthLargerThanTheInputIsCorruptNotAllocated) {
  Bytes out;
  ByteWriter writer(out);
  writer.Varint(std::numeric_limits<std::uint64_t>::max());
  writer.Raw(AsBytes("abc"));
  std::string text;
  EXPECT_EQ(KindOf(ByteReader(out, "text").Sized(text)), Kind::kCorrupt);
}

TEST(ByteReader, RandomInputNeverLeavesTheSpan) {
  auto random = Random();
  for (int round = 0; round < 3000; ++round) {
    const Bytes input = SomeBytes(random, random() % 64);
    ByteReader reader(input, "noise");
    for (int step = 0; step < 8; ++step) {
      std::uint64_t n = 0;
      ByteSpan span;
      std::uint32_t fixed = 0;
      const std::uint64_t choice = random() % 4;
      const Status status = choice == 0   ? reader.Varint(n)
                            : choice == 1 ? reader.Sized(span)
                            : choice == 2 ? reader.Fixed(fixed)
                                          : reader.Raw(random() % 20, span);
      if (!status.ok()) {
        EXPECT_EQ(KindOf(status), Kind::kCorrupt);
      }
      EXPECT_LE(reader.remaining(), input.size());
      if (!span.empty()) {
        EXPECT_GE(span.data(), input.data());
        EXPECT_LE(span.data() + span.size(), input.data() + input.size());
      }
    }
  }
}

TEST(ByteReader, ExpectEndNamesWhatFollows) {
  const Status status = ByteReader(AsBytes("xyz"), "pack").ExpectEnd();
  EXPECT_EQ(KindOf(status), Kind::kCorrupt);
  EXPECT_EQ(status.message(), "pack: 3 bytes follow its end");
}

}  // namespace
}  // namespace aerie
