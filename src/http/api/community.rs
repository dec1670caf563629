//! What fans do around a sale, one file or folder for each part of `src/community/`.

pub mod articles;
pub mod likes;
pub mod moderation;
pub mod setlists;
