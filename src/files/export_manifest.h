// What an export consists of: its manifest.json, and where its files stand (docs/exporting.md).
//
// Plain values and free functions; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "rows/batch.h"
#include "rows/digest.h"
#include "rows/schema.h"

namespace aerie::files {

inline constexpr std::uint64_t kExportVersion = 1;

struct ExportedFile {
  std::string path;  // below the export's folder
  std::uint64_t bytes = 0;
  std::string sha256;  // of the file, 64 hexadecimal digits
  rows::RangeDigest digest;
  rows::Key first;
  rows::Key last;
  bool operator==(const ExportedFile&) const = default;
};

struct ExportedPartition {
  std::string name;  // "" when the collection has a partition key
  bool finished = false;
  std::vector<ExportedFile> files;  // keys ascend from each to the next

  rows::RangeDigest digest() const;
  bool operator==(const ExportedPartition&) const = default;
};

struct ExportedCollection {
  rows::CollectionSpec spec;
  bool finished = false;
  bool exact = true;  // its rows were all read at one instant
  std::vector<std::string> warnings;
  std::vector<ExportedPartition> partitions;

  rows::RangeDigest digest() const;
  std::uint64_t bytes() const;
  bool operator==(const ExportedCollection&) const = default;
};

// What was asked for: only the same request goes on with what an interrupted one left.
struct ExportRequest {
  std::string format;
  std::string source;  // "snapshot 1f2e...", "cluster http://127.0.0.1:19530"
  std::vector<rows::CollectionName> collections;
  std::vector<std::string> partitions;  // globs; empty: all
  std::string filter;
  bool operator==(const ExportRequest&) const = default;
};

struct ExportManifest {
  ExportRequest request;
  std::string program;  // "aerie 0.1.0"
  std::int64_t created_ms = 0;
  bool finished = false;
  std::vector<ExportedCollection> collections;

  const ExportedCollection* Find(const rows::CollectionName& name) const;
  bool operator==(const ExportManifest&) const = default;
};

// Indented JSON.
std::string EncodeExportManifest(const ExportManifest& manifest);
// kUnsupported when it is of a later version; kCorrupt when it is not such a manifest.
Result<ExportManifest> DecodeExportManifest(std::string_view text);

inline constexpr char kManifestPath[] = "manifest.json";
// The same while an export is not finished.
inline constexpr char kUnfinishedPath[] = "unfinished.json";

// A name as a segment of a path: letters, digits and '_' as they are, every other byte as '-' and
// two hexadecimal digits, an empty name as '-': any name has a path and no two the same.
std::string EscapedName(std::string_view name);
// "default/books/partition-_default/part-00000.parquet"; without the third segment when
// `partition` is empty.
std::string PartPath(const rows::CollectionName& collection, const std::string& partition,
                     std::size_t number, const std::string& format);
// Whether `path` is one that PartPath could have made, whatever the collection.
bool IsPartPath(std::string_view path);

}  // namespace aerie::files
