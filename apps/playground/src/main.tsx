import { render } from "preact";
import { App } from "./page/app.tsx";
import "./page/style.css";
import { configuration, openModel, ownText, pause, runState, train } from "./page/store.ts";
import { checkEngine, holdTheOnlyTab, isolate, keptFiles, pauseWhenHidden } from "./page/visit.ts";

const root = document.getElementById("page")!;
root.replaceChildren();
render(<App />, root);

/** Goes on with the run of the last visit. */
const resume = async (): Promise<void> => {
  const files = await keptFiles();
  if (!files) return;
  const text = files.get("text.txt");
  if (text) ownText.value = new TextDecoder().decode(text);
  const run = JSON.parse(new TextDecoder().decode(files.get("run.json"))) as {
    configuration: typeof configuration.value;
  };
  // A link says what its sender saw: it wins over what was kept here.
  if (location.hash.length > 1 && JSON.stringify(run.configuration) !== JSON.stringify(configuration.value)) return;
  configuration.value = run.configuration;
  await openModel(files);
};

document.addEventListener("keydown", (event) => {
  const typing = /^(INPUT|TEXTAREA|SELECT)$/.test((event.target as Element).tagName);
  if (event.key !== "k" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  void (runState.value === "training" ? pause() : train());
});

if (!(await isolate()) && checkEngine()) {
  holdTheOnlyTab();
  pauseWhenHidden();
  await resume();
}
