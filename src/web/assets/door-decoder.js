// A worker that reads QR codes from pictures, so that the page stays quick on a slow phone.

import './jsqr.js';

self.onmessage = ({ data: { pixels, width, height } }) => {
  const found = self.jsQR(new Uint8ClampedArray(pixels), width, height, {
    // A ticket in dark mode is light on dark.
    inversionAttempts: 'attemptBoth',
  });
  self.postMessage(found?.data ?? '');
};
