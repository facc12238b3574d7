#include "files/json_lines_table.h"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>

#include "files/json_text.h"

namespace aerie::files {
namespace {

constexpr std::size_t kLinesForColumns = 100;

// Lines of a file, one after the other.
class LineReader {
 public:
  explicit LineReader(std::shared_ptr<const LocalFile> file) : file_(std::move(file)) {}

  const std::string& path() const { return file_->path(); }
  std::uint64_t number() const { return number_; }

  // The next line that is not blank, without its end; it holds until the next call.
  Result<bool> Next(std::string_view& line) {
    do {
      AERIE_ASSIGN(const bool there, AnyLine(line));
      if (!there) return false;
      ++number_;
    } while (line.find_first_not_of(" \t\r") == std::string_view::npos);
    return true;
  }

 private:
  Result<bool> AnyLine(std::string_view& line) {
    std::size_t looked = 0;
    for (;;) {
      const std::size_t end = held_.find('\n', begin_ + looked);
      if (end != std::string::npos) {
        line = std::string_view(held_).substr(begin_, end - begin_);
        begin_ = end + 1;
        return true;
      }
      looked = held_.size() - begin_;
      if (looked > kMaxJsonLine) {
        return RefusedError("read " + path() + ": line " + std::to_string(number_ + 1) +
                            " has more than " + std::to_string(kMaxJsonLine >> 20) + " MiB");
      }
      AERIE_ASSIGN(const bool more, Fill());
      if (more) continue;
      line = std::string_view(held_).substr(begin_);
      begin_ = held_.size();
      return looked > 0;
    }
  }

  Result<bool> Fill() {
    constexpr std::uint64_t kPiece = std::uint64_t{1} << 20;
    const auto size = static_cast<std::size_t>(std::min(kPiece, file_->size() - offset_));
    if (size == 0) return false;
    held_.erase(0, begin_);
    begin_ = 0;
    const std::size_t at = held_.size();
    held_.resize(at + size);
    AERIE_TRY(file_->ReadAt(offset_, {reinterpret_cast<std::uint8_t*>(held_.data()) + at, size}));
    offset_ += size;
    return true;
  }

  const std::shared_ptr<const LocalFile> file_;
  std::string held_;
  std::size_t begin_ = 0;
  std::uint64_t offset_ = 0;
  std::uint64_t number_ = 0;
};

// Calls `member(name, value)` for each of an object.
template <class Member>
Status ForEachMember(std::string_view line, const Member& member) {
  JsonCursor cursor(line);
  AERIE_TRY(cursor.Expect('{'));
  if (!cursor.Take('}')) {
    std::string name;
    std::string_view value;
    do {
      AERIE_TRY(cursor.String(name));
      AERIE_TRY(cursor.Expect(':'));
      AERIE_TRY(cursor.Raw(value));
      AERIE_TRY(member(name, value));
    } while (cursor.Take(','));
    AERIE_TRY(cursor.Expect('}'));
  }
  return cursor.AtEnd() ? Ok() : CorruptError("something follows the object");
}

class JsonLinesTable final : public ForeignTable {
 public:
  JsonLinesTable(std::shared_ptr<const LocalFile> file, const std::vector<std::string>& names)
      : lines_(std::move(file)), taken_(names.size()) {
    for (const std::string& name : names) columns_.push_back({name, "JSON value"});
  }

  const std::vector<ForeignColumn>& columns() const override { return columns_; }

  Result<bool> Next(std::vector<ForeignValue>& row) override {
    std::string_view line;
    AERIE_ASSIGN(const bool there, lines_.Next(line));
    if (!there) return false;
    ++row_;
    row.resize(columns_.size());
    for (ForeignValue& value : row) value.SetNull();
    std::fill(taken_.begin(), taken_.end(), false);
    std::size_t guess = 0;
    const Status read = ForEachMember(line, [&](const std::string& name, std::string_view value) {
      const auto at = ColumnOf(name, guess);
      if (!at.ok()) return at.status();
      guess = *at + 1;
      if (taken_[*at]) return RefusedError("the member '" + name + "' comes twice");
      taken_[*at] = true;
      if (value != "null") row[*at].SetText(value, ForeignValue::Kind::kJson);
      return Ok();
    });
    if (!read.ok()) return RefusedError("read " + Where() + ": " + std::string(read.message()));
    return true;
  }

  std::string Where() const override {
    return lines_.path() + ", row " + std::to_string(row_) + " (line " +
           std::to_string(lines_.number()) + ")";
  }

 private:
  // Mostly the one after the last.
  Result<std::size_t> ColumnOf(const std::string& name, std::size_t guess) const {
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const std::size_t at = (guess + i) % columns_.size();
      if (columns_[at].name == name) return at;
    }
    return RefusedError("it has a member '" + name + "', which the first " +
                        std::to_string(kLinesForColumns) +
                        " lines have not; name it in the mapping, as a field's column or under "
                        "ignore");
  }

  LineReader lines_;
  std::vector<ForeignColumn> columns_;
  std::vector<bool> taken_;
  std::uint64_t row_ = 0;
};

}  // namespace

Result<std::unique_ptr<ForeignTable>> OpenJsonLines(std::shared_ptr<const LocalFile> file,
                                                    const std::vector<std::string>& more) {
  std::vector<std::string> names;
  const auto add = [&](const std::string& name) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    return Ok();
  };
  LineReader lines(file);
  std::string_view line;
  for (std::size_t i = 0; i < kLinesForColumns; ++i) {
    AERIE_ASSIGN(const bool there, lines.Next(line));
    if (!there) break;
    const Status read =
        ForEachMember(line, [&](const std::string& name, std::string_view) { return add(name); });
    if (!read.ok()) {
      return RefusedError("read " + file->path() + ", line " + std::to_string(lines.number()) +
                          ": " + std::string(read.message()));
    }
  }
  for (const std::string& name : more) (void)add(name);
  return std::make_unique<JsonLinesTable>(std::move(file), names);
}

}  // namespace aerie::files
