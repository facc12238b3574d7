// A real server of a test's own, run by scripts/lab: Milvus 2.3.5, milvus-lite or S3.
//
// Lives until the object is destroyed; if the test dies, lab sees its standard input end and stops
// the server. One thread at a time. A server that cannot be started is an error the test must
// report, never a reason to skip.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"

namespace aerie::test {

struct RealMilvusOptions {
  std::string kind = "milvus";  // or "lite"; "s3" (moto) has the fields of its own ready line
  bool auth = false;            // authorization on, root:Milvus
  bool tls = false;
  bool mutual_tls = false;
  std::vector<std::string> config;  // "dotted.name=value" of milvus.yaml
};

class RealMilvus {
 public:
  // Starts a server and waits until it answers (2 to 20 s).
  static Result<std::unique_ptr<RealMilvus>> Launch(const RealMilvusOptions& options);
  // One server with default options for the whole test program, started at the first call; ends
  // the program with a message when it cannot be started.
  static RealMilvus& Shared();

  ~RealMilvus();
  RealMilvus(const RealMilvus&) = delete;
  RealMilvus& operator=(const RealMilvus&) = delete;

  // Of the server's ready line: "uri", "address", "metrics", "version", "dir", "user", "password",
  // "ca", "client_cert", "client_key"; "" when the line has none.
  std::string Get(const std::string& key) const;
  std::string uri() const { return Get("uri"); }

  Status Kill();   // SIGKILL; data and ports are kept
  Status Start();  // after Kill, or after it died by itself
  Status Pause();  // SIGSTOP
  Status Resume();

 private:
  struct Impl;
  explicit RealMilvus(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace aerie::test
