/**
 * Reads Markdown as far as the tidy tests need it: headings and links, outside code.
 */

/** The text with fenced and inline code blanked out, line by line, so that places stay. */
export function withoutCode(text: string): string {
  let inFence = false;
  return text
    .split("\n")
    .map((line) => {
      const isFence = /^\s*(```|~~~)/u.test(line);
      if (isFence) inFence = !inFence;
      return isFence || inFence ? "" : line.replace(/`[^`]*`/gu, "");
    })
    .join("\n");
}

/** First-level headings. */
export function titles(text: string): readonly string[] {
  return [...withoutCode(text).matchAll(/^# (.+)$/gmu)].map((heading) => heading[1] ?? "");
}

/** Targets of links that are neither web addresses nor places in the same page; without their fragment. */
export function relativeLinks(text: string): readonly string[] {
  const targets = [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/gu)].map((link) => link[1] ?? "");
  return targets.filter((target) => !/^([a-z]+:|#)/u.test(target)).map((target) => target.replace(/#.*$/u, ""));
}
