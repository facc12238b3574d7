import { expect, it } from 'vitest';
import { en } from './en';
import { zh } from './zh';

function leaves(value: unknown, path = ''): [string, unknown][] {
  return typeof value === 'object' && value !== null
    ? Object.entries(value).flatMap(([key, each]) => leaves(each, path ? `${path}.${key}` : key))
    : [[path, value]];
}

// The compiler sees that each is there; not that it was translated, or says something.
it('no message is empty, and Chinese ones are Chinese', () => {
  const same = new Set(['product', 'snapshots.server', 'clusters.version']);
  for (const [path, text] of leaves(zh)) {
    const words = typeof text === 'function' ? String((text as (...all: string[]) => string)('7', '8', '9')) : String(text);
    expect(words, path).not.toBe('');
    if (!same.has(path)) expect(words, path).toMatch(/[\u4e00-\u9fff]|^7/);
  }
  expect(leaves(zh).map(([path]) => path)).toEqual(leaves(en).map(([path]) => path));
});

it('every number that a message is given is in it, in both languages', () => {
  const other = Object.fromEntries(leaves(zh));
  for (const [path, text] of leaves(en)) {
    if (typeof text !== 'function') continue;
    const say = (message: unknown) => (message as (...all: number[]) => string)(61, 62, 63);
    const numbers = (words: string) => [61, 62, 63].filter((number) => words.includes(String(number)));
    expect(numbers(say(other[path])), path).toEqual(numbers(say(text)));
  }
});
