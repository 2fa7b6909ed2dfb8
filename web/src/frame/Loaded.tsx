import type { FunctionComponent } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Page } from "../pages";
import { Button, Empty, Skeleton } from "../ui";

type View = FunctionComponent<{ rest: string[] }>;
const views = new Map<string, View>();

/** Fetches a page when it is first wanted. */
export function Loaded({ page, rest }: { page: Page; rest: string[] }) {
  const [, show] = useState(0);
  const [failed, setFailed] = useState(false);
  const fetchIt = () => {
    setFailed(false);
    page.load().then(
      ({ default: view }) => (views.set(page.name, view), show((n) => n + 1)),
      () => setFailed(true),
    );
  };
  useEffect(() => void (views.has(page.name) || fetchIt()), []);
  const View = views.get(page.name);
  if (View) return <View rest={rest} />;
  if (!failed) return <Skeleton rows={6} label={`Loading ${page.title}`} />;
  return (
    <Empty icon="alert" title="This page could not be loaded">
      <p>The gateway did not answer, or has been updated meanwhile.</p>
      <div class="actions">
        <Button onClick={fetchIt}>Try again</Button>
        <Button kind="quiet" onClick={() => location.reload()}>
          Reload everything
        </Button>
      </div>
    </Empty>
  );
}
