#include "alerts/incident.h"

#include <array>

#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/duration.h"

namespace aerie::alerts {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<const char*, 6> kEvents = {"opened",       "worse",    "reminder",
                                                "acknowledged", "resolved", "test"};

Json TimeOrNull(std::int64_t ms) { return ms == 0 ? Json() : Json(FormatUtc(FromUnixMillis(ms))); }

Status Corrupt(const std::string& what) {
  return CorruptError(what +
                      " of an alert in the catalog: it was not written by this version of aerie");
}

}  // namespace

const char* NameOf(Event event) { return kEvents[static_cast<std::size_t>(event)]; }

std::string StateText(const Incident& i) {
  return Json{{"severity", NameOf(i.severity)},
              {"summary", i.summary},
              {"things", i.things},
              {"details", i.details},
              {"remedy", i.remedy},
              {"since_ms", i.since_ms},
              {"over_ms", i.over_ms},
              {"messages", i.messages},
              {"told_ms", i.told_ms},
              {"told_severity", NameOf(i.told_severity)},
              {"told_things", i.told_things},
              {"told_acknowledged", i.told_acknowledged},
              {"channels", i.channels}}
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

Status ReadState(const std::string& text, Incident& i) {
  try {
    const Json json = Json::parse(text);
    const auto severity = SeverityOf(json.at("severity").get<std::string>());
    const auto told = SeverityOf(json.at("told_severity").get<std::string>());
    if (!severity || !told) return Corrupt("the severity");
    i.severity = *severity;
    i.told_severity = *told;
    json.at("summary").get_to(i.summary);
    json.at("things").get_to(i.things);
    json.at("details").get_to(i.details);
    json.at("remedy").get_to(i.remedy);
    json.at("since_ms").get_to(i.since_ms);
    json.at("over_ms").get_to(i.over_ms);
    json.at("messages").get_to(i.messages);
    json.at("told_ms").get_to(i.told_ms);
    json.at("told_things").get_to(i.told_things);
    json.at("told_acknowledged").get_to(i.told_acknowledged);
    json.at("channels").get_to(i.channels);
  } catch (const Json::exception&) {
    return Corrupt("the state");
  }
  return Ok();
}

std::string ToText(const Message& m) {
  Json json{{"key", m.key},
            {"event", NameOf(m.event)},
            {"incident", m.incident},
            {"dedup_key", m.dedup_key},
            {"rule", m.event == Event::kTest ? "test" : NameOf(m.rule)},
            {"about", m.about},
            {"severity", NameOf(m.severity)},
            {"summary", m.summary},
            {"details", m.details},
            {"remedy", m.remedy},
            {"at", FormatUtc(FromUnixMillis(m.at_ms))},
            {"opened_at", TimeOrNull(m.opened_ms)},
            {"resolved_at", TimeOrNull(m.resolved_ms)},
            {"acknowledged_by", m.acknowledged_by.empty() ? Json() : Json(m.acknowledged_by)},
            {"link", m.link.empty() ? Json() : Json(m.link)},
            {"at_ms", m.at_ms},
            {"opened_ms", m.opened_ms},
            {"resolved_ms", m.resolved_ms}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<Message> MessageFromText(const std::string& text) {
  Message m;
  try {
    const Json json = Json::parse(text);
    const auto event = json.at("event").get<std::string>();
    const auto rule = RuleOf(json.at("rule").get<std::string>());
    const auto severity = SeverityOf(json.at("severity").get<std::string>());
    std::size_t i = 0;
    while (i < kEvents.size() && event != kEvents[i]) ++i;
    if (i == kEvents.size() || !severity) return Corrupt("the message");
    m.event = static_cast<Event>(i);
    if (!rule && m.event != Event::kTest) return Corrupt("the rule");
    m.rule = rule.value_or(Rule{});
    m.severity = *severity;
    json.at("key").get_to(m.key);
    json.at("incident").get_to(m.incident);
    json.at("dedup_key").get_to(m.dedup_key);
    json.at("about").get_to(m.about);
    json.at("summary").get_to(m.summary);
    json.at("details").get_to(m.details);
    json.at("remedy").get_to(m.remedy);
    json.at("at_ms").get_to(m.at_ms);
    json.at("opened_ms").get_to(m.opened_ms);
    json.at("resolved_ms").get_to(m.resolved_ms);
    if (json.at("acknowledged_by").is_string()) {
      json.at("acknowledged_by").get_to(m.acknowledged_by);
    }
    if (json.at("link").is_string()) json.at("link").get_to(m.link);
  } catch (const Json::exception&) {
    return Corrupt("the message");
  }
  return m;
}

std::string Headline(const Message& m) {
  std::string lead = NameOf(m.severity);
  switch (m.event) {
    case Event::kResolved: lead = "resolved"; break;
    case Event::kAcknowledged: lead = "acknowledged by " + m.acknowledged_by; break;
    case Event::kTest: lead = "test"; break;
    case Event::kWorse: lead += ", worse"; break;
    case Event::kReminder: lead += ", still"; break;
    case Event::kOpened: break;
  }
  std::string line = "[" + lead + "] " + m.summary;
  // What a server said may have several.
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  }
  return line;
}

std::string PlainText(const Message& m) {
  std::string text = Headline(m) + "\n";
  const bool over = m.event == Event::kResolved;
  if (!over) {
    for (const std::string& detail : m.details) text += "  " + detail + "\n";
    if (!m.remedy.empty()) text += "To do: " + m.remedy + "\n";
  }
  if (m.event != Event::kTest) {
    const std::string number = std::to_string(m.incident);
    text += "Incident " + number + " (" + NameOf(m.rule) + "), " +
            (over ? "open for " + AgeText(std::chrono::milliseconds(m.resolved_ms - m.opened_ms)) +
                        " since "
                  : "open since ") +
            FormatUtc(FromUnixMillis(m.opened_ms)) + "\n";
    text += m.link.empty() ? "aerie alert show " + number + "\n" : m.link + "\n";
  }
  return text;
}

}  // namespace aerie::alerts
