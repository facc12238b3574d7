#include <memory>

#include "cli/args.h"
#include "cli/commands.h"

namespace aerie::cli {
namespace {

CommandResult Init(Environment& env, const RepoArg& args) {
  auto opened = env.session.Repository(env.context, args.text, args.flags, app::IfAbsent::kCreate);
  if (!opened.ok()) return Failure(opened.status());
  if (!opened->created) {
    return Failure(MakeStatus(Kind::kExists, "init " + opened->repository->Describe() +
                                                 ": there is a repository already; use it as it "
                                                 "is, or choose another place"));
  }
  CommandResult result;
  result.json["repository"] = {{"id", opened->repository->id()},
                               {"location", opened->repository->Describe()},
                               {"encrypted", opened->repository->encrypted()},
                               {"key_file", opened->key_file}};
  result.text = "created repository " + opened->repository->id().substr(0, 8) + " in " +
                opened->repository->Describe() +
                (opened->repository->encrypted() ? ", encrypted\n" : ", not encrypted\n");
  if (!opened->key_file.empty()) {
    result.warnings.push_back("its passphrase was generated and is in " + opened->key_file +
                              "; copy that file to another place: without it the backups cannot "
                              "be read");
  }
  return result;
}

CommandResult Stats(Environment& env, const RepoArg& args) {
  auto opened = env.session.Repository(env.context, args.text, args.flags, app::IfAbsent::kFail);
  if (!opened.ok()) return Failure(opened.status());
  auto stats = opened->repository->Stats(env.context);
  if (!stats.ok()) return Failure(stats.status());
  CommandResult result;
  result.json["repository"] = {{"id", opened->repository->id()},
                               {"location", opened->repository->Describe()},
                               {"encrypted", opened->repository->encrypted()}};
  result.json["snapshots"] = stats->snapshots;
  result.json["packs"] = stats->packs;
  result.json["indexes"] = stats->indexes;
  result.json["blobs"] = stats->blobs;
  result.json["stored_bytes"] = stats->pack_bytes;
  result.json["plain_bytes"] = stats->blob_plain_bytes;
  result.json["unindexed_packs"] = stats->unindexed_packs;
  result.text = "repository  " + opened->repository->id() + "\nlocation    " +
                opened->repository->Describe() + "\nencrypted   " +
                (opened->repository->encrypted() ? "yes" : "no") + "\nsnapshots   " +
                std::to_string(stats->snapshots) + "\nstored      " +
                HumanBytes(stats->pack_bytes) + " in " + std::to_string(stats->packs) +
                " packs\ndistinct    " + HumanBytes(stats->blob_plain_bytes) + " in " +
                std::to_string(stats->blobs) + " blobs\n";
  if (stats->unindexed_packs > 0) {
    result.text += "unfinished  " + std::to_string(stats->unindexed_packs) +
                   " packs of interrupted backups; the next backup takes them over\n";
  }
  return result;
}

}  // namespace

void AddRepoCommands(CLI::App& root, Action& action) {
  CLI::App* group = root.add_subcommand(
      "repo", "Make, look at, check, repair, mirror and clear out a repository");
  group->require_subcommand(1);
  {
    auto args = std::make_shared<RepoArg>();
    CLI::App* cmd =
        group->add_subcommand("init", "Make a repository (backup create does it as well)");
    AddRepoOption(*cmd, *args, true);
    AddKdfOptions(*cmd, args->flags.kdf);
    cmd->callback(
        [&action, args] { action = [args](Environment& env) { return Init(env, *args); }; });
  }
  {
    auto args = std::make_shared<RepoArg>();
    CLI::App* cmd = group->add_subcommand("stats", "How much a repository holds");
    AddRepoOption(*cmd, *args, false);
    cmd->callback(
        [&action, args] { action = [args](Environment& env) { return Stats(env, *args); }; });
  }
  AddCheckCommands(*group, action);
  AddPruneCommands(*group, action);
  AddMirrorCommand(*group, action);
  AddKeyCommands(*group, action);
}

}  // namespace aerie::cli
