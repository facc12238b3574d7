#include "files/parquet_format.h"

#include <dlfcn.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <utility>
#include <vector>

#include "files/arrow_abi.h"
#include "files/arrow_columns.h"

namespace aerie::files {
namespace {

constexpr char kModuleFile[] = "aerie_parquet.so";
constexpr char kRemedy[] =
    "; build Aerie again where scripts/setup has installed pyarrow, or use --format jsonl";

Status ModuleError(const AerieParquetError& error) {
  return CorruptError(std::string("Parquet: ") + error.text);
}

class ParquetEncoder final : public TableEncoder {
 public:
  explicit ParquetEncoder(const AerieParquetModule& module) : module_(module) {}
  ~ParquetEncoder() override {
    if (writer_ != nullptr) module_.free_writer(writer_);
  }
  ParquetEncoder(const ParquetEncoder&) = delete;
  ParquetEncoder& operator=(const ParquetEncoder&) = delete;

  Status Open(const TableSchema& schema) {
    auto fields = ToArrowSchema(
        schema.columns, {{"aerie.collection", schema.spec}, {"aerie.partition", schema.partition}});
    const AerieParquetSink sink{&file_, [](void* self, const uint8_t* bytes, int64_t size) {
                                  auto& file = *static_cast<Bytes*>(self);
                                  file.insert(file.end(), bytes, bytes + size);
                                }};
    AerieParquetError error{};
    writer_ = module_.open_writer(fields.get(), &sink, &error);
    return writer_ == nullptr ? ModuleError(error) : Ok();
  }

  Status Append(const rows::RowBatch& batch) override {
    AERIE_ASSIGN(auto array, ToArrowArray(batch));
    held_bytes_ += batch.ByteSize();
    AerieParquetError error{};
    return module_.write(writer_, array.get(), &error) == 0 ? Ok() : ModuleError(error);
  }

  // Columns wait for the end of the row group, compressed: this is the most that they can take.
  std::size_t held_bytes() const override { return held_bytes_; }

  Result<Bytes> Finish() override {
    AerieParquetError error{};
    if (module_.close(writer_, &error) != 0) return ModuleError(error);
    return std::move(file_);
  }

 private:
  const AerieParquetModule& module_;
  Bytes file_;
  std::size_t held_bytes_ = 0;
  AerieParquetWriter* writer_ = nullptr;
};

class ParquetDecoder final : public TableDecoder {
 public:
  ParquetDecoder(std::shared_ptr<const Bytes> file, const TableSchema& schema)
      : file_(std::move(file)), schema_(schema) {}

  Status Open(const AerieParquetModule& module, std::size_t batch_bytes) {
    AerieParquetError error{};
    if (module.open_reader(file_->data(), static_cast<int64_t>(file_->size()),
                           static_cast<int64_t>(batch_bytes), stream_.get(), &error) != 0) {
      return ModuleError(error);
    }
    ArrowOwned<ArrowSchema> found;
    if (stream_.get()->get_schema(stream_.get(), found.get()) != 0) return StreamError();
    return CheckArrowSchema(*found, schema_.columns);
  }

  Result<std::optional<rows::RowBatch>> Next() override {
    for (;;) {
      ArrowOwned<ArrowArray> array;
      if (stream_.get()->get_next(stream_.get(), array.get()) != 0) return StreamError();
      if (array.released()) return std::optional<rows::RowBatch>();
      if ((*array).length == 0) continue;
      AERIE_ASSIGN(auto batch, FromArrowArray(*array, schema_.partition, schema_.columns));
      return std::optional<rows::RowBatch>(std::move(batch));
    }
  }

 private:
  Status StreamError() {
    const char* const text = stream_.get()->get_last_error(stream_.get());
    return CorruptError(std::string("Parquet: ") + (text != nullptr ? text : "no reason given"));
  }

  const std::shared_ptr<const Bytes> file_;  // outlives the stream, which reads it
  const TableSchema schema_;
  ArrowOwned<ArrowArrayStream> stream_;
};

class ParquetFormat final : public TableFormat {
 public:
  explicit ParquetFormat(const AerieParquetModule& module) : module_(module) {}

  const char* name() const override { return "parquet"; }

  Result<std::unique_ptr<TableEncoder>> NewFile(const TableSchema& schema) const override {
    auto encoder = std::make_unique<ParquetEncoder>(module_);
    AERIE_TRY(encoder->Open(schema));
    return encoder;
  }

  Result<std::unique_ptr<TableDecoder>> OpenFile(std::shared_ptr<const Bytes> file,
                                                 const TableSchema& schema,
                                                 std::size_t batch_bytes) const override {
    auto decoder = std::make_unique<ParquetDecoder>(std::move(file), schema);
    AERIE_TRY(decoder->Open(module_, batch_bytes));
    return decoder;
  }

 private:
  const AerieParquetModule& module_;
};

// Symbols of the module stay its own, and its libraries prefer theirs to the program's. Sanitizers
// refuse the latter, so the module is not built with them.
constexpr int kLoadFlags = RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND;

std::vector<std::string> ModuleFiles() {
  if (const char* const folder = std::getenv("AERIE_MODULE_DIR")) {
    return {std::string(folder) + "/" + kModuleFile};
  }
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  const std::string beside = program.parent_path().string();
  return {beside + "/" + kModuleFile, beside + "/../lib/aerie/" + kModuleFile};
}

Result<const AerieParquetModule*> LoadModule(const std::string& file) {
  void* const library = ::dlopen(file.c_str(), kLoadFlags);
  if (library == nullptr) return UnsupportedError("load " + file + ": " + ::dlerror() + kRemedy);
  using Entry = const AerieParquetModule* (*)();
  const auto entry = reinterpret_cast<Entry>(::dlsym(library, kAerieParquetSymbol));
  const AerieParquetModule* const module = entry == nullptr ? nullptr : entry();
  if (module == nullptr || module->version != kAerieParquetVersion) {
    return UnsupportedError("load " + file + ": it belongs to another version of Aerie" + kRemedy);
  }
  return module;
}

}  // namespace

Result<const AerieParquetModule*> LoadParquetModule() {
  const std::vector<std::string> files = ModuleFiles();
  for (const std::string& file : files) {
    if (::access(file.c_str(), F_OK) == 0) return LoadModule(file);
  }
  std::string looked;
  for (const std::string& file : files) looked += (looked.empty() ? "" : " and ") + file;
  return UnsupportedError(
      "read or write Parquet: this installation has no module for it, looked for " + looked +
      kRemedy);
}

Result<std::shared_ptr<const TableFormat>> OpenParquetFormat(const std::string& module_file) {
  AERIE_ASSIGN(const AerieParquetModule* module, LoadModule(module_file));
  return std::make_shared<ParquetFormat>(*module);
}

Result<std::shared_ptr<const TableFormat>> OpenParquetFormat() {
  AERIE_ASSIGN(const AerieParquetModule* module, LoadParquetModule());
  return std::make_shared<ParquetFormat>(*module);
}

}  // namespace aerie::files
