// What pages ask for, by key. Events (events.ts) refresh these; the intervals are for what has none.
import { keepPreviousData, useInfiniteQuery, useQuery, useQueryClient, type QueryClient } from '@tanstack/react-query';
import { api, body, type JobLogEntry, type JobState, type Session } from './client';

const minute = 60_000;

export function useSession() {
  return useQuery({ queryKey: ['session'], queryFn: () => body(api.GET('/api/v1/session')), staleTime: 5 * minute });
}

/** Somebody else looks from now on: nothing that the one before saw is left. */
export function takeSession(client: QueryClient, session: Session): void {
  client.setQueryData(['session'], session);
  client.removeQueries({ predicate: (query) => query.queryKey[0] !== 'session' });
}

export function useStatistics() {
  return useQuery({ queryKey: ['statistics'], queryFn: () => body(api.GET('/api/v1/statistics')), refetchInterval: minute });
}

export function useHistory(days: number) {
  return useQuery({
    queryKey: ['statistics', 'history', days],
    queryFn: () => body(api.GET('/api/v1/statistics/history', { params: { query: { days } } })),
    placeholderData: keepPreviousData,
  });
}

export function useClusters() {
  return useQuery({ queryKey: ['clusters'], queryFn: () => body(api.GET('/api/v1/clusters')), refetchInterval: minute });
}

export function useCluster(name: string) {
  return useQuery({
    queryKey: ['clusters', name],
    queryFn: () => body(api.GET('/api/v1/clusters/{name}', { params: { path: { name } } })),
    refetchInterval: minute,
  });
}

/** All of them: a cluster has hundreds at most, and the page sorts and filters what it has. */
export function useCollections(name: string | null) {
  return useQuery({
    queryKey: ['clusters', name, 'collections'],
    enabled: name !== null,
    queryFn: async () => {
      const path = { name: name ?? '' };
      const first = await body(api.GET('/api/v1/clusters/{name}/collections', { params: { path, query: { limit: 500 } } }));
      let cursor = first.next_cursor;
      const items = [...first.items];
      while (cursor) {
        const next = await body(
          api.GET('/api/v1/clusters/{name}/collections', { params: { path, query: { limit: 500, cursor } } }),
        );
        items.push(...next.items);
        cursor = next.next_cursor;
      }
      return { ...first, items };
    },
    // A stale list is being read anew by the daemon.
    refetchInterval: (query) => (query.state.data?.stale ? 2_000 : minute),
  });
}

export function useRepositories() {
  return useQuery({
    queryKey: ['repositories'],
    queryFn: () => body(api.GET('/api/v1/repositories')),
    refetchInterval: (query) => (query.state.data?.items.some((each) => each.stale) ? 3_000 : minute),
  });
}

export interface SnapshotFilter {
  repository?: string;
  cluster?: string;
  collection?: string;
  tag?: string;
  verified?: boolean;
  pinned?: boolean;
}

export function useSnapshots(filter: SnapshotFilter) {
  return useInfiniteQuery({
    queryKey: ['snapshots', filter],
    queryFn: ({ pageParam }) =>
      body(api.GET('/api/v1/snapshots', { params: { query: { ...filter, limit: 50, ...(pageParam ? { cursor: pageParam } : {}) } } })),
    initialPageParam: '',
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    placeholderData: keepPreviousData,
    refetchInterval: (query) => (query.state.data?.pages[0]?.stale ? 3_000 : minute),
  });
}

export function useSnapshot(snapshot: string, repository: string | null) {
  return useQuery({
    queryKey: ['snapshot', snapshot, repository],
    queryFn: () =>
      body(api.GET('/api/v1/snapshots/{snapshot}', { params: { path: { snapshot }, query: repository ? { repository } : {} } })),
  });
}

export function useDiff(left: string, right: string, repository: string) {
  return useQuery({
    queryKey: ['diff', left, right, repository],
    queryFn: () =>
      body(
        api.GET('/api/v1/snapshots/{snapshot}/diff', {
          params: { path: { snapshot: left }, query: { with: right, repository } },
        }),
      ),
    staleTime: Infinity, // snapshots do not change
  });
}

export interface JobFilter {
  state?: JobState;
  open?: boolean;
  kind?: string;
  schedule?: string;
}

export function useJobs(filter: JobFilter, limit = 50) {
  return useInfiniteQuery({
    queryKey: ['jobs', filter, limit],
    queryFn: ({ pageParam }) =>
      body(api.GET('/api/v1/jobs', { params: { query: { ...filter, limit, ...(pageParam ? { cursor: pageParam } : {}) } } })),
    initialPageParam: '',
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    placeholderData: keepPreviousData,
    refetchInterval: minute,
  });
}

export function useJob(number: number) {
  return useQuery({
    queryKey: ['job', number],
    queryFn: () => body(api.GET('/api/v1/jobs/{number}', { params: { path: { number } } })),
  });
}

export function useSchedules() {
  return useQuery({
    queryKey: ['schedules'],
    queryFn: () => body(api.GET('/api/v1/schedules', { params: { query: { limit: 500 } } })),
    refetchInterval: minute,
  });
}

export function useScheduleRuns(id: string) {
  return useQuery({
    queryKey: ['schedules', id, 'runs'],
    queryFn: () => body(api.GET('/api/v1/schedules/{id}/runs', { params: { path: { id }, query: { limit: 50 } } })),
  });
}

export function useScheduleNext(id: string) {
  return useQuery({
    queryKey: ['schedules', id, 'next'],
    queryFn: () => body(api.GET('/api/v1/schedules/{id}/next', { params: { path: { id }, query: { count: 8 } } })),
  });
}

export function usePreview(rules: { when: string; zone: string; jitter: string; window: string; kind: string }) {
  return useQuery({
    queryKey: ['preview', rules],
    enabled: rules.when.trim() !== '',
    retry: false,
    placeholderData: keepPreviousData,
    queryFn: () => {
      const { when, zone, jitter, window, kind } = rules;
      return body(
        api.POST('/api/v1/schedules:preview', {
          params: { query: { count: 5 } },
          body: { when, kind, ...(zone ? { zone } : {}), ...(jitter ? { jitter } : {}), ...(window ? { window } : {}) },
        }),
      );
    },
  });
}

export function useMigrations() {
  return useQuery({ queryKey: ['migrations'], queryFn: () => body(api.GET('/api/v1/migrations')), refetchInterval: minute });
}

export function useMigration(id: string) {
  return useQuery({
    queryKey: ['migration', id],
    queryFn: () => body(api.GET('/api/v1/migrations/{id}', { params: { path: { id } } })),
    // How far the other cluster is behind grows without an event.
    refetchInterval: (query) => (query.state.data?.ended_at === null ? 5_000 : false),
  });
}

interface LogSoFar {
  entries: JobLogEntry[];
  whole: number; // of them, so many are of pages that nothing is added to any more
  cursor: string; // of the page after those
}

/** All of it, read on from where it was. */
export function useMigrationLog(id: string) {
  const client = useQueryClient();
  const queryKey = ['migration-log', id];
  return useQuery({
    queryKey,
    queryFn: async (): Promise<LogSoFar> => {
      const before = client.getQueryData<LogSoFar>(queryKey) ?? { entries: [], whole: 0, cursor: '' };
      const entries = before.entries.slice(0, before.whole);
      for (let cursor = before.cursor; ; ) {
        const page = await body(
          api.GET('/api/v1/migrations/{id}/log', { params: { path: { id }, query: { limit: 500, ...(cursor ? { cursor } : {}) } } }),
        );
        const whole = entries.length;
        entries.push(...page.items);
        if (page.next_cursor === null) return { entries, whole, cursor };
        cursor = page.next_cursor;
      }
    },
  });
}

export function useAlerts(open: boolean) {
  return useInfiniteQuery({
    queryKey: ['alerts', open],
    queryFn: ({ pageParam }) =>
      body(api.GET('/api/v1/alerts', { params: { query: { ...(open ? { open } : {}), limit: 50, ...(pageParam ? { cursor: pageParam } : {}) } } })),
    initialPageParam: '',
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    refetchInterval: minute,
  });
}

export interface AuditFilter {
  actor?: string;
  action?: string;
  object?: string;
}

export function useAudit(filter: AuditFilter) {
  return useInfiniteQuery({
    queryKey: ['audit', filter],
    queryFn: ({ pageParam }) =>
      body(api.GET('/api/v1/audit', { params: { query: { ...filter, limit: 100, ...(pageParam ? { cursor: pageParam } : {}) } } })),
    initialPageParam: '',
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    placeholderData: keepPreviousData,
  });
}

export function useSettings() {
  return useQuery({ queryKey: ['settings'], queryFn: () => body(api.GET('/api/v1/settings')), staleTime: 5 * minute });
}

export function useUsers(enabled: boolean) {
  return useQuery({ queryKey: ['users'], enabled, queryFn: () => body(api.GET('/api/v1/users')) });
}

export function useTokens(enabled: boolean) {
  return useQuery({ queryKey: ['tokens'], enabled, queryFn: () => body(api.GET('/api/v1/tokens')) });
}
