#include "repo/kdf_calibrate.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <string>

namespace aerie::repo {
namespace {

constexpr std::uint32_t kMostFittedPasses = 16;

std::uint64_t PhysicalMemory() {
  const long pages = ::sysconf(_SC_PHYS_PAGES);
  const long page = ::sysconf(_SC_PAGE_SIZE);
  return pages > 0 && page > 0
             ? static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page)
             : 0;
}

// Of the control group that we see as the root, as in a container; 0 without a limit.
std::uint64_t ContainerMemory() {
  for (const char* file :
       {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    std::string text;
    std::uint64_t bytes = 0;
    if (!(std::ifstream(file) >> text)) continue;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bytes);
    if (error == std::errc() && end == text.data() + text.size()) return bytes;
  }
  return 0;
}

std::uint64_t AvailableMemory() {
  const std::uint64_t physical = PhysicalMemory();
  const std::uint64_t container = ContainerMemory();
  return container == 0 ? physical : std::min(physical, container);
}

Status CheckRequest(const KdfCost& cost) {
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
  return Ok();
}

}  // namespace

Result<KdfCost> FitKdfCost(Duration measured, const KdfRequest& request, const KdfTarget& target) {
  constexpr auto kWork = static_cast<double>(kLeastKdfCost.memory * kLeastKdfCost.passes);
  const double per_byte = static_cast<double>(std::max(measured, Duration(1)).count()) / kWork;
  const auto takes = [&](std::uint32_t passes, std::uint64_t memory) {
    return per_byte * static_cast<double>(passes) * static_cast<double>(memory);
  };
  const auto wanted = static_cast<double>(target.time.count());
  KdfCost cost = kLeastKdfCost;
  if (request.passes) cost.passes = *request.passes;
  if (request.memory) {
    cost.memory = *request.memory;
  } else {
    while (cost.memory * 2 <= target.memory && takes(cost.passes, cost.memory * 2) <= wanted) {
      cost.memory *= 2;
    }
  }
  if (!request.passes) {
    const double fitting = std::min(wanted / takes(1, cost.memory), double{kMostFittedPasses});
    cost.passes = std::max(kLeastKdfCost.passes, static_cast<std::uint32_t>(fitting));
  }
  AERIE_TRY(CheckRequest(cost));
  return cost;
}

Result<KdfCost> CalibrateKdf(const Context& context, const KdfRequest& request) {
  const SteadyTime began = context.clock().Steady();
  AERIE_TRY(StretchPassphrase(Secret("how fast is this machine"), Salt{}, kLeastKdfCost.passes,
                              kLeastKdfCost.memory)
                .status());
  KdfTarget target;
  target.memory = std::clamp(AvailableMemory() / 4, kLeastKdfCost.memory, target.memory);
  return FitKdfCost(context.clock().Steady() - began, request, target);
}

}  // namespace aerie::repo
