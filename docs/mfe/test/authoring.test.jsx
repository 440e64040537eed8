/** The widget in the real plugin slots, asking with the real authenticated client of frontend-platform. */
import { mergeConfig } from '@edx/frontend-platform';
import { AxiosJwtAuthService, configure as configureAuth } from '@edx/frontend-platform/auth';
import { IntlProvider } from '@edx/frontend-platform/i18n';
import { PluginSlot } from '@openedx/frontend-plugin-framework';
import { cleanup, render, screen, waitFor } from '@testing-library/react';
import { CourseSyncLine } from 'course-sync-mfe/authoring';
import { MemoryRouter, Route, Routes } from 'react-router-dom';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import envConfig from '../authoring/env.config';
import { COURSE, LINE, Site } from './site';

const ALERTS = 'org.openedx.frontend.authoring.course_outline_page_alerts.v1';
const SIDEBAR = 'org.openedx.frontend.authoring.course_outline_sidebar.v1';
const PLUGIN = envConfig.pluginSlots[ALERTS].plugins[0];

let site;
let logged;

/** Sign in as the LMS does: with a cookie that JavaScript may read, which says when the token expires. */
function signIn() {
  const payload = { user_id: 1, preferred_username: 'teacher', roles: [], exp: Date.now() / 1000 + 3600 };
  document.cookie = `edx-jwt-cookie-header-payload=x.${btoa(JSON.stringify(payload))}`;
}

beforeEach(async () => {
  site = await new Site().start();
  signIn();
  logged = vi.fn();
  const urls = { STUDIO_BASE_URL: site.url, LMS_BASE_URL: site.url };
  mergeConfig({ ...urls, ...envConfig });
  configureAuth(AxiosJwtAuthService, {
    loggingService: { logInfo: logged, logError: logged },
    config: {
      ...urls,
      BASE_URL: 'http://localhost:3000',
      LOGIN_URL: `${site.url}/login`,
      LOGOUT_URL: `${site.url}/logout`,
      REFRESH_ACCESS_TOKEN_API_PATH: '/login_refresh',
      ACCESS_TOKEN_COOKIE_NAME: 'edx-jwt-cookie-header-payload',
      CSRF_TOKEN_API_PATH: '/csrf/api/v1/token',
    },
  });
});

afterEach(async () => {
  cleanup();
  await site.stop();
});

/** Draw the page of a course with a slot, as the authoring MFE does. */
function draw(slot, { address = `/course/${COURSE}`, ...props } = {}) {
  const content = slotOf(slot, props);
  return render(
    <IntlProvider locale="en">
      <MemoryRouter initialEntries={[address]}>
        <Routes>
          <Route path="/course/:courseId/*" element={<Routes><Route path="*" element={content} /></Routes>} />
          <Route path="*" element={content} />
        </Routes>
      </MemoryRouter>
    </IntlProvider>,
  );
}

const slotOf = (id, pluginProps) => <PluginSlot id={id} pluginProps={pluginProps}><p>theirs</p></PluginSlot>;

test('the sample shows the line above the course outline', async () => {
  draw(ALERTS);
  const line = await screen.findByRole('region', { name: 'Course sync' });
  await screen.findByText(/That is everything/);
  expect(line.textContent).toContain(LINE.notes[0]);
  expect(line.textContent).toContain('crm has what you published until 2:02 p.m. UTC. That is everything.');
  expect(line.getAttribute('aria-busy')).toBe('false');
  expect(screen.getByText('theirs')).toBeTruthy();
});

test('it asks Studio, once, as the user who is signed in', async () => {
  draw(ALERTS);
  await screen.findByText(/That is everything/);
  expect(site.requests.map(({ url }) => decodeURIComponent(url))).toEqual([
    `/api/course_sync/v1/courses/${COURSE}/staff-line`,
  ]);
  expect(site.requests[0].headers['use-jwt-cookie']).toBe('true');
});

test('what a target did not take and what collides is text, never HTML', async () => {
  draw(ALERTS);
  const [item, collision] = await screen.findAllByRole('listitem');
  expect(item.textContent).toBe('A change of “Smoker” is missing there. (<b>too long</b>)');
  expect(collision.textContent).toBe('The title of “Honey” was changed on both sides: here “Sweet”, there “Wax”.');
  expect(item.closest('.alert-warning')).not.toBeNull();
  expect(screen.getByText(/crm has what/).closest('.alert-warning')).toBeNull();
});

test('the link opens the page of the site beside the MFE', async () => {
  draw(ALERTS);
  const link = await screen.findByRole('link');
  expect(link.href).toBe(`${site.url}/course_sync/staff/${COURSE}/`);
  expect([link.target, link.rel]).toEqual(['_blank', 'noopener noreferrer']);
});

test('a slot that names the course needs no address', async () => {
  mergeConfig({ pluginSlots: { [SIDEBAR]: { keepDefault: true, plugins: [PLUGIN] } } });
  draw(SIDEBAR, { address: '/somewhere', courseId: COURSE });
  await screen.findByText(/That is everything/);
});

test('without a course nothing is asked', async () => {
  draw(ALERTS, { address: '/home' });
  expect(screen.getByText('theirs')).toBeTruthy();
  expect(screen.queryByRole('region')).toBeNull();
  expect(site.requests).toEqual([]);
});

test.each([403, 404])('a course that is not synced, or not for the user, shows nothing (%i)', async (status) => {
  site.status = status;
  draw(ALERTS);
  await waitFor(() => expect(screen.queryByRole('region')).toBeNull());
  expect(screen.getByText('theirs')).toBeTruthy();
});

test('a site that fails is told in a sentence, and the page stays', async () => {
  site.status = 500;
  draw(ALERTS);
  await screen.findByText('What other systems have of this course cannot be shown at the moment.');
  expect(screen.getByText('theirs')).toBeTruthy();
});

test('a course that is sent nowhere', async () => {
  site.body = { ...LINE, notes: [], targets: [] };
  draw(ALERTS);
  await screen.findByText('This course is not sent to any other system.');
});

test('a page that is left before the answer comes logs nothing', async () => {
  const told = vi.spyOn(console, 'error');
  const { unmount } = draw(ALERTS);
  await waitFor(() => expect(site.requests).toHaveLength(1));
  unmount();
  await new Promise((later) => { setTimeout(later, 50); });
  expect(told).not.toHaveBeenCalled();
  expect(logged).not.toHaveBeenCalled();
});

test('an answer that is no longer waited for changes nothing', async () => {
  site.holds = true;
  const { rerender } = render(<MemoryRouter><CourseSyncLine courseId={COURSE} /></MemoryRouter>);
  await waitFor(() => expect(site.requests).toHaveLength(1));
  rerender(<MemoryRouter><CourseSyncLine courseId="course-v1:Other+Course+Run" /></MemoryRouter>);
  await waitFor(() => expect(site.requests).toHaveLength(2));
  expect(screen.getByRole('region').getAttribute('aria-busy')).toBe('true');
});

test('another course is asked for anew, and the line of the first goes', async () => {
  const { rerender } = render(<MemoryRouter><CourseSyncLine courseId={COURSE} /></MemoryRouter>);
  await screen.findByText(/That is everything/);
  rerender(<MemoryRouter><CourseSyncLine courseId="course-v1:Other+Course+Run" /></MemoryRouter>);
  expect(screen.queryByText(/That is everything/)).toBeNull();
  await waitFor(() => expect(screen.queryByRole('region')).toBeNull());
  expect(site.requests).toHaveLength(2);
});
