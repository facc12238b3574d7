#include "api/server.h"

#include <condition_variable>
#include <mutex>
#include <utility>

#include "base/log.h"

namespace aerie::api {
namespace {

constexpr auto kTick = std::chrono::milliseconds(500);
constexpr int kTicksOfBeat = 30;  // 15 s

}  // namespace

Result<std::unique_ptr<Server>> Server::Make(catalog::Catalog& catalog, const jobs::JobKinds& kinds,
                                             const Ports& ports, const ServerOptions& options) {
  ServiceOptions service{
      .guard = {.listen_host = options.http.address, .tls = !options.http.tls_cert.empty()},
      .access = options.access,
      .version = options.version,
      .listen = options.http.address + ":" + std::to_string(options.http.port),
      .tls = !options.http.tls_cert.empty()};
  if (!options.public_url.empty()) {
    std::string url = options.public_url;
    while (url.ends_with('/')) url.pop_back();
    service.guard.public_origin = ParseOrigin(url);
    if (!service.guard.public_origin) {
      return InvalidError("api.public_url " + options.public_url +
                          ": give scheme and host, such as https://aerie.example");
    }
  }
  const bool loopback = IsLoopback(options.http.address);
  if (!loopback && !service.tls) {
    return RefusedError("listen on " + options.http.address + ", which others can reach: this " +
                        "takes TLS; set api.tls_cert and api.tls_key, or listen on 127.0.0.1");
  }
  // What a proxy hands on comes from this machine, too.
  service.access.may_be_open = loopback && options.public_url.empty();
  if (!service.access.may_be_open) {
    AERIE_ASSIGN(const bool users, catalog::AccessStore(catalog).HasUsers());
    if (!users) {
      return RefusedError("listen where others can reach it, on " + options.http.address +
                          " or by api.public_url: this takes a user; make one with `aerie user " +
                          "add NAME --role admin`, under the same --config and --data-dir, or " +
                          "listen on 127.0.0.1 alone");
    }
  }
  return std::unique_ptr<Server>(new Server(catalog, kinds, ports, options, service));
}

Server::Server(catalog::Catalog& catalog, const jobs::JobKinds& kinds, const Ports& ports,
               const ServerOptions& options, const ServiceOptions& service)
    : options_(options), service_(catalog, kinds, ports, service) {}

Status Server::Listen(const Context& context) {
  scope_ = std::make_unique<CancelScope>(context);
  // What is there before anybody can listen is no event.
  service_.Tick(context);
  service_.parts().started_ms = ToUnixMillis(context.clock().Now());
  AERIE_ASSIGN(
      http_, HttpServer::Start(options_.http, [this](HttpRequest request, HttpServer::Reply reply) {
        service_.Handle(scope_->context(), std::move(request), std::move(reply));
      }));
  return Ok();
}

std::uint16_t Server::port() const { return http_->port(); }

std::string Server::url() const {
  const bool six = options_.http.address.find(':') != std::string::npos;
  const std::string host = six ? "[" + options_.http.address + "]" : options_.http.address;
  return std::string(options_.http.tls_cert.empty() ? "http://" : "https://") + host + ":" +
         std::to_string(http_->port());
}

Status Server::Run(const Context& context) {
  if (!http_) AERIE_TRY(Listen(context));
  log::Info("api: listening", {{"url", url()}});
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  // Peers live in real time, whatever the clock.
  for (int tick = 1;
       !never.wait_for(lock, context.stop(), kTick, [] { return false; }) && !context.cancelled();
       ++tick) {
    service_.Tick(context);
    if (tick % kTicksOfBeat == 0) service_.Beat();
  }
  service_.Close();
  http_->Stop(options_.grace);
  return Ok();
}

}  // namespace aerie::api
