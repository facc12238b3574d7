// What a migration was begun with, as the catalog keeps it: no secret is in it.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "migrate/machine.h"

namespace aerie::migrate {

struct MigrationSpec {
  std::string from;  // configured name, or address without credentials
  std::string to;
  std::vector<std::string> collections;  // globs, as given
  std::string database;
  Rules rules = {};
  std::string fence_command{};  // empty: by hand
  bool fence_by_privileges = false;
  std::string switch_command{};
  std::string alert_command{};
  Duration hook_timeout = std::chrono::seconds(30);
  std::vector<std::string> accept{};  // checks that may fail
};

std::string ToText(const MigrationSpec& spec);
// kCorrupt when it is not what ToText makes.
Result<MigrationSpec> SpecFromText(const std::string& text);

// Names of the members in which they differ; what may be said anew in a later run is not compared.
std::vector<std::string> Differences(const MigrationSpec& stored, const MigrationSpec& given);

}  // namespace aerie::migrate
