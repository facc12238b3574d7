#include "files/npy_table.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>
#include <map>
#include <optional>
#include <string_view>
#include <system_error>

namespace aerie::files {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";

// The Python literal of a header: a dict of strings, booleans and one tuple.
class LiteralCursor {
 public:
  explicit LiteralCursor(std::string_view text) : rest_(text) {}

  bool Take(std::string_view word) {
    while (!rest_.empty() &&
           std::string_view(" \t\n\r").find(rest_.front()) != std::string_view::npos) {
      rest_.remove_prefix(1);
    }
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  bool String(std::string& out) {
    char quote = '\'';
    if (!Take("'")) {
      if (!Take("\"")) return false;
      quote = '"';
    }
    const auto end = rest_.find(quote);
    if (end == std::string_view::npos) return false;
    out = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return true;
  }
  bool Number(std::uint64_t& out) {
    Take("");
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), out);
    if (error != std::errc()) return false;
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return true;
  }
  bool AtEnd() {
    Take("");
    return rest_.empty();
  }

 private:
  std::string_view rest_;
};

struct Literal {
  std::optional<std::string> descr;
  std::optional<bool> fortran;
  std::optional<std::vector<std::uint64_t>> shape;
  bool structured = false;
};

bool TakeShape(LiteralCursor& cursor, Literal& out) {
  if (!cursor.Take("(")) return false;
  std::vector<std::uint64_t> shape;
  while (!cursor.Take(")")) {
    std::uint64_t size = 0;
    if (!cursor.Number(size)) return false;
    shape.push_back(size);
    if (!cursor.Take(",")) {
      if (!cursor.Take(")")) return false;
      break;
    }
  }
  out.shape = std::move(shape);
  return true;
}

bool TakeEntry(LiteralCursor& cursor, Literal& out) {
  std::string name;
  if (!cursor.String(name) || !cursor.Take(":")) return false;
  if (name == "shape") return TakeShape(cursor, out);
  if (name == "fortran_order") {
    out.fortran = cursor.Take("True");
    return *out.fortran || cursor.Take("False");
  }
  if (name != "descr") return false;
  out.structured = cursor.Take("[");
  return out.structured || cursor.String(out.descr.emplace());
}

// A structured type is noticed and not read.
bool ParseLiteral(std::string_view text, Literal& out) {
  LiteralCursor cursor(text);
  if (!cursor.Take("{")) return false;
  while (!cursor.Take("}")) {
    if (!TakeEntry(cursor, out)) return false;
    if (out.structured) return true;
    if (!cursor.Take(",")) {
      if (!cursor.Take("}")) return false;
      break;
    }
  }
  return cursor.AtEnd() && out.descr && out.fortran && out.shape;
}

const std::map<std::string, NumberType>& NumberTypes() {
  static const std::map<std::string, NumberType> types = {
      {"b1", NumberType::kBool},    {"i1", NumberType::kInt8},   {"i2", NumberType::kInt16},
      {"i4", NumberType::kInt32},   {"i8", NumberType::kInt64},  {"u1", NumberType::kUInt8},
      {"u2", NumberType::kUInt16},  {"u4", NumberType::kUInt32}, {"u8", NumberType::kUInt64},
      {"f2", NumberType::kFloat16}, {"f4", NumberType::kFloat},  {"f8", NumberType::kDouble}};
  return types;
}

Status NoColumn(const std::string& descr) {
  return RefusedError("its elements are '" + descr +
                      "', which no field takes; save it as another type with astype()");
}

// "<f4", "|b1", ">U12"
Status TakeDescr(const std::string& descr, NpyHeader& header) {
  if (descr.size() < 3 || std::string_view("<>|=").find(descr[0]) == std::string_view::npos) {
    return NoColumn(descr);
  }
  header.swapped = descr[0] == '>';
  if (const auto number = NumberTypes().find(descr.substr(1)); number != NumberTypes().end()) {
    header.number = number->second;
    header.item_bytes = WidthOf(header.number);
    return Ok();
  }
  const bool unicode = descr[1] == 'U';
  std::uint32_t length = 0;
  const char* const last = descr.data() + descr.size();
  const auto [end, error] = std::from_chars(descr.data() + 2, last, length);
  constexpr std::uint32_t kLongest = 1U << 20;
  if ((!unicode && descr[1] != 'S') || error != std::errc() || end != last || length == 0 ||
      length > kLongest) {
    return NoColumn(descr);
  }
  header.content = unicode ? NpyHeader::Content::kUnicode : NpyHeader::Content::kBytes;
  header.item_bytes = std::size_t{length} * (unicode ? 4 : 1);
  return Ok();
}

Status TakeLiteral(const Literal& literal, NpyHeader& header) {
  if (literal.structured) {
    return RefusedError("its elements are structures; save each of their fields as a file");
  }
  AERIE_TRY(TakeDescr(*literal.descr, header));
  const auto& shape = *literal.shape;
  if (shape.empty() || shape.size() > 2) {
    return RefusedError("it has " + std::to_string(shape.size()) +
                        " dimensions; a column has one, vectors two");
  }
  header.rows = shape[0];
  if (shape.size() == 1) return Ok();
  header.width = shape[1];
  constexpr std::uint64_t kMostElements = std::uint64_t{1} << 24;
  if (header.width == 0 || header.width > kMostElements) {
    return RefusedError("its rows have " + std::to_string(header.width) + " elements");
  }
  if (*literal.fortran && header.rows > 1 && header.width > 1) {
    return RefusedError(
        "it lies in Fortran order, column after column; save numpy.ascontiguousarray() of it");
  }
  if (header.content != NpyHeader::Content::kNumbers) {
    return RefusedError("it is a 2-D array of texts; save each column as a file");
  }
  return Ok();
}

Status CheckLength(const NpyHeader& header, std::uint64_t file_bytes) {
  const std::uint64_t most = std::numeric_limits<std::int64_t>::max();
  if (header.rows > most / header.row_bytes() ||
      header.rows * header.row_bytes() != file_bytes - header.data_begin) {
    return CorruptError("its header tells " + std::to_string(header.rows) + " rows of " +
                        std::to_string(header.row_bytes()) + " bytes, and " +
                        std::to_string(file_bytes - header.data_begin) +
                        " bytes follow; was it cut off?");
  }
  return Ok();
}

std::string TypeText(const NpyHeader& header) {
  switch (header.content) {
    case NpyHeader::Content::kUnicode: return "text[" + std::to_string(header.item_bytes / 4) + "]";
    case NpyHeader::Content::kBytes: return "text[" + std::to_string(header.item_bytes) + " bytes]";
    case NpyHeader::Content::kNumbers: break;
  }
  const std::string name = NameOf(header.number);
  return header.width == 0 ? name : "list<" + name + ">[" + std::to_string(header.width) + "]";
}

std::optional<rows::FieldSchema> FieldOf(const NpyHeader& header) {
  if (header.content != NpyHeader::Content::kNumbers) return FieldOfText();
  if (header.width == 0) return FieldOfNumbers(header.number);
  return FieldOfVectors(header.number, header.width);
}

void SwapEach(std::size_t width, std::span<std::uint8_t> bytes) {
  for (std::size_t at = 0; at + width <= bytes.size(); at += width) {
    std::reverse(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                 bytes.begin() + static_cast<std::ptrdiff_t>(at + width));
  }
}

void AppendCodePoint(std::uint32_t code, std::string& out) {
  const auto push = [&](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code < 0x80) return push(code);
  if (code < 0x800) {
    push(0xc0 | code >> 6);
  } else if (code < 0x10000) {
    push(0xe0 | code >> 12);
    push(0x80 | (code >> 6 & 0x3f));
  } else {
    push(0xf0 | (code >> 18 & 7));  // what is beyond Unicode is no UTF-8, and refused as such
    push(0x80 | (code >> 12 & 0x3f));
    push(0x80 | (code >> 6 & 0x3f));
  }
  push(0x80 | (code & 0x3f));
}

// One file, read in pieces of whole rows.
class NpyColumn {
 public:
  NpyColumn(std::shared_ptr<const LocalFile> file, const NpyHeader& header)
      : file_(std::move(file)), header_(header) {}

  const NpyHeader& header() const { return header_; }
  const std::string& path() const { return file_->path(); }

  Status Value(std::uint64_t row, ForeignValue& value) {
    if (row >= piece_end_) AERIE_TRY(Fill(row));
    const ByteSpan bytes = ByteSpan(piece_).subspan(
        static_cast<std::size_t>((row - piece_begin_) * header_.row_bytes()), header_.row_bytes());
    switch (header_.content) {
      case NpyHeader::Content::kUnicode: SetUnicode(bytes, value); break;
      case NpyHeader::Content::kBytes: {
        const std::string_view text = AsText(bytes);
        value.SetText(text.substr(0, text.find_last_not_of('\0') + 1));
        break;
      }
      case NpyHeader::Content::kNumbers:
        if (header_.width == 0) {
          value.SetNumber(header_.number, bytes);
        } else {
          value.SetNumbers(header_.number, header_.width, bytes);
        }
    }
    return Ok();
  }

 private:
  Status Fill(std::uint64_t row) {
    constexpr std::uint64_t kPiece = std::uint64_t{1} << 20;
    const std::uint64_t rows =
        std::clamp<std::uint64_t>(kPiece / header_.row_bytes(), 1, header_.rows - row);
    piece_.resize(static_cast<std::size_t>(rows * header_.row_bytes()));
    AERIE_TRY(file_->ReadAt(header_.data_begin + row * header_.row_bytes(), piece_));
    const bool unicode = header_.content == NpyHeader::Content::kUnicode;
    if (header_.swapped) SwapEach(unicode ? 4 : header_.item_bytes, piece_);
    piece_begin_ = row;
    piece_end_ = row + rows;
    return Ok();
  }

  void SetUnicode(ByteSpan bytes, ForeignValue& value) {
    text_.clear();
    std::size_t length = bytes.size() / 4;
    const auto at = [&](std::size_t i) {
      std::uint32_t code = 0;
      std::memcpy(&code, bytes.data() + 4 * i, 4);
      return code;
    };
    while (length > 0 && at(length - 1) == 0) --length;
    for (std::size_t i = 0; i < length; ++i) AppendCodePoint(at(i), text_);
    value.SetText(text_);
  }

  std::shared_ptr<const LocalFile> file_;
  NpyHeader header_;
  Bytes piece_;
  std::uint64_t piece_begin_ = 0;
  std::uint64_t piece_end_ = 0;
  std::string text_;
};

class NpyTable final : public ForeignTable {
 public:
  void Add(const std::string& name, NpyColumn column) {
    columns_.push_back({name, TypeText(column.header()), true, FieldOf(column.header())});
    data_.push_back(std::move(column));
  }

  Status Check() const {
    for (const NpyColumn& one : data_) {
      if (one.header().rows == data_[0].header().rows) continue;
      return RefusedError("read " + one.path() + ": it has " + std::to_string(one.header().rows) +
                          " rows, and " + data_[0].path() + " has " +
                          std::to_string(data_[0].header().rows));
    }
    return CheckDistinct(data_[0].path(), columns_);
  }

  const std::vector<ForeignColumn>& columns() const override { return columns_; }

  Result<bool> Next(std::vector<ForeignValue>& row) override {
    if (row_ == data_[0].header().rows) return false;
    row.resize(data_.size());
    for (std::size_t i = 0; i < data_.size(); ++i) AERIE_TRY(data_[i].Value(row_, row[i]));
    ++row_;
    return true;
  }

  std::string Where() const override {
    const std::string& path = data_[0].path();
    const std::string folder = path.substr(0, path.rfind('/') + 1);
    return (data_.size() == 1 ? path : folder + "*.npy") + ", row " + std::to_string(row_);
  }

 private:
  std::vector<ForeignColumn> columns_;
  std::vector<NpyColumn> data_;
  std::uint64_t row_ = 0;
};

Result<NpyColumn> OpenColumn(const std::shared_ptr<const LocalFile>& file) {
  Bytes begin(static_cast<std::size_t>(std::min<std::uint64_t>(file->size(), kMaxNpyHeader)));
  AERIE_TRY(file->ReadAt(0, begin));
  const auto header = ParseNpyHeader(begin, file->size());
  if (!header.ok()) return Annotate(header.status(), "read " + file->path());
  return NpyColumn(file, *header);
}

}  // namespace

Result<NpyHeader> ParseNpyHeader(ByteSpan begin, std::uint64_t file_bytes) {
  if (!AsText(begin).starts_with(kMagic) || begin.size() < 12) {
    return CorruptError("it does not begin as a file of NumPy does");
  }
  const int version = begin[6];
  if (version < 1 || version > 3 || begin[7] != 0) {
    return UnsupportedError("it is of version " + std::to_string(version) + "." +
                            std::to_string(begin[7]) + " of NumPy's format; save it again");
  }
  std::size_t at = 8;
  std::uint64_t length = begin[at] | std::uint64_t{begin[at + 1]} << 8;
  at += 2;
  if (version > 1) {
    length |= std::uint64_t{begin[at]} << 16 | std::uint64_t{begin[at + 1]} << 24;
    at += 2;
  }
  if (at + length > file_bytes) return CorruptError("it ends within its header");
  if (at + length > begin.size()) {
    return RefusedError("its header has " + std::to_string(length) +
                        " bytes, more than an array of numbers or texts needs");
  }
  Literal literal;
  if (!ParseLiteral(AsText(begin.subspan(at, static_cast<std::size_t>(length))), literal)) {
    return CorruptError("its header cannot be read");
  }
  NpyHeader header;
  header.data_begin = at + length;
  AERIE_TRY(TakeLiteral(literal, header));
  AERIE_TRY(CheckLength(header, file_bytes));
  return header;
}

Result<std::unique_ptr<ForeignTable>> OpenNpy(NpyFiles files) {
  auto table = std::make_unique<NpyTable>();
  for (const auto& [name, file] : files) {
    AERIE_ASSIGN(auto column, OpenColumn(file));
    table->Add(name, std::move(column));
  }
  AERIE_TRY(table->Check());
  return table;
}

}  // namespace aerie::files
