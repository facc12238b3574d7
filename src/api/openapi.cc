#include <algorithm>
#include <utility>

#include "api/routes.h"
#include "api/schemas.h"

namespace aerie::api {
namespace {

Json RefTo(const std::string& schema) { return {{"$ref", "#/components/schemas/" + schema}}; }

Json ParameterOf(const std::string& name, const char* place) {
  const Json& known = ParameterSchemas().at(name);
  const bool required = place == std::string("path") || known.value("required", false);
  Json schema = known.at("schema");
  if (schema.at("type") == "string" && !schema.contains("pattern") && !schema.contains("enum") &&
      !schema.contains("format")) {
    // Refused where percents are decoded, before any schema is looked at.
    schema["pattern"] = R"(^[^\u0000-\u001f\u007f]*$)";
  }
  return {{"name", name},
          {"in", place},
          {"required", required},
          {"description", known.at("description")},
          {"schema", std::move(schema)}};
}

Json HeaderParameter(const char* name, const char* about, int most) {
  return {{"name", name},
          {"in", "header"},
          {"required", false},
          {"description", about},
          {"schema", {{"type", "string"}, {"maxLength", most}}}};
}

Json ParametersOf(const Route& route) {
  Json parameters = Json::array();
  for (std::size_t at = route.path.find('{'); at != std::string::npos;
       at = route.path.find('{', at + 1)) {
    const std::size_t end = route.path.find('}', at);
    parameters.push_back(ParameterOf(route.path.substr(at + 1, end - at - 1), "path"));
  }
  for (const std::string& name : route.query) parameters.push_back(ParameterOf(name, "query"));
  if (route.idempotent) {
    parameters.push_back(HeaderParameter(
        "Idempotency-Key",
        "A text of the caller's; the same again within a day is answered as the first time.", 255));
  }
  if (route.answer == Answer::kEvents) {
    parameters.push_back(
        HeaderParameter("Last-Event-ID", "Go on after this event, where it is still known.", 64));
  }
  return parameters;
}

Json ContentOf(const Route& route) {
  switch (route.answer) {
    case Answer::kText: return {{"text/plain", {{"schema", {{"type", "string"}}}}}};
    case Answer::kEvents: return {{"text/event-stream", {{"schema", {{"type", "string"}}}}}};
    case Answer::kJson: break;
  }
  const Json schema = route.response.empty() ? Json{{"type", "object"}} : RefTo(route.response);
  return {{"application/json", {{"schema", schema}}}};
}

const char* ReasonOf(int status) {
  switch (status) {
    case 201: return "Made.";
    case 202: return "Taken; it is being worked on.";
    case 204: return "Done; nothing more is said.";
    default: return "Done.";
  }
}

Json ResponsesOf(const Route& route) {
  Json answer = {{"description", ReasonOf(route.success)}};
  if (route.success != 204) answer["content"] = ContentOf(route);
  Json responses = {{std::to_string(route.success), std::move(answer)}};
  if (route.id == "readyz") {
    responses["503"] = {{"description", "It cannot work."}, {"content", ContentOf(route)}};
  }
  if (route.surface == Surface::kCompatible) {
    responses["default"] = {{"description", "Not done; code and message say why."},
                            {"content", ContentOf(route)}};
    // Whoever may not even ask is told as everywhere.
    for (const char* status : {"401", "403"}) {
      responses[status] = {{"$ref", "#/components/responses/Problem"}};
    }
  } else {
    responses["default"] = {{"$ref", "#/components/responses/Problem"}};
  }
  return responses;
}

Json OperationOf(const Route& route) {
  Json operation = {{"operationId", route.id},
                    {"summary", route.summary},
                    {"tags", Json::array({route.tag})},
                    {"x-aerie-role", NameOf(route.role)}};
  operation["parameters"] = ParametersOf(route);
  if (!route.request.empty()) {
    operation["requestBody"] = {
        {"required", true},
        {"content", {{"application/json", {{"schema", RefTo(route.request)}}}}}};
  }
  operation["responses"] = ResponsesOf(route);
  if (route.role == Role::kNobody) operation["security"] = Json::array();
  return operation;
}

std::string LowerCase(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

}  // namespace

Json OpenApiDocument(const std::string& version) {
  Json paths = Json::object();
  for (const Route& route : Routes()) {
    paths[route.path][LowerCase(NameOf(route.method))] = OperationOf(route);
  }
  Json components = {{"schemas", Schemas()}};
  components["responses"]["Problem"] = {
      {"description", "Not done."},
      {"content", {{"application/problem+json", {{"schema", RefTo("Problem")}}}}}};
  components["securitySchemes"] = {
      {"token", {{"type", "http"}, {"scheme", "bearer"}}},
      {"session", {{"type", "apiKey"}, {"in", "cookie"}, {"name", "aerie_session"}}}};
  return {{"openapi", "3.1.0"},
          {"info",
           {{"title", "Aerie"},
            {"version", version},
            {"description", "docs/api.md says what all of it has in common."}}},
          {"servers", Json::array({{{"url", "/"}}})},
          {"security", Json::array({{{"token", Json::array()}}, {{"session", Json::array()}}})},
          {"paths", std::move(paths)},
          {"components", std::move(components)}};
}

}  // namespace aerie::api
