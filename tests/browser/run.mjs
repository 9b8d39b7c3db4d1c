// A real Chromium on the real page: first sign-in, onboarding, a case, an approval with a virtual
// authenticator, the record; every page in light and dark, wide and narrow, with axe; every page
// without scripts; hostile text everywhere it can come from. Prints one line of JSON at the end.
//
// From the environment: RINGFORT_TEST_LINK (signs in once), RINGFORT_TEST_MODULES (a folder with
// node_modules), RINGFORT_TEST_SHOTS (where pictures go), RINGFORT_TEST_TRUST (a program that takes a code
// and enrols it), RINGFORT_TEST_SCENE (JSON: ids of the case, plan and machine to visit).
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const modules = createRequire(join(process.env.RINGFORT_TEST_MODULES, "x.js"));
const { chromium } = modules("playwright-core");
const axeSource = readFileSync(modules.resolve("axe-core/axe.min.js"), "utf8");
const shots = process.env.RINGFORT_TEST_SHOTS;
const scene = JSON.parse(process.env.RINGFORT_TEST_SCENE);
const link = process.env.RINGFORT_TEST_LINK;
const origin = new URL(link).origin;
mkdirSync(shots, { recursive: true });

const report = {
  steps: [], problems: [], pages: 0, axe_serious: 0, csp_violations: 0, ran: 0, overflow: 0,
  bytes_first_load: 0, noscript_pages: 0, hostile_shown: 0,
};
const problem = (text) => report.problems.push(text);
const step = (text) => report.steps.push(text);
const check = (good, text) => { if (!good) problem(text); };

const browser = await chromium.launch({
  executablePath: process.env.RINGFORT_TEST_CHROMIUM || "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
});

function watched(page) {
  page.on("console", (message) => {
    const text = message.text();
    if (/Content Security Policy|Trusted Type/i.test(text)) {
      report.csp_violations += 1;
      problem(`CSP on ${page.url()}: ${text}`);
    }
  });
  page.on("pageerror", (error) => problem(`script error on ${page.url()}: ${error.message}`));
  page.on("dialog", (dialog) => {
    report.ran += 1;
    problem(`a dialog on ${page.url()}: ${dialog.message()}`);
    dialog.dismiss();
  });
  return page;
}

// ---- first sign-in and onboarding -------------------------------------------------------------
const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
const page = watched(await context.newPage());
const cdp = await context.newCDPSession(page);
await cdp.send("WebAuthn.enable");
await cdp.send("WebAuthn.addVirtualAuthenticator", {
  options: {
    protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true,
    isUserVerified: true, automaticPresenceSimulation: true,
  },
});
await page.goto(`${origin}/`);
check(page.url() === `${origin}/sign-in`, "without a session one lands on the sign-in page");
await shot(page, "sign-in");
await page.goto(link);
await shot(page, "link");
await page.fill("#name", "Ann Owner");
await Promise.all([page.waitForURL(`${origin}/welcome`), page.click("main button.main")]);
step("first sign-in");
const again = await context.request.get(link);
check(again.status() === 403, `the link works once, but answered ${again.status()}`);
await page.fill("#name", "On duty");
await page.fill("#phone", "+49 30 123456");
await page.click("#contacts form button");
await page.waitForURL(/welcome/);
check(await page.inputValue("#phone") === "+49 30 123456", "the contact is kept");
step("onboarding");

// ---- a passkey, taken in by the machine -------------------------------------------------------
await page.goto(`${origin}/people`);
await page.fill("#label", "test device");
await page.click("form[data-passkey=create] button");
await page.waitForSelector("text=signs in only");
const line = await page.locator("pre.command").first().innerText();
check(line.startsWith("ringfort keys trust "), `the line for the machine: ${line.slice(0, 40)}`);
execFileSync(process.env.RINGFORT_TEST_TRUST, [line.trim().split(" ").pop()], { stdio: "pipe" });
await page.waitForTimeout(2200); // what is kept of the executor is two seconds old at most
await page.goto(`${origin}/people`);
check(await page.locator("text=can approve").count() > 0, "the passkey can approve now");
await shot(page, "people");
step("passkey enrolled");

// ---- a case, an approval, the record ----------------------------------------------------------
await page.goto(`${origin}/`);
check(await page.locator("ul.rows li").count() > 0, "Today lists cases");
await page.goto(`${origin}/cases/${scene.case}`);
check(await page.locator("text=What happened").count() > 0, "the case says what happened");
await page.fill("#text", "Looks real. <b>Doing it.</b>");
await page.click("#talk form button");
await page.waitForSelector(".talk li");
check((await page.locator(".talk").innerText()).includes("<b>Doing it.</b>"), "a comment is text");
step("read a case and commented");
await page.goto(`${origin}/plans/${scene.plan}`);
await shot(page, "plan");
await page.click("form[data-passkey=get] button");
await page.waitForURL(/\/jobs\//);
await page.waitForSelector(".lead .tag.ok, .lead .tag.now", { timeout: 60000 });
const outcome = await page.locator(".lead").innerText();
check(outcome.startsWith("done"), `the plan was carried out: ${outcome}`);
await shot(page, "job");
step("approved with a passkey");
await page.goto(`${origin}/records`);
const record = await page.locator("ol.record").innerText();
check(/how an action ended/.test(record) && /a key, a hub or a list/.test(record), "the record says so");
await Promise.all([page.waitForURL(/\/jobs\//), page.click("form[action='/records/verify'] button")]);
await page.waitForSelector(".lead .tag.ok, .lead .tag.now");
check((await page.locator(".lead").innerText()).includes("whole"), "the record is whole");
step("saw and checked the record");

// ---- 3 a.m.: contain, see it, let it go --------------------------------------------------------
await page.goto(`${origin}/cases/${scene.shut_case}/night`);
await shot(page, "night-before");
await Promise.all([page.waitForURL(/\/jobs\//), page.click("section[aria-labelledby=contain] form button")]);
await page.waitForSelector(".lead .tag.ok, .lead .tag.now", { timeout: 60000 });
check((await page.locator(".lead").innerText()).includes("It can be contained"), "a containment is prepared");
await shot(page, "contain-job");
await page.click("main a.button.main");
await page.waitForURL(/\/plans\//);
check(await page.locator("text=What stops working").count() > 0, "the plan says what stops working");
await shot(page, "contain-plan");
await page.click("#approve form[data-passkey=get] button");
await page.waitForURL(/\/jobs\//);
await page.waitForSelector(".lead .tag.ok, .lead .tag.now", { timeout: 60000 });
const held = await page.locator(".lead").innerText();
check(held.startsWith("done"), `it was contained: ${held}`);
await page.goto(`${origin}/cases/${scene.shut_case}/night`);
check(await page.locator("text=It is contained.").count() === 1, "the page says that it is contained");
await shot(page, "night-contained");
const sheet = await page.locator("a:has-text('Undo sheet to print')").first().getAttribute("href");
await page.goto(origin + sheet);
await shot(page, "undo-contained");
await page.goto(`${origin}/cases/${scene.shut_case}/night`);
await Promise.all([page.waitForURL(/\/plans\//), page.click("form[action='/records/undo'] button")]);
await page.click("#approve form[data-passkey=get] button");
await page.waitForURL(/\/jobs\//);
await page.waitForSelector(".lead .tag.ok, .lead .tag.now", { timeout: 60000 });
const released = await page.locator(".lead").innerText();
check(released.startsWith("done"), `it was let go: ${released}`);
step("contained and let go");
await page.goto(`${origin}/cases/${scene.shut_case}/night`);
await page.fill("#reason", "the <b>night shift</b> looks at it");
await page.selectOption("#hours", "4");
await page.click("section[aria-labelledby=wait] form button");
await page.waitForSelector("text=waiting");
step("waited with a reason");

// ---- the evidence, kept as a file ---------------------------------------------------------------
await page.goto(`${origin}/cases/${scene.shut_case}`);
const [kept] = await Promise.all([
  page.waitForEvent("download"), page.click("#papers form button"),
]);
check(/^ringfort-case-[0-9a-f]+\.zip$/.test(kept.suggestedFilename()), `a zip file: ${kept.suggestedFilename()}`);
check(readFileSync(await kept.path()).subarray(0, 2).toString() === "PK", "it is a zip file");
step("took the evidence away");

// ---- breaking the glass, and calling it off -----------------------------------------------------
await page.goto(`${origin}/plans/${scene.glass_plan}`);
await page.click("#glass summary");
await shot(page, "glass");
await page.click("#glass form[data-passkey=get] button");
await page.waitForURL(/\/jobs\//);
await page.waitForSelector(".lead .tag.ok, .lead .tag.now", { timeout: 60000 });
check((await page.locator(".lead").innerText()).includes("begins by itself"), "the glass is broken");
await page.goto(`${origin}/`);
check(await page.locator("text=One person decided alone").count() === 1, "every page says so");
await shot(page, "glass-today");
await page.goto(`${origin}/plans/${scene.glass_plan}`);
await shot(page, "glass-waiting");
await page.click("form[action$='/withdraw'] button");
await page.waitForTimeout(300);
check(await page.locator("text=Call it off").count() === 0, "it was called off");
step("broke the glass and called it off");

// ---- signing in again with the passkey --------------------------------------------------------
await page.goto(`${origin}/settings`);
await page.fill("#new", "correct horse battery staple");
await page.click("#you form button");
await page.waitForURL(/settings/);
await Promise.all([page.waitForURL(/sign-in/), page.click("footer button")]);
await Promise.all([page.waitForURL(`${origin}/`), page.click("form[data-passkey=get] button")]);
step("signed in with the passkey");

// ---- every page: axe, overflow, weight, pictures ----------------------------------------------
const undo = await page.evaluate(async () => {
  const text = await (await fetch("/records")).text();
  return (text.match(/\/undo\/[0-9a-f-]+/) || [null])[0];
});
const paths = [
  "/", "/cases", "/cases?show=settled", `/cases/${scene.case}`, `/cases/${scene.case}/night`,
  `/cases/${scene.hostile_case}`, `/cases/${scene.hostile_case}/night`, "/machines",
  "/machines?show=silent", `/machines/${scene.machine}`, `/machines/${scene.hostile_machine}`,
  "/software", "/software?q=%3C", "/records", "/rules", "/people", "/settings", "/engineers",
  "/welcome", `/plans/${scene.plan}`, "/nowhere", "/report", `/report?month=${scene.month}`,
  "/behaviour", `/plans/${scene.glass_plan}`,
  `/cases/${scene.shut_case}`, `/cases/${scene.shut_case}/night`, `/cases/${scene.shut_case}/timeline`,
  `/cases/${scene.shut_case}/notices`, `/cases/${scene.hostile_case}/timeline`,
  `/cases/${scene.hostile_case}/notices`,
];
if (undo) paths.push(undo);
for (const scheme of ["light", "dark"]) {
  for (const width of [1280, 360]) {
    await page.emulateMedia({ colorScheme: scheme });
    await page.setViewportSize({ width, height: width === 360 ? 740 : 900 });
    for (const path of paths) {
      await page.goto(origin + path);
      report.pages += 1;
      await inspect(page, `${path} ${scheme} ${width}`);
      if (width === 360 || scheme === "light" || path === "/") {
        await shot(page, `${name(path)}-${scheme}-${width}`);
      }
    }
  }
}
// On paper: no menu, no buttons, everything that matters.
// A page of its own: one with a virtual authenticator does not change to print.
const paper = watched(await context.newPage());
await paper.emulateMedia({ media: "print" });
await paper.setViewportSize({ width: 794, height: 1123 });
for (const path of ["/report", `/cases/${scene.shut_case}/timeline`, `/cases/${scene.shut_case}/notices`, undo].filter(Boolean)) {
  await paper.goto(origin + path);
  check(!(await paper.locator(".foot").isVisible()), `${path} prints without the frame`);
  await shot(paper, `${name(path)}-print`);
}
await paper.close();
const fresh = await context.newPage();
const session = await context.newCDPSession(fresh);
await session.send("Network.enable");
await session.send("Network.setCacheDisabled", { cacheDisabled: true });
session.on("Network.loadingFinished", (event) => { report.bytes_first_load += event.encodedDataLength; });
await fresh.goto(`${origin}/`, { waitUntil: "networkidle" });
await fresh.close();

// ---- every page without scripts ---------------------------------------------------------------
const cookies = await context.cookies();
const plain = await browser.newContext({ javaScriptEnabled: false, viewport: { width: 360, height: 740 } });
await plain.addCookies(cookies);
const still = watched(await plain.newPage());
for (const path of paths) {
  const response = await still.goto(origin + path);
  const good = response.status() === (path === "/nowhere" ? 404 : 200);
  check(good, `without scripts ${path} answered ${response.status()}`);
  check(await still.locator("h1").count() === 1, `without scripts ${path} has one heading`);
  report.noscript_pages += 1;
}
await still.goto(`${origin}/`);
await still.click(".menu summary");
check(await still.locator(".menu a").first().isVisible(), "the menu opens without scripts");
await still.goto(`${origin}/cases/${scene.case}`);
await still.fill("#text", "no scripts here");
await still.click("#talk form button");
check((await still.locator(".talk").innerText()).includes("no scripts here"), "comments work without scripts");
step("every page without scripts");

// ---- a password session approves nothing ------------------------------------------------------
const second = await browser.newContext();
const other = watched(await second.newPage());
await other.goto(`${origin}/sign-in`);
await other.fill("#name", "Ann Owner");
await other.fill("#password", "correct horse battery staple");
await Promise.all([other.waitForURL(`${origin}/`), other.click("form[action='/sign-in'] button")]);
step("signed in with a password");
await second.close();

// ---- hostile text -----------------------------------------------------------------------------
for (let from = 0; from < scene.hostile_cases; from += 50) {
  for (const width of [1280, 360]) {
    await page.setViewportSize({ width, height: 800 });
    await page.goto(`${origin}/cases?from=${from}`);
    await harmless(page, `/cases?from=${from} ${width}`);
    if (width === 1280) report.hostile_shown += await page.locator("ul.rows li").count();
  }
}
for (let from = 0; from < scene.hostile_packages; from += 50) {
  await page.goto(`${origin}/software?q=&from=${from}`);
  await harmless(page, `/software?from=${from}`);
}
for (let from = 0; from < scene.hostile_machines; from += 50) {
  await page.goto(`${origin}/machines?from=${from}`);
  await harmless(page, `/machines?from=${from}`);
}
report.ran += await page.evaluate(() => Number(window.hostile || 0));
step("hostile text");

await browser.close();
console.log(JSON.stringify(report));

function name(path) {
  const told = path.replace(scene.hostile_case, "hostile").replace(scene.shut_case, "shut").replace(scene.glass_plan, "glass");
  return told.replace(/[0-9a-f-]{16,}/g, "id").replace(/[^a-z0-9]+/gi, "-").replace(/^-|-$/g, "") || "today";
}

async function shot(page, name) {
  await page.screenshot({ path: join(shots, `${name}.png`), fullPage: true });
}

// Scripts of the page are not run by text, and the page is not wider than the window.
async function harmless(page, where) {
  const seen = await page.evaluate(() => ({
    wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    hostile: Number(window.hostile || 0),
    foreign: document.querySelectorAll("main script, main iframe, main img, main object, main style, main link, main base, main [onload], main [onerror], main [style]").length,
    headings: document.querySelectorAll("h1").length,
    footer: document.querySelectorAll("footer.foot").length,
  }));
  if (seen.wide > 0) { report.overflow += 1; problem(`${where} is ${seen.wide} pixels too wide`); }
  if (seen.hostile || seen.foreign) { report.ran += 1; problem(`${where}: text became markup`); }
  check(seen.headings === 1 && seen.footer === 1, `${where} is not whole`);
}

async function inspect(page, where) {
  await harmless(page, where);
  // Through the debugger, because the page's own policy lets nothing in.
  await page.evaluate(axeSource + "; void 0");
  const found = await page.evaluate(async () => {
    const result = await window.axe.run(document, {
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    });
    return result.violations.map((v) => ({
      id: v.id, impact: v.impact, nodes: v.nodes.slice(0, 3).map((n) => n.html.slice(0, 200) + " :: " + (n.any[0]?.message || n.all[0]?.message || "")),
    }));
  });
  for (const violation of found) {
    const serious = ["serious", "critical"].includes(violation.impact);
    if (serious) report.axe_serious += 1;
    if (serious) problem(`axe ${violation.impact} ${violation.id} on ${where}: ${violation.nodes.join(" | ")}`);
    else report.axe_other = (report.axe_other || 0) + 1;
    if (!serious) (report.axe_minor ||= {})[violation.id] = (report.axe_minor[violation.id] || 0) + 1;
  }
}
