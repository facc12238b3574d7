#include "app/kinds/mirror.h"

#include <utility>
#include <vector>

#include "app/result_json.h"

namespace aerie::app {
namespace {

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

Result<OpenedRepository> OpenTarget(const Tools& tools, const MirrorRequest& request) {
  RepositoryFlags flags = request.to.flags;
  flags.password_stem = kMirrorPasswordStem;
  flags.password_variable = "AERIE_TO_PASSWORD";
  flags.unfit = "mirror to " + request.to.text +
                ": the passphrase does not fit; the target's own comes from --to-password-file, "
                "--to-password-command, AERIE_TO_PASSWORD or the configuration";
  flags.limits = request.from.flags.limits;
  auto opened = tools.session.Repository(tools.context, request.to.text, flags,
                                         request.init ? IfAbsent::kCreate : IfAbsent::kFail);
  if (KindOf(opened.status()) == Kind::kNotFound) {
    return NotFoundError("mirror to " + request.to.text +
                         ": there is no repository; check --to, or add --init to make one");
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
  if (!outcome.status.ok()) json["error"] = ErrorToJson(outcome.status);
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

class MirrorKind : public RequestKind<MirrorRequest> {
 public:
  using RequestKind::RequestKind;

 private:
  void Read(SpecReader& spec, MirrorRequest& request) const override {
    transfer::MirrorOptions& options = request.options;
    spec.Repository("repository", SpecReader::Default::kConfigured, request.from.text);
    spec.Repository("to", SpecReader::Default::kNone, request.to.text);
    spec.Texts("snapshots", options.snapshots);
    spec.Text("cluster", options.cluster);
    spec.Texts("tags", options.tags);
    spec.Selection(options.selection, SpecReader::Rows::kAll);
    spec.Number("last", std::size_t{0}, std::size_t{1'000'000}, options.last);
    spec.Flag("pins", options.pins);
    spec.Time("immutable_for", request.immutable_for);
    spec.Flag("init", request.init);
    spec.Flag("dry_run", request.dry_run);
    if (request.init && request.dry_run) spec.Fail("init", "does not go with dry_run");
  }
  std::string Describe(const MirrorRequest& request) const override {
    return "mirror snapshots of repository " +
           NamedOr(request.from.text, setup().config.default_repository) + " to repository " +
           request.to.text + DryRunText(request.dry_run);
  }
  CommandResult Work(const Tools& tools, MirrorRequest& request, jobs::JobRun&) const override {
    return Mirror(tools, request);
  }
};

}  // namespace

CommandResult Mirror(const Tools& tools, const MirrorRequest& request) {
  const auto immutable_for = ImmutableFor(tools.session, request.immutable_for, request.to.text);
  if (!immutable_for.ok()) return Failure(immutable_for.status());
  transfer::MirrorOptions options = request.options;
  options.immutable_for = *immutable_for;
  auto from = tools.session.Repository(tools.context, request.from.text, request.from.flags,
                                       IfAbsent::kFail);
  if (!from.ok()) return Failure(from.status());
  if (request.dry_run && request.init) {
    return Failure(InvalidError("mirror: --dry-run makes nothing; leave out --init"));
  }
  auto to = OpenTarget(tools, request);
  if (!to.ok()) return Failure(to.status());
  if (request.dry_run) {
    auto plan = transfer::PlanMirror(tools.context, *from->repository, *to->repository, options);
    return plan.ok() ? PlanResult(*plan, to->repository->Describe()) : Failure(plan.status());
  }
  const SteadyTime start = tools.context.clock().Steady();
  const auto run = transfer::RunMirror(tools.context, *from->repository, *to->repository, options,
                                       tools.progress);
  CommandResult result = run.ok() ? RunResult(*run) : Failure(run.status());
  result.json["to"] = {{"id", to->repository->id()},
                       {"location", to->repository->Describe()},
                       {"created", to->created},
                       {"encrypted", to->repository->encrypted()},
                       {"key_file", to->key_file}};
  result.json["seconds"] = SecondsSince(tools.context, start);
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

std::shared_ptr<jobs::JobKind> MakeMirrorKind(std::shared_ptr<const KindSetup> setup) {
  return std::make_shared<MirrorKind>("mirror", std::move(setup));
}

}  // namespace aerie::app
