#include "files/foreign_files.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <system_error>

#include "files/export_manifest.h"
#include "files/json_lines_table.h"
#include "files/npy_table.h"
#include "files/parquet_table.h"

namespace aerie::files {
namespace {

namespace fs = std::filesystem;

const std::map<std::string, ForeignKind>& Kinds() {
  static const std::map<std::string, ForeignKind> kinds = {{".parquet", ForeignKind::kParquet},
                                                           {".csv", ForeignKind::kCsv},
                                                           {".npy", ForeignKind::kNpy},
                                                           {".jsonl", ForeignKind::kJsonLines},
                                                           {".ndjson", ForeignKind::kJsonLines}};
  return kinds;
}

std::optional<ForeignKind> KindOfFile(const fs::path& path) {
  const auto kind = Kinds().find(path.extension().string());
  if (kind == Kinds().end()) return std::nullopt;
  return kind->second;
}

bool IsHidden(const fs::path& path) {
  const std::string name = path.filename().string();
  return name.starts_with('.') || name.starts_with('_');
}

Status CheckReadable(const fs::path& path) {
  const std::string end = path.extension().string();
  if (end == ".npz") {
    return RefusedError("import " + path.string() +
                        ": it is an archive; unzip it, and import the folder of .npy files");
  }
  if ((end == ".gz" || end == ".zst" || end == ".bz2" || end == ".xz") && KindOfFile(path.stem())) {
    return RefusedError("import " + path.string() +
                        ": it is compressed as a whole; unpack it first");
  }
  return Ok();
}

Status ListFolder(const std::string& folder, std::vector<fs::path>& found) {
  std::error_code error;
  fs::recursive_directory_iterator it(folder, error);
  for (; !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    if (IsHidden(it->path())) {
      it.disable_recursion_pending();
    } else if (it->is_regular_file(error)) {
      AERIE_TRY(CheckReadable(it->path()));
      if (KindOfFile(it->path())) found.push_back(it->path());
    }
  }
  if (error) return FailedError("list " + folder + ": " + error.message());
  std::sort(found.begin(), found.end());
  return Ok();
}

Result<std::unique_ptr<ForeignTable>> OpenArrays(const std::vector<std::string>& paths) {
  NpyFiles files;
  for (const std::string& path : paths) {
    AERIE_ASSIGN(auto file, LocalFile::Open(path));
    files.emplace_back(fs::path(path).stem().string(), std::move(file));
  }
  return OpenNpy(std::move(files));
}

Result<std::unique_ptr<ForeignTable>> OpenOne(ForeignKind kind, const std::string& path,
                                              const ForeignOptions& options) {
  AERIE_ASSIGN(auto file, LocalFile::Open(path));
  switch (kind) {
    case ForeignKind::kParquet: return OpenParquet(std::move(file));
    case ForeignKind::kCsv: return OpenCsv(std::move(file), options.csv);
    default: return OpenJsonLines(std::move(file), options.more_columns);
  }
}

}  // namespace

Result<std::optional<ForeignInput>> FindForeignInput(const std::string& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) {
    const auto kind = KindOfFile(path);
    const bool remote = path.find("://") != std::string::npos;
    if (kind && remote) {
      return RefusedError("import " + path +
                          ": files of other programs are read from a local folder; download it "
                          "first");
    }
    if (kind && !fs::exists(path, error)) {
      return NotFoundError("import " + path + ": there is no such file");
    }
    if (remote || !fs::exists(path, error)) return std::optional<ForeignInput>();
    AERIE_TRY(CheckReadable(path));
    if (!kind) {
      return RefusedError("import " + path +
                          ": its name ends in none of .parquet, .csv, .npy, .jsonl and .ndjson");
    }
    return std::optional(ForeignInput{*kind, {path}});
  }
  for (const char* const ours : {kManifestPath, kUnfinishedPath}) {
    if (fs::exists(fs::path(path) / ours, error)) return std::optional<ForeignInput>();
  }
  std::vector<fs::path> found;
  AERIE_TRY(ListFolder(path, found));
  if (found.empty()) return std::optional<ForeignInput>();
  ForeignInput input{*KindOfFile(found.front()), {}};
  for (const fs::path& file : found) {
    if (KindOfFile(file) != input.kind) {
      return RefusedError("import " + path + ": it has files of several kinds, such as " +
                          found.front().string() + " and " + file.string() +
                          "; import one of them, or a folder of one kind");
    }
    input.paths.push_back(file.string());
  }
  return std::optional(std::move(input));
}

Result<std::unique_ptr<ForeignFiles>> ForeignFiles::Open(const ForeignInput& input,
                                                         const ForeignOptions& options) {
  std::unique_ptr<ForeignFiles> files(new ForeignFiles(input, options));
  AERIE_TRY(files->OpenNext());
  return files;
}

Status ForeignFiles::OpenNext() {
  if (input_.kind == ForeignKind::kNpy) {
    AERIE_ASSIGN(table_, OpenArrays(input_.paths));
    next_ = input_.paths.size();
  } else {
    AERIE_ASSIGN(table_, OpenOne(input_.kind, input_.paths[next_], options_));
    ++next_;
  }
  first_row_.push_back(rows_ + 1);
  const bool first = columns_.empty();
  if (first) columns_ = table_->columns();
  const auto& found = table_->columns();
  order_.clear();
  for (const ForeignColumn& wanted : columns_) {
    const auto at = std::find_if(found.begin(), found.end(),
                                 [&](const auto& column) { return column.name == wanted.name; });
    if (at != found.end()) order_.push_back(static_cast<std::size_t>(at - found.begin()));
  }
  if (order_.size() == columns_.size() && found.size() == columns_.size()) return Ok();
  return RefusedError("read " + input_.paths[next_ - 1] + ": its columns are not those of " +
                      input_.paths.front() + "; import them one by one");
}

Result<bool> ForeignFiles::Next(std::vector<ForeignValue>& row) {
  for (;;) {
    AERIE_ASSIGN(const bool there, table_->Next(row_));
    if (there) break;
    if (next_ == input_.paths.size()) return false;
    AERIE_TRY(OpenNext());
  }
  ++rows_;
  row.resize(columns_.size());
  for (std::size_t i = 0; i < order_.size(); ++i) std::swap(row[i], row_[order_[i]]);
  return true;
}

std::string ForeignFiles::Locate(std::uint64_t number) const {
  const auto after = std::upper_bound(first_row_.begin(), first_row_.end(), number);
  const auto file = static_cast<std::size_t>(after - first_row_.begin()) - 1;
  const std::string path = input_.kind == ForeignKind::kNpy && input_.paths.size() > 1
                               ? fs::path(input_.paths.front()).parent_path().string() + "/*.npy"
                               : input_.paths[file];
  return path + ", row " + std::to_string(number - first_row_[file] + 1);
}

}  // namespace aerie::files
