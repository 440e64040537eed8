// The part of a site's configuration (frontend-base) that the instructor dashboard needs, from Verawood on.
import { instructorDashboardApp } from '@openedx/frontend-app-instructor-dashboard';
import { courseSyncApp } from 'course-sync-mfe/instructor-dashboard';

export const apps = [instructorDashboardApp, courseSyncApp];
