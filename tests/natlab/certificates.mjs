// A certificate authority for the laboratory alone, which its browsers trust and nobody else.

import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { SERVER_NAME } from "./network.mjs";

const DAYS = "2";

export class Certificates {
  constructor(folder) {
    this.folder = folder;
    this.authority = join(folder, "authority.pem");
    this.certificate = join(folder, "server.pem");
    this.key = join(folder, "server-key.pem");
    const authorityKey = join(folder, "authority-key.pem");
    const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    const openssl = (...parameters) => execFileSync("openssl", parameters, { stdio: ["ignore", "ignore", "pipe"] });

    const authority = ["-days", DAYS, "-subj", "/CN=NAT laboratory", "-addext", "keyUsage=critical,keyCertSign"];
    openssl("req", "-x509", ...newKey, "-keyout", authorityKey, "-out", this.authority, ...authority);
    const request = join(folder, "request.pem");
    openssl("req", "-new", ...newKey, "-keyout", this.key, "-out", request, "-subj", `/CN=${SERVER_NAME}`);
    const extensions = join(folder, "extensions");
    writeFileSync(
      extensions,
      `subjectAltName=DNS:${SERVER_NAME}\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n`,
    );
    const signer = ["-CA", this.authority, "-CAkey", authorityKey, "-CAcreateserial", "-days", DAYS];
    openssl("x509", "-req", "-in", request, ...signer, "-extfile", extensions, "-out", this.certificate);
  }

  /** Makes a certificate store that trusts the authority: Chromium's in `$HOME/.pki/nssdb`, Firefox's in its profile. */
  trustIn(store) {
    mkdirSync(store, { recursive: true });
    const certutil = (...parameters) => execFileSync("certutil", ["-d", `sql:${store}`, ...parameters]);
    certutil("-N", "--empty-password");
    certutil("-A", "-n", "NAT laboratory", "-t", "C,,", "-i", this.authority);
  }
}
