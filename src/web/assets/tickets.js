// The pages of tickets: kept on this device by the service worker, so that they show at a door
// without a network; and the screen stays on while a ticket is shown.

async function keep() {
  const isControlled = Boolean(navigator.serviceWorker.controller);
  await navigator.serviceWorker.register('/sw.js');
  const { active } = await navigator.serviceWorker.ready;
  // The page that installs the worker was loaded without it.
  if (!isControlled) active.postMessage({ type: 'keep' });
}

// Browsers have service workers on https and localhost only.
if ('serviceWorker' in navigator) {
  keep().catch(() => {
    // Storage is off or full: tickets need the network.
  });
}

async function stayAwake() {
  if (document.hidden) return;
  try {
    await navigator.wakeLock.request('screen');
  } catch {
    // The battery is low, or the browser was told not to.
  }
}

if ('wakeLock' in navigator && location.pathname !== '/tickets') {
  // A page that is hidden loses its lock.
  document.addEventListener('visibilitychange', stayAwake);
  stayAwake();
}
