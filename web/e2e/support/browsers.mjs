// Debian's stock Chromium and Firefox ESR with fake devices, each person in a browser process of their own.

import puppeteer from "puppeteer-core";

const CHROMIUM_FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-features=Translate,MediaRouter",
  "--use-fake-device-for-media-stream",
  "--autoplay-policy=no-user-gesture-required",
];

const FIREFOX_PREFERENCES = {
  "media.navigator.streams.fake": true,
  "media.navigator.permission.disabled": true,
  "media.autoplay.default": 0,
  "media.autoplay.blocking_policy": 0,
  "media.gmp-manager.updateEnabled": false,
  "app.update.enabled": false,
  "browser.shell.checkDefaultBrowser": false,
  "datareporting.policy.dataSubmissionEnabled": false,
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  "services.settings.server": "data:,",
};

/** The program that is started as this kind of browser. */
export function executable(kind) {
  return kind === "firefox"
    ? (process.env.FIREFOX ?? "/usr/bin/firefox-esr")
    : (process.env.CHROMIUM ?? "/usr/bin/chromium");
}

/**
 * Starts a browser. `camera: "deny"` refuses the permission, `devices: "none"` has no devices at all. `sound` is a WAV file that
 * Chromium's fake microphone plays over and over; Firefox's hums, and can be listened to with it. `flags` are further ones of
 * Chromium, `preferences` of Firefox; all else goes to puppeteer as it is.
 */
export function launch(kind, options = {}) {
  const {
    camera = "allow",
    devices = "fake",
    sound,
    width = 1280,
    height = 800,
    flags = [],
    preferences,
    ...rest
  } = options;
  const defaultViewport = { width, height };
  if (kind === "firefox") {
    const extraPrefsFirefox = {
      ...FIREFOX_PREFERENCES,
      "media.navigator.streams.fake": devices === "fake",
      ...preferences,
    };
    // Without a sound card Firefox starts no AudioContext: it gets one that is made up.
    if (sound !== undefined) extraPrefsFirefox["media.cubeb.force_mock_context"] = true;
    if (camera === "deny") {
      Object.assign(extraPrefsFirefox, {
        "media.navigator.permission.disabled": false,
        "permissions.default.camera": 2,
        "permissions.default.microphone": 2,
      });
    }
    return puppeteer.launch({
      browser: "firefox",
      executablePath: executable(kind),
      headless: true,
      acceptInsecureCerts: true,
      defaultViewport,
      extraPrefsFirefox,
      ...rest,
    });
  }
  const args = CHROMIUM_FLAGS.filter((flag) => devices === "fake" || !flag.startsWith("--use-fake-device"));
  if (sound !== undefined) args.push(`--use-file-for-fake-audio-capture=${sound}`);
  args.push(...flags);
  if (camera === "allow") args.push("--use-fake-ui-for-media-stream");
  return puppeteer.launch({
    executablePath: executable(kind),
    headless: true,
    acceptInsecureCerts: true,
    defaultViewport,
    pipe: true,
    args,
    ...rest,
  });
}
