import { expect, test } from "vitest";

import { blockedNotice } from "@/mail/blocked";

test.each([
  [{ pictures: 0, others: 0 }, ""],
  [{ pictures: 1, others: 0 }, "One remote picture was not loaded"],
  [{ pictures: 3, others: 0 }, "3 remote pictures were not loaded"],
  [{ pictures: 0, others: 1 }, "One remote style or font was not loaded"],
  [{ pictures: 0, others: 2 }, "2 remote styles or fonts were not loaded"],
  [{ pictures: 1, others: 2 }, "One remote picture and 2 remote styles or fonts were not loaded"],
])("the notice names what was left out: %o", (blocked, begin) => {
  expect(blockedNotice(blocked).slice(0, begin.length || undefined)).toBe(begin);
});
