import { describe, expect, it } from "vitest";
import source from "../../src/auth/oidc/fault.rs?raw";
import { FAULTS, faultIn, signInAddress } from "./sign-in";

describe("sign-in", () => {
  it.each<[string, string | null]>([
    ["", null],
    ["#", null],
    ["#token=x", null],
    ["#sign-in=blocked", "blocked"],
    ["#sign-in=id_token", "failed"],
    ["#sign-in=<b>", "failed"],
    ["#sign-in=", "failed"],
  ])("reads of %j that it came to nothing for %j", (hash, fault) => expect(faultIn(hash)).toBe(fault));

  it("knows faults by the names that the server gives them", () => {
    for (const fault of FAULTS) expect(source).toContain(`=> "${fault}"`);
  });

  it("comes back to where the page is", () => {
    expect(signInAddress("/auth/sign-in", "/r/0stand1ngr00m", "?user=2")).toBe(
      "/auth/sign-in?to=%2Fr%2F0stand1ngr00m%3Fuser%3D2",
    );
  });
});
