// Judges HTML files: html-validate, axe-core in a headless Chromium (light and dark, wide and on a phone), and nothing loaded from elsewhere.
//
//   node judge.mjs [--pictures DIRECTORY] FILE...
//
// Prints a line per problem and exits with 1 if there is one.
import { readFileSync, existsSync, writeFileSync, mkdtempSync, rmSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { tmpdir } from "node:os";
import { createRequire } from "node:module";
import { HtmlValidate, StaticConfigLoader } from "html-validate";
import puppeteer from "puppeteer-core";

const require = createRequire(import.meta.url);
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const args = process.argv.slice(2);
const pictures = args[0] === "--pictures" ? args.splice(0, 2)[1] : null;
const problems = [];
const report = (file, text) => problems.push(`${basename(file)}: ${text}`);

const validator = new HtmlValidate(new StaticConfigLoader({ extends: ["html-validate:recommended"], rules: { "long-title": "error" } }));
const profile = mkdtempSync(join(tmpdir(), "pages-"));
const browser = await puppeteer.launch({
  executablePath: ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync),
  headless: true, userDataDir: profile, args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
});
try {
  for (const file of args) {
    const text = readFileSync(file, "utf8");
    const verdict = await validator.validateString(text, file);
    for (const result of verdict.results) for (const m of result.messages) report(file, `${m.line}:${m.column} ${m.ruleId}: ${m.message}`);
    if (/<script|<[a-z][^>]*\s(?:on\w+\s*=|[a-z]+\s*=\s*["']?javascript:)/i.test(text)) report(file, "contains a script");
    for (const m of text.matchAll(/<[a-z][^>]*\s(?:src|srcset|href|action|poster|data)=["']([^"']*)/gi)) if (!m[1].startsWith("#")) report(file, `refers to ${m[1]}`);
    if (/<style>[^<]*(?:url\(|@import)/i.test(text)) report(file, "has a style that loads something");
    const page = await browser.newPage();
    page.on("request", (r) => { if (!/^(file|data):/.test(r.url())) report(file, `requests ${r.url()}`); });
    page.on("pageerror", (e) => report(file, `error: ${e.message}`));
    page.on("console", (m) => { if (m.type() === "error") report(file, `console: ${m.text()}`); });
    for (const [width, scheme] of [[1100, "light"], [390, "dark"]]) {
      await page.setViewport({ width, height: 900 });
      await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
      await page.goto(`file://${resolve(file)}`);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      if (overflow > 0) report(file, `is ${overflow} px wider than a screen of ${width} px`);
      await page.evaluate(axe);
      const found = await page.evaluate(() => globalThis.axe.run());
      for (const v of found.violations) report(file, `${scheme} ${v.id}: ${v.help}: ${v.nodes[0].html.slice(0, 160)}`);
      if (pictures && scheme === "light") writeFileSync(join(pictures, basename(file).replace(/\.html$/, ".png")), await page.screenshot({ fullPage: false }));
    }
    await page.emulateMediaType("print");
    await page.pdf({ format: "A4" });
    await page.close();
  }
} finally {
  await browser.close();
  rmSync(profile, { recursive: true, force: true });
}
for (const p of problems) console.log(p);
process.exit(problems.length ? 1 : 0);
