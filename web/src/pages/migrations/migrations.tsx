import { Anchor } from '@mantine/core';
import { Link } from 'react-router-dom';
import type { Migration } from '../../api/client';
import { useMigrations, useSettings } from '../../api/queries';
import { useLocale } from '../../i18n/locale';
import { PageHead, Panel } from '../../ui/layout';
import { useNow } from '../../ui/now';
import { ProgressBar } from '../../ui/progress';
import { Empty, Loaded } from '../../ui/states';
import { DataTable } from '../../ui/table';
import { Count, When } from '../../ui/values';
import { collectionsOf, MigrationStatus } from './bits';
import styles from './migrations.module.css';

export default function Migrations() {
  const { t } = useLocale();
  const query = useMigrations();
  return (
    <>
      <PageHead title={t.nav.migrations} />
      <Panel flush label={t.nav.migrations}>
        <Loaded query={query} rows={4}>
          {({ items }) => (items.length === 0 ? <Nothing /> : <List items={items} />)}
        </Loaded>
      </Panel>
    </>
  );
}

/** What to do first. The commands are for the catalog that this daemon looks at. */
function Nothing() {
  const { t } = useLocale();
  const serve = useSettings().data?.configuration['serve'];
  const folder = typeof serve === 'object' && serve !== null && 'data_dir' in serve && typeof serve.data_dir === 'string' ? serve.data_dir : '';
  const ends = 'http://old:19530 http://new:19530';
  return (
    <Empty icon="migrations" title={t.migrations.none}>
      <p className={styles.help}>{t.migrations.noneHelp}</p>
      <div className={styles.commands}>
        <p>{t.migrations.planStep}</p>
        <pre tabIndex={0}>{`aerie migrate plan ${ends}`}</pre>
        <p>{t.migrations.runStep}</p>
        <pre tabIndex={0}>{`aerie migrate run ${ends} \\\n  --strategy hot${folder ? ` --data-dir ${folder}` : ''}`}</pre>
      </div>
    </Empty>
  );
}

function List({ items }: { items: readonly Migration[] }) {
  const { t } = useLocale();
  // They come newest first; those under way before all others.
  const rows = [...items.filter((each) => each.ended_at === null), ...items.filter((each) => each.ended_at !== null)];
  return (
    <DataTable<Migration>
      label={t.nav.migrations}
      rows={rows}
      rowKey={(row) => row.id}
      columns={[
        {
          key: 'id',
          title: t.migrations.one,
          phone: 'head',
          cell: (row) => (
            <div>
              <Anchor component={Link} to={`/migrations/${encodeURIComponent(row.id)}`} fw={550}>
                {row.id}
              </Anchor>
              <div className={styles.small}>{t.migrations.strategies[row.strategy]}</div>
            </div>
          ),
        },
        {
          key: 'ends',
          title: t.migrations.fromTo,
          grow: true,
          cell: (row) => (
            <div className={styles.ends}>
              {row.from} → <wbr />
              {row.to}
              <div className={styles.small}>{collectionsOf(t, row)}</div>
            </div>
          ),
        },
        { key: 'phase', title: t.migrations.phase, cell: (row) => <Phase migration={row} /> },
        {
          key: 'rows',
          title: t.word.rows,
          numeric: true,
          cell: (row) => (
            <div>
              <Count value={row.sample?.source_rows} /> / <Count value={row.sample?.target_rows} />
              {row.sample?.difference ? (
                <div className={styles.small}>
                  {t.migrations.difference} <Count value={row.sample.difference} />
                </div>
              ) : null}
            </div>
          ),
        },
        { key: 'lag', title: t.migrations.lag, numeric: true, cell: (row) => <Lag migration={row} /> },
        { key: 'end', title: t.migrations.ends, cell: (row) => <End migration={row} /> },
        { key: 'updated', title: t.migrations.updated, phone: 'hide', cell: (row) => <When time={row.updated_at} /> },
      ]}
    />
  );
}

function Phase({ migration }: { migration: Migration }) {
  const { t } = useLocale();
  const { phases, at } = migration.way;
  const ended = migration.ended_at !== null;
  return (
    <div className={styles.phase}>
      <MigrationStatus migration={migration} />
      {migration.request ? <span className={styles.small}>{t.migrations.waitsForYou}</span> : null}
      {!ended && !migration.driven ? <span className={styles.small}>{t.migrations.notDriven}</span> : null}
      {ended ? null : (
        <>
          <ProgressBar
            share={phases.length > 1 ? at / (phases.length - 1) : null}
            label={t.migrations.wayOf(migration.id)}
            tone={migration.driven && !migration.paused ? 'busy' : 'quiet'}
          />
          <span className={styles.small}>{t.migrations.step(at + 1, phases.length)}</span>
        </>
      )}
    </div>
  );
}

function Lag({ migration }: { migration: Migration }) {
  const { duration } = useLocale();
  return migration.lag_ms === null ? '–' : duration(migration.lag_ms / 1000);
}

/** Of what is under way; a migration itself ends when somebody says so. */
function End({ migration }: { migration: Migration }) {
  const { t } = useLocale();
  const now = useNow();
  const end = migration.work?.estimated_end_at;
  if (migration.ended_at !== null) return <When time={migration.ended_at} />;
  if (!end || !migration.work) return '–';
  return (
    <div>
      {new Date(end) > now ? <When time={end} /> : t.migrations.shouldHaveEnded}
      <div className={styles.small}>{t.migrations.work[migration.work.kind]}</div>
    </div>
  );
}
