import { useParams } from 'react-router-dom';
import type { Migration } from '../../api/client';
import { useMigration, useMigrationLog } from '../../api/queries';
import { useLocale } from '../../i18n/locale';
import { Icon } from '../../ui/icons';
import { Columns, Facts, Line, PageHead, Panel, Stack } from '../../ui/layout';
import { LogPanel } from '../../ui/log';
import { useNow } from '../../ui/now';
import { Numbers } from '../../ui/numbers';
import { ProgressBar } from '../../ui/progress';
import { Empty, Loaded } from '../../ui/states';
import { Count, Moment, When } from '../../ui/values';
import { Approve, MigrationActs } from './acts';
import { collectionsOf, MigrationStatus, secondsBetween, Way } from './bits';
import styles from './migrations.module.css';

export default function MigrationPage() {
  const id = useParams()['id'] ?? '';
  const { t } = useLocale();
  const query = useMigration(id);
  return (
    <Loaded query={query} rows={8}>
      {(migration) => (
        <>
          <PageHead
            title={t.migrations.title(migration.id)}
            lead={
              <Line>
                <span role="status">
                  <MigrationStatus migration={migration} />
                </span>
                <span className={styles.ends}>
                  {migration.from} → {migration.to}
                </span>
              </Line>
            }
          >
            <MigrationActs migration={migration} />
          </PageHead>
          <Stack>
            <Notes migration={migration} />
            <WayPanel migration={migration} />
            <Columns wide>
              <Stack>
                <MonitorPanel migration={migration} />
                <Log id={id} />
              </Stack>
              <AboutPanel migration={migration} />
            </Columns>
          </Stack>
        </>
      )}
    </Loaded>
  );
}

/** What somebody must know or do before anything else. */
function Notes({ migration }: { migration: Migration }) {
  const { t } = useLocale();
  const open = migration.ended_at === null;
  const waiting = migration.waiting.map((each) => t.migrations.acts[each.verb]).join(', ');
  return (
    <>
      {migration.request && migration.driven ? (
        <section className={styles.request} aria-label={t.migrations.waitsForYou}>
          <Icon name="user" size={18} />
          <div>
            <h2>{t.migrations.waitsForYou}</h2>
            <p className={styles.asked}>{migration.request.text}</p>
            <p className={styles.small}>{t.migrations.approveHelp}</p>
          </div>
          <Approve migration={migration} />
        </section>
      ) : null}
      {open && !migration.driven ? (
        <section className={styles.note} aria-label={t.migrations.notDriven}>
          <Icon name="warn" size={18} />
          <div>
            <h2>{t.migrations.notDriven}</h2>
            <p>{t.migrations.notDrivenHelp}</p>
            {waiting ? <p>{t.migrations.saidNobody(waiting)}</p> : null}
          </div>
        </section>
      ) : null}
      {migration.open_alerts.length > 0 ? (
        <section className={styles.note} data-bad aria-label={t.migrations.problems}>
          <Icon name="alerts" size={18} />
          <div>
            <h2>{t.migrations.problems}</h2>
            {migration.open_alerts.map((alert) => (
              <p key={alert.incident}>
                {alert.text} <span className={styles.small}>(<When time={alert.raised_at} />)</span>
              </p>
            ))}
          </div>
        </section>
      ) : null}
    </>
  );
}

function WayPanel({ migration }: { migration: Migration }) {
  const { t } = useLocale();
  const waiting = migration.driven ? migration.waiting.map((each) => t.migrations.acts[each.verb]).join(', ') : '';
  return (
    <Panel title={t.migrations.way}>
      <div className={styles.live}>
        <Way migration={migration} />
        <p className={styles.about}>
          {t.migrationAbout[migration.phase]}
          {migration.cutover_wanted ? ` ${t.migrations.wanted}` : ''}
          {waiting ? ` ${t.migrations.said(waiting)}` : ''}
        </p>
        <Stopped migration={migration} />
        <Work migration={migration} />
      </div>
    </Panel>
  );
}

/** Nobody can write: how long, of the limit. */
function Stopped({ migration }: { migration: Migration }) {
  const { t, duration } = useLocale();
  const now = useNow('fast');
  if (!migration.writes_stopped_since) return null;
  const seconds = secondsBetween(migration.writes_stopped_since, now);
  const most = migration.max_pause_ms / 1000;
  return (
    <div className={styles.live}>
      <p className={styles.stopped}>
        <Icon name="warn" size={15} /> {t.migrations.stopped(duration(seconds), duration(most))}
      </p>
      <ProgressBar share={seconds / most} label={t.migrations.stoppedLabel} tone={seconds < most ? 'warn' : 'bad'} />
    </div>
  );
}

function Work({ migration }: { migration: Migration }) {
  const { t, number, duration } = useLocale();
  const now = useNow('fast');
  const work = migration.work;
  if (!work) return null;
  const numbers: [string, string][] = [
    [t.word.rows, work.rows_total === null ? number(work.rows) : `${number(work.rows)} / ${number(work.rows_total)}`],
    [t.jobs.elapsed, duration(secondsBetween(work.began_at, now))],
  ];
  if (work.rows_per_second > 0) numbers.push([t.jobs.rate, t.jobs.rowsPerSecond(number(work.rows_per_second))]);
  if (work.estimated_end_at) {
    const left = (new Date(work.estimated_end_at).getTime() - now.getTime()) / 1000;
    numbers.push([t.jobs.timeLeft, left > 0 ? duration(left) : t.migrations.shouldHaveEnded]);
  }
  const name = t.migrations.workReads(t.migrations.work[work.kind], t.migrations.sides[work.reads]);
  return (
    <div className={styles.live}>
      <h3 className={styles.workName}>{name}</h3>
      <ProgressBar share={work.rows_total ? Math.min(1, work.rows / work.rows_total) : null} label={name} />
      <Numbers rows={numbers} />
    </div>
  );
}

function MonitorPanel({ migration }: { migration: Migration }) {
  const { t, number, duration } = useLocale();
  const sample = migration.sample;
  if (!sample) {
    return (
      <Panel title={t.migrations.monitor}>
        <Empty icon="search" title={t.migrations.notSeen} />
      </Panel>
    );
  }
  const lag = migration.lag_ms;
  return (
    <Panel
      title={t.migrations.monitor}
      actions={
        <span className={styles.small}>
          {t.migrations.seen} <When time={sample.at} />
        </span>
      }
    >
      <Numbers
        rows={[
          [t.migrations.source, <Count key="source" value={sample.source_rows} />],
          [t.migrations.target, <Count key="target" value={sample.target_rows} />],
          [t.migrations.difference, <Count key="difference" value={sample.difference} />],
          [t.migrations.lag, lag === null ? '–' : duration(lag / 1000)],
          [t.migrations.latency, sample.latency_ms === null ? '–' : t.migrations.ms(number(sample.latency_ms))],
          [t.migrations.errors, `${number(sample.error_rate * 100, 1)} %`],
        ]}
      />
    </Panel>
  );
}

function AboutPanel({ migration }: { migration: Migration }) {
  const { t, duration } = useLocale();
  const { spec, holder } = migration;
  const by = (command: unknown) => (typeof command === 'string' && command !== '' ? t.migrations.byCommand : t.migrations.byHand);
  return (
    <Panel title={t.details}>
      <Facts
        rows={[
          [t.migrations.strategy, t.migrations.strategies[migration.strategy]],
          [t.migrations.source, migration.from],
          [t.migrations.target, migration.to],
          [t.word.collections, collectionsOf(t, migration)],
          [t.migrations.cutover, spec['auto_cutover'] === true ? t.migrations.cutoverBy.auto : t.migrations.cutoverBy.manual],
          [t.migrations.fence, spec['fence_by_privileges'] === true ? t.migrations.byPrivileges : by(spec['fence_command'])],
          [t.migrations.switch, by(spec['switch_command'])],
          [t.migrations.maxPause, duration(migration.max_pause_ms / 1000)],
          migration.last_pause_ms !== null ? [t.migrations.lastPause, duration(migration.last_pause_ms / 1000)] : null,
          [t.migrations.rounds, <Count key="rounds" value={migration.rounds} />],
          [t.migrations.begun, <Moment key="begun" time={migration.created_at} />],
          migration.ended_at ? [t.migrations.ended, <Moment key="ended" time={migration.ended_at} />] : null,
          migration.ended_at ? null : [t.migrations.driven, migration.driven && holder ? `${holder.host}, pid ${holder.pid}` : t.migrations.nobody],
        ]}
      />
    </Panel>
  );
}

function Log({ id }: { id: string }) {
  const query = useMigrationLog(id);
  return <Loaded query={query}>{({ entries }) => <LogPanel entries={entries} />}</Loaded>;
}
