import { families } from "@tessera/tensor/families";
import { defineFamilyVjps, type VjpTables } from "./define-vjps.ts";
import { rules } from "./generated/rules.ts";

// `npm run generate` writes a row for every family: vjps/X.ts is missing, or lacks a row, and this does not compile.
defineFamilyVjps(families, rules satisfies VjpTables<typeof families>);
