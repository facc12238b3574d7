// The API's server as the configuration wants it.
#pragma once

#include <memory>
#include <string>

#include "api/server.h"
#include "app/config.h"
#include "base/status.h"

namespace aerie::app {

// Reads certificate and key. Errors as api::Server::Make; kNotFound, kDenied, naming the file.
Result<std::unique_ptr<api::Server>> MakeApiServer(const ApiConfig& config,
                                                   const std::string& version,
                                                   catalog::Catalog& catalog,
                                                   const jobs::JobKinds& kinds,
                                                   const api::Ports& ports);

}  // namespace aerie::app
