// What differs between the specs of a source and its target, as things to do. Planning is pure.
//
// Three specs decide: the source's now, the source's as it was after the last round (what of the
// target came from it), and the target's. What the source lost since goes; what only the target
// ever had stays.
#pragma once

#include <string>
#include <vector>

#include "base/context.h"
#include "milvus/client.h"
#include "rows/schema.h"

namespace aerie::transfer {

struct SpecChanges {
  // What keeps rows of the source out of the target and that no call mends, field by field. Then
  // nothing else is planned.
  std::vector<std::string> cannot;
  std::vector<rows::FieldSchema> add_fields;
  std::vector<std::string> make_partitions;
  std::vector<std::string> drop_partitions;
  std::vector<rows::IndexSpec> drop_indexes;
  std::vector<rows::IndexSpec> make_indexes;
  rows::KeyValues set_properties;
  rows::KeyValues drop_properties;  // with the values that they had
  // What the target has besides, a line each.
  std::vector<std::string> besides;

  // What is to be done, a line each: "index by_vector on vector: made".
  std::vector<std::string> Lines() const;
};

// `base`: the source's spec after the last round; its default where there was none.
SpecChanges PlanSpecChanges(const rows::CollectionSpec& base, const rows::CollectionSpec& from,
                            const rows::CollectionSpec& there);

// Indexes of a loaded collection can be changed only while it is released.
enum class IndexRebuild { kReport, kRelease };

struct SpecResult {
  std::vector<std::string> done;      // a line each
  std::vector<std::string> warnings;  // what could not be done, and why
  // Of the base, what is to go and is there still.
  std::vector<rows::IndexSpec> indexes_left;
  rows::KeyValues properties_left;
};

// Does it, on `target` as it was described. Fields and partitions first: an error of theirs ends
// it, since rows could not be written; what goes wrong with the rest is a warning. Whoever asks for
// kRelease has noted how the collection is loaded, and puts that back.
// kUnsupported when the server cannot add fields.
Result<SpecResult> ApplySpecChanges(const Context& context, milvus::Client& to,
                                    const rows::CollectionSpec& target, const SpecChanges& changes,
                                    IndexRebuild rebuild);

// Whether changing the indexes needs the loaded `target` to be released.
bool NeedsRelease(const rows::CollectionSpec& target, const SpecChanges& changes);

}  // namespace aerie::transfer
