import { Anchor, Select, Tabs, TextInput, useMantineColorScheme, type MantineColorScheme } from '@mantine/core';
import { useState } from 'react';
import { useSettings } from '../../api/queries';
import { useMay, useWho } from '../../api/role';
import { useLocale } from '../../i18n/locale';
import { useFilters } from '../../ui/filters';
import { keepStyles } from '../../ui/shell';
import { Columns, Facts, PageHead, Panel, Stack } from '../../ui/layout';
import { Loaded } from '../../ui/states';
import { Status } from '../../ui/status';
import { Moment } from '../../ui/values';
import { Password } from './password';
import styles from './settings.module.css';
import { Tokens } from './tokens';
import { Users } from './users';

export default function Settings() {
  const { t } = useLocale();
  const filters = useFilters();
  const admin = useMay('admin');
  const tab = filters.get('tab') || 'about';
  return (
    <>
      <PageHead title={t.nav.settings} />
      <Tabs value={tab} onChange={(value) => filters.set('tab', value)} keepMounted={false}>
        <Tabs.List mb="md">
          <Tabs.Tab value="about">{t.settings.about}</Tabs.Tab>
          <Tabs.Tab value="configuration">{t.settings.configuration}</Tabs.Tab>
          {admin ? <Tabs.Tab value="users">{t.settings.users}</Tabs.Tab> : null}
          {admin ? <Tabs.Tab value="tokens">{t.settings.tokens}</Tabs.Tab> : null}
        </Tabs.List>
        <Tabs.Panel value="about">
          <About />
        </Tabs.Panel>
        <Tabs.Panel value="configuration">
          <Configuration />
        </Tabs.Panel>
        {admin ? (
          <>
            <Tabs.Panel value="users">
              <Users />
            </Tabs.Panel>
            <Tabs.Panel value="tokens">
              <Tokens />
            </Tabs.Panel>
          </>
        ) : null}
      </Tabs>
    </>
  );
}

function About() {
  const { t, language, setLanguage } = useLocale();
  const { colorScheme, setColorScheme } = useMantineColorScheme(keepStyles);
  const query = useSettings();
  const { open, user, role } = useWho();
  return (
    <Columns>
      <Panel title={t.settings.daemon}>
        <Loaded query={query}>
          {(data) => (
            <Facts
              rows={[
                [t.settings.version, data.version],
                [t.settings.started, <Moment key="s" time={data.started_at} />],
                [t.settings.listen, <code key="l">{data.listen}</code>],
                [
                  'TLS',
                  data.tls ? (
                    <Status key="t" tone="good">
                      {t.settings.on}
                    </Status>
                  ) : (
                    <Status key="t" tone="quiet">
                      {t.settings.off}
                    </Status>
                  ),
                ],
                [
                  t.settings.access,
                  data.mode === 'open' ? (
                    <Status key="m" tone="warn">
                      {t.settings.openMode}
                    </Status>
                  ) : (
                    <Status key="m" tone="good">
                      {t.settings.usersMode}
                    </Status>
                  ),
                ],
                [t.settings.file, data.config_file ? <code key="f">{data.config_file}</code> : t.settings.noFile],
                ['API', <Anchor key="a" href="/api/v1/openapi.json">openapi.json</Anchor>],
              ]}
            />
          )}
        </Loaded>
      </Panel>
      <Stack>
        <Panel title={t.settings.view}>
          <div className={styles.form}>
            <Select
              label={t.language}
              data={[
                { value: 'en', label: 'English' },
                { value: 'zh', label: '简体中文' },
              ]}
              value={language}
              onChange={(value) => setLanguage(value === 'zh' ? 'zh' : 'en')}
              allowDeselect={false}
            />
            <Select
              label={t.scheme.label}
              data={(['auto', 'light', 'dark'] as const).map((value) => ({ value, label: t.scheme[value] }))}
              value={colorScheme}
              onChange={(value) => setColorScheme((value ?? 'auto') as MantineColorScheme)}
              allowDeselect={false}
            />
          </div>
        </Panel>
        {open ? null : (
          <Panel title={t.settings.you}>
            <Facts
              rows={[
                [t.session.user, user],
                [t.users.role, t.role[role]],
              ]}
            />
            <Password />
          </Panel>
        )}
      </Stack>
    </Columns>
  );
}

/** The configuration as lines of "a.b.c: value", so that it can be searched. */
function linesOf(value: unknown, path = ''): [string, string][] {
  if (Array.isArray(value) && value.every((each) => typeof each !== 'object')) return [[path, value.join(', ')]];
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value).flatMap(([key, each]) => linesOf(each, path ? `${path}.${key}` : key));
  }
  return [[path, value === null ? '–' : String(value)]];
}

function Configuration() {
  const { t } = useLocale();
  const query = useSettings();
  const [search, setSearch] = useState('');
  return (
    <Panel
      title={t.settings.configuration}
      actions={
        <TextInput
          size="xs"
          w={220}
          placeholder={t.table.find}
          aria-label={t.table.find}
          value={search}
          onChange={(event) => setSearch(event.currentTarget.value)}
        />
      }
    >
      <Loaded query={query}>
        {(data) => {
          const wanted = search.trim().toLowerCase();
          const lines = linesOf(data.configuration).filter((line) => line.join(' ').toLowerCase().includes(wanted));
          return (
            <>
              <p className={styles.help}>{t.settings.configurationHelp}</p>
              {lines.length === 0 ? <p className={styles.help}>{t.table.nothingFound}</p> : null}
              <Facts rows={lines.map(([key, value]) => [<code key="k">{key}</code>, value] as const)} />
            </>
          );
        }}
      </Loaded>
    </Panel>
  );
}
