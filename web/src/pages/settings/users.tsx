import { Button, Group, Modal, PasswordInput, Select, TextInput } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, body, type Role, type User } from '../../api/client';
import { useUsers } from '../../api/queries';
import { useWho } from '../../api/role';
import { useLocale } from '../../i18n/locale';
import { ConfirmDialog } from '../../ui/confirm';
import { Icon } from '../../ui/icons';
import { Line, Panel } from '../../ui/layout';
import { Empty, Loaded, ProblemNote } from '../../ui/states';
import { useSubmit } from '../../ui/submit';
import { DataTable } from '../../ui/table';
import { When } from '../../ui/values';
import styles from './settings.module.css';

type Dialog = { kind: 'new' } | { kind: 'change'; user: User } | { kind: 'remove'; user: User } | null;

export function Users() {
  const { t } = useLocale();
  const query = useUsers(true);
  const client = useQueryClient();
  const [dialog, setDialog] = useState<Dialog>(null);
  const close = () => setDialog(null);
  const create = (
    <Button onClick={() => setDialog({ kind: 'new' })} leftSection={<Icon name="plus" size={14} />}>
      {t.users.create}
    </Button>
  );
  return (
    <Panel title={t.settings.users} flush actions={create}>
      <Loaded query={query}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty icon="user" title={t.users.none}>
              {t.users.noneHelp}
            </Empty>
          ) : (
            <DataTable<User>
              label={t.settings.users}
              rows={items}
              rowKey={(row) => row.name}
              columns={[
                { key: 'name', title: t.word.name, phone: 'head', sort: (row) => row.name, cell: (row) => <strong>{row.name}</strong> },
                { key: 'role', title: t.users.role, sort: (row) => row.role, cell: (row) => t.role[row.role] },
                { key: 'made', title: t.word.made, cell: (row) => <When time={row.created_at} /> },
                { key: 'login', title: t.users.lastLogin, cell: (row) => <When time={row.last_login_at} missing={t.users.never} /> },
                {
                  key: 'acts',
                  title: t.word.actions,
                  hideTitle: true,
                  cell: (row) => (
                    <Line>
                      <Button size="compact-xs" variant="default" onClick={() => setDialog({ kind: 'change', user: row })}>
                        {t.users.change}
                      </Button>
                      <Button size="compact-xs" variant="default" onClick={() => setDialog({ kind: 'remove', user: row })}>
                        {t.users.remove}
                      </Button>
                    </Line>
                  ),
                },
              ]}
            />
          )
        }
      </Loaded>
      {dialog?.kind === 'new' ? <UserDialog user={null} first={query.data?.items.length === 0} close={close} /> : null}
      {dialog?.kind === 'change' ? <UserDialog user={dialog.user} first={false} close={close} /> : null}
      {dialog?.kind === 'remove' ? (
        <ConfirmDialog
          title={t.users.removeTitle}
          name={dialog.user.name}
          act={t.users.remove}
          danger
          close={close}
          run={async () => {
            const name = dialog.user.name;
            await api.DELETE('/api/v1/users/{name}', { params: { path: { name }, query: { confirm: name } } });
            await client.invalidateQueries({ queryKey: ['users'] });
          }}
        >
          <p>{t.users.removeText}</p>
        </ConfirmDialog>
      ) : null}
    </Panel>
  );
}

function UserDialog({ user, first, close }: { user: User | null; first: boolean; close: () => void }) {
  const { t } = useLocale();
  const client = useQueryClient();
  const who = useWho();
  const [name, setName] = useState(user?.name ?? '');
  const [role, setRole] = useState<Role>(user?.role ?? (first ? 'admin' : 'viewer'));
  const [password, setPassword] = useState('');
  const { busy, error, submit } = useSubmit(async () => {
    if (user) {
      await body(
        api.PATCH('/api/v1/users/{name}', {
          params: { path: { name: user.name } },
          body: { ...(role === user.role ? {} : { role }), ...(password ? { password } : {}) },
        }),
      );
    } else {
      await body(api.POST('/api/v1/users', { body: { name: name.trim(), role, password } }));
    }
    // The first one ends the open mode: from now on one signs in.
    await client.invalidateQueries({ queryKey: who.open ? ['session'] : ['users'] });
    close();
  });
  return (
    <Modal opened onClose={close} title={user ? t.users.changeTitle(user.name) : t.users.create} closeButtonProps={{ 'aria-label': t.close }}>
      <form onSubmit={(event) => void submit(event)} className={styles.form}>
        {first ? <p className={styles.help}>{t.users.firstHelp}</p> : null}
        {user ? null : (
          <TextInput
            label={t.word.name}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            data-autofocus
            autoComplete="off"
            autoCapitalize="none"
            required
            withAsterisk={false}
          />
        )}
        <Select
          label={t.users.role}
          data={(['viewer', 'operator', 'admin'] as const).map((value) => ({ value, label: `${t.role[value]}: ${t.users.roleHelp[value]}` }))}
          value={role}
          onChange={(value) => setRole((value ?? 'viewer') as Role)}
          disabled={first}
          allowDeselect={false}
        />
        <PasswordInput
          label={user ? t.users.newPassword : t.session.password}
          description={t.settings.passwordRule}
          value={password}
          onChange={(event) => setPassword(event.currentTarget.value)}
          autoComplete="new-password"
          minLength={12}
          required={!user}
          withAsterisk={false}
          visibilityToggleButtonProps={{ 'aria-label': t.session.showPassword }}
        />
        {error ? <ProblemNote error={error} /> : null}
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={close}>
            {t.cancel}
          </Button>
          <Button type="submit" loading={busy} disabled={user !== null && role === user.role && password === ''}>
            {user ? t.save : t.users.create}
          </Button>
        </Group>
      </form>
    </Modal>
  );
}
