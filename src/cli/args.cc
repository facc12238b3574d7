#include "cli/args.h"

#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <map>

#include "cli/commands.h"

namespace aerie::cli {

Status Confirm(const Environment& env, const std::string& what) {
  if (env.globals.assume_yes) return Ok();
  if (isatty(STDIN_FILENO) != 0 && isatty(STDERR_FILENO) != 0) {
    std::fprintf(stderr, "%s? [y/N] ", what.c_str());
    std::string answer;
    std::getline(std::cin, answer);
    if (answer == "y" || answer == "yes") return Ok();
    return RefusedError(what + ": not confirmed; nothing was changed");
  }
  return RefusedError(what + ": add --yes to confirm; nothing was changed");
}

Status ConfirmReplace(const Environment& env, const std::string& on_conflict,
                      const std::string& verb) {
  if (on_conflict != "replace" || env.globals.assume_yes) return Ok();
  return RefusedError(verb +
                      ": --on-conflict replace drops collections; add --yes to confirm, or "
                      "--dry-run to see which");
}

void AddSecretOptions(CLI::App& command, app::SecretFlags& flags, const std::string& stem,
                      const std::string& what, const std::string& besides,
                      const std::string& group) {
  command.add_option(stem + "-file", flags.file, "File with " + what + besides)
      ->type_name("FILE")
      ->group(group);
  command.add_option(stem + "-command", flags.command, "Command, run by sh, that prints " + what)
      ->type_name("COMMAND")
      ->group(group);
  command.add_option(stem + "-fd", flags.fd, "File descriptor to read " + what + " from")
      ->type_name("N")
      ->check(CLI::Range(0, 1'000'000))
      ->group(group);
}

void AddLoginOptions(CLI::App& command, app::ClusterFlags& flags, const std::string& group) {
  const std::string& stem = flags.stem;
  const std::string set = " (or set " + flags.variable_prefix;
  command.add_option(stem + "user", flags.user, "User name, when it is not in the URI")
      ->group(group);
  AddSecretOptions(command, flags.password, stem + "cluster-password", "the cluster password",
                   set + "PASSWORD)", group);
  AddSecretOptions(command, flags.token, stem + "token", "a token", set + "TOKEN)", group);
  command
      .add_option(stem + "ca", flags.ca,
                  "PEM file of the authority behind the server's certificate")
      ->group(group);
  command
      .add_option(stem + "cert", flags.cert, "PEM file of the client's certificate (mutual TLS)")
      ->group(group);
  command.add_option(stem + "key", flags.key, "PEM file of the client's key (mutual TLS)")
      ->group(group);
  command
      .add_option(stem + "server-name", flags.server_name,
                  "Name that the server's certificate must bear")
      ->group(group);
}

void AddClusterOption(CLI::App& command, const std::string& name, const std::string& about,
                      ClusterArg& arg) {
  command.add_option(name, arg.text, about)->type_name("CLUSTER");
  AddLoginOptions(command, arg.flags);
}

void AddRepoOption(CLI::App& command, RepoArg& arg, bool may_create) {
  command
      .add_option("-r,--repo", arg.text,
                  "Repository: a path, s3://bucket/prefix or configured name")
      ->type_name("REPO")
      ->envname("AERIE_REPO")
      ->group("Repository");
  AddSecretOptions(command, arg.flags.password, "--password", "the passphrase",
                   " (or set AERIE_PASSWORD)", "Repository");
  command
      .add_flag("--no-cache", arg.flags.no_cache,
                "Keep no list of snapshots on this machine, and use none")
      ->group("Repository");
  AddStoreLimitOptions(command, arg.flags.limits);
  if (may_create) {
    command
        .add_flag("--unencrypted", arg.flags.unencrypted,
                  "Do not encrypt, when the repository is created by this command")
        ->group("Repository");
  }
}

void AddImmutableOption(CLI::App& command, std::string& text) {
  command
      .add_option(
          "--immutable-for", text,
          "S3 with object lock: keep all that a new snapshot needs from being deleted, even "
          "by the keys' owner, for this time, such as 30d; 0: not, whatever is configured")
      ->type_name("TIME");
}

void AddKdfOptions(CLI::App& command, repo::KdfRequest& kdf) {
  command
      .add_option("--argon2-memory", kdf.memory,
                  "Memory that opening takes, such as 128MB [64 MiB]")
      ->type_name("SIZE")
      ->transform(CLI::AsSizeValue(false))
      ->group("Passphrase cost");
  command
      .add_option("--argon2-passes", kdf.passes,
                  "Passes over that memory [3; more where it is less than 64 MiB]")
      ->type_name("N")
      ->group("Passphrase cost");
}

void AddStoreLimitOptions(CLI::App& command, app::StoreLimitTexts& limits) {
  command
      .add_option("--limit-upload", limits.upload,
                  "Bytes written to the repository a second, such as 20MB/s")
      ->type_name("RATE")
      ->group("Limits");
  command
      .add_option("--limit-download", limits.download,
                  "Bytes read from the repository a second, such as 20MB/s")
      ->type_name("RATE")
      ->group("Limits");
  command
      .add_option("--limit-requests", limits.requests,
                  "Requests to the repository a second, such as 100/s")
      ->type_name("RATE")
      ->group("Limits");
  command
      .add_option("--limit-connections", limits.connections, "Requests to the repository at a time")
      ->type_name("N")
      ->group("Limits");
}

void AddReadingOptions(CLI::App& command, app::ClusterLimitTexts& limits) {
  command
      .add_option("--limit-rows", limits.rows,
                  "Rows read from the cluster a second, such as 5000/s")
      ->type_name("RATE")
      ->group("Limits");
  command
      .add_option("--latency-target", limits.latency_target,
                  "Read slower while the cluster answers in more than this, such as 50ms; without "
                  "it: in twice of what is usual at the start")
      ->type_name("TIME")
      ->group("Limits");
  command
      .add_flag_callback(
          "--no-adaptive", [&limits] { limits.adaptive = "false"; },
          "Do not read slower when the cluster answers slowly")
      ->group("Limits");
}

void AddSelectionOptions(CLI::App& command, transfer::Selection& selection, bool with_rows) {
  command
      .add_option("-c,--collections", selection.collections,
                  "Globs over collection or database.collection; !GLOB excludes (repeatable)")
      ->type_name("GLOB")
      ->expected(1)
      ->take_all()
      ->group("Selection");
  command.add_option("--only-database", selection.database, "Only collections of this database")
      ->type_name("NAME")
      ->group("Selection");
  if (!with_rows) return;
  command.add_option("--partitions", selection.partitions, "Globs over partitions (repeatable)")
      ->type_name("GLOB")
      ->expected(1)
      ->take_all()
      ->group("Selection");
  command.add_option("--filter", selection.filter, "Only rows that satisfy this Milvus expression")
      ->type_name("EXPR")
      ->group("Selection");
}

namespace {

const char* KindText(transfer::RowDifference::Kind kind) {
  switch (kind) {
    case transfer::RowDifference::Kind::kMissing: return "missing";
    case transfer::RowDifference::Kind::kExtra: return "extra";
    case transfer::RowDifference::Kind::kChanged: return "changed";
  }
  return "changed";
}

std::string Joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

}  // namespace

Json ToJson(const transfer::CollectionDiff& diff) {
  Json examples = Json::array();
  for (const auto& row : diff.examples) {
    examples.push_back({{"kind", KindText(row.kind)},
                        {"partition", row.partition},
                        {"key", row.key},
                        {"fields", row.fields}});
  }
  Json json = {
      {"left", diff.left.ToString()}, {"right", diff.right.ToString()}, {"same", diff.same()},
      {"only_left", diff.only_left},  {"only_right", diff.only_right},  {"spec", diff.spec},
      {"rows_left", diff.rows_left},  {"rows_right", diff.rows_right},  {"missing", diff.missing},
      {"extra", diff.extra},          {"changed", diff.changed},        {"examples", examples}};
  if (!diff.status.ok()) json["error"] = std::string(diff.status.message());
  return json;
}

CommandResult DiffToResult(const Result<transfer::DiffResult>& diff, const std::string& left,
                           const std::string& right) {
  CommandResult result;
  if (!diff.ok()) {
    result.status = diff.status();
    return result;
  }
  result.json["left"] = left;
  result.json["right"] = right;
  result.json["same"] = diff->same();
  result.json["collections"] = Json::array();
  for (const auto& one : diff->collections) {
    result.json["collections"].push_back(ToJson(one));
    if (result.status.ok() && !one.status.ok()) result.status = one.status;
  }
  result.text = DiffText(*diff, left, right);
  if (result.status.ok() && !diff->same()) {
    result.status =
        MakeStatus(Kind::kDifferent, "diff " + left + " and " + right + ": they differ");
  }
  return result;
}

std::string DiffText(const transfer::DiffResult& diff, const std::string& left,
                     const std::string& right) {
  std::string text;
  std::uint64_t rows = 0;
  for (const transfer::CollectionDiff& one : diff.collections) {
    rows += one.rows_left;
    if (one.same()) continue;
    const std::string name = one.left == one.right
                                 ? one.left.ToString()
                                 : one.left.ToString() + " and " + one.right.ToString();
    if (!one.status.ok()) {
      text += name + ": not compared: " + std::string(one.status.message()) + "\n";
      continue;
    }
    if (one.only_left || one.only_right) {
      text += name + ": only in " + (one.only_left ? left : right) + "\n";
      continue;
    }
    text += name + ": " + Thousands(one.missing) + " rows missing, " + Thousands(one.extra) +
            " extra, " + Thousands(one.changed) + " changed (of " + Thousands(one.rows_left) +
            " and " + Thousands(one.rows_right) + ")\n";
    for (const std::string& line : one.spec) text += "  " + line + "\n";
    for (const auto& row : one.examples) {
      text += "  " + std::string(KindText(row.kind)) + "  " + row.key;
      if (!row.partition.empty()) text += "  partition " + row.partition;
      if (!row.fields.empty()) text += "  fields " + Joined(row.fields);
      text += "\n";
    }
  }
  if (diff.same()) {
    text = "the same: " + std::to_string(diff.collections.size()) + " collections, " +
           Thousands(rows) + " rows compared by digest\n";
  }
  return text;
}

}  // namespace aerie::cli
