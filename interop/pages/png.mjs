// Small pictures: a screenshot has few colours, so a palette of 256 does, chosen by how often they occur.

import zlib from 'node:zlib';
import { PNG } from 'pngjs';

const COLOURS_MAX = 256;
const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/** The same picture, opaque, as a PNG with a palette (PNG specification, colour type 3). */
export function small(png) {
  const { width, height, data } = PNG.sync.read(png);
  const nearest = palette(data);
  const rows = Buffer.alloc(height * (width + 1));
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const at = (y * width + x) * 4;
      rows[y * (width + 1) + 1 + x] = nearest.index(data[at], data[at + 1], data[at + 2]);
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 3, 0, 0, 0], 8);
  const pixels = zlib.deflateSync(rows, { level: 9, memLevel: 9 });
  const parts = [chunk('IHDR', header), chunk('PLTE', nearest.bytes), chunk('IDAT', pixels), chunk('IEND', Buffer.alloc(0))];
  return Buffer.concat([SIGNATURE, ...parts]);
}

function chunk(type, data) {
  const named = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  check.writeUInt32BE(zlib.crc32(named));
  return Buffer.concat([length, named, check]);
}

/** The most frequent colours, and how to find the one nearest to any other. */
function palette(data) {
  const counts = new Map();
  for (let at = 0; at < data.length; at += 4) {
    const colour = (data[at] << 16) | (data[at + 1] << 8) | data[at + 2];
    counts.set(colour, (counts.get(colour) ?? 0) + 1);
  }
  const colours = [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, COLOURS_MAX).map(([colour]) => colour);
  const known = new Map(colours.map((colour, index) => [colour, index]));
  const bytes = Buffer.from(colours.flatMap((colour) => [colour >> 16, (colour >> 8) & 255, colour & 255]));
  const index = (red, green, blue) => {
    const colour = (red << 16) | (green << 8) | blue;
    if (!known.has(colour)) {
      let [best, distance] = [0, Infinity];
      for (let place = 0; place < colours.length; place += 1) {
        const [r, g, b] = [bytes[place * 3] - red, bytes[place * 3 + 1] - green, bytes[place * 3 + 2] - blue];
        const away = 3 * r * r + 4 * g * g + 2 * b * b;
        if (away < distance) [best, distance] = [place, away];
      }
      known.set(colour, best);
    }
    return known.get(colour);
  };
  return { bytes, index };
}
