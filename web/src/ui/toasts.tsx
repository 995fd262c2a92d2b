import { text } from "../texts";
import { dismissToast, toasts } from "../toasts";
import { Icon } from "./icon";

/** The region is always there: screen readers read only what is added to one that they know. */
export function Toasts() {
  return (
    <div class="toasts" role="status">
      {toasts.value.map(({ id, words }) => (
        <div key={id} class="toast" data-testid="toast">
          <span>{words}</span>
          <button type="button" aria-label={text("dismiss")} onClick={() => dismissToast(id)}>
            <Icon name="close" />
          </button>
        </div>
      ))}
    </div>
  );
}
