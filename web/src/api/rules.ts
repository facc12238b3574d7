// A schedule's rules, every member there (docs/scheduling.md has the defaults).
import type { Schedule, ScheduleRules } from './client';

export interface Rules {
  when: string;
  zone: string;
  jitter: string;
  window: string;
  blackouts: string[];
  missed: 'run-once' | 'skip';
  overlap: 'queue' | 'skip';
  priority: number;
  enabled: boolean;
  kind: string;
  job: Record<string, unknown>;
}

export const newRules: Rules = {
  when: 'daily at 02:00',
  zone: 'UTC',
  jitter: '',
  window: '',
  blackouts: [],
  missed: 'run-once',
  overlap: 'queue',
  priority: 0,
  enabled: true,
  kind: 'backup',
  job: {},
};

export function rulesOf(schedule: Schedule): Rules {
  return { ...newRules, ...(schedule.rules as Partial<Rules>) };
}

/** As the API takes them: what is empty is not sent. */
export function toSend(rules: Rules): ScheduleRules {
  const { zone, jitter, window, blackouts, ...rest } = rules;
  return {
    ...rest,
    ...(zone ? { zone } : {}),
    ...(jitter.trim() ? { jitter: jitter.trim() } : {}),
    ...(window.trim() ? { window: window.trim() } : {}),
    ...(blackouts.length > 0 ? { blackouts } : {}),
  };
}
