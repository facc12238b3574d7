// aerie backup delete, pin, unpin.
#include <algorithm>
#include <memory>
#include <set>

#include "cli/args.h"
#include "cli/commands.h"
#include "repo/pins.h"
#include "repo/snapshot_delete.h"

namespace aerie::cli {
namespace {

struct NamedArgs {
  RepoArg repo;
  std::vector<std::string> snapshots;
  bool dry_run = false;
};

// The ids of what the user named, each once. A damaged snapshot is known by its whole id only.
Result<std::vector<repo::SnapshotId>> Resolve(const Context& context, repo::Repository& repository,
                                              const std::vector<std::string>& names) {
  std::vector<repo::SnapshotId> ids;
  for (const std::string& name : names) {
    auto found = repository.FindSnapshot(context, name);
    const bool damaged = KindOf(found.status()) == Kind::kCorrupt && name.size() == 32;
    if (!found.ok() && !damaged) return found.status();
    const repo::SnapshotId id = damaged ? repo::SnapshotId{name} : found->id;
    if (std::ranges::count(ids, id) == 0) ids.push_back(id);
  }
  return ids;
}

std::string CountText(std::size_t count) {
  return std::to_string(count) + (count == 1 ? " snapshot" : " snapshots");
}

Json Ids(const std::vector<repo::SnapshotId>& ids) {
  Json json = Json::array();
  for (const auto& id : ids) json.push_back(id.hex);
  return json;
}

// What is going to be deleted, as it stands before.
CommandResult Announce(const std::vector<repo::Snapshot>& snapshots,
                       const std::vector<repo::SnapshotId>& ids) {
  CommandResult result;
  std::vector<std::vector<std::string>> table = {{"ID", "CREATED", "CLUSTER", "SIZE"}};
  for (const auto& id : ids) {
    const auto at = std::ranges::find(snapshots, id, &repo::Snapshot::id);
    if (at == snapshots.end()) {
      table.push_back({id.Short(), "?", "cannot be read", ""});
    } else {
      table.push_back({id.Short(), FormatUtc(FromUnixMillis(at->created_ms)).substr(0, 19) + "Z",
                       at->cluster, HumanBytes(at->stats.plain_bytes)});
    }
  }
  result.text = Table(table);
  for (const std::string& name : repo::LastOf(snapshots, ids)) {
    result.warnings.push_back("no complete snapshot of " + name + " is left after this");
  }
  return result;
}

CommandResult Delete(Environment& env, const NamedArgs& args) {
  auto opened =
      env.session.Repository(env.context, args.repo.text, args.repo.flags, app::IfAbsent::kFail);
  if (!opened.ok()) return Failure(opened.status());
  repo::Repository& repository = *opened->repository;
  auto ids = Resolve(env.context, repository, args.snapshots);
  if (!ids.ok()) return Failure(ids.status());
  std::vector<repo::Finding> damaged;
  auto snapshots = repository.ListSnapshots(env.context, &damaged);
  if (!snapshots.ok()) return Failure(snapshots.status());

  CommandResult result = Announce(*snapshots, *ids);
  if (args.dry_run) {
    result.state = "planned";
    result.text = "would delete:\n" + result.text;
    result.json["would_delete"] = Ids(*ids);
    return result;
  }
  std::string question = "delete " + CountText(ids->size());
  for (const auto& id : *ids) question += " " + id.Short();
  for (const std::string& warning : result.warnings) question += " (" + warning + ")";
  if (const Status confirmed = Confirm(env, question); !confirmed.ok()) return Failure(confirmed);

  auto deleted = repo::DeleteSnapshots(env.context, repository, *ids);
  if (!deleted.ok()) return Failure(deleted.status());
  std::vector<repo::SnapshotId> gone;
  for (const auto& item : *deleted) {
    if (item.status.ok()) {
      gone.push_back(item.id);
    } else {
      result.warnings.emplace_back(item.status.message());
      result.status = item.status;
    }
  }
  if (!result.status.ok() && !gone.empty()) {
    result.status = MakeStatus(Kind::kPartial, "delete snapshots: " + std::to_string(gone.size()) +
                                                   " of " + std::to_string(ids->size()) +
                                                   " are gone; run the command again for the rest");
  }
  result.json["deleted"] = Ids(gone);
  result.text = "deleted " + CountText(gone.size()) +
                "; the space is freed by aerie repo prune --yes, run now and again after a day\n";
  return result;
}

enum class Pinning { kPin, kUnpin };

CommandResult SetPins(Environment& env, const NamedArgs& args, Pinning pinning) {
  auto opened =
      env.session.Repository(env.context, args.repo.text, args.repo.flags, app::IfAbsent::kFail);
  if (!opened.ok()) return Failure(opened.status());
  auto ids = Resolve(env.context, *opened->repository, args.snapshots);
  if (!ids.ok()) return Failure(ids.status());
  CommandResult result;
  const char* const word = pinning == Pinning::kPin ? "pinned" : "unpinned";
  result.json[word] = Json::array();
  for (const auto& id : *ids) {
    const Status done = pinning == Pinning::kPin
                            ? repo::PinSnapshot(env.context, *opened->repository, id)
                            : repo::UnpinSnapshot(env.context, *opened->repository, id);
    if (!done.ok()) {
      result.status = done;
      return result;
    }
    result.json[word].push_back(id.hex);
    result.text += std::string(word) + " snapshot " + id.Short() + "\n";
  }
  return result;
}

std::shared_ptr<NamedArgs> AddNamed(CLI::App& command) {
  auto args = std::make_shared<NamedArgs>();
  command
      .add_option("SNAPSHOT", args->snapshots, "Ids, unambiguous prefixes, or latest (repeatable)")
      ->required();
  AddRepoOption(command, args->repo, false);
  return args;
}

}  // namespace

void AddDeleteCommands(CLI::App& backup, Action& action) {
  {
    CLI::App* cmd = backup.add_subcommand(
        "delete", "Delete snapshots; asks, or needs --yes (repo prune frees the space)");
    const auto args = AddNamed(*cmd);
    cmd->add_flag("-n,--dry-run", args->dry_run, "Show what would be deleted; change nothing");
    cmd->callback(
        [&action, args] { action = [args](Environment& env) { return Delete(env, *args); }; });
  }
  {
    CLI::App* cmd =
        backup.add_subcommand("pin", "Protect snapshots: nothing deletes them until unpin");
    const auto args = AddNamed(*cmd);
    cmd->callback([&action, args] {
      action = [args](Environment& env) { return SetPins(env, *args, Pinning::kPin); };
    });
  }
  {
    CLI::App* cmd = backup.add_subcommand("unpin", "Let snapshots be deleted again");
    const auto args = AddNamed(*cmd);
    cmd->callback([&action, args] {
      action = [args](Environment& env) { return SetPins(env, *args, Pinning::kUnpin); };
    });
  }
}

}  // namespace aerie::cli
