// A camera that is sent with a certain codec. Browsers send the first one of our answer, which is VP8, so a story that is of another one
// takes all others out of the offer. What the page and the server do with that is their own.

/**
 * Runs in the page before its own scripts: `codec` such as `video/VP9`. `mode`: one encoding with these layers inside, such as
 * `L3T3_KEY`, instead of several.
 */
export function cameraCodec({ codec, mode }) {
  const Native = window.RTCPeerConnection;
  if (Native === undefined) return;
  const add = Native.prototype.addTransceiver;
  Native.prototype.addTransceiver = function (kind, init = {}) {
    const encodings = init.sendEncodings ?? [];
    // The camera is the line with three encodings.
    if (kind !== "video" || encodings.length < 3) return add.call(this, kind, init);
    const sendEncodings = mode === undefined ? encodings : [{ maxBitrate: 1_200_000, scalabilityMode: mode }];
    const transceiver = add.call(this, kind, { ...init, sendEncodings });
    const isOfIt = (one) => one.mimeType === codec || one.mimeType === "video/rtx";
    // Constrained baseline of H.264 is what every browser decodes; the first profile is the usual one.
    const isUsual = ({ sdpFmtpLine = "" }) =>
      codec !== "video/H264" || /^(?=.*packetization-mode=1)(?=.*profile-level-id=42e0)/.test(sdpFmtpLine);
    const all = RTCRtpSender.getCapabilities("video").codecs.filter(isOfIt);
    const first = all.find((one) => one.mimeType === codec && isUsual(one));
    transceiver.setCodecPreferences([first, ...all.filter((one) => one.mimeType === "video/rtx")]);
    return transceiver;
  };
}

/** What a person decodes of the camera of a participant, and with which codec it came. */
export const decoded = (person, participant) =>
  person.page.evaluate(async (participant) => {
    for (const pc of window.__oracle.kept) {
      if (pc.connectionState === "closed") continue;
      const statistics = await pc.getStats();
      for (const one of statistics.values()) {
        if (one.type !== "inbound-rtp" || one.kind !== "video") continue;
        if (window.__oracle.whose(pc, one) !== `${participant}/camera`) continue;
        const { framesDecoded, frameHeight, freezeCount, keyFramesDecoded, pliCount, nackCount, packetsLost } = one;
        const codec = statistics.get(one.codecId)?.mimeType;
        return { codec, framesDecoded, frameHeight, freezeCount, keyFramesDecoded, pliCount, nackCount, packetsLost };
      }
    }
    return null;
  }, participant);
