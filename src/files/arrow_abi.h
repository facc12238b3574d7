// Arrow C data interface: columns handed across a plain C boundary, and the boundary of our Parquet
// module itself.
//
// The layouts of ArrowSchema, ArrowArray and ArrowArrayStream are fixed by
// https://arrow.apache.org/docs/format/CDataInterface.html and CStreamInterface.html, the guards as
// well: whoever includes Arrow's own headers before gets its definitions of the same. Whoever
// receives a structure calls its `release` once, unless it is null already.
#pragma once

#include <cstdint>

extern "C" {

#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE
#define ARROW_FLAG_NULLABLE 2

struct ArrowSchema {
  const char* format;
  const char* name;
  const char* metadata;
  int64_t flags;
  int64_t n_children;
  struct ArrowSchema** children;
  struct ArrowSchema* dictionary;
  void (*release)(struct ArrowSchema*);
  void* private_data;
};

struct ArrowArray {
  int64_t length;
  int64_t null_count;
  int64_t offset;
  int64_t n_buffers;
  int64_t n_children;
  const void** buffers;
  struct ArrowArray** children;
  struct ArrowArray* dictionary;
  void (*release)(struct ArrowArray*);
  void* private_data;
};
#endif

#ifndef ARROW_C_STREAM_INTERFACE
#define ARROW_C_STREAM_INTERFACE

struct ArrowArrayStream {
  int (*get_schema)(struct ArrowArrayStream*, struct ArrowSchema* out);
  int (*get_next)(struct ArrowArrayStream*, struct ArrowArray* out);
  const char* (*get_last_error)(struct ArrowArrayStream*);
  void (*release)(struct ArrowArrayStream*);
  void* private_data;
};
#endif

// What the module answers when a call did not return 0.
struct AerieParquetError {
  char text[512];  // ends with 0
};

// Takes `size` bytes of the file, in order. Never fails: it collects in memory.
struct AerieParquetSink {
  void* self;
  void (*take)(void* self, const uint8_t* bytes, int64_t size);
};

// A file of `size` bytes that is read where it is needed. `read_at` fills `out` and returns 0, or
// sets `error`; any thread, one at a time.
struct AerieParquetSource {
  void* self;
  int64_t size;
  int (*read_at)(void* self, int64_t offset, int64_t size, uint8_t* out,
                 struct AerieParquetError* error);
};

struct AerieParquetWriter;

// The module's table of functions; each blocks, throws nothing, and may be called from any thread,
// one at a time for one writer or stream.
struct AerieParquetModule {
  int32_t version;      // kAerieParquetVersion
  const char* library;  // "Arrow 26.0.1"
  // Consumes `schema`; `sink` is copied. Null and `error` set when it cannot.
  struct AerieParquetWriter* (*open_writer)(struct ArrowSchema* schema,
                                            const struct AerieParquetSink* sink,
                                            struct AerieParquetError* error);
  // Consumes `batch`, a struct array of the schema's columns.
  int (*write)(struct AerieParquetWriter*, struct ArrowArray* batch, struct AerieParquetError*);
  // Ends the file. Only `free_writer` may follow.
  int (*close)(struct AerieParquetWriter*, struct AerieParquetError*);
  void (*free_writer)(struct AerieParquetWriter*);
  // Reads the file of `size` bytes, which must stay where they are until `out` is released, in
  // batches of about `batch_bytes`.
  int (*open_reader)(const uint8_t* bytes, int64_t size, int64_t batch_bytes,
                     struct ArrowArrayStream* out, struct AerieParquetError* error);
  // The same of a file that is not in memory, page by page. `source` is copied; what it stands for
  // must last until `out` is released.
  int (*open_source)(const struct AerieParquetSource* source, int64_t batch_bytes,
                     struct ArrowArrayStream* out, struct AerieParquetError* error);
};

// The only symbol of the module.
const struct AerieParquetModule* aerie_parquet_module(void);

}  // extern "C"

inline constexpr std::int32_t kAerieParquetVersion = 2;
inline constexpr char kAerieParquetSymbol[] = "aerie_parquet_module";
