// Short words at the edge of the page; a live region reads them out.
import { notifications } from '@mantine/notifications';
import { Problem } from '../api/problem';
import type { Messages } from '../i18n/en';
import { Icon } from './icons';

export function tellProblem(t: Messages, error: unknown): void {
  const problem = Problem.of(error);
  notifications.show({
    title: problem.status === 0 ? t.problem.offline : problem.title,
    message: problem.status === 0 ? t.problem.offlineDetail : problem.detail,
    color: 'red',
    icon: <Icon name="warn" />,
    autoClose: 12_000,
    closeButtonProps: { 'aria-label': t.close },
  });
}

export function tellDone(t: Messages, text: string): void {
  notifications.show({
    message: text,
    color: 'teal',
    icon: <Icon name="check" />,
    autoClose: 4_000,
    closeButtonProps: { 'aria-label': t.close },
  });
}
