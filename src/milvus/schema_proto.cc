#include "milvus/schema_proto.h"

#include <algorithm>

namespace aerie::milvus {
namespace {

namespace pbschema = ::milvus::proto::schema;
using Pairs = google::protobuf::RepeatedPtrField<::milvus::proto::common::KeyValuePair>;

Bytes Serialize(const google::protobuf::Message& message) {
  const std::string text = message.SerializeAsString();
  return {text.begin(), text.end()};
}

Status Parse(const Bytes& bytes, const std::string& what, google::protobuf::Message& message) {
  if (message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return Ok();
  return CorruptError("read the schema: " + what + " cannot be parsed; verify the snapshot");
}

rows::FieldSchema FromStruct(const pbschema::StructArrayFieldSchema& from) {
  rows::FieldSchema field;
  field.id = from.fieldid();
  field.name = from.name();
  field.description = from.description();
  field.type = rows::DataType::kArrayOfStruct;
  field.type_params = FromPairs(from.type_params());
  field.nullable = from.nullable();
  for (const auto& sub : from.fields()) field.sub_fields.push_back(FromProto(sub));
  pbschema::StructArrayFieldSchema rest = from;
  rest.clear_fieldid();
  rest.clear_name();
  rest.clear_description();
  rest.clear_type_params();
  rest.clear_nullable();
  rest.clear_fields();
  field.unknown = Serialize(rest);
  return field;
}

Status FillField(const rows::FieldSchema& field, pbschema::FieldSchema& to) {
  AERIE_TRY(Parse(field.unknown, "field " + field.name, to));
  to.set_name(field.name);
  to.set_description(field.description);
  to.set_data_type(static_cast<pbschema::DataType>(field.type));
  to.set_element_type(static_cast<pbschema::DataType>(field.element_type));
  ToPairs(field.type_params, to.mutable_type_params());
  ToPairs(field.index_params, to.mutable_index_params());
  to.set_is_primary_key(field.primary_key);
  to.set_autoid(field.auto_id);
  to.set_is_partition_key(field.partition_key);
  to.set_is_clustering_key(field.clustering_key);
  to.set_nullable(field.nullable);
  to.set_is_dynamic(field.dynamic);
  to.set_is_function_output(field.function_output);
  if (!field.default_value.empty()) {
    AERIE_TRY(Parse(field.default_value, "the default value of field " + field.name,
                    *to.mutable_default_value()));
  }
  return Ok();
}

Status FillStruct(const rows::FieldSchema& field, pbschema::StructArrayFieldSchema& to) {
  AERIE_TRY(Parse(field.unknown, "field " + field.name, to));
  to.set_name(field.name);
  to.set_description(field.description);
  ToPairs(field.type_params, to.mutable_type_params());
  to.set_nullable(field.nullable);
  for (const rows::FieldSchema& sub : field.sub_fields) AERIE_TRY(FillField(sub, *to.add_fields()));
  return Ok();
}

// A function names its fields and also numbers them; the numbers are another server's.
Status FillFunction(const Bytes& bytes, pbschema::FunctionSchema& to) {
  AERIE_TRY(Parse(bytes, "a function", to));
  to.clear_id();
  to.clear_input_field_ids();
  to.clear_output_field_ids();
  return Ok();
}

}  // namespace

rows::KeyValues FromPairs(const Pairs& pairs) {
  rows::KeyValues values;
  values.reserve(static_cast<std::size_t>(pairs.size()));
  for (const auto& pair : pairs) values.emplace_back(pair.key(), pair.value());
  return values;
}

void ToPairs(const rows::KeyValues& values, Pairs* pairs) {
  pairs->Clear();
  for (const auto& [key, value] : values) {
    auto* pair = pairs->Add();
    pair->set_key(key);
    pair->set_value(value);
  }
}

rows::FieldSchema FromProto(const pbschema::FieldSchema& from) {
  rows::FieldSchema field;
  field.id = from.fieldid();
  field.name = from.name();
  field.description = from.description();
  field.type = static_cast<rows::DataType>(from.data_type());
  field.element_type = static_cast<rows::DataType>(from.element_type());
  field.type_params = FromPairs(from.type_params());
  field.index_params = FromPairs(from.index_params());
  field.primary_key = from.is_primary_key();
  field.auto_id = from.autoid();
  field.partition_key = from.is_partition_key();
  field.clustering_key = from.is_clustering_key();
  field.nullable = from.nullable();
  field.dynamic = from.is_dynamic();
  field.function_output = from.is_function_output();
  if (from.has_default_value()) field.default_value = Serialize(from.default_value());
  pbschema::FieldSchema rest = from;
  rest.clear_fieldid();
  rest.clear_name();
  rest.clear_description();
  rest.clear_data_type();
  rest.clear_element_type();
  rest.clear_type_params();
  rest.clear_index_params();
  rest.clear_is_primary_key();
  rest.clear_autoid();
  rest.clear_is_partition_key();
  rest.clear_is_clustering_key();
  rest.clear_nullable();
  rest.clear_is_dynamic();
  rest.clear_is_function_output();
  rest.clear_default_value();
  rest.clear_state();
  field.unknown = Serialize(rest);
  return field;
}

rows::CollectionSchema FromProto(const pbschema::CollectionSchema& from) {
  rows::CollectionSchema schema;
  schema.name = from.name();
  schema.description = from.description();
  schema.auto_id = from.autoid();
  schema.enable_dynamic_field = from.enable_dynamic_field();
  schema.enable_namespace = from.enable_namespace();
  schema.properties = FromPairs(from.properties());
  for (const auto& field : from.fields()) {
    if (field.is_dynamic()) {
      schema.enable_dynamic_field = true;
      continue;
    }
    schema.fields.push_back(FromProto(field));
    // 2.3.5 tells it of the field only.
    if (field.is_primary_key() && field.autoid()) schema.auto_id = true;
  }
  for (const auto& field : from.struct_array_fields()) schema.fields.push_back(FromStruct(field));
  for (const auto& function : from.functions()) schema.functions.push_back(Serialize(function));
  pbschema::CollectionSchema rest = from;
  rest.clear_name();
  rest.clear_description();
  rest.clear_autoid();
  rest.clear_enable_dynamic_field();
  rest.clear_enable_namespace();
  rest.clear_properties();
  rest.clear_fields();
  rest.clear_struct_array_fields();
  rest.clear_functions();
  rest.clear_dbname();
  rest.clear_version();
  rest.clear_file_resource_ids();
  schema.unknown = Serialize(rest);
  return schema;
}

Result<pbschema::CollectionSchema> ToProto(const rows::CollectionSchema& schema) {
  pbschema::CollectionSchema to;
  AERIE_TRY(Parse(schema.unknown, "the collection's schema", to));
  to.set_name(schema.name);
  to.set_description(schema.description);
  to.set_autoid(schema.auto_id);
  to.set_enable_dynamic_field(schema.enable_dynamic_field);
  to.set_enable_namespace(schema.enable_namespace);
  ToPairs(schema.properties, to.mutable_properties());
  for (const rows::FieldSchema& field : schema.fields) {
    if (field.type == rows::DataType::kArrayOfStruct) {
      AERIE_TRY(FillStruct(field, *to.add_struct_array_fields()));
    } else {
      AERIE_TRY(FillField(field, *to.add_fields()));
    }
  }
  for (const Bytes& function : schema.functions) {
    AERIE_TRY(FillFunction(function, *to.add_functions()));
  }
  return to;
}

}  // namespace aerie::milvus
