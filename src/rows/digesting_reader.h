// A RowReader that digests what passes through it: proof of what a source delivered.
//
// Owns the reader it wraps; the threads rule is RowReader's.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "rows/digest.h"
#include "rows/stream.h"

namespace aerie::rows {

class DigestingReader final : public RowReader {
 public:
  // `columns`: CollectionSchema::Columns() of what `inner` reads.
  DigestingReader(std::unique_ptr<RowReader> inner, const std::vector<FieldSchema>& columns)
      : inner_(std::move(inner)), digester_(columns) {}

  const std::string& partition() const override { return inner_->partition(); }
  std::optional<Key> position() const override { return inner_->position(); }
  const ReadReport& report() const override { return inner_->report(); }

  Result<std::optional<RowBatch>> Next(const Context& context) override {
    row_digests_.clear();
    AERIE_ASSIGN(std::optional<RowBatch> batch, inner_->Next(context));
    if (batch) {
      AERIE_TRY(digester_.DigestRows(*batch, row_digests_));
      for (const Digest128& row : row_digests_) digest_.Add(row);
    }
    return batch;
  }

  // Over every row delivered so far.
  const RangeDigest& digest() const { return digest_; }
  // Of the rows of the last batch, in its order; so that nobody digests them twice.
  const std::vector<Digest128>& row_digests() const { return row_digests_; }

 private:
  std::unique_ptr<RowReader> inner_;
  RowDigester digester_;
  RangeDigest digest_;
  std::vector<Digest128> row_digests_;
};

}  // namespace aerie::rows
