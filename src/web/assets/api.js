// Requests to the JSON API with the session cookies. A request that changes something has an
// Idempotency-Key, so that it can be sent again when its answer is lost.

import { observe } from './clock.js';

const TIMEOUT_MS = 15_000;
const PAUSE_BEFORE_RETRY_MS = 600;
/** Failures after which the same request with the same key is sent once more. */
const AGAIN = ['NETWORK', 'OUTCOME_UNKNOWN', 'BUSY', 'TEMPORARILY_UNAVAILABLE', 'SHUTTING_DOWN'];

/** How often a request is sent in a crowd, where a proof may be too easy by the time that it is found. */
export const TIMES = 4;

/** A failure of a request. `status` is 0 and `code` is `NETWORK` if no answer came. */
export class ApiError extends Error {
  constructor(status, code, message, details, retryAfter) {
    super(message || code);
    this.status = status;
    this.code = code;
    this.details = details || {};
    /** Seconds to wait before the next attempt, or 0. */
    this.retryAfter = retryAfter || 0;
  }
}

/** Returns a new Idempotency-Key. `crypto.randomUUID` is missing on plain http to another host. */
export function newKey() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * Sends a request and returns the `data` of its answer. Throws an `ApiError`.
 *
 * Options: `key` (Idempotency-Key; a new one by default), `guest` (whether to make a guest session
 * if there is no session; by default for all methods but GET), `timeout` in ms, `signal`.
 */
export async function request(method, url, body, options = {}) {
  const call = { method, url, body, ...options };
  if (method !== 'GET') call.key ??= newKey();
  call.guest ??= method !== 'GET';
  try {
    return await withSession(call);
  } catch (error) {
    if (!AGAIN.includes(error.code) || error.retryAfter > 2 || options.signal?.aborted) throw error;
    await pause(Math.max(PAUSE_BEFORE_RETRY_MS, error.retryAfter * 1000));
    return withSession(call);
  }
}

/** Waits for so many milliseconds. */
export function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Whether the page was made for a browser without a session. */
let without = document.documentElement.dataset.session === 'none';

/** Returns whether there is, or may be, a session. */
export function maySession() {
  return !without;
}

async function withSession(call) {
  if (without && call.guest) await session('guest');
  try {
    return await send(call);
  } catch (error) {
    if (error.status !== 401) throw error;
    if (error.code === 'TOKEN_EXPIRED' && (await session('refresh'))) return send(call);
    if (!call.guest || !['TOKEN_EXPIRED', 'UNAUTHORIZED'].includes(error.code)) throw error;
    if (!(await session('guest'))) throw error;
    return send(call);
  }
}

/** The session requests under way: several requests that need one share it. */
const sessions = {};

function session(kind) {
  sessions[kind] ??= send({ method: 'POST', url: `/session/${kind}`, body: {} })
    .then(
      () => {
        without = false;
        return true;
      },
      (error) => {
        if (error.status === 401 || error.status === 403) return false;
        throw error;
      },
    )
    .finally(() => delete sessions[kind]);
  return sessions[kind];
}

/** Sends a request. Where its network has sent too many, a proof of work lets it pass. */
async function send(call) {
  for (let nth = 1, proof; ; nth += 1) {
    try {
      return await sendOnce({ ...call, proof });
    } catch (error) {
      const path = error.status === 429 ? error.details.challenge : null;
      if (!path || nth === TIMES || call.signal?.aborted) throw error;
      const { challenge, bits } = await sendOnce({ method: 'GET', url: path });
      const { solved } = await import('./proof-task.js');
      proof = await solved({ challenge, bits });
    }
  }
}

async function sendOnce({ method, url, body, key, proof, signal, timeout = TIMEOUT_MS }) {
  const headers = { Accept: 'application/json' };
  if (proof) headers['X-Challenge-Answer'] = proof;
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  if (key) headers['Idempotency-Key'] = key;
  const abort = new AbortController();
  const stop = () => abort.abort();
  const timer = setTimeout(stop, timeout);
  signal?.addEventListener('abort', stop);
  const sentAt = performance.now();
  try {
    const response = await fetch(url, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: 'same-origin',
      signal: abort.signal,
    });
    return await answerOf(response, sentAt);
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw new ApiError(0, 'NETWORK', String(error));
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
  }
}

async function answerOf(response, sentAt) {
  const arrivedAt = performance.now();
  const text = await response.text();
  let answer = null;
  try {
    answer = text ? JSON.parse(text) : {};
  } catch {
    // A proxy answered with a page of its own: only the status is known.
  }
  const serverTime = answer?.data?.serverTime;
  // The date of an answer that may come from the browser's cache says nothing.
  const fresh = response.headers.get('cache-control')?.includes('no-store') ? response.headers.get('date') : null;
  observe(serverTime || fresh, sentAt, arrivedAt, serverTime ? 1 : 1000);
  if (response.ok && answer) return answer.data;
  const { code = `HTTP_${response.status}`, message, details } = answer?.error ?? {};
  const retryAfter = Number(response.headers.get('retry-after')) || 0;
  throw new ApiError(response.status, code, message, details, retryAfter);
}
