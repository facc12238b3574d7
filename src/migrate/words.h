// Words for a migration: what an operator says to it, on the command line or over the API. They are
// left in the catalog for the process that drives it; where none does, what needs no action is
// obeyed at once.
//
// Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "catalog/catalog.h"
#include "migrate/machine.h"

namespace aerie::migrate {

// All of them: "approve", "pause", "resume", "cutover", "rollback", "complete", "abort".
const std::vector<std::string>& Words();
// The event of one; nullopt for other words, and for "approve", which is none of the machine.
std::optional<Event::Type> EventOf(const std::string& verb);

struct Said {
  std::int64_t number = 0;  // of the word in the catalog
  bool driven = false;      // a process drives the migration, and answers in a moment
  bool answered = false;    // else it waits for that process, or for one
  std::string refusal{};    // of an answered one: why not; "": it was obeyed
};

// `request`: of an approve, the number of the request that its speaker saw. `me`: who obeys it
// where nobody drives. kNotFound; kRefused when the migration has ended, or asks for no approval,
// or for another one: then nothing was said.
Result<Said> Say(catalog::Catalog& catalog, const std::string& id, const std::string& verb,
                 std::int64_t request, const catalog::Holder& me, WallTime now);

}  // namespace aerie::migrate
