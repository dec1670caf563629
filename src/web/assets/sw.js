// The service worker: keeps the tickets that this browser has opened, and shows them where there is
// no network. Nothing else is ever answered with a copy: sales change by the second.

const PAGES = 'tickets-1';
const ASSETS = 'assets-1';
const OFFLINE = '/offline';
/** How long a ticket's page may take before its copy is shown. */
const PATIENCE_MS = 3000;
const MOST_PAGES = 60;
const TICKETS = /^\/tickets(\/[0-9a-f]{8}-[0-9a-f-]{27})?$/i;
/** Forms that may give this browser to another person. */
const SIGN_INS = ['/sign-in', '/register', '/claim', '/account/password'];

self.addEventListener('install', (event) => {
  self.skipWaiting();
  event.waitUntil(fetch(OFFLINE).then(async (page) => keepOfflinePage(await page.text(), page)));
});

self.addEventListener('activate', (event) => event.waitUntil(activate()));

async function activate() {
  const names = await caches.keys();
  const old = names.filter((name) => ![PAGES, ASSETS].includes(name));
  await Promise.all(old.map((name) => caches.delete(name)));
  // Pages are asked for while the worker starts.
  await self.registration.navigationPreload?.enable();
  await self.clients.claim();
}

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (url.origin !== self.location.origin) return;
  if (request.method === 'GET' && url.pathname.startsWith('/assets/')) {
    event.respondWith(asset(request));
  } else if (request.mode !== 'navigate') {
    return;
  } else if (request.method === 'GET') {
    event.respondWith(TICKETS.test(url.pathname) ? ticket(event, keyOf(url)) : page(event));
  } else if (url.pathname === '/sign-out') {
    event.waitUntil(forget());
  } else if (SIGN_INS.includes(url.pathname)) {
    event.respondWith(signIn(request));
  }
});

// A page that was loaded before this worker ran asks to be kept.
self.addEventListener('message', (event) => {
  if (event.data?.type !== 'keep') return;
  const url = new URL(event.data.path, self.location.origin);
  if (url.origin !== self.location.origin || !TICKETS.test(url.pathname)) return;
  const loaded = fetch(url, { headers: { Accept: 'text/html' } });
  event.waitUntil(loaded.then((response) => keep(keyOf(url), response)).catch(() => {}));
});

/** Returns the address under which a page is kept: notices of what was just done are no part of it. */
function keyOf(url) {
  const after = url.searchParams.get('after');
  return url.pathname + (after ? `?after=${encodeURIComponent(after)}` : '');
}

async function load(event) {
  return (await event.preloadResponse) ?? fetch(event.request);
}

/** Any other page: the server's, or one that says that there is no connection. */
async function page(event) {
  return load(event).catch(offlinePage);
}

/** A page of tickets: the server's if it comes in time, else the copy. */
async function ticket(event, key) {
  const answer = load(event);
  event.waitUntil(answer.then((response) => keep(key, response.clone())).catch(() => {}));
  const copy = await caches.match(key, { cacheName: PAGES, ignoreVary: true });
  if (!copy) return answer.catch(offlinePage);
  const late = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS));
  const response = await Promise.race([answer.catch(() => null), late]);
  // A proxy answers 502 or 503 for a server that is down.
  return response && response.status < 500 ? response : marked(copy);
}

/** A form of signing in: the next person sees no tickets of the one before. */
async function signIn(request) {
  const response = await fetch(request);
  if (response.type === 'opaqueredirect') await forget();
  return response;
}

async function asset(request) {
  const kept = await caches.match(request, { cacheName: ASSETS, ignoreVary: true });
  return kept ?? fetch(request);
}

async function offlinePage() {
  const copy = await caches.match(OFFLINE, { cacheName: ASSETS, ignoreVary: true });
  if (!copy) return Response.error();
  return new Response(copy.body, { status: 503, headers: copy.headers });
}

/** Returns a copy, with its age and a note that it is a copy. */
async function marked(copy) {
  const html = await copy.text();
  const at = new Date(Number(copy.headers.get('saved-at')));
  const style = { dateStyle: 'medium', timeStyle: 'short' };
  const text = new Intl.DateTimeFormat(languageOf(html), style).format(at);
  const shown = html
    .replace('class="warning saved-copy" hidden', 'class="warning saved-copy"')
    .replace('<time data-saved-at></time>', `<time datetime="${at.toISOString()}">${text}</time>`);
  return new Response(shown, { headers: copy.headers });
}

/** Keeps a page of tickets with its styles and scripts; only pages of one person at a time. */
async function keep(key, response) {
  const pages = await caches.open(PAGES);
  if (response.status === 404) await pages.delete(key);
  // The session is over: the copies are not for the next person.
  if (response.type === 'opaqueredirect' || response.redirected || response.status === 401) await forget();
  if (!response.ok || response.redirected) return;
  const html = await response.text();
  const owner = /data-owner="([^"]+)"/.exec(html)?.[1];
  if (!owner) return;
  for (const [other, kept] of await entries(pages)) {
    if (kept.headers.get('saved-owner') !== owner) await pages.delete(other);
  }
  const headers = { 'saved-owner': owner, 'saved-at': String(Date.now()) };
  await store(pages, key, html, response, headers);
  await keepAssets(html);
  await refreshOfflinePage(html);
  await trim(pages);
}

async function store(cache, key, html, response, more) {
  const headers = new Headers(response.headers);
  ['content-encoding', 'content-length'].forEach((name) => headers.delete(name));
  headers.set('saved-assets', assetsOf(html).join(' '));
  for (const [name, value] of Object.entries(more)) headers.set(name, value);
  await cache.put(key, new Response(html, { headers }));
}

/** Loads the files that a page needs, unless they are kept: their addresses never change meaning. */
async function keepAssets(html) {
  const cache = await caches.open(ASSETS);
  for (const url of assetsOf(html)) {
    if (await cache.match(url, { ignoreVary: true })) continue;
    const response = await fetch(url).catch(() => null);
    // A file of another build is no copy of this one.
    const isThis = response?.ok && response.headers.get('cache-control')?.includes('immutable');
    if (isThis) await cache.put(url, response);
  }
}

async function keepOfflinePage(html, response) {
  if (!response.ok) return;
  const headers = { 'saved-for': versionOf(html) };
  await store(await caches.open(ASSETS), OFFLINE, html, response, headers);
  await keepAssets(html);
}

/** Loads the offline page anew in the language and with the styles of a page that was just loaded. */
async function refreshOfflinePage(html) {
  const kept = await caches.match(OFFLINE, { cacheName: ASSETS, ignoreVary: true });
  if (kept?.headers.get('saved-for') === versionOf(html)) return;
  const response = await fetch(OFFLINE, { headers: { Accept: 'text/html' } }).catch(() => null);
  if (response) await keepOfflinePage(await response.text(), response);
}

/** Deletes the oldest copies and the files that no copy needs. */
async function trim(pages) {
  const kept = await entries(pages);
  const age = ([, response]) => Number(response.headers.get('saved-at'));
  kept.sort((one, other) => age(other) - age(one));
  for (const [old] of kept.splice(MOST_PAGES)) await pages.delete(old);
  const cache = await caches.open(ASSETS);
  const offline = await cache.match(OFFLINE, { ignoreVary: true });
  const needed = new Set(['/offline']);
  for (const response of [offline, ...kept.map(([, response]) => response)]) {
    const list = response?.headers.get('saved-assets') ?? '';
    list.split(' ').forEach((url) => needed.add(url));
  }
  for (const file of await cache.keys()) {
    if (!needed.has(new URL(file.url).pathname)) await cache.delete(file);
  }
}

async function entries(cache) {
  const keys = await cache.keys();
  return Promise.all(keys.map(async (key) => [key, await cache.match(key, { ignoreVary: true })]));
}

/** Deletes all tickets of this device. */
async function forget() {
  await caches.delete(PAGES);
}

function assetsOf(html) {
  const found = html.matchAll(/(?:href|src)="(\/assets\/[^"]+)"/g);
  return [...new Set([...found].map(([, url]) => url))];
}

function languageOf(html) {
  return /<html lang="([\w-]+)"/.exec(html)?.[1] ?? 'en';
}

/** Returns the language and the build of a page. */
function versionOf(html) {
  return `${languageOf(html)} ${/\/assets\/([^/]+)\//.exec(html)?.[1] ?? ''}`;
}
