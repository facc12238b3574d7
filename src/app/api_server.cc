#include "app/api_server.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

namespace aerie::app {
namespace {

Result<std::string> ReadPem(const std::string& path, const char* key) {
  if (path.empty()) return std::string();
  std::ifstream in(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(in)), {});
  if (in && !text.empty()) return text;
  const std::string why = errno == 0 ? "it is empty" : std::strerror(errno);
  return MakeStatus(errno == EACCES ? Kind::kDenied : Kind::kNotFound,
                    "read " + path + " (" + key + "): " + why);
}

}  // namespace

Result<std::unique_ptr<api::Server>> MakeApiServer(const ApiConfig& config,
                                                   const std::string& version,
                                                   catalog::Catalog& catalog,
                                                   const jobs::JobKinds& kinds,
                                                   const api::Ports& ports) {
  api::ServerOptions options{.http = {.address = config.address,
                                      .port = config.port,
                                      .max_connections = config.max_connections},
                             .public_url = config.public_url,
                             .access = {.session_idle = config.session_idle},
                             .version = version};
  AERIE_ASSIGN(options.http.tls_cert, ReadPem(config.tls_cert, "api.tls_cert"));
  AERIE_ASSIGN(options.http.tls_key, ReadPem(config.tls_key, "api.tls_key"));
  return api::Server::Make(catalog, kinds, ports, options);
}

}  // namespace aerie::app
