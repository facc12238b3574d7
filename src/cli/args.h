// Options that several commands share, so that they read the same everywhere.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "app/kinds/tools.h"
#include "app/result_json.h"
#include "app/session.h"
#include "cli/output.h"
#include "transfer/backup.h"
#include "transfer/diff.h"
#include "transfer/endpoint.h"
#include "transfer/restore.h"
#include "transfer/selection.h"

namespace aerie::cli {

using app::ClusterArg;
using app::FindingText;
using app::HostName;
using app::ImmutableFor;
using app::RepoArg;
using app::ReportThrottle;
using app::ToJson;

// `STEM-file`, `STEM-command` and `STEM-fd`: where a secret comes from. `what` names it, such as
// "the passphrase"; `besides` is what may be said instead, such as " (or set AERIE_PASSWORD)".
void AddSecretOptions(CLI::App& command, app::SecretFlags& flags, const std::string& stem,
                      const std::string& what, const std::string& besides,
                      const std::string& group);

// `--cluster` (or another name) and the ways to log in.
void AddClusterOption(CLI::App& command, const std::string& name, const std::string& about,
                      ClusterArg& arg);
// Named as `flags` says.
void AddLoginOptions(CLI::App& command, app::ClusterFlags& flags,
                     const std::string& group = "Login");

void AddRepoOption(CLI::App& command, RepoArg& arg, bool may_create);

// `--immutable-for`, of snapshots that the command makes.
void AddImmutableOption(CLI::App& command, std::string& text);

// `--argon2-memory` and `--argon2-passes`, of a key that the command makes.
void AddKdfOptions(CLI::App& command, repo::KdfRequest& kdf);

// Limits on the reading of a live cluster.
void AddReadingOptions(CLI::App& command, app::ClusterLimitTexts& limits);
// The same on what is asked of a repository's store; AddRepoOption has them already.
void AddStoreLimitOptions(CLI::App& command, app::StoreLimitTexts& limits);

void AddSelectionOptions(CLI::App& command, transfer::Selection& selection, bool with_rows);

Json ToJson(const transfer::CollectionDiff& diff);

// A finished diff as a result: exit code 4 when the sides differ.
CommandResult DiffToResult(const Result<transfer::DiffResult>& diff, const std::string& left,
                           const std::string& right);

// A diff as text: nothing but one line when both sides are the same.
std::string DiffText(const transfer::DiffResult& diff, const std::string& left,
                     const std::string& right);

}  // namespace aerie::cli
