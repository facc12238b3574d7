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

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
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

const char* StateOf(const Status& status) {
  switch (KindOf(status)) {
    case Kind::kOk: return "completed";
    case Kind::kPartial: return "partial";
    case Kind::kDifferent: return "different";
    case Kind::kCancelled: return "cancelled";
    default: return "failed";
  }
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
      started_(std::chrono::steady_clock::now()),
      drawn_(started_ - kRedraw) {}

void Output::OnProgress(const ProgressEvent& event) {
  std::lock_guard lock(mutex_);
  if (options_.quiet) return;
  if (!event.phase.empty()) phase_ = event.phase;
  const auto now = std::chrono::steady_clock::now();
  if (event.type == ProgressEvent::Type::kCounts) {
    // A job goes from rows to files or back: what was counted before is of another kind.
    if (const bool files = event.bytes_total >= 0; files != counts_files_) {
      counters_.clear();
      started_ = now;
      counts_files_ = files;
    }
    counters_[event.collection] = {event.rows_done, event.rows_total, event.bytes_done,
                                   event.bytes_total};
  }
  const bool counts = event.type == ProgressEvent::Type::kCounts;
  if (options_.format == OutputFormat::kJson) {
    if (counts && now - drawn_ < kRedraw) return;
    drawn_ = now;
    Json line = {{"event", TypeName(event.type)}};
    if (!phase_.empty()) line["phase"] = phase_;
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
  Counter sum;
  bool total_known = !counters_.empty();
  for (const auto& [name, counter] : counters_) {
    sum.rows_done += counter.rows_done;
    sum.bytes_done += counter.bytes_done;
    if (counter.rows_total < 0) total_known = false;
    sum.rows_total =
        (sum.rows_total < 0 ? 0 : sum.rows_total) + std::max<std::int64_t>(0, counter.rows_total);
    // One job at a time counts bytes, those of files.
    sum.bytes_total = std::max(sum.bytes_total, counter.bytes_total);
  }
  const double seconds = std::max(
      0.001, std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count());
  const bool files = sum.bytes_total >= 0;
  const auto done = static_cast<double>(files ? sum.bytes_done : sum.rows_done);
  const auto total = static_cast<double>(files         ? sum.bytes_total
                                         : total_known ? sum.rows_total
                                                       : 0);
  std::string line = phase_.empty() ? "working" : phase_;
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
    Json json = {{"status", result.state.empty() ? StateOf(result.status) : result.state}};
    json.update(result.json);
    json["warnings"] = result.warnings;
    json["errors"] = Json::array();
    if (!result.status.ok()) {
      json["errors"].push_back(
          {{"kind", KindName(kind)}, {"message", std::string(result.status.message())}});
    }
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

std::string Thousands(std::uint64_t n) {
  std::string text = std::to_string(n);
  for (std::size_t i = text.size(); i > 3; i -= 3) text.insert(i - 3, ",");
  return text;
}

std::string HumanBytes(std::uint64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "kB", "MB", "GB", "TB", "PB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1000 && unit + 1 < std::size(kUnits)) {
    value /= 1000;
    ++unit;
  }
  char text[48];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", value, kUnits[unit]);
  return text;
}

std::string HumanSeconds(double seconds) {
  char text[64];
  if (seconds < 60) {
    std::snprintf(text, sizeof text, "%.1f s", seconds);
  } else if (seconds < 3600) {
    std::snprintf(text, sizeof text, "%d min %d s", static_cast<int>(seconds) / 60,
                  static_cast<int>(seconds) % 60);
  } else {
    std::snprintf(text, sizeof text, "%d h %d min", static_cast<int>(seconds) / 3600,
                  static_cast<int>(seconds) % 3600 / 60);
  }
  return text;
}

std::string Table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line += std::string(widths[i] - row[i].size() + 2, ' ');
    }
    text += line + "\n";
  }
  return text;
}

}  // namespace aerie::cli
