// The camera of the door: shows it, and reports the codes that it sees.

/** The time between two pictures that are read. */
const PICTURE_EVERY_MS = 100;
/** A code is reported again when the camera has not seen it for so long. */
const SAME_CODE_MS = 3000;
/** The longer side of the picture that is read: enough for a code that fills a third of it. */
const PICTURE_PX = 640;

/** Why a camera cannot be used, as the last part of a text's key. */
const REASONS = {
  NotAllowedError: 'refused',
  SecurityError: 'refused',
  NotFoundError: 'absent',
  OverconstrainedError: 'absent',
  NotReadableError: 'busy',
  AbortError: 'busy',
};

/** A camera that reads codes. `onCode(text)` is called for each, `onEnd(why)` when the camera stops. */
export class Camera {
  #video;
  #onCode;
  #onEnd;
  #stream = null;
  #starting = null;
  #decoder = null;
  #decoding = false;
  #takenAt = -Infinity;
  #canvas = document.createElement('canvas');
  #context = this.#canvas.getContext('2d', { willReadFrequently: true });
  /** When each code was last seen, by `performance.now()`. */
  #seen = new Map();

  constructor(video, { onCode, onEnd }) {
    this.#video = video;
    this.#onCode = onCode;
    this.#onEnd = onEnd;
  }

  get runs() {
    return this.#stream !== null;
  }

  /** Starts the rear camera. Returns `on`, or why it cannot: `insecure`, `refused`, `absent`, `busy`. */
  start() {
    // Two starts at once would take the picture from each other.
    this.#starting ??= this.#start().finally(() => (this.#starting = null));
    return this.#starting;
  }

  async #start() {
    if (this.runs) return 'on';
    // Browsers hide the camera from pages that came over plain http.
    if (!navigator.mediaDevices?.getUserMedia) return window.isSecureContext ? 'absent' : 'insecure';
    try {
      this.#stream = await navigator.mediaDevices.getUserMedia({
        audio: false,
        video: { facingMode: { ideal: 'environment' }, width: { ideal: 1280 }, height: { ideal: 720 } },
      });
      this.#stream.getVideoTracks()[0].addEventListener('ended', () => this.stop());
      this.#decoder ??= this.#startDecoder();
      this.#video.srcObject = this.#stream;
      await this.#video.play();
    } catch (error) {
      this.stop();
      return REASONS[error.name] ?? 'absent';
    }
    this.#next();
    return 'on';
  }

  /** Stops the camera; its light goes out. `why` is what `onEnd` is told. */
  stop(why = 'off') {
    if (!this.runs) return;
    for (const track of this.#stream.getTracks()) track.stop();
    this.#stream = null;
    this.#video.srcObject = null;
    this.#onEnd(why);
  }

  #startDecoder() {
    const decoder = new Worker(new URL('./door-decoder.js', import.meta.url), { type: 'module' });
    decoder.onmessage = ({ data }) => {
      this.#decoding = false;
      if (data && this.runs) this.#saw(data);
    };
    decoder.onerror = () => this.stop('failed');
    return decoder;
  }

  #next() {
    if (!this.runs) return;
    const take = () => {
      this.#take();
      this.#next();
    };
    if (this.#video.requestVideoFrameCallback) this.#video.requestVideoFrameCallback(take);
    else requestAnimationFrame(take);
  }

  #take() {
    const now = performance.now();
    const { videoWidth, videoHeight } = this.#video;
    if (this.#decoding || now - this.#takenAt < PICTURE_EVERY_MS || !videoWidth) return;
    this.#takenAt = now;
    const scale = Math.min(1, PICTURE_PX / Math.max(videoWidth, videoHeight));
    const [width, height] = [Math.round(videoWidth * scale), Math.round(videoHeight * scale)];
    if (this.#canvas.width !== width) this.#canvas.width = width;
    if (this.#canvas.height !== height) this.#canvas.height = height;
    this.#context.drawImage(this.#video, 0, 0, width, height);
    const pixels = this.#context.getImageData(0, 0, width, height).data.buffer;
    this.#decoding = true;
    this.#decoder.postMessage({ pixels, width, height }, [pixels]);
  }

  #saw(code) {
    const now = performance.now();
    for (const [other, at] of this.#seen) {
      if (now - at > SAME_CODE_MS) this.#seen.delete(other);
    }
    const isNew = !this.#seen.has(code);
    this.#seen.set(code, now);
    if (isNew) this.#onCode(code);
  }
}
