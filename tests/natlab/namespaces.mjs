// Network namespaces of the laboratory: made, entered, and removed with all that is in them.

import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export const PREFIX = "tandemlab-";
const NETNS_FILES = "/etc/netns";
/** Says who has the laboratory, so that two runs do not take it from each other. */
export const LOCK = "/run/tandem-natlab.pid";

/** A command that runs another one in a namespace. */
export const within = (namespace) => ["ip", "netns", "exec", namespace];

export function run(program, parameters, input) {
  return execFileSync(program, parameters, { input, encoding: "utf8", stdio: ["pipe", "pipe", "pipe"] });
}

/** `ip` commands, a line each, in a namespace. */
export function ip(namespace, commands) {
  run("ip", ["-n", namespace, "-batch", "-"], commands.join("\n"));
}

/** Why the laboratory cannot be built here, as an error for a person. */
export function checkMachine() {
  if (process.getuid() !== 0) {
    throw new Error("the NAT laboratory makes network namespaces, which takes root: run it with sudo");
  }
  const missing = [
    ["ip", "iproute2"],
    ["tc", "iproute2"],
    ["nft", "nftables"],
    ["certutil", "libnss3-tools"],
    ["openssl", "openssl"],
  ].filter(([program]) => spawnSync("sh", ["-c", `command -v ${program}`]).status !== 0);
  if (missing.length) {
    const packages = [...new Set(missing.map(([, name]) => name))].join(" ");
    throw new Error(
      `the NAT laboratory needs ${missing.map(([program]) => program).join(", ")}: apt-get install ${packages}`,
    );
  }
  const other = existsSync(LOCK) ? Number(readFileSync(LOCK, "utf8")) : 0;
  if (other !== process.pid && existsSync(`/proc/${other}/cmdline`)) {
    if (readFileSync(`/proc/${other}/cmdline`, "utf8").includes("natlab")) {
      throw new Error(`another run has the NAT laboratory: process ${other}`);
    }
  }
}

/** Whatever is left of this run or of one that was killed: namespaces, the processes in them, and their files. Never throws. */
export function tearDown() {
  const names = spawnSync("ip", ["netns", "list"], { encoding: "utf8" })
    .stdout.split("\n")
    .map((line) => line.split(" ")[0])
    .filter((name) => name.startsWith(PREFIX));
  for (const name of names) {
    for (const pid of spawnSync("ip", ["netns", "pids", name], { encoding: "utf8" })
      .stdout.split("\n")
      .filter(Boolean)) {
      try {
        process.kill(Number(pid), "SIGKILL");
      } catch {
        // It has just left by itself.
      }
    }
    spawnSync("ip", ["netns", "delete", name]);
    rmSync(join(NETNS_FILES, name), { recursive: true, force: true });
  }
  rmSync(LOCK, { force: true });
}

/** A namespace that knows no names but these lines of a hosts file. */
export function makeNamespace(name, lines) {
  mkdirSync(join(NETNS_FILES, name), { recursive: true });
  const hosts = ["127.0.0.1 localhost", "::1 localhost", ...lines];
  writeFileSync(join(NETNS_FILES, name, "hosts"), `${hosts.join("\n")}\n`);
  writeFileSync(join(NETNS_FILES, name, "resolv.conf"), "nameserver 127.0.0.1\n");
  run("ip", ["netns", "add", name]);
  // An IPv6 address that becomes valid a second after its link is up is a change of network to a browser, which breaks off what it loads.
  set(name, ["ipv6.conf.all.accept_dad=0", "ipv6.conf.default.accept_dad=0"]);
  ip(name, ["link set lo up"]);
}

function set(namespace, settings) {
  run("ip", [...within(namespace).slice(1), "sysctl", "-qw", ...settings.map((one) => `net.${one}`)]);
}

export function forwardPackets(namespace) {
  set(namespace, ["ipv4.ip_forward=1", "ipv6.conf.all.forwarding=1", "ipv4.conf.all.send_redirects=0"]);
}
