// What is known of a snapshot, in one line.
import { Tooltip } from '@mantine/core';
import type { SnapshotSummary } from '../api/client';
import { useLocale } from '../i18n/locale';
import { Line } from './layout';
import { Status } from './status';

export function SnapshotMarks({ snapshot }: { snapshot: SnapshotSummary }) {
  const { t, absolute } = useLocale();
  return (
    <Line>
      {snapshot.verified ? (
        <Status tone="good" icon="shieldCheck">
          {t.snapshots.verified}
        </Status>
      ) : (
        <Status tone="warn" icon="shield">
          {t.snapshots.notVerified}
        </Status>
      )}
      {snapshot.complete ? null : (
        <Tooltip label={t.snapshots.partialHelp}>
          <span>
            <Status tone="warn">{t.snapshots.partial}</Status>
          </span>
        </Tooltip>
      )}
      {snapshot.pinned ? (
        <Status tone="quiet" icon="pin">
          {t.snapshots.pinned}
        </Status>
      ) : null}
      {snapshot.immutable_until ? (
        <Tooltip label={t.snapshots.immutableUntil(absolute(new Date(snapshot.immutable_until)))}>
          <span>
            <Status tone="quiet" icon="shield">
              {t.snapshots.immutable}
            </Status>
          </span>
        </Tooltip>
      ) : null}
    </Line>
  );
}
