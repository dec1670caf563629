// The script of pages that need nothing but countdowns. A page that the back button takes out of the
// browser's memory is loaded anew: its order may be paid by now.

import './address.js';
import { countdowns } from './clock.js';

countdowns();
addEventListener('pageshow', ({ persisted }) => persisted && location.reload());
