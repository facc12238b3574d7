// Plain HTTP/1.1 exchanges over libcurl: one request, one whole answer. Knows nothing of S3.
//
// Connections are kept and reused. Nothing is repeated and no redirect followed. Cancel and
// deadline of the context end an exchange at once, also in the middle of a body. Thread-safe; a
// client outlives its calls.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/context.h"
#include "base/status.h"

namespace aerie::objects {

struct HttpRequest {
  std::string method;  // "GET", "HEAD", "PUT", "POST", "DELETE"
  std::string url;     // encoded; sent as it is
  std::vector<std::pair<std::string, std::string>> headers;
  ByteSpan body;          // lives until the answer
  std::string operation;  // leads the messages: "write s3://bucket/key"
  std::uint64_t max_answer = std::uint64_t{16} << 20;
  bool direct = false;  // past any proxy of the environment: for the machine's own services
};

struct HttpAnswer {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case; the last of equal ones
  Bytes body;

  // Empty when there is none.
  std::string Header(const std::string& name) const;
};

struct HttpOptions {
  std::string ca_file;  // PEM of the authorities to trust, instead of the system's
  Duration connect_timeout = std::chrono::seconds(10);
  Duration stall_timeout = std::chrono::seconds(60);  // without a byte in either direction
  // Bytes a second of one exchange, so that one large object does not fill a line that is to be
  // shared; 0: as fast as it goes. LimitedStore keeps all of them together within a limit.
  double max_send_rate = 0;
  double max_receive_rate = 0;
  // What messages call the settings that a user would correct.
  std::string ca_named_by = "`ca` or AWS_CA_BUNDLE";
  std::string address_named_by = "the endpoint, the region";
};

class HttpClient {
 public:
  explicit HttpClient(HttpOptions options = {});
  ~HttpClient();

  // The answer, whatever its status, with a body as long as it was announced. Errors:
  //   kUnknownOutcome  the whole request was sent, and no whole answer came; whatever ended it
  //   kTransient       the peer cannot have got the whole request: name, connection, broken off
  //   kCancelled, kTimeout  by the context, before the whole request was sent
  //   kTooLarge        the answer is longer than max_answer
  //   kFailed          the certificate is not trusted, or it speaks no HTTP
  // For a GET or HEAD, which change nothing, an outcome is never unknown but what ended it.
  Result<HttpAnswer> Send(const Context& context, const HttpRequest& request);

 private:
  class Connection;
  std::unique_ptr<Connection> Take();
  void GiveBack(std::unique_ptr<Connection> connection);

  const HttpOptions options_;
  std::atomic<bool> answered_{false};  // by any peer, ever
  std::mutex mutex_;
  std::vector<std::unique_ptr<Connection>> idle_;
};

}  // namespace aerie::objects
