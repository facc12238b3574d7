#include "files/csv_table.h"

#include <algorithm>
#include <utility>

#include "files/json_text.h"

namespace aerie::files {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

class CsvTable final : public ForeignTable {
 public:
  CsvTable(std::shared_ptr<const LocalFile> file, CsvOptions options)
      : file_(std::move(file)), parser_(options) {}

  Status ReadHeader() {
    AERIE_ASSIGN(const bool there, NextRow());
    if (!there)
      return RefusedError("read " + file_->path() +
                          ": it is empty; its first line must name the columns");
    for (const CsvParser::Cell& cell : parser_.cells()) {
      if (cell.text.empty() || !IsUtf8(cell.text)) {
        return RefusedError("read " + file_->path() +
                            ": its first line must name every column, in UTF-8");
      }
      columns_.push_back({cell.text, "CSV cell", false});
    }
    return CheckDistinct(file_->path(), columns_);
  }

  const std::vector<ForeignColumn>& columns() const override { return columns_; }

  Result<bool> Next(std::vector<ForeignValue>& row) override {
    AERIE_ASSIGN(const bool there, NextRow());
    if (!there) return false;
    ++row_;
    const auto& cells = parser_.cells();
    if (cells.size() != columns_.size()) {
      return RefusedError("read " + Where() + ": it has " + std::to_string(cells.size()) +
                          " cells instead of " + std::to_string(columns_.size()));
    }
    row.resize(cells.size());
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (cells[i].text.empty() && !cells[i].quoted) {
        row[i].SetNull();
      } else {
        row[i].SetText(cells[i].text, ForeignValue::Kind::kWord);
      }
    }
    return true;
  }

  std::string Where() const override {
    return file_->path() + ", row " + std::to_string(row_) + " (line " +
           std::to_string(parser_.line()) + ")";
  }

 private:
  Result<bool> NextRow() {
    for (;;) {
      if (rest_.empty()) {
        AERIE_ASSIGN(const bool more, Fill());
        if (!more) return Named(parser_.End());
      }
      auto row = Named(parser_.Take(rest_));
      if (!row.ok() || *row) return row;
    }
  }

  Result<bool> Named(Result<bool> row) const {
    if (row.ok()) return row;
    return Annotate(row.status(), "read " + file_->path());
  }

  Result<bool> Fill() {
    constexpr std::uint64_t kPiece = std::uint64_t{1} << 20;
    const std::uint64_t size = std::min(kPiece, file_->size() - offset_);
    if (size == 0) return false;
    piece_.resize(size);
    AERIE_TRY(file_->ReadAt(offset_, piece_));
    rest_ = AsText(piece_);
    if (offset_ == 0 && rest_.starts_with(kByteOrderMark)) rest_.remove_prefix(3);
    offset_ += size;
    return true;
  }

  const std::shared_ptr<const LocalFile> file_;
  CsvParser parser_;
  std::vector<ForeignColumn> columns_;
  std::uint64_t row_ = 0;
  std::uint64_t offset_ = 0;
  Bytes piece_;
  std::string_view rest_;
};

}  // namespace

Status CsvParser::Fail(const std::string& why) const {
  return RefusedError("line " + std::to_string(line_) + ": " + why);
}

void CsvParser::BeginRow() {
  cells_.clear();
  BeginCell();
  row_bytes_ = 0;
  row_line_ = line_;
  state_ = State::kStart;
  in_row_ = true;
}

Result<bool> CsvParser::Take(std::string_view& text) {
  while (!text.empty()) {
    if (!in_row_) BeginRow();
    std::size_t run = 0;
    if (state_ == State::kQuoted) {
      run = std::min(text.find_first_of("\"\n"), text.size());
    } else if (state_ == State::kPlain) {
      const char ends[] = {options_.delimiter, '"', '\r', '\n'};
      run = std::min(text.find_first_of(std::string_view(ends, sizeof ends)), text.size());
    }
    row_bytes_ += std::max<std::size_t>(run, 1);
    if (row_bytes_ > kMaxCsvRow) {
      return RefusedError("line " + std::to_string(row_line_) +
                          ": the row that begins there has more than " +
                          std::to_string(kMaxCsvRow >> 20) + " MiB; is a quote never closed?");
    }
    if (run > 0) {
      cells_.back().text += text.substr(0, run);
      text.remove_prefix(run);
      continue;
    }
    const char c = text.front();
    text.remove_prefix(1);
    AERIE_ASSIGN(const bool ended, Byte(c));
    if (!ended) continue;
    in_row_ = false;
    return true;
  }
  return false;
}

Result<bool> CsvParser::Byte(char c) {
  if (state_ == State::kReturn && c != '\n') return Fail("a carriage return without a line feed");
  switch (state_) {
    case State::kQuoted:
      if (c == '"') {
        state_ = State::kQuoteInQuoted;
        return false;
      }
      if (c == '\n') ++line_;
      cells_.back().text += c;
      return false;
    case State::kQuoteInQuoted:
      if (c != '"') break;
      cells_.back().text += c;
      state_ = State::kQuoted;
      return false;
    case State::kStart:
      if (c != '"') break;
      cells_.back().quoted = true;
      state_ = State::kQuoted;
      return false;
    case State::kPlain:
      if (c == '"') return Fail("a quote within a cell that does not begin with one");
      break;
    case State::kReturn: break;
  }
  return Separator(c);
}

Result<bool> CsvParser::Separator(char c) {
  if (c == '\n') {
    ++line_;
    return true;
  }
  if (c == '\r') {
    state_ = State::kReturn;
    return false;
  }
  if (c == options_.delimiter) {
    BeginCell();
    state_ = State::kStart;
    return false;
  }
  if (state_ == State::kQuoteInQuoted) return Fail("something follows the closing quote of a cell");
  cells_.back().text += c;
  state_ = State::kPlain;
  return false;
}

Result<bool> CsvParser::End() {
  if (!in_row_) return false;
  if (state_ == State::kQuoted) {
    return RefusedError("line " + std::to_string(row_line_) +
                        ": the row that begins there has a quote that is never closed");
  }
  if (state_ == State::kReturn) return Fail("a carriage return without a line feed");
  in_row_ = false;
  return true;
}

Result<std::unique_ptr<ForeignTable>> OpenCsv(std::shared_ptr<const LocalFile> file,
                                              CsvOptions options) {
  auto table = std::make_unique<CsvTable>(std::move(file), options);
  AERIE_TRY(table->ReadHeader());
  return table;
}

}  // namespace aerie::files
