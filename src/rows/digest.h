// SEAM. Row digests and range digests: how Aerie says "the same".
//
// Row digest: BLAKE2b with 16 bytes of output (RFC 7693, no key: "BLAKE2b-128") over the canonical
// encoding of one row (below).
// Range digest: the sum of row digests modulo 2^128 and the number of rows. It does not depend on
// order, chunking or parallelism, so any two ranges compare, whatever stores them.
//
// Canonical encoding: for each column in ascending bytewise order of its name:
//   u64  column tag: first 8 bytes of BLAKE2b-128 over  name, 0x00, type as u32, element type u32
//   u8   0 null, 1 valid;  if valid: u32 number of bytes, then the cell's bytes (batch.h)
// The 16 bytes of BLAKE2b-128 are read as one little-endian number, a tag as its low 64 bits.
// Function outputs that the server computes itself and field ids are left out. docs/format.md has
// the same text with test vectors; a change needs a new format version.
//
// Values are plain; RowDigester is not thread-safe, make one per thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "rows/batch.h"

namespace aerie::rows {

struct Digest128 {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  auto operator<=>(const Digest128&) const = default;
  // 32 hexadecimal digits, most significant first.
  std::string ToHex() const;
};

struct RangeDigest {
  Digest128 sum;
  std::uint64_t rows = 0;
  void Add(const Digest128& row);
  void Add(const RangeDigest& other);
  void Subtract(const Digest128& row);
  void Subtract(const RangeDigest& other);
  bool operator==(const RangeDigest&) const = default;
};

class RowDigester {
 public:
  // Fixes the column order and tags; `columns` must outlive nothing (copied).
  explicit RowDigester(const std::vector<FieldSchema>& columns);

  // Sets `out` to one digest per row, in row order. The batch's columns are found by name:
  // kInvalid if one of the digester's columns is missing from it, kCorrupt if one has another
  // number of rows.
  Status DigestRows(const RowBatch& batch, std::vector<Digest128>& out);
  // Appends the digests of rows [begin, end).
  Status AppendDigests(const RowBatch& batch, std::size_t begin, std::size_t end,
                       std::vector<Digest128>& out);
  Result<RangeDigest> DigestRange(const RowBatch& batch);

 private:
  struct Slot {
    std::string name;
    std::uint64_t tag;
  };
  std::vector<Slot> slots_;
  Bytes scratch_;
};

}  // namespace aerie::rows
