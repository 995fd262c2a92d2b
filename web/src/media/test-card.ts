/** A picture that no encoder can make small, so that the encoder uses the bandwidth that there is. */

const WIDTH = 640;
const HEIGHT = 360;
const FRAMES_PER_S = 20;

export interface TestCard {
  track: MediaStreamTrack;
  stop(): void;
}

/** null where the browser cannot film a canvas. */
export function testCard(): TestCard | null {
  const canvas = document.createElement("canvas");
  canvas.width = WIDTH;
  canvas.height = HEIGHT;
  const context = canvas.getContext("2d", { alpha: false });
  if (context === null || !("captureStream" in canvas)) return null;
  // Noise is drawn once, and moved about: making it anew for each frame would keep the processor busy.
  const noise = document.createElement("canvas");
  noise.width = 2 * WIDTH;
  noise.height = 2 * HEIGHT;
  const pen = noise.getContext("2d");
  if (pen === null) return null;
  const pixels = pen.createImageData(noise.width, noise.height);
  for (let at = 0; at < pixels.data.length; at += 1) pixels.data[at] = at % 4 === 3 ? 255 : Math.random() * 256;
  pen.putImageData(pixels, 0, 0);
  const draw = () => context.drawImage(noise, -Math.random() * WIDTH, -Math.random() * HEIGHT);
  draw();
  const timer = setInterval(draw, 1000 / FRAMES_PER_S);
  const [track] = canvas.captureStream(FRAMES_PER_S).getVideoTracks();
  const stop = () => {
    clearInterval(timer);
    track?.stop();
  };
  if (track === undefined) {
    stop();
    return null;
  }
  return { track, stop };
}
