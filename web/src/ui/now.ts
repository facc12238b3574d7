// The time, for words that grow old. One timer for all who listen, by how often they want it.
import { useSyncExternalStore } from 'react';

interface Ticker {
  now: Date;
  listeners: Set<() => void>;
  timer: number | undefined;
}

const tickers = new Map<number, Ticker>();

function tickerOf(everyMs: number): Ticker {
  let ticker = tickers.get(everyMs);
  if (!ticker) {
    ticker = { now: new Date(), listeners: new Set(), timer: undefined };
    tickers.set(everyMs, ticker);
  }
  return ticker;
}

export function useNow(everyMs = 10_000): Date {
  return useSyncExternalStore(
    (listener) => {
      const ticker = tickerOf(everyMs);
      ticker.listeners.add(listener);
      ticker.timer ??= window.setInterval(() => {
        ticker.now = new Date();
        ticker.listeners.forEach((tell) => tell());
      }, everyMs);
      return () => {
        ticker.listeners.delete(listener);
        if (ticker.listeners.size === 0) {
          window.clearInterval(ticker.timer);
          ticker.timer = undefined;
          tickers.delete(everyMs);
        }
      };
    },
    () => tickerOf(everyMs).now,
  );
}
