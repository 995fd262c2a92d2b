// werift: a WebRTC stack in TypeScript, without codecs. So it sends back what it receives.
//
//   node werift.mjs talk <websocket URL>    is called, answers, and echoes picture and sound
//   node werift.mjs watch <WHEP URL>        counts what it receives

import * as werift from "werift";
import { MediaStreamTrack, RTCPeerConnection, useNACK, useOPUS, usePLI, useSdesMid, useTWCC, useVP8 } from "werift";

import { end, post } from "../support/resource.mjs";
import { say, toldToEnd } from "../support/say.mjs";
import { Session } from "../support/session.mjs";

const [mode, url] = process.argv.slice(2);
const received = { video: 0, audio: 0 };

function connection() {
  const pc = new RTCPeerConnection({
    codecs: {
      audio: [useOPUS()],
      video: [useVP8({ rtcpFeedback: [useNACK(), usePLI(), useTWCC()] })],
    },
    headerExtensions: {
      audio: [useSdesMid()],
      video: [useSdesMid(), werift.useTransportWideCC()],
    },
    bundlePolicy: "max-bundle",
    iceServers: [],
  });
  pc.connectionStateChange.subscribe((state) => say({ event: "state", state }));
  return pc;
}

/** Counts packets and complete VP8 frames (RFC 7741: the marker ends one). */
function count(track) {
  track.onReceiveRtp.subscribe((packet) => {
    if (track.kind === "audio") received.audio += 1;
    else if (packet.header.marker) received.video += 1;
  });
}

async function talk() {
  const session = await Session.open(url, "werift");
  say({ event: "user", user_id: session.welcome.user_id });
  const { call_id, room_id } = await session.next("incoming_call");
  const pc = connection();
  const [voice, picture] = ["audio", "video"].map((kind) => new MediaStreamTrack({ kind }));
  pc.addTransceiver(voice, { direction: "sendrecv" });
  const camera = pc.addTransceiver(picture, { direction: "sendonly" });
  const slot = pc.addTransceiver("video", { direction: "recvonly" });
  pc.onTrack.subscribe((track) => {
    count(track);
    track.onReceiveRtp.subscribe((packet) => (track.kind === "audio" ? voice : picture).writeRtp(packet.clone()));
  });
  // Whoever asks the echo for a key frame asks its source.
  camera.sender.onPictureLossIndication.subscribe(() => {
    const [track] = slot.receiver.tracks;
    if (track?.ssrc) slot.receiver.sendRtcpPLI(track.ssrc);
  });
  await pc.setLocalDescription(await pc.createOffer());
  const offer = pc.localDescription.sdp;
  const mids = pc.getTransceivers().map((transceiver) => transceiver.mid);
  const sources = [
    { mid: mids[0], source: "microphone" },
    { mid: mids[1], source: "camera" },
  ];
  const answered = session.ask({ type: "offer", room_id, attempt: 1, sdp: offer, sources });
  await session.ask({ type: "accept", call_id, always_through_server: true }).catch(() => {});
  const { sdp: answer } = await answered;
  say({ event: "answered", offer, answer });
  await pc.setRemoteDescription({ type: "answer", sdp: answer });
  session.say({ type: "publish", room_id, sources: ["microphone", "camera"] });
  await toldToEnd();
  session.say({ type: "hang_up", call_id });
  await session.next("call_ended");
  session.close();
  await pc.close();
}

async function watch() {
  const pc = connection();
  pc.addTransceiver("audio", { direction: "recvonly" });
  pc.addTransceiver("video", { direction: "recvonly" });
  pc.onTrack.subscribe(count);
  await pc.setLocalDescription(await pc.createOffer());
  const offer = pc.localDescription.sdp;
  const { answer, location } = await post(url, offer);
  say({ event: "answered", offer, answer });
  await pc.setRemoteDescription({ type: "answer", sdp: answer });
  await toldToEnd();
  await end(location);
  await pc.close();
}

setInterval(() => say({ event: "received", ...received }), 200).unref();
await (mode === "talk" ? talk() : watch());
process.exit(0);
