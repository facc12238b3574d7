#include <memory>

#include "cli/args.h"
#include "cli/commands.h"
#include "transfer/diff.h"
#include "transfer/endpoint.h"

namespace aerie::cli {
namespace {

struct DiffArgs {
  std::string a;
  std::string b;
  RepoArg repo;
  app::ClusterFlags login;
  transfer::Selection selection;
  std::size_t examples = 10;
  std::size_t workers = 2;
  bool rows_only = false;
};

// One side of a comparison with what it stands on.
struct Side {
  std::shared_ptr<milvus::Client> client;
  std::unique_ptr<transfer::Endpoint> endpoint;
};

class SideOpener {
 public:
  SideOpener(Environment& env, const DiffArgs& args) : env_(env), args_(args) {}

  Result<Side> Open(const app::Target& target) {
    Side side;
    if (env_.session.LooksLikeCluster(target.thing)) {
      AERIE_ASSIGN(auto cluster, env_.session.Cluster(env_.context, target.thing, args_.login));
      side.client = cluster.client;
      side.endpoint = transfer::MakeClusterEndpoint(
          side.client,
          {.throttle = transfer::ClusterThrottle::Make(cluster.throttle, env_.output)});
      return side;
    }
    if (!opened_.repository) {
      AERIE_ASSIGN(opened_, env_.session.Repository(env_.context, args_.repo.text, args_.repo.flags,
                                                    app::IfAbsent::kFail));
    }
    AERIE_ASSIGN(auto snapshot, opened_.repository->FindSnapshot(env_.context, target.thing));
    side.endpoint = transfer::MakeSnapshotEndpoint(*opened_.repository, std::move(snapshot));
    return side;
  }

 private:
  Environment& env_;
  const DiffArgs& args_;
  app::OpenedRepository opened_;
};

CommandResult Diff(Environment& env, const DiffArgs& args) {
  SideOpener opener(env, args);
  const app::Target a = app::ParseTarget(args.a);
  const app::Target b = app::ParseTarget(args.b);
  auto left = opener.Open(a);
  if (!left.ok()) return Failure(left.status());
  auto right = opener.Open(b);
  if (!right.ok()) return Failure(right.status());
  transfer::DiffOptions options;
  options.selection = args.selection;
  options.max_examples = args.examples;
  options.parallel_collections = args.workers;
  options.compare_specs = !args.rows_only;
  if (a.collection || b.collection) {
    options.left_name = a.collection ? *a.collection : *b.collection;
    options.right_name = b.collection ? *b.collection : *a.collection;
  }
  return DiffToResult(
      transfer::RunDiff(env.context, *left->endpoint, *right->endpoint, options, env.output),
      left->endpoint->Describe(), right->endpoint->Describe());
}

}  // namespace

void AddDiffCommand(CLI::App& root, Action& action) {
  auto args = std::make_shared<DiffArgs>();
  CLI::App* cmd = root.add_subcommand(
      "diff", "Compare two sides row by row: a snapshot, a cluster, or SIDE/database.collection");
  cmd->add_option("A", args->a, "Snapshot, cluster, or either with /database.collection")
      ->required();
  cmd->add_option("B", args->b, "The other side")->required();
  AddRepoOption(*cmd, args->repo, false);
  AddLoginOptions(*cmd, args->login);
  AddReadingOptions(*cmd, args->login.limits);
  AddSelectionOptions(*cmd, args->selection, false);
  cmd->add_option("--examples", args->examples,
                  "Differing rows of each kind to show for each collection")
      ->capture_default_str();
  cmd->add_option("--workers", args->workers, "Collections compared at once")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  cmd->add_flag("--rows-only", args->rows_only,
                "Do not compare schemas, indexes, aliases and properties");
  cmd->callback(
      [&action, args] { action = [args](Environment& env) { return Diff(env, *args); }; });
}

}  // namespace aerie::cli
