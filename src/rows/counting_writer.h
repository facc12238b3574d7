// A RowWriter that counts what is handed to it, for progress and throughput.
//
// Owns the writer it wraps. The counters may be read from any thread while another one writes;
// otherwise the threads rule is RowWriter's.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "rows/stream.h"

namespace aerie::rows {

class CountingWriter final : public RowWriter {
 public:
  // `on_write` is told rows and plain bytes of each batch that the inner writer accepted, in the
  // writing thread; may be empty.
  explicit CountingWriter(std::unique_ptr<RowWriter> inner,
                          std::function<void(std::uint64_t, std::uint64_t)> on_write = {})
      : inner_(std::move(inner)), on_write_(std::move(on_write)) {}

  Status Write(const Context& context, RowBatch batch) override {
    const std::uint64_t rows = batch.rows();
    const std::uint64_t bytes = batch.ByteSize();
    AERIE_TRY(inner_->Write(context, std::move(batch)));
    batches_ += 1;
    rows_ += rows;
    bytes_ += bytes;
    if (on_write_) on_write_(rows, bytes);
    return Ok();
  }
  Status Delete(const Context& context, const std::string& partition,
                const std::vector<Key>& keys) override {
    AERIE_TRY(inner_->Delete(context, partition, keys));
    deleted_keys_ += keys.size();
    return Ok();
  }
  Result<WriteReceipt> Commit(const Context& context) override { return inner_->Commit(context); }
  void Abort() override { inner_->Abort(); }

  std::uint64_t batches() const { return batches_; }
  std::uint64_t rows() const { return rows_; }
  std::uint64_t bytes() const { return bytes_; }
  std::uint64_t deleted_keys() const { return deleted_keys_; }

 private:
  std::unique_ptr<RowWriter> inner_;
  std::function<void(std::uint64_t, std::uint64_t)> on_write_;
  std::atomic<std::uint64_t> batches_ = 0;
  std::atomic<std::uint64_t> rows_ = 0;
  std::atomic<std::uint64_t> bytes_ = 0;
  std::atomic<std::uint64_t> deleted_keys_ = 0;
};

}  // namespace aerie::rows
