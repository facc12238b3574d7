// What commands and jobs say, as JSON, of snapshots, findings and outcomes; and the little that all
// of them need beside it.
//
// Pure but for HostName; any thread.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "app/result.h"
#include "app/session.h"
#include "repo/repository.h"
#include "rows/stream.h"
#include "transfer/endpoint.h"
#include "transfer/outcome.h"

namespace aerie::app {

Json ToJson(const rows::RangeDigest& digest);
Json ToJson(const rows::ReadReport& report);
Json ToJson(const repo::Snapshot& snapshot);
// First and last key, or null: all.
Json ToJson(const std::optional<std::pair<rows::Key, rows::Key>>& keys);
Json ToJson(const repo::Finding& finding);
// "damaged: message (where) [object]; remedy", a line.
std::string FindingText(const repo::Finding& finding, const char* word);
Json ToJson(const transfer::CollectionOutcome& outcome);

// What held reading back, into the result; nothing where nothing could.
void ReportThrottle(const transfer::Endpoint& endpoint, CommandResult& result);

// What was said goes before what is configured for the repository; 0 says that they are not to be.
Result<Duration> ImmutableFor(const Session& session, const std::string& text,
                              const std::string& repository);

// This machine's, for what a snapshot says of its making.
std::string HostName();

}  // namespace aerie::app
