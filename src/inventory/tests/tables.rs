//! Tables of behaviour: given these commands, this one is answered so.
