// Type a sentence; its tree grows, each node coloured by what the network says of it.
import { Bars, asker, element } from "/shared.js";

const ACROSS = 74, DOWN = 46, RADIUS = 13, EDGE = 40;

export function begin(main, what, about) {
  what.textContent = "Type a sentence, and see its tree.";
  const input = element("input", {
    type: "text", id: "text", maxlength: about.most, autocomplete: "off", spellcheck: "false",
    "aria-label": about.python ? "An expression of Python" : "A sentence",
    placeholder: about.python ? "a + b * f(c)" : "not a bad film at all",
  });
  const tree = element("div", { class: "scrolls", id: "tree" }), bars = new Bars();
  const unknown = element("p", { class: "hint", "aria-live": "polite" });
  const shares = element("section", { hidden: "" }, element("h2", {}, "The whole sentence"), bars.list);
  if (!about.labels) shares.remove();

  const ask = asker("application/json", (answer) => {
    const nodes = answer.nodes ?? [];
    tree.replaceChildren(nodes.length ? drawn(nodes) : "");
    unknown.textContent = answer.unknown?.length ? `Unknown to the network: ${answer.unknown.join(", ")}` : "";
    const root = nodes.at(-1);
    shares.hidden = !root?.probabilities;
    if (root?.probabilities) bars.show(about.labels, root.probabilities);
  });
  const look = () => ask(JSON.stringify({ text: input.value }));
  input.addEventListener("input", look);

  main.append(
    element("section", { class: "wide" }, input, unknown),
    element("section", { class: "wide" }, tree),
    ...(about.labels ? [shares] : []),
  );
  look();
}

function drawn(nodes) {
  const picture = mark("svg", { role: "img", "aria-label": "The tree of the sentence" });
  const place = ({ x, y }) => [EDGE + x * ACROSS, EDGE / 2 + y * DOWN + RADIUS];
  let width = 0, height = 0;
  for (const node of nodes) {
    const [x, y] = place(node);
    width = Math.max(width, x);
    height = Math.max(height, y);
    if (node.parent >= 0) {
      const [x2, y2] = place(nodes[node.parent]);
      picture.append(mark("line", { class: "edge", x1: x, y1: y, x2, y2 }));
    }
  }
  for (const node of nodes) {
    const [x, y] = place(node), coloured = Number.isInteger(node.shade);
    const title = node.probabilities ? `${node.label}: ${(100 * Math.max(...node.probabilities)).toFixed(0)}%` : "";
    picture.append(mark("circle", { class: coloured ? `node shade${node.shade}` : "node", cx: x, cy: y, r: RADIUS }, title));
    if (node.sign) picture.append(mark("text", { class: coloured ? `sign onshade${node.shade}` : "sign plain", x, y: y + 4 }, "", node.sign));
    if (node.word !== null) picture.append(mark("text", { class: "word", x, y: y + RADIUS + 16 }, "", node.word));
  }
  picture.setAttribute("width", width + EDGE);
  picture.setAttribute("height", height + RADIUS + 28);
  return picture;
}

function mark(name, attributes, title = "", text = "") {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text) made.textContent = text;
  if (title) made.append(mark("title", {}, "", title));
  return made;
}
