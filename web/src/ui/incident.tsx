// An incident in a few lines: how grave, what, about what, since when, what to do.
import { Anchor } from '@mantine/core';
import { Link } from 'react-router-dom';
import type { Alert } from '../api/client';
import { useLocale } from '../i18n/locale';
import styles from './incident.module.css';
import { Status, type Tone } from './status';
import { When } from './values';

const tones: Record<Alert['severity'], Tone> = { critical: 'bad', error: 'bad', warning: 'warn', info: 'quiet' };

export function Severity({ severity }: { severity: Alert['severity'] }) {
  const { t } = useLocale();
  return (
    <Status tone={tones[severity]} icon={severity === 'info' ? 'info' : 'warn'}>
      {t.severity[severity]}
    </Status>
  );
}

export function ruleName(t: ReturnType<typeof useLocale>['t'], rule: string): string {
  return (t.rule as Record<string, string | undefined>)[rule] ?? rule;
}

export function IncidentLine({ alert }: { alert: Alert }) {
  const { t } = useLocale();
  return (
    <div className={styles.incident}>
      <div className={styles.head}>
        <Severity severity={alert.severity} />
        <Anchor component={Link} to={`/alerts/${alert.number}`} fw={550}>
          {ruleName(t, alert.rule)}
        </Anchor>
        <span className={styles.since}>
          <When time={alert.opened_at} />
        </span>
      </div>
      <p className={styles.text}>{alert.summary}</p>
    </div>
  );
}
