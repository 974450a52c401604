import { stepTimes } from "./cost.ts";
import { bytes, median, short } from "./format.ts";
import { patchedAt } from "./measured-cost.tsx";
import { facts, memoryUse, opening, outdated, pause, points, runState, startOver, train, twinPoints } from "./store.ts";

const Play = () => {
  const state = runState.value;
  if (state === "training")
    return (
      <button class="play" onClick={() => void pause()} aria-keyshortcuts="k">
        <svg viewBox="0 0 16 16" aria-hidden="true">
          <path d="M3 2h4v12H3zM9 2h4v12H9z" />
        </svg>
        Pause
      </button>
    );
  const waiting = state === "opening" || state === "sweeping";
  return (
    <button class="play" disabled={waiting} onClick={() => void train()} aria-keyshortcuts="k">
      <svg viewBox="0 0 16 16" aria-hidden="true">
        <path d="M3 1.5v13l11-6.5z" />
      </svg>
      {state === "opening" ? "One moment" : state === "sweeping" ? "Sweeping" : "Train"}
    </button>
  );
};

const Opening = () => {
  const now = opening.value;
  if (!now) return null;
  return (
    <p class="opening" role="status">
      <progress max={1} {...(now.share === null ? {} : { value: now.share })} aria-label={now.stage} /> {now.stage} …
    </p>
  );
};

const Tile = ({ name, children }: { readonly name: string; readonly children: string }) => (
  <div class="tile">
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
);

/** Times of a step side by side, as bars. */
const StepTimes = () => {
  const times = stepTimes(points.value, twinPoints.value, patchedAt());
  const most = times ? Math.max(times.own || 0, times.dense) : 1;
  const bar = (name: string, kind: string, ms: number | undefined) => (
    <div class={`bar ${kind}`}>
      <span>{name}</span>
      <i style={{ width: `${ms === undefined || !Number.isFinite(ms) ? 0 : (100 * ms) / most}%` }} />
      <b>{ms === undefined || !Number.isFinite(ms) ? "–" : `${ms.toFixed(1)} ms`}</b>
    </div>
  );
  return (
    <div class="tile times" data-testid="times">
      <dt>step time</dt>
      <dd>
        {bar("dense", "twin", times?.dense)}
        {bar("sparse", "own", times?.own)}
      </dd>
    </div>
  );
};

const Numbers = () => {
  const [own, use] = [facts.value, memoryUse.value];
  const recent = points.value.slice(-40);
  const loss = recent.slice(-12).map((point) => point.loss);
  const ms = median(recent.map((point) => point.ms));
  const mean = loss.reduce((sum, one) => sum + one, 0) / loss.length;
  return (
    <dl class="tiles" aria-label="Numbers of the training">
      <Tile name="step">{own ? own.step.toLocaleString("en-US") : "–"}</Tile>
      <Tile name="loss">{loss.length > 0 ? mean.toFixed(3) : "–"}</Tile>
      <Tile name="tokens/s">{own && ms > 0 ? short((1000 * own.tokensPerStep) / ms) : "–"}</Tile>
      <StepTimes />
      <Tile name="parameters">{own ? short(own.parameters) : "–"}</Tile>
      <Tile name="memory">{use ? bytes(use.bytes) : "–"}</Tile>
    </dl>
  );
};

/** What is always in sight: start and stop, and the numbers. */
export const ControlBar = () => (
  <section class="control-bar" aria-label="Training">
    <div class="control-buttons">
      <Play />
      {outdated.value && runState.value !== "opening" ? (
        <button onClick={() => void startOver()}>Start over with these choices</button>
      ) : null}
      <Opening />
    </div>
    <Numbers />
  </section>
);
