// The newest verified backup against its goal, as a word, a shape and an age.
import { Tooltip } from '@mantine/core';
import { useGoal } from '../api/goal';
import { useLocale } from '../i18n/locale';
import { useNow } from './now';
import { Status, type Tone } from './status';

export function toneOfAge(time: string | null, now: Date, goalSeconds: number): Tone {
  if (time === null) return 'bad';
  const age = (now.getTime() - new Date(time).getTime()) / 1000;
  return age > goalSeconds ? 'bad' : age > goalSeconds * 0.9 ? 'warn' : 'good';
}

export function Freshness({ time }: { time: string | null }) {
  const { t, relative, absolute, duration } = useLocale();
  const now = useNow();
  const goal = useGoal();
  const tone = toneOfAge(time, now, goal);
  const words = time === null ? t.freshness.none : relative(new Date(time), now);
  const label = `${t.freshness.goal(duration(goal))}${time === null ? '' : `\n${absolute(new Date(time))}`}`;
  return (
    <Tooltip label={label}>
      <span>
        <Status tone={tone} icon={tone === 'good' ? 'shieldCheck' : 'warn'}>
          {words}
        </Status>
      </span>
    </Tooltip>
  );
}
