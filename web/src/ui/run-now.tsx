// A schedule's job, now. The API lets any operator run what an admin scheduled; a job that may destroy
// something still asks for its object's name here.
import { ActionIcon, Button, Tooltip } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useNavigate } from 'react-router-dom';
import { api, body, type Schedule } from '../api/client';
import { useMay } from '../api/role';
import { rulesOf } from '../api/rules';
import { useLocale } from '../i18n/locale';
import { ConfirmDialog } from './confirm';
import { Icon } from './icons';
import { kindName } from './job-bits';
import { useIntent } from './make-job';
import { tellProblem } from './tell';

interface Asked {
  confirm: string | null;
  summary: string;
}

export function RunNow({ schedule, wide = false }: { schedule: Schedule; wide?: boolean }) {
  const { t } = useLocale();
  const client = useQueryClient();
  const navigate = useNavigate();
  const operator = useMay('operator');
  const intent = useIntent();
  const [asked, setAsked] = useState<Asked | null>(null);
  const [busy, setBusy] = useState(false);
  if (!operator) return null;
  const rules = rulesOf(schedule);
  const ask = async () => {
    setBusy(true);
    try {
      const plan = await body(api.POST('/api/v1/jobs:plan', { body: { kind: rules.kind, spec: rules.job } }));
      setAsked({ confirm: plan.confirm, summary: plan.summary });
    } catch (problem) {
      tellProblem(t, problem);
    }
    setBusy(false);
  };
  const run = async () => {
    const job = await body(
      api.POST('/api/v1/schedules/{id}/run', {
        params: {
          path: { id: schedule.id },
          header: { 'Idempotency-Key': intent.keyOf(schedule.id) },
        },
      }),
    );
    intent.done();
    void client.invalidateQueries({ queryKey: ['jobs'] });
    navigate(`/jobs/${job.number}`);
  };
  return (
    <>
      {wide ? (
        <Button loading={busy} onClick={() => void ask()} leftSection={<Icon name="play" size={14} />}>
          {t.schedules.runNow}
        </Button>
      ) : (
        <Tooltip label={t.schedules.runNow}>
          <ActionIcon loading={busy} aria-label={t.schedules.runOne(schedule.id)} onClick={() => void ask()}>
            <Icon name="play" size={15} />
          </ActionIcon>
        </Tooltip>
      )}
      {asked ? (
        <ConfirmDialog
          title={t.schedules.runTitle(schedule.id)}
          act={t.schedules.runNow}
          {...(asked.confirm === null ? {} : { name: asked.confirm, danger: true })}
          run={run}
          close={() => setAsked(null)}
        >
          <p>{kindName(t, rules.kind)}</p>
          <pre tabIndex={0}>{asked.summary}</pre>
        </ConfirmDialog>
      ) : null}
    </>
  );
}
