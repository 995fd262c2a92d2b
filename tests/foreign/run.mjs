// Runs the tests with foreign WebRTC stacks, and installs these where they are missing: GStreamer from Debian, aiortc from PyPI into
// .venv, the others from npm. TANDEM_BINARY names the binary under test.

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

process.chdir(fileURLToPath(new URL(".", import.meta.url)));

function run(command, parameters, options = {}) {
  const done = spawnSync(command, parameters, { stdio: "inherit", ...options });
  if (done.status !== 0)
    throw new Error(
      `${command} ${parameters.join(" ")}: ${done.error ?? `it ended with ${done.status ?? done.signal}`}`,
    );
}

const works = (command, parameters) => spawnSync(command, parameters, { stdio: "ignore" }).status === 0;

/** What stacks/webrtcbin.py imports and uses. */
const GSTREAMER = `
import gi
for name in ("Gst", "GstSdp", "GstWebRTC"): gi.require_version(name, "1.0")
from gi.repository import Gst, GstSdp, GstWebRTC
Gst.init(None)
for name in ("webrtcbin", "nicesrc", "vp8enc", "vp8dec", "opusenc", "opusdec", "rtpvp8pay"): assert Gst.ElementFactory.find(name), name
`;

const missing = [];
if (!works("/usr/bin/python3", ["-c", GSTREAMER])) {
  missing.push(...["base", "good", "bad"].map((set) => `gstreamer1.0-plugins-${set}`), "gstreamer1.0-nice");
  missing.push("python3-gi", "gir1.2-gst-plugins-base-1.0", "gir1.2-gst-plugins-bad-1.0");
}
if (!works("python3", ["-c", "import ensurepip, venv"])) missing.push("python3-venv");
if (!works("openssl", ["version"])) missing.push("openssl");
if (missing.length > 0) {
  const asRoot = process.getuid() === 0 ? [] : ["sudo"];
  const apt = (...parameters) => {
    const [command, ...rest] = [...asRoot, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", ...parameters];
    run(command, rest, { stdio: ["ignore", "ignore", "inherit"] });
  };
  apt("update", "-qq");
  apt("install", "-y", "-qq", "--no-install-recommends", ...missing);
  run("/usr/bin/python3", ["-c", GSTREAMER]);
}

// What is in .venv is what requirements.txt named when it was made.
const wanted = readFileSync("requirements.txt", "utf8");
const stamp = ".venv/requirements.txt";
if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== wanted) {
  run("python3", ["-m", "venv", "--clear", ".venv"]);
  run(".venv/bin/pip", ["install", "--quiet", "--disable-pip-version-check", "-r", "requirements.txt"]);
  writeFileSync(stamp, wanted);
}

run("npm", ["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"]);
run(process.execPath, ["--test", "--test-reporter=spec", "foreign.test.mjs"]);
