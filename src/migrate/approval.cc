#include "migrate/approval.h"

namespace aerie::migrate {

Result<std::int64_t> Approval::Wait(const Context& context, const std::string& text) {
  std::unique_lock lock(mutex_);
  AERIE_ASSIGN(asked_, lease_.Ask(text, ToUnixMillis(context.clock().Now())));
  approved_ms_ = 0;
  progress_.OnProgress(
      {.type = ProgressEvent::Type::kWarning, .message = "waits for you: " + text});
  const Status waited =
      context.Wait(changed_, lock, "wait for approval", [this] { return approved_ms_ != 0; });
  asked_ = 0;
  // Also after a cancel: what is not waited for is not asked.
  const Status withdrawn = lease_.Ask("", ToUnixMillis(context.clock().Now())).status();
  AERIE_TRY(waited);
  AERIE_TRY(withdrawn);
  return approved_ms_;
}

std::string Approval::Approve(std::int64_t request, std::int64_t now_ms) {
  std::lock_guard lock(mutex_);
  if (asked_ == 0 || approved_ms_ != 0) return kNothingToApprove;
  if (request != asked_) return kOtherRequest;
  approved_ms_ = now_ms;
  changed_.notify_all();
  return {};
}

}  // namespace aerie::migrate
