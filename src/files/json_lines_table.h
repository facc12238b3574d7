// JSON lines of other programs as a table: one object a line, a member a column.
//
// Values are kJson, and null where a line lacks the member. Columns are those of the first lines,
// and `more`; a line with another member is refused.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "files/foreign_table.h"
#include "files/local_file.h"

namespace aerie::files {

inline constexpr std::size_t kMaxJsonLine = std::size_t{64} << 20;

Result<std::unique_ptr<ForeignTable>> OpenJsonLines(std::shared_ptr<const LocalFile> file,
                                                    const std::vector<std::string>& more);

}  // namespace aerie::files
