import { getConfig } from '@edx/frontend-platform';
import { getAuthenticatedHttpClient } from '@edx/frontend-platform/auth';
import { DIRECT_PLUGIN, PLUGIN_OPERATIONS } from '@openedx/frontend-plugin-framework';
import { useParams } from 'react-router-dom';

import { StaffLine } from './StaffLine';

/** The line in Studio's authoring MFE. Some slots give the id of the course; the address of the page always has it. */
export function CourseSyncLine({ courseId, texts }) {
  const { courseId: ofPage } = useParams();
  const course = courseId ?? ofPage;
  if (!course) {
    return null;
  }
  return (
    <StaffLine
      getClient={getAuthenticatedHttpClient}
      siteUrl={getConfig().STUDIO_BASE_URL}
      courseId={course}
      texts={texts}
    />
  );
}

/** The operation for a slot of `env.config.jsx`. */
export const courseSyncPlugin = {
  op: PLUGIN_OPERATIONS.Insert,
  widget: {
    id: 'course_sync_line',
    type: DIRECT_PLUGIN,
    priority: 60,
    RenderWidget: CourseSyncLine,
  },
};
