// At 3 a.m.: is everything safe, what is wrong, what runs.
import { Anchor, Button, SegmentedControl } from '@mantine/core';
import { lazy, Suspense, useState } from 'react';
import { Link } from 'react-router-dom';
import type { Cluster, Repository } from '../../api/client';
import { useGoal } from '../../api/goal';
import { useAlerts, useClusters, useHistory, useJobs, useRepositories, useSchedules, useStatistics } from '../../api/queries';
import { useMay } from '../../api/role';
import { useLocale } from '../../i18n/locale';
import { ClusterState } from '../../ui/cluster-state';
import { Freshness, toneOfAge } from '../../ui/freshness';
import { Icon } from '../../ui/icons';
import { IncidentLine } from '../../ui/incident';
import { JobLink, JobProgress, JobStatus, targetOf } from '../../ui/job-bits';
import { Columns, PageHead, Panel, Stack } from '../../ui/layout';
import { NewBackup } from '../../ui/new-backup';
import { useNow } from '../../ui/now';
import { ProgressBar } from '../../ui/progress';
import { Empty, Loaded, Loading } from '../../ui/states';
import { DataTable } from '../../ui/table';
import { Bytes, Count, Moment, When } from '../../ui/values';
import { FirstSteps } from './first-steps';
import styles from './overview.module.css';

const Chart = lazy(() => import('../../ui/chart'));

export default function Overview() {
  const { t } = useLocale();
  const [backup, setBackup] = useState(false);
  const operator = useMay('operator');
  return (
    <>
      <PageHead title={t.nav.overview}>
        {operator ? (
          <Button onClick={() => setBackup(true)} leftSection={<Icon name="plus" size={14} />}>
            {t.backup.now}
          </Button>
        ) : null}
      </PageHead>
      <Stack>
        <FirstSteps backup={() => setBackup(true)} />
        <Verdict />
        <Columns wide urgent>
          <Stack>
            <ClustersPanel />
            <GrowthPanel />
            <RepositoriesPanel />
          </Stack>
          <Stack>
            <AlertsPanel />
            <RunningPanel />
            <NextPanel />
          </Stack>
        </Columns>
      </Stack>
      {backup ? <NewBackup close={() => setBackup(false)} /> : null}
    </>
  );
}

/** The one sentence, and the totals. */
function Verdict() {
  const { t, number, duration } = useLocale();
  const clusters = useClusters();
  const statistics = useStatistics();
  const now = useNow();
  const goal = useGoal();
  const all = clusters.data?.items;
  const totals = statistics.data;
  if (!all || !totals) return clusters.error || statistics.error ? null : <Loading rows={2} />;
  if (all.length === 0) return null;
  const late = all.filter((each) => toneOfAge(each.newest_verified_at, now, goal) === 'bad').length;
  const down = all.filter((each) => each.state === 'down').length;
  const nothing = totals.snapshots === 0;
  const tone = nothing ? 'warn' : late > 0 ? 'bad' : down > 0 || totals.open_alerts > 0 ? 'warn' : 'good';
  const words = nothing
    ? t.overview.nothing
    : late > 0
      ? t.overview.late(late, all.length, duration(goal))
      : down > 0
        ? t.overview.down(down)
        : t.overview.safe(all.length, duration(goal));
  return (
    <section className={styles.verdict} data-tone={tone} aria-label={t.overview.verdict}>
      <div className={styles.sentence}>
        <Icon name={tone === 'good' ? 'shieldCheck' : 'warn'} size={24} />
        <p>{words}</p>
      </div>
      <dl className={styles.totals}>
        <div>
          <dt>{t.overview.protected}</dt>
          <dd>
            <Count value={totals.protected_collections} />
          </dd>
        </div>
        <div>
          <dt>{t.word.rows}</dt>
          <dd>
            <Count value={totals.protected_rows} />
          </dd>
        </div>
        <div>
          <dt>{t.overview.verifiedOf}</dt>
          <dd>
            {number(totals.verified_snapshots)} / {number(totals.snapshots)}
          </dd>
        </div>
        <div>
          <dt>{t.overview.stored}</dt>
          <dd>
            <Bytes value={totals.stored_bytes} />
          </dd>
        </div>
        <div>
          <dt>{t.overview.openAlerts}</dt>
          <dd data-bad={totals.open_alerts > 0 || undefined}>
            <Count value={totals.open_alerts} />
          </dd>
        </div>
      </dl>
    </section>
  );
}

function ClustersPanel() {
  const { t, duration } = useLocale();
  const query = useClusters();
  const goal = useGoal();
  return (
    <Panel title={t.nav.clusters} flush actions={<span className={styles.hint}>{t.freshness.goal(duration(goal))}</span>}>
      <Loaded query={query}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty icon="clusters" title={t.clusters.none}>
              {t.clusters.noneHelp}
            </Empty>
          ) : (
            <DataTable<Cluster>
              label={t.nav.clusters}
              rows={items}
              rowKey={(row) => row.name}
              columns={[
                {
                  key: 'name',
                  title: t.word.cluster,
                  phone: 'head',
                  sort: (row) => row.name,
                  cell: (row) => (
                    <Anchor component={Link} to={`/clusters/${encodeURIComponent(row.name)}`} fw={550}>
                      {row.name}
                    </Anchor>
                  ),
                },
                { key: 'state', title: t.word.health, cell: (row) => <ClusterState cluster={row} />, sort: (row) => row.state },
                {
                  key: 'verified',
                  title: t.word.newestVerified,
                  cell: (row) => <Freshness time={row.newest_verified_at} />,
                  sort: (row) => row.newest_verified_at ?? '',
                },
                { key: 'newest', title: t.word.newestBackup, cell: (row) => <When time={row.newest_snapshot_at} /> },
                { key: 'collections', title: t.word.collections, numeric: true, cell: (row) => <Count value={row.collections} /> },
              ]}
            />
          )
        }
      </Loaded>
    </Panel>
  );
}

function GrowthPanel() {
  const { t, bytes, number } = useLocale();
  const [days, setDays] = useState('30');
  const [what, setWhat] = useState('stored');
  const query = useHistory(Number(days));
  return (
    <Panel
      title={what === 'stored' ? t.overview.growth : t.overview.jobsByDay}
      actions={
        <>
          <SegmentedControl
            size="xs"
            aria-label={t.overview.chart}
            value={what}
            onChange={setWhat}
            data={[
              { value: 'stored', label: t.overview.storage },
              { value: 'jobs', label: t.nav.jobs },
            ]}
          />
          <SegmentedControl
            size="xs"
            aria-label={t.overview.span}
            value={days}
            onChange={setDays}
            data={['30', '90', '365'].map((value) => ({ value, label: t.overview.days(Number(value)) }))}
          />
        </>
      }
    >
      <Loaded query={query} rows={6}>
        {(data) =>
          data.days.every((day) => day.stored_bytes_total === 0 && day.jobs_completed + day.jobs_failed === 0) ? (
            <Empty icon="overview" title={t.overview.noHistory} />
          ) : (
          <Suspense fallback={<Loading rows={6} />}>
            {what === 'stored' ? (
              <Chart
                title={t.overview.growth}
                points={data.days.map((day) => ({ date: day.date, value: day.stored_bytes_total }))}
                names={[t.overview.stored]}
                format={bytes}
              />
            ) : (
              <Chart
                title={t.overview.jobsByDay}
                kind="bars"
                points={data.days.map((day) => ({ date: day.date, value: day.jobs_completed, second: day.jobs_failed }))}
                names={[t.jobState.completed, t.overview.notWell]}
                format={(value) => number(value)}
              />
            )}
          </Suspense>
          )
        }
      </Loaded>
    </Panel>
  );
}

function RepositoriesPanel() {
  const { t, percent } = useLocale();
  const query = useRepositories();
  const used = (row: Repository) =>
    row.used_bytes !== null && row.total_bytes !== null && row.total_bytes > 0 ? row.used_bytes / row.total_bytes : null;
  return (
    <Panel title={t.word.repositories} flush>
      <Loaded query={query}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty icon="snapshots" title={t.repositories.none}>
              {t.repositories.noneHelp}
            </Empty>
          ) : (
            <DataTable<Repository>
              label={t.word.repositories}
              rows={items}
              rowKey={(row) => row.name}
              columns={[
                {
                  key: 'name',
                  title: t.word.repository,
                  phone: 'head',
                  cell: (row) => (
                    <div>
                      <Anchor component={Link} to={`/snapshots?repository=${encodeURIComponent(row.name)}`} fw={550}>
                        {row.name}
                      </Anchor>
                      <div className={styles.small}>{row.error ? row.error.message : row.url}</div>
                    </div>
                  ),
                },
                { key: 'snapshots', title: t.nav.snapshots, numeric: true, cell: (row) => <Count value={row.snapshots} /> },
                { key: 'stored', title: t.overview.stored, numeric: true, cell: (row) => <Bytes value={row.stored_bytes} /> },
                {
                  key: 'disk',
                  title: t.repositories.disk,
                  cell: (row) => {
                    const share = used(row);
                    if (share === null) return <span className={styles.hint}>{t.repositories.noLimit}</span>;
                    const tone = share > 0.9 ? 'bad' : share > 0.8 ? 'warn' : 'busy';
                    return (
                      <div className={styles.disk}>
                        <ProgressBar share={share} tone={tone} label={t.repositories.usedOf(row.name)} />
                        <span className={styles.small}>
                          {percent(share)} · <Bytes value={row.free_bytes} /> {t.repositories.free}
                        </span>
                      </div>
                    );
                  },
                },
              ]}
            />
          )
        }
      </Loaded>
    </Panel>
  );
}

function AlertsPanel() {
  const { t } = useLocale();
  const query = useAlerts(true);
  return (
    <Panel title={t.overview.openAlerts} flush actions={<More to="/alerts" words={t.overview.allAlerts} />}>
      <Loaded query={query}>
        {(data) => {
          const items = data.pages.flatMap((page) => page.items);
          return items.length === 0 ? (
            <div className={styles.calm}>
              <Icon name="check" size={16} /> {t.alerts.calm}
            </div>
          ) : (
            <ul className={styles.list}>
              {items.slice(0, 5).map((alert) => (
                <li key={alert.number}>
                  <IncidentLine alert={alert} />
                </li>
              ))}
            </ul>
          );
        }}
      </Loaded>
    </Panel>
  );
}

function RunningPanel() {
  const { t } = useLocale();
  const query = useJobs({ open: true });
  return (
    <Panel title={t.overview.running} flush actions={<More to="/jobs" words={t.overview.allJobs} />}>
      <Loaded query={query}>
        {(data) => {
          const items = data.pages.flatMap((page) => page.items).slice(0, 6);
          return items.length === 0 ? (
            <div className={styles.calm}>{t.overview.idle}</div>
          ) : (
            <ul className={styles.list}>
              {items.map((job) => (
                <li key={job.number}>
                  <div className={styles.between}>
                    <span>
                      <JobLink job={job} /> <span className={styles.hint}>{targetOf(job.spec)}</span>
                    </span>
                    <JobStatus state={job.state} />
                  </div>
                  <JobProgress job={job} />
                </li>
              ))}
            </ul>
          );
        }}
      </Loaded>
    </Panel>
  );
}

function NextPanel() {
  const { t } = useLocale();
  const query = useSchedules();
  return (
    <Panel title={t.overview.next} flush actions={<More to="/schedules" words={t.overview.allSchedules} />}>
      <Loaded query={query}>
        {({ items }) => {
          const next = items
            .flatMap((each) => (each.next_due_at ? [{ id: each.id, at: each.next_due_at }] : []))
            .sort((a, b) => a.at.localeCompare(b.at))
            .slice(0, 5);
          return next.length === 0 ? (
            <div className={styles.calm}>{t.schedules.nothingDue}</div>
          ) : (
            <ul className={styles.list}>
              {next.map((each) => (
                <li key={each.id} className={styles.between}>
                  <Anchor component={Link} to={`/schedules/${encodeURIComponent(each.id)}`}>
                    {each.id}
                  </Anchor>
                  <span>
                    <When time={each.at} /> <span className={styles.hint}>· <Moment time={each.at} /></span>
                  </span>
                </li>
              ))}
            </ul>
          );
        }}
      </Loaded>
    </Panel>
  );
}

function More({ to, words }: { to: string; words: string }) {
  return (
    <Anchor component={Link} to={to} inherit={false} size="xs">
      {words}
    </Anchor>
  );
}
