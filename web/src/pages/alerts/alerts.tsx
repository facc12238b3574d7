import { Button, SegmentedControl } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import { useParams } from 'react-router-dom';
import { api, body, type Alert } from '../../api/client';
import { useAlerts } from '../../api/queries';
import { useMay } from '../../api/role';
import { useLocale } from '../../i18n/locale';
import { useFilters } from '../../ui/filters';
import { Icon } from '../../ui/icons';
import { ruleName, Severity } from '../../ui/incident';
import { PageHead, Panel } from '../../ui/layout';
import { LoadMore } from '../../ui/more';
import { Empty, Loaded } from '../../ui/states';
import { Status } from '../../ui/status';
import { tellDone, tellProblem } from '../../ui/tell';
import { Moment, When } from '../../ui/values';
import styles from './alerts.module.css';

export default function Alerts() {
  const { t } = useLocale();
  const { id } = useParams();
  const filters = useFilters();
  // Who comes from a message may look for one that is over.
  const all = id !== undefined || filters.get('show') === 'all';
  const query = useAlerts(!all);
  return (
    <>
      <PageHead title={t.nav.alerts}>
        <SegmentedControl
          size="xs"
          aria-label={t.filter}
          value={all ? 'all' : 'open'}
          onChange={(value) => filters.set('show', value === 'all' ? 'all' : null)}
          data={[
            { value: 'open', label: t.alerts.open },
            { value: 'all', label: t.alerts.history },
          ]}
        />
      </PageHead>
      <Panel flush label={t.nav.alerts}>
        <Loaded query={query} rows={5}>
          {(data) => {
            const items = data.pages.flatMap((page) => page.items);
            if (items.length === 0) {
              return (
                <Empty icon="check" title={all ? t.alerts.never : t.alerts.calm}>
                  {t.alerts.calmHelp}
                </Empty>
              );
            }
            return (
              <>
                <ul className={styles.list}>
                  {items.map((each) => (
                    <One key={each.number} incident={each} marked={String(each.number) === id} />
                  ))}
                </ul>
                <LoadMore query={query} />
              </>
            );
          }}
        </Loaded>
      </Panel>
    </>
  );
}

function One({ incident, marked }: { incident: Alert; marked: boolean }) {
  const { t, duration } = useLocale();
  const client = useQueryClient();
  const operator = useMay('operator');
  const item = useRef<HTMLLIElement>(null);
  useEffect(() => {
    if (marked) item.current?.scrollIntoView({ block: 'center' });
  }, [marked]);
  const open = incident.resolved_at === null;
  const can = open && operator && incident.acknowledged_at === null;
  const acknowledgeIt = async () => {
    try {
      await body(api.POST('/api/v1/alerts/{number}/acknowledge', { params: { path: { number: incident.number } } }));
      tellDone(t, t.alerts.acknowledgedNow);
      await client.invalidateQueries({ queryKey: ['alerts'] });
    } catch (problem) {
      tellProblem(t, problem);
    }
  };
  return (
    <li ref={item} className={styles.one} data-marked={marked || undefined} data-over={!open || undefined}>
      <div className={styles.head}>
        <Severity severity={incident.severity} />
        <h2 className={styles.title}>
          {ruleName(t, incident.rule)}
          <span className={styles.about}> · {incident.about}</span>
        </h2>
        <span className={styles.right}>
          {open ? null : <Status tone="good">{t.alerts.resolved}</Status>}
          {incident.acknowledged_at ? (
            <Status tone="quiet" icon="user">
              {incident.acknowledged_by ? t.alerts.acknowledgedBy(incident.acknowledged_by.replace(/^user:/, '')) : t.alerts.acknowledged}
            </Status>
          ) : null}
          {can ? (
            <Button variant="default" onClick={() => void acknowledgeIt()} leftSection={<Icon name="check" size={14} />}>
              {t.alerts.acknowledge}
            </Button>
          ) : null}
        </span>
      </div>
      <p className={styles.text}>{incident.summary}</p>
      {incident.details.length > 0 ? (
        <ul className={styles.details}>
          {incident.details.map((line) => (
            <li key={line}>{line}</li>
          ))}
        </ul>
      ) : null}
      {incident.remedy ? (
        <p className={styles.remedy}>
          <strong>{t.alerts.toDo}</strong> {incident.remedy}
        </p>
      ) : null}
      <p className={styles.times}>
        {t.alerts.incident(incident.number)} · {t.alerts.since} <Moment time={incident.opened_at} /> (<When time={incident.opened_at} />)
        {incident.resolved_at
          ? ` · ${t.alerts.lasted(duration((new Date(incident.resolved_at).getTime() - new Date(incident.opened_at).getTime()) / 1000))}`
          : ''}
      </p>
    </li>
  );
}
