// aerie repo mirror.
#include <memory>
#include <optional>

#include "cli/args.h"
#include "cli/commands.h"
#include "transfer/mirror.h"

namespace aerie::cli {
namespace {

struct MirrorArgs {
  RepoArg from;
  RepoArg to;
  transfer::MirrorOptions options;
  std::string immutable_for;
  bool init = false;
  bool dry_run = false;
};

std::string Created(const repo::Snapshot& snapshot) {
  return FormatUtc(FromUnixMillis(snapshot.created_ms)).substr(0, 19) + "Z";
}

std::uint64_t RowsOf(const transfer::MirrorItem& item) {
  std::uint64_t rows = 0;
  for (const auto& collection : item.collections) rows += collection.digest.rows;
  return rows;
}

Json ItemToJson(const transfer::MirrorItem& item) {
  return {{"snapshot", item.snapshot.id.hex},
          {"created", FormatUtc(FromUnixMillis(item.snapshot.created_ms))},
          {"collections", item.collections.size()},
          {"rows", RowsOf(item)},
          {"was_there", item.there.has_value()}};
}

constexpr const char* kTargetPassword = "--to-password";

Result<app::OpenedRepository> OpenTarget(Environment& env, const MirrorArgs& args) {
  app::RepositoryFlags flags = args.to.flags;
  flags.password_stem = kTargetPassword;
  flags.password_variable = "AERIE_TO_PASSWORD";
  flags.limits = args.from.flags.limits;
  auto opened = env.session.Repository(env.context, args.to.text, flags,
                                       args.init ? app::IfAbsent::kCreate : app::IfAbsent::kFail);
  if (KindOf(opened.status()) == Kind::kNotFound) {
    return NotFoundError("mirror to " + args.to.text +
                         ": there is no repository; check --to, or add --init to make one");
  }
  if (KindOf(opened.status()) == Kind::kWrongKey) {
    return WithMessage(opened.status(),
                       "mirror to " + args.to.text +
                           ": the passphrase does not fit; the target's own comes from "
                           "--to-password-file, --to-password-command, AERIE_TO_PASSWORD or the "
                           "configuration");
  }
  return opened;
}

CommandResult PlanResult(const std::vector<transfer::MirrorItem>& items, const std::string& to) {
  CommandResult result;
  result.state = "planned";
  result.json["snapshots"] = Json::array();
  std::vector<std::vector<std::string>> table = {{"ID", "CREATED", "CLUSTER", "ROWS", "IN TARGET"}};
  for (const auto& item : items) {
    result.json["snapshots"].push_back(ItemToJson(item));
    table.push_back({item.snapshot.id.Short(), Created(item.snapshot), item.snapshot.cluster,
                     Thousands(RowsOf(item)),
                     item.there ? "yes, as " + item.there->id.Short() : "no: would be copied"});
  }
  result.text = items.empty() ? "no snapshots to mirror\n" : "to " + to + ":\n" + Table(table);
  return result;
}

// One snapshot's line, and its object.
Json OutcomeToJson(const transfer::MirrorOutcome& outcome) {
  Json json = ItemToJson(outcome.item);
  json["status"] = outcome.status.ok() ? "completed" : "failed";
  json["copy"] = outcome.copy ? Json(outcome.copy->id.hex) : Json(nullptr);
  json["seconds"] = outcome.seconds;
  json["leaves"] = outcome.leaves;
  json["leaves_known"] = outcome.leaves_known;
  json["stored_bytes"] = outcome.copy && !outcome.item.there ? outcome.copy->stats.stored_bytes : 0;
  if (!outcome.status.ok()) {
    json["error"] = {{"kind", KindName(KindOf(outcome.status))},
                     {"message", std::string(outcome.status.message())}};
  }
  return json;
}

std::string OutcomeText(const transfer::MirrorOutcome& outcome) {
  const std::string id = outcome.item.snapshot.id.Short();
  if (!outcome.status.ok() || outcome.item.there) return "";
  return "mirrored " + id + " as " + outcome.copy->id.Short() + ": " + Thousands(outcome.rows) +
         " rows, row digests the same, stored " + HumanBytes(outcome.copy->stats.stored_bytes) +
         " new, " + HumanSeconds(outcome.seconds) + "\n";
}

CommandResult RunResult(const transfer::MirrorResult& run) {
  CommandResult result;
  result.status = run.status;
  result.json["snapshots"] = Json::array();
  std::uint64_t mirrored = 0;
  std::uint64_t there = 0;
  std::uint64_t failed = 0;
  std::uint64_t stored = 0;
  for (const auto& outcome : run.snapshots) {
    result.json["snapshots"].push_back(OutcomeToJson(outcome));
    result.text += OutcomeText(outcome);
    if (!outcome.status.ok()) {
      ++failed;
      if (run.snapshots.size() > 1) result.warnings.emplace_back(outcome.status.message());
      continue;
    }
    outcome.item.there ? ++there : ++mirrored;
    if (!outcome.item.there) stored += outcome.copy->stats.stored_bytes;
  }
  result.json["mirrored"] = mirrored;
  result.json["already_there"] = there;
  result.json["failed"] = failed;
  result.json["stored_bytes"] = stored;
  result.text += std::to_string(mirrored) + " snapshots mirrored, " + std::to_string(there) +
                 " were there already" +
                 (failed == 0 ? "" : ", " + std::to_string(failed) + " failed") + "\n";
  return result;
}

CommandResult Mirror(Environment& env, const MirrorArgs& args) {
  const auto immutable_for = ImmutableFor(env.session, args.immutable_for, args.to.text);
  if (!immutable_for.ok()) return Failure(immutable_for.status());
  transfer::MirrorOptions options = args.options;
  options.immutable_for = *immutable_for;
  auto from =
      env.session.Repository(env.context, args.from.text, args.from.flags, app::IfAbsent::kFail);
  if (!from.ok()) return Failure(from.status());
  if (args.dry_run && args.init) {
    return Failure(InvalidError("mirror: --dry-run makes nothing; leave out --init"));
  }
  auto to = OpenTarget(env, args);
  if (!to.ok()) return Failure(to.status());
  if (args.dry_run) {
    auto plan = transfer::PlanMirror(env.context, *from->repository, *to->repository, options);
    return plan.ok() ? PlanResult(*plan, to->repository->Describe()) : Failure(plan.status());
  }
  const SteadyTime start = env.context.clock().Steady();
  const auto run =
      transfer::RunMirror(env.context, *from->repository, *to->repository, options, env.output);
  CommandResult result = run.ok() ? RunResult(*run) : Failure(run.status());
  result.json["to"] = {{"id", to->repository->id()},
                       {"location", to->repository->Describe()},
                       {"created", to->created},
                       {"encrypted", to->repository->encrypted()},
                       {"key_file", to->key_file}};
  result.json["seconds"] =
      std::chrono::duration<double>(env.context.clock().Steady() - start).count();
  if (to->created) {
    result.text = "created repository " + to->repository->Describe() +
                  (to->repository->encrypted() ? " (encrypted)\n" : " (not encrypted)\n") +
                  result.text;
  }
  if (!to->key_file.empty()) {
    result.warnings.push_back("the passphrase of the new repository was generated and is in " +
                              to->key_file +
                              "; copy that file to another place: without it the mirror cannot be "
                              "read");
  }
  return result;
}

void AddTargetOptions(CLI::App& command, MirrorArgs& args) {
  command
      .add_option("--to", args.to.text,
                  "Repository to copy to: a path, s3://bucket/prefix or configured name")
      ->type_name("REPO")
      ->required()
      ->group("Target");
  AddSecretOptions(command, args.to.flags.password, kTargetPassword, "the target's passphrase",
                   " (or set AERIE_TO_PASSWORD)", "Target");
  AddImmutableOption(command, args.immutable_for);
  command.add_flag("--init", args.init, "Make the target where there is none")->group("Target");
  command
      .add_flag("--to-unencrypted", args.to.flags.unencrypted,
                "Do not encrypt the target, when --init makes it")
      ->group("Target");
}

}  // namespace

void AddMirrorCommand(CLI::App& repo, Action& action) {
  auto args = std::make_shared<MirrorArgs>();
  CLI::App* cmd = repo.add_subcommand(
      "mirror", "Copy snapshots to a second repository, with a key of its own, and compare them");
  cmd->add_option("SNAPSHOT", args->options.snapshots,
                  "Ids, unambiguous prefixes or latest; without any: all");
  AddRepoOption(*cmd, args->from, false);
  AddTargetOptions(*cmd, *args);
  AddSelectionOptions(*cmd, args->options.selection, false);
  cmd->add_option("--cluster", args->options.cluster, "Only snapshots of this cluster")
      ->group("Selection");
  cmd->add_option("--tag", args->options.tags, "Only snapshots with this tag (repeatable)")
      ->expected(1)
      ->take_all()
      ->group("Selection");
  cmd->add_option("--last", args->options.last, "Only the newest N of those")
      ->type_name("N")
      ->check(CLI::PositiveNumber)
      ->group("Selection");
  cmd->add_flag("--pins", args->options.pins, "Pin the copies of what is pinned");
  cmd->add_flag("-n,--dry-run", args->dry_run, "Show what would be copied; change nothing");
  cmd->callback(
      [&action, args] { action = [args](Environment& env) { return Mirror(env, *args); }; });
}

}  // namespace aerie::cli
