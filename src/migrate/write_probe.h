// What may be written to a cluster, and how fast, found out by trying.
//
// Nothing stays: the rows go into a scratch collection that is dropped whatever happens, and what
// is sent to the user's own collections writes no row. Free functions; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/context.h"
#include "migrate/finding.h"
#include "milvus/client.h"
#include "rows/schema.h"

namespace aerie::migrate {

struct ProbeLimits {
  std::uint64_t bytes = 16 << 20;  // of rows, at most
  Duration time = std::chrono::seconds(2);
};

struct TargetProbe {
  Finding rights;
  std::uint64_t bytes = 0;  // of rows that were written
  double seconds = 0;       // for them; 0: none could be
};
// Makes a collection of a name of its own, writes rows one call after the other until a limit is
// reached, changes and deletes one, and drops the collection, also when the context is cancelled.
TargetProbe ProbeTarget(const Context& context, milvus::Client& target,
                        const ProbeLimits& limits = {});

// "Upsert", "Delete": which of them this client may not do to the collection. Asked by calls that
// have no row, which a server refuses for that after it has looked at the rights. Errors when it
// cannot be asked.
Result<std::vector<std::string>> DeniedWrites(const Context& context, milvus::Client& client,
                                              const rows::CollectionSpec& spec);

}  // namespace aerie::migrate
