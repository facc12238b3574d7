// The JSON schemas of the API: of bodies, answers and parameters.
//
// Written as JSON Schema (2020-12, the part that json_schema.h knows), since that is what they are
// in the OpenAPI document. Parsed once; any thread.
#pragma once

#include <nlohmann/json.hpp>

namespace aerie::api {

// By name, as components/schemas of the document has them.
const nlohmann::ordered_json& Schemas();

// Parameters of path and query by name: {"description", "schema"}.
const nlohmann::ordered_json& ParameterSchemas();

}  // namespace aerie::api
