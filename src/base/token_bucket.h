// Meters a flow, such as bytes, requests or rows, to so many a second.
//
// What is taken may overdraw: a Take returns once all that was taken before it is paid for, in the
// order of the calls. So the first goes at once, however large, and N equal ones take N - 1 times
// their cost: in the long run never more than the rate. Time without takes is not saved up.
//
// Thread-safe; time is that of the context's clock.
#pragma once

#include <mutex>
#include <string>

#include "base/context.h"

namespace aerie {

class TokenBucket {
 public:
  // Units a second, above zero.
  explicit TokenBucket(double rate) : rate_(rate) {}

  // Waits for its turn. When the context ends the wait (kCancelled, kTimeout), nothing was taken.
  Status Take(const Context& context, double amount, const std::string& operation);

  // The same for what has passed already: those after it wait the longer.
  void Charge(const Context& context, double amount);

  // How long a Take would wait now.
  Duration Wait(const Context& context) const;

  // From now on; what is owed is paid at the new rate too. For waits that are already under way the
  // old one holds.
  void SetRate(const Context& context, double rate);

 private:
  Duration Cost(double amount) const;

  mutable std::mutex mutex_;
  double rate_;
  SteadyTime paid_{};  // when all that was taken is paid for
};

}  // namespace aerie
