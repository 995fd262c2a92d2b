/** How the element looks. A site gives it other colours by the custom properties, and its size as that of any block. */

export const STYLE = `
:host {
  --page: var(--tandem-page, #ffffff);
  --ink: var(--tandem-ink, #1a1d23);
  --faint: var(--tandem-faint, #596273);
  --line: var(--tandem-line, #d9dde4);
  --quiet: var(--tandem-quiet, #e9ecf2);
  --accent: var(--tandem-accent, #2457d6);
  --accent-ink: var(--tandem-accent-ink, #ffffff);
  display: block;
  min-height: 15rem;
  color: var(--ink);
  background: var(--page);
  border: 1px solid var(--line);
  border-radius: 12px;
  overflow: hidden;
  font: 16px/1.4 system-ui, sans-serif;
}
:host([hidden]), [hidden] { display: none !important; }
* { box-sizing: border-box; }
.body { display: flex; flex-direction: column; justify-content: center; height: 100%; min-height: inherit; }
.stage { position: relative; flex: 1; min-height: 0; display: grid; place-items: stretch; background: #1f2228; color: #fff; }
.others { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 14rem), 1fr)); gap: 4px; min-height: 0; }
figure { position: relative; margin: 0; min-height: 9rem; display: grid; place-items: center; overflow: hidden; background: #2b2f37; }
figure video { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: cover; }
figure.screen video { object-fit: contain; }
figcaption {
  position: absolute; left: 8px; bottom: 8px; max-width: calc(100% - 16px); padding: 2px 8px; border-radius: 6px;
  background: rgb(0 0 0 / 60%); font-size: 14px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap;
}
.self {
  position: absolute; right: 8px; top: 8px; width: min(28%, 10rem); aspect-ratio: 4 / 3; border-radius: 8px; object-fit: cover;
  background: #000; transform: scaleX(-1); box-shadow: 0 0 0 2px rgb(255 255 255 / 60%);
}
.bar { display: flex; flex-wrap: wrap; gap: 8px; align-items: center; justify-content: center; padding: 12px; }
.status { flex: 1 1 100%; min-height: 0; margin: 0; text-align: center; color: var(--faint); overflow-wrap: anywhere; }
.status.wrong { color: var(--ink); font-weight: 600; }
button, input { font: inherit; min-height: 44px; border-radius: 10px; border: 1px solid transparent; }
button { padding: 8px 18px; background: var(--quiet); color: var(--ink); cursor: pointer; }
button:hover { filter: brightness(0.95); }
button:focus-visible, input:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
button.main { background: var(--accent); color: var(--accent-ink); }
button.go { background: #14773f; color: #fff; }
button.stop { background: #c62f2f; color: #fff; }
label { display: flex; flex-wrap: wrap; gap: 8px; align-items: center; }
input { padding: 8px 12px; border-color: #868e9c; background: var(--page); color: var(--ink); min-width: 0; width: 12rem; }
@media (prefers-color-scheme: dark) {
  :host {
    --page: var(--tandem-page, #1e2127);
    --ink: var(--tandem-ink, #eceef2);
    --faint: var(--tandem-faint, #a2aab8);
    --line: var(--tandem-line, #31363f);
    --quiet: var(--tandem-quiet, #2b3038);
    --accent: var(--tandem-accent, #86aaff);
    --accent-ink: var(--tandem-accent-ink, #0d1733);
  }
}
`;
