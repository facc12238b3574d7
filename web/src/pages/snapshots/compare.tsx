import { Anchor, Button } from '@mantine/core';
import { Link, useSearchParams } from 'react-router-dom';
import type { SnapshotDiff } from '../../api/client';
import { useDiff } from '../../api/queries';
import { useLocale } from '../../i18n/locale';
import { Icon } from '../../ui/icons';
import { PageHead, Panel } from '../../ui/layout';
import { nameOf } from '../../ui/restore-dialog';
import { Empty, Loaded } from '../../ui/states';
import { Status, type Tone } from '../../ui/status';
import { DataTable } from '../../ui/table';
import { Count } from '../../ui/values';

type Row = SnapshotDiff['collections'][number];

const tones: Record<Row['state'], Tone> = { same: 'good', differs: 'warn', only_left: 'warn', only_right: 'warn', error: 'bad' };

export default function Compare() {
  const { t } = useLocale();
  const [params, setParams] = useSearchParams();
  const [left, right, repository] = [params.get('left') ?? '', params.get('right') ?? '', params.get('repository') ?? ''];
  const query = useDiff(left, right, repository);
  const link = (id: string) => (
    <Anchor component={Link} to={`/snapshots/${encodeURIComponent(repository)}/${id}`}>
      <code>{id.slice(0, 8)}</code>
    </Anchor>
  );
  return (
    <>
      <PageHead
        title={t.compare.title}
        lead={
          <>
            {link(left)} → {link(right)} · {repository}
          </>
        }
      >
        <Button
          variant="default"
          leftSection={<Icon name="compare" size={14} />}
          onClick={() => setParams({ repository, left: right, right: left }, { replace: true })}
        >
          {t.compare.swap}
        </Button>
      </PageHead>
      <Panel flush label={t.compare.title}>
        <Loaded query={query} rows={6}>
          {(data) =>
            data.same ? (
              <Empty icon="check" title={t.compare.same}>
                {t.compare.sameHelp}
              </Empty>
            ) : (
              <DataTable<Row>
                label={t.compare.title}
                rows={data.collections}
                rowKey={nameOf}
                columns={[
                  { key: 'name', title: t.word.collection, phone: 'head', sort: nameOf, cell: (row) => <strong>{nameOf(row)}</strong> },
                  { key: 'state', title: t.word.state, sort: (row) => row.state, cell: (row) => <Status tone={tones[row.state]}>{t.compare.states[row.state]}</Status> },
                  { key: 'left', title: t.compare.rowsLeft, numeric: true, cell: (row) => <Count value={row.rows_left} /> },
                  { key: 'right', title: t.compare.rowsRight, numeric: true, cell: (row) => <Count value={row.rows_right} /> },
                  { key: 'extra', title: t.compare.added, numeric: true, sort: (row) => row.extra, cell: (row) => <Count value={row.extra} /> },
                  { key: 'changed', title: t.compare.changed, numeric: true, sort: (row) => row.changed, cell: (row) => <Count value={row.changed} /> },
                  { key: 'missing', title: t.compare.removed, numeric: true, sort: (row) => row.missing, cell: (row) => <Count value={row.missing} /> },
                  {
                    key: 'spec',
                    title: t.compare.definition,
                    grow: true,
                    cell: (row) => (row.error ? row.error.message : row.spec.length > 0 ? row.spec.map((line) => <div key={line}>{line}</div>) : '–'),
                  },
                ]}
              />
            )
          }
        </Loaded>
      </Panel>
    </>
  );
}
