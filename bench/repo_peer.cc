// Aerie's side of bench/repo_peers: the rows of a folder into a repository on a file system, all of
// it verified, and back into a folder. A whole process each, as the peers are.
//
//   bench_repo_peer backup REPO DATA | verify REPO | restore REPO DATA      passphrase "bench"
//
// DATA has one file a column, plain and little-endian, as bench/repo_peers_data.py writes it.
#include <cstdint>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "objects/open_store.h"
#include "objects/retrying_store.h"
#include "repo/repository.h"
#include "rows/batch.h"

namespace {

using aerie::Context;
using aerie::Result;
using aerie::Status;
namespace objects = aerie::objects;
namespace repo = aerie::repo;
namespace rows = aerie::rows;

constexpr std::size_t kBatchRows = 4'000;
constexpr int kStreams = 2;

struct ColumnFile {
  const char* name;
  rows::DataType type;
  std::size_t width;  // of a cell in the file; texts are cut at their first blank
};

constexpr std::size_t kDim = 768;
constexpr ColumnFile kColumns[] = {
    {"id", rows::DataType::kInt64, 8},       {"vector", rows::DataType::kFloatVector, 4 * kDim},
    {"category", rows::DataType::kInt32, 4}, {"price", rows::DataType::kDouble, 8},
    {"created", rows::DataType::kInt64, 8},  {"title", rows::DataType::kVarChar, 24},
};

rows::CollectionSpec Spec() {
  rows::CollectionSpec spec;
  spec.name.collection = "bench";
  spec.schema.name = "bench";
  for (const ColumnFile& column : kColumns) {
    rows::FieldSchema& field = spec.schema.fields.emplace_back();
    field.name = column.name;
    field.type = column.type;
  }
  spec.schema.fields[0].primary_key = true;
  spec.schema.fields[1].type_params = {{"dim", std::to_string(kDim)}};
  return spec;
}

std::string PathOf(const std::string& folder, const ColumnFile& column) {
  return folder + "/" + column.name;
}

// Rows from the files of a folder, in batches.
class Reader {
 public:
  explicit Reader(const std::string& folder) {
    for (const ColumnFile& column : kColumns) {
      files_.emplace_back(PathOf(folder, column), std::ios::binary);
    }
  }

  // Without rows at the end.
  Result<rows::RowBatch> Next(const rows::CollectionSpec& spec) {
    rows::RowBatch batch = rows::RowBatch::Empty(spec.schema, "_default");
    for (std::size_t i = 0; i < files_.size(); ++i) {
      const ColumnFile& column = kColumns[i];
      std::vector<std::uint8_t> bytes(kBatchRows * column.width);
      files_[i].read(reinterpret_cast<char*>(bytes.data()),
                     static_cast<std::streamsize>(bytes.size()));
      if (files_[i].bad() || !files_[i].eof() == files_[i].fail()) {
        return aerie::FailedError(std::string("read column ") + column.name);
      }
      const auto cells = static_cast<std::size_t>(files_[i].gcount()) / column.width;
      for (std::size_t cell = 0; cell < cells; ++cell) {
        const std::uint8_t* const begin = bytes.data() + cell * column.width;
        std::size_t width = column.width;
        if (column.type == rows::DataType::kVarChar) {
          while (width > 0 && begin[width - 1] == ' ') --width;
        }
        batch.mutable_columns()[i].Append({begin, width});
      }
    }
    return batch;
  }

 private:
  std::vector<std::ifstream> files_;
};

Status WriteCells(const rows::RowBatch& batch, std::vector<std::ofstream>& files) {
  for (std::size_t i = 0; i < files.size(); ++i) {
    for (std::size_t row = 0; row < batch.rows(); ++row) {
      const auto cell = batch.columns()[i].Cell(row);
      files[i].write(reinterpret_cast<const char*>(cell.data()),
                     static_cast<std::streamsize>(cell.size()));
      for (std::size_t pad = cell.size(); pad < kColumns[i].width; ++pad) files[i].put(' ');
    }
    if (!files[i].good()) return aerie::FailedError("write a column");
  }
  return aerie::Ok();
}

std::shared_ptr<objects::ObjectStore> Store(const std::string& location) {
  auto bare = objects::OpenStore(location);
  if (!bare.ok()) return nullptr;
  return std::make_shared<objects::RetryingStore>(*std::move(bare));
}

Result<std::unique_ptr<repo::Repository>> Open(const Context& context,
                                               const std::string& location) {
  return repo::OpenRepository(context, Store(location), aerie::Secret("bench"));
}

Status Backup(const Context& context, const std::string& location, const std::string& folder) {
  AERIE_ASSIGN(const bool exists, repo::RepositoryExists(context, *Store(location)));
  repo::CreateOptions create;
  create.passphrase = aerie::Secret("bench");
  AERIE_ASSIGN(const auto repository, exists ? Open(context, location)
                                             : CreateRepository(context, Store(location), create));
  const rows::CollectionSpec spec = Spec();
  std::optional<repo::PartitionRoot> before;
  repo::Snapshot info;
  info.created_ms = aerie::ToUnixMillis(context.clock().Now());
  if (exists) {
    AERIE_ASSIGN(const repo::Snapshot latest, repository->FindSnapshot(context, "latest"));
    AERIE_ASSIGN(const auto manifest,
                 repository->LoadManifest(context, latest.collections.front()));
    before = manifest.partitions.front();
    info.parent = latest.id;
  }
  AERIE_ASSIGN(auto snapshot, repository->BeginSnapshot(context, info));
  AERIE_ASSIGN(auto writer, snapshot->OpenPartition(context, spec, "_default", before));
  for (Reader reader(folder);;) {
    AERIE_ASSIGN(auto batch, reader.Next(spec));
    if (batch.rows() == 0) break;
    AERIE_TRY(writer->Write(context, std::move(batch)));
  }
  AERIE_TRY(writer->Commit(context).status());
  repo::CollectionManifest manifest;
  manifest.spec = spec;
  manifest.partitions = {writer->root()};
  AERIE_TRY(snapshot->AddCollection(context, std::move(manifest), {}));
  return snapshot->Commit(context, true).status();
}

Status Verify(const Context& context, const std::string& location) {
  AERIE_ASSIGN(const auto repository, Open(context, location));
  AERIE_ASSIGN(const auto findings,
               repository->Check(context, {.read_data = true, .only = {}, .progress = {}}));
  return findings.empty() ? aerie::Ok() : aerie::CorruptError(findings.front().message);
}

Status Restore(const Context& context, const std::string& location, const std::string& folder) {
  AERIE_ASSIGN(const auto repository, Open(context, location));
  AERIE_ASSIGN(const repo::Snapshot latest, repository->FindSnapshot(context, "latest"));
  AERIE_ASSIGN(const auto source, repository->OpenCollection(context, latest.collections.front()));
  rows::ReadOptions options;
  options.streams = kStreams;
  AERIE_ASSIGN(const auto reader, source->OpenReader(context, "_default", options));
  std::vector<std::ofstream> files;
  for (const ColumnFile& column : kColumns) {
    files.emplace_back(PathOf(folder, column), std::ios::binary);
  }
  for (;;) {
    AERIE_ASSIGN(const auto batch, reader->Next(context));
    if (!batch) break;
    AERIE_TRY(WriteCells(*batch, files));
  }
  for (std::ofstream& file : files) {
    if (!file.flush()) return aerie::FailedError("write a column");
  }
  return aerie::Ok();
}

Status Run(const std::vector<std::string>& words) {
  const Context context = Context::Background();
  if (words.size() == 3 && words[0] == "backup") return Backup(context, words[1], words[2]);
  if (words.size() == 2 && words[0] == "verify") return Verify(context, words[1]);
  if (words.size() == 3 && words[0] == "restore") return Restore(context, words[1], words[2]);
  return aerie::InvalidError(
      "usage: bench_repo_peer backup REPO DATA | verify REPO | restore REPO DATA");
}

}  // namespace

int main(int argc, char** argv) {
  const Status status = Run({argv + 1, argv + argc});
  if (!status.ok()) std::cerr << status << "\n";
  return status.ok() ? 0 : 1;
}
