// Shows at once what comes of what is typed into the fields: the same page is asked for with them in its query, and the
// parts that say something else are taken from it. Without this, a button does that.

const form = document.querySelector("form[data-preview]");
const names = [...(form?.querySelectorAll(".less input") ?? [])].map((input) => input.name);
let asking;

async function show() {
  const query = new URLSearchParams();
  for (const name of names) {
    const value = form.elements[name].value.trim();
    if (value) query.append(name, value);
  }
  const url = query.size ? `${form.dataset.preview}?${query}` : form.dataset.preview;
  asking?.abort();
  asking = new AbortController();
  try {
    const answer = await fetch(url, { signal: asking.signal, redirect: "error" });
    if (answer.status !== 200 && answer.status !== 422) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    // Logged out, decided elsewhere, or over: that is for the whole page to tell.
    if (!page.querySelector("form[data-preview]")) return location.assign(url);
    for (const part of document.querySelectorAll("[data-live]")) {
      const fresh = page.querySelector(`[data-live="${part.dataset.live}"]`);
      if (fresh) part.replaceWith(document.adoptNode(fresh));
    }
    for (const name of names) {
      const invalid = page.querySelector(`[name="${name}"]`)?.getAttribute("aria-invalid");
      form.elements[name].toggleAttribute("aria-invalid", false);
      if (invalid) form.elements[name].setAttribute("aria-invalid", invalid);
    }
    history.replaceState(null, "", url);
  } catch {
    // The button is still there.
  }
}

let waiting;
for (const name of names) {
  form.elements[name].addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(show, 400);
  });
}
