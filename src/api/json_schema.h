// Whether a JSON value is what a schema says: of JSON Schema (2020-12) the part that schemas.cc
// uses: type, enum, properties, required, additionalProperties, minProperties, items, maxItems,
// minLength, maxLength, minimum, maximum, anyOf, $ref, and of `pattern` a class of characters that
// all must belong to ("^[a-z]+$"). Other words are for people.
//
// Pure; any thread.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace aerie::api {

struct Mismatch {
  std::string at;  // a JSON pointer; "" is the whole
  std::string detail;
};

// Every place where it does not fit, at most 20. References are into Schemas().
std::vector<Mismatch> CheckSchema(const nlohmann::ordered_json& schema,
                                  const nlohmann::ordered_json& value);

// A parameter of path or query as the value that its schema wants; the mismatches are at `at`.
struct ParsedParameter {
  nlohmann::ordered_json value;
  std::vector<Mismatch> wrong{};
};
ParsedParameter ParseParameter(const nlohmann::ordered_json& schema, const std::string& text,
                               const std::string& at);

// Depth of arrays and objects in each other, without parsing: to refuse what would need much stack.
bool IsDeeperThan(const std::string& json, int most);

}  // namespace aerie::api
