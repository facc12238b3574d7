// Options that several commands share, so that they read the same everywhere.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "app/session.h"
#include "cli/output.h"
#include "transfer/backup.h"
#include "transfer/diff.h"
#include "transfer/endpoint.h"
#include "transfer/restore.h"
#include "transfer/selection.h"

namespace aerie::cli {

// `STEM-file`, `STEM-command` and `STEM-fd`: where a secret comes from. `what` names it, such as
// "the passphrase"; `besides` is what may be said instead, such as " (or set AERIE_PASSWORD)".
void AddSecretOptions(CLI::App& command, app::SecretFlags& flags, const std::string& stem,
                      const std::string& what, const std::string& besides,
                      const std::string& group);

struct ClusterArg {
  std::string text;
  app::ClusterFlags flags;
};
// `--cluster` (or another name) and the ways to log in.
void AddClusterOption(CLI::App& command, const std::string& name, const std::string& about,
                      ClusterArg& arg);
// Named as `flags` says.
void AddLoginOptions(CLI::App& command, app::ClusterFlags& flags,
                     const std::string& group = "Login");

struct RepoArg {
  std::string text;
  app::RepositoryFlags flags;
};
void AddRepoOption(CLI::App& command, RepoArg& arg, bool may_create);

// `--immutable-for`, of snapshots that the command makes.
void AddImmutableOption(CLI::App& command, std::string& text);
// What was said goes before what is configured for the repository; 0 says that they are not to be.
Result<Duration> ImmutableFor(const app::Session& session, const std::string& text,
                              const std::string& repository);

// `--argon2-memory` and `--argon2-passes`, of a key that the command makes.
void AddKdfOptions(CLI::App& command, repo::KdfRequest& kdf);

// Limits on the reading of a live cluster.
void AddReadingOptions(CLI::App& command, app::ClusterLimitTexts& limits);
// The same on what is asked of a repository's store; AddRepoOption has them already.
void AddStoreLimitOptions(CLI::App& command, app::StoreLimitTexts& limits);
// What held reading back, into the result; nothing where nothing could.
void ReportThrottle(const transfer::Endpoint& endpoint, CommandResult& result);

void AddSelectionOptions(CLI::App& command, transfer::Selection& selection, bool with_rows);

// This machine's, for what a snapshot says of its making.
std::string HostName();

Json ToJson(const rows::RangeDigest& digest);
Json ToJson(const rows::ReadReport& report);
Json ToJson(const repo::Snapshot& snapshot);
// First and last key, or null: all.
Json ToJson(const std::optional<std::pair<rows::Key, rows::Key>>& keys);
Json ToJson(const repo::Finding& finding);
// "damaged: message (where) [object]; remedy", a line.
std::string FindingText(const repo::Finding& finding, const char* word);
Json ToJson(const transfer::CollectionDiff& diff);
Json ToJson(const transfer::CollectionOutcome& outcome);

// A finished diff as a result: exit code 4 when the sides differ.
CommandResult DiffToResult(const Result<transfer::DiffResult>& diff, const std::string& left,
                           const std::string& right);

// A diff as text: nothing but one line when both sides are the same.
std::string DiffText(const transfer::DiffResult& diff, const std::string& left,
                     const std::string& right);

}  // namespace aerie::cli
