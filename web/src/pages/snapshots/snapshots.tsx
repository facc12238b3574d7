import { Anchor, Button, Checkbox, Select, TextInput } from '@mantine/core';
import { useState } from 'react';
import { Link, useNavigate } from 'react-router-dom';
import type { SnapshotSummary } from '../../api/client';
import { useClusters, useRepositories, useSnapshots } from '../../api/queries';
import { useMay } from '../../api/role';
import { useLocale } from '../../i18n/locale';
import { given, useFilters } from '../../ui/filters';
import { Icon } from '../../ui/icons';
import { PageHead, Panel, Toolbar } from '../../ui/layout';
import { LoadMore } from '../../ui/more';
import { NewBackup } from '../../ui/new-backup';
import { SnapshotActs } from '../../ui/snapshot-acts';
import { SnapshotMarks } from '../../ui/snapshot-marks';
import { Empty, Loaded, ProblemNote } from '../../ui/states';
import { Problem } from '../../api/problem';
import { Tag } from '../../ui/status';
import { DataTable } from '../../ui/table';
import { Bytes, Count, ShortId, When } from '../../ui/values';

export default function Snapshots() {
  const { t, number, relative } = useLocale();
  const navigate = useNavigate();
  const filters = useFilters();
  const operator = useMay('operator');
  const clusters = useClusters().data?.items ?? [];
  const repositories = useRepositories().data?.items ?? [];
  const [picked, setPicked] = useState<SnapshotSummary[]>([]);
  const [backup, setBackup] = useState(false);
  const query = useSnapshots(
    given({
      repository: filters.get('repository'),
      cluster: filters.get('cluster'),
      collection: filters.get('collection'),
      tag: filters.get('tag'),
      verified: filters.flag('verified'),
      pinned: filters.flag('pinned'),
    }),
  );
  const first = query.data?.pages[0];
  const pick = (row: SnapshotSummary) =>
    setPicked((before) => {
      if (before.some((each) => each.id === row.id)) return before.filter((each) => each.id !== row.id);
      // Two of one repository: a third, or one of another, takes the place of the first.
      return [...before.filter((each) => each.repository === row.repository), row].slice(-2);
    });
  const compare = () => {
    const [one, other] = [...picked].sort((a, b) => a.created_at.localeCompare(b.created_at));
    if (one && other) navigate(`/snapshots/compare?repository=${encodeURIComponent(one.repository)}&left=${one.id}&right=${other.id}`);
  };
  const yesNo = (yes: string, no: string) => [
    { value: 'true', label: yes },
    { value: 'false', label: no },
  ];
  return (
    <>
      <PageHead
        title={t.nav.snapshots}
        lead={
          first ? (
            <>
              {t.snapshots.total(number(first.total))}
              {first.as_of ? ` · ${first.stale ? t.snapshots.reading : t.snapshots.asOf(relative(new Date(first.as_of), new Date()))}` : null}
            </>
          ) : null
        }
      >
        <Button
          variant="default"
          leftSection={<Icon name="compare" size={14} />}
          disabled={picked.length !== 2}
          title={t.snapshots.compareHelp}
          onClick={compare}
        >
          {t.snapshots.compare(picked.length)}
        </Button>
        {operator ? (
          <Button onClick={() => setBackup(true)} leftSection={<Icon name="plus" size={14} />}>
            {t.backup.now}
          </Button>
        ) : null}
      </PageHead>
      {first?.errors.map((each) => (
        <ProblemNote
          key={each.repository}
          error={new Problem(503, t.snapshots.notRead(each.repository), each.message, '', '')}
        />
      ))}
      <Panel flush label={t.nav.snapshots}>
        <Toolbar label={t.filter}>
          <TextInput
            size="xs"
            w={212}
            placeholder={t.snapshots.collectionFilter}
            aria-label={t.snapshots.collectionFilter}
            leftSection={<Icon name="search" size={14} />}
            defaultValue={filters.get('collection')}
            key={`collection-${String(filters.any)}`}
            onChange={(event) => filters.set('collection', event.currentTarget.value)}
          />
          <Choice label={t.word.cluster} data={clusters.map((each) => each.name)} name="cluster" filters={filters} />
          <Choice label={t.word.repository} data={repositories.map((each) => each.name)} name="repository" filters={filters} />
          <Choice label={t.snapshots.verification} data={yesNo(t.snapshots.verified, t.snapshots.notVerified)} name="verified" filters={filters} />
          <Choice label={t.snapshots.pins} data={yesNo(t.snapshots.pinned, t.snapshots.notPinned)} name="pinned" filters={filters} />
          <TextInput
            size="xs"
            w={130}
            placeholder={t.snapshots.tagFilter}
            aria-label={t.snapshots.tagFilter}
            defaultValue={filters.get('tag')}
            key={`tag-${String(filters.any)}`}
            onChange={(event) => filters.set('tag', event.currentTarget.value)}
          />
          {filters.any ? (
            <Button variant="subtle" onClick={filters.clear}>
              {t.clear}
            </Button>
          ) : null}
        </Toolbar>
        <Loaded query={query} rows={8}>
          {(data) => {
            const rows = data.pages.flatMap((page) => page.items);
            if (rows.length === 0 && filters.any) return <Empty icon="search" title={t.snapshots.noMatch}>{t.snapshots.noMatchHelp}</Empty>;
            if (rows.length === 0) {
              return (
                <Empty
                  icon="snapshots"
                  title={t.snapshots.none}
                  action={operator ? <Button onClick={() => setBackup(true)}>{t.backup.now}</Button> : null}
                >
                  {t.snapshots.noneHelp}
                </Empty>
              );
            }
            return (
              <>
                <DataTable<SnapshotSummary>
                  label={t.nav.snapshots}
                  rows={rows}
                  rowKey={(row) => `${row.repository}/${row.id}`}
                  selected={(row) => picked.some((each) => each.id === row.id)}
                  columns={[
                    {
                      key: 'pick',
                      title: t.snapshots.pick,
                      hideTitle: true,
                      phone: 'hide',
                      cell: (row) => (
                        <Checkbox
                          size="xs"
                          aria-label={t.snapshots.pickOne(row.id.slice(0, 8))}
                          checked={picked.some((each) => each.id === row.id)}
                          onChange={() => pick(row)}
                        />
                      ),
                    },
                    {
                      key: 'id',
                      title: t.word.snapshot,
                      phone: 'head',
                      cell: (row) => (
                        <Anchor component={Link} to={`/snapshots/${encodeURIComponent(row.repository)}/${row.id}`}>
                          <ShortId id={row.id} />
                        </Anchor>
                      ),
                    },
                    { key: 'made', title: t.word.made, cell: (row) => <When time={row.created_at} /> },
                    { key: 'cluster', title: t.word.cluster, cell: (row) => row.cluster },
                    { key: 'state', title: t.word.state, cell: (row) => <SnapshotMarks snapshot={row} /> },
                    { key: 'collections', title: t.word.collections, numeric: true, cell: (row) => <Count value={row.collection_count} /> },
                    { key: 'rows', title: t.word.rows, numeric: true, cell: (row) => <Count value={row.rows} /> },
                    { key: 'size', title: t.word.size, numeric: true, cell: (row) => <Bytes value={row.plain_bytes} /> },
                    { key: 'stored', title: t.snapshots.added, numeric: true, cell: (row) => <Bytes value={row.stored_bytes} /> },
                    {
                      key: 'tags',
                      title: t.word.tags,
                      phone: 'hide',
                      cell: (row) => row.tags.map((tag) => <Tag key={tag}>{tag}</Tag>),
                    },
                    { key: 'acts', title: t.word.actions, hideTitle: true, cell: (row) => <SnapshotActs snapshot={row} /> },
                  ]}
                />
                <LoadMore query={query} />
              </>
            );
          }}
        </Loaded>
      </Panel>
      {backup ? <NewBackup close={() => setBackup(false)} /> : null}
    </>
  );
}

interface ChoiceProps {
  label: string;
  name: string;
  data: string[] | { value: string; label: string }[];
  filters: ReturnType<typeof useFilters>;
}

function Choice({ label, name, data, filters }: ChoiceProps) {
  return (
    <Select
      size="xs"
      w={150}
      aria-label={label}
      placeholder={label}
      data={data}
      value={filters.get(name) || null}
      onChange={(value) => filters.set(name, value)}
      clearable
    />
  );
}
