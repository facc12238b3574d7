#define XXH_INLINE_ALL
#include "transfer/sync_state.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <tuple>
#include <utility>

#include <nlohmann/json.hpp>
#include <xxhash.h>

#include "base/log.h"
#include "objects/errno_status.h"
#include "rows/load_state.h"
#include "rows/spec_codec.h"

namespace aerie::transfer {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kVersion = 1;
constexpr char kRecordFile[] = "record";
constexpr char kLockFile[] = "lock";
constexpr std::string_view kRows = "rows.";
constexpr std::string_view kJournal = "journal.";

std::string Hex(std::uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof(text), "%016llx", static_cast<unsigned long long>(value));
  return text;
}

// --- The record ---

Json EndToJson(const SyncEnd& end) {
  return {{"cluster", end.cluster},
          {"database", end.name.database},
          {"collection", end.name.collection},
          {"id", std::to_string(end.id)}};
}

SyncEnd EndFromJson(const Json& json) {
  SyncEnd end;
  end.cluster = json.at("cluster").get<std::string>();
  end.name.database = json.at("database").get<std::string>();
  end.name.collection = json.at("collection").get<std::string>();
  end.id = std::stoll(json.at("id").get<std::string>());
  return end;
}

rows::Digest128 DigestFromHex(const std::string& hex) {
  if (hex.size() != 32) throw std::invalid_argument("digest");
  rows::Digest128 digest;
  digest.high = std::stoull(hex.substr(0, 16), nullptr, 16);
  digest.low = std::stoull(hex.substr(16), nullptr, 16);
  return digest;
}

Json LoadToJson(const std::optional<milvus::LoadSnapshot>& load) {
  if (!load) return nullptr;
  Json partitions = Json::array();
  for (const rows::PartitionSpec& partition : load->partitions) {
    partitions.push_back(
        {{"name", partition.name}, {"loaded", rows::IsWantedLoaded(partition.load_state)}});
  }
  return {{"replicas", load->replicas},
          {"resource_groups", load->resource_groups},
          {"load_fields", load->load_fields},
          {"partitions", partitions}};
}

std::optional<milvus::LoadSnapshot> LoadFromJson(const Json& json) {
  if (json.is_null()) return std::nullopt;
  milvus::LoadSnapshot load;
  load.state = rows::LoadState::kLoaded;
  load.replicas = json.at("replicas").get<std::int32_t>();
  load.resource_groups = json.at("resource_groups").get<std::vector<std::string>>();
  load.load_fields = json.at("load_fields").get<std::vector<std::string>>();
  for (const Json& partition : json.at("partitions")) {
    const bool loaded = partition.at("loaded").get<bool>();
    load.partitions.push_back({partition.at("name").get<std::string>(),
                               loaded ? rows::LoadState::kLoaded : rows::LoadState::kNotLoaded});
  }
  return load;
}

Result<SyncRecord> FromJson(const Json& json) {
  if (json.at("version").get<int>() != kVersion) {
    return CorruptError("read sync record: it is of version " + json.at("version").dump());
  }
  SyncRecord record;
  record.from = EndFromJson(json.at("from"));
  record.to = EndFromJson(json.at("to"));
  record.made = json.at("made").get<bool>();
  record.round = json.at("round").get<std::int64_t>();
  record.rows_file = json.at("rows_file").get<std::string>();
  record.audit = json.at("audit").get<std::string>();
  record.columns = json.at("columns").get<std::vector<std::string>>();
  record.as_of_ms = json.at("as_of_ms").get<std::int64_t>();
  record.audited_ms = json.at("audited_ms").get<std::int64_t>();
  record.digest.rows = json.at("rows").get<std::uint64_t>();
  record.digest.sum = DigestFromHex(json.at("digest").get<std::string>());
  record.load_back = LoadFromJson(json.at("load_back"));
  AERIE_ASSIGN(record.spec, rows::SpecFromJson(json.at("spec")));
  return record;
}

// --- Files ---

// The number behind `prefix`, or -1.
std::int64_t NumberOf(const std::string& name, std::string_view prefix) {
  if (!name.starts_with(prefix)) return -1;
  std::int64_t number = -1;
  const char* end = name.data() + name.size();
  const auto [at, error] = std::from_chars(name.data() + prefix.size(), end, number);
  return error == std::errc() && at == end && number >= 0 ? number : -1;
}

Result<std::vector<std::string>> NamesIn(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end;
       at.increment(error)) {
    names.push_back(at->path().filename().string());
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return objects::ErrnoStatus(error.value(), "list", folder);
  }
  std::sort(names.begin(), names.end());
  return names;
}

Status RemoveFile(const std::string& path) {
  if (unlink(path.c_str()) == 0 || errno == ENOENT) return Ok();
  return objects::ErrnoStatus(errno, "remove", path);
}

Result<std::optional<SyncRecord>> ReadRecord(const Context& context, const std::string& folder) {
  objects::FilesystemStore store(folder);
  const auto bytes = store.Get(context, {kRecordFile}, 0, objects::kToEnd);
  if (KindOf(bytes.status()) == Kind::kNotFound) return std::optional<SyncRecord>();
  AERIE_TRY(bytes.status());
  auto record = DecodeRecord(AsText(*bytes));
  if (record.ok()) return std::optional<SyncRecord>(*std::move(record));
  log::Warn(
      "what was kept of the last sync cannot be read and is not believed",
      {{"file", folder + "/" + kRecordFile}, {"error", std::string(record.status().message())}});
  return std::optional<SyncRecord>();
}

Result<std::vector<std::string>> JournalsIn(const std::string& folder) {
  AERIE_ASSIGN(const auto names, NamesIn(folder));
  std::vector<std::string> paths;
  for (const std::string& name : names) {
    if (name.starts_with(kJournal)) paths.push_back(folder + "/" + name);
  }
  return paths;
}

// --- The lock ---

std::string HolderOf(int file) {
  char text[32] = {};
  const ssize_t got = pread(file, text, sizeof(text) - 1, 0);
  const std::string pid(text, got > 0 ? static_cast<std::size_t>(got) : 0);
  return pid.empty() ? "another process" : "process " + pid;
}

Result<int> LockFolder(const std::string& folder, const std::string& what) {
  const std::string path = folder + "/" + kLockFile;
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return objects::ErrnoStatus(errno, "open", path);
  if (flock(file, LOCK_EX | LOCK_NB) != 0) {
    const Status status =
        errno == EWOULDBLOCK
            ? MakeStatus(Kind::kLocked, what + ": " + HolderOf(file) +
                                            " is at it; wait for it, or end it (" + path + ")")
            : objects::ErrnoStatus(errno, "lock", path);
    close(file);
    return status;
  }
  const std::string pid = std::to_string(getpid());
  if (ftruncate(file, 0) != 0 ||
      pwrite(file, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    const Status status = objects::ErrnoStatus(errno, "write", path);
    close(file);
    return status;
  }
  return file;
}

}  // namespace

std::string EncodeRecord(const SyncRecord& record) {
  const Json json = {{"version", kVersion},
                     {"from", EndToJson(record.from)},
                     {"to", EndToJson(record.to)},
                     {"made", record.made},
                     {"round", record.round},
                     {"rows_file", record.rows_file},
                     {"audit", record.audit},
                     {"columns", record.columns},
                     {"as_of_ms", record.as_of_ms},
                     {"audited_ms", record.audited_ms},
                     {"rows", record.digest.rows},
                     {"digest", record.digest.sum.ToHex()},
                     {"load_back", LoadToJson(record.load_back)},
                     {"spec", rows::SpecToJson(record.spec)}};
  // Names that are not UTF-8 are none of Milvus's; they must not end the program here.
  std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  return text + Hex(XXH3_64bits(text.data(), text.size())) + "\n";
}

Result<SyncRecord> DecodeRecord(std::string_view text) {
  const auto end = text.find('\n');
  if (end == std::string_view::npos) return CorruptError("read sync record: it is cut short");
  const std::string_view line = text.substr(0, end + 1);
  if (text.substr(end + 1) != Hex(XXH3_64bits(line.data(), line.size())) + "\n") {
    return CorruptError("read sync record: its checksum is wrong");
  }
  const Json json = Json::parse(line, nullptr, false);
  try {
    return FromJson(json);
  } catch (const std::exception& error) {
    return CorruptError(std::string("read sync record: ") + error.what());
  }
}

std::vector<std::string> ColumnsOf(const rows::CollectionSchema& schema) {
  std::vector<std::string> columns;
  for (const rows::FieldSchema& field : schema.Columns()) {
    columns.push_back(field.name + " " + std::to_string(static_cast<int>(field.type)) + " " +
                      std::to_string(static_cast<int>(field.element_type)));
  }
  std::sort(columns.begin(), columns.end());
  return columns;
}

// --- A pair ---

SyncPair::SyncPair(std::string folder, int lock)
    : folder_(std::move(folder)), lock_(lock), store_(folder_) {}

SyncPair::~SyncPair() { close(lock_); }

// What a round left that was not committed is of no use, but for its journals.
Status SyncPair::Load(const Context& context) {
  AERIE_ASSIGN(record_, ReadRecord(context, folder_));
  return RemoveOthers(record_ ? record_->rows_file : "");
}

// Rows files but `keep`, and journals of rounds that are committed.
Status SyncPair::RemoveOthers(const std::string& keep) {
  const std::int64_t committed = record_ ? record_->round : 0;
  AERIE_ASSIGN(const auto names, NamesIn(folder_));
  for (const std::string& name : names) {
    const bool rows = name.starts_with(kRows) && name != keep;
    const std::int64_t round = NumberOf(name.substr(0, name.rfind('.')), kJournal);
    const bool journal = round >= 0 && round <= committed;
    if (rows || journal) AERIE_TRY(RemoveFile(folder_ + "/" + name));
  }
  return Ok();
}

Status SyncPair::Save(const Context& context, const SyncRecord& record) {
  AERIE_TRY(store_.Put(context, {kRecordFile}, AsBytes(EncodeRecord(record))));
  record_ = record;
  return Ok();
}

Status SyncPair::Forget(const Context& context) {
  // The record first: without it the rest means nothing.
  for (const auto& removed : store_.Remove(context, {{kRecordFile}})) AERIE_TRY(removed.status);
  record_.reset();
  AERIE_TRY(DropJournals());
  return RemoveOthers("");
}

std::string SyncPair::RowsPath() const { return folder_ + "/" + record_->rows_file; }

Result<std::unique_ptr<SyncFileWriter>> SyncPair::NewRows() {
  const std::int64_t round = (record_ ? record_->round : 0) + 1;
  const std::string path = folder_ + "/" + std::string(kRows) + std::to_string(round);
  AERIE_TRY(RemoveFile(path));
  return SyncFileWriter::Create(SyncFileKind::kRows, path);
}

Result<std::unique_ptr<SyncFileWriter>> SyncPair::NewJournal() {
  const std::int64_t round = (record_ ? record_->round : 0) + 1;
  AERIE_ASSIGN(const auto there, Journals());
  std::int64_t attempt = 0;
  for (const std::string& path : there) {
    attempt = std::max(attempt, NumberOf(path.substr(path.rfind('.') + 1), "") + 1);
  }
  return SyncFileWriter::Create(SyncFileKind::kJournal, folder_ + "/" + std::string(kJournal) +
                                                            std::to_string(round) + "." +
                                                            std::to_string(attempt));
}

Result<std::vector<std::string>> SyncPair::Journals() const { return JournalsIn(folder_); }

Status SyncPair::Commit(const Context& context, const SyncFileWriter& rows, SyncRecord record) {
  record.rows_file = rows.path().substr(rows.path().rfind('/') + 1);
  record.round = NumberOf(record.rows_file, kRows);
  AERIE_TRY(Save(context, record));
  AERIE_TRY(DropJournals());
  return RemoveOthers(record.rows_file);
}

Status SyncPair::DropJournals() {
  AERIE_ASSIGN(const auto paths, Journals());
  for (const std::string& path : paths) AERIE_TRY(RemoveFile(path));
  return Ok();
}

// --- The folder ---

std::string SyncState::PairFolder(const SyncEnd& from, const SyncEnd& to) const {
  std::string identity;
  for (const SyncEnd* end : {&from, &to}) {
    identity +=
        (identity.empty() ? "" : std::string(1, '\0')) + end->cluster + '\0' + end->name.ToString();
  }
  const XXH128_hash_t hash = XXH3_128bits(identity.data(), identity.size());
  return folder_ + "/sync/" + Hex(hash.high64) + Hex(hash.low64);
}

Result<std::unique_ptr<SyncPair>> SyncState::Open(const Context& context, const SyncEnd& from,
                                                  const SyncEnd& to) {
  const std::string folder = PairFolder(from, to);
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    return Annotate(objects::ErrnoStatus(error.value(), "create folder", folder),
                    "keep what is synced (choose another place with --state-dir)");
  }
  // Names of collections and digests of rows are nobody else's business.
  for (const std::string& one : {folder_ + "/sync", folder}) {
    std::filesystem::permissions(one, std::filesystem::perms::owner_all, error);
  }
  AERIE_ASSIGN(const int lock,
               LockFolder(folder, "sync " + from.name.ToString() + " to " + to.name.ToString()));
  std::unique_ptr<SyncPair> pair(new SyncPair(folder, lock));
  AERIE_TRY(pair->Load(context));
  return pair;
}

Result<SyncState::Peeked> SyncState::Peek(const Context& context, const SyncEnd& from,
                                          const SyncEnd& to) const {
  const std::string folder = PairFolder(from, to);
  Peeked peeked;
  AERIE_ASSIGN(peeked.record, ReadRecord(context, folder));
  if (peeked.record) peeked.rows_path = folder + "/" + peeked.record->rows_file;
  AERIE_ASSIGN(peeked.journals, JournalsIn(folder));
  return peeked;
}

Result<std::vector<SyncRecord>> SyncState::Records(const Context& context,
                                                   const std::string& from_cluster,
                                                   const std::string& to_cluster) const {
  std::vector<SyncRecord> records;
  AERIE_ASSIGN(const auto folders, NamesIn(folder_ + "/sync"));
  for (const std::string& folder : folders) {
    AERIE_ASSIGN(auto record, ReadRecord(context, folder_ + "/sync/" + folder));
    if (!record || record->from.cluster != from_cluster || record->to.cluster != to_cluster) {
      continue;
    }
    records.push_back(*std::move(record));
  }
  std::sort(records.begin(), records.end(), [](const SyncRecord& a, const SyncRecord& b) {
    return std::tie(a.from.name, a.to.name) < std::tie(b.from.name, b.to.name);
  });
  return records;
}

}  // namespace aerie::transfer
