//! What all pages share: the assets, the brand of the shop, and the rules for cookies.

use crate::config::Config;
use crate::http::extract::CookieNames;
use crate::web::assets::Assets;
use crate::web::format;
use crate::web::kept_pages::KeptPages;
use chrono_tz::Tz;

/// `--brand` of `admitone.css`.
const DEFAULT_COLOR: &str = "#3d4fd6";

/// The pages' parts that are built once at the start.
pub struct Site {
    /// The embedded and the brand's own files.
    pub(crate) assets: Assets,
    /// The name of the shop in titles and headers.
    pub(crate) name: String,
    /// The main colour of the brand, as CSS writes it.
    pub(crate) color: String,
    /// True if the brand has a logo, `logo` among the assets.
    pub(crate) logo: Option<&'static str>,
    /// True if cookies may be sent without encryption to any host.
    pub(crate) allows_plain_http: bool,
    /// The time zone of events that name none.
    pub(crate) zone: Tz,
    /// The pages that are kept for visitors without cookies.
    pub(crate) kept_pages: KeptPages,
    /// The names of the cookies of sessions.
    pub(crate) cookies: CookieNames,
    /// Lifetime of the cookies of sessions in seconds.
    pub(crate) refresh_seconds: i64,
}

impl Site {
    /// Builds the site from the settings.
    ///
    /// # Errors
    /// A file that a setting names cannot be read or used; the message names the setting.
    pub fn new(config: &Config) -> Result<Self, String> {
        let logo = config.shop_logo.as_deref().map(Logo::read).transpose()?;
        let name = config.shop_name.clone();
        let color = config.shop_color.clone().unwrap_or_else(|| DEFAULT_COLOR.into());
        let seconds = |ttl: std::time::Duration| i64::try_from(ttl.as_secs()).unwrap_or(i64::MAX);
        Ok(Self {
            logo: logo.as_ref().map(|logo| logo.file),
            assets: Assets::new(
                config.shop_color.as_deref(),
                logo.map(|logo| (logo.file, logo.bytes)),
            ),
            name,
            color,
            allows_plain_http: config.allow_plain_http,
            zone: format::zone(&config.time_zone),
            kept_pages: KeptPages::new(config.page_lifetime),
            cookies: CookieNames::of(config),
            refresh_seconds: seconds(config.refresh_token_ttl),
        })
    }
}

/// A logo that the operator set.
struct Logo {
    file: &'static str,
    bytes: Vec<u8>,
}

impl Logo {
    const MAX_BYTES: usize = 512 * 1_024;

    fn read(path: &std::path::Path) -> Result<Self, String> {
        let wrong = |why: String| format!("ADMITONE_SHOP_LOGO: {}: {why}", path.display());
        let extension = path.extension().and_then(std::ffi::OsStr::to_str).unwrap_or_default();
        let file = match extension.to_ascii_lowercase().as_str() {
            "svg" => "logo.svg",
            "png" => "logo.png",
            "webp" => "logo.webp",
            _ => return Err(wrong("must end in .svg, .png or .webp".into())),
        };
        let bytes = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
        if bytes.len() > Self::MAX_BYTES {
            return Err(wrong(format!("must have at most {} KiB", Self::MAX_BYTES / 1_024)));
        }
        Ok(Self { file, bytes })
    }
}
