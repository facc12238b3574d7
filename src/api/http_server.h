// The HTTP server: sockets, TLS, parsing, slow and hostile peers. Nothing of what is asked is known
// here, and no other file knows which library does it (docs/decisions/0027).
//
// One thread does all input and output and never waits; requests that are whole wait in a bounded
// queue for one of a few workers. Memory is bounded by the limits below, whatever the peers do.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "api/http_message.h"
#include "base/clock.h"
#include "base/status.h"

namespace aerie::api {

struct HttpServerOptions {
  std::string address = "127.0.0.1";  // IPv4 or IPv6, in numbers
  std::uint16_t port = 0;             // 0: a free one
  // PEM texts; both or none.
  std::string tls_cert{};
  std::string tls_key{};
  std::size_t max_connections = 512;
  std::size_t max_head = 32 << 10;    // of a request's line and headers
  std::size_t max_body = 256 << 10;   // of one request
  std::size_t max_bodies = 16 << 20;  // of all at a time
  std::size_t max_waiting = 256;      // whole requests that no worker has yet
  std::size_t workers = 6;
  // From the connection, or the answer before, until a request is whole. (Time on the wire is real
  // time, whatever the clock.)
  Duration receive_limit = std::chrono::seconds(30);
  // From there until an answer that is no stream was taken.
  Duration send_limit = std::chrono::seconds(120);
};

class HttpServer {
 public:
  // Answers later, from any thread, exactly once. An answer nobody waits for any more is dropped.
  using Reply = std::function<void(HttpResponse)>;
  // Called by the workers, many at a time. Must not throw.
  using Handler = std::function<void(HttpRequest, Reply)>;

  // Listens when it returns. kInvalid for an address or TLS texts that are none; kDenied; kExists
  // when the port is in use; kFailed.
  static Result<std::unique_ptr<HttpServer>> Start(const HttpServerOptions& options,
                                                   Handler handler);
  virtual ~HttpServer() = default;

  virtual std::uint16_t port() const = 0;
  // Takes no more connections; waits for answers that are under way, `grace` at most, and ends all
  // streams. Then the rest is cut off, and the handler is called no more. Once.
  virtual void Stop(Duration grace) = 0;
};

}  // namespace aerie::api
