#include "migrate/monitor.h"

#include <gtest/gtest.h>

namespace aerie::migrate {
namespace {

// "+difference -latency"
std::string Changes(const catalog::Sample& sample, Phase phase,
                    const std::set<std::string>& open = {}) {
  std::string text;
  for (const auto& change : JudgeSample(sample, phase, {}, open)) {
    text += (text.empty() ? "" : " ") + std::string(change.raised ? "+" : "-") + change.incident;
    EXPECT_EQ(change.text.empty(), !change.raised);
  }
  return text;
}

catalog::Sample Apart(std::int64_t rows) {
  return {.source_rows = 5'000, .target_rows = 5'000 - rows};
}

TEST(MonitorTest, RowsApart) {
  EXPECT_EQ(Changes(Apart(1'000), Phase::kReady), "") << "as many are allowed";
  EXPECT_EQ(Changes(Apart(1'001), Phase::kReady), "+difference");
  EXPECT_EQ(Changes(Apart(-1'001), Phase::kWatching), "+difference") << "in either direction";
  EXPECT_EQ(Changes(Apart(1'001), Phase::kCopying), "") << "of course";
  EXPECT_EQ(Changes({.source_rows = 5'000, .target_rows = -1}, Phase::kReady), "") << "not known";
}

TEST(MonitorTest, OneAlertForEachIncident) {
  const std::set<std::string> open = {"difference"};
  EXPECT_EQ(Changes(Apart(5'000), Phase::kReady, open), "") << "told already";
  EXPECT_EQ(Changes(Apart(999), Phase::kReady, open), "") << "it trembles around the threshold";
  EXPECT_EQ(Changes(Apart(801), Phase::kReady, open), "");
  EXPECT_EQ(Changes(Apart(800), Phase::kReady, open), "-difference");
  EXPECT_EQ(Changes(Apart(5'000), Phase::kSyncing, open), "-difference") << "not looked at there";
}

TEST(MonitorTest, ErrorsAndLatency) {
  EXPECT_EQ(Changes({.error_rate = 0.01, .latency_ms = 5'000}, Phase::kCopying), "");
  EXPECT_EQ(Changes({.error_rate = 0.011, .latency_ms = 5'001}, Phase::kCopying),
            "+errors +latency");
  EXPECT_EQ(Changes({.error_rate = 0, .latency_ms = 4'000}, Phase::kCopying, {"errors", "latency"}),
            "-errors -latency");
}

}  // namespace
}  // namespace aerie::migrate
