import { Button } from '@mantine/core';
import { useLocale } from '../i18n/locale';
import styles from './more.module.css';

/** The end of a list that the API pages. */
export function LoadMore({ query }: { query: { hasNextPage: boolean; isFetchingNextPage: boolean; fetchNextPage: () => unknown } }) {
  const { t } = useLocale();
  if (!query.hasNextPage) return null;
  return (
    <div className={styles.more}>
      <Button variant="default" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
        {t.table.more}
      </Button>
    </div>
  );
}
