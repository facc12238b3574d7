#define XXH_INLINE_ALL
#include "transfer/sync_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <utility>

#include <xxhash.h>

#include "objects/errno_status.h"

namespace aerie::transfer {
namespace {

constexpr std::string_view kRowsHead = "aerie sync rows 1\n";
constexpr std::string_view kJournalHead = "aerie sync journal 1\n";
constexpr std::uint8_t kPartitionBlock = 1;
constexpr std::uint8_t kRowsBlock = 2;
constexpr std::uint8_t kChangesBlock = 3;
constexpr std::uint8_t kEndBlock = 4;
constexpr std::size_t kMostBlock = std::size_t{1} << 20;
// From here on a block is written. A key and its digest, at most 64 KiB, still fit behind it.
constexpr std::size_t kFullBlock = std::size_t{256} << 10;
constexpr std::uint8_t kInt64Keys = 0;
constexpr std::uint8_t kVarCharKeys = 1;

std::string_view HeadOf(SyncFileKind kind) {
  return kind == SyncFileKind::kRows ? kRowsHead : kJournalHead;
}
std::uint8_t EntriesBlockOf(SyncFileKind kind) {
  return kind == SyncFileKind::kRows ? kRowsBlock : kChangesBlock;
}

// Over kind and payload.
std::uint64_t Checksum(ByteSpan block, std::uint64_t number) {
  return XXH3_64bits_withSeed(block.data(), block.size(), number);
}

Status SyncDescriptor(int file, const std::string& path) {
  if (fsync(file) == 0) return Ok();
  return objects::ErrnoStatus(errno, "sync", path);
}

Status SyncFolderOf(const std::string& path) {
  const std::string folder = path.substr(0, path.rfind('/'));
  const int file = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) return objects::ErrnoStatus(errno, "open folder", folder);
  const Status synced = SyncDescriptor(file, folder);
  close(file);
  return synced;
}

}  // namespace

// --- Writing ---

SyncFileWriter::SyncFileWriter(SyncFileKind kind, std::string path, int file)
    : kind_(kind), path_(std::move(path)), file_(file) {}

SyncFileWriter::~SyncFileWriter() { close(file_); }

Result<std::unique_ptr<SyncFileWriter>> SyncFileWriter::Create(SyncFileKind kind,
                                                               std::string path) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) return objects::ErrnoStatus(errno, "create", path);
  std::unique_ptr<SyncFileWriter> writer(new SyncFileWriter(kind, std::move(path), file));
  AERIE_TRY(writer->WriteBytes(AsBytes(HeadOf(kind))));
  return writer;
}

Status SyncFileWriter::BeginPartition(const std::string& name) {
  AERIE_TRY(FlushBlock());
  return WriteBlock(kPartitionBlock, AsBytes(name));
}

Status SyncFileWriter::Add(const SyncEntry& entry) {
  ByteWriter keys(keys_);
  if (const auto* number = std::get_if<std::int64_t>(&entry.key)) {
    key_type_ = kInt64Keys;
    keys.Fixed(*number);
  } else {
    key_type_ = kVarCharKeys;
    keys.Sized(std::get<std::string>(entry.key));
  }
  ByteWriter tails(tails_);
  if (kind_ == SyncFileKind::kRows) {
    tails.Fixed(entry.digest.low);
    tails.Fixed(entry.digest.high);
  } else {
    tails.Fixed(static_cast<std::uint8_t>(entry.change));
  }
  ++held_;
  ++rows_;
  return keys_.size() + tails_.size() < kFullBlock ? Ok() : FlushBlock();
}

Status SyncFileWriter::FlushBlock() {
  if (held_ == 0) return Ok();
  Bytes payload;
  payload.reserve(keys_.size() + tails_.size() + 16);
  ByteWriter writer(payload);
  writer.Fixed(key_type_);
  writer.Varint(held_);
  writer.Raw(keys_);
  writer.Raw(tails_);
  held_ = 0;
  keys_.clear();
  tails_.clear();
  return WriteBlock(EntriesBlockOf(kind_), payload);
}

Status SyncFileWriter::WriteBlock(std::uint8_t block, ByteSpan payload) {
  if (payload.size() > kMostBlock) {
    return InvalidError("write " + path_ + ": a key of more than a MiB");
  }
  Bytes bytes;
  bytes.reserve(payload.size() + 16);
  ByteWriter writer(bytes);
  writer.Fixed(static_cast<std::uint32_t>(payload.size()));
  writer.Fixed(block);
  writer.Raw(payload);
  writer.Fixed(Checksum(ByteSpan(bytes).subspan(sizeof(std::uint32_t)), blocks_));
  ++blocks_;
  return WriteBytes(bytes);
}

Status SyncFileWriter::WriteBytes(ByteSpan bytes) {
  while (!bytes.empty()) {
    const ssize_t wrote = write(file_, bytes.data(), bytes.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return objects::ErrnoStatus(errno, "write", path_);
    bytes = bytes.subspan(static_cast<std::size_t>(wrote));
  }
  return Ok();
}

Status SyncFileWriter::Sync() {
  AERIE_TRY(FlushBlock());
  AERIE_TRY(SyncDescriptor(file_, path_));
  if (!folder_synced_) AERIE_TRY(SyncFolderOf(path_));
  folder_synced_ = true;
  return Ok();
}

Status SyncFileWriter::Finish() {
  AERIE_TRY(FlushBlock());
  Bytes payload;
  ByteWriter writer(payload);
  writer.Fixed(blocks_);
  writer.Fixed(rows_);
  AERIE_TRY(WriteBlock(kEndBlock, payload));
  return Sync();
}

// --- Reading ---

Result<std::unique_ptr<SyncFileReader>> SyncFileReader::Open(SyncFileKind kind,
                                                             const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "rbe");
  if (file == nullptr) return objects::ErrnoStatus(errno, "open", path);
  std::unique_ptr<SyncFileReader> reader(new SyncFileReader(kind, path, file));
  AERIE_TRY(reader->ReadHead());
  return reader;
}

Result<std::unique_ptr<SyncFileReader>> SyncFileReader::OfBytes(SyncFileKind kind, ByteSpan bytes) {
  // fmemopen takes no empty buffer, and reads only with this mode.
  if (bytes.empty()) return CorruptError("read sync file: it is empty");
  std::FILE* file = fmemopen(const_cast<std::uint8_t*>(bytes.data()), bytes.size(), "rb");
  if (file == nullptr) return objects::ErrnoStatus(errno, "open", "sync file in memory");
  std::unique_ptr<SyncFileReader> reader(new SyncFileReader(kind, "sync file", file));
  AERIE_TRY(reader->ReadHead());
  return reader;
}

Status SyncFileReader::Damaged(const std::string& what) const {
  return CorruptError("read " + name_ + ": " + what + " (block " + std::to_string(blocks_) + ")");
}

Status SyncFileReader::ReadHead() {
  const std::string_view head = HeadOf(kind_);
  std::string found(head.size(), '\0');
  if (std::fread(found.data(), 1, found.size(), file_.get()) != found.size() || found != head) {
    return Damaged("it does not begin as it must");
  }
  return Ok();
}

Result<const SyncEntry*> SyncFileReader::Next() {
  while (at_ == entries_.size()) {
    AERIE_ASSIGN(const bool more, ReadBlock());
    if (!more) return nullptr;
  }
  return &entries_[at_++];
}

// False at the end of the file.
Result<bool> SyncFileReader::ReadBlock() {
  entries_.clear();
  at_ = 0;
  std::uint32_t size = 0;
  const std::size_t got = std::fread(&size, 1, sizeof(size), file_.get());
  if (std::ferror(file_.get()) != 0) return Damaged("it cannot be read");
  if (got == 0) {
    if (kind_ == SyncFileKind::kRows && !ended_) return Damaged("its end is missing");
    return false;
  }
  if (ended_) return Damaged("there is more behind its end");
  if (got != sizeof(size) || size > kMostBlock) return Damaged("a block is cut short");
  block_.resize(1 + size + sizeof(std::uint64_t));
  if (std::fread(block_.data(), 1, block_.size(), file_.get()) != block_.size()) {
    return Damaged("a block is cut short");
  }
  const ByteSpan checked = ByteSpan(block_).first(1 + size);
  std::uint64_t checksum = 0;
  std::memcpy(&checksum, block_.data() + checked.size(), sizeof(checksum));
  if (checksum != Checksum(checked, blocks_)) return Damaged("its checksum is wrong");
  const std::uint8_t kind = checked[0];
  const ByteSpan payload = checked.subspan(1);
  if (kind == kPartitionBlock) {
    AERIE_TRY(DecodePartition(payload));
  } else if (kind == EntriesBlockOf(kind_)) {
    AERIE_TRY(DecodeEntries(payload));
  } else if (kind == kEndBlock && kind_ == SyncFileKind::kRows) {
    AERIE_TRY(DecodeEnd(payload));
  } else {
    return Damaged("a block of a kind that nobody knows");
  }
  ++blocks_;
  return true;
}

Status SyncFileReader::DecodePartition(ByteSpan payload) {
  const std::string name(AsText(payload));
  if (has_partition_ && name <= partition_) return Damaged("partitions do not ascend");
  has_partition_ = true;
  partition_ = name;
  last_.reset();
  return Ok();
}

Status SyncFileReader::DecodeEntries(ByteSpan payload) {
  if (!has_partition_) return Damaged("rows of no partition");
  const bool rows_file = kind_ == SyncFileKind::kRows;
  ByteReader reader(payload, name_.c_str());
  std::uint8_t type = 0;
  std::uint64_t count = 0;
  AERIE_TRY(reader.Fixed(type));
  if (type != kInt64Keys && type != kVarCharKeys) return Damaged("keys of an unknown type");
  AERIE_TRY(reader.VarintUpTo(payload.size(), count));
  entries_.resize(count);
  for (SyncEntry& entry : entries_) {
    if (type == kInt64Keys) {
      std::int64_t number = 0;
      AERIE_TRY(reader.Fixed(number));
      entry.key = number;
    } else {
      std::string text;
      AERIE_TRY(reader.Sized(text));
      entry.key = std::move(text);
    }
    if (last_ && (last_->index() != entry.key.index() || !(*last_ < entry.key))) {
      return Damaged("keys do not ascend");
    }
    last_ = entry.key;
  }
  for (SyncEntry& entry : entries_) {
    if (rows_file) {
      AERIE_TRY(reader.Fixed(entry.digest.low));
      AERIE_TRY(reader.Fixed(entry.digest.high));
      continue;
    }
    std::uint8_t change = 0;
    AERIE_TRY(reader.Fixed(change));
    if (change > 1) return Damaged("a change that nobody knows");
    entry.change = static_cast<Change>(change);
  }
  rows_ += count;
  return reader.ExpectEnd();
}

Status SyncFileReader::DecodeEnd(ByteSpan payload) {
  ByteReader reader(payload, name_.c_str());
  std::uint64_t blocks = 0;
  std::uint64_t rows = 0;
  AERIE_TRY(reader.Fixed(blocks));
  AERIE_TRY(reader.Fixed(rows));
  AERIE_TRY(reader.ExpectEnd());
  if (blocks != blocks_ || rows != rows_) return Damaged("blocks are missing");
  ended_ = true;
  return Ok();
}

}  // namespace aerie::transfer
