// What the user sees: progress while a command runs, then its result.
//
// Text: a progress bar on standard error when it is a terminal; the result on standard output.
// JSON: one event a line on standard output, the result object last. Errors: one line on standard
// error in text, the "errors" member in JSON. JSON is a contract, text is not. Thread-safe.
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/progress.h"
#include "base/status.h"

namespace aerie::cli {

using Json = nlohmann::ordered_json;

enum class OutputFormat { kText, kJson };

struct OutputOptions {
  OutputFormat format = OutputFormat::kText;
  bool quiet = false;
  bool verbose = false;
};

// How a command ended. `json` is the result object without status and errors, which Finish adds.
struct CommandResult {
  Status status;
  Json json = Json::object();
  std::string text;
  std::vector<std::string> warnings;
  std::string state;  // JSON "status"; empty: from the status ("completed", "failed", ...)
};

class Output : public ProgressSink {
 public:
  explicit Output(OutputOptions options);

  void OnProgress(const ProgressEvent& event) override;

  // What is said before the end: text as it stands, or an event.
  void Say(const std::string& text, const Json& event);
  // Prints the result and returns the exit code.
  int Finish(const CommandResult& result);

  const OutputOptions& options() const { return options_; }

 private:
  struct Counter {
    std::int64_t rows_done = 0;
    std::int64_t rows_total = -1;
    std::int64_t bytes_done = 0;
    std::int64_t bytes_total = -1;
  };
  void Draw(bool final);
  void EraseBar();

  const OutputOptions options_;
  const bool bar_;
  std::mutex mutex_;
  std::map<std::string, Counter> counters_;
  std::string phase_;
  std::chrono::steady_clock::time_point started_;
  std::chrono::steady_clock::time_point drawn_;
  bool bar_shown_ = false;
  bool counts_files_ = false;  // and not rows
};

// 1234567 -> "1,234,567".
std::string Thousands(std::uint64_t n);
// 118489088 -> "118.5 MB" (powers of 1000).
std::string HumanBytes(std::uint64_t bytes);
// 3.24 -> "3.2 s", 75 -> "1 min 15 s".
std::string HumanSeconds(double seconds);
// Columns of cells, padded with two spaces between; the first row is the heading.
std::string Table(const std::vector<std::vector<std::string>>& rows);

}  // namespace aerie::cli
