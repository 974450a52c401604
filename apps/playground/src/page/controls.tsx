import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

interface ChoiceProps {
  readonly label: string;
  readonly value: string;
  readonly options: readonly (readonly [value: string, title: string])[];
  readonly disabled?: boolean;
  readonly onChange: (value: string) => void;
}

export const Choice = ({ label, value, options, disabled = false, onChange }: ChoiceProps) => {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select id={id} value={value} disabled={disabled} onChange={(event) => onChange(event.currentTarget.value)}>
        {options.map(([name, title]) => (
          <option key={name} value={name}>
            {title}
          </option>
        ))}
      </select>
    </div>
  );
};

interface SliderProps {
  readonly label: string;
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly step: number;
  readonly show: (value: number) => string;
  readonly onChange: (value: number) => void;
}

export const Slider = ({ label, value, min, max, step, show, onChange }: SliderProps) => {
  const id = useId();
  return (
    <div class="field slider">
      <label for={id}>
        {label} <output>{show(value)}</output>
      </label>
      <input
        id={id}
        type="range"
        {...{ min, max, step, value }}
        aria-valuetext={show(value)}
        onInput={(event) => onChange(Number(event.currentTarget.value))}
      />
    </div>
  );
};

/** A word with an explanation that opens under it. */
export const More = ({ title, children }: { readonly title: string; readonly children: ComponentChildren }) => (
  <details class="more">
    <summary>{title}</summary>
    {children}
  </details>
);
