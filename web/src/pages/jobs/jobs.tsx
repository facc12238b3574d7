import { Anchor, Button, Select, Switch } from '@mantine/core';
import { Link } from 'react-router-dom';
import type { JobState, JobSummary } from '../../api/client';
import { useJobs, useSchedules, useSettings } from '../../api/queries';
import { useLocale } from '../../i18n/locale';
import { given, useFilters } from '../../ui/filters';
import { JobActs } from '../../ui/job-acts';
import { JobLink, JobProgress, JobStatus, kindName, targetOf } from '../../ui/job-bits';
import { PageHead, Panel, Toolbar } from '../../ui/layout';
import { LoadMore } from '../../ui/more';
import { Empty, Loaded } from '../../ui/states';
import { DataTable } from '../../ui/table';
import { When } from '../../ui/values';
import styles from './jobs.module.css';

export default function Jobs() {
  const { t, duration } = useLocale();
  const filters = useFilters();
  const kinds = useSettings().data?.kinds ?? [];
  const schedules = useSchedules().data?.items ?? [];
  const query = useJobs(
    given({
      state: (filters.get('state') || undefined) as JobState | undefined,
      open: filters.flag('open'),
      kind: filters.get('kind'),
      schedule: filters.get('schedule'),
    }),
  );
  const states = Object.keys(t.jobState) as JobState[];
  return (
    <>
      <PageHead title={t.nav.jobs} />
      <Panel flush label={t.nav.jobs}>
        <Toolbar label={t.filter}>
          <Switch
            size="xs"
            label={t.jobs.openOnly}
            checked={filters.flag('open') === true}
            onChange={(event) => filters.set('open', event.currentTarget.checked ? 'true' : null)}
          />
          <Select
            size="xs"
            w={150}
            aria-label={t.word.kind}
            placeholder={t.word.kind}
            data={kinds.map((value) => ({ value, label: kindName(t, value) }))}
            value={filters.get('kind') || null}
            onChange={(value) => filters.set('kind', value)}
            clearable
          />
          <Select
            size="xs"
            w={150}
            aria-label={t.word.state}
            placeholder={t.word.state}
            data={states.map((value) => ({ value, label: t.jobState[value] }))}
            value={filters.get('state') || null}
            onChange={(value) => filters.set('state', value)}
            clearable
          />
          <Select
            size="xs"
            w={170}
            aria-label={t.word.schedule}
            placeholder={t.word.schedule}
            data={schedules.map((each) => each.id)}
            value={filters.get('schedule') || null}
            onChange={(value) => filters.set('schedule', value)}
            clearable
          />
          {filters.any ? (
            <Button variant="subtle" onClick={filters.clear}>
              {t.clear}
            </Button>
          ) : null}
        </Toolbar>
        <Loaded query={query} rows={8}>
          {(data) => {
            const rows = data.pages.flatMap((page) => page.items);
            if (rows.length === 0) {
              return filters.any ? (
                <Empty icon="search" title={t.jobs.noMatch} />
              ) : (
                <Empty icon="jobs" title={t.jobs.none}>
                  {t.jobs.noneHelp}
                </Empty>
              );
            }
            return (
              <>
                <DataTable<JobSummary>
                  label={t.nav.jobs}
                  rows={rows}
                  rowKey={(row) => String(row.number)}
                  columns={[
                    { key: 'job', title: t.word.job, phone: 'head', cell: (row) => <JobLink job={row} /> },
                    { key: 'state', title: t.word.state, cell: (row) => <JobStatus state={row.state} /> },
                    {
                      key: 'progress',
                      title: t.jobs.progress,
                      grow: true,
                      cell: (row) =>
                        row.ended_at === null && row.state !== 'queued' ? (
                          <JobProgress job={row} />
                        ) : row.error ? (
                          <span className={styles.error} title={row.error.message}>
                            {row.error.message}
                          </span>
                        ) : (
                          <span className={styles.target}>{targetOf(row.spec)}</span>
                        ),
                    },
                    {
                      key: 'schedule',
                      title: t.word.schedule,
                      cell: (row) =>
                        row.schedule ? (
                          <Anchor component={Link} to={`/schedules/${encodeURIComponent(row.schedule)}`}>
                            {row.schedule}
                          </Anchor>
                        ) : (
                          <span className={styles.target}>{t.jobs.byHand}</span>
                        ),
                    },
                    { key: 'created', title: t.word.made, cell: (row) => <When time={row.created_at} /> },
                    {
                      key: 'took',
                      title: t.word.took,
                      numeric: true,
                      phone: 'hide',
                      cell: (row) =>
                        row.started_at && row.ended_at
                          ? duration((new Date(row.ended_at).getTime() - new Date(row.started_at).getTime()) / 1000)
                          : '–',
                    },
                    { key: 'acts', title: t.word.actions, hideTitle: true, cell: (row) => <JobActs job={row} /> },
                  ]}
                />
                <LoadMore query={query} />
              </>
            );
          }}
        </Loaded>
      </Panel>
    </>
  );
}
