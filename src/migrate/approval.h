// A human's word that something is done: asked for in the catalog, given by `migrate approve`.
//
// One request at a time. Wait is called by the worker that needs it, Approve by the driver.
// Thread-safe; must not outlive the lease.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>

#include "base/context.h"
#include "base/progress.h"
#include "catalog/catalog.h"

namespace aerie::migrate {

// Why an approval is refused.
inline constexpr char kNothingToApprove[] = "nothing waits for an approval";
inline constexpr char kOtherRequest[] =
    "what was approved is not what is asked now; look at aerie migrate status, then approve that";

class Approval {
 public:
  Approval(catalog::Lease& lease, ProgressSink& progress) : lease_(lease), progress_(progress) {}

  // Asks `text` and waits. When it was approved, in milliseconds since the Unix epoch.
  Result<std::int64_t> Wait(const Context& context, const std::string& text);
  // Why it is refused; empty: it is taken. `request`: the number that the human saw.
  std::string Approve(std::int64_t request, std::int64_t now_ms);

 private:
  catalog::Lease& lease_;
  ProgressSink& progress_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::int64_t asked_ = 0;  // 0: nothing
  std::int64_t approved_ms_ = 0;
};

}  // namespace aerie::migrate
