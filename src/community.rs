//! What fans do around a sale: concerts with their artists, likes, search, reminders, articles, chat
//! and setlists. Plain rows beside the engine: nothing here is read by a sale, and nothing here changes
//! stock.

pub mod chat;
pub mod setlists;
