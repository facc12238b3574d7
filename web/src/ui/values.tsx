// Values as tables show them: short, with the exact one on hover and for screen readers.
import { Tooltip } from '@mantine/core';
import { useLocale } from '../i18n/locale';
import { useNow } from './now';
import styles from './values.module.css';

/** "3 hours ago"; on hover the instant in the viewer's zone. */
export function When({ time, missing }: { time: string | null | undefined; missing?: string }) {
  const { relative, absolute } = useLocale();
  const now = useNow();
  if (!time) return <span className={styles.none}>{missing ?? '–'}</span>;
  const date = new Date(time);
  return (
    <Tooltip label={absolute(date)}>
      <time dateTime={time} className={styles.nowrap}>
        {relative(date, now)}
      </time>
    </Tooltip>
  );
}

/** "Sun 29 Nov, 02:00"; on hover with seconds and zone. */
export function Moment({ time, zone }: { time: string; zone?: string }) {
  const { short, absolute } = useLocale();
  const date = new Date(time);
  return (
    <Tooltip label={absolute(date, zone)}>
      <time dateTime={time} className={styles.number}>
        {short(date, zone)}
      </time>
    </Tooltip>
  );
}

export function Bytes({ value }: { value: number | null | undefined }) {
  const { bytes, number } = useLocale();
  if (value === null || value === undefined) return <span className={styles.none}>–</span>;
  return (
    <Tooltip label={`${number(value)} B`} disabled={value < 1000}>
      <span className={styles.number}>{bytes(value)}</span>
    </Tooltip>
  );
}

/** "~ 1.2 GB": an estimate; on hover the number, and where it is from or what is missing in it. */
export function BytesAbout({ value, note }: { value: number | null | undefined; note?: string }) {
  const { bytes, number } = useLocale();
  if (value === null || value === undefined) return <span className={styles.none}>–</span>;
  return (
    <Tooltip label={[`~ ${number(value)} B`, note].filter(Boolean).join(' · ')}>
      <span className={styles.number}>~ {bytes(value)}</span>
    </Tooltip>
  );
}

export function Count({ value }: { value: number | null | undefined }) {
  const { number } = useLocale();
  if (value === null || value === undefined) return <span className={styles.none}>–</span>;
  return <span className={styles.number}>{number(value)}</span>;
}

/** The first eight characters of an id; on hover all of it. */
export function ShortId({ id }: { id: string }) {
  return (
    <Tooltip label={id}>
      <code className={styles.id}>{id.slice(0, 8)}</code>
    </Tooltip>
  );
}
