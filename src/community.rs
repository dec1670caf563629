//! What fans do around a sale: articles, chat, likes and setlists. Plain rows beside the engine: nothing
//! here is read by a sale, and nothing here changes stock.

pub mod articles;
pub mod catalogue;
pub mod chat;
pub mod likes;
pub mod metrics;
pub mod moderation;
pub mod pictures;
pub mod setlists;
