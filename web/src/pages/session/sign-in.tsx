import { Button, PasswordInput, TextInput } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useState, type FormEvent } from 'react';
import { api, body } from '../../api/client';
import { Problem } from '../../api/problem';
import { takeSession } from '../../api/queries';
import { useLocale } from '../../i18n/locale';
import { Icon, Mark } from '../../ui/icons';
import { LanguageMenu } from '../../ui/shell';
import { ProblemNote } from '../../ui/states';
import styles from './sign-in.module.css';

export function SignIn() {
  const { t } = useLocale();
  const client = useQueryClient();
  const [user, setUser] = useState('');
  const [password, setPassword] = useState('');
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    document.title = `${t.session.title} · ${t.product}`;
  }, [t]);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      takeSession(client, await body(api.POST('/api/v1/session', { body: { user: user.trim(), password } })));
    } catch (problem) {
      setError(problem);
      setPassword('');
      setBusy(false);
    }
  };
  const wrong = error !== null && Problem.of(error).status === 401;
  return (
    <div className={styles.page}>
      <div className={styles.language}>
        <LanguageMenu />
      </div>
      <main className={styles.box}>
        <div className={styles.brand}>
          <Mark size={34} />
          <h1>{t.product}</h1>
        </div>
        <form onSubmit={(event) => void submit(event)}>
          <TextInput
            label={t.session.user}
            value={user}
            onChange={(event) => setUser(event.currentTarget.value)}
            autoComplete="username"
            autoCapitalize="none"
            spellCheck={false}
            required
            withAsterisk={false}
            autoFocus
          />
          <PasswordInput
            mt="sm"
            label={t.session.password}
            value={password}
            onChange={(event) => setPassword(event.currentTarget.value)}
            autoComplete="current-password"
            required
            withAsterisk={false}
            visibilityToggleButtonProps={{ 'aria-label': t.session.showPassword }}
          />
          {wrong ? (
            <p className={styles.wrong} role="alert">
              <Icon name="warn" size={15} />
              {t.session.wrong}
            </p>
          ) : error ? (
            <ProblemNote error={error} />
          ) : null}
          <Button type="submit" fullWidth size="sm" mt="lg" loading={busy}>
            {t.session.signIn}
          </Button>
        </form>
        <p className={styles.help}>{t.session.help}</p>
      </main>
    </div>
  );
}
