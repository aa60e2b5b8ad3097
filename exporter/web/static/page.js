// What a page does with a script: hears events, makes times local, tries the visitor's own line, sends reports.
// Its words stand in the page.
"use strict";

const REFRESH_EVERY = 60_000; // all times in milliseconds
const QUIET_AFTER = 40_000; // a stream says that it lives every 15 s
const OLD_AFTER = 300_000;
const HIDDEN_FOR = 60_000; // a browser has few connections to a host: hidden tabs need none
const PATIENCE = 8_000;

const body = document.body;
const glance = document.getElementById("glance");
let stream = null;
let heardAt = 0; // when an event came
let livedAt = Math.min(1000 * body.dataset.checked || Date.now(), Date.now()); // when what stands here was true
let refreshing = 0;
let hiding = 0;
let title = document.title;

const around = (time) => time * (0.75 + Math.random() / 2);
const isOld = () => Date.now() - livedAt > OLD_AFTER;
const hears = () => Date.now() - heardAt < QUIET_AFTER;

// Local times; what the server wrote stays as the title.
function localise(root) {
  const today = new Date().toDateString();
  const { lang } = document.documentElement;
  const locale = lang === "en" ? "en-GB" : lang; // the day before the month, as the server writes it
  for (const time of root.querySelectorAll("time[datetime*='T']")) {
    const then = new Date(time.dateTime);
    const inChart = "clock" in time.dataset;
    const day = inChart || then.toDateString() === today ? {} : { day: "numeric", month: "short" };
    if (!inChart && then.getFullYear() !== new Date().getFullYear()) day.year = "numeric";
    const clock = { hourCycle: "h23", hour: "2-digit", minute: "2-digit", timeZoneName: inChart ? undefined : "short" };
    time.title = time.textContent;
    time.textContent = then.toLocaleString(locale, { ...day, ...clock });
  }
  return root;
}

// Changes only what differs, so that focus, scrolling and what was opened stay as they are.
function renew(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  if (!old.attributes) {
    old.nodeValue = fresh.nodeValue;
    return;
  }
  for (const { name } of [...old.attributes]) if (name !== "open" && !fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  const before = [...old.childNodes];
  const after = [...fresh.childNodes];
  const alike = before.length === after.length && before.every((node, at) => node.nodeName === after[at].nodeName);
  if (alike) return before.forEach((node, at) => renew(node, after[at]));
  const link = old.contains(document.activeElement) && document.activeElement.getAttribute("href");
  old.replaceChildren(...after);
  if (link) old.querySelector(`[href="${CSS.escape(link)}"]`)?.focus({ preventScroll: true });
}

function entitle(said) {
  title = said;
  document.title = isOld() ? `? ${said}` : said;
}

function show(fresh, said) {
  const { answer, announce } = fresh.dataset;
  const changed = answer !== glance.dataset.answer;
  if (announce !== glance.dataset.announce) document.getElementById("announce").textContent = announce;
  renew(glance, localise(fresh));
  entitle(said);
  return changed;
}

function warn() {
  const warning = document.getElementById("old");
  if (!warning || warning.hidden !== isOld()) return;
  warning.hidden = !isOld();
  body.toggleAttribute("data-old", isOld());
  entitle(title);
}

function refreshIn(time) {
  clearTimeout(refreshing);
  refreshing = setTimeout(refresh, time);
}

async function refresh() {
  let answer, fresh;
  try {
    const [address] = location.href.split("#");
    answer = await fetch(address, { cache: "no-cache", signal: AbortSignal.timeout(PATIENCE) });
    if (!answer.ok) return;
    fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  } catch {
    return; // The warning says so when it lasts.
  }
  // By the server's clock, because the visitor's may be wrong; a cache says how long it has kept the page.
  const now = Date.parse(answer.headers.get("Date")) + 1000 * (answer.headers.get("Age") ?? 0) || Date.now();
  if (!hears()) livedAt = Date.now() - Math.max(0, now - 1000 * fresh.body.dataset.checked || 0);
  warn();
  const told = fresh.getElementById("glance");
  if (told && glance && told.dataset.version !== glance.dataset.version) {
    // Events are ahead of every cache.
    if (hears()) return refreshIn(around(10_000));
    show(told, fresh.title);
  }
  for (const old of document.querySelectorAll("[data-live]")) {
    const found = fresh.querySelector(`[data-live="${old.dataset.live}"]`);
    if (found) renew(old, localise(found));
  }
}

function heard() {
  heardAt = livedAt = Date.now();
  warn();
}

function listen() {
  stream?.close();
  stream = null;
  if (!body.dataset.events || !window.EventSource) return;
  stream = new EventSource(`${body.dataset.events}?v=${glance.dataset.version}`);
  stream.addEventListener("alive", heard);
  stream.addEventListener("glance", ({ data }) => {
    heard();
    const { html, title, ...about } = JSON.parse(data);
    const fresh = glance.cloneNode();
    fresh.innerHTML = html;
    Object.assign(fresh.dataset, about);
    // The rest of the page follows, not with everybody at once.
    if (show(fresh, title)) refreshIn(1_000 + Math.random() * 10_000);
  });
}

function round() {
  if (!document.hidden && (!stream || stream.readyState === EventSource.CLOSED)) listen();
  if (!hears() || Math.random() < 0.2) refresh();
  setTimeout(round, around(REFRESH_EVERY));
}

function seen() {
  clearTimeout(hiding);
  if (document.hidden) {
    hiding = setTimeout(() => {
      stream?.close();
      stream = null;
    }, HIDDEN_FOR);
  } else if (!stream) {
    listen();
    warn();
  }
}

function watch() {
  listen();
  warn();
  setInterval(warn, 10_000);
  setTimeout(round, around(REFRESH_EVERY));
  if (isOld()) refresh();
  document.addEventListener("visibilitychange", seen);
}

localise(document);
for (const one of document.querySelectorAll("[data-absolute]")) one.textContent = new URL(one.textContent, location);
if (body.dataset.checked) watch();

// "Is it just me?": nothing of what is found leaves this page.
const me = document.getElementById("just-me");

async function anyAnswers(addresses) {
  const how = { mode: "no-cors", credentials: "omit", cache: "no-store", referrerPolicy: "no-referrer" };
  const tries = addresses.split(" ").map((address) => fetch(address, { ...how, signal: AbortSignal.timeout(PATIENCE) }));
  return Boolean(await Promise.any(tries).catch(() => null));
}

function found(reached, online) {
  if (!reached && !online) return "line";
  const answer = isOld() ? "unknown" : glance.dataset.answer;
  const told = ["up", "unknown"].includes(answer) ? answer : "trouble";
  return `${reached ? "reached" : "missed"}-${told}`;
}

async function tryHere(button, said) {
  const tell = (name) => said.replaceChildren(me.querySelector(`[data-case="${name}"]`).content.cloneNode(true));
  button.setAttribute("aria-disabled", "true");
  tell("trying");
  const [reached, online] = await Promise.all([anyAnswers(me.dataset.checks), anyAnswers(me.dataset.controls)]);
  tell(found(reached, online));
  button.removeAttribute("aria-disabled");
}

if (me) {
  const button = me.querySelector("button");
  me.hidden = false;
  button.addEventListener("click", () => {
    if (!button.hasAttribute("aria-disabled")) tryHere(button, me.querySelector("[role=status]"));
  });
}

// A report, sent without leaving the page: the answer is the page that a visitor without a script sees.
const form = document.querySelector("#report form");

async function send(pressed) {
  const fields = new URLSearchParams(new FormData(form));
  fields.set(pressed.name, pressed.value);
  const how = { method: "POST", body: fields, signal: AbortSignal.timeout(PATIENCE) };
  const page = await (await fetch(form.action, how)).text();
  return new DOMParser().parseFromString(page, "text/html").getElementById("said").childNodes;
}

form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const said = document.querySelector("#report [role=status]");
  try {
    said.replaceChildren(...(await send(event.submitter)));
  } catch {
    said.replaceChildren(document.querySelector("#report template").content.cloneNode(true));
  }
});
