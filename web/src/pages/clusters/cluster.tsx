import { Anchor, Button, Checkbox, TextInput } from '@mantine/core';
import { useState } from 'react';
import { Link, useParams } from 'react-router-dom';
import type { ClusterCollection } from '../../api/client';
import { useCluster, useCollections } from '../../api/queries';
import { useMay } from '../../api/role';
import { useLocale } from '../../i18n/locale';
import { ClusterState } from '../../ui/cluster-state';
import { Freshness } from '../../ui/freshness';
import { Icon } from '../../ui/icons';
import { Line, PageHead, Panel, Stack, Toolbar } from '../../ui/layout';
import { NewBackup } from '../../ui/new-backup';
import { nameOf } from '../../ui/restore-dialog';
import { Empty, Loaded, ProblemNote } from '../../ui/states';
import { Problem } from '../../api/problem';
import { Status, Tag, type Tone } from '../../ui/status';
import { DataTable } from '../../ui/table';
import { Bytes, BytesAbout, Count } from '../../ui/values';
import styles from './clusters.module.css';

const loadTones: Record<ClusterCollection['load_state'], Tone> = {
  loaded: 'good',
  partly_loaded: 'warn',
  not_loaded: 'quiet',
  unknown: 'quiet',
};

export default function ClusterPage() {
  const { t } = useLocale();
  const { name = '' } = useParams();
  const cluster = useCluster(name);
  const operator = useMay('operator');
  const [picked, setPicked] = useState<string[]>([]);
  const [backup, setBackup] = useState(false);
  return (
    <Loaded query={cluster} rows={8}>
      {(data) => (
        <>
          <PageHead
            title={data.name}
            lead={
              <Line>
                <ClusterState cluster={data} />
                <span>{data.uri}</span>
                {data.server_version ? <span>Milvus {data.server_version}</span> : null}
                {data.size_bytes !== null ? (
                  <span>
                    <BytesAbout value={data.size_bytes} /> {data.unsized_collections ? t.clusters.unsized(data.unsized_collections) : null}
                  </span>
                ) : null}
                <Freshness time={data.newest_verified_at} />
              </Line>
            }
          >
            <Button component={Link} to={`/snapshots?cluster=${encodeURIComponent(data.name)}`} variant="default">
              {t.clusters.snapshots}
            </Button>
            {operator ? (
              <Button onClick={() => setBackup(true)} leftSection={<Icon name="plus" size={14} />}>
                {picked.length > 0 ? t.clusters.backUp(picked.length) : t.backup.now}
              </Button>
            ) : null}
          </PageHead>
          <Stack>
            {data.error ? <ProblemNote error={new Problem(-1, t.clusters.noAnswer, data.error.message, data.error.kind, '')} /> : null}
            <Collections name={name} picked={picked} setPicked={setPicked} />
          </Stack>
          {backup ? <NewBackup cluster={data.name} collections={picked} close={() => setBackup(false)} /> : null}
        </>
      )}
    </Loaded>
  );
}

interface CollectionsProps {
  name: string;
  picked: string[];
  setPicked: (names: string[]) => void;
}

function Collections({ name, picked, setPicked }: CollectionsProps) {
  const { t } = useLocale();
  const query = useCollections(name);
  const operator = useMay('operator');
  const [search, setSearch] = useState('');
  return (
    <Panel flush title={t.word.collections}>
      <Toolbar label={t.filter}>
        <TextInput
          size="xs"
          w={220}
          leftSection={<Icon name="search" size={14} />}
          placeholder={t.table.find}
          aria-label={t.table.find}
          value={search}
          onChange={(event) => setSearch(event.currentTarget.value)}
        />
        {query.data?.stale ? <span className={styles.small}>{t.snapshots.reading}</span> : null}
      </Toolbar>
      <Loaded query={query} rows={6}>
        {({ items }) => {
          const rows = items.filter((each) => nameOf(each).toLowerCase().includes(search.trim().toLowerCase()));
          if (items.length === 0) return <Empty icon="clusters" title={t.clusters.empty} />;
          if (rows.length === 0) return <Empty icon="search" title={t.table.nothingFound} />;
          return (
            <DataTable<ClusterCollection>
              label={t.word.collections}
              rows={rows}
              rowKey={nameOf}
              selected={(row) => picked.includes(nameOf(row))}
              columns={[
                ...(operator
                  ? [
                      {
                        key: 'pick',
                        title: t.snapshots.pick,
                        hideTitle: true,
                        phone: 'hide' as const,
                        cell: (row: ClusterCollection) => (
                          <Checkbox
                            size="xs"
                            aria-label={t.snapshots.pickOne(nameOf(row))}
                            checked={picked.includes(nameOf(row))}
                            onChange={() => {
                              const mine = nameOf(row);
                              setPicked(picked.includes(mine) ? picked.filter((each) => each !== mine) : [...picked, mine]);
                            }}
                          />
                        ),
                      },
                    ]
                  : []),
                {
                  key: 'name',
                  title: t.word.collection,
                  phone: 'head',
                  sort: nameOf,
                  cell: (row) => (
                    <Line>
                      <Anchor component={Link} to={`/snapshots?cluster=${encodeURIComponent(name)}&collection=${encodeURIComponent(row.name)}`} fw={550}>
                        {nameOf(row)}
                      </Anchor>
                      {row.aliases.map((alias) => (
                        <Tag key={alias}>{alias}</Tag>
                      ))}
                    </Line>
                  ),
                },
                {
                  key: 'load',
                  title: t.clusters.load,
                  sort: (row) => row.load_state,
                  cell: (row) => (
                    <Status tone={loadTones[row.load_state]}>
                      {t.loadState[row.load_state]}
                      {row.replicas > 1 ? ` ×${row.replicas}` : ''}
                    </Status>
                  ),
                },
                { key: 'rows', title: t.word.rows, numeric: true, sort: (row) => row.rows ?? -1, cell: (row) => <Count value={row.rows} /> },
                {
                  key: 'size',
                  title: t.clusters.size,
                  numeric: true,
                  sort: (row) => row.size_bytes ?? -1,
                  cell: (row) => <BytesAbout value={row.size_bytes} note={row.size_from ? t.sizeFrom[row.size_from] : undefined} />,
                },
                {
                  key: 'bytes',
                  title: t.clusters.sizeInBackup,
                  numeric: true,
                  sort: (row) => row.snapshot_bytes ?? -1,
                  cell: (row) => <Bytes value={row.snapshot_bytes} />,
                },
                { key: 'partitions', title: t.clusters.partitions, numeric: true, cell: (row) => <Count value={row.partitions} /> },
                { key: 'fields', title: t.clusters.fields, numeric: true, phone: 'hide', cell: (row) => <Count value={row.fields} /> },
                { key: 'indexes', title: t.clusters.indexes, numeric: true, cell: (row) => <Count value={row.indexes} /> },
                {
                  key: 'verified',
                  title: t.word.newestVerified,
                  sort: (row) => row.newest_verified_at ?? '',
                  cell: (row) => <Freshness time={row.newest_verified_at} />,
                },
              ]}
            />
          );
        }}
      </Loaded>
    </Panel>
  );
}
