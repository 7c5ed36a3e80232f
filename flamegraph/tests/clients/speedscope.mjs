// Loads a profile into speedscope in a headless browser, offline, and fails on any page error, on a
// request to the network, or if no profile is shown.
// usage: CLIENTS_DIR=folder CHROMIUM=binary node speedscope.mjs FILE SCRATCH_FOLDER
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [, , file, scratch] = process.argv;
const clients = path.resolve(process.env.CLIENTS_DIR);
const { chromium } = createRequire(path.join(clients, 'package.json'))('playwright-core');

// speedscope's own way to open a local file: a script that calls it with the name and the content.
const name = path.basename(file);
const script = path.join(path.resolve(scratch), 'speedscope-input.js');
const content = fs.readFileSync(file).toString('base64');
fs.writeFileSync(script, `speedscope.loadFileFromBase64(${JSON.stringify(name)}, ${JSON.stringify(content)})`);

const problems = [];
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: ['--no-sandbox', '--allow-file-access-from-files', '--use-gl=angle', '--use-angle=swiftshader',
    '--enable-unsafe-swiftshader'],
});
try {
  const page = await browser.newPage({ viewport: { width: 1200, height: 800 } });
  page.on('pageerror', (error) => problems.push(`page error: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(`console: ${message.text()}`);
  });
  page.on('dialog', (dialog) => {
    problems.push(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  page.on('request', (request) => {
    if (!/^(file|data|blob):/.test(request.url())) problems.push(`request: ${request.url()}`);
  });
  const index = path.join(clients, 'node_modules', 'speedscope', 'dist', 'release', 'index.html');
  await page.goto(`${pathToFileURL(index)}#localProfilePath=${script}`);
  try {
    // The page takes the profile's name for its title once it is shown.
    await page.waitForFunction((expected) => document.title.includes(expected), name, { timeout: 20000 });
    for (const view of ['2', '3', '1']) {
      await page.keyboard.press(view);
      await page.waitForTimeout(300);
    }
  } catch (error) {
    problems.push(`the profile is not shown: ${error.message.split('\n')[0]} (title "${await page.title()}")`);
  }
} finally {
  await browser.close();
}
for (const problem of problems) console.error(problem);
process.exit(problems.length > 0 ? 1 : 0);
