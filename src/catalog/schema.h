// The catalog's tables, as the list of changes that made them. A change that was released is never
// altered: a new one is appended.
#pragma once

#include <array>

namespace aerie::catalog {

// Number n of `PRAGMA user_version` says that the first n were done. Each is one transaction.
inline constexpr std::array<const char*, 7> kChanges = {R"sql(
CREATE TABLE migrations (
  id TEXT PRIMARY KEY,
  spec TEXT NOT NULL,
  state TEXT NOT NULL,
  phase TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  updated_ms INTEGER NOT NULL,
  ended_ms INTEGER NOT NULL DEFAULT 0,
  epoch INTEGER NOT NULL DEFAULT 0,       -- grows with each holder
  held INTEGER NOT NULL DEFAULT 0,
  machine TEXT NOT NULL DEFAULT '',
  pid INTEGER NOT NULL DEFAULT 0,
  started INTEGER NOT NULL DEFAULT 0,
  host TEXT NOT NULL DEFAULT '',
  renewed_ms INTEGER NOT NULL DEFAULT 0,
  request INTEGER NOT NULL DEFAULT 0,     -- grows with each request
  request_text TEXT NOT NULL DEFAULT '',  -- empty: nothing is asked
  child_machine TEXT NOT NULL DEFAULT '',
  child_pid INTEGER NOT NULL DEFAULT 0,   -- 0: none
  child_started INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE log (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  migration TEXT NOT NULL REFERENCES migrations(id),
  at_ms INTEGER NOT NULL,
  kind TEXT NOT NULL,
  text TEXT NOT NULL
) STRICT;
CREATE INDEX log_of ON log (migration, seq);
CREATE TABLE commands (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  migration TEXT NOT NULL REFERENCES migrations(id),
  verb TEXT NOT NULL,
  request INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  answered_ms INTEGER NOT NULL DEFAULT 0,
  refusal TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX commands_of ON commands (migration, answered_ms, number);
CREATE TABLE alerts (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  migration TEXT NOT NULL REFERENCES migrations(id),
  incident TEXT NOT NULL,
  text TEXT NOT NULL,
  raised_ms INTEGER NOT NULL,
  resolved_ms INTEGER NOT NULL DEFAULT 0,
  raise_delivered_ms INTEGER NOT NULL DEFAULT 0,
  resolve_delivered_ms INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX alerts_open ON alerts (migration, incident) WHERE resolved_ms = 0;
CREATE TABLE samples (
  migration TEXT NOT NULL REFERENCES migrations(id),
  at_ms INTEGER NOT NULL,
  source_rows INTEGER NOT NULL,
  target_rows INTEGER NOT NULL,
  error_rate REAL NOT NULL,
  latency_ms INTEGER NOT NULL,
  round INTEGER NOT NULL
) STRICT;
CREATE INDEX samples_of ON samples (migration, at_ms);
)sql",
                                                        R"sql(
CREATE TABLE kept (
  migration TEXT NOT NULL REFERENCES migrations(id),
  key TEXT NOT NULL,
  text TEXT NOT NULL,
  PRIMARY KEY (migration, key)
) STRICT;
)sql",
                                                        R"sql(
CREATE TABLE jobs (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,
  spec TEXT NOT NULL,
  state TEXT NOT NULL,
  ended INTEGER NOT NULL DEFAULT 0,
  turn INTEGER NOT NULL DEFAULT 0,        -- 0: not to be started; of one priority, higher first
  priority INTEGER NOT NULL DEFAULT 0,
  schedule TEXT NOT NULL DEFAULT '',      -- empty: of none
  due_ms INTEGER NOT NULL DEFAULT 0,
  created_ms INTEGER NOT NULL,
  queued_ms INTEGER NOT NULL,
  started_ms INTEGER NOT NULL DEFAULT 0,  -- the last time; 0: never
  ended_ms INTEGER NOT NULL DEFAULT 0,
  checkpoint TEXT NOT NULL DEFAULT '',
  progress TEXT NOT NULL DEFAULT '',
  result TEXT NOT NULL DEFAULT '',
  error TEXT NOT NULL DEFAULT '',
  error_kind TEXT NOT NULL DEFAULT '',
  interruptions INTEGER NOT NULL DEFAULT 0,  -- in a row, without a new checkpoint
  logged INTEGER NOT NULL DEFAULT 0,         -- entries of its log, those that were dropped too
  epoch INTEGER NOT NULL DEFAULT 0,          -- grows with each holder
  held INTEGER NOT NULL DEFAULT 0,
  machine TEXT NOT NULL DEFAULT '',
  pid INTEGER NOT NULL DEFAULT 0,
  started INTEGER NOT NULL DEFAULT 0,
  host TEXT NOT NULL DEFAULT '',
  renewed_ms INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX jobs_to_start ON jobs (priority DESC, turn DESC, queued_ms, number) WHERE turn > 0;
CREATE INDEX jobs_held ON jobs (number) WHERE held = 1;
CREATE INDEX jobs_open_of ON jobs (schedule) WHERE ended = 0;
CREATE INDEX jobs_ended ON jobs (ended_ms) WHERE ended = 1;
CREATE TABLE job_log (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  job INTEGER NOT NULL REFERENCES jobs(number) ON DELETE CASCADE,
  at_ms INTEGER NOT NULL,
  kind TEXT NOT NULL,
  text TEXT NOT NULL
) STRICT;
CREATE INDEX job_log_of ON job_log (job, seq);
CREATE TABLE schedules (
  id TEXT PRIMARY KEY,
  spec TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  updated_ms INTEGER NOT NULL,
  decided_ms INTEGER NOT NULL             -- each time up to it has its row below
) STRICT;
CREATE TABLE schedule_runs (
  schedule TEXT NOT NULL REFERENCES schedules(id) ON DELETE CASCADE,
  due_ms INTEGER NOT NULL,
  last_due_ms INTEGER NOT NULL,           -- of several times in a row; else the same
  times INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  reason TEXT NOT NULL,
  waiting INTEGER NOT NULL,
  job INTEGER NOT NULL,                   -- 0: none was made
  at_ms INTEGER NOT NULL,                 -- when this was recorded
  PRIMARY KEY (schedule, due_ms)
) STRICT, WITHOUT ROWID;
CREATE INDEX schedule_runs_last ON schedule_runs (schedule, last_due_ms);
CREATE UNIQUE INDEX schedule_runs_waiting ON schedule_runs (schedule) WHERE waiting = 1;
)sql",
                                                        R"sql(
ALTER TABLE schedules ADD COLUMN origin TEXT NOT NULL DEFAULT '';  -- who made it; empty: a person
ALTER TABLE jobs ADD COLUMN rebuilt TEXT NOT NULL DEFAULT '';      -- what it was made from again
CREATE UNIQUE INDEX jobs_rebuilt ON jobs (rebuilt) WHERE rebuilt <> '';
)sql",
                                                        R"sql(
CREATE TABLE alert_watch (                -- one row: who watches
  installation TEXT NOT NULL,             -- tells receivers of alerts which catalog they are of
  changes INTEGER NOT NULL DEFAULT 0,     -- grows with each change of an incident
  epoch INTEGER NOT NULL DEFAULT 0,       -- grows with each holder
  held INTEGER NOT NULL DEFAULT 0,
  machine TEXT NOT NULL DEFAULT '',
  pid INTEGER NOT NULL DEFAULT 0,
  started INTEGER NOT NULL DEFAULT 0,
  host TEXT NOT NULL DEFAULT '',
  renewed_ms INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO alert_watch (installation) VALUES (lower(hex(randomblob(8))));
CREATE TABLE alert_incidents (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  rule TEXT NOT NULL,
  about TEXT NOT NULL,
  severity TEXT NOT NULL,
  state TEXT NOT NULL,
  opened_ms INTEGER NOT NULL,             -- 0: pending
  resolved_ms INTEGER NOT NULL,           -- 0: not yet
  acknowledged_ms INTEGER NOT NULL,
  acknowledged_by TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX alert_incidents_of ON alert_incidents (rule, about) WHERE resolved_ms = 0;
CREATE INDEX alert_incidents_over ON alert_incidents (resolved_ms);
CREATE TABLE alert_deliveries (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  channel TEXT NOT NULL,
  incident INTEGER NOT NULL REFERENCES alert_incidents(number) ON DELETE CASCADE,
  key TEXT NOT NULL,
  message TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT 'waiting',
  created_ms INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  next_ms INTEGER NOT NULL DEFAULT 0,
  ended_ms INTEGER NOT NULL DEFAULT 0,
  error TEXT NOT NULL DEFAULT '',
  UNIQUE (channel, key)
) STRICT;
CREATE INDEX alert_deliveries_waiting ON alert_deliveries (channel, incident, number)
  WHERE state = 'waiting';
CREATE INDEX alert_deliveries_of ON alert_deliveries (incident);
CREATE TABLE alert_channels (
  name TEXT PRIMARY KEY,
  delivered INTEGER NOT NULL DEFAULT 0,
  failed INTEGER NOT NULL DEFAULT 0,
  given_up INTEGER NOT NULL DEFAULT 0,
  delivered_ms INTEGER NOT NULL DEFAULT 0,
  given_up_ms INTEGER NOT NULL DEFAULT 0,
  error TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE TABLE alert_silences (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  rule TEXT NOT NULL,
  about TEXT NOT NULL,
  reason TEXT NOT NULL,
  made_by TEXT NOT NULL,
  made_ms INTEGER NOT NULL,
  until_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE alert_seen (
  thing TEXT PRIMARY KEY,
  first_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE alert_samples (
  storage TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  used_bytes INTEGER NOT NULL,
  limit_bytes INTEGER NOT NULL,
  PRIMARY KEY (storage, at_ms)
) STRICT, WITHOUT ROWID;
)sql",
                                                        R"sql(
CREATE TABLE users (
  name TEXT PRIMARY KEY,
  role TEXT NOT NULL,
  password TEXT NOT NULL,                 -- Argon2id, with its salt and costs
  created_ms INTEGER NOT NULL,
  login_ms INTEGER NOT NULL DEFAULT 0     -- the last; 0: never
) STRICT;
CREATE TABLE tokens (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  role TEXT NOT NULL,
  hash TEXT NOT NULL UNIQUE,
  owner TEXT NOT NULL DEFAULT '',         -- a user; empty: made on the command line
  created_ms INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL DEFAULT 0,  -- 0: never
  used_ms INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE sessions (
  hash TEXT PRIMARY KEY,
  user TEXT NOT NULL REFERENCES users(name) ON DELETE CASCADE,
  csrf TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  used_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_of ON sessions (user, used_ms);
CREATE TABLE audit (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  at_ms INTEGER NOT NULL,
  actor TEXT NOT NULL,
  role TEXT NOT NULL,
  address TEXT NOT NULL,
  action TEXT NOT NULL,
  object TEXT NOT NULL,
  outcome TEXT NOT NULL,                  -- begun, done, refused, failed
  detail TEXT NOT NULL,
  trace TEXT NOT NULL
) STRICT;
CREATE TABLE request_keys (
  actor TEXT NOT NULL,
  key TEXT NOT NULL,
  request TEXT NOT NULL,                  -- what was asked, as a hash
  at_ms INTEGER NOT NULL,
  status INTEGER NOT NULL DEFAULT 0,      -- 0: not answered yet
  location TEXT NOT NULL DEFAULT '',
  answer TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (actor, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX request_keys_old ON request_keys (at_ms);
)sql",
                                                        R"sql(
ALTER TABLE jobs ADD COLUMN traceparent TEXT NOT NULL DEFAULT '';  -- of the request that made it
ALTER TABLE jobs ADD COLUMN tracestate TEXT NOT NULL DEFAULT '';
)sql"};

}  // namespace aerie::catalog
