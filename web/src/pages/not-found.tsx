import { Anchor } from '@mantine/core';
import { Link } from 'react-router-dom';
import { useLocale } from '../i18n/locale';
import { PageHead, Panel } from '../ui/layout';
import { Empty } from '../ui/states';

export function NotFound() {
  const { t } = useLocale();
  return (
    <>
      <PageHead title={t.notFound.title} />
      <Panel>
        <Empty
          icon="search"
          title={t.notFound.text}
          action={
            <Anchor component={Link} to="/">
              {t.notFound.home}
            </Anchor>
          }
        />
      </Panel>
    </>
  );
}
