import { ActionIcon, Button, Menu } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Link, useNavigate, useParams } from 'react-router-dom';
import { api, type Schedule, type ScheduleRun } from '../../api/client';
import { useScheduleNext, useScheduleRuns, useSchedules } from '../../api/queries';
import { useMay } from '../../api/role';
import { rulesOf } from '../../api/rules';
import { useLocale } from '../../i18n/locale';
import { ConfirmDialog } from '../../ui/confirm';
import { Icon } from '../../ui/icons';
import { kindName, targetOf } from '../../ui/job-bits';
import { Columns, Facts, Line, PageHead, Panel, Stack } from '../../ui/layout';
import { RunNow } from '../../ui/run-now';
import { RunOutcome } from '../../ui/run-outcome';
import { Empty, Loaded, ProblemNote } from '../../ui/states';
import { Problem } from '../../api/problem';
import { Status } from '../../ui/status';
import { DataTable } from '../../ui/table';
import { Moment, When } from '../../ui/values';
import { NotFound } from '../not-found';
import styles from './schedules.module.css';

export default function SchedulePage() {
  const { id = '' } = useParams();
  const query = useSchedules();
  return (
    <Loaded query={query} rows={8}>
      {({ items }) => {
        const schedule = items.find((each) => each.id === id);
        return schedule ? <Page schedule={schedule} /> : <NotFound />;
      }}
    </Loaded>
  );
}

function Page({ schedule }: { schedule: Schedule }) {
  const { t } = useLocale();
  const navigate = useNavigate();
  const client = useQueryClient();
  const operator = useMay('operator');
  const admin = useMay('admin');
  const [removing, setRemoving] = useState(false);
  const rules = rulesOf(schedule);
  const mine = schedule.managed_by === 'catalog';
  const zone = rules.zone || 'UTC';
  const remove = async () => {
    await api.DELETE('/api/v1/schedules/{id}', { params: { path: { id: schedule.id }, query: { confirm: schedule.id } } });
    await client.invalidateQueries({ queryKey: ['schedules'] });
    navigate('/schedules');
  };
  return (
    <>
      <PageHead
        title={schedule.id}
        lead={
          <Line>
            {rules.enabled ? (
              <Status tone="good">{t.schedules.enabled}</Status>
            ) : (
              <Status tone="quiet" icon="pause">
                {t.schedules.disabled}
              </Status>
            )}
            {mine ? null : <span>{t.schedules.managedHelp}</span>}
          </Line>
        }
      >
        <RunNow schedule={schedule} wide />
        {operator && mine ? (
          <Button component={Link} to={`/schedules/${encodeURIComponent(schedule.id)}/edit`} variant="default" leftSection={<Icon name="edit" size={14} />}>
            {t.edit}
          </Button>
        ) : null}
        {admin && mine ? (
          <Menu>
            <Menu.Target>
              <ActionIcon variant="default" size={30} aria-label={t.schedules.more}>
                <Icon name="more" />
              </ActionIcon>
            </Menu.Target>
            <Menu.Dropdown>
              <Menu.Item color="red" leftSection={<Icon name="trash" />} onClick={() => setRemoving(true)}>
                {t.schedules.remove}
              </Menu.Item>
            </Menu.Dropdown>
          </Menu>
        ) : null}
      </PageHead>
      <Stack>
        {schedule.error ? <ProblemNote error={new Problem(-1, t.schedules.broken, schedule.error, '', '')} /> : null}
        <Columns wide>
          <RunsPanel id={schedule.id} zone={zone} />
          <Stack>
            <NextPanel id={schedule.id} enabled={rules.enabled} />
            <Panel title={t.details}>
              <Facts
                rows={[
                  [t.schedules.what, `${kindName(t, rules.kind)} ${targetOf(rules.job)}`],
                  [t.schedules.when, rules.when],
                  [t.schedules.zone, zone],
                  [t.schedules.window, rules.window || t.schedules.always],
                  [t.schedules.blackouts, rules.blackouts.length > 0 ? rules.blackouts.join(', ') : t.schedules.noneOf],
                  [t.schedules.jitter, rules.jitter || t.schedules.noneOf],
                  [t.schedules.missed, t.schedules.missedWords[rules.missed]],
                  [t.schedules.overlap, t.schedules.overlapWords[rules.overlap]],
                  [t.word.priority, String(rules.priority)],
                  [t.schedules.changed, <When key="c" time={schedule.updated_at} />],
                ]}
              />
            </Panel>
            <Panel title={t.jobs.spec}>
              <pre>{JSON.stringify(rules.job, null, 2)}</pre>
            </Panel>
          </Stack>
        </Columns>
      </Stack>
      {removing ? (
        <ConfirmDialog title={t.schedules.removeTitle} name={schedule.id} act={t.schedules.remove} danger run={remove} close={() => setRemoving(false)}>
          <p>{t.schedules.removeText}</p>
        </ConfirmDialog>
      ) : null}
    </>
  );
}

function NextPanel({ id, enabled }: { id: string; enabled: boolean }) {
  const { t } = useLocale();
  const query = useScheduleNext(id);
  return (
    <Panel title={t.schedules.nextRuns}>
      <Loaded query={query}>
        {(data) => (
          <>
            <p className={styles.description}>{data.description}</p>
            {enabled ? (
              <ol className={styles.next}>
                {data.next.map((each) => (
                  <li key={each.due_at}>
                    <span>{each.local}</span>
                    <When time={each.starts_at ?? each.due_at} />
                  </li>
                ))}
              </ol>
            ) : (
              <p className={styles.small}>{t.schedules.disabledText}</p>
            )}
          </>
        )}
      </Loaded>
    </Panel>
  );
}

function RunsPanel({ id, zone }: { id: string; zone: string }) {
  const { t, number } = useLocale();
  const query = useScheduleRuns(id);
  return (
    <Panel title={t.schedules.runs} flush>
      <Loaded query={query}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty icon="clock" title={t.schedules.noRuns} />
          ) : (
            <DataTable<ScheduleRun>
              label={t.schedules.runs}
              rows={items}
              rowKey={(row) => row.due_at}
              columns={[
                { key: 'due', title: t.schedules.due, phone: 'head', cell: (row) => <Moment time={row.due_at} zone={zone} /> },
                { key: 'outcome', title: t.schedules.outcome, cell: (row) => <RunOutcome run={row} /> },
                { key: 'times', title: t.schedules.times, numeric: true, cell: (row) => number(row.times) },
                { key: 'why', title: t.schedules.why, grow: true, cell: (row) => row.explanation },
              ]}
            />
          )
        }
      </Loaded>
    </Panel>
  );
}
