// Keeps the page up to date while somebody looks at it. Without this script the page works too, and reloads itself.

const PAUSE_MS = 700;
const live = document.getElementById('live');
const last = new Map();

/** Changes only what has changed, and nothing that somebody is typing into. */
function renew(id, fresh) {
  const now = document.getElementById(id);
  if (!now || last.get(id) === fresh.outerHTML) return;
  const busy = now.contains(document.activeElement) && document.activeElement.matches('input, select');
  if (busy) return;
  if (last.has(id) || now.outerHTML !== fresh.outerHTML) {
    now.className = fresh.className;
    now.innerHTML = fresh.innerHTML;
  }
  last.set(id, fresh.outerHTML);
}

/** Puts new exchanges on top; those that were unfolded stay so. */
function renewExchanges(fresh) {
  const list = document.getElementById('exchanges');
  const kept = new Set([...fresh.children].map((one) => one.id));
  for (const one of [...list.children]) if (!kept.has(one.id)) one.remove();
  const added = [...fresh.children].filter((one) => !document.getElementById(one.id));
  list.prepend(...added);
}

async function look() {
  if (!document.hidden) {
    try {
      const answer = await fetch('/live');
      if (answer.status === 204) return location.reload();
      const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
      const wasPaying = Boolean(document.getElementById('figures'));
      if (wasPaying !== Boolean(fresh.getElementById('figures'))) return location.reload();
      for (const part of fresh.querySelectorAll('[data-live]')) renew(part.id, part);
      renewExchanges(fresh.getElementById('exchanges'));
    } catch {
      // The site is away for a moment, or has ended: the next look tells.
    }
  }
  setTimeout(look, PAUSE_MS);
}

if (live) setTimeout(look, PAUSE_MS);
