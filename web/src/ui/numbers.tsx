import type { ReactNode } from 'react';
import styles from './numbers.module.css';

/** A few figures side by side, each under its name. */
export function Numbers({ rows }: { rows: readonly (readonly [string, ReactNode])[] }) {
  return (
    <dl className={styles.numbers}>
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
