// A machine's state as the text that the catalog keeps, and back.
#pragma once

#include <string>

#include "base/status.h"
#include "migrate/machine.h"

namespace aerie::migrate {

std::string ToText(const State& state);
// kCorrupt when it is not what ToText makes.
Result<State> StateFromText(const std::string& text);

}  // namespace aerie::migrate
