import { expect, inject, it } from "vitest";

declare module "vitest" {
  interface ProvidedContext {
    /** The Chromium that tests/browser runs in. */
    readonly browser: string | null;
    /** Whether it is a failure that there is none. */
    readonly browserRequired: boolean;
    /** Whether pages are cross-origin isolated, so that threads can share memory. */
    readonly isolated: boolean;
  }
}

it("tests/browser runs in Chromium, with and without cross-origin isolation", ({ skip }) => {
  if (inject("browser") === null && !inject("browserRequired"))
    skip(
      "there is no Chromium; apt-get install chromium (Debian) or npx playwright install chromium brings one, and TESSERA_CHROMIUM may name another",
    );
  expect(inject("browser"), "the browser projects ran").not.toBeNull();
});
