// What of SDP an offer and its answer agreed on.

const sections = (sdp) => sdp.split(/\r?\n(?=m=)/);
const mid = (section) => section.match(/^a=mid:(\S+)/m)?.[1];

function ofSection(offered, answered) {
  const both = (pattern) => pattern.test(offered) && pattern.test(answered);
  const codecs = [...answered.matchAll(/^a=rtpmap:\d+ ([^/\s]+)/gm)].map(([, name]) => name);
  const kind = answered.match(/^m=(\w+)/)[1];
  const used = [...new Set(codecs.filter((name) => name !== "rtx"))];
  if (codecs.includes("rtx")) used.push("rtx");
  if (both(/^a=rtcp-fb:\S+ nack\s*$/m)) used.push("nack");
  if (both(/^a=rtcp-fb:\S+ nack pli/m)) used.push("pli");
  if (both(/^a=rtcp-fb:\S+ ccm fir/m)) used.push("fir");
  if (both(/^a=rtcp-fb:\S+ transport-cc/m)) used.push("transport-cc");
  if (both(/^a=simulcast:/m)) used.push("simulcast");
  if (both(/^a=extmap:\S+ urn:ietf:params:rtp-hdrext:sdes:mid/m)) used.push("mid extension");
  if (kind === "application") used.push("data channel");
  const direction = answered.match(/^a=(sendrecv|sendonly|recvonly|inactive)/m)?.[1];
  return `${kind}${direction ? ` ${direction}` : ""} (${used.join(", ")})`;
}

/** One line that says so. */
export function features(offer, answer) {
  const [head, ...offered] = sections(offer);
  const [answerHead, ...answered] = sections(answer);
  const shared = [];
  if (/^a=group:BUNDLE/m.test(head) && /^a=group:BUNDLE/m.test(answerHead)) shared.push("bundle");
  if (answered.every((section) => /^a=rtcp-mux/m.test(section) || section.startsWith("m=application")))
    shared.push("rtcp-mux");
  if (/^a=rtcp-rsize/m.test(offer) && /^a=rtcp-rsize/m.test(answer)) shared.push("rtcp-rsize");
  if (/^a=ice-options:.*trickle/m.test(offer)) shared.push("trickle offered");
  if (/^a=ice-lite/m.test(answer)) shared.push("ice-lite answered");
  shared.push(`setup ${offer.match(/^a=setup:(\w+)/m)?.[1]}/${answer.match(/^a=setup:(\w+)/m)?.[1]}`);
  const lines = offered.map((section, n) =>
    ofSection(section, answered.find((a) => mid(a) === mid(section)) ?? answered[n]),
  );
  return [...shared, ...lines].join("; ");
}
