// Between the protocol's schema messages and rows::CollectionSchema, losing nothing.
//
// What rows does not model (and what this version has never heard of) travels as serialized bytes
// in `unknown`, but for what belongs to one server: ids, versions, the name of its database.
// Pure functions, callable from any thread.
#pragma once

#include <google/protobuf/repeated_ptr_field.h>

#include "aerie_milvus_schema.pb.h"
#include "rows/schema.h"

namespace aerie::milvus {

rows::KeyValues FromPairs(
    const google::protobuf::RepeatedPtrField<::milvus::proto::common::KeyValuePair>& pairs);
void ToPairs(const rows::KeyValues& values,
             google::protobuf::RepeatedPtrField<::milvus::proto::common::KeyValuePair>* pairs);

rows::FieldSchema FromProto(const ::milvus::proto::schema::FieldSchema& field);
// "$meta" is left out: enable_dynamic_field stands for it.
rows::CollectionSchema FromProto(const ::milvus::proto::schema::CollectionSchema& schema);

// For CreateCollection: without ids, which the server gives.
// Errors: kCorrupt when `unknown`, a default value or a function cannot be parsed.
Result<::milvus::proto::schema::CollectionSchema> ToProto(const rows::CollectionSchema& schema);

}  // namespace aerie::milvus
