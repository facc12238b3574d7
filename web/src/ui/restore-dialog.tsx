// Restore: where to, which collections under which names, what happens to those that are there, and
// what it would do before it does it. The button comes with the plan of exactly what was chosen.
import { Button, Checkbox, Modal, Radio, Select, TextInput } from '@mantine/core';
import { useEffect, useRef, useState } from 'react';
import { useNavigate } from 'react-router-dom';
import { api, body, type SnapshotCollection, type SnapshotSummary } from '../api/client';
import { useClusters, useSnapshot } from '../api/queries';
import { may, useWho } from '../api/role';
import { useLocale } from '../i18n/locale';
import { Icon } from './icons';
import { useMakeJob } from './make-job';
import styles from './restore-dialog.module.css';
import { Loaded, ProblemNote } from './states';
import { useSubmit } from './submit';
import { Bytes, Count } from './values';

type OnConflict = 'fail' | 'replace' | 'merge';

interface Plan {
  of: string; // the spec that it was made of
  summary: string;
  role: 'viewer' | 'operator' | 'admin';
  confirm: string | null;
}

export function nameOf(collection: { database: string; name: string }): string {
  return collection.database === 'default' || collection.database === '' ? collection.name : `${collection.database}.${collection.name}`;
}

export function RestoreDialog({ snapshot, close }: { snapshot: SnapshotSummary; close: () => void }) {
  const { t } = useLocale();
  const query = useSnapshot(snapshot.id, snapshot.repository);
  return (
    <Modal
      opened
      onClose={close}
      size={660}
      title={`${t.restore.title} ${snapshot.id.slice(0, 8)}`}
      closeButtonProps={{ 'aria-label': t.close }}
    >
      <Loaded query={query}>{(data) => <Form snapshot={snapshot} collections={data.collections} close={close} />}</Loaded>
    </Modal>
  );
}

interface FormProps {
  snapshot: SnapshotSummary;
  collections: SnapshotCollection[];
  close: () => void;
}

function Form({ snapshot, collections, close }: FormProps) {
  const { t } = useLocale();
  const who = useWho();
  const navigate = useNavigate();
  const makeJob = useMakeJob();
  const clusters = useClusters().data?.items ?? [];
  const [to, setTo] = useState<string | null>(null);
  const [left, setLeft] = useState<ReadonlySet<string>>(new Set());
  const [names, setNames] = useState<Readonly<Record<string, string>>>({});
  const [suffix, setSuffix] = useState('_restored');
  const [conflict, setConflict] = useState<OnConflict>('fail');
  const [load, setLoad] = useState(true);
  const [newKeys, setNewKeys] = useState(false);
  const [typed, setTyped] = useState('');
  const [plan, setPlan] = useState<Plan | null>(null);
  const target = to ?? clusters.find((each) => each.name === snapshot.cluster)?.name ?? clusters.find((each) => each.is_default)?.name ?? null;

  const chosen = collections.filter((each) => !left.has(nameOf(each)));
  // The API takes a suffix or names, not both: where one name was typed, all are said.
  const typedName = (each: SnapshotCollection) => names[nameOf(each)]?.trim() ?? '';
  const rename = chosen.some((each) => typedName(each) !== '')
    ? Object.fromEntries(chosen.map((each) => [nameOf(each), typedName(each) || `${each.name}${suffix.trim()}`]))
    : null;
  const spec = {
    snapshot: snapshot.id,
    repository: snapshot.repository,
    to: target ?? '',
    on_conflict: conflict,
    ...(chosen.length < collections.length ? { collections: chosen.map(nameOf) } : {}),
    ...(rename ? { rename } : suffix.trim() ? { suffix: suffix.trim() } : {}),
    ...(load ? {} : { no_load: true }),
    ...(newKeys ? { new_keys: true } : {}),
  };
  const text = JSON.stringify(spec);
  const current = plan?.of === text ? plan : null;
  // A line that says it, and a table.
  const [what, ...found] = current?.summary.trimEnd().split('\n') ?? [];
  const allowed = current === null || may(who.role, current.role);
  const confirmed = current !== null && (current.confirm === null || typed.trim() === current.confirm);
  const shown = (each: SnapshotCollection) => `${each.name}${suffix.trim()}`;

  const shownPlan = useRef<HTMLElement>(null);
  useEffect(() => {
    // In braces: new browsers return a promise, which React would call as the clean-up.
    shownPlan.current?.scrollIntoView({ block: 'nearest' });
  }, [plan]);

  const { busy, error, submit } = useSubmit(async () => {
    if (!current) {
      const answer = await body(api.POST('/api/v1/jobs:preview', { body: { kind: 'restore', spec } }));
      setPlan({ of: text, summary: answer.summary, role: answer.role, confirm: answer.confirm });
      setTyped('');
      return;
    }
    const job = await makeJob({ kind: 'restore', spec, ...(current.confirm === null ? {} : { confirm: typed.trim() }) });
    close();
    navigate(`/jobs/${job.number}`);
  });

  return (
    <form onSubmit={(event) => void submit(event)}>
      <div className={styles.pair}>
        <Select
          label={t.restore.to}
          data={clusters.map((each) => each.name)}
          value={target}
          onChange={setTo}
          allowDeselect={false}
          data-autofocus
        />
        <TextInput
          label={t.restore.suffix}
          description={t.restore.suffixHelp}
          value={suffix}
          onChange={(event) => setSuffix(event.currentTarget.value)}
          autoComplete="off"
          spellCheck={false}
          inputWrapperOrder={['label', 'input', 'description', 'error']}
        />
      </div>

      <fieldset className={styles.fieldset}>
        <legend>{t.restore.collections(chosen.length, collections.length)}</legend>
        <div className={styles.collections}>
          {collections.map((each) => {
            const name = nameOf(each);
            const taken = !left.has(name);
            return (
              <div key={name} className={styles.collection}>
                <Checkbox
                  label={name}
                  checked={taken}
                  onChange={() =>
                    setLeft((before) => {
                      const next = new Set(before);
                      if (taken) next.add(name);
                      else next.delete(name);
                      return next;
                    })
                  }
                />
                <span className={styles.size}>
                  <Count value={each.rows} /> · <Bytes value={each.bytes} />
                </span>
                <TextInput
                  size="xs"
                  aria-label={t.restore.newName(name)}
                  placeholder={shown(each)}
                  value={names[name] ?? ''}
                  disabled={!taken}
                  onChange={(event) => {
                    const value = event.currentTarget.value;
                    setNames((before) => ({ ...before, [name]: value }));
                  }}
                  autoComplete="off"
                  spellCheck={false}
                />
              </div>
            );
          })}
        </div>
      </fieldset>

      <Radio.Group
        mt="md"
        label={t.restore.conflict}
        value={conflict}
        onChange={(value) => setConflict(value as OnConflict)}
      >
        <div className={styles.choices}>
          {(['fail', 'replace', 'merge'] as const).map((value) => (
            <Radio key={value} value={value} label={t.restore.conflicts[value]} description={t.restore.conflictHelp[value]} />
          ))}
        </div>
      </Radio.Group>

      <div className={styles.options}>
        <Checkbox label={t.restore.load} checked={load} onChange={(event) => setLoad(event.currentTarget.checked)} />
        <Checkbox label={t.restore.newKeys} checked={newKeys} onChange={(event) => setNewKeys(event.currentTarget.checked)} />
      </div>

      {current ? (
        <section ref={shownPlan} className={styles.plan} aria-label={t.restore.plan} aria-live="polite">
          <h3>{t.restore.plan}</h3>
          <p>{what}</p>
          <pre tabIndex={0}>{found.join('\n')}</pre>
          {allowed ? null : (
            <p className={styles.refused}>
              <Icon name="warn" size={14} /> {t.restore.needs(t.role[current.role])}
            </p>
          )}
          {allowed && current.confirm !== null ? (
            <TextInput
              label={t.confirm.typeName(current.confirm)}
              value={typed}
              onChange={(event) => setTyped(event.currentTarget.value)}
              autoComplete="off"
              spellCheck={false}
            />
          ) : null}
        </section>
      ) : null}
      {error ? <ProblemNote error={error} /> : null}

      <div className={styles.foot}>
        <Button variant="default" onClick={close}>
          {t.cancel}
        </Button>
        <Button
          type="submit"
          loading={busy}
          disabled={!target || chosen.length === 0 || (current !== null && (!allowed || !confirmed))}
          color={current?.confirm ? 'red.8' : 'blue'}
        >
          {current ? t.restore.act : t.restore.preview}
        </Button>
      </div>
    </form>
  );
}
