#include "catalog/sqlite.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <utility>

#include <sqlite3.h>

namespace aerie::catalog {
namespace {

// Statements that are kept compiled: more than there are texts, but filters make theirs of parts.
constexpr std::size_t kMostKept = 200;

Kind KindOfCode(int code) {
  switch (code & 0xff) {  // the primary code of an extended one
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return Kind::kLocked;
    case SQLITE_FULL: return Kind::kNoSpace;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return Kind::kCorrupt;
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_AUTH: return Kind::kDenied;
    default: return Kind::kFailed;
  }
}

const char* Remedy(Kind kind) {
  switch (kind) {
    case Kind::kLocked: return "; another aerie is writing to it: try again";
    case Kind::kNoSpace: return "; free some space and run the same command again";
    case Kind::kCorrupt: return "; name another file with --catalog, or put it back from a backup";
    case Kind::kDenied: return "; check who owns it, or name another file with --catalog";
    default: return "";
  }
}

Status ErrorOf(sqlite3* db, const std::string& path) {
  const Kind kind = KindOfCode(sqlite3_extended_errcode(db));
  return MakeStatus(kind, "catalog " + path + ": " + sqlite3_errmsg(db) + Remedy(kind));
}

// The catalog names hosts and collections; it is nobody else's.
Status MakeFolder(const std::string& path) {
  const auto folder = std::filesystem::path(path).parent_path();
  if (folder.empty()) return Ok();
  std::error_code error;
  const bool made = std::filesystem::create_directories(folder, error);
  if (made) ::chmod(folder.c_str(), S_IRWXU);
  if (!error) return Ok();
  return MakeStatus(Kind::kDenied, "catalog " + path + ": its folder cannot be made: " +
                                       error.message() + "; name another file with --catalog");
}

}  // namespace

std::int64_t Row::Integer(int column) const { return sqlite3_column_int64(statement_, column); }
double Row::Real(int column) const { return sqlite3_column_double(statement_, column); }
std::string Row::Text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  if (text == nullptr) return {};
  return {text, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}
bool Row::IsNull(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

void Database::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

void Database::Keep::operator()(sqlite3_stmt* statement) const {
  Statement done(statement);
  sqlite3_reset(statement);  // an error that it tells was told by its step
  sqlite3_clear_bindings(statement);
  if (db->kept_.size() < kMostKept) db->kept_.try_emplace(sqlite3_sql(statement), std::move(done));
}

Result<std::unique_ptr<Database>> Database::Open(const std::string& path, Duration busy) {
  AERIE_TRY(MakeFolder(path));
  // SQLite gives its other files the rights of this one. What is wrong with it, SQLite says.
  const int made = path == kInMemory
                       ? -1
                       : ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (made >= 0) ::close(made);
  sqlite3* handle = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &handle,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, nullptr);
  std::unique_ptr<Database> db(new Database(handle, path));
  if (code != SQLITE_OK) return db->Error();
  sqlite3_extended_result_codes(handle, 1);
  sqlite3_busy_timeout(
      handle,
      static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(busy).count()));
  AERIE_TRY(db->Run("PRAGMA journal_mode = WAL"));
  AERIE_TRY(db->Run("PRAGMA synchronous = FULL"));
  AERIE_TRY(db->Run("PRAGMA foreign_keys = ON"));
  return db;
}

Database::~Database() {
  kept_.clear();
  sqlite3_close_v2(db_);
}

Result<Database::Prepared> Database::Compile(std::string_view sql) {
  // Taken out: the same text may run again while the rows of this one are looked at.
  if (auto kept = kept_.extract(sql); !kept.empty()) {
    return Prepared(kept.mapped().release(), {.db = this});
  }
  sqlite3_stmt* raw = nullptr;
  if (sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                         &raw, nullptr) != SQLITE_OK) {
    return Error();
  }
  return Prepared(raw, {.db = this});
}

Result<Database::Prepared> Database::Prepare(std::string_view sql,
                                             const std::vector<Value>& values) {
  AERIE_ASSIGN(Prepared statement, Compile(sql));
  sqlite3_stmt* const raw = statement.get();
  int code = SQLITE_OK;
  for (std::size_t i = 0; i < values.size() && code == SQLITE_OK; ++i) {
    const int at = static_cast<int>(i) + 1;
    const Value& value = values[i];
    switch (value.type) {
      case Value::Type::kNull: code = sqlite3_bind_null(raw, at); break;
      case Value::Type::kInteger: code = sqlite3_bind_int64(raw, at, value.integer); break;
      case Value::Type::kReal: code = sqlite3_bind_double(raw, at, value.real); break;
      case Value::Type::kText:
        code = sqlite3_bind_text(raw, at, value.text.data(), static_cast<int>(value.text.size()),
                                 SQLITE_TRANSIENT);
        break;
    }
  }
  if (code != SQLITE_OK) return Error();
  return statement;
}

Result<bool> Database::Next(sqlite3_stmt* statement) {
  const int code = sqlite3_step(statement);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return Error();
}

Status Database::RunScript(const char* sql) {
  return sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) == SQLITE_OK ? Ok() : Error();
}

std::int64_t Database::LastInsertId() const { return sqlite3_last_insert_rowid(db_); }
Status Database::Error() const { return ErrorOf(db_, path_); }

Result<std::unique_ptr<Transaction>> Transaction::Begin(Database& db) {
  AERIE_TRY(db.Run("BEGIN IMMEDIATE"));
  return std::unique_ptr<Transaction>(new Transaction(db));
}

Transaction::~Transaction() {
  if (open_) db_.Run("ROLLBACK").IgnoreError();
}

Status Transaction::Commit() {
  AERIE_TRY(db_.Run("COMMIT"));
  open_ = false;
  return Ok();
}

}  // namespace aerie::catalog
