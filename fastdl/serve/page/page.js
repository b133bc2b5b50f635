// Which page it is: that of what the network is about.
import { tell } from "/shared.js";

try {
  const about = await (await fetch("/about")).json();
  const page = await import(`/${about.kind}.js`);
  page.begin(document.querySelector("main"), document.querySelector("#what"), about);
  document.body.dataset.ready = about.kind;
} catch (error) {
  tell(error);
}
