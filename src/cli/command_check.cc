// aerie repo check, rebuild-index and repair.
#include <unistd.h>

#include <charconv>
#include <memory>
#include <optional>

#include "app/version.h"
#include "base/duration.h"
#include "cli/args.h"
#include "cli/commands.h"
#include "repo/index_rebuild.h"
#include "repo/repair.h"
#include "repo/repo_check.h"

namespace aerie::cli {
namespace {

using cli::ToJson;  // beside those of this file

std::string TimeText(std::int64_t ms) { return FormatUtc(FromUnixMillis(ms)).substr(0, 19) + "Z"; }

std::string HostName() {
  char name[256] = {};
  return gethostname(name, sizeof(name) - 1) == 0 ? name : "";
}

std::string CountText(std::uint64_t count, const char* what) {
  return Thousands(count) + " " + what + (count == 1 ? "" : "s");
}

Result<app::OpenedRepository> Open(Environment& env, const RepoArg& args) {
  return env.session.Repository(env.context, args.text, args.flags, app::IfAbsent::kFail);
}

std::function<void(std::uint64_t, std::uint64_t)> ProgressOf(Environment& env, const char* phase) {
  return [&env, phase](std::uint64_t done, std::uint64_t) {
    env.output.OnProgress({.type = ProgressEvent::Type::kCounts,
                           .phase = phase,
                           .collection = {},
                           .bytes_done = static_cast<std::int64_t>(done),
                           .message = {}});
  };
}

double SecondsSince(Environment& env, SteadyTime start) {
  return std::chrono::duration<double>(env.context.clock().Steady() - start).count();
}

// ---- check ----

struct CheckArgs {
  RepoArg repo;
  bool read_data = false;
  std::string subset;
  std::string max_duration;
  std::size_t streams = 4;
};

template <class Number>
bool ParseAll(const std::string& text, Number& out) {
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, out);
  return error == std::errc() && rest == end;
}

// "5GB", as CLI11 understands it.
std::optional<std::uint64_t> ParseSize(std::string text) {
  std::uint64_t bytes = 0;
  try {
    if (CLI::AsSizeValue(true)(text).empty() && ParseAll(text, bytes)) return bytes;
  } catch (const CLI::Error&) {
    // An unknown unit.
  }
  return std::nullopt;
}

// "10%", "3/10" or "5GB".
Result<repo::DataSelection> ParseSubset(const std::string& text) {
  repo::DataSelection selection;
  if (text.ends_with('%')) {
    const bool number = ParseAll(text.substr(0, text.size() - 1), selection.fraction);
    selection.fraction /= 100;
    if (number && selection.fraction > 0 && selection.fraction <= 1) return selection;
  } else if (const std::size_t slash = text.find('/'); slash != std::string::npos) {
    const bool numbers = ParseAll(text.substr(0, slash), selection.part) &&
                         ParseAll(text.substr(slash + 1), selection.parts);
    if (numbers && selection.part >= 1 && selection.part <= selection.parts) return selection;
  } else {
    const std::optional<std::uint64_t> bytes = ParseSize(text);
    selection.max_bytes = bytes.value_or(0);
    if (selection.max_bytes > 0) return selection;
  }
  return InvalidError("check: --read-data-subset " + text +
                      ": give a share such as 10%, a size such as 5GB, or a part such as 3/10");
}

Result<repo::CheckRepositoryOptions> ToOptions(Environment& env, const CheckArgs& args) {
  repo::CheckRepositoryOptions options;
  options.program = app::kProgram;
  options.host = HostName();
  options.streams = args.streams;
  options.progress = ProgressOf(env, "check");
  if (args.read_data) options.data.emplace();
  if (!args.subset.empty()) {
    AERIE_ASSIGN(options.data, ParseSubset(args.subset));
  }
  if (args.max_duration.empty()) return options;
  AERIE_ASSIGN(options.max_duration, ParseDuration(args.max_duration, "check: --max-duration"));
  if (!options.data) options.data.emplace();  // there is nothing else to stop
  return options;
}

Json ToJson(const repo::DataCheck& data) {
  return {{"selected_packs", data.selected_packs},
          {"selected_bytes", data.selected_bytes},
          {"read_packs", data.read_packs},
          {"read_bytes", data.read_bytes},
          {"stopped", data.stopped},
          {"never_read_packs", data.never_read},
          {"oldest_read",
           data.oldest_ms ? Json(FormatUtc(FromUnixMillis(*data.oldest_ms))) : Json(nullptr)},
          {"remembered", data.not_remembered.empty()}};
}

std::string DataText(const repo::DataCheck& data) {
  std::string text =
      "read " + CountText(data.read_packs, "pack") + ", " + HumanBytes(data.read_bytes);
  if (data.read_packs < data.selected_packs) {
    text += ", of " + Thousands(data.selected_packs) + ", " + HumanBytes(data.selected_bytes);
  }
  text += data.stopped ? "; the time was up, the next check goes on from here\n" : "\n";
  if (data.never_read > 0) {
    text += CountText(data.never_read, "pack") + " of the repository never read so far\n";
  } else if (data.oldest_ms) {
    text += "every pack was read since " + TimeText(*data.oldest_ms) + "\n";
  }
  return text;
}

CommandResult CheckResult(const repo::RepositoryCheck& check, double seconds) {
  CommandResult result;
  result.json["snapshots"] = check.snapshots;
  result.json["indexes"] = check.indexes;
  result.json["packs"] = check.packs;
  result.json["pack_bytes"] = check.pack_bytes;
  result.json["data"] = check.data ? ToJson(*check.data) : Json(nullptr);
  result.json["findings"] = Json::array();
  result.json["notes"] = Json::array();
  result.json["seconds"] = seconds;
  for (const repo::Finding& finding : check.findings) {
    result.json["findings"].push_back(ToJson(finding));
    result.text += FindingText(finding, "damaged");
  }
  for (const repo::Finding& note : check.notes) {
    result.json["notes"].push_back(ToJson(note));
    result.text += FindingText(note, "note");
  }
  if (check.data) result.text += DataText(*check.data);
  if (check.data && !check.data->not_remembered.empty()) {
    result.warnings.push_back(
        "which packs were read could not be written down, so the next check "
        "may read the same ones: " +
        check.data->not_remembered);
  }
  const std::string what = CountText(check.snapshots, "snapshot") + ", " +
                           CountText(check.packs, "pack") + ", " + HumanBytes(check.pack_bytes);
  if (check.findings.empty()) {
    result.text += "checked " + what + ": no damage" +
                   (check.data ? "" : " (data were not read; --read-data reads them)") + ", " +
                   HumanSeconds(seconds) + "\n";
  } else {
    result.status =
        CorruptError("check " + what + ": " + CountText(check.findings.size(), "finding") +
                     "; each says what to do");
  }
  return result;
}

CommandResult Check(Environment& env, const CheckArgs& args) {
  const auto options = ToOptions(env, args);
  if (!options.ok()) return Failure(options.status());
  const auto opened = Open(env, args.repo);
  if (!opened.ok()) return Failure(opened.status());
  const SteadyTime start = env.context.clock().Steady();
  const auto check = repo::CheckRepository(env.context, *opened->repository, *options);
  return check.ok() ? CheckResult(*check, SecondsSince(env, start)) : Failure(check.status());
}

// ---- rebuild-index ----

struct RebuildArgs {
  RepoArg repo;
  bool dry_run = false;
};

CommandResult RebuildResult(const repo::IndexRebuild& rebuild, bool applied) {
  CommandResult result;
  if (!applied) result.state = "planned";
  result.json["applied"] = applied;
  result.json["changed"] = rebuild.changed;
  result.json["packs"] = rebuild.packs;
  result.json["blobs"] = rebuild.blobs;
  result.json["pack_bytes"] = rebuild.pack_bytes;
  result.json["directory_bytes"] = rebuild.directory_bytes;
  result.json["indexes"] = {{"before", rebuild.before},
                            {"unreadable", rebuild.unreadable},
                            {"written", rebuild.written},
                            {"removed", rebuild.removed},
                            {"kept", rebuild.kept}};
  result.json["damaged"] = Json::array();
  for (const repo::Finding& finding : rebuild.damaged) {
    result.json["damaged"].push_back(ToJson(finding));
    result.text += FindingText(finding, "left out");
  }
  const std::string of =
      CountText(rebuild.packs, "pack") + " with " + CountText(rebuild.blobs, "blob");
  if (!rebuild.changed) {
    result.text += "the indexes of " + of + " are right; nothing to do\n";
  } else {
    result.text += std::string(applied ? "wrote " : "would write ") +
                   std::to_string(rebuild.written) + " in place of " +
                   std::to_string(rebuild.removed) + " indexes, for " + of + "\n";
  }
  if (rebuild.kept > 0) {
    result.text += std::to_string(rebuild.kept) +
                   " old ones stay: nothing else says where the blobs of a damaged pack are\n";
  }
  if (!rebuild.damaged.empty()) {
    result.status =
        MakeStatus(Kind::kPartial, "rebuild indexes: " + CountText(rebuild.damaged.size(), "pack") +
                                       " cannot be read and are in no new index; "
                                       "aerie repo check says what needs them");
  }
  return result;
}

CommandResult Rebuild(Environment& env, const RebuildArgs& args) {
  const auto opened = Open(env, args.repo);
  if (!opened.ok()) return Failure(opened.status());
  const auto rebuild = args.dry_run ? repo::PlanIndexRebuild(env.context, *opened->repository)
                                    : repo::RebuildIndexes(env.context, *opened->repository);
  return rebuild.ok() ? RebuildResult(*rebuild, !args.dry_run) : Failure(rebuild.status());
}

// ---- repair ----

struct RepairArgs {
  RepoArg repo;
  std::vector<std::string> snapshots;
  bool no_read_data = false;
  bool replace = false;
  bool dry_run = false;
};

Json ToJson(const repo::LostRows& lost) {
  return {{"collection", lost.collection.ToString()},
          {"partition", lost.partition ? Json(*lost.partition) : Json(nullptr)},
          {"keys", ToJson(lost.keys)},
          {"rows", lost.rows},
          {"reason", lost.reason}};
}

Json ToJson(const repo::SnapshotRepair& repair) {
  Json lost = Json::array();
  for (const repo::LostRows& rows : repair.lost) lost.push_back(ToJson(rows));
  return {{"snapshot", repair.damaged.id.hex},
          {"rows_kept", repair.rows_kept},
          {"rows_lost", repair.rows_lost},
          {"lost", std::move(lost)},
          {"repaired_to", repair.repaired  ? Json(repair.repaired->id.hex)
                          : repair.earlier ? Json(repair.earlier->hex)
                                           : Json(nullptr)},
          {"repaired_earlier", repair.earlier.has_value()},
          {"whole", repair.whole},
          {"complete", repair.repaired ? Json(repair.repaired->complete) : Json(nullptr)},
          {"deleted", repair.replaced}};
}

std::string RepairText(const repo::SnapshotRepair& repair, bool applied) {
  std::string text = "snapshot " + repair.damaged.id.Short() + ": ";
  if (repair.earlier) {
    text += "was repaired before, as " + repair.earlier->Short() + "\n";
  } else if (repair.whole) {
    text += "is whole again, by what was stored for another one\n";
  } else {
    text += CountText(repair.rows_kept, "row") + (applied ? " kept" : " can be kept") +
            (repair.repaired ? " in the new snapshot " + repair.repaired->id.Short() : "") + ", " +
            CountText(repair.rows_lost, "row") + " gone\n";
  }
  for (const repo::LostRows& lost : repair.lost) text += "  " + lost.Text() + "\n";
  if (repair.replaced) text += "  " + repair.damaged.id.Short() + " was deleted\n";
  return text;
}

CommandResult RepairResult(const repo::RepairReport& report, bool applied) {
  CommandResult result;
  if (!applied) result.state = "planned";
  result.json["applied"] = applied;
  result.json["looked_at"] = report.looked_at;
  result.json["snapshots"] = Json::array();
  result.json["unreadable"] = Json::array();
  std::uint64_t lost = 0;
  for (const repo::SnapshotRepair& repair : report.snapshots) {
    result.json["snapshots"].push_back(ToJson(repair));
    result.text += RepairText(repair, applied);
    lost += repair.rows_lost;
    if (!repair.not_replaced.empty()) result.warnings.push_back(repair.not_replaced);
  }
  for (const repo::Finding& finding : report.unreadable) {
    result.json["unreadable"].push_back(ToJson(finding));
    result.text += FindingText(finding, "cannot be repaired");
  }
  result.json["rows_lost"] = lost;
  if (report.snapshots.empty() && report.unreadable.empty()) {
    result.text += "no damage in " + CountText(report.looked_at, "snapshot") + "\n";
  } else if (!applied) {
    result.text += "nothing was changed; add --yes to store what can be kept as new snapshots\n";
  }
  const bool left = lost > 0 || !report.unreadable.empty() || !result.warnings.empty();
  if (applied && left) {
    result.status = MakeStatus(
        Kind::kPartial, "repair: " + CountText(lost, "row") + " cannot be read any more, " +
                            CountText(report.unreadable.size(), "snapshot") +
                            " not at all; restore them from another copy of the repository, or "
                            "back the cluster up again");
  }
  return result;
}

CommandResult Repair(Environment& env, const RepairArgs& args) {
  const auto opened = Open(env, args.repo);
  if (!opened.ok()) return Failure(opened.status());
  repo::RepairOptions options;
  options.program = app::kProgram;
  options.host = HostName();
  options.read_data = !args.no_read_data;
  options.replace = args.replace;
  options.progress = ProgressOf(env, "repair");
  for (const std::string& name : args.snapshots) {
    const auto found = opened->repository->FindSnapshot(env.context, name);
    if (!found.ok()) return Failure(found.status());
    options.only.push_back(found->id);
  }
  const bool apply = env.globals.assume_yes && !args.dry_run;
  const auto report = apply ? repo::RunRepair(env.context, *opened->repository, options)
                            : repo::PlanRepair(env.context, *opened->repository, options);
  return report.ok() ? RepairResult(*report, apply) : Failure(report.status());
}

// Adds a subcommand whose parsing sets the action to `run`.
template <class Args>
std::pair<CLI::App*, std::shared_ptr<Args>> AddCommand(CLI::App& group, Action& action,
                                                       const char* name, const char* about,
                                                       CommandResult (*run)(Environment&,
                                                                            const Args&)) {
  auto args = std::make_shared<Args>();
  CLI::App* const cmd = group.add_subcommand(name, about);
  AddRepoOption(*cmd, args->repo, false);
  cmd->callback(
      [&action, args, run] { action = [args, run](Environment& env) { return run(env, *args); }; });
  return {cmd, args};
}

}  // namespace

void AddCheckCommands(CLI::App& repo, Action& action) {
  {
    auto [cmd, args] = AddCommand<CheckArgs>(
        repo, action, "check",
        "Look for damage: every object and tree page, and with --read-data every byte", Check);
    cmd->add_flag("--read-data", args->read_data, "Read every pack and compare every blob");
    cmd->add_option("--read-data-subset", args->subset,
                    "Read a part, those first that were not read for longest: 10%, 5GB or 3/10")
        ->type_name("PART");
    cmd->add_option("--max-duration", args->max_duration,
                    "Begin no further pack after this time, such as 30m; the next check goes on "
                    "from there")
        ->type_name("TIME");
    cmd->add_option("--streams", args->streams, "Packs to read at a time")
        ->check(CLI::Range(1, 64))
        ->capture_default_str();
  }
  {
    auto [cmd, args] = AddCommand<RebuildArgs>(
        repo, action, "rebuild-index",
        "Write the indexes anew from the packs' own directories; merges many small ones", Rebuild);
    cmd->add_flag("-n,--dry-run", args->dry_run, "Show what would be done");
  }
  {
    auto [cmd, args] = AddCommand<RepairArgs>(
        repo, action, "repair",
        "Keep what can be read of damaged snapshots in new ones; shows what it would do, and does "
        "it with --yes",
        Repair);
    cmd->add_option("SNAPSHOT", args->snapshots,
                    "Ids, unambiguous prefixes, or latest (default: all that are damaged)");
    cmd->add_flag("--no-read-data", args->no_read_data,
                  "Look only for what is missing, not for what is damaged");
    cmd->add_flag("--replace", args->replace,
                  "Delete a damaged snapshot once what is left of it is stored");
    cmd->add_flag("-n,--dry-run", args->dry_run, "Show what would be done, --yes or not");
  }
}

}  // namespace aerie::cli
