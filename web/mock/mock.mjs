// docs/openapi.json implemented in memory: for development, and for the page's own tests. Jobs make
// progress by a script; nothing of it is a promise about the daemon.
//
//     createMock({ scenario: 'full' | 'first', pace })   pace: how many times faster jobs run
import { randomBytes } from 'node:crypto';
import { actionsOf as wordsOf, emptyEstate, fullEstate, generator, goTo, hex, iso, progress, schedule, way } from './data.mjs';
import { preview } from './when.mjs';

const roles = ['nobody', 'viewer', 'operator', 'admin'];
const kinds = ['backup', 'verify', 'restore', 'delete', 'prune', 'copy', 'sync', 'mirror', 'restore-test', 'health-check'];
const password = 'aerie';
const titles = {
  400: ['invalid', 'The request is wrong'], 401: ['denied', 'Not signed in'], 403: ['denied', 'Not allowed'], 404: ['not_found', 'Not there'],
  409: ['refused', 'Refused'], 422: ['invalid', 'The request is wrong'], 429: ['throttled', 'Too many tries'], 503: ['transient', 'Cannot be done now'],
};

class Refusal extends Error {
  constructor(status, detail, more = {}) {
    super(detail);
    this.status = status;
    this.more = more;
  }
}

export function createMock({ scenario = 'full', pace = 1 } = {}) {
  const now = Date.now();
  const estate = scenario === 'first' ? emptyEstate() : fullEstate(now);
  const random = generator(99);
  const sessions = new Map();
  const passwords = new Map(estate.users.map((user) => [user.name, password]));
  const everything = new Set(); // SSE listeners
  const watchers = new Map(); // job number -> listeners
  const startedAt = iso(now - 3 * 86_400_000);
  let nextNumber = (estate.jobs[0]?.number ?? 0) + 1;
  const trace = () => hex(random, 32);

  // --- Events ---
  const send = (response, event, data, id) => response.write(`${id ? `id: ${id}\n` : ''}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  const summary = ({ result: _, ...rest }) => rest;
  const tellJob = (job) => {
    for (const each of everything) send(each, 'job', summary(job));
    for (const each of watchers.get(job.number) ?? []) {
      send(each, 'job', summary(job));
      if (job.ended_at) {
        send(each, 'end', job);
        each.end();
      }
    }
    if (job.ended_at) watchers.delete(job.number);
  };
  const log = (job, kind, text) => {
    const lines = (estate.logs[job.number] ??= []);
    const line = { seq: (lines.at(-1)?.seq ?? 0) + 1, at: iso(Date.now()), kind, text };
    lines.push(line);
    for (const each of watchers.get(job.number) ?? []) send(each, 'log', line, String(line.seq));
  };
  const tell = (event, data) => {
    for (const each of everything) send(each, event, data);
  };

  // --- Jobs ---
  const actionsOf = (state) =>
    state === 'running' ? ['cancel', 'pause'] : state === 'queued' ? ['cancel', 'pause'] : state === 'paused' ? ['cancel', 'resume'] : ['partial', 'failed', 'cancelled', 'unknown'].includes(state) ? ['resume'] : [];
  const move = (job, state) => {
    job.state = state;
    job.actions = actionsOf(state);
    if (state === 'running') {
      job.started_at ??= iso(Date.now());
      job.holder = { host: 'backup-1', pid: 4711 };
    }
    if (state === 'paused') job.holder = null;
    if (['completed', 'failed', 'cancelled', 'partial', 'unknown'].includes(state)) {
      job.ended_at = iso(Date.now());
      job.holder = null;
    }
    log(job, 'event', state);
    tellJob(job);
  };
  const collectionsOf = (job) => {
    const wanted = job.spec.collections ?? [];
    const globs = wanted.map((glob) => new RegExp(`^(default\\.)?${glob.replace(/[.]/g, '\\.').replace(/\*/g, '.*')}$`));
    const source = job.spec.snapshot
      ? estate.snapshots.find((each) => each.id.startsWith(job.spec.snapshot))?.collections ?? []
      : estate.collections[job.spec.cluster ?? estate.clusters[0]?.name] ?? [];
    return source.filter((each) => globs.length === 0 || globs.some((glob) => glob.test(`${each.database}.${each.name}`)));
  };
  const finish = (job) => {
    const parts = collectionsOf(job);
    const rows = parts.reduce((total, each) => total + each.rows, 0);
    const bytes = parts.reduce((total, each) => total + (each.bytes ?? each.snapshot_bytes ?? each.rows * 1_200), 0);
    const seconds = (Date.now() - Date.parse(job.started_at)) / 1000;
    job.result = { status: 'completed', rows, bytes, seconds, warnings: [], errors: [] };
    if (job.kind === 'backup') {
      const cluster = estate.clusters.find((each) => each.name === job.spec.cluster) ?? estate.clusters[0];
      const made = {
        id: hex(random, 32), repository: job.spec.repository ?? estate.repositories[0].name, cluster: cluster.name, server_version: cluster.server_version,
        created_at: job.started_at, finished_at: iso(Date.now()), host: 'backup-1', program: 'aerie 0.1.0',
        tags: [...(job.spec.tags ?? []), ...(job.schedule ? [`schedule:${job.schedule}`] : [])], parent: estate.snapshots[0]?.id ?? null,
        complete: !(job.spec.collections?.length > 0), verified: job.spec.verify !== false, pinned: false, exact: true, immutable_until: null,
        collection_count: parts.length, rows, plain_bytes: Math.round(bytes), stored_bytes: Math.round(bytes * 0.01),
        collections: parts.map((each) => ({ database: each.database, name: each.name, rows: each.rows, bytes: Math.round(each.snapshot_bytes ?? each.rows * 1_200), digest: hex(random, 32), exact: true })),
      };
      estate.snapshots.unshift(made);
      cluster.newest_snapshot_at = made.created_at;
      if (made.verified) cluster.newest_verified_at = made.created_at;
      const repository = estate.repositories.find((each) => each.name === made.repository);
      if (repository) Object.assign(repository, { state: 'ok', snapshots: (repository.snapshots ?? 0) + 1, stored_bytes: (repository.stored_bytes ?? 0) + made.stored_bytes, newest_snapshot_at: made.created_at, newest_verified_at: made.created_at });
      Object.assign(job.result, { snapshot: made.id, stored_bytes: made.stored_bytes, verified: made.verified });
      log(job, 'info', `snapshot ${made.id} is committed${made.verified ? ' and verified' : ''}`);
    }
    if (job.kind === 'verify') for (const each of estate.snapshots) if (job.spec.snapshots?.includes(each.id)) each.verified = true;
    if (job.kind === 'delete') {
      estate.snapshots = estate.snapshots.filter((each) => !job.spec.snapshots.includes(each.id));
      job.result.deleted = job.spec.snapshots;
    }
    if (job.kind === 'restore') {
      const target = (estate.collections[job.spec.to] ??= []);
      for (const part of parts) {
        const name = job.spec.rename?.[part.name] ?? job.spec.rename?.[`${part.database}.${part.name}`] ?? `${part.name}${job.spec.suffix ?? ''}`;
        target.push({ database: part.database, name, rows: part.rows, size_bytes: part.bytes ?? null, size_from: part.bytes ? 'sample' : null, load_state: job.spec.no_load ? 'not_loaded' : 'loaded', replicas: 1, partitions: 1, fields: 6, indexes: 1, aliases: [], snapshot_rows: null, snapshot_bytes: null, newest_snapshot_at: null, newest_verified_at: null });
        log(job, 'info', `${part.database}.${name}: restored, ${part.rows} rows compared by digest`);
      }
    }
    move(job, 'completed');
  };
  const advance = (seconds) => {
    const places = 2;
    let held = estate.jobs.filter((job) => ['running', 'pausing', 'cancelling'].includes(job.state)).length;
    for (const job of estate.jobs) {
      if (job.state === 'pausing') move(job, 'paused');
      else if (job.state === 'cancelling') move(job, 'cancelled');
      else if (job.state === 'running') {
        const before = job.progress ?? progress('prepare', 0, Math.max(1, collectionsOf(job).reduce((total, each) => total + each.rows, 0)), 0, []);
        const at = before.seconds + seconds;
        const total = before.rows_total;
        const length = job.long ? 600 : 14;
        const rows = Math.min(total, Math.round(before.rows + (total * seconds) / length));
        const phase = rows < total * 0.7 ? 'read' : 'verify';
        let left = rows;
        const parts = collectionsOf(job).map((each) => {
          const done = Math.min(left, each.rows);
          left -= done;
          return [`${each.database}.${each.name}`, done, each.rows];
        });
        if (before.phase !== phase) log(job, 'info', phase === 'read' ? `reading ${parts.length} collections` : 'reading back what was stored');
        job.progress = progress(phase, rows, total, at, parts);
        if (rows >= total) finish(job);
        else tellJob(job);
      }
    }
    for (const job of [...estate.jobs].reverse()) {
      if (held < places && job.state === 'queued') {
        move(job, 'running');
        held += 1;
      }
    }
  };
  // --- Migrations: what is said is answered at the next beat, and each phase that is left lasts one ---
  const commands = [];
  const note = (migration, kind, text) => {
    const lines = estate.migrationLogs[migration.id];
    lines.push({ seq: lines.length + 1, at: iso(Date.now()), kind, text });
    tell('migration', migration);
  };
  const goOn = (migration, phase, phases = migration.way.phases) => {
    const before = migration.phase;
    goTo(migration, phase, phases);
    const stops = ['last-sync', 'fencing-target'].includes(phase);
    const opens = ['watching', 'rolled-back'].includes(phase);
    if (stops) migration.writes_stopped_since = iso(Date.now());
    if (opens) Object.assign(migration, { last_pause_ms: 4_200, writes_stopped_since: null });
    note(migration, 'event', `${before}: succeeded -> ${phase}`);
  };
  const obey = (migration, command) => {
    command.state = 'obeyed';
    migration.waiting = [];
    const { verb } = command;
    if (verb === 'pause' || verb === 'resume') migration.paused = verb === 'pause';
    migration.actions = wordsOf(migration);
    note(migration, 'event', `${migration.phase}: ${verb}`);
    if (verb === 'approve') {
      migration.request = null;
      goOn(migration, 'last-sync');
    } else if (verb === 'cutover' && migration.phase === 'ready') {
      goOn(migration, 'fencing');
      const text = `fence the source ${migration.from}: stop the writes of all clients there`;
      if (!migration.spec.fence_command) Object.assign(migration, { request: { number: Date.now(), text } });
      migration.actions = wordsOf(migration);
      tell('migration', migration);
    } else if (verb === 'cutover') migration.cutover_wanted = true;
    else if (verb === 'complete') goOn(migration, 'done');
    else if (verb === 'abort') goOn(migration, 'aborted', ['aborted']);
    else if (verb === 'rollback') goOn(migration, 'fencing-target', way.back);
  };
  const moving = ['fencing', 'last-sync', 'proving', 'switching', 'opening', ...way.back.slice(0, -1)];
  const beat = () => {
    for (const migration of estate.migrations) {
      const command = commands.find((each) => each.migration === migration.id && each.state === 'waiting');
      if (command && migration.driven) obey(migration, command);
      else if (migration.pressed && !migration.request && moving.includes(migration.phase)) goOn(migration, migration.way.phases[migration.way.at + 1]);
    }
  };
  for (const job of estate.jobs) if (job.state === 'running') job.long = true;
  const timer = setInterval(() => {
    advance(0.4 * pace);
    beat();
  }, 400);
  timer.unref();
  const named = (kind, name, at) => {
    const list = kind === 'cluster' ? estate.clusters : estate.repositories;
    if (name && !list.some((each) => each.name === name)) {
      throw new Refusal(422, `no ${kind} "${name}" is configured; there are ${list.map((each) => each.name).join(', ')}`, { errors: [{ at, detail: 'not configured' }] });
    }
  };
  const planOf = (kind, spec) => {
    if (!kinds.includes(kind)) throw new Refusal(422, `no such kind of job: ${kind}`, { errors: [{ at: '/kind', detail: `one of ${kinds.join(', ')}` }] });
    named('cluster', spec.cluster, '/spec/cluster');
    named('repository', spec.repository, '/spec/repository');
    if (kind === 'restore' || kind === 'copy') named('cluster', spec.to, '/spec/to');
    if (spec.rename && spec.suffix) throw new Refusal(422, `${kind}: give --rename or --suffix, not both`);
    const job = { kind, spec };
    const parts = collectionsOf(job);
    const destroys = kind === 'delete' || kind === 'prune' || (['restore', 'copy', 'sync'].includes(kind) && (spec.on_conflict ?? 'fail') !== 'fail');
    const lines = { backup: () => [`back up ${parts.length} collections of ${spec.cluster ?? 'the default cluster'} into ${spec.repository ?? 'the default repository'}`, ...(spec.verify === false ? [] : ['read every row back and compare'])] }[kind]?.() ?? [];
    if (kind === 'restore') {
      const there = new Set((estate.collections[spec.to] ?? []).map((each) => each.name));
      lines.push(`restore ${parts.length} collections of ${spec.snapshot.slice(0, 8)} into ${spec.to}`);
      for (const part of parts) {
        const name = spec.rename?.[part.name] ?? spec.rename?.[`${part.database}.${part.name}`] ?? `${part.name}${spec.suffix ?? ''}`;
        if (there.has(name) && (spec.on_conflict ?? 'fail') === 'fail') throw new Refusal(409, `restore into ${spec.to}: collection ${name} is there already; give another suffix or name, or say replace or merge`);
        lines.push(`  ${part.name} -> ${name}: ${part.rows.toLocaleString('en')} rows${there.has(name) ? `, ${spec.on_conflict}s the one that is there` : ''}`);
      }
    }
    if (lines.length === 0) lines.push(`${kind} as asked`);
    return { kind, summary: lines.join('\n'), role: destroys || (kind === 'backup' && spec.keep) ? 'admin' : 'operator', confirm: destroys ? (kind === 'delete' ? spec.snapshots.join(',') : kind === 'prune' ? spec.repository : spec.to) ?? null : null };
  };
  const submit = (who, kind, spec, more = {}, confirm = undefined) => {
    const plan = planOf(kind, spec);
    if (roles.indexOf(who.role) < roles.indexOf(plan.role)) throw new Refusal(403, `${kind} takes the role ${plan.role}; you are ${who.role}`);
    if (plan.confirm !== null && confirm !== plan.confirm && !(kind === 'delete' && confirm === plan.confirm.slice(0, 8))) throw new Refusal(422, `${kind} may destroy something: confirm it with "${plan.confirm}"`, { errors: [{ at: '/confirm', detail: `must be ${plan.confirm}` }] });
    const at = iso(Date.now());
    const job = { number: nextNumber, kind, state: 'queued', priority: 0, schedule: null, due_at: null, created_at: at, queued_at: at, started_at: null, ended_at: null, spec, progress: null, error: null, interruptions: 0, trace_id: null, holder: null, actions: ['cancel', 'pause'], result: null, ...more };
    nextNumber += 1;
    estate.jobs.unshift(job);
    log(job, 'event', 'queued');
    log(job, 'plan', plan.summary);
    tellJob(job);
    return job;
  };

  // --- Who ---
  const whoOf = (request) => {
    if (estate.users.length === 0) return { mode: 'open', user: null, role: 'admin', session: null };
    const cookie = /aerie_session=([0-9a-f]+)/.exec(request.headers.cookie ?? '')?.[1];
    const session = sessions.get(cookie);
    const user = session && estate.users.find((each) => each.name === session.user);
    return user ? { mode: 'users', user: user.name, role: user.role, session } : { mode: 'users', user: null, role: 'nobody', session: null };
  };
  const sessionOf = (who) => ({
    mode: who.mode, authenticated: who.role !== 'nobody', user: who.user, role: who.role === 'nobody' ? null : who.role,
    csrf_token: who.session?.csrf ?? null, expires_at: who.session ? iso(Date.now() + 12 * 3_600_000) : null,
  });
  const write = (who, request, action, object, outcome, detail = '') =>
    estate.audit.unshift({ seq: (estate.audit[0]?.seq ?? 0) + 1, at: iso(Date.now()), actor: who.user ? `user:${who.user}` : who.mode === 'open' ? 'local' : 'nobody', role: who.role, address: request.socket.remoteAddress ?? '', action, object, outcome, detail, trace_id: trace() });

  // --- Lists ---
  const page = (items, query, more = {}) => {
    const limit = Number(query.get('limit') ?? 50);
    const from = Number(query.get('cursor') ?? 0);
    return { items: items.slice(from, from + limit), next_cursor: from + limit < items.length ? String(from + limit) : null, ...more };
  };
  const yes = (query, name, value) => !query.has(name) || (query.get(name) === 'true') === value;
  const is = (query, name, value) => !query.has(name) || query.get(name) === value;
  const find = (list, key, value, what) => {
    const found = list.find((each) => String(each[key]) === value);
    if (!found) throw new Refusal(404, `${what} ${value} is not there`);
    return found;
  };
  const snapshotAt = (id, query) => {
    const found = estate.snapshots.find((each) => each.id.startsWith(id) && is(query, 'repository', each.repository));
    if (!found) throw new Refusal(404, `snapshot ${id} is not in ${query.get('repository') ?? 'any repository'}; list what is there with aerie backup list`);
    return found;
  };
  const sized = (cluster) => {
    const collections = cluster.collections === null ? null : estate.collections[cluster.name];
    if (!collections) return cluster;
    const known = collections.filter((each) => each.size_bytes !== null);
    return { ...cluster, size_bytes: known.reduce((total, each) => total + each.size_bytes, 0), unsized_collections: collections.length - known.length };
  };
  const shortSnapshot = ({ collections: _, ...rest }) => rest;
  const glob = (pattern) => new RegExp(`^${pattern.replace(/[.]/g, '\\.').replace(/\*/g, '.*')}$`);
  const freshSchedule = (each) => ({ ...each, next_due_at: each.rules.enabled ? preview(each.rules, 1, Date.now())?.next[0]?.due_at ?? null : null, description: preview(each.rules, 1, Date.now())?.description ?? '' });
  const previewOf = (rules, query) => {
    const found = preview(rules, Number(query.get('count') ?? 5), Date.now());
    if (!found) throw new Refusal(422, `when "${rules.when}": neither known words nor cron; say daily at 02:00, every 6 hours, weekly on Sunday at 03:30, or five fields of cron`, { errors: [{ at: '/when', detail: 'not understood' }] });
    return found;
  };

  const routes = [
    ['GET', '/session', 'nobody', ({ who }) => sessionOf(who)],
    ['POST', '/session', 'nobody', ({ body, response }) => {
      const user = estate.users.find((each) => each.name === body.user);
      if (!user || passwords.get(user.name) !== body.password) throw new Refusal(401, 'user or password is wrong');
      const key = randomBytes(16).toString('hex');
      const session = { user: user.name, csrf: randomBytes(16).toString('hex') };
      sessions.set(key, session);
      user.last_login_at = iso(Date.now());
      response.setHeader('Set-Cookie', `aerie_session=${key}; Path=/; HttpOnly; SameSite=Strict`);
      return sessionOf({ mode: 'users', user: user.name, role: user.role, session });
    }],
    ['DELETE', '/session', 'nobody', ({ response }) => {
      response.setHeader('Set-Cookie', 'aerie_session=; Path=/; Max-Age=0');
      return sessionOf({ mode: 'users', user: null, role: 'nobody', session: null });
    }],
    ['POST', '/session/password', 'viewer', ({ who, body }) => {
      if (passwords.get(who.user) !== body.old_password) throw new Refusal(403, 'the current password is wrong');
      passwords.set(who.user, body.new_password);
      return sessionOf(who);
    }],
    ['GET', '/users', 'admin', ({ query }) => page(estate.users, query)],
    ['POST', '/users', 'admin', ({ body }) => {
      if (estate.users.some((each) => each.name === body.name)) throw new Refusal(409, `user ${body.name} is there already`);
      if (estate.users.length === 0 && body.role !== 'admin') throw new Refusal(409, 'the first user must be an admin');
      const user = { name: body.name, role: body.role, created_at: iso(Date.now()), last_login_at: null };
      estate.users.push(user);
      passwords.set(user.name, body.password);
      return user;
    }, 201],
    ['PATCH', '/users/:name', 'admin', ({ params, body }) => {
      const user = find(estate.users, 'name', params.name, 'user');
      if (body.password) passwords.set(user.name, body.password);
      return Object.assign(user, body.role ? { role: body.role } : {});
    }],
    ['DELETE', '/users/:name', 'admin', ({ params, query }) => {
      const user = find(estate.users, 'name', params.name, 'user');
      if (query.get('confirm') !== user.name) throw new Refusal(422, `confirm with ${user.name}`);
      estate.users = estate.users.filter((each) => each !== user);
      return null;
    }, 204],
    ['GET', '/tokens', 'admin', ({ query }) => page(estate.tokens, query)],
    ['POST', '/tokens', 'admin', ({ who, body }) => {
      const token = { id: `tk_${hex(random, 4)}`, name: body.name, role: body.role, created_by: who.user ? `user:${who.user}` : 'local', created_at: iso(Date.now()), expires_at: body.expires_in ? iso(Date.now() + parseInt(body.expires_in, 10) * 86_400_000) : null, last_used_at: null };
      estate.tokens.unshift(token);
      return { ...token, token: `aerie_${hex(random, 40)}` };
    }, 201],
    ['DELETE', '/tokens/:id', 'admin', ({ params }) => {
      const token = find(estate.tokens, 'id', params.id, 'token');
      estate.tokens = estate.tokens.filter((each) => each !== token);
      return null;
    }, 204],
    ['GET', '/audit', 'admin', ({ query }) => page(estate.audit.filter((each) => is(query, 'actor', each.actor) && is(query, 'action', each.action) && is(query, 'object', each.object)), query)],
    ['GET', '/settings', 'viewer', ({ who }) => ({
      version: '0.1.0', started_at: startedAt, config_file: '/etc/aerie/aerie.yaml', listen: '127.0.0.1:8710', tls: false, mode: who.mode, kinds,
      configuration: {
        clusters: Object.fromEntries(estate.clusters.map((each) => [each.name, { uri: each.uri, password: '***' }])),
        repositories: Object.fromEntries(estate.repositories.map((each) => [each.name, { url: each.url }])),
        serve: { data_dir: '/var/lib/aerie', places: 2, keep_history: '400d' }, api: { listen: '127.0.0.1:8710', session_idle: '12h' },
        alerts: { interval: '1m', rules: { 'verified-backup-old': { limit: '24h' } }, channels: { mail: { type: 'email', host: 'smtp.example.com', to: ['ops@example.com'] } } },
      },
    })],
    ['GET', '/jobs', 'viewer', ({ query }) => page(estate.jobs.filter((job) => is(query, 'state', job.state) && is(query, 'kind', job.kind) && is(query, 'schedule', job.schedule) && yes(query, 'open', job.ended_at === null)).map(summary), query)],
    ['POST', '/jobs', 'operator', ({ who, body }) => submit(who, body.kind, body.spec, {}, body.confirm), 202],
    ...['plan', 'preview'].map((look) => ['POST', `/jobs:${look}`, 'operator', ({ body }) => planOf(body.kind, body.spec)]),
    ['GET', '/jobs/:number', 'viewer', ({ params }) => find(estate.jobs, 'number', params.number, 'job')],
    ['GET', '/jobs/:number/log', 'viewer', ({ params, query }) => page(estate.logs[params.number] ?? [], query)],
    ...['cancel', 'pause', 'resume'].map((act) => ['POST', `/jobs/:number/${act}`, 'operator', ({ params }) => {
      const job = find(estate.jobs, 'number', params.number, 'job');
      if (!job.actions.includes(act)) throw new Refusal(409, `job ${job.number} is ${job.state}: it cannot be told to ${act}`);
      move(job, act === 'resume' ? 'queued' : job.state === 'running' ? (act === 'cancel' ? 'cancelling' : 'pausing') : act === 'cancel' ? 'cancelled' : 'paused');
      return job;
    }]),
    ['GET', '/schedules', 'viewer', ({ query }) => page(estate.schedules.map(freshSchedule), query)],
    ['POST', '/schedules', 'operator', ({ body }) => {
      if (estate.schedules.some((each) => each.id === body.id)) throw new Refusal(409, `schedule ${body.id} is there already`);
      previewOf(body.rules, new URLSearchParams());
      const made = schedule(body.id, { zone: 'UTC', jitter: '', window: '', blackouts: [], missed: 'run-once', overlap: 'queue', priority: 0, enabled: true, job: {}, ...body.rules }, Date.now());
      estate.schedules.push(made);
      tell('schedule', { id: made.id, removed: false });
      return freshSchedule(made);
    }, 201],
    ['POST', '/schedules:preview', 'viewer', ({ body, query }) => previewOf(body, query)],
    ['GET', '/schedules/:id', 'viewer', ({ params }) => freshSchedule(find(estate.schedules, 'id', params.id, 'schedule'))],
    ['PUT', '/schedules/:id', 'operator', ({ params, body }) => {
      const found = find(estate.schedules, 'id', params.id, 'schedule');
      if (found.managed_by === 'configuration') throw new Refusal(409, `schedule ${found.id} is of the configuration: change it there, and start the daemon again`);
      previewOf(body, new URLSearchParams());
      found.rules = { zone: 'UTC', jitter: '', window: '', blackouts: [], missed: 'run-once', overlap: 'queue', priority: 0, enabled: true, job: {}, ...body };
      found.updated_at = iso(Date.now());
      tell('schedule', { id: found.id, removed: false });
      return freshSchedule(found);
    }],
    ['DELETE', '/schedules/:id', 'admin', ({ params, query }) => {
      const found = find(estate.schedules, 'id', params.id, 'schedule');
      if (query.get('confirm') !== found.id) throw new Refusal(422, `confirm with ${found.id}`);
      estate.schedules = estate.schedules.filter((each) => each !== found);
      return null;
    }, 204],
    ['GET', '/schedules/:id/next', 'viewer', ({ params, query }) => previewOf(find(estate.schedules, 'id', params.id, 'schedule').rules, query)],
    ['GET', '/schedules/:id/runs', 'viewer', ({ params, query }) => page(estate.runs[params.id] ?? [], query)],
    ['POST', '/schedules/:id/run', 'operator', ({ params }) => {
      const found = find(estate.schedules, 'id', params.id, 'schedule');
      // Whoever made the schedule had the role and confirmed it.
      return submit({ role: 'admin' }, found.rules.kind, found.rules.job, { schedule: found.id }, planOf(found.rules.kind, found.rules.job).confirm ?? undefined);
    }, 202],
    ['GET', '/clusters', 'viewer', ({ query }) => page(estate.clusters.map(sized), query)],
    ['GET', '/clusters/:name', 'viewer', ({ params }) => sized(find(estate.clusters, 'name', params.name, 'cluster'))],
    ['GET', '/clusters/:name/collections', 'viewer', ({ params, query }) => {
      const cluster = find(estate.clusters, 'name', params.name, 'cluster');
      if (cluster.state === 'down') throw new Refusal(503, cluster.error.message);
      return page(estate.collections[cluster.name] ?? [], query, { as_of: iso(Date.now() - 9_000), stale: false });
    }],
    ['GET', '/repositories', 'viewer', ({ query }) => page(estate.repositories, query)],
    ['GET', '/repositories/:name', 'viewer', ({ params }) => find(estate.repositories, 'name', params.name, 'repository')],
    ['GET', '/snapshots', 'viewer', ({ query }) => {
      const fits = estate.snapshots.filter((each) => is(query, 'repository', each.repository) && is(query, 'cluster', each.cluster) && yes(query, 'verified', each.verified) && yes(query, 'pinned', each.pinned) &&
        (!query.has('tag') || each.tags.includes(query.get('tag'))) && (!query.has('collection') || each.collections.some((part) => glob(query.get('collection')).test(part.name))));
      return page(fits.map(shortSnapshot), query, { total: fits.length, as_of: iso(Date.now() - 38_000), stale: false, errors: [] });
    }],
    ['GET', '/snapshots/:snapshot', 'viewer', ({ params, query }) => snapshotAt(params.snapshot, query)],
    ['GET', '/snapshots/:snapshot/diff', 'viewer', ({ params, query }) => {
      const left = snapshotAt(params.snapshot, query);
      const right = snapshotAt(query.get('with'), query);
      const collections = right.collections.map((part, index) => {
        const before = left.collections.find((each) => each.name === part.name);
        const grown = before ? part.rows - before.rows : part.rows;
        const state = !before ? 'only_right' : index % 4 === 3 ? 'same' : 'differs';
        return { database: part.database, name: part.name, state, rows_left: before?.rows ?? 0, rows_right: part.rows, missing: state === 'same' ? 0 : Math.max(0, -grown) + 31 * index, extra: state === 'same' ? 0 : Math.max(0, grown) + 31 * index, changed: state === 'differs' ? Math.round(part.rows * 0.002) : 0, spec: index === 2 ? ['index embedding_idx: M 16 -> 32'] : [], error: null };
      });
      return { left: left.id, right: right.id, same: left.id === right.id, collections };
    }],
    ...[['pin', true], ['unpin', false]].map(([act, pinned]) => ['POST', `/snapshots/:snapshot/${act}`, 'operator', ({ params, query }) => Object.assign(snapshotAt(params.snapshot, query), { pinned })]),
    ['POST', '/snapshots/:snapshot/verify', 'operator', ({ who, params, query }) => {
      const found = snapshotAt(params.snapshot, query);
      return submit(who, 'verify', { repository: found.repository, snapshots: [found.id] });
    }, 202],
    ['DELETE', '/snapshots/:snapshot', 'admin', ({ who, params, query }) => {
      const found = snapshotAt(params.snapshot, query);
      if (found.pinned) throw new Refusal(409, `snapshot ${found.id.slice(0, 8)} is pinned: aerie backup unpin ${found.id.slice(0, 8)}`);
      if (query.get('confirm') !== found.id) throw new Refusal(422, `confirm with ${found.id}`);
      const spec = { repository: found.repository, snapshots: [found.id] };
      return submit(who, 'delete', spec, {}, planOf('delete', spec).confirm);
    }, 202],
    ['GET', '/migrations', 'viewer', ({ query }) => page(estate.migrations.filter((each) => yes(query, 'open', each.ended_at === null)), query)],
    ['GET', '/migrations/:id', 'viewer', ({ params }) => find(estate.migrations, 'id', params.id, 'migration')],
    ['GET', '/migrations/:id/log', 'viewer', ({ params, query }) => {
      find(estate.migrations, 'id', params.id, 'migration');
      return page(estate.migrationLogs[params.id], query);
    }],
    ...[['approve', 'operator'], ['pause', 'operator'], ['resume', 'operator'], ['cutover', 'admin'], ['rollback', 'admin'], ['complete', 'admin'], ['abort', 'admin']].map(([verb, role]) => ['POST', `/migrations/:id/${verb}`, role, ({ params, query }) => {
      const migration = find(estate.migrations, 'id', params.id, 'migration');
      if (role === 'admin' && query.get('confirm') !== migration.id) throw new Refusal(422, `${verb} the migration: confirm with "${migration.id}"`);
      if (verb === 'approve' && Number(query.get('request')) !== migration.request?.number) throw new Refusal(409, `migration ${migration.id}: nothing waits for an approval`);
      if (!migration.actions.includes(verb)) throw new Refusal(409, `migration ${migration.id}: ${verb} is not possible in state ${migration.phase}`);
      const command = { number: commands.length + 1, migration: migration.id, verb, said_at: iso(Date.now()), state: 'waiting', refusal: null };
      commands.push(command);
      migration.pressed = true;
      migration.waiting.push(command);
      if (!migration.driven && verb === 'abort') obey(migration, command);
      tell('migration', migration);
      return command;
    }, 202]),
    ['GET', '/migrations/:id/commands/:number', 'viewer', ({ params }) => find(commands, 'number', params.number, 'command')],
    ['GET', '/alerts', 'viewer', ({ query }) => page(estate.alerts.filter((each) => yes(query, 'open', each.resolved_at === null)), query)],
    ['GET', '/alerts/:number', 'viewer', ({ params }) => find(estate.alerts, 'number', params.number, 'alert')],
    ['POST', '/alerts/:number/acknowledge', 'operator', ({ who, params }) => {
      const found = Object.assign(find(estate.alerts, 'number', params.number, 'alert'), { state: 'acknowledged', acknowledged_at: iso(Date.now()), acknowledged_by: who.user ? `user:${who.user}` : 'local' });
      tell('alerts', { open: estate.alerts.filter((each) => each.resolved_at === null).length });
      return found;
    }],
    ['GET', '/statistics', 'viewer', () => {
      const jobs = {};
      for (const job of estate.jobs) jobs[job.state] = (jobs[job.state] ?? 0) + 1;
      const newest = estate.clusters.flatMap((cluster) => estate.snapshots.find((each) => each.cluster === cluster.name)?.collections ?? []);
      return {
        as_of: iso(Date.now() - 38_000), stale: false, clusters: estate.clusters.length, repositories: estate.repositories.length, snapshots: estate.snapshots.length,
        verified_snapshots: estate.snapshots.filter((each) => each.verified).length, protected_collections: newest.length,
        protected_rows: newest.reduce((total, each) => total + each.rows, 0), plain_bytes: newest.reduce((total, each) => total + each.bytes, 0),
        stored_bytes: estate.snapshots.reduce((total, each) => total + each.stored_bytes, 0), newest_snapshot_at: estate.snapshots[0]?.created_at ?? null,
        newest_verified_at: estate.snapshots.find((each) => each.verified)?.created_at ?? null, open_alerts: estate.alerts.filter((each) => each.resolved_at === null).length, jobs,
      };
    }],
    ['GET', '/statistics/history', 'viewer', ({ query }) => ({ as_of: iso(Date.now()), stale: false, days: estate.history.slice(-Number(query.get('days') ?? 30)) })],
  ].map(([method, path, role, run, status]) => ({
    method, role, run, status: status ?? 200, name: path,
    pattern: new RegExp(`^/api/v1${path.replace(/:(\w+)/g, (whole, name, at) => (at > 0 && path[at - 1] === '/' ? `(?<${name}>[^/]+)` : whole))}$`),
  }));

  const read = async (request) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    return text ? JSON.parse(text) : {};
  };
  const answer = (response, status, body, type = 'application/json') => {
    response.statusCode = status;
    response.setHeader('Cache-Control', 'no-store');
    if (status === 204) return response.end();
    response.setHeader('Content-Type', type);
    return response.end(JSON.stringify(body));
  };
  const refuse = (response, status, detail, more = {}) => {
    const [kind, title] = titles[status] ?? ['failed', 'Failed'];
    answer(response, status, { type: `urn:aerie:problem:${kind}`, title, status, detail, kind, trace_id: trace(), ...more }, 'application/problem+json');
  };
  const stream = (request, response, job) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
    if (job) {
      const after = Number(request.headers['last-event-id'] ?? 0);
      for (const line of estate.logs[job.number] ?? []) if (line.seq > after) send(response, 'log', line, String(line.seq));
      send(response, 'job', summary(job));
      if (job.ended_at) {
        send(response, 'end', job);
        response.end();
        return;
      }
      if (!watchers.has(job.number)) watchers.set(job.number, new Set());
      watchers.get(job.number).add(response);
      response.on('close', () => watchers.get(job.number)?.delete(response));
    } else {
      send(response, 'reset', {});
      everything.add(response);
      response.on('close', () => everything.delete(response));
    }
  };

  const handle = async (request, response) => {
    const url = new URL(request.url, 'http://mock');
    const who = whoOf(request);
    const may = (role) => roles.indexOf(who.role) >= roles.indexOf(role);
    const watched = /^\/api\/v1\/jobs\/(\d+)\/events$/.exec(url.pathname);
    if (url.pathname === '/api/v1/events' || watched) {
      if (!may('viewer')) return refuse(response, 401, 'sign in first');
      const job = watched && estate.jobs.find((each) => each.number === Number(watched[1]));
      return watched && !job ? refuse(response, 404, `job ${watched[1]} is not there`) : stream(request, response, job);
    }
    const route = routes.find((each) => each.method === request.method && each.pattern.test(url.pathname));
    if (!route) return refuse(response, 404, `${request.method} ${url.pathname} is not of the API`);
    if (!may(route.role)) return refuse(response, who.role === 'nobody' ? 401 : 403, who.role === 'nobody' ? 'sign in first' : `this takes the role ${route.role}; you are ${who.role}`);
    if (request.method !== 'GET' && who.session && request.headers['x-csrf-token'] !== who.session.csrf) return refuse(response, 403, 'the CSRF token is missing or wrong');
    const params = Object.fromEntries(Object.entries(route.pattern.exec(url.pathname).groups ?? {}).map(([key, value]) => [key, decodeURIComponent(value)]));
    try {
      const body = request.method === 'GET' ? {} : await read(request);
      const result = route.run({ who, params, query: url.searchParams, body, request, response });
      if (request.method !== 'GET' && !route.name.includes(':p')) write(who, request, route.name.slice(1), Object.values(params).join(' '), 'done');
      return answer(response, route.status, result);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return refuse(response, error.status, error.message, error.more);
    }
  };
  return { handle, estate, close: () => clearInterval(timer) };
}
