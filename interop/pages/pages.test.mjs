// Every page of the list in a real browser: nothing that axe-core finds, no scrolling sideways, no complaints of the
// browser (its content security policy among them), and forms that work without JavaScript.

import assert from 'node:assert/strict';
import { faults } from '../support/axe.mjs';
import { scenario } from '../support/provider.mjs';
import { PAGES } from './list.mjs';
import { visit, WIDTHS } from './visit.mjs';
import { SETTINGS, World } from './world.mjs';

/** How many pixels of the page lie beyond its right edge. */
const beyond = (page) => page.evaluate(() => globalThis.document.documentElement.scrollWidth - globalThis.innerWidth);

/** A page that is meant to be missing is reported as such by the browser. */
const expectedComplaints = (row) => (row.status >= 400 ? [/Failed to load resource/] : []);

/** Browsers report it when a form is refused, which is what some rows send theirs for. */
const refusals = (row) => (row.refuses ? [/status of 422/] : []);

/** All of them, or those that are named: PAGES=login,home. */
const chosen = process.env.PAGES?.split(',');
const isChosen = ({ name }) => !chosen || chosen.includes(name);

/** There will be many pages, and machines that are slow. */
const PATIENCE_MS = 900_000;

const everyPage = async (provider, line) => {
  const world = await World.furnish(provider);
  for (const row of PAGES.filter(isChosen)) {
    const kinds = WIDTHS.map((width) => ({ width })).concat(row.dark ? [{ width: 1280, dark: true }] : []);
    for (const kind of kinds) {
      await line(`${row.name} at ${kind.width}${kind.dark ? ', dark' : ''}`, async () => {
        const { person, page } = await visit(world, row, kind);
        assert.equal(page.opened.status(), row.status ?? 200);
        assert.deepEqual(await faults(page), []);
        assert.ok((await beyond(page)) <= 0, 'it scrolls sideways');
        assert.equal(await page.locator('h1').count(), 1);
        await person.leave(...expectedComplaints(row));
      });
    }
    if (!row.form) continue;
    await line(`${row.name} without JavaScript`, async () => {
      const { person, page } = await visit(world, row, { width: 390, script: false });
      assert.equal(page.opened.status(), row.status ?? 200);
      assert.ok(await page.locator('h1').isVisible());
      await row.form(page, world);
      await person.leave(...expectedComplaints(row), ...refusals(row));
    });
  }
};

scenario('pages', everyPage, { patience: PATIENCE_MS, settings: SETTINGS });
