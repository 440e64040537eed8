import { useEffect, useState } from 'react';

const LOADING = { state: 'loading' };

/** Return the address of what the staff of a course are told. */
export const lineUrl = (siteUrl, courseId) => (
  `${siteUrl.replace(/\/$/, '')}/api/course_sync/v1/courses/${encodeURIComponent(courseId)}/staff-line`
);

/**
 * Ask what the staff of a course are told. `getClient` returns the authenticated HTTP client of the MFE.
 *
 * The state is "loading", "told" (with `line`), "nothing" (the course is not synced, or not for this user) or "failed".
 */
export function useStaffLine(getClient, siteUrl, courseId) {
  const [answer, setAnswer] = useState(LOADING);
  useEffect(() => {
    const request = new AbortController();
    const answered = (found) => !request.signal.aborted && setAnswer(found);
    setAnswer(LOADING);
    getClient().get(lineUrl(siteUrl, courseId), { signal: request.signal }).then(
      ({ data }) => answered({ state: 'told', line: data }),
      (error) => answered({ state: isRefusal(error) ? 'nothing' : 'failed' }),
    );
    return () => request.abort();
  }, [getClient, siteUrl, courseId]);
  return answer;
}

/** The client of frontend-platform keeps the status in `customAttributes`, axios itself in `response`. */
function isRefusal(error) {
  const status = error?.response?.status ?? error?.customAttributes?.httpErrorStatus;
  return status === 403 || status === 404;
}
