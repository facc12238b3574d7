// The time, for words that grow old. One timer for all who listen, by how often they want it.
import { useSyncExternalStore } from 'react';

interface Ticker {
  subscribe: (listener: () => void) => () => void;
  now: () => Date;
}

function makeTicker(everyMs: number): Ticker {
  const listeners = new Set<() => void>();
  let now = new Date();
  let timer: number | undefined;
  const tick = () => {
    now = new Date();
    listeners.forEach((tell) => tell());
  };
  return {
    now: () => now,
    subscribe: (listener) => {
      // Where nobody listened the time stood still.
      if (listeners.size === 0) now = new Date();
      listeners.add(listener);
      timer ??= window.setInterval(tick, everyMs);
      return () => {
        listeners.delete(listener);
        if (listeners.size > 0) return;
        window.clearInterval(timer);
        timer = undefined;
      };
    },
  };
}

const tickers = { slow: makeTicker(10_000), fast: makeTicker(1_000) };

export function useNow(pace: keyof typeof tickers = 'slow'): Date {
  const ticker = tickers[pace];
  return useSyncExternalStore(ticker.subscribe, ticker.now);
}
