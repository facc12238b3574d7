// How jobs are shown wherever they are: state, kind, progress in a line.
import { Anchor } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { Link } from 'react-router-dom';
import type { Job, JobState, JobSummary } from '../api/client';
import { figuresOf } from '../api/progress';
import { useLocale } from '../i18n/locale';
import styles from './job-bits.module.css';
import type { IconName } from './icons';
import { ProgressBar } from './progress';
import { Status, type Tone } from './status';

const tones: Record<JobState, [Tone, IconName?]> = {
  queued: ['quiet', 'clock'],
  running: ['busy', 'play'],
  pausing: ['busy', 'pause'],
  paused: ['warn', 'pause'],
  cancelling: ['busy', 'stop'],
  interrupted: ['warn', 'refresh'],
  completed: ['good'],
  partial: ['warn'],
  failed: ['bad'],
  cancelled: ['quiet', 'stop'],
  unknown: ['bad', 'warn'],
};

export function JobStatus({ state }: { state: JobState }) {
  const { t } = useLocale();
  const [tone, icon] = tones[state];
  return (
    <Status tone={tone} {...(icon ? { icon } : {})}>
      {t.jobState[state]}
    </Status>
  );
}

export function kindName(t: ReturnType<typeof useLocale>['t'], kind: string): string {
  return (t.jobKind as Record<string, string | undefined>)[kind] ?? kind;
}

/** What a job is about, in the words of its spec: "prod → main". */
export function targetOf(spec: Record<string, unknown>): string {
  const text = (key: string) => (typeof spec[key] === 'string' && spec[key] !== '' ? spec[key] : null);
  const from = text('cluster') ?? text('from') ?? text('repository');
  const to = text('to') ?? (from === text('repository') ? null : text('repository'));
  const snapshot = text('snapshot');
  return [snapshot ? snapshot.slice(0, 8) : from, to].filter(Boolean).join(' → ');
}

export function JobLink({ job }: { job: JobSummary }) {
  const { t } = useLocale();
  return (
    <Anchor component={Link} to={`/jobs/${job.number}`} className={styles.link}>
      {kindName(t, job.kind)} <span className={styles.number}>#{job.number}</span>
    </Anchor>
  );
}

/** A bar with share, rate and time left, as far as they are known. */
export function JobProgress({ job }: { job: JobSummary | Job }) {
  const { t, percent, number, duration, bytes } = useLocale();
  const figures = figuresOf(job.progress);
  const stands = job.state === 'paused' || job.state === 'interrupted';
  if (job.ended_at !== null || job.state === 'queued') return null;
  const words: string[] = [];
  if (figures) {
    if (figures.share !== null) words.push(percent(figures.share));
    if (!stands && figures.rowsPerSecond !== null && figures.rowsPerSecond > 0)
      words.push(t.jobs.rowsPerSecond(number(figures.rowsPerSecond)));
    else if (!stands && figures.bytesPerSecond !== null && figures.bytesPerSecond > 0)
      words.push(t.jobs.perSecond(bytes(figures.bytesPerSecond)));
    if (!stands && figures.secondsLeft !== null) words.push(t.jobs.left(duration(figures.secondsLeft)));
  }
  return (
    <div className={styles.progress}>
      <ProgressBar share={figures?.share ?? (stands ? 0 : null)} label={t.jobs.progressOf(job.number)} tone={stands ? 'quiet' : 'busy'} />
      <span className={styles.words}>{words.length > 0 ? words.join(' · ') : t.jobs.starting}</span>
    </div>
  );
}

/** Tells, for the eye and for the ear, that a job was made; a click leads to it. */
export function tellJob(t: ReturnType<typeof useLocale>['t'], job: { number: number; kind: string }): void {
  notifications.show({
    title: t.jobs.made(kindName(t, job.kind), job.number),
    message: (
      <Anchor component={Link} to={`/jobs/${job.number}`} className={styles.link}>
        {t.jobs.watch}
      </Anchor>
    ),
    color: 'blue',
    autoClose: 6000,
  });
}
