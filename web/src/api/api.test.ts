import { describe, expect, it } from 'vitest';
import { goalOf, secondsOf } from './goal';
import { Problem } from './problem';
import { figuresOf } from './progress';
import { may } from './role';
import { newRules, toSend } from './rules';

describe('progress', () => {
  it('gives share, rate and time left', () => {
    const figures = figuresOf({ phase: 'read', rows: 250, rows_total: 1000, bytes: 5000, bytes_total: null, seconds: 10 });
    expect(figures).toMatchObject({ phase: 'read', share: 0.25, rowsPerSecond: 25, bytesPerSecond: 500, secondsLeft: 30 });
  });
  it('claims nothing that is not known', () => {
    expect(figuresOf(null)).toBeNull();
    expect(figuresOf({ phase: 'read', rows: 9, rows_total: null, seconds: 0.2 })).toMatchObject({
      share: null,
      rowsPerSecond: null,
      secondsLeft: null,
    });
    expect(figuresOf({ phase: 'read', rows: 1, rows_total: 100000, seconds: 5 })?.secondsLeft).toBeNull();
  });
  it('takes nothing to do for done, and never says more than all', () => {
    expect(figuresOf({ rows: 0, rows_total: 0, seconds: 2 })?.share).toBe(1);
    expect(figuresOf({ rows: 120, rows_total: 100, seconds: 2 })).toMatchObject({ share: 1, secondsLeft: null });
  });
  it('goes by bytes where no rows are counted', () => {
    expect(figuresOf({ bytes: 30, bytes_total: 60, seconds: 3 })).toMatchObject({ share: 0.5, secondsLeft: 3 });
  });
});

describe('problems', () => {
  it('are read from RFC 9457', () => {
    const problem = Problem.from(422, {
      title: 'The request is wrong',
      detail: 'when: not understood',
      kind: 'invalid',
      trace_id: 'ab',
      errors: [{ at: '/when', detail: 'not understood' }],
    });
    expect(problem).toMatchObject({ status: 422, kind: 'invalid', trace: 'ab', places: [{ where: '/when', what: 'not understood' }] });
  });
  it('are something even when the body is nothing', () => {
    expect(Problem.from(502, null)).toMatchObject({ status: 502, title: 'HTTP 502', places: [] });
    expect(Problem.of(new TypeError('Failed to fetch')).status).toBe(0);
  });
});

describe('the goal', () => {
  it('is the alert rule’s limit, else a day', () => {
    expect(goalOf({ alerts: { rules: { 'verified-backup-old': { limit: '36h' } } } })).toBe(36 * 3600);
    expect(goalOf({ alerts: { rules: {} } })).toBe(24 * 3600);
    expect(goalOf(undefined)).toBe(24 * 3600);
    expect(secondsOf('2 fortnights')).toBeNull();
  });
});

describe('roles', () => {
  it('each may what those before it may', () => {
    expect(may('admin', 'operator')).toBe(true);
    expect(may('viewer', 'viewer')).toBe(true);
    expect(may('operator', 'admin')).toBe(false);
  });
});

describe('rules of a schedule', () => {
  it('are sent without what is empty', () => {
    const sent = toSend({ ...newRules, jitter: ' 10m ', window: '' });
    expect(sent).toMatchObject({ when: 'daily at 02:00', zone: 'UTC', jitter: '10m' });
    expect(sent).not.toHaveProperty('window');
    expect(sent).not.toHaveProperty('blackouts');
  });
});
