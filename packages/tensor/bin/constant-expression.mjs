/** A number written in AssemblyScript, where it is known before compilation; `undefined` elsewhere. `known`: constants by name. */
export const evaluate = (as, node, known) => {
  const { NodeKind, LiteralKind, Token } = as;
  if (!node) return undefined;
  switch (node.kind) {
    case NodeKind.Literal:
      return node.literalKind === LiteralKind.Integer || node.literalKind === LiteralKind.Float
        ? Number(node.range.toString().replaceAll("_", ""))
        : undefined;
    case NodeKind.Identifier:
      return known.get(node.text);
    case NodeKind.Parenthesized:
    case NodeKind.Assertion:
      return evaluate(as, node.expression, known);
    case NodeKind.UnaryPrefix: {
      const value = evaluate(as, node.operand, known);
      return node.operator === Token.Minus && value !== undefined ? -value : undefined;
    }
    case NodeKind.Binary: {
      const [left, right] = [evaluate(as, node.left, known), evaluate(as, node.right, known)];
      return left === undefined || right === undefined ? undefined : combine(Token, node.operator, left, right);
    }
    default:
      return undefined;
  }
};

const combine = (Token, operator, left, right) => {
  switch (operator) {
    case Token.Plus:
      return left + right;
    case Token.Minus:
      return left - right;
    case Token.Asterisk:
      return left * right;
    // Of whole numbers the quotient is whole, too.
    case Token.Slash:
      return Number.isInteger(left) && Number.isInteger(right) ? Math.trunc(left / right) : left / right;
    case Token.LessThan_LessThan:
      return left << right;
    case Token.Bar:
      return left | right;
    default:
      return undefined;
  }
};
