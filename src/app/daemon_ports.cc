#include "app/daemon_ports.h"

#include "alerts/incident.h"
#include "alerts/monitor.h"
#include "web/assets.h"

namespace aerie::app {
namespace {

Result<api::AlertView> ViewOf(const catalog::AlertIncident& row) {
  AERIE_ASSIGN(const alerts::Incident incident, alerts::IncidentOf(row));
  return api::AlertView{.number = incident.number,
                        .rule = alerts::NameOf(incident.rule),
                        .about = incident.about,
                        .severity = alerts::NameOf(incident.severity),
                        .summary = incident.summary,
                        .details = incident.details,
                        .remedy = incident.remedy,
                        .opened_ms = incident.opened_ms,
                        .acknowledged_ms = incident.acknowledged_ms,
                        .acknowledged_by = incident.acknowledged_by,
                        .resolved_ms = incident.resolved_ms};
}

}  // namespace

Result<std::vector<api::AlertView>> AlertBook::List(bool open_only, std::int64_t before,
                                                    std::size_t limit) {
  AERIE_ASSIGN(const auto rows, store_.List(open_only, before, limit));
  std::vector<api::AlertView> views;
  for (const catalog::AlertIncident& row : rows) {
    AERIE_ASSIGN(api::AlertView view, ViewOf(row));
    views.push_back(std::move(view));
  }
  return views;
}

Result<api::AlertView> AlertBook::Find(std::int64_t number) {
  AERIE_ASSIGN(const catalog::AlertIncident row, store_.Find(number));
  return ViewOf(row);
}

Status AlertBook::Acknowledge(std::int64_t number, const std::string& who) {
  return store_.Acknowledge(number, who, ToUnixMillis(clock_.Now())).status();
}

std::optional<api::Asset> PageFiles::Find(std::string_view path) {
  const web::Asset* const found = web::FindAsset(path);
  if (found == nullptr) return std::nullopt;
  return api::Asset{.content_type = found->content_type,
                    .bytes = found->bytes,
                    .gzip = found->gzip,
                    .etag = found->etag,
                    .immutable = found->immutable};
}

}  // namespace aerie::app
