#include "migrate/preflight.h"

#include <algorithm>
#include <random>
#include <utility>

#include "milvus/collection_admin.h"

namespace aerie::migrate {
namespace {

using Verdict = Finding::Verdict;

constexpr char kSourceHealth[] = "source-health";
constexpr char kTargetHealth[] = "target-health";
constexpr char kCollections[] = "collections";
constexpr char kKept[] = "kept";
constexpr char kRights[] = "rights";
constexpr char kNetwork[] = "network";
constexpr char kSpace[] = "space";
constexpr char kBackup[] = "backup";

Finding Health(const Context& context, milvus::Client& client, const std::string& check) {
  const auto health = client.CheckHealth(context, {});
  const std::string version =
      client.server_version().empty() ? "unknown version" : client.server_version();
  if (KindOf(health.status()) == Kind::kUnsupported) {
    return {check, Verdict::kWarn, client.cluster() + " (" + version + ") cannot be asked"};
  }
  if (!health.ok()) return {check, Verdict::kFail, std::string(health.status().message())};
  if (health->ishealthy()) return {check, Verdict::kPass, client.cluster() + ", " + version};
  std::string why;
  for (const auto& reason : health->reasons()) why += (why.empty() ? ": " : ", ") + reason;
  return {check, Verdict::kFail,
          client.cluster() + " says that it is not healthy" + why + "; mend it first"};
}

// What the target refuses, and what it will not keep.
void Collections(const transfer::CopyPlan& plan, std::vector<Finding>& findings) {
  const std::size_t before = findings.size();
  for (const auto& item : plan.items) {
    const std::string name = item.from.ToString();
    if (!item.refused.empty()) {
      findings.push_back({kCollections, Verdict::kFail, name + ": " + item.refused});
    } else if (item.exists) {
      findings.push_back({kCollections, Verdict::kWarn,
                          name + " is in the target already: it is compared row by row, and "
                                 "refused if it has rows that the source has not"});
    }
    for (const std::string& line : item.cannot_keep) {
      findings.push_back({kKept, Verdict::kWarn, name + ": cannot be kept: " + line});
    }
  }
  if (findings.size() == before) {
    findings.push_back({kCollections, Verdict::kPass,
                        std::to_string(plan.items.size()) + ", all of which the target can hold"});
  }
}

rows::CollectionSpec Scratch() {
  std::random_device random;
  rows::CollectionSpec spec;
  spec.name.collection = "aerie_preflight_" + std::to_string(random());
  spec.schema.name = spec.name.collection;
  spec.schema.fields.resize(2);
  spec.schema.fields[0].name = "id";
  spec.schema.fields[0].type = rows::DataType::kInt64;
  spec.schema.fields[0].primary_key = true;
  spec.schema.fields[1].name = "vector";
  spec.schema.fields[1].type = rows::DataType::kFloatVector;
  spec.schema.fields[1].type_params = {{"dim", "2"}};
  return spec;
}

Finding Rights(const Context& context, milvus::Client& target) {
  const rows::CollectionSpec scratch = Scratch();
  Status status = milvus::CreateCollectionFromSpec(context, target, scratch);
  if (status.ok()) status = milvus::DropCollection(context, target, scratch.name);
  if (status.ok()) return {kRights, Verdict::kPass, "collections may be made at the target"};
  return {kRights, Verdict::kFail,
          "a collection could not be made and dropped at the target (" + scratch.name.collection +
              "): " + std::string(status.message()) +
              "; give the user of --to-user the rights for it"};
}

Finding Network(const transfer::CopyPlan& plan) {
  if (plan.sample.seconds <= 0) {
    return {kNetwork, Verdict::kWarn, "nothing is loaded at the source, so no speed was measured"};
  }
  const double rate = static_cast<double>(plan.sample.bytes) / plan.sample.seconds / 1e6;
  return {kNetwork, Verdict::kPass,
          "the source is read at " + std::to_string(static_cast<int>(rate)) + " MB/s"};
}

}  // namespace

const char* NameOf(Finding::Verdict verdict) {
  switch (verdict) {
    case Verdict::kPass: return "pass";
    case Verdict::kWarn: return "warn";
    case Verdict::kFail: return "fail";
  }
  return "fail";
}

const std::vector<std::string>& CheckNames() {
  static const std::vector<std::string> names = {
      kSourceHealth, kTargetHealth, kCollections, kKept, kRights, kNetwork, kSpace, kBackup};
  return names;
}

Status Judge(const std::vector<Finding>& findings, const std::vector<std::string>& accepted) {
  std::string failures;
  for (const Finding& finding : findings) {
    if (finding.verdict != Verdict::kFail) continue;
    if (std::find(accepted.begin(), accepted.end(), finding.check) != accepted.end()) continue;
    failures += (failures.empty() ? "" : " | ") + finding.check + ": " + finding.text;
  }
  if (failures.empty()) return Ok();
  return RefusedError("preflight failed: " + failures +
                      " | mend this, or go on in spite of it with --accept NAME");
}

Result<Examination> Examine(const Context& context, std::shared_ptr<milvus::Client> source,
                            std::shared_ptr<milvus::Client> target,
                            const transfer::Selection& selection, double limit_rows) {
  Examination found;
  found.findings = {Health(context, *source, kSourceHealth),
                    Health(context, *target, kTargetHealth)};
  const auto from = transfer::MakeClusterEndpoint(source, {});
  transfer::RestoreOptions options;
  options.selection = selection;
  options.on_conflict = transfer::OnConflict::kMerge;
  options.each_for_itself = true;
  options.verb = "migrate";
  AERIE_ASSIGN(found.plan, transfer::PlanCopy(context, *from, target, options, limit_rows));
  Collections(found.plan, found.findings);
  found.findings.push_back(Rights(context, *target));
  found.findings.push_back(Network(found.plan));
  found.findings.push_back({kSpace, Verdict::kWarn,
                            "Milvus does not tell how much space is left; the rows are about " +
                                std::to_string(found.plan.bytes / 1'000'000) + " MB"});
  found.findings.push_back(
      {kBackup, Verdict::kWarn,
       "whether there is a verified backup is not looked at by this version: aerie backup create, "
       "aerie backup verify --read-data"});
  return found;
}

Status ClusterPreflight::Check(const Context& context) {
  AERIE_ASSIGN(const Examination found, Examine(context, source_, target_, selection_, 0));
  for (const Finding& finding : found.findings) hear_(finding);
  return Judge(found.findings, accepted_);
}

}  // namespace aerie::migrate
