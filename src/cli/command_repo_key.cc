#include <cstdio>
#include <memory>

#include "cli/args.h"
#include "cli/commands.h"
#include "repo/repo_keys.h"

namespace aerie::cli {
namespace {

struct KeyArgs {
  RepoArg repo;
  app::SecretFlags fresh;  // where the new passphrase comes from
  std::string id;
};

std::string CreatedText(const repo::KeyEntry& entry) {
  if (!entry.damage.empty()) return "?";
  return FormatUtc(FromUnixMillis(entry.created_ms)).substr(0, 19) + "Z";
}

CommandResult List(Environment& env, const KeyArgs& args) {
  const auto access = env.session.Access(env.context, args.repo.text, args.repo.flags);
  if (!access.ok()) return Failure(access.status());
  const auto entries = repo::ListKeys(env.context, *access->store, access->passphrase);
  if (!entries.ok()) return Failure(entries.status());
  CommandResult result;
  Json keys = Json::array();
  std::vector<std::vector<std::string>> table = {{"ID", "CREATED", "IN USE", ""}};
  for (const repo::KeyEntry& entry : *entries) {
    keys.push_back({{"id", entry.id},
                    {"created_ms", entry.created_ms},
                    {"in_use", entry.in_use},
                    {"kdf_passes", entry.cost.passes},
                    {"kdf_memory", entry.cost.memory},
                    {"damage", entry.damage}});
    table.push_back({entry.id.substr(0, 8), CreatedText(entry), entry.in_use ? "yes" : "",
                     entry.damage.empty() ? "" : "damaged: " + entry.damage});
  }
  result.json["keys"] = std::move(keys);
  result.text = Table(table);
  return result;
}

CommandResult Add(Environment& env, const KeyArgs& args) {
  const auto access = env.session.Access(env.context, args.repo.text, args.repo.flags);
  if (!access.ok()) return Failure(access.status());
  const auto added = app::NewPassphrase(env.context, args.fresh);
  if (!added.ok()) return Failure(added.status());
  const auto id = repo::AddKey(env.context, *access->store, access->passphrase, *added);
  if (!id.ok()) return Failure(id.status());
  CommandResult result;
  result.json["key"] = *id;
  result.text = "added key " + id->substr(0, 8) + "\n";
  return result;
}

CommandResult Remove(Environment& env, const KeyArgs& args) {
  const auto access = env.session.Access(env.context, args.repo.text, args.repo.flags);
  if (!access.ok()) return Failure(access.status());
  if (const Status sure = Confirm(env, "remove key " + args.id); !sure.ok()) return Failure(sure);
  const Status removed = repo::RemoveKey(env.context, *access->store, access->passphrase, args.id);
  if (!removed.ok()) return Failure(removed);
  CommandResult result;
  result.json["key"] = args.id;
  result.text = "removed key " + args.id + "; its passphrase no longer opens the repository\n";
  return result;
}

CommandResult ChangePassphrase(Environment& env, const KeyArgs& args) {
  const auto access = env.session.Access(env.context, args.repo.text, args.repo.flags);
  if (!access.ok()) return Failure(access.status());
  const auto changed = app::NewPassphrase(env.context, args.fresh);
  if (!changed.ok()) return Failure(changed.status());
  const auto id = repo::ChangePassphrase(env.context, *access->store, access->passphrase, *changed);
  if (!id.ok()) return Failure(id.status());
  CommandResult result;
  result.json["key"] = *id;
  result.text = "the passphrase was changed; the key is now " + id->substr(0, 8) + "\n";
  if (access->key_file.empty()) return result;
  // Under its name every later command would take it for the passphrase, and fail. Copies of the
  // repository that were made before still need it.
  const std::string old = access->key_file + ".before-" + id->substr(0, 8);
  if (std::rename(access->key_file.c_str(), old.c_str()) == 0) {
    result.warnings.push_back(
        "the generated passphrase, which opens only older copies of the "
        "repository now, is in " +
        old + "; keep the new one safe");
  }
  return result;
}

void AddNewPassphraseOptions(CLI::App& command, app::SecretFlags& fresh) {
  AddSecretOptions(command, fresh, "--new-password", "the new passphrase",
                   " (or set AERIE_NEW_PASSWORD)", "New passphrase");
}

}  // namespace

void AddKeyCommands(CLI::App& repo, Action& action) {
  CLI::App* group = repo.add_subcommand("key", "Passphrases that open a repository");
  group->require_subcommand(1);
  const auto add = [&](const char* name, const char* what,
                       CommandResult (*run)(Environment&, const KeyArgs&)) {
    auto args = std::make_shared<KeyArgs>();
    CLI::App* cmd = group->add_subcommand(name, what);
    AddRepoOption(*cmd, args->repo, false);
    cmd->callback([&action, args, run] {
      action = [args, run](Environment& env) { return run(env, *args); };
    });
    return std::pair(cmd, args);
  };
  add("list", "Show the keys, and which one the given passphrase opens", List);
  {
    const auto [cmd, args] = add("add", "Let one more passphrase open the repository", Add);
    AddNewPassphraseOptions(*cmd, args->fresh);
  }
  {
    const auto [cmd, args] =
        add("remove", "Take a key away, never the one in use (asks, or --yes)", Remove);
    cmd->add_option("ID", args->id, "The key's id, or 4 or more of its first digits")->required();
  }
  {
    const auto [cmd, args] = add("passwd", "Change the given passphrase", ChangePassphrase);
    AddNewPassphraseOptions(*cmd, args->fresh);
  }
}

}  // namespace aerie::cli
