// Limits as users write them, on the command line or in the configuration, made into numbers.
//
// Pure; any thread.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/status.h"
#include "objects/limited_store.h"
#include "transfer/cluster_throttle.h"

namespace aerie::app {

// Of a repository's store. Empty: not said; "off" or "0": none.
struct StoreLimitTexts {
  std::string upload;       // "20MB/s"
  std::string download;     // "20MB/s"
  std::string requests;     // "100/s"
  std::string connections;  // "4"
};

// Of reading a cluster.
struct ClusterLimitTexts {
  std::string rows;            // "5000/s"
  std::string latency_target;  // "50ms"
  std::string adaptive;        // "true", "false"
};

// What `said` says, and `configured` where it says nothing. kInvalid names the flag or the key.
Result<objects::StoreLimits> StoreLimitsOf(const StoreLimitTexts& said,
                                           const StoreLimitTexts& configured);
Result<transfer::ThrottleOptions> ThrottleOf(const ClusterLimitTexts& said,
                                             const ClusterLimitTexts& configured);

// "50ms", "1.5s"; kInvalid, led by `what`, for anything else and for nothing.
Result<Duration> ParseLatency(const std::string& text, const std::string& what);

}  // namespace aerie::app
