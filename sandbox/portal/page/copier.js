/** A text that is copied by one press, which says that it was. */
import { el } from "/kit/dom.js";

const MOMENT = 2000;

/** Return the text with its button; `tell` hears what came of the press. */
export function copier(text, tell) {
  const code = el("code", { dir: "ltr" }, text);
  const button = el("button", { type: "button", class: "copy", "aria-label": `Copy ${text}`, click }, "Copy");
  let timer = 0;
  async function click() {
    clearTimeout(timer);
    button.textContent = (await copied(text, code)) ? "Copied" : "Press Ctrl+C";
    button.classList.add("copied");
    tell(`${button.textContent}: ${text}`);
    timer = setTimeout(() => {
      button.textContent = "Copy";
      button.classList.remove("copied");
    }, MOMENT);
  }
  return el("span", { class: "copier" }, code, button);
}

/** Copy, or select the text where the browser does not let a page copy. */
async function copied(text, code) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    getSelection().selectAllChildren(code);
    return false;
  }
}
