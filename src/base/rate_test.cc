#include "base/rate.h"

#include <gtest/gtest.h>

namespace aerie {
namespace {

TEST(Rate, BytesASecondWithTheirUnit) {
  const std::pair<const char*, double> cases[] = {{"20MB/s", 20e6}, {"20MB", 20e6},
                                                  {"500kB/s", 5e5}, {"500KB", 5e5},
                                                  {"1GB/s", 1e9},   {"1.5MiB/s", 1572864},
                                                  {"4KiB", 4096},   {"2GiB/s", 2147483648.0},
                                                  {"1B/s", 1},      {"0", 0},
                                                  {"off", 0}};
  for (const auto& [text, rate] : cases) {
    const auto parsed = ParseByteRate(text, "--limit-upload");
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_DOUBLE_EQ(*parsed, rate) << text;
  }
}

TEST(Rate, BytesASecondWithoutAUnitOrWithAnUnclearOneAreRefused) {
  for (const char* text :
       {"20", "20Mb/s", "20mb", "20M", "MB/s", "-1MB/s", "1e3MB", "1..5MB", "nanMB", "", " 20MB",
        "20 MB", "0MB/s", "20MB/m", "99999999999999999GB"}) {
    const auto parsed = ParseByteRate(text, "--limit-upload");
    EXPECT_EQ(KindOf(parsed.status()), Kind::kInvalid) << text;
    EXPECT_EQ(parsed.status().message().substr(0, 14), "--limit-upload");
  }
}

TEST(Rate, SizesWithTheirUnit) {
  const std::pair<const char*, std::int64_t> cases[] = {{"200GB", 200'000'000'000},
                                                        {"1.5TiB", 1'649'267'441'664},
                                                        {"2TB", 2'000'000'000'000},
                                                        {"4KiB", 4096},
                                                        {"0", 0}};
  for (const auto& [text, size] : cases) {
    const auto parsed = ParseByteSize(text, "--target-free");
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(*parsed, size) << text;
  }
  for (const char* text :
       {"200", "20GB/s", "off", "", "GB", "-1GB", "1e3MB", "99999999999999999TB"}) {
    const auto parsed = ParseByteSize(text, "--target-free");
    EXPECT_EQ(KindOf(parsed.status()), Kind::kInvalid) << text;
  }
}

TEST(Rate, ThingsASecondOrAMinute) {
  const std::pair<const char*, double> cases[] = {{"100/s", 100}, {"100", 100}, {"0.5/s", 0.5},
                                                  {"30/m", 0.5},  {"0", 0},     {"off", 0}};
  for (const auto& [text, rate] : cases) {
    const auto parsed = ParseRate(text, "--limit-requests");
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_DOUBLE_EQ(*parsed, rate) << text;
  }
  for (const char* text : {"", "/s", "x", "100/h", "100s", "-3/s", "inf", "0x10"}) {
    EXPECT_EQ(KindOf(ParseRate(text, "--limit-requests").status()), Kind::kInvalid) << text;
  }
}

}  // namespace
}  // namespace aerie
