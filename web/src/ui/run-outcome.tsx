import { Anchor, Tooltip } from '@mantine/core';
import { Link } from 'react-router-dom';
import type { ScheduleRun } from '../api/client';
import { useLocale } from '../i18n/locale';
import { Status, type Tone } from './status';

const tones: Record<string, Tone> = { started: 'good', waiting: 'busy', missed: 'bad', skipped: 'warn' };

/** What became of a time that was due. */
export function RunOutcome({ run }: { run: ScheduleRun }) {
  const { t } = useLocale();
  const words = (t.outcome as Record<string, string | undefined>)[run.outcome] ?? run.outcome;
  const status = (
    <Tooltip label={run.explanation} disabled={run.explanation === ''}>
      <span>
        <Status tone={tones[run.outcome] ?? 'quiet'}>{words}</Status>
      </span>
    </Tooltip>
  );
  if (run.job === null) return status;
  return (
    <>
      {status}{' '}
      <Anchor component={Link} to={`/jobs/${run.job}`} inherit={false} size="xs">
        #{run.job}
      </Anchor>
    </>
  );
}
