import { Button, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import type { AuditEntry } from '../../api/client';
import { useAudit } from '../../api/queries';
import { useMay } from '../../api/role';
import { useLocale } from '../../i18n/locale';
import { given, useFilters } from '../../ui/filters';
import { PageHead, Panel, Toolbar } from '../../ui/layout';
import { LoadMore } from '../../ui/more';
import { Empty, Loaded } from '../../ui/states';
import { Status, type Tone } from '../../ui/status';
import { DataTable } from '../../ui/table';
import { Moment } from '../../ui/values';
import styles from './audit.module.css';

const tones: Record<AuditEntry['outcome'], Tone> = { begun: 'warn', done: 'good', refused: 'warn', failed: 'bad' };

export default function Audit() {
  const { t } = useLocale();
  const admin = useMay('admin');
  return (
    <>
      <PageHead title={t.nav.audit} lead={t.audit.lead} />
      <Panel flush label={t.nav.audit}>
        {admin ? (
          <Entries />
        ) : (
          <Empty icon="shield" title={t.audit.adminsOnly}>
            {t.audit.adminsOnlyHelp}
          </Empty>
        )}
      </Panel>
    </>
  );
}

function Entries() {
  const { t } = useLocale();
  const filters = useFilters();
  const [asked] = useDebouncedValue(
    given({ actor: filters.get('actor'), action: filters.get('action'), object: filters.get('object') }),
    300,
  );
  const query = useAudit(asked);
  const field = (name: 'actor' | 'action' | 'object', label: string, hint: string) => (
    <TextInput
      key={`${name}-${String(filters.any)}`}
      size="xs"
      w={180}
      aria-label={label}
      placeholder={`${label}: ${hint}`}
      defaultValue={filters.get(name)}
      onChange={(event) => filters.set(name, event.currentTarget.value.trim())}
    />
  );
  return (
    <>
      <Toolbar label={t.filter}>
        {field('actor', t.audit.actor, 'user:anna')}
        {field('action', t.audit.action, 'createJob')}
        {field('object', t.audit.object, 'nightly')}
        {filters.any ? (
          <Button variant="subtle" onClick={filters.clear}>
            {t.clear}
          </Button>
        ) : null}
      </Toolbar>
      <Loaded query={query} rows={8}>
        {(data) => {
          const rows = data.pages.flatMap((page) => page.items);
          if (rows.length === 0) return <Empty icon="audit" title={filters.any ? t.table.nothingFound : t.audit.none} />;
          return (
            <>
              <DataTable<AuditEntry>
                label={t.nav.audit}
                rows={rows}
                rowKey={(row) => String(row.seq)}
                columns={[
                  { key: 'at', title: t.audit.at, phone: 'head', cell: (row) => <Moment time={row.at} /> },
                  {
                    key: 'actor',
                    title: t.audit.actor,
                    cell: (row) => (
                      <div>
                        {row.actor}
                        <div className={styles.small}>{row.address || t.audit.commandLine}</div>
                      </div>
                    ),
                  },
                  { key: 'action', title: t.audit.action, cell: (row) => <code>{row.action}</code> },
                  { key: 'object', title: t.audit.object, cell: (row) => row.object || '–' },
                  { key: 'outcome', title: t.audit.outcome, cell: (row) => <Status tone={tones[row.outcome]}>{t.audit.outcomes[row.outcome]}</Status> },
                  { key: 'detail', title: t.details, grow: true, cell: (row) => <span className={styles.detail}>{row.detail}</span> },
                ]}
              />
              <LoadMore query={query} />
            </>
          );
        }}
      </Loaded>
    </>
  );
}
