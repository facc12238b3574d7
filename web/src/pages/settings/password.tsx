import { Button, PasswordInput } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, body } from '../../api/client';
import { useLocale } from '../../i18n/locale';
import { ProblemNote } from '../../ui/states';
import { useSubmit } from '../../ui/submit';
import { tellDone } from '../../ui/tell';
import styles from './settings.module.css';

export function Password() {
  const { t } = useLocale();
  const client = useQueryClient();
  const [old, setOld] = useState('');
  const [fresh, setFresh] = useState('');
  const { busy, error, submit } = useSubmit(async () => {
    const session = await body(
      api.POST('/api/v1/session/password', { body: { old_password: old, new_password: fresh } }),
    );
    client.setQueryData(['session'], session);
    setOld('');
    setFresh('');
    tellDone(t, t.settings.passwordChanged);
  });
  const show = { 'aria-label': t.session.showPassword };
  return (
    <form onSubmit={(event) => void submit(event)} className={styles.password}>
      <PasswordInput
        label={t.settings.oldPassword}
        value={old}
        onChange={(event) => setOld(event.currentTarget.value)}
        autoComplete="current-password"
        visibilityToggleButtonProps={show}
        required
        withAsterisk={false}
      />
      <PasswordInput
        label={t.settings.newPassword}
        description={t.settings.passwordRule}
        value={fresh}
        onChange={(event) => setFresh(event.currentTarget.value)}
        autoComplete="new-password"
        minLength={12}
        visibilityToggleButtonProps={show}
        required
        withAsterisk={false}
      />
      {error ? <ProblemNote error={error} /> : null}
      <Button type="submit" variant="default" loading={busy}>
        {t.settings.changePassword}
      </Button>
    </form>
  );
}
