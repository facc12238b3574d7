import { Tooltip } from '@mantine/core';
import type { Cluster } from '../api/client';
import { useLocale } from '../i18n/locale';
import { Status } from './status';

export function ClusterState({ cluster }: { cluster: Cluster }) {
  const { t, relative } = useLocale();
  const tone = cluster.state === 'up' ? 'good' : cluster.state === 'down' ? 'bad' : 'quiet';
  const checked = cluster.checked_at ? t.clusters.checked(relative(new Date(cluster.checked_at), new Date())) : '';
  return (
    <Tooltip label={cluster.error?.message ?? checked} disabled={!cluster.error && !checked}>
      <span>
        <Status tone={tone}>{t.clusterState[cluster.state]}</Status>
      </span>
    </Tooltip>
  );
}
