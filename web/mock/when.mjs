// When a schedule is due, for the mock: the words that the page offers and plain cron, with the
// offset that its zone has now.
// The daemon's own rules (docs/scheduling.md) are richer.

const days = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'];
const minute = 60_000;

function parse(when) {
  const text = when.trim().toLowerCase();
  const at = /(?:at )(\d\d):(\d\d)$/.exec(text);
  const time = at ? [Number(at[1]), Number(at[2])] : [0, 0];
  const is = (hour, min) => (date) => date.getUTCHours() === hour && date.getUTCMinutes() === min;
  let match;
  if (/^(daily|every day)( at \d\d:\d\d)?$/.test(text)) return is(...time);
  if (/^every weekday( at \d\d:\d\d)?$/.test(text)) return (date) => is(...time)(date) && date.getUTCDay() % 6 !== 0;
  if ((match = /^weekly on (\w+)( at \d\d:\d\d)?$/.exec(text)) && days.includes(match[1])) {
    return (date) => is(...time)(date) && date.getUTCDay() === days.indexOf(match[1]);
  }
  if ((match = /^every (\d+) hours$/.exec(text)) && 24 % Number(match[1]) === 0) {
    return (date) => date.getUTCMinutes() === 0 && date.getUTCHours() % Number(match[1]) === 0;
  }
  if ((match = /^every (\d+) minutes$/.exec(text)) && 60 % Number(match[1]) === 0) return (date) => date.getUTCMinutes() % Number(match[1]) === 0;
  const fields = text.split(/\s+/);
  if (fields.length === 5 && fields.every((field) => /^[\d*/,-]+$/.test(field))) {
    const fits = (field, value) =>
      field.split(',').some((part) => {
        const [range, step] = part.split('/');
        const [low, high] = range === '*' ? [0, 99] : range.split('-').map(Number);
        return value >= low && value <= (high ?? low) && (value - (range === '*' ? 0 : low)) % Number(step ?? 1) === 0;
      });
    return (date) =>
      fits(fields[0], date.getUTCMinutes()) && fits(fields[1], date.getUTCHours()) && fits(fields[2], date.getUTCDate()) &&
      fits(fields[3], date.getUTCMonth() + 1) && fits(fields[4], date.getUTCDay());
  }
  return null;
}

/** {description, next} or null for what it does not know. */
export function preview(rules, count, now) {
  const due = parse(rules.when);
  if (!due) return null;
  const next = [];
  const zone = rules.zone || 'UTC';
  const offset = Date.parse(`${new Date(now).toLocaleString('sv-SE', { timeZone: zone })}Z`) - Math.floor(now / 1000) * 1000;
  for (let at = Math.ceil((now + 1) / minute) * minute; next.length < count && at < now + 400 * 86_400_000; at += minute) {
    if (!due(new Date(at + offset))) continue;
    const local = new Intl.DateTimeFormat('en-GB', { weekday: 'short', day: '2-digit', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit', timeZone: zone, timeZoneName: 'longOffset' });
    next.push({ due_at: new Date(at).toISOString(), local: local.format(at).replace(/,/g, ''), starts_at: new Date(at + (rules.jitter ? 214_000 : 0)).toISOString() });
  }
  return { description: `${rules.when}, ${zone}`, next };
}
