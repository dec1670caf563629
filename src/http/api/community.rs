//! What fans do around a sale, one file or folder for each part of `src/community/`.

pub mod likes;
