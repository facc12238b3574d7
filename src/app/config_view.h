// The configuration as it may be shown: without secrets. Pure; any thread.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "app/config.h"

namespace aerie::app {

// Section by section, in the words of the file. Of secrets, and of references to them: "(set)", or
// null. Times as in the file: "24h".
nlohmann::ordered_json ConfigView(const Config& config);

// Without user and password.
std::string BareUrl(const std::string& url);

}  // namespace aerie::app
