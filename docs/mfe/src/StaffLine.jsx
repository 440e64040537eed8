import { useStaffLine } from './useStaffLine';

const TEXTS = {
  title: 'Course sync',
  open: 'Open the page (in a new tab)',
  failed: 'What other systems have of this course cannot be shown at the moment.',
  nowhere: 'This course is not sent to any other system.',
};

/**
 * Show what each target has of a course, a line for each, with a link to the page for course staff.
 *
 * The sentences come from the site, in the language of the user. `texts` replaces the four of our own. Where the course
 * is not synced, or the user may not see it, nothing is shown.
 */
export function StaffLine({ getClient, siteUrl, courseId, texts = {} }) {
  const words = { ...TEXTS, ...texts };
  const { state, line } = useStaffLine(getClient, siteUrl, courseId);
  if (state === 'nothing') {
    return null;
  }
  return (
    <section aria-label={words.title} aria-busy={state === 'loading'} className="course-sync-line mb-3">
      {state === 'failed' && <p>{words.failed}</p>}
      {state === 'told' && <Told line={line} siteUrl={siteUrl} words={words} />}
    </section>
  );
}

function Told({ line, siteUrl, words }) {
  const page = `${siteUrl.replace(/\/$/, '')}${line.page}`;
  return (
    <>
      {line.notes.map((note) => <p key={note} className="alert alert-warning">{note}</p>)}
      {line.targets.length === 0 && <p>{words.nowhere}</p>}
      {line.targets.map((target) => <Target key={target.target} {...target} />)}
      <p><a href={page} target="_blank" rel="noopener noreferrer">{words.open}</a></p>
    </>
  );
}

/** Texts of other people stand in `bdi`: a mark of direction in one of them must not turn the others round. */
function Target({ sentences, not_taken: notTaken, undecided, is_well: isWell }) {
  const items = [...notTaken, ...undecided];
  return (
    <div className={isWell ? undefined : 'alert alert-warning'}>
      <p className="mb-0">{sentences.map((sentence) => <bdi key={sentence}>{`${sentence} `}</bdi>)}</p>
      {items.length > 0 && (
        <ul className="mb-0">{items.map((one, at) => <Item key={at} {...one} />)}</ul>
      )}
    </div>
  );
}

function Item({ text, reason }) {
  return <li><bdi>{text}</bdi>{reason && <> (<bdi>{reason}</bdi>)</>}</li>;
}
