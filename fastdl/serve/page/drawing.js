// Draw with a pointer, a finger or the arrow keys; the network looks at every stroke.
import { Bars, asker, element } from "/shared.js";

const WIDTH = 9; // of the pen, of 112 pixels
const STEP = 3, LEAP = 12; // pixels that an arrow key moves it, and with Shift

export function begin(main, what, about) {
  what.textContent = "Draw, and see what the network reads.";
  const side = about.side;
  const pad = element("canvas", {
    id: "pad", width: side, height: side, tabindex: 0, role: "img",
    "aria-label": "A dark square to draw on. Arrow keys move the pen, space puts it down or lifts it.",
  });
  const context = pad.getContext("2d", { willReadFrequently: true });
  const says = element("p", { id: "says", "aria-live": "polite" });
  const bars = new Bars(), seen = element("div", { class: "maps" }), maps = element("div", { class: "maps", id: "maps" });
  const mapped = element("section", { class: "wide", hidden: "" }, element("h2", {}, "The first layer's feature maps"), maps);
  const nothing = about.labels.map(() => 0);
  let strokes = [], pen = { x: side / 2, y: side / 2, down: false, keys: false };

  const ask = asker("application/octet-stream", (answer) => {
    const shares = answer.probabilities ?? nothing, none = shares === nothing;
    says.textContent = none ? "" : about.labels[shares.indexOf(Math.max(...shares))];
    bars.show(about.labels, shares);
    show(seen, none ? null : answer.seen);
    show(maps, answer.maps ?? null);
    mapped.hidden = !answer.maps;
  });

  function paint() {
    context.fillStyle = "#000";
    context.fillRect(0, 0, side, side);
    Object.assign(context, { strokeStyle: "#fff", fillStyle: "#fff", lineWidth: WIDTH, lineCap: "round", lineJoin: "round" });
    for (const stroke of strokes) {
      context.beginPath();
      context.moveTo(...stroke[0]);
      for (const point of stroke) context.lineTo(...point);
      context.stroke();
    }
    const pixels = context.getImageData(0, 0, side, side).data, levels = new Uint8Array(side * side);
    for (let i = 0; i < levels.length; i++) levels[i] = pixels[4 * i];
    ask(levels);
    if (pen.keys) {
      context.strokeStyle = pen.down ? "#6ea2ff" : "#8a8f99";
      context.lineWidth = 1.5;
      context.beginPath();
      context.arc(pen.x, pen.y, WIDTH / 2 + 1, 0, 7);
      context.stroke();
    }
  }

  function place(event) {
    const box = pad.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * side, ((event.clientY - box.top) / box.height) * side];
  }
  pad.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    pad.setPointerCapture(event.pointerId);
    pen = { ...pen, keys: false, down: false };
    strokes.push([place(event)]);
    paint();
  });
  pad.addEventListener("pointermove", (event) => {
    if (!pad.hasPointerCapture(event.pointerId)) return;
    const points = event.getCoalescedEvents?.() ?? [];
    strokes.at(-1).push(...(points.length ? points : [event]).map(place));
    paint();
  });

  function clear() { strokes = []; pen.down = false; paint(); }
  function undo() { strokes.pop(); pen.down = false; paint(); }
  const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  pad.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in arrows) {
      const [dx, dy] = arrows[event.key], step = event.shiftKey ? LEAP : STEP;
      pen.x = Math.min(side, Math.max(0, pen.x + dx * step));
      pen.y = Math.min(side, Math.max(0, pen.y + dy * step));
      if (pen.down) strokes.at(-1).push([pen.x, pen.y]);
      pen.keys = true;
      paint();
    } else if (event.key === " ") {
      pen.down = !pen.down;
      pen.keys = true;
      if (pen.down) strokes.push([[pen.x, pen.y]]);
      paint();
    } else if (event.key === "Delete" || event.key === "Backspace" || event.key === "c") clear();
    else if (event.key === "z") undo();
    else return;
    event.preventDefault();
  });

  main.append(
    element("section", {}, pad,
      element("div", { class: "buttons" },
        element("button", { type: "button", id: "clear", onclick: clear }, "Clear"),
        element("button", { type: "button", id: "undo", onclick: undo }, "Undo")),
      element("p", { class: "hint" }, "Keys: arrows move the pen, Shift makes them faster, space puts it down, z undoes, c clears.")),
    element("section", {}, element("h2", {}, "It says"), says, bars.list),
    element("section", {}, element("h2", {}, "What it is given"), seen),
    mapped,
  );
  paint();
}

// Grey pictures, (count, height, width) bytes.
function show(place, maps) {
  place.replaceChildren();
  if (!maps) return;
  const { count, height, width } = maps, levels = atob(maps.pixels);
  for (let k = 0; k < count; k++) {
    const canvas = element("canvas", { width, height }), context = canvas.getContext("2d");
    const image = context.createImageData(width, height);
    for (let i = 0; i < width * height; i++) {
      image.data.fill(levels.charCodeAt(k * width * height + i), 4 * i, 4 * i + 3);
      image.data[4 * i + 3] = 255;
    }
    context.putImageData(image, 0, 0);
    place.append(canvas);
  }
}
