// JSON lines: one object a line, a member a column. docs/exporting.md says how each type is
// spelled.
//
// Thread-safe.
#pragma once

#include <memory>

#include "files/table_format.h"

namespace aerie::files {

std::shared_ptr<const TableFormat> MakeJsonlFormat();

}  // namespace aerie::files
