// The language of whoever looks: messages, and formats bound to it.
import { createContext, useContext, useEffect, useMemo, useState, type ReactNode } from 'react';
import { en, type Messages } from './en';
import { zh } from './zh';
import * as format from './format';
import type { Language } from './format';

const messages: Record<Language, Messages> = { en, zh };
const key = 'aerie.language';

export interface Locale {
  language: Language;
  t: Messages;
  setLanguage: (language: Language) => void;
  bytes: (value: number) => string;
  number: (value: number, digits?: number) => string;
  percent: (share: number) => string;
  duration: (seconds: number) => string;
  relative: (time: Date, now: Date) => string;
  absolute: (time: Date, zone?: string) => string;
  short: (time: Date, zone?: string) => string;
  day: (time: Date) => string;
}

const LocaleContext = createContext<Locale | null>(null);

/** What was chosen before, else the browser's first language that we have. */
export function initialLanguage(kept: string | null, wanted: readonly string[]): Language {
  if (kept === 'en' || kept === 'zh') return kept;
  for (const tag of wanted) {
    const prefix = tag.toLowerCase().split('-')[0];
    if (prefix === 'zh' || prefix === 'en') return prefix;
  }
  return 'en';
}

function kept(): string | null {
  try {
    return window.localStorage.getItem(key);
  } catch {
    return null; // storage may be forbidden
  }
}

export function LocaleProvider({ children }: { children: ReactNode }) {
  const [language, setLanguage] = useState(() => initialLanguage(kept(), navigator.languages));
  useEffect(() => {
    document.documentElement.lang = language === 'zh' ? 'zh-Hans' : 'en';
  }, [language]);
  const locale = useMemo<Locale>(
    () => ({
      language,
      t: messages[language],
      setLanguage: (next) => {
        setLanguage(next);
        try {
          window.localStorage.setItem(key, next);
        } catch {
          // It lasts as long as the page then.
        }
      },
      bytes: (value) => format.bytes(language, value),
      number: (value, digits) => format.number(language, value, digits),
      percent: (share) => format.percent(language, share),
      duration: (seconds) => format.duration(language, seconds),
      relative: (time, now) => format.relative(language, time, now),
      absolute: (time, zone) => format.absolute(language, time, zone),
      short: (time, zone) => format.short(language, time, zone),
      day: (time) => format.day(language, time),
    }),
    [language],
  );
  return <LocaleContext.Provider value={locale}>{children}</LocaleContext.Provider>;
}

export function useLocale(): Locale {
  const locale = useContext(LocaleContext);
  if (!locale) throw new Error('useLocale outside of LocaleProvider');
  return locale;
}
