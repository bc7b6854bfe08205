// Block Kit as DOM nodes. What it does not know it says, in the message itself.

import { element, emoji, inline, link, mention, mrkdwn, plain } from "./page.mrkdwn.js";

const BLOCKS = {
  section, header, context, actions, image, input,
  divider: () => element("hr"),
  rich_text: richText,
};
const ELEMENTS = { button, image: picture, static_select: select, radio_buttons: radios, plain_text_input: typed };
const RICH = {
  rich_text_section: (part, use) => element("span", "", ...part.elements.map((item) => rich(item, use))),
  rich_text_preformatted: (part, use) => element("pre", "", ...part.elements.map((item) => rich(item, use))),
  rich_text_quote: (part, use) => element("blockquote", "", ...part.elements.map((item) => rich(item, use))),
  rich_text_list: richList,
};

// `use` is { names, act(place, element, value, node) }: how names are found, and what a press does.
export function blocks(list, use) {
  return list.map((block) => {
    const render = BLOCKS[block.type];
    return render ? render(block, use) : unsupported("block", block.type);
  });
}

function unsupported(what, type) {
  return element("p", "unsupported", `unsupported ${what}: ${String(type)}`);
}

export function words(object, use) {
  if (!object) return "";
  return object.type === "mrkdwn" ? mrkdwn(object.text, use.names) : plain(object.text);
}

function inner(item, use, block) {
  const render = ELEMENTS[item.type];
  return render ? render(item, use, block) : unsupported("element", item.type);
}

// The same action may be in a message twice; its block tells which one was meant.
function place(block, item) {
  return `${block.block_id}/${item.action_id}`;
}

function section(block, use) {
  const body = element("div", "body");
  if (block.text) body.append(element("div", "words", words(block.text, use)));
  if (block.fields?.length) {
    body.append(element("div", "fields", ...block.fields.map((field) => element("div", "words", words(field, use)))));
  }
  return element("div", "section", body, block.accessory ? inner(block.accessory, use, block) : null);
}

function header(block) {
  return element("h3", "header", plain(block.text.text));
}

function context(block, use) {
  const items = block.elements.map((item) =>
    item.type === "image" ? picture(item) : element("span", "", words(item, use)));
  return element("div", "context", ...items);
}

function actions(block, use) {
  return element("div", "actions", ...block.elements.map((item) => inner(item, use, block)));
}

function image(block) {
  return element("figure", "", block.title ? element("figcaption", "", plain(block.title.text)) : null, picture(block));
}

// No picture is fetched: the page loads nothing from elsewhere.
function picture(item) {
  return element("span", "picture", `▣ ${item.alt_text}`);
}

function button(item, use, block) {
  if (item.url) {
    const anchor = link(item.url, plain(item.text.text));
    if (anchor instanceof Element) anchor.className = "button";
    return anchor;
  }
  const node = element("button", `button ${item.style ?? ""}`, plain(item.text.text));
  node.type = "button";
  if (item.accessibility_label) node.setAttribute("aria-label", item.accessibility_label);
  node.addEventListener("click", () => use.act(place(block, item), item, "", node));
  return node;
}

function select(item, use, block) {
  const node = element("select", "select");
  if (block.type === "input") node.name = block.block_id;
  node.setAttribute("aria-label", label(item, block));
  node.append(option("", item.placeholder ? plain(item.placeholder.text) : "Choose an option"));
  for (const each of item.options) node.append(option(each.value, plain(each.text.text)));
  node.value = item.initial_option?.value ?? "";
  if (block.type !== "input") node.addEventListener("change", () => node.value && use.act(place(block, item), item, node.value, node));
  return node;
}

function option(value, text) {
  const node = element("option", "", text);
  node.value = value;
  return node;
}

function radios(item, use, block) {
  const group = element("div", "radios");
  group.setAttribute("role", "radiogroup");
  group.setAttribute("aria-label", label(item, block));
  for (const each of item.options) {
    const radio = element("input");
    radio.type = "radio";
    radio.name = block.block_id;
    radio.value = each.value;
    radio.checked = item.initial_option?.value === each.value;
    if (block.type !== "input") radio.addEventListener("change", () => use.act(place(block, item), item, each.value, radio));
    group.append(element("label", "", radio, element("span", "", words(each.text, use))));
  }
  return group;
}

function typed(item, use, block) {
  const node = element(item.multiline ? "textarea" : "input", "typed");
  node.name = block.block_id;
  node.value = item.initial_value ?? "";
  if (item.placeholder) node.placeholder = plain(item.placeholder.text);
  node.setAttribute("aria-label", label(item, block));
  return node;
}

function label(item, block) {
  return plain(block.label?.text ?? item.placeholder?.text ?? block.text?.text ?? item.action_id);
}

function input(block, use) {
  const title = element("div", "label", plain(block.label.text));
  if (block.optional) title.append(element("span", "optional", " (optional)"));
  const error = element("p", "error");
  error.dataset.block = block.block_id;
  error.setAttribute("role", "alert");
  const hint = block.hint ? element("p", "hint", plain(block.hint.text)) : null;
  return element("div", "input", title, inner(block.element, use, block), error, hint);
}

function richText(block, use) {
  return element("div", "words rich", ...block.elements.map((part) => {
    const render = RICH[part.type];
    return render ? render(part, use) : unsupported("element", part.type);
  }));
}

function richList(part, use) {
  const list = element(part.style === "ordered" ? "ol" : "ul");
  for (const item of part.elements) list.append(element("li", "", ...item.elements.map((each) => rich(each, use))));
  return list;
}

function rich(item, use) {
  switch (item.type) {
    case "text": return styled(item.text, item.style ?? {});
    case "link": return link(item.url, item.text);
    case "emoji": return emoji(item.name);
    case "user": return mention(`@${use.names.person(item.user_id) ?? item.user_id}`);
    case "channel": return mention(`#${use.names.channel(item.channel_id) ?? item.channel_id}`);
    case "usergroup": return mention(`@${use.names.group(item.usergroup_id) ?? item.usergroup_id}`);
    case "broadcast": return mention(`@${item.range}`);
    case "date": return element("span", "", ...inline(`<!date^${item.timestamp}^${item.format}|${item.fallback ?? ""}>`, use.names));
    default: return unsupported("element", item.type);
  }
}

function styled(text, style) {
  let node = document.createTextNode(text);
  for (const [name, tag] of [["code", "code"], ["strike", "s"], ["italic", "em"], ["bold", "strong"]]) {
    if (style[name]) node = element(tag, "", node);
  }
  return node;
}
