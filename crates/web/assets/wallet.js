// Times are written in UTC. Where scripts run they are shown in the reader's own zone, with UTC as a tooltip.
for (const time of document.querySelectorAll("time[datetime]")) {
  const at = new Date(time.dateTime);
  if (Number.isNaN(at.getTime()) || at.getTimezoneOffset() === 0) continue;
  const parts = { day: "numeric", month: "long", year: "numeric", hour: "2-digit", minute: "2-digit", timeZoneName: "short" };
  time.title = time.textContent;
  time.textContent = new Intl.DateTimeFormat("en-GB", parts).format(at).replace(" at ", " ");
}
