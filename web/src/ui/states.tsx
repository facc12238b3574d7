// Loading, empty, wrong: every part of a page is in one of these, or shows data.
import { Button } from '@mantine/core';
import type { ReactNode } from 'react';
import { Problem } from '../api/problem';
import { useLocale } from '../i18n/locale';
import { Icon, type IconName } from './icons';
import styles from './states.module.css';

export function Loading({ rows = 4 }: { rows?: number }) {
  const { t } = useLocale();
  return (
    <div className={styles.loading} role="status" aria-label={t.loading}>
      {Array.from({ length: rows }, (_, index) => (
        <div key={index} className={styles.bar} />
      ))}
    </div>
  );
}

interface EmptyProps {
  icon?: IconName;
  title: string;
  children?: ReactNode; // what to do first
  action?: ReactNode;
}

export function Empty({ icon = 'info', title, children, action }: EmptyProps) {
  return (
    <div className={styles.empty}>
      <div className={styles.emptyIcon}>
        <Icon name={icon} size={22} />
      </div>
      <p className={styles.emptyTitle}>{title}</p>
      {children ? <div className={styles.emptyText}>{children}</div> : null}
      {action ? <div className={styles.emptyAction}>{action}</div> : null}
    </div>
  );
}

/** What went wrong, in the API's own words: title, detail, remedy. */
export function ProblemNote({ error, retry }: { error: unknown; retry?: (() => void) | undefined }) {
  const { t } = useLocale();
  const problem = Problem.of(error);
  const remedy = (t.problem.remedies as Record<string, string | undefined>)[problem.kind];
  return (
    <div className={styles.problem} role="alert">
      <Icon name="warn" size={18} />
      <div>
        <p className={styles.problemTitle}>
          {problem.status === 0 ? t.problem.offline : problem.title}
          {problem.status > 0 ? <span className={styles.problemCode}>{problem.status}</span> : null}
        </p>
        <p>{problem.status === 0 ? t.problem.offlineDetail : problem.detail}</p>
        {remedy ? <p className={styles.remedy}>{remedy}</p> : null}
        {problem.places.length > 0 ? (
          <ul className={styles.places}>
            {problem.places.map((place) => (
              <li key={place.where + place.what}>
                <code>{place.where}</code> {place.what}
              </li>
            ))}
          </ul>
        ) : null}
        {problem.trace ? (
          <p className={styles.trace}>
            {t.problem.trace} <code>{problem.trace}</code>
          </p>
        ) : null}
        {retry ? (
          <Button variant="default" mt={8} onClick={retry} leftSection={<Icon name="refresh" size={14} />}>
            {t.retry}
          </Button>
        ) : null}
      </div>
    </div>
  );
}

/** One of them, for a query. What was loaded stays while newer data cannot be had. */
export function Loaded<T>({
  query,
  rows,
  children,
}: {
  query: { data: T | undefined; error: unknown; refetch: () => unknown };
  rows?: number;
  children: (data: T) => ReactNode;
}) {
  if (query.data !== undefined) {
    return (
      <>
        {query.error ? <ProblemNote error={query.error} retry={() => void query.refetch()} /> : null}
        {children(query.data)}
      </>
    );
  }
  if (query.error) return <ProblemNote error={query.error} retry={() => void query.refetch()} />;
  return <Loading rows={rows ?? 4} />;
}
