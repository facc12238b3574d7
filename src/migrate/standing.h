// Where a migration is, as `aerie migrate status` and the API tell it: what the catalog keeps of
// it, understood, and what follows from that at one moment. Values; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "catalog/catalog.h"
#include "migrate/machine.h"
#include "migrate/pace.h"
#include "migrate/spec.h"

namespace aerie::migrate {

struct Standing {
  MigrationSpec spec{};
  State state{};
  bool driven = false;                      // a process drives it now
  std::vector<catalog::Alert> alerts{};     // those that are open
  std::vector<catalog::Command> waiting{};  // words that are not answered yet
  std::optional<catalog::Sample> sample{};  // what the monitor saw last
  // What a process does this moment.
  struct Work {
    Pace::Work pace{};
    std::int64_t rows_total = -1;  // of the side that is read; -1: not known
    std::int64_t rows_per_second = 0;
    std::optional<std::int64_t> estimated_end_ms{};
  };
  std::optional<Work> work{};
  std::optional<std::int64_t> lag_ms{};  // how far the other cluster may be behind
};

bool IsDriven(const catalog::Migration& migration);

// Errors: the catalog's; kCorrupt when another version wrote it.
Result<Standing> StandingOf(catalog::Catalog& catalog, const catalog::Migration& migration,
                            WallTime now);

// The words that would not be refused now.
std::vector<std::string> AllowedWords(const catalog::Migration& migration, const Standing& standing,
                                      WallTime now);

}  // namespace aerie::migrate
