// The history of backups made again from the repositories, when the catalog was lost, and what is
// kept of it (docs/jobs.md, History).
//
// Free functions; any thread, any process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "app/config.h"
#include "base/context.h"
#include "base/status.h"
#include "catalog/job_store.h"
#include "repo/repository.h"

namespace aerie::app {

// For each snapshot that no job has made, as far as the catalog knows, a completed job of kind
// "backup" with the snapshot's times; older ones than `keep_history` are left out. How many.
// Run again, it makes none twice.
Result<std::size_t> RebuildHistory(const Context& context, repo::Repository& repository,
                                   const std::string& name, Duration keep_history,
                                   catalog::JobStore& store);

// Of all repositories of the configuration; one that cannot be looked at is told in the log, and
// stops no other. Errors: the catalog's.
Result<std::size_t> RebuildHistories(const Context& context, const Config& config,
                                     catalog::JobStore& store);

}  // namespace aerie::app
