// Test support: blobs in a map, as sink and source at once, without packs, encoding or encryption.
// It counts what was new, remembers the order of storing, and lets a test damage what is kept.
//
// Any thread may call any method.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <sodium.h>

#include "repo/blob.h"

namespace aerie::repo {

class MemoryBlobs : public BlobSink, public BlobSource {
 public:
  struct Stored {
    BlobKind kind;
    Bytes plain;
  };

  Result<AddResult> Add(const Context& context, BlobKind kind, ByteSpan plain,
                        const EncodingHint& hint) override {
    const BlobItem item{kind, plain, hint};
    AERIE_ASSIGN(std::vector<AddResult> results, AddMany(context, std::span(&item, 1)));
    return results.front();
  }

  Result<std::vector<AddResult>> AddMany(const Context& context,
                                         std::span<const BlobItem> items) override {
    AERIE_TRY(context.Check("add blobs"));
    if (before_add) AERIE_TRY(before_add());
    std::vector<AddResult> results;
    for (const BlobItem& item : items) results.push_back({NameOf(item.kind, item.plain)});
    std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < items.size(); ++i) {
      plain_bytes_ += items[i].plain.size();
      const auto [at, fresh] = blobs_.try_emplace(
          results[i].name,
          Stored{items[i].kind, Bytes(items[i].plain.begin(), items[i].plain.end())});
      if (!fresh) continue;
      results[i].stored = true;
      results[i].stored_bytes = items[i].plain.size();
      order_.push_back(results[i].name);
      stored_bytes_ += items[i].plain.size();
    }
    return results;
  }

  Result<Bytes> Load(const Context& context, const BlobRef& ref) override {
    AERIE_TRY(context.Check("load blob"));
    if (before_load) AERIE_TRY(before_load(ref));
    std::lock_guard lock(mutex_);
    ++loads_;
    const auto at = blobs_.find(ref.name);
    if (at == blobs_.end()) return NotFoundError("load blob " + ref.name.ToHex() + ": unknown");
    if (verify && NameOf(ref.kind, at->second.plain) != ref.name) {
      return CorruptError("load blob " + ref.name.ToHex() + ": not what was stored");
    }
    return at->second.plain;
  }

  Result<std::vector<Bytes>> LoadMany(const Context& context,
                                      const std::vector<BlobRef>& refs) override {
    std::vector<Bytes> plains;
    for (const BlobRef& ref : refs) {
      AERIE_ASSIGN(Bytes plain, Load(context, ref));
      plains.push_back(std::move(plain));
    }
    return plains;
  }

  bool Knows(const BlobRef& ref) const {
    std::lock_guard lock(mutex_);
    return blobs_.contains(ref.name);
  }

  // ---- for tests; not while another thread works on the blobs ----
  std::map<BlobName, Stored>& blobs() { return blobs_; }
  const std::vector<BlobName>& order() const { return order_; }
  std::uint64_t stored_bytes() const { return stored_bytes_; }
  std::uint64_t plain_bytes() const { return plain_bytes_; }
  std::uint64_t loads() const { return loads_; }

  // As the real source does it; without it only what trees and digests prove is left.
  bool verify = true;
  std::function<Status()> before_add;
  std::function<Status(const BlobRef&)> before_load;

 private:
  static BlobName NameOf(BlobKind kind, ByteSpan plain) {
    crypto_generichash_state state;
    BlobName name;
    crypto_generichash_init(&state, nullptr, 0, name.bytes.size());
    crypto_generichash_update(&state, reinterpret_cast<const unsigned char*>(&kind), 1);
    crypto_generichash_update(&state, plain.data(), plain.size());
    crypto_generichash_final(&state, name.bytes.data(), name.bytes.size());
    return name;
  }

  mutable std::mutex mutex_;
  std::map<BlobName, Stored> blobs_;
  std::vector<BlobName> order_;
  std::uint64_t stored_bytes_ = 0;
  std::uint64_t plain_bytes_ = 0;
  std::uint64_t loads_ = 0;
};

}  // namespace aerie::repo
