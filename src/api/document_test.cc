// The OpenAPI document, the route table and the schemas.
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

#include "api/call.h"
#include "api/json_schema.h"
#include "api/routes.h"
#include "api/schemas.h"

namespace aerie::api {
namespace {

std::string Folder(const char* variable) {
  const char* folder = std::getenv(variable);
  return folder == nullptr ? "." : folder;
}

TEST(Document, IsTheOneInDocs) {
  const std::string made = OpenApiDocument("0.1.0").dump(1) + "\n";
  std::ifstream file(Folder("AERIE_SOURCE_DIR") + "/docs/openapi.json");
  std::stringstream kept;
  kept << file.rdbuf();
  if (kept.str() == made) return;
  const std::string path = Folder("AERIE_BUILD_DIR") + "/openapi.json";
  std::ofstream(path) << made;
  ADD_FAILURE() << "docs/openapi.json is not what the route table says: cp " << path
                << " docs/openapi.json, and look at the difference";
}

void CollectReferences(const Json& json, std::set<std::string>& into) {
  if (json.is_object() && json.contains("$ref")) into.insert(json["$ref"].get<std::string>());
  if (!json.is_structured()) return;
  for (const Json& part : json) CollectReferences(part, into);
}

TEST(Document, ItsReferencesLeadSomewhere) {
  const Json document = OpenApiDocument("0.1.0");
  std::set<std::string> references;
  CollectReferences(document, references);
  EXPECT_GT(references.size(), 20u);
  for (const std::string& reference : references) {
    EXPECT_TRUE(document.contains(Json::json_pointer(reference.substr(1)))) << reference;
  }
  for (const auto& [name, schema] : Schemas().items()) {
    EXPECT_TRUE(references.contains("#/components/schemas/" + name)) << name << " is used nowhere";
  }
}

TEST(Routes, EachHasItsHandlerSchemasAndParameters) {
  std::set<std::string> ids;
  std::set<std::pair<std::string, Method>> places;
  for (const Route& route : Routes()) {
    EXPECT_TRUE(ids.insert(route.id).second) << route.id;
    EXPECT_TRUE(places.insert({route.path, route.method}).second) << route.path;
    EXPECT_TRUE(Handlers().contains(route.id)) << route.id;
    EXPECT_TRUE(route.request.empty() || Schemas().contains(route.request)) << route.request;
    EXPECT_TRUE(route.response.empty() || Schemas().contains(route.response)) << route.response;
    for (const std::string& name : route.query) {
      EXPECT_TRUE(ParameterSchemas().contains(name)) << name;
    }
  }
  for (const auto& [id, handler] : Handlers()) EXPECT_TRUE(ids.contains(id)) << id;
}

TEST(Routes, FindThePathAndDecodeItsPartsOnce) {
  EXPECT_EQ(FindRoute(Method::kGet, "/api/v1/jobs").route->id, "listJobs");
  const RouteMatch plan = FindRoute(Method::kPost, "/api/v1/jobs:plan");
  ASSERT_NE(plan.route, nullptr);
  EXPECT_EQ(plan.route->id, "planJob");
  RouteMatch match = FindRoute(Method::kGet, "/api/v1/schedules/a%2Fb%2525/next");
  ASSERT_NE(match.route, nullptr);
  EXPECT_EQ(match.path.at("id"), "a/b%25");
  match = FindRoute(Method::kPut, "/api/v1/jobs");
  EXPECT_EQ(match.route, nullptr);
  EXPECT_EQ(match.allowed, (std::vector<Method>{Method::kGet, Method::kPost}));
  for (const char* path : {"", "/", "//", "/api", "/api/v1/jobs/", "/api/v1//jobs",
                           "/api/v1/jobs/1/..", "/api/v1/%6aobs", "/api/v1/schedules/%00",
                           "/api/v1/schedules/%", "/api/v1/schedules/%ff", "/api/v1/schedules/"}) {
    EXPECT_EQ(FindRoute(Method::kGet, path).route, nullptr) << path;
  }
}

TEST(JsonSchema, NamesEachPlace) {
  const Json schema = Json::parse(R"({"type": "object", "required": ["a"],
    "additionalProperties": false, "properties": {
      "a": {"type": "string", "minLength": 2, "maxLength": 3, "pattern": "^[a-z]+$"},
      "b": {"type": ["integer", "null"], "minimum": 1, "maximum": 5},
      "c": {"type": "array", "maxItems": 2, "items": {"enum": ["x", "y"]}}}})");
  const auto check = [&](const char* text) {
    std::string out;
    for (const Mismatch& wrong : CheckSchema(schema, Json::parse(text))) out += wrong.at + "; ";
    return out;
  };
  EXPECT_EQ(check(R"({"a": "abc", "b": null, "c": ["x", "y"]})"), "");
  EXPECT_EQ(check(R"({"a": "ü"})"), "/a; ");  // one character, two bytes
  EXPECT_EQ(check(R"({"a": "abcd"})"), "/a; ");
  EXPECT_EQ(check(R"({"a": "AB"})"), "/a; ");
  EXPECT_EQ(check(R"({"b": 0, "c": ["x", "z"]})"), "; /b; /c/1; ");
  EXPECT_EQ(check(R"({"a": "ab", "b": 1.5, "d/~": 1})"), "/b; /d~1~0; ");
  EXPECT_EQ(check(R"({"a": "ab", "c": [1, 2, 3]})"), "/c; ");
  EXPECT_EQ(check("[]"), "; ");
}

TEST(JsonSchema, ParametersAreReadByTheirTypes) {
  const Json limit = ParameterSchemas()["limit"]["schema"];
  EXPECT_EQ(ParseParameter(limit, "7", "query:limit").value, 7);
  for (const char* text : {"", "0", "501", "7x", "-1", "1e2", " 7", "99999999999999999999"}) {
    EXPECT_EQ(ParseParameter(limit, text, "query:limit").wrong.size(), 1u) << text;
  }
  const Json open = ParameterSchemas()["open"]["schema"];
  EXPECT_EQ(ParseParameter(open, "true", "query:open").value, true);
  EXPECT_FALSE(ParseParameter(open, "yes", "query:open").wrong.empty());
}

TEST(JsonSchema, DeepNestingIsSeenBeforeParsing) {
  EXPECT_TRUE(IsDeeperThan(std::string(100'000, '['), 32));
  EXPECT_FALSE(IsDeeperThan(R"({"a": "[[[[[[\"[[[["})", 3));
  EXPECT_FALSE(IsDeeperThan("[[]][[]]", 2));
}

}  // namespace
}  // namespace aerie::api
