import { settings } from "../src/config.ts";

/** Prints the README's table of settings, which stands there between two marks. */
const cell = (text: string) => text.replaceAll("|", "\\|");
const rows = Object.values(settings).map(
  ({ name, default: fallback, meaning }) =>
    `| \`${name}\` | ${fallback === "" ? "none" : `\`${cell(fallback)}\``} | ${cell(meaning)} |`,
);
console.log(["| variable | default | meaning |", "| --- | --- | --- |", ...rows].join("\n"));
