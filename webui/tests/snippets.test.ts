import { mount } from "@vue/test-utils";
import { describe, expect, it } from "vitest";

import { Known } from "@/mail/known";
import { List } from "@/mail/list";
import { pieces } from "@/mail/snippets";
import MarkedText from "@/views/MarkedText.vue";

import { clientOf, email, mailbox } from "./support";

describe("a snippet", () => {
  it("is text with marks", () => {
    expect(pieces("a <mark>b</mark> &amp;lt; &lt;i&gt;<mark>c</mark>")).toEqual([
      { text: "a ", marked: false },
      { text: "b", marked: true },
      { text: " &lt; <i>", marked: false },
      { text: "c", marked: true },
    ]);
    expect(pieces("")).toEqual([]);
  });

  it("is never HTML, whatever a server says", () => {
    const hostile = '<img src=x onerror=alert(1)> &lt;script&gt; <mark onclick="x">y</mark> &unknown;';
    const shown = mount({ components: { MarkedText }, template: `<p><MarkedText :pieces="made" /></p>`, data: () => ({ made: pieces(hostile) }) });
    expect(shown.element.children.length).toBe(0);
    expect(shown.element.textContent).toContain("<img src=x onerror=alert(1)> <script>");
    expect(shown.element.textContent).toContain("&unknown;");
  });

  it("keeps the blanks beside its marks", () => {
    const shown = mount({ components: { MarkedText }, template: `<p><MarkedText :pieces="made" /></p>`, data: () => ({ made: pieces("one <mark>two</mark> three") }) });
    expect(shown.element.textContent?.trim()).toBe("one two three");
    expect(shown.findAll("mark").map((mark) => mark.text())).toEqual(["two"]);
  });
});

describe("a list that is a search", () => {
  async function listOf(refuses = false): Promise<{ list: List; methods: () => string[] }> {
    const { client, requests } = await clientOf((method) => {
      if (method === "Email/query") return { queryState: "1", position: 0, ids: ["E1"], total: 1 };
      if (method === "Thread/get") return { list: [{ id: "T1", emailIds: ["E1"] }] };
      if (method === "Email/get") return { list: [email({ preview: "the whole letter" })] };
      if (refuses) return { type: "serverUnavailable" };
      return { list: [{ emailId: "E1", subject: null, preview: "the <mark>whole</mark>" }] };
    });
    const known = new Known();
    known.replaceMailboxes([mailbox("inbox")]);
    return { list: new List(client, known), methods: () => requests.at(-1)?.map(([method]) => method) ?? [] };
  }

  it("shows where the words stand", async () => {
    const { list, methods } = await listOf();
    await list.find("whole");
    expect(methods()).toContain("SearchSnippet/get");
    expect(list.row(0)?.found).toEqual({
      subject: [{ text: "Hello", marked: false }],
      preview: [
        { text: "the ", marked: false },
        { text: "whole", marked: true },
      ],
    });
    await list.select("inbox");
    expect(methods()).not.toContain("SearchSnippet/get");
    expect(list.row(0)?.found.preview).toEqual([{ text: "the whole letter", marked: false }]);
  });

  it("does without where the server has none", async () => {
    const { list } = await listOf(true);
    await list.find("whole");
    expect(list.failure.value).toBe("");
    expect(list.row(0)?.found.preview).toEqual([{ text: "the whole letter", marked: false }]);
  });
});
