/** Whether there is too little room for all buttons side by side: a phone, upright or on its side. */

import { signal } from "@preact/signals";

const query = matchMedia("(max-width: 700px), (max-height: 460px)");

export const isNarrow = signal(query.matches);
query.addEventListener("change", () => {
  isNarrow.value = query.matches;
});
