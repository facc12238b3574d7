#include "app/kinds/copy.h"

#include <utility>

#include "transfer/copy.h"

namespace aerie::app {
namespace {

std::string Known(std::int64_t value, std::string (*text)(std::uint64_t)) {
  return value < 0 ? "?" : text(static_cast<std::uint64_t>(value));
}

std::string WhatBecomesOf(const transfer::CopyPlan::Item& item, const std::string& on_conflict) {
  if (!item.refused.empty()) return "refused";
  if (item.exists && on_conflict == "fail") return "exists: done if its rows are the same";
  if (item.exists) return "exists: " + on_conflict;
  return item.resumes ? "goes on with an interrupted copy" : "new";
}

Json PlanToJson(const transfer::CopyPlan::Item& item) {
  return {{"from", item.from.ToString()},
          {"to", item.to.ToString()},
          {"rows", item.rows},
          {"bytes", item.bytes},
          {"bytes_from", item.sampled ? "sample" : "schema"},
          {"loaded", item.spec.load_state == rows::LoadState::kLoaded},
          {"exists", item.exists},
          {"resumes", item.resumes},
          {"refused", item.refused.empty() ? Json(nullptr) : Json(item.refused)},
          {"cannot_keep", item.cannot_keep}};
}

std::string EstimateText(const transfer::CopyPlan& plan) {
  if (plan.seconds < 0) return "time not estimated: there was nothing loaded to be sampled\n";
  return "about " + HumanSeconds(plan.seconds) + ": reading " + Thousands(plan.sample.rows) +
         " rows in " + std::to_string(plan.sample.ranges) + " key ranges took " +
         HumanSeconds(plan.sample.seconds) + " (" +
         HumanBytes(static_cast<std::uint64_t>(static_cast<double>(plan.sample.bytes) /
                                               plan.sample.seconds)) +
         "/s); the whole copy is reckoned as " +
         std::to_string(static_cast<int>(transfer::kCopyPerReading)) + " times such reading\n";
}

CommandResult PlanResult(const transfer::CopyPlan& plan, const CopyRequest& request) {
  CommandResult result;
  result.state = "planned";
  result.json["collections"] = Json::array();
  std::vector<std::vector<std::string>> table = {{"FROM", "TO", "ROWS", "SIZE", "TARGET"}};
  for (const auto& item : plan.items) {
    result.json["collections"].push_back(PlanToJson(item));
    table.push_back({item.from.ToString(), item.to.ToString(), Known(item.rows, Thousands),
                     Known(item.bytes, HumanBytes),
                     WhatBecomesOf(item, request.target.on_conflict)});
    if (!item.refused.empty()) {
      result.warnings.push_back(item.to.ToString() + ": refused: " + item.refused);
    }
    for (const auto& line : item.cannot_keep) {
      result.warnings.push_back(item.to.ToString() + ": cannot be kept: " + line);
    }
    if (item.spec.load_state != rows::LoadState::kLoaded) {
      result.warnings.push_back(item.from.ToString() +
                                ": is not loaded; it would be loaded to be read, then released");
    }
  }
  result.json["rows"] = plan.rows;
  result.json["bytes"] = plan.bytes;
  result.json["estimate"] = {{"seconds", plan.seconds < 0 ? Json(nullptr) : Json(plan.seconds)},
                             {"sampled_ranges", plan.sample.ranges},
                             {"sampled_rows", plan.sample.rows},
                             {"sampled_bytes", plan.sample.bytes},
                             {"sampled_seconds", plan.sample.seconds},
                             {"copy_per_reading", transfer::kCopyPerReading}};
  result.text = "would copy, " + std::to_string(request.target.parallel) + " at a time:\n" +
                Table(table) + EstimateText(plan);
  return result;
}

Json OutcomeToJson(const transfer::RestoreOutcome& outcome) {
  Json json = ToJson(outcome);
  json["was_there"] = outcome.was_there;
  json["fuzzy"] = outcome.report.fuzzy;
  json["read"] = ToJson(outcome.report);
  return json;
}

std::string CopyText(const transfer::RestoreOutcome& outcome) {
  std::string text = (outcome.was_there ? "was there: " : "copied ") + outcome.name.ToString() +
                     " to " + outcome.to.ToString() + ": " + Thousands(outcome.digest.rows) +
                     " rows, " + HowChecked(outcome) + ", " + HumanSeconds(outcome.seconds);
  if (outcome.report.fuzzy) text += ", read while it could be written (fuzzy)";
  if (outcome.resumed) {
    text += " (went on with an interrupted copy: " + Thousands(outcome.rows_written) + " written)";
  }
  return text + "\n";
}

CommandResult CopyResult(const transfer::RestoreResult& run) {
  CommandResult result = ResultOfRun(run, OutcomeToJson, CopyText);
  std::size_t there = 0;
  std::size_t failed = 0;
  for (const auto& outcome : run.collections) {
    if (!outcome.status.ok()) {
      ++failed;
    } else if (outcome.was_there) {
      ++there;
    }
  }
  result.json["copied"] = run.collections.size() - there - failed;
  result.json["already_there"] = there;
  result.json["failed"] = failed;
  return result;
}

class CopyKind : public RequestKind<CopyRequest> {
 public:
  using RequestKind::RequestKind;

 private:
  void Read(SpecReader& spec, CopyRequest& request) const override {
    ReadFromTo(spec, request.clusters);
    ReadTarget(spec, "workers", request.target);
    spec.Flag("dry_run", request.dry_run);
    spec.Adopt(ToOptions(request.target, "copy").status());
  }
  std::string Describe(const CopyRequest& request) const override {
    return "copy " + SelectionText(request.target.selection) + " of cluster " +
           request.clusters.from + " to cluster " + request.clusters.to +
           (request.target.on_conflict == "replace" ? ", replacing what is there" : "") +
           DryRunText(request.dry_run);
  }
  CommandResult Work(const Tools& tools, CopyRequest& request, jobs::JobRun&) const override {
    return Copy(tools, request);
  }
};

}  // namespace

CommandResult Copy(const Tools& tools, const CopyRequest& request) {
  auto options = ToOptions(request.target, "copy");
  if (!options.ok()) return Failure(options.status());
  options->streams = request.clusters.streams;
  const auto opened = OpenFromTo(tools, request.clusters, "copy");
  if (!opened.ok()) return Failure(opened.status());
  const auto& [from, to] = *opened;
  auto reading = ReadingOf(tools, request.clusters, *opened, request.target.selection);
  reading.as_of_list = true;
  const auto source = transfer::MakeClusterEndpoint(from.client, reading);

  CommandResult result;
  if (request.dry_run) {
    const auto plan =
        transfer::PlanCopy(tools.context, *source, to.client, *options, from.throttle.rows);
    result = plan.ok() ? PlanResult(*plan, request) : Failure(plan.status());
  } else {
    const SteadyTime start = tools.context.clock().Steady();
    const auto run = transfer::RunCopy(tools.context, *source, to.client, *options, tools.progress);
    result = run.ok() ? CopyResult(*run) : Failure(run.status());
    result.json["seconds"] = SecondsSince(tools.context, start);
    ReportThrottle(*source, result);
  }
  result.json["from"] = from.label;
  result.json["to"] = to.label;
  return result;
}

std::shared_ptr<jobs::JobKind> MakeCopyKind(std::shared_ptr<const KindSetup> setup) {
  return std::make_shared<CopyKind>("copy", std::move(setup));
}

}  // namespace aerie::app
