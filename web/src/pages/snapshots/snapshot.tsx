import { Anchor, TextInput, Tooltip } from '@mantine/core';
import { useState } from 'react';
import { Link, useParams } from 'react-router-dom';
import type { SnapshotCollection } from '../../api/client';
import { useSnapshot } from '../../api/queries';
import { useLocale } from '../../i18n/locale';
import { Icon } from '../../ui/icons';
import { Columns, Facts, PageHead, Panel } from '../../ui/layout';
import { nameOf } from '../../ui/restore-dialog';
import { SnapshotActs } from '../../ui/snapshot-acts';
import { SnapshotMarks } from '../../ui/snapshot-marks';
import { Empty, Loaded } from '../../ui/states';
import { Tag } from '../../ui/status';
import { DataTable } from '../../ui/table';
import { Bytes, Count, Moment } from '../../ui/values';

export default function SnapshotPage() {
  const { t, duration, percent } = useLocale();
  const { snapshot = '', repository = '' } = useParams();
  const query = useSnapshot(snapshot, repository);
  const [search, setSearch] = useState('');
  return (
    <Loaded query={query} rows={8}>
      {(data) => {
        const wanted = search.trim().toLowerCase();
        const rows = data.collections.filter((each) => nameOf(each).toLowerCase().includes(wanted));
        const seconds = (new Date(data.finished_at).getTime() - new Date(data.created_at).getTime()) / 1000;
        return (
          <>
            <PageHead title={`${t.word.snapshot} ${data.id.slice(0, 8)}`} lead={<SnapshotMarks snapshot={data} />}>
              <SnapshotActs snapshot={data} wide />
            </PageHead>
            <Columns wide>
              <Panel
                title={t.word.collections}
                flush
                actions={
                  <TextInput
                    size="xs"
                    w={200}
                    leftSection={<Icon name="search" size={14} />}
                    placeholder={t.table.find}
                    aria-label={t.table.find}
                    value={search}
                    onChange={(event) => setSearch(event.currentTarget.value)}
                  />
                }
              >
                {rows.length === 0 ? (
                  <Empty icon="search" title={t.table.nothingFound} />
                ) : (
                  <DataTable<SnapshotCollection>
                    label={t.word.collections}
                    rows={rows}
                    rowKey={nameOf}
                    columns={[
                      { key: 'name', title: t.word.collection, phone: 'head', sort: nameOf, cell: (row) => <strong>{nameOf(row)}</strong> },
                      { key: 'rows', title: t.word.rows, numeric: true, sort: (row) => row.rows, cell: (row) => <Count value={row.rows} /> },
                      { key: 'bytes', title: t.word.size, numeric: true, sort: (row) => row.bytes, cell: (row) => <Bytes value={row.bytes} /> },
                      {
                        key: 'exact',
                        title: t.snapshots.consistency,
                        cell: (row) => (
                          <Tooltip label={row.exact ? t.snapshots.exactHelp : t.snapshots.fuzzyHelp}>
                            <span>{row.exact ? t.snapshots.exact : t.snapshots.fuzzy}</span>
                          </Tooltip>
                        ),
                      },
                      {
                        key: 'digest',
                        title: t.snapshots.digest,
                        phone: 'hide',
                        cell: (row) => (
                          <Tooltip label={row.digest}>
                            <code>{row.digest.slice(0, 12)}</code>
                          </Tooltip>
                        ),
                      },
                    ]}
                  />
                )}
              </Panel>
              <Panel title={t.details}>
                <Facts
                  rows={[
                    [t.word.snapshot, <code key="id">{data.id}</code>],
                    [
                      t.word.repository,
                      <Anchor key="r" component={Link} to={`/snapshots?repository=${encodeURIComponent(data.repository)}`}>
                        {data.repository}
                      </Anchor>,
                    ],
                    [
                      t.word.cluster,
                      <Anchor key="c" component={Link} to={`/clusters/${encodeURIComponent(data.cluster)}`}>
                        {data.cluster}
                      </Anchor>,
                    ],
                    [t.snapshots.server, data.server_version],
                    [t.word.made, <Moment key="at" time={data.created_at} />],
                    [t.word.took, duration(seconds)],
                    [t.word.rows, <Count key="rows" value={data.rows} />],
                    [t.word.size, <Bytes key="plain" value={data.plain_bytes} />],
                    [
                      t.snapshots.addedToStore,
                      <span key="stored">
                        <Bytes value={data.stored_bytes} />
                        {data.plain_bytes > 0 ? ` (${percent(data.stored_bytes / data.plain_bytes)})` : ''}
                      </span>,
                    ],
                    [t.snapshots.consistency, data.exact ? t.snapshots.exact : t.snapshots.fuzzy],
                    data.parent
                      ? [
                          t.snapshots.parent,
                          <Anchor
                            key="p"
                            component={Link}
                            to={`/snapshots/compare?repository=${encodeURIComponent(data.repository)}&left=${data.parent}&right=${data.id}`}
                          >
                            {t.snapshots.compareWith(data.parent.slice(0, 8))}
                          </Anchor>,
                        ]
                      : null,
                    [t.word.tags, data.tags.length > 0 ? data.tags.map((tag) => <Tag key={tag}>{tag}</Tag>) : '–'],
                    [t.snapshots.madeBy, `${data.program}, ${data.host}`],
                  ]}
                />
              </Panel>
            </Columns>
          </>
        );
      }}
    </Loaded>
  );
}
