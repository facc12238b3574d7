// An incident, a message about it, and how the catalog and receivers see them as JSON.
//
// Plain values and pure functions; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "alerts/policy.h"
#include "base/status.h"

namespace aerie::alerts {

// Open from `opened_ms` to `resolved_ms`; before that it is pending: it holds, but not for long
// enough. Times are milliseconds since the Unix epoch, 0: not yet.
struct Incident {
  std::int64_t number = 0;
  Rule rule{};
  std::string about{};
  Severity severity{};
  std::string summary{};
  std::vector<std::string> things{};
  std::vector<std::string> details{};
  std::string remedy{};
  std::int64_t since_ms = 0;  // it holds
  std::int64_t opened_ms = 0;
  std::int64_t over_ms = 0;  // it does not hold any more; 0: it does
  std::int64_t resolved_ms = 0;
  std::int64_t acknowledged_ms = 0;  // of the catalog's row, as are the next two
  std::string acknowledged_by{};
  // --- What was told ---
  std::int64_t messages = 0;
  std::int64_t told_ms = 0;  // the last message
  Severity told_severity{};  // the highest
  std::vector<std::string> told_things{};
  bool told_acknowledged = false;
  std::set<std::string> channels{};  // that heard of it

  bool operator==(const Incident&) const = default;
};

enum class Event { kOpened, kWorse, kReminder, kAcknowledged, kResolved, kTest };
const char* NameOf(Event event);

struct Message {
  std::string key{};  // the same each time that it is sent
  std::string dedup_key{};
  Event event{};
  std::int64_t incident = 0;
  Rule rule{};
  std::string about{};
  Severity severity{};
  std::string summary{};
  std::vector<std::string> details{};
  std::string remedy{};
  std::int64_t at_ms = 0;
  std::int64_t opened_ms = 0;
  std::int64_t resolved_ms = 0;
  std::string acknowledged_by{};
  std::string link{};
  std::set<std::string> channels{};  // it is for; not in the JSON

  bool operator==(const Message&) const = default;
};

// What the catalog keeps of an incident beside its row's columns, which the reader gives.
std::string StateText(const Incident& incident);
// kCorrupt.
Status ReadState(const std::string& text, Incident& incident);

// The JSON that receivers get; docs/alerting.md.
std::string ToText(const Message& message);
// kCorrupt.
Result<Message> MessageFromText(const std::string& text);

// "[critical] prod: ..." and, of what is over, "[resolved] ...": a line.
std::string Headline(const Message& message);
// The whole message, in lines.
std::string PlainText(const Message& message);

}  // namespace aerie::alerts
