// Who is there, and which page.
import { useQueryClient } from '@tanstack/react-query';
import { Component, lazy, Suspense, useEffect, type ReactNode } from 'react';
import { Route, Routes, useLocation } from 'react-router-dom';
import { api, body, onSignedOut, setCsrfToken, type Session } from './api/client';
import { useEvents } from './api/events';
import { takeSession, useMigrations, useSession, useSettings, useStatistics } from './api/queries';
import { RoleContext } from './api/role';
import { useLocale } from './i18n/locale';
import { NotFound } from './pages/not-found';
import { SignIn } from './pages/session/sign-in';
import { Shell } from './ui/shell';
import { Loading, ProblemNote } from './ui/states';

const Overview = lazy(() => import('./pages/overview/overview'));
const Snapshots = lazy(() => import('./pages/snapshots/snapshots'));
const SnapshotPage = lazy(() => import('./pages/snapshots/snapshot'));
const Compare = lazy(() => import('./pages/snapshots/compare'));
const Jobs = lazy(() => import('./pages/jobs/jobs'));
const JobPage = lazy(() => import('./pages/jobs/job'));
const Schedules = lazy(() => import('./pages/schedules/schedules'));
const SchedulePage = lazy(() => import('./pages/schedules/schedule'));
const ScheduleEditor = lazy(() => import('./pages/schedules/editor'));
const Migrations = lazy(() => import('./pages/migrations/migrations'));
const MigrationPage = lazy(() => import('./pages/migrations/migration'));
const Clusters = lazy(() => import('./pages/clusters/clusters'));
const ClusterPage = lazy(() => import('./pages/clusters/cluster'));
const Alerts = lazy(() => import('./pages/alerts/alerts'));
const Audit = lazy(() => import('./pages/audit/audit'));
const Settings = lazy(() => import('./pages/settings/settings'));

export function App() {
  const session = useSession();
  const client = useQueryClient();
  useEffect(() => onSignedOut(() => void client.invalidateQueries({ queryKey: ['session'] })), [client]);
  if (session.data) {
    setCsrfToken(session.data.csrf_token);
    // What fails while a page goes away is beyond that page's own boundary.
    return <Boundary>{session.data.authenticated ? <Inside session={session.data} /> : <SignIn />}</Boundary>;
  }
  if (session.error) return <ProblemNote error={session.error} retry={() => void session.refetch()} />;
  return <Loading />;
}

function Inside({ session }: { session: Session }) {
  const { t } = useLocale();
  const client = useQueryClient();
  const live = useEvents(true);
  const statistics = useStatistics();
  const settings = useSettings();
  const migrations = useMigrations().data?.items ?? [];
  const role = session.role ?? 'viewer';
  const jobs = statistics.data?.jobs ?? {};
  const running = ['queued', 'running', 'pausing', 'cancelling', 'interrupted'].reduce((sum, state) => sum + (jobs[state] ?? 0), 0);
  const signOut = async () => {
    takeSession(client, await body(api.DELETE('/api/v1/session')));
  };
  return (
    <RoleContext.Provider value={{ role, open: session.mode === 'open', user: session.user ?? '' }}>
      <Shell
        user={session.user ?? t.session.local}
        role={t.role[role]}
        version={settings.data?.version ?? ''}
        counts={{ jobs: running, migrations: migrations.filter((each) => each.ended_at === null).length, alerts: statistics.data?.open_alerts ?? 0 }}
        live={live}
        signOut={session.mode === 'users' ? () => void signOut() : null}
      >
        <Guard>
          <Suspense fallback={<Loading rows={8} />}>
            <Routes>
              <Route path="/" element={<Overview />} />
              <Route path="/snapshots" element={<Snapshots />} />
              <Route path="/snapshots/compare" element={<Compare />} />
              <Route path="/snapshots/:repository/:snapshot" element={<SnapshotPage />} />
              <Route path="/jobs" element={<Jobs />} />
              <Route path="/jobs/:number" element={<JobPage />} />
              <Route path="/schedules" element={<Schedules />} />
              <Route path="/schedules/new" element={<ScheduleEditor />} />
              <Route path="/schedules/:id" element={<SchedulePage />} />
              <Route path="/schedules/:id/edit" element={<ScheduleEditor />} />
              <Route path="/migrations" element={<Migrations />} />
              <Route path="/migrations/:id" element={<MigrationPage />} />
              <Route path="/clusters" element={<Clusters />} />
              <Route path="/clusters/:name" element={<ClusterPage />} />
              <Route path="/alerts" element={<Alerts />} />
              <Route path="/alerts/:id" element={<Alerts />} />
              <Route path="/audit" element={<Audit />} />
              <Route path="/settings" element={<Settings />} />
              <Route path="*" element={<NotFound />} />
            </Routes>
          </Suspense>
        </Guard>
      </Shell>
    </RoleContext.Provider>
  );
}

/** A page that fails takes no other with it. */
function Guard({ children }: { children: ReactNode }) {
  const { pathname } = useLocation();
  return <Boundary key={pathname}>{children}</Boundary>;
}

class Boundary extends Component<{ children: ReactNode }, { error: unknown }> {
  override state = { error: null };
  static getDerivedStateFromError(error: unknown) {
    return { error };
  }
  override render() {
    if (this.state.error === null) return this.props.children;
    // Most often: the daemon was updated, and the chunks of the page that is open are gone.
    return <ProblemNote error={this.state.error} retry={() => window.location.reload()} />;
  }
}
