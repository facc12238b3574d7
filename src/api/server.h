// The API as a service of the daemon: listens, answers, tells those who listen, until it is
// stopped.
#pragma once

#include <atomic>
#include <cstdint>
#include <future>
#include <memory>
#include <string>

#include "api/http_server.h"
#include "api/service.h"
#include "base/context.h"

namespace aerie::api {

struct ServerOptions {
  HttpServerOptions http{};  // address and port, TLS, limits
  std::string public_url{};  // where browsers reach it, when that is elsewhere
  AccessOptions access{};
  std::string version{};
  Duration grace = std::chrono::seconds(10);  // of the end
};

class Server {
 public:
  // What they refer to outlives it. Checks what it may not be: kRefused beyond loopback without
  // TLS, or without users; kInvalid for a public_url that is none.
  static Result<std::unique_ptr<Server>> Make(catalog::Catalog& catalog,
                                              const jobs::JobKinds& kinds, const Ports& ports,
                                              const ServerOptions& options);

  // Listens from here on; the address is known then. Errors as HttpServer::Start. Once, by whoever
  // wants to say where it is; else Run does it.
  Status Listen(const Context& context);
  // "http://127.0.0.1:8710"; after Listen.
  std::string url() const;
  std::uint16_t port() const;

  // Answers until the context is cancelled.
  Status Run(const Context& context);

  Service& service() { return service_; }

 private:
  Server(catalog::Catalog& catalog, const jobs::JobKinds& kinds, const Ports& ports,
         const ServerOptions& options, const ServiceOptions& service);

  const ServerOptions options_;
  Service service_;
  std::unique_ptr<CancelScope> scope_;  // of the handlers; outlives `http_`
  std::unique_ptr<HttpServer> http_;
};

}  // namespace aerie::api
