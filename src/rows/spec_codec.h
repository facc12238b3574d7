// CollectionSpec as JSON: what the repository stores and what users see of a collection.
//
// Member names are stable: docs/format.md lists them. Members at their default are left out of
// fields; members nobody knows are ignored when reading, so that later versions can add some.
//   - parameters and properties: an object of strings in the server's order, or, where a key
//     repeats or is not UTF-8, an array of [key, value]
//   - enumerations: their name in lower case ("loaded", "bounded"), types as TypeName gives them
//     ("FloatVector"); a number where there is no name
//   - collection id: decimal text, since JSON readers round big numbers
//   - members ending in _hex: serialized protobuf messages in hexadecimal digits
//   - text that is not UTF-8: {"hex": "..."}
// Free functions without state; any thread.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "base/status.h"
#include "rows/schema.h"

namespace aerie::rows {

nlohmann::ordered_json SpecToJson(const CollectionSpec& spec);
// kCorrupt, naming the member, if something has another type or range than it must have.
Result<CollectionSpec> SpecFromJson(const nlohmann::ordered_json& json);

// The same as compact text; equal specs give equal bytes.
std::string EncodeSpec(const CollectionSpec& spec);
// kCorrupt also if `text` is not JSON.
Result<CollectionSpec> DecodeSpec(std::string_view text);

}  // namespace aerie::rows
