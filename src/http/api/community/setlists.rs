//! Setlists of concerts and their versions, and "I was there".

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::caller::Caller as Person;
use crate::community::moderation::BanScope;
use crate::community::setlists::{
    Attendance, Playlists, Setlist, SetlistDraft, SetlistVersion, Song,
};
use crate::http::envelope::{Done, Page, Success};
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{Body, Caller, IdempotencyKey, MaybeCaller, Path, Query, Staff, object};
use crate::http::pages::{PageQuery, next_cursor};
use crate::http::respond::{self, mark_replayed, rfc3339};
use crate::http::state::AppState;
use crate::ids::{OfferingId, UserId};

/// The largest body in bytes: 100 songs with all their fields.
const LIMIT: usize = 512 * 1_024;

/// Adds the routes of one event.
pub fn of_event(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/setlist").get(show).put(put).delete(delete))
        .service(web::resource("/setlist/versions").get(versions))
        .service(web::resource("/setlist/versions/{version}").get(version))
        .service(web::resource("/attendance").get(attendance).put(attend).delete(not_attend));
}

/// Adds the routes of the caller.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/users/me/attended").get(attended));
}

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] = &[
    ("get", "/api/events/{event}/setlist", READING),
    ("get", "/api/events/{event}/setlist/versions/{version}", READING),
    (
        "put",
        "/api/events/{event}/setlist",
        &[ErrorCode::AccountRequired, ErrorCode::Banned, ErrorCode::VersionConflict],
    ),
    (
        "delete",
        "/api/events/{event}/setlist",
        &[ErrorCode::Forbidden, ErrorCode::SetlistNotFound, ErrorCode::VersionConflict],
    ),
    (
        "put",
        "/api/events/{event}/attendance",
        &[ErrorCode::AccountRequired, ErrorCode::WrongState, ErrorCode::EventCancelled],
    ),
    ("delete", "/api/events/{event}/attendance", &[ErrorCode::AccountRequired]),
];

const READING: &[ErrorCode] = &[ErrorCode::SetlistNotFound];

/// A song of a setlist.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct SongDto {
    pub title: String,
    /// For a cover, or a guest; null if there is nothing to say.
    #[schema(required = true)]
    pub artist: Option<String>,
    #[schema(required = true)]
    pub note: Option<String>,
    pub is_encore: bool,
    #[schema(required = true)]
    pub youtube_music_url: Option<String>,
    /// The title at YouTube; null where it was not asked for, or is not known.
    #[schema(required = true)]
    pub youtube_music_title: Option<String>,
    #[schema(required = true)]
    pub spotify_url: Option<String>,
    /// The title at Spotify; null where it was not asked for, or is not known.
    #[schema(required = true)]
    pub spotify_title: Option<String>,
}

/// Where all songs can be heard.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlaylistsBody {
    /// A playlist at YouTube Music, or null.
    #[schema(
        max_length = 2048,
        example = "https://music.youtube.com/playlist?list=PL1234567890abcd"
    )]
    youtube_music_url: Option<String>,
    /// A playlist or an album at Spotify, or null.
    #[schema(
        max_length = 2048,
        example = "https://open.spotify.com/playlist/37i9dQZF1DXcBWIGoYBM5M"
    )]
    spotify_url: Option<String>,
}

/// A person who wrote something.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SetlistAuthorDto {
    /// The account.
    pub id: UserId,
    /// Null if the account is closed.
    #[schema(required = true)]
    pub name: Option<String>,
}

/// A version of a setlist. It never changes.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct SetlistDto {
    pub event_id: OfferingId,
    /// Counted from 1.
    #[schema(minimum = 1)]
    pub version: u32,
    /// In the order in which they were played.
    pub songs: Vec<SongDto>,
    pub playlists: PlaylistsBody,
    pub author: SetlistAuthorDto,
    pub created_at: String,
}

/// A version of a setlist in a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct SetlistVersionDto {
    #[schema(minimum = 1)]
    pub version: u32,
    /// Number of songs.
    pub songs: usize,
    /// True if this change deleted the setlist.
    pub is_deleted: bool,
    pub author: SetlistAuthorDto,
    pub created_at: String,
}

/// A song to write.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SongBody {
    /// One line.
    #[schema(example = "Through the Night", max_length = 200)]
    title: String,
    /// For a cover, or a guest: one line; null or left out otherwise.
    #[schema(max_length = 200)]
    artist: Option<String>,
    /// A few words, such as "acoustic"; null, empty or left out otherwise.
    #[schema(max_length = 200)]
    note: Option<String>,
    /// False if left out.
    #[serde(default)]
    is_encore: bool,
    /// A song at YouTube Music or YouTube; null or left out otherwise.
    #[schema(
        pattern = "^https://(((music|www|m)[.])?youtube[.]com/watch[?]v=|youtu[.]be/)[0-9A-Za-z_-]{11}$",
        example = "https://music.youtube.com/watch?v=dQw4w9WgXcQ"
    )]
    youtube_music_url: Option<String>,
    /// A track at Spotify; null or left out otherwise.
    #[schema(
        pattern = "^https://open[.]spotify[.]com/track/[0-9A-Za-z]{22}$",
        example = "https://open.spotify.com/track/4uLU6hMCjMI75M1A2tKUQC"
    )]
    spotify_url: Option<String>,
}

/// A setlist to write.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetlistBody {
    /// The version that was read before; 0 for the first.
    version: u32,
    /// In the order in which they were played.
    #[serde(deserialize_with = "object::list")]
    #[schema(min_items = 1, max_items = 100)]
    songs: Vec<SongBody>,
    /// Where all songs can be heard.
    #[serde(default, deserialize_with = "object::option")]
    playlists: Option<PlaylistsBody>,
}

/// How many were at a concert.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConcertAttendanceDto {
    /// Whether the caller was; false without an access token.
    pub attended: bool,
    /// How many people say so.
    pub count: u64,
}

/// A concert that the caller was at.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct AttendedDto {
    pub event_id: OfferingId,
    pub name: String,
    /// When the caller said so.
    pub created_at: String,
}

/// Read the setlist of a concert.
#[utoipa::path(get, path = "/api/events/{event}/setlist", tag = "setlists",
    operation_id = "getSetlist", security(()), params(("event" = OfferingId, Path)),
    responses((status = 200, body = Success<SetlistDto>)))]
pub(crate) async fn show(
    state: web::Data<AppState>,
    Path(event): Path<OfferingId>,
) -> Result<HttpResponse, ApiError> {
    Ok(respond::ok(&render(state.setlists.current(event).await?)))
}

/// Write a setlist, or its next version.
///
/// The version before stays. Two writers of the same version do not overwrite each other: the second is
/// answered `VERSION_CONFLICT`.
#[utoipa::path(put, path = "/api/events/{event}/setlist", tag = "setlists",
    operation_id = "putSetlist", params(("event" = OfferingId, Path)),
    request_body = SetlistBody, responses((status = 200, body = Success<SetlistDto>)))]
pub(crate) async fn put(
    state: web::Data<AppState>,
    caller: Caller,
    Path(event): Path<OfferingId>,
    key: IdempotencyKey,
    Body(body): Body<SetlistBody, LIMIT>,
) -> Result<HttpResponse, ApiError> {
    let key = key.row_key(caller.user, "put setlist", &(event, &body));
    let now = state.clock.now_ms();
    state.moderation.allow(caller, BanScope::All, None, now).await?;
    let (setlist, replayed) =
        state.setlists.put(caller, event, draft(body), key.as_ref(), now).await?;
    let mut response = respond::ok(&render(setlist));
    mark_replayed(&mut response, replayed);
    Ok(response)
}

/// Delete a setlist (staff of the event). Its versions stay.
#[utoipa::path(delete, path = "/api/events/{event}/setlist", tag = "setlists",
    operation_id = "deleteSetlist", params(("event" = OfferingId, Path)),
    responses((status = 200, body = Done)))]
pub(crate) async fn delete(
    state: web::Data<AppState>,
    Staff(staff): Staff,
    Path(event): Path<OfferingId>,
    key: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    let key = key.row_key(staff.user, "delete setlist", &event);
    let now = state.clock.now_ms();
    state.setlists.delete(staff.user, event, key.as_ref(), now).await?;
    Ok(respond::done("the setlist is deleted"))
}

/// List the versions of a setlist, newest first.
#[utoipa::path(get, path = "/api/events/{event}/setlist/versions", tag = "setlists",
    operation_id = "listSetlistVersions", security(()),
    params(("event" = OfferingId, Path), ("limit" = Option<u64>, Query),
        ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<SetlistVersionDto>)))]
pub(crate) async fn versions(
    state: web::Data<AppState>,
    Path(event): Path<OfferingId>,
    Query(query): Query<PageQuery>,
) -> Result<HttpResponse, ApiError> {
    let limit = query.limit()?;
    let found = state.setlists.versions(event, query.after_id()?, limit).await?;
    let next = next_cursor(&found, limit, |version| version.version.to_string());
    Ok(respond::page(&found.into_iter().map(render_version).collect::<Vec<_>>(), next))
}

/// Read a version of a setlist.
#[utoipa::path(get, path = "/api/events/{event}/setlist/versions/{version}", tag = "setlists",
    operation_id = "getSetlistVersion", security(()),
    params(("event" = OfferingId, Path), ("version" = u32, Path)),
    responses((status = 200, body = Success<SetlistDto>)))]
pub(crate) async fn version(
    state: web::Data<AppState>,
    Path((event, version)): Path<(OfferingId, u32)>,
) -> Result<HttpResponse, ApiError> {
    Ok(respond::ok(&render(state.setlists.version(event, version).await?)))
}

/// Read how many were at a concert, and whether the caller was.
#[utoipa::path(get, path = "/api/events/{event}/attendance", tag = "setlists",
    operation_id = "getAttendance", security((), ("accessToken" = [])),
    params(("event" = OfferingId, Path)),
    responses((status = 200, body = Success<ConcertAttendanceDto>)))]
pub(crate) async fn attendance(
    state: web::Data<AppState>,
    MaybeCaller(caller): MaybeCaller,
    Path(event): Path<OfferingId>,
) -> Result<HttpResponse, ApiError> {
    let user = caller.map(|caller| caller.user);
    Ok(respond::ok(&render_attendance(state.setlists.attendance(event, user).await?)))
}

/// Say "I was there". Repeated, it changes nothing.
#[utoipa::path(put, path = "/api/events/{event}/attendance", tag = "setlists",
    operation_id = "attend", params(("event" = OfferingId, Path)),
    responses((status = 200, body = Success<ConcertAttendanceDto>)))]
pub(crate) async fn attend(
    state: web::Data<AppState>,
    caller: Caller,
    Path(event): Path<OfferingId>,
    _: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    set_attendance(&state, caller, event, true).await
}

/// Take "I was there" back.
#[utoipa::path(delete, path = "/api/events/{event}/attendance", tag = "setlists",
    operation_id = "unattend", params(("event" = OfferingId, Path)),
    responses((status = 200, body = Success<ConcertAttendanceDto>)))]
pub(crate) async fn not_attend(
    state: web::Data<AppState>,
    caller: Caller,
    Path(event): Path<OfferingId>,
    _: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    set_attendance(&state, caller, event, false).await
}

/// List the concerts that the caller was at, the last one said first.
#[utoipa::path(get, path = "/api/users/me/attended", tag = "setlists",
    operation_id = "listAttended",
    params(("limit" = Option<u64>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<AttendedDto>)))]
pub(crate) async fn attended(
    state: web::Data<AppState>,
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> Result<HttpResponse, ApiError> {
    let limit = query.limit()?;
    let found = state.setlists.attended(caller.user, query.after()?, limit).await?;
    let next = next_cursor(&found, limit, |one| format!("{}_{}", one.at, one.concert));
    let render = |one: &crate::community::setlists::Attended| AttendedDto {
        event_id: one.concert,
        name: one.name.clone(),
        created_at: rfc3339(one.at),
    };
    Ok(respond::page(&found.iter().map(render).collect::<Vec<_>>(), next))
}

async fn set_attendance(
    state: &AppState,
    caller: Person,
    event: OfferingId,
    attended: bool,
) -> Result<HttpResponse, ApiError> {
    let now = state.clock.now_ms();
    let attendance = state.setlists.attend(caller, event, attended, now).await?;
    Ok(respond::ok(&render_attendance(attendance)))
}

fn draft(body: SetlistBody) -> SetlistDraft {
    let SetlistBody { version, songs, playlists } = body;
    let song = |body: SongBody| Song {
        title: body.title,
        artist: body.artist,
        note: body.note,
        is_encore: body.is_encore,
        youtube_music: body.youtube_music_url,
        spotify: body.spotify_url,
    };
    let PlaylistsBody { youtube_music_url, spotify_url } = playlists.unwrap_or_default();
    SetlistDraft {
        version,
        songs: songs.into_iter().map(song).collect(),
        playlists: Playlists { youtube_music: youtube_music_url, spotify: spotify_url },
    }
}

fn render(setlist: Setlist) -> SetlistDto {
    let Setlist { concert, version, songs, playlists, titles, author, author_name, created_at } =
        setlist;
    let title = |link: &Option<String>| {
        let title = titles.get(link.as_deref()?)?;
        (!title.is_empty()).then(|| title.clone())
    };
    let song = |song: Song| SongDto {
        youtube_music_title: title(&song.youtube_music),
        spotify_title: title(&song.spotify),
        title: song.title,
        artist: song.artist,
        note: song.note,
        is_encore: song.is_encore,
        youtube_music_url: song.youtube_music,
        spotify_url: song.spotify,
    };
    SetlistDto {
        event_id: concert,
        version,
        songs: songs.into_iter().map(song).collect(),
        playlists: PlaylistsBody {
            youtube_music_url: playlists.youtube_music,
            spotify_url: playlists.spotify,
        },
        author: SetlistAuthorDto { id: author, name: author_name },
        created_at: rfc3339(created_at),
    }
}

fn render_version(version: SetlistVersion) -> SetlistVersionDto {
    SetlistVersionDto {
        version: version.version,
        songs: version.songs,
        is_deleted: version.is_deleted,
        author: SetlistAuthorDto { id: version.author, name: version.author_name },
        created_at: rfc3339(version.created_at),
    }
}

fn render_attendance(Attendance { attended, count }: Attendance) -> ConcertAttendanceDto {
    ConcertAttendanceDto { attended, count }
}
