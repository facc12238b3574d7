import { Anchor } from '@mantine/core';
import { Link, useParams } from 'react-router-dom';
import type { Job } from '../../api/client';
import { useJobLog } from '../../api/events';
import { figuresOf } from '../../api/progress';
import { useJob } from '../../api/queries';
import { useLocale } from '../../i18n/locale';
import { JobActs } from '../../ui/job-acts';
import { JobStatus, kindName, targetOf } from '../../ui/job-bits';
import { Columns, Facts, Line, PageHead, Panel, Stack } from '../../ui/layout';
import { LogPanel } from '../../ui/log';
import { useNow } from '../../ui/now';
import { Numbers } from '../../ui/numbers';
import { ProgressBar } from '../../ui/progress';
import { Loaded, ProblemNote } from '../../ui/states';
import { Problem } from '../../api/problem';
import { DataTable } from '../../ui/table';
import { Bytes, Count, Moment } from '../../ui/values';
import { NotFound } from '../not-found';
import styles from './jobs.module.css';

export default function JobPage() {
  const number = Number(useParams()['number']);
  return Number.isSafeInteger(number) && number > 0 ? <Page number={number} /> : <NotFound />;
}

function Page({ number }: { number: number }) {
  const { t } = useLocale();
  const query = useJob(number);
  return (
    <Loaded query={query} rows={8}>
      {(job) => (
        <>
          <PageHead
            title={`${kindName(t, job.kind)} #${job.number}`}
            lead={
              <Line>
                <span role="status">
                  <JobStatus state={job.state} />
                </span>
                <span>{targetOf(job.spec)}</span>
              </Line>
            }
          >
            <JobActs job={job} wide />
          </PageHead>
          <Stack>
            {job.error ? <ProblemNote error={new Problem(-1, t.jobs.failedBecause, job.error.message, '', '')} /> : null}
            {job.ended_at === null ? <Live job={job} /> : null}
            <Columns wide>
              <Stack>
                <ResultPanel job={job} />
                <JobLog number={number} />
              </Stack>
              <Stack>
                <AboutPanel job={job} />
                <Panel title={t.jobs.spec}>
                  <pre className={styles.json} tabIndex={0}>{JSON.stringify(job.spec, null, 2)}</pre>
                </Panel>
              </Stack>
            </Columns>
          </Stack>
        </>
      )}
    </Loaded>
  );
}

function Live({ job }: { job: Job }) {
  const { t, number, bytes, duration, percent } = useLocale();
  const now = useNow('fast');
  const figures = figuresOf(job.progress);
  const elapsed = job.started_at ? (now.getTime() - new Date(job.started_at).getTime()) / 1000 : null;
  const moving = job.state === 'running' || job.state === 'pausing' || job.state === 'cancelling';
  const phase = figures ? ((t.phase as Record<string, string | undefined>)[figures.phase] ?? figures.phase) : '';
  const facts: [string, string][] = [];
  if (figures?.rows !== null && figures?.rows !== undefined)
    facts.push([t.word.rows, figures.rowsTotal ? `${number(figures.rows)} / ${number(figures.rowsTotal)}` : number(figures.rows)]);
  if (figures?.bytes) facts.push([t.word.size, figures.bytesTotal ? `${bytes(figures.bytes)} / ${bytes(figures.bytesTotal)}` : bytes(figures.bytes)]);
  if (moving && figures?.rowsPerSecond) facts.push([t.jobs.rate, t.jobs.rowsPerSecond(number(figures.rowsPerSecond))]);
  if (moving && figures?.bytesPerSecond) facts.push([t.jobs.throughput, t.jobs.perSecond(bytes(figures.bytesPerSecond))]);
  if (elapsed !== null) facts.push([t.jobs.elapsed, duration(elapsed)]);
  if (moving && figures?.secondsLeft) facts.push([t.jobs.timeLeft, duration(figures.secondsLeft)]);
  return (
    <Panel
      title={job.state === 'queued' ? t.jobs.waits : moving ? phase || t.jobs.starting : t.jobState[job.state]}
      actions={figures?.share !== null && figures?.share !== undefined ? <strong>{percent(figures.share)}</strong> : null}
    >
      <div className={styles.live}>
        {job.state === 'queued' ? null : (
          <ProgressBar share={figures?.share ?? (moving ? null : 0)} label={t.jobs.progressOf(job.number)} tone={moving ? 'busy' : 'quiet'} />
        )}
        {facts.length > 0 ? (
          <Numbers rows={facts} />
        ) : (
          <span className={styles.target}>{job.state === 'queued' ? t.jobs.waitsText : t.jobs.starting}</span>
        )}
        {figures && figures.collections.length > 1 ? (
          <DataTable
            label={t.word.collections}
            rows={figures.collections}
            rowKey={(row) => row.name}
            columns={[
              { key: 'name', title: t.word.collection, phone: 'head', cell: (row) => row.name },
              {
                key: 'rows',
                title: t.word.rows,
                numeric: true,
                cell: (row) => (row.rowsTotal === null ? number(row.rows) : `${number(row.rows)} / ${number(row.rowsTotal)}`),
              },
              { key: 'share', title: t.jobs.progress, grow: true, cell: (row) => <ProgressBar share={row.share} label={row.name} /> },
            ]}
          />
        ) : null}
      </div>
    </Panel>
  );
}

function AboutPanel({ job }: { job: Job }) {
  const { t, duration } = useLocale();
  const took = job.started_at && job.ended_at ? (new Date(job.ended_at).getTime() - new Date(job.started_at).getTime()) / 1000 : null;
  return (
    <Panel title={t.details}>
      <Facts
        rows={[
          [t.word.kind, kindName(t, job.kind)],
          [
            t.word.schedule,
            job.schedule ? (
              <Anchor component={Link} to={`/schedules/${encodeURIComponent(job.schedule)}`}>
                {job.schedule}
              </Anchor>
            ) : (
              t.jobs.byHand
            ),
          ],
          job.due_at ? [t.schedules.due, <Moment key="due" time={job.due_at} />] : null,
          [t.word.made, <Moment key="made" time={job.created_at} />],
          job.started_at ? [t.jobs.started, <Moment key="started" time={job.started_at} />] : null,
          job.ended_at ? [t.jobs.ended, <Moment key="ended" time={job.ended_at} />] : null,
          took !== null ? [t.word.took, duration(took)] : null,
          [t.word.priority, String(job.priority)],
          job.interruptions > 0 ? [t.jobs.interruptions, String(job.interruptions)] : null,
          job.holder ? [t.jobs.runsOn, `${job.holder.host}, pid ${job.holder.pid}`] : null,
        ]}
      />
    </Panel>
  );
}

/** The figures of a result that everybody asks for; the rest as it is. */
function ResultPanel({ job }: { job: Job }) {
  const { t, duration } = useLocale();
  const result = job.result;
  if (!result) return null;
  const number = (key: string) => (typeof result[key] === 'number' ? result[key] : null);
  const snapshot = typeof result['snapshot'] === 'string' ? result['snapshot'] : null;
  const repository = typeof job.spec['repository'] === 'string' ? job.spec['repository'] : null;
  const seconds = number('seconds');
  const warnings = Array.isArray(result['warnings']) ? result['warnings'].map(String) : [];
  return (
    <Panel title={t.jobs.result}>
      <Facts
        rows={[
          snapshot
            ? [
                t.word.snapshot,
                repository ? (
                  <Anchor component={Link} to={`/snapshots/${encodeURIComponent(repository)}/${snapshot}`}>
                    <code>{snapshot.slice(0, 8)}</code>
                  </Anchor>
                ) : (
                  <code>{snapshot}</code>
                ),
              ]
            : null,
          typeof result['verified'] === 'boolean' ? [t.snapshots.verification, result['verified'] ? t.snapshots.verified : t.snapshots.notVerified] : null,
          number('rows') !== null ? [t.word.rows, <Count key="rows" value={number('rows')} />] : null,
          number('bytes') !== null ? [t.word.size, <Bytes key="bytes" value={number('bytes')} />] : null,
          number('stored_bytes') !== null ? [t.snapshots.addedToStore, <Bytes key="stored" value={number('stored_bytes')} />] : null,
          seconds !== null ? [t.word.took, duration(seconds)] : null,
          warnings.length > 0 ? [t.jobs.warnings, warnings.map((text) => <div key={text}>{text}</div>)] : null,
        ]}
      />
      <details className={styles.whole}>
        <summary>{t.jobs.whole}</summary>
        <pre className={styles.json} tabIndex={0}>{JSON.stringify(result, null, 2)}</pre>
      </details>
    </Panel>
  );
}

function JobLog({ number }: { number: number }) {
  return <LogPanel entries={useJobLog(number)} />;
}
