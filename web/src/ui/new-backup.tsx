// The dialog that makes a backup.
import { Button, Group, Modal, Select, Switch, TagsInput } from '@mantine/core';
import { useState } from 'react';
import { useNavigate } from 'react-router-dom';
import { useClusters, useCollections, useRepositories } from '../api/queries';
import { useLocale } from '../i18n/locale';
import { useMakeJob } from './make-job';
import { ProblemNote } from './states';
import { useSubmit } from './submit';

export function NewBackup({ cluster, collections, close }: { cluster?: string; collections?: string[]; close: () => void }) {
  const { t } = useLocale();
  const navigate = useNavigate();
  const makeJob = useMakeJob();
  const clusters = useClusters().data?.items ?? [];
  const repositories = useRepositories().data?.items ?? [];
  const [from, setFrom] = useState<string | null>(cluster ?? null);
  const [into, setInto] = useState<string | null>(null);
  const [wanted, setWanted] = useState<string[]>(collections ?? []);
  const [tags, setTags] = useState<string[]>([]);
  const [verify, setVerify] = useState(true);
  const chosen = from ?? clusters.find((each) => each.is_default)?.name ?? clusters[0]?.name ?? null;
  const target = into ?? repositories.find((each) => each.is_default)?.name ?? repositories[0]?.name ?? null;
  const known = useCollections(chosen).data?.items ?? [];
  const { busy, error, submit } = useSubmit(async () => {
    if (!chosen || !target) return;
    const spec = {
      cluster: chosen,
      repository: target,
      verify,
      ...(wanted.length > 0 ? { collections: wanted } : {}),
      ...(tags.length > 0 ? { tags } : {}),
    };
    const job = await makeJob({ kind: 'backup', spec });
    close();
    navigate(`/jobs/${job.number}`);
  });
  return (
    <Modal opened onClose={close} title={t.backup.title} closeButtonProps={{ 'aria-label': t.close }}>
      <form onSubmit={(event) => void submit(event)}>
        <Select
          label={t.word.cluster}
          data={clusters.map((each) => each.name)}
          value={chosen}
          onChange={setFrom}
          allowDeselect={false}
          data-autofocus
        />
        <Select
          mt="sm"
          label={t.word.repository}
          data={repositories.map((each) => each.name)}
          value={target}
          onChange={setInto}
          allowDeselect={false}
        />
        <TagsInput
          mt="sm"
          label={t.word.collections}
          description={t.backup.collectionsHelp}
          placeholder={wanted.length === 0 ? t.backup.all : ''}
          data={known.map((each) => (each.database === 'default' ? each.name : `${each.database}.${each.name}`))}
          value={wanted}
          onChange={setWanted}
        />
        <TagsInput mt="sm" label={t.word.tags} description={t.backup.tagsHelp} value={tags} onChange={setTags} />
        <Switch
          mt="md"
          label={t.backup.verify}
          description={t.backup.verifyHelp}
          checked={verify}
          onChange={(event) => setVerify(event.currentTarget.checked)}
        />
        {error ? <ProblemNote error={error} /> : null}
        <Group justify="flex-end" mt="lg" gap="xs">
          <Button variant="default" onClick={close}>
            {t.cancel}
          </Button>
          <Button type="submit" loading={busy} disabled={!chosen || !target}>
            {t.backup.start}
          </Button>
        </Group>
      </form>
    </Modal>
  );
}
