import { Anchor, Button, Switch, Tooltip } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { Link } from 'react-router-dom';
import { api, body, type Schedule } from '../../api/client';
import { useSchedules } from '../../api/queries';
import { useMay } from '../../api/role';
import { rulesOf, toSend } from '../../api/rules';
import { useLocale } from '../../i18n/locale';
import { Icon } from '../../ui/icons';
import { kindName, targetOf } from '../../ui/job-bits';
import { PageHead, Panel } from '../../ui/layout';
import { RunNow } from '../../ui/run-now';
import { RunOutcome } from '../../ui/run-outcome';
import { Empty, Loaded } from '../../ui/states';
import { Status } from '../../ui/status';
import { DataTable } from '../../ui/table';
import { tellProblem } from '../../ui/tell';
import { When } from '../../ui/values';
import styles from './schedules.module.css';

export default function Schedules() {
  const { t } = useLocale();
  const query = useSchedules();
  const operator = useMay('operator');
  const create = (
    <Button component={Link} to="/schedules/new" leftSection={<Icon name="plus" size={14} />}>
      {t.schedules.create}
    </Button>
  );
  return (
    <>
      <PageHead title={t.nav.schedules}>{operator ? create : null}</PageHead>
      <Panel flush label={t.nav.schedules}>
        <Loaded query={query} rows={6}>
          {({ items }) =>
            items.length === 0 ? (
              <Empty icon="schedules" title={t.schedules.none} action={operator ? create : null}>
                {t.schedules.noneHelp}
              </Empty>
            ) : (
              <DataTable<Schedule>
                label={t.nav.schedules}
                rows={items}
                rowKey={(row) => row.id}
                columns={[
                  {
                    key: 'id',
                    title: t.word.schedule,
                    phone: 'head',
                    sort: (row) => row.id,
                    cell: (row) => (
                      <Anchor component={Link} to={`/schedules/${encodeURIComponent(row.id)}`} fw={550}>
                        {row.id}
                      </Anchor>
                    ),
                  },
                  {
                    key: 'what',
                    title: t.schedules.what,
                    sort: (row) => rulesOf(row).kind,
                    cell: (row) => (
                      <div>
                        {kindName(t, rulesOf(row).kind)}
                        <div className={styles.small}>{targetOf(rulesOf(row).job)}</div>
                      </div>
                    ),
                  },
                  {
                    key: 'when',
                    title: t.schedules.when,
                    grow: true,
                    cell: (row) => (
                      <div>
                        {rulesOf(row).when}
                        <div className={styles.small}>{row.error ?? (rulesOf(row).zone || 'UTC')}</div>
                      </div>
                    ),
                  },
                  {
                    key: 'next',
                    title: t.schedules.next,
                    sort: (row) => row.next_due_at ?? '~',
                    cell: (row) => <When time={row.next_due_at} missing={rulesOf(row).enabled ? '–' : t.schedules.disabled} />,
                  },
                  {
                    key: 'last',
                    title: t.schedules.last,
                    cell: (row) =>
                      row.last_run ? (
                        <span className={styles.last}>
                          <RunOutcome run={row.last_run} /> <When time={row.last_run.due_at} />
                        </span>
                      ) : (
                        '–'
                      ),
                  },
                  { key: 'enabled', title: t.schedules.enabled, cell: (row) => <Enabled schedule={row} /> },
                  { key: 'acts', title: t.word.actions, hideTitle: true, cell: (row) => <RunNow schedule={row} /> },
                ]}
              />
            )
          }
        </Loaded>
      </Panel>
    </>
  );
}

function Enabled({ schedule }: { schedule: Schedule }) {
  const { t } = useLocale();
  const client = useQueryClient();
  const operator = useMay('operator');
  const rules = rulesOf(schedule);
  const change = async (enabled: boolean) => {
    try {
      await body(
        api.PUT('/api/v1/schedules/{id}', { params: { path: { id: schedule.id } }, body: toSend({ ...rules, enabled }) }),
      );
      await client.invalidateQueries({ queryKey: ['schedules'] });
    } catch (problem) {
      tellProblem(t, problem);
    }
  };
  if (schedule.managed_by === 'configuration') {
    return (
      <Tooltip label={t.schedules.managedHelp}>
        <span>
          <Status tone={rules.enabled ? 'good' : 'quiet'}>{rules.enabled ? t.schedules.enabled : t.schedules.disabled}</Status>
        </span>
      </Tooltip>
    );
  }
  return (
    <Switch
      size="sm"
      aria-label={t.schedules.enable(schedule.id)}
      checked={rules.enabled}
      disabled={!operator}
      onChange={(event) => void change(event.currentTarget.checked)}
    />
  );
}
