// A log, the newest line last and in sight while it is followed.
import { Switch } from '@mantine/core';
import { useEffect, useRef, useState } from 'react';
import type { JobLogEntry } from '../api/client';
import { useLocale } from '../i18n/locale';
import { Panel } from './layout';
import styles from './log.module.css';
import { Empty } from './states';

const most = 1_000; // lines; a browser need not hold more

export function LogPanel({ entries }: { entries: readonly JobLogEntry[] }) {
  const { t, language, number } = useLocale();
  const [follow, setFollow] = useState(true);
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (follow && list.current) list.current.scrollTop = list.current.scrollHeight;
  }, [entries, follow]);
  return (
    <Panel
      title={t.jobs.log}
      flush
      actions={<Switch size="xs" label={t.jobs.follow} checked={follow} onChange={(event) => setFollow(event.currentTarget.checked)} />}
    >
      {entries.length === 0 ? (
        <Empty icon="audit" title={t.jobs.noLog} />
      ) : (
        // Reachable by the keyboard, since it scrolls.
        <div className={styles.log} ref={list} tabIndex={0} aria-label={t.jobs.log} role="log">
          {entries.length > most ? <p className={styles.kind}>{t.jobs.logEarlier(number(entries.length - most))}</p> : null}
          <ol>
            {entries.slice(-most).map((entry) => (
              <li key={entry.seq} data-kind={entry.kind}>
                <time dateTime={entry.at} title={new Date(entry.at).toISOString()}>
                  {new Date(entry.at).toLocaleTimeString(language === 'zh' ? 'zh-CN' : 'en-GB', { hourCycle: 'h23' })}
                </time>
                <span className={styles.kind}>{entry.kind}</span>
                <span className={styles.text}>{entry.text}</span>
              </li>
            ))}
          </ol>
        </div>
      )}
    </Panel>
  );
}
