#include "migrate/preflight.h"

#include <algorithm>
#include <set>
#include <utility>

#include "migrate/write_probe.h"
#include "milvus/server_version.h"

namespace aerie::migrate {
namespace {

using Verdict = Finding::Verdict;

constexpr char kSourceHealth[] = "source-health";
constexpr char kTargetHealth[] = "target-health";
constexpr char kVersions[] = "versions";
constexpr char kCollections[] = "collections";
constexpr char kKept[] = "kept";
constexpr char kNetwork[] = "network";
constexpr char kSpace[] = "space";

std::string Amount(double bytes) {
  const bool small = bytes < 1e6;
  return std::to_string(static_cast<std::int64_t>(bytes / (small ? 1e3 : 1e6))) +
         (small ? " kB" : " MB");
}

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

// Which types the rows have, and whether the target is at least as new. What it cannot hold in
// spite of that is among the findings on collections, type by type.
Finding Versions(const milvus::Client& source, const milvus::Client& target,
                 const transfer::CopyPlan& plan) {
  std::set<std::string> names;
  for (const auto& item : plan.items) {
    for (const auto& field : item.spec.schema.fields) names.insert(rows::TypeName(field.type));
  }
  std::string types;
  for (const std::string& name : names) types += (types.empty() ? "" : ", ") + name;
  const milvus::ServerVersion from = milvus::ParseServerVersion(source.server_version());
  const milvus::ServerVersion to = milvus::ParseServerVersion(target.server_version());
  const auto told = [](const milvus::Client& client) {
    return client.server_version().empty() ? "a version that is not told" : client.server_version();
  };
  const std::string text = "from " + told(source) + " to " + told(target) + "; types " + types;
  if (!from.known() || !to.known() || from.lite != to.lite) {
    return {kVersions, Verdict::kWarn,
            text + ": these versions cannot be compared; rehearse with a copy of one collection"};
  }
  if (std::pair(to.major, to.minor) < std::pair(from.major, from.minor)) {
    return {kVersions, Verdict::kWarn,
            text + ": the target is older; what it does not know is named by collections and kept"};
  }
  return {kVersions, Verdict::kPass, text};
}

// Both ways: the rows come from the source and go to the target.
Finding Network(const transfer::CopyPlan& plan, const TargetProbe& probe) {
  const auto& sample = plan.sample;
  const double reads = sample.seconds > 0 ? static_cast<double>(sample.bytes) / sample.seconds : 0;
  const double writes = probe.seconds > 0 ? static_cast<double>(probe.bytes) / probe.seconds : 0;
  const std::string read = reads > 0 ? "the source is read at " + Amount(reads) + "/s"
                                     : "nothing is loaded at the source, so its speed is not known";
  const std::string written = writes > 0 ? "the target is written at " + Amount(writes) + "/s"
                                         : "nothing could be written at the target";
  const bool known = reads > 0 && writes > 0;
  std::string text = read + ", " + written + ", one call at a time";
  if (known) {
    const double seconds = static_cast<double>(plan.bytes) / std::min(reads, writes);
    text += "; at the slower, the rows take " + std::to_string(static_cast<std::int64_t>(seconds)) +
            " s";
  }
  return {kNetwork, known ? Verdict::kPass : Verdict::kWarn, text};
}

Finding Space(const transfer::CopyPlan& plan, std::int64_t free_bytes) {
  const std::int64_t needed = plan.bytes * kSpacePerByte;
  const std::string need = "the rows are about " + Amount(static_cast<double>(plan.bytes)) +
                           ", and the target needs about " + Amount(static_cast<double>(needed)) +
                           " to store them";
  if (free_bytes < 0) {
    return {kSpace, Verdict::kWarn,
            need + "; Milvus does not tell how much is free there: say it with --target-free"};
  }
  const std::string free = Amount(static_cast<double>(free_bytes)) + " are free";
  if (free_bytes >= needed) {
    // A collection that is not loaded cannot be counted.
    const auto unknown = std::count_if(plan.items.begin(), plan.items.end(),
                                       [](const auto& item) { return item.bytes < 0; });
    if (unknown == 0) return {kSpace, Verdict::kPass, need + "; " + free};
    return {kSpace, Verdict::kWarn,
            need + ", besides " + std::to_string(unknown) +
                " collections that are not loaded and could not be counted; " + free};
  }
  return {kSpace, Verdict::kFail, need + ", but only " + free + ": make room there"};
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
      kSourceHealth, kTargetHealth, kVersions,    kCollections, kKept,         kRightsCheck,
      kNetwork,      kSpace,        kBackupCheck, kFenceCheck,  kRollbackCheck};
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
                            const PreflightOptions& options) {
  Examination found;
  found.findings = {Health(context, *source, kSourceHealth),
                    Health(context, *target, kTargetHealth)};
  const auto from = transfer::MakeClusterEndpoint(source, {});
  transfer::RestoreOptions copy;
  copy.selection = options.selection;
  copy.on_conflict = transfer::OnConflict::kMerge;
  copy.each_for_itself = true;
  copy.verb = "migrate";
  AERIE_ASSIGN(found.plan, transfer::PlanCopy(context, *from, target, copy, options.limit_rows));
  std::vector<rows::CollectionSpec> specs;
  std::vector<rows::CollectionName> names;
  for (const auto& item : found.plan.items) {
    specs.push_back(item.spec);
    names.push_back(item.from);
  }
  found.findings.push_back(Versions(*source, *target, found.plan));
  Collections(found.plan, found.findings);
  const TargetProbe probe = ProbeTarget(context, *target);
  found.findings.push_back(probe.rights);
  found.findings.push_back(Network(found.plan, probe));
  found.findings.push_back(Space(found.plan, options.target_free_bytes));
  found.findings.push_back(CheckBackup(context, options.backup, names));
  if (options.fence) {
    for (Finding& finding : options.fence(context, names)) {
      found.findings.push_back(std::move(finding));
    }
  }
  found.findings.push_back(CheckWayBack(context, source, specs, options.way_back));
  return found;
}

Status ClusterPreflight::Check(const Context& context) {
  AERIE_ASSIGN(const Examination found, Examine(context, source_, target_, options_));
  for (const Finding& finding : found.findings) hear_(finding);
  return Judge(found.findings, accepted_);
}

}  // namespace aerie::migrate
