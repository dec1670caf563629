// The script of pages that need nothing but countdowns.

import './address.js';
import { countdowns } from './clock.js';

countdowns();
