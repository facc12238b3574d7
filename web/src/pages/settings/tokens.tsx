import { Button, CopyButton, Group, Modal, Select, TextInput } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, body, type Role, type Token } from '../../api/client';
import { useTokens } from '../../api/queries';
import { useLocale } from '../../i18n/locale';
import { ConfirmDialog } from '../../ui/confirm';
import { Icon } from '../../ui/icons';
import { Panel } from '../../ui/layout';
import { Empty, Loaded, ProblemNote } from '../../ui/states';
import { useSubmit } from '../../ui/submit';
import { DataTable } from '../../ui/table';
import { When } from '../../ui/values';
import styles from './settings.module.css';

export function Tokens() {
  const { t } = useLocale();
  const query = useTokens(true);
  const client = useQueryClient();
  const [making, setMaking] = useState(false);
  const [revoking, setRevoking] = useState<Token | null>(null);
  return (
    <Panel
      title={t.settings.tokens}
      flush
      actions={
        <Button onClick={() => setMaking(true)} leftSection={<Icon name="plus" size={14} />}>
          {t.tokens.create}
        </Button>
      }
    >
      <Loaded query={query}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty icon="shield" title={t.tokens.none}>
              {t.tokens.noneHelp}
            </Empty>
          ) : (
            <DataTable<Token>
              label={t.settings.tokens}
              rows={items}
              rowKey={(row) => row.id}
              columns={[
                { key: 'name', title: t.word.name, phone: 'head', sort: (row) => row.name, cell: (row) => <strong>{row.name}</strong> },
                { key: 'role', title: t.users.role, sort: (row) => row.role, cell: (row) => t.role[row.role] },
                { key: 'by', title: t.tokens.by, cell: (row) => row.created_by },
                { key: 'made', title: t.word.made, cell: (row) => <When time={row.created_at} /> },
                { key: 'used', title: t.tokens.lastUsed, cell: (row) => <When time={row.last_used_at} missing={t.users.never} /> },
                { key: 'expires', title: t.tokens.expires, cell: (row) => <When time={row.expires_at} missing={t.users.never} /> },
                {
                  key: 'acts',
                  title: t.word.actions,
                  hideTitle: true,
                  cell: (row) => (
                    <Button size="compact-xs" variant="default" onClick={() => setRevoking(row)}>
                      {t.tokens.revoke}
                    </Button>
                  ),
                },
              ]}
            />
          )
        }
      </Loaded>
      {making ? <NewToken close={() => setMaking(false)} /> : null}
      {revoking ? (
        <ConfirmDialog
          title={t.tokens.revokeTitle(revoking.name)}
          act={t.tokens.revoke}
          danger
          close={() => setRevoking(null)}
          run={async () => {
            await api.DELETE('/api/v1/tokens/{id}', { params: { path: { id: revoking.id } } });
            await client.invalidateQueries({ queryKey: ['tokens'] });
          }}
        >
          <p>{t.tokens.revokeText}</p>
        </ConfirmDialog>
      ) : null}
    </Panel>
  );
}

function NewToken({ close }: { close: () => void }) {
  const { t } = useLocale();
  const client = useQueryClient();
  const [name, setName] = useState('');
  const [role, setRole] = useState<Role>('viewer');
  const [expires, setExpires] = useState('90d');
  const [token, setToken] = useState<string | null>(null);
  const { busy, error, submit } = useSubmit(async () => {
    const made = await body(
      api.POST('/api/v1/tokens', { body: { name: name.trim(), role, ...(expires ? { expires_in: expires } : {}) } }),
    );
    await client.invalidateQueries({ queryKey: ['tokens'] });
    setToken(made.token);
  });
  return (
    <Modal opened onClose={close} title={t.tokens.create} closeButtonProps={{ 'aria-label': t.close }} closeOnClickOutside={token === null}>
      {token !== null ? (
        <>
          <p>{t.tokens.once}</p>
          <code className={styles.token}>{token}</code>
          <Group justify="flex-end" gap="xs">
            {/* The clipboard is there with TLS, or on this machine. */}
            {window.isSecureContext ? (
              <CopyButton value={token}>
                {({ copied, copy }) => (
                  <Button variant="default" onClick={copy} leftSection={<Icon name={copied ? 'check' : 'copy'} size={14} />}>
                    {copied ? t.tokens.copied : t.tokens.copy}
                  </Button>
                )}
              </CopyButton>
            ) : null}
            <Button onClick={close}>{t.close}</Button>
          </Group>
        </>
      ) : (
        <form onSubmit={(event) => void submit(event)} className={styles.form}>
          <TextInput
            label={t.word.name}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            placeholder="prometheus"
            data-autofocus
            autoComplete="off"
            required
            withAsterisk={false}
          />
          <Select
            label={t.users.role}
            data={(['viewer', 'operator', 'admin'] as const).map((value) => ({ value, label: `${t.role[value]}: ${t.users.roleHelp[value]}` }))}
            value={role}
            onChange={(value) => setRole((value ?? 'viewer') as Role)}
            allowDeselect={false}
          />
          <Select
            label={t.tokens.expires}
            data={[
              { value: '30d', label: t.tokens.afterDays(30) },
              { value: '90d', label: t.tokens.afterDays(90) },
              { value: '365d', label: t.tokens.afterDays(365) },
              { value: '', label: t.users.never },
            ]}
            value={expires}
            onChange={(value) => setExpires(value ?? '')}
            allowDeselect={false}
          />
          {error ? <ProblemNote error={error} /> : null}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={close}>
              {t.cancel}
            </Button>
            <Button type="submit" loading={busy}>
              {t.tokens.create}
            </Button>
          </Group>
        </form>
      )}
    </Modal>
  );
}
