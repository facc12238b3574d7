// Making and changing a schedule: what, when (with its next times as they are typed), and the rules.
import { Button, NumberInput, Select, Switch, TagsInput, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Link, useNavigate, useParams } from 'react-router-dom';
import { api, body } from '../../api/client';
import { usePreview, useSchedules, useSettings } from '../../api/queries';
import { newRules, rulesOf, toSend, type Rules } from '../../api/rules';
import { useLocale } from '../../i18n/locale';
import { kindName } from '../../ui/job-bits';
import { Columns, PageHead, Panel, Stack } from '../../ui/layout';
import { Loaded, Loading, ProblemNote } from '../../ui/states';
import { useIntent } from '../../ui/make-job';
import { useSubmit } from '../../ui/submit';
import { When } from '../../ui/values';
import { NotFound } from '../not-found';
import styles from './schedules.module.css';
import { SpecFields } from './spec-fields';

const words = ['every 6 hours', 'daily at 02:00', 'every weekday at 22:00', 'weekly on Sunday at 03:30', '0 2 * * *'];

export default function ScheduleEditor() {
  const { id } = useParams();
  const query = useSchedules();
  if (id === undefined) return <Editor id={null} before={{ ...newRules, zone: Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC' }} />;
  return (
    <Loaded query={query} rows={8}>
      {({ items }) => {
        const schedule = items.find((each) => each.id === id);
        return schedule ? <Editor id={id} before={rulesOf(schedule)} /> : <NotFound />;
      }}
    </Loaded>
  );
}

function Editor({ id, before }: { id: string | null; before: Rules }) {
  const { t } = useLocale();
  const navigate = useNavigate();
  const client = useQueryClient();
  const settings = useSettings();
  const [name, setName] = useState(id ?? '');
  const [rules, setRules] = useState<Rules>(before);
  const [specError, setSpecError] = useState(false);
  const set = <K extends keyof Rules>(key: K, value: Rules[K]) => setRules((old) => ({ ...old, [key]: value }));
  const intent = useIntent();
  const { busy, error, submit } = useSubmit(async () => {
    const made = { id: name.trim(), rules: toSend(rules) };
    const saved =
      id === null
        ? await body(
            api.POST('/api/v1/schedules', {
              params: { header: { 'Idempotency-Key': intent.keyOf(made) } },
              body: made,
            }),
          )
        : await body(api.PUT('/api/v1/schedules/{id}', { params: { path: { id } }, body: toSend(rules) }));
    await client.invalidateQueries({ queryKey: ['schedules'] });
    navigate(`/schedules/${encodeURIComponent(saved.id)}`);
  });
  const kinds = settings.data?.kinds ?? [rules.kind];
  return (
    <form onSubmit={(event) => void submit(event)}>
      <PageHead title={id === null ? t.schedules.create : t.schedules.editTitle(id)} />
      <Columns wide>
        <Stack>
          <Panel title={t.schedules.what}>
            <div className={styles.form}>
              <div className={styles.pair}>
                {id === null ? (
                  <TextInput
                    label={t.word.name}
                    value={name}
                    onChange={(event) => setName(event.currentTarget.value)}
                    placeholder="nightly"
                    pattern="[A-Za-z0-9._@\-]+"
                    title={t.schedules.nameHelp}
                    required
                    withAsterisk={false}
                    autoComplete="off"
                  />
                ) : null}
                <Select
                  label={t.word.kind}
                  data={kinds.map((value) => ({ value, label: kindName(t, value) }))}
                  value={rules.kind}
                  onChange={(value) => value && setRules((old) => ({ ...old, kind: value, job: value === before.kind ? before.job : {} }))}
                  allowDeselect={false}
                />
              </div>
              <SpecFields
                key={rules.kind}
                kind={rules.kind}
                spec={rules.job}
                onChange={(job) => set('job', job)}
                onBroken={setSpecError}
              />
            </div>
          </Panel>
          <Panel title={t.schedules.policies}>
            <div className={styles.form}>
              <div className={styles.pair}>
                <Select
                  label={t.schedules.missed}
                  data={(['run-once', 'skip'] as const).map((value) => ({ value, label: t.schedules.missedWords[value] }))}
                  value={rules.missed}
                  onChange={(value) => set('missed', (value ?? 'run-once') as Rules['missed'])}
                  allowDeselect={false}
                />
                <Select
                  label={t.schedules.overlap}
                  data={(['queue', 'skip'] as const).map((value) => ({ value, label: t.schedules.overlapWords[value] }))}
                  value={rules.overlap}
                  onChange={(value) => set('overlap', (value ?? 'queue') as Rules['overlap'])}
                  allowDeselect={false}
                />
              </div>
              <div className={styles.pair}>
                <TextInput
                  label={t.schedules.window}
                  placeholder="22:00-06:00"
                  value={rules.window}
                  onChange={(event) => set('window', event.currentTarget.value)}
                />
                <TextInput
                  label={t.schedules.jitter}
                  placeholder="10m"
                  value={rules.jitter}
                  onChange={(event) => set('jitter', event.currentTarget.value)}
                />
                <NumberInput
                  label={t.word.priority}
                  value={rules.priority}
                  min={-1000}
                  max={1000}
                  onChange={(value) => set('priority', Number(value) || 0)}
                />
              </div>
              <TagsInput
                label={t.schedules.blackouts}
                description={t.schedules.blackoutsHelp}
                value={rules.blackouts}
                onChange={(value) => set('blackouts', value)}
              />
              <Switch
                label={t.schedules.enabled}
                checked={rules.enabled}
                onChange={(event) => set('enabled', event.currentTarget.checked)}
              />
            </div>
          </Panel>
        </Stack>
        <Stack>
          <Panel title={t.schedules.when}>
            <div className={styles.form}>
              <div>
                <TextInput
                  label={t.schedules.whenLabel}
                  description={t.schedules.whenHelp}
                  value={rules.when}
                  onChange={(event) => set('when', event.currentTarget.value)}
                  required
                  withAsterisk={false}
                  autoComplete="off"
                  spellCheck={false}
                />
                <div className={styles.words}>
                  {words.map((each) => (
                    <Button key={each} size="compact-xs" variant="default" onClick={() => set('when', each)}>
                      {each}
                    </Button>
                  ))}
                </div>
              </div>
              <Select
                label={t.schedules.zone}
                data={zones(rules.zone)}
                value={rules.zone || 'UTC'}
                onChange={(value) => set('zone', value ?? 'UTC')}
                searchable
                limit={60}
                allowDeselect={false}
              />
              <Preview rules={rules} />
            </div>
          </Panel>
          {error ? <ProblemNote error={error} /> : null}
          <div className={styles.actions}>
            <Button component={Link} variant="default" to={id === null ? '/schedules' : `/schedules/${encodeURIComponent(id)}`}>
              {t.cancel}
            </Button>
            <Button type="submit" loading={busy} disabled={specError}>
              {id === null ? t.schedules.create : t.save}
            </Button>
          </div>
        </Stack>
      </Columns>
    </form>
  );
}

function zones(mine: string): string[] {
  const all = Intl.supportedValuesOf('timeZone');
  return [...new Set(['UTC', mine || 'UTC', ...all])];
}

/** The next times as the daemon reckons them. */
function Preview({ rules }: { rules: Rules }) {
  const { t } = useLocale();
  const [asked] = useDebouncedValue(
    { when: rules.when, zone: rules.zone, jitter: rules.jitter.trim(), window: rules.window.trim(), kind: rules.kind },
    300,
  );
  const query = usePreview(asked);
  return (
    <div aria-live="polite">
      <p className={styles.legend}>{t.schedules.nextRuns}</p>
      {query.error ? (
        <ProblemNote error={query.error} />
      ) : query.data ? (
        <>
          <p className={styles.description}>{query.data.description}</p>
          <ol className={styles.next}>
            {query.data.next.map((each) => (
              <li key={each.due_at}>
                <span>{each.local}</span>
                <When time={each.starts_at ?? each.due_at} />
              </li>
            ))}
          </ol>
        </>
      ) : asked.when.trim() === '' ? null : (
        <Loading rows={3} />
      )}
    </div>
  );
}
