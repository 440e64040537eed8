/** The widget of the instructor dashboard. frontend-base is a double; the test reads the slot as the dashboard does. */
import { cleanup, render, screen, waitFor } from '@testing-library/react';
import { courseSyncApp, TAB_ID } from 'course-sync-mfe/instructor-dashboard';
import { MemoryRouter, Route, Routes } from 'react-router-dom';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { siteConfig } from './frontend-base';
import { COURSE, Site } from './site';

let site;

beforeEach(async () => {
  site = await new Site().start();
  siteConfig.lmsBaseUrl = `${site.url}/`;
});

afterEach(async () => {
  cleanup();
  await site.stop();
});

const [operation] = courseSyncApp.slots;

const open = (tab) => render(page(tab));

function page(tab) {
  const { tabId, content } = operation.element.props;
  return (
    <MemoryRouter initialEntries={[`/instructor-dashboard/${COURSE}/${tab}`]}>
      <Routes>
        <Route path="/instructor-dashboard/:courseId">
          <Route path=":tabId" element={tab === tabId ? content : <p>not found</p>} />
        </Route>
      </Routes>
    </MemoryRouter>
  );
}

test('it fills the tab that the LMS adds', () => {
  expect(courseSyncApp.slots).toHaveLength(1);
  expect(operation.slotId).toBe('org.openedx.frontend.slot.instructorDashboard.routes.v1');
  expect(operation.op).toBe('widgetAppend');
  expect([TAB_ID, operation.element.props.tabId]).toEqual(['course_sync', 'course_sync']);
});

test('the tab shows the line, and asks the LMS once', async () => {
  const { rerender } = open('course_sync');
  await screen.findByText(/That is everything/);
  rerender(page('course_sync'));
  await new Promise((later) => { setTimeout(later, 50); });
  expect(site.requests.map(({ url }) => decodeURIComponent(url))).toEqual([
    `/api/course_sync/v1/courses/${COURSE}/staff-line`,
  ]);
  expect(screen.getByRole('link').href).toBe(`${site.url}/course_sync/staff/${COURSE}/`);
});

test.each([403, 404])('a refusal shows nothing (%i)', async (status) => {
  site.status = status;
  open('course_sync');
  await waitFor(() => expect(screen.queryByRole('region')).toBeNull());
});

test('a failure is told', async () => {
  site.status = 503;
  open('course_sync');
  await screen.findByText(/cannot be shown at the moment/);
});

test('what is in the slot draws nothing itself', () => {
  const { container } = render(operation.element);
  expect(container.innerHTML).toBe('');
});
