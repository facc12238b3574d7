// The catalog's tables, as the list of changes that made them. A change that was released is never
// altered: a new one is appended.
#pragma once

#include <array>

namespace aerie::catalog {

// Number n of `PRAGMA user_version` says that the first n were done. Each is one transaction.
inline constexpr std::array<const char*, 2> kChanges = {R"sql(
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
)sql"};

}  // namespace aerie::catalog
