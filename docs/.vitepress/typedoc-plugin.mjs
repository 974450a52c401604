// For typedoc: modules are called as they are imported, and a class lists what is its own; what it inherits is on the page of its parent.
import { Converter, ReflectionKind } from "typedoc";

const importName = (entry) => `@tessera/${entry.replace(/\/src$/, "").replace("/src/", "/")}`;

export const load = (app) => {
  app.converter.on(Converter.EVENT_RESOLVE_END, ({ project }) => {
    for (const module of project.getReflectionsByKind(ReflectionKind.Module)) module.name = importName(module.name);
    for (const member of project.getReflectionsByKind(ReflectionKind.ClassMember))
      if (member.inheritedFrom) project.removeReflection(member);
  });
};
