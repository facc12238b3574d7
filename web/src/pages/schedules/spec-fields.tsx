// The spec of a job (docs/jobs.md) as fields: those that people set each day; all others as JSON.
import { NumberInput, Select, Switch, TagsInput, Textarea, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useClusters, useRepositories } from '../../api/queries';
import { useLocale } from '../../i18n/locale';
import styles from './schedules.module.css';

type Spec = Record<string, unknown>;
type Field = 'cluster' | 'repository' | 'from' | 'to' | 'to_repository' | 'collections' | 'exclude' | 'tags' | 'verify' | 'keep' | 'max_duration';

const fieldsOf: Record<string, readonly Field[]> = {
  backup: ['cluster', 'repository', 'collections', 'exclude', 'tags', 'verify', 'keep'],
  verify: ['repository', 'cluster', 'max_duration'],
  prune: ['repository', 'keep'],
  'restore-test': ['repository', 'cluster', 'to', 'collections', 'exclude'],
  sync: ['from', 'to', 'collections', 'exclude'],
  copy: ['from', 'to', 'collections', 'exclude'],
  restore: ['repository', 'cluster', 'to', 'collections', 'exclude'],
  mirror: ['repository', 'to_repository', 'collections', 'exclude'],
};
const keepRules = ['last', 'hourly', 'daily', 'weekly', 'monthly', 'yearly'] as const;

interface SpecFieldsProps {
  kind: string;
  spec: Spec;
  onChange: (spec: Spec) => void;
  onBroken: (broken: boolean) => void;
}

export function SpecFields({ kind, spec, onChange, onBroken }: SpecFieldsProps) {
  const { t } = useLocale();
  const clusters = useClusters().data?.items.map((each) => each.name) ?? [];
  const repositories = useRepositories().data?.items.map((each) => each.name) ?? [];
  const fields = fieldsOf[kind] ?? [];
  const keys = new Set<string>(fields.map((field) => (field === 'to_repository' ? 'to' : field)));
  const rest = Object.fromEntries(Object.entries(spec).filter(([key]) => !keys.has(key)));
  const [text, setText] = useState(() => (Object.keys(rest).length > 0 ? JSON.stringify(rest, null, 2) : ''));
  const [bad, setBad] = useState(false);
  const set = (key: string, value: unknown) => {
    const next = { ...spec, [key]: value };
    if (value === null || value === '' || (Array.isArray(value) && value.length === 0)) delete next[key];
    onChange(next);
  };
  const setRest = (value: string) => {
    setText(value);
    const parsed = parse(value);
    setBad(parsed === null);
    onBroken(parsed === null);
    if (parsed) onChange({ ...Object.fromEntries(Object.entries(spec).filter(([key]) => keys.has(key))), ...parsed });
  };
  const list = (key: string) => (Array.isArray(spec[key]) ? spec[key].map(String) : []);
  const word = (key: string) => (typeof spec[key] === 'string' ? spec[key] : '');
  const choose = (key: string, label: string, data: string[]) => (
    <Select
      key={key}
      label={label}
      data={[...new Set([...data, word(key)])].filter(Boolean)}
      placeholder={t.spec.byDefault}
      value={word(key) || null}
      onChange={(value) => set(key, value)}
      clearable
    />
  );
  return (
    <>
      <div className={styles.pair}>
        {fields.includes('cluster') ? choose('cluster', t.word.cluster, clusters) : null}
        {fields.includes('from') ? choose('from', t.spec.from, clusters) : null}
        {fields.includes('repository') ? choose('repository', t.word.repository, repositories) : null}
        {fields.includes('to') ? choose('to', t.spec.to, clusters) : null}
        {fields.includes('to_repository') ? choose('to', t.spec.toRepository, repositories) : null}
        {fields.includes('max_duration') ? (
          <TextInput
            label={t.spec.maxDuration}
            placeholder="30m"
            value={word('max_duration')}
            onChange={(event) => set('max_duration', event.currentTarget.value)}
          />
        ) : null}
      </div>
      {fields.includes('collections') ? (
        <TagsInput
          label={t.word.collections}
          description={t.spec.globs}
          placeholder={list('collections').length === 0 ? t.backup.all : ''}
          value={list('collections')}
          onChange={(value) => set('collections', value)}
        />
      ) : null}
      {fields.includes('exclude') ? (
        <TagsInput label={t.spec.exclude} value={list('exclude')} onChange={(value) => set('exclude', value)} />
      ) : null}
      {fields.includes('tags') ? <TagsInput label={t.word.tags} value={list('tags')} onChange={(value) => set('tags', value)} /> : null}
      {fields.includes('verify') ? (
        <Switch
          label={t.backup.verify}
          description={t.backup.verifyHelp}
          checked={spec['verify'] !== false}
          onChange={(event) => set('verify', event.currentTarget.checked ? null : false)}
        />
      ) : null}
      {fields.includes('keep') ? <Keep value={spec['keep']} onChange={(value) => set('keep', value)} /> : null}
      <Textarea
        label={t.spec.more}
        description={t.spec.moreHelp}
        value={text}
        onChange={(event) => setRest(event.currentTarget.value)}
        error={bad ? t.spec.notJson : null}
        placeholder="{}"
        rows={2}
        spellCheck={false}
      />
    </>
  );
}

function parse(text: string): Spec | null {
  if (text.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Spec) : null;
  } catch {
    return null;
  }
}

function Keep({ value, onChange }: { value: unknown; onChange: (value: Spec | null) => void }) {
  const { t } = useLocale();
  const keep = (typeof value === 'object' && value !== null ? value : {}) as Spec;
  const set = (key: string, count: string | number) => {
    const next = { ...keep };
    if (count === '' || Number(count) <= 0) delete next[key];
    else next[key] = Number(count);
    onChange(Object.keys(next).length > 0 ? next : null);
  };
  return (
    <fieldset className={styles.fieldset}>
      <legend className={styles.legend}>{t.spec.keep}</legend>
      <div className={styles.four}>
        {keepRules.map((key) => (
          <NumberInput
            key={key}
            label={t.spec.keepRules[key]}
            min={0}
            allowDecimal={false}
            value={typeof keep[key] === 'number' ? keep[key] : ''}
            onChange={(count) => set(key, count)}
          />
        ))}
      </div>
      <p className={styles.small}>{t.spec.keepHelp}</p>
    </fieldset>
  );
}
