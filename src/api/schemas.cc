#include "api/schemas.h"

namespace aerie::api {
namespace {

using Json = nlohmann::ordered_json;

// $ref of a component is written as {"$ref": "Name"}, and a page of a list as {"page_of": "Name"}
// here; Parse makes them whole.
constexpr const char* kCommon = R"json({
"Problem": {
  "description": "An error, as RFC 9457 has it, with Aerie's own kind.",
  "type": "object",
  "required": ["type", "title", "status", "detail", "kind"],
  "properties": {
    "type": {"type": "string", "description": "about:blank, or urn:aerie:problem:KIND"},
    "title": {"type": "string", "description": "The kind in words."},
    "status": {"type": "integer"},
    "detail": {"type": "string", "description": "One line: the operation, the object, the remedy."},
    "kind": {"type": "string", "enum": ["failed", "invalid", "partial", "different", "locked", "wrong_key", "not_found", "refused", "cancelled", "corrupt", "transient", "throttled", "timeout", "unknown_outcome", "unsupported", "exists", "too_large", "no_space", "denied", "internal"]},
    "trace_id": {"type": "string", "description": "Of the request, as the log has it."},
    "errors": {
      "type": "array",
      "description": "What is wrong with the request, place by place.",
      "items": {
        "type": "object",
        "required": ["at", "detail"],
        "properties": {
          "at": {"type": "string", "description": "A JSON pointer into the body, or query:NAME, path:NAME, header:NAME."},
          "detail": {"type": "string"}
        }
      }
    }
  }
},
"Role": {"type": "string", "enum": ["viewer", "operator", "admin"]},
"Name": {"type": "string", "minLength": 1, "maxLength": 128, "description": "Letters, digits, dot, dash, underscore, at sign.", "pattern": "^[A-Za-z0-9._@-]+$"},
"Password": {"type": "string", "minLength": 12, "maxLength": 1024, "description": "At least 12 characters."},
"Time": {"type": "string", "format": "date-time", "description": "UTC, RFC 3339."},
"TimeOrNull": {"type": ["string", "null"], "format": "date-time"},
"Fault": {
  "type": ["object", "null"],
  "required": ["kind", "message"],
  "properties": {"kind": {"type": "string"}, "message": {"type": "string"}}
},
"Confirm": {"type": "string", "maxLength": 1024, "description": "The name of the object, where the act may destroy something."}
})json";

constexpr const char* kAccess = R"json({
"Session": {
  "type": "object",
  "required": ["mode", "authenticated", "user", "role", "csrf_token", "expires_at"],
  "properties": {
    "mode": {"type": "string", "enum": ["open", "users"], "description": "open: no users are made yet, so whoever is on this machine is admin."},
    "authenticated": {"type": "boolean"},
    "user": {"type": ["string", "null"]},
    "role": {"type": ["string", "null"], "enum": ["viewer", "operator", "admin", null]},
    "csrf_token": {"type": ["string", "null"], "description": "To be sent as X-CSRF-Token with each change; null where no cookie is in use."},
    "expires_at": {"$ref": "TimeOrNull"}
  }
},
"Login": {
  "type": "object",
  "required": ["user", "password"],
  "additionalProperties": false,
  "properties": {
    "user": {"type": "string", "minLength": 1, "maxLength": 128},
    "password": {"type": "string", "minLength": 1, "maxLength": 1024}
  }
},
"PasswordChange": {
  "type": "object",
  "required": ["old_password", "new_password"],
  "additionalProperties": false,
  "properties": {
    "old_password": {"type": "string", "minLength": 1, "maxLength": 1024},
    "new_password": {"$ref": "Password"}
  }
},
"User": {
  "type": "object",
  "required": ["name", "role", "created_at", "last_login_at"],
  "properties": {
    "name": {"$ref": "Name"},
    "role": {"$ref": "Role"},
    "created_at": {"$ref": "Time"},
    "last_login_at": {"$ref": "TimeOrNull"}
  }
},
"UserPage": {"page_of": "User"},
"NewUser": {
  "type": "object",
  "required": ["name", "role", "password"],
  "additionalProperties": false,
  "properties": {"name": {"$ref": "Name"}, "role": {"$ref": "Role"}, "password": {"$ref": "Password"}}
},
"UserChange": {
  "type": "object",
  "additionalProperties": false,
  "minProperties": 1,
  "description": "A new password ends the sessions of the user.",
  "properties": {"role": {"$ref": "Role"}, "password": {"$ref": "Password"}}
},
"Token": {
  "type": "object",
  "required": ["id", "name", "role", "created_by", "created_at", "expires_at", "last_used_at"],
  "properties": {
    "id": {"type": "string"},
    "name": {"$ref": "Name"},
    "role": {"$ref": "Role"},
    "created_by": {"type": "string"},
    "created_at": {"$ref": "Time"},
    "expires_at": {"$ref": "TimeOrNull"},
    "last_used_at": {"$ref": "TimeOrNull"}
  }
},
"TokenPage": {"page_of": "Token"},
"NewToken": {
  "type": "object",
  "required": ["name", "role"],
  "additionalProperties": false,
  "properties": {
    "name": {"$ref": "Name"},
    "role": {"$ref": "Role"},
    "expires_in": {"type": "string", "maxLength": 16, "description": "Such as 90d; without it, it does not expire."}
  }
},
"CreatedToken": {
  "type": "object",
  "required": ["id", "name", "role", "created_by", "created_at", "expires_at", "last_used_at", "token"],
  "description": "A token with its text, which is shown this once.",
  "properties": {
    "id": {"type": "string"},
    "name": {"$ref": "Name"},
    "role": {"$ref": "Role"},
    "created_by": {"type": "string"},
    "created_at": {"$ref": "Time"},
    "expires_at": {"$ref": "TimeOrNull"},
    "last_used_at": {"$ref": "TimeOrNull"},
    "token": {"type": "string"}
  }
},
"AuditEntry": {
  "type": "object",
  "required": ["seq", "at", "actor", "role", "address", "action", "object", "outcome", "detail", "trace_id"],
  "properties": {
    "seq": {"type": "integer"},
    "at": {"$ref": "Time"},
    "actor": {"type": "string", "description": "user:NAME, token:NAME, local (no users are made), or nobody."},
    "role": {"type": "string"},
    "address": {"type": "string", "description": "Where the request came from; empty: the command line."},
    "action": {"type": "string", "description": "operationId of the route, or the command."},
    "object": {"type": "string", "description": "What it was done to. Of a login that names no user: (unknown user), since the name may be a password in the wrong field."},
    "outcome": {"type": "string", "enum": ["begun", "done", "refused", "failed"], "description": "begun: how it ended was not recorded, so it is not known."},
    "detail": {"type": "string"},
    "trace_id": {"type": "string"}
  }
},
"AuditPage": {"page_of": "AuditEntry"},
"Settings": {
  "type": "object",
  "required": ["version", "started_at", "config_file", "listen", "tls", "mode", "configuration", "kinds"],
  "properties": {
    "version": {"type": "string"},
    "started_at": {"$ref": "Time"},
    "config_file": {"type": ["string", "null"]},
    "listen": {"type": "string"},
    "tls": {"type": "boolean"},
    "mode": {"type": "string", "enum": ["open", "users"]},
    "configuration": {"type": "object", "description": "What is configured, without secrets."},
    "kinds": {"type": "array", "description": "Of jobs, that this daemon runs.", "items": {"type": "string"}}
  }
},
"Health": {
  "type": "object",
  "required": ["status"],
  "properties": {
    "status": {"type": "string", "enum": ["ok", "unready"]},
    "checks": {"type": "object", "description": "By name: ok, or what is wrong."}
  }
}
})json";

constexpr const char* kJobs = R"json({
"JobSummary": {
  "type": "object",
  "required": ["number", "kind", "state", "priority", "schedule", "due_at", "created_at", "queued_at", "started_at", "ended_at", "spec", "progress", "error", "interruptions", "trace_id", "holder", "actions"],
  "properties": {
    "number": {"type": "integer"},
    "kind": {"type": "string", "description": "backup, verify, restore, delete, prune, copy, sync, mirror, restore-test, health-check, ..."},
    "state": {"$ref": "JobState"},
    "priority": {"type": "integer"},
    "schedule": {"type": ["string", "null"]},
    "due_at": {"$ref": "TimeOrNull"},
    "created_at": {"$ref": "Time"},
    "queued_at": {"$ref": "Time"},
    "started_at": {"$ref": "TimeOrNull"},
    "ended_at": {"$ref": "TimeOrNull"},
    "spec": {"type": "object", "description": "What is to be done; docs/jobs.md has it for each kind."},
    "progress": {"type": ["object", "null"], "description": "The last that was said; docs/jobs.md has its members."},
    "error": {"$ref": "Fault"},
    "interruptions": {"type": "integer"},
    "trace_id": {"type": ["string", "null"], "description": "Of the traceparent of the request that made it; null: it carried none."},
    "holder": {"type": ["object", "null"], "required": ["host", "pid"], "properties": {"host": {"type": "string"}, "pid": {"type": "integer"}}},
    "actions": {"type": "array", "description": "What may be done to it now.", "items": {"type": "string", "enum": ["cancel", "pause", "resume"]}}
  }
},
"JobState": {"type": "string", "enum": ["queued", "running", "pausing", "paused", "cancelling", "interrupted", "completed", "partial", "failed", "cancelled", "unknown"]},
"Job": {
  "type": "object",
  "required": ["number", "kind", "state", "priority", "schedule", "due_at", "created_at", "queued_at", "started_at", "ended_at", "spec", "progress", "error", "interruptions", "trace_id", "holder", "actions", "result"],
  "properties": {
    "number": {"type": "integer"},
    "kind": {"type": "string"},
    "state": {"$ref": "JobState"},
    "priority": {"type": "integer"},
    "schedule": {"type": ["string", "null"]},
    "due_at": {"$ref": "TimeOrNull"},
    "created_at": {"$ref": "Time"},
    "queued_at": {"$ref": "Time"},
    "started_at": {"$ref": "TimeOrNull"},
    "ended_at": {"$ref": "TimeOrNull"},
    "spec": {"type": "object"},
    "progress": {"type": ["object", "null"]},
    "error": {"$ref": "Fault"},
    "interruptions": {"type": "integer"},
    "trace_id": {"type": ["string", "null"], "description": "Of the traceparent of the request that made it; null: it carried none."},
    "holder": {"type": ["object", "null"], "required": ["host", "pid"], "properties": {"host": {"type": "string"}, "pid": {"type": "integer"}}},
    "actions": {"type": "array", "items": {"type": "string", "enum": ["cancel", "pause", "resume"]}},
    "result": {"type": ["object", "null"], "description": "What came of it; docs/jobs.md has its members."}
  }
},
"JobPage": {"page_of": "JobSummary"},
"NewJob": {
  "type": "object",
  "required": ["kind", "spec"],
  "additionalProperties": false,
  "properties": {
    "kind": {"type": "string", "minLength": 1, "maxLength": 64},
    "spec": {"type": "object", "description": "docs/jobs.md has it for each kind."},
    "priority": {"type": "integer", "minimum": -1000, "maximum": 1000},
    "confirm": {"$ref": "Confirm"}
  }
},
"JobPlan": {
  "type": "object",
  "required": ["kind", "summary", "role", "confirm"],
  "properties": {
    "kind": {"type": "string"},
    "summary": {"type": "string", "description": "What a run would do; changes nothing. May have several lines."},
    "role": {"$ref": "Role"},
    "confirm": {"type": ["string", "null"], "description": "The name that a POST of the same must bring as `confirm`; null: none."}
  }
},
"JobLogEntry": {
  "type": "object",
  "required": ["seq", "at", "kind", "text"],
  "properties": {
    "seq": {"type": "integer"},
    "at": {"$ref": "Time"},
    "kind": {"type": "string", "description": "event, info, warning, ..."},
    "text": {"type": "string"}
  }
},
"JobLogPage": {"page_of": "JobLogEntry"},
"ScheduleRun": {
  "type": "object",
  "required": ["due_at", "last_due_at", "times", "outcome", "reason", "explanation", "job", "recorded_at"],
  "properties": {
    "due_at": {"$ref": "Time"},
    "last_due_at": {"$ref": "Time"},
    "times": {"type": "integer", "description": "1, or several in a row of which the same became."},
    "outcome": {"type": "string", "description": "started, waiting, missed, skipped"},
    "reason": {"type": "string"},
    "explanation": {"type": "string"},
    "job": {"type": ["integer", "null"]},
    "recorded_at": {"$ref": "Time"}
  }
},
"ScheduleRunPage": {"page_of": "ScheduleRun"},
"ScheduleRules": {
  "type": "object",
  "required": ["when", "kind"],
  "additionalProperties": false,
  "description": "docs/scheduling.md says what each rule means.",
  "properties": {
    "when": {"type": "string", "minLength": 1, "maxLength": 256, "description": "A cron expression, or words such as daily at 02:00."},
    "zone": {"type": "string", "maxLength": 64, "description": "A time zone such as Europe/Berlin; UTC without it."},
    "jitter": {"type": "string", "maxLength": 16, "description": "Such as 10m."},
    "window": {"type": "string", "maxLength": 64, "description": "Such as 22:00-06:00; empty: always."},
    "blackouts": {"type": "array", "maxItems": 100, "items": {"type": "string", "maxLength": 64}},
    "missed": {"type": "string", "enum": ["run-once", "skip"]},
    "overlap": {"type": "string", "enum": ["queue", "skip"]},
    "priority": {"type": "integer", "minimum": -1000, "maximum": 1000},
    "enabled": {"type": "boolean"},
    "kind": {"type": "string", "minLength": 1, "maxLength": 64},
    "job": {"type": "object", "description": "The spec of the job; docs/jobs.md has it for each kind."}
  }
},
"NewSchedule": {
  "type": "object",
  "required": ["id", "rules"],
  "additionalProperties": false,
  "properties": {"id": {"$ref": "Name"}, "rules": {"$ref": "ScheduleRules"}}
},
"Schedule": {
  "type": "object",
  "required": ["id", "rules", "managed_by", "description", "next_due_at", "last_run", "created_at", "updated_at", "error"],
  "properties": {
    "id": {"type": "string"},
    "rules": {"type": "object", "description": "As ScheduleRules, every member there."},
    "managed_by": {"type": "string", "enum": ["catalog", "configuration"], "description": "configuration: changed there alone; the API refuses to."},
    "description": {"type": "string"},
    "next_due_at": {"$ref": "TimeOrNull"},
    "last_run": {"anyOf": [{"$ref": "ScheduleRun"}, {"type": "null"}]},
    "created_at": {"$ref": "Time"},
    "updated_at": {"$ref": "Time"},
    "error": {"type": ["string", "null"], "description": "Why it cannot be read; then it makes no jobs."}
  }
},
"SchedulePage": {"page_of": "Schedule"},
"SchedulePreview": {
  "type": "object",
  "required": ["description", "next"],
  "properties": {
    "description": {"type": "string"},
    "next": {
      "type": "array",
      "items": {
        "type": "object",
        "required": ["due_at", "local", "starts_at"],
        "properties": {
          "due_at": {"$ref": "Time"},
          "local": {"type": "string", "description": "As clocks in its zone show it."},
          "starts_at": {"$ref": "TimeOrNull", "description": "Later than due: jitter, or the window; null: never."}
        }
      }
    }
  }
}
})json";

constexpr const char* kEstate = R"json({
"Cluster": {
  "type": "object",
  "required": ["name", "uri", "is_default", "state", "error", "server_version", "checked_at", "collections", "size_bytes", "unsized_collections", "newest_snapshot_at", "newest_verified_at"],
  "properties": {
    "name": {"type": "string"},
    "uri": {"type": "string", "description": "Without credentials."},
    "is_default": {"type": "boolean"},
    "state": {"type": "string", "enum": ["up", "down", "unknown"]},
    "error": {"$ref": "Fault"},
    "server_version": {"type": ["string", "null"]},
    "checked_at": {"$ref": "TimeOrNull"},
    "collections": {"type": ["integer", "null"]},
    "size_bytes": {"type": ["integer", "null"], "description": "The sum of the known sizes of its collections, an estimate; null: not read yet."},
    "unsized_collections": {"type": ["integer", "null"], "description": "Collections whose size is not known and not in that sum."},
    "newest_snapshot_at": {"$ref": "TimeOrNull"},
    "newest_verified_at": {"$ref": "TimeOrNull", "description": "When the newest snapshot was made that is complete and verified."}
  }
},
"ClusterPage": {"page_of": "Cluster"},
"ClusterCollection": {
  "type": "object",
  "required": ["database", "name", "rows", "size_bytes", "size_from", "load_state", "replicas", "partitions", "fields", "indexes", "aliases", "snapshot_rows", "snapshot_bytes", "newest_snapshot_at", "newest_verified_at"],
  "properties": {
    "database": {"type": "string"},
    "name": {"type": "string"},
    "rows": {"type": ["integer", "null"], "description": "Counted where all of it is loaded, else what the server's statistics say; null: it does not say."},
    "size_bytes": {"type": ["integer", "null"], "description": "Of its rows, plain, without indexes and copies: an estimate, rows times what a row takes. null: not known."},
    "size_from": {"type": ["string", "null"], "enum": ["schema", "snapshot", "sample", null], "description": "Where what a row takes is from: schema: each row takes the same; snapshot: the average of the newest snapshot that has it; sample: of a few rows that were read."},
    "load_state": {"type": "string", "enum": ["loaded", "partly_loaded", "not_loaded", "unknown"]},
    "replicas": {"type": "integer"},
    "partitions": {"type": "integer"},
    "fields": {"type": "integer"},
    "indexes": {"type": "integer"},
    "aliases": {"type": "array", "items": {"type": "string"}},
    "snapshot_rows": {"type": ["integer", "null"], "description": "In the newest complete snapshot that has it."},
    "snapshot_bytes": {"type": ["integer", "null"]},
    "newest_snapshot_at": {"$ref": "TimeOrNull"},
    "newest_verified_at": {"$ref": "TimeOrNull"}
  }
},
"ClusterCollectionPage": {
  "type": "object",
  "required": ["items", "next_cursor", "as_of", "stale"],
  "properties": {
    "items": {"type": "array", "items": {"$ref": "ClusterCollection"}},
    "next_cursor": {"type": ["string", "null"]},
    "as_of": {"$ref": "TimeOrNull"},
    "stale": {"type": "boolean", "description": "It is being read anew; ask again in a moment."}
  }
},
"Repository": {
  "type": "object",
  "required": ["name", "url", "is_default", "state", "error", "encrypted", "snapshots", "plain_bytes", "stored_bytes", "used_bytes", "free_bytes", "total_bytes", "newest_snapshot_at", "newest_verified_at", "as_of", "stale"],
  "properties": {
    "name": {"type": "string"},
    "url": {"type": "string"},
    "is_default": {"type": "boolean"},
    "state": {"type": "string", "enum": ["ok", "absent", "error", "unknown"], "description": "absent: the first backup makes it."},
    "error": {"$ref": "Fault"},
    "encrypted": {"type": ["boolean", "null"]},
    "snapshots": {"type": ["integer", "null"]},
    "plain_bytes": {"type": ["integer", "null"], "description": "Of the rows of all snapshots, as often as they are in one."},
    "stored_bytes": {"type": ["integer", "null"], "description": "That the snapshots added to the store."},
    "used_bytes": {"type": ["integer", "null"], "description": "Of the disk; null where the store does not tell."},
    "free_bytes": {"type": ["integer", "null"]},
    "total_bytes": {"type": ["integer", "null"]},
    "newest_snapshot_at": {"$ref": "TimeOrNull"},
    "newest_verified_at": {"$ref": "TimeOrNull"},
    "as_of": {"$ref": "TimeOrNull"},
    "stale": {"type": "boolean"}
  }
},
"RepositoryPage": {"page_of": "Repository"},
"SnapshotSummary": {
  "type": "object",
  "required": ["id", "repository", "cluster", "server_version", "created_at", "finished_at", "host", "program", "tags", "parent", "complete", "verified", "pinned", "exact", "immutable_until", "collection_count", "rows", "plain_bytes", "stored_bytes"],
  "properties": {
    "id": {"type": "string"},
    "repository": {"type": "string"},
    "cluster": {"type": "string"},
    "server_version": {"type": "string"},
    "created_at": {"$ref": "Time"},
    "finished_at": {"$ref": "Time"},
    "host": {"type": "string"},
    "program": {"type": "string"},
    "tags": {"type": "array", "items": {"type": "string"}},
    "parent": {"type": ["string", "null"]},
    "complete": {"type": "boolean"},
    "verified": {"type": "boolean", "description": "Every row of it was read and compared after it was made."},
    "pinned": {"type": "boolean"},
    "exact": {"type": "boolean", "description": "Read at one timestamp, or nothing was written while it was read."},
    "immutable_until": {"$ref": "TimeOrNull"},
    "collection_count": {"type": "integer"},
    "rows": {"type": "integer"},
    "plain_bytes": {"type": "integer"},
    "stored_bytes": {"type": "integer"}
  }
},
"SnapshotCollection": {
  "type": "object",
  "required": ["database", "name", "rows", "bytes", "digest", "exact"],
  "properties": {
    "database": {"type": "string"},
    "name": {"type": "string"},
    "rows": {"type": "integer"},
    "bytes": {"type": "integer"},
    "digest": {"type": "string"},
    "exact": {"type": "boolean"}
  }
},
"Snapshot": {
  "type": "object",
  "required": ["id", "repository", "cluster", "server_version", "created_at", "finished_at", "host", "program", "tags", "parent", "complete", "verified", "pinned", "exact", "immutable_until", "collection_count", "rows", "plain_bytes", "stored_bytes", "collections"],
  "properties": {
    "id": {"type": "string"},
    "repository": {"type": "string"},
    "cluster": {"type": "string"},
    "server_version": {"type": "string"},
    "created_at": {"$ref": "Time"},
    "finished_at": {"$ref": "Time"},
    "host": {"type": "string"},
    "program": {"type": "string"},
    "tags": {"type": "array", "items": {"type": "string"}},
    "parent": {"type": ["string", "null"]},
    "complete": {"type": "boolean"},
    "verified": {"type": "boolean"},
    "pinned": {"type": "boolean"},
    "exact": {"type": "boolean"},
    "immutable_until": {"$ref": "TimeOrNull"},
    "collection_count": {"type": "integer"},
    "rows": {"type": "integer"},
    "plain_bytes": {"type": "integer"},
    "stored_bytes": {"type": "integer"},
    "collections": {"type": "array", "items": {"$ref": "SnapshotCollection"}}
  }
},
"SnapshotPage": {
  "type": "object",
  "required": ["items", "next_cursor", "total", "as_of", "stale", "errors"],
  "properties": {
    "items": {"type": "array", "items": {"$ref": "SnapshotSummary"}},
    "next_cursor": {"type": ["string", "null"]},
    "total": {"type": "integer", "description": "That fit the filters, on all pages."},
    "as_of": {"$ref": "TimeOrNull", "description": "When the repository that was read longest ago was read."},
    "stale": {"type": "boolean", "description": "A repository is being read anew; ask again in a moment."},
    "errors": {
      "type": "array",
      "description": "Repositories that could not be read, so that their snapshots are missing here.",
      "items": {"type": "object", "required": ["repository", "message"], "properties": {"repository": {"type": "string"}, "message": {"type": "string"}}}
    }
  }
},
"SnapshotDiff": {
  "type": "object",
  "required": ["left", "right", "same", "collections"],
  "properties": {
    "left": {"type": "string"},
    "right": {"type": "string"},
    "same": {"type": "boolean"},
    "collections": {
      "type": "array",
      "items": {
        "type": "object",
        "required": ["database", "name", "state", "rows_left", "rows_right", "missing", "extra", "changed", "spec", "error"],
        "properties": {
          "database": {"type": "string"},
          "name": {"type": "string"},
          "state": {"type": "string", "enum": ["same", "differs", "only_left", "only_right", "error"]},
          "rows_left": {"type": "integer"},
          "rows_right": {"type": "integer"},
          "missing": {"type": "integer", "description": "Rows that only the left one has."},
          "extra": {"type": "integer", "description": "Rows that only the right one has."},
          "changed": {"type": "integer"},
          "spec": {"type": "array", "description": "Differences besides the rows, a line each.", "items": {"type": "string"}},
          "error": {"$ref": "Fault"}
        }
      }
    }
  }
},
"MigrationCommand": {
  "type": "object",
  "required": ["number", "migration", "verb", "said_at", "state", "refusal"],
  "description": "What was said to a migration. It waits for the process that drives the migration, which answers within a second, or for one to come.",
  "properties": {
    "number": {"type": "integer"},
    "migration": {"type": "string"},
    "verb": {"$ref": "MigrationVerb"},
    "said_at": {"$ref": "Time"},
    "state": {"type": "string", "enum": ["waiting", "obeyed", "refused"]},
    "refusal": {"type": ["string", "null"], "description": "Why it is refused."}
  }
},
"MigrationVerb": {"type": "string", "enum": ["approve", "pause", "resume", "cutover", "rollback", "complete", "abort"]},
"MigrationPhase": {"type": "string", "description": "docs/migrating.md has what goes on in each.", "enum": ["preflight", "copying", "syncing", "auditing", "ready", "fencing", "copying-fenced", "last-sync", "proving", "switching", "opening", "watching", "lifting", "fencing-target", "last-reverse", "proving-reverse", "switching-back", "opening-source", "lifting-target", "blocked", "done", "rolled-back", "aborted"]},
"Migration": {
  "type": "object",
  "required": ["id", "strategy", "from", "to", "collections", "phase", "about", "way", "paused", "cutover_wanted", "rounds", "writes_stopped_since", "last_pause_ms", "max_pause_ms", "created_at", "updated_at", "ended_at", "spec", "driven", "holder", "request", "actions", "waiting", "sample", "work", "lag_ms", "open_alerts"],
  "properties": {
    "id": {"type": "string"},
    "strategy": {"type": "string", "enum": ["cold", "hot", "incremental"]},
    "from": {"type": "string", "description": "The source: a configured name, or an address without credentials."},
    "to": {"type": "string"},
    "collections": {"type": "array", "description": "Globs; none: all.", "items": {"type": "string"}},
    "phase": {"$ref": "MigrationPhase"},
    "about": {"type": "string", "description": "What goes on in that phase."},
    "way": {
      "type": "object",
      "description": "The phases of the way that it is on: to the target, back to the source, or the short one on which a step is undone.",
      "required": ["phases", "at"],
      "properties": {
        "phases": {"type": "array", "items": {"$ref": "MigrationPhase"}},
        "at": {"type": "integer", "description": "Index of the phase where it is, or that a blocked one goes on with."}
      }
    },
    "paused": {"type": "boolean", "description": "It does nothing until it is resumed; clients go on."},
    "cutover_wanted": {"type": "boolean", "description": "The cutover begins as soon as the rest is small."},
    "rounds": {"type": "integer", "description": "Sync rounds of the present direction."},
    "writes_stopped_since": {"$ref": "TimeOrNull"},
    "last_pause_ms": {"type": ["integer", "null"], "description": "How long nobody could write, the last time."},
    "max_pause_ms": {"type": "integer"},
    "created_at": {"$ref": "Time"},
    "updated_at": {"$ref": "Time"},
    "ended_at": {"$ref": "TimeOrNull"},
    "spec": {"type": "object", "description": "What it was begun with."},
    "driven": {"type": "boolean", "description": "A process drives it now: aerie migrate run."},
    "holder": {"type": ["object", "null"], "required": ["host", "pid"], "properties": {"host": {"type": "string"}, "pid": {"type": "integer"}}},
    "request": {"type": ["object", "null"], "description": "What a human is asked to approve.", "required": ["number", "text"], "properties": {"number": {"type": "integer"}, "text": {"type": "string"}}},
    "actions": {"type": "array", "description": "What would not be refused now.", "items": {"$ref": "MigrationVerb"}},
    "waiting": {"type": "array", "description": "What was said and is not answered yet.", "items": {"$ref": "MigrationCommand"}},
    "sample": {
      "type": ["object", "null"],
      "description": "What the monitor saw last.",
      "required": ["at", "source_rows", "target_rows", "difference", "error_rate", "latency_ms", "round"],
      "properties": {
        "at": {"$ref": "Time"},
        "source_rows": {"type": ["integer", "null"]},
        "target_rows": {"type": ["integer", "null"]},
        "difference": {"type": ["integer", "null"], "description": "Rows of the source less those of the target."},
        "error_rate": {"type": "number"},
        "latency_ms": {"type": ["integer", "null"]},
        "round": {"type": "integer"}
      }
    },
    "work": {
      "type": ["object", "null"],
      "description": "What is under way this moment.",
      "required": ["kind", "reads", "began_at", "rows", "rows_total", "rows_per_second", "estimated_end_at"],
      "properties": {
        "kind": {"type": "string", "enum": ["copy", "round", "audit", "proof"]},
        "reads": {"type": "string", "enum": ["source", "target"]},
        "began_at": {"$ref": "Time"},
        "rows": {"type": "integer"},
        "rows_total": {"type": ["integer", "null"]},
        "rows_per_second": {"type": "integer", "description": "0: not known."},
        "estimated_end_at": {"$ref": "TimeOrNull"}
      }
    },
    "lag_ms": {"type": ["integer", "null"], "description": "How far the other cluster may be behind."},
    "open_alerts": {
      "type": "array",
      "items": {
        "type": "object",
        "required": ["incident", "raised_at", "text"],
        "properties": {"incident": {"type": "string"}, "raised_at": {"$ref": "Time"}, "text": {"type": "string"}}
      }
    }
  }
},
"MigrationPage": {"page_of": "Migration"},
"Alert": {
  "type": "object",
  "required": ["number", "rule", "about", "severity", "state", "summary", "details", "remedy", "opened_at", "acknowledged_at", "acknowledged_by", "resolved_at"],
  "description": "An incident; docs/alerting.md has the rules.",
  "properties": {
    "number": {"type": "integer"},
    "rule": {"type": "string"},
    "about": {"type": "string"},
    "severity": {"type": "string", "enum": ["info", "warning", "error", "critical"]},
    "state": {"type": "string", "enum": ["open", "acknowledged", "resolved"]},
    "summary": {"type": "string"},
    "details": {"type": "array", "items": {"type": "string"}},
    "remedy": {"type": "string"},
    "opened_at": {"$ref": "Time"},
    "acknowledged_at": {"$ref": "TimeOrNull"},
    "acknowledged_by": {"type": ["string", "null"], "description": "Who did it, as the audit log names them."},
    "resolved_at": {"$ref": "TimeOrNull"}
  }
},
"AlertPage": {"page_of": "Alert"},
"Statistics": {
  "type": "object",
  "required": ["as_of", "stale", "clusters", "repositories", "snapshots", "verified_snapshots", "protected_collections", "protected_rows", "plain_bytes", "stored_bytes", "newest_snapshot_at", "newest_verified_at", "open_alerts", "jobs"],
  "properties": {
    "as_of": {"$ref": "TimeOrNull"},
    "stale": {"type": "boolean"},
    "clusters": {"type": "integer"},
    "repositories": {"type": "integer"},
    "snapshots": {"type": "integer"},
    "verified_snapshots": {"type": "integer"},
    "protected_collections": {"type": "integer", "description": "Each once, by its newest snapshot."},
    "protected_rows": {"type": "integer", "description": "Of these, so rows that are in many snapshots count once."},
    "plain_bytes": {"type": "integer", "description": "Of these."},
    "stored_bytes": {"type": "integer", "description": "Of all snapshots."},
    "newest_snapshot_at": {"$ref": "TimeOrNull"},
    "newest_verified_at": {"$ref": "TimeOrNull"},
    "open_alerts": {"type": "integer"},
    "jobs": {"type": "object", "description": "How many are in which state.", "additionalProperties": {"type": "integer"}}
  }
},
"StatisticsHistory": {
  "type": "object",
  "required": ["as_of", "stale", "days"],
  "properties": {
    "as_of": {"$ref": "TimeOrNull"},
    "stale": {"type": "boolean"},
    "days": {
      "type": "array",
      "description": "Oldest first, days of UTC, each there also when nothing happened.",
      "items": {
        "type": "object",
        "required": ["date", "snapshots", "rows", "stored_bytes", "stored_bytes_total", "jobs_completed", "jobs_failed"],
        "properties": {
          "date": {"type": "string", "format": "date"},
          "snapshots": {"type": "integer", "description": "Made on that day, and still there."},
          "rows": {"type": "integer", "description": "In the newest snapshots of each collection by the end of that day."},
          "stored_bytes": {"type": "integer", "description": "Added by the snapshots of that day."},
          "stored_bytes_total": {"type": "integer", "description": "Up to the end of that day, of snapshots that are still there."},
          "jobs_completed": {"type": "integer"},
          "jobs_failed": {"type": "integer", "description": "Failed, in part, or with an unknown end."}
        }
      }
    }
  }
}
})json";

constexpr const char* kCompatible = R"json({
"CompatibleAnswer": {
  "type": "object",
  "required": ["code", "message", "data"],
  "description": "code 0: done. Else the exit code of the command line, and the HTTP status says so too.",
  "properties": {"code": {"type": "integer"}, "message": {"type": "string"}, "data": {"type": ["object", "null"]}}
},
"CompatibleCreate": {
  "type": "object",
  "properties": {
    "backup_name": {"type": "string", "maxLength": 128, "description": "Becomes a tag of the snapshot."},
    "collections": {"type": "array", "maxItems": 1000, "items": {"type": "string", "maxLength": 512}},
    "collection_names": {"type": "array", "maxItems": 1000, "items": {"type": "string", "maxLength": 512}},
    "cluster": {"type": "string", "maxLength": 128},
    "repository": {"type": "string", "maxLength": 128},
    "compression": {"type": "boolean", "description": "Taken and of no effect: it is always compressed."},
    "incremental": {"type": "boolean", "description": "Taken and of no effect: each backup stores what is new, and each is whole."},
    "base_backup": {"type": "string", "maxLength": 128, "description": "As incremental."},
    "async": {"type": "boolean", "description": "true: the answer comes when the job is made, not when it ended."}
  }
},
"CompatibleName": {
  "type": "object",
  "properties": {
    "backup_name": {"type": "string", "minLength": 1, "maxLength": 128, "description": "The tag that the backup was given, or the id of the snapshot."},
    "repository": {"type": "string", "maxLength": 128},
    "async": {"type": "boolean"}
  },
  "required": ["backup_name"]
},
"CompatibleDelete": {
  "type": "object",
  "properties": {
    "backup_name": {"type": "string", "minLength": 1, "maxLength": 128},
    "repository": {"type": "string", "maxLength": 128},
    "confirm": {"$ref": "Confirm"},
    "async": {"type": "boolean"}
  },
  "required": ["backup_name"]
},
"CompatibleRestore": {
  "type": "object",
  "properties": {
    "backup_name": {"type": "string", "minLength": 1, "maxLength": 128},
    "repository": {"type": "string", "maxLength": 128},
    "cluster": {"type": "string", "maxLength": 128},
    "collections": {"type": "array", "maxItems": 1000, "items": {"type": "string", "maxLength": 512}},
    "collection_names": {"type": "array", "maxItems": 1000, "items": {"type": "string", "maxLength": 512}},
    "collection_suffix": {"type": "string", "maxLength": 128},
    "suffix": {"type": "string", "maxLength": 128},
    "async": {"type": "boolean"}
  },
  "required": ["backup_name"]
}
})json";

constexpr const char* kParameters = R"json({
"limit": {"description": "At most so many items.", "schema": {"type": "integer", "minimum": 1, "maximum": 500, "default": 50}},
"cursor": {"description": "next_cursor of the page before.", "schema": {"type": "string", "maxLength": 256}},
"state": {"description": "Only jobs in this state.", "schema": {"type": "string", "enum": ["queued", "running", "pausing", "paused", "cancelling", "interrupted", "completed", "partial", "failed", "cancelled", "unknown"]}},
"open": {"description": "true: only what has not ended, or is not resolved.", "schema": {"type": "boolean"}},
"kind": {"description": "Only jobs of this kind.", "schema": {"type": "string", "maxLength": 64}},
"schedule": {"description": "Only jobs of this schedule.", "schema": {"type": "string", "maxLength": 128}},
"repository": {"description": "Of this repository.", "schema": {"type": "string", "maxLength": 128}},
"cluster": {"description": "Of this cluster.", "schema": {"type": "string", "maxLength": 512}},
"collection": {"description": "A glob: snapshots with a collection (or database.collection) that it matches.", "schema": {"type": "string", "maxLength": 512}},
"tag": {"description": "With this tag.", "schema": {"type": "string", "maxLength": 256}},
"verified": {"description": "Only verified ones, or only those that are not.", "schema": {"type": "boolean"}},
"pinned": {"description": "Only pinned ones, or only those that are not.", "schema": {"type": "boolean"}},
"complete": {"description": "Only complete ones, or only those that are not.", "schema": {"type": "boolean"}},
"from": {"description": "Not older than that.", "schema": {"type": "string", "format": "date-time", "maxLength": 40}},
"to": {"description": "Older than that.", "schema": {"type": "string", "format": "date-time", "maxLength": 40}},
"with": {"description": "The other snapshot of the same repository.", "schema": {"type": "string", "minLength": 4, "maxLength": 32, "pattern": "^[0-9a-f]+$"}, "required": true},
"request": {"description": "The number of what was asked.", "schema": {"type": "integer", "minimum": 1, "maximum": 9007199254740991}, "required": true},
"confirm": {"description": "The name of the object, once more.", "schema": {"type": "string", "maxLength": 1024}},
"count": {"description": "So many times.", "schema": {"type": "integer", "minimum": 1, "maximum": 100, "default": 5}},
"days": {"description": "So many days up to today.", "schema": {"type": "integer", "minimum": 1, "maximum": 400, "default": 30}},
"actor": {"description": "Only what this one did, such as user:anna.", "schema": {"type": "string", "maxLength": 160}},
"action": {"description": "Only this action.", "schema": {"type": "string", "maxLength": 64}},
"object": {"description": "Only what was done to this.", "schema": {"type": "string", "maxLength": 512}},
"number": {"description": "Of the job, the incident or the command.", "schema": {"type": "integer", "minimum": 1, "maximum": 9007199254740991}},
"id": {"description": "Of a schedule, migration or token.", "schema": {"type": "string", "minLength": 1, "maxLength": 128}},
"name": {"description": "Of the configuration, or of the user.", "schema": {"type": "string", "minLength": 1, "maxLength": 128}},
"snapshot": {"description": "Id of a snapshot, or the beginning of one, 4 digits or more.", "schema": {"type": "string", "minLength": 4, "maxLength": 32, "pattern": "^[0-9a-f]+$"}}
})json";

void CompleteReferences(Json& json) {
  if (json.is_object()) {
    const auto ref = json.find("$ref");
    if (ref != json.end() && ref->is_string()) {
      *ref = "#/components/schemas/" + ref->get<std::string>();
    }
  }
  if (json.is_structured()) {
    for (Json& part : json) CompleteReferences(part);
  }
}

// Of a list that has nothing to say besides.
Json PageOf(const Json& item) {
  return {{"type", "object"},
          {"required", {"items", "next_cursor"}},
          {"properties",
           {{"items", {{"type", "array"}, {"items", {{"$ref", item}}}}},
            {"next_cursor", {{"type", {"string", "null"}}}}}}};
}

Json Parse(std::initializer_list<const char*> texts) {
  Json all = Json::object();
  for (const char* text : texts) all.update(Json::parse(text));
  for (Json& one : all) {
    if (one.contains("page_of")) one = PageOf(one["page_of"]);
  }
  CompleteReferences(all);
  return all;
}

}  // namespace

const Json& Schemas() {
  static const Json schemas = Parse({kCommon, kAccess, kJobs, kEstate, kCompatible});
  return schemas;
}

const Json& ParameterSchemas() {
  static const Json parameters = Parse({kParameters});
  return parameters;
}

}  // namespace aerie::api
