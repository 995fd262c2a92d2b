import { text } from "../texts";
import { Icon } from "./icon";
import { page } from "./layout/chosen";

/** Which page of tiles is shown, and the way to the others. */
export function Pager({ shown, pages }: { shown: number; pages: number }) {
  if (pages <= 1) return null;
  return (
    <nav class="pager" aria-label={text("pages")}>
      <Turn to={shown - 1} disabled={shown === 0} testId="previous-page" />
      <span class="pager-count">{text("page_of", { page: shown + 1, pages })}</span>
      <Turn to={shown + 1} disabled={shown >= pages - 1} testId="next-page" />
    </nav>
  );
}

function Turn({ to, disabled, testId }: { to: number; disabled: boolean; testId: "previous-page" | "next-page" }) {
  const label = text(testId === "next-page" ? "next_page" : "previous_page");
  return (
    <button
      type="button"
      class="pager-button"
      data-testid={testId}
      aria-label={label}
      title={label}
      disabled={disabled}
      onClick={() => {
        page.value = to;
      }}
    >
      <Icon name={testId === "next-page" ? "chevronRight" : "chevronLeft"} />
    </button>
  );
}
