//! What fans do around a sale, one file or folder for each part of `src/community/`.

pub mod articles;
pub mod artists;
pub(crate) mod chat_frames;
pub mod chat_messages;
pub mod chat_rooms;
pub mod chat_socket;
pub mod concerts;
pub mod images;
pub mod likes;
pub mod moderation;
pub mod setlists;
