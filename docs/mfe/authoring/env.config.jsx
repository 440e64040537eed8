// The configuration of Studio's authoring MFE. If your site has such a file, add the slot to it.
import { courseSyncPlugin } from 'course-sync-mfe/authoring';

const config = {
  pluginSlots: {
    // Above the course outline, from Ulmo on. Teak has no such slot: write
    // 'org.openedx.frontend.authoring.course_outline_sidebar.v1' there, beside the outline.
    'org.openedx.frontend.authoring.course_outline_page_alerts.v1': {
      keepDefault: true,
      plugins: [courseSyncPlugin],
    },
  },
};

export default config;
