// SEAM. The memory ceiling of a job: a counting semaphore of bytes.
//
// Whoever holds row data or encoded blobs in flight holds a Lease for them. One lease is always
// granted when nothing is outstanding, so a single object larger than the budget passes alone.
// Thread-safe; the budget must outlive its leases.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <utility>

#include "base/context.h"

namespace aerie {

class ByteBudget {
 public:
  class Lease {
   public:
    Lease() = default;
    Lease(Lease&& other) noexcept { *this = std::move(other); }
    Lease& operator=(Lease&& other) noexcept {
      if (this != &other) {
        Release();
        budget_ = std::exchange(other.budget_, nullptr);
        bytes_ = std::exchange(other.bytes_, 0);
      }
      return *this;
    }
    ~Lease() { Release(); }
    std::size_t bytes() const { return bytes_; }
    void Release();

   private:
    friend class ByteBudget;
    Lease(ByteBudget* budget, std::size_t bytes) : budget_(budget), bytes_(bytes) {}
    ByteBudget* budget_ = nullptr;
    std::size_t bytes_ = 0;
  };

  explicit ByteBudget(std::size_t capacity) : capacity_(capacity) {}

  // Blocks until `bytes` fit. Errors: kCancelled, kTimeout.
  Result<Lease> Acquire(const Context& context, std::size_t bytes);
  std::size_t in_use() const;
  std::size_t capacity() const { return capacity_; }

 private:
  const std::size_t capacity_;
  mutable std::mutex mutex_;
  std::condition_variable_any freed_;
  std::size_t used_ = 0;
};

}  // namespace aerie
