// @roamhq/wrtc: Google's libwebrtc for Node.js, with its codecs, congestion control and repair.
//
//   node wrtc.mjs publish <WHIP URL>    a moving picture and a tone
//   node wrtc.mjs watch <WHEP URL>      decodes and counts

import wrtc from "@roamhq/wrtc";

import { end, post } from "../support/resource.mjs";
import { say, toldToEnd } from "../support/say.mjs";

const { RTCPeerConnection } = wrtc;
const { RTCAudioSink, RTCAudioSource, RTCVideoSink, RTCVideoSource } = wrtc.nonstandard;
const [mode, url] = process.argv.slice(2);
const received = { video: 0, audio: 0 };

const WIDTH = 640;
const HEIGHT = 360;

function movingPicture() {
  const source = new RTCVideoSource();
  const data = new Uint8ClampedArray(WIDTH * HEIGHT * 1.5).fill(128);
  let shift = 0;
  setInterval(() => {
    shift += 4;
    for (let n = 0; n < WIDTH * HEIGHT; n += 1) data[n] = ((n % WIDTH) + shift) & 0xff;
    source.onFrame({ width: WIDTH, height: HEIGHT, data });
  }, 40).unref();
  return source.createTrack();
}

function tone() {
  const source = new RTCAudioSource();
  const samples = new Int16Array(480);
  let at = 0;
  setInterval(() => {
    for (let n = 0; n < samples.length; n += 1)
      samples[n] = 8000 * Math.sin(((at++ % 48_000) * 2 * Math.PI * 440) / 48_000);
    source.onData({ samples, sampleRate: 48_000, bitsPerSample: 16, channelCount: 1, numberOfFrames: 480 });
  }, 10).unref();
  return source.createTrack();
}

const sinks = [];
const pc = new RTCPeerConnection({ bundlePolicy: "max-bundle", iceServers: [] });
pc.onconnectionstatechange = () => say({ event: "state", state: pc.connectionState });
pc.ontrack = ({ track }) => {
  const sink = track.kind === "video" ? new RTCVideoSink(track) : new RTCAudioSink(track);
  sinks.push(sink);
  if (track.kind === "video") {
    sink.onframe = ({ frame }) => {
      if (frame.width > 0) received.video += 1;
    };
  }
};
if (mode === "publish") {
  pc.addTransceiver(tone(), { direction: "sendonly" });
  pc.addTransceiver(movingPicture(), {
    direction: "sendonly",
    sendEncodings: [
      { rid: "q", scaleResolutionDownBy: 4, maxBitrate: 150_000 },
      { rid: "h", scaleResolutionDownBy: 2, maxBitrate: 400_000 },
      { rid: "f", maxBitrate: 1_200_000 },
    ],
  });
} else {
  pc.addTransceiver("audio", { direction: "recvonly" });
  pc.addTransceiver("video", { direction: "recvonly" });
}
await pc.setLocalDescription(await pc.createOffer());
const offer = pc.localDescription.sdp;
const { answer, location } = await post(url, offer);
say({ event: "answered", offer, answer });
await pc.setRemoteDescription({ type: "answer", sdp: answer });
setInterval(async () => {
  // What the decoder made of the sound: its sink calls also where nothing comes.
  for (const report of (await pc.getStats()).values()) {
    if (report.type === "inbound-rtp" && (report.kind ?? report.mediaType) === "audio")
      received.audio = report.packetsReceived;
  }
  say({ event: "received", ...received });
}, 200).unref();
await toldToEnd();
await end(location);
for (const sink of sinks) sink.stop();
pc.close();
process.exit(0);
