#include "files/import_plan.h"

#include <algorithm>
#include <cstdio>
#include <set>
#include <utility>

#include "files/json_text.h"

namespace aerie::files {
namespace {

using rows::DataType;
using rows::FieldSchema;

constexpr std::int64_t kPartitionsOfKey = 16;
constexpr char kKeyName[] = "id";

class Planner {
 public:
  Planner(const std::vector<ForeignColumn>& columns, const ImportMapping& mapping)
      : columns_(columns), mapping_(mapping) {}

  Result<ImportPlan> Plan(const std::optional<rows::CollectionSpec>& there,
                          const rows::CollectionName& name) {
    if (there) {
      plan_.spec = *there;
      CheckMappingAgrees();
    } else {
      plan_.spec.name = name;
      plan_.spec.schema.name = name.collection;
      MakeSpec();
    }
    AERIE_TRY(Problems(name));
    ChoosePartition();
    for (const FieldSchema& field : plan_.spec.schema.Columns()) BindField(field);
    BindRest();
    AERIE_TRY(Problems(name));
    return std::move(plan_);
  }

 private:
  void Problem(std::string text) { problems_.push_back(std::move(text)); }

  Status Problems(const rows::CollectionName& name) const {
    if (problems_.empty()) return Ok();
    std::string text;
    for (const std::string& one : problems_) text += (text.empty() ? "" : "; ") + one;
    return RefusedError("import into " + name.ToString() + ": " + text);
  }

  std::optional<std::size_t> ColumnOf(const std::string& name) const {
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (columns_[i].name == name) return i;
    }
    return std::nullopt;
  }

  bool IsIgnored(const std::string& column) const {
    return std::find(mapping_.ignore.begin(), mapping_.ignore.end(), column) !=
           mapping_.ignore.end();
  }

  // ---- a collection that is there ----

  void CheckMappingAgrees() {
    const auto fields = plan_.spec.schema.Columns();
    for (const FieldMapping& mapped : mapping_.fields) {
      const auto field = std::find_if(fields.begin(), fields.end(), [&](const FieldSchema& one) {
        return one.name == mapped.field.name;
      });
      if (field == fields.end()) {
        Problem(mapped.where + ": the collection has no field " + mapped.field.name);
      } else {
        CheckAgrees(mapped, *field);
      }
    }
  }

  void CheckAgrees(const FieldMapping& mapped, const FieldSchema& there) {
    const auto differs = [&](const std::string& what) {
      Problem(mapped.where + ": field " + there.name + " is there with another " + what);
    };
    const FieldSchema& said = mapped.field;
    if (said.type != DataType::kNone && said.type != there.type)
      differs("type, " + rows::TypeName(there.type));
    if (said.element_type != DataType::kNone && said.element_type != there.element_type) {
      differs("element, " + rows::TypeName(there.element_type));
    }
    for (const auto& [key, value] : said.type_params) {
      const std::string* const have = rows::FindValue(there.type_params, key);
      if (have == nullptr || *have != value)
        differs(key + ", " + (have == nullptr ? "none" : *have));
    }
    if (said.primary_key && !there.primary_key) differs("primary key");
    if (said.auto_id && !there.auto_id) differs("auto_id");
    if (said.partition_key && !there.partition_key) differs("partition key");
    if (said.nullable && !there.nullable) differs("nullable");
  }

  // ---- a new collection ----

  void MakeSpec() {
    rows::CollectionSchema& schema = plan_.spec.schema;
    schema.enable_dynamic_field = mapping_.dynamic;
    std::set<std::string> used(mapping_.ignore.begin(), mapping_.ignore.end());
    for (const FieldMapping& mapped : mapping_.fields) {
      used.insert(mapped.column_name());
      if (mapped.field.name != rows::kMetaFieldName) AddField(mapped);
    }
    for (const ForeignColumn& column : columns_) {
      if (used.contains(column.name) || mapping_.dynamic) continue;
      FieldMapping mapped;
      mapped.field.name = column.name;
      AddField(mapped);
    }
    ChooseKey();
    plan_.spec.partitions = {{rows::kDefaultPartition}};
    if (plan_.spec.has_partition_key()) {
      plan_.spec.partitions.clear();
      plan_.spec.num_partitions = kPartitionsOfKey;
    }
    AddIndexes();
  }

  void AddField(const FieldMapping& mapped) {
    FieldSchema field = mapped.field;
    const auto column = ColumnOf(mapped.column_name());
    if (field.type == DataType::kNone && !CompleteField(column, field)) return;
    const auto needs = [&](DataType type, const char* key) {
      if (field.type != type || rows::FindValue(field.type_params, key) != nullptr) return;
      Problem("field " + field.name + ": " + rows::TypeName(type) + " needs " + key +
              " in the mapping");
    };
    for (const DataType vector :
         {DataType::kFloatVector, DataType::kFloat16Vector, DataType::kBFloat16Vector,
          DataType::kBinaryVector, DataType::kInt8Vector}) {
      needs(vector, "dim");
    }
    needs(DataType::kVarChar, "max_length");
    needs(DataType::kArray, "max_capacity");
    if (field.type == DataType::kArray && field.element_type == DataType::kNone) {
      Problem("field " + field.name + ": Array needs element in the mapping");
    }
    plan_.spec.schema.fields.push_back(std::move(field));
  }

  // Type and parameters from the file, where they were not given.
  bool CompleteField(std::optional<std::size_t> column, FieldSchema& field) {
    const ForeignColumn* const about = column ? &columns_[*column] : nullptr;
    if (about == nullptr || !about->field) {
      Problem(about == nullptr
                  ? "field " + field.name + ": the mapping gives no type, and the file no column"
              : !about->unreadable.empty() ? "column " + about->name + ": " + about->unreadable
                                           : "column " + about->name + " (" + about->type +
                                                 ") does not say which field it is; give its type "
                                                 "in the mapping, or list it under ignore");
      return false;
    }
    field.type = about->field->type;
    for (const auto& pair : about->field->type_params) {
      if (rows::FindValue(field.type_params, pair.first) == nullptr)
        field.type_params.push_back(pair);
    }
    return true;
  }

  void ChooseKey() {
    auto& fields = plan_.spec.schema.fields;
    const auto keys = std::count_if(fields.begin(), fields.end(),
                                    [](const FieldSchema& field) { return field.primary_key; });
    if (keys > 1) return Problem("two fields are primary_key");
    auto key = std::find_if(fields.begin(), fields.end(), [&](const FieldSchema& field) {
      return keys == 1 ? field.primary_key : field.name == kKeyName;
    });
    if (key == fields.end()) {
      return Problem(
          "no field is the key; say primary_key: true of one in the mapping, or call a column id");
    }
    if (key->type != DataType::kInt64 && key->type != DataType::kVarChar) {
      // An integer of another width is a key as well.
      const bool integer = key->type == DataType::kInt8 || key->type == DataType::kInt16 ||
                           key->type == DataType::kInt32;
      const FieldMapping* const mapped = mapping_.Find(key->name);
      if (!integer || (mapped != nullptr && mapped->field.type != DataType::kNone)) {
        return Problem("field " + key->name + ": a key is an Int64 or a VarChar");
      }
      key->type = DataType::kInt64;
    }
    key->primary_key = true;
    key->nullable = false;
  }

  void AddIndexes() {
    bool all = true;
    for (const FieldSchema& field : plan_.spec.schema.fields) {
      const FieldMapping* const mapped = mapping_.Find(field.name);
      if (mapped != nullptr && mapped->index) {
        plan_.spec.indexes.push_back(*mapped->index);
      } else if (rows::IsVector(field.type)) {
        all = false;
      }
    }
    if (!all) return;
    plan_.spec.load_state = rows::LoadState::kLoaded;
    plan_.spec.replicas = 1;
    for (rows::PartitionSpec& one : plan_.spec.partitions) one.load_state = plan_.spec.load_state;
  }

  // ---- both ----

  void ChoosePartition() {
    if (plan_.spec.has_partition_key()) {
      if (!mapping_.partition.empty()) {
        Problem("partition " + mapping_.partition +
                " is named, and the collection has a partition key, which places rows");
      }
      return;
    }
    plan_.partition = mapping_.partition.empty() ? rows::kDefaultPartition : mapping_.partition;
    auto& have = plan_.spec.partitions;
    const bool there = std::any_of(have.begin(), have.end(),
                                   [&](const auto& one) { return one.name == plan_.partition; });
    if (!there) have.push_back({plan_.partition, plan_.spec.load_state});
  }

  void BindField(const FieldSchema& field) {
    PlannedField& planned = plan_.fields.emplace_back();
    planned.field = field;
    const FieldMapping* const mapped = mapping_.Find(field.name);
    const std::string name = mapped == nullptr ? field.name : mapped->column_name();
    planned.column = ColumnOf(name);
    if (planned.column && mapped == nullptr && IsIgnored(name)) planned.column.reset();
    if (mapped != nullptr) TakeMapping(*mapped, planned);
    if (planned.column) return TakeColumn(planned);
    if (mapped != nullptr && !mapped->column.empty() && !planned.default_cell) {
      return Problem(mapped->where + ": there is no column " + name);
    }
    const bool auto_id = field.auto_id || (field.primary_key && plan_.spec.schema.auto_id);
    if (auto_id) {
      planned.generated = true;
      plan_.generates_keys = true;
    } else if (field.dynamic) {
      planned.gathers = true;
      gathers_ = true;
    } else if (!planned.default_cell && !field.nullable) {
      Problem("field " + field.name +
              " comes from no column; name one in the mapping, or give it a default");
    }
  }

  void TakeMapping(const FieldMapping& mapped, PlannedField& planned) {
    planned.rounding = mapped.rounding;
    planned.empty_is_text = mapped.empty_is_text;
    if (mapped.empty_is_text && planned.column && columns_[*planned.column].typed) {
      Problem(mapped.where + ": empty: text is for cells of CSV, and the file is none");
    }
    if (!mapped.default_text) return;
    if (planned.field.primary_key) {
      return Problem(mapped.where + ": a key has no default");
    }
    planned.default_text = *mapped.default_text;
    ForeignValue value;
    value.SetText(planned.default_text, ForeignValue::Kind::kWord);
    const Status made =
        AppendCell(planned.field, value, mapped.rounding, planned.default_cell.emplace());
    if (!made.ok()) {
      Problem(mapped.where + ": default of field " + planned.field.name + ": " +
              std::string(made.message()));
    }
  }

  void TakeColumn(const PlannedField& planned) {
    const ForeignColumn& column = columns_[*planned.column];
    used_.insert(*planned.column);
    if (!column.unreadable.empty()) Problem("column " + column.name + ": " + column.unreadable);
    if (!rows::IsKnownType(planned.field.type)) {
      Problem("field " + planned.field.name + ": no file of another program has a " +
              rows::TypeName(planned.field.type));
    }
    const bool auto_id =
        planned.field.auto_id || (planned.field.primary_key && plan_.spec.schema.auto_id);
    if (auto_id) {
      Problem("column " + column.name + " has keys, and the server makes those of field " +
              planned.field.name + " itself; list the column under ignore, or leave auto_id out");
    }
  }

  void BindRest() {
    for (const std::string& name : mapping_.ignore) {
      if (!ColumnOf(name)) Problem("column " + name + " is to be ignored, and is not there");
    }
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (used_.contains(i)) continue;
      const ForeignColumn& column = columns_[i];
      if (IsIgnored(column.name)) {
        plan_.ignored.push_back(i);
      } else if (gathers_ && column.unreadable.empty()) {
        plan_.gathered.push_back(i);
      } else {
        Problem("column " + column.name +
                " goes to no field; name it in the mapping, as a field's column or under ignore");
      }
    }
  }

  const std::vector<ForeignColumn>& columns_;
  const ImportMapping& mapping_;
  ImportPlan plan_;
  std::set<std::size_t> used_;
  bool gathers_ = false;
  std::vector<std::string> problems_;
};

// The key of a row whose key the server makes: such rows need one until they are written.
void AppendNumberAsKey(const FieldSchema& field, std::uint64_t number, Bytes& out) {
  if (field.type == DataType::kInt64) {
    ByteWriter(out).Fixed(number);
    return;
  }
  char text[24];
  std::snprintf(text, sizeof text, "%020llu", static_cast<unsigned long long>(number));
  AppendRaw(text, out);
}

}  // namespace

const FieldMapping* ImportMapping::Find(const std::string& field) const {
  for (const FieldMapping& mapped : fields) {
    if (mapped.field.name == field) return &mapped;
  }
  return nullptr;
}

Result<ImportPlan> PlanImport(const std::vector<ForeignColumn>& columns,
                              const ImportMapping& mapping,
                              const std::optional<rows::CollectionSpec>& there,
                              const rows::CollectionName& name) {
  return Planner(columns, mapping).Plan(there, name);
}

rows::RowBatch RowMaker::NewBatch() const {
  return rows::RowBatch::Empty(plan_.spec.schema, plan_.partition);
}

Status RowMaker::Append(const std::vector<ForeignValue>& row, std::uint64_t number,
                        rows::RowBatch& batch) {
  for (std::size_t i = 0; i < plan_.fields.size(); ++i) {
    const PlannedField& planned = plan_.fields[i];
    rows::Column& out = batch.mutable_columns()[i];
    if (planned.generated) {
      cell_.clear();
      AppendNumberAsKey(planned.field, number, cell_);
      out.Append(cell_);
    } else if (planned.gathers) {
      AERIE_TRY(Gather(row, out));
    } else if (planned.column) {
      const std::string& name = columns_[*planned.column].name;
      const Status made = MakeCell(planned, &row[*planned.column], out);
      if (!made.ok()) {
        return Annotate(
            made,
            "column " + name + (name == planned.field.name ? "" : ", field " + planned.field.name));
      }
    } else {
      AERIE_TRY(MakeCell(planned, nullptr, out));
    }
  }
  return Ok();
}

Status RowMaker::MakeCell(const PlannedField& field, const ForeignValue* value, rows::Column& out) {
  if (value == nullptr || value->kind == ForeignValue::Kind::kNull) {
    cell_.clear();
    if (field.default_cell) {
      out.Append(*field.default_cell);
      return Ok();
    }
    if (field.empty_is_text) {
      ForeignValue empty;
      empty.SetText("", ForeignValue::Kind::kWord);
      AERIE_TRY(AppendCell(field.field, empty, field.rounding, cell_));
      out.Append(cell_);
      return Ok();
    }
    if (!field.field.nullable || field.field.primary_key) {
      return RefusedError("null, and the field takes none; give it a default in the mapping" +
                          std::string(value != nullptr && out.field().type == DataType::kVarChar
                                          ? ", or, for CSV, empty: text"
                                          : ""));
    }
    out.AppendNull();
    return Ok();
  }
  cell_.clear();
  AERIE_TRY(AppendCell(field.field, *value, field.rounding, cell_));
  out.Append(cell_);
  return Ok();
}

Status RowMaker::Gather(const std::vector<ForeignValue>& row, rows::Column& out) {
  cell_.assign(1, '{');
  for (const std::size_t i : plan_.gathered) {
    if (row[i].kind == ForeignValue::Kind::kNull) continue;
    if (cell_.size() > 1) cell_.push_back(',');
    AppendJsonString(columns_[i].name, cell_);
    cell_.push_back(':');
    const Status made = AppendAsJson(row[i], cell_);
    if (!made.ok()) return Annotate(made, "column " + columns_[i].name);
  }
  cell_.push_back('}');
  out.Append(cell_);
  return Ok();
}

}  // namespace aerie::files
