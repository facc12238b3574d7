// A state as a word, a shape and a colour: never the colour alone.
import type { ReactNode } from 'react';
import { Icon, type IconName } from './icons';
import styles from './status.module.css';

export type Tone = 'good' | 'warn' | 'bad' | 'busy' | 'quiet';

const signs: Record<Tone, IconName> = { good: 'check', warn: 'warn', bad: 'cross', busy: 'play', quiet: 'dot' };

export function Status({ tone, icon, children }: { tone: Tone; icon?: IconName; children: ReactNode }) {
  return (
    <span className={styles.status} data-tone={tone}>
      <Icon name={icon ?? signs[tone]} size={13} />
      <span>{children}</span>
    </span>
  );
}

export function Tag({ children }: { children: ReactNode }) {
  return <span className={styles.tag}>{children}</span>;
}
