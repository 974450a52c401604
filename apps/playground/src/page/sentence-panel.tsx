import { rampOf, colourAt } from "./colours.ts";
import { Choice } from "./controls.tsx";
import { percent } from "./format.ts";
import { darkMode } from "./media.ts";
import { facts, gaze, lookAt, reading } from "./store.ts";

const numbered = (word: string, count: number): (readonly [string, string])[] =>
  Array.from({ length: count }, (_, i) => [String(i), `${word} ${i + 1}`] as const);

const Guesses = () => {
  const current = reading.value;
  if (!current) return <p class="hint">Guesses appear with the first step.</p>;
  if (current.gap < 0) return <p class="hint">Write ___ where a word is missing, and the model guesses it.</p>;
  const most = current.guesses[0]?.probability ?? 1;
  return (
    <ol class="guesses" aria-label="Guesses for the gap" data-testid="guesses">
      {current.guesses.map(({ token, probability }) => (
        <li key={token}>
          <span class="token">{token.trim() || "␣"}</span>
          <i style={{ width: `${(70 * probability) / most}%` }} />
          <span class="share">{percent(probability)}</span>
        </li>
      ))}
    </ol>
  );
};

const Attention = () => {
  const current = reading.value;
  if (!current) return null;
  const { tokens, attention } = current;
  const ramp = rampOf("norm", darkMode.value);
  const count = tokens.length;
  return (
    <div class="attention-box" tabIndex={0} role="group" aria-label="Attention">
      <table class="attention" style={{ "--tokens": count }}>
        <caption class="unseen">Whom each token looks at: rows look at columns, in percent</caption>
        <thead>
          <tr>
            <td />
            {tokens.map((token, i) => (
              <th key={i} scope="col">
                <span>{token}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {tokens.map((token, row) => (
            <tr key={row} class={row === current.gap ? "gap" : ""}>
              <th scope="row">{token}</th>
              {tokens.map((other, col) => {
                const share = attention[row * count + col]!;
                return (
                  <td
                    key={col}
                    style={{ background: colourAt(ramp, Math.sqrt(share)) }}
                    title={`“${token}” looks at “${other}”: ${percent(share)}`}
                  >
                    <span class="unseen">{Math.round(100 * share)}</span>
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
};

/** A sentence of the visitor's: what the model guesses in its gap, and where its attention goes. */
export const SentencePanel = () => {
  const { sentence, layer, head } = gaze.value;
  const own = facts.value;
  return (
    <section class="card sentence" aria-labelledby="sentence-title">
      <header>
        <h2 id="sentence-title">Ask it</h2>
      </header>
      <div class="field">
        <label for="sentence">A sentence; ___ is the missing word</label>
        <input
          id="sentence"
          type="text"
          value={sentence.replace("<mask>", "___")}
          maxLength={160}
          autocomplete="off"
          onInput={(event) => lookAt({ sentence: event.currentTarget.value })}
        />
      </div>
      <Guesses />
      <div class="fields">
        <Choice
          label="Attention of layer"
          value={String(Math.min(layer, (own?.layers ?? 2) - 1))}
          options={numbered("layer", own?.layers ?? 2)}
          onChange={(value) => lookAt({ layer: Number(value) })}
        />
        <Choice
          label="Head"
          value={String(Math.min(head, (own?.heads ?? 4) - 1))}
          options={numbered("head", own?.heads ?? 4)}
          onChange={(value) => lookAt({ head: Number(value) })}
        />
      </div>
      <Attention />
    </section>
  );
};
