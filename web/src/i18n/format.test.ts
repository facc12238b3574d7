import { describe, expect, it } from 'vitest';
import { absolute, bytes, duration, percent, relative } from './format';
import { initialLanguage } from './locale';

describe('sizes', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '0.98 KiB'],
    [1024, '1.00 KiB'],
    [1536 * 1024, '1.50 MiB'],
    [123 * 1024 ** 3, '123 GiB'],
    [5 * 1024 ** 5, '5.00 PiB'],
    [5000 * 1024 ** 5, '5,000 PiB'],
  ])('%d is %s', (value, text) => expect(bytes('en', value)).toBe(text));
});

describe('shares never say all or nothing of what is not', () => {
  it.each([
    [0, '0 %'],
    [0.0001, '1 %'],
    [0.5, '50 %'],
    [0.9999, '99 %'],
    [1, '100 %'],
  ])('%d is %s', (share, text) => expect(percent('en', share)).toBe(text));
});

describe('durations', () => {
  it.each([
    [0.2, 'less than 1 s'],
    [59.6, '1 min'],
    [61, '1 min 1 s'],
    [3600, '1 h'],
    [3 * 3600 + 12 * 60 + 40, '3 h 12 min'],
    [86400, '24 h'],
    [86400 * 3 + 60, '3 d'],
  ])('%d is %s', (seconds, text) => expect(duration('en', seconds)).toBe(text));
  it('is Chinese in Chinese', () => expect(duration('zh', 3720)).toBe('1 小时 2 分'));
});

describe('relative times', () => {
  const now = new Date('2026-11-29T12:00:00Z');
  it.each([
    ['2026-11-29T11:59:57Z', 'just now'],
    ['2026-11-29T11:59:20Z', '40 seconds ago'],
    ['2026-11-29T09:01:00Z', '2 hours ago'],
    ['2026-11-30T12:00:00Z', 'in 24 hours'],
    ['2026-11-28T02:00:00Z', '34 hours ago'],
    ['2026-11-26T12:00:00Z', '3 days ago'],
    ['2026-11-01T12:00:00Z', '28 days ago'],
    ['2025-01-01T12:00:00Z', '1 year ago'],
  ])('%s is %s', (time, text) => expect(relative('en', new Date(time), now)).toBe(text));
});

describe('instants', () => {
  it('name their zone', () => {
    expect(absolute('en', new Date('2026-11-29T01:00:07Z'), 'Europe/Berlin')).toBe('29 Nov 2026, 02:00:07 CET');
  });
});

describe('the first language', () => {
  it.each([
    [null, ['de-DE', 'zh-TW'], 'zh'],
    [null, ['en-US', 'zh-CN'], 'en'],
    [null, ['fr'], 'en'],
    ['zh', ['en'], 'zh'],
    ['xx', ['en'], 'en'],
  ] as const)('%s, %s: %s', (kept, wanted, language) => expect(initialLanguage(kept, wanted)).toBe(language));
});
