#include "cli/migrate_status.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <deque>

#include "migrate/standing.h"

namespace aerie::cli {
namespace {

using catalog::Catalog;

constexpr Duration kLook = std::chrono::milliseconds(500);
// Of the log, what a screen shows.
constexpr std::size_t kLogLines = 6;

Json Known(std::int64_t n) { return n < 0 ? Json(nullptr) : Json(n); }

Json SampleToJson(const catalog::Sample& sample) {
  const bool both = sample.source_rows >= 0 && sample.target_rows >= 0;
  return {{"at_ms", sample.at_ms},
          {"source_rows", Known(sample.source_rows)},
          {"target_rows", Known(sample.target_rows)},
          {"difference", both ? Json(sample.source_rows - sample.target_rows) : Json(nullptr)},
          {"error_rate", sample.error_rate},
          {"latency_ms", Known(sample.latency_ms)},
          {"round", sample.round}};
}

Json WorkToJson(const migrate::Standing::Work& work) {
  return {
      {"kind", work.pace.kind},
      {"reads", NameOf(work.pace.from)},
      {"begun_ms", work.pace.begun_ms},
      {"rows", work.pace.rows},
      {"rows_total", Known(work.rows_total)},
      {"rows_per_second", work.rows_per_second},
      {"estimated_end_ms", work.estimated_end_ms ? Json(*work.estimated_end_ms) : Json(nullptr)}};
}

std::string Seconds(std::int64_t ms) { return HumanSeconds(static_cast<double>(ms) / 1000); }

std::string Number(const Json& json) {
  return json.is_null() ? "?" : Thousands(json.get<std::uint64_t>());
}

std::string WorkText(const Json& work, std::int64_t now_ms) {
  std::string text = "  this " + work["kind"].get<std::string>() + " has read " +
                     Number(work["rows"]) + " of " + Number(work["rows_total"]) + " rows of the " +
                     work["reads"].get<std::string>();
  if (const auto rate = work["rows_per_second"].get<std::int64_t>(); rate > 0) {
    text += ", " + Thousands(static_cast<std::uint64_t>(rate)) + " a second";
  }
  if (!work["estimated_end_ms"].is_null()) {
    const std::int64_t left = work["estimated_end_ms"].get<std::int64_t>() - now_ms;
    text += left > 0 ? ", and ends in about " + Seconds(left) : ", and should have ended";
  }
  return text + "\n";
}

std::string MonitorText(const Json& seen, std::int64_t now_ms) {
  char errors[32];
  std::snprintf(errors, sizeof errors, "%.1f %%", seen["error_rate"].get<double>() * 100);
  const std::int64_t age = now_ms - seen["at_ms"].get<std::int64_t>();
  return "  source " + Number(seen["source_rows"]) + " rows, target " +
         Number(seen["target_rows"]) + ", difference " +
         (seen["difference"].is_null() ? "?" : seen["difference"].dump()) + ", latency " +
         (seen["latency_ms"].is_null() ? "?" : seen["latency_ms"].dump()) + " ms, errors " +
         errors + " (" + Seconds(std::max<std::int64_t>(age, 0)) + " ago)\n";
}

// --- The screen ---

// As many columns of the text as the terminal has, in whole characters.
std::string Cut(const std::string& line, std::size_t columns) {
  std::size_t shown = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const bool begins = (static_cast<unsigned char>(line[i]) & 0xc0) != 0x80;
    if (begins && shown++ == columns) return line.substr(0, i);
  }
  return line;
}

struct Terminal {
  std::size_t columns = 80;
  std::size_t lines = 24;
};

Terminal TerminalSize() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return {};
  return {.columns = size.ws_col, .lines = size.ws_row};
}

// A line that is too long goes on in the next, so that no word to the user is cut off.
std::vector<std::string> Lines(const std::string& text, std::size_t columns) {
  std::vector<std::string> lines;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = text.find('\n', begin);
    std::string line = text.substr(begin, end == std::string::npos ? end : end - begin);
    begin = end == std::string::npos ? text.size() : end + 1;
    while (true) {
      const std::string part = Cut(line, columns);
      if (part.size() == line.size()) break;
      const std::size_t space = part.rfind(' ');
      const std::size_t at = space == std::string::npos || space < 8 ? part.size() : space;
      lines.push_back(line.substr(0, at));
      line = "    " + line.substr(line[at] == ' ' ? at + 1 : at);
    }
    lines.push_back(line);
  }
  return lines;
}

class Screen {
 public:
  // Over what was there, without a blank moment in between.
  void Show(const std::string& text, const std::deque<std::string>& log) {
    const Terminal size = TerminalSize();
    std::string out = begun_ ? "\033[H" : "\033[H\033[2J";
    begun_ = true;
    const auto lines = Lines(text, size.columns);
    std::size_t shown = 0;
    for (const std::string& line : lines) {
      if (++shown < size.lines) out += line + "\033[K\n";
    }
    if (shown + 2 < size.lines) out += "\033[K\n";
    for (const std::string& line : log) {
      if (++shown + 2 < size.lines) out += Cut(line, size.columns) + "\033[K\n";
    }
    Write(out + "\033[J");
  }
  void Clear() { Write("\033[H\033[2J"); }

 private:
  static void Write(const std::string& text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
  }
  bool begun_ = false;
};

// The last lines of the log, read on from where it was.
class LogTail {
 public:
  Status Read(Catalog& catalog, const std::string& id) {
    for (;;) {
      AERIE_ASSIGN(const auto entries, catalog.Log(id, seq_, kAtOnce));
      for (const auto& entry : entries) {
        seq_ = entry.seq;
        std::string text = entry.text.substr(0, entry.text.find('\n'));
        lines_.push_back(FormatUtc(FromUnixMillis(entry.at_ms)).substr(11, 8) + "  " + text);
        if (lines_.size() > kLogLines) lines_.pop_front();
      }
      if (entries.size() < kAtOnce) return Ok();
    }
  }
  const std::deque<std::string>& lines() const { return lines_; }

 private:
  static constexpr std::size_t kAtOnce = 1'000;
  std::int64_t seq_ = 0;
  std::deque<std::string> lines_;
};

// What changes by itself, as time passes, is no change.
Json WithoutAges(Json json) {
  json.erase("lag_ms");
  return json;
}

}  // namespace

Json StateToJson(const migrate::State& state) {
  Json json;
  json["state"] = NameOf(state.phase);
  json["about"] = TraitsOf(state.phase).about;
  json["paused"] = state.paused;
  json["rounds"] = state.rounds;
  json["last_pause_ms"] = Known(state.last_pause_ms);
  json["writes_stopped_since_ms"] =
      state.pause_began_ms == 0 ? Json(nullptr) : Json(state.pause_began_ms);
  return json;
}

Result<Json> DescribeMigration(Catalog& catalog, const catalog::Migration& m, WallTime now) {
  AERIE_ASSIGN(const migrate::Standing standing, migrate::StandingOf(catalog, m, now));
  Json json = {{"migration", m.id},
               {"from", standing.spec.from},
               {"to", standing.spec.to},
               {"strategy", NameOf(standing.spec.rules.strategy)}};
  json.update(StateToJson(standing.state));
  json["driven"] = standing.driven;
  json["driver"] = m.holder
                       ? Json(m.holder->host + ", process " + std::to_string(m.holder->process.pid))
                       : Json(nullptr);
  json["request"] = m.request.number == 0 ? Json(nullptr) : Json(m.request.text);
  json["alerts"] = Json::array();
  for (const auto& a : standing.alerts) {
    json["alerts"].push_back(
        {{"incident", a.incident}, {"raised_ms", a.raised_ms}, {"text", a.text}});
  }
  json["monitor"] = standing.sample ? SampleToJson(*standing.sample) : Json(nullptr);
  json["work"] = standing.work ? WorkToJson(*standing.work) : Json(nullptr);
  json["lag_ms"] = standing.lag_ms ? Json(*standing.lag_ms) : Json(nullptr);
  json["created_ms"] = m.created_ms;
  json["updated_ms"] = m.updated_ms;
  return json;
}

std::string DescribeText(const Json& json, WallTime now) {
  const std::int64_t now_ms = ToUnixMillis(now);
  const auto text = [&](const char* key) { return json[key].get<std::string>(); };
  std::string lines = text("migration") + "  " + text("from") + " -> " + text("to") + "  " +
                      text("strategy") + "\n  " + text("state") + ": " + text("about") +
                      (json["paused"].get<bool>() ? " (paused)" : "") + "\n  rounds " +
                      std::to_string(json["rounds"].get<std::uint64_t>());
  if (!json["last_pause_ms"].is_null()) {
    lines += ", writes were stopped for " + Seconds(json["last_pause_ms"].get<std::int64_t>());
  }
  if (const Json& since = json["writes_stopped_since_ms"]; !since.is_null()) {
    lines += ", writes have been stopped for " + Seconds(now_ms - since.get<std::int64_t>());
  }
  lines += json["driven"].get<bool>() ? "\n  driven by " + text("driver") + "\n"
                                      : "\n  no process drives it\n";
  if (!json["work"].is_null()) lines += WorkText(json["work"], now_ms);
  if (!json["lag_ms"].is_null()) {
    lines += "  the other cluster is at most " + Seconds(json["lag_ms"].get<std::int64_t>()) +
             " behind\n";
  }
  if (!json["monitor"].is_null()) lines += MonitorText(json["monitor"], now_ms);
  if (!json["request"].is_null()) lines += "  waits for you: " + text("request") + "\n";
  for (const auto& alert : json["alerts"]) {
    lines += "  ALERT " + alert["incident"].get<std::string>() + ": " +
             alert["text"].get<std::string>() + "\n";
  }
  return lines;
}

std::string LogText(const std::vector<catalog::LogEntry>& log) {
  std::string text;
  for (const auto& entry : log) {
    text += FormatUtc(FromUnixMillis(entry.at_ms)) + " " + entry.kind + ": " + entry.text + "\n";
  }
  return text;
}

CommandResult WatchMigration(Environment& env, Catalog& catalog, const std::string& id) {
  const bool json = env.output.options().format == OutputFormat::kJson;
  const bool on_terminal = !json && isatty(STDOUT_FILENO) != 0;
  Screen screen;
  LogTail log;
  Json shown;
  for (;;) {
    const auto m = catalog.Find(id);
    if (!m.ok()) return Failure(m.status());
    const WallTime now = env.context.clock().Now();
    const auto described = DescribeMigration(catalog, *m, now);
    if (!described.ok()) return Failure(described.status());
    CommandResult result;
    result.json = *described;
    if (m->ended_ms != 0) {
      if (on_terminal) screen.Clear();
      result.text = DescribeText(*described, now);
      return result;
    }
    const bool changed = WithoutAges(*described) != shown;
    shown = WithoutAges(*described);
    if (on_terminal) {
      const Status read = log.Read(catalog, id);
      if (!read.ok()) return Failure(read);
      screen.Show(DescribeText(*described, now), log.lines());
    } else if (changed) {
      Json event = {{"event", "status"}};
      event.update(*described);
      const std::string line = json ? event.dump() + "\n" : DescribeText(*described, now);
      std::fputs(line.c_str(), stdout);
      std::fflush(stdout);
    }
    if (!env.context.Sleep(kLook, "watch").ok()) return result;
  }
}

}  // namespace aerie::cli
