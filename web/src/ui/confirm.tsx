// A dialog before something that cannot be taken back: what it will do, and the object's name typed.
import { Button, Group, Modal, TextInput } from '@mantine/core';
import { useState, type FormEvent, type ReactNode } from 'react';
import { useLocale } from '../i18n/locale';
import { ProblemNote } from './states';

interface ConfirmProps {
  title: string;
  children: ReactNode; // what it will do
  name?: string; // to be typed; absent: a click is enough
  act: string; // the button's words
  danger?: boolean;
  run: () => Promise<unknown>;
  close: () => void;
}

export function ConfirmDialog({ title, children, name, act, danger = false, run, close }: ConfirmProps) {
  const { t } = useLocale();
  const [typed, setTyped] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const ready = name === undefined || typed.trim() === name;
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (!ready || busy) return;
    setBusy(true);
    setError(null);
    try {
      await run();
      close();
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };
  return (
    <Modal opened onClose={close} title={title} closeButtonProps={{ 'aria-label': t.close }}>
      <form onSubmit={(event) => void submit(event)}>
        {children}
        {name !== undefined ? (
          <TextInput
            mt="md"
            data-autofocus
            label={t.confirm.typeName(name)}
            value={typed}
            onChange={(event) => setTyped(event.currentTarget.value)}
            autoComplete="off"
            spellCheck={false}
          />
        ) : null}
        {error ? <ProblemNote error={error} /> : null}
        <Group justify="flex-end" mt="lg" gap="xs">
          <Button variant="default" onClick={close}>
            {t.cancel}
          </Button>
          <Button type="submit" color={danger ? 'red.8' : 'blue'} disabled={!ready} loading={busy}>
            {act}
          </Button>
        </Group>
      </form>
    </Modal>
  );
}
