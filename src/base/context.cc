#include "base/context.h"

#include <algorithm>

namespace aerie {

Status Context::Check(const std::string& operation) const {
  if (cancelled()) return Interrupted(operation);
  if (deadline_ && clock_->Steady() >= *deadline_) return DeadlinePassed(operation);
  return Ok();
}

Status Context::Interrupted(const std::string& operation) {
  return MakeStatus(Kind::kCancelled, operation + ": interrupted");
}

Status Context::DeadlinePassed(const std::string& operation) {
  return MakeStatus(Kind::kTimeout, operation + ": deadline passed");
}

Context Context::WithTimeout(Duration limit) const {
  Context child = *this;
  const SteadyTime now = clock_->Steady();
  // Saturates: "no limit" as Duration::max() must not wrap into the past.
  const SteadyTime end = limit > SteadyTime::max() - now ? SteadyTime::max() : now + limit;
  child.deadline_ = deadline_ ? std::min(*deadline_, end) : end;
  return child;
}

std::optional<Duration> Context::Remaining() const {
  if (!deadline_) return std::nullopt;
  return std::max(Duration::zero(), *deadline_ - clock_->Steady());
}

Status Context::Sleep(Duration duration, const std::string& operation) const {
  AERIE_TRY(Check(operation));
  const auto left = Remaining();
  clock_->SleepFor(left ? std::min(*left, duration) : duration, stop_);
  return Check(operation);
}

CancelScope::CancelScope(const Context& parent)
    : child_(parent), link_(parent.stop(), [this] { source_.request_stop(); }) {
  child_.stop_ = source_.get_token();
}

}  // namespace aerie
