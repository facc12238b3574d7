// What the user sees: progress while a command runs, then its result.
//
// Text: a progress bar on standard error when it is a terminal; the result on standard output.
// JSON: one event a line on standard output, the result object last. Errors: one line on standard
// error in text, the "errors" member in JSON. JSON is a contract, text is not. Thread-safe.
#pragma once

#include <chrono>
#include <mutex>
#include <string>
#include <vector>

#include "app/result.h"
#include "base/progress.h"
#include "base/progress_tally.h"
#include "base/status.h"

namespace aerie::cli {

using app::CommandResult;
using app::Dump;
using app::Failure;
using app::HumanBytes;
using app::HumanSeconds;
using app::Json;
using app::Table;
using app::Thousands;
using app::ToJson;

enum class OutputFormat { kText, kJson };

struct OutputOptions {
  OutputFormat format = OutputFormat::kText;
  bool quiet = false;
  bool verbose = false;
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
  void Draw(bool final);
  void EraseBar();

  const OutputOptions options_;
  const bool bar_;
  std::mutex mutex_;
  ProgressTally tally_;
  std::chrono::steady_clock::time_point drawn_;
  bool bar_shown_ = false;
};

}  // namespace aerie::cli
