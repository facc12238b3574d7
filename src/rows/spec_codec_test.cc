#include "rows/spec_codec.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/testing_effort.h"
#include "rows/row_generator.h"

namespace aerie::rows {
namespace {

using Json = nlohmann::ordered_json;

TEST(SpecCodec, RoundTripsAnySpec) {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    const CollectionSpec spec = RowGenerator(seed).RandomSpec();
    const std::string text = EncodeSpec(spec);
    const auto back = DecodeSpec(text);
    ASSERT_TRUE(back.ok()) << seed << " " << back.status();
    ASSERT_TRUE(*back == spec) << seed << "\n" << text << "\n" << EncodeSpec(*back);
    EXPECT_EQ(EncodeSpec(*back), text);
  }
}

TEST(SpecCodec, ADefaultSpecRoundTrips) {
  const auto back = DecodeSpec(EncodeSpec(CollectionSpec()));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, CollectionSpec());
}

TEST(SpecCodec, TextThatIsNotUtf8Survives) {
  CollectionSpec spec;
  spec.name.collection = "\xff\xfe";
  spec.properties = {{"ok", "\xc3"}, {"\x80", "v"}};
  spec.aliases = {"\xed\xa0\x80"};
  const auto back = DecodeSpec(EncodeSpec(spec));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, spec);
}

// The stored form: a change here breaks repositories and readers of `-o json`.
TEST(SpecCodec, GoldenText) {
  CollectionSpec spec;
  spec.name = {"shop", "books"};
  spec.id = 446312345678901234;
  spec.schema.name = "books";
  spec.schema.enable_dynamic_field = true;
  FieldSchema key;
  key.id = 100;
  key.name = "id";
  key.type = DataType::kInt64;
  key.primary_key = true;
  FieldSchema tags;
  tags.id = 101;
  tags.name = "tags";
  tags.type = DataType::kArray;
  tags.element_type = DataType::kVarChar;
  tags.type_params = {{"max_capacity", "8"}, {"max_length", "64"}};
  tags.nullable = true;
  tags.default_value = {0x18, 0x2a};
  FieldSchema odd;
  odd.name = "odd";
  odd.type = static_cast<DataType>(4711);
  spec.schema.fields = {key, tags, odd};
  spec.schema.functions = {{0x0a, 0x01, 0x66}};
  spec.partitions = {{"_default", LoadState::kLoaded}};
  spec.indexes = {{"tags", "tags_idx", {{"index_type", "INVERTED"}}}};
  spec.aliases = {"b"};
  spec.properties = {{"k", "1"}, {"k", "2"}};
  spec.shards = 2;
  spec.load_state = LoadState::kLoaded;
  spec.replicas = 1;
  const std::string golden =
      R"({"database":"shop","collection":"books","id":"446312345678901234",)"
      R"("schema":{"name":"books","description":"","auto_id":false,"dynamic_field":true,)"
      R"("namespaces":false,"fields":[)"
      R"({"name":"id","id":100,"type":"Int64","primary_key":true},)"
      R"({"name":"tags","id":101,"type":"Array","element_type":"VarChar","nullable":true,)"
      R"("type_params":{"max_capacity":"8","max_length":"64"},"default_value_hex":"182a"},)"
      R"({"name":"odd","id":0,"type":4711}],"properties":{},"functions_hex":["0a0166"],)"
      R"("unknown_hex":""},"partitions":[{"name":"_default","load_state":"loaded"}],)"
      R"("num_partitions":0,"indexes":[{"field":"tags","name":"tags_idx",)"
      R"("params":{"index_type":"INVERTED"}}],"aliases":["b"],)"
      R"("properties":[["k","1"],["k","2"]],"shards":2,"consistency_level":"bounded",)"
      R"("load_state":"loaded","replicas":1,"resource_groups":[],"load_fields":[]})";
  EXPECT_EQ(EncodeSpec(spec), golden);
  EXPECT_EQ(*DecodeSpec(golden), spec);
}

TEST(SpecCodec, IgnoresMembersNobodyKnows) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const CollectionSpec spec = RowGenerator(seed).RandomSpec();
    Json json = SpecToJson(spec);
    json["later"] = {{"a", 1}};
    json["schema"]["later"] = nullptr;
    for (Json& field : json["schema"]["fields"]) field["later"] = Json::array({1, 2});
    for (Json& partition : json["partitions"]) partition["later"] = 1.5;
    for (Json& index : json["indexes"]) index["later"] = true;
    const auto back = SpecFromJson(json);
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(*back, spec);
  }
}

TEST(SpecCodec, NamesTheMemberThatIsWrong) {
  const Json good = SpecToJson(RowGenerator(3).RandomSpec());
  const auto expect = [&](const char* pointer, const Json& value, const std::string& place) {
    Json bad = good;
    bad[Json::json_pointer(pointer)] = value;
    const Status status = SpecFromJson(bad).status();
    EXPECT_EQ(KindOf(status), Kind::kCorrupt) << pointer;
    EXPECT_NE(status.message().find(place), std::string::npos) << status;
  };
  expect("/database", 1, "collection.database");
  expect("/id", "12x", "collection.id");
  expect("/id", "99999999999999999999", "collection.id");
  expect("/shards", 1LL << 40, "collection.shards");
  expect("/shards", 1.5, "collection.shards");
  expect("/num_partitions", ~0ULL, "collection.num_partitions");
  expect("/load_state", "asleep", "collection.load_state");
  expect("/aliases", "a", "collection.aliases");
  expect("/aliases", Json::array({1}), "collection.aliases[0]");
  expect("/properties", 1, "collection.properties");
  expect("/properties", Json::array({Json::array({"k"})}), "collection.properties");
  expect("/properties", Json{{"k", 1}}, "collection.properties");
  expect("/schema", 1, "collection.schema");
  expect("/schema/functions_hex", Json::array({"0"}), "collection.schema.functions_hex[0]");
  expect("/schema/unknown_hex", "zz", "collection.schema.unknown_hex");
  expect("/schema/auto_id", "yes", "collection.schema.auto_id");
  expect("/schema/fields/0/type", "Quaternion", "collection.schema.fields[0].type");
  expect("/schema/fields/0", Json::object(), "collection.schema.fields[0].name is missing");
  expect("/partitions", Json::array({Json::object()}), "collection.partitions[0].name");
  expect("/indexes", Json::array({1}), "collection.indexes[0]");

  Json deep = {{"name", "f"}, {"type", "Array"}};
  for (int i = 0; i < 10; ++i) {
    Json outer = {{"name", "f"}, {"type", "Array"}};
    outer["sub_fields"] = Json::array({deep});
    deep = outer;
  }
  expect("/schema/fields/0", deep, "nested too deeply");

  for (const char* name : {"database", "collection", "schema"}) {
    Json bad = good;
    bad.erase(name);
    EXPECT_EQ(KindOf(SpecFromJson(bad).status()), Kind::kCorrupt) << name;
  }
  EXPECT_EQ(KindOf(SpecFromJson(Json::array()).status()), Kind::kCorrupt);
}

TEST(SpecCodec, EveryTruncationIsAnError) {
  const std::string text = EncodeSpec(RowGenerator(4).RandomSpec());
  for (std::size_t size = 0; size < text.size(); ++size) {
    EXPECT_EQ(KindOf(DecodeSpec(text.substr(0, size)).status()), Kind::kCorrupt);
  }
}

// Whatever is damaged: an answer or an error, never a crash.
TEST(SpecCodec, SurvivesDamage) {
  RowGenerator random(5);
  for (int i = 0; i < Effort(3000, 3000, 300); ++i) {
    std::string text = EncodeSpec(RowGenerator(random.Below(20)).RandomSpec());
    text[random.Below(text.size())] = static_cast<char>(random.Next());
    const auto spec = DecodeSpec(text);
    if (spec.ok()) (void)EncodeSpec(*spec);
  }
}

}  // namespace
}  // namespace aerie::rows
