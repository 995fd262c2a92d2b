// The laboratory's internet: network namespaces with NAT routers, joined by one segment that leads nowhere else.
//
//   client (eth0) -- lan [router] wan -- segment 198.51.100.0/24, 2001:db8::/64 -- eth0 [server, and other hosts]
//
// All addresses are those of documentation (RFC 5737, RFC 3849), which look public to a browser, and of RFC 1918 behind a NAT.

import { writeFileSync } from "node:fs";

import { checkMachine, forwardPackets, ip, LOCK, makeNamespace, PREFIX, run, tearDown, within } from "./namespaces.mjs";
import { PROFILES } from "./profiles.mjs";

export const SERVER_NAME = "tandem.example";
export const SERVER_PORT = 443;
export const PROXY_PORT = 3128;

const CORE = `${PREFIX}core`;
const SERVER_IPV4 = "198.51.100.10";
const SERVER_IPV6 = "2001:db8::10";
const CORE_IPV4 = "198.51.100.1";
const CORE_IPV6 = "2001:db8::1";
/** Routers have the addresses of the segment from here on. */
const FIRST_ROUTER = 100;
/** Of 203.0.113.0/24, eight addresses for each network without NAT. */
const NETWORKS_MAX = 31;

/** Names are in hosts alone. Chromium asks for the names of STUN and TURN servers with a dot at the end. */
const nameIs = (address) => `${address} ${SERVER_NAME} ${SERVER_NAME}.`;

/** The rules of a router. It drops what it does not let through, as routers do; a rejection would tell the browser too early. */
function rules({ nat, passes, lossPercent, proxy }) {
  const begins = {
    all: nat === "none" ? "accept" : 'iifname "lan" accept',
    "all but udp": 'meta l4proto != udp iifname "lan" accept',
    "tcp to the server": `iifname "lan" ip daddr ${SERVER_IPV4} tcp dport ${SERVER_PORT} accept`,
    nothing: "",
  }[passes];
  return `
table inet lab {
  chain fault {
  }
  chain forward {
    type filter hook forward priority filter; policy drop
    jump fault
    ${lossPercent ? `numgen random mod 100 < ${lossPercent} drop` : ""}
    ct state established,related accept
    ${begins}
  }
  chain input {
    type filter hook input priority filter; policy drop
    iifname "lo" accept
    meta l4proto ipv6-icmp accept
    ct state established,related accept
    ${proxy ? `iifname "lan" tcp dport ${PROXY_PORT} accept` : ""}
  }
  chain postrouting {
    type nat hook postrouting priority srcnat
    ${nat === "none" ? "" : `oifname "wan" masquerade ${nat === "symmetric" ? "fully-random" : ""}`}
  }
}
`;
}

/** A way from a client to the internet: a router of its own, and the client's interface and address on it. */
class Uplink {
  constructor(network, client, profileName, device) {
    const profile = PROFILES[profileName];
    const number = network.takeNumber();
    this.client = client;
    this.device = device;
    this.router = `${client}-${device}`;
    this.ipv6 = profile.ipv6 === true;
    const [address, gateway, bits, prefix] = this.ipv6
      ? [`2001:db8:${number}::2`, `2001:db8:${number}::1`, 64, `2001:db8:${number}::/64`]
      : profile.nat === "none"
        ? [`203.0.113.${8 * number + 2}`, `203.0.113.${8 * number + 1}`, 29, `203.0.113.${8 * number}/29`]
        : [`10.0.${number}.2`, `10.0.${number}.1`, 24, null];
    Object.assign(this, { address, gateway, bits });
    const wan = this.ipv6 ? `2001:db8::${FIRST_ROUTER + number}` : `198.51.100.${FIRST_ROUTER + number}`;

    /** What the internet sees of the client. */
    this.seen = profile.nat === "none" ? address : wan;

    makeNamespace(this.router, [nameIs(this.ipv6 ? SERVER_IPV6 : SERVER_IPV4)]);
    forwardPackets(this.router);
    ip(this.router, [
      `link add lan type veth peer name ${device} netns ${client}`,
      `link add wan type veth peer name r${number} netns ${CORE}`,
      `address add ${gateway}/${bits} dev lan nodad`,
      `address add ${wan}/${this.ipv6 ? 64 : 24} dev wan nodad`,
      "link set lan up",
      "link set wan up",
      `route add default via ${this.ipv6 ? CORE_IPV6 : CORE_IPV4} dev wan`,
    ]);
    ip(CORE, [`link set r${number} master segment`, `link set r${number} up`]);
    if (prefix) ip(CORE, [`route add ${prefix} via ${wan} dev segment`]);
    run("ip", [...within(this.router).slice(1), "nft", "-f", "-"], rules(profile));
    if (profile.rateKbit) {
      for (const end of ["lan", "wan"]) {
        const shape = `root tbf rate ${profile.rateKbit}kbit burst 5kb latency 300ms`.split(" ");
        run("tc", ["-n", this.router, "qdisc", "add", "dev", end, ...shape]);
      }
    }
  }

  up() {
    ip(this.client, [
      `link set ${this.device} up`,
      `address replace ${this.address}/${this.bits} dev ${this.device} nodad`,
      `route replace default via ${this.gateway} dev ${this.device}`,
    ]);
  }

  /** Lets no more than this to the client from now on, through a queue of this length. */
  narrow(rateKbit, queueMs) {
    const shape = `root tbf rate ${rateKbit}kbit burst 5kb latency ${queueMs}ms`.split(" ");
    run("tc", ["-n", this.router, "qdisc", "replace", "dev", "lan", ...shape]);
    this.isNarrow = true;
  }

  /** Takes that back. */
  widen() {
    if (this.isNarrow) run("tc", ["-n", this.router, "qdisc", "delete", "dev", "lan", "root"]);
    this.isNarrow = false;
  }

  /** Adds a rule that comes before all others to what the router forwards: `meta l4proto udp drop`. */
  break(rule) {
    run("ip", [...within(this.router).slice(1), "nft", "add", "rule", "inet", "lab", "fault", ...rule.split(" ")]);
  }

  heal() {
    run("ip", [...within(this.router).slice(1), "nft", "flush", "chain", "inet", "lab", "fault"]);
  }
}

/** A machine behind a router. */
class Client {
  constructor(network, side, profileName) {
    this.profile = PROFILES[profileName];
    this.namespace = `${PREFIX}${side}-${profileName}`;
    makeNamespace(this.namespace, [nameIs(this.profile.ipv6 ? SERVER_IPV6 : SERVER_IPV4)]);
    this.network = network;
    this.profileName = profileName;
    this.uplink = this.addUplink("eth0");
    this.uplink.up();
  }

  /** Another way out, through a router of the same kind, which is not used yet. */
  addUplink(device) {
    return new Uplink(this.network, this.namespace, this.profileName, device);
  }

  /** Leaves the network it is in for another: the old interface goes down, and the new one has another address. */
  moveTo(uplink) {
    ip(this.namespace, [`link set ${this.uplink.device} down`]);
    uplink.up();
    this.uplink = uplink;
  }
}

/** What a host drops: what comes from addresses that it is cut off from, and goes to them. */
const CUT = `
table inet lab {
  set cut {
    type ipv4_addr
  }
  chain input {
    type filter hook input priority filter
    ip saddr @cut drop
  }
  chain output {
    type filter hook output priority filter
    ip daddr @cut drop
  }
}
`;

/** A machine on the segment itself, with no router before it. */
class Host {
  constructor(name, ipv4, ipv6) {
    this.name = name;
    this.namespace = `${PREFIX}${name}`;
    this.address = ipv4;
    makeNamespace(this.namespace, [nameIs(SERVER_IPV4)]);
    ip(CORE, [
      `link add name ${name} type veth peer name eth0 netns ${this.namespace}`,
      `link set dev ${name} master segment`,
      `link set dev ${name} up`,
    ]);
    ip(this.namespace, [
      `address add ${ipv4}/24 dev eth0`,
      ...(ipv6 ? [`address add ${ipv6}/64 dev eth0 nodad`] : []),
      "link set eth0 up",
      `route add default via ${CORE_IPV4} dev eth0`,
      ...(ipv6 ? [`route add default via ${CORE_IPV6} dev eth0`] : []),
    ]);
    run("ip", [...within(this.namespace).slice(1), "nft", "-f", "-"], CUT);
  }

  cutOff(addresses) {
    this.nft("add", "element", "inet", "lab", "cut", `{ ${addresses.join(", ")} }`);
  }

  heal() {
    this.nft("flush", "set", "inet", "lab", "cut");
  }

  nft(...parameters) {
    run("ip", [...within(this.namespace).slice(1), "nft", ...parameters]);
  }

  /** Takes its cable out, as a loss of power does to all who talk to it. */
  unplug() {
    ip(CORE, [`link set dev ${this.name} down`]);
  }

  plugIn() {
    ip(CORE, [`link set dev ${this.name} up`]);
  }

  giveAddress(address) {
    ip(this.namespace, [`address add ${address}/24 dev eth0`]);
  }

  takeAddress(address) {
    ip(this.namespace, [`address delete ${address}/24 dev eth0`]);
  }
}

export class Network {
  /** Builds the segment and the server's place on it, after removing what an earlier run has left. */
  constructor() {
    checkMachine();
    tearDown();
    writeFileSync(LOCK, String(process.pid));
    this.numbers = 0;
    this.clients = new Map();
    this.hosts = [];
    makeNamespace(CORE, []);
    forwardPackets(CORE);
    ip(CORE, [
      // Of its own it has the lowest address of its ports, another one whenever a lower one comes; its neighbours send to the one before.
      "link add segment address 00:00:5e:00:53:01 type bridge",
      `address add ${CORE_IPV4}/24 dev segment`,
      `address add ${CORE_IPV6}/64 dev segment nodad`,
      "link set segment up",
    ]);
    this.server = this.host("server", SERVER_IPV4, SERVER_IPV6);
  }

  host(name, ipv4, ipv6) {
    const host = new Host(name, ipv4, ipv6);
    this.hosts.push(host);
    return host;
  }

  /** An address that one host has goes over to another one, and everybody is told, as by a gratuitous ARP. */
  moveAddress(address, from, to) {
    from.takeAddress(address);
    to.giveAddress(address);
    for (const { namespace } of this.hosts) ip(namespace, ["neigh flush dev eth0"]);
    ip(CORE, ["neigh flush dev segment"]);
  }

  /** From 1 on: 2001:db8:0::/64 is the segment. */
  takeNumber() {
    if (this.numbers >= NETWORKS_MAX) throw new Error(`the laboratory has room for ${NETWORKS_MAX} routers`);
    return ++this.numbers;
  }

  /** The client of a side ("a" calls, "b" answers) in a network; made when it is first asked for. */
  client(side, profileName) {
    const key = `${side}-${profileName}`;
    if (!this.clients.has(key)) this.clients.set(key, new Client(this, side, profileName));
    return this.clients.get(key);
  }
}
