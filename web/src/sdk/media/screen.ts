/** What the user chooses to show of their screen. */

export interface OpenedScreen {
  screen: MediaStreamTrack | null;
  screen_audio: MediaStreamTrack | null;
}

const NOTHING: OpenedScreen = { screen: null, screen_audio: null };

/** Text has to be sharp rather than smooth; a film that is shown runs well enough at this. */
const FRAMES_PER_S = 30;

/** The part of `navigator` that is used; phones have none. */
export type ScreenWorld = (options: DisplayMediaStreamOptions) => Promise<MediaStream>;

export function browserScreen(): ScreenWorld | undefined {
  return navigator.mediaDevices?.getDisplayMedia?.bind(navigator.mediaDevices);
}

/**
 * Asks for a screen, a window or a tab, with its sound where the browser has it. Nothing is chosen by pressing "cancel", and that is no
 * error; a system that forbids it to the browser looks the same.
 */
export async function openScreen(getDisplayMedia: ScreenWorld | undefined): Promise<OpenedScreen> {
  if (getDisplayMedia === undefined) return NOTHING;
  const video: MediaTrackConstraints = { frameRate: { ideal: FRAMES_PER_S, max: FRAMES_PER_S } };
  // Speech filters would spoil it, and it must not be played to the one who hears it already.
  const audio: MediaTrackConstraints = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  let stream: MediaStream;
  try {
    stream = await getDisplayMedia({ video, audio });
  } catch (error) {
    // A system that cannot record sound may refuse the picture with it.
    const withoutSound = error instanceof Error && error.name !== "NotAllowedError" && error.name !== "AbortError";
    if (!withoutSound) return NOTHING;
    try {
      stream = await getDisplayMedia({ video });
    } catch {
      return NOTHING;
    }
  }
  const screen = stream.getVideoTracks()[0] ?? null;
  const screen_audio = stream.getAudioTracks()[0] ?? null;
  if (screen) screen.contentHint = "detail";
  if (screen_audio) screen_audio.contentHint = "music";
  if (screen === null) screen_audio?.stop();
  return screen === null ? NOTHING : { screen, screen_audio };
}
