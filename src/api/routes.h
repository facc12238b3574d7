// The route table: every resource of the API with its role, schemas and rules. The OpenAPI document
// is made of it, requests are checked by it, and the security tests walk through it, so that a
// route that is added here is documented, checked and attacked without another word.
//
// Plain values, made once; any thread. docs/api.md says what the rules mean.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace aerie::api {

using Json = nlohmann::ordered_json;

// What somebody may do; each role may do what those before it may.
enum class Role { kNobody, kViewer, kOperator, kAdmin };

// "viewer", "operator", "admin"; nullopt for other words. NameOf(kNobody) is "nobody".
std::optional<Role> RoleOf(std::string_view name);
const char* NameOf(Role role);

enum class Method { kGet, kPost, kPut, kPatch, kDelete };
const char* NameOf(Method method);
std::optional<Method> MethodOf(std::string_view name);
// Changes nothing, so it needs neither CSRF token nor audit.
inline bool IsSafe(Method method) { return method == Method::kGet; }

// What a route answers with.
enum class Answer {
  kJson,
  kText,    // plain text, such as metrics
  kEvents,  // a stream of server-sent events that does not end by itself
};

enum class Surface {
  kRest,        // resources, and errors as problem details
  kCompatible,  // {code, message, data}, as older scripts expect
};

struct Route {
  Method method = Method::kGet;
  std::string path{};  // "/api/v1/jobs/{number}"; parameters are whole segments
  std::string id{};    // operationId, the key of its handler
  Role role = Role::kViewer;
  std::string tag{};                 // group in the document
  std::string summary{};             // a sentence
  std::vector<std::string> query{};  // names in ParameterSchemas()
  std::string request{};             // schema of the body; empty: no body
  std::string response{};            // schema of the answer; empty: none, or text
  int success = 200;
  Answer answer = Answer::kJson;
  Surface surface = Surface::kRest;
  bool idempotent = false;  // takes an Idempotency-Key
  bool harmless = false;    // changes nothing although it is no GET
  bool session = false;     // logs in or out: is there before a CSRF token is
};

const std::vector<Route>& Routes();

struct RouteMatch {
  const Route* route = nullptr;               // none: no such path, or not with that method
  std::map<std::string, std::string> path{};  // parameters, decoded
  std::vector<Method> allowed{};              // methods that the path has
};
// `path` is as it was sent, without the query: segments are decoded one by one, so that an encoded
// slash never makes another segment.
// No method: one that no path takes.
RouteMatch FindRoute(std::optional<Method> method, std::string_view path);

// The document, OpenAPI 3.1. `version` is the program's.
Json OpenApiDocument(const std::string& version);

}  // namespace aerie::api
