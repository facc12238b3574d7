#include "milvus/schema_proto.h"

#include <google/protobuf/unknown_field_set.h>
#include <gtest/gtest.h>

namespace aerie::milvus {
namespace {

namespace pbschema = ::milvus::proto::schema;

// A schema with every field that a server may send, and some that this version has never heard of.
pbschema::CollectionSchema Everything() {
  pbschema::CollectionSchema schema;
  schema.set_name("docs");
  schema.set_description("d");
  schema.set_enable_dynamic_field(true);
  schema.set_enable_namespace(true);
  schema.set_external_source("s3://x");
  auto* property = schema.add_properties();
  property->set_key("k");
  property->set_value("v");
  auto* key = schema.add_fields();
  key->set_name("id");
  key->set_is_primary_key(true);
  key->set_data_type(pbschema::Int64);
  auto* tags = schema.add_fields();
  tags->set_name("tags");
  tags->set_description("about");
  tags->set_data_type(pbschema::Array);
  tags->set_element_type(pbschema::VarChar);
  tags->set_is_partition_key(true);
  tags->set_is_clustering_key(true);
  tags->set_nullable(true);
  tags->set_is_function_output(true);
  tags->set_external_field("column 7");
  tags->mutable_default_value()->set_long_data(0);
  for (auto* list : {tags->mutable_type_params(), tags->mutable_index_params()}) {
    auto* pair = list->Add();
    pair->set_key("max_capacity");
    pair->set_value("4");
  }
  tags->GetReflection()->MutableUnknownFields(tags)->AddVarint(900, 42);
  auto* unheard = schema.add_fields();
  unheard->set_name("unheard");
  unheard->set_data_type(static_cast<pbschema::DataType>(4711));
  auto* parts = schema.add_struct_array_fields();
  parts->set_name("parts");
  parts->set_nullable(true);
  parts->add_fields()->set_name("sub");
  parts->GetReflection()->MutableUnknownFields(parts)->AddLengthDelimited(901, "x");
  auto* function = schema.add_functions();
  function->set_name("bm25");
  function->set_type(pbschema::BM25);
  function->add_input_field_names("tags");
  function->add_output_field_names("sparse");
  schema.GetReflection()->MutableUnknownFields(&schema)->AddVarint(902, 7);
  return schema;
}

TEST(SchemaProto, NothingIsLostThereAndBack) {
  const pbschema::CollectionSchema schema = Everything();
  const auto back = ToProto(FromProto(schema));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->SerializeAsString(), schema.SerializeAsString()) << back->DebugString();
}

TEST(SchemaProto, WhatBelongsToOneServerStaysThere) {
  pbschema::CollectionSchema schema = Everything();
  const std::string portable = schema.SerializeAsString();
  schema.set_dbname("db");
  schema.set_version(3);
  schema.add_file_resource_ids(9);
  schema.mutable_fields(0)->set_fieldid(100);
  schema.mutable_fields(0)->set_state(pbschema::FieldCreating);
  schema.mutable_struct_array_fields(0)->set_fieldid(105);
  schema.mutable_functions(0)->set_id(100);
  schema.mutable_functions(0)->add_input_field_ids(101);
  schema.mutable_functions(0)->add_output_field_ids(102);
  EXPECT_EQ(FromProto(schema).fields[0].id, 100);
  const auto back = ToProto(FromProto(schema));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->SerializeAsString(), portable) << back->DebugString();
}

TEST(SchemaProto, TheHiddenColumnIsAFlag) {
  pbschema::CollectionSchema schema;
  auto* meta = schema.add_fields();
  meta->set_name("$meta");
  meta->set_is_dynamic(true);
  const rows::CollectionSchema read = FromProto(schema);
  EXPECT_TRUE(read.enable_dynamic_field);
  EXPECT_TRUE(read.fields.empty());
}

TEST(SchemaProto, DamagedBytesAreNamed) {
  rows::CollectionSchema schema = FromProto(Everything());
  schema.fields[1].default_value = {0xff, 0xff};
  const auto back = ToProto(schema);
  EXPECT_EQ(KindOf(back.status()), Kind::kCorrupt);
  EXPECT_NE(std::string(back.status().message()).find("default value of field tags"),
            std::string::npos)
      << back.status();
}

}  // namespace
}  // namespace aerie::milvus
