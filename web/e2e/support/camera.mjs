// A camera of another size, for stories in which several browsers of one machine send to each other: their encoders would take more than
// it has, and what was measured then would be the machine.

export const SMALL_CAMERA = { width: 640, height: 360 };

/** Runs in the page before its own scripts. */
export function cameraOf({ width, height }) {
  const devices = navigator.mediaDevices;
  if (devices === undefined) return;
  const open = devices.getUserMedia.bind(devices);
  const size = { width: { ideal: width }, height: { ideal: height }, frameRate: { ideal: 15 } };
  devices.getUserMedia = ({ video, ...rest }) =>
    open({ ...rest, video: video ? { ...(video === true ? {} : video), ...size } : video });
}
