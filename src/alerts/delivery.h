// What waits for one channel, taken to it: one attempt after the other, until each is taken or
// given up.
//
// A Courier belongs to one thread; those of different channels share nothing but the catalog.
#pragma once

#include <cstdint>
#include <random>
#include <string>

#include "alerts/channel.h"
#include "base/context.h"
#include "base/status.h"
#include "catalog/alert_store.h"

namespace aerie::alerts {

struct DeliveryOptions {
  Duration poll = std::chrono::seconds(1);
  Duration first_delay = std::chrono::seconds(5);  // doubled with each attempt, with some jitter
  Duration max_delay = std::chrono::minutes(5);
  Duration give_up = std::chrono::hours(24);
};

class Courier {
 public:
  // All of them outlive it. `timeout`: of one attempt.
  Courier(catalog::AlertStore& store, catalog::AlertLease lease, std::string name, Channel& channel,
          Duration timeout, const DeliveryOptions& options);

  // Until the context is cancelled, or another process has taken over (kLocked). What the catalog
  // refuses otherwise is logged, and tried again.
  Status Run(const Context& context);
  // One attempt, if something is due: whether something was. Errors: the catalog's.
  Result<bool> Once(const Context& context);

 private:
  Status Finish(const Context& context, const catalog::AlertDelivery& delivery,
                const Attempt& attempt);
  Duration DelayAfter(const catalog::AlertDelivery& delivery, const Attempt& attempt);

  catalog::AlertStore& store_;
  const catalog::AlertLease lease_;
  const std::string name_;
  Channel& channel_;
  const Duration timeout_;
  const DeliveryOptions options_;
  std::minstd_rand random_;
};

}  // namespace aerie::alerts
