import { ArgumentError } from "@tessera/tensor";
import type { BlockCriterion } from "./block-criterion.ts";
import { criteria, type CriterionName } from "./criteria.ts";

/** A criterion by its name, or as it is. @throws ArgumentError with the names that exist, for any other. */
export const criterionOf = (criterion: BlockCriterion | CriterionName): BlockCriterion => {
  if (typeof criterion !== "string") return criterion;
  if (Object.hasOwn(criteria, criterion)) return criteria[criterion]();
  const names = Object.keys(criteria).map((name) => `"${name}"`);
  throw new ArgumentError(
    `addPattern: expected the criterion ${names.join(" or ")}, got "${String(criterion)}"; pass any other as a value`,
  );
};
