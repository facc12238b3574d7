#include "repo/kdf_cost.h"

#include <algorithm>

namespace aerie::repo {
namespace {

constexpr std::uint64_t kUsualWork = kUsualKdfCost.memory * kUsualKdfCost.passes;

std::uint32_t PassesFor(std::uint64_t memory) {
  if (memory == 0 || memory >= kUsualKdfCost.memory) return kUsualKdfCost.passes;
  // As readers allow; a memory that is too small is refused for itself.
  const std::uint64_t passes = (kUsualWork + memory - 1) / memory;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(passes, kMaxKdfPasses));
}

}  // namespace

Result<KdfCost> ChooseKdfCost(const KdfRequest& request) {
  KdfCost cost = kUsualKdfCost;
  if (request.memory) cost.memory = *request.memory;
  cost.passes = request.passes ? *request.passes : PassesFor(cost.memory);
  // Above the reader's limit the product may not fit.
  const bool much = cost.memory > kMaxKdfMemory;
  if (cost.memory < kLeastKdfMemory || (!much && cost.memory * cost.passes < kLeastKdfWork)) {
    return InvalidError(
        "choose the cost of Argon2id: at least 19 MiB of memory, and 38 MiB in all passes together "
        "(OWASP); give more of either");
  }
  if (!KdfCostAllowed(cost)) {
    return InvalidError(
        "choose the cost of Argon2id: at most 1 GiB of memory, 64 passes, and 16 GiB in all passes "
        "together; give less of either");
  }
  return cost;
}

}  // namespace aerie::repo
