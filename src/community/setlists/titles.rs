//! Titles of links, asked of the services' public oEmbed (<https://oembed.com>) where the settings
//! allow calls to the outside. A title is decoration: without an answer there is none, and no request
//! of a person waits for one.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use serde::Deserialize;
use tokio::sync::Semaphore;

use super::draft::MAX_CHARS;
use crate::clock::Clock;
use crate::store::Store;
use crate::text;

/// After which a call counts as lost.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The largest answer that is read, in bytes.
const MAX_BYTES: usize = 64 * 1_024;
/// Setlists whose links are looked up at a time; those beyond wait for their next reader.
const AT_ONCE: usize = 2;

/// Where titles are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TitleSource {
    /// Nowhere.
    #[default]
    Off,
    /// At YouTube and Spotify.
    Public,
    /// At another server with the paths of both, such as a proxy.
    At(String),
}

impl TitleSource {
    /// Returns the address that knows the title of a link.
    fn endpoint(&self, link: &str) -> Option<Url> {
        let (youtube, spotify) = match self {
            Self::Off => return None,
            Self::Public => {
                ("https://www.youtube.com/oembed".into(), "https://open.spotify.com/oembed".into())
            }
            Self::At(base) => (format!("{base}/youtube/oembed"), format!("{base}/spotify/oembed")),
        };
        let endpoint =
            if link.starts_with("https://open.spotify.com/") { spotify } else { youtube };
        // YouTube's oEmbed does not know the host of YouTube Music.
        let link = link.replace("https://music.youtube.com/", "https://www.youtube.com/");
        let mut url = Url::parse(&endpoint).ok()?;
        url.query_pairs_mut().append_pair("url", &link).append_pair("format", "json");
        Some(url)
    }
}

#[derive(Deserialize)]
struct Embedded {
    title: String,
}

/// Asks for titles in the background, and keeps them.
pub(super) struct Titles {
    source: TitleSource,
    client: Option<reqwest::Client>,
    store: Store,
    clock: Arc<dyn Clock>,
    at_work: Arc<Semaphore>,
}

impl Titles {
    pub(super) fn new(source: TitleSource, store: Store, clock: Arc<dyn Clock>) -> Self {
        let client = (source != TitleSource::Off).then(client).flatten();
        Self { source, client, store, clock, at_work: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// Begins to look up the titles of `links`. To be called in the runtime.
    pub(super) fn look_up(&self, links: Vec<String>) {
        let Some(client) = self.client.clone() else { return };
        let Ok(permit) = Arc::clone(&self.at_work).try_acquire_owned() else { return };
        let (source, store, clock) = (self.source.clone(), self.store.clone(), self.clock.clone());
        tokio::spawn(async move {
            for link in links {
                let Some(endpoint) = source.endpoint(&link) else { continue };
                let title = match ask(&client, endpoint).await {
                    Ok(title) => title,
                    Err(error) => {
                        tracing::debug!(%error, "the title of a link is not known");
                        continue;
                    }
                };
                if let Err(error) = store.link_title_put(&link, &title, clock.now_ms()).await {
                    tracing::debug!(%error, "the title of a link was not kept");
                }
            }
            drop(permit);
        });
    }
}

fn client() -> Option<reqwest::Client> {
    reqwest::Client::builder()
        .tls_backend_preconfigured(crate::tls::client_config().ok()?)
        .timeout(TIMEOUT)
        .connect_timeout(TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .ok()
}

/// Returns the title at an address; an empty one if the service says that it has none.
async fn ask(client: &reqwest::Client, endpoint: Url) -> Result<String, anyhow::Error> {
    let mut answer = client.get(endpoint).send().await?;
    if answer.status().is_client_error() && answer.status() != 429 {
        return Ok(String::new());
    }
    let mut answer_so_far = Vec::new();
    anyhow::ensure!(answer.status() == 200, "the answer was {}", answer.status());
    while let Some(chunk) = answer.chunk().await? {
        anyhow::ensure!(answer_so_far.len() + chunk.len() <= MAX_BYTES, "the answer is too large");
        answer_so_far.extend_from_slice(&chunk);
    }
    let Embedded { title } = serde_json::from_slice(&answer_so_far)?;
    let title: String = title.chars().filter(|c| !text::is_forbidden(*c)).take(MAX_CHARS).collect();
    Ok(title.trim().to_owned())
}
