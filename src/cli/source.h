// What export and bundle pack read from: a snapshot or a cluster, as the user names it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>

#include "cli/args.h"
#include "cli/commands.h"
#include "transfer/endpoint.h"
#include "transfer/selection.h"

namespace aerie::cli {

struct SourceArgs {
  std::string text;
  RepoArg repo;
  app::ClusterFlags login;
  transfer::Selection selection;
  bool no_load = false;
};
// The positional SOURCE, called `about`, and what goes with it.
void AddSourceOptions(CLI::App& command, SourceArgs& args, const std::string& about);

// With what it stands on.
struct Source {
  app::OpenedRepository opened;            // of a snapshot
  std::optional<repo::Snapshot> snapshot;  // none: a cluster
  std::shared_ptr<milvus::Client> client;  // of a cluster
  std::string label;                       // its name; or the snapshot's id
  transfer::Selection selection;           // with what stood behind the source
  std::unique_ptr<transfer::Endpoint> endpoint;
  // "snapshot 1f2e..." or "cluster NAME".
  std::string Describe() const { return (snapshot ? "snapshot " : "cluster ") + label; }
};
// `verb` leads messages about the arguments.
Result<Source> OpenSource(Environment& env, const SourceArgs& args, const std::string& verb);

}  // namespace aerie::cli
