// Cancel, pause, resume: what the API says may be done to a job now.
import { ActionIcon, Button, Tooltip } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, body, type Job, type JobSummary } from '../api/client';
import { useMay } from '../api/role';
import { useLocale } from '../i18n/locale';
import { ConfirmDialog } from './confirm';
import { Icon, type IconName } from './icons';
import { kindName } from './job-bits';
import { Line } from './layout';
import { tellProblem } from './tell';

type Act = JobSummary['actions'][number];

const icons: Record<Act, IconName> = { cancel: 'stop', pause: 'pause', resume: 'play' };

export function JobActs({ job, wide = false }: { job: JobSummary; wide?: boolean }) {
  const { t } = useLocale();
  const client = useQueryClient();
  const [asking, setAsking] = useState(false);
  const operator = useMay('operator');
  if (!operator || job.actions.length === 0) return null;
  const params = { path: { number: job.number } };
  const send = async (act: Act) => {
    const answer =
      act === 'cancel'
        ? api.POST('/api/v1/jobs/{number}/cancel', { params })
        : act === 'pause'
          ? api.POST('/api/v1/jobs/{number}/pause', { params })
          : api.POST('/api/v1/jobs/{number}/resume', { params });
    const after: Job = await body(answer);
    client.setQueryData<Job>(['job', job.number], (before) => ({ ...before, ...after }));
    await client.invalidateQueries({ queryKey: ['jobs'] });
  };
  const run = (act: Act) => () => {
    if (act === 'cancel') setAsking(true);
    else send(act).catch((problem: unknown) => tellProblem(t, problem));
  };
  return (
    <Line>
      {(['resume', 'pause', 'cancel'] as const)
        .filter((act) => job.actions.includes(act))
        .map((act) =>
          wide ? (
            <Button
              key={act}
              variant={act === 'resume' ? 'filled' : 'default'}
              leftSection={<Icon name={icons[act]} size={14} />}
              onClick={run(act)}
            >
              {t.jobs.acts[act]}
            </Button>
          ) : (
            <Tooltip key={act} label={t.jobs.acts[act]}>
              <ActionIcon aria-label={t.jobs.actOn(t.jobs.acts[act], job.number)} onClick={run(act)}>
                <Icon name={icons[act]} size={15} />
              </ActionIcon>
            </Tooltip>
          ),
        )}
      {asking ? (
        <ConfirmDialog
          title={t.jobs.cancelTitle(kindName(t, job.kind), job.number)}
          act={t.jobs.cancelAct}
          danger
          run={() => send('cancel')}
          close={() => setAsking(false)}
        >
          <p>{t.jobs.cancelText}</p>
        </ConfirmDialog>
      ) : null}
    </Line>
  );
}
