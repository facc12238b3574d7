#include "api/json_schema.h"

#include <algorithm>
#include <charconv>

#include "api/schemas.h"
#include "base/glob.h"

namespace aerie::api {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMostMismatches = 20;
constexpr std::string_view kReference = "#/components/schemas/";

const char* TypeOf(const Json& value) {
  if (value.is_null()) return "null";
  if (value.is_boolean()) return "boolean";
  if (value.is_number_integer()) return "integer";
  if (value.is_number()) return "number";
  if (value.is_string()) return "string";
  return value.is_array() ? "array" : "object";
}

bool HasType(const Json& value, const std::string& type) {
  return type == TypeOf(value) || (type == "number" && value.is_number());
}

std::string Pointer(const std::string& at, const std::string& part) {
  std::string out = at + "/";
  for (const char c : part) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

std::size_t Characters(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

// "^[CLASS]+$".
bool FitsPattern(const std::string& pattern, const std::string& text) {
  const std::string one = pattern.substr(1, pattern.size() - 3);
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return GlobMatches(one, std::string_view(&c, 1));
  });
}

class Checker {
 public:
  void Check(const Json& schema, const Json& value, const std::string& at) {
    if (wrong_.size() >= kMostMismatches) return;
    if (const auto ref = schema.find("$ref"); ref != schema.end()) {
      return Check(Schemas().at(ref->get<std::string>().substr(kReference.size())), value, at);
    }
    if (const auto any = schema.find("anyOf"); any != schema.end())
      return CheckAny(*any, value, at);
    if (!CheckType(schema, value, at)) return;
    if (const auto values = schema.find("enum");
        values != schema.end() &&
        std::find(values->begin(), values->end(), value) == values->end()) {
      return Fail(at, "must be one of " + values->dump());
    }
    if (value.is_string()) CheckText(schema, value.get_ref<const std::string&>(), at);
    if (value.is_number()) CheckNumber(schema, value, at);
    if (value.is_array()) CheckArray(schema, value, at);
    if (value.is_object()) CheckObject(schema, value, at);
  }
  std::vector<Mismatch> Take() { return std::move(wrong_); }

 private:
  void Fail(const std::string& at, std::string detail) {
    if (wrong_.size() < kMostMismatches) wrong_.push_back({at, std::move(detail)});
  }

  void CheckAny(const Json& schemas, const Json& value, const std::string& at) {
    for (const Json& one : schemas) {
      if (CheckSchema(one, value).empty()) return;
    }
    Fail(at, "is none of what may stand here");
  }

  bool CheckType(const Json& schema, const Json& value, const std::string& at) {
    const auto type = schema.find("type");
    if (type == schema.end()) return true;
    std::string names;
    for (const Json& one : type->is_array() ? *type : Json::array({*type})) {
      const auto& name = one.get_ref<const std::string&>();
      if (HasType(value, name)) return true;
      names += (names.empty() ? "" : " or ") + name;
    }
    Fail(at, std::string("must be ") + names + ", not " + TypeOf(value));
    return false;
  }

  void CheckText(const Json& schema, const std::string& text, const std::string& at) {
    const std::size_t size = Characters(text);
    if (size < schema.value("minLength", std::size_t{0})) {
      return Fail(at, "must have " + schema["minLength"].dump() + " characters at least");
    }
    if (size > schema.value("maxLength", size)) {
      return Fail(at, "must have " + schema["maxLength"].dump() + " characters at most");
    }
    const auto pattern = schema.find("pattern");
    if (pattern != schema.end() && !FitsPattern(pattern->get<std::string>(), text)) {
      Fail(at, "must be made of " + pattern->get<std::string>());
    }
  }

  void CheckNumber(const Json& schema, const Json& value, const std::string& at) {
    const auto least = schema.find("minimum");
    const auto most = schema.find("maximum");
    if (least != schema.end() && value < *least) Fail(at, "must be " + least->dump() + " or more");
    if (most != schema.end() && value > *most) Fail(at, "must be " + most->dump() + " or less");
  }

  void CheckArray(const Json& schema, const Json& value, const std::string& at) {
    if (value.size() > schema.value("maxItems", value.size())) {
      return Fail(at, "must have " + schema["maxItems"].dump() + " items at most");
    }
    const auto items = schema.find("items");
    if (items == schema.end()) return;
    for (std::size_t i = 0; i < value.size(); ++i) {
      Check(*items, value[i], Pointer(at, std::to_string(i)));
    }
  }

  void CheckObject(const Json& schema, const Json& value, const std::string& at) {
    if (value.size() < schema.value("minProperties", std::size_t{0})) {
      Fail(at, "must have " + schema["minProperties"].dump() + " members at least");
    }
    for (const Json& name : schema.value("required", Json::array())) {
      const auto& key = name.get_ref<const std::string&>();
      if (!value.contains(key)) Fail(at, "'" + key + "' is missing");
    }
    const Json properties = schema.value("properties", Json::object());
    const auto others = schema.find("additionalProperties");
    for (const auto& [key, member] : value.items()) {
      const auto known = properties.find(key);
      if (known != properties.end()) {
        Check(*known, member, Pointer(at, key));
      } else if (others != schema.end() && others->is_object()) {
        Check(*others, member, Pointer(at, key));
      } else if (others != schema.end() && *others == false) {
        Fail(Pointer(at, key), "is not known here");
      }
    }
  }

  std::vector<Mismatch> wrong_;
};

}  // namespace

std::vector<Mismatch> CheckSchema(const Json& schema, const Json& value) {
  Checker checker;
  checker.Check(schema, value, "");
  return checker.Take();
}

ParsedParameter ParseParameter(const Json& schema, const std::string& text, const std::string& at) {
  ParsedParameter parsed{.value = text};
  const std::string type = schema.value("type", "string");
  if (type == "boolean" && (text == "true" || text == "false")) parsed.value = text == "true";
  if (type == "integer") {
    std::int64_t number = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    if (error == std::errc() && stop == end) parsed.value = number;
  }
  parsed.wrong = CheckSchema(schema, parsed.value);
  for (Mismatch& mismatch : parsed.wrong) mismatch.at = at;
  return parsed;
}

bool IsDeeperThan(const std::string& json, int most) {
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (quoted) {
      if (c == '\\') ++i;
      quoted = c != '"';
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      if (++depth > most) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

}  // namespace aerie::api
