// Photographs every page of the list for the documentation: docs/screenshots/<name>-<width>.png. Names as arguments
// choose some of the pages.

import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { scenario } from '../support/provider.mjs';
import { PAGES } from './list.mjs';
import { small } from './png.mjs';
import { visit, WIDTHS } from './visit.mjs';
import { SETTINGS, World } from './world.mjs';

const FOLDER = fileURLToPath(new URL('../../docs/screenshots/', import.meta.url));
/** Port of the provider, which is part of the addresses on the pages. */
const PORT = 4000;
/** Pages that are longer are cut off, in pixels. */
const HEIGHT_MAX = 1800;

const chosen = process.argv.slice(2);
scenario(
  'screenshots',
  async (provider, line) => {
    const world = await World.furnish(provider);
    await mkdir(FOLDER, { recursive: true });
    for (const row of PAGES.filter(({ name }) => chosen.length === 0 || chosen.includes(name))) {
      const kinds = WIDTHS.map((width) => ({ width })).concat(row.dark ? [{ width: 1280, dark: true }] : []);
      for (const kind of kinds) {
        const file = `${row.name}-${kind.width}${kind.dark ? '-dark' : ''}.png`;
        await line(file, async () => {
          // The first visit tells the provider the browser's time zone.
          const { person, page } = await visit(world, row, kind);
          await page.reload();
          const height = await page.evaluate(() => globalThis.document.documentElement.scrollHeight);
          await page.setViewportSize({ width: kind.width, height: Math.min(Math.max(height, 700), HEIGHT_MAX) });
          await writeFile(`${FOLDER}${file}`, small(await page.screenshot()));
          await person.context.close();
        });
      }
    }
  },
  { port: PORT, patience: 600_000, settings: SETTINGS },
);
