#include "base/byte_budget.h"

namespace aerie {

void ByteBudget::Lease::Release() {
  if (budget_ == nullptr) return;
  {
    std::lock_guard lock(budget_->mutex_);
    budget_->used_ -= bytes_;
  }
  budget_->freed_.notify_all();
  budget_ = nullptr;
  bytes_ = 0;
}

Result<ByteBudget::Lease> ByteBudget::Acquire(const Context& context, std::size_t bytes) {
  std::unique_lock lock(mutex_);
  AERIE_TRY(context.Wait(freed_, lock, "wait for memory", [&] {
    return used_ == 0 || (used_ <= capacity_ && bytes <= capacity_ - used_);
  }));
  AERIE_TRY(context.Check("wait for memory"));
  used_ += bytes;
  return Lease(this, bytes);
}

std::size_t ByteBudget::in_use() const {
  std::lock_guard lock(mutex_);
  return used_;
}

}  // namespace aerie
