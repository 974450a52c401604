import { ControlBar } from "./control-bar.tsx";
import { LossPanel } from "./loss-panel.tsx";
import { Mosaics } from "./mosaics.tsx";
import { Notices } from "./notices.tsx";
import { SavePanel } from "./save-panel.tsx";
import { SentencePanel } from "./sentence-panel.tsx";
import { SetupPanel } from "./setup-panel.tsx";
import { SparsityPanel } from "./sparsity-panel.tsx";
import { SweepStrip } from "./sweep-strip.tsx";

export const App = () => (
  <>
    <a class="skip" href="#mosaics-title">
      Skip to the mosaics
    </a>
    <header class="top">
      <img src="./mark.svg" alt="" width="40" height="40" />
      <div>
        <h1>Tessera playground</h1>
        <p>
          A small transformer learns in this page. Take its weights away, block by block, and watch what it still knows.
        </p>
      </div>
    </header>
    <ControlBar />
    <main>
      <Notices />
      <Mosaics />
      <div class="columns">
        <SparsityPanel />
        <LossPanel />
        <SentencePanel />
      </div>
      <SweepStrip />
      <div class="columns two">
        <SetupPanel />
        <SavePanel />
      </div>
    </main>
    <footer>
      <p>
        Glosses from WordNet 3.1, Princeton University: <a href="./texts/wordnet-licence.txt">licence</a>. The page and{" "}
        <code>@tessera/*</code> are MIT. K plays and pauses.
      </p>
    </footer>
  </>
);
