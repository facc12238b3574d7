#include "app/config_serve.h"

#include <cstdlib>

#include "app/result.h"
#include "app/yaml_section.h"
#include "jobs/schedule.h"

namespace aerie::app {
namespace {

// Scalars stay texts: whoever reads a job's spec takes "7" for a number where one belongs.
Json JsonOf(const YAML::Node& node) {
  if (!node.IsDefined() || node.IsNull()) return nullptr;
  if (node.IsScalar()) return node.Scalar();
  Json json = node.IsMap() ? Json::object() : Json::array();
  if (node.IsMap()) {
    for (const auto& entry : node) json[entry.first.Scalar()] = JsonOf(entry.second);
  } else {
    for (const auto& one : node) json.push_back(JsonOf(one));
  }
  return json;
}

Status ReadSchedule(const YAML::Node& node, const std::string& file, const std::string& id,
                    ScheduleConfig& out) {
  Section section(node, file, "schedules." + id);
  Json json = Json::object();
  for (const char* key : {"when", "zone", "jitter", "window", "missed", "overlap", "kind"}) {
    std::string text;
    section.Text(key, text);
    if (!text.empty()) json[key] = text;
  }
  std::vector<std::string> blackouts;
  section.Texts("blackouts", blackouts);
  if (!blackouts.empty()) json["blackouts"] = blackouts;
  std::optional<bool> enabled;
  section.Flag("enabled", enabled);
  if (enabled) json["enabled"] = *enabled;
  std::optional<std::int64_t> priority;
  section.Number("priority", -1000, 1000, priority);
  if (priority) json["priority"] = *priority;
  const YAML::Node job = section.Child("job");
  if (job.IsDefined() && !job.IsNull()) json["job"] = JsonOf(job);
  AERIE_TRY(section.Finish());
  out = {.id = id, .text = Dump(json), .line = (job.IsDefined() ? job : node).Mark().line + 1};
  const auto spec = jobs::ScheduleFromText(id, out.text);
  if (!spec.ok()) {
    section.Fail(node, std::string(spec.status().message()));
  } else if (spec->kind.empty()) {
    section.Fail(node, "'schedules." + id + ".kind' is missing; docs/jobs.md lists the kinds");
  }
  return section.status();
}

}  // namespace

Status ReadServe(const YAML::Node& node, const std::string& file, ServeConfig& out) {
  if (!node.IsDefined() || node.IsNull()) return Ok();
  Section section(node, file, "serve");
  std::optional<std::int64_t> places;
  std::optional<Duration> keep;
  section.Text("data_dir", out.data_dir);
  section.Number("places", 1, 64, places);
  section.Time("keep_history", keep);
  if (places) out.places = *places;
  if (keep) out.keep_history = *keep;
  return section.Finish();
}

Status ReadSchedules(const YAML::Node& node, const std::string& file,
                     std::vector<ScheduleConfig>& out) {
  if (!node.IsDefined() || node.IsNull()) return Ok();
  if (!node.IsMap()) {
    return InvalidError(file + ":" + std::to_string(node.Mark().line + 1) +
                        ": 'schedules' must be a mapping of names");
  }
  for (const auto& entry : node) {
    AERIE_TRY(ReadSchedule(entry.second, file, entry.first.Scalar(), out.emplace_back()));
  }
  return Ok();
}

}  // namespace aerie::app
