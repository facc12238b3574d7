// SQLite as this room uses it: one connection, prepared statements, transactions, and its errors
// translated once.
//
// A Database belongs to one thread at a time; another connection to the same file may be used at
// the same time by another thread or process. Texts are UTF-8, integers 64 bits.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/status.h"

struct sqlite3;
struct sqlite3_stmt;

namespace aerie::catalog {

// A path that names no file: what is stored there lives as long as the connection.
inline constexpr char kInMemory[] = ":memory:";

// What is bound to a ?, or NULL.
struct Value {
  enum class Type { kNull, kInteger, kReal, kText };
  Value() = default;
  Value(std::int64_t value) : type(Type::kInteger), integer(value) {}  // NOLINT: meant to convert
  Value(double value) : type(Type::kReal), real(value) {}              // NOLINT: likewise
  Value(std::string value) : type(Type::kText), text(std::move(value)) {}  // NOLINT: likewise
  Value(const char* value) : type(Type::kText), text(value) {}             // NOLINT: likewise
  Type type = Type::kNull;
  std::int64_t integer = 0;
  double real = 0;
  std::string text;
};

// One row of an answer.
class Row {
 public:
  explicit Row(sqlite3_stmt* statement) : statement_(statement) {}
  // Columns count from 0; NULL reads as 0 or "".
  std::int64_t Integer(int column) const;
  double Real(int column) const;
  std::string Text(int column) const;
  bool IsNull(int column) const;

 private:
  sqlite3_stmt* statement_;
};

class Database {
 public:
  // Opens the file, makes it and its folder (readable by its owner alone) where they are missing.
  // WAL; each commit is on the disk when it returns. `busy`: how long to wait for another writer.
  // Errors: kDenied, kNoSpace, kCorrupt when it is no database, kFailed, naming the file.
  static Result<std::unique_ptr<Database>> Open(const std::string& path, Duration busy);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // One statement; each row of its answer goes to `on_row`, which may be null.
  // Errors: kLocked when another process writes for longer than `busy`; kNoSpace; kCorrupt; ...
  template <class OnRow>
  Status Run(std::string_view sql, const std::vector<Value>& values, OnRow on_row) {
    AERIE_ASSIGN(const Prepared statement, Prepare(sql, values));
    for (;;) {
      AERIE_ASSIGN(const bool is_row, Next(statement.get()));
      if (!is_row) return Ok();
      on_row(Row(statement.get()));
    }
  }
  Status Run(std::string_view sql, const std::vector<Value>& values = {}) {
    return Run(sql, values, [](const Row&) {});
  }
  // Several statements, without values.
  Status RunScript(const char* sql);
  std::int64_t LastInsertId() const;
  const std::string& path() const { return path_; }

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;
  // One in use; afterwards it is kept for the next time, since compiling it costs more than running
  // it does.
  struct Keep {
    Database* db = nullptr;
    void operator()(sqlite3_stmt* statement) const;
  };
  using Prepared = std::unique_ptr<sqlite3_stmt, Keep>;
  Database(sqlite3* db, std::string path) : db_(db), path_(std::move(path)) {}
  Result<Prepared> Compile(std::string_view sql);
  Result<Prepared> Prepare(std::string_view sql, const std::vector<Value>& values);
  Result<bool> Next(sqlite3_stmt* statement);
  Status Error() const;

  sqlite3* const db_;
  const std::string path_;
  std::unordered_map<std::string_view, Statement> kept_;  // by its text, which it holds itself
};

// BEGIN IMMEDIATE: from here on this is the only writer. Rolled back unless Commit was called.
class Transaction {
 public:
  static Result<std::unique_ptr<Transaction>> Begin(Database& db);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  Status Commit();

 private:
  explicit Transaction(Database& db) : db_(db) {}
  Database& db_;
  bool open_ = true;
};

}  // namespace aerie::catalog
