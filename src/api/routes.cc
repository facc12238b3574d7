#include "api/routes.h"

#include <array>
#include <iterator>
#include <utility>

#include "api/percent.h"

namespace aerie::api {
namespace {

constexpr std::array<const char*, 4> kRoles = {"nobody", "viewer", "operator", "admin"};
constexpr std::array<const char*, 5> kMethods = {"GET", "POST", "PUT", "PATCH", "DELETE"};

using enum Method;

std::vector<Route> AccessRoutes() {
  return {
      {.path = "/api/v1/session",
       .id = "getSession",
       .role = Role::kNobody,
       .tag = "session",
       .summary = "Who am I, and the CSRF token.",
       .response = "Session"},
      {.method = kPost,
       .path = "/api/v1/session",
       .id = "login",
       .role = Role::kNobody,
       .tag = "session",
       .summary = "Log in: sets the session's cookie.",
       .request = "Login",
       .response = "Session",
       .session = true},
      {.method = kDelete,
       .path = "/api/v1/session",
       .id = "logout",
       .role = Role::kNobody,
       .tag = "session",
       .summary = "Log out: ends the session of the cookie.",
       .response = "Session",
       .session = true},
      {.method = kPost,
       .path = "/api/v1/session/password",
       .id = "changePassword",
       .tag = "session",
       .summary = "Change one's own password; ends all one's other sessions.",
       .request = "PasswordChange",
       .response = "Session"},
      {.path = "/api/v1/users",
       .id = "listUsers",
       .role = Role::kAdmin,
       .tag = "users",
       .summary = "All users.",
       .response = "UserPage"},
      {.method = kPost,
       .path = "/api/v1/users",
       .id = "createUser",
       .role = Role::kAdmin,
       .tag = "users",
       .summary = "Make a user. The first one must be an admin, and ends the open mode.",
       .request = "NewUser",
       .response = "User",
       .success = 201},
      {.method = kPatch,
       .path = "/api/v1/users/{name}",
       .id = "changeUser",
       .role = Role::kAdmin,
       .tag = "users",
       .summary = "Change role or password of a user.",
       .request = "UserChange",
       .response = "User"},
      {.method = kDelete,
       .path = "/api/v1/users/{name}",
       .id = "removeUser",
       .role = Role::kAdmin,
       .tag = "users",
       .summary = "Remove a user, with sessions and tokens.",
       .query = {"confirm"},
       .success = 204},
      {.path = "/api/v1/tokens",
       .id = "listTokens",
       .role = Role::kAdmin,
       .tag = "tokens",
       .summary = "All tokens, without their texts.",
       .response = "TokenPage"},
      {.method = kPost,
       .path = "/api/v1/tokens",
       .id = "createToken",
       .role = Role::kAdmin,
       .tag = "tokens",
       .summary = "Make a token; its text is shown this once.",
       .request = "NewToken",
       .response = "CreatedToken",
       .success = 201},
      {.method = kDelete,
       .path = "/api/v1/tokens/{id}",
       .id = "revokeToken",
       .role = Role::kAdmin,
       .tag = "tokens",
       .summary = "Revoke a token.",
       .success = 204},
      {.path = "/api/v1/audit",
       .id = "listAudit",
       .role = Role::kAdmin,
       .tag = "audit",
       .summary = "Who changed what, the newest first.",
       .query = {"actor", "action", "object", "from", "to", "limit", "cursor"},
       .response = "AuditPage"},
      {.path = "/api/v1/settings",
       .id = "getSettings",
       .tag = "settings",
       .summary = "Version and configuration, without secrets.",
       .response = "Settings"},
  };
}

std::vector<Route> JobRoutes() {
  return {
      {.path = "/api/v1/jobs",
       .id = "listJobs",
       .tag = "jobs",
       .summary = "Jobs, the newest first.",
       .query = {"state", "open", "kind", "schedule", "limit", "cursor"},
       .response = "JobPage"},
      {.method = kPost,
       .path = "/api/v1/jobs",
       .id = "createJob",
       .role = Role::kOperator,
       .tag = "jobs",
       .summary = "Make a job; what may destroy something takes an admin and a confirmation.",
       .request = "NewJob",
       .response = "Job",
       .success = 202,
       .idempotent = true},
      {.method = kPost,
       .path = "/api/v1/jobs:plan",
       .id = "planJob",
       .role = Role::kOperator,
       .tag = "jobs",
       .summary = "What such a job would do; changes nothing.",
       .request = "NewJob",
       .response = "JobPlan",
       .harmless = true},
      {.method = kPost,
       .path = "/api/v1/jobs:preview",
       .id = "previewJob",
       .role = Role::kOperator,
       .tag = "jobs",
       .summary = "The same, found by looking at repositories and clusters; changes nothing.",
       .request = "NewJob",
       .response = "JobPlan",
       .harmless = true},
      {.path = "/api/v1/jobs/{number}",
       .id = "getJob",
       .tag = "jobs",
       .summary = "One job with its result.",
       .response = "Job"},
      {.path = "/api/v1/jobs/{number}/log",
       .id = "getJobLog",
       .tag = "jobs",
       .summary = "Its log, the oldest entry first.",
       .query = {"limit", "cursor"},
       .response = "JobLogPage"},
      {.path = "/api/v1/jobs/{number}/events",
       .id = "watchJob",
       .tag = "jobs",
       .summary = "Its state, progress and log as they change.",
       .answer = Answer::kEvents},
      {.method = kPost,
       .path = "/api/v1/jobs/{number}/cancel",
       .id = "cancelJob",
       .role = Role::kOperator,
       .tag = "jobs",
       .summary = "Stop it for good.",
       .response = "Job"},
      {.method = kPost,
       .path = "/api/v1/jobs/{number}/pause",
       .id = "pauseJob",
       .role = Role::kOperator,
       .tag = "jobs",
       .summary = "Stop it at its next safe place, to go on later.",
       .response = "Job"},
      {.method = kPost,
       .path = "/api/v1/jobs/{number}/resume",
       .id = "resumeJob",
       .role = Role::kOperator,
       .tag = "jobs",
       .summary = "Let it go on from its checkpoint.",
       .response = "Job"},
      {.path = "/api/v1/schedules",
       .id = "listSchedules",
       .tag = "schedules",
       .summary = "All schedules, by id.",
       .query = {"limit", "cursor"},
       .response = "SchedulePage"},
      {.method = kPost,
       .path = "/api/v1/schedules",
       .id = "createSchedule",
       .role = Role::kOperator,
       .tag = "schedules",
       .summary = "Make a schedule.",
       .request = "NewSchedule",
       .response = "Schedule",
       .success = 201,
       .idempotent = true},
      {.method = kPost,
       .path = "/api/v1/schedules:preview",
       .id = "previewSchedule",
       .tag = "schedules",
       .summary = "When such a schedule would be due; changes nothing.",
       .query = {"count"},
       .request = "ScheduleRules",
       .response = "SchedulePreview",
       .harmless = true},
      {.path = "/api/v1/schedules/{id}",
       .id = "getSchedule",
       .tag = "schedules",
       .summary = "One schedule.",
       .response = "Schedule"},
      {.method = kPut,
       .path = "/api/v1/schedules/{id}",
       .id = "replaceSchedule",
       .role = Role::kOperator,
       .tag = "schedules",
       .summary = "Change a schedule, from its next time on.",
       .request = "ScheduleRules",
       .response = "Schedule"},
      {.method = kDelete,
       .path = "/api/v1/schedules/{id}",
       .id = "removeSchedule",
       .role = Role::kAdmin,
       .tag = "schedules",
       .summary = "Remove a schedule and what is recorded of its times; its jobs stay.",
       .query = {"confirm"},
       .success = 204},
      {.path = "/api/v1/schedules/{id}/next",
       .id = "getScheduleNext",
       .tag = "schedules",
       .summary = "Its next times.",
       .query = {"count"},
       .response = "SchedulePreview"},
      {.path = "/api/v1/schedules/{id}/runs",
       .id = "getScheduleRuns",
       .tag = "schedules",
       .summary = "What became of each time that was due, the newest first.",
       .query = {"limit", "cursor"},
       .response = "ScheduleRunPage"},
      {.method = kPost,
       .path = "/api/v1/schedules/{id}/run",
       .id = "runSchedule",
       .role = Role::kOperator,
       .tag = "schedules",
       .summary = "Make its job now, besides its times.",
       .response = "Job",
       .success = 202,
       .idempotent = true},
  };
}

std::vector<Route> EstateRoutes() {
  return {
      {.path = "/api/v1/clusters",
       .id = "listClusters",
       .tag = "clusters",
       .summary = "The clusters of the configuration, with what was last seen of them.",
       .response = "ClusterPage"},
      {.path = "/api/v1/clusters/{name}",
       .id = "getCluster",
       .tag = "clusters",
       .summary = "One cluster.",
       .response = "Cluster"},
      {.path = "/api/v1/clusters/{name}/collections",
       .id = "listCollections",
       .tag = "clusters",
       .summary = "Its collections with sizes, load state and newest snapshots.",
       .query = {"limit", "cursor"},
       .response = "ClusterCollectionPage"},
      {.path = "/api/v1/repositories",
       .id = "listRepositories",
       .tag = "repositories",
       .summary = "The repositories of the configuration.",
       .response = "RepositoryPage"},
      {.path = "/api/v1/repositories/{name}",
       .id = "getRepository",
       .tag = "repositories",
       .summary = "One repository.",
       .response = "Repository"},
      {.path = "/api/v1/snapshots",
       .id = "listSnapshots",
       .tag = "snapshots",
       .summary = "Snapshots of all repositories, the newest first.",
       .query = {"repository", "cluster", "collection", "tag", "verified", "pinned", "complete",
                 "from", "to", "limit", "cursor"},
       .response = "SnapshotPage"},
      {.path = "/api/v1/snapshots/{snapshot}",
       .id = "getSnapshot",
       .tag = "snapshots",
       .summary = "One snapshot with its collections.",
       .query = {"repository"},
       .response = "Snapshot"},
      {.path = "/api/v1/snapshots/{snapshot}/diff",
       .id = "diffSnapshots",
       .tag = "snapshots",
       .summary = "What differs from it to another one, by digest.",
       .query = {"with", "repository"},
       .response = "SnapshotDiff"},
      {.method = kPost,
       .path = "/api/v1/snapshots/{snapshot}/pin",
       .id = "pinSnapshot",
       .role = Role::kOperator,
       .tag = "snapshots",
       .summary = "Pin it: nothing deletes it.",
       .query = {"repository"},
       .response = "Snapshot"},
      {.method = kPost,
       .path = "/api/v1/snapshots/{snapshot}/unpin",
       .id = "unpinSnapshot",
       .role = Role::kOperator,
       .tag = "snapshots",
       .summary = "Take its pin away.",
       .query = {"repository"},
       .response = "Snapshot"},
      {.method = kPost,
       .path = "/api/v1/snapshots/{snapshot}/verify",
       .id = "verifySnapshot",
       .role = Role::kOperator,
       .tag = "snapshots",
       .summary = "Make the job that reads and compares every row of it.",
       .query = {"repository"},
       .response = "Job",
       .success = 202,
       .idempotent = true},
      {.method = kDelete,
       .path = "/api/v1/snapshots/{snapshot}",
       .id = "deleteSnapshot",
       .role = Role::kAdmin,
       .tag = "snapshots",
       .summary = "Make the job that deletes it; `confirm` is its id.",
       .query = {"repository", "confirm"},
       .response = "Job",
       .success = 202},
      {.path = "/api/v1/migrations",
       .id = "listMigrations",
       .tag = "migrations",
       .summary = "Migrations, the newest first.",
       .query = {"open"},
       .response = "MigrationPage"},
      {.path = "/api/v1/migrations/{id}",
       .id = "getMigration",
       .tag = "migrations",
       .summary = "One migration.",
       .response = "Migration"},
      {.path = "/api/v1/migrations/{id}/log",
       .id = "getMigrationLog",
       .tag = "migrations",
       .summary = "Its log, the oldest entry first.",
       .query = {"limit", "cursor"},
       .response = "JobLogPage"},
      {.method = kPost,
       .path = "/api/v1/migrations/{id}/approve",
       .id = "approveMigration",
       .role = Role::kOperator,
       .tag = "migrations",
       .summary = "Say that what it waits for is done; `request` is the number of what was asked.",
       .query = {"request"},
       .response = "MigrationCommand",
       .success = 202,
       .idempotent = true},
      {.method = kPost,
       .path = "/api/v1/migrations/{id}/pause",
       .id = "pauseMigration",
       .role = Role::kOperator,
       .tag = "migrations",
       .summary = "Stop working until it is resumed; clients are not stopped.",
       .response = "MigrationCommand",
       .success = 202,
       .idempotent = true},
      {.method = kPost,
       .path = "/api/v1/migrations/{id}/resume",
       .id = "resumeMigration",
       .role = Role::kOperator,
       .tag = "migrations",
       .summary = "Go on; also try again at once what waits for another try.",
       .response = "MigrationCommand",
       .success = 202,
       .idempotent = true},
      {.method = kPost,
       .path = "/api/v1/migrations/{id}/cutover",
       .id = "cutoverMigration",
       .role = Role::kAdmin,
       .tag = "migrations",
       .summary =
           "Stop the writes and move the clients, when the rest is small; `confirm` is its id.",
       .query = {"confirm"},
       .response = "MigrationCommand",
       .success = 202,
       .idempotent = true},
      {.method = kPost,
       .path = "/api/v1/migrations/{id}/rollback",
       .id = "rollbackMigration",
       .role = Role::kAdmin,
       .tag = "migrations",
       .summary = "Send clients back, with every write made since; `confirm` is its id.",
       .query = {"confirm"},
       .response = "MigrationCommand",
       .success = 202,
       .idempotent = true},
      {.method = kPost,
       .path = "/api/v1/migrations/{id}/complete",
       .id = "completeMigration",
       .role = Role::kAdmin,
       .tag = "migrations",
       .summary =
           "End the sync back to the source: there is no way back then; `confirm` is its id.",
       .query = {"confirm"},
       .response = "MigrationCommand",
       .success = 202,
       .idempotent = true},
      {.method = kPost,
       .path = "/api/v1/migrations/{id}/abort",
       .id = "abortMigration",
       .role = Role::kAdmin,
       .tag = "migrations",
       .summary = "End it before clients were moved; `confirm` is its id.",
       .query = {"confirm"},
       .response = "MigrationCommand",
       .success = 202,
       .idempotent = true},
      {.path = "/api/v1/migrations/{id}/commands/{number}",
       .id = "getMigrationCommand",
       .tag = "migrations",
       .summary = "What became of what was said to it.",
       .response = "MigrationCommand"},
      {.path = "/api/v1/alerts",
       .id = "listAlerts",
       .tag = "alerts",
       .summary = "Incidents, the newest first.",
       .query = {"open", "limit", "cursor"},
       .response = "AlertPage"},
      {.path = "/api/v1/alerts/{number}",
       .id = "getAlert",
       .tag = "alerts",
       .summary = "One incident.",
       .response = "Alert"},
      {.method = kPost,
       .path = "/api/v1/alerts/{number}/acknowledge",
       .id = "acknowledgeAlert",
       .role = Role::kOperator,
       .tag = "alerts",
       .summary = "Somebody works on it: no more reminders.",
       .response = "Alert"},
      {.path = "/api/v1/statistics",
       .id = "getStatistics",
       .tag = "statistics",
       .summary = "Totals.",
       .response = "Statistics"},
      {.path = "/api/v1/statistics/history",
       .id = "getStatisticsHistory",
       .tag = "statistics",
       .summary = "Day by day, for charts.",
       .query = {"days"},
       .response = "StatisticsHistory"},
      {.path = "/api/v1/events",
       .id = "watchEverything",
       .tag = "events",
       .summary = "Jobs, schedules and alerts as they change.",
       .answer = Answer::kEvents},
  };
}

Route Compatible(Method method, const char* path, const char* id, Role role, const char* summary,
                 const char* request) {
  return {.method = method,
          .path = path,
          .id = id,
          .role = role,
          .tag = "compatible",
          .summary = summary,
          .request = request,
          .response = "CompatibleAnswer",
          .surface = Surface::kCompatible};
}

std::vector<Route> CompatibleRoutes() {
  const auto op = Role::kOperator;
  return {
      Compatible(kPost, "/api/v1/backup/create", "compatibleCreate", op,
                 "Back up, and answer when it is done.", "CompatibleCreate"),
      Compatible(kPost, "/api/v1/backup/verify", "compatibleVerify", op,
                 "Read and compare every row; data.is_valid says whether all are right.",
                 "CompatibleName"),
      Compatible(kPost, "/api/v1/backup/restore", "compatibleRestore", op,
                 "Restore under free names, and answer when it is done.", "CompatibleRestore"),
      Compatible(kDelete, "/api/v1/backup/delete", "compatibleDelete", Role::kAdmin,
                 "Delete a backup; `confirm` is its name.", "CompatibleDelete"),
      Compatible(kGet, "/api/backups", "compatibleBackups", Role::kViewer,
                 "The backups that are there.", ""),
      Compatible(kGet, "/api/stats", "compatibleStats", Role::kViewer, "Totals.", ""),
      Compatible(kPost, "/api/backup/create", "compatiblePageCreate", op,
                 "As /api/v1/backup/create, but answers when the job is made.", "CompatibleCreate"),
      Compatible(kPost, "/api/backup/restore", "compatiblePageRestore", op,
                 "As /api/v1/backup/restore, but answers when the job is made.",
                 "CompatibleRestore"),
  };
}

std::vector<Route> MachineRoutes() {
  return {
      {.path = "/healthz",
       .id = "healthz",
       .role = Role::kNobody,
       .tag = "machine",
       .summary = "The process answers.",
       .response = "Health"},
      {.path = "/readyz",
       .id = "readyz",
       .role = Role::kNobody,
       .tag = "machine",
       .summary = "It can work: 503 with what is wrong while it cannot.",
       .response = "Health"},
      {.path = "/metrics",
       .id = "metrics",
       .tag = "machine",
       .summary = "Metrics as Prometheus reads them.",
       .answer = Answer::kText},
      {.path = "/api/v1/openapi.json",
       .id = "getOpenApi",
       .role = Role::kNobody,
       .tag = "machine",
       .summary = "This document."},
  };
}

std::vector<Route> AllRoutes() {
  std::vector<Route> all;
  for (auto part :
       {AccessRoutes(), JobRoutes(), EstateRoutes(), CompatibleRoutes(), MachineRoutes()}) {
    all.insert(all.end(), std::make_move_iterator(part.begin()),
               std::make_move_iterator(part.end()));
  }
  return all;
}

// Without the slash it begins with, cut at the others.
std::vector<std::string_view> SegmentsOf(std::string_view path) {
  std::vector<std::string_view> segments;
  path.remove_prefix(1);
  for (;;) {
    const std::size_t slash = path.find('/');
    segments.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return segments;
    path.remove_prefix(slash + 1);
  }
}

// The parameters, when the path is one of the template.
std::optional<std::map<std::string, std::string>> Match(
    const std::vector<std::string_view>& pattern, const std::vector<std::string_view>& path) {
  if (pattern.size() != path.size()) return std::nullopt;
  std::map<std::string, std::string> parameters;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (!pattern[i].starts_with('{')) {
      if (pattern[i] != path[i]) return std::nullopt;
      continue;
    }
    auto decoded = DecodePercent(path[i]);
    if (!decoded || decoded->empty()) return std::nullopt;
    parameters[std::string(pattern[i].substr(1, pattern[i].size() - 2))] = *std::move(decoded);
  }
  return parameters;
}

}  // namespace

std::optional<Role> RoleOf(std::string_view name) {
  for (std::size_t i = 1; i < kRoles.size(); ++i) {
    if (name == kRoles[i]) return static_cast<Role>(i);
  }
  return std::nullopt;
}

const char* NameOf(Role role) { return kRoles[static_cast<std::size_t>(role)]; }

const char* NameOf(Method method) { return kMethods[static_cast<std::size_t>(method)]; }

std::optional<Method> MethodOf(std::string_view name) {
  for (std::size_t i = 0; i < kMethods.size(); ++i) {
    if (name == kMethods[i]) return static_cast<Method>(i);
  }
  return std::nullopt;
}

const std::vector<Route>& Routes() {
  static const std::vector<Route> routes = AllRoutes();
  return routes;
}

RouteMatch FindRoute(std::optional<Method> method, std::string_view path) {
  RouteMatch match;
  if (!path.starts_with('/')) return match;
  const auto segments = SegmentsOf(path);
  for (const Route& route : Routes()) {
    auto parameters = Match(SegmentsOf(route.path), segments);
    if (!parameters) continue;
    match.allowed.push_back(route.method);
    if (route.method != method) continue;
    match.route = &route;
    match.path = *std::move(parameters);
  }
  return match;
}

}  // namespace aerie::api
