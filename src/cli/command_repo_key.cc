#include <cstdio>
#include <memory>

#include "app/version.h"
#include "base/duration.h"
#include "cli/args.h"
#include "cli/commands.h"
#include "repo/kdf_cost.h"
#include "repo/repo_keys.h"
#include "repo/rotation.h"

namespace aerie::cli {
namespace {

struct KeyArgs {
  RepoArg repo;
  app::SecretFlags fresh;  // where the new passphrase comes from
  repo::KdfRequest kdf;
  std::string id;
  bool go_on = false;  // rotate --continue
  std::string max_duration;
  std::string margin = "24h";
};

std::string KdfText(const repo::KeyEntry& entry) {
  if (entry.cost.memory == 0) return "";
  return std::to_string(entry.cost.memory >> 10) + " KiB x " + std::to_string(entry.cost.passes);
}

// Under its name every later command would take the generated passphrase for the one that opens the
// repository, and fail. Copies of the repository that were made before still need it.
void SetKeyFileAside(const std::string& key_file, const std::string& new_key,
                     CommandResult& result) {
  if (key_file.empty()) return;
  const std::string old = key_file + ".before-" + new_key.substr(0, 8);
  if (std::rename(key_file.c_str(), old.c_str()) != 0) return;
  result.warnings.push_back(
      "the generated passphrase, which opens only older copies of the repository now, is in " +
      old + "; keep the new one safe");
}

std::string CreatedText(const repo::KeyEntry& entry) {
  if (!entry.damage.empty()) return "?";
  return FormatUtc(FromUnixMillis(entry.created_ms)).substr(0, 19) + "Z";
}

CommandResult List(Environment& env, const KeyArgs& args) {
  const auto access = env.session.Access(env.context, args.repo.text, args.repo.flags);
  if (!access.ok()) return Failure(access.status());
  const auto entries = repo::ListKeys(env.context, *access->store, access->passphrase);
  if (!entries.ok()) return Failure(access->explain(entries.status()));
  CommandResult result;
  Json keys = Json::array();
  std::vector<std::vector<std::string>> table = {{"ID", "CREATED", "IN USE", "ARGON2ID", ""}};
  for (const repo::KeyEntry& entry : *entries) {
    keys.push_back({{"id", entry.id},
                    {"created_ms", entry.created_ms},
                    {"in_use", entry.in_use},
                    {"kdf_passes", entry.cost.passes},
                    {"kdf_memory", entry.cost.memory},
                    {"damage", entry.damage}});
    table.push_back({entry.id.substr(0, 8), CreatedText(entry), entry.in_use ? "yes" : "",
                     KdfText(entry), entry.damage.empty() ? "" : "damaged: " + entry.damage});
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
  const auto cost = repo::ChooseKdfCost(args.kdf);
  if (!cost.ok()) return Failure(cost.status());
  const auto id = repo::AddKey(env.context, *access->store, access->passphrase, *added, *cost);
  if (!id.ok()) return Failure(access->explain(id.status()));
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
  if (!removed.ok()) return Failure(access->explain(removed));
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
  const auto cost = repo::ChooseKdfCost(args.kdf);
  if (!cost.ok()) return Failure(cost.status());
  const auto id =
      repo::ChangePassphrase(env.context, *access->store, access->passphrase, *changed, *cost);
  if (!id.ok()) return Failure(access->explain(id.status()));
  CommandResult result;
  result.json["key"] = *id;
  result.text = "the passphrase was changed; the key is now " + id->substr(0, 8) + "\n";
  SetKeyFileAside(access->key_file, *id, result);
  return result;
}

// ---- rotation ----

Json ToJson(const repo::PackTally& tally) {
  return {{"packs", tally.packs}, {"bytes", tally.bytes}};
}

std::string TallyText(const char* what, const repo::PackTally& tally) {
  if (tally.packs == 0) return "";
  return std::string(what) + std::to_string(tally.packs) + " packs, " + HumanBytes(tally.bytes) +
         "\n";
}

void ReportRotation(const repo::RotationReport& report, CommandResult& result) {
  result.json["rotation"] = {
      {"finished", report.finished},       {"copied", ToJson(report.copied)},
      {"left", ToJson(report.left)},       {"removed", ToJson(report.removed)},
      {"waiting", ToJson(report.waiting)}, {"immutable", ToJson(report.immutable)}};
  result.text += TallyText("stored again with the new key  ", report.copied) +
                 TallyText("still to be stored again       ", report.left) +
                 TallyText("removed                        ", report.removed) +
                 TallyText("to be removed after the margin ", report.waiting) +
                 TallyText("kept for immutable snapshots   ", report.immutable);
  if (report.finished) {
    result.text += "nothing is sealed with the former master key any more; it is dropped\n";
  } else {
    result.text += "not finished: run aerie repo key rotate --continue again";
    result.text += report.immutable.packs == 0 ? "\n"
                                               : "; it can finish when no snapshot that was made "
                                                 "before is immutable any more\n";
  }
}

CommandResult Continue(Environment& env, const KeyArgs& args) {
  CommandResult result;
  const auto fail = [&](Status status) {
    result.status = std::move(status);
    return result;
  };
  repo::RotationOptions options;
  options.program = app::kProgram;
  const auto margin = ParseDuration(args.margin, "rotate: --margin");
  if (!margin.ok()) return fail(margin.status());
  options.margin = *margin;
  if (!args.max_duration.empty()) {
    const auto limit = ParseDuration(args.max_duration, "rotate: --max-duration");
    if (!limit.ok()) return fail(limit.status());
    options.max_duration = *limit;
  }
  const auto opened =
      env.session.Repository(env.context, args.repo.text, args.repo.flags, app::IfAbsent::kFail);
  if (!opened.ok()) return fail(opened.status());
  const auto report = repo::ContinueRotation(env.context, *opened->repository, options);
  if (!report.ok()) return fail(report.status());
  ReportRotation(*report, result);
  return result;
}

CommandResult Rotate(Environment& env, const KeyArgs& args) {
  if (args.go_on) return Continue(env, args);
  const auto access = env.session.Access(env.context, args.repo.text, args.repo.flags);
  if (!access.ok()) return Failure(access.status());
  const auto fresh = app::FindNewPassphrase(env.context, args.fresh);
  if (!fresh.ok()) return Failure(fresh.status());
  const auto entries = repo::ListKeys(env.context, *access->store, access->passphrase);
  if (!entries.ok()) return Failure(access->explain(entries.status()));
  const std::string what = "rotate the master key: the " + std::to_string(entries->size()) +
                           " keys there are go, and only the passphrase given now opens the "
                           "repository then";
  if (const Status sure = Confirm(env, what); !sure.ok()) return Failure(sure);
  const auto cost = repo::ChooseKdfCost(args.kdf);
  if (!cost.ok()) return Failure(cost.status());
  const auto begun = repo::BeginRotation(env.context, *access->store, access->passphrase,
                                         fresh->value_or(Secret()), *cost);
  if (!begun.ok()) return Failure(access->explain(begun.status()));
  CommandResult result;
  result.json["key"] = begun->key_id;
  result.json["removed"] = begun->removed;
  result.text = "the master key was rotated; the one key is " + begun->key_id.substr(0, 8) +
                ", add other passphrases again with aerie repo key add\n"
                "then run aerie repo key rotate --continue, now and again, until it says that it "
                "is finished: until then the former master key still opens what is old\n";
  if (*fresh) SetKeyFileAside(access->key_file, begun->key_id, result);
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
    AddKdfOptions(*cmd, args->kdf);
  }
  {
    const auto [cmd, args] =
        add("remove", "Take a key away, never the one in use (asks, or --yes)", Remove);
    cmd->add_option("ID", args->id, "The key's id, or 4 or more of its first digits")->required();
  }
  {
    const auto [cmd, args] = add("passwd", "Change the given passphrase", ChangePassphrase);
    AddNewPassphraseOptions(*cmd, args->fresh);
    AddKdfOptions(*cmd, args->kdf);
  }
  {
    const auto [cmd, args] = add(
        "rotate",
        "Seal with a new master key from now on, and open with this passphrase alone (asks, or "
        "--yes); with --continue, store old data again bit by bit until the former key is dropped",
        Rotate);
    AddNewPassphraseOptions(*cmd, args->fresh);
    AddKdfOptions(*cmd, args->kdf);
    cmd->add_flag("--continue", args->go_on, "Go on with a rotation that was begun")
        ->group("Rotation");
    cmd->add_option("--max-duration", args->max_duration,
                    "With --continue: store no more again after this long, such as 2h")
        ->type_name("TIME")
        ->group("Rotation");
    cmd->add_option("--margin", args->margin,
                    "With --continue: time between dooming data and removing it")
        ->type_name("TIME")
        ->capture_default_str()
        ->group("Rotation");
  }
}

}  // namespace aerie::cli
