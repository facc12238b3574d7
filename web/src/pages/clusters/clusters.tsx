import { Anchor } from '@mantine/core';
import { Link } from 'react-router-dom';
import type { Cluster } from '../../api/client';
import { useClusters } from '../../api/queries';
import { useLocale } from '../../i18n/locale';
import { ClusterState } from '../../ui/cluster-state';
import { Freshness } from '../../ui/freshness';
import { PageHead, Panel } from '../../ui/layout';
import { Empty, Loaded } from '../../ui/states';
import { Tag } from '../../ui/status';
import { DataTable } from '../../ui/table';
import { BytesAbout, Count, When } from '../../ui/values';
import styles from './clusters.module.css';

export default function Clusters() {
  const { t } = useLocale();
  const query = useClusters();
  return (
    <>
      <PageHead title={t.nav.clusters} />
      <Panel flush label={t.nav.clusters}>
        <Loaded query={query} rows={5}>
          {({ items }) =>
            items.length === 0 ? (
              <Empty icon="clusters" title={t.clusters.none}>
                {t.clusters.noneHelp}
              </Empty>
            ) : (
              <DataTable<Cluster>
                label={t.nav.clusters}
                rows={items}
                rowKey={(row) => row.name}
                columns={[
                  {
                    key: 'name',
                    title: t.word.cluster,
                    phone: 'head',
                    sort: (row) => row.name,
                    cell: (row) => (
                      <div>
                        <Anchor component={Link} to={`/clusters/${encodeURIComponent(row.name)}`} fw={550}>
                          {row.name}
                        </Anchor>{' '}
                        {row.is_default ? <Tag>{t.clusters.default}</Tag> : null}
                        <div className={styles.small}>{row.uri}</div>
                      </div>
                    ),
                  },
                  {
                    key: 'state',
                    title: t.word.health,
                    grow: true,
                    sort: (row) => row.state,
                    cell: (row) => (
                      <div>
                        <ClusterState cluster={row} />
                        {row.error ? <div className={styles.error}>{row.error.message}</div> : null}
                      </div>
                    ),
                  },
                  { key: 'version', title: t.clusters.version, cell: (row) => row.server_version ?? '–' },
                  { key: 'collections', title: t.word.collections, numeric: true, cell: (row) => <Count value={row.collections} /> },
                  {
                    key: 'size',
                    title: t.clusters.size,
                    numeric: true,
                    sort: (row) => row.size_bytes ?? -1,
                    cell: (row) => <BytesAbout value={row.size_bytes} note={row.unsized_collections ? t.clusters.unsized(row.unsized_collections) : undefined} />,
                  },
                  {
                    key: 'verified',
                    title: t.word.newestVerified,
                    sort: (row) => row.newest_verified_at ?? '',
                    cell: (row) => <Freshness time={row.newest_verified_at} />,
                  },
                  { key: 'newest', title: t.word.newestBackup, cell: (row) => <When time={row.newest_snapshot_at} /> },
                ]}
              />
            )
          }
        </Loaded>
      </Panel>
    </>
  );
}
