// Slack's mrkdwn as DOM nodes. Everything from a message becomes text nodes: nothing here parses HTML.

const EMOJI = {
  white_check_mark: "✅", heavy_check_mark: "✔️", ballot_box_with_check: "☑️", x: "❌", heavy_multiplication_x: "✖️",
  warning: "⚠️", no_entry: "⛔", no_entry_sign: "🚫", octagonal_sign: "🛑", stop_sign: "🛑", rotating_light: "🚨",
  hourglass: "⌛", hourglass_flowing_sand: "⏳", stopwatch: "⏱️", alarm_clock: "⏰", clock3: "🕒", calendar: "📅",
  rocket: "🚀", gear: "⚙️", wrench: "🔧", hammer: "🔨", hammer_and_wrench: "🛠️", package: "📦", floppy_disk: "💾",
  lock: "🔒", unlock: "🔓", key: "🔑", shield: "🛡️", gavel: "⚖️", judge: "🧑‍⚖️", scroll: "📜", memo: "📝", clipboard: "📋",
  eyes: "👀", eye: "👁️", mag: "🔍", bell: "🔔", no_bell: "🔕", mega: "📣", speech_balloon: "💬", bulb: "💡",
  arrow_right: "➡️", arrow_left: "⬅️", arrow_up: "⬆️", arrow_down: "⬇️", arrows_counterclockwise: "🔄", repeat: "🔁",
  fast_forward: "⏩", black_right_pointing_double_triangle_with_vertical_bar: "⏭️", double_vertical_bar: "⏸️",
  arrow_forward: "▶️", red_circle: "🔴", large_yellow_circle: "🟡", large_green_circle: "🟢", large_blue_circle: "🔵",
  white_circle: "⚪", black_circle: "⚫", large_orange_circle: "🟠", heavy_minus_sign: "➖", white_large_square: "⬜",
  thumbsup: "👍", "+1": "👍", thumbsdown: "👎", "-1": "👎", tada: "🎉", wave: "👋", pray: "🙏", raised_hand: "✋",
  point_right: "👉", link: "🔗", house: "🏠", computer: "💻", desktop_computer: "🖥️", robot_face: "🤖", fire: "🔥",
  information_source: "ℹ️", question: "❓", grey_question: "❔", exclamation: "❗", sos: "🆘", zzz: "💤", seedling: "🌱",
};

const SCHEME = /^(https?:|mailto:)/i;
// In this order at each place: code, an angle token, emoji, then the three pairs of marks.
const INLINE = new RegExp(
  "`([^`\\n]+)`" +
  "|<([^<>\\n]+)>" +
  "|:([a-z0-9_+-]+):" +
  "|(?<![\\p{L}\\p{N}*])\\*(?!\\s)([^*\\n]*[^*\\s])\\*(?![\\p{L}\\p{N}*])" +
  "|(?<![\\p{L}\\p{N}_])_(?!\\s)([^_\\n]*[^_\\s])_(?![\\p{L}\\p{N}_])" +
  "|(?<![\\p{L}\\p{N}~])~(?!\\s)([^~\\n]*[^~\\s])~(?![\\p{L}\\p{N}~])",
  "gu");

export function element(name, className, ...children) {
  const node = document.createElement(name);
  if (className) node.className = className;
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

export function unescaped(text) {
  return text.replace(/&(amp|lt|gt);/g, (_, name) => ({ amp: "&", lt: "<", gt: ">" })[name]);
}

export function emoji(name) {
  return EMOJI[name] ?? `:${name}:`;
}

export function plain(text) {
  return unescaped(text.replace(/:([a-z0-9_+-]+):/g, (_, name) => emoji(name)));
}

export function mrkdwn(text, names) {
  const whole = document.createDocumentFragment();
  text.split(/```\n?([\s\S]+?)\n?```/).forEach((part, index) => {
    if (index % 2) whole.append(element("pre", "", codeText(part)));
    else whole.append(...paragraphs(part, names));
  });
  return whole;
}

function codeText(text) {
  return unescaped(text.replace(/<([^<>\n|]+)(?:\|([^<>\n]+))?>/g, (_, target, label) => label ?? target));
}

function paragraphs(text, names) {
  const nodes = [];
  let quote = null;
  const lines = text.replace(/^\n|\n$/g, "").split("\n");
  lines.forEach((line, index) => {
    const quoted = /^(?:&gt;|>) ?(.*)$/.exec(line);
    if (quoted) {
      if (quote) quote.append(element("br"));
      else nodes.push((quote = element("blockquote")));
      quote.append(...inline(quoted[1], names));
      return;
    }
    if (index && !quote) nodes.push(element("br"));
    quote = null;
    nodes.push(...inline(line, names));
  });
  return nodes;
}

export function inline(text, names) {
  const nodes = [];
  let from = 0;
  for (const match of text.matchAll(INLINE)) {
    nodes.push(unescaped(text.slice(from, match.index)));
    nodes.push(marked(match, names));
    from = match.index + match[0].length;
  }
  nodes.push(unescaped(text.slice(from)));
  return nodes;
}

function marked([whole, code, token, short, bold, italic, struck], names) {
  if (code !== undefined) return element("code", "", codeText(code));
  if (token !== undefined) return angle(token, names);
  if (short !== undefined) return EMOJI[short] ?? whole;
  if (bold !== undefined) return element("strong", "", ...inline(bold, names));
  if (italic !== undefined) return element("em", "", ...inline(italic, names));
  return element("s", "", ...inline(struck, names));
}

function angle(token, names) {
  const bar = token.indexOf("|");
  const target = bar < 0 ? token : token.slice(0, bar);
  const label = bar < 0 ? "" : unescaped(token.slice(bar + 1));
  if (target.startsWith("@")) return mention(`@${names.person(target.slice(1)) ?? (label || target.slice(1))}`);
  if (target.startsWith("#")) return mention(`#${names.channel(target.slice(1)) ?? (label || target.slice(1))}`);
  if (target.startsWith("!subteam^")) return mention(`@${names.group(target.slice(9)) ?? label}`);
  if (target.startsWith("!date^")) return date(target.slice(6), label, names.zone);
  if (target.startsWith("!")) return mention(`@${target.slice(1)}`);
  return link(unescaped(target), label);
}

export function mention(text) {
  return element("span", "mention", text);
}

export function link(url, label) {
  if (!SCHEME.test(url)) return label || url;
  const anchor = element("a", "", label || url);
  anchor.href = url;
  anchor.rel = "noopener noreferrer";
  anchor.target = "_blank";
  return anchor;
}

function date(token, fallback, zone) {
  const [epoch, format = "{date_num} {time}", url] = token.split("^");
  const at = new Date(Number(epoch) * 1000);
  if (!/^\d+$/.test(epoch) || Number.isNaN(at.getTime())) return fallback;
  const text = unescaped(format).replace(/\{(\w+)\}/g, (whole, name) => datePart(at, name, zone) ?? whole);
  const time = element("time", "", url ? link(unescaped(url), text) : text);
  time.dateTime = at.toISOString();
  time.title = fallback;
  return time;
}

function datePart(at, name, zone) {
  const shown = (options) => at.toLocaleString("en-GB", { timeZone: zone, ...options });
  const day = { day: "numeric", month: "short", year: "numeric" };
  const near = name.endsWith("_pretty") ? nearDay(at, zone) : null;
  switch (name) {
    case "date_num": return shown({ year: "numeric", month: "2-digit", day: "2-digit" }).split("/").reverse().join("-");
    case "date": case "date_pretty": return near ?? shown({ ...day, month: "long" });
    case "date_short": case "date_short_pretty": return near ?? shown(day);
    case "date_long": case "date_long_pretty": return near ?? shown({ ...day, month: "long", weekday: "long" });
    case "time": return shown({ hour: "2-digit", minute: "2-digit" });
    case "time_secs": return shown({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
    case "ago": return ago(at);
    default: return null;
  }
}

function nearDay(at, zone) {
  const dayOf = (when) => when.toLocaleDateString("en-CA", { timeZone: zone });
  const names = { [-1]: "yesterday", 0: "today", 1: "tomorrow" };
  const offset = [-1, 0, 1].find((days) => dayOf(new Date(Date.now() + days * 86_400_000)) === dayOf(at));
  return offset === undefined ? null : names[offset];
}

function ago(at) {
  const seconds = Math.round((at.getTime() - Date.now()) / 1000);
  const [unit, size] = [["day", 86_400], ["hour", 3600], ["minute", 60], ["second", 1]]
    .find(([, length]) => Math.abs(seconds) >= length) ?? ["second", 1];
  return new Intl.RelativeTimeFormat("en", { numeric: "auto" }).format(Math.trunc(seconds / size), unit);
}
