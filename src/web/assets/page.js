// The script of pages that need nothing but countdowns.

import { countdowns } from './clock.js';

countdowns();
