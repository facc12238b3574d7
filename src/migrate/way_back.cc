#include "migrate/way_back.h"

#include <utility>

#include "migrate/write_probe.h"
#include "milvus/capabilities.h"
#include "milvus/collection_admin.h"

namespace aerie::migrate {
namespace {

using Verdict = Finding::Verdict;

std::string Steps(const WayBackWish& wish) {
  if (wish.fence.empty() && wish.switcher.empty()) {
    return "a rollback fences the target, syncs back, proves it and switches back; how is said to "
           "aerie migrate run";
  }
  return "a rollback fences the target (" + wish.fence +
         "), syncs back, proves it and switches back (" + wish.switcher + ")";
}

void Append(std::string& list, const std::string& text) {
  list += (list.empty() ? "" : "; ") + text;
}

}  // namespace

Finding CheckWayBack(const Context& context, std::shared_ptr<milvus::Client> source,
                     const std::vector<rows::CollectionSpec>& collections,
                     const WayBackWish& wish) {
  milvus::Capabilities capabilities(source);
  const auto features = capabilities.Features(context);
  if (!features.ok()) {
    return {kRollbackCheck, Verdict::kFail, std::string(features.status().message())};
  }
  std::string failed, denied, unclear;
  for (const rows::CollectionSpec& spec : collections) {
    for (const auto& line : milvus::Precheck(spec, *features)) {
      // What the source holds now it will hold again; what it loses was lost before.
      if (line.weight == milvus::PrecheckLine::Weight::kRefused) Append(failed, line.text);
    }
    const auto without = DeniedWrites(context, *source, spec);
    if (!without.ok()) {
      Append(unclear, std::string(without.status().message()));
      continue;
    }
    for (const std::string& what : *without) Append(denied, what + " on " + spec.name.ToString());
  }
  if (!failed.empty()) {
    return {kRollbackCheck, Verdict::kFail,
            "the source would not take back what is written at the target: " + failed +
                "; there is no rollback after the switch then, only a copy of the source as it "
                "was: take a backup, and accept it with --accept " +
                kRollbackCheck};
  }
  if (!denied.empty()) {
    return {kRollbackCheck, Verdict::kFail,
            "at the source the user of --user may not write, which the sync back needs: " + denied +
                "; grant it"};
  }
  if (!unclear.empty()) {
    return {kRollbackCheck, Verdict::kWarn,
            "whether the source takes rows back could not be asked: " + unclear};
  }
  return {kRollbackCheck, Verdict::kPass, "the source takes rows back; " + Steps(wish)};
}

}  // namespace aerie::migrate
