#include "cli/output.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace aerie::cli {
namespace {

constexpr auto kRedraw = std::chrono::milliseconds(200);

const char* TypeName(ProgressEvent::Type type) {
  switch (type) {
    case ProgressEvent::Type::kPhase: return "phase";
    case ProgressEvent::Type::kCounts: return "progress";
    case ProgressEvent::Type::kItemDone: return "item";
    case ProgressEvent::Type::kRetrying: return "retrying";
    case ProgressEvent::Type::kWarning: return "warning";
  }
  return "progress";
}

// A message is one line, whatever odd names are in it.
std::string OneLine(const std::string& text) {
  std::string line;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f) {
      line += c;
    } else if (c == '\n') {
      line += "\\n";
    } else {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\x%02x", byte);
      line += escaped;
    }
  }
  return line;
}

// "  [####....] 50%  3.0 s left".
std::string BarText(double done, double total, double rate) {
  constexpr int kWidth = 24;
  const double part = std::min(1.0, done / total);
  const int filled = static_cast<int>(part * kWidth);
  std::string text = "  [" + std::string(static_cast<std::size_t>(filled), '#') +
                     std::string(static_cast<std::size_t>(kWidth - filled), '.') + "] " +
                     std::to_string(static_cast<int>(part * 100)) + "%";
  if (rate > 0) text += "  " + HumanSeconds((total - done) / rate) + " left";
  return text;
}

}  // namespace

Output::Output(OutputOptions options)
    : options_(options),
      bar_(options.format == OutputFormat::kText && !options.quiet && isatty(STDERR_FILENO) != 0),
      tally_(std::chrono::steady_clock::now()),
      drawn_(std::chrono::steady_clock::now() - kRedraw) {}

void Output::OnProgress(const ProgressEvent& event) {
  std::lock_guard lock(mutex_);
  if (options_.quiet) return;
  const auto now = std::chrono::steady_clock::now();
  tally_.Add(event, now);
  const bool counts = event.type == ProgressEvent::Type::kCounts;
  if (options_.format == OutputFormat::kJson) {
    if (counts && now - drawn_ < kRedraw) return;
    drawn_ = now;
    Json line = {{"event", TypeName(event.type)}};
    if (!tally_.phase().empty()) line["phase"] = tally_.phase();
    if (!event.collection.empty()) line["collection"] = event.collection;
    if (event.type != ProgressEvent::Type::kWarning &&
        event.type != ProgressEvent::Type::kRetrying) {
      line["rows"] = event.rows_done;
      if (event.rows_total >= 0) line["rows_total"] = event.rows_total;
      line["bytes"] = event.bytes_done;
      if (event.bytes_total >= 0) line["bytes_total"] = event.bytes_total;
    }
    if (!event.message.empty()) line["message"] = event.message;
    const std::string text = Dump(line) + "\n";
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
    return;
  }
  if (event.type == ProgressEvent::Type::kWarning) {
    EraseBar();
    std::fprintf(stderr, "warning: %s\n", OneLine(event.message).c_str());
  }
  if (event.type == ProgressEvent::Type::kRetrying) {
    EraseBar();
    std::fprintf(stderr, "%s\n", OneLine(event.message).c_str());
  }
  if (bar_ && (!counts || now - drawn_ >= kRedraw)) {
    drawn_ = now;
    Draw(false);
  }
}

void Output::Draw(bool final) {
  if (final) return EraseBar();
  const ProgressTally::Counter sum = tally_.Sum();
  const double seconds = tally_.Seconds(std::chrono::steady_clock::now());
  const bool files = sum.bytes_total >= 0;
  const auto done = static_cast<double>(files ? sum.bytes_done : sum.rows_done);
  const auto total = static_cast<double>(files ? sum.bytes_total : sum.rows_total);
  std::string line = tally_.phase().empty() ? "working" : tally_.phase();
  line += files ? "  " + HumanBytes(static_cast<std::uint64_t>(sum.bytes_done))
                : "  " + Thousands(static_cast<std::uint64_t>(sum.rows_done)) + " rows";
  if (total > 0) line += BarText(done, total, done / seconds);
  line += "  " +
          HumanBytes(static_cast<std::uint64_t>(static_cast<double>(sum.bytes_done) / seconds)) +
          "/s";
  std::fprintf(stderr, "\r\033[K%s", line.c_str());
  std::fflush(stderr);
  bar_shown_ = true;
}

void Output::EraseBar() {
  if (!bar_shown_) return;
  std::fputs("\r\033[K", stderr);
  std::fflush(stderr);
  bar_shown_ = false;
}

void Output::Say(const std::string& text, const Json& event) {
  std::lock_guard lock(mutex_);
  EraseBar();
  if (options_.format == OutputFormat::kJson) {
    std::printf("%s\n", Dump(event).c_str());
  } else if (!options_.quiet) {
    std::fputs(text.c_str(), stdout);
  }
  std::fflush(stdout);
}

int Output::Finish(const CommandResult& result) {
  std::lock_guard lock(mutex_);
  Draw(true);
  const Kind kind = KindOf(result.status);
  if (options_.format == OutputFormat::kJson) {
    Json json = ToJson(result);
    json["exit_code"] = ExitCode(kind);
    std::printf("%s\n", Dump(json).c_str());
  } else {
    if (!result.text.empty() && !options_.quiet) std::fputs(result.text.c_str(), stdout);
    for (const std::string& warning : result.warnings) {
      std::fprintf(stderr, "warning: %s\n", OneLine(warning).c_str());
    }
    if (!result.status.ok()) {
      std::fprintf(stderr, "aerie: %s\n", OneLine(std::string(result.status.message())).c_str());
    }
  }
  std::fflush(stdout);
  return ExitCode(kind);
}

}  // namespace aerie::cli
