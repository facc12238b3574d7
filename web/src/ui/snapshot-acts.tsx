// What can be done to a snapshot: verify, restore, pin, delete. Used by the list and by its own page.
import { ActionIcon, Button, Menu } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useNavigate } from 'react-router-dom';
import { api, body, type SnapshotSummary } from '../api/client';
import { useMay } from '../api/role';
import { useLocale } from '../i18n/locale';
import { ConfirmDialog } from './confirm';
import { Icon } from './icons';
import { tellJob } from './job-bits';
import { Facts } from './layout';
import { useIntent } from './make-job';
import { tellProblem } from './tell';
import { Bytes, Count, Moment } from './values';
import { RestoreDialog } from './restore-dialog';

type Dialog = 'restore' | 'delete' | null;

export function SnapshotActs({ snapshot, wide = false }: { snapshot: SnapshotSummary; wide?: boolean }) {
  const { t } = useLocale();
  const [dialog, setDialog] = useState<Dialog>(null);
  const client = useQueryClient();
  const intent = useIntent();
  const navigate = useNavigate();
  const operator = useMay('operator');
  const admin = useMay('admin');
  const at = { path: { snapshot: snapshot.id }, query: { repository: snapshot.repository } };
  const refresh = () => {
    void client.invalidateQueries({ queryKey: ['snapshots'] });
    void client.invalidateQueries({ queryKey: ['snapshot', snapshot.id] });
  };
  const verify = async () => {
    try {
      const job = await body(
        api.POST('/api/v1/snapshots/{snapshot}/verify', {
          params: { ...at, header: { 'Idempotency-Key': intent.keyOf(at) } },
        }),
      );
      intent.done();
      void client.invalidateQueries({ queryKey: ['jobs'] });
      if (wide) navigate(`/jobs/${job.number}`);
      else tellJob(t, job);
    } catch (problem) {
      tellProblem(t, problem);
    }
  };
  const pin = async () => {
    try {
      if (snapshot.pinned) await body(api.POST('/api/v1/snapshots/{snapshot}/unpin', { params: at }));
      else await body(api.POST('/api/v1/snapshots/{snapshot}/pin', { params: at }));
      refresh();
    } catch (problem) {
      tellProblem(t, problem);
    }
  };
  const remove = async () => {
    const job = await body(
      api.DELETE('/api/v1/snapshots/{snapshot}', { params: { ...at, query: { ...at.query, confirm: snapshot.id } } }),
    );
    void client.invalidateQueries({ queryKey: ['jobs'] });
    navigate(`/jobs/${job.number}`);
  };
  if (!operator) return null;
  const locked = snapshot.pinned || (snapshot.immutable_until !== null && new Date(snapshot.immutable_until) > new Date());
  const items = (
    <>
      <Menu.Item leftSection={<Icon name="pin" />} onClick={() => void pin()}>
        {snapshot.pinned ? t.snapshots.unpin : t.snapshots.pin}
      </Menu.Item>
      {admin ? (
        <Menu.Item leftSection={<Icon name="trash" />} color="red" disabled={locked} onClick={() => setDialog('delete')}>
          {locked ? t.snapshots.deleteLocked : t.snapshots.delete}
        </Menu.Item>
      ) : null}
    </>
  );
  return (
    <>
      {wide ? (
        <>
          <Button leftSection={<Icon name="restore" size={14} />} onClick={() => setDialog('restore')}>
            {t.restore.act}
          </Button>
          <Button variant="default" leftSection={<Icon name="shieldCheck" size={14} />} onClick={() => void verify()}>
            {t.snapshots.verify}
          </Button>
        </>
      ) : null}
      <Menu>
        <Menu.Target>
          <ActionIcon aria-label={t.snapshots.acts(snapshot.id.slice(0, 8))} {...(wide ? { variant: 'default', size: 30 } : {})}>
            <Icon name="more" />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          {wide ? null : (
            <>
              <Menu.Item leftSection={<Icon name="restore" />} onClick={() => setDialog('restore')}>
                {t.restore.open}
              </Menu.Item>
              <Menu.Item leftSection={<Icon name="shieldCheck" />} onClick={() => void verify()}>
                {t.snapshots.verify}
              </Menu.Item>
            </>
          )}
          {items}
        </Menu.Dropdown>
      </Menu>
      {dialog === 'restore' ? <RestoreDialog snapshot={snapshot} close={() => setDialog(null)} /> : null}
      {dialog === 'delete' ? (
        <ConfirmDialog
          title={t.snapshots.deleteTitle}
          name={snapshot.id.slice(0, 8)}
          act={t.snapshots.delete}
          danger
          run={remove}
          close={() => setDialog(null)}
        >
          <p>{t.snapshots.deleteText}</p>
          <Facts
            rows={[
              [t.word.snapshot, <code key="id">{snapshot.id}</code>],
              [t.word.cluster, snapshot.cluster],
              [t.word.made, <Moment key="at" time={snapshot.created_at} />],
              [t.word.rows, <Count key="rows" value={snapshot.rows} />],
              [t.snapshots.addedToStore, <Bytes key="bytes" value={snapshot.stored_bytes} />],
            ]}
          />
        </ConfirmDialog>
      ) : null}
    </>
  );
}
