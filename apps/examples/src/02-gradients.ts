// Gradients: the idea in 30 lines for single numbers, then the same numbers from @tessera/autograd.
//
// A computation is a graph. Each node knows its value and, for each of its inputs, the local slope ∂node/∂input. Walking the
// graph backwards and multiplying slopes along the way (the chain rule) gives the slope of the end by every beginning.
import { grad, valueAndGrad } from "@tessera/autograd";
import { exp, mul, pow, sum, tanh, tensor, type Tensor } from "@tessera/tensor";

/** A number that remembers where it came from. */
class Value {
  /** ∂(end)/∂(this), once `backward` has run. */
  slope = 0;

  constructor(
    readonly data: number,
    readonly inputs: readonly { value: Value; slope: number }[] = [],
  ) {}

  // d(a + b) = da + db
  plus(b: Value): Value {
    return new Value(this.data + b.data, [
      { value: this, slope: 1 },
      { value: b, slope: 1 },
    ]);
  }

  // d(a b) = b da + a db
  times(b: Value): Value {
    return new Value(this.data * b.data, [
      { value: this, slope: b.data },
      { value: b, slope: this.data },
    ]);
  }

  // d tanh(a) = (1 − tanh²(a)) da
  tanh(): Value {
    const t = Math.tanh(this.data);
    return new Value(t, [{ value: this, slope: 1 - t * t }]);
  }

  /** Fills in the slopes of all that led here: every node after the nodes that use it. */
  backward(): void {
    const order: Value[] = [];
    const visit = (node: Value): void => {
      if (order.includes(node)) return;
      for (const { value } of node.inputs) visit(value);
      order.push(node);
    };
    visit(this);
    this.slope = 1;
    for (const node of order.reverse()) {
      for (const { value, slope } of node.inputs) value.slope += node.slope * slope;
    }
  }
}

// A neuron: y = tanh(w₁x₁ + w₂x₂ + b). The classic numbers make y = 1/√2.
const w1 = new Value(-3);
const w2 = new Value(1);
const bias = new Value(6.8813735870195432);
const y = w1
  .times(new Value(2))
  .plus(w2.times(new Value(0.5)))
  .plus(bias)
  .plus(new Value(-0.5))
  .tanh();
y.backward();
console.log(`by hand:     y = ${y.data.toFixed(4)}  ∂y/∂w = ${w1.slope.toFixed(4)} ${w2.slope.toFixed(4)}`);

// The same with tensors. `valueAndGrad` runs the function once, writing down each op, and walks that list back.
const x = tensor([2, 0.5]);
const neuron = (w: Tensor): Tensor => tanh(sum(mul(w, x)).add(6.8813735870195432).sub(0.5));
const { value, grads } = valueAndGrad(neuron)(tensor([-3, 1]));
const slopes = Array.from(await grads.data(), (slope) => slope.toFixed(4));
console.log(`by autograd: y = ${(await value.item()).toFixed(4)}  ∂y/∂w = ${slopes.join(" ")}`);

// Gradients are functions of their own, so they can be differentiated again: (x³)″ = 6x.
const cube = (t: Tensor): Tensor => sum(pow(t, 3));
const second = grad((t: Tensor) => sum(grad(cube)(t)));
console.log(`(x³)″ at 2: ${await second(tensor([2])).item()}`);

// The slope of the slope … of exp is exp itself.
let f = (t: Tensor): Tensor => sum(exp(t));
for (let order = 0; order < 3; order++) {
  const before = f;
  f = (t) => sum(grad(before)(t));
}
console.log(`exp‴ at 0: ${await f(tensor([0])).item()}`);
