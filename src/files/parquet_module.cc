// aerie_parquet.so: Parquet by the C++ library inside the pyarrow wheel.
//
// A module of its own because that library exports other versions of protobuf, Abseil and OpenSSL
// than the program links; nothing but the C functions of arrow_abi.h goes in or out. It includes
// nothing else of ours and is compiled with whatever flags Arrow's headers need.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <arrow/api.h>
#include <arrow/c/bridge.h>
#include <arrow/io/memory.h>
#include <arrow/util/config.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/writer.h>
#include <parquet/file_reader.h>
#include <parquet/properties.h>

#include "files/arrow_abi.h"

namespace {

int Fail(const std::string& text, AerieParquetError* error) {
  std::snprintf(error->text, sizeof error->text, "%s", text.c_str());
  return 1;
}

// Parquet's lower layers throw; no exception may cross the C boundary.
template <class Call>
int Guarded(AerieParquetError* error, const Call& call) {
  try {
    const arrow::Status status = call();
    return status.ok() ? 0 : Fail(status.message(), error);
  } catch (const std::exception& e) {
    return Fail(e.what(), error);
  } catch (...) {
    return Fail("an exception of no known type", error);
  }
}

class SinkStream final : public arrow::io::OutputStream {
 public:
  explicit SinkStream(AerieParquetSink sink) : sink_(sink) {}
  arrow::Status Close() override {
    closed_ = true;
    return arrow::Status::OK();
  }
  bool closed() const override { return closed_; }
  arrow::Result<int64_t> Tell() const override { return position_; }
  using OutputStream::Write;
  arrow::Status Write(const void* bytes, int64_t size) override {
    sink_.take(sink_.self, static_cast<const uint8_t*>(bytes), size);
    position_ += size;
    return arrow::Status::OK();
  }

 private:
  const AerieParquetSink sink_;
  int64_t position_ = 0;
  bool closed_ = false;
};

class SourceFile final : public arrow::io::RandomAccessFile {
 public:
  explicit SourceFile(AerieParquetSource source) : source_(source) {}
  arrow::Status Close() override {
    closed_ = true;
    return arrow::Status::OK();
  }
  bool closed() const override { return closed_; }
  arrow::Result<int64_t> Tell() const override { return position_; }
  arrow::Status Seek(int64_t position) override {
    position_ = position;
    return arrow::Status::OK();
  }
  arrow::Result<int64_t> GetSize() override { return source_.size; }
  arrow::Result<int64_t> Read(int64_t size, void* out) override {
    ARROW_ASSIGN_OR_RAISE(const int64_t got, ReadAt(position_, size, out));
    position_ += got;
    return got;
  }
  arrow::Result<std::shared_ptr<arrow::Buffer>> Read(int64_t size) override {
    ARROW_ASSIGN_OR_RAISE(auto buffer, ReadAt(position_, size));
    position_ += buffer->size();
    return buffer;
  }
  arrow::Result<int64_t> ReadAt(int64_t position, int64_t size, void* out) override {
    if (position < 0 || size < 0) return arrow::Status::IOError("a place outside of the file");
    const int64_t there = std::min(size, std::max<int64_t>(0, source_.size - position));
    AerieParquetError error{};
    if (there > 0 &&
        source_.read_at(source_.self, position, there, static_cast<uint8_t*>(out), &error) != 0) {
      return arrow::Status::IOError(error.text);
    }
    return there;
  }
  arrow::Result<std::shared_ptr<arrow::Buffer>> ReadAt(int64_t position, int64_t size) override {
    if (position < 0 || size < 0) return arrow::Status::IOError("a place outside of the file");
    const int64_t there = std::min(size, std::max<int64_t>(0, source_.size - position));
    ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateResizableBuffer(there));
    ARROW_ASSIGN_OR_RAISE(const int64_t got, ReadAt(position, there, buffer->mutable_data()));
    ARROW_RETURN_NOT_OK(buffer->Resize(got));
    return std::shared_ptr<arrow::Buffer>(std::move(buffer));
  }

 private:
  const AerieParquetSource source_;
  int64_t position_ = 0;
  bool closed_ = false;
};

// Floats never go through a dictionary: its table takes every NaN for the same one.
bool TakesDictionary(const arrow::DataType& type) {
  return arrow::is_integer(type.id()) || arrow::is_base_binary_like(type.id());
}

std::shared_ptr<parquet::WriterProperties> PropertiesFor(const arrow::Schema& schema) {
  parquet::WriterProperties::Builder builder;
  builder.compression(parquet::Compression::ZSTD);
  builder.disable_dictionary();
  builder.disable_statistics();
  builder.enable_page_checksum();
  for (const auto& field : schema.fields()) {
    // A path, not a dotted text: names may have dots.
    const auto path =
        std::make_shared<parquet::schema::ColumnPath>(std::vector<std::string>{field->name()});
    if (!TakesDictionary(*field->type())) continue;
    builder.enable_dictionary(path);
    builder.enable_statistics(path);
  }
  return builder.build();
}

// A reader of batches that keeps alive what it reads from.
class OwningReader final : public arrow::RecordBatchReader {
 public:
  OwningReader(std::unique_ptr<parquet::arrow::FileReader> file,
               std::unique_ptr<arrow::RecordBatchReader> batches)
      : file_(std::move(file)), batches_(std::move(batches)) {}
  std::shared_ptr<arrow::Schema> schema() const override { return batches_->schema(); }
  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
    try {
      return batches_->ReadNext(batch);
    } catch (const std::exception& e) {
      return arrow::Status::IOError(e.what());
    }
  }

 private:
  std::unique_ptr<parquet::arrow::FileReader> file_;
  std::unique_ptr<arrow::RecordBatchReader> batches_;
};

int64_t RowsOfABatch(const parquet::FileMetaData& metadata, int64_t batch_bytes) {
  int64_t bytes = 0;
  for (int i = 0; i < metadata.num_row_groups(); ++i) {
    bytes += metadata.RowGroup(i)->total_byte_size();
  }
  const int64_t row = bytes / std::max<int64_t>(1, metadata.num_rows());
  return std::clamp<int64_t>(batch_bytes / std::max<int64_t>(1, row), 1, 1 << 20);
}

parquet::ReaderProperties Reading() {
  parquet::ReaderProperties reading;
  reading.set_page_checksum_verification(true);
  return reading;
}

// A column chunk is not read whole, but in pieces: row groups of others may be of any size.
parquet::ReaderProperties ReadingInPieces() {
  parquet::ReaderProperties reading = Reading();
  reading.enable_buffered_stream();
  reading.set_buffer_size(1 << 20);
  return reading;
}

arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> OpenReader(
    std::shared_ptr<arrow::io::RandomAccessFile> input, const parquet::ReaderProperties& reading,
    int64_t batch_bytes) {
  auto file = parquet::ParquetFileReader::Open(input, reading);
  parquet::ArrowReaderProperties properties(/*use_threads=*/false);
  properties.set_batch_size(RowsOfABatch(*file->metadata(), batch_bytes));
  // Reading ahead would hold whole row groups, by threads of its own.
  properties.set_pre_buffer(false);
  ARROW_ASSIGN_OR_RAISE(auto reader, parquet::arrow::FileReader::Make(arrow::default_memory_pool(),
                                                                      std::move(file), properties));
  ARROW_ASSIGN_OR_RAISE(auto batches, reader->GetRecordBatchReader());
  return std::make_shared<OwningReader>(std::move(reader), std::move(batches));
}

}  // namespace

struct AerieParquetWriter {
  std::shared_ptr<arrow::Schema> schema;
  std::unique_ptr<parquet::arrow::FileWriter> file;
};

namespace {

AerieParquetWriter* OpenWriter(ArrowSchema* schema, const AerieParquetSink* sink,
                               AerieParquetError* error) {
  auto writer = std::make_unique<AerieParquetWriter>();
  const int failed = Guarded(error, [&]() -> arrow::Status {
    ARROW_ASSIGN_OR_RAISE(writer->schema, arrow::ImportSchema(schema));
    const auto ours = parquet::ArrowWriterProperties::Builder().store_schema()->build();
    ARROW_ASSIGN_OR_RAISE(writer->file, parquet::arrow::FileWriter::Open(
                                            *writer->schema, arrow::default_memory_pool(),
                                            std::make_shared<SinkStream>(*sink),
                                            PropertiesFor(*writer->schema), ours));
    return arrow::Status::OK();
  });
  return failed == 0 ? writer.release() : nullptr;
}

int Write(AerieParquetWriter* writer, ArrowArray* batch, AerieParquetError* error) {
  return Guarded(error, [&]() -> arrow::Status {
    ARROW_ASSIGN_OR_RAISE(auto rows, arrow::ImportRecordBatch(batch, writer->schema));
    return writer->file->WriteRecordBatch(*rows);
  });
}

int Close(AerieParquetWriter* writer, AerieParquetError* error) {
  return Guarded(error, [&] { return writer->file->Close(); });
}

// A file that was not closed would be closed by its destructor, which may throw.
void FreeWriter(AerieParquetWriter* writer) {
  AerieParquetError ignored;
  Guarded(&ignored, [&] { return writer->file->Close(); });
  delete writer;
}

int OpenReaderCall(const uint8_t* bytes, int64_t size, int64_t batch_bytes, ArrowArrayStream* out,
                   AerieParquetError* error) {
  return Guarded(error, [&]() -> arrow::Status {
    auto input =
        std::make_shared<arrow::io::BufferReader>(std::make_shared<arrow::Buffer>(bytes, size));
    ARROW_ASSIGN_OR_RAISE(auto reader, OpenReader(std::move(input), Reading(), batch_bytes));
    return arrow::ExportRecordBatchReader(std::move(reader), out);
  });
}

int OpenSource(const AerieParquetSource* source, int64_t batch_bytes, ArrowArrayStream* out,
               AerieParquetError* error) {
  return Guarded(error, [&]() -> arrow::Status {
    auto input = std::make_shared<SourceFile>(*source);
    ARROW_ASSIGN_OR_RAISE(auto reader,
                          OpenReader(std::move(input), ReadingInPieces(), batch_bytes));
    return arrow::ExportRecordBatchReader(std::move(reader), out);
  });
}

}  // namespace

extern "C" __attribute__((visibility("default"))) const AerieParquetModule* aerie_parquet_module(
    void) {
  static const std::string library = std::string("Arrow ") + ARROW_VERSION_STRING;
  static const AerieParquetModule module = {
      kAerieParquetVersion, library.c_str(), OpenWriter, Write, Close,
      FreeWriter,           OpenReaderCall,  OpenSource};
  return &module;
}
