#include "files/bundle_manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace aerie::files {
namespace {

using testing::HasSubstr;

BundleManifest Some() {
  BundleManifest manifest;
  manifest.finished = true;
  manifest.bundle = "00112233445566778899aabbccddeeff";
  manifest.program = "aerie 0.1.0";
  manifest.created_ms = 1'700'000'000'123;
  manifest.encrypted = true;
  manifest.snapshot = "ffeeddccbbaa99887766554433221100";
  manifest.rows = 12;
  manifest.plain_bytes = 345;
  manifest.parts = {{"config", 100, std::string(64, 'a')},
                    {"packs/00/0011", std::uint64_t{1} << 60, std::string(64, '0')}};
  return manifest;
}

TEST(BundleManifest, ComesBack) {
  const std::string text = EncodeBundleManifest(Some());
  const auto back = DecodeBundleManifest(text);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, Some());
  EXPECT_EQ(back->packed_bytes(), (std::uint64_t{1} << 60) + 100);
  EXPECT_TRUE(DecodeBundleManifest(EncodeBundleManifest({})).ok());
}

// Not one byte may change unseen: a sound part must not be called damaged for it, nor the reverse.
TEST(BundleManifest, EveryFlippedBitIsFound) {
  const std::string text = EncodeBundleManifest(Some());
  for (std::size_t bit = 0; bit < text.size() * 8; ++bit) {
    std::string flipped = text;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    const auto back = DecodeBundleManifest(flipped);
    ASSERT_FALSE(back.ok()) << bit << flipped;
    EXPECT_TRUE(KindOf(back.status()) == Kind::kCorrupt ||
                KindOf(back.status()) == Kind::kUnsupported)
        << back.status();
  }
  for (std::size_t size = 0; size < text.size(); ++size) {
    EXPECT_FALSE(DecodeBundleManifest(text.substr(0, size)).ok()) << size;
  }
}

TEST(BundleManifest, ALaterVersionIsRefusedByThat) {
  std::string text = EncodeBundleManifest(Some());
  text.replace(text.find("\"aerie_bundle\": 1"), 17, "\"aerie_bundle\": 2");
  const auto back = DecodeBundleManifest(text);
  EXPECT_EQ(KindOf(back.status()), Kind::kUnsupported);
  EXPECT_THAT(back.status().message(), HasSubstr("newer aerie"));
}

// Sound by its checksum, and yet made to lead elsewhere.
TEST(BundleManifest, NamesThatAreNoPartsAreRefused) {
  for (const char* const name : {"../config", "/etc/passwd", "", "a//b", kBundlePath, "config"}) {
    BundleManifest manifest = Some();
    manifest.parts.push_back({name, 1, std::string(64, '1')});
    EXPECT_EQ(KindOf(DecodeBundleManifest(EncodeBundleManifest(manifest)).status()), Kind::kCorrupt)
        << name;
  }
  BundleManifest manifest = Some();
  manifest.parts[1].sha256 = "12";
  EXPECT_FALSE(DecodeBundleManifest(EncodeBundleManifest(manifest)).ok());
}

}  // namespace
}  // namespace aerie::files
