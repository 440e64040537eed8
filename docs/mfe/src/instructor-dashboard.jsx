import { getAuthenticatedHttpClient, getSiteConfig, WidgetOperationTypes } from '@openedx/frontend-base';
import { useParams } from 'react-router-dom';

import { StaffLine } from './StaffLine';

/** The id of the tab that the filter step of the plugin adds (`course_sync_plugin/host_pages/tab.py`). */
export const TAB_ID = 'course_sync';

/** What the tab of the instructor dashboard shows. */
export function CourseSyncTab({ texts }) {
  const { courseId } = useParams();
  return (
    <StaffLine
      getClient={getAuthenticatedHttpClient}
      siteUrl={getSiteConfig().lmsBaseUrl}
      courseId={courseId}
      texts={texts}
    />
  );
}

/** It is not drawn: the dashboard reads the properties of what is in the slot, to find the content of a tab. */
const Content = () => null;

/** An app for `site.config.tsx`. It fills the tab; the tab itself comes from the LMS, for those who may see it. */
export const courseSyncApp = {
  appId: 'course_sync.instructorDashboard',
  slots: [
    {
      slotId: 'org.openedx.frontend.slot.instructorDashboard.routes.v1',
      id: 'course_sync.instructorDashboard.route',
      op: WidgetOperationTypes.APPEND,
      element: <Content tabId={TAB_ID} content={<CourseSyncTab />} />,
    },
  ],
};
