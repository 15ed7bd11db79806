// Opening a page of the list as somebody, at some width and in some colours.

import { Person } from '../support/browser.mjs';

/** Widths of a telephone and of a laptop. */
export const WIDTHS = [390, 1280];
const HEIGHTS = { 390: 844, 1280: 800 };

/** The cookies of people who have logged in once. */
const cookies = new WeakMap();

async function loggedIn(world, name) {
  if (!cookies.has(world)) cookies.set(world, {});
  const known = cookies.get(world);
  if (!known[name]) {
    const person = await Person.loggedIn(world.provider, name);
    known[name] = await person.context.storageState();
    // Whoever is logged in sees times in the zone that the script told before; here every visit tells its own.
    known[name].cookies = known[name].cookies.filter((cookie) => !cookie.name.includes('zone'));
    await person.leave();
  }
  return known[name];
}

/**
 * Sits down at a browser of this kind, logged in if the page needs that, and opens the page.
 *
 * @param {import('./world.mjs').World} world
 * @param {import('./list.mjs').Page} row
 * @param {{ width: number, dark?: boolean, script?: boolean }} kind
 */
export async function visit(world, row, { width, dark = false, script = true }) {
  const { url } = world.provider;
  const person = await Person.sitDown({
    storageState: row.as && (await loggedIn(world, row.as)),
    viewport: { width, height: HEIGHTS[width] },
    colorScheme: dark ? 'dark' : 'light',
    javaScriptEnabled: script,
    locale: 'en-CA',
    timezoneId: 'America/Toronto',
  });
  const path = typeof row.path === 'function' ? await row.path(world) : row.path;
  const page = await person.open(new URL(path, url).href);
  return { person, page };
}
