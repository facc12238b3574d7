// What may be said to a migration now. The API says which words it would take; each goes to the process that drives the
// migration, whose answer is waited for.
import { Button } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, body, type Migration, type MigrationCommand, type MigrationVerb } from '../../api/client';
import { Problem } from '../../api/problem';
import { useMay } from '../../api/role';
import { useLocale } from '../../i18n/locale';
import { ConfirmDialog } from '../../ui/confirm';
import { Icon, type IconName } from '../../ui/icons';
import { Line } from '../../ui/layout';
import { useIntent } from '../../ui/make-job';
import { tellDone, tellProblem } from '../../ui/tell';

type Dangerous = 'cutover' | 'rollback' | 'complete' | 'abort';

const icons: Record<Exclude<MigrationVerb, 'approve'>, IconName> = {
  pause: 'pause',
  resume: 'play',
  cutover: 'migrations',
  rollback: 'restore',
  complete: 'check',
  abort: 'stop',
};
const patience = 6_000; // ms for the process that drives it; it looks ten times a second
const look = 250;

function send(migration: Migration, verb: MigrationVerb, key: string) {
  const path = { id: migration.id };
  const header = { 'Idempotency-Key': key };
  const named = { path, header, query: { confirm: migration.id } };
  switch (verb) {
    case 'approve':
      return api.POST('/api/v1/migrations/{id}/approve', { params: { path, header, query: { request: migration.request?.number ?? 0 } } });
    case 'pause':
      return api.POST('/api/v1/migrations/{id}/pause', { params: { path, header } });
    case 'resume':
      return api.POST('/api/v1/migrations/{id}/resume', { params: { path, header } });
    case 'cutover':
      return api.POST('/api/v1/migrations/{id}/cutover', { params: named });
    case 'rollback':
      return api.POST('/api/v1/migrations/{id}/rollback', { params: named });
    case 'complete':
      return api.POST('/api/v1/migrations/{id}/complete', { params: named });
    case 'abort':
      return api.POST('/api/v1/migrations/{id}/abort', { params: named });
  }
}

/** Says it, and tells what became of it; a refusal is thrown. */
export function useSay(migration: Migration): (verb: MigrationVerb) => Promise<void> {
  const { t } = useLocale();
  const client = useQueryClient();
  const intent = useIntent();
  return async (verb) => {
    let said: MigrationCommand = await body(send(migration, verb, intent.keyOf([verb, verb === 'approve' ? migration.request?.number : 0])));
    intent.done();
    const until = Date.now() + patience;
    while (said.state === 'waiting' && migration.driven && Date.now() < until) {
      await new Promise((resolve) => window.setTimeout(resolve, look));
      const params = { path: { id: migration.id, number: said.number } };
      said = await body(api.GET('/api/v1/migrations/{id}/commands/{number}', { params }));
    }
    void client.invalidateQueries({ queryKey: ['migration', migration.id] });
    void client.invalidateQueries({ queryKey: ['migrations'] });
    if (said.state === 'refused') throw new Problem(-1, t.migrations.refused, said.refusal ?? '', 'refused', '');
    const word = t.migrations.acts[verb];
    tellDone(t, said.state === 'obeyed' ? t.migrations.obeyed(word) : migration.driven ? t.migrations.busy(word) : t.migrations.noted(word));
  };
}

/** Those that are of use: between two rounds `resume` would only hurry one, a blocked one that nobody drives goes on by
 *  `aerie migrate run`, and before the switch `rollback` is `abort`. */
function offered(migration: Migration): Exclude<MigrationVerb, 'approve'>[] {
  const can = (verb: MigrationVerb) => migration.actions.includes(verb);
  const stands = migration.paused || (migration.driven && (migration.phase === 'blocked' || migration.open_alerts.length > 0));
  const pressed = migration.waiting.map((each) => each.verb);
  return (['cutover', 'complete', 'resume', 'pause', 'rollback', 'abort'] as const).filter(
    (verb) =>
      can(verb) &&
      !pressed.includes(verb) &&
      !(verb === 'resume' && !stands) &&
      !(verb === 'rollback' && can('abort')) &&
      !(verb === 'cutover' && migration.cutover_wanted),
  );
}

export function MigrationActs({ migration }: { migration: Migration }) {
  const { t, duration } = useLocale();
  const operator = useMay('operator');
  const admin = useMay('admin');
  const say = useSay(migration);
  const [asking, setAsking] = useState<Dangerous | null>(null);
  const texts: Record<Dangerous, string> = {
    cutover: t.migrations.texts.cutover(migration.to, duration(migration.max_pause_ms / 1000)),
    rollback: t.migrations.texts.rollback(migration.from),
    complete: t.migrations.texts.complete(migration.from),
    abort: t.migrations.texts.abort(migration.from),
  };
  const verbs = offered(migration).filter((verb) => (verb === 'pause' || verb === 'resume' ? operator : admin));
  const press = (verb: (typeof verbs)[number]) => () => {
    if (verb === 'pause' || verb === 'resume') say(verb).catch((problem: unknown) => tellProblem(t, problem));
    else setAsking(verb);
  };
  // What it asks stays as it was while the dialog is open, whatever the migration does meanwhile.
  if (verbs.length === 0 && asking === null) return null;
  return (
    <Line>
      {verbs.map((verb) => (
        <Button
          key={verb}
          variant={verb === 'cutover' || verb === 'complete' || verb === 'resume' ? 'filled' : 'default'}
          leftSection={<Icon name={icons[verb]} size={14} />}
          onClick={press(verb)}
        >
          {t.migrations.acts[verb]}
        </Button>
      ))}
      {asking ? (
        <ConfirmDialog
          title={t.migrations.titles[asking](migration.id)}
          name={migration.id}
          act={t.migrations.acts[asking]}
          danger={asking !== 'cutover'}
          run={() => say(asking)}
          close={() => setAsking(null)}
        >
          <p>{texts[asking]}</p>
        </ConfirmDialog>
      ) : null}
    </Line>
  );
}

export function Approve({ migration }: { migration: Migration }) {
  const { t } = useLocale();
  const operator = useMay('operator');
  const say = useSay(migration);
  const [busy, setBusy] = useState(false);
  if (!operator || !migration.actions.includes('approve')) return null;
  const approve = async () => {
    setBusy(true);
    try {
      await say('approve');
    } catch (problem) {
      tellProblem(t, problem);
    }
    setBusy(false);
  };
  return (
    <Button onClick={() => void approve()} loading={busy} leftSection={<Icon name="check" size={14} />}>
      {t.migrations.approve}
    </Button>
  );
}
