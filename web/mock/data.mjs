// The estate of the mock: clusters, snapshots, jobs, schedules, alerts, as of `now`.

const hour = 3_600_000;
const day = 24 * hour;
const GiB = 1024 ** 3;

/** A small generator with a seed, so that each start shows the same figures. */
export function generator(seed) {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296;
    return state / 4_294_967_296;
  };
}

export const iso = (ms) => new Date(ms).toISOString();
export const hex = (random, digits) => Array.from({ length: digits }, () => Math.floor(random() * 16).toString(16)).join('');

export function emptyEstate() {
  return {
    clusters: [cluster('local', 'http://127.0.0.1:19530', { is_default: true, server_version: '2.3.5', collections: 2 })],
    collections: { local: [collection('articles', 12_400), collection('images', 3_100, { load_state: 'not_loaded' })] },
    repositories: [repository('backups', '/var/lib/aerie/backups', { is_default: true, state: 'absent', snapshots: 0, stored_bytes: 0, plain_bytes: 0 })],
    snapshots: [],
    jobs: [],
    logs: {},
    schedules: [],
    runs: {},
    alerts: [],
    migrations: [],
    migrationLogs: {},
    audit: [],
    users: [],
    tokens: [],
    history: [],
  };
}

function cluster(name, uri, more) {
  return {
    name, uri, is_default: false, state: 'up', error: null, server_version: null, checked_at: iso(Date.now() - 21_000),
    collections: null, size_bytes: null, unsized_collections: null, newest_snapshot_at: null, newest_verified_at: null, ...more,
  };
}

function collection(name, rows, more) {
  // As the server does: by the newest backup, else by a sample, which only what is loaded has.
  const row = more?.snapshot_rows ? more.snapshot_bytes / more.snapshot_rows : more?.load_state === 'not_loaded' ? null : 1_200;
  return {
    database: 'default', name, rows, size_bytes: row && Math.round(rows * row),
    size_from: row === null ? null : more?.snapshot_rows ? 'snapshot' : 'sample', load_state: 'loaded', replicas: 1, partitions: 1, fields: 6, indexes: 1, aliases: [],
    snapshot_rows: null, snapshot_bytes: null, newest_snapshot_at: null, newest_verified_at: null, ...more,
  };
}

function repository(name, url, more) {
  return {
    name, url, is_default: false, state: 'ok', error: null, encrypted: true, snapshots: null, plain_bytes: null, stored_bytes: null,
    used_bytes: null, free_bytes: null, total_bytes: null, newest_snapshot_at: null, newest_verified_at: null,
    as_of: iso(Date.now() - 38_000), stale: false, ...more,
  };
}

const prodCollections = [
  ['default', 'articles', 4_812_330, 6.1], ['default', 'articles_chunks', 31_204_118, 39.4], ['default', 'images', 2_204_871, 8.9],
  ['default', 'products', 918_204, 2.2], ['default', 'reviews', 7_340_112, 9.7], ['default', 'users_profile', 412_880, 0.9],
  ['rag', 'contracts', 188_204, 0.6], ['rag', 'tickets', 2_048_331, 3.4], ['rag', 'wiki', 640_118, 1.3], ['default', 'sessions_embeddings', 12_940_002, 17.8],
  ['default', 'faces', 84_200, 0.2], ['default', 'audio_clips', 1_204_550, 4.8],
];

export function fullEstate(now) {
  const random = generator(7);
  const snapshots = [];
  const snapshotOf = (name, version, at, rows, bytes, parts, more) => {
    const id = hex(random, 32);
    snapshots.push({
      id, repository: 'main', cluster: name, server_version: version, created_at: iso(at), finished_at: iso(at + (4 + random() * 9) * 60_000),
      host: 'backup-1', program: 'aerie 0.1.0', tags: ['schedule:nightly'], parent: null, complete: true, verified: true, pinned: false,
      exact: false, immutable_until: null, collection_count: parts.length, rows, plain_bytes: Math.round(bytes),
      stored_bytes: Math.round(bytes * (0.004 + random() * 0.012)), collections: parts, ...more,
    });
    return id;
  };
  const parts = (factor) =>
    prodCollections.map(([database, name, rows, size]) => ({
      database, name, rows: Math.round(rows * factor), bytes: Math.round(size * GiB * factor), digest: hex(random, 32), exact: false,
    }));
  const stagingParts = (factor) => parts(factor).slice(0, 4);
  const sum = (list, key) => list.reduce((total, each) => total + each[key], 0);
  for (let back = 44; back >= 0; back -= 1) {
    const factor = 1 - back * 0.0035;
    const at = now - back * day - 4.2 * hour;
    const mine = parts(factor);
    snapshotOf('prod', '2.4.15', at, sum(mine, 'rows'), sum(mine, 'bytes'), mine, {
      exact: true, verified: back !== 3,
      pinned: back === 30, ...(back === 44 ? { stored_bytes: 71.3 * GiB, tags: ['schedule:nightly', 'before-2.4'] } : {}),
      ...(back < 7 ? { immutable_until: iso(at + 7 * day) } : {}),
    });
    if (back % 2 === 0) {
      const less = stagingParts(factor * 0.1);
      snapshotOf('staging', '2.3.5', at + 1.1 * hour - (back === 0 ? 31 * hour : 0), sum(less, 'rows'), sum(less, 'bytes'), less, {
        tags: ['schedule:staging-2d'], complete: back !== 8, verified: back !== 8,
      });
    }
  }
  snapshots.sort((a, b) => b.created_at.localeCompare(a.created_at));
  for (const each of snapshots) {
    each.parent = snapshots.find((other) => other.cluster === each.cluster && other.created_at < each.created_at)?.id ?? null;
  }
  const newest = (name, verified) => snapshots.find((each) => each.cluster === name && each.complete && (!verified || each.verified));

  const collections = {
    prod: prodCollections.map(([database, name, rows, size], index) => collection(name, rows + 4_000, {
      database, replicas: index < 3 ? 2 : 1, partitions: [1, 64, 1, 12][index % 4], fields: 5 + (index % 6), indexes: 1 + (index % 3),
      load_state: ['loaded', 'loaded', 'loaded', 'loaded', 'partly_loaded', 'not_loaded'][index % 6],
      aliases: index === 0 ? ['articles_live'] : [], snapshot_rows: rows, snapshot_bytes: Math.round(size * GiB),
      newest_snapshot_at: newest('prod', false).created_at, newest_verified_at: newest('prod', true).created_at,
    })),
    staging: prodCollections.slice(0, 4).map(([database, name, rows, size]) => collection(name, Math.round(rows / 10), {
      database, snapshot_rows: Math.round(rows / 10), snapshot_bytes: Math.round((size * GiB) / 10),
      newest_snapshot_at: newest('staging', false).created_at, newest_verified_at: newest('staging', true).created_at,
    })),
    'standby-eu': [],
  };
  const clusters = [
    cluster('prod', 'milvus+tls://milvus.prod.example:19530', { is_default: true, server_version: '2.4.15', collections: 12, newest_snapshot_at: newest('prod', false).created_at, newest_verified_at: newest('prod', true).created_at }),
    cluster('staging', 'http://milvus.staging.example:19530', { server_version: '2.3.5', collections: 4, newest_snapshot_at: newest('staging', false).created_at, newest_verified_at: newest('staging', true).created_at }),
    cluster('standby-eu', 'milvus+tls://milvus.eu.example:19530', {
      state: 'down', server_version: '2.4.15', newest_snapshot_at: iso(now - 6 * hour), newest_verified_at: iso(now - 6 * hour),
      error: { kind: 'transient', message: 'connect to milvus.eu.example:19530: connection refused; is Milvus running there, and does a firewall let it through?' },
    }),
  ];
  const stored = sum(snapshots, 'stored_bytes');
  const repositories = [
    repository('main', 's3://acme-milvus-backups/main', { is_default: true, snapshots: snapshots.length, plain_bytes: sum(snapshots, 'plain_bytes'), stored_bytes: stored, newest_snapshot_at: snapshots[0].created_at, newest_verified_at: snapshots[0].created_at }),
    repository('offsite', '/mnt/offsite/aerie', { snapshots: 12, plain_bytes: 900 * GiB, stored_bytes: 88 * GiB, used_bytes: 852 * GiB, free_bytes: 148 * GiB, total_bytes: 1000 * GiB, newest_snapshot_at: iso(now - 2 * day), newest_verified_at: iso(now - 2 * day) }),
  ];
  const rules = (when, kind, job, more) => ({
    when, zone: 'Europe/Berlin', jitter: '', window: '', blackouts: [], missed: 'run-once', overlap: 'queue', priority: 0, enabled: true, kind, job, ...more,
  });
  const run = (at, outcome, reason, explanation, job, times = 1) => ({
    due_at: iso(at), last_due_at: iso(at), times, outcome, reason, explanation, job, recorded_at: iso(at + 400),
  });
  const schedules = [
    schedule('nightly', rules('daily at 02:00', 'backup', { cluster: 'prod', repository: 'main', keep: { daily: 7, weekly: 4, monthly: 12 } }, { jitter: '10m', window: '22:00-06:00', blackouts: ['2026-12-24..2026-12-26'], priority: 10 }), now),
    schedule('staging-2d', rules('0 3 */2 * *', 'backup', { cluster: 'staging', repository: 'main', keep: { last: 20 } }), now),
    schedule('prove-restore', rules('weekly on Sunday at 10:00', 'restore-test', { repository: 'main', cluster: 'prod', to: 'staging' }), now),
    schedule('reverify', rules('every weekday at 22:00', 'verify', { repository: 'main', max_duration: '2h' }), now),
    schedule('standby', rules('every 15 minutes', 'sync', { from: 'prod', to: 'standby-eu' }, { enabled: false, zone: 'UTC' }), now),
    schedule('prune-weekly', rules('weekly on Saturday at 12:00', 'prune', { repository: 'main', keep: { daily: 7, weekly: 4, monthly: 12 } }), now),
  ];
  const jobs = [];
  const logs = {};
  const job = (kind, state, startedAgo, took, more) => {
    const number = 1280 + jobs.length;
    const started = now - startedAgo;
    jobs.push({
      number, kind, state, priority: 0, schedule: null, due_at: null, created_at: iso(started - 900), queued_at: iso(started - 900),
      started_at: iso(started), ended_at: took === null ? null : iso(started + took), spec: {}, progress: null, error: null, interruptions: 0, trace_id: null,
      holder: null, actions: [], result: null, ...more,
    });
    logs[number] = [
      { seq: 1, at: iso(started - 900), kind: 'event', text: 'queued' },
      { seq: 2, at: iso(started), kind: 'event', text: 'running on backup-1' },
      { seq: 3, at: iso(started + 150), kind: 'plan', text: kind === 'backup' ? 'back up 12 collections of prod into main' : `${kind} as asked` },
      ...(took === null ? [] : [{ seq: 4, at: iso(started + took), kind: 'event', text: state }]),
    ];
    return number;
  };
  for (let back = 30; back >= 0; back -= 1) {
    const at = back * day + 4.2 * hour;
    const snapshot = snapshots.find((each) => each.cluster === 'prod' && each.created_at === iso(now - at));
    const failed = back === 9;
    job('backup', failed ? 'failed' : 'completed', at, 9.4 * 60_000, {
      schedule: 'nightly', due_at: iso(now - at - 3 * 60_000), spec: { cluster: 'prod', repository: 'main', keep: { daily: 7, weekly: 4, monthly: 12 } },
      error: failed ? { kind: 'no_space', message: 'backup of prod: write pack to s3://acme-milvus-backups/main: quota exceeded; make room or raise the quota, then run it again (what arrived is not stored again)' } : null,
      result: failed ? null : { status: 'completed', snapshot: snapshot?.id, collections: 12, rows: snapshot?.rows, bytes: snapshot?.plain_bytes, stored_bytes: snapshot?.stored_bytes, seconds: 564.2, verified: true, verify_seconds: 201.7, warnings: back === 3 ? ['default.faces: 2 keys are stored twice; the visible row of each was kept'] : [], retention: { removed: 1 } },
    });
    if (back % 7 === 2) job('restore-test', back === 2 ? 'failed' : 'completed', at - 3 * hour, 8.2 * 60_000, {
      schedule: 'prove-restore', spec: { repository: 'main', cluster: 'prod', to: 'staging' },
      error: back === 2 ? { kind: 'timeout', message: 'restore test of default.reviews: load on staging: no answer within 10m; look at the query nodes of staging, then run it again' } : null,
      result: back === 2 ? null : { status: 'completed', collection: 'default.products', rows: 918_204, seconds: 84.1, compared: true, dropped: true },
    });
    if (back % 3 === 1) job('verify', back === 10 ? 'partial' : 'completed', at - 5 * hour, 25 * 60_000, { schedule: 'reverify', spec: { repository: 'main', max_duration: '2h' }, result: { status: 'completed', snapshots: [], remaining: 3, seconds: 1504 } });
  }
  jobs.sort((a, b) => a.started_at.localeCompare(b.started_at));
  const running = job('backup', 'running', 150_000, null, {
    spec: { cluster: 'prod', repository: 'main', collections: ['articles*', 'images'], tags: ['before-reindex'] }, holder: { host: 'backup-1', pid: 4711 }, actions: ['cancel', 'pause'],
    progress: progress('read', 12_400_000, 38_221_319, 150, [['default.articles', 4_812_330, 4_812_330], ['default.articles_chunks', 7_587_670, 31_204_118], ['default.images', 0, 2_204_871]]),
  });
  logs[running].push(
    { seq: 4, at: iso(now - 149_000), kind: 'info', text: 'default.articles: 4,812,330 rows in 1,180 ranges' },
    { seq: 5, at: iso(now - 88_000), kind: 'info', text: 'default.articles: done, 4,812,330 rows, digest 3f9a0c…' },
    { seq: 6, at: iso(now - 61_000), kind: 'warning', text: 'default.articles_chunks: prod answers more slowly (p95 410 ms); reading with 1 stream instead of 2' },
  );
  job('mirror', 'paused', 3 * hour, null, { spec: { repository: 'main', to: 'offsite', last: 14 }, actions: ['cancel', 'resume'], progress: progress('write', 41_000_000, 88_000_000, 2200, []) });
  jobs.sort((a, b) => b.number - a.number);

  const runs = {
    nightly: Array.from({ length: 14 }, (_, back) => run(now - back * day - 4.25 * hour, back === 6 ? 'missed' : 'started', back === 6 ? 'late' : 'on-time', back === 6 ? 'Aerie was not running, or busy' : 'on time', back === 6 ? null : jobs.find((each) => each.schedule === 'nightly' && Math.abs(Date.parse(each.started_at) - (now - back * day - 4.2 * hour)) < hour)?.number ?? null)),
    standby: [run(now - 2 * day, 'skipped', 'disabled', 'the schedule was disabled', null, 96)],
  };
  for (const each of schedules) each.last_run = runs[each.id]?.[0] ?? null;
  const alert = (id, rule, severity, object, ago, text, remedy, details, more) => ({
    number: id, rule, severity, state: 'open', about: object, summary: text, remedy, details, opened_at: iso(now - ago), resolved_at: null, acknowledged_at: null, acknowledged_by: null, ...more,
  });
  const alerts = [
    alert(41, 'verified-backup-old', 'critical', 'staging', 6 * hour, 'staging: 4 of 4 collections have no verified backup of the last 24 h', 'look why the backups or their verification do not run (aerie job list --kind backup), then: aerie backup create --cluster staging, aerie backup verify --read-data', ['default.articles: newest verified backup 34 h old', 'default.articles_chunks: newest verified backup 34 h old', 'default.images: newest verified backup 34 h old', 'default.products: newest verified backup 34 h old']),
    alert(40, 'cluster-unreachable', 'error', 'standby-eu', 2.4 * hour, 'standby-eu does not answer: connection refused', 'look whether Milvus runs there and a firewall lets it through: aerie cluster check standby-eu', [], { state: 'acknowledged', acknowledged_at: iso(now - hour), acknowledged_by: 'user:operator' }),
    alert(38, 'storage-full', 'warning', 'offsite', 26 * hour, 'offsite: 85 % used; full in about 19 days at the pace of the last 7 days', 'make room: aerie repo prune --repo offsite, or a larger disk', []),
    alert(33, 'restore-test-failed', 'critical', 'prove-restore', 2.1 * day, 'prove-restore: the last restore test failed: load on staging: no answer within 10m', 'look at the job, put right what it names, then run the schedule again', [], { state: 'resolved', resolved_at: iso(now - 1.8 * day), acknowledged_at: iso(now - 2 * day), acknowledged_by: 'user:admin' }),
    alert(29, 'backup-failed', 'error', 'nightly', 9.1 * day, 'nightly: the last backup failed: quota exceeded', 'make room or raise the quota', [], { state: 'resolved', resolved_at: iso(now - 8.1 * day) }),
  ];
  const audit = [];
  const wrote = (ago, actor, role, action, object, outcome, detail = '', address = '10.4.1.17') => audit.push({ seq: 900 - audit.length, at: iso(now - ago), actor, role, address, action, object, outcome, detail, trace_id: hex(random, 32) });
  wrote(150_000, 'user:anna', 'admin', 'createJob', `backup ${running}`, 'done');
  wrote(hour, 'user:anna', 'admin', 'acknowledgeAlert', '40', 'done');
  wrote(3 * hour, 'user:li', 'operator', 'pauseJob', `${running + 1}`, 'done');
  wrote(5 * hour, 'user:li', 'operator', 'deleteSnapshot', snapshots[4].id, 'refused', 'takes the role admin');
  wrote(9 * hour, 'nobody', 'nobody', 'login', 'admin', 'failed', 'user or password is wrong', '203.0.113.9');
  wrote(20 * hour, 'local', 'admin', 'token create', 'prometheus', 'done', 'role viewer', '');
  for (let index = 0; index < 30; index += 1) wrote((22 + index * 7) * hour, index % 3 ? 'user:li' : 'token:ci', 'operator', index % 4 ? 'createJob' : 'replaceSchedule', index % 4 ? `verify ${1200 - index}` : 'nightly', 'done');
  const history = Array.from({ length: 365 }, (_, index) => {
    const back = 364 - index;
    const there = snapshots.filter((each) => Date.parse(each.created_at) <= now - back * day);
    const total = back > 44 ? Math.round(71.3 * GiB * (1 - (back - 44) / 420)) : sum(there, 'stored_bytes');
    return {
      date: iso(now - back * day).slice(0, 10), snapshots: back > 44 ? 1 : snapshots.filter((each) => each.created_at.slice(0, 10) === iso(now - back * day).slice(0, 10)).length,
      rows: 63_000_000 - back * 60_000, stored_bytes: Math.round(0.5 * GiB), stored_bytes_total: total,
      jobs_completed: 3 + (back % 3), jobs_failed: back === 9 || back === 2 || back % 41 === 20 ? 1 : 0,
    };
  });
  const user = (name, role, ago, login) => ({ name, role, created_at: iso(now - ago * day), last_login_at: login === null ? null : iso(now - login * hour) });
  return {
    clusters, collections, repositories, snapshots, jobs, logs, schedules, runs, alerts, audit, history, ...migrationsOf(now),
    users: [user('admin', 'admin', 200, 0.1), user('anna', 'admin', 180, 1), user('li', 'operator', 170, 3), user('operator', 'operator', 90, null), user('viewer', 'viewer', 90, 40)],
    tokens: [
      { id: 'tk_7f3a', name: 'prometheus', role: 'viewer', created_by: 'local', created_at: iso(now - 90 * day), expires_at: null, last_used_at: iso(now - 12_000) },
      { id: 'tk_91bc', name: 'ci', role: 'operator', created_by: 'user:anna', created_at: iso(now - 40 * day), expires_at: iso(now + 50 * day), last_used_at: iso(now - 9 * hour) },
    ],
  };
}

export function progress(phase, rows, total, seconds, collections) {
  return {
    phase, rows, rows_total: total, bytes: rows * 1_310, bytes_total: null, seconds,
    collections: collections.map(([name, done, all]) => ({ name, rows: done, rows_total: all, bytes: done * 1_310 })),
  };
}

export function schedule(id, rules, now) {
  return { id, rules, managed_by: id === 'nightly' ? 'configuration' : 'catalog', description: rules.when, next_due_at: null, last_run: null, created_at: iso(now - 30 * day), updated_at: iso(now - 6 * day), error: null };
}

export const way = {
  hot: ['preflight', 'copying', 'syncing', 'auditing', 'ready', 'fencing', 'last-sync', 'proving', 'switching', 'opening', 'watching', 'done'],
  back: ['fencing-target', 'last-reverse', 'proving-reverse', 'switching-back', 'opening-source', 'rolled-back'],
};
way.incremental = way.hot;

/** What may be said to it in that phase. */
export function actionsOf(migration) {
  const { phase, paused } = migration;
  if (migration.ended_at) return [];
  const approve = migration.request && migration.driven ? ['approve'] : [];
  if (way.hot.indexOf(phase) >= 0 && way.hot.indexOf(phase) < 5) return paused ? ['resume', 'rollback', 'abort'] : ['pause', 'cutover', 'rollback', 'abort'];
  if (phase === 'watching') return paused ? ['resume', 'rollback', 'complete'] : ['pause', 'rollback', 'complete'];
  if (phase === 'blocked') return ['resume', 'rollback', 'abort'];
  if (['fencing', 'last-sync', 'proving'].includes(phase)) return [...approve, 'rollback', 'abort'];
  return phase === 'switching' || phase === 'opening' ? [...approve, 'rollback'] : approve;
}

export function goTo(migration, phase, phases = way[migration.strategy]) {
  migration.phase = phase;
  migration.way = { phases, at: Math.max(0, phases.indexOf(phase)) };
  migration.updated_at = iso(Date.now());
  if (['done', 'rolled-back', 'aborted'].includes(phase)) Object.assign(migration, { ended_at: iso(Date.now()), holder: null, driven: false, work: null, lag_ms: null, request: null, paused: false });
  migration.actions = actionsOf(migration);
}

function migrationsOf(now) {
  const migrations = [];
  const migrationLogs = {};
  const migration = (id, phase, ago, more = {}, phases = undefined) => {
    const made = {
      id, strategy: 'hot', from: 'staging', to: 'standby-eu', collections: ['rag_*'], phase, about: phase, way: { phases: [], at: 0 }, paused: false, cutover_wanted: false, rounds: 0,
      writes_stopped_since: null, last_pause_ms: null, max_pause_ms: 60_000, created_at: iso(now - ago), updated_at: iso(now - ago), ended_at: null,
      spec: { auto_cutover: false, fence_command: '', fence_by_privileges: false, switch_command: './switch.sh', database: 'default' }, driven: true, holder: { host: 'backup-1', pid: 5120 }, request: null,
      actions: [], waiting: [], sample: null, work: null, lag_ms: null, open_alerts: [], ...more,
    };
    migrations.push(made);
    goTo(made, phase, phases ?? way[made.strategy]);
    made.updated_at = iso(now - 14_000);
    if (more.ended_at) made.ended_at = more.ended_at;
    migrationLogs[id] = ['preflight: backup: pass: each collection is in a verified snapshot', 'event: preflight: succeeded -> copying', 'event: copying: succeeded (2048331 rows) -> syncing', ...(['done', 'ready'].includes(phase) ? ['event: auditing: succeeded -> syncing', 'event: syncing: succeeded (12 rows) -> ready'] : [])].slice(0, phase === 'copying' || phase === 'blocked' ? 2 : undefined)
      .map((line, index) => ({ seq: index + 1, at: iso(now - ago + index * 61_000), kind: line.split(': ')[0], text: line.slice(line.indexOf(': ') + 2) }));
    return made;
  };
  const sample = (source, target, more) => ({ at: iso(now - 22_000), source_rows: source, target_rows: target, difference: source - target, error_rate: 0, latency_ms: 18, round: 12, ...more });
  migration('m5e21c07', 'ready', 3 * hour, { from: 'prod', rounds: 41, sample: sample(2_048_331, 2_048_207), lag_ms: 8_400, spec: { auto_cutover: false, fence_command: './fence.sh', fence_by_privileges: false, switch_command: './switch.sh' } });
  migration('m90b4de1', 'fencing', 1.2 * hour, {
    from: 'http://10.4.2.9:19530', to: 'prod', collections: ['contracts', 'tickets'], rounds: 18, sample: sample(188_204, 188_204, { latency_ms: 31 }), lag_ms: 3_100,
    request: { number: 7, text: 'fence the source http://10.4.2.9:19530: stop the writes of all clients to default.contracts, default.tickets there' },
  });
  migration('m3c77a90', 'copying', 0.4 * hour, {
    strategy: 'incremental', from: 'prod', collections: [], sample: sample(31_204_118, 12_118_400, { latency_ms: 64 }),
    work: { kind: 'copy', reads: 'source', began_at: iso(now - 0.35 * hour), rows: 12_118_400, rows_total: 31_204_118, rows_per_second: 9_610, estimated_end_at: iso(now + 0.55 * hour) },
    open_alerts: [{ incident: 'latency', raised_at: iso(now - 7 * 60_000), text: 'a count takes 5,410 ms, more than 5,000 ms' }],
  });
  migration('m2210fb8', 'blocked', 20 * hour, {
    collections: ['faces'], driven: false, open_alerts: [{ incident: 'blocked', raised_at: iso(now - 19 * hour), text: 'rights: fail: user aerie may not create collections at standby-eu; grant CreateCollection, or use another user; when that is mended, run it again' }],
  });
  migrations.at(-1).way = { phases: way.hot, at: 0 };
  migration('m1f00d42', 'done', 9 * day, { from: 'prod', to: 'staging', rounds: 63, last_pause_ms: 4_180, sample: sample(412_880, 412_880), ended_at: iso(now - 8.7 * day) });
  migration('m0aa91c3', 'rolled-back', 16 * day, { from: 'prod', to: 'staging', rounds: 7, last_pause_ms: 9_020, sample: sample(640_118, 640_118), ended_at: iso(now - 15.8 * day) }, way.back);
  return { migrations, migrationLogs };
}
