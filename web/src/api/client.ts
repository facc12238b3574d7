// The only way to the API: typed by its document, errors as Problem, changes with the CSRF token.
import createClient, { type Middleware } from 'openapi-fetch';
import { Problem } from './problem';
import type { components, paths } from './schema';

type Schemas = components['schemas'];
export type Session = Schemas['Session'];
export type Job = Schemas['Job'];
export type JobSummary = Schemas['JobSummary'];
export type JobState = Schemas['JobState'];
export type JobLogEntry = Schemas['JobLogEntry'];
export type NewJob = Schemas['NewJob'];
export type Schedule = Schemas['Schedule'];
export type ScheduleRules = Schemas['ScheduleRules'];
export type ScheduleRun = Schemas['ScheduleRun'];
export type Cluster = Schemas['Cluster'];
export type ClusterCollection = Schemas['ClusterCollection'];
export type Repository = Schemas['Repository'];
export type SnapshotSummary = Schemas['SnapshotSummary'];
export type Snapshot = Schemas['Snapshot'];
export type SnapshotCollection = Schemas['SnapshotCollection'];
export type SnapshotDiff = Schemas['SnapshotDiff'];
export type StatisticsHistory = Schemas['StatisticsHistory'];
export type AuditEntry = Schemas['AuditEntry'];
export type User = Schemas['User'];
export type Token = Schemas['Token'];
export type Role = Schemas['Role'];
export type Alert = Schemas['Alert'];
export type Migration = Schemas['Migration'];
export type MigrationCommand = Schemas['MigrationCommand'];
export type MigrationPhase = Schemas['MigrationPhase'];
export type MigrationVerb = Schemas['MigrationVerb'];

let csrfToken: string | null = null;
let whenSignedOut: () => void = () => undefined;

/** What the session says; from then on changes bear it. */
export function setCsrfToken(token: string | null): void {
  csrfToken = token;
}

/** Called when an answer says that nobody is signed in any more. */
export function onSignedOut(tell: () => void): void {
  whenSignedOut = tell;
}

const rules: Middleware = {
  onRequest({ request }) {
    if (request.method !== 'GET' && csrfToken) request.headers.set('X-CSRF-Token', csrfToken);
    return request;
  },
  async onResponse({ request, response }) {
    if (response.ok) return undefined;
    if (response.status === 401 && !request.url.endsWith('/session')) whenSignedOut();
    const body: unknown = await response.json().catch(() => null);
    throw Problem.from(response.status, body);
  },
};

export const api = createClient<paths>({ baseUrl: '' });
api.use(rules);

/** The answer's body; errors were thrown before. */
export async function body<T>(answer: Promise<{ data?: T }>): Promise<T> {
  const { data } = await answer;
  return data as T;
}

/** For requests that may be sent twice by an impatient hand: one key an intent. */
export function idempotencyKey(): string {
  // randomUUID wants TLS or localhost; getRandomValues does not.
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
