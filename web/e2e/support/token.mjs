// A token of the operator's application, as any library would sign one (HS256).

import { createHmac } from "node:crypto";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const SECRET = "a secret of the stories, 32 bytes or more";

/** What a server needs to take them. */
export function takesTokens(more = {}) {
  const file = join(mkdtempSync(join(tmpdir(), "tandem-secret-")), "story.secret");
  writeFileSync(file, SECRET, { mode: 0o600 });
  return { TANDEM__AUTH__MODE: "token", TANDEM__AUTH__KEYS: `story:${file}`, ...more };
}

export function sign(claims, secret = SECRET) {
  const digits = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const exp = Math.floor(Date.now() / 1000) + 600;
  const message = `${digits({ alg: "HS256", kid: "story" })}.${digits({ exp, ...claims })}`;
  return `${message}.${createHmac("sha256", secret).update(message).digest("base64url")}`;
}
