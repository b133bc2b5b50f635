// Type a text; the network tells what it expects next, and goes on with it when asked to.
import { Bars, asker, element, question, tell } from "/shared.js";

const JSON_TYPE = "application/json";
const VISIBLE = { " ": "␣", "\n": "⏎", "\t": "⇥" };

export function begin(main, what, about) {
  what.textContent = "Type, and see what the network expects next.";
  const bars = new Bars(), unknown = element("p", { class: "hint", "aria-live": "polite" });
  const text = element("textarea", { id: "text", spellcheck: "false", maxlength: about.most, "aria-label": "A text" });
  const warmth = element("input", { type: "range", id: "warmth", min: 0, max: 1.5, step: 0.1, value: 0.8 });
  const button = element("button", { type: "button", id: "write", onclick: write }, "Go on");

  const ask = asker(JSON_TYPE, (answer) => {
    bars.show(answer.next.map(([token]) => VISIBLE[token] ?? token), answer.next.map(([, share]) => share));
    unknown.textContent = answer.unknown.length ? `Unknown to the network: ${answer.unknown.join(about.words ? ", " : " ")}` : "";
  });
  const look = () => ask(JSON.stringify({ text: text.value }));

  async function write() {
    button.disabled = true;
    try {
      const length = about.words ? 40 : 200;
      const asked = { text: text.value, length, temperature: Number(warmth.value) };
      text.value = (await question(JSON_TYPE, JSON.stringify(asked))).text;
      text.scrollTop = text.scrollHeight;
      look();
    } catch (error) {
      tell(error);
    } finally {
      button.disabled = false;
    }
  }
  text.addEventListener("input", look);
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) write();
  });

  main.append(
    element("section", {}, text,
      element("div", { class: "buttons" }, button, element("label", { for: "warmth" }, "Temperature"), warmth),
      element("p", { class: "hint" }, "Ctrl+Enter goes on; a temperature of 0 writes what is likeliest."), unknown),
    element("section", {}, element("h2", {}, `The next ${about.words ? "word" : "character"}`), bars.list),
  );
  look();
}
