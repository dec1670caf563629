//! What fans find about the event that the demonstration sells: artists, a series with a poster, an
//! article, a setlist, and a word in its chat.

use bytes::Bytes;

use crate::accounts::{Caller, Role};
use crate::community::articles::{ArticleCategory, ArticleDraft};
use crate::community::catalogue::{
    ArtistDraft, ConcertCategory, ConcertDraft, SeriesDraft, TicketLink,
};
use crate::community::chat::MessageDraft;
use crate::community::setlists::{Playlists, SetlistDraft, Song};
use crate::http::error::ApiError;
use crate::http::state::AppState;
use crate::ids::{OfferingId, UserId};
use crate::inventory::TimestampMs;
use crate::server::StartError;

const POSTER: &[u8] = include_bytes!("poster.png");

const CONTENT: &str = "Doors open an hour before the show.\n\n\
    - **Stalls**: the nearest, and the loudest\n\
    - *Circle*: the best view of the whole stage\n\n\
    > Come early: the bar is small.";

/// Makes all of it.
pub(super) async fn make(
    state: &AppState,
    by: UserId,
    event: OfferingId,
    now: TimestampMs,
) -> Result<(), StartError> {
    let failed = |error: ApiError| {
        StartError::Machine(format!("what fans see cannot be made: {}", error.message()))
    };
    let by = Caller::account(by, Role::Admin);
    concert(state, by, event, now).await.map_err(failed)?;
    article(state, by, event, now).await.map_err(failed)?;
    setlist(state, by, event, now).await.map_err(failed)?;
    word(state, by, event, now).await.map_err(failed)
}

async fn concert(
    state: &AppState,
    by: Caller,
    event: OfferingId,
    now: TimestampMs,
) -> Result<(), ApiError> {
    let catalogue = &state.catalogue;
    let mut artists = Vec::new();
    for (name, other) in [("The Night Shift", "나이트 시프트"), ("한밤중", "Hanbamjung")] {
        let draft = ArtistDraft {
            name: name.into(),
            other_names: vec![other.into()],
            description: String::new(),
            image: None,
        };
        artists.push(catalogue.create_artist(by.user, draft, None, now).await?.0.id);
    }
    let series = SeriesDraft { name: "Small halls".into(), description: String::new() };
    let (series, _) = catalogue.create_series(by.user, series, None, now).await?;
    // Instances that share no place for pictures have none.
    let poster = state.pictures.upload(by, Bytes::from_static(POSTER), now).await.ok();
    let draft = ConcertDraft {
        category: ConcertCategory::Concert,
        artists,
        series: Some(series.id),
        poster: poster.map(|picture| picture.id),
        images: Vec::new(),
        ticket_links: vec![TicketLink {
            name: "Box office of the hall".into(),
            url: "https://tickets.example.com/the-little-theatre".into(),
        }],
        ticket_open: None,
    };
    catalogue.put(event, draft, None, now).await?;
    Ok(())
}

async fn article(
    state: &AppState,
    by: Caller,
    event: OfferingId,
    now: TimestampMs,
) -> Result<(), ApiError> {
    let draft = ArticleDraft {
        title: "Before you come to the demo night".into(),
        content: CONTENT.into(),
        category: ArticleCategory::Preview,
        tags: vec!["demo".into(), "the little theatre".into()],
        concert: Some(event),
        images: Vec::new(),
    };
    state.articles.create(by, draft, true, None, now).await?;
    Ok(())
}

async fn setlist(
    state: &AppState,
    by: Caller,
    event: OfferingId,
    now: TimestampMs,
) -> Result<(), ApiError> {
    let song = |title: &str, is_encore| Song {
        title: title.into(),
        artist: None,
        note: None,
        is_encore,
        youtube_music: None,
        spotify: None,
    };
    let songs = vec![song("Last Train", false), song("한밤의 전화", false), song("Home", true)];
    let draft = SetlistDraft { version: 0, songs, playlists: Playlists::default() };
    state.setlists.put(by, event, draft, None, now).await?;
    Ok(())
}

async fn word(
    state: &AppState,
    by: Caller,
    event: OfferingId,
    now: TimestampMs,
) -> Result<(), ApiError> {
    let room = state.chat.room_of_concert(by, event, now).await?.room.id;
    state.chat.join(by, room, now).await?;
    let person = state.chat.person(by).await?;
    let content = "Welcome! Who comes to the demo night?".into();
    let draft = MessageDraft { content, ..MessageDraft::default() };
    state.chat.send(&person, room, draft, now).await?;
    Ok(())
}
