// The page: one person's view of the workspace, drawn anew from each state the server sends.

import { blocks, words } from "./page.blocks.js";
import { element, emoji, mrkdwn, plain } from "./page.mrkdwn.js";

const HOME = "home";
const TOGETHER = 300;
const find = (id) => document.getElementById(id);

let failure = "";
let state = JSON.parse(find("state").textContent);
const asked = new URLSearchParams(location.search);
const here = { channel: asked.get("channel"), thread: asked.get("thread") };
if (here.channel !== HOME && !state.channels.some((channel) => channel.id === here.channel)) {
  here.channel = state.channels[0]?.id ?? HOME;
}

// Names

const names = {
  person: (id) => state.people.find((person) => person.id === id)?.real_name,
  channel: (id) => state.channels.find((channel) => channel.id === id)?.name,
  group: (id) => state.groups[id],
  zone: state.zone,
};

function clock(ts) {
  const at = new Date(Number(ts) * 1000);
  return at.toLocaleTimeString("en-GB", { timeZone: names.zone, hour: "2-digit", minute: "2-digit" });
}

// What the person does

async function ask(verb, body) {
  failure = "";
  const answer = await fetch(`/lab/${verb}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ as: state.me, ...body }),
  }).catch(() => ({ status: "nothing" }));
  const told = answer.ok ? await answer.json() : { failure: `The lab answered ${answer.status}.` };
  failure = told.failure ?? "";
  drawBanner();
  return told;
}

function drawBanner() {
  const away = state.is_away ? "Slack is away: nothing reaches the bot, and nothing comes from it." : "";
  find("banner").textContent = away || failure;
  find("banner").hidden = !find("banner").textContent;
}

function press(target) {
  return async (where, item, value, node) => {
    if (item.confirm && !(await confirmed(item.confirm))) return;
    node.disabled = true;
    node.classList.add("busy");
    await ask("press", { ...target, action_id: where, value });
    node.disabled = false;
    node.classList.remove("busy");
  };
}

function confirmed(confirm) {
  const dialog = find("confirm");
  const use = { names, act: () => {} };
  const yes = element("button", `button ${confirm.style ?? "primary"}`, plain(confirm.confirm.text));
  const no = element("button", "button", plain(confirm.deny.text));
  dialog.replaceChildren(
    element("h2", "", plain(confirm.title.text)),
    element("div", "words", words(confirm.text, use)),
    element("footer", "", no, yes));
  return new Promise((resolve) => {
    const end = (answer) => { dialog.close(); resolve(answer); };
    yes.onclick = () => end(true);
    no.onclick = () => end(false);
    dialog.oncancel = () => resolve(false);
    dialog.showModal();
  });
}

function composer(form, area, thread) {
  const send = async () => {
    const text = area.value.trim();
    if (!text) return;
    area.value = "";
    resize(area);
    await ask("say", { channel: here.channel, text, thread_ts: thread() });
  };
  form.addEventListener("submit", (event) => { event.preventDefault(); send(); });
  area.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); send(); }
  });
  area.addEventListener("input", () => resize(area));
}

function resize(area) {
  area.rows = Math.min(8, area.value.split("\n").length);
}

// Messages

function avatar(id) {
  const person = state.people.find((each) => each.id === id);
  const tone = person ? state.people.indexOf(person) % 5 : 5;
  return element("span", `avatar tone${tone}`, (person?.real_name ?? id).slice(0, 1).toUpperCase());
}

function message(shown, { isCompact, inThread }) {
  const use = { names, act: press({ channel: shown.channel, ts: shown.ts }) };
  const body = shown.blocks.length ? blocks(shown.blocks, use) : [element("div", "words", mrkdwn(shown.text, names))];
  if (shown.is_edited) body.push(element("span", "quiet", "(edited)"));
  const content = element("div", "content", above(shown, inThread), isCompact ? null : byline(shown), ...body);
  if (shown.reactions?.length) {
    content.append(element("div", "reactions", ...shown.reactions.map((name) => element("span", "", `${emoji(name)} 1`))));
  }
  if (!inThread && !shown.thread_ts) content.append(...replyBar(shown));
  const kind = `message${shown.is_private ? " private" : ""}${isCompact ? " compact" : ""}`;
  const node = element("article", kind, isCompact ? element("time", "gutter", clock(shown.ts)) : avatar(shown.user), content);
  node.id = `${inThread ? "r" : "m"}${shown.ts}`;
  return node;
}

function byline(shown) {
  const isBot = shown.user === state.bot.id || !state.people.some((person) => person.id === shown.user);
  const time = element("time", "quiet", clock(shown.ts));
  const name = element("strong", "name", names.person(shown.user) ?? shown.user);
  return element("div", "byline", name, isBot ? element("span", "badge", "APP") : null, time);
}

function above(shown, inThread) {
  if (shown.is_private) return element("div", "note", "👁\uFE0E Only visible to you");
  if (!shown.is_broadcast) return null;
  if (inThread) return element("div", "note", `↩\uFE0E Also sent to #${names.channel(shown.channel)}`);
  const root = state.messages.find((each) => each.channel === shown.channel && each.ts === shown.thread_ts);
  const open = element("button", "link", plain((root?.text ?? "a thread").split("\n")[0]));
  open.onclick = () => go({ thread: shown.thread_ts });
  return element("div", "note", "↩\uFE0E replied to a thread:", open);
}

function replyBar(shown) {
  const replies = repliesOf(shown).filter((each) => !each.is_private);
  if (!replies.length) {
    const start = element("button", "reply-start", "Reply in thread");
    start.onclick = () => go({ thread: shown.ts });
    return shown.is_private ? [] : [start];
  }
  const faces = [...new Set(replies.map((each) => each.user))].slice(0, 3).map(avatar);
  const count = element("strong", "", replies.length === 1 ? "1 reply" : `${replies.length} replies`);
  const open = element("button", "replies", ...faces, count,
    element("span", "quiet", `Last reply at ${clock(replies.at(-1).ts)}`));
  open.onclick = () => go({ thread: shown.ts });
  return [open];
}

function repliesOf(root) {
  return state.messages.filter((each) => each.channel === root.channel && each.thread_ts === root.ts);
}

// One node per message: one that says the same as before stays, with whatever is pressed or open in it.
function draw(log, list, inThread) {
  const known = log.known ?? new Map();
  const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
  const fresh = new Map();
  list.forEach((shown, index) => {
    const isCompact = joins(list[index - 1], shown, inThread && index === 1);
    const sign = JSON.stringify([shown, isCompact, inThread || shown.thread_ts ? 0 : repliesOf(shown).length]);
    const old = known.get(shown.ts);
    fresh.set(shown.ts, old?.sign === sign ? old : { sign, node: message(shown, { isCompact, inThread }) });
  });
  const nodes = [...fresh.values()].map((each) => each.node);
  if (inThread && nodes.length > 1) nodes.splice(1, 0, count(log, nodes.length - 1));
  if (nodes.length !== log.children.length || nodes.some((node, index) => node !== log.children[index])) {
    log.replaceChildren(...nodes);
  }
  const isNew = [...fresh.keys()].some((ts) => !known.has(ts));
  log.known = fresh;
  if (isAtEnd && isNew) log.scrollTop = log.scrollHeight;
}

function count(log, number) {
  log.count ??= element("div", "count");
  log.count.textContent = number === 1 ? "1 reply" : `${number} replies`;
  return log.count;
}

function joins(before, shown, isFirstReply) {
  return Boolean(before) && !isFirstReply && before.user === shown.user && !before.is_private && !shown.is_private &&
    !shown.is_broadcast && !before.is_broadcast && shown.ts - before.ts < TOGETHER;
}

// Modals

function drawModal() {
  const dialog = find("modal");
  const view = state.modal;
  if (!view) { if (dialog.open) dialog.close(); dialog.dataset.hash = ""; return; }
  if (dialog.dataset.hash === view.hash) return;
  dialog.dataset.hash = view.hash;
  const use = { names, act: press({ view_id: view.id }) };
  const close = element("button", "button", plain(view.close?.text ?? "Cancel"));
  close.type = "button";
  close.onclick = () => ask("close", { view_id: view.id });
  const submit = view.submit ? element("button", "button primary", plain(view.submit.text)) : null;
  const whole = element("p", "error");
  const form = element("form", "", element("h2", "", plain(view.title.text)),
    element("div", "scroll", ...blocks(view.blocks, use), whole), element("footer", "", close, submit));
  form.addEventListener("submit", (event) => { event.preventDefault(); submitModal(view, form, submit, whole); });
  dialog.oncancel = (event) => { event.preventDefault(); ask("close", { view_id: view.id }); };
  dialog.replaceChildren(form);
  if (!dialog.open) dialog.showModal();
}

async function submitModal(view, form, submit, whole) {
  const entries = {};
  for (const [name, value] of new FormData(form)) if (value || form.elements[name]?.tagName !== "SELECT") entries[name] = value;
  submit.disabled = true;
  const { errors = {} } = await ask("submit", { view_id: view.id, entries });
  submit.disabled = false;
  for (const place of form.querySelectorAll(".error[data-block]")) place.textContent = errors[place.dataset.block] ?? "";
  whole.textContent = errors[""] ?? failure;
}

// The frame

function drawSide() {
  find("who").replaceChildren(...state.people.filter((person) => person.id !== state.bot.id).map((person) => {
    const option = element("option", "", person.real_name);
    option.value = person.id;
    option.selected = person.id === state.me;
    return option;
  }));
  find("channels").replaceChildren(...state.channels.map((channel) => place(channel.id, `# ${channel.name}`)));
  find("apps").replaceChildren(place(HOME, `▣ ${state.bot.name}`));
}

function place(id, text) {
  const open = element("button", id === here.channel ? "here" : "", text);
  open.onclick = () => { go({ channel: id, thread: null }); if (id === HOME) ask("home", {}); };
  return element("li", "", open);
}

function drawChannel() {
  const channel = state.channels.find((each) => each.id === here.channel);
  find("title").textContent = channel ? `# ${channel.name}` : `${state.bot.name} · Home`;
  find("topic").textContent = channel ? channel.topic : "What the app shows to you alone";
  find("composer").hidden = !channel;
  find("text").placeholder = channel ? `Message #${channel.name}, or ${state.bot.command} help` : "";
  if (!channel) return drawHome();
  const inChannel = state.messages.filter((each) => each.channel === here.channel && (!each.thread_ts || each.is_broadcast));
  draw(find("log"), inChannel, false);
}

function drawHome() {
  const log = find("log");
  const use = { names, act: press({ view_id: state.home?.id }) };
  const body = state.home ? blocks(state.home.blocks, use) : [element("p", "quiet", "The app has published no home for you.")];
  log.known = new Map();
  log.replaceChildren(element("div", "home", ...body));
}

function drawThread() {
  const root = state.messages.find((each) => each.channel === here.channel && each.ts === here.thread);
  find("thread").hidden = !root;
  document.body.classList.toggle("with-thread", Boolean(root));
  if (!root) return;
  find("where").textContent = `#${names.channel(root.channel)}`;
  draw(find("replies"), [root, ...repliesOf(root)], true);
}

function go(change) {
  if ("channel" in change && change.channel !== here.channel) { find("log").known = new Map(); find("log").replaceChildren(); }
  if ("thread" in change && change.thread !== here.thread) { find("replies").known = new Map(); find("replies").replaceChildren(); }
  Object.assign(here, change);
  const search = new URLSearchParams({ as: state.me, channel: here.channel });
  if (here.thread) search.set("thread", here.thread);
  history.replaceState(null, "", `?${search}`);
  document.body.dataset.pane = here.thread ? "thread" : "channel";
  drawAll();
}

function drawAll() {
  drawBanner();
  drawSide();
  drawChannel();
  drawThread();
  drawModal();
}

function follow() {
  const live = new EventSource(`/lab/live?as=${encodeURIComponent(state.me)}`);
  live.onmessage = (event) => {
    state = JSON.parse(event.data);
    drawAll();
  };
  live.onopen = () => { failure = ""; drawBanner(); };
  live.onerror = () => { failure = "The lab does not answer. Trying again."; drawBanner(); };
}

find("who").onchange = (event) => {
  location.search = new URLSearchParams({ as: event.target.value, channel: here.channel });
};
find("menu").onclick = () => { document.body.dataset.pane = "side"; };
find("back").onclick = find("close").onclick = () => go({ thread: null });
composer(find("composer"), find("text"), () => null);
composer(find("reply"), find("reply-text"), () => here.thread);
go({});
for (const log of [find("log"), find("replies")]) log.scrollTop = log.scrollHeight;
follow();
