// What planning a restore and doing it share: names, and what stands in the way. Pure but for
// PlanRestore, which is declared in restore.h.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "milvus/capabilities.h"
#include "rows/schema.h"
#include "transfer/restore.h"

namespace aerie::transfer {

// What a collection becomes.
rows::CollectionName TargetName(const rows::CollectionName& from, const RestoreOptions& options);
// Its name until every row is compared.
rows::CollectionName Staging(const rows::CollectionName& final_name);
// The name of a replaced collection between the arrival of the new one and its drop.
rows::CollectionName OldName(const rows::CollectionName& final_name);

// New keys are made only where they were accepted and the server cannot keep the old ones.
bool MakesNewKeys(const rows::CollectionSpec& spec, const RestoreOptions& options,
                  const milvus::SpecFeatures& features);

// What keeps rows of `wanted` from going into `there`, one line each, field by field. Indexes,
// aliases, properties, shards and load state may differ.
std::vector<std::string> SchemaDifferences(const rows::CollectionSpec& wanted,
                                           const rows::CollectionSpec& there);
Status SchemaDiffers(const rows::CollectionSpec& there, const std::vector<std::string>& differences,
                     const RestoreOptions& options);

// `but`: what is known of it, such as ", and key 7 is another there"; or nothing.
Status NameTaken(const std::string& but = {});

// kInvalid when two collections would get one name; unless each is for itself, also the refusal of
// any of them.
Status CheckPlan(const RestorePlan& plan, const RestoreOptions& options);

// The items in an order in which no worker is left with a large one when the others have nothing
// more to do.
std::vector<std::size_t> LargestFirst(const RestorePlan& plan);

}  // namespace aerie::transfer
