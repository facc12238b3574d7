// How a migration is shown in the list and on its own page.
import type { Migration, MigrationPhase } from '../../api/client';
import { useLocale } from '../../i18n/locale';
import type { IconName } from '../../ui/icons';
import { Icon } from '../../ui/icons';
import { Status, type Tone } from '../../ui/status';
import styles from './migrations.module.css';

function lookOf(migration: Migration): [Tone, IconName?] {
  switch (migration.phase) {
    case 'done':
      return ['good'];
    case 'rolled-back':
      return ['warn', 'restore'];
    case 'aborted':
      return ['quiet', 'stop'];
    case 'blocked':
      return ['bad'];
    default:
      if (migration.request || migration.writes_stopped_since) return ['warn'];
      if (migration.paused) return ['warn', 'pause'];
      return migration.phase === 'ready' ? ['good', 'clock'] : ['busy'];
  }
}

export function MigrationStatus({ migration }: { migration: Migration }) {
  const { t } = useLocale();
  const [tone, icon] = lookOf(migration);
  return (
    <Status tone={tone} {...(icon ? { icon } : {})}>
      {t.migrationPhase[migration.phase]}
      {migration.paused ? ` · ${t.migrations.paused}` : ''}
    </Status>
  );
}

/** The phases of its way, and where it is on it. */
export function Way({ migration }: { migration: Migration }) {
  const { t } = useLocale();
  const { phases, at } = migration.way;
  const ended = migration.ended_at !== null;
  const markOf = (index: number) => (index < at || ended ? 'done' : index === at ? 'here' : 'ahead');
  return (
    <ol className={styles.way} aria-label={t.migrations.way}>
      {phases.map((phase: MigrationPhase, index) => (
        <li key={phase} data-mark={markOf(index)} aria-current={markOf(index) === 'here' ? 'step' : undefined}>
          <span className={styles.mark} aria-hidden="true">
            {markOf(index) === 'done' ? <Icon name="check" size={12} /> : index + 1}
          </span>
          <span>{t.migrationPhase[phase]}</span>
        </li>
      ))}
    </ol>
  );
}

export function collectionsOf(t: ReturnType<typeof useLocale>['t'], migration: Migration): string {
  return migration.collections.length > 0 ? migration.collections.join(', ') : t.migrations.all;
}

/** Since a time that the API gave, or until it; never less than nothing. */
export function secondsBetween(from: string, to: Date): number {
  return Math.max(0, (to.getTime() - new Date(from).getTime()) / 1000);
}
