// What all pages share: questions, elements and bars.

const problem = document.querySelector("#error");

export function element(name, attributes = {}, ...inside) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value);
  }
  made.append(...inside);
  return made;
}

// Ask one question at a time: while an answer is awaited, of the questions that come the last one waits.
export function asker(type, then) {
  let busy = false, waiting = null;
  return async function ask(body) {
    if (busy) { waiting = body; return; }
    busy = true;
    try {
      const answer = await question(type, body);
      if (waiting === null) then(answer);
    } catch (error) {
      tell(error);
    } finally {
      busy = false;
      if (waiting !== null) { const next = waiting; waiting = null; ask(next); }
    }
  };
}

export async function question(type, body) {
  const response = await fetch("/answer", { method: "POST", headers: { "content-type": type }, body });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  problem.hidden = true;
  return answer;
}

export function tell(error) {
  problem.textContent = error instanceof TypeError ? "The server does not answer." : error.message;
  problem.hidden = false;
}

// Rows of a name, a bar and a share; the tallest share stands out.
export class Bars {
  constructor() { this.list = element("dl", { class: "bars" }); }

  show(names, shares) {
    while (this.list.children.length < 3 * names.length) {
      this.list.append(
        element("dt"), element("dd", { class: "track" }, element("div", { class: "bar" })), element("dd", { class: "share" }),
      );
    }
    const best = Math.max(...shares);
    [...this.list.children].forEach((child, i) => {
      const k = Math.floor(i / 3), here = k < names.length;
      child.hidden = !here;
      if (!here) return;
      if (i % 3 === 0) child.textContent = names[k];
      if (i % 3 === 1) child.firstChild.style.width = `${100 * shares[k]}%`;
      if (i % 3 === 2) child.textContent = best > 0 ? `${(100 * shares[k]).toFixed(1)}%` : "";
      child.classList.toggle("best", best > 0 && shares[k] === best);
    });
  }
}
