import ts from "typescript";

/**
 * For markdown-it: on a page whose front matter says `run: true` each block of TypeScript gets a button that runs it in the reader's browser.
 * Types are taken out here, and an import becomes a call of `load`, which the button's component gives.
 */
export const makeRunnable = (md) => {
  const fence = md.renderer.rules.fence;
  md.renderer.rules.fence = (tokens, index, options, env, self) => {
    const block = fence(tokens, index, options, env, self);
    const { info, content } = tokens[index];
    if (info.trim() !== "ts" || env.frontmatter?.run !== true) return block;
    return `<RunBlock code="${encodeURIComponent(toScript(content))}">${block}</RunBlock>`;
  };
};

/** A module as the body of an async function of `load` and `console`. */
export const toScript = (source) =>
  ts
    .transpileModule(source, {
      compilerOptions: {
        target: ts.ScriptTarget.ES2022,
        module: ts.ModuleKind.ESNext,
        verbatimModuleSyntax: true,
        removeComments: true,
      },
    })
    .outputText.replace(
      /^import \{([^}]*)\} from ("[^"]+");$/gm,
      (_, names, from) => `const {${names.replaceAll(" as ", ": ")}} = await load(${from});`,
    );
