#include "base/log.h"

#include <functional>
#include <sstream>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/trace.h"

namespace aerie::log {
namespace {

class LogTest : public testing::Test {
 protected:
  void TearDown() override { Configure(Level::kWarn, Format::kText); }

  static std::vector<std::string> LinesOf(const std::function<void()>& fn) {
    testing::internal::CaptureStderr();
    fn();
    std::istringstream text(testing::internal::GetCapturedStderr());
    std::vector<std::string> lines;
    for (std::string line; std::getline(text, line);) lines.push_back(line);
    return lines;
  }
};

TEST_F(LogTest, WritesWhatTheLevelLetsThrough) {
  Configure(Level::kWarn, Format::kText);
  const auto lines = LinesOf([] {
    Debug("no");
    Info("no");
    Warn("slow answer", {{"cluster", "a"}, {"ms", 250}, {"again", true}});
    Error("gone");
  });
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0].substr(24), " warning: slow answer  cluster=a  ms=250  again=true");
  EXPECT_EQ(lines[1].substr(24), " error: gone");
  EXPECT_EQ(lines[0][23], 'Z');
  EXPECT_TRUE(Enabled(Level::kError));
  EXPECT_FALSE(Enabled(Level::kInfo));
}

TEST_F(LogTest, LinesNameTheTraceThatTheyAreWrittenFor) {
  const TraceScope scope(Trace{.id = "0af7651916cd43dd8448eb211c80319c"});
  const auto text = LinesOf([] { Warn("slow", {{"ms", 2}}); });
  ASSERT_EQ(text.size(), 1U);
  EXPECT_EQ(text[0].substr(24), " warning: slow  ms=2  trace_id=0af7651916cd43dd8448eb211c80319c");
  Configure(Level::kWarn, Format::kJson);
  const auto json = LinesOf([] { Warn("slow"); });
  ASSERT_EQ(json.size(), 1U);
  EXPECT_EQ(nlohmann::json::parse(json[0])["trace_id"], "0af7651916cd43dd8448eb211c80319c");
}

TEST_F(LogTest, OffIsSilent) {
  Configure(Level::kOff, Format::kText);
  EXPECT_TRUE(LinesOf([] { Error("x"); }).empty());
  EXPECT_FALSE(Enabled(Level::kOff));
}

TEST_F(LogTest, JsonLinesParseWhateverTheyQuote) {
  Configure(Level::kDebug, Format::kJson);
  const auto lines = LinesOf([] { Debug("a \"b\"\n", {{"path", std::string("\xff\x01x")}}); });
  ASSERT_EQ(lines.size(), 1U);
  const auto object = nlohmann::json::parse(lines[0]);
  EXPECT_EQ(object["level"], "debug");
  EXPECT_EQ(object["message"], "a \"b\"\n");
  EXPECT_TRUE(object.contains("path"));
  EXPECT_TRUE(object.contains("time"));
}

TEST_F(LogTest, TextRecordsStayOnOneLine) {
  const auto lines = LinesOf([] { Warn("first\nsecond", {{"name", "a\r\x1b[31mb"}}); });
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_NE(lines[0].find("first\\nsecond  name=a\\u000d\\u001b[31mb"), std::string::npos);
}

TEST_F(LogTest, LinesOfThreadsDoNotMix) {
  const std::string word(200, 'w');
  const auto lines = LinesOf([&] {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 50; ++i) Warn(word);
      });
    }
  });
  ASSERT_EQ(lines.size(), 200U);
  for (const auto& line : lines) EXPECT_EQ(line.substr(24), " warning: " + word);
}

}  // namespace
}  // namespace aerie::log
