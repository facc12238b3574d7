// CSV (RFC 4180) as a table: the first line names the columns.
//
// UTF-8 with or without a byte order mark, lines ended by LF or CRLF, line breaks inside quotes. A
// cell is a kWord value; one without quotes and without bytes is null, "" is the empty text.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "files/foreign_table.h"
#include "files/local_file.h"

namespace aerie::files {

struct CsvOptions {
  char delimiter = ',';
};

// A row, quotes and all, may not be larger: a quote that is never closed would take the whole file.
inline constexpr std::size_t kMaxCsvRow = std::size_t{16} << 20;

// Cuts text, which comes in pieces of any size, into rows of cells.
class CsvParser {
 public:
  struct Cell {
    std::string text;
    bool quoted = false;
  };
  explicit CsvParser(CsvOptions options) : options_(options) {}

  // Takes bytes from the front of `text` up to the end of a row, or all of it. True: `cells()` is a
  // row; the next call begins another. kRefused, with the line, for what is no CSV.
  Result<bool> Take(std::string_view& text);
  // After the last piece: true if a last row without a line break is there.
  Result<bool> End();
  const std::vector<Cell>& cells() const { return cells_; }
  // The line, from 1, in which the row began.
  std::uint64_t line() const { return row_line_; }

 private:
  enum class State { kStart, kPlain, kQuoted, kQuoteInQuoted, kReturn };
  Status Fail(const std::string& why) const;
  // A byte outside of the fast path; true when it ends the row.
  Result<bool> Byte(char c);
  Result<bool> Separator(char c);
  void BeginRow();
  void BeginCell() { cells_.emplace_back(); }

  const CsvOptions options_;
  std::vector<Cell> cells_;
  State state_ = State::kStart;
  bool in_row_ = false;
  std::size_t row_bytes_ = 0;
  std::uint64_t line_ = 1;
  std::uint64_t row_line_ = 1;
};

Result<std::unique_ptr<ForeignTable>> OpenCsv(std::shared_ptr<const LocalFile> file,
                                              CsvOptions options);

}  // namespace aerie::files
