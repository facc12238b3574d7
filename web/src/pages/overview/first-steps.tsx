// The first visit: what to do, in which order, until it is done.
import { Button } from '@mantine/core';
import type { ReactNode } from 'react';
import { Link } from 'react-router-dom';
import { useClusters, useSchedules, useStatistics } from '../../api/queries';
import { useMay, useWho } from '../../api/role';
import { useLocale } from '../../i18n/locale';
import { Icon } from '../../ui/icons';
import { Panel } from '../../ui/layout';
import styles from './overview.module.css';

interface Step {
  title: string;
  text: string;
  done: boolean;
  action?: ReactNode;
}

export function FirstSteps({ backup }: { backup: () => void }) {
  const { t } = useLocale();
  const { open } = useWho();
  const operator = useMay('operator');
  const clusters = useClusters().data?.items;
  const statistics = useStatistics().data;
  const schedules = useSchedules().data?.items;
  if (!operator || !clusters || !statistics || !schedules) return null;
  const connected = clusters.some((each) => each.state === 'up');
  const steps: Step[] = [
    { title: t.first.cluster, text: connected ? t.first.clusterDone : t.first.clusterText, done: connected },
    {
      title: t.first.backup,
      text: t.first.backupText,
      done: statistics.verified_snapshots > 0,
      action: <Button onClick={backup}>{t.backup.now}</Button>,
    },
    {
      title: t.first.schedule,
      text: t.first.scheduleText,
      done: schedules.some((each) => each.rules['kind'] === 'backup'),
      action: (
        <Button component={Link} to="/schedules/new" variant="default">
          {t.schedules.create}
        </Button>
      ),
    },
    {
      title: t.first.user,
      text: t.first.userText,
      done: !open,
      action: (
        <Button component={Link} to="/settings?tab=users" variant="default">
          {t.users.create}
        </Button>
      ),
    },
  ];
  if (steps.every((step) => step.done)) return null;
  const next = steps.findIndex((step) => !step.done);
  return (
    <Panel title={t.first.title}>
      <ol className={styles.steps}>
        {steps.map((step, index) => (
          <li key={step.title} data-done={step.done || undefined}>
            <span className={styles.mark} role="img" aria-label={step.done ? t.first.done : t.first.step(index + 1)}>
              {step.done ? <Icon name="check" size={13} /> : index + 1}
            </span>
            <span>
              <span className={styles.stepTitle}>{step.title}</span>
              {index === next || !step.done ? <span className={styles.small}> {step.text}</span> : null}
            </span>
            {step.done ? null : step.action}
          </li>
        ))}
      </ol>
    </Panel>
  );
}
