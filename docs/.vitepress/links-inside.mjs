import { dirname, join, relative } from "node:path";

/**
 * For markdown-it: a link to a file of the repository that is no page of the site loses its link and keeps its words. The same file is read in
 * the repository, where the link leads somewhere.
 */
export const keepLinksInside = (md, docs) => {
  md.core.ruler.push("links-inside", ({ tokens, env }) => {
    for (const { children } of tokens) {
      if (!children) continue;
      let open;
      for (const token of children) {
        if (token.type === "link_open" && leavesSite(token.attrGet("href"), env.path, docs)) open = token;
        if (!open) continue;
        if (token.type !== "link_open" && token.type !== "link_close") continue;
        if (token.type === "link_close") open = undefined;
        token.tag = "span";
        token.attrs = null;
        token.type = token.type === "link_open" ? "span_open" : "span_close";
      }
    }
  });
};

const leavesSite = (href, page, docs) => {
  if (!href || /^(#|\/|[a-z]+:)/i.test(href)) return false;
  const file = relative(docs, join(dirname(page), href.split("#")[0]));
  return file.startsWith("..") || !file.endsWith(".md");
};
