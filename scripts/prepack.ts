// Before `npm pack` and `npm publish`, which would take the repository's own manifest: refuses them. `npm run pack` passes.
const command = process.env.npm_command;
if (command === "pack" || command === "publish") {
  console.error(
    `npm ${command} would publish the manifest of the repository. Run npm run pack; docs/package.md says why.`,
  );
  process.exit(1);
}
