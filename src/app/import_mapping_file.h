// The YAML file that says how files of other programs become a collection (docs/exporting.md,
// "Mapping").
//
// Free functions; any thread.
#pragma once

#include <string>

#include "base/status.h"
#include "files/import_mapping.h"

namespace aerie::app {

// kInvalid with file, line and, for an unknown key, the nearest name.
Result<files::ImportMapping> ParseImportMapping(const std::string& yaml, const std::string& file);
// kNotFound when it cannot be read.
Result<files::ImportMapping> LoadImportMapping(const std::string& file);

}  // namespace aerie::app
