// Test support: collections in memory as an endpoint.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "rows/memory_collection.h"
#include "rows/schema.h"
#include "transfer/endpoint.h"

namespace aerie::transfer {

class MemoryEndpoint final : public Endpoint {
 public:
  rows::MemoryCollection& Add(const rows::CollectionSpec& spec) {
    return *(collections_[spec.name] = std::make_unique<rows::MemoryCollection>(spec));
  }
  rows::MemoryCollection& at(const std::string& name) {
    return *collections_.at({"default", name});
  }

  rows::MemorySourceScript script;

  std::string Describe() const override { return "memory"; }
  Result<std::vector<rows::CollectionName>> List(const Context&) override {
    std::vector<rows::CollectionName> names;
    for (const auto& [name, collection] : collections_) names.push_back(name);
    return names;
  }
  Result<std::unique_ptr<rows::CollectionSource>> Open(const Context&,
                                                       const rows::CollectionName& name) override {
    return collections_.at(name)->OpenSource(script);
  }
  Result<Seen> Inspect(const Context&, const rows::CollectionName& name) override {
    const auto& collection = *collections_.at(name);
    return Seen{collection.spec(), static_cast<std::int64_t>(collection.rows())};
  }

 private:
  std::map<rows::CollectionName, std::unique_ptr<rows::MemoryCollection>> collections_;
};

// Of two partitions, one with an odd name.
inline rows::CollectionSpec SpecOf(const std::string& name, rows::CollectionSchema schema) {
  rows::CollectionSpec spec;
  spec.name = {"default", name};
  spec.schema = std::move(schema);
  spec.schema.name = name;
  spec.partitions = {{"_default"}, {"odd name/\u00e9"}};
  return spec;
}

}  // namespace aerie::transfer
