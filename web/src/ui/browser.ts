/** Which browser it is: only to say where its permissions are, never to decide what it can. */

export type Browser = "chromium" | "firefox" | "safari" | "android" | "ios";

export function browserOf(userAgent: string): Browser {
  if (/iPhone|iPad|iPod/.test(userAgent)) return "ios";
  if (/Android/.test(userAgent)) return "android";
  if (/Firefox\//.test(userAgent)) return "firefox";
  // Chromium calls itself Safari as well.
  if (/Safari\//.test(userAgent) && !/Chrom(e|ium)\//.test(userAgent)) return "safari";
  return "chromium";
}
