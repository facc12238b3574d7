// How old the newest verified backup may be: the alert rule's limit (docs/alerting.md), else its default.
import { useSettings } from './queries';

const defaultSeconds = 24 * 3600;
const units: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86400, w: 604800 };

/** "36h" -> 129600; null for what is no duration. */
export function secondsOf(text: unknown): number | null {
  const match = typeof text === 'string' ? /^(\d+)\s*([smhdw])$/.exec(text.trim()) : null;
  return match ? Number(match[1]) * (units[match[2] ?? ''] ?? 0) : null;
}

export function goalOf(configuration: unknown): number {
  let at: unknown = configuration;
  for (const key of ['alerts', 'rules', 'verified-backup-old', 'limit']) {
    at = typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[key] : undefined;
  }
  return secondsOf(at) ?? defaultSeconds;
}

export function useGoal(): number {
  return goalOf(useSettings().data?.configuration);
}
