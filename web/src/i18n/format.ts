// Numbers, sizes and times as people read them, in a language. Pure functions.

export type Language = 'en' | 'zh';
export const intlTag = { en: 'en-GB', zh: 'zh-CN' } as const;

const binaryUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** 1536 -> "1.50 KiB"; three digits that count, whole bytes below a kibibyte. */
export function bytes(language: Language, value: number): string {
  let unit = 0;
  let scaled = value;
  while (Math.abs(scaled) >= 1000 && unit < binaryUnits.length - 1) {
    scaled /= 1024;
    unit += 1;
  }
  const digits = unit === 0 ? 0 : Math.abs(scaled) >= 100 ? 0 : Math.abs(scaled) >= 10 ? 1 : 2;
  return `${number(language, scaled, digits)} ${binaryUnits[unit] ?? ''}`;
}

export function number(language: Language, value: number, digits = 0): string {
  return new Intl.NumberFormat(intlTag[language], {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  }).format(value);
}

/** 0.934 -> "93 %". Never rounds to 0 or 100 what is not. */
export function percent(language: Language, share: number): string {
  let value = Math.round(share * 100);
  if (value === 100 && share < 1) value = 99;
  if (value === 0 && share > 0) value = 1;
  return language === 'zh' ? `${value}%` : `${value} %`;
}

/** Seconds as the two largest units: "3 h 12 min". */
export function duration(language: Language, seconds: number): string {
  const words =
    language === 'zh'
      ? { d: ' 天', h: ' 小时', m: ' 分', s: ' 秒', less: '不到 1 秒' }
      : { d: ' d', h: ' h', m: ' min', s: ' s', less: 'less than 1 s' };
  const whole = Math.round(seconds);
  if (whole < 1) return words.less;
  // Up to two days hours say more: backups are a matter of 24 of them.
  const days = whole >= 2 * 86400 ? Math.floor(whole / 86400) : 0;
  const parts: [number, string][] = [
    [days, words.d],
    [Math.floor((whole - days * 86400) / 3600), words.h],
    [Math.floor((whole % 3600) / 60), words.m],
    [whole % 60, words.s],
  ];
  const first = parts.findIndex(([n]) => n > 0);
  return parts
    .slice(first, first + 2)
    .filter(([n]) => n > 0)
    .map(([n, unit]) => `${n}${unit}`)
    .join(' ');
}

const steps: [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 31_557_600],
  ['month', 2_629_800],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
];

/** "3 hours ago", "in 12 minutes", "just now". */
export function relative(language: Language, time: Date, now: Date): string {
  const seconds = (time.getTime() - now.getTime()) / 1000;
  const format = new Intl.RelativeTimeFormat(intlTag[language], { numeric: 'always' });
  for (const [unit, size] of steps) {
    // Months hide on which day it was, and days at which hour: the smaller unit stays for a while.
    if (unit === 'month' && Math.abs(seconds) < 70 * 86_400) continue;
    if (unit === 'day' && Math.abs(seconds) < 2 * 86_400) continue;
    if (Math.abs(seconds) >= size) return format.format(Math.trunc(seconds / size), unit);
  }
  if (Math.abs(seconds) < 5) return language === 'zh' ? '刚刚' : 'just now';
  return format.format(Math.trunc(seconds), 'second');
}

/** "29 Nov 2026, 02:00:07 GMT+1". `zone`: IANA name; absent: the viewer's. */
export function absolute(language: Language, time: Date, zone?: string): string {
  return new Intl.DateTimeFormat(intlTag[language], {
    year: 'numeric',
    month: 'short',
    day: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
    timeZoneName: 'short',
    ...(zone ? { timeZone: zone } : {}),
  }).format(time);
}

/** "Sun 29 Nov, 02:00", for lists where the year is clear. */
export function short(language: Language, time: Date, zone?: string): string {
  return new Intl.DateTimeFormat(intlTag[language], {
    weekday: 'short',
    month: 'short',
    day: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
    ...(zone ? { timeZone: zone } : {}),
  }).format(time);
}

/** "29 Nov", for axes. */
export function day(language: Language, time: Date): string {
  return new Intl.DateTimeFormat(intlTag[language], { month: 'short', day: 'numeric' }).format(time);
}
