// Sound and vibration of the door and of the waiting room: rising and clear for a valid ticket and for a
// turn, low and doubled for any other result. Browsers allow them only after a gesture on the page.

let context;

/** Makes the next tones possible: call it in the handler of a tap or a key. */
export function unlock() {
  const Context = window.AudioContext ?? window.webkitAudioContext;
  if (!Context) return;
  context ??= new Context();
  if (context.state === 'suspended') context.resume();
}

/** Plays the tone of a result: `good` or any other. */
export function signal(good) {
  if (navigator.userActivation?.hasBeenActive) navigator.vibrate?.(good ? 80 : [220, 90, 220]);
  if (context?.state !== 'running') return;
  if (good) {
    tone({ type: 'sine', from: 880, to: 1320, at: 0, length: 0.18 });
  } else {
    tone({ type: 'square', from: 196, to: 196, at: 0, length: 0.22 });
    tone({ type: 'square', from: 147, to: 147, at: 0.28, length: 0.3 });
  }
}

function tone({ type, from, to, at, length }) {
  const begin = context.currentTime + at;
  const oscillator = context.createOscillator();
  const gain = context.createGain();
  oscillator.type = type;
  oscillator.frequency.setValueAtTime(from, begin);
  oscillator.frequency.linearRampToValueAtTime(to, begin + length);
  // Without a ramp a tone begins and ends with a click.
  gain.gain.setValueAtTime(0, begin);
  gain.gain.linearRampToValueAtTime(0.25, begin + 0.02);
  gain.gain.linearRampToValueAtTime(0, begin + length);
  oscillator.connect(gain).connect(context.destination);
  oscillator.start(begin);
  oscillator.stop(begin + length);
}
