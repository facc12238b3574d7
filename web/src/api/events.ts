// The API's events, and what they make of the data that pages have.
import type { InfiniteData, QueryClient } from '@tanstack/react-query';
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import type { Job, JobLogEntry, JobSummary, Migration } from './client';

const again = 4_000; // ms until a stream that the browser gave up is opened anew

/** Follows everything while `enabled`; whether events arrive. */
export function useEvents(enabled: boolean): boolean {
  const client = useQueryClient();
  const [live, setLive] = useState(true);
  useEffect(() => {
    if (!enabled) return;
    let first = true;
    return listen('/api/v1/events', setLive, {
      job: (data) => takeJob(client, data as JobSummary),
      schedule: () => void client.invalidateQueries({ queryKey: ['schedules'] }),
      migration: (data) => takeMigration(client, data as Migration),
      alerts: () => {
        void client.invalidateQueries({ queryKey: ['alerts'] });
        void client.invalidateQueries({ queryKey: ['statistics'] });
      },
      reset: () => {
        // A stream begins with it, when all was just read.
        if (!first) void client.invalidateQueries();
        first = false;
      },
    });
  }, [client, enabled]);
  return live;
}

interface JobPage {
  items: JobSummary[];
}

function takeJob(client: QueryClient, job: JobSummary): void {
  client.setQueryData<Job>(['job', job.number], (before) => (before ? { ...before, ...job } : before));
  let known = false;
  let ended = false;
  client.setQueriesData<InfiniteData<JobPage>>({ queryKey: ['jobs'] }, (before) => {
    if (!before) return before;
    const pages = before.pages.map((page) => ({
      ...page,
      items: page.items.map((each) => {
        if (each.number !== job.number) return each;
        known = true;
        ended ||= each.ended_at === null && job.ended_at !== null;
        return job;
      }),
    }));
    return { ...before, pages };
  });
  if (!known || ended) void client.invalidateQueries({ queryKey: ['jobs'] });
  if (job.ended_at !== null) {
    for (const key of ['snapshots', 'snapshot', 'statistics', 'repositories', 'clusters', 'schedules', 'job']) {
      void client.invalidateQueries({ queryKey: [key] });
    }
  }
}

function takeMigration(client: QueryClient, migration: Migration): void {
  const { id } = migration;
  client.setQueryData<Migration>(['migration', id], (before) => (before ? migration : before));
  let known = false;
  client.setQueryData<{ items: Migration[]; next_cursor: string | null }>(['migrations'], (before) => {
    if (!before) return before;
    const items = before.items.map((each) => {
      if (each.id !== id) return each;
      known = true;
      return migration;
    });
    return { ...before, items };
  });
  if (!known) void client.invalidateQueries({ queryKey: ['migrations'] });
  void client.invalidateQueries({ queryKey: ['migration-log', id] });
}

/** The log of a job, whole, and growing while it runs. */
export function useJobLog(number: number): JobLogEntry[] {
  const client = useQueryClient();
  const [entries, setEntries] = useState<JobLogEntry[]>([]);
  useEffect(() => {
    setEntries([]);
    return listen(`/api/v1/jobs/${number}/events`, () => undefined, {
      log: (data) => {
        const entry = data as JobLogEntry;
        // A stream that was opened anew may tell again what it told.
        setEntries((before) => ((before.at(-1)?.seq ?? -1) < entry.seq ? [...before, entry] : before));
      },
      job: (data) => takeJob(client, data as JobSummary),
      end: (data) => {
        // An answer that is still on its way is older than this.
        void client.cancelQueries({ queryKey: ['job', number] });
        client.setQueryData(['job', number], data as Job);
        return 'close';
      },
    });
  }, [client, number]);
  return entries;
}

type Handlers = Record<string, (data: unknown) => void | 'close'>;

/** Browsers keep six connections to one host over HTTP/1.1, so a tab that nobody sees gives its own back. */
function listen(url: string, tell: (live: boolean) => void, handlers: Handlers): () => void {
  let source: EventSource | null = null;
  let timer: number | undefined;
  let ended = false;
  const close = () => {
    window.clearTimeout(timer);
    source?.close();
    source = null;
  };
  const open = () => {
    const mine = new EventSource(url);
    source = mine;
    mine.onopen = () => tell(true);
    mine.onerror = () => {
      tell(false);
      // The browser tries again by itself unless the answer was no stream at all.
      if (mine.readyState === EventSource.CLOSED) timer = window.setTimeout(open, again);
    };
    for (const [name, handle] of Object.entries(handlers)) {
      mine.addEventListener(name, (event) => {
        if (handle(JSON.parse((event as MessageEvent<string>).data)) !== 'close') return;
        ended = true;
        close();
      });
    }
  };
  const look = () => {
    if (document.hidden) close();
    else if (source === null && !ended) open();
  };
  look();
  document.addEventListener('visibilitychange', look);
  return () => {
    document.removeEventListener('visibilitychange', look);
    close();
  };
}
