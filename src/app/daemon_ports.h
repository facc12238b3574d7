// What the daemon's API shows that other rooms know: alerts, and the files of the page.
//
// Thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/backend.h"
#include "base/clock.h"
#include "catalog/alert_store.h"

namespace aerie::app {

// Incidents as the catalog has them.
class AlertBook : public api::AlertBook {
 public:
  // Both outlive it.
  AlertBook(catalog::Catalog& catalog, const Clock& clock) : store_(catalog), clock_(clock) {}
  Result<std::vector<api::AlertView>> List(bool open_only, std::int64_t before,
                                           std::size_t limit) override;
  Result<api::AlertView> Find(std::int64_t number) override;
  Status Acknowledge(std::int64_t number, const std::string& who) override;
  Result<std::int64_t> Version() override { return store_.Version(); }
  Result<std::int64_t> OpenCount() override { return store_.OpenCount(); }

 private:
  catalog::AlertStore store_;
  const Clock& clock_;
};

// Those that are built into the program.
class PageFiles : public api::Assets {
 public:
  std::optional<api::Asset> Find(std::string_view path) override;
};

}  // namespace aerie::app
