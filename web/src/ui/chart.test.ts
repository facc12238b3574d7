import { expect, it } from 'vitest';
import { byteTicks } from './chart';

const GiB = 1024 ** 3;

it.each([
  [110 * GiB, [0, 50 * GiB, 100 * GiB, 150 * GiB]],
  [9 * GiB, [0, 5 * GiB, 10 * GiB]],
  [700, [0, 500, 1000]],
  [0, [0, 1]],
])('axes of sizes have round numbers up to %d', (most, ticks) => expect(byteTicks(most)).toEqual(ticks));
