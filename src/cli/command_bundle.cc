// aerie bundle pack, send, verify, unpack.
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "app/version.h"
#include "cli/args.h"
#include "cli/commands.h"
#include "cli/exported.h"
#include "cli/source.h"
#include "cli/target.h"
#include "transfer/backup.h"
#include "transfer/bundle.h"
#include "transfer/export.h"
#include "transfer/mirror.h"
#include "transfer/restore.h"

namespace aerie::cli {
namespace {

constexpr char kBundlePassword[] = "--bundle-password";
constexpr char kBundleVariable[] = "AERIE_BUNDLE_PASSWORD";

using files::BundleManifest;
using StorePtr = std::shared_ptr<objects::ObjectStore>;

double SecondsSince(const Environment& env, SteadyTime start) {
  return std::chrono::duration<double>(env.context.clock().Steady() - start).count();
}

// "27 parts of 96.1 MB".
std::string PartsText(std::uint64_t parts, std::uint64_t bytes) {
  return Thousands(parts) + (parts == 1 ? " part of " : " parts of ") + HumanBytes(bytes);
}

Json ManifestToJson(const BundleManifest& manifest, const std::string& place) {
  const std::uint64_t packed = manifest.packed_bytes();
  const bool empty = manifest.plain_bytes == 0;
  return {{"bundle", manifest.bundle},
          {"place", place},
          {"snapshot", manifest.snapshot},
          {"created", FormatUtc(FromUnixMillis(manifest.created_ms))},
          {"encrypted", manifest.encrypted},
          {"rows", manifest.rows},
          {"parts", manifest.parts.size()},
          {"plain_bytes", manifest.plain_bytes},
          {"packed_bytes", packed},
          {"ratio",
           empty ? Json(nullptr)
                 : Json(static_cast<double>(packed) / static_cast<double>(manifest.plain_bytes))}};
}

void AddBundlePassword(CLI::App& command, app::RepositoryFlags& flags) {
  flags.password_stem = kBundlePassword;
  flags.password_variable = kBundleVariable;
  AddSecretOptions(command, flags.password, kBundlePassword, "the bundle's passphrase",
                   " (or set AERIE_BUNDLE_PASSWORD)", "Bundle");
}

// ---- pack ----

struct PackArgs {
  SourceArgs source;
  std::string folder;
  app::RepositoryFlags bundle;
  std::uint64_t part_bytes = std::uint64_t{4} << 20;
  std::size_t parallel = transfer::BackupOptions().parallel_collections;
  int streams = transfer::BackupOptions().streams;
  bool dry_run = false;
};

// The bundle under construction.
struct Packing {
  StorePtr store;
  std::optional<app::OpenedRepository> opened;

  Result<repo::Repository*> Open(Environment& env, const Context& context, const PackArgs& args) {
    AERIE_TRY(transfer::BeginBundle(context, *store, app::kProgram));
    app::RepositoryFlags flags = args.bundle;
    flags.unfit = "pack into " + args.folder +
                  ": a bundle is there, and the passphrase does not fit; set "
                  "AERIE_BUNDLE_PASSWORD or use --bundle-password-file";
    auto repository = env.session.Repository(context, args.folder, flags, app::IfAbsent::kCreate);
    AERIE_TRY(repository.status());
    opened = *std::move(repository);
    return opened->repository.get();
  }
};

bool IsExport(const std::string& text) {
  std::error_code error;
  const std::filesystem::path folder(text);
  return std::filesystem::exists(folder / files::kManifestPath, error) ||
         std::filesystem::exists(folder / files::kUnfinishedPath, error);
}

// What an endpoint has, as one snapshot of the bundle.
Result<repo::Snapshot> PackEndpoint(Environment& env, const PackArgs& args,
                                    transfer::Endpoint& from, transfer::BackupOptions options,
                                    Packing& packing, CommandResult& result) {
  options.program = app::kProgram;
  options.host = HostName();
  options.pack_bytes = args.part_bytes;
  options.parallel_collections = args.parallel;
  options.streams = args.streams;
  const auto open = [&](const Context& context, const auto&) {
    return packing.Open(env, context, args);
  };
  AERIE_ASSIGN(const auto run, transfer::RunBackup(env.context, from, open, options, env.output));
  for (const auto& outcome : run.collections) {
    for (const auto& warning : outcome.warnings) {
      result.warnings.push_back(outcome.name.ToString() + ": " + warning);
    }
    if (!outcome.status.ok() && run.collections.size() > 1) {
      result.warnings.emplace_back(outcome.status.message());
    }
  }
  if (KindOf(run.status) == Kind::kPartial) {
    return WithMessage(run.status, "pack " + from.Describe() +
                                       ": some collections failed, and the bundle is not finished; "
                                       "the same command goes on with the rest");
  }
  AERIE_TRY(run.status);
  return *run.snapshot;
}

// A snapshot keeps what it says of itself.
Result<repo::Snapshot> PackSnapshot(Environment& env, const PackArgs& args, const Source& source,
                                    Packing& packing) {
  if (!source.selection.partitions.empty() || !source.selection.filter.empty()) {
    return InvalidError(
        "pack: of a snapshot whole collections are packed; leave out --partitions and --filter, or "
        "pack the folder of an export that was made with them");
  }
  std::vector<rows::CollectionName> names;
  for (const auto& collection : source.snapshot->collections) names.push_back(collection.name);
  AERIE_TRY(transfer::Select(source.selection, names, source.Describe()).status());
  AERIE_ASSIGN(repo::Repository* const to, packing.Open(env, env.context, args));
  transfer::MirrorOptions options;
  options.snapshots = {source.label};
  options.selection = source.selection;
  options.pack_bytes = args.part_bytes;
  AERIE_ASSIGN(auto run, transfer::RunMirror(env.context, *source.opened.repository, *to, options,
                                             env.output));
  AERIE_TRY(run.status);
  return *std::move(run.snapshots.front().copy);
}

// What is packed: the folder of an export, or what export takes as well.
struct PackSource {
  Source source;                              // unless it is an export
  std::unique_ptr<transfer::Endpoint> files;  // of an export
  transfer::BackupOptions options;            // what it says of itself
  transfer::Endpoint& endpoint() const { return files ? *files : *source.endpoint; }
};

Result<PackSource> OpenPackSource(Environment& env, const PackArgs& args) {
  PackSource from;
  from.options.selection = args.source.selection;
  if (IsExport(args.source.text)) {
    AERIE_ASSIGN(const StorePtr folder, env.session.Folder(args.source.text));
    AERIE_ASSIGN(from.files, transfer::OpenExportEndpoint(env.context, folder));
    from.options.cluster_label = from.files->Describe();
    return from;
  }
  AERIE_ASSIGN(from.source, OpenSource(env, args.source, "pack"));
  from.options.selection = from.source.selection;
  from.options.cluster_label = from.source.label;
  if (from.source.client) from.options.server_version = from.source.client->server_version();
  return from;
}

// A warning when more plain bytes are to be packed than there is room for. How far they shrink
// nobody knows beforehand.
Status LookForRoom(Environment& env, objects::ObjectStore& store, const PackSource& from,
                   CommandResult& result) {
  if (!from.source.snapshot) return Ok();
  std::uint64_t plain = 0;
  for (const auto& collection : from.source.snapshot->collections) {
    if (transfer::Selects(from.options.selection, collection.name)) plain += collection.bytes;
  }
  AERIE_ASSIGN(const auto free, store.FreeBytes(env.context));
  if (!free || plain <= *free) return Ok();
  result.warnings.push_back(HumanBytes(plain) + " are to be packed, and " + HumanBytes(*free) +
                            " are free in " + store.Describe() +
                            ": it fits only if they shrink enough; packing goes on where it was "
                            "when there is room again");
  return Ok();
}

CommandResult PackPlan(Environment& env, const PackSource& from, const std::string& place) {
  auto plan = transfer::PlanBackup(env.context, from.endpoint(), from.options);
  if (!plan.ok()) return Failure(plan.status());
  CommandResult result;
  result.state = "planned";
  result.json["place"] = place;
  result.json["collections"] = Json::array();
  std::vector<std::vector<std::string>> table = {{"COLLECTION", "ROWS"}};
  for (const auto& item : plan->items) {
    result.json["collections"].push_back({{"name", item.name.ToString()}, {"rows", item.rows}});
    table.push_back({item.name.ToString(),
                     item.rows < 0 ? "?" : Thousands(static_cast<std::uint64_t>(item.rows))});
  }
  result.text = "would pack into " + place + ":\n" + Table(table);
  return result;
}

void ReportPacked(const BundleManifest& manifest, const repo::Snapshot& snapshot,
                  const std::string& place, double seconds, CommandResult& result) {
  result.json.update(ManifestToJson(manifest, place));
  result.json["collections"] = Json::array();
  for (const auto& collection : snapshot.collections) {
    result.json["collections"].push_back(
        {{"name", collection.name.ToString()}, {"rows", collection.digest.rows}});
  }
  result.json["seconds"] = seconds;
  char ratio[32] = "";
  if (manifest.plain_bytes > 0) {
    std::snprintf(ratio, sizeof ratio, ", %.1f %%",
                  100.0 * static_cast<double>(manifest.packed_bytes()) /
                      static_cast<double>(manifest.plain_bytes));
  }
  const std::size_t count = snapshot.collections.size();
  result.text +=
      "packed " + Thousands(manifest.rows) + " rows of " + std::to_string(count) +
      (count == 1 ? " collection: " : " collections: ") + HumanBytes(manifest.plain_bytes) +
      " in " + PartsText(manifest.parts.size(), manifest.packed_bytes()) + ratio +
      (manifest.encrypted ? " (encrypted), " : " (not encrypted), ") + HumanSeconds(seconds) + "\n";
}

CommandResult Pack(Environment& env, const PackArgs& asked) {
  PackArgs args = asked;
  args.bundle.limits = args.source.repo.flags.limits;
  const SteadyTime start = env.context.clock().Steady();
  Packing packing;
  auto store = env.session.BundlePlace(env.context, args.folder, args.bundle.limits, nullptr);
  if (!store.ok()) return Failure(store.status());
  packing.store = *store;
  auto from = OpenPackSource(env, args);
  if (!from.ok()) return Failure(from.status());
  if (args.dry_run) return PackPlan(env, *from, packing.store->Describe());
  CommandResult result;
  result.status = LookForRoom(env, *packing.store, *from, result);
  if (!result.status.ok()) return result;
  auto snapshot = from->source.snapshot
                      ? PackSnapshot(env, args, from->source, packing)
                      : PackEndpoint(env, args, from->endpoint(), from->options, packing, result);
  ReportThrottle(from->endpoint(), result);
  // What the user must know of a new passphrase is said also when packing failed.
  if (packing.opened && !packing.opened->key_file.empty()) {
    result.json["key_file"] = packing.opened->key_file;
    result.warnings.push_back("the bundle's passphrase was generated and is in " +
                              packing.opened->key_file +
                              "; the other side needs it, by another way than the bundle");
  }
  result.status = snapshot.status();
  if (!snapshot.ok()) return result;
  auto manifest = transfer::FinishBundle(env.context, *packing.store, *packing.opened->repository,
                                         *snapshot, app::kProgram, env.output);
  result.status = manifest.status();
  if (!manifest.ok()) return result;
  ReportPacked(*manifest, *snapshot, packing.store->Describe(), SecondsSince(env, start), result);
  return result;
}

// ---- send ----

struct SendArgs {
  std::string from;
  std::string to;
  app::StoreLimitTexts limits;
  objects::SshOptions ssh;
  std::string read_back = "new";
  std::size_t parallel = transfer::SendOptions().parallel;
  bool dry_run = false;
};

transfer::ReadBack ReadBackOf(const std::string& word) {
  if (word == "none") return transfer::ReadBack::kNone;
  return word == "all" ? transfer::ReadBack::kAll : transfer::ReadBack::kNew;
}

CommandResult PlanResult(const transfer::SendPlan& plan, const std::string& to) {
  CommandResult result;
  result.state = "planned";
  result.json = ManifestToJson(plan.manifest, to);
  result.json["parts_to_send"] = plan.parts;
  result.json["bytes_to_send"] = plan.bytes;
  result.json["free_bytes"] = plan.free_bytes ? Json(*plan.free_bytes) : Json(nullptr);
  result.text = "would send " + PartsText(plan.parts, plan.bytes) + " to " + to +
                (plan.free_bytes ? ", where " + HumanBytes(*plan.free_bytes) + " are free" : "") +
                "\n";
  return result;
}

std::string SentText(const transfer::SendResult& sent, transfer::ReadBack read_back,
                     const std::string& to) {
  const std::string there = Thousands(sent.parts_there) + " were there already" +
                            (read_back == transfer::ReadBack::kAll ? ", and compared" : "");
  if (sent.parts_sent == 0) return "nothing to send to " + to + ": all " + there;
  return "sent " + PartsText(sent.parts_sent, sent.bytes_sent) + " to " + to +
         (read_back == transfer::ReadBack::kNone ? ", not read back" : ", every one read back") +
         (sent.parts_there == 0 ? "" : "; " + there);
}

CommandResult Send(Environment& env, const SendArgs& args) {
  auto from = env.session.BundlePlace(env.context, args.from, {}, &args.ssh);
  if (!from.ok()) return Failure(from.status());
  auto to = env.session.BundlePlace(env.context, args.to, args.limits, &args.ssh);
  if (!to.ok()) return Failure(to.status());
  const transfer::SendOptions options{.read_back = ReadBackOf(args.read_back),
                                      .parallel = args.parallel};
  if (args.dry_run) {
    auto plan = transfer::PlanSend(env.context, **from, **to, options);
    return plan.ok() ? PlanResult(*plan, (*to)->Describe()) : Failure(plan.status());
  }
  const SteadyTime start = env.context.clock().Steady();
  const auto sent = transfer::SendBundle(env.context, **from, **to, options, env.output);
  if (!sent.ok()) return Failure(sent.status());
  CommandResult result;
  result.json = ManifestToJson(sent->manifest, (*to)->Describe());
  result.json["parts_sent"] = sent->parts_sent;
  result.json["bytes_sent"] = sent->bytes_sent;
  result.json["parts_there"] = sent->parts_there;
  result.json["mended"] = sent->mended;
  result.json["read_back"] = args.read_back;
  result.json["seconds"] = SecondsSince(env, start);
  for (const std::string& name : sent->mended) {
    result.text += "was damaged there, and sent again: " + name + "\n";
  }
  result.text += SentText(*sent, options.read_back, (*to)->Describe()) + ", " +
                 HumanSeconds(SecondsSince(env, start)) + "\n";
  return result;
}

void AddSshOptions(CLI::App& command, objects::SshOptions& ssh) {
  command
      .add_option("--ssh-key", ssh.key_file, "sftp://: log in with this private key and no other")
      ->type_name("FILE")
      ->check(CLI::ExistingFile)
      ->group("SSH");
  command
      .add_option("--ssh-known-hosts", ssh.known_hosts,
                  "sftp://: hosts that are known, instead of ~/.ssh/known_hosts")
      ->type_name("FILE")
      ->check(CLI::ExistingFile)
      ->group("SSH");
}

// ---- verify ----

struct BundleArg {
  std::string text;
  app::StoreLimitTexts limits;
  objects::SshOptions ssh;
};

// The bundle's list, every part compared with it, and what is wrong in the result.
Result<BundleManifest> CheckedBundle(Environment& env, objects::ObjectStore& store,
                                     CommandResult& result) {
  AERIE_ASSIGN(auto manifest, transfer::ReadBundle(env.context, store));
  AERIE_ASSIGN(const auto damage, transfer::CheckBundle(env.context, store, manifest, env.output));
  if (damage.empty()) return manifest;
  result.json["damaged"] = Json::array();
  bool missing_only = true;
  for (const auto& one : damage) {
    const bool missing = KindOf(one.status) == Kind::kNotFound;
    missing_only = missing_only && missing;
    result.json["damaged"].push_back(
        {{"part", one.part.name}, {"bytes", one.part.bytes}, {"missing", missing}});
    result.text += std::string(missing ? "missing: " : "damaged: ") + one.part.name + "\n";
  }
  return MakeStatus(missing_only ? Kind::kNotFound : Kind::kCorrupt,
                    "check bundle " + store.Describe() + ": " + Thousands(damage.size()) + " of " +
                        PartsText(manifest.parts.size(), manifest.packed_bytes()) +
                        " are damaged or missing, the first is " + damage.front().part.name +
                        "; aerie bundle send --read-back all, from where it is whole, sends these "
                        "again");
}

CommandResult Verify(Environment& env, const BundleArg& args) {
  auto store = env.session.BundlePlace(env.context, args.text, args.limits, &args.ssh);
  if (!store.ok()) return Failure(store.status());
  const SteadyTime start = env.context.clock().Steady();
  CommandResult result;
  const auto manifest = CheckedBundle(env, **store, result);
  result.status = manifest.status();
  result.json["seconds"] = SecondsSince(env, start);
  if (!manifest.ok()) return result;
  result.json.update(ManifestToJson(*manifest, (*store)->Describe()));
  result.text = PartsText(manifest->parts.size(), manifest->packed_bytes()) +
                ": every one is as it was packed\n";
  return result;
}

// ---- unpack ----

struct UnpackArgs {
  BundleArg bundle;
  app::RepositoryFlags flags;
  std::string folder;
  ClusterArg to;
  TargetArgs target;
  FileArgs files;
  bool dry_run = false;
};

// A bundle that is whole, opened, and what was packed last.
struct OpenBundle {
  BundleManifest manifest;
  app::OpenedRepository opened;
  std::unique_ptr<transfer::Endpoint> endpoint;
};

Result<OpenBundle> Open(Environment& env, const UnpackArgs& args, CommandResult& result) {
  AERIE_ASSIGN(const StorePtr store,
               env.session.BundlePlace(env.context, args.bundle.text, args.bundle.limits, nullptr));
  OpenBundle bundle;
  AERIE_ASSIGN(bundle.manifest, CheckedBundle(env, *store, result));
  app::RepositoryFlags flags = args.flags;
  flags.limits = args.bundle.limits;
  flags.unfit = "unpack " + args.bundle.text +
                ": the passphrase is missing or does not fit; set AERIE_BUNDLE_PASSWORD or use "
                "--bundle-password-file";
  auto opened = env.session.Repository(env.context, args.bundle.text, flags, app::IfAbsent::kFail);
  AERIE_TRY(opened.status());
  bundle.opened = *std::move(opened);
  AERIE_ASSIGN(auto snapshot,
               bundle.opened.repository->FindSnapshot(env.context, bundle.manifest.snapshot));
  bundle.endpoint = transfer::MakeSnapshotEndpoint(*bundle.opened.repository, std::move(snapshot));
  return bundle;
}

CommandResult ToCluster(Environment& env, const UnpackArgs& args, CommandResult result) {
  auto options = ToOptions(args.target, "unpack");
  if (!options.ok()) return Failure(options.status());
  if (!args.dry_run) {
    const Status confirmed = ConfirmReplace(env, args.target.on_conflict, "unpack");
    if (!confirmed.ok()) return Failure(confirmed);
  }
  auto cluster = env.session.Cluster(env.context, args.to.text, args.to.flags);
  if (!cluster.ok()) return Failure(cluster.status());
  const SteadyTime start = env.context.clock().Steady();
  auto bundle = Open(env, args, result);
  result.status = bundle.status();
  if (!bundle.ok()) return result;
  if (args.dry_run) {
    auto plan = transfer::PlanRestore(env.context, *bundle->endpoint, cluster->client, *options);
    return plan.ok() ? PlanResult(*plan, args.target, "unpack") : Failure(plan.status());
  }
  auto run =
      transfer::RunRestore(env.context, *bundle->endpoint, cluster->client, *options, env.output);
  if (!run.ok()) return Failure(run.status());
  result = RunResult(*run, "unpack", "unpacked");
  result.json["snapshot"] = bundle->manifest.snapshot;
  result.json["cluster"] = cluster->label;
  result.json["seconds"] = SecondsSince(env, start);
  return result;
}

// An export of rows takes no less than the bundle that they come out of.
Status CheckSpace(Environment& env, objects::ObjectStore& folder, const BundleManifest& manifest) {
  AERIE_ASSIGN(const auto free, folder.FreeBytes(env.context));
  if (!free || manifest.packed_bytes() <= *free) return Ok();
  return MakeStatus(Kind::kNoSpace,
                    "unpack to " + folder.Describe() + ": only " + HumanBytes(*free) +
                        " are free there, and the bundle alone "
                        "has " +
                        HumanBytes(manifest.packed_bytes()) + "; make room, nothing was written");
}

CommandResult ToFolder(Environment& env, const UnpackArgs& args, CommandResult result) {
  if (args.target.no_index || args.target.no_load || args.target.new_keys ||
      !args.target.rename.empty() || !args.target.suffix.empty() || !args.target.database.empty() ||
      args.target.on_conflict != "fail" || args.dry_run) {
    return Failure(
        InvalidError("unpack to a folder: options for a cluster mean nothing there; "
                     "leave them out, or give --to"));
  }
  auto format = files::OpenTableFormat(args.files.format);
  if (!format.ok()) return Failure(format.status());
  auto folder = env.session.Folder(args.folder);
  if (!folder.ok()) return Failure(folder.status());
  const SteadyTime start = env.context.clock().Steady();
  auto bundle = Open(env, args, result);
  result.status = bundle.status();
  if (!bundle.ok()) return result;
  const Status space = CheckSpace(env, **folder, bundle->manifest);
  if (!space.ok()) return Failure(space);
  transfer::ExportOptions options;
  options.source = "snapshot " + bundle->manifest.snapshot;
  options.program = app::kProgram;
  options.earlier = files::Earlier::kGoOn;
  options.selection = args.target.selection;
  options.parallel_collections = args.target.parallel;
  options.file_bytes = args.files.file_bytes;
  auto run =
      transfer::RunExport(env.context, *bundle->endpoint, *folder, **format, options, env.output);
  if (!run.ok()) return Failure(run.status());
  result = ExportedResult(*run, args.files.format, (*folder)->Describe());
  result.json["snapshot"] = bundle->manifest.snapshot;
  result.json["seconds"] = SecondsSince(env, start);
  return result;
}

CommandResult Unpack(Environment& env, const UnpackArgs& args) {
  if (args.folder.empty() == args.to.text.empty()) {
    return Failure(InvalidError("unpack: give --to CLUSTER, or a folder behind the bundle"));
  }
  return args.folder.empty() ? ToCluster(env, args, {}) : ToFolder(env, args, {});
}

// ---- the commands ----

void AddBundleArg(CLI::App& command, BundleArg& arg) {
  command
      .add_option("BUNDLE", arg.text, "Folder of a bundle: a path, s3://bucket/prefix or a name")
      ->required();
  AddStoreLimitOptions(command, arg.limits);
}

void AddPack(CLI::App& bundle, Action& action) {
  auto args = std::make_shared<PackArgs>();
  CLI::App* cmd = bundle.add_subcommand(
      "pack",
      "Pack a snapshot, a cluster or an export into a folder of parts, to be carried or sent");
  AddSourceOptions(*cmd, args->source,
                   "Snapshot, cluster, either with /database.collection, or folder of an export");
  cmd->add_option("DIR", args->folder,
                  "New or empty folder, or a bundle to add to: a path or s3://bucket/prefix")
      ->required();
  AddBundlePassword(*cmd, args->bundle);
  cmd->add_flag("--unencrypted", args->bundle.unencrypted, "Do not encrypt a new bundle")
      ->group("Bundle");
  cmd->add_option("--part-size", args->part_bytes,
                  "About how large a part is, such as 1MB: what S3 takes again after a cut")
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::Range(std::uint64_t{1} << 18, std::uint64_t{1} << 30))
      ->type_name("SIZE")
      ->default_str("4MiB")
      ->group("Bundle");
  AddKdfOptions(*cmd, args->bundle.kdf);
  cmd->add_option("--parallel", args->parallel, "Collections packed at once")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  cmd->add_option("--streams", args->streams, "Requests in flight for each collection")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  cmd->add_flag("-n,--dry-run", args->dry_run, "Show what would be packed; write nothing");
  cmd->callback(
      [&action, args] { action = [args](Environment& env) { return Pack(env, *args); }; });
}

void AddSend(CLI::App& bundle, Action& action) {
  auto args = std::make_shared<SendArgs>();
  CLI::App* cmd = bundle.add_subcommand(
      "send", "Send what a folder, a bucket or another machine lacks of a bundle, and compare it");
  cmd->add_option("BUNDLE", args->from, "Folder of a bundle: a path, s3://bucket/prefix or a name")
      ->required();
  cmd->add_option("TO", args->to,
                  "Where to: a path, s3://bucket/prefix, sftp://user@host:port/path or a name")
      ->required();
  AddStoreLimitOptions(*cmd, args->limits);
  AddSshOptions(*cmd, args->ssh);
  cmd->add_option(
         "--read-back", args->read_back,
         "What is read back and compared: new, what is sent; all, also what was there; none")
      ->check(CLI::IsMember({"new", "all", "none"}))
      ->capture_default_str();
  cmd->add_option("--parallel", args->parallel, "Parts sent at a time")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  cmd->add_flag("-n,--dry-run", args->dry_run, "Show what would be sent; send nothing");
  cmd->callback(
      [&action, args] { action = [args](Environment& env) { return Send(env, *args); }; });
}

void AddVerify(CLI::App& bundle, Action& action) {
  auto args = std::make_shared<BundleArg>();
  CLI::App* cmd = bundle.add_subcommand(
      "verify", "Compare every part of a bundle with its checksum; needs no passphrase");
  AddBundleArg(*cmd, *args);
  AddSshOptions(*cmd, args->ssh);
  cmd->callback(
      [&action, args] { action = [args](Environment& env) { return Verify(env, *args); }; });
}

void AddUnpack(CLI::App& bundle, Action& action) {
  auto args = std::make_shared<UnpackArgs>();
  CLI::App* cmd = bundle.add_subcommand(
      "unpack", "Bring a bundle's rows into a cluster, or into files, comparing every row");
  AddBundleArg(*cmd, args->bundle);
  cmd->add_option("DIR", args->folder, "Instead of --to: new or empty folder for files");
  AddClusterOption(*cmd, "--to", "Cluster: an address or a configured name", args->to);
  AddBundlePassword(*cmd, args->flags);
  AddTargetOptions(*cmd, args->target, "--parallel");
  AddFileOptions(*cmd, args->files);
  cmd->add_flag("-n,--dry-run", args->dry_run, "Show what would be unpacked; change nothing");
  cmd->callback(
      [&action, args] { action = [args](Environment& env) { return Unpack(env, *args); }; });
}

}  // namespace

void AddBundleCommands(CLI::App& root, Action& action) {
  CLI::App* bundle =
      root.add_subcommand("bundle", "Carry or send rows to where no network leads, or a poor one");
  bundle->require_subcommand(1);
  AddPack(*bundle, action);
  AddSend(*bundle, action);
  AddVerify(*bundle, action);
  AddUnpack(*bundle, action);
}

}  // namespace aerie::cli
