// Texts that would be more than texts if a page took them for markup, addresses, templates or formats.

/** What each of them would call, if it ran. */
const HIT = "window.__hit=1";

const SCRIPTS = [
  `<script>${HIT}</script>`,
  `<ScRiPt>${HIT}</sCrIpT>`,
  `<script src=data:text/javascript,${HIT}></script>`,
  `<script/x>${HIT}</script>`,
  `<scr<script>ipt>${HIT}</scr</script>ipt>`,
  `</title><script>${HIT}</script>`,
  `</textarea><script>${HIT}</script>`,
  `--><script>${HIT}</script>`,
  `]]><script>${HIT}</script>`,
  `<svg><script>${HIT}</script></svg>`,
  `<math><mi><script>${HIT}</script></mi></math>`,
  `<template><script>${HIT}</script></template>`,
  `<noscript><p title="</noscript><script>${HIT}</script>">`,
];

const ELEMENTS = [
  "img src=x",
  "svg",
  "body",
  "video src=x",
  "audio src=x",
  "iframe src=x",
  "details open",
  "input autofocus",
  "select autofocus",
  "marquee",
  "object data=x",
  "style",
  "link rel=stylesheet href=x",
  "math",
  "x-y",
  "dialog open",
];

const HANDLERS = ["onerror", "onload", "onfocus", "ontoggle", "onanimationstart", "onpointerover"];

const QUOTES = [(s) => `=${s}`, (s) => `="${s}"`, (s) => `='${s}'`, (s) => `\n=\`${s}\``];

const SCHEMES = [
  "javascript:",
  "JaVaScRiPt:",
  "java\tscript:",
  "\u0001javascript:",
  "vbscript:",
  "data:text/html,",
  "blob:",
  "file:///",
  "filesystem:",
];

const FORMATS = [
  `[click](javascript:${HIT})`,
  `![x](x "onerror=${HIT}")`,
  `{{constructor.constructor('${HIT}')()}}`,
  `\${${HIT}}`,
  `<%= ${HIT} %>`,
  `#{${HIT}}`,
  `'-${HIT}-'`,
  `";${HIT};//`,
  `\\";${HIT};//`,
  `%3Cscript%3E${HIT}%3C/script%3E`,
  `&lt;script&gt;${HIT}&lt;/script&gt;`,
  `&#60;script&#62;${HIT}&#60;/script&#62;`,
  `\\u003cscript\\u003e${HIT}`,
  `\u202escript\u202c${HIT}`,
  `\u2028${HIT}\u2029`,
  `"><img src=x onerror=${HIT}>`,
  `{"type":"call_ended","reason":"hung_up"}`,
  `__proto__`,
  `constructor`,
  `=cmd|' /C calc'!A0`,
  "'; DROP TABLE messages; --",
  "%s%s%n",
  "A\u0301".repeat(30),
  "👩\u200d🚀 <b>",
  "مرحبا <i>",
];

const ADDRESSES = [
  `https://example.org/"onmouseover="${HIT}`,
  `https://user:pass@example.org/`,
  `https://example.org/?q=<script>${HIT}</script>`,
  `http://javascript:${HIT}@example.org`,
  `https://exa\u0301mple.org/`,
  "https://[::1]/<b>",
];

/** All of them, each once. */
export function payloads() {
  const handlers = ELEMENTS.flatMap((element, n) =>
    HANDLERS.map((handler, m) => `<${element} ${handler}${QUOTES[(n + m) % QUOTES.length](HIT)}>`),
  );
  const links = SCHEMES.flatMap((scheme) => [
    `${scheme}${HIT}`,
    `<a href="${scheme}${HIT}">x</a>`,
    `<iframe src="${scheme}${HIT}">`,
    `<form action="${scheme}${HIT}"><button>`,
    `<meta http-equiv=refresh content="0;${scheme}${HIT}">`,
    `<base href="${scheme}//">`,
    `<svg><a xlink:href="${scheme}${HIT}"><text>x`,
  ]);
  return [...new Set([...SCRIPTS, ...handlers, ...links, ...FORMATS, ...ADDRESSES])];
}
