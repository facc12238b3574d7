// The frame around every page: navigation, what is wrong and what runs, language, scheme, who it is.
import { ActionIcon, Drawer, Menu, useMantineColorScheme } from '@mantine/core';
import { useEffect, useRef, useState, type ReactNode } from 'react';
import { NavLink, useLocation } from 'react-router-dom';
import { useLocale } from '../i18n/locale';
import { arrive } from './arrival';
import { Icon, Mark, type IconName } from './icons';
import styles from './shell.module.css';

export interface ShellProps {
  user: string;
  role: string;
  version: string;
  counts: { jobs: number; migrations: number; alerts: number };
  live: boolean; // events arrive
  signOut: (() => void) | null; // null: nobody signed in, the daemon asks for no one
  children: ReactNode;
}

export function Shell(props: ShellProps) {
  const { t } = useLocale();
  const [opened, setOpened] = useState(false);
  const location = useLocation();
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);
  useEffect(() => {
    setOpened(false);
    // Not on the first page, where the browser does it.
    if (first.current) first.current = false;
    else arrive(main.current);
  }, [location.pathname]);
  return (
    <div className={styles.shell}>
      <a className={styles.skip} href="#main">
        {t.shell.skip}
      </a>
      {/* No <header>: dialogs have one, and there is one banner at a time. */}
      <section className={styles.top} aria-label={t.shell.bar}>
        <ActionIcon className={styles.burger} aria-label={t.shell.openMenu} aria-expanded={opened} onClick={() => setOpened(true)}>
          <Icon name="menu" size={20} />
        </ActionIcon>
        <NavLink to="/" className={styles.brand}>
          <Mark size={24} />
          <span>{t.product}</span>
        </NavLink>
        <div className={styles.space} />
        {props.live ? null : (
          <span className={styles.offline} role="status">
            <Icon name="warn" size={14} />
            <span>{t.shell.notLive}</span>
          </span>
        )}
        <SchemeMenu />
        <LanguageMenu />
        <UserMenu {...props} />
      </section>
      <nav className={styles.side} aria-label={t.shell.navigation}>
        <Links counts={props.counts} />
        <div className={styles.version}>
          {t.product} {props.version}
        </div>
      </nav>
      <Drawer opened={opened} onClose={() => setOpened(false)} size={260} title={t.product} closeButtonProps={{ 'aria-label': t.close }}>
        <nav aria-label={t.shell.navigation}>
          <Links counts={props.counts} />
        </nav>
      </Drawer>
      <main id="main" ref={main} tabIndex={-1} className={styles.main}>
        {props.children}
      </main>
    </div>
  );
}

function Links({ counts }: { counts: ShellProps['counts'] }) {
  const { t, number } = useLocale();
  const links: [string, IconName, string, number?, string?][] = [
    ['/', 'overview', t.nav.overview],
    ['/snapshots', 'snapshots', t.nav.snapshots],
    ['/jobs', 'jobs', t.nav.jobs, counts.jobs, t.nav.running(counts.jobs)],
    ['/schedules', 'schedules', t.nav.schedules],
    ['/migrations', 'migrations', t.nav.migrations, counts.migrations, t.nav.running(counts.migrations)],
    ['/clusters', 'clusters', t.nav.clusters],
    ['/alerts', 'alerts', t.nav.alerts, counts.alerts, t.nav.open(counts.alerts)],
    ['/audit', 'audit', t.nav.audit],
    ['/settings', 'settings', t.nav.settings],
  ];
  return (
    <ul className={styles.links}>
      {links.map(([to, icon, name, count, words]) => (
        <li key={to}>
          <NavLink to={to} end={to === '/'} className={styles.link}>
            <Icon name={icon} size={17} />
            <span>{name}</span>
            {count ? (
              <span className={styles.count} data-bad={to === '/alerts' || undefined}>
                <span aria-hidden="true">{number(count)}</span>
                <span className={styles.hidden}>{words}</span>
              </span>
            ) : null}
          </NavLink>
        </li>
      ))}
    </ul>
  );
}

// Without it Mantine would write a <style> element while the colours change.
export const keepStyles = { keepTransitions: true };

function SchemeMenu() {
  const { t } = useLocale();
  const { colorScheme, setColorScheme } = useMantineColorScheme(keepStyles);
  const choices = [
    ['auto', 'auto', t.scheme.auto],
    ['light', 'sun', t.scheme.light],
    ['dark', 'moon', t.scheme.dark],
  ] as const;
  const icon = choices.find(([scheme]) => scheme === colorScheme)?.[1] ?? 'auto';
  return (
    <Menu>
      <Menu.Target>
        <ActionIcon aria-label={t.scheme.label} size="lg">
          <Icon name={icon} size={18} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {choices.map(([scheme, name, words]) => (
          <Menu.Item
            key={scheme}
            leftSection={<Icon name={name} />}
            rightSection={colorScheme === scheme ? <Icon name="check" size={14} /> : null}
            onClick={() => setColorScheme(scheme)}
          >
            {words}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

export function LanguageMenu() {
  const { t, language, setLanguage } = useLocale();
  return (
    <Menu>
      <Menu.Target>
        <ActionIcon aria-label={t.language} size="lg">
          <Icon name="language" size={18} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {(
          [
            ['en', 'English'],
            ['zh', '简体中文'],
          ] as const
        ).map(([code, name]) => (
          <Menu.Item
            key={code}
            lang={code === 'zh' ? 'zh-Hans' : 'en'}
            rightSection={language === code ? <Icon name="check" size={14} /> : null}
            onClick={() => setLanguage(code)}
          >
            {name}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

function UserMenu({ user, role, signOut }: ShellProps) {
  const { t } = useLocale();
  return (
    <Menu>
      <Menu.Target>
        <button type="button" className={styles.user} aria-label={t.shell.account(user)}>
          <Icon name="user" size={17} />
          <span className={styles.userName}>{user}</span>
        </button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          {user} · {role}
        </Menu.Label>
        <Menu.Item component={NavLink} to="/settings">
          {t.nav.settings}
        </Menu.Item>
        {signOut ? <Menu.Item onClick={signOut}>{t.session.signOut}</Menu.Item> : null}
      </Menu.Dropdown>
    </Menu>
  );
}
