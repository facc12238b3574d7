#include "repo/pack_writer.h"

#include <algorithm>
#include <cstring>
#include <string>

#include <xxhash.h>

#include "repo/blob_codec.h"
#include "repo/object_names.h"
#include "repo/pack_format.h"
#include "repo/raw_bytes.h"
#include "repo/store_new.h"

namespace aerie::repo {
namespace {

constexpr std::size_t kDirectoryOverhead = 10 + kTagBytes + kPackTrailerBytes;
// Per-thread buffers above this are given back after use.
constexpr std::size_t kKeptBuffer = std::size_t{32} << 20;

// A buffer of the thread, empty at first and not shrunk between uses.
class ThreadBuffer {
 public:
  explicit ThreadBuffer(RawBytes& bytes) : bytes_(bytes) { bytes_.clear(); }
  ~ThreadBuffer() {
    if (bytes_.capacity() > kKeptBuffer) RawBytes().swap(bytes_);
  }
  ThreadBuffer(const ThreadBuffer&) = delete;
  ThreadBuffer& operator=(const ThreadBuffer&) = delete;
  RawBytes& bytes() { return bytes_; }

 private:
  RawBytes& bytes_;
};

RawBytes& EncodeBuffer() {
  thread_local RawBytes bytes;
  return bytes;
}

RawBytes& VerifyBuffer() {
  thread_local RawBytes bytes;
  return bytes;
}

Status NotWhatWasStored(const BlobName& name, const char* where) {
  return InternalError("write blob " + name.ToHex().substr(0, 8) + ": what was " + where +
                       " is not what was given; nothing was stored. Test this machine's memory");
}

// Invariant 5: what is about to be stored gives back the plain bytes.
Status VerifyEncoded(const BlobName& name, ByteSpan encoded, ByteSpan plain) {
  ThreadBuffer buffer(VerifyBuffer());
  buffer.bytes().resize(plain.size());
  const Status decoded = DecodeBlob(encoded, buffer.bytes());
  if (!decoded.ok() || !std::ranges::equal(buffer.bytes(), plain)) {
    return NotWhatWasStored(name, "encoded");
  }
  return Ok();
}

}  // namespace

struct PackWriter::OpenPack {
  ObjectId id;
  objects::ObjectKey object;
  SecretKey key;
  std::unique_ptr<std::uint8_t[]> bytes;
  std::size_t capacity = 0;
  std::size_t used = kPackHeadBytes;
  std::vector<PackEntry> entries;
  std::vector<std::uint64_t> sums;  // XXH3-64 of each blob's encoded form
  std::size_t sealing = 0;          // reserved, not yet sealed blobs

  std::size_t Room() const {
    const std::size_t taken = used + entries.size() * kMaxDirectoryEntryBytes + kDirectoryOverhead;
    return capacity > taken ? capacity - taken : 0;
  }
};

struct PackWriter::Fresh {
  BlobKind kind = BlobKind::kColumn;
  BlobName name;
  std::uint32_t plain = 0;
  std::size_t begin = 0;  // in the encoded bytes of the call
  std::size_t size = 0;
  std::uint64_t sum = 0;
  std::uint32_t number = 0;  // in the pack, once reserved
  std::size_t offset = 0;

  std::uint32_t sealed() const { return static_cast<std::uint32_t>(size + kTagBytes); }
};

PackWriter::PackWriter(const Context& context, objects::ObjectStore& store, const KeyRing& keys,
                       BlobIndex& index, const PackWriterOptions& options)
    : store_(store), keys_(keys), index_(index), options_(options), scope_(context) {
  for (std::size_t i = 0; i < options_.uploads; ++i) uploaders_.emplace_back([this] { Upload(); });
}

PackWriter::~PackWriter() {
  scope_.Cancel();
  {
    std::lock_guard lock(mutex_);
    closing_ = true;
  }
  changed_.notify_all();
  uploaders_.clear();
}

Result<AddResult> PackWriter::Add(const Context& context, BlobKind kind, ByteSpan plain,
                                  const EncodingHint& hint) {
  const BlobItem item{kind, plain, hint};
  AERIE_ASSIGN(auto results, AddMany(context, {&item, 1}));
  return results.front();
}

Result<std::vector<AddResult>> PackWriter::AddMany(const Context& context,
                                                   std::span<const BlobItem> blobs) {
  AERIE_TRY(context.Check("write blobs"));
  ThreadBuffer buffer(EncodeBuffer());
  RawBytes& encoded = buffer.bytes();
  std::vector<AddResult> results(blobs.size());
  std::vector<Fresh> fresh;
  for (std::size_t i = 0; i < blobs.size(); ++i) {
    const BlobItem& blob = blobs[i];
    AddResult& result = results[i];
    result.name = NameBlob(keys_.names, blob.kind, blob.plain);
    AERIE_ASSIGN(result.stored, Claim(result.name, blob.plain.size()));
    if (!result.stored) continue;
    const std::size_t begin = encoded.size();
    Status status = EncodeBlob(blob.plain, blob.hint, encoded);
    if (!status.ok()) return Fail(std::move(status));
    const ByteSpan form = ByteSpan(encoded).subspan(begin);
    status = VerifyEncoded(result.name, form, blob.plain);
    if (!status.ok()) return Fail(std::move(status));
    fresh.push_back({.kind = blob.kind,
                     .name = result.name,
                     .plain = static_cast<std::uint32_t>(blob.plain.size()),
                     .begin = begin,
                     .size = form.size(),
                     .sum = XXH3_64bits(form.data(), form.size())});
    result.stored_bytes = fresh.back().sealed();
  }
  Status status = Store(context, encoded, fresh);
  if (!status.ok()) return Fail(std::move(status));
  return results;
}

Result<AddResult> PackWriter::AddEncoded(const Context& context, BlobKind kind,
                                         const BlobName& name, std::uint32_t plain_bytes,
                                         ByteSpan encoded) {
  AERIE_TRY(context.Check("write blobs"));
  AddResult result{.name = name};
  AERIE_ASSIGN(result.stored, Claim(name, plain_bytes));
  if (!result.stored) return result;
  std::vector<Fresh> fresh = {{.kind = kind,
                               .name = name,
                               .plain = plain_bytes,
                               .begin = 0,
                               .size = encoded.size(),
                               .sum = XXH3_64bits(encoded.data(), encoded.size())}};
  Status status = Store(context, encoded, fresh);
  if (!status.ok()) return Fail(std::move(status));
  result.stored_bytes = fresh.back().sealed();
  return result;
}

Result<bool> PackWriter::Claim(const BlobName& name, std::size_t plain_bytes) {
  std::lock_guard lock(mutex_);
  AERIE_TRY(failure_);
  stats_.plain_bytes += plain_bytes;
  // A name leaves claimed_ only after it has entered the index.
  const bool fresh = !claimed_.contains(name) && !index_.Has(name);
  if (fresh) claimed_.insert(name);
  ++(fresh ? stats_.blobs_new : stats_.blobs_known);
  return fresh;
}

Status PackWriter::Store(const Context& context, ByteSpan encoded, std::vector<Fresh>& blobs) {
  std::size_t bytes = 0;
  for (const Fresh& blob : blobs) bytes += blob.sealed() + kMaxDirectoryEntryBytes;
  const bool together = bytes + kPackHeadBytes + kDirectoryOverhead <= options_.pack_bytes;
  const std::size_t step = together ? blobs.size() : 1;
  for (std::size_t at = 0; at < blobs.size(); at += step) {
    const auto group = std::span(blobs).subspan(at, step);
    AERIE_ASSIGN(const auto pack, Reserve(context, group));
    AERIE_TRY(SealReserved(*pack, encoded, group));
  }
  return Ok();
}

Result<std::shared_ptr<PackWriter::OpenPack>> PackWriter::Reserve(const Context& context,
                                                                  std::span<Fresh> blobs) {
  std::size_t bytes = 0;
  for (const Fresh& blob : blobs) bytes += blob.sealed() + kMaxDirectoryEntryBytes;
  Lock lock(mutex_);
  while (open_ != nullptr && open_->Room() < bytes) AERIE_TRY(CloseOpenPack(context, lock));
  AERIE_TRY(failure_);
  if (open_ == nullptr) {
    open_ = std::make_shared<OpenPack>();
    open_->id = RandomId();
    open_->object = PackKey(open_->id);
    open_->key = DeriveObjectKey(keys_.packs, open_->object.text);
    open_->capacity = std::max<std::size_t>(static_cast<std::size_t>(options_.pack_bytes),
                                            bytes + kPackHeadBytes + kDirectoryOverhead);
    if (open_->capacity == options_.pack_bytes && !spare_.empty()) {
      open_->bytes = std::move(spare_.back());
      spare_.pop_back();
    } else {
      open_->bytes = std::make_unique_for_overwrite<std::uint8_t[]>(open_->capacity);
    }
    std::memcpy(open_->bytes.get(), kPackMagic, kPackHeadBytes);
  }
  for (Fresh& blob : blobs) {
    blob.number = static_cast<std::uint32_t>(open_->entries.size());
    blob.offset = open_->used;
    open_->entries.push_back({.kind = blob.kind,
                              .name = blob.name,
                              .offset = static_cast<std::uint32_t>(blob.offset),
                              .sealed = blob.sealed(),
                              .plain = blob.plain});
    open_->sums.push_back(blob.sum);
    open_->used += blob.sealed();
  }
  open_->sealing += blobs.size();
  return open_;
}

Status PackWriter::SealReserved(OpenPack& pack, ByteSpan encoded, std::span<const Fresh> blobs) {
  Status status;
  for (const Fresh& blob : blobs) {
    if (!status.ok()) break;
    status = SealBlob(keys_, pack.key, blob.number, blob.kind, blob.name,
                      encoded.subspan(blob.begin, blob.size),
                      {pack.bytes.get() + blob.offset, blob.sealed()});
  }
  std::lock_guard lock(mutex_);
  if (!status.ok() && failure_.ok()) failure_ = status;
  pack.sealing -= blobs.size();
  if (pack.sealing == 0) changed_.notify_all();
  return status;
}

// Gives the open pack to the uploaders, when they have room; another thread may have been faster.
Status PackWriter::CloseOpenPack(const Context& context, Lock& lock) {
  const auto mine = open_;
  changed_.wait(lock, context.stop(),
                [&] { return !failure_.ok() || open_ != mine || in_flight_ < options_.uploads; });
  AERIE_TRY(failure_);
  AERIE_TRY(context.Check("write blobs"));
  if (open_ != mine) return Ok();
  full_.push_back(std::move(open_));
  open_ = nullptr;
  ++in_flight_;
  changed_.notify_all();
  return Ok();
}

Status PackWriter::Flush(const Context& context) {
  Lock lock(mutex_);
  AERIE_TRY(failure_);
  while (open_ != nullptr) AERIE_TRY(CloseOpenPack(context, lock));
  changed_.wait(lock, context.stop(), [&] { return !failure_.ok() || in_flight_ == 0; });
  AERIE_TRY(failure_);
  return context.Check("flush packs");
}

SnapshotStats PackWriter::stats() const {
  std::lock_guard lock(mutex_);
  return stats_;
}

void PackWriter::Upload() {
  Lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return closing_ || !failure_.ok() || !full_.empty(); });
    if (closing_ || !failure_.ok()) return;
    const auto pack = std::move(full_.front());
    full_.pop_front();
    changed_.wait(lock, [&] { return pack->sealing == 0 || closing_; });
    if (closing_ || !failure_.ok()) return;
    lock.unlock();
    Status status = UploadPack(*pack);
    if (status.ok()) {
      index_.AddPack({.id = pack->id, .size = pack->used, .entries = pack->entries}, false);
    }
    lock.lock();
    --in_flight_;
    if (status.ok()) {
      for (const PackEntry& entry : pack->entries) claimed_.erase(entry.name);
      stats_.stored_bytes += pack->used;
      if (pack->capacity == options_.pack_bytes) spare_.push_back(std::move(pack->bytes));
    } else if (failure_.ok()) {
      failure_ = std::move(status);
    }
    changed_.notify_all();
  }
}

Status PackWriter::UploadPack(OpenPack& pack) {
  AERIE_TRY(VerifyPack(pack));
  AERIE_ASSIGN(const Bytes directory, SealDirectory(keys_, pack.key, pack.entries));
  AERIE_ASSIGN(
      const auto read_back,
      UnsealDirectory(keys_, pack.key,
                      ByteSpan(directory).first(directory.size() - kPackTrailerBytes), pack.used));
  if (read_back != pack.entries || pack.used + directory.size() > pack.capacity) {
    return InternalError("write " + pack.object.text +
                         ": its directory is not what was given; nothing was stored. Test this "
                         "machine's memory");
  }
  std::memcpy(pack.bytes.get() + pack.used, directory.data(), directory.size());
  pack.used += directory.size();
  return StoreNew(scope_.context(), store_, pack.object, {pack.bytes.get(), pack.used});
}

Status PackWriter::VerifyPack(const OpenPack& pack) const {
  ThreadBuffer buffer(VerifyBuffer());
  for (std::size_t i = 0; i < pack.entries.size(); ++i) {
    const PackEntry& entry = pack.entries[i];
    buffer.bytes().resize(entry.sealed - kTagBytes);
    const Status status =
        UnsealBlob(keys_, pack.key, static_cast<std::uint32_t>(i), entry.kind, entry.name,
                   {pack.bytes.get() + entry.offset, entry.sealed}, buffer.bytes());
    if (!status.ok() || XXH3_64bits(buffer.bytes().data(), buffer.bytes().size()) != pack.sums[i]) {
      return NotWhatWasStored(entry.name, "sealed");
    }
  }
  return Ok();
}

Status PackWriter::Fail(Status status) {
  std::lock_guard lock(mutex_);
  if (failure_.ok()) failure_ = status;
  changed_.notify_all();
  return status;
}

}  // namespace aerie::repo
