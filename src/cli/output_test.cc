#include "cli/output.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/args.h"
#include "cli/commands.h"

namespace aerie::cli {
namespace {

using testing::HasSubstr;

TEST(Output, Numbers) {
  EXPECT_EQ(Thousands(0), "0");
  EXPECT_EQ(Thousands(999), "999");
  EXPECT_EQ(Thousands(1000), "1,000");
  EXPECT_EQ(Thousands(1234567), "1,234,567");
  EXPECT_EQ(HumanBytes(0), "0 B");
  EXPECT_EQ(HumanBytes(999), "999 B");
  EXPECT_EQ(HumanBytes(118489088), "118.5 MB");
  EXPECT_EQ(HumanSeconds(3.24), "3.2 s");
  EXPECT_EQ(HumanSeconds(75), "1 min 15 s");
  EXPECT_EQ(HumanSeconds(3725), "1 h 2 min");
}

TEST(Output, TablesAreAligned) {
  EXPECT_EQ(Table({{"ID", "ROWS"}, {"abcd", "1"}}), "ID    ROWS\nabcd  1\n");
}

// Of everything printed, the last line of standard output, as JSON; and the exit code.
Json LastLine(Output& output, const CommandResult& result, int* code) {
  testing::internal::CaptureStdout();
  output.OnProgress({.type = ProgressEvent::Type::kPhase,
                     .phase = "read",
                     .collection = "default.docs",
                     .message = {}});
  *code = output.Finish(result);
  const std::string text = testing::internal::GetCapturedStdout();
  std::vector<Json> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = text.find('\n', begin);
    lines.push_back(Json::parse(text.substr(begin, end - begin), nullptr, false));
    EXPECT_TRUE(lines.back().is_object()) << text;
    begin = end + 1;
  }
  EXPECT_EQ(lines.front().value("event", ""), "phase");
  return lines.back();
}

TEST(Output, TheResultObjectIsTheLastLineAndTheExitCodeIsInIt) {
  struct Case {
    Status status;
    std::string state;
    int code;
  };
  const std::vector<Case> cases = {
      {Ok(), "completed", 0},
      {FailedError("x"), "failed", 1},
      {InvalidError("x"), "failed", 2},
      {MakeStatus(Kind::kPartial, "x"), "partial", 3},
      {MakeStatus(Kind::kDifferent, "x"), "different", 4},
      {MakeStatus(Kind::kLocked, "x"), "failed", 5},
      {MakeStatus(Kind::kWrongKey, "x"), "failed", 6},
      {NotFoundError("x"), "failed", 7},
      {RefusedError("x"), "failed", 8},
      {MakeStatus(Kind::kCancelled, "x"), "cancelled", 130},
  };
  for (const Case& one : cases) {
    OutputOptions options;
    options.format = OutputFormat::kJson;
    Output output(options);
    CommandResult result;
    result.status = one.status;
    result.json["rows"] = 7;
    result.warnings = {"mind the \"gap\"\n"};
    int code = -1;
    const Json json = LastLine(output, result, &code);
    EXPECT_EQ(code, one.code) << one.status;
    EXPECT_EQ(json.at("status"), one.state);
    EXPECT_EQ(json.at("exit_code"), one.code);
    EXPECT_EQ(json.at("rows"), 7);
    EXPECT_EQ(json.at("warnings").at(0), "mind the \"gap\"\n");
    EXPECT_EQ(json.at("errors").size(), one.status.ok() ? 0u : 1u);
    if (!one.status.ok()) {
      EXPECT_EQ(json.at("errors").at(0).at("kind"), KindName(KindOf(one.status)));
      EXPECT_EQ(json.at("errors").at(0).at("message"), "x");
    }
  }
}

TEST(Output, TextThatIsNoUtf8IsStillJson) {
  OutputOptions options;
  options.format = OutputFormat::kJson;
  Output output(options);
  int code = -1;
  const Json json = LastLine(output, Failure(FailedError("name \xff")), &code);
  EXPECT_EQ(code, 1);
  EXPECT_EQ(json.at("status"), "failed");
}

TEST(Output, AnErrorIsOneLineOnStandardErrorAlsoWhenQuiet) {
  for (const bool quiet : {false, true}) {
    OutputOptions options;
    options.quiet = quiet;
    Output output(options);
    CommandResult result;
    result.text = "done\n";
    result.status = FailedError("open x: it is not there");
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    EXPECT_EQ(output.Finish(result), 1);
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "aerie: open x: it is not there\n");
    EXPECT_EQ(testing::internal::GetCapturedStdout(), quiet ? "" : "done\n");
  }
}

TEST(Output, DiffsThatCouldNotBeReadAreErrorsNotDifferences) {
  transfer::DiffResult diff;
  diff.collections.emplace_back();
  diff.collections[0].left.collection = diff.collections[0].right.collection = "docs";
  EXPECT_TRUE(DiffToResult(diff, "a", "b").status.ok());
  diff.collections[0].changed = 2;
  const CommandResult different = DiffToResult(diff, "a", "b");
  EXPECT_EQ(ExitCode(KindOf(different.status)), 4);
  EXPECT_THAT(different.text, HasSubstr("2 changed"));
  EXPECT_EQ(different.json.at("same"), false);
  diff.collections[0].status = FailedError("the server went away");
  EXPECT_EQ(ExitCode(KindOf(DiffToResult(diff, "a", "b").status)), 1);
}

}  // namespace
}  // namespace aerie::cli
