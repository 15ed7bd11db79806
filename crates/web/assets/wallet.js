// Everything here is a comfort: pages say and do the same without it.

// Times are written on the server. Tell it in which zone, and until it knows, rewrite those that it wrote in UTC.
const { zone: known, zoneCookie } = document.documentElement.dataset;
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zoneCookie && zone) {
  if (zone !== known) {
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `${zoneCookie}=${zone}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
  }
  for (const time of document.querySelectorAll("time[datetime*=T]")) {
    const at = new Date(time.dateTime);
    if (!time.textContent.endsWith(" UTC") || Number.isNaN(at.getTime()) || at.getTimezoneOffset() === 0) continue;
    const parts = { day: "numeric", month: "long", year: "numeric", hour: "2-digit", minute: "2-digit", timeZoneName: "short" };
    time.title = time.textContent;
    time.textContent = new Intl.DateTimeFormat("en-GB", parts).format(at).replace(" at ", " ");
  }
}

// Buttons that copy what stands beside them are hidden where they could not work.
for (const button of document.querySelectorAll("button[data-copy]")) {
  if (!navigator.clipboard) break;
  button.hidden = false;
  const label = button.textContent;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Select it to copy";
    }
    setTimeout(() => { button.textContent = label; }, 2000);
  });
}
